//! An incremental Merkle-Patricia trie whose nodes are kept by their hash.
//!
//! Nodes are loaded when a key leads through them and hashed when they have changed, so a block
//! pays for the paths it touches and every root once committed stays readable. Keys have at most 32
//! bytes and none is a prefix of another: true of hashed keys and of RLP indices, so no branch
//! carries a value. After an error the trie is not to be used further.
//!
//! What a commit adds and what it gives up are both known by place: whoever stores nodes can count
//! how many places of the tries it keeps have each of them, and delete a node that none has.

mod difference;
mod node;
mod proof;
mod range;

pub use difference::{Step, difference};
pub use proof::{ProofError, proof, verify};

use alloy_primitives::{B256, Bytes};
use alloy_trie::Nibbles;
use node::{Cell, Link, NIBBLES_MAX, Node};
use std::collections::HashMap;

/// Root of the trie without entries.
pub const EMPTY_ROOT: B256 = alloy_trie::EMPTY_ROOT_HASH;

/// Where stored nodes are read. The value under a hash never changes.
pub trait NodeSource {
    /// The bytes whose keccak-256 is `hash`, or `None` if they are not stored.
    fn node(&self, hash: B256) -> Option<Bytes>;
}

impl NodeSource for HashMap<B256, Bytes> {
    fn node(&self, hash: B256) -> Option<Bytes> {
        self.get(&hash).cloned()
    }
}

impl<T: NodeSource + ?Sized> NodeSource for &T {
    fn node(&self, hash: B256) -> Option<Bytes> {
        (**self).node(hash)
    }
}

/// The source failed the trie, or a key does not fit it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrieError {
    /// The source does not have a node that the trie refers to.
    #[error("trie node {0} is missing")]
    MissingNode(B256),
    /// What the source has under this hash is not a trie node.
    #[error("trie node {0} is malformed")]
    BadNode(B256),
    /// The key is longer than 32 bytes, or a prefix of another or the other way round.
    #[error("trie key is too long or a prefix of another")]
    BadKey,
}

fn nibbles(key: &[u8]) -> Result<Nibbles, TrieError> {
    if key.len() * 2 > NIBBLES_MAX { Err(TrieError::BadKey) } else { Ok(Nibbles::unpack(key)) }
}

/// A trie in the making: what has been loaded and what has changed since the last commit.
#[derive(Clone, Debug, Default)]
pub struct Trie {
    root: Link,
    dropped: Vec<B256>,
}

impl Trie {
    /// The trie that was committed with this root.
    pub fn at(root: B256) -> Self {
        let root = if root == EMPTY_ROOT { Link::Empty } else { Link::Stored(root) };
        Self { root, dropped: Vec::new() }
    }

    /// The value of a key.
    pub fn get(
        &mut self,
        source: &impl NodeSource,
        key: &[u8],
    ) -> Result<Option<Bytes>, TrieError> {
        let mut path = nibbles(key)?;
        let mut link = &mut self.root;
        while let Some(cell) = link.load(source)? {
            match &mut cell.node {
                Node::Leaf { path: rest, value } => {
                    return Ok((*rest == path).then(|| value.clone()));
                }
                Node::Extension { path: prefix, child } => {
                    if !path.starts_with(prefix) {
                        return Ok(None);
                    }
                    path = path.slice(prefix.len()..);
                    link = child;
                }
                Node::Branch(children) => {
                    let Some(nibble) = path.first() else { return Ok(None) };
                    path = path.slice(1..);
                    link = &mut children[usize::from(nibble)];
                }
            }
        }
        Ok(None)
    }

    /// Sets the value of a key; an empty value removes it.
    pub fn insert(
        &mut self,
        source: &impl NodeSource,
        key: &[u8],
        value: impl Into<Bytes>,
    ) -> Result<(), TrieError> {
        let value = value.into();
        if value.is_empty() {
            return self.remove(source, key);
        }
        let path = nibbles(key)?;
        insert(&mut self.root, source, path, value, &mut self.dropped).map(drop)
    }

    /// Removes a key; nothing happens if it has no value.
    pub fn remove(&mut self, source: &impl NodeSource, key: &[u8]) -> Result<(), TrieError> {
        remove(&mut self.root, source, nibbles(key)?, &mut self.dropped).map(drop)
    }

    /// The nodes that were committed at a place and are no longer there, since this was last asked:
    /// one for each place. Together with those that [`Trie::commit`] gave out it is what changed,
    /// also where a node was given up and made again.
    pub fn take_dropped(&mut self) -> Vec<B256> {
        std::mem::take(&mut self.dropped)
    }

    /// Hashes what has changed and returns the root. Every new node is given to `keep` as
    /// (hash, RLP), children before parents; the trie can be used on.
    pub fn commit(&mut self, mut keep: impl FnMut(B256, Bytes)) -> B256 {
        match &mut self.root {
            Link::Empty => EMPTY_ROOT,
            Link::Stored(root) => *root,
            Link::Loaded(cell) => node::commit_root(cell, &mut keep),
        }
    }
}

