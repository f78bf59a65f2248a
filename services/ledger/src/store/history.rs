//! Which states are kept: trie nodes that no kept state has are deleted as blocks come.
//!
//! States share nodes, so a node is counted by place: how many places of the tries of the oldest
//! kept state have it, and how many places got it in the blocks above, on any branch. No kept state
//! has it in more places than that, so at zero nobody needs it.
//!
//! ```text
//!             oldest                       head
//!  ... ---------[n]---[n+1]---[n+2]---...---[h]      enter: +1 for each node a block created
//!                       \-----[side]                 leave: -1 for each node block n+1 dropped
//! ```
//!
//! A block brings with it what it created and what it dropped ([`Imported`]); both lists wait in
//! the journal until the block is the oldest. If it is canonical then, the state below it goes;
//! else its own does. So a block costs what it touched, and never a walk over a state.
//!
//! Compared with counting references from parent to child, no branch has to count its sixteen
//! children; compared with marking from the roots, nothing has to stop for a sweep. The price is
//! the journal: 64 bytes for a node that was replaced, until its block is the oldest.
//!
//! Invariants: nothing above the finalized height is ever given up; bodies, receipts, headers and
//! mountains stay whatever the history; all of it is part of the block's own transaction.

use super::StoreError;
use super::tables::{CANONICAL, Hash, JOURNAL, META, NODES, OLDEST, SHARES, number};
use alloy_primitives::{B256, Bytes};
use chain::Imported;
use redb::{ReadableTable, Table, WriteTransaction};

/// Blocks that may leave the history as one comes: more than one, so that a longer history that is
/// cut shorter catches up; few, so that no block has to wait for it.
const LEAVING_MAX: usize = 4;

/// How many old states are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// All.
    Archive,
    /// Those of the last blocks, this many below the head, and of all that are not final yet.
    Last(u64),
}

impl Default for History {
    fn default() -> Self {
        Self::Last(128)
    }
}

/// The counted nodes within a write transaction.
pub(super) struct Counted<'a> {
    nodes: Table<'a, Hash, &'static [u8]>,
    /// Places of the nodes that more than one place has.
    shares: Table<'a, Hash, u32>,
}

impl<'a> Counted<'a> {
    pub(super) fn open(transaction: &'a WriteTransaction) -> Result<Self, StoreError> {
        let (nodes, shares) = (transaction.open_table(NODES)?, transaction.open_table(SHARES)?);
        Ok(Self { nodes, shares })
    }

    /// One more place has the node.
    pub(super) fn add(&mut self, hash: B256, rlp: &[u8]) -> Result<(), StoreError> {
        let known = self.nodes.insert(&hash.0, rlp)?.is_some();
        if known {
            let places = self.shares.get(&hash.0)?.map_or(1, |places| places.value());
            let more = places.checked_add(1).expect("a state has fewer places than that");
            self.shares.insert(&hash.0, more)?;
        }
        Ok(())
    }

    /// One place fewer has it; it is deleted if that was the last.
    fn remove(&mut self, hash: &[u8; 32]) -> Result<(), StoreError> {
        let places = self.shares.get(hash)?.map_or(1, |places| places.value());
        match places {
            1 => {
                let known = self.nodes.remove(hash)?.is_some();
                let missing =
                    || format!("trie node {} was counted but is not there", B256::from(*hash));
                return if known { Ok(()) } else { Err(StoreError::Damaged(missing())) };
            }
            2 => drop(self.shares.remove(hash)?),
            more => drop(self.shares.insert(hash, more - 1)?),
        }
        Ok(())
    }
}

/// What a block created and dropped, until it leaves.
pub(super) struct Row {
    pub(super) created: Vec<B256>,
    pub(super) dropped: Vec<B256>,
}

impl Row {
    pub(super) fn encode(&self) -> Vec<u8> {
        let count = u32::try_from(self.created.len()).expect("a block is bounded");
        let hashes = self.created.iter().chain(&self.dropped);
        let mut bytes = Vec::with_capacity(4 + 32 * (self.created.len() + self.dropped.len()));
        bytes.extend(count.to_be_bytes());
        hashes.for_each(|hash| bytes.extend_from_slice(hash.as_slice()));
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (count, hashes) = bytes.split_first_chunk()?;
        let count = usize::try_from(u32::from_be_bytes(*count)).ok()?;
        let (hashes, rest) = hashes.as_chunks::<32>();
        let (created, dropped) = hashes.split_at_checked(count)?;
        let all = |hashes: &[[u8; 32]]| hashes.iter().map(|hash| B256::from(*hash)).collect();
        rest.is_empty().then(|| Self { created: all(created), dropped: all(dropped) })
    }
}

/// Stores a block's trie nodes, counted.
pub(super) fn enter(
    transaction: &WriteTransaction,
    (height, hash): (u64, B256),
    nodes: &[(B256, Bytes)],
    dropped: &[B256],
) -> Result<(), StoreError> {
    let mut counted = Counted::open(transaction)?;
    for (hash, rlp) in nodes {
        counted.add(*hash, rlp)?;
    }
    let created = nodes.iter().map(|(hash, _)| *hash).collect();
    let row = Row { created, dropped: dropped.to_vec() };
    transaction.open_table(JOURNAL)?.insert((height, &hash.0), row.encode().as_slice())?;
    Ok(())
}

/// Gives up states that are neither among the `last` nor above the finalized height: some of them,
/// if there are many.
pub(super) fn leave(
    transaction: &WriteTransaction,
    last: u64,
    head: u64,
    finalized: u64,
) -> Result<(), StoreError> {
    let oldest_wanted = finalized.min(head.saturating_sub(last));
    let mut meta = transaction.open_table(META)?;
    let oldest = meta.get(OLDEST)?.and_then(|height| number(height.value())).unwrap_or_default();
    let mut oldest_kept = oldest;
    let canonical = transaction.open_table(CANONICAL)?;
    let mut journal = transaction.open_table(JOURNAL)?;
    let mut counted = Counted::open(transaction)?;
    for _ in 0..LEAVING_MAX {
        let Some((key, row)) = journal.first()? else { break };
        let (height, hash) = (key.value().0, *key.value().1);
        if height > oldest_wanted {
            break;
        }
        let damaged = || StoreError::Damaged(format!("journal of block {}", B256::from(hash)));
        let Row { created, dropped } = Row::decode(row.value()).ok_or_else(damaged)?;
        drop((key, row));
        let best = canonical.get(height)?.is_some_and(|best| *best.value() == hash);
        for gone in if best { dropped } else { created } {
            counted.remove(&gone.0)?;
        }
        journal.remove((height, &hash))?;
        oldest_kept = oldest_kept.max(height);
    }
    if oldest_kept > oldest {
        meta.insert(OLDEST, oldest_kept.to_be_bytes().as_slice())?;
    }
    Ok(())
}

/// The trie nodes of a block that has none below: they are counted but never leave as a block.
pub(super) fn begin(transaction: &WriteTransaction, genesis: &Imported) -> Result<(), StoreError> {
    let mut counted = Counted::open(transaction)?;
    genesis.nodes.iter().try_for_each(|(hash, rlp)| counted.add(*hash, rlp))
}
