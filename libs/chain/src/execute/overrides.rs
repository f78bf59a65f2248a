//! A state that is pretended: what a call wants changed before it runs.

use super::precompiles::{MoveError, Moved};
use crate::state::{State, StateError};
use crate::view::StateSource;
use alloy_primitives::map::AddressMap;
use alloy_primitives::{Address, B256, Bytes, U256};
use revm::context::BlockEnv;
use std::collections::BTreeMap;

/// What is pretended of one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountOverride {
    /// Its nonce.
    pub nonce: Option<u64>,
    /// Its code.
    pub code: Option<Bytes>,
    /// Its balance.
    pub balance: Option<U256>,
    /// Its whole storage; what is not named is zero.
    pub state: Option<BTreeMap<U256, U256>>,
    /// Some of its storage; what is not named stays.
    pub state_diff: Option<BTreeMap<U256, U256>>,
    /// Where the precompiled contract at this address answers instead.
    pub move_precompile_to: Option<Address>,
}

/// What is pretended of all accounts.
pub type StateOverrides = BTreeMap<Address, AccountOverride>;

/// Why a state cannot be pretended, with geth's wording.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverrideError {
    /// The storage is given as a whole and in part.
    #[error("account {0} has both 'state' and 'stateDiff'")]
    BothStates(Address),
    /// A precompiled contract cannot be moved.
    #[error(transparent)]
    Move(#[from] MoveError),
}

/// Checks the overrides and moves the precompiled contracts that they move.
pub fn check_overrides(overrides: &StateOverrides, moved: &mut Moved) -> Result<(), OverrideError> {
    for (address, account) in overrides {
        if account.state.is_some() && account.state_diff.is_some() {
            return Err(OverrideError::BothStates(*address));
        }
        if let Some(to) = account.move_precompile_to {
            if overrides.contains_key(&to) && to != *address {
                return Err(MoveError::AlreadyOverridden(to).into());
            }
            moved.relocate(*address, to)?;
        } else if account.code.is_some() {
            moved.remove(*address);
        }
    }
    Ok(())
}

/// What is pretended of the block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockOverrides {
    /// Its height.
    pub number: Option<u64>,
    /// What `DIFFICULTY` was before it became `PREVRANDAO`: read by nobody, kept for the header.
    pub difficulty: Option<U256>,
    /// Its time in epoch seconds.
    pub time: Option<u64>,
    /// Its gas limit.
    pub gas_limit: Option<u64>,
    /// Who receives its tips.
    pub fee_recipient: Option<Address>,
    /// What `PREVRANDAO` answers.
    pub prev_randao: Option<B256>,
    /// Its base fee in wei.
    pub base_fee: Option<u64>,
}

impl BlockOverrides {
    /// Changes the block as contracts see it.
    pub fn apply(&self, block: &mut BlockEnv) {
        block.number = self.number.map_or(block.number, U256::from);
        block.timestamp = self.time.map_or(block.timestamp, U256::from);
        block.gas_limit = self.gas_limit.unwrap_or(block.gas_limit);
        block.beneficiary = self.fee_recipient.unwrap_or(block.beneficiary);
        block.prevrandao = self.prev_randao.or(block.prevrandao);
        block.basefee = self.base_fee.unwrap_or(block.basefee);
    }
}

impl<S: StateSource> State<S> {
    /// Takes over what is pretended, as if it had always been so.
    pub fn pretend(&mut self, overrides: &StateOverrides) -> Result<(), StateError> {
        for (address, account) in overrides {
            if let Some(nonce) = account.nonce {
                self.set_nonce(*address, nonce)?;
            }
            if let Some(code) = &account.code {
                self.set_code(*address, code.clone())?;
            }
            if let Some(balance) = account.balance {
                self.set_balance(*address, balance)?;
            }
            if account.state.is_some() {
                self.clear_storage(*address)?;
            }
            for (position, value) in account.state.iter().chain(&account.state_diff).flatten() {
                self.set_storage(*address, *position, *value)?;
            }
        }
        Ok(())
    }
}

/// The same for quick reading: nothing is built into a trie.
pub(super) type Pretended = AddressMap<AccountOverride>;
