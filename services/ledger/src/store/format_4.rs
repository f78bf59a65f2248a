//! From formats 2 to 4, which had the nodes of the last states by their hash. All of them are kept
//! by their hash for a moment, as where all states are kept, and what is needed is placed from
//! there.
//!
//! Rows of the journal in formats 3 and 4:
//!
//! ```text
//! | created: u32 | dropped: u32 | hashes of the created | where each of them ends: u32 |
//! | hashes of the dropped | RLP of the created, in the order of their hashes |
//! ```
//!
//! In format 2 a row had the hashes only, and the table the nodes of all rows.

use super::tables::{COUNTED, FORMAT, JOURNAL, META, NODES, number};
use super::window::damaged;
use super::{StoreError, history, recount};
use alloy_primitives::B256;
use redb::{ReadableTable, WriteTransaction};

/// Rewrites what is of one of these formats; returns whether it is.
pub(super) fn rewrite(transaction: &WriteTransaction) -> Result<bool, StoreError> {
    let (format, counted, oldest) = {
        let meta = transaction.open_table(META)?;
        let format = meta.get(FORMAT)?.and_then(|format| number(format.value()));
        (format, meta.get(COUNTED)?.is_some(), history::oldest_in(&meta)?)
    };
    if !counted || !format.is_some_and(|format| (2..=4).contains(&format)) {
        return Ok(false);
    }
    if format != Some(2) {
        let mut nodes = transaction.open_table(NODES)?;
        for row in transaction.open_table(JOURNAL)?.iter()? {
            let (key, row) = row?;
            let damaged = || damaged((key.value().0, B256::from(*key.value().1)));
            for (hash, rlp) in created(row.value()).ok_or_else(damaged)? {
                nodes.insert(hash, rlp)?;
            }
        }
    }
    recount::begin(transaction, oldest)?;
    Ok(true)
}

/// The nodes that a row created.
fn created(row: &[u8]) -> Option<Vec<(&[u8; 32], &[u8])>> {
    let count = |bytes: &[u8; 4]| usize::try_from(u32::from_be_bytes(*bytes)).ok();
    let (count_created, rest) = row.split_first_chunk()?;
    let (count_dropped, rest) = rest.split_first_chunk()?;
    let (count_created, count_dropped) = (count(count_created)?, count(count_dropped)?);
    let (hashes, rest) = rest.split_at_checked(count_created.checked_mul(32)?)?;
    let (ends, rest) = rest.split_at_checked(count_created * 4)?;
    let (_, nodes) = rest.split_at_checked(count_dropped.checked_mul(32)?)?;
    let mut begin = 0;
    let created = hashes.as_chunks().0.iter().zip(ends.as_chunks().0);
    let created = created.map(|(hash, end)| {
        let rlp = nodes.get(begin..count(end)?)?;
        begin += rlp.len();
        Some((hash, rlp))
    });
    created.collect()
}
