//! Accounts that pay before they use: who agreed, how they stand, how it is done, and whose supply
//! staff want suspended.

use anyhow::{Context, Result};
use calendar::Timestamp;
use db::{AnyRow, AssertSqlSafe, Cell, Db, Row, Tx, insert_rows, query};
use ids::{AccountId, CommunityId};
use units::Money;

use super::decisions::Requests;
use super::rulings::Rulings;
use crate::domain::prepaid::{Notice, Settings, Standing, State};

/// Who pays before it uses. An account that ended it goes; `stops` is whether it buys nothing from
/// neighbours. An account has one suspension that is asked for or agreed to: `void` is one that
/// was not needed any more.
pub(crate) const SCHEMA: &str = "
create table prepaid_setting (
    number {serial}, community text not null, said text not null, set_by text not null,
    at bigint not null
);
create index prepaid_setting_community on prepaid_setting (community, number);
create table prepaid_account (
    account text primary key, community text not null, agreed_at bigint not null,
    protected bigint not null default 0, state text not null, since bigint not null,
    balance bigint not null default 0, use_per_day bigint not null default 0,
    stops bigint not null default 0, looked_at bigint not null default 0
);
create index prepaid_account_community on prepaid_account (community, account);
create table prepaid_suspension (
    number {serial}, id text not null unique, community text not null, account text not null,
    reason text not null, asked_by text not null, at bigint not null, starts bigint not null,
    state text not null, decided_by text not null default '',
    decided_at bigint not null default 0
);
create index prepaid_suspension_community on prepaid_suspension (community, number);
create unique index prepaid_suspension_stands on prepaid_suspension (account)
    where state in ('open', 'approved');
";

/// An account that pays before it uses, as it was looked at last.
#[derive(Debug, Clone)]
pub(crate) struct Prepaid {
    pub(crate) account: AccountId,
    pub(crate) community: CommunityId,
    pub(crate) agreed_at: Timestamp,
    /// Its supply is never suspended.
    pub(crate) protected: bool,
    pub(crate) state: State,
    /// Since when it is in that state.
    pub(crate) since: Timestamp,
    pub(crate) standing: Standing,
    /// Whether it buys nothing from neighbours.
    pub(crate) stops: bool,
    pub(crate) looked_at: Timestamp,
}

const COLUMNS: &str = "account, community, agreed_at, protected, state, since, balance, \
     use_per_day, stops, looked_at from prepaid_account";

/// Keeps that an account pays before it uses, in the first state; whether it did not before.
pub(crate) async fn agree(tx: &mut Tx, of: &Prepaid) -> Result<bool> {
    let row = vec![
        Cell::Text(of.account.to_string()),
        Cell::Text(of.community.to_string()),
        Cell::Int(of.agreed_at.seconds()),
        Cell::from(of.state.name()),
        Cell::Int(of.since.seconds()),
    ];
    let insert = "insert into prepaid_account (account, community, agreed_at, state, since)";
    let kept = insert_rows(tx, insert, 5, vec![row], "on conflict do nothing").await;
    Ok(kept.context("keeping a prepaid account")? > 0)
}

/// Keeps that an account does not pay before it uses any more, and needs no suspension.
pub(crate) async fn end(tx: &mut Tx, account: AccountId, at: Timestamp) -> Result<()> {
    query("delete from prepaid_account where account = $1")
        .bind(account.to_string())
        .execute(tx.conn())
        .await
        .context("ending a prepaid account")?;
    void(tx, account, at).await?;
    Ok(())
}

/// Keeps whether an account's supply is never suspended; whether it is a prepaid one.
pub(crate) async fn protect(tx: &mut Tx, account: AccountId, protected: bool) -> Result<bool> {
    let done = query("update prepaid_account set protected = $1 where account = $2")
        .bind(i64::from(protected))
        .bind(account.to_string())
        .execute(tx.conn())
        .await
        .context("protecting an account")?;
    Ok(done.rows_affected() > 0)
}

