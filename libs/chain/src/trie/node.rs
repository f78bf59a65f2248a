//! Trie nodes: what they are, their RLP, and how they are loaded.

use super::{EMPTY_ROOT, NodePlace, NodeSource, TrieError};
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::{EMPTY_LIST_CODE, EMPTY_STRING_CODE, Encodable, Header, PayloadView};
use alloy_trie::Nibbles;

/// Keys have at most 32 bytes.
pub(super) const NIBBLES_MAX: usize = 64;

#[derive(Clone, Debug)]
pub(super) enum Node {
    Leaf { path: Nibbles, value: Bytes },
    Extension { path: Nibbles, child: Link },
    Branch(Box<[Link; 16]>),
}

/// What a parent holds of a child.
#[derive(Clone, Debug, Default)]
pub(super) enum Link {
    #[default]
    Empty,
    /// In the source, not in memory.
    Stored(B256),
    Loaded(Box<Cell>),
}

/// A node in memory. `hash` is known while neither it nor anything below it has changed.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) node: Node,
    pub(super) hash: Option<B256>,
}

impl From<Node> for Link {
    fn from(node: Node) -> Self {
        Self::Loaded(Box::new(Cell { node, hash: None }))
    }
}

/// What a trie with this root begins with.
pub(super) fn root(hash: B256) -> Link {
    if hash == EMPTY_ROOT { Link::Empty } else { Link::Stored(hash) }
}

impl Link {
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// Loads the node if it is only stored; `None` if there is no child.
    pub(super) fn load(
        &mut self,
        source: &impl NodeSource,
        place: impl FnOnce() -> NodePlace,
    ) -> Result<Option<&mut Cell>, TrieError> {
        if let Self::Stored(hash) = *self {
            let rlp = source.node_at(&place(), hash).ok_or(TrieError::MissingNode(hash))?;
            let node = decode(&rlp).ok_or(TrieError::BadNode(hash))?;
            *self = Self::Loaded(Box::new(Cell { node, hash: Some(hash) }));
        }
        Ok(match self {
            Self::Loaded(cell) => Some(cell),
            _ => None,
        })
    }
}

/// Bytes of a hash as RLP.
const HASH_LENGTH: usize = 33;
/// What comes before a hash as RLP.
const HASH_CODE: u8 = EMPTY_STRING_CODE + 32;

/// How a parent writes its child down: nothing, the node itself if shorter than 32 bytes, or its
/// hash.
enum Reference {
    Empty,
    Inline(Vec<u8>),
    Hash(B256),
}

impl Reference {
    fn length(&self) -> usize {
        match self {
            Self::Empty => 1,
            Self::Inline(rlp) => rlp.len(),
            Self::Hash(_) => HASH_LENGTH,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Empty => out.push(EMPTY_STRING_CODE),
            Self::Inline(rlp) => out.extend_from_slice(rlp),
            Self::Hash(hash) => {
                out.push(HASH_CODE);
                out.extend_from_slice(hash.as_slice());
            }
        }
    }
}

/// Hashes what has changed below and at `cell`, as a root: it is hashed however short it is.
pub(super) fn commit_root(
    cell: &mut Cell,
    owner: Option<B256>,
    keep: &mut impl FnMut(NodePlace, B256, Bytes),
) -> B256 {
    if let Some(hash) = cell.hash {
        return hash;
    }
    let place = NodePlace { owner, path: Nibbles::new() };
    let rlp = encode(&mut cell.node, &place, keep);
    let hash = keccak256(&rlp);
    keep(place, hash, rlp.into());
    cell.hash = Some(hash);
    hash
}

fn commit(
    link: &mut Link,
    place: impl FnOnce() -> NodePlace,
    keep: &mut impl FnMut(NodePlace, B256, Bytes),
) -> Reference {
    match link {
        Link::Empty => Reference::Empty,
        Link::Stored(hash) => Reference::Hash(*hash),
        Link::Loaded(cell) => {
            if let Some(hash) = cell.hash {
                return Reference::Hash(hash);
            }
            let place = place();
            let rlp = encode(&mut cell.node, &place, keep);
            if rlp.len() < 32 {
                return Reference::Inline(rlp);
            }
            let hash = keccak256(&rlp);
            keep(place, hash, rlp.into());
            cell.hash = Some(hash);
            Reference::Hash(hash)
        }
    }
}

