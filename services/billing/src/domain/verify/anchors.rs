//! Proves entries of a journal, also some of them without the rest, against one trusted block.
//!
//! ```text
//! trusted block ── state root ── RecordAnchor ── H("WJR1" || first || count || root)   a batch
//!                                                                        └── Merkle path
//!                                              the entry's text ── its hash ──┘  a leaf
//! ```
//!
//! Once a day what was posted since becomes a batch: a tree over the hashes of its entries, in
//! their order. The batches of a journal stand in `RecordAnchor` as invoices of an account and a
//! meter that follow from its currency, batch n as that of "day" n. Of a number whose transaction
//! was refused the chain holds nothing, and the next one has its entries.
//!
//! Invariant: a file has every batch from the first to its last, each beginning where the one
//! before ends, and proves of the numbers between that nothing is there. So each place of the
//! journal is in one batch: a journal that is made anew cannot be put over what was anchored.
//!
//! Proved: that an entry, every word of it, stood at its place when its batch came on chain, so
//! that nobody has changed or slipped it in since. Not proved: that what it says happened (its
//! source names the log, readings and bills have files that prove themselves), when in the day it
//! was posted, and that a part of a journal lacks none of its entries; a whole one is chained.

use std::ops::RangeInclusive;

use alloy_primitives::{Address, B256, Bytes, keccak256};
use chain::light::verify_ancestor;
use chain::mmr::Path;
use ids::MeterId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::state::{Need, State, StateError, needed};
use super::{ChainRef, Trust, anchored, header};

/// What a file of anchors calls its own form.
pub const ANCHORS_FORMAT: &str = "wattex-journal-anchors/1";
/// The most entries of a batch.
pub const BATCH_ENTRIES_MAX: u64 = 65_536;
/// The highest number of a batch that a file may have: several a day for a century.
pub const BATCH_NUMBER_MAX: u32 = 200_000;

/// Entries of a journal that are anchored together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalBatch {
    /// From 1, rising.
    pub number: u32,
    /// The place of its first entry in the journal.
    pub first: u64,
    /// How many entries.
    pub count: u64,
    /// The root of the tree over their hashes.
    pub root: B256,
}

/// The way from an entry's hash to the root of its batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryProof {
    /// Which batch.
    pub batch: u32,
    /// Siblings from the leaf up.
    pub path: Vec<B256>,
}

/// Batches of a journal with all that proves that they are on chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnchorsFile {
    /// [`ANCHORS_FORMAT`].
    pub format: String,
    /// Which chain.
    pub chain: ChainRef,
    /// RLP of the header whose state is proved.
    pub header: Bytes,
    /// Siblings of the genesis block under the header's mountain range.
    pub genesis: Vec<B256>,
    /// Whose journal (ISO 4217).
    pub currency: String,
    /// The batches from the first on, rising.
    pub batches: Vec<JournalBatch>,
    /// Nodes of the state's tries, each once.
    pub nodes: Vec<Bytes>,
}

/// The tree over the hashes of a batch's entries.
pub fn entries_tree(hashes: &[B256]) -> merkle::Tree {
    merkle::Tree::new(hashes.iter().map(leaf).collect())
}

fn leaf(hash: &B256) -> B256 {
    merkle::leaf(hash.as_slice())
}

/// Under which account and meter the chain holds the batches of a currency's journal.
pub fn journal_subject(currency: &str) -> (Address, MeterId) {
    let name = keccak256([b"WJR1", currency.as_bytes()].concat());
    let mut meter = [0; 16];
    meter.copy_from_slice(&name[..16]);
    (Address::from_word(name), MeterId::from_uuid(Uuid::from_bytes(meter)))
}

impl JournalBatch {
    /// What is on chain of it.
    pub fn hash(&self) -> B256 {
        let (first, count) = (self.first.to_be_bytes(), self.count.to_be_bytes());
        keccak256([&b"WJR1"[..], &first, &count, &self.root.0].concat())
    }

