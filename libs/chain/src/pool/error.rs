//! Why the pool refuses a transaction, with geth's wording.

use crate::execute::TransactionError;
use alloy_primitives::U256;

/// Why the pool refuses a transaction, in order of precedence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the fields are named as in the message")]
pub enum PoolError {
    /// The same transaction is waiting.
    #[error("already known")]
    AlreadyKnown,
    /// More bytes than one transaction may have.
    #[error("oversized data: limit {max}")]
    Oversized { max: usize },
    /// It can be executed in no block.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    /// It pays less than the least base fee.
    #[error("transaction underpriced: max fee per gas {got}, minimum needed {min}")]
    Underpriced { got: u128, min: u128 },
    /// It tips less than this node asks for.
    #[error("transaction gas price below minimum: gas tip cap {got}, minimum needed {min}")]
    TipTooLow { got: u128, min: u128 },
    /// The nonce was used.
    #[error("nonce too low: next nonce {next}, tx nonce {got}")]
    NonceTooLow { next: u64, got: u64 },
    /// The balance does not cover it.
    #[error(
        "insufficient funds for gas * price + value: \
         balance {balance}, tx cost {cost}, overshot {}", cost.saturating_sub(*balance)
    )]
    InsufficientFunds { balance: U256, cost: U256 },
    /// The balance does not cover it together with what the sender has waiting.
    #[error(
        "insufficient funds for gas * price + value: \
         balance {balance}, queued cost {queued}, tx cost {cost}, overshot {}",
        queued.saturating_add(*cost).saturating_sub(*balance)
    )]
    InsufficientFundsInAll { balance: U256, queued: U256, cost: U256 },
    /// It does not pay 10 % more than the one with the same nonce.
    #[error("replacement transaction underpriced")]
    ReplacementUnderpriced,
    /// The sender has as many waiting as it may.
    #[error("account limit exceeded")]
    AccountLimitExceeded,
    /// The sender is delegated, or about to be, and has a transaction waiting.
    #[error("in-flight transaction limit reached for delegated accounts")]
    DelegatedLimit,
    /// The sender is delegated, or about to be, and the nonce is not its next.
    #[error("gapped-nonce tx from delegated accounts")]
    DelegatedGap,
    /// An account that it delegates has several transactions waiting.
    #[error("authority already reserved")]
    AuthorityReserved,
    /// The pool is full, and it pays the miner no more than those do that would have to leave.
    #[error("transaction underpriced: effective tip {got}, the cheapest of a full pool {cheapest}")]
    Outbid { got: u128, cheapest: u128 },
    /// The pool is full of transactions that can go into a block, and it cannot.
    #[error("future transaction tries to replace pending")]
    FutureReplacesPending,
    /// The pool is full, and its sender has as much of it as anybody.
    #[error("txpool is full")]
    Full,
}
