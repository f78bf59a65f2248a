//! Versions of intervals that what was paid does not fit, or that came after the corrections.

use anyhow::{Context, Result};
use calendar::Timestamp;
use db::{AnyRow, Cell, Db, Row, Tx, insert_rows, query, query_scalar};
use ids::{CommunityId, ConnectionPointId};
use units::Energy;

use crate::domain::journal::PointMetered;

/// Versions that one tick looks at, at most.
const TICK_MAX: i64 = 2_000;

/// How a kept version stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stand {
    /// Not in the journal until the runs that follow from it are final.
    Waiting,
    /// Came after the corrections and is not in the journal: what was paid does not fit it.
    LateApart,
    /// Came after the corrections and is in the journal: the retailer's part took the difference.
    LatePosted,
}

impl Stand {
    fn code(self) -> i64 {
        match self {
            Stand::Waiting => 0,
            Stand::LateApart => 1,
            Stand::LatePosted => 2,
        }
    }
}

/// A version of an interval that is kept beside the journal; the newest of its point and slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) community: CommunityId,
    pub(crate) slot: Timestamp,
    pub(crate) version: u32,
    pub(crate) metered: PointMetered,
    /// What the journal calls its source.
    pub(crate) source: String,
    pub(crate) at: Timestamp,
    /// When corrections of its trades end.
    pub(crate) closes: Timestamp,
    pub(crate) stand: Stand,
}

pub(crate) async fn put(tx: &mut Tx, kept: &[Kept]) -> Result<()> {
    let mut rows = Vec::with_capacity(kept.len());
    for one in kept {
        rows.push(vec![
            Cell::Text(one.metered.point.to_string()),
            Cell::Int(one.slot.seconds()),
            Cell::Text(one.community.to_string()),
            Cell::Int(i64::from(one.version)),
            Cell::Int(super::int(one.metered.import.wh())?),
            Cell::Int(super::int(one.metered.export.wh())?),
            Cell::Text(one.source.clone()),
            Cell::Int(one.at.seconds()),
            Cell::Int(one.closes.seconds()),
            Cell::Int(one.stand.code()),
        ]);
    }
    let insert = "insert into kept_interval (point, slot, community, version, import_wh, \
                  export_wh, source, at, closes, state)";
    let update = "on conflict (point, slot) do update set version = excluded.version, \
                  import_wh = excluded.import_wh, export_wh = excluded.export_wh, \
                  source = excluded.source, at = excluded.at, closes = excluded.closes, \
                  state = excluded.state";
    insert_rows(tx, insert, 10, rows, update).await?;
    Ok(())
}

/// Forgets the version of a point and slot: a newer one is in the journal.
pub(crate) async fn forget(tx: &mut Tx, point: ConnectionPointId, slot: Timestamp) -> Result<()> {
    query("delete from kept_interval where point = $1 and slot = $2")
        .bind(point.to_string())
        .bind(slot.seconds())
        .execute(tx.conn())
        .await
        .context("forgetting a kept interval")?;
    Ok(())
}

const COLUMNS: &str = "point, slot, community, version, import_wh, export_wh, source, at, \
                       closes, state";

/// Versions that are not in the journal and may still get there: those whose corrections ended
/// before `closed_before` are left out.
pub(crate) async fn open(db: &Db, closed_before: Timestamp) -> Result<Vec<Kept>> {
    let sql = format!(
        "select {COLUMNS} from kept_interval \
         where state = 0 or (state = 1 and closes >= $1) order by slot, point limit $2"
    );
    let rows = query(db::AssertSqlSafe(sql))
        .bind(closed_before.seconds())
        .bind(TICK_MAX)
        .fetch_all(db.read())
        .await
        .context("reading intervals that wait")?;
    rows.iter().map(parse).collect()
}

/// Versions of a community that came after the corrections, the newest first.
pub(crate) async fn late(db: &Db, community: CommunityId, limit: i64) -> Result<Vec<Kept>> {
    let sql = format!(
        "select {COLUMNS} from kept_interval where community = $1 and state > 0 \
         order by at desc, slot, point limit $2"
    );
    let rows = query(db::AssertSqlSafe(sql))
        .bind(community.to_string())
        .bind(limit)
        .fetch_all(db.read())
        .await
        .context("reading late intervals")?;
    rows.iter().map(parse).collect()
}

/// How many versions of a community wait for their run, and how many came after the corrections.
pub(crate) async fn count(db: &Db, community: CommunityId) -> Result<(u64, u64)> {
    let count = |sql: &'static str| query_scalar::<_, i64>(sql).bind(community.to_string());
    let sql = "select count(*) from kept_interval where community = $1 and state = 0";
    let waiting = count(sql).fetch_one(db.read()).await?;
    let sql = "select count(*) from kept_interval where community = $1 and state > 0";
    let late = count(sql).fetch_one(db.read()).await?;
    Ok((waiting.unsigned_abs(), late.unsigned_abs()))
}

fn parse(row: &AnyRow) -> Result<Kept> {
    let text = |place: usize| row.try_get::<String, _>(place);
    let number = |place: usize| row.try_get::<i64, _>(place);
    let energy = |place: usize| number(place).map(|wh| Energy::from_wh(wh.unsigned_abs()));
    let stand = match number(9)? {
        0 => Stand::Waiting,
        1 => Stand::LateApart,
        _ => Stand::LatePosted,
    };
    let (point, import, export) = (text(0)?.parse()?, energy(4)?, energy(5)?);
    Ok(Kept {
        slot: Timestamp::from_seconds(number(1)?),
        community: text(2)?.parse()?,
        version: u32::try_from(number(3)?)?,
        metered: PointMetered { point, import, export },
        source: text(6)?,
        at: Timestamp::from_seconds(number(7)?),
        closes: Timestamp::from_seconds(number(8)?),
        stand,
    })
}
