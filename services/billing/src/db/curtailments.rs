//! What was told of slots in which the grid carries no trades.

use anyhow::{Context, Result};
use calendar::Timestamp;
use db::{AnyRow, Cell, Db, Row, Tx, insert_rows, query};
use ids::{CommunityId, ZoneId};

use crate::domain::curtailment::Told;

/// `begins` and `ends` are moments of slots. Nothing is changed or deleted: what was in force when
/// the corrections of a slot ended can always be said.
pub(crate) const SCHEMA: &str = "
create table curtailment (
    number {serial}, community text not null, zone text not null, begins bigint not null,
    ends bigint not null, curtailed bigint not null, at bigint not null
);
create index curtailment_zone on curtailment (community, zone, ends);
";

/// Keeps what was told of a zone; its slots with trades are computed again.
pub(crate) async fn put(
    tx: &mut Tx,
    (community, zone): (CommunityId, ZoneId),
    told: Told,
) -> Result<()> {
    let row = vec![
        Cell::Text(community.to_string()),
        Cell::Text(zone.to_string()),
        Cell::Int(told.from.seconds()),
        Cell::Int(told.to.seconds()),
        Cell::Int(i64::from(told.curtailed)),
        Cell::Int(told.at.seconds()),
    ];
    let insert = "insert into curtailment (community, zone, begins, ends, curtailed, at)";
    insert_rows(tx, insert, 6, vec![row], "").await?;
    let sql = "update slot_state set dirty = 1, changes = changes + 1 \
               where community = $1 and slot >= $2 and slot < $3";
    query(sql)
        .bind(community.to_string())
        .bind(told.from.seconds())
        .bind(told.to.seconds())
        .execute(tx.conn())
        .await
        .context("marking slots that are curtailed")?;
    Ok(())
}

/// What was told of a zone's slots that start in `[from, to)`, in its order.
pub(crate) async fn of_span(
    db: &Db,
    (community, zone): (CommunityId, ZoneId),
    (from, to): (Timestamp, Timestamp),
) -> Result<Vec<Told>> {
    let sql = "select begins, ends, curtailed, at from curtailment \
               where community = $1 and zone = $2 and ends > $3 and begins < $4 order by number";
    let rows = query(sql)
        .bind(community.to_string())
        .bind(zone.to_string())
        .bind(from.seconds())
        .bind(to.seconds())
        .fetch_all(db.read())
        .await
        .context("reading curtailments")?;
    let told = |row: &AnyRow| {
        let number = |place: usize| row.try_get::<i64, _>(place);
        let moment = |place| number(place).map(Timestamp::from_seconds);
        Ok(Told { from: moment(0)?, to: moment(1)?, curtailed: number(2)? != 0, at: moment(3)? })
    };
    rows.iter().map(told).collect()
}
