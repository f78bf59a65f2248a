//! From format 2, which had the nodes of all kept states in one table, each counted over the oldest
//! state and all rows of the journal; a row had the hashes only.
//!
//! ```text
//! | created: u32 | hashes of the created | hashes of the dropped |
//! ```

use super::StoreError;
use super::history::{self, Counted};
use super::tables::{COUNTED, FORMAT, JOURNAL, META, number};
use super::window::damaged;
use alloy_primitives::B256;
use redb::{ReadableTable, WriteTransaction};

/// What a block created and dropped.
struct Row {
    created: Vec<B256>,
    dropped: Vec<B256>,
}

impl Row {
    fn decode(bytes: &[u8]) -> Option<Self> {
        let (count, hashes) = bytes.split_first_chunk()?;
        let count = usize::try_from(u32::from_be_bytes(*count)).ok()?;
        let (hashes, rest) = hashes.as_chunks::<32>();
        let (created, dropped) = hashes.split_at_checked(count)?;
        let all = |hashes: &[[u8; 32]]| hashes.iter().map(|hash| B256::from(*hash)).collect();
        rest.is_empty().then(|| Self { created: all(created), dropped: all(dropped) })
    }
}

/// Gives the rows of the journal their nodes and takes these out of the table, which leaves the
/// oldest state there. Nothing happens in another format.
pub(super) fn rewrite(transaction: &WriteTransaction) -> Result<(), StoreError> {
    let (format, counted) = {
        let meta = transaction.open_table(META)?;
        let format = meta.get(FORMAT)?.and_then(|format| number(format.value()));
        (format, meta.get(COUNTED)?.is_some())
    };
    if format != Some(2) || !counted {
        return Ok(());
    }
    let keys = {
        let journal = transaction.open_table(JOURNAL)?;
        let rows = journal.iter()?.map(|row| {
            let (key, _) = row?;
            Ok((key.value().0, B256::from(*key.value().1)))
        });
        rows.collect::<Result<Vec<_>, StoreError>>()?
    };
    let mut all = Vec::new();
    for key in keys {
        let row = {
            let journal = transaction.open_table(JOURNAL)?;
            let row = journal.get((key.0, &key.1.0))?;
            row.and_then(|row| Row::decode(row.value())).ok_or_else(|| damaged(key))?
        };
        let created = Counted::open(transaction)?.with_rlp(&row.created)?;
        history::enter(transaction, key, &created, &row.dropped)?;
        all.extend(row.created);
    }
    all.sort_unstable();
    let mut counted = Counted::open(transaction)?;
    for same in all.chunk_by(|one, other| one == other) {
        let count = i64::try_from(same.len()).expect("memory is smaller");
        counted.change(&same[0].0, -count, &[])?;
    }
    Ok(())
}
