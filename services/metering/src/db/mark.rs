//! Whether anybody has written since: what may be remembered of a SQLite database.

use db::{DbError, Row, Tx, query};

/// How much was written, by ourselves and by others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Changes when another connection has committed, of this program or another.
    pub(crate) others: i64,
    /// Rows that this connection has changed: all of this program's, since it has one that writes.
    pub(crate) own: i64,
}

/// Pages of the log after which SQLite moves them into the database: 32 MB instead of 4. Readings
/// of a meter share pages, so that most of them are written again before they are moved.
const LOG_PAGES: &str = "pragma wal_autocheckpoint = 8000";

/// Prepares the connection that writes for many readings at a time. SQLite only.
pub(crate) async fn prepare(tx: &mut Tx) -> Result<(), DbError> {
    query(LOG_PAGES).fetch_all(tx.conn()).await?;
    Ok(())
}

/// The mark within a transaction. SQLite only.
pub(crate) async fn read(tx: &mut Tx) -> Result<Mark, DbError> {
    let sql = "select data_version, total_changes() from pragma_data_version";
    let row = query(sql).fetch_one(tx.conn()).await?;
    Ok(Mark { others: row.try_get(0)?, own: row.try_get(1)? })
}