/// Keeps how an account stands; whether it still pays before it uses.
pub(crate) async fn put_standing(tx: &mut Tx, of: &Prepaid) -> Result<bool> {
    let sql = "update prepaid_account set state = $1, since = $2, balance = $3, use_per_day = $4, \
               stops = $5, looked_at = $6 where account = $7";
    let done = query(sql)
        .bind(of.state.name())
        .bind(of.since.seconds())
        .bind(of.standing.balance.n())
        .bind(of.standing.use_per_day.n())
        .bind(i64::from(of.stops))
        .bind(of.looked_at.seconds())
        .bind(of.account.to_string())
        .execute(tx.conn())
        .await
        .context("keeping how an account stands")?;
    Ok(done.rows_affected() > 0)
}

/// A prepaid account.
pub(crate) async fn find(db: &Db, account: AccountId) -> Result<Option<Prepaid>> {
    let row = query(AssertSqlSafe(format!("select {COLUMNS} where account = $1")))
        .bind(account.to_string())
        .fetch_optional(db.read())
        .await
        .context("reading a prepaid account")?;
    row.as_ref().map(parse).transpose()
}

/// The prepaid accounts of a community by their id, after one.
pub(crate) async fn list(
    db: &Db,
    community: CommunityId,
    after: &str,
    limit: u32,
) -> Result<Vec<Prepaid>> {
    let sql =
        format!("select {COLUMNS} where community = $1 and account > $2 order by account limit $3");
    let rows = query(AssertSqlSafe(sql))
        .bind(community.to_string())
        .bind(after.to_owned())
        .bind(i64::from(limit))
        .fetch_all(db.read())
        .await
        .context("reading prepaid accounts")?;
    rows.iter().map(parse).collect()
}

/// Prepaid accounts that buy nothing from neighbours.
pub(crate) async fn stopped(db: &Db) -> Result<Vec<(AccountId, CommunityId)>> {
    let rows = query("select account, community from prepaid_account where stops = 1")
        .fetch_all(db.read())
        .await
        .context("reading which prepaid accounts buy nothing")?;
    let of = |row: &AnyRow| {
        let (account, community): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        Ok((account.parse()?, community.parse()?))
    };
    rows.iter().map(of).collect()
}

fn parse(row: &AnyRow) -> Result<Prepaid> {
    let text = |place: usize| row.try_get::<String, _>(place);
    let int = |place: usize| row.try_get::<i64, _>(place);
    let moment = |place: usize| int(place).map(Timestamp::from_seconds);
    Ok(Prepaid {
        account: text(0)?.parse()?,
        community: text(1)?.parse()?,
        agreed_at: moment(2)?,
        protected: int(3)? != 0,
        state: State::named(&text(4)?).context("a kept state")?,
        since: moment(5)?,
        standing: Standing { balance: Money::from_n(int(6)?), use_per_day: Money::from_n(int(7)?) },
        stops: int(8)? != 0,
        looked_at: moment(9)?,
    })
}

/// What was owed of all invoices of an account that are not paid.
pub(crate) async fn owed(db: &Db, account: AccountId) -> Result<Money> {
    let sql = "select cast(coalesce(sum(i.due + i.corrected + i.fees), 0) as bigint), \
               cast(coalesce(sum((select coalesce(sum(p.amount), 0) from invoice_payment p \
               where p.invoice = i.id)), 0) as bigint) from invoice i where i.account = $1 \
               and i.settled = 0";
    let row = query(sql)
        .bind(account.to_string())
        .fetch_one(db.read())
        .await
        .context("summing what an account owes")?;
    let (due, paid): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    Ok(Money::from_n(due).minus(Money::from_n(paid))?)
}

/// The settings that were made.
pub(crate) const SETTINGS: Rulings<Settings> = Rulings::of("prepaid_setting");

/// A suspension that staff want.
#[derive(Debug, Clone)]
pub(crate) struct Suspension {
    pub(crate) number: i64,
    pub(crate) id: String,
    pub(crate) community: CommunityId,
    pub(crate) account: AccountId,
    pub(crate) reason: String,
    /// The party that asked.
    pub(crate) asked_by: String,
    /// When; the household was told then.
    pub(crate) at: Timestamp,
    /// From when on it can be.
    pub(crate) starts: Timestamp,
    /// `open`, `approved`, `refused` or `void`.
    pub(crate) state: String,
    /// The party that decided; empty before.
    pub(crate) decided_by: String,
    pub(crate) decided_at: Option<Timestamp>,
}

