//! At which address an account settles, slot by slot: the links between accounts and addresses.
//!
//! A row can be erased once its period is over: invoices name their address themselves, and what
//! proves them is the chain's.

use alloy_primitives::Address;
use anyhow::{Context, Result};
use calendar::Timestamp;
use db::{AnyRow, Cell, Db, Row, Tx, insert_rows, query, query_scalar};
use events::billing::CashLeftBehind;
use events::identity::{AddressAssigned, Custody};
use ids::{AccountId, RequestId};

use crate::currencies::CurrencyId;

/// The addresses that accounts have had, and what was asked to be moved from one to the next; the
/// transaction of such a transfer is that of the request with its id. `account.address` is older
/// than these rows; it is the first of an account, and read by nobody.
pub(crate) const SCHEMA: &str = "
create table settlement_address (
    address text primary key, account text not null, from_slot bigint not null,
    custody text not null, unique (account, from_slot)
);
insert into settlement_address (address, account, from_slot, custody)
    select address, account, 0, custody from account;
create table sweep (
    id text primary key, address text not null, book bigint not null, nonce text not null,
    amount bigint not null, expiry bigint not null, at bigint not null
);
create index sweep_address on sweep (address, book);
";

/// An address of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) address: Address,
    /// Start of the first slot that settles at it; the epoch for the first address.
    pub(crate) from: Timestamp,
    /// Start of the first that does not any more.
    pub(crate) until: Option<Timestamp>,
}

pub(crate) fn custody_name(custody: Custody) -> &'static str {
    match custody {
        Custody::Own => "own",
        Custody::Held => "held",
    }
}

/// Keeps the address that an account is opened with.
pub(crate) async fn put_first(
    tx: &mut Tx,
    account: AccountId,
    (address, custody): (Address, Custody),
) -> Result<()> {
    put(tx, account, (address, custody), 0).await
}

/// Keeps the address that an account settles at from a slot on.
pub(crate) async fn put_next(tx: &mut Tx, event: &AddressAssigned) -> Result<()> {
    put(tx, event.account, (event.address, event.custody), event.from.seconds()).await
}

async fn put(
    tx: &mut Tx,
    account: AccountId,
    (address, custody): (Address, Custody),
    from: i64,
) -> Result<()> {
    let row = vec![
        Cell::Text(super::address(address)),
        Cell::Text(account.to_string()),
        Cell::Int(from),
        Cell::from(custody_name(custody)),
    ];
    let insert = "insert into settlement_address (address, account, from_slot, custody)";
    let update = "on conflict (account, from_slot) do update set address = excluded.address, \
                  custody = excluded.custody";
    insert_rows(tx, insert, 4, vec![row], update).await.context("keeping an address")?;
    Ok(())
}

/// The addresses of an account, oldest first.
pub(crate) async fn of_account(db: &Db, account: AccountId) -> Result<Vec<Span>> {
    let rows = query(
        "select address, from_slot from settlement_address where account = $1 order by from_slot",
    )
    .bind(account.to_string())
    .fetch_all(db.read())
    .await
    .context("reading an account's addresses")?;
    let mut spans: Vec<Span> = Vec::with_capacity(rows.len());
    for row in &rows {
        let from = Timestamp::from_seconds(row.try_get(1)?);
        if let Some(last) = spans.last_mut() {
            last.until = Some(from);
        }
        let address: Address = row.try_get::<String, _>(0)?.parse()?;
        spans.push(Span { address, from, until: None });
    }
    Ok(spans)
}

/// Whether the time of an address is over at `now`: its account settles at a later one.
pub(crate) async fn is_over(db: &Db, address: Address, now: Timestamp) -> Result<bool> {
    let later: i64 = query_scalar(
        "select count(*) from settlement_address s join settlement_address t \
         on t.account = s.account and t.from_slot > s.from_slot \
         where s.address = $1 and t.from_slot <= $2",
    )
    .bind(super::address(address))
    .bind(now.seconds())
    .fetch_one(db.read())
    .await
    .context("reading an address's time")?;
    Ok(later > 0)
}

/// Addresses whose keys are held and whose last slot ended by `by`, with whose they are; at most
/// `limit` after `after`, in order.
pub(crate) async fn over(
    db: &Db,
    by: Timestamp,
    (after, limit): (&str, i64),
) -> Result<Vec<(AccountId, Address)>> {
    let rows = query(
        "select s.account, s.address from settlement_address s where s.custody = 'held' \
         and exists (select 1 from settlement_address t where t.account = s.account \
         and t.from_slot > s.from_slot and t.from_slot <= $1) and s.address > $2 \
         order by s.address limit $3",
    )
    .bind(by.seconds())
    .bind(after.to_owned())
    .bind(limit)
    .fetch_all(db.read())
    .await
    .context("reading addresses that are over")?;
    let over = |row: &AnyRow| {
        let account: AccountId = row.try_get::<String, _>(0)?.parse()?;
        let address: Address = row.try_get::<String, _>(1)?.parse()?;
        Ok((account, address))
    };
    rows.iter().map(over).collect()
}

/// What is to be moved from an address to its account's next one.
pub(crate) struct Sweep {
    pub(crate) id: RequestId,
    pub(crate) currency: CurrencyId,
    pub(crate) cash: CashLeftBehind,
}

/// Keeps what was asked for.
pub(crate) async fn put_sweep(tx: &mut Tx, sweep: &Sweep, at: Timestamp) -> Result<()> {
    let Sweep { id, currency, cash } = sweep;
    let row = vec![
        Cell::Text(id.to_string()),
        Cell::Text(super::address(cash.from)),
        Cell::Int(currency.column()),
        Cell::Text(super::hash(cash.nonce)),
        Cell::Int(cash.amount.n()),
        Cell::Int(cash.expiry.seconds()),
        Cell::Int(at.seconds()),
    ];
    let insert = "insert into sweep (id, address, book, nonce, amount, expiry, at)";
    insert_rows(tx, insert, 7, vec![row], "").await.context("keeping a sweep")?;
    Ok(())
}

/// Whether money of an address is on its way to the next one: asked for, not over, and in no block
/// that is final.
pub(crate) async fn is_swept(
    tx: &mut Tx,
    address: Address,
    currency: CurrencyId,
    now: Timestamp,
) -> Result<bool> {
    let open: i64 = query_scalar(
        "select count(*) from sweep where address = $1 and book = $2 and expiry > $3 \
         and not exists (select 1 from chain_tx where chain_tx.cause = 'request/' || sweep.id \
         and chain_tx.status >= 10)",
    )
    .bind(super::address(address))
    .bind(currency.column())
    .bind(now.seconds())
    .fetch_one(tx.conn())
    .await
    .context("looking for a sweep")?;
    Ok(open > 0)
}

/// Whether a transfer was asked for here.
pub(crate) async fn is_sweep(db: &Db, id: RequestId) -> Result<bool> {
    let known: i64 = query_scalar("select count(*) from sweep where id = $1")
        .bind(id.to_string())
        .fetch_one(db.read())
        .await
        .context("looking for a sweep")?;
    Ok(known > 0)
}
