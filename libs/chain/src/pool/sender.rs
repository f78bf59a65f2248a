//! What one sender has waiting.

use super::Pooled;
use crate::block::Recovered;
use crate::state::Account;
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, U256};
use std::collections::{BTreeMap, VecDeque};
use std::{iter, mem};

/// Bytes that the maps hold for a sender beside its transactions, at their worst filling.
pub(super) const SENDER_BYTES: usize = 1_024;
/// Free places of a row of pending transactions that are not worth giving back.
const SPARE_MAX: usize = 16;

/// What a transaction offers per gas, in wei.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fees {
    /// To the miner, at most.
    pub(super) tip: u128,
    /// With the base fee, at most.
    pub(super) cap: u128,
}

impl Fees {
    pub(super) fn of(transaction: &Recovered) -> Self {
        let (tip, cap) = (transaction.priority_fee_or_price(), transaction.max_fee_per_gas());
        Self { tip, cap }
    }

    pub(super) fn least(self, other: Self) -> Self {
        Self { tip: self.tip.min(other.tip), cap: self.cap.min(other.cap) }
    }

    /// What the miner gets; `None` if the base fee is not covered.
    pub(super) fn effective_tip(self, base_fee: u64) -> Option<u128> {
        Some(self.cap.checked_sub(u128::from(base_fee))?.min(self.tip))
    }
}

/// The transactions of one sender.
///
/// Invariants: `pending` has the nonces from `nonce` on without a gap; `queued` has later ones,
/// and not the next; `cost` and `bytes` are sums over both.
#[derive(Clone, Debug, Default)]
pub(super) struct Sender {
    /// Of the account, as last seen.
    pub(super) nonce: u64,
    pub(super) pending: VecDeque<Box<Pooled>>,
    pub(super) queued: BTreeMap<u64, Box<Pooled>>,
    pub(super) cost: U256,
    bytes: usize,
    /// Whom transactions may delegate that came (`true`) or left since somebody asked.
    authorities: Vec<(Address, bool)>,
}

