//! How a service talks to a chain node, and how it sends a transaction exactly once.
//!
//! ```text
//! one transaction { effect + Sender::enqueue(cause, to, data) }    from then on its nonce is fixed
//! relay.round()    sign, send, send again, offer more, until a final block has it
//! relay.queue()    what waits, what was offered, what became of it
//! ```
//!
//! Invariants: one cause, one nonce, executed once at most; nonces of a sender have no gaps; a
//! transaction that a reorganisation took away is sent again.
//! Deliberately absent: what a call of ours means (libs/contracts).
#![forbid(unsafe_code)]

pub mod erc1271;
mod header;
mod http;
mod relay;
mod rpc;
mod send;

pub use header::{Block, Shown, header};
pub use http::HttpRpc;
pub use relay::{
    ATTEMPTS_SCHEMA, Outcome, QueueQuery, QueuedTransaction, Relay, RelayQueue, SCHEMA, Sender,
    TRANSACTION_GAS_MAX, Transaction, TransactionAttempt, TransactionStatus, fees, outcome_of,
};
pub use rpc::{JsonRpc, RpcError, block_number, call};
pub use send::send;
