//! Accounts, connection points, meters and tariffs.

use alloy_primitives::Address;
use anyhow::{Context, Result};
use calendar::{TimeZone, Timestamp};
use db::{AnyRow, AssertSqlSafe, Cell, Db, Row, Tx, insert_rows, query, query_scalar};
use events::identity::{AccountOpened, ConnectionPointRegistered, Custody, MeterEnrolled};
use ids::{AccountId, CommunityId, ConnectionPointId, MeterId};
use tariff::Tariff;

use super::addresses::{custody_name, put_first};
use super::occupants;

/// An account at one of its addresses.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) account: AccountId,
    pub(crate) community: CommunityId,
    pub(crate) pseudonym: String,
    pub(crate) address: Address,
    pub(crate) custody: Custody,
}

/// Where an account is billed.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) point: ConnectionPointId,
    pub(crate) meter: MeterId,
}

/// A published tariff.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(crate) record_version: u32,
    pub(crate) tariff: Tariff,
}

pub(crate) async fn put_account(tx: &mut Tx, event: &AccountOpened) -> Result<()> {
    let custody = custody_name(event.custody);
    let row = vec![
        Cell::Text(event.account.to_string()),
        Cell::Text(event.community.to_string()),
        Cell::Text(event.pseudonym.clone()),
        Cell::Text(super::address(event.address)),
        Cell::from(custody),
    ];
    let insert = "insert into account (account, community, pseudonym, address, custody)";
    let update = "on conflict (account) do update set pseudonym = excluded.pseudonym, \
                  address = excluded.address, custody = excluded.custody";
    insert_rows(tx, insert, 5, vec![row], update).await?;
    put_first(tx, event.account, (event.address, event.custody)).await
}

pub(crate) async fn put_point(tx: &mut Tx, event: &ConnectionPointRegistered) -> Result<()> {
    let row = vec![
        Cell::Text(event.connection_point.to_string()),
        Cell::Text(event.account.to_string()),
        Cell::Text(event.community.to_string()),
        Cell::from(event.timezone.name()),
    ];
    let insert = "insert into point (point, account, community, timezone)";
    let update = "on conflict (point) do update set account = excluded.account, \
                  timezone = excluded.timezone";
    insert_rows(tx, insert, 4, vec![row], update).await?;
    occupants::put_registered(tx, event).await
}

pub(crate) async fn put_meter(tx: &mut Tx, event: &MeterEnrolled) -> Result<()> {
    let row =
        vec![Cell::Text(event.meter.to_string()), Cell::Text(event.connection_point.to_string())];
    let insert = "insert into meter (meter, point)";
    insert_rows(tx, insert, 2, vec![row], "on conflict (meter) do nothing").await?;
    Ok(())
}

/// Columns of an account at one of its addresses, as [`parse_account`] reads them.
const ACCOUNT: &str = "select account.account, account.community, account.pseudonym, s.address, \
    s.custody from account join settlement_address s on s.account = account.account";
/// Of its addresses the one at which a slot that starts at `$1` settles.
const IN_FORCE: &str = "s.from_slot = (select max(t.from_slot) from settlement_address t \
    where t.account = account.account and t.from_slot <= $1)";

/// The account, if there is one, with the address at which it settles a slot that starts at `at`.
pub(crate) async fn account(db: &Db, account: AccountId, at: Timestamp) -> Result<Option<Account>> {
    let sql = format!("{ACCOUNT} where {IN_FORCE} and account.account = $2");
    let row = query(AssertSqlSafe(sql))
        .bind(at.seconds())
        .bind(account.to_string())
        .fetch_optional(db.read())
        .await
        .context("reading an account")?;
    row.as_ref().map(parse_account).transpose()
}

/// Every account, in order of its id, with its address at `at`.
pub(crate) async fn accounts(db: &Db, at: Timestamp) -> Result<Vec<Account>> {
    let sql = format!("{ACCOUNT} where {IN_FORCE} order by account.account");
    let rows = query(AssertSqlSafe(sql))
        .bind(at.seconds())
        .fetch_all(db.read())
        .await
        .context("reading accounts")?;
    rows.iter().map(parse_account).collect()
}

fn parse_account(row: &AnyRow) -> Result<Account> {
    let text = |place: usize| row.try_get::<String, _>(place);
    Ok(Account {
        account: text(0)?.parse()?,
        community: text(1)?.parse()?,
        pseudonym: text(2)?,
        address: text(3)?.parse()?,
        custody: if text(4)? == "own" { Custody::Own } else { Custody::Held },
    })
}

