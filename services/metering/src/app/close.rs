//! A slot closes: when all meters reported its end, or after the grace.

use std::collections::HashMap;

use anyhow::{Context, Result};
use calendar::{Slot, Timestamp};
use db::{Db, DbError, Tx};
use events::Envelope;
use events::metering::{INTERVALS_PER_MESSAGE_MAX, IntervalFact, IntervalsClosed};
use ids::MeterId;
use reading::SignedReading;

use crate::db::intervals;
use crate::db::meters::{self, Community, Meter};
use crate::db::readings::{self, Mark, Stored};
use crate::domain::closing::{Known, known_between};

/// The most slots that are closed in one transaction, where a community is that far behind.
pub(crate) const SLOTS_PER_COMMIT_MAX: i64 = 8;

/// Closes `slot`, the next one of `community`, if it is due at `now`, and with it slots after it
/// whose grace is over too; says how many.
pub(crate) async fn close_if_due(
    db: &Db,
    community: &Community,
    slot: Slot,
    grace_seconds: i64,
    now: Timestamp,
) -> Result<i64> {
    if now < slot.end() {
        return Ok(0);
    }
    let over = now.seconds_since(slot.start) - grace_seconds;
    let overdue = over.div_euclid(slot.length.seconds()).min(SLOTS_PER_COMMIT_MAX);
    if overdue < 1 {
        let silent = meters::silent(db, community.id, slot.start, slot.end())
            .await
            .context("counting meters that have not reported")?;
        if silent > 0 {
            return Ok(0);
        }
    }
    let count = overdue.max(1);
    let community = community.clone();
    db.transact(move |tx| {
        Box::pin(async move {
            for place in 0..count {
                close(tx, &community, slot.later(place), now).await?;
            }
            anyhow::Ok(())
        })
    })
    .await?;
    Ok(count)
}

async fn close(tx: &mut Tx, community: &Community, slot: Slot, now: Timestamp) -> Result<()> {
    meters::close_until(tx, community.id, slot.start, slot.end()).await?;
    let expected = meters::expected(tx, community.id, slot.start, slot.end()).await?;
    let around = around(tx, community, slot, &expected).await.context("readings of a slot")?;
    let mut versions = Vec::with_capacity(expected.len());
    let mut facts = Vec::with_capacity(expected.len());
    let mut carried = Vec::new();
    for meter in &expected {
        let ends = around.get(&meter.id);
        let known = match ends {
            Some([before, after]) => known_between(before.reading(), after.reading(), slot)
                .with_context(|| format!("meter {} in slot {}", meter.id, slot.start))?,
            None => Known::MISSING,
        };
        let news = ends.into_iter().flatten().filter(|stored| !stored.published);
        let news = Vec::from_iter(news.map(|stored| stored.signed));
        carried.extend(news.iter().map(|signed| (meter.id, signed.reading.page)));
        versions.push((meter, slot, 1, known));
        facts.push(fact(meter, 1, known, news));
    }
    readings::mark(tx, &carried, Mark::Published).await.context("marking readings")?;
    intervals::insert(tx, &versions, now).await.context("keeping intervals")?;
    let parts = facts.chunks(INTERVALS_PER_MESSAGE_MAX).enumerate().map(|(part, intervals)| {
        let closed =
            IntervalsClosed { community: community.id, slot, intervals: intervals.to_vec() };
        let cause = format!("{}/{}/{part}", community.id, slot.start.seconds());
        Envelope::of(&closed, &cause, now)
    });
    bus::append_all(tx, &Vec::from_iter(parts)).await?;
    Ok(())
}

/// The readings at both ends of `slot`, or the nearest outside, of each meter that has both.
async fn around(
    tx: &mut Tx,
    community: &Community,
    slot: Slot,
    meters: &[Meter],
) -> Result<HashMap<MeterId, [Stored; 2]>, DbError> {
    let starts = readings::at(tx, community.id, slot.start).await?;
    let ends = readings::at(tx, community.id, slot.end()).await?;
    let mut found = HashMap::with_capacity(meters.len());
    let mut open = Vec::new();
    for meter in meters {
        match (starts.get(&meter.id), ends.get(&meter.id)) {
            (Some(start), Some(end)) => {
                found.insert(meter.id, [*start, *end]);
            }
            _ => open.push(meter.id),
        }
    }
    found.extend(readings::spanning(tx, &open, slot.start, slot.end()).await?);
    Ok(found)
}

/// What an event says of one interval.
pub(crate) fn fact(
    meter: &Meter,
    version: u32,
    known: Known,
    readings: Vec<SignedReading>,
) -> IntervalFact {
    IntervalFact {
        connection_point: meter.connection_point,
        account: meter.account,
        meter: meter.id,
        import: known.import,
        export: known.export,
        quality: known.quality.into(),
        version,
        readings,
    }
}
