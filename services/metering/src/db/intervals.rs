//! Every version of every interval.

use calendar::{Slot, Timestamp};
use db::{AnyRow, Cell, Db, DbError, Row, Tx, insert_rows, query, with_rows};
use ids::{ConnectionPointId, MeterId};
use units::Energy;

use super::meters::Meter;
use super::{broken, natural, parsed, small};
use crate::domain::closing::{Known, Quality};

/// A version of an interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) meter: MeterId,
    pub(crate) slot: Timestamp,
    pub(crate) version: u32,
    pub(crate) known: Known,
    pub(crate) known_at: Timestamp,
}

/// Keeps new versions: the meter, the slot, the version and what is known. Older versions stay.
pub(crate) async fn insert(
    tx: &mut Tx,
    versions: &[(&Meter, Slot, u32, Known)],
    known_at: Timestamp,
) -> Result<(), DbError> {
    let rows = versions.iter().map(|(meter, slot, version, known)| {
        Ok(vec![
            Cell::Text(meter.id.to_string()),
            Cell::Int(slot.start.seconds()),
            Cell::Int((*version).into()),
            Cell::Text(meter.connection_point.to_string()),
            Cell::Text(meter.account.to_string()),
            Cell::Text(meter.community.to_string()),
            wh(known.import)?,
            wh(known.export)?,
            Cell::from(known.quality.name()),
            known.quality.method().map_or(Cell::NullText, Cell::from),
            Cell::Int(known_at.seconds()),
        ])
    });
    let rows = rows.collect::<Result<Vec<_>, DbError>>()?;
    let insert = "insert into energy_interval (meter, slot, version, connection_point, account, \
                  community, import_wh, export_wh, quality, method, known_at)";
    insert_rows(tx, insert, 11, rows, "").await?;
    Ok(())
}

fn wh(energy: Energy) -> Result<Cell, DbError> {
    i64::try_from(energy.wh()).map(Cell::Int).map_err(|_| broken(format!("{energy:?}")))
}

/// What counts of each meter for the slots that start in `[from, to)`: the highest version each,
/// in no order. Where the times of a meter overlap, a version comes more than once.
pub(crate) async fn current(
    tx: &mut Tx,
    wanted: &[(MeterId, Timestamp, Timestamp)],
) -> Result<Vec<Version>, DbError> {
    let sql = "with wanted (of_meter, first, past) as ({rows}) \
               select i.meter, i.slot, i.version, i.import_wh, i.export_wh, i.quality, i.known_at \
               from wanted join energy_interval i \
               on i.meter = of_meter and i.slot >= first and i.slot < past \
               where not exists (select 1 from energy_interval n where n.meter = i.meter \
               and n.slot = i.slot and n.version > i.version)";
    let row = |(meter, from, to): &(MeterId, Timestamp, Timestamp)| {
        vec![Cell::Text(meter.to_string()), Cell::Int(from.seconds()), Cell::Int(to.seconds())]
    };
    let rows = with_rows(tx, sql, 3, wanted.iter().map(row).collect()).await?;
    rows.iter().map(version).collect()
}

/// A part of what counts at a connection point for slots that start in `[from, to)`, after the
/// slot and meter of `after`.
pub(crate) async fn page(
    db: &Db,
    point: ConnectionPointId,
    (from, to): (Timestamp, Timestamp),
    after: (Timestamp, String),
    limit: u32,
) -> Result<Vec<Version>, DbError> {
    let rows = query(
        "select i.meter, i.slot, i.version, i.import_wh, i.export_wh, i.quality, i.known_at \
         from energy_interval i where i.connection_point = $1 and i.slot >= $2 and i.slot < $3 \
         and (i.slot > $4 or (i.slot = $4 and i.meter > $5)) \
         and not exists (select 1 from energy_interval n where n.meter = i.meter \
         and n.slot = i.slot and n.version > i.version) order by i.slot, i.meter limit $6",
    )
    .bind(point.to_string())
    .bind(from.seconds())
    .bind(to.seconds())
    .bind(after.0.seconds())
    .bind(after.1)
    .bind(i64::from(limit))
    .fetch_all(db.read())
    .await?;
    rows.iter().map(version).collect()
}

/// What counts of `meter` for slots that start in `[from, to)`, in order.
pub(crate) async fn of_meter(
    db: &Db,
    meter: MeterId,
    (from, to): (Timestamp, Timestamp),
) -> Result<Vec<Version>, DbError> {
    let rows = query(
        "select i.meter, i.slot, i.version, i.import_wh, i.export_wh, i.quality, i.known_at \
         from energy_interval i where i.meter = $1 and i.slot >= $2 and i.slot < $3 \
         and not exists (select 1 from energy_interval n where n.meter = i.meter \
         and n.slot = i.slot and n.version > i.version) order by i.slot",
    )
    .bind(meter.to_string())
    .bind(from.seconds())
    .bind(to.seconds())
    .fetch_all(db.read())
    .await?;
    rows.iter().map(version).collect()
}

fn version(row: &AnyRow) -> Result<Version, DbError> {
    let quality: String = row.try_get(5)?;
    Ok(Version {
        meter: parsed(row, 0)?,
        slot: Timestamp::from_seconds(row.try_get(1)?),
        version: small(row, 2)?,
        known: Known {
            import: Energy::from_wh(natural(row, 3)?),
            export: Energy::from_wh(natural(row, 4)?),
            quality: Quality::named(&quality).ok_or_else(|| broken(quality))?,
        },
        known_at: Timestamp::from_seconds(row.try_get(6)?),
    })
}
