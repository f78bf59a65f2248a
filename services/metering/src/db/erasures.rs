//! What was erased, and what stays of it: hashes that nobody can turn back without the salts.

use alloy_primitives::B256;
use calendar::{LocalDay, SlotLength, Timestamp};
use db::{AnyRow, AssertSqlSafe, Cell, Db, DbError, Row, Tx, insert_rows, query, query_scalar};
use ids::{CommunityId, MeterId};
use reading::{Salt, slot_leaf};

use super::quarantine;
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

/// Notes that readings of `meter` up to `midnight`, with which `before` begins, are erased,
/// whether they are there or come later; changes nothing where that is known.
pub(crate) async fn order(
    tx: &mut Tx,
    meter: MeterId,
    order: &Erasure,
    midnight: Timestamp,
) -> Result<(), DbError> {
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
        return Ok(());
    }
    // One for all that the settings ordered: they do each day.
    let again = query(
        "update erasure set day = $1, ordered_at = $2 where meter = $3 and ordered_by = $4 \
         and ordered_by = $5",
    )
    .bind(i64::from(order.before.number()))
    .bind(order.at.seconds())
    .bind(meter.to_string())
    .bind(order.by.clone())
    .bind(RETENTION)
    .execute(tx.conn())
    .await?;
    if again.rows_affected() > 0 {
        return Ok(());
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
    Ok(())
}

/// Whether a reading of `meter` from before `until` is in no slot root, or was not held against the
/// slots, or is in no root of its day (one before `before`).
pub(crate) async fn unanchored(
    tx: &mut Tx,
    meter: MeterId,
    before: LocalDay,
    until: Timestamp,
) -> Result<bool, DbError> {
    let count: i64 = query_scalar(
        "select (select count(*) from reading where meter = $1 and time < $2 \
         and (slot_batch is null or fresh = 1)) \
         + (select count(*) from day_dirty where meter = $1 and day < $3)",
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

/// Erases what `meter` said on `day`, which is `[midnight, next)`, with its salt; keeps the leaves
/// that neighbours' proofs need.
///
/// # Errors
/// Also where one of the readings is in no slot root: it came meanwhile.
pub(crate) async fn erase_day(
    tx: &mut Tx,
    (meter, community): (MeterId, CommunityId),
    (day, salt): (LocalDay, Salt),
    (midnight, next): (Timestamp, Timestamp),
    length: SlotLength,
) -> Result<(), DbError> {
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
    query("delete from reading where meter = $1 and time >= $2 and time < $3")
        .bind(meter.to_string())
        .bind(midnight.seconds())
        .bind(next.seconds())
        .execute(tx.conn())
        .await?;
    query("delete from salt where meter = $1 and day = $2")
        .bind(meter.to_string())
        .bind(i64::from(day.number()))
        .execute(tx.conn())
        .await?;
    query(
        "update erasure set readings = readings + $1 where meter = $2 \
         and day = (select erased_day from meter where id = $2)",
    )
    .bind(i64::try_from(rows.len()).unwrap_or(i64::MAX))
    .bind(meter.to_string())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Erases what is known of `meter` from before `until`, with which `before` begins, besides its
/// readings: intervals, what the rules found, messages that were not believed, what utilities'
/// files said.
pub(crate) async fn erase_rest(
    tx: &mut Tx,
    meter: MeterId,
    before: LocalDay,
    until: Timestamp,
) -> Result<(), DbError> {
    for sql in [
        "delete from energy_interval where meter = $1 and slot < $2",
        "delete from file_interval where meter = $1 and start < $2",
        "delete from file_rejection where file in (select place from file where meter = $1 \
         and (received_at < $2 or not exists (select 1 from file_interval i \
         where i.file = file.place)))",
    ] {
        let delete = query(sql).bind(meter.to_string()).bind(until.seconds());
        delete.execute(tx.conn()).await?;
    }
    for sql in [
        "delete from checked where meter = $1 and day < $2",
        "delete from finding where meter = $1 and day < $2",
        "delete from estimate where meter = $1 and day < $2",
        "delete from check_due where meter = $1 and day < $2",
    ] {
        let delete = query(sql).bind(meter.to_string()).bind(i64::from(before.number()));
        delete.execute(tx.conn()).await?;
    }
    quarantine::erase(tx, meter, until).await
}

/// Orders whose days are not all gone: meters, and the first day that stays; the first `limit`.
pub(crate) async fn open(db: &Db, limit: i64) -> Result<Vec<(MeterId, LocalDay)>, DbError> {
    let rows = query(
        "select m.id, m.erased_day from meter m where m.erased_day is not null and exists \
         (select 1 from salt s where s.meter = m.id and s.day < m.erased_day) \
         order by m.id limit $1",
    )
    .bind(limit)
    .fetch_all(db.read())
    .await?;
    let meter = |row: &AnyRow| Ok((parsed(row, 0)?, LocalDay::from_number(small(row, 1)?)));
    rows.iter().map(meter).collect()
}

/// Meters that nobody has looked at on `day` for what is too old, the first `limit`.
pub(crate) async fn unseen(db: &Db, day: LocalDay, limit: i64) -> Result<Vec<MeterId>, DbError> {
    let rows = query(
        "select id from meter where erasure_seen is null or erasure_seen < $1 order by id limit $2",
    )
    .bind(i64::from(day.number()))
    .bind(limit)
    .fetch_all(db.read())
    .await?;
    rows.iter().map(|row| parsed(row, 0)).collect()
}

/// Notes that `meter` was looked at on `day`.
pub(crate) async fn see(tx: &mut Tx, meter: MeterId, day: LocalDay) -> Result<(), DbError> {
    query("update meter set erasure_seen = $1 where id = $2")
        .bind(i64::from(day.number()))
        .bind(meter.to_string())
        .execute(tx.conn())
        .await?;
    Ok(())
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
