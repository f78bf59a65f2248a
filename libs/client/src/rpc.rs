//! Ethereum JSON-RPC, wherever the node is: in this process or behind HTTP.

use alloy_primitives::{Address, Bytes, U64};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// An error that a node answered with, or that kept it from answering.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message} (code {code})")]
pub struct RpcError {
    /// JSON-RPC code: -32601 no such method, -32602 bad parameters, 3 reverted ...
    pub code: i64,
    /// In words, as geth says it.
    pub message: String,
    /// What a revert returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

/// The code of an answer that could not be had at all.
const UNREACHABLE: i64 = -32_000;
/// What it begins with: nodes use the code for other errors too.
const UNREACHED: &str = "node: ";

impl RpcError {
    /// An error with a code and words.
    pub fn new(code: i64, message: impl Into<String>) -> RpcError {
        RpcError { code, message: message.into(), data: None }
    }

    /// The node could not be reached or made no sense.
    pub fn unreachable(error: impl std::fmt::Display) -> RpcError {
        RpcError::new(UNREACHABLE, format!("{UNREACHED}{error}"))
    }

    /// Whether there was no answer, or none that could be read.
    pub fn is_unreachable(&self) -> bool {
        self.code == UNREACHABLE && self.message.starts_with(UNREACHED)
    }
}

/// A node that answers Ethereum JSON-RPC: the ledger in this process, or one behind HTTP.
#[async_trait]
pub trait JsonRpc: Send + Sync {
    /// Calls `method` with `params` (an array).
    async fn request(&self, method: &str, params: Value) -> Result<Value, RpcError>;
}

/// The height of the node's head.
pub async fn block_number(node: &dyn JsonRpc) -> Result<u64, RpcError> {
    let answer = node.request("eth_blockNumber", json!([])).await?;
    let number: U64 = serde_json::from_value(answer).map_err(RpcError::unreachable)?;
    Ok(number.to())
}

/// Calls a contract's view function at `block` (`latest`, `finalized`, `0x10`).
pub async fn call(
    node: &dyn JsonRpc,
    to: Address,
    data: Bytes,
    block: &str,
) -> Result<Bytes, RpcError> {
    let answer = node.request("eth_call", json!([{ "to": to, "data": data }, block])).await?;
    serde_json::from_value(answer).map_err(RpcError::unreachable)
}