    /// Whether the entry at a place of the journal is one of it, with this hash.
    pub fn proves(&self, sequence: u64, hash: B256, path: &[B256]) -> bool {
        let Some(index) = sequence.checked_sub(self.first) else { return false };
        let place = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        merkle::verify(self.root, leaf(&hash), place(index), place(self.count), path)
    }
}

impl AnchorsFile {
    /// The words of state that [`AnchorsFile::check`] reads.
    pub fn needs(&self) -> Vec<Need> {
        let root = header(&self.header).map_or(B256::ZERO, |header| header.state_root);
        let mut state = State::new(root, &[]);
        let subject = journal_subject(&self.currency);
        for number in self.numbers() {
            // Without nodes nothing is read: what is asked for is what counts.
            let _ = state.invoice(self.chain.contracts.records, subject, number);
        }
        needed(state.into_asked())
    }

    /// All numbers up to the last batch's.
    fn numbers(&self) -> RangeInclusive<u32> {
        1..=self.batches.last().map_or(0, |last| last.number.min(BATCH_NUMBER_MAX))
    }

    /// Whether the batches of the file, and no others up to the last of them, are on chain; when
    /// each of them came there, in epoch seconds. `trust` pins the chain and one block; without it
    /// the file's own word is taken for them.
    ///
    /// # Errors
    /// What is wrong, with its place in the file.
    pub fn check(&self, trust: Option<&Trust>) -> Result<Vec<u64>, String> {
        if self.format != ANCHORS_FORMAT {
            return Err(format!("format: this is not a {ANCHORS_FORMAT} file"));
        }
        let header = header(&self.header).ok_or("header: this is not a block header")?;
        let path = Path { index: 0, count: header.number, siblings: self.genesis.clone() };
        if !verify_ancestor(&header, self.chain.genesis, &path) {
            return Err("genesis: the block does not descend from the genesis block".to_owned());
        }
        if let Some(trust) = trust {
            if self.chain != trust.chain {
                let reason = "this is another chain, or other contracts, than the trusted ones";
                return Err(format!("chain: {reason}"));
            }
            anchored(&header, None, &trust.block)
                .map_err(|_| "header: it is not the trusted block".to_owned())?;
        }
        self.check_batches(header.state_root)
    }

    fn check_batches(&self, root: B256) -> Result<Vec<u64>, String> {
        let (mut number, mut next) = (0, 0);
        for (place, batch) in self.batches.iter().enumerate() {
            let end = batch.first.checked_add(batch.count).filter(|_| batch.count > 0);
            let (Some(end), true) = (end, batch.number > number && batch.first == next) else {
                return Err(format!("batches[{place}]: it does not follow the one before"));
            };
            if batch.number > BATCH_NUMBER_MAX {
                return Err(format!("batches[{place}]: its number is above {BATCH_NUMBER_MAX}"));
            }
            (number, next) = (batch.number, end);
        }
        let mut state = State::new(root, &self.nodes);
        let subject = journal_subject(&self.currency);
        let mut times = Vec::with_capacity(self.batches.len());
        for number in self.numbers() {
            let kept = state.invoice(self.chain.contracts.records, subject, number);
            let place = times.len();
            let Some(batch) = self.batches.get(place).filter(|batch| batch.number == number) else {
                match kept {
                    Err(StateError::Nothing) => continue,
                    Ok(_) => return Err(format!("batches: number {number} is on chain, not here")),
                    Err(error) => return Err(format!("batches: number {number}: {error}")),
                }
            };
            let kept = kept.map_err(|error| format!("batches[{place}]: {error}"))?;
            if kept.hash != batch.hash() || kept.to != number {
                return Err(format!("batches[{place}]: another one is on chain"));
            }
            times.push(kept.time);
        }
        match state.unused().first() {
            Some(place) => Err(format!("nodes[{place}]: this node proves nothing")),
            None => Ok(times),
        }
    }
}
