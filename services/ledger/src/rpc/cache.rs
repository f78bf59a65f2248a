//! What requests read again and again, in memory, all of it bounded: decoded blocks, headers,
//! states, code and the pending block.
//!
//! Everything but the pending block is found by a hash of its content, so nothing has to be taken
//! back, whatever becomes of a block.

use super::{damaged, fault};
use crate::node::{Node, locked};
use crate::store::Snapshot;
use alloy_primitives::map::HashMap;
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rlp::Encodable;
use chain::execute::{CodeCache, StateCache};
use chain::{Block, ChainView, Header, Receipt, signature};
use client::RpcError;
use std::collections::VecDeque;
use std::hash::Hash;
use std::sync::{Arc, Mutex, OnceLock};

/// Bytes of blocks per generation, counted as four times their RLP.
const BLOCK_BYTES_MAX: usize = 32 << 20;
/// Headers per generation, of about 700 bytes each.
const HEADERS_MAX: usize = 16_384;
/// States whose accounts and slots are remembered.
const STATES_MAX: usize = 4;

/// The caches of a node.
#[derive(Default)]
pub(crate) struct Caches {
    blocks: Mutex<Kept<B256, Arc<Stored>>>,
    headers: Mutex<Kept<B256, Arc<Header>>>,
    states: Mutex<VecDeque<(B256, Arc<StateCache>)>>,
    pub(super) codes: CodeCache,
    pending: Mutex<Option<(PendingOf, Arc<Pending>)>>,
}

/// A stored block, decoded, with what belongs to it.
pub(super) struct Stored {
    pub(super) hash: B256,
    pub(super) block: Block,
    pub(super) senders: Vec<Address>,
    pub(super) receipts: Vec<Receipt>,
    pub(super) total_difficulty: U256,
    pub(super) pow_hash: B256,
    pub(super) size: usize,
    /// The answer that names its transactions by hash, once somebody asked: explorers and wallets
    /// ask for the same blocks over and over.
    pub(super) text: OnceLock<Vec<u8>>,
}

impl Stored {
    /// About the bytes that it takes.
    fn weight(stored: &Arc<Self>) -> usize {
        stored.size * 4 + 4_096
    }
}

/// What the next block would be if it were mined now.
pub(super) struct Pending {
    pub(super) block: Block,
    pub(super) senders: Vec<Address>,
    /// Trie nodes and code that it adds to the head's.
    pub(super) nodes: HashMap<B256, Bytes>,
    pub(super) code: HashMap<B256, Bytes>,
}

/// What a pending block follows from: head, changes of the pool, time.
#[derive(Clone, Copy, PartialEq, Eq)]
struct PendingOf(B256, u64, u64);

/// Values by key in two generations: when the young one is full it becomes the old one, whose
/// values were not asked for lately, and the one before is dropped.
struct Kept<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    weight: usize,
}

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self { young: HashMap::default(), old: HashMap::default(), weight: 0 }
    }
}

impl<K: Hash + Eq + Copy, V: Clone> Kept<K, V> {
    fn get(&mut self, key: K, weigh: impl Fn(&V) -> usize, max: usize) -> Option<V> {
        if let Some(value) = self.young.get(&key) {
            return Some(value.clone());
        }
        let value = self.old.remove(&key)?;
        self.keep(key, value.clone(), weigh(&value), max);
        Some(value)
    }

    fn keep(&mut self, key: K, value: V, weight: usize, max: usize) {
        if self.weight + weight > max {
            self.old = std::mem::take(&mut self.young);
            self.weight = 0;
        }
        self.weight += weight;
        self.young.insert(key, value);
    }
}

impl Caches {
    /// A stored block that was asked for lately.
    pub(super) fn known_block(&self, hash: B256) -> Option<Arc<Stored>> {
        locked(&self.blocks).get(hash, Stored::weight, BLOCK_BYTES_MAX)
    }

