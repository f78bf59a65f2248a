//! Settled trades on the best branch, found by slot, batch and name.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use calendar::Timestamp;

use super::SettledRow;
use super::batches::BatchKey;

#[derive(Default)]
pub(in crate::simulation) struct SettledRows {
    by_slot: BTreeMap<Timestamp, Vec<SettledRow>>,
    /// The slot of a trade or of a clearing, which a name never changes.
    slots: BTreeMap<B256, Timestamp>,
}

impl SettledRows {
    pub(super) fn add(&mut self, row: SettledRow) {
        self.slots.extend([(row.trade, row.slot), (row.clearing, row.slot)]);
        self.by_slot.entry(row.slot).or_default().push(row);
    }

    /// A block left the best branch.
    pub(super) fn take_back(&mut self, block: B256) {
        self.by_slot.values_mut().for_each(|rows| rows.retain(|row| row.block != block));
    }

    pub(in crate::simulation) fn iter(&self) -> impl Iterator<Item = &SettledRow> {
        self.by_slot.values().flatten()
    }

    /// In the order of their fills.
    pub(super) fn of_slot(&self, slot: Timestamp) -> impl Iterator<Item = &SettledRow> {
        self.by_slot.get(&slot).into_iter().flatten()
    }

    pub(super) fn of_batch(&self, key: BatchKey) -> impl Iterator<Item = &SettledRow> {
        let rows = self.slots.get(&key.0).and_then(|slot| self.by_slot.get(slot));
        rows.into_iter().flatten().filter(move |row| row.batch() == key)
    }

    pub(super) fn find(&self, trade: B256) -> Option<&SettledRow> {
        let slot = self.slots.get(&trade)?;
        self.of_slot(*slot).find(|row| row.trade == trade)
    }
}
