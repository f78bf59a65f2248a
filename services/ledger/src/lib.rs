//! A mining node as a library: the chain on disk, the pool, the miner, Ethereum JSON-RPC, the feed
//! of blocks and the network of nodes.
//!
//! ```text
//! POST /rpc, /ws, JsonRpc --> rpc --+                       +--> store: one transaction per block
//! tick -----------------------------+--> node (pool, miner) +
//! other nodes <------------> peers -+                       +--> feed --drain--> bus
//! ```
//!
//! Invariants: what is true of a block follows from libs/chain alone, nothing is decided here; a
//! block, its receipts, its state and its row of the feed become durable together; the feed is
//! published in order, each event until it is acknowledged.
//!
//! Absent on purpose: accounts of the node's own but those that everybody has the keys of, in
//! development; a pool on disk (who sends keeps what it sent until it is final, and sends it
//! again).
#![forbid(unsafe_code)]

mod api;
mod config;
pub mod cost;
pub mod development;
mod feed;
mod http;
mod ledger;
pub mod maintain;
mod news;
pub mod node;
pub mod peers;
mod rpc;
pub mod store;
mod ws;

pub use api::{ChainStatus, HeadStatus, routes};
pub use config::{Config, Mining, Parts};
pub use http::RpcServer;
pub use ledger::{Ledger, start};
pub use node::{ImportError, MineError, Node, StartError, SubmitError};
pub use peers::{Peering, Transport};
pub use rpc::{BATCH_MAX, BODY_BYTES_MAX, LOG_BLOCKS_MAX, LOGS_MAX, RESPONSE_BYTES_MAX, RpcLimits};
pub use store::{History, StoreError};
