//! A disk that stops at any write: what was acknowledged is there afterwards, and nothing by
//! halves.

use super::pruning::assert_exact;
use super::*;
use alloy_primitives::{Address, U256};
use chain::{Block, ChainView, MemoryChain, Rules};
use redb::StorageBackend;
use std::io;
use std::sync::Mutex;

/// What a crash leaves of the writes since the last sync.
#[derive(Clone, Copy, Debug)]
enum Leaves {
    /// All: the process was killed.
    All,
    /// None: the power was cut.
    None,
    /// Every other one: the power was cut while the disk wrote in an order of its own.
    EveryOther,
}

#[derive(Debug, Default)]
struct Bytes {
    synced: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
    now: Vec<u8>,
    writes_left: u64,
}

/// A disk in memory that fails for good after some writes.
#[derive(Clone, Debug)]
struct Disk(Arc<Mutex<Bytes>>);

impl Disk {
    fn new(content: Vec<u8>, writes_left: u64) -> Self {
        let (synced, now) = (content.clone(), content);
        Self(Arc::new(Mutex::new(Bytes { synced, now, writes_left, ..Bytes::default() })))
    }

    fn after_crash(&self, leaves: Leaves) -> Self {
        let bytes = self.0.lock().unwrap();
        let mut content = bytes.synced.clone();
        content.resize(bytes.now.len(), 0);
        for (at, (offset, data)) in bytes.unsynced.iter().enumerate() {
            let stays = match leaves {
                Leaves::All => true,
                Leaves::None => false,
                Leaves::EveryOther => at % 2 == 1,
            };
            if stays {
                content[*offset..offset + data.len()].copy_from_slice(data);
            }
        }
        Self::new(content, u64::MAX)
    }

