//! Blocks out of a directory and into one.

use super::stream::{Blocks, Sink};
use super::{BLOCKS_PER_SYNC, MaintainError, Progress};
use crate::store::{Beginning, History, Store, StoreError};
use chain::{Block, ChainView, GenesisSpec, Rules};
use std::path::Path;

/// What was exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Number of blocks, block 0 among them.
    pub blocks: u64,
}

/// Writes the best branch of the chain in `directory` to a file, from block 0 on. The file has its
/// name only when it is whole. Progress is in blocks; the work ends when `progress` says `false`.
pub fn export(
    directory: &Path,
    file: &Path,
    mut progress: impl FnMut(Progress) -> bool,
) -> Result<Exported, MaintainError> {
    let store = existing(directory)?;
    let snapshot = store.snapshot()?;
    let all = snapshot.head_header()?.number + 1;
    let mut sink = Sink::create(file)?;
    for number in 0..all {
        let block = snapshot.canonical_hash(number).and_then(|hash| snapshot.block(hash));
        let missing = || StoreError::Damaged(format!("block {number} is missing"));
        sink.write(&block.ok_or_else(missing)?.encode())?;
        if !progress(Progress { done: number + 1, all }) {
            return Err(MaintainError::Stopped);
        }
    }
    sink.finish()?;
    Ok(Exported { blocks: all })
}

/// What the chain in `directory` was begun from.
pub fn specification(directory: &Path) -> Result<GenesisSpec, MaintainError> {
    existing(directory)?.spec()?.ok_or(MaintainError::NoSpecification)
}

/// How blocks are taken in.
#[derive(Clone, Debug)]
pub struct Import {
    /// What block 0 is built from; a directory that has a chain knows it.
    pub genesis: Option<GenesisSpec>,
    /// How many old states are kept.
    pub history: History,
    /// How many blocks below the head a block is final.
    pub finality_lag: u64,
    /// Epoch seconds: blocks from the future are refused.
    pub now: u64,
}

/// What was imported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Blocks that are new.
    pub new: u64,
    /// Blocks that were there already.
    pub known: u64,
    /// Height of the head now.
    pub head: u64,
}

/// Takes the blocks of a file into the chain in `directory`, or begins it there. Each is verified
/// as one from a peer; one that is known is passed over, so that an import that was interrupted can
/// be begun again. Progress is in bytes of the file; the work ends when `progress` says `false`.
pub fn import(
    directory: &Path,
    file: &Path,
    how: Import,
    mut progress: impl FnMut(Progress) -> bool,
) -> Result<Imported, MaintainError> {
    let mut blocks = Blocks::open(file)?;
    let spec = match existing(directory) {
        Ok(store) => how.genesis.or(store.spec()?).ok_or(MaintainError::NoSpecification)?,
        Err(MaintainError::NoChain(_)) => how.genesis.ok_or(MaintainError::NoSpecification)?,
        Err(error) => return Err(error),
    };
    let genesis = spec.build()?;
    let beginning = Beginning { spec: &spec, imported: &genesis.imported };
    let store = Store::open(directory, beginning, how.history)?;
    let mut imported = Imported::default();
    let outcome = (|| {
        while let Some(block) = blocks.next()? {
            let (number, hash) = (block.header.number, block.hash());
            if number == 0 && hash != genesis.imported.hash {
                let expected = genesis.imported.hash;
                return Err(MaintainError::OtherGenesis { found: hash, expected });
            }
            if store.snapshot()?.header(hash).is_some() {
                imported.known += 1;
            } else {
                take_in(&store, &genesis.rules, block, (how.now, how.finality_lag))?;
                imported.new += 1;
                if imported.new.is_multiple_of(BLOCKS_PER_SYNC) {
                    store.sync()?;
                }
            }
            if !progress(blocks.progress()) {
                return Err(MaintainError::Stopped);
            }
        }
        Ok(())
    })();
    // What is verified stays, also if a later block is refused.
    store.sync()?;
    outcome?;
    imported.head = store.snapshot()?.head_header()?.number;
    Ok(imported)
}

fn take_in(
    store: &Store,
    rules: &Rules,
    block: Block,
    (now, finality_lag): (u64, u64),
) -> Result<(), MaintainError> {
    let snapshot = store.snapshot()?;
    let (number, parent) = (block.header.number, block.header.parent_hash);
    if snapshot.header(parent).is_some() && !snapshot.has_state(parent) {
        return Err(MaintainError::StateNotKept { number, oldest: snapshot.oldest() });
    }
    let finalized = snapshot.finalized();
    let final_here = snapshot.canonical_hash(number);
    if number <= finalized && final_here != Some(block.hash()) {
        return Err(MaintainError::BelowFinalized { number, finalized });
    }
    let imported = rules.import(&snapshot, block, now);
    let imported = imported.map_err(|reason| MaintainError::Refused { number, reason })?;
    let change = imported.head.as_ref();
    if change.and_then(|change| chain::finality::undone(&snapshot, change, finalized)).is_some() {
        return Err(MaintainError::BelowFinalized { number, finalized });
    }
    // Where operators decide, depth does not.
    let finality_lag = if rules.operators.is_some() { u64::MAX } else { finality_lag };
    store.append_for_now(imported, finality_lag)?;
    Ok(store.tidy()?)
}

/// The chain in a directory that has one.
pub(super) fn existing(directory: &Path) -> Result<Store, MaintainError> {
    if !Store::is_in(directory) {
        return Err(MaintainError::NoChain(directory.to_owned()));
    }
    Ok(Store::open_existing(directory)?)
}
