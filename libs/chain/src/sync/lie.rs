//! What a peer can do wrong, and what it costs.

use crate::blockchain::BlockError;
use crate::execute::TransactionError;
use crate::pool::PoolError;
use alloy_primitives::B256;

/// A peer with this score is ignored.
pub const SCORE_MAX: u32 = 100;

/// Why a peer is trusted less.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lie {
    /// Bytes that are no message.
    #[error("a message is malformed")]
    Malformed,
    /// A list or a body is longer than anyone may send.
    #[error("a message or block is larger than allowed")]
    Oversized,
    /// An answer to nothing that was ever asked.
    #[error("an answer to nothing that was asked")]
    Unasked,
    /// No answer in time, again and again.
    #[error("no answer in time, again and again")]
    Silent,
    /// It does not hand out what it announced.
    #[error("what it announced is not handed out")]
    Withheld,
    /// Its headers are no chain, or not one on ours.
    #[error("its headers do not follow one another")]
    Unlinked,
    /// A header or block that the rules refuse.
    #[error("block {hash}: {reason}")]
    Block {
        /// The block.
        hash: B256,
        /// Why.
        reason: Box<BlockError>,
    },
    /// Transactions that are not those of the header.
    #[error("the body of block {0} is not its own")]
    Body(B256),
    /// The work of its branch is not what it announced.
    #[error("its branch has another work than announced")]
    Work,
    /// A long branch that weighs less than ours.
    #[error("its branch goes on and on and weighs less than ours")]
    LowWork,
    /// A transaction that nobody could accept.
    #[error("a transaction that is not valid on any branch")]
    Transaction,
    /// A vote or certificate that is not signed by operators.
    #[error("a checkpoint that operators did not sign")]
    Checkpoint,
}

impl Lie {
    /// A stable name, for logs and counters.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Oversized => "oversized",
            Self::Unasked => "unasked",
            Self::Silent => "silent",
            Self::Withheld => "withheld",
            Self::Unlinked => "unlinked",
            Self::Block { reason, .. } if reason.retry_may_help() => "future",
            Self::Block { .. } => "block",
            Self::Body(_) => "body",
            Self::Work => "work",
            Self::LowWork => "low_work",
            Self::Transaction => "transaction",
            Self::Checkpoint => "checkpoint",
        }
    }

    /// What it adds to the score. What an honest peer does only with a broken clock or across a
    /// broken line costs less than what it never does.
    pub fn cost(&self) -> u32 {
        match self {
            Self::Unasked => 5,
            Self::Withheld | Self::Unlinked => 20,
            Self::Transaction => 25,
            Self::Block { reason, .. } if reason.retry_may_help() => 20,
            _ => SCORE_MAX,
        }
    }
}

/// Whether a transaction that the pool refuses is one that no pool of the chain ever takes, so that
/// whoever passes it on did not look at it.
pub fn is_hopeless(reason: &PoolError) -> bool {
    use TransactionError as Error;
    let PoolError::Transaction(reason) = reason else { return false };
    matches!(
        reason,
        Error::TypeNotSupported
            | Error::NotReplayProtected
            | Error::ChainId { .. }
            | Error::InvalidSender
            | Error::GasLimitTooHigh { .. }
            | Error::TipAboveFeeCap
            | Error::IntrinsicGas { .. }
            | Error::FloorDataGas { .. }
            | Error::InitCodeSize { .. }
            | Error::CostOverflow(_)
            | Error::NoAuthorization
    )
}
