//! The program as people run it: its days, its bills, its errors, and what it survives.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unreachable_pub, missing_docs, reason = "a test is used by nobody")]

mod chain_files;
mod crashes;
mod days;
mod generated;
mod inputs;
mod measured;
mod network;
mod node;
mod pace;
mod program;
mod serving;
mod settlement;
mod signed;
mod stopping;
mod verifying;
mod week;
