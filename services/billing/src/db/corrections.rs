//! Issued corrections, of which only `posted` changes, and invoices that wait for one.

use alloy_primitives::B256;
use anyhow::{Context, Result};
use calendar::{LocalDay, Timestamp};
use db::{AnyRow, AssertSqlSafe, Cell, Db, Row, Tx, insert_rows, query, query_scalar};
use ids::{AccountId, CommunityId, ConnectionPointId, CorrectionId, DisputeId, InvoiceId};
use units::Money;

use super::dunning;
use crate::domain::correction::{Correction, NUMBER_PREFIX};

/// What is issued after invoices. `corrected` of an invoice is the sum of what its corrections add
/// to what is due; a `due` of a change is when its correction is tried.
pub(super) const SCHEMA: &str = "
alter table invoice add column corrected bigint not null default 0;
create index invoice_last_day on invoice (to_day);
create index invoice_meter on invoice (meter, to_day);
create table correction (
    serial {serial}, id text not null unique, number text not null unique,
    community text not null, account text not null, invoice text not null, place bigint not null,
    at bigint not null, hash text not null, document text not null, evidence text not null,
    days text not null, dispute text not null, due_on bigint not null,
    posted bigint not null default 0, unique (invoice, place)
);
create index correction_account on correction (community, account, serial);
create index correction_posted on correction (posted, serial);
create index correction_dispute on correction (dispute);
create table correction_series (year bigint primary key, last bigint not null);
create table invoice_change (
    invoice text primary key, community text not null, since bigint not null,
    changes bigint not null, block bigint not null, due bigint not null, dispute text not null,
    reason text not null
);
create index invoice_change_due on invoice_change (due);
create index invoice_change_community on invoice_change (community, since);
create table cancellation (
    number {serial}, id text not null unique, community text not null, invoice text not null,
    account text not null, dispute text not null, reason text not null, asked_by text not null,
    at bigint not null, state text not null, decided_by text not null default '',
    decided_at bigint not null default 0
);
create index cancellation_community on cancellation (community, number);
create unique index cancellation_open on cancellation (invoice) where state = 'open';
";

const SECONDS_PER_DAY: i64 = 86_400;
/// Corrections that one tick posts, at most.
const UNPOSTED_MAX: i64 = 500;

/// An issued correction without its evidence.
#[derive(Debug, Clone)]
pub(crate) struct IssuedCorrection {
    pub(crate) id: CorrectionId,
    pub(crate) community: CommunityId,
    pub(crate) account: AccountId,
    pub(crate) invoice: InvoiceId,
    pub(crate) at: Timestamp,
    pub(crate) hash: B256,
    /// The last local day on which paying it is in time.
    pub(crate) due_on: LocalDay,
    pub(crate) correction: Correction,
}

/// An invoice of which something changed since.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) invoice: InvoiceId,
    /// When the first of the changes was heard of.
    pub(crate) since: Timestamp,
    /// How many there were: a correction that was begun before the last is made again.
    pub(crate) changes: i64,
    /// The dispute that somebody upheld.
    pub(crate) dispute: Option<DisputeId>,
    /// What the correction waits for; empty before it was tried.
    pub(crate) reason: String,
}

/// What the change of an invoice is kept with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard {
    pub(crate) at: Timestamp,
    /// The block that must be final before the correction is made; 0 for none.
    pub(crate) block: u64,
    /// From when on the correction is made.
    pub(crate) due: Timestamp,
}

/// The next number of a year's series, without gaps: taken in the transaction that uses it.
pub(crate) async fn next_number(tx: &mut Tx, year: i16) -> Result<String> {
    let row = vec![Cell::Int(i64::from(year)), Cell::Int(1)];
    let update = "on conflict (year) do update set last = correction_series.last + 1";
    let insert = "insert into correction_series (year, last)";
    insert_rows(tx, insert, 2, vec![row], update).await?;
    let last: i64 = query_scalar("select last from correction_series where year = $1")
        .bind(i64::from(year))
        .fetch_one(tx.conn())
        .await?;
    Ok(format!("{NUMBER_PREFIX}{year}-{last}"))
}