impl Suspension {
    /// As the state of an account follows from it; none where it does not stand.
    pub(crate) fn notice(&self) -> Option<Notice> {
        let agreed = self.state == "approved";
        let stands = agreed || self.state == "open";
        stands.then_some(Notice { from: self.starts, agreed })
    }
}

/// The suspensions as rows.
pub(crate) const SUSPENSIONS: Requests =
    Requests { table: "prepaid_suspension", columns: SUSPENSION };

const SUSPENSION: &str = "number, id, community, account, reason, asked_by, at, starts, state, \
     decided_by, decided_at";

/// Keeps a suspension that is asked for; whether the account had none that stands.
pub(crate) async fn ask(tx: &mut Tx, wanted: &Suspension) -> Result<bool> {
    let row = vec![
        Cell::Text(wanted.id.clone()),
        Cell::Text(wanted.community.to_string()),
        Cell::Text(wanted.account.to_string()),
        Cell::Text(wanted.reason.clone()),
        Cell::Text(wanted.asked_by.clone()),
        Cell::Int(wanted.at.seconds()),
        Cell::Int(wanted.starts.seconds()),
        Cell::Text(wanted.state.clone()),
    ];
    let insert = "insert into prepaid_suspension \
                  (id, community, account, reason, asked_by, at, starts, state)";
    let kept = insert_rows(tx, insert, 8, vec![row], "on conflict do nothing").await;
    Ok(kept.context("keeping a suspension")? > 0)
}

/// Takes back the suspension of an account that stands; whether it had one.
pub(crate) async fn void(tx: &mut Tx, account: AccountId, at: Timestamp) -> Result<bool> {
    let sql = "update prepaid_suspension set state = 'void', decided_at = $1 \
               where account = $2 and state in ('open', 'approved')";
    let done = query(sql)
        .bind(at.seconds())
        .bind(account.to_string())
        .execute(tx.conn())
        .await
        .context("taking a suspension back")?;
    Ok(done.rows_affected() > 0)
}

/// The suspension of an account that stands.
pub(crate) async fn suspension_of(db: &Db, account: AccountId) -> Result<Option<Suspension>> {
    let sql = format!(
        "select {SUSPENSION} from prepaid_suspension \
         where account = $1 and state in ('open', 'approved')"
    );
    let row = query(AssertSqlSafe(sql))
        .bind(account.to_string())
        .fetch_optional(db.read())
        .await
        .context("reading a suspension")?;
    row.as_ref().map(suspension).transpose()
}

/// A suspension by its id.
pub(crate) async fn find_suspension(db: &Db, id: &str) -> Result<Option<Suspension>> {
    SUSPENSIONS.find(db, id).await?.as_ref().map(suspension).transpose()
}

/// The suspensions of a community, newest first, before a place in the list.
pub(crate) async fn suspensions(
    db: &Db,
    community: CommunityId,
    place: (i64, u32),
) -> Result<Vec<Suspension>> {
    SUSPENSIONS.before(db, community, place).await?.iter().map(suspension).collect()
}

fn suspension(row: &AnyRow) -> Result<Suspension> {
    let text = |place: usize| row.try_get::<String, _>(place);
    let moment = |place: usize| row.try_get(place).map(Timestamp::from_seconds);
    let decided_at: i64 = row.try_get(10)?;
    Ok(Suspension {
        number: row.try_get(0)?,
        id: text(1)?,
        community: text(2)?.parse()?,
        account: text(3)?.parse()?,
        reason: text(4)?,
        asked_by: text(5)?,
        at: moment(6)?,
        starts: moment(7)?,
        state: text(8)?,
        decided_by: text(9)?,
        decided_at: Some(decided_at).filter(|at| *at > 0).map(Timestamp::from_seconds),
    })
}
