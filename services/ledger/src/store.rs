//! The chain on disk: one file, one write transaction per block.
//!
//! Invariants: when [`Store::append`] returns, the block is durable with everything that belongs
//! to it, or nothing of it is there; a directory that is not ours, is newer or belongs to another
//! genesis is refused before anything in it changes; the feed ends with the head. Blocks, receipts
//! and mountains stay; which states do is up to the [`History`].

mod appearances;
mod append;
mod cache;
mod checkpoints;
#[cfg(test)]
mod crashes;
mod error;
mod format_4;
mod history;
mod index;
mod journal;
#[cfg(test)]
mod pruning;
mod recount;
mod snapshot;
mod tables;
mod window;

pub use error::StoreError;
pub use history::{History, LEAVING_EVERY};
pub use index::Place;
pub use snapshot::Snapshot;
pub use tables::FeedEntry;

use alloy_primitives::B256;
use appearances::APPEARANCES;
use cache::NodeCache;
use chain::{GenesisSpec, Imported};
use history::LEAVING_BYTES_MAX;
use index::{ENTERING_EVERY, Recent};
use redb::{
    Database, DatabaseError, Durability, ReadableDatabase, ReadableTable, StorageError,
    WriteTransaction,
};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tables::{
    CANONICAL, COUNTED, ENTERED, FORMAT, FORMAT_KNOWN, FORMAT_OLDEST, GENESIS, JOURNAL, META,
    MOUNTAINS, NODES, OLDEST, PUBLISHED, SPEC, STATE, number,
};
use window::Window;

/// The file in the directory of a node.
const FILE: &str = "chain.redb";
/// Its name until the first block is in it.
const UNFINISHED: &str = "chain.redb.new";
/// Bytes of the file that are kept in memory.
const CACHE_BYTES_MAX: usize = 64 << 20;

/// How a chain begins.
#[derive(Clone, Copy)]
pub struct Beginning<'a> {
    /// What block 0 is built from; kept, so that a directory says itself what it is.
    pub spec: &'a GenesisSpec,
    /// Block 0.
    pub imported: &'a Imported,
}

/// The chain on disk.
pub struct Store {
    database: Database,
    cache: Arc<NodeCache>,
    history: History,
    /// Locked for a moment only, never while something is read or written.
    held: Mutex<Held>,
    together: Together,
    shared: RwLock<Shared>,
}

/// How many blocks are moved together; tests want fewer.
#[derive(Clone, Copy)]
struct Together {
    leaving: usize,
    entering: usize,
}

/// What is in memory of the last blocks.
#[derive(Clone, Default)]
struct Held {
    window: Window,
    /// Before and after the transaction that is being committed, or was the last.
    recent: [Recent; 2],
    /// How often it changed.
    changes: u64,
}

impl Held {
    /// The rows of the index of a moment.
    fn recent_of(&self, moment: (B256, u64)) -> Result<Recent, StoreError> {
        let recent = self.recent.iter().find(|recent| recent.moment() == moment).cloned();
        recent.ok_or_else(|| StoreError::Damaged("the head moved behind the index".into()))
    }
}

/// The snapshot that readers share, until something is written.
#[derive(Default)]
struct Shared {
    snapshot: Option<Arc<Snapshot>>,
    /// How often something was written.
    writes: u64,
}

impl Store {
    /// Opens the chain in `directory`, which is the node's alone and is made if it is not there.
    /// A new chain begins with the genesis; an existing one has to begin with it. A directory that
    /// kept all states can take a while to give them up.
    pub fn open(
        directory: &Path,
        genesis: Beginning<'_>,
        history: History,
    ) -> Result<Self, StoreError> {
        std::fs::create_dir_all(directory).map_err(StoreError::Directory)?;
        let file = directory.join(FILE);
        if !file.exists() {
            begin_in(directory, genesis, history)?;
        }
        let mut store = Self::of(opened(directory)?, directory, genesis.imported.hash, history)?;
        if store.prepare(genesis.spec)? {
            tracing::info!("giving back the disk space of old states");
            let compacted = store.database.compact();
            compacted.map_err(|error| StoreError::Fault(Box::new(error.into())))?;
        }
        Ok(store)
    }

    /// Whether `directory` has a chain.
    pub fn is_in(directory: &Path) -> bool {
        directory.join(FILE).exists()
    }

