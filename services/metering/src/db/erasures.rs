//! What was erased, and what stays of it: hashes that nobody can turn back without the salts.

use alloy_primitives::B256;
use calendar::{LocalDay, SlotLength, Timestamp};
use db::{AnyRow, AssertSqlSafe, Cell, Db, DbError, Row, Tx, insert_rows, query, query_scalar};
use ids::{CommunityId, MeterId};
use reading::{Salt, slot_leaf};

use super::readings::{COLUMNS, Stored, stored};
use super::{bytes, natural, parsed, small};
use crate::app::anchor::slot_salt;

/// Who said that something is to be erased, where nobody did but the settings.
pub(crate) const RETENTION: &str = "retention";

/// An order to erase, and how much it was of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Erasure {
    /// The first day that stays.
    pub(crate) before: LocalDay,
    pub(crate) at: Timestamp,
    /// An account, or [`RETENTION`].
    pub(crate) by: String,
    /// Readings that are gone by it so far.
    pub(crate) readings: u64,
}

/// Notes that readings of `meter` from before `midnight`, with which `before` begins, are erased,
/// whether they are there or come later; `false` where that is known.
pub(crate) async fn order(
    tx: &mut Tx,
    meter: MeterId,
    order: &Erasure,
    midnight: Timestamp,
) -> Result<bool, DbError> {
    let raised = query(
        "update meter set erased_day = $1, erased_until = $2 where id = $3 \
         and (erased_until is null or erased_until < $2)",
    )
    .bind(i64::from(order.before.number()))
    .bind(midnight.seconds())
    .bind(meter.to_string())
    .execute(tx.conn())
    .await?;
    if raised.rows_affected() == 0 {
        return Ok(false);
    }
    let row = vec![
        Cell::Text(meter.to_string()),
        Cell::Int(order.before.number().into()),
        Cell::Int(order.at.seconds()),
        Cell::Text(order.by.clone()),
        Cell::Int(0),
    ];
    let insert = "insert into erasure (meter, day, ordered_at, ordered_by, readings)";
    insert_rows(tx, insert, 5, vec![row], "").await?;
    Ok(true)
}

/// Whether a reading of `meter` from before `until` is in no slot root, or in no root of its day
/// (one before `before`).
pub(crate) async fn unanchored(
    tx: &mut Tx,
    meter: MeterId,
    before: LocalDay,
    until: Timestamp,
) -> Result<bool, DbError> {
    let count: i64 = query_scalar(
        "select (select count(*) from reading where meter = $1 and time < $2 \
         and slot_batch is null) + (select count(*) from day_dirty where meter = $1 and day < $3)",
    )
    .bind(meter.to_string())
    .bind(until.seconds())
    .bind(i64::from(before.number()))
    .fetch_one(tx.conn())
    .await?;
    Ok(count > 0)
}

/// The first day before `before` of which a salt of `meter` is left.
pub(crate) async fn first_day(
    db: &Db,
    meter: MeterId,
    before: LocalDay,
) -> Result<Option<(LocalDay, Salt)>, DbError> {
    let row =
        query("select day, salt from salt where meter = $1 and day < $2 order by day limit 1")
            .bind(meter.to_string())
            .bind(i64::from(before.number()))
            .fetch_optional(db.read())
            .await?;
    row.map(|row| Ok((LocalDay::from_number(small(&row, 0)?), Salt::from(bytes(&row, 1)?))))
        .transpose()
}

/// Erases what `meter` said on `day`, which is `[midnight, next)`, and what was made of it; keeps
/// the leaves that neighbours' proofs need. Returns how many readings there were.
pub(crate) async fn erase_day(
    tx: &mut Tx,
    (meter, community): (MeterId, CommunityId),
    (day, salt): (LocalDay, Salt),
    (midnight, next): (Timestamp, Timestamp),
    length: SlotLength,
) -> Result<u64, DbError> {
    let sql = format!(
        "select {COLUMNS}, slot_batch from reading where meter = $1 and time >= $2 and time < $3"
    );
    let rows = query(AssertSqlSafe(sql))
        .bind(meter.to_string())
        .bind(midnight.seconds())
        .bind(next.seconds())
        .fetch_all(tx.conn())
        .await?;
    let leaf = |row: &AnyRow| {
        let Stored { signed, .. } = stored(row)?;
        let time = signed.reading.time;
        let salt = slot_salt(salt, time.plus_seconds(-length.seconds()));
        Ok(vec![
            Cell::Text(community.to_string()),
            Cell::Int(time.seconds()),
            Cell::Int(small(row, 10)?.into()),
            Cell::Text(meter.to_string()),
            Cell::Int(signed.reading.page.into()),
            Cell::Bytes(slot_leaf(salt, &signed).to_vec()),
        ])
    };
    let leaves = rows.iter().map(leaf).collect::<Result<Vec<_>, DbError>>()?;
    let insert = "insert into erased_leaf (community, time, batch, meter, page, leaf)";
    insert_rows(tx, insert, 6, leaves, "on conflict do nothing").await?;
    for sql in [
        "delete from reading where meter = $1 and time >= $2 and time < $3",
        "delete from energy_interval where meter = $1 and slot >= $2 and slot < $3",
    ] {
        let delete = query(sql).bind(meter.to_string()).bind(midnight.seconds());
        delete.bind(next.seconds()).execute(tx.conn()).await?;
    }
    for sql in [
        "delete from salt where meter = $1 and day = $2",
        "delete from checked where meter = $1 and day = $2",
        "delete from finding where meter = $1 and day = $2",
        "delete from estimate where meter = $1 and day = $2",
        "delete from check_due where meter = $1 and day = $2",
    ] {
        let delete = query(sql).bind(meter.to_string()).bind(i64::from(day.number()));
        delete.execute(tx.conn()).await?;
    }
    let count = rows.len() as u64;
    query(
        "update erasure set readings = readings + $1 \
         where place = (select max(place) from erasure where meter = $2)",
    )
    .bind(i64::try_from(count).unwrap_or(i64::MAX))
    .bind(meter.to_string())
    .execute(tx.conn())
    .await?;
    Ok(count)
}

