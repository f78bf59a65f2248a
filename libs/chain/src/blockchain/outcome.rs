//! What a block's execution came to, and whether its header says so.

use super::BlockError;
use crate::block::Receipt;
use crate::execute::{Outcome, receipts};
use crate::header::Header;
use alloy_consensus::proofs::calculate_receipt_root;
use alloy_primitives::{B256, Bloom};

/// The receipts of a block, with what its header says of them.
pub(super) struct Receipts {
    pub(super) receipts: Vec<Receipt>,
    pub(super) root: B256,
    pub(super) bloom: Bloom,
}

impl Receipts {
    pub(super) fn of(outcomes: Vec<Outcome>) -> Self {
        let (receipts, bloom) = receipts(outcomes);
        Self { root: calculate_receipt_root(&receipts), receipts, bloom }
    }
}

pub(super) fn check_outcome(
    header: &Header,
    gas_used: u64,
    receipts: &Receipts,
    state_root: B256,
) -> Result<(), BlockError> {
    if header.gas_used != gas_used {
        return Err(BlockError::GasUsed { got: header.gas_used, expected: gas_used });
    }
    if header.receipts_root != receipts.root {
        let (got, expected) = (header.receipts_root, receipts.root);
        return Err(BlockError::ReceiptsRoot { got, expected });
    }
    if header.logs_bloom != receipts.bloom {
        return Err(BlockError::LogsBloom);
    }
    if header.state_root != state_root {
        return Err(BlockError::StateRoot { got: header.state_root, expected: state_root });
    }
    Ok(())
}
