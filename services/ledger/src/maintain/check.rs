//! Whether a directory holds what follows from its genesis: everything is computed anew and
//! compared.

use super::blocks::existing;
use super::{BLOCKS_PER_SYNC, MaintainError, Progress};
use crate::store::{Beginning, History, Snapshot, Store, StoreError};
use alloy_primitives::{B256, keccak256};
use chain::state::{NodeChange, difference};
use chain::trie::EMPTY_ROOT;
use chain::{Block, BlockError, ChainView, GenesisSpec, NodeSource, PlacedNode, Rules};
use std::path::{Path, PathBuf};

/// The directory, within the one that is checked, in which the chain is built anew.
const SCRATCH: &str = "check";
/// Rows of the feed that are read at once.
const FEED_ROWS: usize = 1_024;

/// What was found to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Blocks of the best branch.
    pub blocks: u64,
    /// Their transactions.
    pub transactions: u64,
    /// Height of the oldest block whose state is kept, and was compared with all above it.
    pub oldest: u64,
}

/// Computes the best branch in `directory` anew from its genesis: headers, work, difficulty,
/// mountains, signatures, execution and roots by importing each block as a peer's into an empty
/// chain; and compares receipts, senders, total work, code, states, index and feed with what is
/// stored. `genesis` is needed if the directory does not name it.
///
/// [`MaintainError::Differs`] tells the first difference. Progress is in blocks; the work ends when
/// `progress` says `false`. Nothing that is checked is changed.
pub fn check(
    directory: &Path,
    genesis: Option<GenesisSpec>,
    now: u64,
    mut progress: impl FnMut(Progress) -> bool,
) -> Result<Checked, MaintainError> {
    let store = existing(directory)?;
    let spec = genesis.or(store.spec()?).ok_or(MaintainError::NoSpecification)?;
    let snapshot = store.snapshot()?;
    snapshot.check()?;
    let anew = Anew::begin(directory, &spec)?;
    let head = snapshot.head_header()?.number;
    let (all, mut transactions) = (head + 1, 0);
    for number in 0..=head {
        transactions += anew.block(&snapshot, number, now)?;
        if !progress(Progress { done: number + 1, all }) {
            return Err(MaintainError::Stopped);
        }
    }
    if snapshot.transactions_count()? != transactions {
        return Err(differs(head, "the index of transactions has others than the blocks"));
    }
    feed(&snapshot)?;
    oldest_state(&snapshot)?;
    Ok(Checked { blocks: all, transactions, oldest: snapshot.oldest() })
}

fn differs(number: u64, what: impl Into<String>) -> MaintainError {
    MaintainError::Differs { number, what: what.into() }
}

/// The chain that is built anew. Its directory goes with it.
struct Anew {
    store: Option<Store>,
    directory: PathBuf,
    rules: Rules,
    genesis: chain::Imported,
}

impl Drop for Anew {
    fn drop(&mut self) {
        self.store = None;
        if let Err(error) = std::fs::remove_dir_all(&self.directory) {
            tracing::warn!(path = %self.directory.display(), %error, "scratch data stays");
        }
    }
}

impl Anew {
    fn begin(directory: &Path, spec: &GenesisSpec) -> Result<Self, MaintainError> {
        let directory = directory.join(SCRATCH);
        if directory.exists() {
            // A check that was interrupted left it.
            std::fs::remove_dir_all(&directory).map_err(StoreError::Directory)?;
        }
        let genesis = spec.build()?;
        let beginning = Beginning { spec, imported: &genesis.imported };
        let store = Some(Store::open(&directory, beginning, History::Last(0))?);
        Ok(Self { store, directory, rules: genesis.rules, genesis: genesis.imported })
    }

    fn store(&self) -> &Store {
        self.store.as_ref().expect("it is there until it is dropped")
    }

