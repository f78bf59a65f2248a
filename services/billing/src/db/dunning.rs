//! Reminders, what they added to what is owed, the ladders that say when, and who buys nothing from
//! neighbours for it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use calendar::Timestamp;
use db::{AnyRow, Cell, Db, Row, Tx, insert_rows, query, query_scalar};
use ids::{AccountId, CommunityId, InvoiceId};
use units::Money;

use super::dues;
use super::rulings::Rulings;
use crate::domain::ladder::{Ladder, StepAction};

/// Fees that one tick posts, at most.
const UNPOSTED_MAX: i64 = 500;
/// Reasons for which an account buys nothing are told in one word with this between them.
const BETWEEN: char = ',';

/// What reminders do. `fees` of an invoice is the sum of those that are not waived. A fee that is
/// waived has a second row, below zero. `trading_hold` keeps the number of its last change also
/// when it is lifted; `reasons` is empty then.
pub(crate) const SCHEMA: &str = "
alter table invoice add column fees bigint not null default 0;
alter table reminder add column action text not null default 'remind';
create index reminder_action on reminder (action, invoice);
create table reminder_fee (
    number {serial}, invoice text not null, step bigint not null, amount bigint not null,
    at bigint not null, posted bigint not null default 0
);
create index reminder_fee_invoice on reminder_fee (invoice, number);
create index reminder_fee_posted on reminder_fee (posted, number);
create table trading_hold (
    account text primary key, community text not null, number bigint not null,
    reasons text not null, at bigint not null
);
";

/// A step that an invoice has taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reminder {
    /// From one on.
    pub(crate) step: u32,
    pub(crate) action: StepAction,
    /// What was left to be paid before the step.
    pub(crate) left: Money,
    pub(crate) at: Timestamp,
}

/// What a step added to what is owed; below zero it was taken back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fee {
    pub(crate) step: u32,
    pub(crate) amount: Money,
    pub(crate) at: Timestamp,
}

/// A fee that the journal does not have yet.
#[derive(Debug, Clone)]
pub(crate) struct UnpostedFee {
    pub(crate) row: i64,
    /// The invoice's.
    pub(crate) number: String,
    pub(crate) amount: Money,
    pub(crate) at: Timestamp,
}

/// Whether an invoice still leaves something to be paid and nobody disputes it: a payment or a
/// dispute may have come since it was looked at.
pub(crate) async fn is_open(tx: &mut Tx, invoice: InvoiceId) -> Result<bool> {
    let sql = "select count(*) from invoice where id = $1 and settled = 0 and not exists \
               (select 1 from dispute d where d.invoice = invoice.id and d.state = 'open')";
    let open: i64 = query_scalar(sql)
        .bind(invoice.to_string())
        .fetch_one(tx.conn())
        .await
        .context("looking whether an invoice is open")?;
    Ok(open > 0)
}

/// Keeps that an invoice has taken a step; whether it had not before.
pub(crate) async fn remind(tx: &mut Tx, invoice: InvoiceId, reminder: Reminder) -> Result<bool> {
    let row = vec![
        Cell::Text(invoice.to_string()),
        Cell::Int(i64::from(reminder.step)),
        Cell::Int(reminder.left.n()),
        Cell::Int(reminder.at.seconds()),
        Cell::from(reminder.action.name()),
    ];
    let insert = "insert into reminder (invoice, step, left_n, at, action)";
    Ok(insert_rows(tx, insert, 5, vec![row], "on conflict do nothing").await? > 0)
}

/// What steps an invoice has taken, oldest first.
pub(crate) async fn reminders(db: &Db, invoice: InvoiceId) -> Result<Vec<Reminder>> {
    let sql = "select step, left_n, at, action from reminder where invoice = $1 order by step";
    let rows = query(sql)
        .bind(invoice.to_string())
        .fetch_all(db.read())
        .await
        .context("reading reminders")?;
    let reminder = |row: &AnyRow| {
        let (step, action): (i64, String) = (row.try_get(0)?, row.try_get(3)?);
        Ok(Reminder {
            step: u32::try_from(step)?,
            action: StepAction::named(&action).context("a kept step")?,
            left: Money::from_n(row.try_get(1)?),
            at: Timestamp::from_seconds(row.try_get(2)?),
        })
    };
    rows.iter().map(reminder).collect()
}

