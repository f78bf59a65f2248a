//! What a trie holds from a key on, in order of keys.

use super::node::{Link, Node};
use super::{NodePlace, NodeSource, Trie, TrieError, nibbles};
use alloy_primitives::{B256, Bytes};
use alloy_trie::Nibbles;

impl Trie {
    /// The entries whose keys are not below `start`, in order, at most `max`.
    pub fn range(
        &mut self,
        source: &impl NodeSource,
        start: &[u8],
        max: usize,
    ) -> Result<Vec<(Vec<u8>, Bytes)>, TrieError> {
        let (owner, start) = (self.owner, nibbles(start)?);
        let mut walk = Walk { owner, start, max, found: Vec::new() };
        walk.down(&mut self.root, Nibbles::new(), source)?;
        Ok(walk.found)
    }
}

struct Walk {
    owner: Option<B256>,
    start: Nibbles,
    max: usize,
    found: Vec<(Vec<u8>, Bytes)>,
}

impl Walk {
    fn down(
        &mut self,
        link: &mut Link,
        at: Nibbles,
        source: &impl NodeSource,
    ) -> Result<(), TrieError> {
        if self.found.len() >= self.max || self.is_below(&at) {
            return Ok(());
        }
        let Some(cell) = link.load(source, || NodePlace { owner: self.owner, path: at })? else {
            return Ok(());
        };
        match &mut cell.node {
            Node::Leaf { path, value } => {
                let key = at.join(path);
                if key >= self.start {
                    self.found.push((key.pack().to_vec(), value.clone()));
                }
                Ok(())
            }
            Node::Extension { path, child } => self.down(child, at.join(path), source),
            Node::Branch(children) => {
                (0u8..).zip(children.iter_mut()).try_for_each(|(nibble, child)| {
                    let mut below = at;
                    below.push(nibble);
                    self.down(child, below, source)
                })
            }
        }
    }

    /// Whether every key that begins like this is below the start.
    fn is_below(&self, at: &Nibbles) -> bool {
        *at < self.start.slice(..at.len().min(self.start.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::keccak256;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use std::collections::{BTreeMap, HashMap};

    fn check(seed: u64) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut key = || {
            let mut key = keccak256(random.random_range(0..300u32).to_be_bytes());
            // Some share a long beginning.
            if key[31].is_multiple_of(3) {
                key[..30].fill(0x11);
            }
            key
        };
        let (mut nodes, mut trie) = (HashMap::new(), Trie::default());
        let mut twin: BTreeMap<B256, Bytes> = BTreeMap::new();
        for _ in 0..200 {
            let (key, value) = (key(), Bytes::copy_from_slice(key().as_slice()));
            trie.insert(&nodes, key.as_slice(), value.clone()).unwrap();
            twin.insert(key, value);
        }
        let mut kept = Vec::new();
        let root = trie.commit(|_, hash, rlp| kept.push((hash, rlp)));
        nodes.extend(kept);
        for max in [1, 7, 1_000] {
            for start in
                [B256::ZERO, key(), key(), B256::repeat_byte(0x11), B256::repeat_byte(0xff)]
            {
                let expected: Vec<(Vec<u8>, Bytes)> = twin
                    .range(start..)
                    .take(max)
                    .map(|(key, value)| (key.to_vec(), value.clone()))
                    .collect();
                let found = Trie::at(root).range(&nodes, start.as_slice(), max).unwrap();
                assert_eq!(found, expected, "seed {seed}, {max} from {start}");
                assert_eq!(trie.range(&nodes, start.as_slice(), max).unwrap(), expected);
            }
        }
    }

    #[test]
    fn a_range_holds_what_an_ordered_map_does() {
        for seed in 0..20 {
            check(seed);
        }
        assert_eq!(Trie::default().range(&HashMap::new(), &[0; 32], 9).unwrap(), []);
    }
}
