//! A Merkle mountain range over block hashes: any old block is proved against one recent header.
//!
//! The root is that of an RFC 6962 tree over the hashes in order of height, with keccak-256:
//! `leaf = H(0x00 || hash)`, `node = H(0x01 || left || right)`, the empty root is 32 zero bytes.
//! A header at height n carries the root over the n blocks below it, so the count is the height.
//!
//! The value holds the peaks only, largest first, one per bit of the count. Inner nodes are given
//! out as 65-byte preimages to be kept by their hash next to the trie nodes; a path is walked down
//! from a peak. So a reorg has nothing to undo.

use crate::trie::NodeSource;
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use serde::{Deserialize, Serialize};

/// The mountains over the first `count` block hashes.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, RlpEncodable, RlpDecodable, Serialize, Deserialize,
)]
pub struct Mmr {
    count: u64,
    peaks: Vec<B256>,
}

/// Where an old leaf is: its path proves it to whoever knows the root and the count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Path {
    /// Position of the leaf: the height of the block.
    pub index: u64,
    /// Number of leaves under the root: the height of the header that carries it.
    pub count: u64,
    /// Siblings from the leaf up.
    pub siblings: Vec<B256>,
}

/// `H(0x00 || hash)`.
pub fn leaf(hash: B256) -> B256 {
    let mut preimage = [0; 33];
    preimage[1..].copy_from_slice(hash.as_slice());
    keccak256(preimage)
}

fn node_preimage(left: B256, right: B256) -> [u8; 65] {
    let mut preimage = [1; 65];
    preimage[1..33].copy_from_slice(left.as_slice());
    preimage[33..].copy_from_slice(right.as_slice());
    preimage
}

/// `H(0x01 || left || right)`.
pub fn node(left: B256, right: B256) -> B256 {
    keccak256(node_preimage(left, right))
}

/// Whether these bytes are the preimage of an inner node, which no trie node's are.
pub fn is_node(bytes: &[u8]) -> bool {
    split(bytes).is_some()
}

/// Heights of the blocks whose newest peak is a peak of the range over `count` hashes, the first
/// peak's first. Their newest peaks are all that is to be kept of each range.
pub fn peak_heights(count: u64) -> impl DoubleEndedIterator<Item = u64> {
    let bits = (0..u64::BITS).rev().filter(move |bit| count >> bit & 1 == 1);
    // The leaves up to this peak: the bits from it on upwards.
    bits.map(move |bit| (count >> bit << bit) - 1)
}

impl Mmr {
    /// The range over `count` hashes with these peaks; `None` if there cannot be so many.
    pub fn of_peaks(count: u64, peaks: Vec<B256>) -> Option<Self> {
        (peaks.len() == usize::try_from(count.count_ones()).ok()?).then_some(Self { count, peaks })
    }

    /// How many hashes have been appended.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Roots of the complete subtrees, largest first.
    pub fn peaks(&self) -> &[B256] {
        &self.peaks
    }

    /// Appends a block hash. The inner nodes that this completed are given to `keep` as
    /// (hash, preimage); a [`Mmr::path`] needs them.
    pub fn append(&mut self, hash: B256, mut keep: impl FnMut(B256, Bytes)) {
        let mut top = leaf(hash);
        for _ in 0..self.count.trailing_ones() {
            let left = self.peaks.pop().expect("a peak for every one bit of the count");
            let preimage = node_preimage(left, top);
            top = keccak256(preimage);
            keep(top, Bytes::copy_from_slice(&preimage));
        }
        self.peaks.push(top);
        self.count += 1;
    }

    /// The root over all hashes appended so far.
    pub fn root(&self) -> B256 {
        bag(&self.peaks).unwrap_or_default()
    }

    /// The path of the leaf at `index`, or `None` if there is no such leaf or the source lacks an
    /// inner node.
    pub fn path(&self, index: u64, source: &impl NodeSource) -> Option<Path> {
        if index >= self.count {
            return None;
        }
        let (mut position, mut mountain) = (index, 0);
        let mut height = self.count.ilog2();
        for level in (0..=self.count.ilog2()).rev().filter(|level| self.count >> level & 1 == 1) {
            height = level;
            if position < 1 << level {
                break;
            }
            position -= 1 << level;
            mountain += 1;
        }
        // Collected from the top down: the mountains to the left, those to the right as one, then
        // the levels inside the mountain.
        let mut siblings = Vec::new();
        siblings.extend(self.peaks[..mountain].iter());
        siblings.extend(bag(&self.peaks[mountain + 1..]));
        let mut at = self.peaks[mountain];
        for level in (0..height).rev() {
            let preimage = source.node(at)?;
            let (left, right) = split(&preimage)?;
            let goes_right = position >> level & 1 == 1;
            siblings.push(if goes_right { left } else { right });
            at = if goes_right { right } else { left };
        }
        siblings.reverse();
        Some(Path { index, count: self.count, siblings })
    }
}

