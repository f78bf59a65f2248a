//! What two tries do not have in common, by place.
//!
//! Both are walked at once and a subtree that hangs at the same place of both is passed over, so
//! the work is that of the change between them. Against [`EMPTY_ROOT`](super::EMPTY_ROOT) it is a
//! walk over a whole trie. Memory is that of one path.

use super::node::{self, Link, Node};
use super::{NodePlace, NodeSource, TrieError};
use alloy_primitives::{B256, Bytes};
use alloy_trie::Nibbles;

/// Something that one of the two tries has at a place and the other has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A stored node of the old trie.
    Dropped(NodePlace, B256),
    /// A stored node of the new trie.
    Created(NodePlace, B256),
    /// A key whose value differs: the old one and the new one.
    Value(Nibbles, Option<Bytes>, Option<Bytes>),
}

/// Tells `visit` each [`Step`] from the trie with the root `old` to that with the root `new`. Both
/// are the storage of the account with the key `owner`, or tries of accounts.
pub fn difference<E: From<TrieError>>(
    source: &impl NodeSource,
    owner: Option<B256>,
    old: B256,
    new: B256,
    visit: &mut impl FnMut(Step) -> Result<(), E>,
) -> Result<(), E> {
    let place = NodePlace { owner, path: Nibbles::new() };
    walk(source, place, node::root(old), node::root(new), visit)
}

fn walk<E: From<TrieError>>(
    source: &impl NodeSource,
    place: NodePlace,
    mut old: Link,
    mut new: Link,
    visit: &mut impl FnMut(Step) -> Result<(), E>,
) -> Result<(), E> {
    match (&old, &new) {
        (Link::Empty, Link::Empty) => return Ok(()),
        (Link::Stored(ours), Link::Stored(theirs)) if ours == theirs => return Ok(()),
        _ => {}
    }
    if let Link::Stored(hash) = old {
        visit(Step::Dropped(place, hash))?;
    }
    if let Link::Stored(hash) = new {
        visit(Step::Created(place, hash))?;
    }
    old.load(source, || place)?;
    new.load(source, || place)?;
    if let Some((rest, ours, theirs)) = values(&old, &new) {
        if ours == theirs {
            return Ok(());
        }
        return visit(Step::Value(place.path.join(&rest), ours, theirs));
    }
    let (mut old, mut new) = (children(old)?, children(new)?);
    for (nibble, (old, new)) in (0..).zip(old.iter_mut().zip(new.iter_mut())) {
        let mut below = place;
        below.path.push(nibble);
        walk(source, below, std::mem::take(old), std::mem::take(new), visit)?;
    }
    Ok(())
}

/// The rest of one key with its values, if neither side has any other below this place.
fn values(old: &Link, new: &Link) -> Option<(Nibbles, Option<Bytes>, Option<Bytes>)> {
    match (leaf(old), leaf(new)) {
        (Some((path, ours)), Some((other, theirs))) if path == other => {
            Some((*path, Some(ours.clone()), Some(theirs.clone())))
        }
        (Some((path, ours)), None) if new.is_empty() => Some((*path, Some(ours.clone()), None)),
        (None, Some((path, theirs))) if old.is_empty() => Some((*path, None, Some(theirs.clone()))),
        _ => None,
    }
}

fn leaf(link: &Link) -> Option<(&Nibbles, &Bytes)> {
    match link {
        Link::Loaded(cell) => match &cell.node {
            Node::Leaf { path, value } => Some((path, value)),
            _ => None,
        },
        _ => None,
    }
}

/// What hangs below a loaded node, one nibble further on: a path of several nibbles goes on as a
/// node that is stored nowhere.
fn children(link: Link) -> Result<Box<[Link; 16]>, TrieError> {
    let mut children = Box::new([const { Link::Empty }; 16]);
    let Link::Loaded(cell) = link else { return Ok(children) };
    let (first, below) = match cell.node {
        Node::Branch(children) => return Ok(children),
        Node::Leaf { path, value } => {
            let first = path.first().ok_or(TrieError::BadKey)?;
            (first, Node::Leaf { path: path.slice(1..), value }.into())
        }
        Node::Extension { path, child } => {
            let first = path.first().ok_or(TrieError::BadKey)?;
            let rest = path.slice(1..);
            let below =
                if rest.is_empty() { child } else { Node::Extension { path: rest, child }.into() };
            (first, below)
        }
    };
    children[usize::from(first)] = below;
    Ok(children)
}
