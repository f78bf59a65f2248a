//! What the rules said of each day of each meter, and which days wait for them.

use std::collections::BTreeMap;

use calendar::{LocalDay, Timestamp};
use db::{Cell, Db, DbError, Row, Tx, insert_rows, query};
use ids::{CommunityId, MeterId};
use vee::Channel;

use super::{broken, natural, parsed, small};
use crate::domain::checks::{Checked, KeptApart};

/// The first day of a community that was not put among those that wait; `None` where none was.
pub(crate) async fn checked_until(
    db: &Db,
    community: CommunityId,
) -> Result<Option<LocalDay>, DbError> {
    let row = query("select checked_until from community where id = $1")
        .bind(community.to_string())
        .fetch_one(db.read())
        .await?;
    let day: Option<i64> = row.try_get(0)?;
    Ok(day.and_then(|day| u32::try_from(day).ok()).map(LocalDay::from_number))
}

/// Puts `day` of all meters that measured in `[from, to)` among those that wait.
pub(crate) async fn put_day(
    tx: &mut Tx,
    community: CommunityId,
    day: LocalDay,
    (from, to): (Timestamp, Timestamp),
) -> Result<(), DbError> {
    query(
        "insert into check_due (community, day, meter) select community, $1, id from meter \
         where community = $2 and valid_from < $3 and (revoked_at is null or revoked_at > $4) \
         on conflict do nothing",
    )
    .bind(i64::from(day.number()))
    .bind(community.to_string())
    .bind(to.seconds())
    .bind(from.seconds())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Keeps that `day` is the first that was not put among those that wait.
pub(crate) async fn begin_at(
    tx: &mut Tx,
    community: CommunityId,
    day: LocalDay,
) -> Result<(), DbError> {
    query("update community set checked_until = $1 where id = $2")
        .bind(i64::from(day.number()))
        .bind(community.to_string())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Puts days of which something else is known among those that wait.
pub(crate) async fn put_again(
    tx: &mut Tx,
    community: CommunityId,
    days: impl Iterator<Item = (LocalDay, MeterId)>,
) -> Result<(), DbError> {
    let rows = days.map(|(day, meter)| {
        vec![
            Cell::Text(community.to_string()),
            Cell::Int(day.number().into()),
            Cell::Text(meter.to_string()),
        ]
    });
    let insert = "insert into check_due (community, day, meter)";
    insert_rows(tx, insert, 3, rows.collect(), "on conflict do nothing").await?;
    Ok(())
}

/// Days of meters before `until` that wait, the first `limit`.
pub(crate) async fn due(
    db: &Db,
    community: CommunityId,
    until: LocalDay,
    limit: i64,
) -> Result<Vec<(LocalDay, MeterId)>, DbError> {
    let rows = query(
        "select day, meter from check_due where community = $1 and day < $2 \
         order by day, meter limit $3",
    )
    .bind(community.to_string())
    .bind(i64::from(until.number()))
    .bind(limit)
    .fetch_all(db.read())
    .await?;
    rows.iter().map(|row| Ok((LocalDay::from_number(small(row, 0)?), parsed(row, 1)?))).collect()
}

/// Takes a day out of those that wait.
pub(crate) async fn settle(
    tx: &mut Tx,
    community: CommunityId,
    (day, meter): (LocalDay, MeterId),
) -> Result<(), DbError> {
    query("delete from check_due where community = $1 and day = $2 and meter = $3")
        .bind(community.to_string())
        .bind(i64::from(day.number()))
        .bind(meter.to_string())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Messages about `meter` that were kept apart in `[from, to)`, by code.
pub(crate) async fn kept_apart(
    tx: &mut Tx,
    meter: MeterId,
    (from, to): (Timestamp, Timestamp),
) -> Result<Vec<KeptApart>, DbError> {
    let rows = query(
        "select code, cast(sum(repeats) as bigint), min(first_at), max(last_at) from quarantine \
         where meter = $1 and first_at >= $2 and first_at < $3 group by code order by code",
    )
    .bind(meter.to_string())
    .bind(from.seconds())
    .bind(to.seconds())
    .fetch_all(tx.conn())
    .await?;
    rows.iter()
        .map(|row| {
            Ok(KeptApart {
                code: row.try_get(0)?,
                times: natural(row, 1)?,
                first_at: Timestamp::from_seconds(row.try_get(2)?),
                last_at: Timestamp::from_seconds(row.try_get(3)?),
            })
        })
        .collect()
}

/// Keeps what the rules say of a day, in place of what they said before.
pub(crate) async fn put(
    tx: &mut Tx,
    (day, meter): (LocalDay, MeterId),
    checked: &Checked,
    at: Timestamp,
) -> Result<(), DbError> {
    for table in ["checked", "finding", "estimate"] {
        let sql = format!("delete from {table} where meter = $1 and day = $2");
        query(db::AssertSqlSafe(sql))
            .bind(meter.to_string())
            .bind(i64::from(day.number()))
            .execute(tx.conn())
            .await?;
    }
    query(
        "insert into checked (meter, day, checked_at, slots, measured, substituted, missing) \
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(meter.to_string())
    .bind(i64::from(day.number()))
    .bind(at.seconds())
    .bind(i64::from(checked.slots))
    .bind(i64::from(checked.measured))
    .bind(i64::from(checked.substituted))
    .bind(i64::from(checked.missing))
    .execute(tx.conn())
    .await?;
    let rows = (1_i64..).zip(&checked.found).map(|(number, found)| {
        let evidence = serde_json::to_string(&found.evidence);
        vec![
            Cell::Text(meter.to_string()),
            Cell::Int(day.number().into()),
            Cell::Int(number),
            Cell::from(found.rule.clone()),
            Cell::from(found.code.clone()),
            Cell::from(found.action),
            found.channel.map_or(Cell::NullText, |channel| Cell::from(channel_name(channel))),
            Cell::Int(found.span.from.seconds()),
            Cell::Int(found.span.to.seconds()),
            Cell::from(evidence.expect("numbers by name are JSON")),
            found.other.map_or(Cell::NullText, |other| Cell::Text(other.to_string())),
        ]
    });
    let insert = "insert into finding (meter, day, number, rule, code, action, channel, from_at, \
                  to_at, evidence, other)";
    insert_rows(tx, insert, 11, rows.collect(), "").await?;
    let rows = checked.estimated.iter().map(|estimated| {
        let known = estimated.known;
        vec![
            Cell::Text(meter.to_string()),
            Cell::Int(day.number().into()),
            Cell::Int(estimated.slot.seconds()),
            Cell::from(channel_name(estimated.channel)),
            Cell::Int(i64::try_from(known.energy.wh()).unwrap_or(i64::MAX)),
            Cell::from(known.quality.name()),
            Cell::from(known.method.map_or("", |method| method.code())),
        ]
    });
    let insert = "insert into estimate (meter, day, slot, channel, energy_wh, quality, method)";
    insert_rows(tx, insert, 7, rows.collect(), "").await?;
    Ok(())
}

/// The name of a channel, as stored and shown.
pub(crate) const fn channel_name(channel: Channel) -> &'static str {
    match channel {
        Channel::Import => "import",
        Channel::Export => "export",
        Channel::Generation => "generation",
    }
}

/// A day as the rules left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) day: LocalDay,
    pub(crate) checked_at: Timestamp,
    pub(crate) slots: u64,
    pub(crate) measured: u64,
    pub(crate) substituted: u64,
    pub(crate) missing: u64,
    pub(crate) findings: Vec<KeptFinding>,
    pub(crate) estimates: Vec<KeptEstimate>,
}

/// A finding as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptFinding {
    pub(crate) rule: String,
    pub(crate) code: String,
    pub(crate) action: String,
    pub(crate) channel: Option<String>,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) evidence: BTreeMap<String, i64>,
    pub(crate) other: Option<MeterId>,
}

