//! Letters on their way. The address is that of the contact when a letter is sent.

use anyhow::{Context, Result};
use calendar::Timestamp;
use db::{AnyRow, Cell, Db, Row, Tx, insert_rows, query, query_scalar};
use ids::{InvoiceId, PartyId};

use crate::db::deliveries::{Attempted, Status};
use crate::domain::letter::Words;

/// A letter on its way.
#[derive(Debug, Clone)]
pub(crate) struct Waiting {
    pub(crate) place: i64,
    pub(crate) party: PartyId,
    /// The event's id.
    pub(crate) event: String,
    pub(crate) words: Words,
    /// The bill that is attached.
    pub(crate) attached: Option<InvoiceId>,
    pub(crate) attempts: u32,
}

/// A letter as its reader may see it.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) subject: String,
    pub(crate) at: Timestamp,
    pub(crate) status: Status,
    pub(crate) error: String,
}

/// Keeps a letter, unless it is there already.
pub(crate) async fn put(
    tx: &mut Tx,
    (party, event): (PartyId, &str),
    words: &Words,
    (attached, at): (Option<InvoiceId>, Timestamp),
) -> Result<()> {
    let row = vec![
        Cell::Text(party.to_string()),
        Cell::from(event),
        Cell::from(words.subject.as_str()),
        Cell::from(words.text.as_str()),
        attached.map_or(Cell::NullText, |invoice| Cell::Text(invoice.to_string())),
        Cell::Int(at.seconds()),
    ];
    let insert = "insert into letter (party, event, subject, body, attached, at)";
    insert_rows(tx, insert, 6, vec![row], "on conflict do nothing")
        .await
        .context("keeping a letter")?;
    Ok(())
}

/// How many letters wait.
pub(crate) async fn waiting(tx: &mut Tx) -> Result<i64> {
    query_scalar("select count(*) from letter where status = 0")
        .fetch_one(tx.conn())
        .await
        .context("counting letters")
}

/// Letters that are due, oldest first.
pub(crate) async fn due(db: &Db, now: Timestamp, limit: i64) -> Result<Vec<Waiting>> {
    let sql = "select place, party, event, subject, body, attached, attempts from letter \
               where status = 0 and not_before <= $1 order by place limit $2";
    let rows = query(sql)
        .bind(now.seconds())
        .bind(limit)
        .fetch_all(db.read())
        .await
        .context("reading letters")?;
    let waiting = |row: &AnyRow| {
        let attached: Option<String> = row.try_get(5)?;
        let (party, attempts): (String, i64) = (row.try_get(1)?, row.try_get(6)?);
        Ok(Waiting {
            place: row.try_get(0)?,
            party: party.parse()?,
            event: row.try_get(2)?,
            words: Words { subject: row.try_get(3)?, text: row.try_get(4)? },
            attached: attached.map(|invoice| invoice.parse()).transpose()?,
            attempts: u32::try_from(attempts)?,
        })
    };
    rows.iter().map(waiting).collect()
}

/// Keeps what came of an attempt.
pub(crate) async fn note(tx: &mut Tx, place: i64, attempted: &Attempted) -> Result<()> {
    query(
        "update letter set status = $1, attempts = $2, not_before = $3, error = $4, ended = $5 \
         where place = $6",
    )
    .bind(attempted.status.column())
    .bind(i64::from(attempted.attempts))
    .bind(attempted.not_before.seconds())
    .bind(attempted.error.clone())
    .bind(attempted.ended.map_or(0, Timestamp::seconds))
    .bind(place)
    .execute(tx.conn())
    .await
    .context("noting an attempt")?;
    Ok(())
}

/// Letters to somebody, newest first.
pub(crate) async fn of(db: &Db, party: PartyId, limit: i64) -> Result<Vec<Sent>> {
    let sql = "select subject, at, status, error from letter where party = $1 \
               order by place desc limit $2";
    let rows = query(sql)
        .bind(party.to_string())
        .bind(limit)
        .fetch_all(db.read())
        .await
        .context("reading letters")?;
    let sent = |row: &AnyRow| {
        Ok(Sent {
            subject: row.try_get(0)?,
            at: Timestamp::from_seconds(row.try_get(1)?),
            status: Status::of_column(row.try_get(2)?)?,
            error: row.try_get(3)?,
        })
    };
    rows.iter().map(sent).collect()
}

/// Forgets letters that were taken or given up before a moment; how many.
pub(crate) async fn forget(tx: &mut Tx, before: Timestamp) -> Result<u64> {
    let gone = query("delete from letter where status in (1, 2) and ended < $1")
        .bind(before.seconds())
        .execute(tx.conn())
        .await
        .context("forgetting letters")?;
    Ok(gone.rows_affected())
}
