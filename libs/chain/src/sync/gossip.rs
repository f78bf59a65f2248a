//! Transactions: hashes are announced, the transactions are fetched once and judged by the pool.
//!
//! What the pool took is announced in turn; what it refused is remembered for a while, so that it
//! is neither announced nor fetched again from each peer that has it.

use super::PeerId;
use super::message::{HASHES_PER_ANNOUNCEMENT_MAX, TRANSACTIONS_PER_REQUEST_MAX};
use alloy_primitives::B256;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Hashes that wait to be announced.
pub const FRESH_MAX: usize = 16_384;
/// Hashes that were announced and may be announced again.
pub const RECENT_MAX: usize = 4_096;
/// Refused transactions that are remembered.
pub const REFUSED_MAX: usize = 16_384;
/// Transactions that are to be fetched from one peer.
pub const WANTED_PER_PEER_MAX: usize = 4_096;
/// Hashes that are announced again at each sign of life.
const REPEATED_MAX: usize = 256;

#[derive(Default)]
pub(super) struct Gossip {
    fresh: VecDeque<B256>,
    recent: VecDeque<B256>,
    refused: BTreeSet<B256>,
    refused_order: VecDeque<B256>,
    /// From whom a transaction is being fetched.
    fetching: BTreeMap<B256, PeerId>,
}

impl Gossip {
    /// A transaction came into the pool.
    pub(super) fn pooled(&mut self, hash: B256) {
        if self.fresh.len() < FRESH_MAX {
            self.fresh.push_back(hash);
        }
    }

    pub(super) fn has_fresh(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// The hashes of the next announcement.
    pub(super) fn next(&mut self, still_pooled: impl Fn(B256) -> bool) -> Vec<B256> {
        let count = self.fresh.len().min(HASHES_PER_ANNOUNCEMENT_MAX);
        let hashes: Vec<B256> =
            self.fresh.drain(..count).filter(|hash| still_pooled(*hash)).collect();
        self.recent.extend(&hashes);
        self.recent.drain(..self.recent.len().saturating_sub(RECENT_MAX));
        hashes
    }

    /// Hashes that some peer may have missed: earlier ones that still wait for a block.
    pub(super) fn again(&mut self, still_pooled: impl Fn(B256) -> bool) -> Vec<B256> {
        let count = self.recent.len().min(REPEATED_MAX);
        let hashes: Vec<B256> =
            self.recent.drain(..count).filter(|hash| still_pooled(*hash)).collect();
        self.recent.extend(&hashes);
        hashes
    }

    /// Which of the announced hashes are to be fetched from this peer.
    pub(super) fn choose(
        &mut self,
        hashes: &mut VecDeque<B256>,
        peer: PeerId,
        is_known: impl Fn(B256) -> bool,
    ) -> Vec<B256> {
        let mut chosen = Vec::new();
        while chosen.len() < TRANSACTIONS_PER_REQUEST_MAX
            && let Some(hash) = hashes.pop_front()
        {
            let settled = self.refused.contains(&hash) || self.fetching.contains_key(&hash);
            if !settled && !is_known(hash) {
                self.fetching.insert(hash, peer);
                chosen.push(hash);
            }
        }
        chosen
    }

    /// The answer came, or never will: others may be asked.
    pub(super) fn fetched(&mut self, hashes: &[B256]) {
        for hash in hashes {
            self.fetching.remove(hash);
        }
    }

    /// The head moved: what the pool did not want it may want now.
    pub(super) fn forget_refused(&mut self) {
        self.refused.clear();
        self.refused_order.clear();
    }

    /// The pool does not want it.
    pub(super) fn refused(&mut self, hash: B256) {
        if self.refused.insert(hash) {
            self.refused_order.push_back(hash);
        }
        while self.refused_order.len() > REFUSED_MAX
            && let Some(oldest) = self.refused_order.pop_front()
        {
            self.refused.remove(&oldest);
        }
    }
}
