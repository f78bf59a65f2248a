//! Disputes about invoices, and what was said in them. Only a dispute's end changes a row, once.

use anyhow::{Context, Result};
use calendar::Timestamp;
use db::{AnyRow, AssertSqlSafe, Cell, Db, Row, Tx, insert_rows, query, query_scalar};
use ids::{AccountId, CommunityId, DisputeId, InvoiceId};

use crate::domain::dispute::{DisputeState, Ground};

/// A dispute.
#[derive(Debug, Clone)]
pub(crate) struct Dispute {
    /// Rises.
    pub(crate) number: i64,
    pub(crate) id: DisputeId,
    pub(crate) community: CommunityId,
    pub(crate) account: AccountId,
    pub(crate) invoice: InvoiceId,
    pub(crate) invoice_number: String,
    pub(crate) ground: Ground,
    /// The line of the invoice that it is about, from one on.
    pub(crate) line: Option<u32>,
    pub(crate) state: DisputeState,
    pub(crate) at: Timestamp,
    /// When it ended.
    pub(crate) ended: Option<Timestamp>,
}

/// What somebody said in a dispute.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    /// The party that said it.
    pub(crate) by: String,
    /// Whether that was staff.
    pub(crate) staff: bool,
    pub(crate) text: String,
    /// What it ended the dispute with.
    pub(crate) decision: Option<DisputeState>,
    pub(crate) at: Timestamp,
}

const COLUMNS: &str = "d.number, d.id, d.community, d.account, d.invoice, i.number, d.ground, \
     d.line, d.state, d.at, d.ended from dispute d join invoice i on i.id = d.invoice";

/// Opens a dispute, unless its invoice has an open one.
pub(crate) async fn open(tx: &mut Tx, dispute: &Dispute) -> Result<bool> {
    let row = vec![
        Cell::Text(dispute.id.to_string()),
        Cell::Text(dispute.community.to_string()),
        Cell::Text(dispute.account.to_string()),
        Cell::Text(dispute.invoice.to_string()),
        Cell::from(dispute.ground.name()),
        Cell::Int(dispute.line.map(i64::from).unwrap_or_default()),
        Cell::from(dispute.state.name()),
        Cell::Int(dispute.at.seconds()),
    ];
    let insert = "insert into dispute (id, community, account, invoice, ground, line, state, at)";
    let opened = insert_rows(tx, insert, 8, vec![row], "on conflict do nothing").await;
    Ok(opened.context("opening a dispute")? > 0)
}

/// Ends a dispute that is open; whether it was.
pub(crate) async fn end(
    tx: &mut Tx,
    id: DisputeId,
    state: DisputeState,
    at: Timestamp,
) -> Result<bool> {
    let sql = "update dispute set state = $1, ended = $2 where id = $3 and state = 'open'";
    let done = query(sql)
        .bind(state.name())
        .bind(at.seconds())
        .bind(id.to_string())
        .execute(tx.conn())
        .await
        .context("ending a dispute")?;
    Ok(done.rows_affected() > 0)
}

/// Whether a dispute has not ended.
pub(crate) async fn is_open(tx: &mut Tx, id: DisputeId) -> Result<bool> {
    let count: i64 = query_scalar("select count(*) from dispute where id = $1 and state = 'open'")
        .bind(id.to_string())
        .fetch_one(tx.conn())
        .await
        .context("looking at a dispute")?;
    Ok(count > 0)
}

/// Keeps what somebody said; `None` where `most` was said before.
pub(crate) async fn say(tx: &mut Tx, id: DisputeId, said: &Said, most: i64) -> Result<Option<()>> {
    let count: i64 = query_scalar("select count(*) from dispute_said where dispute = $1")
        .bind(id.to_string())
        .fetch_one(tx.conn())
        .await?;
    if count >= most {
        return Ok(None);
    }
    let row = vec![
        Cell::Text(id.to_string()),
        Cell::Text(said.by.clone()),
        Cell::Int(i64::from(said.staff)),
        Cell::Text(said.text.clone()),
        Cell::from(said.decision.map(DisputeState::name).unwrap_or_default()),
        Cell::Int(said.at.seconds()),
    ];
    let insert = "insert into dispute_said (dispute, said_by, staff, said, decision, at)";
    insert_rows(tx, insert, 6, vec![row], "").await.context("keeping what was said")?;
    Ok(Some(()))
}

