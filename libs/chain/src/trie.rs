//! An incremental Merkle-Patricia trie whose nodes are kept by their hash.
//!
//! Nodes are loaded when a key leads through them and hashed when they have changed, so a block
//! pays for the paths it touches and every root once committed stays readable. Keys have at most 32
//! bytes and none is a prefix of another: true of hashed keys and of RLP indices, so no branch
//! carries a value. After an error the trie is not to be used further.
//!
//! What a commit adds and what it gives up are both known by [`NodePlace`]: whoever keeps one state
//! only can store a node where the one before it was.

mod difference;
mod node;
mod place;
mod proof;
mod range;

pub use difference::{Step, difference};
pub use place::{NodePlace, PlacedNode};
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

    /// The same of a node that a trie of a state has at this place. Tries ask for nothing else, so
    /// a source may find their nodes by it, and whatever wraps a source has to pass it on.
    fn node_at(&self, place: &NodePlace, hash: B256) -> Option<Bytes> {
        let _ = place;
        self.node(hash)
    }
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

    fn node_at(&self, place: &NodePlace, hash: B256) -> Option<Bytes> {
        (**self).node_at(place, hash)
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
    owner: Option<B256>,
    root: Link,
    dropped: Vec<NodePlace>,
}

impl Trie {
    /// The trie that was committed with this root.
    pub fn at(root: B256) -> Self {
        Self { root: node::root(root), ..Self::default() }
    }

    /// The storage of the account with this key, as it was committed with this root.
    pub fn of_account(owner: B256, root: B256) -> Self {
        Self { owner: Some(owner), ..Self::at(root) }
    }

    /// The value of a key.
    pub fn get(
        &mut self,
        source: &impl NodeSource,
        key: &[u8],
    ) -> Result<Option<Bytes>, TrieError> {
        let key = nibbles(key)?;
        let (owner, mut path, mut link) = (self.owner, key, &mut self.root);
        while let Some(cell) = link.load(source, || place(owner, &key, &path))? {
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
        let key = nibbles(key)?;
        let mut way = Way { source, owner: self.owner, key, dropped: &mut self.dropped };
        insert(&mut self.root, &mut way, key, value).map(drop)
    }

    /// Removes a key; nothing happens if it has no value.
    pub fn remove(&mut self, source: &impl NodeSource, key: &[u8]) -> Result<(), TrieError> {
        let key = nibbles(key)?;
        let mut way = Way { source, owner: self.owner, key, dropped: &mut self.dropped };
        remove(&mut self.root, &mut way, key).map(drop)
    }

    /// The places whose committed node is no longer there, since this was last asked. Those that
    /// [`Trie::commit`] gave out after it have another one; the rest have none.
    pub fn take_dropped(&mut self) -> Vec<NodePlace> {
        std::mem::take(&mut self.dropped)
    }

    /// Hashes what has changed and returns the root. Every new node is given to `keep` with its
    /// place and its hash, children before parents; the trie can be used on.
    pub fn commit(&mut self, mut keep: impl FnMut(NodePlace, B256, Bytes)) -> B256 {
        match &mut self.root {
            Link::Empty => EMPTY_ROOT,
            Link::Stored(root) => *root,
            Link::Loaded(cell) => node::commit_root(cell, self.owner, &mut keep),
        }
    }
}

/// The place of the node below which `rest` of the key is left.
fn place(owner: Option<B256>, key: &Nibbles, rest: &Nibbles) -> NodePlace {
    NodePlace { owner, path: key.slice(..key.len() - rest.len()) }
}

/// The way along which a key is changed.
struct Way<'a, S> {
    source: &'a S,
    owner: Option<B256>,
    key: Nibbles,
    dropped: &'a mut Vec<NodePlace>,
}

impl<S: NodeSource> Way<'_, S> {
    fn load<'l>(
        &self,
        link: &'l mut Link,
        rest: &Nibbles,
    ) -> Result<Option<&'l mut Cell>, TrieError> {
        link.load(self.source, || self.place(rest))
    }

    fn place(&self, rest: &Nibbles) -> NodePlace {
        place(self.owner, &self.key, rest)
    }
}

/// Returns whether anything changed.
fn insert(
    link: &mut Link,
    way: &mut Way<'_, impl NodeSource>,
    path: Nibbles,
    value: Bytes,
) -> Result<bool, TrieError> {
    let Some(cell) = way.load(link, &path)? else {
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
            insert(child, way, path.slice(prefix.len()..), value)?
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
            insert(&mut children[usize::from(nibble)], way, path.slice(1..), value)?
        }
    };
    if changed && cell.hash.take().is_some() {
        way.dropped.push(way.place(&path));
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
    way: &mut Way<'_, impl NodeSource>,
    path: Nibbles,
) -> Result<bool, TrieError> {
    let Some(cell) = way.load(link, &path)? else { return Ok(false) };
    match &mut cell.node {
        Node::Leaf { path: rest, .. } => {
            if *rest != path {
                return Ok(false);
            }
            if cell.hash.is_some() {
                way.dropped.push(way.place(&path));
            }
            *link = Link::Empty;
            return Ok(true);
        }
        Node::Extension { path: prefix, child } => {
            if !path.starts_with(prefix) || !remove(child, way, path.slice(prefix.len()..))? {
                return Ok(false);
            }
            let prefix = *prefix;
            let child = std::mem::take(child);
            cell.node = join(way.place(&path), prefix, child, way)?;
        }
        Node::Branch(children) => {
            let Some(nibble) = path.first() else { return Ok(false) };
            let child = &mut children[usize::from(nibble)];
            if !remove(child, way, path.slice(1..))? {
                return Ok(false);
            }
            let mut left = (0u8..16).filter(|&at| !children[usize::from(at)].is_empty());
            if let (Some(only), None) = (left.next(), left.next()) {
                let child = std::mem::take(&mut children[usize::from(only)]);
                cell.node = join(way.place(&path), Nibbles::from_nibbles([only]), child, way)?;
            }
        }
    }
    if cell.hash.take().is_some() {
        way.dropped.push(way.place(&path));
    }
    Ok(true)
}

/// The one node at `at` that `prefix` in front of `child` is.
fn join(
    at: NodePlace,
    prefix: Nibbles,
    mut child: Link,
    way: &mut Way<'_, impl NodeSource>,
) -> Result<Node, TrieError> {
    let below = NodePlace { path: at.path.join(&prefix), ..at };
    let cell = child.load(way.source, || below)?.expect("a branch has at least two children");
    let joined = match &mut cell.node {
        Node::Leaf { path, value } => {
            Node::Leaf { path: prefix.join(path), value: std::mem::take(value) }
        }
        Node::Extension { path, child } => {
            Node::Extension { path: prefix.join(path), child: std::mem::take(child) }
        }
        Node::Branch(_) => return Ok(Node::Extension { path: prefix, child }),
    };
    if cell.hash.is_some() {
        way.dropped.push(below);
    }
    Ok(joined)
}

#[cfg(test)]
mod tests;
