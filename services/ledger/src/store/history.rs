//! Which states are kept: trie nodes that no kept state has are deleted as blocks go.
//!
//! States share nodes, so a node is counted by place. The table of nodes has those of the oldest
//! state, with how many places of its tries have each; what the blocks above created and dropped
//! waits in the journal, a row for each block of any branch.
//!
//! ```text
//!             oldest                       head
//!  ... ---------[n]---[n+1]---[n+2]---...---[h]      a block comes: its row is written
//!       table of nodes   \-----[side]                blocks leave: + created - dropped of [n+1],
//!                        rows of the journal                       [n+2], ..., and [side] is gone
//! ```
//!
//! A block brings with it what it created and what it dropped ([`chain::Imported`]), so it costs
//! one row of what it touched, written in one piece, and never a walk over a state. Blocks leave
//! many at a time ([`LEAVING_EVERY`]) and in order of the hash: what one of them created and
//! another dropped never gets into the table, and a page of it is written once for all of them.
//!
//! Compared with counting references from parent to child, no branch has to count its sixteen
//! children; compared with marking from the roots, nothing has to stop for a sweep; compared with a
//! table of all nodes, a block does not write a page of it for each node that it created. The price
//! is the journal: the nodes of the last blocks with their hashes, and a few states more than are
//! promised.
//!
//! Invariants: nothing above the finalized height is ever given up; bodies, receipts, headers and
//! mountains stay whatever the history; the row is part of the block's own transaction. Blocks
//! leave in one of their own, after which every state that was promised reads as before.

use super::StoreError;
use super::journal::Row;
use super::tables::{CANONICAL, COUNTED, Hash, JOURNAL, META, NODES, OLDEST, SHARES, number};
use super::window::{Places, damaged};
use alloy_primitives::{B256, Bytes};
use chain::Imported;
use redb::{ReadableTable, Table, WriteTransaction};

/// Blocks that leave the history together: the more, the less each of them costs, and the longer
/// the next block may have to wait for them. With 128 each costs as much as with 32.
pub const LEAVING_EVERY: usize = 32;
/// Bytes of their rows, about, with which fewer leave; those of 32 blocks that touch 200 accounts
/// each are 7 MB.
pub(super) const LEAVING_BYTES_MAX: usize = 32 << 20;

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

    /// The nodes with what they are.
    pub(super) fn with_rlp(&self, hashes: &[B256]) -> Result<Vec<(B256, Bytes)>, StoreError> {
        let with = |hash: &B256| {
            let rlp = self.nodes.get(&hash.0)?.ok_or_else(|| uncounted(&hash.0))?;
            Ok((*hash, Bytes::copy_from_slice(rlp.value())))
        };
        hashes.iter().map(with).collect()
    }

    /// One more place has the node.
    pub(super) fn add(&mut self, hash: B256, rlp: &[u8]) -> Result<(), StoreError> {
        self.change(&hash.0, 1, rlp)
    }

    /// So many places more have the node, or fewer; it is deleted if none is left. Its RLP is only
    /// needed where it is more.
    pub(super) fn change(
        &mut self,
        hash: &[u8; 32],
        more: i64,
        rlp: &[u8],
    ) -> Result<(), StoreError> {
        let known = more < 0 || self.nodes.insert(hash, rlp)?.is_some();
        let shared = if known { self.shares.get(hash)?.map(|places| places.value()) } else { None };
        let before = shared.unwrap_or(u32::from(known));
        let after = i64::from(before) + more;
        if after < 0 || after == 0 && self.nodes.remove(hash)?.is_none() {
            return Err(uncounted(hash));
        }
        if after > 1 {
            let places = u32::try_from(after).expect("a state has fewer places than that");
            self.shares.insert(hash, places)?;
        } else if shared.is_some() {
            self.shares.remove(hash)?;
        }
        Ok(())
    }
}

fn uncounted(hash: &[u8; 32]) -> StoreError {
    StoreError::Damaged(format!("trie node {} left more often than it came", B256::from(*hash)))
}

/// Writes the row of a block.
pub(super) fn enter(
    transaction: &WriteTransaction,
    (height, hash): (u64, B256),
    created: &[(B256, Bytes)],
    dropped: &[B256],
) -> Result<Places, StoreError> {
    let row = Row::encode(created, dropped);
    transaction.open_table(JOURNAL)?.insert((height, &hash.0), row.as_slice())?;
    Places::new((height, hash), &row)
}

