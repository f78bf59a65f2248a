//! What must be true after every posting, looked at where something was touched and nowhere else.
//!
//! ```text
//! post, revert ... ──> noted: places, trades, slots, accounts with less than nothing
//! the block or message is over ── check_touched ──> what does not hold (I2, I4 to I7, I10, 9000)
//! ```
//!
//! A block's postings are looked at together: what is between two of them nobody has seen. That
//! debits equal credits (I1) an entry cannot break, which has transfers alone; what the rest of the
//! books is (I3, I8, the whole of I9) is for the daily look. Chain facts are posted whatever is
//! found: the books say what happened.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256};
use calendar::Timestamp;

use super::audit::{bound, is_owed, keeps_supply, settled_is_gone, slot_is_sound};
use super::{Account, Book, Entry, Fact, Violation};

/// What was touched since it was looked at last. It is no part of what a journal makes: two books
/// of the same entries are equal whatever of them was looked at.
#[derive(Debug, Clone, Default)]
pub(super) struct Touched {
    /// Accounts that had less than nothing after an entry.
    below: Vec<Account>,
    /// Trades with the seller of each, where the entry says it.
    trades: BTreeMap<B256, Option<Address>>,
    slots: Vec<Timestamp>,
    /// Entries that changed the supply of money and should not have.
    supply: Vec<u64>,
    suspense: bool,
}

impl PartialEq for Touched {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Touched {}

impl Book {
    /// Notes what an entry that was just applied has touched.
    pub(super) fn touch(&mut self, entry: &Entry) {
        for account in entry.money.iter().flat_map(|it| [&it.debit, &it.credit]) {
            if is_owed(account) && self.balance(account) > 0 {
                self.touched.below.push(account.clone());
            }
            self.touched.suspense |= *account == Account::Suspense;
        }
        match &entry.fact {
            Fact::Settled(settled) => {
                self.touched.trades.insert(settled.trade, Some(settled.seller));
            }
            Fact::Reconciled { trade, .. } => {
                self.touched.trades.entry(*trade).or_default();
            }
            _ => {}
        }
        if let Some(slot) = entry.energy_slot()
            && self.touched.slots.last() != Some(&slot)
        {
            self.touched.slots.push(slot);
        }
        if !keeps_supply(entry) {
            self.touched.supply.push(entry.sequence);
        }
    }

    /// What does not hold of what was posted since this was asked last: I2 and I4 of accounts, I5
    /// to I7 of slots, I10, and what came into suspense. The slots are at hand still.
    pub fn check_touched(&mut self) -> Vec<Violation> {
        let Touched { mut below, trades, mut slots, supply, suspense } =
            std::mem::take(&mut self.touched);
        below.sort_unstable();
        below.dedup();
        below.retain(|account| self.balance(account) > 0);
        slots.sort_unstable();
        slots.dedup();
        let mut found: Vec<Violation> = below.into_iter().map(Violation::I2).collect();
        for (trade, seller) in trades {
            let checked = match self.trade(&trade) {
                Some(state) => bound(self, state),
                None => settled_is_gone(self, trade, seller),
            };
            found.extend(checked.err());
        }
        for slot in slots {
            let of_slot = self.slots.get(slot);
            found.extend(of_slot.and_then(|of| slot_is_sound(slot, of).err()));
        }
        found.extend(supply.into_iter().map(Violation::I10));
        let held = self.balance(&Account::Suspense);
        found.extend((suspense && held != 0).then_some(Violation::Suspense(held)));
        found
    }
}
