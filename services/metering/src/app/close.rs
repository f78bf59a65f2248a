//! A slot closes: when all meters reported its end, or after the grace.

use std::collections::HashMap;

use anyhow::{Context, Result};
use calendar::{Slot, Timestamp};
use db::{Db, Tx};
use events::Envelope;
use events::metering::{INTERVALS_PER_MESSAGE_MAX, IntervalFact, IntervalsClosed};
use ids::MeterId;
use reading::SignedReading;

use crate::db::intervals;
use crate::db::meters::{self, Community, Meter};
use crate::db::readings::{self, Mark, Stored};
use crate::domain::closing::{Known, known_between};

/// Closes `slot`, the next one of `community`, if it is due at `now`; says whether it did.
pub(crate) async fn close_if_due(
    db: &Db,
    community: &Community,
    slot: Slot,
    grace_seconds: i64,
    now: Timestamp,
) -> Result<bool> {
    if now < slot.end() {
        return Ok(false);
    }
    if now < slot.end().plus_seconds(grace_seconds) {
        let silent = meters::silent(db, community.id, slot.start, slot.end())
            .await
            .context("counting meters that have not reported")?;
        if silent > 0 {
            return Ok(false);
        }
    }
    let community = community.clone();
    db.transact(move |tx| Box::pin(async move { close(tx, &community, slot, now).await })).await?;
    Ok(true)
}

async fn close(tx: &mut Tx, community: &Community, slot: Slot, now: Timestamp) -> Result<()> {
    meters::close_until(tx, community.id, slot.start, slot.end()).await?;
    let expected = meters::expected(tx, community.id, slot.start, slot.end()).await?;
    let starts = boundary(tx, community, slot.start).await?;
    let ends = boundary(tx, community, slot.end()).await?;
    let mut versions = Vec::with_capacity(expected.len());
    let mut facts = Vec::with_capacity(expected.len());
    for meter in &expected {
        let ends = match (starts.get(&meter.id), ends.get(&meter.id)) {
            (Some(start), Some(end)) => Some([*start, *end]),
            _ => readings::spanning(tx, meter.id, slot.start, slot.end()).await?,
        };
        let known = match &ends {
            Some([before, after]) => known_between(before.reading(), after.reading(), slot)
                .with_context(|| format!("meter {} in slot {}", meter.id, slot.start))?,
            None => Known::MISSING,
        };
        let news = unpublished(tx, ends.iter().flatten()).await?;
        versions.push((meter, slot, 1, known));
        facts.push(fact(meter, 1, known, news));
    }
    intervals::insert(tx, &versions, now).await.context("keeping intervals")?;
    for (part, intervals) in facts.chunks(INTERVALS_PER_MESSAGE_MAX).enumerate() {
        let closed =
            IntervalsClosed { community: community.id, slot, intervals: intervals.to_vec() };
        let cause = format!("{}/{}/{part}", community.id, slot.start.seconds());
        bus::append(tx, &Envelope::of(&closed, &cause, now)).await?;
    }
    Ok(())
}

/// The readings of a community at a slot boundary.
async fn boundary(
    tx: &mut Tx,
    community: &Community,
    time: Timestamp,
) -> Result<HashMap<MeterId, Stored>> {
    let stored = readings::at(tx, community.id, time).await.context("readings of a boundary")?;
    Ok(stored.into_iter().map(|stored| (stored.reading().meter, stored)).collect())
}

/// Those of `stored` that no event has carried, marked as carried from now on.
pub(crate) async fn unpublished(
    tx: &mut Tx,
    stored: impl Iterator<Item = &Stored>,
) -> Result<Vec<SignedReading>> {
    let mut news = Vec::new();
    for stored in stored.filter(|stored| !stored.published) {
        let reading = stored.reading();
        readings::mark(tx, reading.meter, reading.page, Mark::Published).await?;
        news.push(stored.signed);
    }
    Ok(news)
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