/// A dispute by its id.
pub(crate) async fn find(db: &Db, id: DisputeId) -> Result<Option<Dispute>> {
    let row = query(AssertSqlSafe(format!("select {COLUMNS} where d.id = $1")))
        .bind(id.to_string())
        .fetch_optional(db.read())
        .await
        .context("reading a dispute")?;
    row.as_ref().map(parse).transpose()
}

/// What was said in a dispute, oldest first.
pub(crate) async fn said(db: &Db, id: DisputeId) -> Result<Vec<Said>> {
    let sql = "select said_by, staff, said, decision, at from dispute_said where dispute = $1 \
               order by number";
    let rows = query(sql)
        .bind(id.to_string())
        .fetch_all(db.read())
        .await
        .context("reading what was said")?;
    let said = |row: &AnyRow| {
        let (staff, decision): (i64, String) = (row.try_get(1)?, row.try_get(3)?);
        Ok(Said {
            by: row.try_get(0)?,
            staff: staff != 0,
            text: row.try_get(2)?,
            decision: DisputeState::named(&decision),
            at: Timestamp::from_seconds(row.try_get(4)?),
        })
    };
    rows.iter().map(said).collect()
}

/// The disputes of a community, newest first, before a number: those of an account, of an invoice,
/// or in a state, where one is named.
pub(crate) async fn list(
    db: &Db,
    community: CommunityId,
    (account, invoice): (Option<AccountId>, Option<InvoiceId>),
    state: Option<DisputeState>,
    (before, limit): (i64, u32),
) -> Result<Vec<Dispute>> {
    let sql = format!(
        "select {COLUMNS} where d.community = $1 and ($2 = '' or d.account = $2) \
         and ($3 = '' or d.invoice = $3) and ($4 = '' or d.state = $4) and d.number < $5 \
         order by d.number desc limit $6"
    );
    let rows = query(AssertSqlSafe(sql))
        .bind(community.to_string())
        .bind(account.map(|account| account.to_string()).unwrap_or_default())
        .bind(invoice.map(|invoice| invoice.to_string()).unwrap_or_default())
        .bind(state.map(DisputeState::name).unwrap_or_default())
        .bind(before)
        .bind(i64::from(limit))
        .fetch_all(db.read())
        .await
        .context("reading disputes")?;
    rows.iter().map(parse).collect()
}

/// From when until when an invoice was disputed, oldest first; `None` where it still is.
pub(crate) async fn spans(
    db: &Db,
    invoice: InvoiceId,
) -> Result<Vec<(Timestamp, Option<Timestamp>)>> {
    let sql = "select at, ended from dispute where invoice = $1 order by number";
    let rows = query(sql)
        .bind(invoice.to_string())
        .fetch_all(db.read())
        .await
        .context("reading when an invoice was disputed")?;
    let span = |row: &AnyRow| {
        let (at, ended): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        let ended = Some(ended).filter(|ended| *ended > 0).map(Timestamp::from_seconds);
        Ok((Timestamp::from_seconds(at), ended))
    };
    rows.iter().map(span).collect()
}

/// Whether an invoice is disputed.
pub(crate) async fn is_disputed(db: &Db, invoice: InvoiceId) -> Result<bool> {
    let count: i64 =
        query_scalar("select count(*) from dispute where invoice = $1 and state = 'open'")
            .bind(invoice.to_string())
            .fetch_one(db.read())
            .await
            .context("looking for a dispute")?;
    Ok(count > 0)
}

fn parse(row: &AnyRow) -> Result<Dispute> {
    let text = |place: usize| row.try_get::<String, _>(place);
    let (line, ended): (i64, i64) = (row.try_get(7)?, row.try_get(10)?);
    Ok(Dispute {
        number: row.try_get(0)?,
        id: text(1)?.parse()?,
        community: text(2)?.parse()?,
        account: text(3)?.parse()?,
        invoice: text(4)?.parse()?,
        invoice_number: text(5)?,
        ground: Ground::named(&text(6)?).context("a kept ground")?,
        line: Some(u32::try_from(line)?).filter(|line| *line > 0),
        state: DisputeState::named(&text(8)?).context("a kept state")?,
        at: Timestamp::from_seconds(row.try_get(9)?),
        ended: Some(ended).filter(|ended| *ended > 0).map(Timestamp::from_seconds),
    })
}
