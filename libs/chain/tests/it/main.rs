//! The chain machine through its public interface.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attack;
mod calls;
mod delegation;
mod flips;
mod light;
mod network;
mod pool;
mod reorg;
mod replay;
mod right;
mod room;
mod signatures;
mod state;
mod story;
mod support;
mod tamper;
mod together;
