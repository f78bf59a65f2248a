//! What the ledger promises: blocks joining and leaving the best branch, in order.

use alloy_primitives::{Address, B256, Bytes};
use calendar::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Event, schema};

/// A log that a contract emitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Log {
    /// The contract.
    #[schemars(with = "schema::ChainAddress")]
    pub address: Address,
    /// The indexed words.
    #[schemars(with = "Vec<schema::Hash>")]
    pub topics: Vec<B256>,
    /// The rest.
    #[schemars(with = "schema::Hex")]
    pub data: Bytes,
    /// The transaction.
    #[schemars(with = "schema::Hash")]
    pub transaction: B256,
    /// The log's place in its block.
    pub index: u32,
}

/// A transaction as it ended in a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Confirmed {
    /// The transaction.
    #[schemars(with = "schema::Hash")]
    pub hash: B256,
    /// Who sent it.
    #[schemars(with = "schema::ChainAddress")]
    pub from: Address,
    /// Its target; none for a deployment.
    #[schemars(with = "Option<schema::ChainAddress>")]
    pub to: Option<Address>,
    /// Whether it did what it was sent for.
    pub success: bool,
    /// Gas it used.
    pub gas_used: u64,
}

/// A block joined the best branch. Its parent is the block of the event before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BlockConnected {
    /// Place of this event in the ledger's feed, rising by one over connected and disconnected.
    pub sequence: u64,
    /// Height.
    pub number: u64,
    /// Hash.
    #[schemars(with = "schema::Hash")]
    pub hash: B256,
    /// The parent's hash.
    #[schemars(with = "schema::Hash")]
    pub parent: B256,
    /// The block's own time.
    #[schemars(with = "schema::Moment")]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BlockDisconnected {
    /// Place of this event in the ledger's feed.
    pub sequence: u64,
    /// Height.
    pub number: u64,
    /// Hash.
    #[schemars(with = "schema::Hash")]
    pub hash: B256,
    /// The parent's hash, now the head.
    #[schemars(with = "schema::Hash")]
    pub parent: B256,
}

impl Event for BlockDisconnected {
    const SUBJECT: &'static str = "ledger.block.disconnected.v1";
}