    fn spend(bytes: &mut Bytes) -> io::Result<()> {
        if bytes.writes_left == 0 {
            return Err(io::Error::other("the disk is gone"));
        }
        bytes.writes_left -= 1;
        Ok(())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let bytes = self.0.lock().unwrap();
        let start = usize::try_from(offset).unwrap();
        let found = bytes.now.get(start..start + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut bytes = self.0.lock().unwrap();
        Self::spend(&mut bytes)?;
        let len = usize::try_from(len).unwrap();
        bytes.unsynced.retain(|(offset, data)| offset + data.len() <= len);
        bytes.now.resize(len, 0);
        bytes.synced.resize(len, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut bytes = self.0.lock().unwrap();
        Self::spend(&mut bytes)?;
        bytes.synced = bytes.now.clone();
        bytes.unsynced.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut bytes = self.0.lock().unwrap();
        Self::spend(&mut bytes)?;
        let start = usize::try_from(offset).unwrap();
        bytes.now[start..start + data.len()].copy_from_slice(data);
        bytes.unsynced.push((start, data.to_vec()));
        Ok(())
    }
}

/// Two blocks stay behind the head before they are final.
const FINALITY_LAG: u64 = 2;
/// So few states are kept that the story gives most of its own up, and both sides of its fork.
const HISTORY: History = History::Last(1);

fn open(disk: &Disk, story: &Story, history: History) -> Result<Store, StoreError> {
    let database = Database::builder().create_with_backend(disk.clone())?;
    let mut store = Store::of(database, Path::new("disk"), story.blocks[0].hash, history)?;
    store.together = Together { leaving: LEAVING, entering: LEAVING };
    store.prepare(&story.spec)?;
    Ok(store)
}

/// So few blocks leave together that most of the story leaves.
const LEAVING: usize = 2;

struct Story {
    spec: GenesisSpec,
    blocks: Vec<Imported>,
}

/// The bytes of a chain of one block.
fn begun(story: &Story, history: History) -> Vec<u8> {
    let disk = Disk::new(Vec::new(), u64::MAX);
    let database = Database::builder().create_with_backend(disk.clone()).unwrap();
    let genesis = Beginning { spec: &story.spec, imported: &story.blocks[0] };
    begin(&database, genesis, history).unwrap();
    drop(database);
    let bytes = disk.0.lock().unwrap();
    bytes.now.clone()
}

/// Two blocks, then three of another branch that takes over with the last one, then four more. Each
/// pays another coinbase, so no two have one state.
fn story() -> Story {
    let mut spec = GenesisSpec::new(1, 1_000);
    spec.difficulty = U256::from(4);
    spec.fixed_difficulty = true;
    spec.reward = U256::from(7);
    let genesis = spec.build().unwrap();
    let rules: Rules = genesis.rules;
    let mut chain = MemoryChain::default();
    chain.store(genesis.imported.clone());
    let mut blocks = vec![genesis.imported];
    let mut parent = blocks[0].hash;
    for count in [2, 3 + 4] {
        for _ in 0..count {
            let coinbase = Address::repeat_byte(u8::try_from(blocks.len()).unwrap());
            let candidate = rules.propose(&chain, parent, [], coinbase, 1_001).unwrap();
            let nonce = candidate.seal(0, u64::MAX).unwrap();
            let imported = rules.adopt(&chain, candidate, nonce).unwrap();
            chain.store(imported.clone());
            parent = imported.hash;
            blocks.push(imported);
        }
        parent = blocks[0].hash;
    }
    assert_eq!(blocks[5].head.as_ref().unwrap().disconnected.len(), 2);
    Story { spec, blocks }
}

/// The head after the first `count` blocks of the story.
fn head_after(story: &Story, count: usize) -> B256 {
    story.blocks[..count].iter().rfind(|imported| imported.head.is_some()).unwrap().hash
}

#[test]
fn a_crash_at_any_write_loses_nothing_acknowledged_and_leaves_nothing_by_halves() {
    let story = story();
    let begun = begun(&story, HISTORY);
    for leaves in [Leaves::All, Leaves::None, Leaves::EveryOther] {
        // Until the disk outlives the whole story.
        for writes in 0.. {
            let disk = Disk::new(begun.clone(), writes);
            let mut stored = 1;
            if let Ok(store) = open(&disk, &story, HISTORY) {
                while let Some(block) = story.blocks.get(stored) {
                    if store.append(block.clone(), FINALITY_LAG).is_err() {
                        break;
                    }
                    stored += 1;
                    if store.tidy().is_err() {
                        break;
                    }
                }
            }
            if stored == story.blocks.len() {
                assert!(writes > 60, "{writes} writes are no story");
                break;
            }
            let when = format!("{leaves:?} {writes}");
            check(&story, stored, &disk.after_crash(leaves), HISTORY, &when);
        }
    }
}

#[test]
fn a_crash_while_old_states_are_given_up_for_good_leaves_all_or_the_last() {
    let story = story();
    let disk = Disk::new(begun(&story, History::Archive), u64::MAX);
    let store = open(&disk, &story, History::Archive).unwrap();
    for block in &story.blocks[1..] {
        store.append(block.clone(), FINALITY_LAG).unwrap();
        store.tidy().unwrap();
    }
    drop(store);
    let archive = disk.0.lock().unwrap().now.clone();
    for leaves in [Leaves::All, Leaves::None, Leaves::EveryOther] {
        for writes in 0.. {
            let disk = Disk::new(archive.clone(), writes);
            let done = open(&disk, &story, HISTORY).is_ok();
            let when = format!("{leaves:?} {writes}");
            check(&story, story.blocks.len(), &disk.after_crash(leaves), HISTORY, &when);
            if done {
                assert!(writes > 5, "{writes} writes give nothing up");
                break;
            }
        }
    }
}

fn check(story: &Story, stored: usize, disk: &Disk, history: History, when: &str) {
    let store = open(disk, story, history).unwrap_or_else(|error| panic!("{when}: {error:?}"));
    let head = store.snapshot().unwrap().head();
    let acknowledged = head_after(story, stored);
    let last = head_after(story, (stored + 1).min(story.blocks.len()));
    assert!(head == acknowledged || head == last, "{when}: {stored} acknowledged, head {head}");
    for imported in &story.blocks[..stored] {
        let block = store.snapshot().unwrap().block(imported.hash);
        assert_eq!(block.as_ref().map(Block::hash), Some(imported.hash), "{when}");
    }
    assert_exact(&store, when);
    for imported in &story.blocks[stored..] {
        store.append(imported.clone(), FINALITY_LAG).unwrap();
        store.tidy().unwrap();
    }
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.head(), story.blocks.last().unwrap().hash, "{when}");
    snapshot.check().unwrap();
    assert_exact(&store, when);
    assert_eq!(snapshot.oldest(), 5, "{when}");
}
