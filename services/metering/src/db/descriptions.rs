//! What staff says of a meter and of the place that it measures.

use calendar::{LocalDay, Timestamp};
use db::{AnyRow, Db, DbError, Row, Tx, query};
use ids::MeterId;

use super::meters::{self, Meter};
use super::{broken, natural, small};

/// What staff says of a meter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Description {
    /// The last day on which its calibration counts.
    pub(crate) calibrated_until: Option<LocalDay>,
    /// North and east, in millionths of a degree.
    pub(crate) place: Option<(i32, i32)>,
    /// Rated power of the modules there.
    pub(crate) modules_w: Option<u64>,
    /// Whether something feeds in there without the sun.
    pub(crate) storage: bool,
}

/// Keeps what is said of `meter` in place of what was.
pub(crate) async fn put(
    tx: &mut Tx,
    meter: MeterId,
    said: &Description,
    at: Timestamp,
) -> Result<(), DbError> {
    query(
        "insert into description (meter, calibrated_until, latitude, longitude, modules_w, \
         storage, described_at) values ($1, $2, $3, $4, $5, $6, $7) \
         on conflict (meter) do update set calibrated_until = excluded.calibrated_until, \
         latitude = excluded.latitude, longitude = excluded.longitude, \
         modules_w = excluded.modules_w, storage = excluded.storage, \
         described_at = excluded.described_at",
    )
    .bind(meter.to_string())
    .bind(said.calibrated_until.map(|day| i64::from(day.number())))
    .bind(said.place.map(|(latitude, _)| i64::from(latitude)))
    .bind(said.place.map(|(_, longitude)| i64::from(longitude)))
    .bind(said.modules_w.map(|power| i64::try_from(power).unwrap_or(i64::MAX)))
    .bind(i64::from(said.storage))
    .bind(at.seconds())
    .execute(tx.conn())
    .await?;
    Ok(())
}

const SAID: &str = "select calibrated_until, latitude, longitude, modules_w, storage \
                    from description where meter = $1";

/// What is said of `meter`.
pub(crate) async fn find(db: &Db, meter: MeterId) -> Result<Option<Description>, DbError> {
    let row = query(SAID).bind(meter.to_string()).fetch_optional(db.read()).await?;
    row.as_ref().map(description).transpose()
}

/// What is said of `meter`, as the transaction sees it.
pub(crate) async fn said(tx: &mut Tx, meter: MeterId) -> Result<Option<Description>, DbError> {
    let row = query(SAID).bind(meter.to_string()).fetch_optional(tx.conn()).await?;
    row.as_ref().map(description).transpose()
}

fn description(row: &AnyRow) -> Result<Description, DbError> {
    let there = |index: usize| row.try_get::<Option<i64>, _>(index).map(|value| value.is_some());
    let degrees = |index: usize| -> Result<i32, DbError> {
        let value: i64 = row.try_get(index)?;
        i32::try_from(value).map_err(|_| broken(format!("{value} is not in millionths")))
    };
    let calibrated_until =
        if there(0)? { Some(LocalDay::from_number(small(row, 0)?)) } else { None };
    let place = if there(1)? { Some((degrees(1)?, degrees(2)?)) } else { None };
    let modules_w = if there(3)? { Some(natural(row, 3)?) } else { None };
    let storage = row.try_get::<i64, _>(4)? != 0;
    Ok(Description { calibrated_until, place, modules_w, storage })
}

/// The last moment at which the calibration of `meter` counts: the midnight after its last day.
/// `None` where nobody has said it.
pub(crate) async fn calibrated_until(db: &Db, meter: &Meter) -> Result<Option<Timestamp>, DbError> {
    let said = find(db, meter.id).await?.and_then(|said| said.calibrated_until);
    let zone = meters::timezone(db, meter.community).await?;
    Ok(said.zip(zone).map(|(day, zone)| zone.start_of(day.next())))
}
