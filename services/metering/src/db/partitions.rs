//! Parts of the readings on PostgreSQL: one for thirty days each, made ahead, since a part is made
//! under a lock that waits for whoever reads; and where a reading comes that belongs into another,
//! when it comes. What is older than the first of them lies in one part, `reading_before`.
//!
//! The key of a part holds the time, as PostgreSQL wants it: that a page of a meter is kept once
//! follows from the turns that intakes take (see [`super::mark`]), not from the key.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};

use calendar::Timestamp;
use db::{AssertSqlSafe, Db, DbError, Kind, Tx, query};

/// The first moment behind `reading_before`, 2027-01-01: the migration says the same.
const FIRST: i64 = 1_798_761_600;
/// How long a part is, in seconds.
const SECONDS: i64 = 30 * 86_400;

/// How far ahead they are made, in seconds.
const AHEAD_SECONDS: i64 = 2 * SECONDS;

/// How long making them ahead waits for whoever reads: those who come later wait behind it.
const WAIT_FOR_READERS: &str = "set local lock_timeout = '1s'";

/// Makes parts ahead; keeps one more than the number of the last.
#[derive(Debug, Default)]
pub(crate) struct Ahead(AtomicI64);

impl Ahead {
    /// Makes the parts that readings of now and of the next sixty days belong to, where they were
    /// not made before.
    ///
    /// # Errors
    /// Also where somebody reads the readings for longer than a second: the next call tries again.
    pub(crate) async fn make(&self, db: &Db, now: Timestamp) -> Result<(), DbError> {
        let Some(last) = of(now.plus_seconds(AHEAD_SECONDS)) else { return Ok(()) };
        if db.kind() != Kind::Postgres || last < self.0.load(Ordering::Relaxed) {
            return Ok(());
        }
        let parts: BTreeSet<i64> = (of(now).unwrap_or(0)..=last).collect();
        db.transact(move |tx| {
            Box::pin(async move {
                query(WAIT_FOR_READERS).execute(tx.conn()).await?;
                make(tx, &parts).await
            })
        })
        .await?;
        self.0.store(last + 1, Ordering::Relaxed);
        Ok(())
    }
}

/// The number of the part that a reading of `time` belongs to; `None`: it is there already.
pub(crate) fn of(time: Timestamp) -> Option<i64> {
    let behind = time.seconds().checked_sub(FIRST)?;
    (behind >= 0).then_some(behind / SECONDS)
}

/// Makes these parts where they are not there yet. PostgreSQL only.
pub(crate) async fn make(tx: &mut Tx, parts: &BTreeSet<i64>) -> Result<(), DbError> {
    for part in parts {
        let from = FIRST + part * SECONDS;
        let sql = format!(
            "create table if not exists reading_{part} partition of reading \
             for values from ({from}) to ({})",
            from + SECONDS
        );
        query(AssertSqlSafe(sql)).persistent(false).execute(tx.conn()).await?;
    }
    Ok(())
}
