//! Days that are over are held against the rules, and again when something else is known of them.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use calendar::{LocalDay, SlotLength, Timestamp};
use db::{Db, Tx};
use ids::MeterId;
use units::Power;

use crate::db::meters::{self, Community};
use crate::db::{checks, descriptions, intervals, readings};
use crate::domain::checks::{Day, HISTORY_DAYS, Line, Subject, check};

/// Days of meters that one tick checks at most, in one transaction a day; the others follow, so
/// that readings do not wait long for their turn.
const CHECKS_PER_TICK_MAX: i64 = 8;
/// Days that one tick puts among those that wait at most.
const DAYS_PER_TICK_MAX: i32 = 8;
/// Meters of the community that a day is held against (V11), besides those that are due with it.
const TWINS_MAX: u32 = 64;

/// Checks days of `community` that are over: all slots of a day are closed. Says how many.
pub(crate) async fn check_days(
    db: &Db,
    community: &Community,
    length: SlotLength,
    now: Timestamp,
) -> Result<usize> {
    let today = community.timezone.day_of(community.closed_until);
    let queued = queue_days(db, community, today).await.context("days to check")?;
    let due = checks::due(db, community.id, today, CHECKS_PER_TICK_MAX).await?;
    for same_day in due.chunk_by(|(one, _), (other, _)| one == other) {
        let (day, community) = (same_day[0].0, community.clone());
        let meters: Vec<MeterId> = same_day.iter().map(|(_, meter)| *meter).collect();
        db.transact(move |tx| {
            Box::pin(async move { check_day(tx, &community, length, (day, &meters), now).await })
        })
        .await
        .with_context(|| format!("checking {day}"))?;
    }
    Ok(due.len() + queued)
}

/// Puts days before `today` among those that wait: from the one on which checking began.
async fn queue_days(db: &Db, community: &Community, today: LocalDay) -> Result<usize> {
    let first = checks::checked_until(db, community.id).await?;
    let from = first.unwrap_or(today);
    let days = (0..DAYS_PER_TICK_MAX).map(|days| from.later(days));
    let days: Vec<LocalDay> = days.take_while(|day| *day < today).collect();
    if first.is_some() && days.is_empty() {
        return Ok(0);
    }
    let (community, count) = (community.clone(), days.len());
    db.transact(move |tx| {
        Box::pin(async move {
            for day in &days {
                let midnight = |day| community.timezone.start_of(day);
                let span = (midnight(*day), midnight(day.next()));
                checks::put_day(tx, community.id, *day, span).await?;
            }
            checks::begin_at(tx, community.id, days.last().map_or(from, |day| day.next())).await
        })
    })
    .await?;
    Ok(count)
}

/// Checks a day of some meters, by what is known of it now.
async fn check_day(
    tx: &mut Tx,
    community: &Community,
    length: SlotLength,
    (day, due): (LocalDay, &[MeterId]),
    now: Timestamp,
) -> Result<()> {
    let midnight = |day: LocalDay| community.timezone.start_of(day);
    let (from, to) = (midnight(day), midnight(day.next()));
    let known = known(tx, community, due, (midnight(day.later(-HISTORY_DAYS)), from, to)).await?;
    let mut stored = readings::within(tx, due, from, to).await.context("readings of a day")?;
    for meter in due {
        let readings = stored.remove(meter).unwrap_or_default();
        let readings: Vec<_> = readings.iter().map(|stored| *stored.reading()).collect();
        if let Some(subject) = subject(tx, community, *meter).await? {
            let kept_apart = checks::kept_apart(tx, *meter, (from, to)).await?;
            let checked = check(&Day {
                subject: &subject,
                day,
                timezone: &community.timezone,
                length,
                known: &known,
                readings: &readings,
                kept_apart: &kept_apart,
            });
            let of = (day, *meter);
            checks::put(tx, of, &checked, now).await.context("keeping what was found")?;
        }
        checks::settle(tx, community.id, (day, *meter)).await?;
    }
    Ok(())
}

/// What is known of the meters that are due since `earlier`, and of others in `[from, to)`.
async fn known(
    tx: &mut Tx,
    community: &Community,
    due: &[MeterId],
    (earlier, from, to): (Timestamp, Timestamp, Timestamp),
) -> Result<Vec<(MeterId, Line)>> {
    let mut wanted: Vec<_> = due.iter().map(|meter| (*meter, earlier, to)).collect();
    let others = meters::first(tx, community.id, TWINS_MAX).await?.into_iter();
    wanted.extend(others.filter(|other| !due.contains(other)).map(|other| (other, from, to)));
    let mut known = BTreeMap::<MeterId, Line>::new();
    for version in intervals::current(tx, &wanted).await.context("intervals of a day")? {
        known.entry(version.meter).or_default().insert(version.slot, version.known);
    }
    Ok(known.into_iter().collect())
}

async fn subject(tx: &mut Tx, community: &Community, id: MeterId) -> Result<Option<Subject>> {
    let Some(meter) = meters::get(tx, &[id]).await?.remove(&id) else { return Ok(None) };
    let Some(limit) = meters::limit(tx, meter.connection_point).await? else { return Ok(None) };
    let said = descriptions::said(tx, id).await?.unwrap_or_default();
    let end = |day: LocalDay| community.timezone.start_of(day.next());
    Ok(Some(Subject {
        meter: id,
        installed: meter.valid_from,
        removed: meter.revoked_at,
        import_max: limit.import,
        export_max: limit.export,
        place: said.place,
        modules: said.modules_w.map(Power::from_w),
        storage: said.storage,
        calibrated_until: said.calibrated_until.map(end),
    }))
}
