//! Histories with forks, kept short, against the chain that keeps all: what is promised can be
//! read, and nothing else is on the disk.

mod formats;

use super::journal::Row;
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
use redb::ReadableTableMetadata;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

/// Sets slot `data[0..32]` to `data[32..64]`.
const KEEPER: [u8; 7] = [0x60, 0x20, 0x35, 0x5f, 0x35, 0x55, 0x00];
/// Contracts with one code, so that equal storage is shared between them.
const KEEPERS: u8 = 4;
const SENDER: Address = Address::repeat_byte(0xee);

/// What the table has of the state is exactly the one below the journal, and the rows of the
/// journal are exactly what leads from there to the states above.
pub(super) fn assert_exact(store: &Store, when: &str) {
    let snapshot = store.snapshot().unwrap();
    let read = store.database.begin_read().unwrap();
    let journal = read.open_table(JOURNAL).unwrap();
    let mut rows = BTreeMap::new();
    for row in journal.iter().unwrap() {
        let (key, row) = row.unwrap();
        rows.insert((key.value().0, B256::from(*key.value().1)), row.value().to_vec());
    }
    let lowest = rows.first_key_value().map(|((height, _), _)| *height);
    let head = snapshot.head_header().unwrap().number;
    let base = lowest.map_or(head, |lowest| lowest - 1);
    assert!(base <= snapshot.oldest(), "{when}");
    let root = |height| snapshot.canonical_header(height).unwrap().state_root;
    let mut kept = Changed::new();
    for row in read.open_table(STATE).unwrap().iter().unwrap() {
        let (place, value) = row.unwrap();
        let (hash, rlp) = value.value().split_at(32);
        assert_eq!(alloy_primitives::keccak256(rlp), hash, "{when}");
        kept.insert(place.value().to_vec(), Some(B256::from_slice(hash)));
    }
    assert_eq!(kept, changed_between(&snapshot, EMPTY_ROOT, root(base)), "{when}");
    assert!(read.open_table(NODES).unwrap().is_empty().unwrap(), "{when}");
    assert!(read.open_table(SHARES).is_err(), "{when}");
    for height in base + 1..=head {
        let hash = snapshot.canonical_hash(height).unwrap();
        let before = changed_between(&snapshot, EMPTY_ROOT, root(height - 1));
        let mut changed = changed_in(&rows[&(height, hash)]);
        // A node may have been given up and made again.
        changed.retain(|place, node| before.get(place) != Some(node));
        let expected = changed_between(&snapshot, root(height - 1), root(height));
        assert_eq!(changed, expected, "{when}, block {height}");
    }
    for (key, row) in &rows {
        changed_in(row);
        assert!(snapshot.header(key.1).is_some_and(|header| header.number == key.0), "{when}");
    }
}

/// The places that have another node, or none any more.
type Changed = BTreeMap<Vec<u8>, Option<B256>>;

fn changed_between(source: &impl NodeSource, first: B256, second: B256) -> Changed {
    let mut changed = Changed::new();
    difference(source, first, second, &mut |change| match change {
        NodeChange::Created(place, hash) => drop(changed.insert(place.key(), Some(hash))),
        NodeChange::Dropped(place, _) => drop(changed.entry(place.key()).or_default()),
    })
    .unwrap();
    changed
}

/// The same as a row of the journal says it.
fn changed_in(row: &[u8]) -> Changed {
    let row = Row::read(row).unwrap();
    let mut changed = Changed::new();
    for (at, hash) in row.created.iter().enumerate() {
        let (place, rlp) = row.placed(at).unwrap();
        assert_eq!(alloy_primitives::keccak256(rlp).0, *hash);
        assert_eq!(changed.insert(place.to_vec(), Some(B256::from(*hash))), None);
    }
    for place in row.dropped().unwrap() {
        assert_eq!(changed.insert(place.to_vec(), None), None);
    }
    changed
}

