//! One block into the tables, within the caller's write transaction.

use super::appearances::APPEARANCES;
use super::history::{self, History};
use super::index::{Recent, Rows};
use super::tables::{
    BLOCKS, CANONICAL, CODE, CONNECTED, COUNTED, DISCONNECTED, FEED, FINALIZED, HEAD, Hash, META,
    MOUNTAINS, NODES, RECEIPTS, SENDERS, WORK, Work, number,
};
use super::window::Places;
use super::{StoreError, appearances};
use alloy_primitives::B256;
use chain::{Block, HeadChange, Imported};
use redb::{ReadableTable, WriteTransaction};

/// What a stored block changes in memory.
#[derive(Default)]
pub(super) struct Appended {
    /// What its row in the journal has, if it got one.
    pub(super) places: Option<Places>,
    /// The rows of the index, if the head moved.
    pub(super) recent: Option<Recent>,
}

/// Stores a block; nothing happens if it is stored already.
pub(super) fn append(
    transaction: &WriteTransaction,
    imported: &Imported,
    finality_lag: u64,
    history: History,
    recent: Recent,
) -> Result<Appended, StoreError> {
    let key = &imported.hash.0;
    let Imported { block, receipts, senders, mmr, total_difficulty, .. } = imported;
    if transaction.open_table(BLOCKS)?.insert(key, block.encode().as_slice())?.is_some() {
        return Ok(Appended::default());
    }
    let peak = *mmr.peaks().last().expect("the range holds this block at least");
    let work = Work { total_difficulty: *total_difficulty, peak };
    let senders: Vec<u8> = senders.iter().flat_map(|sender| sender.0.0).collect();
    transaction.open_table(RECEIPTS)?.insert(key, alloy_rlp::encode(receipts).as_slice())?;
    transaction.open_table(SENDERS)?.insert(key, senders.as_slice())?;
    transaction.open_table(WORK)?.insert(key, alloy_rlp::encode(work).as_slice())?;
    appearances::keep(transaction, imported)?;
    for (definition, values) in [(MOUNTAINS, &imported.mountains), (CODE, &imported.code)] {
        let mut table = transaction.open_table(definition)?;
        for (hash, value) in values {
            table.insert(&hash.0, value.as_ref())?;
        }
    }
    let places = keep_state(transaction, imported)?;
    let Some(change) = &imported.head else { return Ok(Appended { places, recent: None }) };
    let (finalized, recent) =
        move_head(transaction, change, finality_lag, (recent, Some(imported)))?;
    if let History::Last(last) = history {
        history::give_up(transaction, last, block.header.number, finalized)?;
    }
    Ok(Appended { places, recent: Some(recent) })
}

fn keep_state(
    transaction: &WriteTransaction,
    imported: &Imported,
) -> Result<Option<Places>, StoreError> {
    let Imported { hash, block, nodes, dropped, .. } = imported;
    if transaction.open_table(META)?.get(COUNTED)?.is_some() {
        return match block.header.number {
            0 => history::begin(transaction, imported).map(|()| None),
            number => history::enter(transaction, (number, *hash), nodes, dropped).map(Some),
        };
    }
    let mut table = transaction.open_table(NODES)?;
    let mut sorted: Vec<_> = nodes.iter().collect();
    sorted.sort_unstable_by_key(|node| node.hash);
    for node in sorted {
        table.insert(&node.hash.0, node.rlp.as_ref())?;
    }
    Ok(None)
}

/// Returns the finalized height and the rows of the index. One of the connected blocks may be new.
pub(super) fn move_head(
    transaction: &WriteTransaction,
    change: &HeadChange,
    finality_lag: u64,
    (mut recent, new): (Recent, Option<&Imported>),
) -> Result<(u64, Recent), StoreError> {
    let mut canonical = transaction.open_table(CANONICAL)?;
    let mut feed = transaction.open_table(FEED)?;
    let mut meta = transaction.open_table(META)?;
    let mut sequence = feed.last()?.map_or(0, |(sequence, _)| sequence.value());
    let mut finalized =
        meta.get(FINALIZED)?.and_then(|height| number(height.value())).unwrap_or_default();
    for hash in &change.disconnected {
        let block = stored(&transaction.open_table(BLOCKS)?, *hash)?;
        canonical.remove(block.header.number)?;
        recent.disconnect(transaction, || rows(transaction, *hash, &block))?;
        sequence += 1;
        feed.insert(sequence, (DISCONNECTED, &hash.0, finalized))?;
    }
    for hash in &change.connected {
        let rows = match new.filter(|new| new.hash == *hash) {
            Some(new) => Rows::new(&new.block, &new.senders, &new.appearances),
            None => {
                let block = stored(&transaction.open_table(BLOCKS)?, *hash)?;
                rows(transaction, *hash, &block)?
            }
        };
        canonical.insert(rows.height, &hash.0)?;
        finalized = finalized.max(rows.height.saturating_sub(finality_lag));
        recent.connect(*hash, rows);
        sequence += 1;
        feed.insert(sequence, (CONNECTED, &hash.0, finalized))?;
        meta.insert(HEAD, hash.as_slice())?;
    }
    meta.insert(FINALIZED, finalized.to_be_bytes().as_slice())?;
    recent.note(&mut meta)?;
    Ok((finalized, recent))
}

fn rows(transaction: &WriteTransaction, hash: B256, block: &Block) -> Result<Rows, StoreError> {
    let senders = transaction.open_table(SENDERS)?;
    let appearances = transaction.open_table(APPEARANCES)?;
    Rows::stored(block, hash, &senders, &appearances)
}

/// A block that has to be there.
pub(super) fn stored(
    blocks: &impl ReadableTable<Hash, &'static [u8]>,
    hash: B256,
) -> Result<Block, StoreError> {
    let rlp = blocks.get(&hash.0)?;
    let rlp = rlp.ok_or_else(|| StoreError::Damaged(format!("block {hash} is missing")))?;
    alloy_rlp::decode_exact(rlp.value())
        .map_err(|error| StoreError::Damaged(format!("block {hash}: {error}")))
}