/// Erases what is known of `meter` from before `until` besides its readings: intervals nobody
/// reported for, messages that were not believed, what utilities' files said.
pub(crate) async fn erase_rest(
    tx: &mut Tx,
    meter: MeterId,
    until: Timestamp,
) -> Result<(), DbError> {
    for sql in [
        "delete from energy_interval where meter = $1 and slot < $2",
        "delete from quarantine where meter = $1 and last_at < $2",
        "delete from file_interval where meter = $1 and start < $2",
        "delete from file_rejection where file in \
         (select place from file where meter = $1 and received_at < $2)",
    ] {
        let delete = query(sql).bind(meter.to_string()).bind(until.seconds());
        delete.execute(tx.conn()).await?;
    }
    Ok(())
}

/// A meter of which something is to be erased, and before which midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Open {
    pub(crate) meter: MeterId,
    pub(crate) before: LocalDay,
}

/// Orders that were cut short, the first `limit`.
pub(crate) async fn open(db: &Db, limit: i64) -> Result<Vec<Open>, DbError> {
    let rows = query(
        "select m.id, m.erased_day from meter m where m.erased_day is not null and exists \
         (select 1 from salt s where s.meter = m.id and s.day < m.erased_day) order by m.id limit $1",
    )
    .bind(limit)
    .fetch_all(db.read())
    .await?;
    rows.iter().map(a_meter).collect()
}

/// Meters that have salts of days before `day`, the first `limit`.
pub(crate) async fn older(db: &Db, day: LocalDay, limit: i64) -> Result<Vec<MeterId>, DbError> {
    let rows = query("select distinct meter from salt where day < $1 order by meter limit $2")
        .bind(i64::from(day.number()))
        .bind(limit)
        .fetch_all(db.read())
        .await?;
    rows.iter().map(|row| parsed(row, 0)).collect()
}

fn a_meter(row: &AnyRow) -> Result<Open, DbError> {
    Ok(Open { meter: parsed(row, 0)?, before: LocalDay::from_number(small(row, 1)?) })
}

/// The orders for `meter`, newest first, at most `limit`.
pub(crate) async fn list(db: &Db, meter: MeterId, limit: i64) -> Result<Vec<Erasure>, DbError> {
    let rows = query(
        "select day, ordered_at, ordered_by, readings from erasure where meter = $1 \
         order by place desc limit $2",
    )
    .bind(meter.to_string())
    .bind(limit)
    .fetch_all(db.read())
    .await?;
    let erasure = |row: &AnyRow| {
        Ok(Erasure {
            before: LocalDay::from_number(small(row, 0)?),
            at: Timestamp::from_seconds(row.try_get(1)?),
            by: row.try_get(2)?,
            readings: natural(row, 3)?,
        })
    };
    rows.iter().map(erasure).collect()
}

/// The leaves of a slot's batch whose readings, at `time`, are erased.
pub(crate) async fn leaves(
    db: &Db,
    community: CommunityId,
    time: Timestamp,
    batch: u32,
) -> Result<Vec<((MeterId, u32), B256)>, DbError> {
    let rows = query(
        "select meter, page, leaf from erased_leaf \
         where community = $1 and time = $2 and batch = $3",
    )
    .bind(community.to_string())
    .bind(time.seconds())
    .bind(i64::from(batch))
    .fetch_all(db.read())
    .await?;
    let leaf =
        |row: &AnyRow| Ok(((parsed(row, 0)?, small(row, 1)?), B256::from(bytes::<32>(row, 2)?)));
    rows.iter().map(leaf).collect()
}