/// Keeps a correction, and what its invoice leaves to be paid with it; `evidence` and `days` are
/// JSON. Where the invoice was settled and is not any more, it is to be paid by the correction's
/// day.
pub(crate) async fn put(
    tx: &mut Tx,
    issued: &IssuedCorrection,
    (evidence, days): (String, String),
) -> Result<()> {
    let correction = &issued.correction;
    let dispute = correction.dispute.map(|dispute| dispute.to_string());
    let row = vec![
        Cell::Text(issued.id.to_string()),
        Cell::Text(correction.number.clone()),
        Cell::Text(issued.community.to_string()),
        Cell::Text(issued.account.to_string()),
        Cell::Text(issued.invoice.to_string()),
        Cell::Int(i64::from(correction.place)),
        Cell::Int(issued.at.seconds()),
        Cell::Text(super::hash(issued.hash)),
        Cell::Text(correction.canonical_json()),
        Cell::Text(evidence),
        Cell::Text(days),
        Cell::Text(dispute.unwrap_or_default()),
        Cell::Int(i64::from(issued.due_on.number())),
    ];
    let insert = "insert into correction (id, number, community, account, invoice, place, at, \
                  hash, document, evidence, days, dispute, due_on)";
    insert_rows(tx, insert, 13, vec![row], "").await.context("keeping a correction")?;
    let left = "due + corrected + fees + $1 - \
                (select coalesce(sum(p.amount), 0) from invoice_payment p where p.invoice = id)";
    let sql = format!(
        "update invoice set corrected = corrected + $1, \
         due_on = case when settled = 1 and {left} > 0 then $2 else due_on end, \
         settled = case when {left} > 0 then 0 else 1 end where id = $3"
    );
    query(AssertSqlSafe(sql))
        .bind(correction.due.n())
        .bind(i64::from(issued.due_on.number()))
        .bind(issued.invoice.to_string())
        .execute(tx.conn())
        .await
        .context("correcting what an invoice leaves")?;
    let owed: i64 = query_scalar("select due + corrected from invoice where id = $1")
        .bind(issued.invoice.to_string())
        .fetch_one(tx.conn())
        .await
        .context("reading what is owed after a correction")?;
    // Nothing was owed after all, so nobody had to be reminded of it.
    if owed <= 0 { dunning::waive(tx, issued.invoice, issued.at).await } else { Ok(()) }
}

const COLUMNS: &str = "id, community, account, invoice, at, hash, due_on, document";

/// A correction by its id.
pub(crate) async fn find(db: &Db, id: CorrectionId) -> Result<Option<IssuedCorrection>> {
    one(db, "where id = $1 limit 1", id.to_string()).await
}

/// The last correction of an invoice.
pub(crate) async fn last(db: &Db, invoice: InvoiceId) -> Result<Option<IssuedCorrection>> {
    one(db, "where invoice = $1 order by place desc limit 1", invoice.to_string()).await
}

/// The correction that a dispute caused.
pub(crate) async fn of_dispute(db: &Db, dispute: DisputeId) -> Result<Option<IssuedCorrection>> {
    one(db, "where dispute = $1 order by at, place limit 1", dispute.to_string()).await
}

async fn one(db: &Db, which: &'static str, key: String) -> Result<Option<IssuedCorrection>> {
    let row = query(AssertSqlSafe(format!("select {COLUMNS} from correction {which}")))
        .bind(key)
        .fetch_optional(db.read())
        .await
        .context("reading a correction")?;
    row.as_ref().map(parse).transpose()
}

/// The corrections of an invoice, in order.
pub(crate) async fn of_invoice(db: &Db, invoice: InvoiceId) -> Result<Vec<IssuedCorrection>> {
    let sql = format!("select {COLUMNS} from correction where invoice = $1 order by place");
    let rows = query(AssertSqlSafe(sql)).bind(invoice.to_string()).fetch_all(db.read()).await;
    rows.context("reading the corrections of an invoice")?.iter().map(parse).collect()
}

/// The corrections of an account or, without one, of a community, newest first, before a place in
/// the list.
pub(crate) async fn list(
    db: &Db,
    community: CommunityId,
    account: Option<AccountId>,
    (before, limit): (i64, u32),
) -> Result<Vec<(i64, IssuedCorrection)>> {
    let filter = if account.is_some() { "account = $2" } else { "$2 = ''" };
    let sql = format!(
        "select {COLUMNS}, serial from correction where community = $1 and {filter} \
         and serial < $3 order by serial desc limit $4"
    );
    let rows = query(AssertSqlSafe(sql))
        .bind(community.to_string())
        .bind(account.map(|account| account.to_string()).unwrap_or_default())
        .bind(before)
        .bind(i64::from(limit))
        .fetch_all(db.read())
        .await
        .context("reading corrections")?;
    rows.iter().map(|row| Ok((row.try_get(8)?, parse(row)?))).collect()
}

