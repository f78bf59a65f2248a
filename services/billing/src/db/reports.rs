//! What reports add up.

use anyhow::{Context, Result};
use calendar::{LocalDay, Timestamp};
use db::{AnyRow, Db, Row, query};
use ids::{AccountId, CommunityId, ConnectionPointId, MeterId};
use serde::de::DeserializeOwned;
use units::Energy;

use crate::domain::bill::Invoice;
use crate::domain::correction::Correction;
use crate::domain::report::Estimated;

/// What the meters of a community saw in a slot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MeteredSlot {
    pub(crate) slot: Timestamp,
    pub(crate) points: u64,
    /// Connection points whose meter reported nothing.
    pub(crate) missing: u64,
    pub(crate) import: Energy,
    pub(crate) export: Energy,
}

/// Where an account is billed, how far, and from when until when.
#[derive(Debug, Clone)]
pub(crate) struct BilledPoint {
    pub(crate) account: AccountId,
    pub(crate) point: ConnectionPointId,
    pub(crate) meter: MeterId,
    /// The last day that was billed.
    pub(crate) billed_until: Option<LocalDay>,
    pub(crate) first_reading: Option<Timestamp>,
    pub(crate) last_reading: Option<Timestamp>,
    /// Start of the account's first slot there.
    pub(crate) moved_in: Timestamp,
    /// Start of the first slot that is not the account's any more.
    pub(crate) moved_out: Option<Timestamp>,
}

/// The settled trades of a community's slots in `[from, to)`, in order.
pub(crate) async fn settled<T: DeserializeOwned>(
    db: &Db,
    community: CommunityId,
    (from, to): (Timestamp, Timestamp),
) -> Result<Vec<T>> {
    let rows = query(
        "select body from fact where kind = 'settled' and community = $1 \
         and slot >= $2 and slot < $3 order by slot, number, place",
    )
    .bind(community.to_string())
    .bind(from.seconds())
    .bind(to.seconds())
    .fetch_all(db.read())
    .await
    .context("reading settled trades")?;
    let parse = |row: &AnyRow| {
        let body: String = row.try_get(0)?;
        serde_json::from_str(&body).context("a kept trade")
    };
    rows.iter().map(parse).collect()
}

/// What the meters of a community saw, slot by slot, in `[from, to)`.
pub(crate) async fn metered(
    db: &Db,
    community: CommunityId,
    (from, to): (Timestamp, Timestamp),
) -> Result<Vec<MeteredSlot>> {
    let rows = query(
        "select slot, count(*), cast(sum(1 - known) as bigint), cast(sum(import_wh) as bigint), \
         cast(sum(export_wh) as bigint) from metered \
         where community = $1 and slot >= $2 and slot < $3 group by slot order by slot",
    )
    .bind(community.to_string())
    .bind(from.seconds())
    .bind(to.seconds())
    .fetch_all(db.read())
    .await
    .context("summing intervals")?;
    let metered = |row: &AnyRow| {
        let number = |place: usize| row.try_get::<i64, _>(place).map(i64::unsigned_abs);
        Ok(MeteredSlot {
            slot: Timestamp::from_seconds(row.try_get(0)?),
            points: number(1)?,
            missing: number(2)?,
            import: Energy::from_wh(number(3)?),
            export: Energy::from_wh(number(4)?),
        })
    };
    rows.iter().map(metered).collect()
}

/// The invoices of a community whose last day is in a range, both days included.
pub(crate) async fn invoices(
    db: &Db,
    community: CommunityId,
    (from, to): (LocalDay, LocalDay),
) -> Result<Vec<Invoice>> {
    let rows = query(
        "select document from invoice where community = $1 and to_day >= $2 and to_day <= $3",
    )
    .bind(community.to_string())
    .bind(i64::from(from.number()))
    .bind(i64::from(to.number()))
    .fetch_all(db.read())
    .await
    .context("reading invoices")?;
    let parse = |row: &AnyRow| {
        let document: String = row.try_get(0)?;
        serde_json::from_str(&document).context("a kept invoice")
    };
    rows.iter().map(parse).collect()
}

