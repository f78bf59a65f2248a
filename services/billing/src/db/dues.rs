//! What invoices leave to be paid, and the payments for them.

use anyhow::{Context, Result};
use calendar::{LocalDay, Timestamp};
use db::{AnyRow, AssertSqlSafe, Cell, Db, Row, Tx, insert_rows, query, query_scalar};
use ids::{AccountId, CommunityId, InvoiceId};
use units::Money;

use crate::domain::dues::Dues;

/// Days to pay of an invoice from before that was kept.
const PAYMENT_DAYS: i32 = 14;
/// What the key of a payment with tokens begins with; those by bank begin otherwise.
pub(crate) const BY_WALLET: &str = "wallet/";
const SECONDS_PER_DAY: i64 = 86_400;
/// Payments that one tick posts, at most.
const UNPOSTED_MAX: i64 = 500;

/// What invoices leave to be paid. `reference` and `due_on` of an invoice from before are not kept;
/// `settled` is whether nothing of it is left. An invoice has one open dispute.
pub(crate) const SCHEMA: &str = "
alter table invoice add column reference text not null default '';
alter table invoice add column due_on bigint not null default 0;
alter table invoice add column settled bigint not null default 0;
update invoice set settled = 1 where due <= 0;
update invoice set due_on = at / 86400 + 14 where due_on = 0;
create index invoice_reference on invoice (reference);
create index invoice_settled on invoice (settled, due_on);
create table invoice_payment (
    number {serial}, community text not null, invoice text not null, key text not null,
    booked_on text not null, amount bigint not null, at bigint not null,
    posted bigint not null default 0, unique (community, key)
);
create index invoice_payment_invoice on invoice_payment (invoice, number);
create index invoice_payment_posted on invoice_payment (posted, number);
create table reminder (
    invoice text not null, step bigint not null, left_n bigint not null, at bigint not null,
    primary key (invoice, step)
);
create table ladder (
    number {serial}, community text not null, said text not null, set_by text not null,
    at bigint not null
);
create index ladder_community on ladder (community, number);
create table dispute (
    number {serial}, id text not null unique, community text not null, account text not null,
    invoice text not null, ground text not null, line bigint not null, state text not null,
    at bigint not null, ended bigint not null default 0
);
create index dispute_community on dispute (community, number);
create unique index dispute_open on dispute (invoice) where state = 'open';
create table dispute_said (
    number {serial}, dispute text not null, said_by text not null, staff bigint not null,
    said text not null, decision text not null, at bigint not null
);
create index dispute_said_dispute on dispute_said (dispute, number);
";

/// An invoice by what is paid for it.
#[derive(Debug, Clone)]
pub(crate) struct Owing {
    pub(crate) invoice: InvoiceId,
    pub(crate) number: String,
    pub(crate) community: CommunityId,
    pub(crate) account: AccountId,
    pub(crate) dues: Dues,
}

/// A payment for an invoice.
#[derive(Debug, Clone)]
pub(crate) struct InvoicePayment {
    pub(crate) invoice: InvoiceId,
    /// The bank payment that it is, or is a part of; [`BY_WALLET`] and a request.
    pub(crate) key: String,
    /// The bank's day of booking; empty where there is none.
    pub(crate) booked_on: String,
    /// Below zero it was given back.
    pub(crate) amount: Money,
    pub(crate) at: Timestamp,
}

/// A payment that the journal does not have yet.
#[derive(Debug, Clone)]
pub(crate) struct Unposted {
    pub(crate) row: i64,
    pub(crate) number: String,
    /// With tokens, not by bank.
    pub(crate) by_wallet: bool,
    pub(crate) amount: Money,
    pub(crate) at: Timestamp,
}

const OWING: &str = "select i.id, i.number, i.community, i.account, \
     i.due + i.corrected + i.fees, i.due_on, i.at, cast(coalesce((select sum(p.amount) \
     from invoice_payment p where p.invoice = i.id), 0) as bigint) from invoice i";

