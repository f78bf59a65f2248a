//! The balances of the energy ledger, slot by slot. What is posted is of the newest slots nearly
//! always, so only those that were used last are kept at hand; the others are put away as sums and
//! come back from the journal when something is said of them.
//!
//! Invariant: a slot is at hand with all that was ever posted of it, or it is away.

use std::collections::BTreeMap;

use calendar::Timestamp;
use ids::ConnectionPointId;
use units::Energy;

use super::audit::slot_is_sound;
use super::{Book, EnergyAccount, Entry, Fact, Flow, JournalError, PointMetered, Transfer};
use crate::domain::reconcile::Metered;

/// Slots that are kept at hand.
pub const SLOTS_AT_HAND_MAX: usize = 16;

/// The energy of one slot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct SlotEnergy {
    /// What the meters saw, as it was posted last.
    pub(super) metered: BTreeMap<ConnectionPointId, Metered>,
    balances: BTreeMap<(ConnectionPointId, Flow), i128>,
}

/// Slots at hand, and sums over the others.
#[derive(Debug, Clone, Default)]
pub(super) struct Slots {
    at_hand: BTreeMap<Timestamp, SlotEnergy>,
    /// Those at hand, the one that was used last at the end.
    used: Vec<Timestamp>,
    /// Debits less credits over all slots that are away.
    away: BTreeMap<Flow, i128>,
    /// Whether there are such.
    any_away: bool,
    /// How many entries the journal has of each slot: what comes back is held against it.
    entries: BTreeMap<Timestamp, u32>,
    /// Whether none is ever put away, so that it does not matter which was used last.
    all_stay: bool,
}

/// The same energy of each flow, whatever is at hand.
impl PartialEq for Slots {
    fn eq(&self, other: &Self) -> bool {
        Flow::ALL.into_iter().all(|flow| self.sum(flow) == other.sum(flow))
    }
}

impl Eq for Slots {}

impl SlotEnergy {
    /// Debits less credits.
    pub(super) fn balance(&self, point: ConnectionPointId, flow: Flow) -> i128 {
        self.balances.get(&(point, flow)).copied().unwrap_or(0)
    }

    /// The sum of two flows over all points.
    pub(super) fn sum_of(&self, flows: [Flow; 2]) -> i128 {
        let ours = self.balances.iter().filter(|((_, flow), _)| flows.contains(flow));
        ours.map(|(_, balance)| balance).sum()
    }

    fn move_between(&mut self, debit: EnergyAccount, credit: EnergyAccount, amount: i128) {
        *self.balances.entry((debit.point, debit.flow)).or_default() += amount;
        *self.balances.entry((credit.point, credit.flow)).or_default() -= amount;
    }
}

impl Slots {
    pub(super) fn get(&self, slot: Timestamp) -> Option<&SlotEnergy> {
        self.at_hand.get(&slot)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (Timestamp, &SlotEnergy)> {
        self.at_hand.iter().map(|(slot, energy)| (*slot, energy))
    }

    /// Debits less credits of a flow, over all points and slots.
    pub(super) fn sum(&self, flow: Flow) -> i128 {
        let at_hand = self.at_hand.values().flat_map(|slot| &slot.balances);
        let ours = at_hand.filter(|((_, of), _)| *of == flow).map(|(_, balance)| balance);
        ours.sum::<i128>() + self.away.get(&flow).copied().unwrap_or(0)
    }

    pub(super) fn remember(&mut self, slot: Timestamp, intervals: &[PointMetered]) {
        let metered = &mut self.used_slot(slot).metered;
        for PointMetered { point, import, export } in intervals {
            metered.insert(*point, Metered { import: *import, export: *export });
        }
    }

    pub(super) fn apply(&mut self, transfers: &[Transfer<EnergyAccount>]) {
        for Transfer { debit, credit, amount } in transfers {
            // Both sides of a transfer are of one slot.
            let slot = self.used_slot(debit.slot);
            slot.move_between(*debit, *credit, i128::from(*amount));
        }
    }

    /// Counts an entry of a slot.
    pub(super) fn count(&mut self, slot: Timestamp) {
        *self.entries.entry(slot).or_default() += 1;
    }

    /// From now on no slot is put away, nor noted as used.
    pub(super) fn keep_all(&mut self) {
        self.all_stay = true;
    }

    fn used_slot(&mut self, slot: Timestamp) -> &mut SlotEnergy {
        if !self.all_stay && self.used.last() != Some(&slot) {
            self.used.retain(|other| *other != slot);
            self.used.push(slot);
        }
        self.at_hand.entry(slot).or_default()
    }

    fn put_away(&mut self, slot: Timestamp) {
        let Some(energy) = self.at_hand.remove(&slot) else { return };
        for ((_, flow), balance) in energy.balances {
            *self.away.entry(flow).or_default() += balance;
        }
        self.any_away = true;
    }
}

/// What is posted of one connection point in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PostedEnergy {
    /// Taken from the grid.
    pub import: Energy,
    /// Fed into the grid.
    pub export: Energy,
    /// Of the export, sold to neighbours.
    pub sold: Energy,
}

