//! What two tries do not have in common, by place.
//!
//! Both are walked at once and a subtree that hangs at the same place of both is passed over, so
//! the work is that of the change between them. Against [`EMPTY_ROOT`] it is a walk over a whole
//! trie. Memory is that of one path.

use super::node::{Link, Node};
use super::{EMPTY_ROOT, NodeSource, TrieError};
use alloy_primitives::{B256, Bytes};
use alloy_trie::Nibbles;

/// Something that one of the two tries has at a place and the other has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A stored node of the old trie.
    Dropped(B256),
    /// A stored node of the new trie.
    Created(B256),
    /// A key whose value differs: the old one and the new one.
    Value(Option<Bytes>, Option<Bytes>),
}

/// Tells `visit` each [`Step`] from the trie with the root `old` to that with the root `new`.
pub fn difference<E: From<TrieError>>(
    source: &impl NodeSource,
    old: B256,
    new: B256,
    visit: &mut impl FnMut(Step) -> Result<(), E>,
) -> Result<(), E> {
    let link = |root| if root == EMPTY_ROOT { Link::Empty } else { Link::Stored(root) };
    walk(source, link(old), link(new), visit)
}

fn walk<E: From<TrieError>>(
    source: &impl NodeSource,
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
        visit(Step::Dropped(hash))?;
    }
    if let Link::Stored(hash) = new {
        visit(Step::Created(hash))?;
    }
    old.load(source)?;
    new.load(source)?;
    if let Some((ours, theirs)) = values(&old, &new) {
        return if ours == theirs { Ok(()) } else { visit(Step::Value(ours, theirs)) };
    }
    let (mut old, mut new) = (children(old)?, children(new)?);
    for nibble in 0..16 {
        walk(source, std::mem::take(&mut old[nibble]), std::mem::take(&mut new[nibble]), visit)?;
    }
    Ok(())
}

/// The values of one key, if neither side has any other below this place.
fn values(old: &Link, new: &Link) -> Option<(Option<Bytes>, Option<Bytes>)> {
    match (leaf(old), leaf(new)) {
        (Some((path, ours)), Some((other, theirs))) if path == other => {
            Some((Some(ours.clone()), Some(theirs.clone())))
        }
        (Some((_, ours)), None) if new.is_empty() => Some((Some(ours.clone()), None)),
        (None, Some((_, theirs))) if old.is_empty() => Some((None, Some(theirs.clone()))),
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