/// What an invoice leaves to be paid.
pub(crate) async fn of(db: &Db, id: InvoiceId) -> Result<Option<Owing>> {
    let row = query(AssertSqlSafe(format!("{OWING} where i.id = $1")))
        .bind(id.to_string())
        .fetch_optional(db.read())
        .await
        .context("reading what an invoice leaves")?;
    row.as_ref().map(parse).transpose()
}

/// As [`of`], in a transaction.
pub(crate) async fn load(tx: &mut Tx, id: InvoiceId) -> Result<Owing> {
    let row = query(AssertSqlSafe(format!("{OWING} where i.id = $1")))
        .bind(id.to_string())
        .fetch_one(tx.conn())
        .await
        .context("reading what an invoice leaves")?;
    parse(&row)
}

/// The invoice of a community that a payment means by its reference or its number.
pub(crate) async fn named(
    db: &Db,
    community: CommunityId,
    said: &str,
) -> Result<Option<InvoiceId>> {
    let sql = "select id from invoice where community = $1 and (reference = $2 or number = $2)";
    let id: Option<String> = query_scalar(sql)
        .bind(community.to_string())
        .bind(said.to_owned())
        .fetch_optional(db.read())
        .await
        .context("looking for an invoice")?;
    id.map(|id| Ok(id.parse()?)).transpose()
}

/// The invoices that are not paid, oldest due day first, after the last of a page before; those of
/// one community, or of all.
pub(crate) async fn owing(
    db: &Db,
    community: Option<CommunityId>,
    (after_day, after): (i64, &str),
    limit: u32,
) -> Result<Vec<Owing>> {
    let sql = format!(
        "{OWING} where i.settled = 0 and ($1 = '' or i.community = $1) \
         and (i.due_on > $2 or (i.due_on = $2 and i.id > $3)) order by i.due_on, i.id limit $4"
    );
    let rows = query(AssertSqlSafe(sql))
        .bind(community.map(|community| community.to_string()).unwrap_or_default())
        .bind(after_day)
        .bind(after.to_owned())
        .bind(i64::from(limit))
        .fetch_all(db.read())
        .await
        .context("reading what is not paid")?;
    rows.iter().map(parse).collect()
}

