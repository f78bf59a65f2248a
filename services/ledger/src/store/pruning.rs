//! Histories with forks, kept short, against the chain that keeps all: what is promised can be
//! read, and nothing else is on the disk.

use super::history::Row;
use super::tables::{JOURNAL, NODES, SHARES};
use super::*;
use alloy_consensus::transaction::Recovered;
use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256};
use chain::genesis::Allocation;
use chain::state::{NodeChange, difference};
use chain::trie::EMPTY_ROOT;
use chain::{Block, ChainView, HeadChange, MemoryChain, NodeSource, Rules};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet};

/// Sets slot `data[0..32]` to `data[32..64]`.
const KEEPER: [u8; 7] = [0x60, 0x20, 0x35, 0x5f, 0x35, 0x55, 0x00];
/// Contracts with one code, so that equal storage is shared between them.
const KEEPERS: u8 = 4;
const SENDER: Address = Address::repeat_byte(0xee);

/// What the directory has of trie nodes is exactly what its oldest state and the blocks above need.
pub(super) fn assert_exact(store: &Store, when: &str) {
    let snapshot = store.snapshot().unwrap();
    let read = store.database.begin_read().unwrap();
    let journal = read.open_table(JOURNAL).unwrap();
    // A rival of the oldest block may have left before it: then the state below is still there.
    let oldest = snapshot.oldest();
    let best = snapshot.canonical_hash(oldest).unwrap();
    let waits = journal.get((oldest, &best.0)).unwrap().is_some();
    let base = oldest - u64::from(waits);
    let mut needed = BTreeMap::<B256, u32>::new();
    let root = snapshot.canonical_header(base).unwrap().state_root;
    walk(&snapshot, root, |hash| *needed.entry(hash).or_default() += 1);
    for row in journal.iter().unwrap() {
        let row = Row::decode(row.unwrap().1.value()).unwrap();
        row.created.iter().for_each(|hash| *needed.entry(*hash).or_default() += 1);
    }
    let shares = read.open_table(SHARES).unwrap();
    let mut kept = BTreeMap::new();
    for row in read.open_table(NODES).unwrap().iter().unwrap() {
        let hash = *row.unwrap().0.value();
        let places = shares.get(&hash).unwrap().map_or(1, |places| places.value());
        assert!(places > 0, "{when}");
        kept.insert(B256::from(hash), places);
    }
    assert_eq!(kept, needed, "{when}");
    let shared = kept.values().filter(|places| **places > 1).count() as u64;
    assert_eq!(redb::ReadableTableMetadata::len(&shares).unwrap(), shared, "{when}");
}

/// Every node of a state, each read and hashed.
fn walk(source: &impl NodeSource, root: B256, mut each: impl FnMut(B256)) {
    difference(source, EMPTY_ROOT, root, &mut |change| {
        let NodeChange::Created(hash) = change else { panic!("nothing is dropped from nothing") };
        let node = source.node(hash).expect("the walk has just read it");
        assert_eq!(alloy_primitives::keccak256(node), hash);
        each(hash);
    })
    .unwrap();
}

fn spec() -> GenesisSpec {
    let mut spec = GenesisSpec::new(1, 1_000);
    spec.difficulty = U256::ONE;
    spec.fixed_difficulty = true;
    spec.reward = U256::from(7);
    let balance = U256::from(10).pow(U256::from(24));
    spec.alloc.insert(SENDER, Allocation { balance, ..Allocation::default() });
    for number in 0..KEEPERS {
        let storage = (0..20).map(|slot| (U256::from(slot), U256::from(slot + 1))).collect();
        let code = Bytes::from_static(&KEEPER);
        let keeper = Allocation { code, storage, ..Allocation::default() };
        spec.alloc.insert(keeper_at(number), keeper);
    }
    spec
}

fn keeper_at(number: u8) -> Address {
    Address::repeat_byte(0xa0 + number)
}