/// Adds a fee to what an invoice leaves.
pub(crate) async fn charge(tx: &mut Tx, invoice: InvoiceId, fee: Fee) -> Result<()> {
    let row = vec![
        Cell::Text(invoice.to_string()),
        Cell::Int(i64::from(fee.step)),
        Cell::Int(fee.amount.n()),
        Cell::Int(fee.at.seconds()),
    ];
    let insert = "insert into reminder_fee (invoice, step, amount, at)";
    insert_rows(tx, insert, 4, vec![row], "").await.context("keeping a fee")?;
    query("update invoice set fees = fees + $1 where id = $2")
        .bind(fee.amount.n())
        .bind(invoice.to_string())
        .execute(tx.conn())
        .await
        .context("adding a fee")?;
    dues::settle(tx, invoice).await
}

/// Takes back all fees of an invoice that stand.
pub(crate) async fn waive(tx: &mut Tx, invoice: InvoiceId, at: Timestamp) -> Result<()> {
    let sql = "select step, cast(sum(amount) as bigint) from reminder_fee where invoice = $1 \
               group by step having sum(amount) > 0 order by step";
    let rows =
        query(sql).bind(invoice.to_string()).fetch_all(tx.conn()).await.context("reading fees")?;
    for row in rows {
        let (step, amount): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        let amount = Money::from_n(amount).negated()?;
        charge(tx, invoice, Fee { step: u32::try_from(step)?, amount, at }).await?;
    }
    Ok(())
}

/// What reminders of an invoice added, and what was taken back of that, oldest first.
pub(crate) async fn fees(db: &Db, invoice: InvoiceId) -> Result<Vec<Fee>> {
    let sql = "select step, amount, at from reminder_fee where invoice = $1 order by number";
    let rows =
        query(sql).bind(invoice.to_string()).fetch_all(db.read()).await.context("reading fees")?;
    let fee = |row: &AnyRow| {
        let step: i64 = row.try_get(0)?;
        Ok(Fee {
            step: u32::try_from(step)?,
            amount: Money::from_n(row.try_get(1)?),
            at: Timestamp::from_seconds(row.try_get(2)?),
        })
    };
    rows.iter().map(fee).collect()
}

/// Fees that are not in the journal though their invoice is, oldest first.
pub(crate) async fn unposted(db: &Db) -> Result<Vec<UnpostedFee>> {
    let sql = "select f.number, i.number, f.amount, f.at from reminder_fee f \
               join invoice i on i.id = f.invoice where f.posted = 0 and i.posted = 1 \
               order by f.number limit $1";
    let rows =
        query(sql).bind(UNPOSTED_MAX).fetch_all(db.read()).await.context("reading fees to post")?;
    let unposted = |row: &AnyRow| {
        Ok(UnpostedFee {
            row: row.try_get(0)?,
            number: row.try_get(1)?,
            amount: Money::from_n(row.try_get(2)?),
            at: Timestamp::from_seconds(row.try_get(3)?),
        })
    };
    rows.iter().map(unposted).collect()
}

/// Notes that fees are in the journal.
pub(crate) async fn set_posted(tx: &mut Tx, rows: &[i64]) -> Result<()> {
    for row in rows {
        query("update reminder_fee set posted = 1 where number = $1")
            .bind(*row)
            .execute(tx.conn())
            .await
            .context("noting a posted fee")?;
    }
    Ok(())
}

/// The ladders that were set.
pub(crate) const LADDERS: Rulings<Ladder> = Rulings::of("ladder");

