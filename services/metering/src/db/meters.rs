//! What identity told of connection points and meters.

use std::collections::HashMap;

use alloy_primitives::Address;
use calendar::{TimeZone, Timestamp};
use db::{AnyRow, Cell, Db, DbError, Row, Tx, query, query_scalar, with_rows};
use events::identity::{ConnectionPointRegistered, MeterEnrolled, MeterRevoked, MeterRotated};
use ids::{AccountId, CommunityId, ConnectionPointId, MeterId};
use reading::{PhysicalLimit, Signer};
use units::Power;

use super::{broken, bytes, natural, parsed, small};
use crate::domain::signers::{Key, Keys};

/// A meter and where it measures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meter {
    pub(crate) id: MeterId,
    pub(crate) serial: String,
    pub(crate) connection_point: ConnectionPointId,
    pub(crate) account: AccountId,
    pub(crate) community: CommunityId,
    pub(crate) valid_from: Timestamp,
    pub(crate) revoked_at: Option<Timestamp>,
}

/// Meters of one connection point that are looked at, newest first.
const METERS_MAX: u32 = 16;

/// The columns of [`Meter`].
const METER: &str = "select id, serial, connection_point, account, community, valid_from, \
                     revoked_at from meter";

/// What a reading of one meter is judged by.
#[derive(Debug, Clone)]
pub(crate) struct Enrolled {
    pub(crate) community: CommunityId,
    pub(crate) revoked: bool,
    pub(crate) limit: PhysicalLimit,
    /// What it read before is erased, and stays so.
    pub(crate) erased_until: Option<Timestamp>,
    keys: Keys,
}

impl Enrolled {
    /// Whose signature counts on `page` at `time`.
    pub(crate) fn signer_of(&self, page: u32, time: Timestamp) -> Signer {
        if self.revoked { Signer::Revoked } else { self.keys.signer_of(page, time) }
    }
}

/// A community whose slots are being closed.
#[derive(Debug, Clone)]
pub(crate) struct Community {
    pub(crate) id: CommunityId,
    pub(crate) timezone: TimeZone,
    /// The end of the last closed slot.
    pub(crate) closed_until: Timestamp,
}