fn split(preimage: &[u8]) -> Option<(B256, B256)> {
    match preimage {
        [1, hashes @ ..] if hashes.len() == 64 => {
            Some((B256::from_slice(&hashes[..32]), B256::from_slice(&hashes[32..])))
        }
        _ => None,
    }
}

fn bag(peaks: &[B256]) -> Option<B256> {
    peaks.iter().rev().copied().reduce(|right, left| node(left, right))
}

impl Path {
    /// The root that `hash` at this place leads to, or `None` if the path has the wrong shape
    /// (RFC 9162, 2.1.3.2). The caller compares it with a root it trusts.
    pub fn root(&self, hash: B256) -> Option<B256> {
        if self.index >= self.count {
            return None;
        }
        let (mut position, mut last) = (self.index, self.count - 1);
        let mut top = leaf(hash);
        for sibling in &self.siblings {
            if last == 0 {
                return None;
            }
            if position & 1 == 1 || position == last {
                top = node(*sibling, top);
                while position & 1 == 0 && position != 0 {
                    position >>= 1;
                    last >>= 1;
                }
            } else {
                top = node(top, *sibling);
            }
            position >>= 1;
            last >>= 1;
        }
        (last == 0).then_some(top)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    /// The tree of RFC 6962, straight from its definition.
    fn naive(hashes: &[B256]) -> B256 {
        match hashes {
            [] => B256::ZERO,
            [only] => leaf(*only),
            _ => {
                let half = hashes.len().next_power_of_two() / 2;
                node(naive(&hashes[..half]), naive(&hashes[half..]))
            }
        }
    }

    #[test]
    fn roots_and_paths_agree_with_the_definition_for_every_count_and_leaf() {
        let hashes: Vec<B256> = (0..70u64).map(|n| keccak256(n.to_be_bytes())).collect();
        let mut nodes = HashMap::new();
        let mut mmr = Mmr::default();
        assert_eq!(mmr.root(), B256::ZERO);
        let mut newest = Vec::new();
        for count in 1..=hashes.len() {
            mmr.append(hashes[count - 1], |hash, bytes| {
                assert!(is_node(&bytes));
                nodes.insert(hash, bytes);
            });
            newest.push(*mmr.peaks().last().unwrap());
            let peaks =
                peak_heights(count as u64).map(|height| newest[usize::try_from(height).unwrap()]);
            assert_eq!(Mmr::of_peaks(count as u64, peaks.collect()), Some(mmr.clone()));
            assert_eq!(Mmr::of_peaks(count as u64, Vec::new()), None);
            assert_eq!(mmr.root(), naive(&hashes[..count]), "{count} leaves");
            for (index, hash) in hashes[..count].iter().enumerate() {
                let path = mmr.path(index as u64, &nodes).unwrap();
                assert_eq!(path.root(*hash), Some(mmr.root()), "leaf {index} of {count}");
                assert_ne!(path.root(B256::ZERO), Some(mmr.root()));
            }
            assert_eq!(mmr.path(count as u64, &nodes), None);
        }
    }

    #[test]
    fn a_path_of_the_wrong_shape_proves_nothing() {
        let hashes: Vec<B256> = (0..13u64).map(|n| keccak256(n.to_be_bytes())).collect();
        let mut nodes = HashMap::new();
        let mut mmr = Mmr::default();
        for hash in &hashes {
            mmr.append(*hash, |hash, bytes| drop(nodes.insert(hash, bytes)));
        }
        let good = mmr.path(6, &nodes).unwrap();
        let mut short = good.clone();
        short.siblings.pop();
        let mut long = good.clone();
        long.siblings.push(B256::ZERO);
        let moved = Path { index: 7, ..good.clone() };
        let outside = Path { index: 13, ..good };
        for wrong in [short, long, moved, outside] {
            assert_ne!(wrong.root(hashes[6]), Some(mmr.root()), "{wrong:?}");
        }
    }
}
