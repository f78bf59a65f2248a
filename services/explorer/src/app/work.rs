//! The proof of work of a block, recomputed from the header that a node shows.

use alloy_primitives::{Address, B64, B256, Bloom, U64, U256};
use chain::Header;
use client::{JsonRpc, RpcError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// The steps that show that a block took work, each recomputed from the header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ProofOfWork {
    /// Who mined the block.
    pub(crate) miner: String,
    /// SHA-256 of the header without its nonce: what the miner searched a nonce for.
    pub(crate) seal_hash: String,
    /// What the miner found.
    pub(crate) nonce: String,
    /// SHA-256 twice over seal hash and nonce.
    pub(crate) pow_hash: String,
    /// The expected number of tries, a decimal integer.
    pub(crate) difficulty: String,
    /// The most the pow hash may be: (2^256 - 1) / difficulty.
    pub(crate) target: String,
    /// The parent's pow hash.
    pub(crate) parent_pow_hash: String,
    /// The header's keccak-256 is the block's hash.
    pub(crate) hash_matches: bool,
    /// The pow hash is at most the target.
    pub(crate) difficulty_met: bool,
    /// The size of the header's gas limit.
    pub(crate) gas_limit: u64,
    /// Wei per gas that is burned.
    pub(crate) base_fee_per_gas: u64,
    /// Root of the accounts after the block.
    pub(crate) state_root: String,
    /// Root of its transactions.
    pub(crate) transactions_root: String,
    /// Root of its receipts.
    pub(crate) receipts_root: String,
    /// Root of the mountain range over all earlier block hashes.
    pub(crate) history_root: String,
}

/// The header of the block `number`; `None` when the node does not know it.
pub(crate) async fn header_at(node: &dyn JsonRpc, number: u64) -> Result<Option<Header>, RpcError> {
    let number = U64::from(number);
    header(node.request("eth_getBlockByNumber", json!([number, false])).await?)
}

fn header(answer: Value) -> Result<Option<Header>, RpcError> {
    let header: Option<RpcHeader> =
        serde_json::from_value(answer).map_err(RpcError::unreachable)?;
    Ok(header.map(Header::from))
}

/// A header as a node writes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RpcHeader {
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

/// The proof of work of the block `hash`; `None` when the node does not know it.
pub(crate) async fn proof_of_work(
    node: &dyn JsonRpc,
    hash: &str,
) -> Result<Option<ProofOfWork>, RpcError> {
    let answer = node.request("eth_getBlockByHash", json!([hash, false])).await?;
    Ok(header(answer)?.map(|header| steps(&header, hash)))
}

fn steps(header: &Header, hash: &str) -> ProofOfWork {
    ProofOfWork {
        miner: format!("{:#x}", header.coinbase),
        seal_hash: header.seal_hash().to_string(),
        nonce: header.nonce.to_string(),
        pow_hash: header.pow_hash().to_string(),
        difficulty: header.difficulty.to_string(),
        target: B256::from(chain::header::target(header.difficulty)).to_string(),
        parent_pow_hash: header.mix_hash.to_string(),
        hash_matches: header.hash().to_string() == hash,
        difficulty_met: header.is_sealed(),
        gas_limit: header.gas_limit,
        base_fee_per_gas: header.base_fee_per_gas,
        state_root: header.state_root.to_string(),
        transactions_root: header.transactions_root.to_string(),
        receipts_root: header.receipts_root.to_string(),
        history_root: header.extra_data.to_string(),
    }
}

impl From<RpcHeader> for Header {
    fn from(header: RpcHeader) -> Header {
        Header {
            parent_hash: header.parent_hash,
            ommers_hash: header.sha3_uncles,
            coinbase: header.miner,
            state_root: header.state_root,
            transactions_root: header.transactions_root,
            receipts_root: header.receipts_root,
            logs_bloom: header.logs_bloom,
            difficulty: header.difficulty,
            number: header.number.to(),
            gas_limit: header.gas_limit.to(),
            gas_used: header.gas_used.to(),
            timestamp: header.timestamp.to(),
            extra_data: header.extra_data,
            mix_hash: header.mix_hash,
            nonce: header.nonce,
            base_fee_per_gas: header.base_fee_per_gas.to(),
        }
    }
}
