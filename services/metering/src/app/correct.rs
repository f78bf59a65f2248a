//! New readings are held against the slots that closed without them.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result};
use calendar::{Slot, SlotLength, Timestamp};
use db::{Db, Tx};
use events::Envelope;
use events::metering::{INTERVALS_PER_MESSAGE_MAX, IntervalFact, IntervalsCorrected};
use ids::MeterId;

use super::close::{fact, unpublished};
use crate::db::meters::{self, Community, Meter};
use crate::db::readings::{self, Mark, Stored};
use crate::db::{anchors, intervals};
use crate::domain::closing::known_around;

/// New readings that are applied in one transaction.
const BATCH_MAX: i64 = 500;

/// Applies the new readings of `community`, at most [`BATCH_MAX`]: closed slots that they say
/// something else of get a new version, and their days a new root. Returns how many there were.
pub(crate) async fn apply_fresh(
    db: &Db,
    community: &Community,
    length: SlotLength,
    now: Timestamp,
) -> Result<usize> {
    let fresh = readings::fresh(db, community.id, BATCH_MAX).await.context("new readings")?;
    let count = fresh.len();
    if count == 0 {
        return Ok(0);
    }
    let community = community.clone();
    db.transact(move |tx| {
        Box::pin(async move {
            let mut batch = Batch {
                community,
                length,
                now,
                meters: HashMap::new(),
                corrected: BTreeMap::new(),
            };
            for (meter, page) in fresh {
                batch.apply(tx, meter, page).await?;
            }
            batch.publish(tx).await
        })
    })
    .await?;
    Ok(count)
}

struct Batch {
    community: Community,
    length: SlotLength,
    now: Timestamp,
    meters: HashMap<MeterId, Meter>,
    corrected: BTreeMap<Slot, Vec<IntervalFact>>,
}

impl Batch {
    async fn apply(&mut self, tx: &mut Tx, meter: MeterId, page: u32) -> Result<()> {
        let around = readings::around(tx, meter, page).await?;
        let found = around.iter().find(|stored| stored.reading().page == page);
        let time = found.context("a new reading that is not there")?.reading().time;
        self.soil(tx, meter, time).await?;
        self.correct(tx, meter, &around).await?;
        readings::mark(tx, meter, page, Mark::Applied).await?;
        Ok(())
    }

    /// The local day of a reading needs a new root; at midnight, the day before needs one too.
    async fn soil(&self, tx: &mut Tx, meter: MeterId, time: Timestamp) -> Result<()> {
        let zone = &self.community.timezone;
        let day = zone.day_of(time);
        anchors::soil(tx, self.community.id, day, meter).await?;
        if time == zone.start_of(day) {
            anchors::soil(tx, self.community.id, day.later(-1), meter).await?;
        }
        Ok(())
    }

    async fn correct(&mut self, tx: &mut Tx, meter: MeterId, around: &[Stored]) -> Result<()> {
        let pages: Vec<_> = around.iter().map(|stored| *stored.reading()).collect();
        let said = known_around(&pages, self.length, self.community.closed_until)
            .with_context(|| format!("stored readings of meter {meter}"))?;
        let (Some((first, _)), Some((last, _))) = (said.first(), said.last()) else {
            return Ok(());
        };
        let current = intervals::current(tx, meter, first.start, last.end()).await?;
        let current: HashMap<Slot, _> =
            current.iter().map(|version| (version.slot(self.length), version)).collect();
        let changed: Vec<_> = said
            .into_iter()
            .filter(|(slot, known)| current.get(slot).is_none_or(|now| now.known != *known))
            .map(|(slot, known)| (slot, current.get(&slot).map_or(1, |now| now.version + 1), known))
            .collect();
        if changed.is_empty() {
            return Ok(());
        }
        let meter = self.meter(tx, meter).await?;
        let versions: Vec<_> = changed
            .iter()
            .map(|(slot, version, known)| (&meter, *slot, *version, *known))
            .collect();
        intervals::insert(tx, &versions, self.now).await.context("keeping corrections")?;
        let mut news = unpublished(tx, around.iter()).await?;
        for (slot, version, known) in changed {
            let fact = fact(&meter, version, known, std::mem::take(&mut news));
            self.corrected.entry(slot).or_default().push(fact);
        }
        Ok(())
    }

    async fn meter(&mut self, tx: &mut Tx, id: MeterId) -> Result<Meter> {
        if let Some(meter) = self.meters.get(&id) {
            return Ok(meter.clone());
        }
        let meter = meters::get(tx, id).await.context("meter of a reading")?;
        self.meters.insert(id, meter.clone());
        Ok(meter)
    }

    async fn publish(self, tx: &mut Tx) -> Result<()> {
        for (slot, facts) in self.corrected {
            for intervals in facts.chunks(INTERVALS_PER_MESSAGE_MAX) {
                let corrected = IntervalsCorrected {
                    community: self.community.id,
                    slot,
                    intervals: intervals.to_vec(),
                };
                // A version exists once, so it names the message that begins with it.
                let first = &intervals[0];
                let cause = format!("{}/{}/{}", first.meter, slot.start.seconds(), first.version);
                bus::append(tx, &Envelope::of(&corrected, &cause, self.now)).await?;
            }
        }
        Ok(())
    }
}
