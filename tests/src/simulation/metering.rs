//! Metering in memory: messages judged, slots closed, late readings applied. What is committed are
//! rows of readings and versions of intervals; what a crash loses is the readings by page.

use std::collections::BTreeMap;

use calendar::{Slot, Timestamp};
use ids::{ConnectionPointId, EventId, MeterId};
use reading::{
    Neighbours, PhysicalLimit, Reading, Reason, Rules, SignedReading, Signer, Verdict, intervals,
    judge,
};
use units::Energy;

use super::counts::Counts;
use super::crash::{Crash, Stop, same};
use super::scene::{CONNECTION, Scene};

/// Seconds after its end at which a slot closes without all readings.
const GRACE_SECONDS: i64 = 600;

/// How an interval's energy is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quality {
    Measured,
    Substituted,
    Missing,
}

/// What is known of one meter's energy in one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) import: Energy,
    pub(super) export: Energy,
    pub(super) quality: Quality,
}

const MISSING: Known =
    Known { import: Energy::ZERO, export: Energy::ZERO, quality: Quality::Missing };

/// One interval of a published event.
#[derive(Clone, Copy)]
pub(super) struct Fact {
    pub(super) point: ConnectionPointId,
    pub(super) known: Known,
    pub(super) version: u32,
}

/// Intervals of one slot, closed or corrected.
pub(super) struct Published {
    pub(super) id: EventId,
    pub(super) slot: Timestamp,
    pub(super) facts: Vec<Fact>,
}

type Pages = BTreeMap<MeterId, BTreeMap<u32, SignedReading>>;

/// A message on a meter's topic.
pub(super) type Message = (MeterId, Vec<u8>);

pub(super) struct Metering {
    scene: &'static Scene,
    homes: usize,
    pub(super) revoked: MeterId,
    /// Durable: accepted readings as they came, and how many of them were held against slots.
    rows: Vec<Vec<u8>>,
    applied: usize,
    versions: BTreeMap<(Timestamp, MeterId), (u32, Known)>,
    closed_until: Timestamp,
    last: Timestamp,
    pub(super) outbox: Vec<Published>,
    /// Volatile.
    pages: Pages,
    crash: Option<(Crash, Pages)>,
}

impl Metering {
    pub(super) fn new(scene: &'static Scene, homes: usize, slots: &[Slot]) -> Metering {
        Metering {
            scene,
            homes,
            revoked: MeterId::derived("revoked"),
            rows: Vec::new(),
            applied: 0,
            versions: BTreeMap::new(),
            closed_until: slots[0].start,
            last: slots[slots.len() - 1].end(),
            outbox: Vec::new(),
            pages: Pages::new(),
            crash: None,
        }
    }

    pub(super) fn arm(&mut self, crash: Crash) {
        self.crash = Some((crash, self.pages.clone()));
    }

    /// Judges and stores a batch of messages in one commit.
    pub(super) fn accept(
        &mut self,
        messages: &[Message],
        now: Timestamp,
        counts: &mut Counts,
    ) -> Result<(), Stop> {
        let mut rows = Vec::new();
        for (topic, bytes) in messages {
            match self.judge(*topic, bytes, now) {
                Verdict::Accept => {
                    let signed = SignedReading::decode(bytes).map_err(Stop::broken)?;
                    let pages = self.pages.entry(*topic).or_default();
                    let late = pages.range(signed.reading.page + 1..).next().is_some();
                    pages.insert(signed.reading.page, signed);
                    rows.push(bytes.clone());
                    counts.add("reading: accepted");
                    if late {
                        counts.add("reading: reordered");
                    }
                }
                Verdict::Duplicate => counts.add("reading: repeated"),
                Verdict::Quarantine(reason) => {
                    counts.add(format!("reading: quarantined {}", reason.code()));
                }
            }
        }
        self.commit(|durable| durable.rows.extend(rows))
    }

    fn judge(&self, topic: MeterId, bytes: &[u8], now: Timestamp) -> Verdict {
        let signed = match SignedReading::decode(bytes) {
            Ok(signed) if signed.reading.meter == topic => signed,
            Ok(_) => return Verdict::Quarantine(Reason::WrongTopic),
            Err(malformed) => return Verdict::Quarantine(malformed.reason()),
        };
        let home = self.scene.homes[..self.homes].iter().find(|home| home.meter == topic);
        let signer = match home {
            Some(home) => Signer::Key(home.meter_key.address()),
            None if topic == self.revoked => Signer::Revoked,
            None => Signer::Unknown,
        };
        let limit = PhysicalLimit { import: CONNECTION, export: CONNECTION };
        let rules = Rules { signer, slot: self.scene.parameters.slot_length, limit };
        let (page, none) = (signed.reading.page, BTreeMap::new());
        let pages = self.pages.get(&topic).unwrap_or(&none);
        let neighbours = Neighbours {
            same: pages.get(&page).map(|signed| signed.reading),
            before: pages.range(..page).next_back().map(|(_, signed)| signed.reading),
            after: page
                .checked_add(1)
                .and_then(|next| pages.range(next..).next())
                .map(|(_, signed)| signed.reading),
        };
        judge(&signed, &neighbours, &rules, now)
    }

