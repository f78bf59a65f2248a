//! Statements and payments as banks have them.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod mutations;
mod payments;
mod roundtrip;
mod statements;
