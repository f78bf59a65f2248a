//! Accepted readings.

use calendar::Timestamp;
use db::{AnyRow, AssertSqlSafe, Cell, Db, DbError, Row, Tx, insert_rows, query, query_scalar};
use ids::{CommunityId, MeterId};
use keys::Signature;
use reading::{Neighbours, Reading, SignedReading, Status};
use units::Register;

use super::{broken, bytes, natural, parsed, small};

/// The columns of [`Stored`].
const READING: &str = "select meter, page, time, import_wh, export_wh, status, firmware, \
                       signature, received_at, published from reading";

/// An accepted reading as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) signed: SignedReading,
    pub(crate) received_at: Timestamp,
    /// Whether an event has carried it.
    pub(crate) published: bool,
}

impl Stored {
    /// What was measured.
    pub(crate) fn reading(&self) -> &Reading {
        &self.signed.reading
    }
}

/// Keeps an accepted reading.
pub(crate) async fn insert(
    tx: &mut Tx,
    signed: &SignedReading,
    community: CommunityId,
    received_at: Timestamp,
) -> Result<(), DbError> {
    let reading = &signed.reading;
    let row = vec![
        Cell::Text(reading.meter.to_string()),
        Cell::Int(reading.page.into()),
        Cell::Int(reading.time.seconds()),
        wh(reading.import)?,
        wh(reading.export)?,
        Cell::Int(reading.status.bits().into()),
        Cell::Int(reading.firmware.into()),
        Cell::Bytes(signed.signature.as_bytes().to_vec()),
        Cell::Text(community.to_string()),
        Cell::Int(received_at.seconds()),
    ];
    let insert = "insert into reading (meter, page, time, import_wh, export_wh, status, firmware, \
                  signature, community, received_at)";
    insert_rows(tx, insert, 10, vec![row], "").await?;
    Ok(())
}

fn wh(register: Register) -> Result<Cell, DbError> {
    i64::try_from(register.wh()).map(Cell::Int).map_err(|_| broken(format!("{register:?}")))
}

/// The accepted readings next to `page`.
pub(crate) async fn neighbours(
    tx: &mut Tx,
    meter: MeterId,
    page: u32,
) -> Result<Neighbours, DbError> {
    let (same, before) = up_to(tx, meter, page).await?;
    let after = after(tx, meter, page).await?;
    let reading = |stored: Option<Stored>| stored.map(|stored| stored.signed.reading);
    Ok(Neighbours { same: reading(same), before: reading(before), after: reading(after) })
}

/// The reading of `page`, and the one of the nearest lower page.
async fn up_to(
    tx: &mut Tx,
    meter: MeterId,
    page: u32,
) -> Result<(Option<Stored>, Option<Stored>), DbError> {
    let rows = query(AssertSqlSafe(format!(
        "{READING} where meter = $1 and page <= $2 order by page desc limit 2"
    )))
    .bind(meter.to_string())
    .bind(i64::from(page))
    .fetch_all(tx.conn())
    .await?;
    let found = rows.iter().map(stored).collect::<Result<Vec<_>, _>>()?;
    let same = found.first().filter(|stored| stored.reading().page == page).copied();
    let before = found.iter().find(|stored| stored.reading().page < page).copied();
    Ok((same, before))
}

/// The reading of the nearest higher page.
async fn after(tx: &mut Tx, meter: MeterId, page: u32) -> Result<Option<Stored>, DbError> {
    let row = query(AssertSqlSafe(format!(
        "{READING} where meter = $1 and page > $2 order by page limit 1"
    )))
    .bind(meter.to_string())
    .bind(i64::from(page))
    .fetch_optional(tx.conn())
    .await?;
    row.as_ref().map(stored).transpose()
}

/// The reading of `page` between its neighbours, in page order.
pub(crate) async fn around(tx: &mut Tx, meter: MeterId, page: u32) -> Result<Vec<Stored>, DbError> {
    let (same, before) = up_to(tx, meter, page).await?;
    let after = after(tx, meter, page).await?;
    Ok([before, same, after].into_iter().flatten().collect())
}

