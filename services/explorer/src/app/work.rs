//! The proof of work of a block, recomputed from the header that a node shows.

use alloy_primitives::B256;
use chain::Header;
use client::{Block, JsonRpc, RpcError};
use serde::Serialize;
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

/// The proof of work of the block `hash`; `None` when the node does not know it.
pub(crate) async fn proof_of_work(
    node: &dyn JsonRpc,
    hash: &str,
) -> Result<Option<ProofOfWork>, RpcError> {
    let Ok(named) = hash.parse() else { return Ok(None) };
    let shown = client::header(node, Block::Hash(named)).await?;
    Ok(shown.map(|shown| steps(&shown.header, hash)))
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
