//! Intervals, the signed readings under them, and where they are anchored.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use anyhow::{Context, Result};
use calendar::{LocalDay, Timestamp};
use db::{AnyRow, AssertSqlSafe, Cell, Db, Row, Tx, insert_rows, query, query_scalar};
use events::metering::{DayLeaf, IntervalFact, Quality};
use ids::{CommunityId, ConnectionPointId, MeterId};
use reading::SignedReading;
use units::Energy;

use crate::domain::reconcile::Metered;

/// Whether the energy was shared out of a longer span; of intervals from before, nobody knows.
pub(crate) const ESTIMATED_SCHEMA: &str = "
alter table metered add column estimated bigint not null default 0;
create index metered_estimated on metered (community, slot) where estimated = 1;
";

/// Connection points that are asked for at once.
const POINTS_ASKED_MAX: usize = 500;

/// The versions of intervals of a slot that are kept, of some connection points.
pub(crate) async fn versions(
    db: &Db,
    slot: Timestamp,
    points: &[ConnectionPointId],
) -> Result<BTreeMap<ConnectionPointId, u32>> {
    let mut versions = BTreeMap::new();
    for some in points.chunks(POINTS_ASKED_MAX) {
        let places = Vec::from_iter((2..).take(some.len()).map(|place| format!("${place}")));
        let sql = format!(
            "select point, version from metered where slot = $1 and point in ({})",
            places.join(", ")
        );
        let asked = query(AssertSqlSafe(sql)).bind(slot.seconds());
        let asked = some.iter().fold(asked, |asked, point| asked.bind(point.to_string()));
        let rows = asked.fetch_all(db.read()).await.context("reading versions of intervals")?;
        for row in &rows {
            let (point, version): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
            versions.insert(point.parse()?, u32::try_from(version)?);
        }
    }
    Ok(versions)
}

/// Keeps intervals in place of those that are there, and the readings that came with them `at`.
pub(crate) async fn put_intervals(
    tx: &mut Tx,
    (community, slot): (CommunityId, Timestamp),
    intervals: &[IntervalFact],
    at: Timestamp,
) -> Result<()> {
    let mut rows = Vec::with_capacity(intervals.len());
    for interval in intervals {
        rows.push(vec![
            Cell::Text(interval.connection_point.to_string()),
            Cell::Int(slot.seconds()),
            Cell::Text(community.to_string()),
            Cell::Int(super::int(interval.import.wh())?),
            Cell::Int(super::int(interval.export.wh())?),
            Cell::Int(i64::from(interval.quality != Quality::Missing)),
            Cell::Int(i64::from(interval.version)),
            Cell::Int(i64::from(interval.quality == Quality::Substituted)),
        ]);
        put_readings(tx, &interval.readings, at).await?;
    }
    let insert = "insert into metered \
                  (point, slot, community, import_wh, export_wh, known, version, estimated)";
    let update = "on conflict (point, slot) do update set import_wh = excluded.import_wh, \
                  export_wh = excluded.export_wh, known = excluded.known, \
                  version = excluded.version, estimated = excluded.estimated";
    insert_rows(tx, insert, 8, rows, update).await?;
    Ok(())
}

async fn put_readings(tx: &mut Tx, readings: &[SignedReading], at: Timestamp) -> Result<()> {
    let rows = readings.iter().map(|signed| {
        vec![
            Cell::Text(signed.reading.meter.to_string()),
            Cell::Int(i64::from(signed.reading.page)),
            Cell::Int(signed.reading.time.seconds()),
            Cell::Bytes(signed.encode()),
            Cell::Int(at.seconds()),
        ]
    });
    let insert = "insert into reading (meter, page, time, message, at)";
    insert_rows(tx, insert, 5, rows.collect(), "on conflict (meter, page) do nothing").await?;
    Ok(())
}

/// What the meters of a community saw in a slot; those that reported nothing are left out.
pub(crate) async fn metered(
    db: &Db,
    community: CommunityId,
    slot: Timestamp,
) -> Result<BTreeMap<ConnectionPointId, Metered>> {
    let rows = query(
        "select point, import_wh, export_wh from metered \
         where community = $1 and slot = $2 and known = 1",
    )
    .bind(community.to_string())
    .bind(slot.seconds())
    .fetch_all(db.read())
    .await
    .context("reading intervals")?;
    let metered = |row: &AnyRow| {
        let (point, import, export): (String, i64, i64) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let energy = |wh: i64| Energy::from_wh(wh.unsigned_abs());
        Ok((point.parse()?, Metered { import: energy(import), export: energy(export) }))
    };
    rows.iter().map(metered).collect()
}

