//! The contracts in an EVM, held against what the Rust side says about them.

#![allow(clippy::unwrap_used, reason = "tests")]

mod accounts;
mod anchors;
mod batches;
mod books;
mod certificates;
mod challenge;
mod metered;
mod naive;
mod outcomes;
mod reconcile;
mod settle;
mod skip;
mod world;
