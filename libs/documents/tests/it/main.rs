//! Documents as customers and utilities get them.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod corrections;
mod einvoice;
mod json;
mod refused;
mod samples;
mod worked;
