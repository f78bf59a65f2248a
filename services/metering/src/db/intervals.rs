//! Every version of every interval.

use calendar::{Slot, Timestamp};
use db::{AnyRow, AssertSqlSafe, Cell, Db, DbError, Row, Tx, insert_rows, query, with_rows};
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

/// Which slots are wanted, and as they were known when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// The first moment of the first slot.
    pub(crate) from: Timestamp,
    /// Slots start before.
    pub(crate) to: Timestamp,
    /// What came later does not count.
    pub(crate) at: Timestamp,
    /// Every version, instead of the highest.
    pub(crate) is_every: bool,
}

/// A part of what counts at a connection point, after the slot, meter and version of `after`.
pub(crate) async fn page(
    db: &Db,
    point: ConnectionPointId,
    wanted: &Wanted,
    after: (Timestamp, String, u32),
    limit: u32,
) -> Result<Vec<Version>, DbError> {
    let latest = "and not exists (select 1 from energy_interval n where n.meter = i.meter \
                  and n.slot = i.slot and n.version > i.version and n.known_at <= $4)";
    let sql = format!(
        "select i.meter, i.slot, i.version, i.import_wh, i.export_wh, i.quality, i.known_at \
         from energy_interval i where i.connection_point = $1 and i.slot >= $2 and i.slot < $3 \
         and i.known_at <= $4 and (i.slot > $5 or (i.slot = $5 and (i.meter > $6 \
         or (i.meter = $6 and i.version > $7)))) {} order by i.slot, i.meter, i.version limit $8",
        if wanted.is_every { "" } else { latest }
    );
    let rows = query(AssertSqlSafe(sql))
        .bind(point.to_string())
        .bind(wanted.from.seconds())
        .bind(wanted.to.seconds())
        .bind(wanted.at.seconds())
        .bind(after.0.seconds())
        .bind(after.1)
        .bind(i64::from(after.2))
        .bind(i64::from(limit))
        .fetch_all(db.read())
        .await?;
    rows.iter().map(version).collect()
}

/// What counts of `meter` for the first slots, at most `limit`, that start in `[from, to)`, in
/// order.
pub(crate) async fn of_meter(
    db: &Db,
    meter: MeterId,
    (from, to): (Timestamp, Timestamp),
    limit: u32,
) -> Result<Vec<Version>, DbError> {
    let rows = query(
        "select i.meter, i.slot, i.version, i.import_wh, i.export_wh, i.quality, i.known_at \
         from energy_interval i where i.meter = $1 and i.slot >= $2 and i.slot < $3 \
         and not exists (select 1 from energy_interval n where n.meter = i.meter \
         and n.slot = i.slot and n.version > i.version) order by i.slot limit $4",
    )
    .bind(meter.to_string())
    .bind(from.seconds())
    .bind(to.seconds())
    .bind(i64::from(limit))
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