/// Returns whether anything changed.
fn insert(
    link: &mut Link,
    source: &impl NodeSource,
    path: Nibbles,
    value: Bytes,
    dropped: &mut Vec<B256>,
) -> Result<bool, TrieError> {
    let Some(cell) = link.load(source)? else {
        *link = Node::Leaf { path, value }.into();
        return Ok(true);
    };
    let changed = match &mut cell.node {
        Node::Leaf { path: rest, value: old } if *rest == path => {
            let changed = *old != value;
            *old = value;
            changed
        }
        Node::Leaf { path: rest, value: old } => {
            let moved = |path| Node::Leaf { path, value: std::mem::take(old) }.into();
            cell.node = split(*rest, moved, path, value)?;
            true
        }
        Node::Extension { path: prefix, child } if path.starts_with(prefix) => {
            insert(child, source, path.slice(prefix.len()..), value, dropped)?
        }
        Node::Extension { path: prefix, child } => {
            let moved = |path: Nibbles| {
                let child = std::mem::take(child);
                if path.is_empty() { child } else { Node::Extension { path, child }.into() }
            };
            cell.node = split(*prefix, moved, path, value)?;
            true
        }
        Node::Branch(children) => {
            let nibble = path.first().ok_or(TrieError::BadKey)?;
            insert(&mut children[usize::from(nibble)], source, path.slice(1..), value, dropped)?
        }
    };
    if changed {
        dropped.extend(cell.hash.take());
    }
    Ok(changed)
}

/// A branch where `old` and `path` part, below what they share. `moved` makes the old node anew for
/// the rest of its path.
fn split(
    old: Nibbles,
    moved: impl FnOnce(Nibbles) -> Link,
    path: Nibbles,
    value: Bytes,
) -> Result<Node, TrieError> {
    let common = old.common_prefix_length(&path);
    let (Some(ours), Some(theirs)) = (path.get(common), old.get(common)) else {
        return Err(TrieError::BadKey);
    };
    let mut children = Box::new([const { Link::Empty }; 16]);
    children[usize::from(theirs)] = moved(old.slice(common + 1..));
    children[usize::from(ours)] = Node::Leaf { path: path.slice(common + 1..), value }.into();
    let branch = Node::Branch(children);
    if common == 0 {
        return Ok(branch);
    }
    Ok(Node::Extension { path: path.slice(..common), child: branch.into() })
}

/// Returns whether anything changed.
fn remove(
    link: &mut Link,
    source: &impl NodeSource,
    path: Nibbles,
    dropped: &mut Vec<B256>,
) -> Result<bool, TrieError> {
    let Some(cell) = link.load(source)? else { return Ok(false) };
    match &mut cell.node {
        Node::Leaf { path: rest, .. } => {
            if *rest != path {
                return Ok(false);
            }
            dropped.extend(cell.hash);
            *link = Link::Empty;
            return Ok(true);
        }
        Node::Extension { path: prefix, child } => {
            if !path.starts_with(prefix)
                || !remove(child, source, path.slice(prefix.len()..), dropped)?
            {
                return Ok(false);
            }
            let prefix = *prefix;
            let child = std::mem::take(child);
            cell.node = join(prefix, child, source, dropped)?;
        }
        Node::Branch(children) => {
            let Some(nibble) = path.first() else { return Ok(false) };
            let child = &mut children[usize::from(nibble)];
            if !remove(child, source, path.slice(1..), dropped)? {
                return Ok(false);
            }
            let mut left = (0u8..16).filter(|&at| !children[usize::from(at)].is_empty());
            if let (Some(only), None) = (left.next(), left.next()) {
                let child = std::mem::take(&mut children[usize::from(only)]);
                cell.node = join(Nibbles::from_nibbles([only]), child, source, dropped)?;
            }
        }
    }
    dropped.extend(cell.hash.take());
    Ok(true)
}

/// The one node that `prefix` in front of `child` is.
fn join(
    prefix: Nibbles,
    mut child: Link,
    source: &impl NodeSource,
    dropped: &mut Vec<B256>,
) -> Result<Node, TrieError> {
    let cell: &mut Cell = child.load(source)?.expect("a branch has at least two children");
    let joined = match &mut cell.node {
        Node::Leaf { path, value } => {
            Node::Leaf { path: prefix.join(path), value: std::mem::take(value) }
        }
        Node::Extension { path, child } => {
            Node::Extension { path: prefix.join(path), child: std::mem::take(child) }
        }
        Node::Branch(_) => return Ok(Node::Extension { path: prefix, child }),
    };
    dropped.extend(cell.hash);
    Ok(joined)
}

#[cfg(test)]
mod tests;