/// An estimate as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptEstimate {
    pub(crate) slot: Timestamp,
    pub(crate) channel: String,
    pub(crate) energy_wh: u64,
    pub(crate) quality: String,
    pub(crate) method: String,
}

/// The days of `meter` before `before` that were checked, newest first.
pub(crate) async fn page(
    db: &Db,
    meter: MeterId,
    before: i64,
    limit: u32,
) -> Result<Vec<Kept>, DbError> {
    let rows = query(
        "select day, checked_at, slots, measured, substituted, missing from checked \
         where meter = $1 and day < $2 order by day desc limit $3",
    )
    .bind(meter.to_string())
    .bind(before)
    .bind(i64::from(limit))
    .fetch_all(db.read())
    .await?;
    let mut days = BTreeMap::new();
    for row in &rows {
        let day = LocalDay::from_number(small(row, 0)?);
        let kept = Kept {
            day,
            checked_at: Timestamp::from_seconds(row.try_get(1)?),
            slots: natural(row, 2)?,
            measured: natural(row, 3)?,
            substituted: natural(row, 4)?,
            missing: natural(row, 5)?,
            findings: Vec::new(),
            estimates: Vec::new(),
        };
        days.insert(day, kept);
    }
    let ends = days.keys().next().copied().zip(days.keys().next_back().copied());
    if let Some(ends) = ends {
        add_findings(db, meter, ends, &mut days).await?;
        add_estimates(db, meter, ends, &mut days).await?;
    }
    Ok(days.into_values().rev().collect())
}