/// Every community that has an account.
pub(crate) async fn communities(db: &Db) -> Result<Vec<CommunityId>> {
    let rows = query("select distinct community from account order by community")
        .fetch_all(db.read())
        .await
        .context("reading communities")?;
    rows.iter().map(|row| Ok(row.try_get::<String, _>(0)?.parse()?)).collect()
}

/// The account that has, had or will have an address, at that address.
pub(crate) async fn account_at(db: &Db, address: Address) -> Result<Option<Account>> {
    let row = query(AssertSqlSafe(format!("{ACCOUNT} where s.address = $1")))
        .bind(super::address(address))
        .fetch_optional(db.read())
        .await
        .context("looking for an address")?;
    row.as_ref().map(parse_account).transpose()
}

/// Whose a connection point of a community is.
pub(crate) async fn owner_of(
    db: &Db,
    community: CommunityId,
    point: ConnectionPointId,
) -> Result<Option<AccountId>> {
    let account: Option<String> =
        query_scalar("select account from point where community = $1 and point = $2")
            .bind(community.to_string())
            .bind(point.to_string())
            .fetch_optional(db.read())
            .await
            .context("reading a connection point")?;
    account.map(|account| Ok(account.parse()?)).transpose()
}

/// The connection points of an account.
pub(crate) async fn points_of(db: &Db, account: AccountId) -> Result<Vec<ConnectionPointId>> {
    let rows = query("select point from point where account = $1 order by point")
        .bind(account.to_string())
        .fetch_all(db.read())
        .await
        .context("reading an account's connection points")?;
    rows.iter().map(|row| Ok(row.try_get::<String, _>(0)?.parse()?)).collect()
}

/// The meters that measure or measured at a connection point.
pub(crate) async fn meters_at(db: &Db, point: ConnectionPointId) -> Result<Vec<MeterId>> {
    let rows = query("select meter from meter where point = $1 order by meter")
        .bind(point.to_string())
        .fetch_all(db.read())
        .await
        .context("reading a connection point's meters")?;
    rows.iter().map(|row| Ok(row.try_get::<String, _>(0)?.parse()?)).collect()
}

/// Whose local days count in a community; none before its first connection point.
pub(crate) async fn timezone(db: &Db, community: CommunityId) -> Result<Option<TimeZone>> {
    let name: Option<String> =
        query_scalar("select timezone from point where community = $1 order by point limit 1")
            .bind(community.to_string())
            .fetch_optional(db.read())
            .await
            .context("reading a time zone")?;
    name.map(|name| name.parse().context("a time zone")).transpose()
}

/// Keeps a version of a tariff; its number on chain is the answer.
pub(crate) async fn put_tariff(
    tx: &mut Tx,
    community: CommunityId,
    tariff: &Tariff,
    valid_from: Timestamp,
) -> Result<u32> {
    let head = tariff.head();
    let next: i64 = query_scalar(
        "select coalesce(max(record_version), 0) + 1 from tariff where community = $1 and id = $2",
    )
    .bind(community.to_string())
    .bind(head.id.clone())
    .fetch_one(tx.conn())
    .await?;
    let row = vec![
        Cell::Text(community.to_string()),
        Cell::Text(head.id.clone()),
        Cell::Int(next),
        Cell::Int(valid_from.seconds()),
        Cell::Text(super::hash(tariff.hash())),
        Cell::Text(tariff.canonical_json()),
    ];
    let insert = "insert into tariff (community, id, record_version, valid_from, hash, document)";
    insert_rows(tx, insert, 6, vec![row], "").await?;
    Ok(u32::try_from(next)?)
}

/// A community's published tariffs, newest first.
pub(crate) async fn tariffs(db: &Db, community: CommunityId) -> Result<Vec<Published>> {
    let rows = query(
        "select record_version, document from tariff where community = $1 \
         order by valid_from desc, record_version desc, id",
    )
    .bind(community.to_string())
    .fetch_all(db.read())
    .await
    .context("reading tariffs")?;
    let published = |row: &AnyRow| {
        let (version, document): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
        let tariff = Tariff::from_json(&document).context("a kept tariff")?;
        Ok(Published { record_version: u32::try_from(version)?, tariff })
    };
    rows.iter().map(published).collect()
}