/// Pending transactions by nonce.
pub(super) type Pending<'a> = iter::Map<
    std::collections::vec_deque::Iter<'a, Box<Pooled>>,
    fn(&'a Box<Pooled>) -> &'a Pooled,
>;

impl Sender {
    pub(super) fn new(nonce: u64) -> Self {
        Self { nonce, ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.pending.len() + self.queued.len()
    }

    /// Nonce of the first gap.
    pub(super) fn next_nonce(&self) -> u64 {
        self.nonce.saturating_add(u64::try_from(self.pending.len()).unwrap_or(u64::MAX))
    }

    /// Bytes in memory; nothing without transactions.
    pub(super) fn memory(&self) -> usize {
        if self.len() == 0 {
            return 0;
        }
        SENDER_BYTES + self.bytes
    }

    pub(super) fn get(&self, nonce: u64) -> Option<&Pooled> {
        match self.place(nonce) {
            Some(at) => Some(&self.pending[at]),
            None => self.queued.get(&nonce).map(Box::as_ref),
        }
    }

    pub(super) fn pending(&self) -> Pending<'_> {
        self.pending.iter().map(Box::as_ref)
    }

    pub(super) fn queued(&self) -> impl Iterator<Item = &Pooled> {
        self.queued.values().map(Box::as_ref)
    }

    /// The least that the pending transactions before a nonce offer; `None` if there are none.
    pub(super) fn floor_before(&self, nonce: u64) -> Option<Fees> {
        let at = usize::try_from(nonce.checked_sub(self.nonce)?).ok()?;
        Some(self.pending.get(at.checked_sub(1)?)?.floor)
    }

    /// Where in `pending` a nonce is.
    fn place(&self, nonce: u64) -> Option<usize> {
        let at = usize::try_from(nonce.checked_sub(self.nonce)?).ok()?;
        (at < self.pending.len()).then_some(at)
    }

    /// Puts a transaction in; returns the one with the same nonce that it takes the place of.
    pub(super) fn put(&mut self, pooled: Box<Pooled>) -> Option<Box<Pooled>> {
        let nonce = pooled.nonce();
        self.cost += pooled.cost;
        self.bytes += pooled.memory;
        self.authorities.extend(pooled.authorities.iter().map(|authority| (*authority, true)));
        let old = match self.place(nonce) {
            Some(at) => {
                let old = mem::replace(&mut self.pending[at], pooled);
                self.refloor(at);
                Some(old)
            }
            None => self.queued.insert(nonce, pooled),
        };
        self.promote();
        self.lost(old)
    }

    /// Takes a transaction out; those after it become queued at `now`.
    pub(super) fn take(&mut self, nonce: u64, now: u64) -> Option<Box<Pooled>> {
        let taken = match self.place(nonce) {
            Some(at) => {
                let after = self.pending.split_off(at + 1);
                let taken = self.pending.pop_back();
                self.queue(after, now);
                taken
            }
            None => self.queued.remove(&nonce),
        };
        self.lost(taken)
    }

    /// Takes the last of the pending ones.
    pub(super) fn pop_pending(&mut self) -> Option<Box<Pooled>> {
        let last = self.pending.pop_back();
        self.lost(last)
    }

    /// Takes the last of the queued ones.
    pub(super) fn pop_queued(&mut self) -> Option<Box<Pooled>> {
        let last = self.queued.pop_last().map(|(_, last)| last);
        self.lost(last)
    }

    /// Takes note of the account: what was used and what it cannot pay any more leaves. Its hashes.
    pub(super) fn settle(&mut self, account: &Account, now: u64) -> Vec<B256> {
        let mut gone = Vec::new();
        if account.nonce < self.nonce {
            // A lost block had what comes before.
            let pending = mem::take(&mut self.pending);
            self.queue(pending, now);
        }
        let is_used = |pooled: &mut Box<Pooled>| pooled.nonce() < account.nonce;
        while let Some(used) = self.pending.pop_front_if(is_used) {
            gone.extend(self.lost(Some(used)).map(|used| used.hash));
        }
        while let Some(queued) = self.queued.first_entry()
            && *queued.key() < account.nonce
        {
            let used = queued.remove();
            gone.extend(self.lost(Some(used)).map(|used| used.hash));
        }
        self.nonce = account.nonce;
        self.refloor(0);
        self.promote();
        if self.cost > account.balance {
            gone.extend(self.afford(account.balance, now));
        }
        if self.pending.capacity() > 2 * self.pending.len() + SPARE_MAX {
            self.pending.shrink_to_fit();
        }
        gone
    }

    /// Keeps what the balance covers, lower nonces first.
    fn afford(&mut self, balance: U256, now: u64) -> Vec<B256> {
        let mut left = balance;
        let pending = mem::take(&mut self.pending);
        let queued = mem::take(&mut self.queued);
        self.queue(pending, now);
        self.queued.extend(queued);
        let uncovered = self.queued.extract_if(.., |_, pooled| {
            let is_covered = pooled.cost <= left;
            if is_covered {
                left -= pooled.cost;
            }
            !is_covered
        });
        let uncovered: Vec<_> = uncovered.map(|(_, pooled)| pooled).collect();
        let gone = uncovered.into_iter().filter_map(|pooled| self.lost(Some(pooled)));
        let gone = gone.map(|pooled| pooled.hash).collect();
        self.promote();
        gone
    }

    /// Takes out what has been queued since `since_max` or longer. Its hashes.
    pub(super) fn expire(&mut self, since_max: u64) -> Vec<B256> {
        let expired = self.queued.extract_if(.., |_, pooled| pooled.since <= since_max);
        let expired: Vec<_> = expired.map(|(_, pooled)| pooled).collect();
        let gone = expired.into_iter().filter_map(|pooled| self.lost(Some(pooled)));
        gone.map(|pooled| pooled.hash).collect()
    }

    /// Whom transactions may delegate that came (`true`) or left since this was asked last.
    pub(super) fn take_authorities(&mut self) -> Vec<(Address, bool)> {
        mem::take(&mut self.authorities)
    }

    fn lost(&mut self, pooled: Option<Box<Pooled>>) -> Option<Box<Pooled>> {
        if let Some(pooled) = &pooled {
            self.cost -= pooled.cost;
            self.bytes -= pooled.memory;
            self.authorities.extend(pooled.authorities.iter().map(|authority| (*authority, false)));
        }
        pooled
    }

    fn queue(&mut self, pending: VecDeque<Box<Pooled>>, now: u64) {
        for mut pooled in pending {
            pooled.since = now;
            self.queued.insert(pooled.nonce(), pooled);
        }
    }

    /// Moves what no gap is before any more.
    fn promote(&mut self) {
        let mut floor = self.pending.back().map(|last| last.floor);
        let mut next = self.next_nonce();
        while let Some(queued) = self.queued.first_entry()
            && *queued.key() == next
        {
            let mut pooled = queued.remove();
            pooled.floor = floor.map_or(pooled.fees, |floor| floor.least(pooled.fees));
            floor = Some(pooled.floor);
            self.pending.push_back(pooled);
            next += 1;
        }
    }

    /// Corrects the floors from a place on whose transaction, or what was before it, is new; stops
    /// where nothing changes any more, which for equal fees is at once.
    fn refloor(&mut self, from: usize) {
        let mut floor = from.checked_sub(1).map(|before| self.pending[before].floor);
        for (offset, pooled) in self.pending.range_mut(from..).enumerate() {
            let least = floor.map_or(pooled.fees, |floor| floor.least(pooled.fees));
            if offset > 0 && least == pooled.floor {
                break;
            }
            pooled.floor = least;
            floor = Some(least);
        }
    }
}
