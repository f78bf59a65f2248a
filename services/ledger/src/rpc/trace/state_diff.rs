//! What a transaction changed, as Parity's `stateDiff` tells it.
//!
//! `+` is an account that was not there before, `-` one that is not there afterwards, `*` a value
//! that changed and `=` one that did not.

use alloy_primitives::{B256, Bytes, U64, U256};
use alloy_rpc_types_trace::parity::{AccountDiff, Delta, StateDiff};
use revm::DatabaseRef;
use revm::bytecode::Bytecode;
use revm::state::{Account, AccountInfo, EvmState};

/// The difference between the state before and `changes`.
pub(super) fn of<D: DatabaseRef>(changes: &EvmState, before: &D) -> Result<StateDiff, D::Error> {
    let mut diff = StateDiff::default();
    for (address, account) in changes.iter().filter(|(_, account)| account.is_touched()) {
        let old = before.basic_ref(*address)?.filter(|info| !info.is_empty());
        let gone = account.is_selfdestructed() || account.info.is_empty();
        let new = (!gone).then_some(&account.info);
        let change = match (&old, new) {
            (None, None) => None,
            (None, Some(new)) => Some(appeared(new, account)),
            (Some(old), None) => Some(vanished(old)),
            (Some(old), Some(new)) => changed(old, new, account),
        };
        if let Some(change) = change {
            diff.insert(*address, change);
        }
    }
    Ok(diff)
}

fn code(info: &AccountInfo) -> Bytes {
    info.code.as_ref().map(Bytecode::original_bytes).unwrap_or_default()
}

fn appeared(info: &AccountInfo, account: &Account) -> AccountDiff {
    let set = account.storage.iter().filter(|(_, slot)| slot.is_changed());
    AccountDiff {
        balance: Delta::Added(info.balance),
        nonce: Delta::Added(U64::from(info.nonce)),
        code: Delta::Added(code(info)),
        storage: set
            .map(|(key, slot)| (B256::from(*key), Delta::Added(slot.present_value.into())))
            .collect(),
    }
}

fn vanished(info: &AccountInfo) -> AccountDiff {
    AccountDiff {
        balance: Delta::Removed(info.balance),
        nonce: Delta::Removed(U64::from(info.nonce)),
        code: Delta::Removed(code(info)),
        storage: Default::default(),
    }
}

fn changed(old: &AccountInfo, new: &AccountInfo, account: &Account) -> Option<AccountDiff> {
    let set = account.storage.iter().filter(|(_, slot)| slot.is_changed());
    let word = |value: U256| B256::from(value);
    let diff = AccountDiff {
        balance: delta(old.balance, new.balance),
        nonce: delta(U64::from(old.nonce), U64::from(new.nonce)),
        code: match old.code_hash == new.code_hash {
            true => Delta::Unchanged,
            false => Delta::changed(code(old), code(new)),
        },
        storage: set
            .map(|(key, slot)| {
                let change = Delta::changed(word(slot.original_value), word(slot.present_value));
                (word(*key), change)
            })
            .collect(),
    };
    (diff != AccountDiff::default()).then_some(diff)
}

fn delta<T: PartialEq>(old: T, new: T) -> Delta<T> {
    if old == new { Delta::Unchanged } else { Delta::changed(old, new) }
}
