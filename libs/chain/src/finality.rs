//! What a node may undo, and which stored block its head should be.

use crate::blockchain::HeadChange;
use crate::checkpoint::Checkpoint;
use crate::view::ChainView;
use alloy_primitives::B256;

/// The lowest height that a change undoes, if that is final.
pub fn undone<V: ChainView>(view: &V, change: &HeadChange, finalized: u64) -> Option<u64> {
    let lowest = view.header(*change.disconnected.last()?)?.number;
    (lowest <= finalized).then_some(lowest)
}

/// Whether a stored block of another branch should be the head: it has the certified block and
/// ours does not, or both do and it weighs more.
pub fn is_better<V: ChainView>(view: &V, hash: B256, certified: Option<Checkpoint>) -> bool {
    let Some(header) = view.header(hash) else { return false };
    if view.canonical_hash(header.number) == Some(hash) {
        return false;
    }
    let has =
        |checkpoint: Checkpoint| ancestor(view, hash, checkpoint.height) == Some(checkpoint.hash);
    let settled =
        |checkpoint: Checkpoint| view.canonical_hash(checkpoint.height) == Some(checkpoint.hash);
    match certified.filter(|checkpoint| view.header(checkpoint.hash).is_some()) {
        Some(checkpoint) if !settled(checkpoint) => has(checkpoint),
        Some(checkpoint) if !has(checkpoint) => false,
        _ => view.total_difficulty(hash) > view.total_difficulty(view.head()),
    }
}

/// The ancestor at a height of a stored block, itself included; `None` if something on the way is
/// not stored.
pub fn ancestor<V: ChainView>(view: &V, mut hash: B256, height: u64) -> Option<B256> {
    loop {
        let header = view.header(hash)?;
        if header.number <= height {
            return (header.number == height).then_some(hash);
        }
        if view.canonical_hash(header.number) == Some(hash) {
            return view.canonical_hash(height);
        }
        hash = header.parent_hash;
    }
}