/// Keeps a connection point; what is known already is replaced. The first of a community sets
/// whose local days count there.
pub(crate) async fn register(
    tx: &mut Tx,
    point: &ConnectionPointRegistered,
) -> Result<(), DbError> {
    query("insert into community (id, timezone) values ($1, $2) on conflict do nothing")
        .bind(point.community.to_string())
        .bind(point.timezone.name().to_owned())
        .execute(tx.conn())
        .await?;
    query(
        "insert into connection_point (id, account, community, import_max_w, export_max_w) \
         values ($1, $2, $3, $4, $5) on conflict (id) do update set \
         account = excluded.account, community = excluded.community, \
         import_max_w = excluded.import_max_w, export_max_w = excluded.export_max_w",
    )
    .bind(point.connection_point.to_string())
    .bind(point.account.to_string())
    .bind(point.community.to_string())
    .bind(watts(point.import_max))
    .bind(watts(point.export_max))
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Keeps a meter and its key from now on; keys that it had before never count again. The slots of
/// its community close from `first_slot` on, unless they do already.
pub(crate) async fn enrol(
    tx: &mut Tx,
    meter: &MeterEnrolled,
    first_slot: Timestamp,
) -> Result<(), DbError> {
    query(
        "insert into meter (id, serial, connection_point, account, community, token_hash, \
         valid_from) values ($1, $2, $3, $4, $5, $6, $7) on conflict (id) do update set \
         serial = excluded.serial, connection_point = excluded.connection_point, \
         account = excluded.account, community = excluded.community, \
         token_hash = excluded.token_hash, valid_from = excluded.valid_from, revoked_at = null",
    )
    .bind(meter.meter.to_string())
    .bind(meter.serial.clone())
    .bind(meter.connection_point.to_string())
    .bind(meter.account.to_string())
    .bind(meter.community.to_string())
    .bind(meter.token_hash.clone())
    .bind(meter.valid_from.seconds())
    .execute(tx.conn())
    .await?;
    query("update meter_key set ended = 1 where meter = $1")
        .bind(meter.meter.to_string())
        .execute(tx.conn())
        .await?;
    put_key(tx, meter.meter, Key { from: meter.valid_from, first_page: 0, address: meter.key })
        .await?;
    query("update community set closed_until = $1 where id = $2 and closed_until is null")
        .bind(first_slot.seconds())
        .bind(meter.community.to_string())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Keeps a meter's next key.
pub(crate) async fn rotate(tx: &mut Tx, rotated: &MeterRotated) -> Result<(), DbError> {
    let MeterRotated { meter, key, first_page, from, .. } = *rotated;
    put_key(tx, meter, Key { from, first_page, address: key }).await
}

async fn put_key(tx: &mut Tx, meter: MeterId, key: Key) -> Result<(), DbError> {
    query(
        "insert into meter_key (meter, valid_from, first_page, address) values ($1, $2, $3, $4) \
         on conflict (meter, valid_from) do update set address = excluded.address, \
         first_page = excluded.first_page, ended = 0",
    )
    .bind(meter.to_string())
    .bind(key.from.seconds())
    .bind(i64::from(key.first_page))
    .bind(key.address.to_vec())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Notes that a meter's key no longer counts.
pub(crate) async fn revoke(tx: &mut Tx, revoked: &MeterRevoked) -> Result<(), DbError> {
    query("update meter set revoked_at = $1 where id = $2 and revoked_at is null")
        .bind(revoked.at.seconds())
        .bind(revoked.meter.to_string())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The hash of the token that `meter` logs in with; `None` for a meter that may not.
pub(crate) async fn token_hash(db: &Db, meter: MeterId) -> Result<Option<String>, DbError> {
    let hash = query_scalar("select token_hash from meter where id = $1 and revoked_at is null")
        .bind(meter.to_string())
        .fetch_optional(db.read())
        .await?;
    Ok(hash)
}

/// What readings of `meters` are judged by; without those that are not enrolled at a known
/// connection point.
pub(crate) async fn enrolled(
    tx: &mut Tx,
    meters: &[MeterId],
) -> Result<HashMap<MeterId, Enrolled>, DbError> {
    let sql = "select m.id, m.community, m.revoked_at, p.import_max_w, p.export_max_w, \
               m.erased_until from meter m join connection_point p on p.id = m.connection_point \
               where m.id in ({rows})";
    let mut enrolled = HashMap::with_capacity(meters.len());
    for row in with_rows(tx, sql, 1, keys(meters)).await? {
        let found = Enrolled {
            community: parsed(&row, 1)?,
            revoked: row.try_get::<Option<i64>, _>(2)?.is_some(),
            limit: PhysicalLimit {
                import: Power::from_w(natural(&row, 3)?),
                export: Power::from_w(natural(&row, 4)?),
            },
            erased_until: row.try_get::<Option<i64>, _>(5)?.map(Timestamp::from_seconds),
            keys: Keys::default(),
        };
        enrolled.insert(parsed(&row, 0)?, found);
    }
    let sql = "select meter, valid_from, first_page, address from meter_key \
               where ended = 0 and meter in ({rows})";
    for row in with_rows(tx, sql, 1, keys(meters)).await? {
        if let Some(meter) = enrolled.get_mut(&parsed(&row, 0)?) {
            meter.keys.add(Key {
                from: Timestamp::from_seconds(row.try_get(1)?),
                first_page: small(&row, 2)?,
                address: Address::from(bytes(&row, 3)?),
            });
        }
    }
    Ok(enrolled)
}

fn keys(meters: &[MeterId]) -> Vec<Vec<Cell>> {
    meters.iter().map(|meter| vec![Cell::Text(meter.to_string())]).collect()
}

/// Whose local days count in a community.
pub(crate) async fn timezone(db: &Db, id: CommunityId) -> Result<Option<TimeZone>, DbError> {
    let row = query("select timezone from community where id = $1")
        .bind(id.to_string())
        .fetch_optional(db.read())
        .await?;
    row.map(|row| parsed(&row, 0)).transpose()
}

/// The communities that have meters.
pub(crate) async fn communities(db: &Db) -> Result<Vec<Community>, DbError> {
    let rows = query(
        "select id, timezone, closed_until from community where closed_until is not null \
         order by id",
    )
    .fetch_all(db.read())
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Community {
                id: parsed(row, 0)?,
                timezone: parsed(row, 1)?,
                closed_until: Timestamp::from_seconds(row.try_get(2)?),
            })
        })
        .collect()
}

/// The meters whose energy is expected in `[start, end)`.
pub(crate) async fn expected(
    tx: &mut Tx,
    community: CommunityId,
    start: Timestamp,
    end: Timestamp,
) -> Result<Vec<Meter>, DbError> {
    let rows = query(db::AssertSqlSafe(format!(
        "{METER} where community = $1 and valid_from <= $2 \
         and (revoked_at is null or revoked_at >= $3) order by id"
    )))
    .bind(community.to_string())
    .bind(start.seconds())
    .bind(end.seconds())
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(meter).collect()
}

/// How many of the expected meters have not reported the end of `[start, end)` or later.
pub(crate) async fn silent(
    db: &Db,
    community: CommunityId,
    start: Timestamp,
    end: Timestamp,
) -> Result<i64, DbError> {
    let count = query_scalar(
        "select count(*) from meter m where m.community = $1 and m.valid_from <= $2 \
         and (m.revoked_at is null or m.revoked_at >= $3) and not exists \
         (select 1 from reading r where r.meter = m.id and r.time >= $3)",
    )
    .bind(community.to_string())
    .bind(start.seconds())
    .bind(end.seconds())
    .fetch_one(db.read())
    .await?;
    Ok(count)
}

/// The meter with this id.
pub(crate) async fn find(db: &Db, id: MeterId) -> Result<Option<Meter>, DbError> {
    let row = query(db::AssertSqlSafe(format!("{METER} where id = $1")))
        .bind(id.to_string())
        .fetch_optional(db.read())
        .await?;
    row.as_ref().map(meter).transpose()
}

/// The meters that a connection point has or had, newest first.
pub(crate) async fn of_point(db: &Db, point: ConnectionPointId) -> Result<Vec<Meter>, DbError> {
    let sql = format!(
        "{METER} where connection_point = $1 order by valid_from desc, id limit {METERS_MAX}"
    );
    let rows = query(db::AssertSqlSafe(sql)).bind(point.to_string()).fetch_all(db.read()).await?;
    rows.iter().map(meter).collect()
}

/// Those of `meters` that are enrolled, as the transaction sees them.
pub(crate) async fn get(
    tx: &mut Tx,
    meters: &[MeterId],
) -> Result<HashMap<MeterId, Meter>, DbError> {
    let rows = with_rows(tx, &format!("{METER} where id in ({{rows}})"), 1, keys(meters)).await?;
    rows.iter().map(|row| meter(row).map(|meter| (meter.id, meter))).collect()
}

/// The first `limit` meters of a community that count.
pub(crate) async fn first(
    tx: &mut Tx,
    community: CommunityId,
    limit: u32,
) -> Result<Vec<MeterId>, DbError> {
    let rows = query(
        "select id from meter where community = $1 and revoked_at is null order by id limit $2",
    )
    .bind(community.to_string())
    .bind(i64::from(limit))
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(|row| parsed(row, 0)).collect()
}

/// What a connection point can carry.
pub(crate) async fn limit(
    tx: &mut Tx,
    point: ConnectionPointId,
) -> Result<Option<PhysicalLimit>, DbError> {
    let row = query("select import_max_w, export_max_w from connection_point where id = $1")
        .bind(point.to_string())
        .fetch_optional(tx.conn())
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(PhysicalLimit {
        import: Power::from_w(natural(&row, 0)?),
        export: Power::from_w(natural(&row, 1)?),
    }))
}