    /// Opens the chain that is in `directory`, whatever it is; its history stays as it is.
    pub fn open_existing(directory: &Path) -> Result<Self, StoreError> {
        let database = opened(directory)?;
        let genesis = genesis_of(&database, directory)?;
        let mut store = Self::of(database, directory, genesis, History::Archive)?;
        if store.is_counted()? {
            store.history = History::Last(u64::MAX);
        }
        bring_up(store.database.begin_write()?)?;
        store.load()?;
        appearances::rebuild::ensure(&store)?;
        Ok(store)
    }

    fn of(
        database: Database,
        directory: &Path,
        genesis: B256,
        history: History,
    ) -> Result<Self, StoreError> {
        let (shared, held, cache) = (RwLock::default(), Mutex::default(), Arc::default());
        let together = Together { leaving: LEAVING_EVERY, entering: ENTERING_EVERY };
        let store = Self { database, cache, history, held, together, shared };
        let found = genesis_of(&store.database, directory)?;
        if found != genesis {
            return Err(StoreError::OtherGenesis { found, expected: genesis });
        }
        Ok(store)
    }

    /// Brings format and history to what is wanted and checks the head. Returns whether much was
    /// deleted or moved.
    fn prepare(&self, spec: &GenesisSpec) -> Result<bool, StoreError> {
        let transaction = self.database.begin_write()?;
        let spec = serde_json::to_vec(spec).expect("a specification is JSON");
        transaction.open_table(META)?.insert(SPEC, spec.as_slice())?;
        let moved = bring_up(transaction)?;
        self.load()?;
        // While old states are there: who took part is known by executing.
        appearances::rebuild::ensure(self)?;
        let snapshot = self.snapshot()?;
        snapshot.check()?;
        let counted = self.is_counted()?;
        let last = match (self.history, counted) {
            (History::Archive, true) => {
                let transaction = self.database.begin_write()?;
                history::keep_all(&transaction)?;
                bring_up(transaction)?;
                self.load()?;
                return Ok(false);
            }
            (History::Archive, false) | (History::Last(_), true) => return Ok(moved),
            (History::Last(last), false) => last,
        };
        let head = snapshot.head_header()?.number;
        let oldest = snapshot.finalized().min(head.saturating_sub(last)).max(snapshot.oldest());
        tracing::info!(oldest, head, "placing the nodes of the states that are kept");
        let transaction = self.database.begin_write()?;
        recount::begin(&transaction, oldest)?;
        transaction.commit()?;
        self.load()?;
        self.snapshot()?.check()?;
        Ok(true)
    }

    /// Reads what is in memory of the last blocks.
    fn load(&self) -> Result<(), StoreError> {
        let transaction = self.database.begin_read()?;
        let (window, recent) = (Window::load(&transaction)?, Recent::load(&transaction)?);
        self.hold(|held| (held.window, held.recent) = (window, [recent.clone(), recent]));
        Ok(())
    }

