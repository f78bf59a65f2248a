//! The program as people run it: its days, its bills, its errors, and what it survives.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unreachable_pub, missing_docs, reason = "a test is used by nobody")]

mod billed;
mod bridging;
mod chain_files;
mod clearing;
mod crashes;
mod days;
mod decoding;
mod delegations;
mod fleets;
mod generated;
mod inputs;
mod interval_files;
mod measured;
mod network;
mod node;
mod operators;
mod pace;
mod program;
mod rating;
mod serving;
mod settlement;
mod signed;
mod stopping;
mod surveilling;
mod tracking;
mod verifying;
mod week;

/// The program's own wiring of all its services, whose clock a test can move.
#[allow(dead_code, reason = "the program uses what a test leaves")]
#[path = "../../src"]
mod source {
    pub mod data;
    pub mod exit;
    pub mod node;
}

// As the program's files name each other.
use source::{data, exit};
