//! The node over its real HTTP server, with its own directory.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod feed;
mod harness;
mod miner;
mod pool;
mod relay;
mod reorg;
mod restart;
mod rpc;
mod wire;
