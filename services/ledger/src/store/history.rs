//! Which states are kept: trie nodes that no kept state has give way as blocks go.
//!
//! The table of the state has the nodes of the oldest state by their place in its tries; what the
//! blocks above created and dropped waits in the journal, a row for each block of any branch.
//!
//! ```text
//!             oldest                       head
//!  ... ---------[n]---[n+1]---[n+2]---...---[h]      a block comes: its row is written
//!       table of the state \---[side]                blocks leave: + created - dropped of [n+1],
//!                        rows of the journal                       [n+2], ..., and [side] is gone
//! ```
//!
//! A block brings with it what it created and what it dropped ([`chain::Imported`]), so it costs
//! one row of what it touched, written in one piece, and never a walk over a state. Blocks leave
//! many at a time ([`LEAVING_EVERY`]) and in order of the place: a new node takes the room of the
//! one before it, beside those that hang on it, and what several blocks changed is changed once.
//!
//! A node is found by its place and known by its hash: what stands at a place of the table is of
//! another state unless it has the hash that is asked for, and then a row of the journal has it.
//!
//! Compared with nodes by their hash, whose places have to be counted, nothing is deleted but what
//! the state lost, and a block does not change a page for each node that it created and another for
//! each that it dropped; compared with marking from the roots, nothing has to stop for a sweep. The
//! price is the journal: the nodes of the last blocks with their hashes, and a few states more than
//! are promised. Where all states are kept, nodes are in a table by their hash.
//!
//! Invariants: nothing above the finalized height is ever given up; bodies, receipts, headers and
//! mountains stay whatever the history; the row is part of the block's own transaction. Blocks
//! leave in one of their own, after which every state that was promised reads as before.

use super::StoreError;
use super::journal::Row;
use super::tables::{Bytes, CANONICAL, COUNTED, JOURNAL, META, NODES, OLDEST, STATE, number};
use super::window::{Places, damaged};
use alloy_primitives::B256;
use chain::{Imported, NodePlace, PlacedNode};
use redb::{ReadableTable, Table, WriteTransaction};
use std::cmp::Reverse;

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

/// The table of the state within a write transaction.
pub(super) struct State<'a> {
    table: Table<'a, Bytes, Bytes>,
    /// The last value, whose room the next one takes.
    value: Vec<u8>,
}

impl<'a> State<'a> {
    pub(super) fn open(transaction: &'a WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self { table: transaction.open_table(STATE)?, value: Vec::new() })
    }

    /// The place has this node from now on, whatever it had.
    pub(super) fn put(
        &mut self,
        place: &[u8],
        hash: &[u8; 32],
        rlp: &[u8],
    ) -> Result<(), StoreError> {
        self.value.clear();
        self.value.extend_from_slice(hash);
        self.value.extend_from_slice(rlp);
        self.table.insert(place, self.value.as_slice())?;
        Ok(())
    }

    /// The place has no node any more; nothing happens if it had none.
    fn clear(&mut self, place: &[u8]) -> Result<(), StoreError> {
        self.table.remove(place)?;
        Ok(())
    }
}

/// The RLP of a node that stands at a place, if it has this hash.
pub(super) fn known_by<'a>(value: &'a [u8], hash: &B256) -> Option<&'a [u8]> {
    value.strip_prefix(hash.as_slice())
}

/// Writes the row of a block.
pub(super) fn enter(
    transaction: &WriteTransaction,
    (height, hash): (u64, B256),
    created: &[PlacedNode],
    dropped: &[NodePlace],
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

/// What a leaving block made of a place.
struct Change<'a> {
    place: &'a [u8],
    /// The block's number among those that leave.
    block: usize,
    /// Hash and RLP of the node there, if there is one.
    node: Option<(&'a [u8; 32], &'a [u8])>,
}

impl<'a> Change<'a> {
    /// The first bytes of the place as a number, which is in the same order and nearly always
    /// another for another place of the accounts.
    fn beginning(&self) -> u64 {
        let mut bytes = [0; 8];
        let length = self.place.len().min(8);
        bytes[..length].copy_from_slice(&self.place[..length]);
        u64::from_be_bytes(bytes)
    }