/// How many invoices of a community whose last day in time is in a range are not paid, and what
/// they leave.
pub(crate) async fn owed_between(
    db: &Db,
    community: CommunityId,
    (from, to): (i64, i64),
) -> Result<(u64, Money)> {
    let row = query(
        "select count(*), cast(coalesce(sum(i.due + i.corrected + i.fees), 0) as bigint), \
         cast(coalesce(sum((select coalesce(sum(p.amount), 0) from invoice_payment p \
         where p.invoice = i.id)), 0) as bigint) from invoice i \
         where i.community = $1 and i.settled = 0 and i.due_on >= $2 and i.due_on < $3",
    )
    .bind(community.to_string())
    .bind(from)
    .bind(to)
    .fetch_one(db.read())
    .await
    .context("summing what is not paid")?;
    let (count, due, paid): (i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    Ok((u64::try_from(count)?, Money::from_n(due).minus(Money::from_n(paid))?))
}

/// Keeps a payment for an invoice; one of a key that is known is refused.
pub(crate) async fn put_payment(
    tx: &mut Tx,
    owing: &Owing,
    payment: &InvoicePayment,
) -> Result<()> {
    let row = vec![
        Cell::Text(owing.community.to_string()),
        Cell::Text(payment.invoice.to_string()),
        Cell::Text(payment.key.clone()),
        Cell::Text(payment.booked_on.clone()),
        Cell::Int(payment.amount.n()),
        Cell::Int(payment.at.seconds()),
    ];
    let insert = "insert into invoice_payment (community, invoice, key, booked_on, amount, at)";
    insert_rows(tx, insert, 6, vec![row], "").await.context("keeping a payment of an invoice")?;
    settle(tx, payment.invoice).await
}

/// Notes whether anything is left of an invoice: from what is kept, because corrections, fees and
/// what is given back change it as well.
pub(super) async fn settle(tx: &mut Tx, invoice: InvoiceId) -> Result<()> {
    let settles = "update invoice set settled = case when due + corrected + fees - \
                   (select coalesce(sum(p.amount), 0) from invoice_payment p \
                   where p.invoice = id) > 0 then 0 else 1 end where id = $1";
    query(settles)
        .bind(invoice.to_string())
        .execute(tx.conn())
        .await
        .context("noting a paid invoice")?;
    Ok(())
}

/// Whether an invoice got a payment, or a part of it.
pub(crate) async fn is_received(tx: &mut Tx, community: CommunityId, key: &str) -> Result<bool> {
    let sql = "select count(*) from invoice_payment where community = $1 and key = $2";
    let count: i64 = query_scalar(sql)
        .bind(community.to_string())
        .bind(key.to_owned())
        .fetch_one(tx.conn())
        .await
        .context("looking for a payment of an invoice")?;
    Ok(count > 0)
}

/// The payments for an invoice, oldest first.
pub(crate) async fn payments(db: &Db, invoice: InvoiceId) -> Result<Vec<InvoicePayment>> {
    let sql = "select key, booked_on, amount, at from invoice_payment where invoice = $1 \
               order by number";
    let rows = query(sql)
        .bind(invoice.to_string())
        .fetch_all(db.read())
        .await
        .context("reading payments of an invoice")?;
    let payment = |row: &AnyRow| {
        Ok(InvoicePayment {
            invoice,
            key: row.try_get(0)?,
            booked_on: row.try_get(1)?,
            amount: Money::from_n(row.try_get(2)?),
            at: Timestamp::from_seconds(row.try_get(3)?),
        })
    };
    rows.iter().map(payment).collect()
}

/// Payments that are not in the journal though their invoice is, oldest first.
pub(crate) async fn unposted(db: &Db) -> Result<Vec<Unposted>> {
    let sql = "select p.number, i.number, p.amount, p.at, p.key from invoice_payment p \
               join invoice i on i.id = p.invoice where p.posted = 0 and i.posted = 1 \
               order by p.number limit $1";
    let rows = query(sql)
        .bind(UNPOSTED_MAX)
        .fetch_all(db.read())
        .await
        .context("reading payments to post")?;
    let unposted = |row: &AnyRow| {
        let key: String = row.try_get(4)?;
        Ok(Unposted {
            row: row.try_get(0)?,
            number: row.try_get(1)?,
            by_wallet: key.starts_with(BY_WALLET),
            amount: Money::from_n(row.try_get(2)?),
            at: Timestamp::from_seconds(row.try_get(3)?),
        })
    };
    rows.iter().map(unposted).collect()
}

/// Notes that payments are in the journal.
pub(crate) async fn set_posted(tx: &mut Tx, rows: &[i64]) -> Result<()> {
    for row in rows {
        query("update invoice_payment set posted = 1 where number = $1")
            .bind(*row)
            .execute(tx.conn())
            .await
            .context("noting a posted payment")?;
    }
    Ok(())
}

/// The last day in time, as a row has it; of an invoice from before that was kept, it follows from
/// its issue.
pub(super) fn due_day(kept: i64, issued_at: i64) -> Result<LocalDay> {
    let day = |day: i64| Ok::<_, anyhow::Error>(LocalDay::from_number(u32::try_from(day)?));
    match kept {
        0 => Ok(day(issued_at.div_euclid(SECONDS_PER_DAY))?.later(PAYMENT_DAYS)),
        kept => day(kept),
    }
}

fn parse(row: &AnyRow) -> Result<Owing> {
    let text = |place: usize| row.try_get::<String, _>(place);
    let due_on = due_day(row.try_get(5)?, row.try_get(6)?)?;
    Ok(Owing {
        invoice: text(0)?.parse()?,
        number: text(1)?,
        community: text(2)?.parse()?,
        account: text(3)?.parse()?,
        dues: Dues {
            due: Money::from_n(row.try_get(4)?),
            paid: Money::from_n(row.try_get(7)?),
            due_on,
        },
    })
}
