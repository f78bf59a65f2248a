//! Whether anybody has written since: what may be remembered of a database.
//!
//! SQLite tells by itself. On PostgreSQL intakes take turns: each begins by counting the one row of
//! `intake` up, which holds the others back until it commits, and sees by the count whether the
//! turn before was its own. So no two of them judge a page at the same time.

use db::{AssertSqlSafe, DbError, Kind, Row, Tx, query};

/// How much was written, by ourselves and by others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Changes when somebody else has written readings; on SQLite, anything.
    pub(crate) others: i64,
    /// Changes when meters have; on SQLite, when this program has written anything.
    pub(crate) own: i64,
}

/// Pages of the log after which SQLite moves them into the database: 32 MB instead of 4. Readings
/// of a meter share pages, so that most of them are written again before they are moved.
const LOG_PAGES: &str = "pragma wal_autocheckpoint = 8000";

/// Prepares the connection that writes for many readings at a time.
pub(crate) async fn prepare(tx: &mut Tx) -> Result<(), DbError> {
    if tx.kind() == Kind::Sqlite {
        query(LOG_PAGES).fetch_all(tx.conn()).await?;
    }
    Ok(())
}

/// How long whoever has its turn may be silent, in milliseconds: a host that is gone must not keep
/// the row from those who go on.
const SILENT_MILLISECONDS: u32 = 30_000;

/// Bounds how long this transaction keeps the row of the turns.
async fn bound(tx: &mut Tx) -> Result<(), DbError> {
    let sql = format!("set local idle_in_transaction_session_timeout = {SILENT_MILLISECONDS}");
    query(AssertSqlSafe(sql)).execute(tx.conn()).await?;
    Ok(())
}

/// The mark at the beginning of a transaction that stores readings.
pub(crate) async fn begin(tx: &mut Tx) -> Result<Mark, DbError> {
    if tx.kind() == Kind::Postgres {
        bound(tx).await?;
    }
    let sql = match tx.kind() {
        Kind::Sqlite => "select data_version, total_changes() from pragma_data_version",
        Kind::Postgres => "update intake set turn = turn + 1 returning turn - 1, registry",
    };
    let row = query(sql).fetch_one(tx.conn()).await?;
    Ok(Mark { others: row.try_get(0)?, own: row.try_get(1)? })
}

/// The mark at its end, where it is as `begun` at its beginning.
pub(crate) async fn end(tx: &mut Tx, begun: Mark) -> Result<Mark, DbError> {
    match tx.kind() {
        Kind::Sqlite => begin(tx).await,
        Kind::Postgres => Ok(Mark { others: begun.others + 1, ..begun }),
    }
}

/// Notes that what readings are judged by has changed. Last in its transaction: it waits for the
/// intake whose turn it is.
pub(crate) async fn meters_changed(tx: &mut Tx) -> Result<(), DbError> {
    if tx.kind() == Kind::Postgres {
        bound(tx).await?;
        query("update intake set registry = registry + 1").execute(tx.conn()).await?;
    }
    Ok(())
}