/// Sets or clears one of a few slots of a keeper, or pays one of a few accounts.
fn transaction(random: &mut ChaCha8Rng, nonce: u64) -> Recovered<chain::Transaction> {
    let word = |number: u64| U256::from(number).to_be_bytes::<32>();
    let (to, input, value) = if random.random_ratio(3, 4) {
        let (slot, value) = (random.random_range(0..40), random.random_range(0..3));
        let to = keeper_at(random.random_range(0..KEEPERS));
        (to, [word(slot), word(value)].concat(), U256::ZERO)
    } else {
        let to = Address::repeat_byte(random.random_range(1..30));
        (to, Vec::new(), U256::from(random.random_range(0..3)))
    };
    let unsigned = TxEip1559 {
        chain_id: 1,
        nonce,
        gas_limit: 100_000,
        max_fee_per_gas: 1_000_000_000,
        to: TxKind::Call(to),
        value,
        input: input.into(),
        ..TxEip1559::default()
    };
    Recovered::new_unchecked(unsigned.into_signed(Signature::test_signature()).into(), SENDER)
}

/// A node's store and the chain that keeps everything, side by side.
struct Twins {
    rules: Rules,
    store: Store,
    whole: MemoryChain,
    /// Blocks of all branches, in order of arrival.
    blocks: Vec<Block>,
    directory: tempfile::TempDir,
}

impl Twins {
    fn new(history: History) -> Self {
        let (spec, directory) = (spec(), tempfile::tempdir().unwrap());
        let genesis = spec.build().unwrap();
        let beginning = Beginning { spec: &spec, imported: &genesis.imported };
        let store = Store::open(directory.path(), beginning, history).unwrap();
        let blocks = vec![genesis.imported.block.clone()];
        let mut whole = MemoryChain::default();
        whole.store(genesis.imported);
        Self { rules: genesis.rules, store, whole, blocks, directory }
    }

    /// A block with random transactions on `parent`, into both.
    fn grow(&mut self, random: &mut ChaCha8Rng, parent: B256, lag: u64) -> Option<HeadChange> {
        let root = self.whole.header(parent).unwrap().state_root;
        let mut state = chain::State::at(root, chain::AtBlock::new(&self.whole, parent));
        let nonce = state.account(SENDER).unwrap().unwrap().nonce;
        let count = random.random_range(0..6);
        let sent: Vec<_> = (nonce..nonce + count).map(|nonce| transaction(random, nonce)).collect();
        let coinbase = Address::repeat_byte(random.random_range(1..30));
        let snapshot = self.store.snapshot().unwrap();
        // A second for each block makes every one another, also on one parent.
        let now = 1_000 + self.blocks.len() as u64;
        let candidate = self.rules.propose(&snapshot, parent, sent, coinbase, now).unwrap();
        assert_eq!(candidate.skipped, []);
        let nonce = candidate.seal(0, u64::MAX).unwrap();
        let imported = self.rules.adopt(&snapshot, candidate, nonce).unwrap();
        let head = imported.head.clone();
        self.blocks.push(imported.block.clone());
        self.whole.store(imported.clone());
        self.store.append(imported, lag).unwrap();
        head
    }

    /// Every state is there in full, or the store says that it is not.
    fn check(&self, last: u64, when: &str) {
        if self.store.history != History::Archive {
            assert_exact(&self.store, when);
        }
        let snapshot = self.store.snapshot().unwrap();
        let head = snapshot.head_header().unwrap().number;
        assert!(snapshot.oldest() <= snapshot.finalized(), "{when}");
        assert!(snapshot.oldest() <= head.saturating_sub(last), "{when}");
        for block in &self.blocks {
            let (hash, header) = (block.hash(), &block.header);
            assert_eq!(snapshot.mmr(hash), self.whole.mmr(hash), "{when}");
            if snapshot.has_state(hash) {
                let mut nodes = 0;
                walk(&snapshot, header.state_root, |_| nodes += 1);
                assert!(nodes > 0, "{when}");
            } else {
                assert!(header.number < snapshot.oldest() || !is_best(&snapshot, block), "{when}");
            }
        }
    }
}

