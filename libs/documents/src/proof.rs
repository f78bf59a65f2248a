//! What a document can be checked against.

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};

/// Where the hash of the bill stands on a chain, and how to check it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// Keccak-256 of the bill as it was issued; the chain holds it.
    pub hash: B256,
    /// What hides the bill behind its hash from who guesses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<B256>,
    /// Number of the chain (EIP-155).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<u64>,
    /// The contract that holds the hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<Address>,
    /// The transaction that put it there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transaction: Option<B256>,
    /// Height of the block with that transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<u64>,
    /// What checks every line, typed on a command line: `wattex verify INV-2026-17.json`.
    pub command: String,
}
