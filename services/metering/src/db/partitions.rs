//! Parts of the readings on PostgreSQL: one for thirty days each, made when the first reading comes
//! that belongs there. What is older than the first of them lies in one part, `reading_before`.
//!
//! The key of a part holds the time, as PostgreSQL wants it: that a page of a meter is kept once
//! follows from the turns that intakes take (see [`super::mark`]), not from the key.

use std::collections::BTreeSet;

use calendar::Timestamp;
use db::{AssertSqlSafe, DbError, Tx, query};

/// The first moment behind `reading_before`, 2027-01-01: the migration says the same.
const FIRST: i64 = 1_798_761_600;
/// How long a part is, in seconds.
const SECONDS: i64 = 30 * 86_400;

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