    /// A stored block.
    pub(super) fn block(&self, view: &Snapshot, hash: B256) -> Result<Arc<Stored>, RpcError> {
        if let Some(stored) = self.known_block(hash) {
            return Ok(stored);
        }
        let block = view.block(hash).ok_or_else(|| damaged("body", hash))?;
        let total = view.total_difficulty(hash);
        let stored = Arc::new(Stored {
            hash,
            senders: view.senders(hash).ok_or_else(|| damaged("senders", hash))?,
            receipts: view.receipts(hash).ok_or_else(|| damaged("receipts", hash))?,
            total_difficulty: total.ok_or_else(|| damaged("total difficulty", hash))?,
            pow_hash: block.header.pow_hash(),
            size: block.length(),
            text: OnceLock::new(),
            block,
        });
        let weight = Stored::weight(&stored);
        locked(&self.blocks).keep(hash, stored.clone(), weight, BLOCK_BYTES_MAX);
        Ok(stored)
    }

    /// The header of a stored block; `None` if there is none.
    pub(super) fn header(&self, view: &Snapshot, hash: B256) -> Option<Arc<Header>> {
        if let Some(header) = locked(&self.headers).get(hash, |_| 1, HEADERS_MAX) {
            return Some(header);
        }
        let header = Arc::new(view.header(hash)?);
        locked(&self.headers).keep(hash, header.clone(), 1, HEADERS_MAX);
        Some(header)
    }

    /// What was read of the state with this root; the one asked for longest ago makes room.
    pub(super) fn state(&self, root: B256) -> Arc<StateCache> {
        let mut states = locked(&self.states);
        if let Some((newest, cache)) = states.front()
            && *newest == root
        {
            return cache.clone();
        }
        let known = states.iter().position(|(known, _)| *known == root);
        let entry = known.and_then(|at| states.remove(at));
        let (_, cache) = entry.clone().unwrap_or_else(|| (root, Arc::default()));
        states.truncate(STATES_MAX - 1);
        states.push_front((root, cache.clone()));
        cache
    }

    /// What the next block would be. It is built anew when head, pool or time has changed.
    pub(super) fn pending(&self, node: &Node, view: &Snapshot) -> Result<Arc<Pending>, RpcError> {
        let head = view.head_header().map_err(fault)?;
        let now = node.now().max(head.timestamp);
        let of = PendingOf(view.head(), node.news.pool_changes(), now);
        // Held while it is built: others who ask for it want the same.
        let mut pending = locked(&self.pending);
        if let Some((known, pending)) = &*pending
            && *known == of
        {
            return Ok(pending.clone());
        }
        let candidate = node.propose(now).map_err(fault)?;
        let block = candidate.block().clone();
        let senders: Option<Vec<_>> = block.transactions.iter().map(signature::recover).collect();
        let senders = senders.expect("the pool holds signed transactions only");
        let nodes = candidate.changes().nodes.iter();
        let nodes = nodes.map(|node| (node.hash, node.rlp.clone())).collect();
        let code = candidate.changes().code.iter().cloned().collect();
        let built = Arc::new(Pending { block, senders, nodes, code });
        *pending = Some((of, built.clone()));
        Ok(built)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stays_and_the_weight_is_bounded() {
        let mut kept = Kept::<usize, usize>::default();
        for number in 0..100 {
            kept.keep(number, number, 10, 100);
            assert_eq!(kept.get(0, |_| 10, 100), Some(0), "after {number}");
            assert!(kept.young.len() <= 10 && kept.old.len() <= 10);
        }
        assert_eq!(kept.get(1, |_| 10, 100), None);
        assert_eq!(kept.get(99, |_| 10, 100), Some(99));
    }

    #[test]
    fn the_state_that_was_asked_for_longest_ago_makes_room() {
        let caches = Caches::default();
        let root = B256::repeat_byte;
        let first = caches.state(root(1));
        for number in 2..=4 {
            caches.state(root(number));
        }
        assert!(Arc::ptr_eq(&first, &caches.state(root(1))));
        caches.state(root(5));
        assert!(Arc::ptr_eq(&first, &caches.state(root(1))));
        assert_eq!(caches.states.lock().unwrap().len(), STATES_MAX);
        assert!(!caches.states.lock().unwrap().iter().any(|(known, _)| *known == root(2)));
    }
}