/// What flowed at a connection point in the slots of `[from, to)`, and whether it was shared out of
/// a longer span; slots without a reading are left out.
pub(crate) async fn flowed(
    db: &Db,
    point: ConnectionPointId,
    (from, to): (Timestamp, Timestamp),
) -> Result<BTreeMap<Timestamp, (Metered, bool)>> {
    let rows = query(
        "select slot, import_wh, export_wh, estimated from metered \
         where point = $1 and slot >= $2 and slot < $3 and known = 1",
    )
    .bind(point.to_string())
    .bind(from.seconds())
    .bind(to.seconds())
    .fetch_all(db.read())
    .await
    .context("reading a connection point's intervals")?;
    let flowed = |row: &AnyRow| {
        let wh = |place: usize| row.try_get::<i64, _>(place).map(i64::unsigned_abs);
        let metered = Metered { import: Energy::from_wh(wh(1)?), export: Energy::from_wh(wh(2)?) };
        let estimated = row.try_get::<i64, _>(3)? != 0;
        Ok((Timestamp::from_seconds(row.try_get(0)?), (metered, estimated)))
    };
    rows.iter().map(flowed).collect()
}

/// The moments of a meter's readings around a span: the last at or before `from`, the first at or
/// after `to`.
pub(crate) async fn edges(
    db: &Db,
    meter: MeterId,
    from: Timestamp,
    to: Timestamp,
) -> Result<(Option<Timestamp>, Option<Timestamp>)> {
    let edge = |sql: &'static str, at: Timestamp| {
        query_scalar::<_, Option<i64>>(sql).bind(meter.to_string()).bind(at.seconds())
    };
    let sql = "select max(time) from reading where meter = $1 and time <= $2";
    let first = edge(sql, from).fetch_one(db.read()).await?;
    let sql = "select min(time) from reading where meter = $1 and time >= $2";
    let last = edge(sql, to).fetch_one(db.read()).await?;
    Ok((first.map(Timestamp::from_seconds), last.map(Timestamp::from_seconds)))
}

/// When a meter's first reading was made.
pub(crate) async fn first_reading(db: &Db, meter: MeterId) -> Result<Option<Timestamp>> {
    let first: Option<i64> = query_scalar("select min(time) from reading where meter = $1")
        .bind(meter.to_string())
        .fetch_one(db.read())
        .await
        .context("looking for a first reading")?;
    Ok(first.map(Timestamp::from_seconds))
}

/// A reading, and when it was heard of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard {
    pub(crate) at: Timestamp,
    pub(crate) signed: SignedReading,
}

/// A meter's readings of `[from, to]`, in page order.
pub(crate) async fn readings(
    db: &Db,
    meter: MeterId,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<Heard>> {
    let rows = query(
        "select message, at from reading where meter = $1 and time >= $2 and time <= $3 \
         order by page",
    )
    .bind(meter.to_string())
    .bind(from.seconds())
    .bind(to.seconds())
    .fetch_all(db.read())
    .await
    .context("reading signed readings")?;
    let heard = |row: &AnyRow| {
        let (message, at): (Vec<u8>, i64) = (row.try_get(0)?, row.try_get(1)?);
        let signed = SignedReading::decode(&message).context("a kept reading")?;
        Ok(Heard { at: Timestamp::from_seconds(at), signed })
    };
    rows.iter().map(heard).collect()
}

/// Keeps the leaves of an anchored day.
pub(crate) async fn put_leaves(
    tx: &mut Tx,
    day: LocalDay,
    batch: u32,
    root: B256,
    count: u32,
    leaves: &[DayLeaf],
) -> Result<()> {
    for leaf in leaves {
        let kept = Leaf { salt: leaf.salt, index: leaf.index, count, path: leaf.path.clone() };
        let row = vec![
            Cell::Text(leaf.meter.to_string()),
            Cell::Int(i64::from(day.number())),
            Cell::Int(i64::from(batch)),
            Cell::Text(super::hash(root)),
            Cell::Text(serde_json::to_string(&kept)?),
        ];
        let insert = "insert into day_leaf (meter, day, batch, root, leaf)";
        insert_rows(tx, insert, 5, vec![row], "on conflict do nothing").await?;
    }
    Ok(())
}

/// A meter's leaf in a day's root.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Leaf {
    pub(crate) salt: B256,
    pub(crate) index: u32,
    pub(crate) count: u32,
    pub(crate) path: Vec<B256>,
}

/// A meter's leaves of a day with their roots, the newest batch first.
pub(crate) async fn leaves(db: &Db, meter: MeterId, day: LocalDay) -> Result<Vec<(B256, Leaf)>> {
    let rows =
        query("select root, leaf from day_leaf where meter = $1 and day = $2 order by batch desc")
            .bind(meter.to_string())
            .bind(i64::from(day.number()))
            .fetch_all(db.read())
            .await
            .context("reading leaves of a day")?;
    let leaf = |row: &AnyRow| {
        let (root, leaf): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        Ok((root.parse()?, serde_json::from_str(&leaf)?))
    };
    rows.iter().map(leaf).collect()
}
