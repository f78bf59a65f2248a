//! Issued invoices. Of a row only `posted` changes, whether it is in the journal, and what of it is
//! to be paid.

use alloy_primitives::B256;
use anyhow::{Context, Result};
use calendar::{LocalDay, Timestamp};
use db::{AnyRow, AssertSqlSafe, Cell, Db, Row, Tx, insert_rows, query, query_scalar};
use ids::{AccountId, CommunityId, InvoiceId, MeterId};
use units::Money;

use super::dues;
use crate::domain::bank::{NUMBER_PREFIX, invoice_reference};
use crate::domain::bill::{Invoice, Period};

/// An issued invoice without its evidence.
#[derive(Debug, Clone)]
pub(crate) struct Issued {
    pub(crate) id: InvoiceId,
    pub(crate) community: CommunityId,
    pub(crate) account: AccountId,
    pub(crate) at: Timestamp,
    pub(crate) hash: B256,
    /// The last local day on which paying it is in time.
    pub(crate) due_on: LocalDay,
    pub(crate) invoice: Invoice,
}

/// The next number of a year's series, without gaps: taken in the transaction that uses it.
pub(crate) async fn next_number(tx: &mut Tx, year: i16) -> Result<String> {
    let row = vec![Cell::Int(i64::from(year)), Cell::Int(1)];
    let update = "on conflict (year) do update set last = series.last + 1";
    insert_rows(tx, "insert into series (year, last)", 2, vec![row], update).await?;
    let last: i64 = query_scalar("select last from series where year = $1")
        .bind(i64::from(year))
        .fetch_one(tx.conn())
        .await?;
    Ok(format!("{NUMBER_PREFIX}{year}-{last}"))
}

/// Keeps an invoice; `evidence` and `days` are JSON.
pub(crate) async fn put(
    tx: &mut Tx,
    issued: &Issued,
    evidence: String,
    days: String,
) -> Result<()> {
    let invoice = &issued.invoice;
    let row = vec![
        Cell::Text(issued.id.to_string()),
        Cell::Text(invoice.number.clone()),
        Cell::Text(issued.community.to_string()),
        Cell::Text(issued.account.to_string()),
        Cell::Text(invoice.meter.to_string()),
        Cell::Int(i64::from(invoice.period.from.number())),
        Cell::Int(i64::from(invoice.period.to.number())),
        Cell::Int(issued.at.seconds()),
        Cell::Int(invoice.total.n()),
        Cell::Int(invoice.due.n()),
        Cell::Text(super::hash(issued.hash)),
        Cell::Text(invoice.canonical_json()),
        Cell::Text(evidence),
        Cell::Text(days),
        Cell::Text(invoice_reference(issued.id).to_string()),
        Cell::Int(i64::from(issued.due_on.number())),
        Cell::Int(i64::from(invoice.due <= Money::ZERO)),
    ];
    let insert = "insert into invoice (id, number, community, account, meter, from_day, to_day, \
                  at, total, due, hash, document, evidence, days, reference, due_on, settled)";
    insert_rows(tx, insert, 17, vec![row], "").await.context("keeping an invoice")?;
    Ok(())
}

/// Whether an account was billed for a day of the period.
pub(crate) async fn overlapping(db: &Db, account: AccountId, period: Period) -> Result<bool> {
    let count: i64 = query_scalar(
        "select count(*) from invoice where account = $1 and from_day <= $2 and to_day >= $3",
    )
    .bind(account.to_string())
    .bind(i64::from(period.to.number()))
    .bind(i64::from(period.from.number()))
    .fetch_one(db.read())
    .await
    .context("looking for invoices of a period")?;
    Ok(count > 0)
}

/// The last day that an account or a meter was billed for.
pub(crate) async fn billed_until(
    db: &Db,
    account: AccountId,
    meter: MeterId,
) -> Result<Option<LocalDay>> {
    let last: Option<i64> =
        query_scalar("select max(to_day) from invoice where account = $1 or meter = $2")
            .bind(account.to_string())
            .bind(meter.to_string())
            .fetch_one(db.read())
            .await
            .context("looking for the last invoice")?;
    last.map(|day| Ok(LocalDay::from_number(u32::try_from(day)?))).transpose()
}

/// The name under which an invoice's anchor is sent.
pub(crate) fn cause(id: InvoiceId) -> String {
    format!("invoice/{id}")
}

/// Whether an anchor of an invoice or a correction waits for a block.
pub(crate) async fn any_on_its_way(db: &Db) -> Result<bool> {
    let sql = "select count(*) from chain_tx where status = 0 \
               and (cause like 'invoice/%' or cause like 'correction/%')";
    let count: i64 = query_scalar(sql)
        .fetch_one(db.read())
        .await
        .context("looking for invoices on their way")?;
    Ok(count > 0)
}

