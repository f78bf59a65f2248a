//! How a service talks to a chain node, and how it sends a transaction exactly once.
//!
//! ```text
//! one transaction { effect + relay::enqueue(cause, to, data) }   signed then: its hash is fixed
//! relay.round()    send what has no receipt yet, again and again, until it is final
//! ```
//!
//! Invariants: one cause, one transaction; nonces of a sender have no gaps; a transaction that a
//! reorganisation took away is sent again, byte for byte.
//! Deliberately absent: what a call means (libs/contracts).
#![forbid(unsafe_code)]

mod header;
mod http;
mod relay;
mod rpc;

pub use header::{Block, Shown, header};
pub use http::HttpRpc;
pub use relay::{Outcome, Relay, SCHEMA, Sender, TRANSACTION_GAS_MAX, Transaction, outcome_of};
pub use rpc::{JsonRpc, RpcError, block_number, call};