    /// Imports a block of the stored chain and compares; returns its number of transactions.
    fn block(&self, stored: &Snapshot, number: u64, now: u64) -> Result<u64, MaintainError> {
        let hash = stored.canonical_hash(number).ok_or_else(|| differs(number, "is missing"))?;
        let block = stored.block(hash).ok_or_else(|| differs(number, "its body is missing"))?;
        if block.hash() != hash {
            let what = format!("it is stored as {hash} and has the hash {}", block.hash());
            return Err(differs(number, what));
        }
        let count = block.transactions.len() as u64;
        if number == 0 {
            if hash != self.genesis.hash {
                let what = format!("it is {hash}, the specification makes {}", self.genesis.hash);
                return Err(differs(0, what));
            }
            compare(stored, &self.genesis)?;
            return Ok(count);
        }
        let view = self.store().snapshot()?;
        let computed = self.rules.import(&view, block, now).map_err(|error| match error {
            BlockError::UnknownParent(parent) => {
                differs(number, format!("its parent {parent} is not the block below"))
            }
            error => differs(number, error.to_string()),
        })?;
        drop(view);
        compare(stored, &computed)?;
        if computed.head.as_ref().is_none_or(|change| !change.disconnected.is_empty()) {
            return Err(differs(number, "it does not follow the block below"));
        }
        self.store().append_for_now(computed, 0)?;
        self.store().tidy()?;
        if number.is_multiple_of(BLOCKS_PER_SYNC) {
            self.store().sync()?;
        }
        Ok(count)
    }
}

/// Compares what is stored of a block with what was computed.
fn compare(stored: &Snapshot, computed: &chain::Imported) -> Result<(), MaintainError> {
    let (hash, number) = (computed.hash, computed.block.header.number);
    let same = |what: &str, same: bool| {
        if same { Ok(()) } else { Err(differs(number, format!("{what} are not what follows"))) }
    };
    same("its receipts", stored.receipts(hash).as_ref() == Some(&computed.receipts))?;
    same("its senders", stored.senders(hash).as_ref() == Some(&computed.senders))?;
    let work = stored.total_difficulty(hash);
    same("its difficulties with all below", work == Some(computed.total_difficulty))?;
    same("the peaks of its mountain range", stored.mmr(hash).as_ref() == Some(&computed.mmr))?;
    let kept = |(hash, value): &(_, _)| stored.node(*hash).as_ref() == Some(value);
    let mountains = computed.mountains.iter().all(kept);
    same("the nodes of its mountain range", mountains)?;
    let code = computed.code.iter().all(|(hash, code)| stored.code(*hash).as_ref() == Some(code));
    same("the codes of its contracts", code)?;
    if number >= stored.oldest() {
        let kept =
            |one: &PlacedNode| stored.node_at(&one.place, one.hash).as_ref() == Some(&one.rlp);
        let state = computed.nodes.iter().all(kept);
        same("the nodes of its state", state)?;
    }
    same("the places of its transactions", indexed(stored, &computed.block))
}

fn indexed(stored: &Snapshot, block: &Block) -> bool {
    let place = |index| Some((block.header.number, index));
    let mut transactions = block.transactions.iter().enumerate();
    transactions.all(|(index, one)| stored.transaction_place(*one.tx_hash()) == place(index))
}

/// The feed leads from nothing to the head, one block up or down at a time.
fn feed(stored: &Snapshot) -> Result<(), MaintainError> {
    let (mut top, mut sequence) = (B256::ZERO, 0);
    loop {
        let rows = stored.feed_after(sequence, FEED_ROWS)?;
        let Some(last) = rows.last() else { break };
        sequence = last.sequence;
        for row in rows {
            let header = stored.header(row.hash);
            let header = header.ok_or_else(|| differs(0, "the feed has an unknown block"))?;
            let (from, to) = match row.connected {
                true => (header.parent_hash, row.hash),
                false => (row.hash, header.parent_hash),
            };
            if from != top {
                let what =
                    format!("row {} of the feed does not follow the one before", row.sequence);
                return Err(differs(header.number, what));
            }
            top = to;
        }
    }
    let head = stored.head_header()?.number;
    if top == stored.head() { Ok(()) } else { Err(differs(head, "the feed ends elsewhere")) }
}

/// What the oldest state has from blocks below it: all of it is there and is what its hash says.
/// So is what waits in the journal, also of other branches.
fn oldest_state(stored: &Snapshot) -> Result<(), MaintainError> {
    let number = stored.oldest();
    let header = stored.canonical_header(number).ok_or_else(|| differs(number, "is missing"))?;
    let mut wrong = None;
    let walked = difference(stored, EMPTY_ROOT, header.state_root, &mut |change| {
        if let NodeChange::Created(place, hash) = change
            && stored.node_at(&place, hash).is_none_or(|node| keccak256(node) != hash)
        {
            wrong = wrong.or(Some(hash));
        }
    });
    walked.map_err(|error| differs(number, error.to_string()))?;
    match wrong.or(stored.wrong_in_journal()?) {
        Some(hash) => Err(differs(number, format!("node {hash} of its state has another hash"))),
        None => Ok(()),
    }
}
