//! The chain on disk: one file, one write transaction per block.
//!
//! Invariants: when [`Store::append`] returns, the block is durable with everything that belongs
//! to it, or nothing of it is there; a directory that is not ours, is newer or belongs to another
//! genesis is refused before anything in it changes; the feed ends with the head.
//!
//! Absent on purpose: pruning. Old states stay readable, so any block can be asked and proved.

mod append;
mod cache;
#[cfg(test)]
mod crashes;
mod error;
mod snapshot;
mod tables;

pub use error::StoreError;
pub use snapshot::Snapshot;
pub use tables::FeedEntry;

use alloy_primitives::B256;
use cache::NodeCache;
use chain::Imported;
use redb::{Database, DatabaseError, ReadableDatabase, StorageError};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use tables::{FORMAT, FORMAT_KNOWN, GENESIS, META, PUBLISHED, number};

/// The file in the directory of a node.
const FILE: &str = "chain.redb";
/// Its name until the first block is in it.
const UNFINISHED: &str = "chain.redb.new";
/// Bytes of the file that are kept in memory.
const CACHE_BYTES_MAX: usize = 64 << 20;

/// The chain on disk.
pub struct Store {
    database: Database,
    cache: Arc<NodeCache>,
    shared: RwLock<Shared>,
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
    /// A new chain begins with the block `genesis`; an existing one has to begin with it.
    pub fn open(directory: &Path, genesis: &Imported) -> Result<Self, StoreError> {
        std::fs::create_dir_all(directory).map_err(StoreError::Directory)?;
        let file = directory.join(FILE);
        if !file.exists() {
            begin_in(directory, genesis)?;
        }
        let opened = Database::builder().set_cache_size(CACHE_BYTES_MAX).open(&file);
        Self::of(opened.map_err(|error| refused(directory, error))?, directory, genesis.hash)
    }

    fn of(database: Database, directory: &Path, genesis: B256) -> Result<Self, StoreError> {
        let store = Self { database, cache: Arc::default(), shared: RwLock::default() };
        store.check(directory, genesis)?;
        Ok(store)
    }

    fn check(&self, directory: &Path, genesis: B256) -> Result<(), StoreError> {
        let transaction = self.database.begin_read()?;
        let meta =
            transaction.open_table(META).map_err(|error| foreign(directory, error.to_string()))?;
        let format = meta.get(FORMAT)?.and_then(|format| number(format.value()));
        let found = format.ok_or_else(|| foreign(directory, "it names no format".into()))?;
        if found > FORMAT_KNOWN {
            return Err(StoreError::Newer { found, known: FORMAT_KNOWN });
        }
        let found = meta.get(GENESIS)?.and_then(|hash| B256::try_from(hash.value()).ok());
        let found = found.ok_or_else(|| foreign(directory, "it names no genesis".into()))?;
        if found != genesis {
            return Err(StoreError::OtherGenesis { found, expected: genesis });
        }
        self.snapshot()?.check()
    }

    /// The chain as it is now.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        Snapshot::new(&self.database.begin_read()?, self.cache.clone())
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
    /// moves, blocks `finality_lag` below it become final.
    pub fn append(&self, imported: Imported, finality_lag: u64) -> Result<(), StoreError> {
        let transaction = self.database.begin_write()?;
        append::append(&transaction, &imported, finality_lag)?;
        transaction.commit()?;
        self.written();
        self.cache.keep(imported.nodes);
        Ok(())
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

/// Writes a chain of one block under another name first, so that a crash leaves a whole file or
/// none.
fn begin_in(directory: &Path, genesis: &Imported) -> Result<(), StoreError> {
    let unfinished = directory.join(UNFINISHED);
    for entry in std::fs::read_dir(directory).map_err(StoreError::Directory)? {
        let name = entry.map_err(StoreError::Directory)?.file_name();
        if name != UNFINISHED {
            return Err(foreign(directory, format!("there is {}", name.display())));
        }
        std::fs::remove_file(&unfinished).map_err(StoreError::Directory)?;
    }
    let database = Database::create(&unfinished)?;
    begin(&database, genesis)?;
    drop(database);
    std::fs::rename(&unfinished, directory.join(FILE)).map_err(StoreError::Directory)?;
    let opened = std::fs::File::open(directory).map_err(StoreError::Directory)?;
    opened.sync_all().map_err(StoreError::Directory)
}

fn begin(database: &Database, genesis: &Imported) -> Result<(), StoreError> {
    let transaction = database.begin_write()?;
    {
        let mut meta = transaction.open_table(META)?;
        meta.insert(FORMAT, FORMAT_KNOWN.to_be_bytes().as_slice())?;
        meta.insert(GENESIS, genesis.hash.as_slice())?;
        meta.insert(PUBLISHED, 0u64.to_be_bytes().as_slice())?;
    }
    append::append(&transaction, genesis, 0)?;
    transaction.commit()?;
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