fn is_best(snapshot: &Snapshot, block: &Block) -> bool {
    snapshot.canonical_hash(block.header.number) == Some(block.hash())
}

/// Grows mostly at the head and sometimes from a block some way below it that may still win.
fn random_history(seed: u64, history: History, last: u64, lag: u64) -> Twins {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut twins = Twins::new(history);
    let mut reorganisations = 0;
    for step in 0..60 {
        let when = format!("seed {seed}, {history:?}, lag {lag}, step {step}");
        let snapshot = twins.store.snapshot().unwrap();
        let (head, finalized) = (snapshot.head_header().unwrap(), snapshot.finalized());
        let mut parent = snapshot.head();
        let mut length = 1;
        if lag > 0 && random.random_ratio(1, 2) {
            let height = random.random_range(finalized..=head.number);
            parent = snapshot.canonical_hash(height).unwrap();
            length = random.random_range(1..=head.number - height + 2);
        }
        drop(snapshot);
        for _ in 0..length {
            let change = twins.grow(&mut random, parent, lag);
            reorganisations +=
                u32::from(change.is_some_and(|change| !change.disconnected.is_empty()));
            parent = twins.blocks.last().unwrap().hash();
        }
        twins.check(last, &when);
    }
    assert!(lag == 0 || reorganisations > 2, "seed {seed} has no reorganisations");
    twins
}

#[test]
fn kept_states_are_whole_and_nothing_else_stays_over_random_histories() {
    let kinds = [(0, 0), (0, 3), (1, 5), (4, 2), (10, 4), (1_000, 3)];
    for (seed, (last, lag)) in (0u64..).zip(kinds) {
        let twins = random_history(seed, History::Last(last), last, lag);
        let snapshot = twins.store.snapshot().unwrap();
        let head = snapshot.head_header().unwrap().number;
        assert_eq!(snapshot.oldest(), snapshot.finalized().min(head.saturating_sub(last)));
    }
}

#[test]
fn an_archive_keeps_every_state_and_can_be_cut_short_and_kept_whole_again() {
    let twins = random_history(9, History::Archive, 0, 4);
    let snapshot = twins.store.snapshot().unwrap();
    assert!(twins.blocks.iter().all(|block| snapshot.has_state(block.hash())));
    let (head, finalized) = (snapshot.head_header().unwrap().number, snapshot.finalized());
    drop(snapshot);
    let Twins { mut store, rules, whole, blocks, directory } = twins;
    for (history, oldest) in [
        (History::Last(20), head - 20),
        (History::Archive, head - 20),
        (History::Last(2), finalized.min(head - 2)),
    ] {
        drop(store);
        let (spec, genesis) = (spec(), spec().build().unwrap());
        let beginning = Beginning { spec: &spec, imported: &genesis.imported };
        store = Store::open(directory.path(), beginning, history).unwrap();
        let snapshot = store.snapshot().unwrap();
        assert_eq!(snapshot.oldest(), oldest, "{history:?}");
        for block in &blocks {
            let path = whole.mmr(block.hash()).unwrap().path(0, &snapshot);
            assert_eq!(path, whole.mmr(block.hash()).unwrap().path(0, &whole));
        }
    }
    let mut twins = Twins { store, rules, whole, blocks, directory };
    twins.check(2, "cut short");
    let mut random = ChaCha8Rng::seed_from_u64(10);
    for step in 0..10 {
        let head = twins.store.snapshot().unwrap().head();
        twins.grow(&mut random, head, 4);
        twins.check(2, &format!("step {step} after it was cut short"));
    }
    let known: BTreeSet<_> = twins.blocks.iter().map(Block::hash).collect();
    assert_eq!(known.len(), twins.blocks.len());
}