/// Corrections that are not in the journal though their invoice is, oldest first.
pub(crate) async fn unposted(db: &Db) -> Result<Vec<IssuedCorrection>> {
    let sql = format!(
        "select {COLUMNS} from correction where posted = 0 and exists (select 1 from invoice i \
         where i.id = correction.invoice and i.posted = 1) order by serial limit $1"
    );
    let rows = query(AssertSqlSafe(sql)).bind(UNPOSTED_MAX).fetch_all(db.read()).await;
    rows.context("reading corrections to post")?.iter().map(parse).collect()
}

/// Notes that corrections are in the journal.
pub(crate) async fn set_posted(tx: &mut Tx, ids: &[CorrectionId]) -> Result<()> {
    for id in ids {
        query("update correction set posted = 1 where id = $1")
            .bind(id.to_string())
            .execute(tx.conn())
            .await
            .context("noting a posted correction")?;
    }
    Ok(())
}

/// What an audit needs to know of the corrections of a community's newest invoices: the last of
/// each, and whether all of that invoice are in the journal.
pub(crate) async fn standing(
    db: &Db,
    community: CommunityId,
    invoices: u32,
) -> Result<Vec<(IssuedCorrection, bool)>> {
    let sql = format!(
        "select {COLUMNS}, (select min(posted) from correction p where p.invoice = c.invoice) \
         from correction c where place = \
         (select max(place) from correction l where l.invoice = c.invoice) and c.invoice in \
         (select i.id from invoice i where i.community = $1 \
         order by i.from_day desc, i.number desc limit $2)"
    );
    let rows = query(AssertSqlSafe(sql))
        .bind(community.to_string())
        .bind(i64::from(invoices))
        .fetch_all(db.read())
        .await
        .context("reading the last corrections")?;
    rows.iter().map(|row| Ok((parse(row)?, row.try_get::<i64, _>(8)? == 1))).collect()
}

