//! Why a block is refused.

use crate::execute::TransactionError;
use crate::mining_right::RightError;
use crate::state::StateError;
use alloy_primitives::{B256, U256};

/// Why a block is refused, in the order of the checks. `got` is what the block says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "got, expected and limits speak for themselves")]
pub enum BlockError {
    /// More bytes than a block may have.
    #[error("block of {got} bytes is larger than {max}")]
    TooLarge { got: usize, max: usize },
    /// Not the RLP of a block.
    #[error("block is malformed: {0}")]
    Malformed(alloy_rlp::Error),
    /// Imported before; nothing to do.
    #[error("block {0} is already known")]
    AlreadyKnown(B256),
    /// The parent has not been imported; it may come later.
    #[error("unknown ancestor: parent {0}")]
    UnknownParent(B256),
    /// Not one above the parent.
    #[error("invalid block number: have {got}, want {expected}")]
    Number { got: u64, expected: u64 },
    /// The pow hash is above the target of the header's own difficulty.
    #[error("invalid work: pow hash {pow_hash} is above target {target}")]
    Work { pow_hash: B256, target: B256 },
    /// Not what the schedule asks for.
    #[error("invalid difficulty: have {got}, want {expected}")]
    Difficulty { got: U256, expected: U256 },
    /// Not the parent's pow hash.
    #[error("invalid mix hash: have {got}, want {expected}")]
    MixHash { got: B256, expected: B256 },
    /// Not the root over the earlier blocks.
    #[error("invalid extra data: have {got}, want {expected}")]
    ExtraData { got: B256, expected: B256 },
    /// Not after the parent.
    #[error("timestamp {got} is not after the parent's {parent}")]
    TimeNotRising { got: u64, parent: u64 },
    /// Too far in the future; it may be valid later.
    #[error("block in the future: timestamp {got} is above {max}")]
    TimeAhead { got: u64, max: u64 },
    /// Not the gas limit of the chain.
    #[error("invalid gas limit: have {got}, want {expected}")]
    GasLimit { got: u64, expected: u64 },
    /// More gas used than allowed.
    #[error("invalid gas used: have {got}, gas limit {limit}")]
    GasAboveLimit { got: u64, limit: u64 },
    /// Not the base fee that follows from the parent.
    #[error("invalid base fee: have {got}, want {expected}")]
    BaseFee { got: u64, expected: u64 },
    /// The miner had no right to it.
    #[error(transparent)]
    Right(#[from] RightError),
    /// There are no uncles.
    #[error("uncles not allowed")]
    Ommers,
    /// The transactions are not those of the header.
    #[error("transaction root hash mismatch: have {got}, want {expected}")]
    TransactionsRoot { got: B256, expected: B256 },
    /// A transaction cannot be executed where it is.
    #[error("could not apply transaction {index}: {reason}")]
    Transaction { index: usize, reason: TransactionError },
    /// The transactions used another amount.
    #[error("invalid gas used: have {got}, used {expected}")]
    GasUsed { got: u64, expected: u64 },
    /// The transactions left other receipts.
    #[error("invalid receipt root hash: have {got}, want {expected}")]
    ReceiptsRoot { got: B256, expected: B256 },
    /// The transactions left other logs.
    #[error("invalid bloom")]
    LogsBloom,
    /// The transactions left another state.
    #[error("invalid merkle root: have {got}, want {expected}")]
    StateRoot { got: B256, expected: B256 },
    /// The store lacks something of a block it has: a fault of ours, not of the block.
    #[error("{0} of block {1} is missing in the store")]
    Missing(&'static str, B256),
    /// The store lacks a part of the state: a fault of ours, not of the block.
    #[error(transparent)]
    State(#[from] StateError),
}

impl BlockError {
    /// Whether the store failed, so that nothing is said about the block.
    pub fn is_fault(&self) -> bool {
        matches!(self, Self::Missing(..) | Self::State(_))
    }

    /// Whether the same block may be accepted later.
    pub fn retry_may_help(&self) -> bool {
        self.is_fault() || matches!(self, Self::UnknownParent(_) | Self::TimeAhead { .. })
    }
}
