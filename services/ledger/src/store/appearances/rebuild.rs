//! The index of a directory that was written without it.
//!
//! Who took part on the way is only known by executing: each block runs once more on its parent's
//! state. Where that is not kept any more, the senders, receivers, created contracts and emitters
//! of logs have to do.

use super::super::index::{self, Rows};
use super::super::tables::BLOCKS;
use super::super::{Snapshot, Store, StoreError};
use super::{INDEXED, META, begin, keep_of};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256};
use chain::execute::{Appearance, Executor, block_env, created_address};
use chain::{AtBlock, Block, ChainView, State};
use redb::{ReadableDatabase, ReadableTable};
use std::collections::BTreeMap;

/// Blocks that are indexed in one transaction.
const BATCH: usize = 1_000;

/// Makes the index if there is none; a crash leaves it to the next start.
pub(in crate::store) fn ensure(store: &Store) -> Result<(), StoreError> {
    let reading = store.database.begin_read()?;
    if reading.open_table(META)?.get(INDEXED)?.is_some() {
        return Ok(());
    }
    let mut hashes = Vec::new();
    for row in reading.open_table(BLOCKS)?.iter()? {
        hashes.push(B256::from(*row?.0.value()));
    }
    drop(reading);
    tracing::info!(blocks = hashes.len(), "the blocks are indexed by address");
    for batch in hashes.chunks(BATCH) {
        let snapshot = store.snapshot()?;
        let transaction = store.database.begin_write()?;
        for hash in batch {
            let missing = || StoreError::Damaged(format!("block {hash} is not whole"));
            let block = snapshot.block(*hash).ok_or_else(missing)?;
            let senders = snapshot.senders(*hash).ok_or_else(missing)?;
            let taking_part = taking_part(&snapshot, *hash, &block, &senders)?;
            keep_of(&transaction, *hash, &taking_part)?;
            if snapshot.canonical_hash(block.header.number) == Some(*hash) {
                index::enter(&transaction, Rows::new(&block, &senders, &taking_part))?;
            }
        }
        transaction.commit()?;
    }
    let transaction = store.database.begin_write()?;
    begin(&transaction)?;
    Ok(transaction.commit()?)
}

fn taking_part(
    snapshot: &Snapshot,
    hash: B256,
    block: &Block,
    senders: &[Address],
) -> Result<Vec<Vec<Appearance>>, StoreError> {
    match executed(snapshot, block, senders) {
        Some(appearances) => Ok(appearances),
        None => recorded(snapshot, hash, block, senders),
    }
}

/// `None` if the parent's state is not kept.
fn executed(
    snapshot: &Snapshot,
    block: &Block,
    senders: &[Address],
) -> Option<Vec<Vec<Appearance>>> {
    let Some(first) = block.transactions.first() else { return Some(Vec::new()) };
    let parent = block.header.parent_hash;
    let root = snapshot.header(parent)?.state_root;
    let mut state = State::at(root, AtBlock::new(snapshot, parent));
    let mut executor = Executor::new(&mut state, first.chain_id()?, block_env(&block.header));
    for (transaction, sender) in block.transactions.iter().zip(senders) {
        executor.execute(transaction, *sender).ok()?;
    }
    Some(executor.finish().ok()?.appearances)
}

fn recorded(
    snapshot: &Snapshot,
    hash: B256,
    block: &Block,
    senders: &[Address],
) -> Result<Vec<Vec<Appearance>>, StoreError> {
    let receipts = snapshot.receipts(hash);
    let receipts =
        receipts.ok_or_else(|| StoreError::Damaged(format!("receipts of {hash} are missing")))?;
    let all = block.transactions.iter().zip(senders).zip(&receipts);
    let named = all.map(|((transaction, sender), receipt)| {
        let mut named: BTreeMap<Address, bool> = BTreeMap::from([(*sender, false)]);
        named.extend(transaction.to().map(|to| (to, false)));
        named.extend(receipt.logs().iter().map(|log| (log.address, false)));
        if receipt.status() {
            named.extend(created_address(transaction, *sender).map(|created| (created, true)));
        }
        named.into_iter().map(|(address, created)| Appearance { address, created }).collect()
    });
    Ok(named.collect())
}