/// An invoice whose claim was handed over, and is not paid.
#[derive(Debug, Clone)]
pub(crate) struct HandedOver {
    pub(crate) invoice: InvoiceId,
    pub(crate) at: Timestamp,
    /// What reminders added that stands.
    pub(crate) fees: Money,
}

/// Claims of a community that were handed over and are not paid, oldest first, after the last of a
/// page before.
pub(crate) async fn handed_over(
    db: &Db,
    community: CommunityId,
    (after_at, after): (i64, &str),
    limit: u32,
) -> Result<Vec<HandedOver>> {
    let sql = "select r.invoice, r.at, i.fees from reminder r join invoice i on i.id = r.invoice \
               where r.action = 'hand_over' and i.community = $1 and i.settled = 0 \
               and (r.at > $2 or (r.at = $2 and r.invoice > $3)) order by r.at, r.invoice limit $4";
    let rows = query(sql)
        .bind(community.to_string())
        .bind(after_at)
        .bind(after.to_owned())
        .bind(i64::from(limit))
        .fetch_all(db.read())
        .await
        .context("reading what was handed over")?;
    let handed = |row: &AnyRow| {
        let invoice: String = row.try_get(0)?;
        Ok(HandedOver {
            invoice: invoice.parse()?,
            at: Timestamp::from_seconds(row.try_get(1)?),
            fees: Money::from_n(row.try_get(2)?),
        })
    };
    rows.iter().map(handed).collect()
}

/// Accounts with an invoice that is not paid, not disputed, and has taken the step that stops them
/// from buying.
pub(crate) async fn stopped(db: &Db) -> Result<Vec<(AccountId, CommunityId)>> {
    let sql = "select distinct i.account, i.community from reminder r \
               join invoice i on i.id = r.invoice \
               where r.action = 'suspend_trading' and i.settled = 0 and not exists \
               (select 1 from dispute d where d.invoice = i.id and d.state = 'open')";
    let rows = query(sql).fetch_all(db.read()).await.context("reading who trades no more")?;
    let of = |row: &AnyRow| {
        let (account, community): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        Ok((account.parse()?, community.parse()?))
    };
    rows.iter().map(of).collect()
}

/// Why an account buys nothing from neighbours; no reason where it may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(crate) community: CommunityId,
    /// Rises with each change.
    pub(crate) number: u64,
    /// In alphabetical order.
    pub(crate) reasons: Vec<String>,
}

/// All accounts that buy nothing, or did once.
pub(crate) async fn holds(db: &Db) -> Result<BTreeMap<AccountId, Hold>> {
    let sql = "select account, community, number, reasons from trading_hold";
    let rows = query(sql).fetch_all(db.read()).await.context("reading who buys nothing")?;
    let hold = |row: &AnyRow| {
        let text = |place: usize| row.try_get::<String, _>(place);
        let (number, reasons): (i64, String) = (row.try_get(2)?, text(3)?);
        let reasons = reasons.split(BETWEEN).filter(|one| !one.is_empty());
        Ok((
            text(0)?.parse()?,
            Hold {
                community: text(1)?.parse()?,
                number: u64::try_from(number)?,
                reasons: reasons.map(str::to_owned).collect(),
            },
        ))
    };
    rows.iter().map(hold).collect()
}

/// Keeps why an account buys nothing from now on, or that it may again.
pub(crate) async fn put_hold(
    tx: &mut Tx,
    account: AccountId,
    hold: &Hold,
    at: Timestamp,
) -> Result<()> {
    let row = vec![
        Cell::Text(account.to_string()),
        Cell::Text(hold.community.to_string()),
        Cell::Int(super::int(hold.number)?),
        Cell::Text(hold.reasons.join(&BETWEEN.to_string())),
        Cell::Int(at.seconds()),
    ];
    let insert = "insert into trading_hold (account, community, number, reasons, at)";
    let update = "on conflict (account) do update set number = excluded.number, \
                  reasons = excluded.reasons, at = excluded.at";
    insert_rows(tx, insert, 5, vec![row], update).await.context("keeping who buys nothing")?;
    Ok(())
}
