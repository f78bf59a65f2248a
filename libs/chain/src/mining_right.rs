//! The right to mine, where the genesis names miners.
//!
//! The first transaction of a block is then its miner's own: from the coinbase to itself, nothing
//! but the parent's hash in it. So each block shows, to any Ethereum tool, that the holder of a
//! named key meant to mine on this parent. The key pays for it like for any transaction; its nonce
//! counts the blocks, so it should send nothing else.

use crate::block::Transaction;
use crate::blockchain::BlockError;
use crate::header::Header;
use crate::rules::Rules;
use crate::state::State;
use crate::view::{AtBlock, ChainView};
use alloy_consensus::{Transaction as _, TxEip1559};
use alloy_primitives::{Address, B256, TxKind, U256};

/// Gas limit of the right: a transfer and 32 bytes of data, none of them zero.
pub const RIGHT_GAS: u64 = 21_000 + 32 * 40;

/// Why a block's miner had no right to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RightError {
    /// The genesis does not name the coinbase.
    #[error("{0} is no miner of this chain")]
    NotNamed(Address),
    /// The block has no transaction.
    #[error("the block does not begin with the right to mine")]
    Missing,
    /// Another key than the coinbase's signed the first transaction.
    #[error("the right to mine is signed by {got}, the coinbase is {coinbase}")]
    Signer {
        /// Who signed.
        got: Address,
        /// Who should have.
        coinbase: Address,
    },
    /// The first transaction does something else.
    #[error("the right to mine is a transaction of nothing from the coinbase to itself")]
    NotARight,
    /// It was signed over another block.
    #[error("the right to mine is not for a block on {0}")]
    Parent(B256),
}

impl Rules {
    /// The transaction with which `coinbase` takes the right to mine on `parent`, to be signed with
    /// its key and put first into the block. `None` where anyone may mine.
    pub fn right_to_mine<V: ChainView>(
        &self,
        view: &V,
        parent: B256,
        coinbase: Address,
    ) -> Result<Option<TxEip1559>, BlockError> {
        if self.miners.is_empty() {
            return Ok(None);
        }
        let header = view.header(parent).ok_or(BlockError::UnknownParent(parent))?;
        let mut state = State::at(header.state_root, AtBlock::new(view, parent));
        let account = state.account(coinbase)?.unwrap_or_default();
        Ok(Some(TxEip1559 {
            chain_id: self.chain_id,
            nonce: account.nonce,
            gas_limit: RIGHT_GAS,
            max_fee_per_gas: u128::from(self.next_base_fee(&header)),
            max_priority_fee_per_gas: 0,
            to: TxKind::Call(coinbase),
            value: U256::ZERO,
            access_list: Default::default(),
            input: parent.0.into(),
        }))
    }

    /// Whether the genesis lets this address mine.
    pub fn may_mine(&self, coinbase: Address) -> bool {
        self.miners.is_empty() || self.miners.contains(&coinbase)
    }

    /// Checks the first transaction of a block; `senders` are those of all its transactions.
    pub(crate) fn check_right(
        &self,
        header: &Header,
        transactions: &[Transaction],
        senders: &[Address],
    ) -> Result<(), RightError> {
        if self.miners.is_empty() {
            return Ok(());
        }
        let coinbase = header.coinbase;
        if !self.may_mine(coinbase) {
            return Err(RightError::NotNamed(coinbase));
        }
        let (right, signer) =
            transactions.first().zip(senders.first()).ok_or(RightError::Missing)?;
        if *signer != coinbase {
            return Err(RightError::Signer { got: *signer, coinbase });
        }
        if right.kind() != TxKind::Call(coinbase) || !right.value().is_zero() {
            return Err(RightError::NotARight);
        }
        if right.input().as_ref() != header.parent_hash.as_slice() {
            return Err(RightError::Parent(header.parent_hash));
        }
        Ok(())
    }
}
