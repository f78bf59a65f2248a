//! Which rows of the journal may hold a node, in memory.
//!
//! A [`Window`] never changes: who reads keeps the one of their moment, whatever is appended or
//! leaves, and the rows that it names are in their read transaction. It costs eight bytes for a
//! created node: 1 MB for 160 blocks that touch 200 accounts each, 10 MB for as many full blocks.
//! Whoever looks for a node that no row has asks each row, some microseconds for all of them; what
//! is in the table of the state is looked for there first.
//!
//! Invariant: the window of the [`super::Store`] names at least the rows of the last commit. It
//! may name more; those are not found and passed over.

use super::StoreError;
use super::journal::Row;
use super::tables::{Hash, JOURNAL};
use alloy_primitives::{B256, Bytes};
use redb::{ReadTransaction, ReadableTable};
use std::sync::Arc;

/// Height and hash of the block of a row.
pub(super) type Key = (u64, B256);

/// What a row created.
pub(super) struct Places {
    key: Key,
    /// Of the row.
    bytes: usize,
    /// The first bytes of the hashes, in the row's order.
    prefixes: Box<[u64]>,
}

fn prefix(hash: &[u8; 32]) -> u64 {
    let (first, _) = hash.split_first_chunk().expect("a hash has more than eight bytes");
    u64::from_be_bytes(*first)
}

impl Places {
    pub(super) fn new(key: Key, row: &[u8]) -> Result<Self, StoreError> {
        let created = Row::read(row).ok_or_else(|| damaged(key))?.created;
        Ok(Self { key, bytes: row.len(), prefixes: created.iter().map(prefix).collect() })
    }

    /// The places in the row at which a node may be.
    fn of(&self, hash: &B256) -> impl Iterator<Item = usize> {
        let wanted = prefix(&hash.0);
        let first = self.prefixes.partition_point(|prefix| *prefix < wanted);
        let same = self.prefixes[first..].iter().take_while(move |prefix| **prefix == wanted);
        (first..).zip(same).map(|(place, _)| place)
    }
}

pub(super) fn damaged((height, hash): Key) -> StoreError {
    StoreError::Damaged(format!("journal of block {height} {hash}"))
}

/// The rows of the journal at one moment, in order.
#[derive(Clone, Default)]
pub(super) struct Window(Arc<Vec<Arc<Places>>>);

impl Window {
    pub(super) fn load(transaction: &ReadTransaction) -> Result<Self, StoreError> {
        let mut rows = Vec::new();
        for row in transaction.open_table(JOURNAL)?.iter()? {
            let (key, row) = row?;
            let (height, hash) = key.value();
            rows.push(Arc::new(Places::new((height, B256::from(*hash)), row.value())?));
        }
        Ok(Self(Arc::new(rows)))
    }

    /// How many bytes the rows up to a height have.
    pub(super) fn bytes_to(&self, height: u64) -> usize {
        let to = self.0.partition_point(|places| places.key.0 <= height);
        self.0[..to].iter().map(|places| places.bytes).sum()
    }

    /// Height of the lowest row.
    pub(super) fn first(&self) -> Option<u64> {
        self.0.first().map(|places| places.key.0)
    }

    pub(super) fn with(&self, new: Places) -> Self {
        let mut rows = Vec::with_capacity(self.0.len() + 1);
        let below = self.0.partition_point(|places| places.key < new.key);
        rows.extend_from_slice(&self.0[..below]);
        let known = self.0.get(below).is_some_and(|places| places.key == new.key);
        rows.push(Arc::new(new));
        rows.extend_from_slice(&self.0[below + usize::from(known)..]);
        Self(Arc::new(rows))
    }

    /// Only the rows above a height.
    pub(super) fn above(&self, height: u64) -> Self {
        let gone = self.0.partition_point(|places| places.key.0 <= height);
        Self(Arc::new(self.0[gone..].to_vec()))
    }

    /// A node, if a row has it; the newest first.
    pub(super) fn node(
        &self,
        journal: &impl ReadableTable<(u64, Hash), &'static [u8]>,
        hash: B256,
    ) -> Result<Option<Bytes>, StoreError> {
        for places in self.0.iter().rev() {
            for place in places.of(&hash) {
                let key = places.key;
                let Some(row) = journal.get((key.0, &key.1.0))? else { break };
                let row = Row::read(row.value()).ok_or_else(|| damaged(key))?;
                if row.created.get(place) == Some(&hash.0) {
                    let node = row.node(place).ok_or_else(|| damaged(key))?;
                    return Ok(Some(Bytes::copy_from_slice(node)));
                }
            }
        }
        Ok(None)
    }
}