/// Evidence and days of a correction, as JSON.
pub(crate) async fn substance(db: &Db, id: CorrectionId) -> Result<(String, String)> {
    let row = query("select evidence, days from correction where id = $1")
        .bind(id.to_string())
        .fetch_one(db.read())
        .await
        .context("reading a correction's evidence")?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// The name under which a correction's anchor is sent.
pub(crate) fn cause(id: CorrectionId) -> String {
    format!("correction/{id}")
}

/// The block that holds a correction's anchor.
pub(crate) async fn anchored_in(db: &Db, id: CorrectionId) -> Result<Option<u64>> {
    let block: Option<Option<i64>> = query_scalar("select block from chain_tx where cause = $1")
        .bind(cause(id))
        .fetch_optional(db.read())
        .await
        .context("looking for a correction's block")?;
    Ok(block.flatten().map(i64::unsigned_abs))
}

/// Whether anything was invoiced of the day of a moment, or of a later one.
pub(crate) async fn is_invoiced(db: &Db, moment: Timestamp) -> Result<bool> {
    let last: Option<i64> = query_scalar("select max(to_day) from invoice")
        .fetch_one(db.read())
        .await
        .context("looking for the last invoiced day")?;
    // A local day is at most one off from that of UTC.
    Ok(last.is_some_and(|last| moment.seconds().div_euclid(SECONDS_PER_DAY) <= last + 1))
}

const MARK: &str = "insert into invoice_change \
     (invoice, community, since, changes, block, due, dispute, reason) \
     select id, community, cast($1 as bigint), 1, cast($2 as bigint), cast($3 as bigint), $4, '' \
     from invoice where ";
const AGAIN: &str = "on conflict (invoice) do update set changes = invoice_change.changes + 1, \
     block = case when excluded.block > invoice_change.block then excluded.block \
     else invoice_change.block end, \
     due = case when excluded.due < invoice_change.due then excluded.due \
     else invoice_change.due end, \
     dispute = case when excluded.dispute <> '' then excluded.dispute \
     else invoice_change.dispute end";

/// Notes that something of a moment changed at a connection point: for the invoices of its meters
/// that can rest on it. A reading at midnight is of two days, and a local day at most one off from
/// that of UTC.
pub(crate) async fn mark_moment(
    tx: &mut Tx,
    (point, moment): (ConnectionPointId, Timestamp),
    heard: Heard,
) -> Result<()> {
    let day = moment.seconds().div_euclid(SECONDS_PER_DAY);
    let sql = format!(
        "{MARK} meter in (select meter from meter where point = $5) \
         and from_day <= $6 and to_day >= $7 {AGAIN}"
    );
    query(AssertSqlSafe(sql))
        .bind(heard.at.seconds())
        .bind(super::int(heard.block)?)
        .bind(heard.due.seconds())
        .bind(String::new())
        .bind(point.to_string())
        .bind(day + 1)
        .bind(day - 1)
        .execute(tx.conn())
        .await
        .context("marking invoices")?;
    Ok(())
}

/// Notes that an invoice is to be looked at again.
pub(crate) async fn mark(
    tx: &mut Tx,
    invoice: InvoiceId,
    dispute: Option<DisputeId>,
    heard: Heard,
) -> Result<()> {
    query(AssertSqlSafe(format!("{MARK} id = $5 {AGAIN}")))
        .bind(heard.at.seconds())
        .bind(super::int(heard.block)?)
        .bind(heard.due.seconds())
        .bind(dispute.map(|dispute| dispute.to_string()).unwrap_or_default())
        .bind(invoice.to_string())
        .execute(tx.conn())
        .await
        .context("marking an invoice")?;
    Ok(())
}

/// Invoices whose correction is due and whose blocks are final, oldest change first.
pub(crate) async fn due(
    db: &Db,
    now: Timestamp,
    finalized: u64,
    limit: u32,
) -> Result<Vec<Change>> {
    let rows = query(
        "select invoice, since, changes, dispute, reason from invoice_change \
         where due <= $1 and block <= $2 order by since, invoice limit $3",
    )
    .bind(now.seconds())
    .bind(super::int(finalized)?)
    .bind(i64::from(limit))
    .fetch_all(db.read())
    .await
    .context("reading changed invoices")?;
    rows.iter().map(parse_change).collect()
}

/// The invoices of a community that wait for a correction, those that wait longest first.
pub(crate) async fn waiting(db: &Db, community: CommunityId, limit: u32) -> Result<Vec<Change>> {
    let sql = "select invoice, since, changes, dispute, reason from invoice_change \
               where community = $1 order by since, invoice limit $2";
    let rows = query(sql)
        .bind(community.to_string())
        .bind(i64::from(limit))
        .fetch_all(db.read())
        .await
        .context("reading what waits for a correction")?;
    rows.iter().map(parse_change).collect()
}

/// Notes why a correction cannot be made yet, and when it is tried again.
pub(crate) async fn wait(tx: &mut Tx, of: &Change, reason: &str, due: Timestamp) -> Result<()> {
    query("update invoice_change set reason = $1, due = $2 where invoice = $3")
        .bind(reason.to_owned())
        .bind(due.seconds())
        .bind(of.invoice.to_string())
        .execute(tx.conn())
        .await
        .context("noting what a correction waits for")?;
    Ok(())
}

/// Forgets that an invoice waits, unless something changed since `of` was read.
pub(crate) async fn settle(tx: &mut Tx, of: &Change) -> Result<()> {
    query("delete from invoice_change where invoice = $1 and changes = $2")
        .bind(of.invoice.to_string())
        .bind(of.changes)
        .execute(tx.conn())
        .await
        .context("forgetting a change")?;
    Ok(())
}

fn parse_change(row: &AnyRow) -> Result<Change> {
    let text = |place: usize| row.try_get::<String, _>(place);
    let dispute = Some(text(3)?).filter(|id| !id.is_empty());
    Ok(Change {
        invoice: text(0)?.parse()?,
        since: Timestamp::from_seconds(row.try_get(1)?),
        changes: row.try_get(2)?,
        dispute: dispute.map(|id| id.parse()).transpose()?,
        reason: text(4)?,
    })
}

fn parse(row: &AnyRow) -> Result<IssuedCorrection> {
    let text = |place: usize| row.try_get::<String, _>(place);
    let due_on: i64 = row.try_get(6)?;
    Ok(IssuedCorrection {
        id: text(0)?.parse()?,
        community: text(1)?.parse()?,
        account: text(2)?.parse()?,
        invoice: text(3)?.parse()?,
        at: Timestamp::from_seconds(row.try_get(4)?),
        hash: text(5)?.parse()?,
        due_on: LocalDay::from_number(u32::try_from(due_on)?),
        correction: serde_json::from_str(&text(7)?).context("a kept correction")?,
    })
}

/// By how much an invoice's corrections change what it leaves.
pub(crate) async fn corrected(db: &Db, invoice: InvoiceId) -> Result<Money> {
    let n: Option<i64> = query_scalar("select corrected from invoice where id = $1")
        .bind(invoice.to_string())
        .fetch_optional(db.read())
        .await
        .context("reading what corrections change")?;
    Ok(Money::from_n(n.unwrap_or(0)))
}
