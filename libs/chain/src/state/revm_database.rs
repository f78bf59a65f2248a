//! The state as revm's database.

use super::{State, StateError};
use crate::view::StateSource;
use alloy_primitives::{Address, B256, KECCAK256_EMPTY, U256};
use revm::Database;
use revm::bytecode::Bytecode;
use revm::database_interface::DBErrorMarker;
use revm::state::{Account as Made, AccountInfo, AccountStatus, EvmState};

impl DBErrorMarker for StateError {}

impl<S: StateSource> Database for State<S> {
    type Error = StateError;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, StateError> {
        let Some(account) = self.account(address)? else { return Ok(None) };
        let code = Some(self.bytecode(account.code_hash)?);
        let (balance, nonce, code_hash) = (account.balance, account.nonce, account.code_hash);
        Ok(Some(AccountInfo { balance, nonce, code_hash, code, account_id: None }))
    }

    fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, StateError> {
        self.bytecode(hash)
    }

    fn storage(&mut self, address: Address, position: U256) -> Result<U256, StateError> {
        self.storage_at(address, position)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, StateError> {
        Ok(self.source.block_hash(number).unwrap_or_default())
    }
}

impl<S: StateSource> State<S> {
    /// Takes over what a transaction changed.
    pub fn apply(&mut self, changes: EvmState) -> Result<(), StateError> {
        let touched = changes.into_iter().filter(|(_, account)| account.is_touched());
        for (address, account) in touched {
            self.take_over(address, account)?;
        }
        Ok(())
    }

    /// Takes over what one transaction or several, of which at most the last created or destroyed
    /// the account, made of it.
    pub(crate) fn take_over(&mut self, address: Address, account: Made) -> Result<(), StateError> {
        if account.is_selfdestructed() {
            return self.set_account(address, 0, U256::ZERO, KECCAK256_EMPTY);
        }
        if account.is_created() {
            self.entry(address)?.0.forget_storage();
        }
        let info = account.info;
        // Nobody else brings code that is not known: a contract that was created, and an account
        // that was delegated.
        let is_new = account.status.contains(AccountStatus::Created)
            || info.code.as_ref().is_some_and(Bytecode::is_eip7702);
        if info.code_hash != KECCAK256_EMPTY && is_new {
            let code = info.code.ok_or(StateError::MissingCode(info.code_hash))?;
            self.keep_code(info.code_hash, code);
        }
        let (entry, source) = self.changing(address)?;
        entry.set(info.nonce, info.balance, info.code_hash);
        // A slot may have got its value before the last transaction that read it.
        for (position, slot) in &account.storage {
            entry.slot(source, *position)?.value = slot.present_value;
        }
        Ok(())
    }
}