    /// Changes what is in memory.
    fn hold(&self, change: impl FnOnce(&mut Held)) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut held);
        held.changes += 1;
    }

    fn held(&self) -> Held {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The rows of the index that a transaction begins with.
    fn recent(&self, transaction: &WriteTransaction) -> Result<Recent, StoreError> {
        self.held().recent_of(index::moment(&transaction.open_table(META)?)?)
    }

    fn is_counted(&self) -> Result<bool, StoreError> {
        Ok(self.database.begin_read()?.open_table(META)?.get(COUNTED)?.is_some())
    }

    /// What block 0 was built from; `None` in a directory of format 1 that no node has opened
    /// since.
    pub fn spec(&self) -> Result<Option<GenesisSpec>, StoreError> {
        let meta = self.database.begin_read()?.open_table(META)?;
        let Some(spec) = meta.get(SPEC)? else { return Ok(None) };
        let damaged = |error| StoreError::Damaged(format!("the genesis specification: {error}"));
        serde_json::from_slice(spec.value()).map(Some).map_err(damaged)
    }

    /// The chain as it is now.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        loop {
            let held = self.held();
            let transaction = self.database.begin_read()?;
            // If it is the same afterwards, it was so at the moment of the transaction.
            if held.changes == self.held().changes {
                return Snapshot::new(&transaction, self.cache.clone(), held);
            }
        }
    }

    /// The same, taken once for all readers until the next write.
    pub fn shared_snapshot(&self) -> Result<Arc<Snapshot>, StoreError> {
        let shared = self.shared.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(snapshot) = &shared.snapshot {
            return Ok(snapshot.clone());
        }
        let writes = shared.writes;
        drop(shared);
        let snapshot = Arc::new(self.snapshot()?);
        let mut shared = self.shared.write().unwrap_or_else(PoisonError::into_inner);
        // One that was taken before a write must not stay.
        if shared.writes == writes {
            shared.snapshot = Some(snapshot.clone());
        }
        Ok(snapshot)
    }

    /// To be called after every write.
    fn written(&self) {
        let mut shared = self.shared.write().unwrap_or_else(PoisonError::into_inner);
        shared.writes += 1;
        shared.snapshot = None;
    }

    /// Stores a block with everything that belongs to it; durable when it returns. If the head
    /// moves, blocks `finality_lag` below it become final, and old states are given up:
    /// [`Store::tidy`] has to follow, at any time before the next block.
    pub fn append(&self, imported: Imported, finality_lag: u64) -> Result<(), StoreError> {
        self.append_with(imported, finality_lag, Durability::Immediate)
    }

    /// Like [`Store::append`], but durable only when a later block is, or [`Store::sync`] returns;
    /// until then a crash takes back the last blocks, whole and in order.
    pub fn append_for_now(&self, imported: Imported, finality_lag: u64) -> Result<(), StoreError> {
        self.append_with(imported, finality_lag, Durability::None)
    }

    fn append_with(
        &self,
        imported: Imported,
        finality_lag: u64,
        durability: Durability,
    ) -> Result<(), StoreError> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(durability).expect("there are no savepoints");
        let recent = self.recent(&transaction)?;
        let (lag, history) = (finality_lag, self.history);
        let appended = append::append(&transaction, &imported, lag, history, recent.clone())?;
        // Before the commit, so that no reader finds a row there that their window does not name,
        // or a head whose rows of the index they lack.
        self.hold(|held| {
            if let Some(places) = appended.places {
                held.window = held.window.with(places);
            }
            if let Some(moved) = appended.recent {
                held.recent = [recent, moved];
            }
        });
        transaction.commit()?;
        self.written();
        self.cache.keep(imported.nodes.into_iter().map(|node| (node.hash, node.rlp)));
        Ok(())
    }

    /// Moves what many blocks left to be done together: those whose states are given up leave, or
    /// others get into the tables of the index. Most calls do nothing, two in [`LEAVING_EVERY`]
    /// take some tens of milliseconds. To be called after every block, when whoever waits for the
    /// block has been told of it.
    ///
    /// Durable when a later block is; until then a crash takes it back whole, and nothing that was
    /// promised reads otherwise.
    pub fn tidy(&self) -> Result<(), StoreError> {
        let held = self.held();
        let oldest = history::oldest_in(&self.database.begin_read()?.open_table(META)?)?;
        let waiting = held.window.first().map_or(0, |first| (oldest + 1).saturating_sub(first));
        let heavy = held.window.bytes_to(oldest) >= LEAVING_BYTES_MAX;
        // One of them now, the other one after the next block.
        if waiting >= self.together.leaving as u64 || heavy {
            self.let_leave()
        } else if held.recent[1].count() >= 2 * self.together.entering {
            self.let_enter()
        } else {
            Ok(())
        }
    }

    fn let_leave(&self) -> Result<(), StoreError> {
        let transaction = self.begin_for_now()?;
        let left = history::leave(&transaction)?;
        transaction.commit()?;
        // After the commit, so that no reader finds a row that is needed and not named.
        self.hold(|held| held.window = held.window.above(left));
        self.written();
        Ok(())
    }

    fn let_enter(&self) -> Result<(), StoreError> {
        let transaction = self.begin_for_now()?;
        let recent = self.recent(&transaction)?;
        let fewer = recent.enter(&transaction, self.together.entering)?;
        self.hold(|held| held.recent = [recent, fewer]);
        transaction.commit()?;
        self.written();
        Ok(())
    }

    /// A transaction that is durable when a later one is.
    fn begin_for_now(&self) -> Result<WriteTransaction, StoreError> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(Durability::None).expect("there are no savepoints");
        Ok(transaction)
    }

    /// Makes durable what was appended.
    pub fn sync(&self) -> Result<(), StoreError> {
        Ok(self.database.begin_write()?.commit()?)
    }

    /// Notes that the feed was published up to this sequence; durable when it returns.
    pub fn set_published(&self, sequence: u64) -> Result<(), StoreError> {
        let transaction = self.database.begin_write()?;
        transaction.open_table(META)?.insert(PUBLISHED, sequence.to_be_bytes().as_slice())?;
        transaction.commit()?;
        self.written();
        Ok(())
    }
}

