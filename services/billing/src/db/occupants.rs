//! Whose a connection point is, and from which slot on: who is billed for what its meter says.

use std::collections::HashMap;

use alloy_primitives::Address;
use anyhow::{Context, Result};
use calendar::Timestamp;
use db::{AnyRow, Cell, Db, Row, Tx, insert_rows, query, query_scalar};
use events::identity::{ConnectionPointHandedOver, ConnectionPointRegistered};
use ids::{AccountId, ConnectionPointId, MeterId};

use super::members::Place;

/// Accounts of connection points, one after the other; the empty one is nobody. `point.account` is
/// the one that a connection point was registered with last.
pub(crate) const SCHEMA: &str = "
create table occupant (
    point text not null, from_slot bigint not null, account text not null,
    primary key (point, from_slot)
);
create index occupant_account on occupant (account);
insert into occupant (point, from_slot, account) select point, 0, account from point;
";

/// The time in which a connection point is an account's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stay {
    pub(crate) point: ConnectionPointId,
    /// Start of its first slot; the epoch where nobody was there before.
    pub(crate) from: Timestamp,
    /// Start of the first slot that is not its any more.
    pub(crate) until: Option<Timestamp>,
}

impl Stay {
    /// Whether a slot that starts at `moment` is in it.
    pub(crate) fn holds(&self, moment: Timestamp) -> bool {
        self.from <= moment && self.until.is_none_or(|until| moment < until)
    }

    fn overlaps(&self, other: &Stay) -> bool {
        let begins_within = |one: &Stay, other: &Stay| other.holds(one.from);
        begins_within(self, other) || begins_within(other, self)
    }
}

/// A stay at a connection point that has a meter: what is billed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Occupancy {
    pub(crate) meter: MeterId,
    pub(crate) stay: Stay,
}

impl Occupancy {
    /// Where it is.
    pub(crate) fn place(&self) -> Place {
        Place { point: self.stay.point, meter: self.meter }
    }
}

const STAY: &str = "o.from_slot, (select min(n.from_slot) from occupant n \
    where n.point = o.point and n.from_slot > o.from_slot)";

/// Keeps whose a connection point is that is registered. One that is registered again for somebody
/// who never had it is that one's in place of the last.
pub(crate) async fn put_registered(tx: &mut Tx, event: &ConnectionPointRegistered) -> Result<()> {
    let (point, account) = (event.connection_point.to_string(), event.account.to_string());
    let had: i64 = query_scalar("select count(*) from occupant where point = $1 and account = $2")
        .bind(point.clone())
        .bind(account.clone())
        .fetch_one(tx.conn())
        .await?;
    if had > 0 {
        return Ok(());
    }
    let last: Option<i64> = query_scalar("select max(from_slot) from occupant where point = $1")
        .bind(point)
        .fetch_one(tx.conn())
        .await?;
    put(tx, event.connection_point, last.unwrap_or(0), account).await
}

/// Keeps whose a connection point is from a moment on.
pub(crate) async fn put_next(tx: &mut Tx, event: &ConnectionPointHandedOver) -> Result<()> {
    let account = event.account.map(|account| account.to_string()).unwrap_or_default();
    put(tx, event.connection_point, event.from.seconds(), account).await
}

async fn put(tx: &mut Tx, point: ConnectionPointId, from: i64, account: String) -> Result<()> {
    let row = vec![Cell::Text(point.to_string()), Cell::Int(from), Cell::Text(account)];
    let insert = "insert into occupant (point, from_slot, account)";
    let update = "on conflict (point, from_slot) do update set account = excluded.account";
    insert_rows(tx, insert, 3, vec![row], update).await.context("keeping an occupant")?;
    Ok(())
}

/// Everybody who has, had or will have a connection point.
pub(crate) async fn of_point(db: &Db, point: ConnectionPointId) -> Result<Vec<AccountId>> {
    let rows = query("select distinct account from occupant where point = $1 and account <> ''")
        .bind(point.to_string())
        .fetch_all(db.read())
        .await
        .context("reading a connection point's occupants")?;
    rows.iter().map(|row| Ok(row.try_get::<String, _>(0)?.parse()?)).collect()
}

/// Who had a connection point until a moment.
pub(crate) async fn before(
    db: &Db,
    point: ConnectionPointId,
    moment: Timestamp,
) -> Result<Option<AccountId>> {
    let account: Option<String> = query_scalar(
        "select account from occupant where point = $1 and from_slot < $2 \
         order by from_slot desc limit 1",
    )
    .bind(point.to_string())
    .bind(moment.seconds())
    .fetch_optional(db.read())
    .await
    .context("looking for who was there before")?;
    let account = account.filter(|account| !account.is_empty());
    account.map(|account| Ok(account.parse()?)).transpose()
}

/// Where an account is billed, in order of time: connection points with a meter. Of several at the
/// same time it is the first.
pub(crate) async fn places(db: &Db, account: AccountId) -> Result<Vec<Occupancy>> {
    let sql = format!(
        "select o.point, m.meter, {STAY} from occupant o join meter m on m.point = o.point \
         where o.account = $1 order by o.point, o.from_slot, m.meter"
    );
    let rows = query(db::AssertSqlSafe(sql))
        .bind(account.to_string())
        .fetch_all(db.read())
        .await
        .context("reading where an account is billed")?;
    let mut places: Vec<Occupancy> = Vec::new();
    for row in &rows {
        let point = row.try_get::<String, _>(0)?.parse()?;
        let meter = row.try_get::<String, _>(1)?.parse()?;
        let place = Occupancy { meter, stay: stay(row, point, 2)? };
        if !places.iter().any(|known| known.stay.overlaps(&place.stay)) {
            places.push(place);
        }
    }
    places.sort_by_key(|place| place.stay.from);
    Ok(places)
}

/// Where an account is billed for slots from a moment on; where it is not, where it was before.
pub(crate) async fn place_at(
    db: &Db,
    account: AccountId,
    moment: Timestamp,
) -> Result<Option<Occupancy>> {
    let places = places(db, account).await?;
    let last = places.iter().rfind(|place| place.stay.from <= moment);
    Ok(last.or(places.first()).copied())
}

/// The connection points that addresses trade for, those of one account where it is named.
pub(crate) async fn trading(
    db: &Db,
    account: Option<AccountId>,
) -> Result<HashMap<Address, Vec<Stay>>> {
    let sql = format!(
        "select s.address, o.point, {STAY} from settlement_address s \
         join occupant o on o.account = s.account where $1 = '' or s.account = $1 \
         order by s.address, o.point, o.from_slot"
    );
    let rows = query(db::AssertSqlSafe(sql))
        .bind(account.map(|account| account.to_string()).unwrap_or_default())
        .fetch_all(db.read())
        .await
        .context("reading connection points")?;
    let mut trading: HashMap<Address, Vec<Stay>> = HashMap::new();
    for row in &rows {
        let address = row.try_get::<String, _>(0)?.parse()?;
        let point = row.try_get::<String, _>(1)?.parse()?;
        trading.entry(address).or_default().push(stay(row, point, 2)?);
    }
    Ok(trading)
}

fn stay(row: &AnyRow, point: ConnectionPointId, place: usize) -> Result<Stay> {
    let from = Timestamp::from_seconds(row.try_get(place)?);
    let until: Option<i64> = row.try_get(place + 1)?;
    Ok(Stay { point, from, until: until.map(Timestamp::from_seconds) })
}
