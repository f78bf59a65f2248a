//! New readings are held against the slots that closed without them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::{Context, Result};
use calendar::{Slot, SlotLength, Timestamp};
use db::{Db, Tx};
use events::Envelope;
use events::metering::{INTERVALS_PER_MESSAGE_MAX, IntervalFact, IntervalsCorrected};
use ids::MeterId;

use super::close::fact;
use crate::db::meters::{self, Community, Meter};
use crate::db::nearby::Nearby;
use crate::db::readings::{self, Mark};
use crate::db::{anchors, checks, intervals};
use crate::domain::closing::{Known, known_around};

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
            let nearby = Nearby::of(tx, &fresh).await.context("readings around new ones")?;
            soil(tx, &community, &fresh, &nearby).await?;
            let said = said(&community, length, &fresh, &nearby)?;
            let mut batch = Batch::of(tx, community, now, nearby, &said).await?;
            for said in said {
                batch.correct(said)?;
            }
            batch.keep(tx).await?;
            readings::mark(tx, &fresh, Mark::Applied).await.context("marking new readings")
        })
    })
    .await?;
    Ok(count)
}

/// The local day of a reading needs a new root; at midnight, the day before needs one too.
async fn soil(
    tx: &mut Tx,
    community: &Community,
    fresh: &[(MeterId, u32)],
    nearby: &Nearby,
) -> Result<()> {
    let mut days = BTreeSet::new();
    for (meter, page) in fresh {
        let same = nearby.neighbours(*meter, *page).same;
        let time = same.context("a new reading that is not there")?.time;
        let day = community.timezone.day_of(time);
        days.insert((day, *meter));
        if time == community.timezone.start_of(day) {
            days.insert((day.later(-1), *meter));
        }
    }
    anchors::soil(tx, community.id, days.into_iter()).await.context("days that need a root")
}

/// What a new reading says of closed slots, at least one.
struct Said {
    meter: MeterId,
    page: u32,
    known: Vec<(Slot, Known)>,
}

/// What each of `fresh` says of the closed slots, where it says something.
fn said(
    community: &Community,
    length: SlotLength,
    fresh: &[(MeterId, u32)],
    nearby: &Nearby,
) -> Result<Vec<Said>> {
    let mut all = Vec::new();
    for &(meter, page) in fresh {
        let around = nearby.around(meter, page).into_iter();
        let pages: Vec<_> = around.map(|stored| *stored.reading()).collect();
        let known = known_around(&pages, length, community.closed_until)
            .with_context(|| format!("stored readings of meter {meter}"))?;
        if !known.is_empty() {
            all.push(Said { meter, page, known });
        }
    }
    Ok(all)
}

/// New versions that follow from a batch of new readings, taken one after another.
struct Batch {
    community: Community,
    now: Timestamp,
    nearby: Nearby,
    /// The meters that something is said of.
    meters: HashMap<MeterId, Meter>,
    /// The version that counts of each interval that something is said of.
    current: HashMap<(MeterId, Timestamp), (u32, Known)>,
    versions: Vec<(MeterId, Slot, u32, Known)>,
    corrected: BTreeMap<Slot, Vec<IntervalFact>>,
    carried: Vec<(MeterId, u32)>,
}

impl Batch {
    async fn of(
        tx: &mut Tx,
        community: Community,
        now: Timestamp,
        nearby: Nearby,
        said: &[Said],
    ) -> Result<Batch> {
        let times = said.iter().filter_map(|said| {
            let ((first, _), (last, _)) = (said.known.first()?, said.known.last()?);
            Some((said.meter, first.start, last.end()))
        });
        let current = intervals::current(tx, &Vec::from_iter(times)).await;
        let current = current.context("what counts of closed slots")?.into_iter();
        let spoken: BTreeSet<MeterId> = said.iter().map(|said| said.meter).collect();
        let meters =
            meters::get(tx, &Vec::from_iter(spoken)).await.context("meters of readings")?;
        Ok(Batch {
            community,
            now,
            nearby,
            meters,
            current: current.map(|it| ((it.meter, it.slot), (it.version, it.known))).collect(),
            versions: Vec::new(),
            corrected: BTreeMap::new(),
            carried: Vec::new(),
        })
    }

    fn correct(&mut self, said: Said) -> Result<()> {
        let Said { meter, page, known } = said;
        let mut changed = Vec::new();
        for (slot, known) in known {
            let version = match self.current.get(&(meter, slot.start)) {
                Some((_, now)) if *now == known => continue,
                Some((version, _)) => version + 1,
                None => 1,
            };
            self.current.insert((meter, slot.start), (version, known));
            changed.push((slot, version, known));
        }
        if changed.is_empty() {
            return Ok(());
        }
        let of = self.meters.get(&meter).with_context(|| format!("no meter {meter}"))?;
        let mut news = self.nearby.carry(meter, page);
        self.carried.extend(news.iter().map(|signed| (meter, signed.reading.page)));
        for (slot, version, known) in changed {
            self.versions.push((meter, slot, version, known));
            let fact = fact(of, version, known, std::mem::take(&mut news));
            self.corrected.entry(slot).or_default().push(fact);
        }
        Ok(())
    }

    /// Stores the versions, and tells of them by slot.
    async fn keep(self, tx: &mut Tx) -> Result<()> {
        let versions = self.versions.iter().filter_map(|(meter, slot, version, known)| {
            Some((self.meters.get(meter)?, *slot, *version, *known))
        });
        let versions = Vec::from_iter(versions);
        intervals::insert(tx, &versions, self.now).await.context("keeping corrections")?;
        let day = |slot: Slot| self.community.timezone.day_of(slot.start);
        let days: BTreeSet<_> =
            versions.iter().map(|(meter, slot, ..)| (day(*slot), meter.id)).collect();
        checks::put_again(tx, self.community.id, days.into_iter())
            .await
            .context("days to check again")?;
        readings::mark(tx, &self.carried, Mark::Published).await.context("marking readings")?;
        let mut envelopes = Vec::new();
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
                envelopes.push(Envelope::of(&corrected, &cause, self.now));
            }
        }
        bus::append_all(tx, &envelopes).await?;
        Ok(())
    }
}