/// What is posted of each connection point in a slot: `entries` are all that the journal has of it,
/// in order.
pub fn energy_posted(
    slot: Timestamp,
    entries: &[Entry],
) -> BTreeMap<ConnectionPointId, PostedEnergy> {
    let mut book = Book::default();
    book.bring_back(slot, entries);
    let mut posted: BTreeMap<ConnectionPointId, PostedEnergy> = BTreeMap::new();
    for ((point, flow), balance) in book.slots.get(slot).iter().flat_map(|of| &of.balances) {
        let energy = |wh: i128| Energy::from_wh(u64::try_from(wh).unwrap_or(0));
        let of_point = posted.entry(*point).or_default();
        match flow {
            Flow::MeterImport => of_point.import = energy(-balance),
            Flow::MeterExport => of_point.export = energy(*balance),
            Flow::P2pSold => of_point.sold = energy(-balance),
            Flow::P2pBought | Flow::GridImport | Flow::GridExport => {}
        }
    }
    posted
}

impl Entry {
    /// The slot whose energy it moves or tells, if it does.
    pub fn energy_slot(&self) -> Option<Timestamp> {
        match &self.fact {
            Fact::Metered { slot, .. } => Some(*slot),
            _ => self.energy.first().map(|transfer| transfer.debit.slot),
        }
    }
}

impl Book {
    /// Whether facts about the energy of a slot can be posted: where not, [`Book::recall`] it.
    pub fn is_at_hand(&self, slot: Timestamp) -> bool {
        self.slots.at_hand.contains_key(&slot)
    }

    /// How many entries the journal has of each slot.
    pub fn entries_of_slots(&self) -> impl Iterator<Item = (Timestamp, u32)> {
        self.slots.entries.iter().map(|(slot, entries)| (*slot, *entries))
    }

    /// Brings a slot back. `entries` are all of the journal with its energy, in order; none for a
    /// slot of which nothing was posted. How they were found is not trusted: they are counted.
    ///
    /// # Errors
    /// [`JournalError::NotWhole`] where they are not all.
    pub fn recall(&mut self, slot: Timestamp, entries: &[Entry]) -> Result<(), JournalError> {
        if self.is_at_hand(slot) {
            return Ok(());
        }
        let found = entries.iter().filter(|entry| entry.energy_slot() == Some(slot)).count();
        let known = self.slots.entries.get(&slot).copied().unwrap_or(0);
        if u32::try_from(found) != Ok(known) {
            return Err(JournalError::NotWhole(slot));
        }
        self.bring_back(slot, entries);
        Ok(())
    }

    pub(super) fn bring_back(&mut self, slot: Timestamp, entries: &[Entry]) {
        let mut of_slot = Slots::default();
        of_slot.used_slot(slot);
        for entry in entries.iter().filter(|entry| entry.energy_slot() == Some(slot)) {
            if let Fact::Metered { intervals, .. } = &entry.fact {
                of_slot.remember(slot, intervals);
            }
            of_slot.apply(&entry.energy);
        }
        for flow in Flow::ALL {
            *self.slots.away.entry(flow).or_default() -= of_slot.sum(flow);
        }
        self.slots.used_slot(slot);
        self.slots.at_hand.append(&mut of_slot.at_hand);
    }

    /// Puts slots away until few are at hand: those first that were used longest ago. A slot whose
    /// energy does not add up stays, so that an audit shows it.
    pub fn put_slots_away(&mut self) {
        let more = self.slots.used.len().saturating_sub(SLOTS_AT_HAND_MAX);
        let oldest = Vec::from_iter(self.slots.used.iter().copied().take(more));
        for slot in oldest {
            let sound = self.slots.get(slot).is_none_or(|of| slot_is_sound(slot, of).is_ok());
            if sound {
                self.slots.used.retain(|other| *other != slot);
                self.slots.put_away(slot);
            }
        }
    }

    /// Takes the entries that follow, of a journal that is in order. No slot is at hand then.
    ///
    /// # Errors
    /// [`JournalError`] for entries that do not follow.
    pub fn follow(&mut self, entries: &[Entry]) -> Result<(), JournalError> {
        entries.iter().try_for_each(|entry| self.take(entry))?;
        self.put_all_away();
        Ok(())
    }

    /// What of a slot is at hand is a part of it while a journal is followed.
    pub(super) fn put_all_away(&mut self) {
        for slot in std::mem::take(&mut self.slots.used) {
            self.slots.put_away(slot);
        }
    }

    /// An error where a fact is about a slot that is away.
    pub(super) fn check_at_hand(&self, slot: Timestamp) -> Result<(), JournalError> {
        let unknown = self.slots.any_away && !self.is_at_hand(slot);
        if unknown { Err(JournalError::NotAtHand(slot)) } else { Ok(()) }
    }
}
