//! What a market remembers of commitments, by slot.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256, U256};
use calendar::Timestamp;
use ids::AccountId;
use serde::{Deserialize, Serialize};

use super::{Commitment, SealState};

/// The commitments of a slot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SealedBook {
    /// In the order in which they came.
    pub commitments: Vec<Commitment>,
    /// When its gate was closed; from then on they are opened.
    pub closed: Option<Timestamp>,
    /// When opening began anew, where the market was away while they were opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed: Option<Timestamp>,
    /// The nonces of deposited orders.
    pub(super) nonces: BTreeSet<(Address, U256)>,
}

impl SealedBook {
    /// The root over all commitments, in the order in which they came.
    pub fn root(&self) -> B256 {
        crate::domain::revealed::root(self.commitments.iter().map(crate::domain::revealed::leaf_of))
    }

    pub(super) fn waiting(&self) -> impl Iterator<Item = &Commitment> {
        self.commitments.iter().filter(|known| known.state == SealState::Waiting)
    }

    /// Deposited orders of contracts that are not opened yet.
    pub(super) fn contracts(&self) -> usize {
        let deposits = self.waiting().filter_map(|known| known.deposit.as_deref());
        deposits.filter(|deposit| deposit.signature.is_contract()).count()
    }
}

/// All that is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(in crate::domain) struct Sealing {
    /// For how many seconds slots from then on are opened; `None` where their orders are not
    /// sealed.
    pub(in crate::domain) choices: BTreeMap<Timestamp, Option<u32>>,
    pub(in crate::domain) books: BTreeMap<Timestamp, SealedBook>,
    pub(super) places: BTreeMap<B256, (Timestamp, usize)>,
    /// The slots with commitments that are not cleared.
    pub(in crate::domain) pending: BTreeSet<Timestamp>,
    /// Where deposits are that wait, so that nobody has to look through the books for them.
    pub(super) deposits: BTreeSet<(Timestamp, usize)>,
    /// What waits and is not deposited.
    pub(in crate::domain) undeposited: BTreeMap<AccountId, BTreeSet<B256>>,
    /// How many commitments each account left unopened, by the start of their slot.
    pub(in crate::domain) unrevealed: BTreeMap<AccountId, BTreeMap<Timestamp, u32>>,
}

impl Sealing {
    pub(in crate::domain) fn is_empty(&self) -> bool {
        self.choices.is_empty() && self.books.is_empty() && self.unrevealed.is_empty()
    }

    pub(in crate::domain) fn choose(&mut self, from: Timestamp, reveal_seconds: Option<u32>) {
        self.choices.insert(from, reveal_seconds);
    }

    pub(in crate::domain) fn close(&mut self, slot: Timestamp, at: Timestamp) {
        self.books.entry(slot).or_default().closed = Some(at);
    }

    pub(in crate::domain) fn resume(&mut self, slot: Timestamp, at: Timestamp) {
        self.books.entry(slot).or_default().resumed = Some(at);
    }

    /// A commitment that waited does not wait any more.
    pub(in crate::domain) fn set(&mut self, commitment: B256, state: SealState) {
        let Some(&(slot, place)) = self.places.get(&commitment) else { return };
        let book = self.books.get_mut(&slot);
        if let Some(known) = book.and_then(|book| book.commitments.get_mut(place)) {
            known.state = state;
            let account = known.account;
            self.deposits.remove(&(slot, place));
            self.waits_no_more(account, commitment);
        }
    }

    pub(in crate::domain) fn refuse(&mut self, commitment: B256, why: &str) {
        self.set(commitment, SealState::Refused { why: why.to_owned() });
    }

    pub(in crate::domain) fn waits_no_more(&mut self, account: AccountId, commitment: B256) {
        if let Some(waiting) = self.undeposited.get_mut(&account) {
            waiting.remove(&commitment);
            if waiting.is_empty() {
                self.undeposited.remove(&account);
            }
        }
    }

    /// A slot was cleared: nothing of it waits.
    pub(in crate::domain) fn cleared(&mut self, slot: Timestamp) {
        self.pending.remove(&slot);
        while let Some(&next) = self.deposits.range((slot, 0)..=(slot, usize::MAX)).next() {
            self.deposits.remove(&next);
        }
    }

    /// Of that slot alone.
    pub(in crate::domain) fn of_slot(&self, slot: Timestamp) -> Sealing {
        let books = self.books.get(&slot).map(|book| (slot, book.clone()));
        let books = books.into_iter().collect();
        Sealing { choices: self.choices.clone(), books, ..Sealing::default() }
    }

    /// Forgets slots that started before `moment`.
    pub(in crate::domain) fn forget(&mut self, moment: Timestamp) {
        self.books.retain(|slot, book| *slot >= moment || book.waiting().next().is_some());
        let books = &self.books;
        self.places.retain(|_, (slot, _)| books.contains_key(slot));
        for slots in self.unrevealed.values_mut() {
            slots.retain(|slot, _| *slot >= moment);
        }
        self.unrevealed.retain(|_, slots| !slots.is_empty());
        if let Some((&holds, _)) = self.choices.range(..=moment).next_back() {
            self.choices.retain(|from, _| *from >= holds);
        }
    }
}
