//! Merkle trees in the shape of RFC 6962, hashed with keccak-256.
//!
//! A tree commits to a list of leaves; a path proves one of them against the root alone. Leaves
//! and nodes are hashed under different prefixes, so that a node is never taken for a leaf, and
//! the path is checked against index *and* count (RFC 9162, 2.1.3.2), so that a leaf cannot be
//! shown at a place it does not have.
//!
//! ```text
//! leaf = H(0x00 || data)    node = H(0x01 || left || right)    no leaves: 32 zero bytes
//!
//!            root                      five leaves: the left subtree is the largest power
//!          /      \                    of two that is smaller than the count
//!       node      leaf 4
//!      /    \                          path(2) = [leaf 3, node(0, 1), leaf 4]
//!   (0,1)  (2,3)
//! ```
//!
//! Deliberately absent: what a leaf means, salts, and storage.
#![forbid(unsafe_code)]

pub use alloy_primitives::B256;
use alloy_primitives::Keccak256;

/// The hash of a leaf that holds `data`.
pub fn leaf(data: &[u8]) -> B256 {
    hash(0, &[data])
}

/// The hash of the node over two children.
pub fn node(left: B256, right: B256) -> B256 {
    hash(1, &[left.as_slice(), right.as_slice()])
}

fn hash(prefix: u8, parts: &[&[u8]]) -> B256 {
    let mut hasher = Keccak256::new();
    hasher.update([prefix]);
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

/// A tree over leaf hashes, with all its levels, so that a path costs no hashing.
///
/// Needs 64 bytes per leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// From the leaves up; a node without a right sibling rises unchanged.
    levels: Vec<Vec<B256>>,
}

impl Tree {
    /// The tree over these leaf hashes ([`leaf`]), in this order.
    pub fn new(leaves: Vec<B256>) -> Self {
        let mut levels = vec![leaves];
        while let Some(level) = levels.last().filter(|level| level.len() > 1) {
            let above = level.chunks(2).map(|pair| match pair {
                [left, right] => node(*left, *right),
                rest => rest[0],
            });
            levels.push(above.collect());
        }
        Tree { levels }
    }

    /// The root; 32 zero bytes for a tree without leaves.
    pub fn root(&self) -> B256 {
        self.levels.last().and_then(|top| top.first()).copied().unwrap_or_default()
    }

    /// How many leaves there are.
    pub fn count(&self) -> usize {
        self.levels[0].len()
    }

    /// The siblings from leaf `index` up to the root.
    ///
    /// # Panics
    ///
    /// When there is no such leaf.
    pub fn path(&self, index: usize) -> Vec<B256> {
        assert!(index < self.count(), "leaf {index} of {}", self.count());
        let siblings = self.levels.iter().enumerate();
        siblings.filter_map(|(height, level)| level.get((index >> height) ^ 1).copied()).collect()
    }
}

/// Whether `leaf` (a leaf hash) is number `index` of the `count` leaves under `root`.
pub fn verify(root: B256, leaf: B256, index: usize, count: usize, path: &[B256]) -> bool {
    if index >= count {
        return false;
    }
    let (mut place, mut last, mut hash) = (index, count - 1, leaf);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if place % 2 == 1 || place == last {
            hash = node(*sibling, hash);
            while place % 2 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            hash = node(hash, *sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    last == 0 && hash == root
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNT_MAX: usize = 40;

    fn leaves(count: usize) -> Vec<B256> {
        (0..count).map(|index| leaf(&index.to_be_bytes())).collect()
    }

    /// The definition of RFC 6962, word for word.
    fn naive(leaves: &[B256]) -> B256 {
        match leaves {
            [] => B256::ZERO,
            [only] => *only,
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                node(naive(&leaves[..split]), naive(&leaves[split..]))
            }
        }
    }

    #[test]
    fn the_root_is_that_of_the_definition() {
        for count in 0..=COUNT_MAX {
            assert_eq!(Tree::new(leaves(count)).root(), naive(&leaves(count)), "{count} leaves");
        }
        assert_eq!(Tree::new(Vec::new()).root(), B256::ZERO);
    }

    #[test]
    fn every_leaf_of_every_tree_is_proved_at_its_place_only() {
        for count in 1..=COUNT_MAX {
            let (tree, leaves) = (Tree::new(leaves(count)), leaves(count));
            for (index, leaf) in leaves.iter().enumerate() {
                let path = tree.path(index);
                for place in 0..=count {
                    let proved = verify(tree.root(), *leaf, place, count, &path);
                    assert_eq!(proved, place == index, "leaf {index} of {count} at {place}");
                }
            }
        }
    }

    #[test]
    fn a_tampered_proof_fails() {
        for count in 1..=COUNT_MAX {
            let (tree, leaves) = (Tree::new(leaves(count)), leaves(count));
            for (index, original) in leaves.iter().enumerate() {
                let path = tree.path(index);
                let fails = |root: B256, leaf: B256, path: &[B256]| {
                    assert!(!verify(root, leaf, index, count, path), "leaf {index} of {count}");
                };
                fails(B256::ZERO, *original, &path);
                fails(tree.root(), leaf(b"another"), &path);
                fails(tree.root(), *original, &[path.as_slice(), &[B256::ZERO]].concat());
                for broken in 0..path.len() {
                    let mut tampered = path.clone();
                    tampered[broken].0[31] ^= 1;
                    fails(tree.root(), *original, &tampered);
                    fails(tree.root(), *original, &path[..broken]);
                }
            }
        }
    }

    #[test]
    fn a_node_is_not_a_leaf() {
        let tree = Tree::new(leaves(2));
        let data = [leaves(2)[0].0, leaves(2)[1].0].concat();
        assert_ne!(leaf(&data), tree.root());
        assert!(!verify(tree.root(), tree.root(), 0, 2, &[]));
    }

    #[test]
    fn nothing_is_in_an_empty_tree() {
        assert!(!verify(B256::ZERO, B256::ZERO, 0, 0, &[]));
    }
}