/// Promises no states any more that are neither among the `last` nor above the finalized height.
/// Their blocks leave when it is time for many of them.
pub(super) fn give_up(
    transaction: &WriteTransaction,
    last: u64,
    head: u64,
    finalized: u64,
) -> Result<(), StoreError> {
    let oldest = finalized.min(head.saturating_sub(last));
    let mut meta = transaction.open_table(META)?;
    if oldest > oldest_in(&meta)? {
        meta.insert(OLDEST, oldest.to_be_bytes().as_slice())?;
    }
    Ok(())
}

/// Height of the oldest state that is promised.
pub(super) fn oldest_in(
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
) -> Result<u64, StoreError> {
    Ok(meta.get(OLDEST)?.and_then(|height| number(height.value())).unwrap_or_default())
}

/// A node that a leaving block created or dropped.
struct Change {
    hash: [u8; 32],
    more: i64,
    /// The row and the place in it, of what was created.
    at: (usize, usize),
}

/// The blocks up to the oldest state leave, or some of them, if there are many. Returns the height
/// up to which none is left.
pub(super) fn leave(transaction: &WriteTransaction) -> Result<u64, StoreError> {
    let oldest = oldest_in(&transaction.open_table(META)?)?;
    let canonical = transaction.open_table(CANONICAL)?;
    let mut journal = transaction.open_table(JOURNAL)?;
    let (mut rows, mut changes) = (Vec::new(), Vec::new());
    let (mut left, mut bytes) = (0, 0);
    for waiting in journal.range(..=(oldest, &[0xff; 32]))? {
        let (key, row) = waiting?;
        let (height, hash) = key.value();
        // Those of one height go together, so that there is no state between.
        if height > left && bytes >= LEAVING_BYTES_MAX {
            break;
        }
        (left, bytes) = (height, bytes + row.value().len());
        if canonical.get(height)?.is_none_or(|best| best.value() != hash) {
            continue;
        }
        let fields = Row::read(row.value()).ok_or_else(|| damaged((height, B256::from(*hash))))?;
        for (place, hash) in fields.created.iter().enumerate() {
            changes.push(Change { hash: *hash, more: 1, at: (rows.len(), place) });
        }
        let gone = fields.dropped.iter();
        changes.extend(gone.map(|hash| Change { hash: *hash, more: -1, at: (0, 0) }));
        rows.push(row);
    }
    // What was created stands before what was dropped, so that the first says where its RLP is.
    changes.sort_unstable_by_key(|one| (one.hash, -one.more));
    let mut counted = Counted::open(transaction)?;
    for same in changes.chunk_by(|one, other| one.hash == other.hash) {
        let Change { hash, at: (row, place), .. } = &same[0];
        let more: i64 = same.iter().map(|change| change.more).sum();
        let rlp = match more {
            0 => continue,
            ..0 => Some(&[][..]),
            _ => Row::read(rows[*row].value()).and_then(|row| row.node(*place)),
        };
        counted.change(hash, more, rlp.ok_or_else(|| uncounted(hash))?)?;
    }
    drop(rows);
    journal.retain_in(..=(left, &[0xff; 32]), |_, _| false)?;
    Ok(left)
}

/// Keeps all states from now on that are kept now: nothing is counted any more.
pub(super) fn keep_all(transaction: &WriteTransaction) -> Result<(), StoreError> {
    let mut nodes = transaction.open_table(NODES)?;
    let journal = transaction.open_table(JOURNAL)?;
    for row in journal.iter()? {
        let (key, row) = row?;
        let damaged = || damaged((key.value().0, B256::from(*key.value().1)));
        let row = Row::read(row.value()).ok_or_else(damaged)?;
        for (place, hash) in row.created.iter().enumerate() {
            nodes.insert(hash, row.node(place).ok_or_else(damaged)?)?;
        }
    }
    drop((nodes, journal));
    transaction.delete_table(SHARES)?;
    transaction.delete_table(JOURNAL)?;
    transaction.open_table(META)?.remove(COUNTED)?;
    Ok(())
}

/// The trie nodes of a block that has none below: they are counted but never leave as a block.
pub(super) fn begin(transaction: &WriteTransaction, genesis: &Imported) -> Result<(), StoreError> {
    let mut counted = Counted::open(transaction)?;
    genesis.nodes.iter().try_for_each(|(hash, rlp)| counted.add(*hash, rlp))
}