fn encode(
    node: &mut Node,
    place: &NodePlace,
    keep: &mut impl FnMut(NodePlace, B256, Bytes),
) -> Vec<u8> {
    match node {
        Node::Leaf { path, value } => {
            let path = encode_path(path, true);
            let mut rlp = list(path.as_slice().length() + value.length());
            path.as_slice().encode(&mut rlp);
            value.encode(&mut rlp);
            rlp
        }
        Node::Extension { path, child } => {
            let below = || NodePlace { path: place.path.join(path), ..*place };
            let child = commit(child, below, keep);
            let path = encode_path(path, false);
            let mut rlp = list(path.as_slice().length() + child.length());
            path.as_slice().encode(&mut rlp);
            child.write(&mut rlp);
            rlp
        }
        Node::Branch(children) => {
            let mut references = [const { Reference::Empty }; 16];
            for (nibble, (reference, child)) in
                (0..).zip(references.iter_mut().zip(children.iter_mut()))
            {
                let below = || {
                    let mut path = place.path;
                    path.push(nibble);
                    NodePlace { path, ..*place }
                };
                *reference = commit(child, below, keep);
            }
            let length: usize = references.iter().map(Reference::length).sum();
            let mut rlp = list(length + 1);
            references.iter().for_each(|reference| reference.write(&mut rlp));
            rlp.push(EMPTY_STRING_CODE);
            rlp
        }
    }
}

/// The beginning of a list of this length, with room for the rest.
fn list(payload_length: usize) -> Vec<u8> {
    let header = Header { list: true, payload_length };
    let mut rlp = Vec::with_capacity(header.length() + payload_length);
    header.encode(&mut rlp);
    rlp
}

/// Hex-prefix encoding of a path.
fn encode_path(path: &Nibbles, is_leaf: bool) -> Vec<u8> {
    let flag = if is_leaf { 0x20 } else { 0 };
    let mut out = Vec::with_capacity(path.len() / 2 + 1);
    let odd = path.len() % 2;
    out.push(if odd == 1 { flag | 0x10 | path.get_unchecked(0) } else { flag });
    for at in (odd..path.len()).step_by(2) {
        out.push(path.get_unchecked(at) << 4 | path.get_unchecked(at + 1));
    }
    out
}

fn decode_path(encoded: &[u8]) -> Option<(Nibbles, bool)> {
    let (first, rest) = encoded.split_first()?;
    if rest.len() > NIBBLES_MAX / 2 || first >> 6 != 0 {
        return None;
    }
    let mut path = Nibbles::new();
    match (first & 0x10 != 0, first & 0x0f) {
        (true, nibble) if rest.len() < NIBBLES_MAX / 2 => path.push(nibble),
        (false, 0) => {}
        _ => return None,
    }
    path.extend(&Nibbles::unpack(rest));
    Some((path, first & 0x20 != 0))
}

/// Reads a node; `None` unless it is one that [`encode`] can write.
pub(super) fn decode(mut rlp: &[u8]) -> Option<Node> {
    let PayloadView::List(items) = Header::decode_raw(&mut rlp).ok()? else { return None };
    if !rlp.is_empty() {
        return None;
    }
    match items.as_slice() {
        [path, last] => {
            let (path, is_leaf) = decode_path(string(path)?)?;
            if is_leaf {
                let value = Bytes::copy_from_slice(string(last)?);
                return (!value.is_empty()).then_some(Node::Leaf { path, value });
            }
            let child = decode_link(last)?;
            let valid = !path.is_empty() && !child.is_empty();
            valid.then_some(Node::Extension { path, child })
        }
        [children @ .., value] if children.len() == 16 && string(value)?.is_empty() => {
            let mut links = Box::new([const { Link::Empty }; 16]);
            for (link, item) in links.iter_mut().zip(children) {
                *link = decode_link(item)?;
            }
            Some(Node::Branch(links))
        }
        _ => None,
    }
}

fn string<'a>(item: &'a [u8]) -> Option<&'a [u8]> {
    let mut rest = item;
    let payload: &'a [u8] = Header::decode_bytes(&mut rest, false).ok()?;
    rest.is_empty().then_some(payload)
}

fn decode_link(item: &[u8]) -> Option<Link> {
    match item {
        [EMPTY_STRING_CODE] => Some(Link::Empty),
        [0xa0, hash @ ..] if hash.len() == 32 => Some(Link::Stored(B256::from_slice(hash))),
        [first, ..] if *first >= EMPTY_LIST_CODE && item.len() < 32 => Some(decode(item)?.into()),
        _ => None,
    }
}
