//! Connection points and meters.

use anyhow::Result;
use calendar::Timestamp;
use db::{AnyConnection, AnyRow, AssertSqlSafe, Row, Tx, query, query_scalar};
use ids::{AccountId, CommunityId, ConnectionPointId, MeterId};
use keys::Address;
use service::Page;
use units::Power;

use super::{Part, moment, parsed, unsigned};
use crate::domain::grid::{ConnectionPoint, Meter};

const CONNECTION_POINT: &str = "select place, id, account, community, zone, timezone, \
    import_max_w, export_max_w, since from connection_point";
const METER: &str = "select place, id, serial, connection_point, account, community, \
    signing_key, version, valid_from, revoked_at from meter";
/// What of a community an account sees: everything when none is named.
const SCOPE: &str = "where community = $1 and place > $2 and ($3 = '' or account = $3) \
    order by place limit $4";

/// Adds a connection point.
pub(crate) async fn insert_connection_point(tx: &mut Tx, point: &ConnectionPoint) -> Result<()> {
    query(
        "insert into connection_point \
         (id, account, community, zone, timezone, import_max_w, export_max_w, since) \
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(point.connection_point.to_string())
    .bind(point.account.to_string())
    .bind(point.community.to_string())
    .bind(point.zone.to_string())
    .bind(point.timezone.name().to_owned())
    .bind(i64::try_from(point.import_max_w.w())?)
    .bind(i64::try_from(point.export_max_w.w())?)
    .bind(point.since.seconds())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The connection point `id`.
pub(crate) async fn connection_point(
    conn: &mut AnyConnection,
    id: ConnectionPointId,
) -> Result<Option<ConnectionPoint>> {
    let row = query(AssertSqlSafe(format!("{CONNECTION_POINT} where id = $1")))
        .bind(id.to_string())
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(read_point).transpose().map(|found| found.map(|(_, point)| point))
}

/// The connection points of `community`, or of those only the ones of `account`.
pub(crate) async fn connection_points(
    conn: &mut AnyConnection,
    community: CommunityId,
    account: Option<AccountId>,
    part: Part,
) -> Result<Page<ConnectionPoint>> {
    let rows = scope(conn, CONNECTION_POINT, community, account, part).await?;
    Ok(part.page(rows.iter().map(read_point).collect::<Result<_>>()?))
}

async fn scope(
    conn: &mut AnyConnection,
    select: &str,
    community: CommunityId,
    account: Option<AccountId>,
    part: Part,
) -> Result<Vec<AnyRow>> {
    let rows = query(AssertSqlSafe(format!("{select} {SCOPE}")))
        .bind(community.to_string())
        .bind(part.after)
        .bind(account.map(|account| account.to_string()).unwrap_or_default())
        .bind(part.limit + 1)
        .fetch_all(conn)
        .await?;
    Ok(rows)
}

/// Adds a meter, or gives one that is there its next key.
pub(crate) async fn put_meter(tx: &mut Tx, meter: &Meter, token_hash: &str) -> Result<()> {
    query(
        "insert into meter (id, serial, connection_point, account, community, signing_key, \
         version, token_hash, valid_from) values ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
         on conflict (id) do update set serial = excluded.serial, \
         connection_point = excluded.connection_point, account = excluded.account, \
         signing_key = excluded.signing_key, version = excluded.version, \
         token_hash = excluded.token_hash, valid_from = excluded.valid_from, revoked_at = null, \
         rotation_expiry = null",
    )
    .bind(meter.meter.to_string())
    .bind(meter.serial.clone())
    .bind(meter.connection_point.to_string())
    .bind(meter.account.to_string())
    .bind(meter.community.to_string())
    .bind(meter.key.to_string())
    .bind(i64::from(meter.version))
    .bind(token_hash.to_owned())
    .bind(meter.valid_from.seconds())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The meter `id`.
pub(crate) async fn meter(conn: &mut AnyConnection, id: MeterId) -> Result<Option<Meter>> {
    let row = query(AssertSqlSafe(format!("{METER} where id = $1")))
        .bind(id.to_string())
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(read_meter).transpose().map(|found| found.map(|(_, meter)| meter))
}

/// The meters of an account whose key counts, in their order; at most `limit`.
pub(crate) async fn working_meters(
    conn: &mut AnyConnection,
    account: AccountId,
    limit: u32,
) -> Result<Vec<Meter>> {
    let sql = format!("{METER} where account = $1 and revoked_at is null order by place limit $2");
    let rows = query(AssertSqlSafe(sql))
        .bind(account.to_string())
        .bind(i64::from(limit))
        .fetch_all(conn)
        .await?;
    rows.iter().map(|row| read_meter(row).map(|(_, meter)| meter)).collect()
}

/// Whether another meter than `id` measures at `point`.
pub(crate) async fn is_measured(
    tx: &mut Tx,
    point: ConnectionPointId,
    id: MeterId,
) -> Result<bool> {
    let others: i64 = query_scalar(
        "select count(*) from meter where connection_point = $1 and id <> $2 \
         and revoked_at is null",
    )
    .bind(point.to_string())
    .bind(id.to_string())
    .fetch_one(tx.conn())
    .await?;
    Ok(others > 0)
}

/// Whether another meter than `id` has or had the key of `address`.
pub(crate) async fn is_key_taken(tx: &mut Tx, address: Address, id: MeterId) -> Result<bool> {
    let others: i64 = query_scalar(
        "select (select count(*) from meter where signing_key = $1 and id <> $2) \
         + (select count(*) from former_key where address = $1 and meter <> $2)",
    )
    .bind(address.to_string())
    .bind(id.to_string())
    .fetch_one(tx.conn())
    .await?;
    Ok(others > 0)
}

/// Whether any meter has or had the key of `address`.
pub(crate) async fn is_key_known(tx: &mut Tx, address: Address) -> Result<bool> {
    let known: i64 = query_scalar(
        "select (select count(*) from meter where signing_key = $1) \
         + (select count(*) from former_key where address = $1)",
    )
    .bind(address.to_string())
    .fetch_one(tx.conn())
    .await?;
    Ok(known > 0)
}

/// Remembers that a meter had the key of `address`, up to `ended_at`.
pub(crate) async fn keep_former_key(
    tx: &mut Tx,
    (id, address): (MeterId, Address),
    ended_at: Timestamp,
) -> Result<()> {
    query(
        "insert into former_key (address, meter, ended_at) values ($1, $2, $3) \
         on conflict (address) do update set ended_at = excluded.ended_at",
    )
    .bind(address.to_string())
    .bind(id.to_string())
    .bind(ended_at.seconds())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The keys that the meter `id` had, each with the moment at which it ended or will.
pub(crate) async fn former_keys(tx: &mut Tx, id: MeterId) -> Result<Vec<(Address, Timestamp)>> {
    let rows = query("select address, ended_at from former_key where meter = $1")
        .bind(id.to_string())
        .fetch_all(tx.conn())
        .await?;
    rows.iter().map(|row| Ok((parsed(row, 0)?, moment(row, 1)?))).collect()
}

/// Gives the meter its next key, which the registry takes until `expiry`; it stays enrolled as it
/// is.
pub(crate) async fn rotate_meter(
    tx: &mut Tx,
    id: MeterId,
    (key, version): (Address, u32),
    expiry: Timestamp,
) -> Result<()> {
    let sql = "update meter set signing_key = $1, version = $2, rotation_expiry = $3 where id = $4";
    query(sql)
        .bind(key.to_string())
        .bind(i64::from(version))
        .bind(expiry.seconds())
        .bind(id.to_string())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Counts one more key of the meter, which is the one that it has.
pub(crate) async fn put_version(tx: &mut Tx, id: MeterId, version: u32) -> Result<()> {
    query("update meter set version = $1 where id = $2")
        .bind(i64::from(version))
        .bind(id.to_string())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Until when the registry took the key that the meter `id` was rotated to; `None` where it was
/// not.
pub(crate) async fn rotation_expiry(
    conn: &mut AnyConnection,
    id: MeterId,
) -> Result<Option<Timestamp>> {
    let expiry: Option<Option<i64>> =
        query_scalar("select rotation_expiry from meter where id = $1")
            .bind(id.to_string())
            .fetch_optional(conn)
            .await?;
    Ok(expiry.flatten().map(Timestamp::from_seconds))
}

/// Whether `hash` is that of the token of the meter `id`.
pub(crate) async fn has_token(tx: &mut Tx, id: MeterId, hash: &str) -> Result<bool> {
    let same: i64 = query_scalar("select count(*) from meter where id = $1 and token_hash = $2")
        .bind(id.to_string())
        .bind(hash.to_owned())
        .fetch_one(tx.conn())
        .await?;
    Ok(same > 0)
}

/// Ends the meter's key.
pub(crate) async fn revoke_meter(tx: &mut Tx, id: MeterId, at: Timestamp) -> Result<()> {
    query("update meter set revoked_at = $1 where id = $2")
        .bind(at.seconds())
        .bind(id.to_string())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The meters of `community`, or of those only the ones of `account`.
pub(crate) async fn meters(
    conn: &mut AnyConnection,
    community: CommunityId,
    account: Option<AccountId>,
    part: Part,
) -> Result<Page<Meter>> {
    let rows = scope(conn, METER, community, account, part).await?;
    Ok(part.page(rows.iter().map(read_meter).collect::<Result<_>>()?))
}

fn read_point(row: &AnyRow) -> Result<(i64, ConnectionPoint)> {
    let point = ConnectionPoint {
        connection_point: parsed(row, 1)?,
        account: parsed(row, 2)?,
        community: parsed(row, 3)?,
        zone: parsed(row, 4)?,
        timezone: parsed(row, 5)?,
        import_max_w: Power::from_w(unsigned(row, 6)?),
        export_max_w: Power::from_w(unsigned(row, 7)?),
        since: moment(row, 8)?,
    };
    Ok((row.try_get(0)?, point))
}

fn read_meter(row: &AnyRow) -> Result<(i64, Meter)> {
    let revoked_at: Option<i64> = row.try_get(9)?;
    let meter = Meter {
        meter: parsed(row, 1)?,
        serial: row.try_get(2)?,
        connection_point: parsed(row, 3)?,
        account: parsed(row, 4)?,
        community: parsed(row, 5)?,
        key: parsed(row, 6)?,
        version: u32::try_from(unsigned(row, 7)?)?,
        valid_from: moment(row, 8)?,
        revoked_at: revoked_at.map(Timestamp::from_seconds),
    };
    Ok((row.try_get(0)?, meter))
}
