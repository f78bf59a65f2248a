//! Codes that put a meter to work.

use anyhow::Result;
use calendar::Timestamp;
use db::{AnyConnection, Row, Tx, query};
use ids::ConnectionPointId;

use super::{moment, parsed, unsigned};
use crate::domain::provisioning::Kept;

/// Seconds that a code which is over is kept, so that whoever shows it is told so.
const KEPT_SECONDS: i64 = 86_400;

/// Keeps a code; the one that its connection point had before ends.
pub(crate) async fn put_code(tx: &mut Tx, name: &str, code: &Kept) -> Result<()> {
    end_code(tx, code.connection_point).await?;
    query(
        "insert into provisioning_code (name, connection_point, hash, expires_at, meter) \
         values ($1, $2, $3, $4, $5)",
    )
    .bind(name.to_owned())
    .bind(code.connection_point.to_string())
    .bind(code.hash.clone())
    .bind(code.expires_at.seconds())
    .bind(code.meter.to_string())
    .execute(tx.conn())
    .await?;
    Ok(())
}

async fn end_code(tx: &mut Tx, point: ConnectionPointId) -> Result<()> {
    query("delete from provisioning_code where connection_point = $1")
        .bind(point.to_string())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The code of this name.
pub(crate) async fn code(conn: &mut AnyConnection, name: &str) -> Result<Option<Kept>> {
    let row = query(
        "select hash, expires_at, wrong_tries, meter, connection_point, used \
         from provisioning_code where name = $1",
    )
    .bind(name.to_owned())
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Kept {
        hash: row.try_get(0)?,
        expires_at: moment(&row, 1)?,
        wrong_tries: u32::try_from(unsigned(&row, 2)?)?,
        meter: parsed(&row, 3)?,
        connection_point: parsed(&row, 4)?,
        used: row.try_get::<i64, _>(5)? != 0,
    }))
}

/// Counts a wrong secret.
pub(crate) async fn count_wrong_try(tx: &mut Tx, name: &str) -> Result<()> {
    query("update provisioning_code set wrong_tries = wrong_tries + 1 where name = $1")
        .bind(name.to_owned())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Uses a code up; whether nobody had. Of two at the same time the second waits for the first.
pub(crate) async fn use_code(tx: &mut Tx, name: &str) -> Result<bool> {
    let used = query("update provisioning_code set used = 1 where name = $1 and used = 0")
        .bind(name.to_owned())
        .execute(tx.conn())
        .await?;
    Ok(used.rows_affected() > 0)
}

/// Forgets codes that were over a day ago.
pub(crate) async fn forget(tx: &mut Tx, now: Timestamp) -> Result<u64> {
    let forgotten = query("delete from provisioning_code where expires_at < $1")
        .bind(now.plus_seconds(-KEPT_SECONDS).seconds())
        .execute(tx.conn())
        .await?;
    Ok(forgotten.rows_affected())
}
