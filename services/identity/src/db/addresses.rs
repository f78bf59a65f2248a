//! At which address an account settles, slot by slot.
//!
//! A row is the link between an account and an address, and holds its wrapped key where it is held
//! here. `account.address` is the newest of them and is read by nobody: the column is older than
//! these rows and cannot be dropped.

use anyhow::Result;
use calendar::{TimeZone, Timestamp};
use db::{AnyConnection, AnyRow, Row, Tx, query, query_scalar};
use events::identity::Custody;
use ids::{AccountId, CommunityId, MeterId};
use keys::Address;

use super::{moment, parsed};
use crate::domain::addresses::AccountAddress;

/// The most addresses of an account that are told; a hundred years of months.
const ADDRESSES_MAX: i64 = 1200;

/// An address that an account gets.
pub(crate) struct NewSpan {
    pub(crate) account: AccountId,
    pub(crate) address: Address,
    /// The epoch for the first.
    pub(crate) from: Timestamp,
    pub(crate) wrapped_key: Option<Vec<u8>>,
}

/// Gives an account an address; `false` when somebody has it, or another is valid from then on.
pub(crate) async fn assign(tx: &mut Tx, new: &NewSpan) -> Result<bool> {
    let done = query(
        "insert into settlement_address (address, account, from_slot, wrapped_key) \
         values ($1, $2, $3, $4) on conflict do nothing",
    )
    .bind(new.address.to_string())
    .bind(new.account.to_string())
    .bind(new.from.seconds())
    .bind(new.wrapped_key.clone())
    .execute(tx.conn())
    .await?;
    if done.rows_affected() != 1 {
        return Ok(false);
    }
    query("update account set address = $1 where id = $2")
        .bind(new.address.to_string())
        .bind(new.account.to_string())
        .execute(tx.conn())
        .await?;
    Ok(true)
}

/// The addresses of an account, oldest first.
pub(crate) async fn of_account(
    conn: &mut AnyConnection,
    account: AccountId,
) -> Result<Vec<AccountAddress>> {
    let rows = query(
        "select address, from_slot, \
         cast(case when wrapped_key is null then 0 else 1 end as bigint) \
         from settlement_address where account = $1 order by from_slot limit $2",
    )
    .bind(account.to_string())
    .bind(ADDRESSES_MAX)
    .fetch_all(conn)
    .await?;
    let mut addresses: Vec<AccountAddress> = rows.iter().map(read).collect::<Result<_>>()?;
    for place in 1..addresses.len() {
        addresses[place - 1].until = addresses[place].from;
    }
    Ok(addresses)
}

fn read(row: &AnyRow) -> Result<AccountAddress> {
    let from = moment(row, 1)?;
    let held = row.try_get::<i64, _>(2)? == 1;
    Ok(AccountAddress {
        address: parsed(row, 0)?,
        from: (from.seconds() > 0).then_some(from),
        until: None,
        custody: if held { Custody::Held } else { Custody::Own },
    })
}

/// The address that an account settles at from a moment after `now` on, with its wrapped key where
/// that is held here.
pub(crate) async fn waiting(
    conn: &mut AnyConnection,
    account: AccountId,
    now: Timestamp,
) -> Result<Option<NewSpan>> {
    let row = query(
        "select address, from_slot, wrapped_key from settlement_address \
         where account = $1 and from_slot > $2 order by from_slot limit 1",
    )
    .bind(account.to_string())
    .bind(now.seconds())
    .fetch_optional(conn)
    .await?;
    let span = |row: &AnyRow| {
        let (address, from) = (parsed(row, 0)?, moment(row, 1)?);
        Ok(NewSpan { account, address, from, wrapped_key: row.try_get(2)? })
    };
    row.as_ref().map(span).transpose()
}

/// Whose local days count for an account: those of its first connection point.
pub(crate) async fn timezone(
    conn: &mut AnyConnection,
    account: AccountId,
) -> Result<Option<TimeZone>> {
    let row =
        query("select timezone from connection_point where account = $1 order by place limit 1")
            .bind(account.to_string())
            .fetch_optional(conn)
            .await?;
    row.as_ref().map(|row| parsed(row, 0)).transpose()
}

/// Accounts with a connection point whose newest address is held here and in force at `now`, each
/// with whose local days count; at most `limit` after `after`, by their id.
pub(crate) async fn in_force(
    conn: &mut AnyConnection,
    community: CommunityId,
    now: Timestamp,
    (after, limit): (&str, i64),
) -> Result<Vec<(AccountId, TimeZone)>> {
    let rows = query(
        "select a.id, (select p.timezone from connection_point p where p.account = a.id \
         order by p.place limit 1) from account a \
         join settlement_address s on s.account = a.id \
         where a.community = $1 and a.id > $2 and s.wrapped_key is not null \
         and s.from_slot <= $3 and not exists (select 1 from settlement_address l \
         where l.account = a.id and l.from_slot > s.from_slot) \
         and exists (select 1 from connection_point p where p.account = a.id) \
         order by a.id limit $4",
    )
    .bind(community.to_string())
    .bind(after.to_owned())
    .bind(now.seconds())
    .bind(limit)
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| Ok((parsed(row, 0)?, parsed(row, 1)?))).collect()
}

/// Notes that a meter goes to its account's next address at `at`.
pub(crate) async fn put_handover(tx: &mut Tx, meter: MeterId, at: Timestamp) -> Result<()> {
    query("insert into meter_handover (meter, at) values ($1, $2) on conflict do nothing")
        .bind(meter.to_string())
        .bind(at.seconds())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Whether a meter goes to another address after `since`.
pub(crate) async fn is_handed_over(
    conn: &mut AnyConnection,
    meter: MeterId,
    since: Timestamp,
) -> Result<bool> {
    let count: i64 =
        query_scalar("select count(*) from meter_handover where meter = $1 and at > $2")
            .bind(meter.to_string())
            .bind(since.seconds())
            .fetch_one(conn)
            .await?;
    Ok(count > 0)
}
