//! Where in the tries of a state a node is.

use alloy_primitives::{B256, Bytes};
use alloy_trie::Nibbles;

/// A place in the tries of a state, which has one node at a time: whoever stores one state only can
/// store nodes by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodePlace {
    /// Key of the account whose storage the trie is; `None` for the trie of accounts.
    pub owner: Option<B256>,
    /// What the keys below have in common: the way from the root.
    pub path: Nibbles,
}

impl NodePlace {
    /// Bytes that no other place has, at most 65. In their order a node stands close to those below
    /// it, and the storage of an account close to the account.
    ///
    /// ```text
    /// | of storage: key of the account | path, two nibbles to a byte | nibbles of it: u8 |
    /// ```
    pub fn key(&self) -> Vec<u8> {
        let mut key = Vec::with_capacity(self.owner.map_or(0, |_| 32) + self.path.len() / 2 + 2);
        self.write_key(&mut key);
        key
    }

    /// Appends [`NodePlace::key`].
    pub fn write_key(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.owner.as_ref().map_or(&[][..], B256::as_slice));
        out.extend_from_slice(&self.path.pack());
        out.push(u8::try_from(self.path.len()).expect("a path has at most 64 nibbles"));
    }
}

/// A stored node of a trie, at one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlacedNode {
    /// Where it is.
    pub place: NodePlace,
    /// Its keccak-256.
    pub hash: B256,
    /// The node.
    pub rlp: Bytes,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_places_have_one_key_and_what_hangs_together_stands_together() {
        let mut keys = BTreeSet::new();
        let mut paths = vec![Vec::new()];
        for _ in 0..4 {
            for path in std::mem::take(&mut paths) {
                for owner in [None, Some(B256::ZERO), Some(B256::with_last_byte(1))] {
                    let place = NodePlace { owner, path: Nibbles::from_nibbles(&path) };
                    assert!(keys.insert(place.key()), "{place:?}");
                }
                paths.extend([0, 1, 15].map(|nibble| [&path[..], &[nibble]].concat()));
            }
        }
        let deepest = Nibbles::unpack(B256::ZERO);
        assert!(keys.insert(NodePlace { owner: None, path: deepest }.key()));
        let longest = NodePlace { owner: Some(B256::ZERO), path: deepest }.key();
        assert!(longest.len() == 65 && keys.insert(longest));
        let key =
            |nibbles: &[u8]| NodePlace { owner: None, path: Nibbles::from_nibbles(nibbles) }.key();
        assert!(key(&[1, 2, 3, 15]) < key(&[1, 2, 4]) && key(&[1, 2, 4]) < key(&[1, 2, 5, 0]));
    }
}
