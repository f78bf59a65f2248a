//! The node over its real HTTP server, with its own directory.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accounts;
mod calls;
mod delegation;
mod feed;
mod harness;
mod history;
mod kill;
mod limits;
mod maintain;
mod miner;
mod network;
mod pages;
mod pool;
mod relay;
mod reorg;
mod restart;
mod rpc;
mod simulate;
mod socket;
mod trace;
mod wire;
mod ws;