async fn add_findings(
    db: &Db,
    meter: MeterId,
    (first, last): (LocalDay, LocalDay),
    days: &mut BTreeMap<LocalDay, Kept>,
) -> Result<(), DbError> {
    let rows = query(
        "select day, rule, code, action, channel, from_at, to_at, evidence, other from finding \
         where meter = $1 and day >= $2 and day <= $3 order by day, number",
    )
    .bind(meter.to_string())
    .bind(i64::from(first.number()))
    .bind(i64::from(last.number()))
    .fetch_all(db.read())
    .await?;
    for row in &rows {
        let Some(kept) = days.get_mut(&LocalDay::from_number(small(row, 0)?)) else { continue };
        let (evidence, other): (String, Option<String>) = (row.try_get(7)?, row.try_get(8)?);
        let read = serde_json::from_str(&evidence);
        let unreadable = |_| broken("the id of another meter".to_owned());
        kept.findings.push(KeptFinding {
            rule: row.try_get(1)?,
            code: row.try_get(2)?,
            action: row.try_get(3)?,
            channel: row.try_get(4)?,
            from: Timestamp::from_seconds(row.try_get(5)?),
            to: Timestamp::from_seconds(row.try_get(6)?),
            evidence: read.map_err(|error| broken(error.to_string()))?,
            other: other.map(|other| other.parse().map_err(unreadable)).transpose()?,
        });
    }
    Ok(())
}

async fn add_estimates(
    db: &Db,
    meter: MeterId,
    (first, last): (LocalDay, LocalDay),
    days: &mut BTreeMap<LocalDay, Kept>,
) -> Result<(), DbError> {
    let rows = query(
        "select day, slot, channel, energy_wh, quality, method from estimate \
         where meter = $1 and day >= $2 and day <= $3 order by slot, channel",
    )
    .bind(meter.to_string())
    .bind(i64::from(first.number()))
    .bind(i64::from(last.number()))
    .fetch_all(db.read())
    .await?;
    for row in &rows {
        let Some(kept) = days.get_mut(&LocalDay::from_number(small(row, 0)?)) else { continue };
        kept.estimates.push(KeptEstimate {
            slot: Timestamp::from_seconds(row.try_get(1)?),
            channel: row.try_get(2)?,
            energy_wh: natural(row, 3)?,
            quality: row.try_get(4)?,
            method: row.try_get(5)?,
        });
    }
    Ok(())
}
