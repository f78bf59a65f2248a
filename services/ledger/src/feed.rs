//! Rows of the feed as events.

use crate::node::Node;
use crate::store::{FeedEntry, Snapshot, StoreError};
use alloy_consensus::Transaction as _;
use calendar::Timestamp;
use chain::{Block, ChainView};
use events::Envelope;
use events::ledger::{BlockConnected, BlockDisconnected, Confirmed, Log};

/// Rows that are read at once.
const BATCH_MAX: usize = 64;

/// The next events that were not published yet, with their sequence.
pub(crate) fn unpublished(node: &Node) -> Result<Vec<(u64, Envelope)>, StoreError> {
    let snapshot = node.snapshot()?;
    let entries = snapshot.feed_after(snapshot.published(), BATCH_MAX)?;
    entries.iter().map(|entry| Ok((entry.sequence, envelope(&snapshot, entry)?))).collect()
}

fn envelope(snapshot: &Snapshot, entry: &FeedEntry) -> Result<Envelope, StoreError> {
    let FeedEntry { sequence, connected, hash, finalized } = *entry;
    let missing = || StoreError::Damaged(format!("block {hash} of the feed is missing"));
    let block = snapshot.block(hash).ok_or_else(missing)?;
    let timestamp =
        Timestamp::from_seconds(i64::try_from(block.header.timestamp).unwrap_or(i64::MAX));
    let cause = format!("{sequence}/{hash}");
    let (number, parent) = (block.header.number, block.header.parent_hash);
    if !connected {
        let event = BlockDisconnected { sequence, number, hash, parent };
        return Ok(Envelope::of(&event, &cause, timestamp));
    }
    let (transactions, logs) = outcome(snapshot, entry, &block).ok_or_else(missing)?;
    let event =
        BlockConnected { sequence, number, hash, parent, timestamp, finalized, transactions, logs };
    Ok(Envelope::of(&event, &cause, timestamp))
}

fn outcome(
    snapshot: &Snapshot,
    entry: &FeedEntry,
    block: &Block,
) -> Option<(Vec<Confirmed>, Vec<Log>)> {
    let receipts = snapshot.receipts(entry.hash)?;
    let senders = snapshot.senders(entry.hash)?;
    let (mut confirmed, mut logs) = (Vec::new(), Vec::new());
    let mut gas_before = 0;
    for ((transaction, from), receipt) in block.transactions.iter().zip(senders).zip(&receipts) {
        let hash = *transaction.tx_hash();
        let gas_used = receipt.cumulative_gas_used() - gas_before;
        gas_before = receipt.cumulative_gas_used();
        let (to, success) = (transaction.to(), receipt.is_success());
        confirmed.push(Confirmed { hash, from, to, success, gas_used });
        for log in receipt.logs() {
            logs.push(Log {
                address: log.address,
                topics: log.topics().to_vec(),
                data: log.data.data.clone(),
                transaction: hash,
                index: u32::try_from(logs.len()).ok()?,
            });
        }
    }
    Some((confirmed, logs))
}