    /// Closes the slots that are due, then holds new readings against the closed ones.
    pub(super) fn tick(&mut self, now: Timestamp, counts: &mut Counts) -> Result<(), Stop> {
        while self.closed_until < self.last && now >= self.closes_at() {
            let slot = self.slot(self.closed_until);
            self.publish(&[slot], false, counts)?;
        }
        if self.applied < self.rows.len() {
            let closed: Vec<Slot> = self.closed();
            self.publish(&closed, true, counts)?;
        }
        Ok(())
    }

    fn closes_at(&self) -> Timestamp {
        let end = self.slot(self.closed_until).end();
        let reported = |pages: &BTreeMap<u32, SignedReading>| {
            pages.values().any(|signed| signed.reading.time >= end)
        };
        let all = self.pages.values().filter(|pages| reported(pages)).count() == self.homes;
        if all { end } else { end.plus_seconds(GRACE_SECONDS) }
    }

    fn slot(&self, start: Timestamp) -> Slot {
        Slot { start, length: self.scene.parameters.slot_length }
    }

    fn closed(&self) -> Vec<Slot> {
        let mut slots: Vec<Timestamp> = self.versions.keys().map(|(slot, _)| *slot).collect();
        slots.dedup();
        slots.into_iter().map(|start| self.slot(start)).collect()
    }

    /// New versions of the intervals of `slots` that readings say something else of than before;
    /// with `all` closed slots, every reading has been held against them.
    fn publish(&mut self, slots: &[Slot], all: bool, counts: &mut Counts) -> Result<(), Stop> {
        let derived = self.derived()?;
        let (mut versions, mut events) = (Vec::new(), Vec::new());
        for slot in slots {
            let mut facts = Vec::new();
            for home in &self.scene.homes[..self.homes] {
                let known = derived.get(&(slot.start, home.meter)).copied().unwrap_or(MISSING);
                let before = self.versions.get(&(slot.start, home.meter));
                if before.is_some_and(|(_, before)| *before == known) {
                    continue;
                }
                match known.quality {
                    Quality::Missing => counts.add("interval: missing"),
                    Quality::Substituted => counts.add("interval: substituted"),
                    Quality::Measured => {}
                }
                let version = before.map_or(1, |(version, _)| version + 1);
                versions.push(((slot.start, home.meter), (version, known)));
                facts.push(Fact { point: home.point, known, version });
            }
            if let Some(first) = facts.first() {
                let cause = format!("{}/{}/{}", first.point, slot.start, first.version);
                events.push(Published { id: EventId::derived(&cause), slot: slot.start, facts });
            }
        }
        let until = slots.iter().map(|slot| slot.end()).max().unwrap_or(self.closed_until);
        self.commit(|durable| {
            durable.versions.extend(versions);
            durable.outbox.extend(events);
            durable.closed_until = durable.closed_until.max(until);
            if all {
                durable.applied = durable.rows.len();
            }
        })
    }

    /// What the stored readings say of every slot, by the rule that anyone can apply.
    fn derived(&self) -> Result<BTreeMap<(Timestamp, MeterId), Known>, Stop> {
        let (mut derived, length) = (BTreeMap::new(), self.scene.parameters.slot_length);
        for (meter, pages) in &self.pages {
            let readings: Vec<Reading> = pages.values().map(|signed| signed.reading).collect();
            for interval in intervals(&readings, length).map_err(Stop::broken)? {
                let quality = match interval.quality {
                    reading::Quality::Measured => Quality::Measured,
                    reading::Quality::Substituted => Quality::Substituted,
                };
                let known = Known { import: interval.import, export: interval.export, quality };
                derived.insert((interval.slot.start, *meter), known);
            }
        }
        Ok(derived)
    }

    /// What is known of each connection point in `slot`; those without readings are left out.
    pub(super) fn known(&self, slot: Timestamp) -> BTreeMap<ConnectionPointId, Known> {
        let homes = self.scene.homes[..self.homes].iter();
        homes
            .filter_map(|home| {
                let (_, known) = self.versions.get(&(slot, home.meter))?;
                (known.quality != Quality::Missing).then_some((home.point, *known))
            })
            .collect()
    }

    /// The intervals follow from the readings, and those from valid signatures in page order.
    pub(super) fn check(&self) -> Result<(), Stop> {
        if self.applied < self.rows.len() {
            return Ok(());
        }
        let derived = self.derived()?;
        for ((slot, meter), (_, known)) in &self.versions {
            let expected = derived.get(&(*slot, *meter)).copied().unwrap_or(MISSING);
            if *known != expected {
                let what = format!("intervals: {meter} in {slot} is {known:?}, not {expected:?}");
                return Err(Stop::Broken(what));
            }
        }
        Ok(())
    }

    fn commit(&mut self, write: impl FnOnce(&mut Metering)) -> Result<(), Stop> {
        match self.crash.take() {
            None => {
                write(self);
                Ok(())
            }
            Some((Crash::Before, committed)) => self.restart(Crash::Before, &committed),
            Some((Crash::After, _)) => {
                write(self);
                let live = self.pages.clone();
                self.restart(Crash::After, &live)
            }
        }
    }

    fn restart(&mut self, crash: Crash, expected: &Pages) -> Result<(), Stop> {
        self.pages.clear();
        for row in &self.rows {
            let signed = SignedReading::decode(row).map_err(Stop::broken)?;
            let pages = self.pages.entry(signed.reading.meter).or_default();
            pages.insert(signed.reading.page, signed);
        }
        same("the stored readings", &self.pages, expected)?;
        Err(Stop::Crashed(crash))
    }
}