/// The corrections of such invoices.
pub(crate) async fn corrections(
    db: &Db,
    community: CommunityId,
    (from, to): (LocalDay, LocalDay),
) -> Result<Vec<Correction>> {
    let rows = query(
        "select c.document from correction c join invoice i on i.id = c.invoice \
         where i.community = $1 and i.to_day >= $2 and i.to_day <= $3 order by c.serial",
    )
    .bind(community.to_string())
    .bind(i64::from(from.number()))
    .bind(i64::from(to.number()))
    .fetch_all(db.read())
    .await
    .context("reading corrections of a period's invoices")?;
    let parse = |row: &AnyRow| {
        let document: String = row.try_get(0)?;
        serde_json::from_str(&document).context("a kept correction")
    };
    rows.iter().map(parse).collect()
}

/// The slots of a community in `[from, to)` whose energy was estimated, by connection point.
pub(crate) async fn estimated(
    db: &Db,
    community: CommunityId,
    (from, to): (Timestamp, Timestamp),
    limit: u32,
) -> Result<Vec<Estimated>> {
    let rows = query(
        "select m.point, o.account, m.slot, m.import_wh, m.export_wh from metered m \
         join occupant o on o.point = m.point and o.from_slot = (select max(n.from_slot) \
         from occupant n where n.point = m.point and n.from_slot <= m.slot) \
         where m.community = $1 and m.slot >= $2 and m.slot < $3 and m.estimated = 1 \
         and o.account <> '' order by m.point, m.slot limit $4",
    )
    .bind(community.to_string())
    .bind(from.seconds())
    .bind(to.seconds())
    .bind(i64::from(limit))
    .fetch_all(db.read())
    .await
    .context("reading estimated intervals")?;
    let estimated = |row: &AnyRow| {
        let wh = |place: usize| row.try_get::<i64, _>(place).map(i64::unsigned_abs);
        Ok(Estimated {
            point: row.try_get::<String, _>(0)?.parse()?,
            account: row.try_get::<String, _>(1)?.parse()?,
            slot: Timestamp::from_seconds(row.try_get(2)?),
            import: Energy::from_wh(wh(3)?),
            export: Energy::from_wh(wh(4)?),
        })
    };
    rows.iter().map(estimated).collect()
}

/// The connection points of a community that have a meter, and how far each of its accounts is
/// billed.
pub(crate) async fn billed_points(db: &Db, community: CommunityId) -> Result<Vec<BilledPoint>> {
    let rows = query(
        "select o.account, o.point, m.meter, \
         (select max(i.to_day) from invoice i where i.account = o.account and i.meter = m.meter), \
         (select min(r.time) from reading r where r.meter = m.meter), \
         (select max(r.time) from reading r where r.meter = m.meter), o.from_slot, \
         (select min(n.from_slot) from occupant n \
         where n.point = o.point and n.from_slot > o.from_slot) \
         from occupant o join point p on p.point = o.point join meter m on m.point = o.point \
         where p.community = $1 and o.account <> '' order by o.account, o.point, m.meter",
    )
    .bind(community.to_string())
    .fetch_all(db.read())
    .await
    .context("reading how far accounts are billed")?;
    let point = |row: &AnyRow| {
        let text = |place: usize| row.try_get::<String, _>(place);
        let number = |place: usize| row.try_get::<Option<i64>, _>(place);
        let day = |day: i64| Ok::<_, anyhow::Error>(LocalDay::from_number(u32::try_from(day)?));
        Ok(BilledPoint {
            account: text(0)?.parse()?,
            point: text(1)?.parse()?,
            meter: text(2)?.parse()?,
            billed_until: number(3)?.map(day).transpose()?,
            first_reading: number(4)?.map(Timestamp::from_seconds),
            last_reading: number(5)?.map(Timestamp::from_seconds),
            moved_in: Timestamp::from_seconds(row.try_get(6)?),
            moved_out: number(7)?.map(Timestamp::from_seconds),
        })
    };
    rows.iter().map(point).collect()
}

/// How many slots of a connection point miss their interval in `[from, until)`.
pub(crate) async fn missing(
    db: &Db,
    point: ConnectionPointId,
    (from, until): (Timestamp, Option<Timestamp>),
) -> Result<u64> {
    let sql = "select count(*) from metered \
               where point = $1 and slot >= $2 and slot < $3 and known = 0";
    let row = query(sql)
        .bind(point.to_string())
        .bind(from.seconds())
        .bind(until.map_or(i64::MAX, Timestamp::seconds))
        .fetch_one(db.read())
        .await
        .context("counting missing intervals")?;
    Ok(row.try_get::<i64, _>(0)?.unsigned_abs())
}