/// The block that holds an invoice's anchor.
pub(crate) async fn anchored_in(db: &Db, id: InvoiceId) -> Result<Option<u64>> {
    let block: Option<Option<i64>> = query_scalar("select block from chain_tx where cause = $1")
        .bind(cause(id))
        .fetch_optional(db.read())
        .await
        .context("looking for an invoice's block")?;
    Ok(block.flatten().map(i64::unsigned_abs))
}

const COLUMNS: &str = "id, community, account, at, hash, document, due_on";

/// An invoice by its id.
pub(crate) async fn find(db: &Db, id: InvoiceId) -> Result<Option<Issued>> {
    let sql = format!("select {COLUMNS} from invoice where id = $1");
    let row = query(AssertSqlSafe(sql))
        .bind(id.to_string())
        .fetch_optional(db.read())
        .await
        .context("reading an invoice")?;
    row.as_ref().map(parse).transpose()
}

/// The last invoice of an account of days before `day`.
pub(crate) async fn before(db: &Db, account: AccountId, day: LocalDay) -> Result<Option<Issued>> {
    let sql = format!(
        "select {COLUMNS} from invoice where account = $1 and to_day < $2 \
         order by to_day desc limit 1"
    );
    let row = query(AssertSqlSafe(sql))
        .bind(account.to_string())
        .bind(i64::from(day.number()))
        .fetch_optional(db.read())
        .await
        .context("reading the last invoice")?;
    row.as_ref().map(parse).transpose()
}

/// The first invoice of an account of days after `day`.
pub(crate) async fn after(db: &Db, account: AccountId, day: LocalDay) -> Result<Option<InvoiceId>> {
    let sql = "select id from invoice where account = $1 and from_day > $2 \
               order by from_day limit 1";
    let id: Option<String> = query_scalar(sql)
        .bind(account.to_string())
        .bind(i64::from(day.number()))
        .fetch_optional(db.read())
        .await
        .context("reading the next invoice")?;
    id.map(|id| Ok(id.parse()?)).transpose()
}

/// The invoices of an account or, without one, of a community, newest first.
pub(crate) async fn list(
    db: &Db,
    community: CommunityId,
    account: Option<AccountId>,
    limit: u32,
) -> Result<Vec<Issued>> {
    let filter = if account.is_some() { "account = $2" } else { "$2 = ''" };
    let sql = format!(
        "select {COLUMNS} from invoice where community = $1 and {filter} \
         order by from_day desc, number desc limit $3"
    );
    let rows = query(AssertSqlSafe(sql))
        .bind(community.to_string())
        .bind(account.map(|account| account.to_string()).unwrap_or_default())
        .bind(i64::from(limit))
        .fetch_all(db.read())
        .await
        .context("reading invoices")?;
    rows.iter().map(parse).collect()
}

/// Invoices that one tick posts, at most.
const UNPOSTED_MAX: i64 = 500;

/// Invoices that are not in the journal yet, oldest first.
pub(crate) async fn unposted(db: &Db) -> Result<Vec<Issued>> {
    let sql =
        format!("select {COLUMNS} from invoice where posted = 0 order by at, number limit $1");
    let rows = query(AssertSqlSafe(sql))
        .bind(UNPOSTED_MAX)
        .fetch_all(db.read())
        .await
        .context("reading invoices to post")?;
    rows.iter().map(parse).collect()
}

/// Notes that invoices are in the journal.
pub(crate) async fn set_posted(tx: &mut Tx, ids: &[InvoiceId]) -> Result<()> {
    for id in ids {
        query("update invoice set posted = 1 where id = $1")
            .bind(id.to_string())
            .execute(tx.conn())
            .await
            .context("noting a posted invoice")?;
    }
    Ok(())
}

/// Evidence and days of an invoice, as JSON.
pub(crate) async fn substance(db: &Db, id: InvoiceId) -> Result<(String, String)> {
    let row = query("select evidence, days from invoice where id = $1")
        .bind(id.to_string())
        .fetch_one(db.read())
        .await
        .context("reading an invoice's evidence")?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// Energy by day of the invoices of an account that are of some days of a period, as JSON.
pub(crate) async fn days(db: &Db, account: AccountId, period: Period) -> Result<Vec<String>> {
    let sql = "select days from invoice where account = $1 and from_day <= $2 and to_day >= $3 \
               order by from_day";
    let rows = query(sql)
        .bind(account.to_string())
        .bind(i64::from(period.to.number()))
        .bind(i64::from(period.from.number()))
        .fetch_all(db.read())
        .await
        .context("reading energy of invoices")?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

fn parse(row: &AnyRow) -> Result<Issued> {
    let text = |place: usize| row.try_get::<String, _>(place);
    Ok(Issued {
        id: text(0)?.parse()?,
        community: text(1)?.parse()?,
        account: text(2)?.parse()?,
        at: Timestamp::from_seconds(row.try_get(3)?),
        hash: text(4)?.parse()?,
        due_on: dues::due_day(row.try_get(6)?, row.try_get(3)?)?,
        invoice: serde_json::from_str(&text(5)?).context("a kept invoice")?,
    })
}