/// The last reading at or before `start` and the first at or after `end`, where there are both.
pub(crate) async fn spanning(
    tx: &mut Tx,
    meter: MeterId,
    start: Timestamp,
    end: Timestamp,
) -> Result<Option<[Stored; 2]>, DbError> {
    let ends = [("time <= $2 order by time desc", start), ("time >= $2 order by time", end)];
    let mut found = Vec::with_capacity(2);
    for (condition, moment) in ends {
        let sql = format!("{READING} where meter = $1 and {condition} limit 1");
        let row = query(AssertSqlSafe(sql))
            .bind(meter.to_string())
            .bind(moment.seconds())
            .fetch_optional(tx.conn())
            .await?;
        found.extend(row.as_ref().map(stored).transpose()?);
    }
    Ok(<[Stored; 2]>::try_from(found).ok())
}

/// The readings of a community at `time`, in order of meter ids.
pub(crate) async fn at(
    tx: &mut Tx,
    community: CommunityId,
    time: Timestamp,
) -> Result<Vec<Stored>, DbError> {
    let sql = format!("{READING} where community = $1 and time = $2");
    in_meter_order(tx, sql, community, time).await
}

/// Those of [`at`] that are in no slot root yet.
pub(crate) async fn unanchored_at(
    tx: &mut Tx,
    community: CommunityId,
    time: Timestamp,
) -> Result<Vec<Stored>, DbError> {
    let sql = format!("{READING} where community = $1 and time = $2 and slot_batch is null");
    in_meter_order(tx, sql, community, time).await
}

async fn in_meter_order(
    tx: &mut Tx,
    sql: String,
    community: CommunityId,
    time: Timestamp,
) -> Result<Vec<Stored>, DbError> {
    let rows = query(AssertSqlSafe(sql))
        .bind(community.to_string())
        .bind(time.seconds())
        .fetch_all(tx.conn())
        .await?;
    let mut found = rows.iter().map(stored).collect::<Result<Vec<_>, _>>()?;
    found.sort_by_key(|stored| stored.reading().meter);
    Ok(found)
}

