//! One database per service: SQLite embedded, PostgreSQL in a cluster, the same SQL text on both.
//!
//! ```text
//! Db::open(url, migrations) -> Db       sqlite:PATH | postgres://...
//! db.transact(|tx| ...)     -> commit   one writer at a time on SQLite (BEGIN IMMEDIATE)
//! db.read()                 -> pool     readers never wait for the writer (WAL)
//! ```
//!
//! The SQL that runs on both: `$1` parameters, `on conflict`, `returning`; columns are `bigint`,
//! `text` and `{bytes}`; an automatic key is `{serial}` (see [`Migration`]).
//!
//! Invariants: a transaction runs in a task of its own, so that a caller that goes away never
//! leaves one open; a commit is durable when it returns (SQLite: WAL with `synchronous = FULL`).
//! Deliberately absent: an object mapper, floats, decimals.
#![forbid(unsafe_code)]

mod migrate;
mod rows;

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
pub use sqlx::Error as SqlError;
use sqlx::Executor;
pub use sqlx::any::AnyRow;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
pub use sqlx::{AnyConnection, AnyPool, AssertSqlSafe, Row, query, query_as, query_scalar};

pub use migrate::Migration;
pub use rows::{Cell, insert_rows, with_rows};

/// How long a writer waits for the one before it.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// Connections that read at the same time.
const READERS_MAX: u32 = 4;
/// Connections to a PostgreSQL database.
const CONNECTIONS_MAX: u32 = 10;

/// Why the database did not do what was asked: a fault of the world, not of the caller.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The URL names neither SQLite nor PostgreSQL.
    #[error("{0:?} is not a database URL: use sqlite:PATH or postgres://...")]
    Url(String),
    /// The data was written by a newer version of the program.
    #[error(
        "the database {url} was written by a newer version \
         (schema {found}, this program knows {known})"
    )]
    NewerSchema {
        /// Where it is, without credentials.
        url: String,
        /// The schema version found.
        found: i64,
        /// The newest this program knows.
        known: i64,
    },
    /// The database failed.
    #[error("database")]
    Sql(#[from] sqlx::Error),
    /// The transaction's task died.
    #[error("transaction task")]
    Task(#[from] tokio::task::JoinError),
}

/// Which database this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file of our own.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
}

/// A service's database.
#[derive(Debug, Clone)]
pub struct Db {
    kind: Kind,
    write: AnyPool,
    read: AnyPool,
    commits: Arc<AtomicU64>,
}

/// An open transaction. It is rolled back unless [`Db::transact`] commits it.
#[derive(Debug)]
pub struct Tx {
    kind: Kind,
    inner: sqlx::Transaction<'static, sqlx::Any>,
}

impl Tx {
    /// The connection to run statements on: `query("...").execute(tx.conn())`.
    pub fn conn(&mut self) -> &mut AnyConnection {
        &mut self.inner
    }

    /// Which database this is.
    pub fn kind(&self) -> Kind {
        self.kind
    }
}

impl Db {
    /// Opens the database at `url`, creating a SQLite file that is not there, and brings its schema
    /// up to the newest of `migrations`.
    ///
    /// Refuses data of a newer version.
    pub async fn open(url: &str, migrations: &[Migration]) -> Result<Db, DbError> {
        sqlx::any::install_default_drivers();
        let db = if let Some(path) = url.strip_prefix("sqlite:") {
            Db::open_sqlite(path).await?
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Db::open_postgres(url).await?
        } else {
            return Err(DbError::Url(url.to_owned()));
        };
        migrate::migrate(&db, url, migrations).await?;
        Ok(db)
    }

    async fn open_sqlite(path: &str) -> Result<Db, DbError> {
        let options = AnyConnectOptions::from_str(&format!("sqlite:{path}?mode=rwc"))?;
        let pool = |size| {
            AnyPoolOptions::new()
                .max_connections(size)
                .acquire_timeout(BUSY_TIMEOUT)
                .idle_timeout(None)
                .max_lifetime(None)
                .after_connect(|connection, _| {
                    Box::pin(async move {
                        connection
                            .execute(
                                "pragma journal_mode = wal; pragma synchronous = full; \
                                 pragma busy_timeout = 30000; pragma foreign_keys = on; \
                                 pragma cache_size = -16000; pragma temp_store = memory",
                            )
                            .await?;
                        Ok(())
                    })
                })
        };
        let write = pool(1).connect_with(options.clone()).await?;
        let read = pool(READERS_MAX).connect_with(options).await?;
        Ok(Db { kind: Kind::Sqlite, write, read, commits: Arc::default() })
    }

    async fn open_postgres(url: &str) -> Result<Db, DbError> {
        let options = AnyConnectOptions::from_str(url)?;
        let pool = AnyPoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(BUSY_TIMEOUT)
            .connect_with(options)
            .await?;
        let write = pool.clone();
        Ok(Db { kind: Kind::Postgres, write, read: pool, commits: Arc::default() })
    }

    /// Which database this is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Connections for reading outside a transaction.
    pub fn read(&self) -> &AnyPool {
        &self.read
    }

    /// Runs `work` in one transaction and commits it when it returns `Ok`.
    ///
    /// It runs in a task of its own: a caller that is cancelled leaves a finished transaction
    /// behind, committed or rolled back, never an open one. On SQLite writers take turns.
    pub async fn transact<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, E>> + Send + 'static,
    {
        let db = self.clone();
        let task = tokio::spawn(async move {
            let mut tx = db.begin().await?;
            let done = work(&mut tx).await?;
            let committed = tx.inner.commit().await;
            // Also after an error, which does not say that nothing was committed.
            db.commits.fetch_add(1, Ordering::Release);
            committed.map_err(DbError::from)?;
            Ok(done)
        });
        task.await.map_err(DbError::from)?
    }

    /// How often a transaction of this value and its clones came to its commit. While it stays the
    /// same, nothing was written by this process: on SQLite, by anybody.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Acquire)
    }

    async fn begin(&self) -> Result<Tx, DbError> {
        let inner = match self.kind {
            Kind::Sqlite => self.write.begin_with("begin immediate").await?,
            Kind::Postgres => self.write.begin().await?,
        };
        Ok(Tx { kind: self.kind, inner })
    }

    /// Closes all connections; what was committed is on disk.
    pub async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }
}
