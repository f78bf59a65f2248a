//! What the ledger promises: blocks joining and leaving the best branch, in order.

use alloy_primitives::{Address, B256, Bytes};
use calendar::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Event;

/// A log that a contract emitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// The contract.
    pub address: Address,
    /// The indexed words.
    pub topics: Vec<B256>,
    /// The rest.
    pub data: Bytes,
    /// The transaction.
    pub transaction: B256,
    /// The log's place in its block.
    pub index: u32,
}

/// A transaction as it ended in a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmed {
    /// The transaction.
    pub hash: B256,
    /// Who sent it.
    pub from: Address,
    /// Its target; none for a deployment.
    pub to: Option<Address>,
    /// Whether it did what it was sent for.
    pub success: bool,
    /// Gas it used.
    pub gas_used: u64,
}

/// A block joined the best branch. Its parent is the block of the event before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockConnected {
    /// Place of this event in the ledger's feed, rising by one over connected and disconnected.
    pub sequence: u64,
    /// Height.
    pub number: u64,
    /// Hash.
    pub hash: B256,
    /// The parent's hash.
    pub parent: B256,
    /// The block's own time.
    pub timestamp: Timestamp,
    /// The newest block that can no longer be undone.
    pub finalized: u64,
    /// Its transactions, in order.
    pub transactions: Vec<Confirmed>,
    /// All logs of the block, in order.
    pub logs: Vec<Log>,
}

impl Event for BlockConnected {
    const SUBJECT: &'static str = "ledger.block.connected.v1";
}

/// A block left the best branch: what its logs said is taken back. Newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockDisconnected {
    /// Place of this event in the ledger's feed.
    pub sequence: u64,
    /// Height.
    pub number: u64,
    /// Hash.
    pub hash: B256,
    /// The parent's hash, now the head.
    pub parent: B256,
}

impl Event for BlockDisconnected {
    const SUBJECT: &'static str = "ledger.block.disconnected.v1";
}