/// Every node of a state, each read and hashed.
fn walk(source: &impl NodeSource, root: B256, mut each: impl FnMut(B256)) {
    difference(source, EMPTY_ROOT, root, &mut |change| {
        let NodeChange::Created(place, hash) = change else {
            panic!("nothing is dropped from nothing")
        };
        let node = source.node_at(&place, hash).expect("the walk has just read it");
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
pub(super) struct Twins {
    rules: Rules,
    pub(super) store: Store,
    whole: MemoryChain,
    /// Blocks of all branches, in order of arrival.
    pub(super) blocks: Vec<Block>,
    directory: tempfile::TempDir,
}

impl Twins {
    fn new(history: History, together: usize) -> Self {
        let (spec, directory) = (spec(), tempfile::tempdir().unwrap());
        let genesis = spec.build().unwrap();
        let beginning = Beginning { spec: &spec, imported: &genesis.imported };
        let mut store = Store::open(directory.path(), beginning, history).unwrap();
        store.together = Together { leaving: together, entering: together };
        let blocks = vec![genesis.imported.block.clone()];
        let mut whole = MemoryChain::default();
        whole.store(genesis.imported);
        Self { rules: genesis.rules, store, whole, blocks, directory }
    }

    /// A block with random transactions on `parent`, into both.
    fn grow(&mut self, random: &mut ChaCha8Rng, parent: B256, lag: u64) -> Option<HeadChange> {
        let imported = self.mined(random, parent);
        let head = imported.head.clone();
        self.take_in(imported, lag);
        head
    }

    fn mined(&self, random: &mut ChaCha8Rng, parent: B256) -> Imported {
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
        self.rules.adopt(&snapshot, candidate, nonce).unwrap()
    }

    fn take_in(&mut self, imported: Imported, lag: u64) {
        self.blocks.push(imported.block.clone());
        self.whole.store(imported.clone());
        self.store.append(imported, lag).unwrap();
        self.store.tidy().unwrap();
    }

    /// The same from the disk.
    pub(super) fn opened_again(self) -> Self {
        let Self { store, rules, whole, blocks, directory } = self;
        let (history, together) = (store.history, store.together);
        drop(store);
        let (spec, genesis) = (spec(), spec().build().unwrap());
        let beginning = Beginning { spec: &spec, imported: &genesis.imported };
        let mut store = Store::open(directory.path(), beginning, history).unwrap();
        store.together = together;
        Self { store, rules, whole, blocks, directory }
    }

    /// Every state is there in full, or the store says that it is not; what is searched is found.
    fn check(&self, last: u64, when: &str) {
        index::tests::check(self, when);
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
pub(super) fn random_history(
    seed: u64,
    (history, together): (History, usize),
    (last, lag): (u64, u64),
) -> Twins {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut twins = Twins::new(history, together);
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
    let kinds = [(0, 0, 1), (0, 3, 1), (1, 5, 3), (4, 2, 1), (10, 4, 7), (3, 4, 32), (1_000, 3, 1)];
    for (seed, (last, lag, every)) in (0u64..).zip(kinds) {
        let twins = random_history(seed, (History::Last(last), every), (last, lag));
        let snapshot = twins.store.snapshot().unwrap();
        let head = snapshot.head_header().unwrap().number;
        assert_eq!(snapshot.oldest(), snapshot.finalized().min(head.saturating_sub(last)));
        let first = twins.store.held().window.first();
        let waiting = first.map_or(0, |first| (snapshot.oldest() + 1).saturating_sub(first));
        assert!(waiting < every as u64 && (last == 1_000 || first.is_none_or(|first| first > 1)));
    }
}

#[test]
fn an_archive_keeps_every_state_and_can_be_cut_short_and_kept_whole_again() {
    let twins = random_history(9, (History::Archive, 1), (0, 4));
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
        store.together = Together { leaving: 1, entering: 1 };
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

struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn readers_find_everything_of_their_moment_while_blocks_come_and_leave() {
    let mut random = ChaCha8Rng::seed_from_u64(30);
    let mut twins = Twins::new(History::Last(3), 2);
    let mut blocks = Vec::new();
    for _ in 0..100 {
        // Each makes a rival too, which may win.
        let head = twins.store.snapshot().unwrap().head();
        for _ in 0..2 {
            let imported = twins.mined(&mut random, head);
            blocks.push(imported.clone());
            twins.take_in(imported, 2);
        }
    }
    let genesis = spec().build().unwrap().imported;
    let directory = tempfile::tempdir().unwrap();
    let beginning = Beginning { spec: &spec(), imported: &genesis };
    let mut store = Store::open(directory.path(), beginning, History::Last(3)).unwrap();
    store.together = Together { leaving: 2, entering: 2 };
    let (store, done) = (&store, &AtomicBool::new(false));
    let reads = std::thread::scope(|threads| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                threads.spawn(move || {
                    let (mut reads, mut old) = (0, store.snapshot().unwrap());
                    while !done.load(Ordering::Acquire) {
                        let mut now = store.snapshot().unwrap();
                        // The one before is read after blocks have left.
                        for snapshot in [&mut old, &mut now] {
                            snapshot.forget_cached();
                            let head = snapshot.head_header().unwrap().number;
                            for height in snapshot.oldest()..=head {
                                let hash = snapshot.canonical_hash(height).unwrap();
                                let block = snapshot.block(hash).unwrap();
                                walk(&*snapshot, block.header.state_root, |_| ());
                                for (at, sent) in block.transactions.iter().enumerate() {
                                    let place = snapshot.transaction_place(*sent.tx_hash());
                                    assert_eq!(place, Some((height, at)));
                                }
                            }
                        }
                        reads += 1;
                        if reads % 8 == 0 {
                            old = now;
                        }
                    }
                    reads
                })
            })
            .collect();
        // Also if a block cannot be stored: the readers would go on for ever.
        let ends = Ends(done);
        for imported in blocks {
            store.append_for_now(imported, 2).unwrap();
            store.tidy().unwrap();
        }
        drop(ends);
        readers.into_iter().map(|reader| reader.join().unwrap()).sum::<u32>()
    });
    assert!(reads > 20, "{reads} reads are no test");
    assert_exact(store, "after all");
}