/// Times up to `until` that have readings in no slot root, the first `limit` of them.
pub(crate) async fn unanchored_times(
    db: &Db,
    community: CommunityId,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<Timestamp>, DbError> {
    let times: Vec<i64> = query_scalar(
        "select distinct time from reading where community = $1 and slot_batch is null \
         and time <= $2 order by time limit $3",
    )
    .bind(community.to_string())
    .bind(until.seconds())
    .bind(limit)
    .fetch_all(db.read())
    .await?;
    Ok(times.into_iter().map(Timestamp::from_seconds).collect())
}

/// The readings of `meter` with a time in `[from, to]`, in page order.
pub(crate) async fn within(
    tx: &mut Tx,
    meter: MeterId,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<SignedReading>, DbError> {
    let rows = query(AssertSqlSafe(format!(
        "{READING} where meter = $1 and time >= $2 and time <= $3 order by page"
    )))
    .bind(meter.to_string())
    .bind(from.seconds())
    .bind(to.seconds())
    .fetch_all(tx.conn())
    .await?;
    rows.iter().map(|row| Ok(stored(row)?.signed)).collect()
}

/// A part of the readings of `meter` with a time in `[from, to)` and a page above `after`.
pub(crate) async fn page(
    db: &Db,
    meter: MeterId,
    (from, to): (Timestamp, Timestamp),
    after: i64,
    limit: u32,
) -> Result<Vec<Stored>, DbError> {
    let rows = query(AssertSqlSafe(format!(
        "{READING} where meter = $1 and time >= $2 and time < $3 and page > $4 \
         order by page limit $5"
    )))
    .bind(meter.to_string())
    .bind(from.seconds())
    .bind(to.seconds())
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(db.read())
    .await?;
    rows.iter().map(stored).collect()
}

/// Pages of a community that were not held against the closed slots yet, the first `limit`.
pub(crate) async fn fresh(
    db: &Db,
    community: CommunityId,
    limit: i64,
) -> Result<Vec<(MeterId, u32)>, DbError> {
    let rows = query(
        "select meter, page from reading where community = $1 and fresh = 1 \
         order by meter, page limit $2",
    )
    .bind(community.to_string())
    .bind(limit)
    .fetch_all(db.read())
    .await?;
    rows.iter().map(|row| Ok((parsed(row, 0)?, small(row, 1)?))).collect()
}

/// A mark on a reading.
pub(crate) enum Mark {
    /// It was held against the closed slots.
    Applied,
    /// An event has carried it.
    Published,
    /// It is in this batch of its slot's roots.
    Anchored(u32),
}

/// Marks the reading of `page`.
pub(crate) async fn mark(
    tx: &mut Tx,
    meter: MeterId,
    page: u32,
    mark: Mark,
) -> Result<(), DbError> {
    let (sql, value): (_, i64) = match mark {
        Mark::Applied => ("update reading set fresh = $1 where meter = $2 and page = $3", 0),
        Mark::Published => ("update reading set published = $1 where meter = $2 and page = $3", 1),
        Mark::Anchored(batch) => {
            ("update reading set slot_batch = $1 where meter = $2 and page = $3", batch.into())
        }
    };
    let updated = query(sql).bind(value).bind(meter.to_string()).bind(i64::from(page));
    updated.execute(tx.conn()).await?;
    Ok(())
}

/// What is known of a meter's pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pages {
    pub(crate) first: u32,
    pub(crate) last: u32,
    pub(crate) count: u64,
    pub(crate) last_time: Timestamp,
    pub(crate) last_received_at: Timestamp,
}

/// The pages of `meter`; `None` when it never reported.
pub(crate) async fn pages(db: &Db, meter: MeterId) -> Result<Option<Pages>, DbError> {
    let row = query(
        "select min(page), max(page), count(*), max(time), max(received_at) from reading \
         where meter = $1 having count(*) > 0",
    )
    .bind(meter.to_string())
    .fetch_optional(db.read())
    .await?;
    row.map(|row| {
        Ok(Pages {
            first: small(&row, 0)?,
            last: small(&row, 1)?,
            count: natural(&row, 2)?,
            last_time: Timestamp::from_seconds(row.try_get(3)?),
            last_received_at: Timestamp::from_seconds(row.try_get(4)?),
        })
    })
    .transpose()
}

/// The first `limit` holes in the pages of `meter`: the pages on both sides of each.
pub(crate) async fn gaps(db: &Db, meter: MeterId, limit: i64) -> Result<Vec<(u32, u32)>, DbError> {
    let rows = query(
        "select page, following from (select page, lead(page) over (order by page) as following \
         from reading where meter = $1) as pairs where following > page + 1 order by page limit $2",
    )
    .bind(meter.to_string())
    .bind(limit)
    .fetch_all(db.read())
    .await?;
    rows.iter().map(|row| Ok((small(row, 0)?, small(row, 1)?))).collect()
}

fn stored(row: &AnyRow) -> Result<Stored, DbError> {
    let reading = Reading {
        meter: parsed(row, 0)?,
        page: small(row, 1)?,
        time: Timestamp::from_seconds(row.try_get(2)?),
        import: Register::from_wh(natural(row, 3)?),
        export: Register::from_wh(natural(row, 4)?),
        status: Status::from_bits(small(row, 5)?),
        firmware: small(row, 6)?,
    };
    let signature =
        Signature::from_bytes(bytes(row, 7)?).map_err(|error| broken(error.to_string()))?;
    Ok(Stored {
        signed: SignedReading { reading, signature },
        received_at: Timestamp::from_seconds(row.try_get(8)?),
        published: row.try_get::<i64, _>(9)? != 0,
    })
}
