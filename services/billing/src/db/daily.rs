//! What each day of a community came to, as it was found when it was over.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use anyhow::{Context, Result};
use calendar::{LocalDay, Timestamp};
use contracts::Reconciled;
use db::{Cell, Db, Row, Tx, insert_rows, query, query_scalar};
use ids::{CommunityId, ConnectionPointId};
use units::Energy;

use crate::domain::daily::DayRecord;

/// `record` is JSON.
pub(super) const SCHEMA: &str = "
create table daily_record (
    community text not null, day bigint not null, at bigint not null, record text not null,
    primary key (community, day)
);
";

/// Keeps a day's record; one that is there stays.
pub(crate) async fn put(
    tx: &mut Tx,
    community: CommunityId,
    record: &DayRecord,
    at: Timestamp,
) -> Result<()> {
    let row = vec![
        Cell::Text(community.to_string()),
        Cell::Int(i64::from(record.day.number())),
        Cell::Int(at.seconds()),
        Cell::Text(serde_json::to_string(record)?),
    ];
    let insert = "insert into daily_record (community, day, at, record)";
    insert_rows(tx, insert, 4, vec![row], "on conflict (community, day) do nothing")
        .await
        .context("keeping a day's record")?;
    Ok(())
}

/// The last day that is recorded of a community.
pub(crate) async fn last(db: &Db, community: CommunityId) -> Result<Option<LocalDay>> {
    let last: Option<i64> = query_scalar("select max(day) from daily_record where community = $1")
        .bind(community.to_string())
        .fetch_one(db.read())
        .await
        .context("reading the last day's record")?;
    Ok(last.map(u32::try_from).transpose()?.map(LocalDay::from_number))
}

/// Records of a community before a day's number, the newest first.
pub(crate) async fn page(
    db: &Db,
    community: CommunityId,
    before: i64,
    limit: u32,
) -> Result<Vec<DayRecord>> {
    let sql = "select record from daily_record where community = $1 and day < $2 \
               order by day desc limit $3";
    let rows = query(sql)
        .bind(community.to_string())
        .bind(before)
        .bind(i64::from(limit))
        .fetch_all(db.read())
        .await
        .context("reading days' records")?;
    let record = |row: &db::AnyRow| {
        serde_json::from_str(&row.try_get::<String, _>(0)?).context("a kept day's record")
    };
    rows.iter().map(record).collect()
}

/// What the last run of each trade of a community in a slot says was delivered.
pub(crate) async fn last_runs(
    db: &Db,
    community: CommunityId,
    slot: Timestamp,
) -> Result<BTreeMap<B256, Energy>> {
    let sql = "select run.key, run.body from fact trade \
               join fact run on run.kind = 'reconciled' and run.key = trade.key \
               where trade.kind = 'settled' and trade.slot = $1 and trade.community = $2 \
               order by run.number, run.place";
    let rows = query(sql)
        .bind(slot.seconds())
        .bind(community.to_string())
        .fetch_all(db.read())
        .await
        .context("reading a slot's runs")?;
    let mut last = BTreeMap::new();
    for row in &rows {
        let (trade, body): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let run: Reconciled = serde_json::from_str(&body).context("a kept run")?;
        last.insert(trade.parse()?, run.delivered);
    }
    Ok(last)
}

/// Connection points of which a version of a slot's interval waits, or came too late.
pub(crate) async fn kept_apart(
    db: &Db,
    community: CommunityId,
    slot: Timestamp,
) -> Result<Vec<ConnectionPointId>> {
    let rows = query("select point from kept_interval where community = $1 and slot = $2")
        .bind(community.to_string())
        .bind(slot.seconds())
        .fetch_all(db.read())
        .await
        .context("reading what waits of a slot")?;
    rows.iter().map(|row| Ok(row.try_get::<String, _>(0)?.parse()?)).collect()
}
