//! The trie nodes that were used last, in memory.
//!
//! Two generations: when the young one is full it becomes the old one and the old one is dropped;
//! a hit in the old one brings the node back. Content never changes under a hash, so nothing has
//! to be taken back, whatever becomes of a block.

use alloy_primitives::map::B256Map;
use alloy_primitives::{B256, Bytes};
use std::sync::{Mutex, PoisonError};

/// Nodes per generation; a node has about 150 bytes on average and at most 532.
const GENERATION_MAX: usize = 100_000;

#[derive(Default)]
pub(super) struct NodeCache {
    generations: Mutex<Generations>,
}

struct Generations {
    young: B256Map<Bytes>,
    old: B256Map<Bytes>,
}

impl NodeCache {
    pub(super) fn get(&self, hash: B256) -> Option<Bytes> {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(node) = generations.young.get(&hash) {
            return Some(node.clone());
        }
        let node = generations.old.remove(&hash)?;
        generations.keep(hash, node.clone());
        Some(node)
    }

    pub(super) fn keep(&self, nodes: impl IntoIterator<Item = (B256, Bytes)>) {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        for (hash, node) in nodes {
            generations.keep(hash, node);
        }
    }
}

impl Default for Generations {
    fn default() -> Self {
        Self { young: room(), old: B256Map::default() }
    }
}

/// For a whole generation at once: a map that grows moves all it has, in the way of a block.
fn room() -> B256Map<Bytes> {
    B256Map::with_capacity_and_hasher(GENERATION_MAX, Default::default())
}

impl Generations {
    fn keep(&mut self, hash: B256, node: Bytes) {
        if self.young.len() >= GENERATION_MAX {
            self.old = std::mem::replace(&mut self.young, room());
        }
        self.young.insert(hash, node);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::U256;

    fn hash(number: usize) -> B256 {
        B256::from(U256::from(number))
    }

    #[test]
    fn what_is_used_stays_and_memory_is_bounded() {
        let cache = NodeCache::default();
        for number in 0..GENERATION_MAX * 3 {
            cache.keep([(hash(number), Bytes::new())]);
            assert!(cache.get(hash(0)).is_some(), "after {number}");
        }
        assert!(cache.get(hash(1)).is_none());
        let generations = cache.generations.lock().unwrap();
        assert!(generations.young.len() <= GENERATION_MAX);
        assert!(generations.old.len() <= GENERATION_MAX);
    }
}
