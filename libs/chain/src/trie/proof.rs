//! Proofs that a key has a value under a root, or none: the nodes on the way, root first.

use super::node::{Link, Node, decode};
use super::{EMPTY_ROOT, NodeSource, TrieError, nibbles, place};
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_trie::Nibbles;

/// Why a proof proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// A node does not have the hash its parent, or the trusted root, states.
    #[error("proof node {0} does not have the expected hash")]
    WrongHash(usize),
    /// A node is not the RLP of a trie node.
    #[error("proof node {0} is malformed")]
    Malformed(usize),
    /// The way goes on but the proof ends.
    #[error("proof is incomplete")]
    Incomplete,
    /// Nodes are left over.
    #[error("proof has nodes that are not on the way")]
    Excess,
    /// The value is not what a value of its kind looks like.
    #[error("proven value is malformed")]
    BadValue,
}

/// Where following a key from a node leads.
enum Step {
    /// To a node that is stored by this hash.
    Down(B256, Nibbles),
    End(Option<Bytes>),
}

/// Follows `path` inside one stored node, through the nodes embedded in it.
fn follow(mut node: Node, mut path: Nibbles) -> Step {
    loop {
        let link = match node {
            Node::Leaf { path: rest, value } => return Step::End((rest == path).then_some(value)),
            Node::Extension { path: prefix, child } => {
                if !path.starts_with(&prefix) {
                    return Step::End(None);
                }
                path = path.slice(prefix.len()..);
                child
            }
            Node::Branch(mut children) => {
                let Some(nibble) = path.first() else { return Step::End(None) };
                path = path.slice(1..);
                std::mem::take(&mut children[usize::from(nibble)])
            }
        };
        match link {
            Link::Empty => return Step::End(None),
            Link::Stored(hash) => return Step::Down(hash, path),
            Link::Loaded(cell) => node = cell.node,
        }
    }
}

/// The nodes from the root to where `key` ends, read from the source; empty for the empty trie. The
/// trie is the storage of the account with the key `owner`, or any other. Fails if the source lacks
/// a node.
pub fn proof(
    source: &impl NodeSource,
    owner: Option<B256>,
    root: B256,
    key: &[u8],
) -> Result<Vec<Bytes>, TrieError> {
    let key = nibbles(key)?;
    let (mut hash, mut path, mut nodes) = (root, key, Vec::new());
    if root == EMPTY_ROOT {
        return Ok(nodes);
    }
    loop {
        let rlp = source.node_at(&place(owner, &key, &path), hash);
        let rlp = rlp.ok_or(TrieError::MissingNode(hash))?;
        let node = decode(&rlp).ok_or(TrieError::BadNode(hash))?;
        nodes.push(rlp);
        match follow(node, path) {
            Step::Down(next, rest) => (hash, path) = (next, rest),
            Step::End(_) => return Ok(nodes),
        }
    }
}

/// The value that `key` is proved to have under `root`; `None` is proved absence.
/// Every node of the proof has to be on the way.
pub fn verify(root: B256, key: &[u8], proof: &[Bytes]) -> Result<Option<Bytes>, ProofError> {
    if root == EMPTY_ROOT {
        return if proof.is_empty() { Ok(None) } else { Err(ProofError::Excess) };
    }
    let mut path = nibbles(key).map_err(|_| ProofError::Incomplete)?;
    let mut hash = root;
    for (index, rlp) in proof.iter().enumerate() {
        if keccak256(rlp) != hash {
            return Err(ProofError::WrongHash(index));
        }
        let node = decode(rlp).ok_or(ProofError::Malformed(index))?;
        match follow(node, path) {
            Step::Down(next, rest) => (hash, path) = (next, rest),
            Step::End(value) if index + 1 == proof.len() => return Ok(value),
            Step::End(_) => return Err(ProofError::Excess),
        }
    }
    Err(ProofError::Incomplete)
}
