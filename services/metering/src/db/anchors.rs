//! Roots handed to the chain, and the salts beneath them.

use std::collections::HashMap;

use alloy_primitives::B256;
use calendar::{LocalDay, Timestamp};
use db::{Cell, Db, DbError, Tx, insert_rows, query, query_scalar, with_rows};
use ids::{CommunityId, MeterId};
use reading::Salt;

use super::{broken, bytes, parsed};

/// The number of the next batch of a slot's roots; the first is 1, as on chain.
pub(crate) async fn next_slot_batch(
    tx: &mut Tx,
    community: CommunityId,
    slot: Timestamp,
) -> Result<u32, DbError> {
    let sql =
        "select coalesce(max(batch), 0) + 1 from slot_anchor where community = $1 and slot = $2";
    next_batch(tx, sql, community, slot.seconds()).await
}

/// The number of the next batch of a day's roots; the first is 1, as on chain.
pub(crate) async fn next_day_batch(
    tx: &mut Tx,
    community: CommunityId,
    day: LocalDay,
) -> Result<u32, DbError> {
    let sql =
        "select coalesce(max(batch), 0) + 1 from day_anchor where community = $1 and day = $2";
    next_batch(tx, sql, community, day.number().into()).await
}

async fn next_batch(
    tx: &mut Tx,
    sql: &'static str,
    community: CommunityId,
    period: i64,
) -> Result<u32, DbError> {
    let next: i64 =
        query_scalar(sql).bind(community.to_string()).bind(period).fetch_one(tx.conn()).await?;
    u32::try_from(next).map_err(|_| broken(format!("batch {next}")))
}

/// A root and where it stands.
pub(crate) struct Root {
    pub(crate) community: CommunityId,
    pub(crate) batch: u32,
    pub(crate) root: B256,
    pub(crate) leaves: u32,
}

impl Root {
    fn row(&self, period: i64) -> Vec<Cell> {
        vec![
            Cell::Text(self.community.to_string()),
            Cell::Int(period),
            Cell::Int(self.batch.into()),
            Cell::Bytes(self.root.to_vec()),
            Cell::Int(self.leaves.into()),
        ]
    }
}

/// Keeps a slot's root.
pub(crate) async fn insert_slot(tx: &mut Tx, slot: Timestamp, root: &Root) -> Result<(), DbError> {
    let insert = "insert into slot_anchor (community, slot, batch, root, leaves)";
    insert_rows(tx, insert, 5, vec![root.row(slot.seconds())], "").await?;
    Ok(())
}

/// Keeps a day's root and its leaves.
pub(crate) async fn insert_day(
    tx: &mut Tx,
    day: LocalDay,
    root: &Root,
    leaves: &[(MeterId, B256)],
) -> Result<(), DbError> {
    let insert = "insert into day_anchor (community, day, batch, root, leaves)";
    insert_rows(tx, insert, 5, vec![root.row(day.number().into())], "").await?;
    let rows = leaves.iter().map(|(meter, leaf)| {
        vec![
            Cell::Text(root.community.to_string()),
            Cell::Int(day.number().into()),
            Cell::Int(root.batch.into()),
            Cell::Text(meter.to_string()),
            Cell::Bytes(leaf.to_vec()),
        ]
    });
    let insert = "insert into day_leaf (community, day, batch, meter, leaf)";
    insert_rows(tx, insert, 5, rows.collect(), "").await?;
    Ok(())
}

/// The leaves of `meters`, each in the latest of a day's roots that has one.
pub(crate) async fn latest_leaves(
    tx: &mut Tx,
    community: CommunityId,
    day: LocalDay,
    meters: &[MeterId],
) -> Result<HashMap<MeterId, B256>, DbError> {
    let sql = "with wanted (of_community, of_day, of_meter) as ({rows}) \
               select l.meter, l.leaf from wanted join day_leaf l \
               on l.community = of_community and l.day = of_day and l.meter = of_meter \
               where not exists (select 1 from day_leaf n where n.community = l.community \
               and n.day = l.day and n.meter = l.meter and n.batch > l.batch)";
    let rows = meters.iter().map(|meter| of_day(community, day, *meter)).collect();
    let found = with_rows(tx, sql, 3, rows).await?;
    found.iter().map(|row| Ok((parsed(row, 0)?, B256::from(bytes(row, 1)?)))).collect()
}