    /// What the row of a block says; `None` if it cannot be read.
    fn read(row: &'a [u8], block: usize, changes: &mut Vec<Self>) -> Option<()> {
        let row = Row::read(row)?;
        for (at, hash) in row.created.iter().enumerate() {
            let (place, rlp) = row.placed(at)?;
            changes.push(Self { place, block, node: Some((hash, rlp)) });
        }
        let gone = row.dropped()?.into_iter();
        changes.extend(gone.map(|place| Self { place, block, node: None }));
        Some(())
    }
}

/// The blocks up to the oldest state leave, or some of them, if there are many. Returns the height
/// up to which none is left.
pub(super) fn leave(transaction: &WriteTransaction) -> Result<u64, StoreError> {
    let oldest = oldest_in(&transaction.open_table(META)?)?;
    let canonical = transaction.open_table(CANONICAL)?;
    let mut journal = transaction.open_table(JOURNAL)?;
    let mut rows = Vec::new();
    let (mut left, mut bytes) = (0, 0);
    for waiting in journal.range(..=(oldest, &[0xff; 32]))? {
        let (key, row) = waiting?;
        let (height, hash) = key.value();
        // Those of one height go together, so that there is no state between.
        if height > left && bytes >= LEAVING_BYTES_MAX {
            break;
        }
        (left, bytes) = (height, bytes + row.value().len());
        if canonical.get(height)?.is_some_and(|best| best.value() == hash) {
            rows.push(((height, B256::from(*hash)), row));
        }
    }
    let mut changes = Vec::new();
    for (block, (key, row)) in rows.iter().enumerate() {
        Change::read(row.value(), block, &mut changes).ok_or_else(|| damaged(*key))?;
    }
    // The last block decides what stands at a place.
    changes.sort_unstable_by_key(|one| (one.beginning(), one.place, Reverse(one.block)));
    let mut state = State::open(transaction)?;
    for same in changes.chunk_by(|one, other| one.place == other.place) {
        match same[0].node {
            Some((hash, rlp)) => state.put(same[0].place, hash, rlp)?,
            None => state.clear(same[0].place)?,
        }
    }
    drop(changes);
    drop(rows);
    journal.retain_in(..=(left, &[0xff; 32]), |_, _| false)?;
    Ok(left)
}

/// Keeps all states from now on that are kept now: their nodes are found by their hash.
pub(super) fn keep_all(transaction: &WriteTransaction) -> Result<(), StoreError> {
    let mut nodes = transaction.open_table(NODES)?;
    let state = transaction.open_table(STATE)?;
    for row in state.iter()? {
        let (place, value) = row?;
        let damaged = || StoreError::Damaged(format!("the node at place {:02x?}", place.value()));
        let (hash, rlp) = value.value().split_first_chunk().ok_or_else(damaged)?;
        nodes.insert(hash, rlp)?;
    }
    let journal = transaction.open_table(JOURNAL)?;
    for row in journal.iter()? {
        let (key, row) = row?;
        let damaged = || damaged((key.value().0, B256::from(*key.value().1)));
        let row = Row::read(row.value()).ok_or_else(damaged)?;
        for (at, hash) in row.created.iter().enumerate() {
            nodes.insert(hash, row.node(at).ok_or_else(damaged)?)?;
        }
    }
    drop((nodes, state, journal));
    transaction.delete_table(STATE)?;
    transaction.delete_table(JOURNAL)?;
    transaction.open_table(META)?.remove(COUNTED)?;
    Ok(())
}

/// The trie nodes of a block that has none below: they are in the table at once.
pub(super) fn begin(transaction: &WriteTransaction, genesis: &Imported) -> Result<(), StoreError> {
    let mut state = State::open(transaction)?;
    let mut sorted: Vec<_> = genesis.nodes.iter().map(|node| (node.place.key(), node)).collect();
    sorted.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    sorted.iter().try_for_each(|(place, node)| state.put(place, &node.hash.0, &node.rlp))
}