/// The account and community of a connection point.
pub(crate) async fn owner_of(
    db: &Db,
    point: ConnectionPointId,
) -> Result<Option<(AccountId, CommunityId)>, DbError> {
    let row = query("select account, community from connection_point where id = $1")
        .bind(point.to_string())
        .fetch_optional(db.read())
        .await?;
    row.map(|row| Ok((parsed(&row, 0)?, parsed(&row, 1)?))).transpose()
}

fn meter(row: &AnyRow) -> Result<Meter, DbError> {
    Ok(Meter {
        id: parsed(row, 0)?,
        serial: row.try_get(1)?,
        connection_point: parsed(row, 2)?,
        account: parsed(row, 3)?,
        community: parsed(row, 4)?,
        valid_from: Timestamp::from_seconds(row.try_get(5)?),
        revoked_at: row.try_get::<Option<i64>, _>(6)?.map(Timestamp::from_seconds),
    })
}

fn watts(power: Power) -> i64 {
    i64::try_from(power.w()).unwrap_or(i64::MAX)
}

/// Moves the end of the closed slots of `community` from `from` to `to`; an error when another
/// task did so in the meantime.
pub(crate) async fn close_until(
    tx: &mut Tx,
    community: CommunityId,
    from: Timestamp,
    to: Timestamp,
) -> Result<(), DbError> {
    let moved = query("update community set closed_until = $1 where id = $2 and closed_until = $3")
        .bind(to.seconds())
        .bind(community.to_string())
        .bind(from.seconds())
        .execute(tx.conn())
        .await?;
    match moved.rows_affected() {
        1 => Ok(()),
        _ => Err(broken(format!("slot {from} of {community} was closed by another task"))),
    }
}