fn of_day(community: CommunityId, day: LocalDay, meter: MeterId) -> Vec<Cell> {
    vec![
        Cell::Text(community.to_string()),
        Cell::Int(day.number().into()),
        Cell::Text(meter.to_string()),
    ]
}

/// Notes that readings of these meters on these days are in no root yet.
pub(crate) async fn soil(
    tx: &mut Tx,
    community: CommunityId,
    days: impl Iterator<Item = (LocalDay, MeterId)>,
) -> Result<(), DbError> {
    let rows = days.map(|(day, meter)| of_day(community, day, meter)).collect();
    let insert = "insert into day_dirty (community, day, meter)";
    insert_rows(tx, insert, 3, rows, "on conflict do nothing").await?;
    Ok(())
}

/// The days of a community that have readings in no root.
pub(crate) async fn dirty_days(db: &Db, community: CommunityId) -> Result<Vec<LocalDay>, DbError> {
    let days: Vec<i64> =
        query_scalar("select distinct day from day_dirty where community = $1 order by day")
            .bind(community.to_string())
            .fetch_all(db.read())
            .await?;
    let day = |number: i64| u32::try_from(number).map_err(|_| broken(format!("day {number}")));
    days.into_iter().map(|number| day(number).map(LocalDay::from_number)).collect()
}

/// Takes the meters of `day` with readings in no root off the list, in order of their ids.
pub(crate) async fn clean(
    tx: &mut Tx,
    community: CommunityId,
    day: LocalDay,
) -> Result<Vec<MeterId>, DbError> {
    let rows = query("delete from day_dirty where community = $1 and day = $2 returning meter")
        .bind(community.to_string())
        .bind(i64::from(day.number()))
        .fetch_all(tx.conn())
        .await?;
    let mut meters =
        rows.iter().map(|row| parsed(row, 0)).collect::<Result<Vec<MeterId>, DbError>>()?;
    meters.sort_unstable();
    Ok(meters)
}

/// The salts of those of `meters` that have one for `day`.
pub(crate) async fn salts(
    tx: &mut Tx,
    day: LocalDay,
    meters: &[MeterId],
) -> Result<HashMap<MeterId, Salt>, DbError> {
    let sql = "with wanted (of_meter, of_day) as ({rows}) select meter, salt from wanted \
               join salt on meter = of_meter and day = of_day";
    let row = |meter: &MeterId| vec![Cell::Text(meter.to_string()), Cell::Int(day.number().into())];
    let found = with_rows(tx, sql, 2, meters.iter().map(row).collect()).await?;
    found.iter().map(|row| Ok((parsed(row, 0)?, Salt::from(bytes(row, 1)?)))).collect()
}

/// The salts of a community's meters for `day`.
pub(crate) async fn salts_at(
    db: &Db,
    community: CommunityId,
    day: LocalDay,
) -> Result<HashMap<MeterId, Salt>, DbError> {
    let sql = "select meter.id, salt from salt join meter on meter.id = salt.meter \
               where meter.community = $1 and day = $2";
    let rows = query(sql)
        .bind(community.to_string())
        .bind(i64::from(day.number()))
        .fetch_all(db.read())
        .await?;
    rows.iter().map(|row| Ok((parsed(row, 0)?, Salt::from(bytes(row, 1)?)))).collect()
}

/// Gives each meter its salt for `day`, unless it has one.
pub(crate) async fn insert_salts(
    tx: &mut Tx,
    day: LocalDay,
    salts: &[(MeterId, Salt)],
) -> Result<(), DbError> {
    let rows = salts.iter().map(|(meter, salt)| {
        vec![
            Cell::Text(meter.to_string()),
            Cell::Int(day.number().into()),
            Cell::Bytes(salt.to_vec()),
        ]
    });
    let insert = "insert into salt (meter, day, salt)";
    insert_rows(tx, insert, 3, rows.collect(), "on conflict do nothing").await?;
    Ok(())
}
