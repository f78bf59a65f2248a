//! The audit log.

use anyhow::{Context, Result};
use db::{AnyConnection, AnyRow, Row, Tx, query};
use service::Page;

use super::{Part, moment};
use crate::domain::audit::{Act, AuditEntry, Outcome};

/// Appends `act`. Transactions that append take turns: the head's row is locked until they commit.
pub(crate) async fn append(tx: &mut Tx, act: Act) -> Result<()> {
    let head =
        query("update audit_head set length = length + 1 where id = 1 returning length, hash")
            .fetch_one(tx.conn())
            .await?;
    let (place, previous): (i64, String) = (head.try_get(0)?, head.try_get(1)?);
    let mut bytes = [0; 32];
    hex::decode_to_slice(&previous, &mut bytes).context("the head of the audit log")?;
    let hash = hex::encode(act.hash(place, bytes));
    query("update audit_head set hash = $1 where id = 1")
        .bind(hash.clone())
        .execute(tx.conn())
        .await?;
    query(
        "insert into audit_log (place, at, actor, action, about, done, previous, hash) \
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(place)
    .bind(act.at.seconds())
    .bind(act.by)
    .bind(act.action)
    .bind(act.about)
    .bind(i64::from(act.outcome == Outcome::Done))
    .bind(previous)
    .bind(hash)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A part of the log, oldest first.
pub(crate) async fn entries(conn: &mut AnyConnection, part: Part) -> Result<Page<AuditEntry>> {
    let rows = query(
        "select place, at, actor, action, about, done, previous, hash from audit_log \
         where place > $1 order by place limit $2",
    )
    .bind(part.after)
    .bind(part.limit + 1)
    .fetch_all(conn)
    .await?;
    Ok(part.page(rows.iter().map(read).collect::<Result<_>>()?))
}

/// The place and the hash of the last entry.
pub(crate) async fn head(conn: &mut AnyConnection) -> Result<(i64, String)> {
    let row = query("select length, hash from audit_head where id = 1").fetch_one(conn).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

fn read(row: &AnyRow) -> Result<(i64, AuditEntry)> {
    let place: i64 = row.try_get(0)?;
    let done: i64 = row.try_get(5)?;
    let act = Act {
        at: moment(row, 1)?,
        by: row.try_get(2)?,
        action: row.try_get(3)?,
        about: row.try_get(4)?,
        outcome: if done == 1 { Outcome::Done } else { Outcome::Denied },
    };
    Ok((place, AuditEntry { place, act, previous: row.try_get(6)?, hash: row.try_get(7)? }))
}
