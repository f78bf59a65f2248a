//! Block headers as Ethereum nodes write them.

use alloy_primitives::{Address, B64, B256, Bloom, U64, U256};
use chain::Header;
use serde::Deserialize;
use serde_json::json;

use crate::{JsonRpc, RpcError};

/// Which block a header is asked of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    /// The one of the best branch at a height.
    Number(u64),
    /// The one with a hash, wherever it is.
    Hash(B256),
}

/// A header, and the hash under which the node shows it: whoever needs them to agree compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// What the node calls it.
    pub hash: B256,
    /// What it shows.
    pub header: Header,
}

/// The header of a block; `None` where the node does not know it.
pub async fn header(node: &dyn JsonRpc, block: Block) -> Result<Option<Shown>, RpcError> {
    let answer = match block {
        Block::Number(number) => {
            node.request("eth_getBlockByNumber", json!([U64::from(number), false])).await?
        }
        Block::Hash(hash) => node.request("eth_getBlockByHash", json!([hash, false])).await?,
    };
    let shown: Option<RpcHeader> = serde_json::from_value(answer).map_err(RpcError::unreachable)?;
    Ok(shown.map(|shown| Shown { hash: shown.hash, header: shown.into() }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RpcHeader {
    hash: B256,
    parent_hash: B256,
    sha3_uncles: B256,
    miner: Address,
    state_root: B256,
    transactions_root: B256,
    receipts_root: B256,
    logs_bloom: Bloom,
    difficulty: U256,
    number: U64,
    gas_limit: U64,
    gas_used: U64,
    timestamp: U64,
    extra_data: B256,
    mix_hash: B256,
    nonce: B64,
    base_fee_per_gas: U64,
}

impl From<RpcHeader> for Header {
    fn from(shown: RpcHeader) -> Header {
        Header {
            parent_hash: shown.parent_hash,
            ommers_hash: shown.sha3_uncles,
            coinbase: shown.miner,
            state_root: shown.state_root,
            transactions_root: shown.transactions_root,
            receipts_root: shown.receipts_root,
            logs_bloom: shown.logs_bloom,
            difficulty: shown.difficulty,
            number: shown.number.to(),
            gas_limit: shown.gas_limit.to(),
            gas_used: shown.gas_used.to(),
            timestamp: shown.timestamp.to(),
            extra_data: shown.extra_data,
            mix_hash: shown.mix_hash,
            nonce: shown.nonce,
            base_fee_per_gas: shown.base_fee_per_gas.to(),
        }
    }
}
