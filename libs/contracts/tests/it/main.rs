//! The contracts in an EVM, held against what the Rust side says about them.

#![allow(clippy::unwrap_used, reason = "tests")]

mod accounts;
mod anchors;
mod batches;
mod books;
mod certificates;
mod challenge;
mod decoding;
mod digests;
mod exchange;
mod mandates;
mod metered;
mod naive;
mod outcomes;
mod priced;
mod reconcile;
mod settle;
mod skip;
mod timelock;
mod windows;
mod world;