fn opened(directory: &Path) -> Result<Database, StoreError> {
    let file = directory.join(FILE);
    let opened = Database::builder().set_cache_size(CACHE_BYTES_MAX).open(&file);
    opened.map_err(|error| refused(directory, error))
}

/// The genesis of a chain that this program can read.
fn genesis_of(database: &Database, directory: &Path) -> Result<B256, StoreError> {
    let transaction = database.begin_read()?;
    let meta =
        transaction.open_table(META).map_err(|error| foreign(directory, error.to_string()))?;
    let format = meta.get(FORMAT)?.and_then(|format| number(format.value()));
    let found = format.ok_or_else(|| foreign(directory, "it names no format".into()))?;
    if found > FORMAT_KNOWN {
        return Err(StoreError::Newer { found, known: FORMAT_KNOWN });
    }
    if found < FORMAT_OLDEST {
        return Err(foreign(directory, format!("there never was a format {found}")));
    }
    let found = meta.get(GENESIS)?.and_then(|hash| B256::try_from(hash.value()).ok());
    found.ok_or_else(|| foreign(directory, "it names no genesis".into()))
}

/// Adds what an older format does not have, changes what it has otherwise, and commits. Returns
/// whether much was moved.
fn bring_up(transaction: WriteTransaction) -> Result<bool, StoreError> {
    transaction.open_table(MOUNTAINS)?;
    let moved = format_4::rewrite(&transaction)?;
    transaction.open_table(NODES)?;
    transaction.open_table(STATE)?;
    transaction.open_table(JOURNAL)?;
    transaction.open_table(APPEARANCES)?;
    index::create(&transaction)?;
    let head = transaction.open_table(CANONICAL)?.last()?.map_or(0, |(height, _)| height.value());
    let mut meta = transaction.open_table(META)?;
    // Older formats kept all states from block 0 on, and had all blocks in the tables of the index.
    for (name, height) in [(OLDEST, 0), (ENTERED, head)] {
        if meta.get(name)?.is_none() {
            meta.insert(name, height.to_be_bytes().as_slice())?;
        }
    }
    meta.insert(FORMAT, FORMAT_KNOWN.to_be_bytes().as_slice())?;
    drop(meta);
    transaction.commit()?;
    Ok(moved)
}

/// Writes a chain of one block under another name first, so that a crash leaves a whole file or
/// none.
fn begin_in(directory: &Path, genesis: Beginning<'_>, history: History) -> Result<(), StoreError> {
    let unfinished = directory.join(UNFINISHED);
    for entry in std::fs::read_dir(directory).map_err(StoreError::Directory)? {
        let name = entry.map_err(StoreError::Directory)?.file_name();
        if name != UNFINISHED {
            return Err(foreign(directory, format!("there is {}", name.display())));
        }
        std::fs::remove_file(&unfinished).map_err(StoreError::Directory)?;
    }
    let database = Database::create(&unfinished)?;
    begin(&database, genesis, history)?;
    drop(database);
    std::fs::rename(&unfinished, directory.join(FILE)).map_err(StoreError::Directory)?;
    let opened = std::fs::File::open(directory).map_err(StoreError::Directory)?;
    opened.sync_all().map_err(StoreError::Directory)
}

fn begin(database: &Database, genesis: Beginning<'_>, history: History) -> Result<(), StoreError> {
    let transaction = database.begin_write()?;
    let spec = serde_json::to_vec(genesis.spec).expect("a specification is JSON");
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert(GENESIS, genesis.imported.hash.as_slice())?;
        meta.insert(PUBLISHED, 0u64.to_be_bytes().as_slice())?;
        meta.insert(SPEC, spec.as_slice())?;
        if history != History::Archive {
            meta.insert(COUNTED, [1].as_slice())?;
        }
    }
    append::append(&transaction, genesis.imported, 0, history, Recent::default())?;
    bring_up(transaction)?;
    Ok(())
}

fn foreign(directory: &Path, reason: String) -> StoreError {
    StoreError::Foreign { path: directory.to_owned(), reason }
}

fn refused(directory: &Path, error: DatabaseError) -> StoreError {
    match error {
        DatabaseError::UpgradeRequired(_) | DatabaseError::Storage(StorageError::Corrupted(_)) => {
            foreign(directory, error.to_string())
        }
        DatabaseError::Storage(StorageError::Io(ref fault))
            if fault.kind() == std::io::ErrorKind::InvalidData =>
        {
            foreign(directory, error.to_string())
        }
        error => error.into(),
    }
}
