//! Readings that came after the corrections of trades which they contradict.
//!
//! ```text
//! in time    10:00 ------------ 300 Wh ------------ 10:30     150 | 150   shared out, settled
//! late                10:15                                   300 |   0   what the meter says now
//! ```
//!
//! What was paid stands: the chain takes no correction any more. Where neighbours were paid more
//! than the meter shows with the late reading, and not more than it shows without, the whole span
//! between the readings that were in time is billed without it. Everywhere else the late reading
//! counts, and the retailer's part follows from it.
//!
//! Invariant: what was settled is excused by a late reading only where it fits the meter without it
//! and the chain proves that it was late. The proof is two leaves of the day: one that was anchored
//! while corrections were open and lacks the reading, one with it that was anchored after them. An
//! operator cannot make the first afterwards.
//! Absent: spans across the end of a period, of which each bill sees its own part; a proof for a
//! day of which nothing was anchored in time. A root does not show what is not under it, so such a
//! bill fails where what was settled contradicts the meter.

use std::collections::{BTreeMap, BTreeSet};

use calendar::{SlotLength, Timestamp};
use reading::{Inconsistent, Interval, Quality, Reading, SignedReading, intervals};

use super::Verifier;
use crate::domain::bill::{Fault, OfReadings, Settled, Side, Traded, Used};

/// When a reading was on chain, epoch seconds of blocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Anchored {
    /// The newest moment at which it is proved to have been in no leaf yet; zero where it is not
    /// late.
    pub(super) absent: u64,
    /// When the leaf was anchored that holds it.
    pub(super) since: u64,
}

/// Late readings between two that were in time.
struct Span {
    from: Timestamp,
    to: Timestamp,
    pages: Vec<u32>,
}

/// What the meter shows of each slot, with and without the late readings.
pub(super) struct Metered {
    /// What is billed.
    pub(super) billed: BTreeMap<Timestamp, Used>,
    whole: BTreeMap<Timestamp, Used>,
    before: BTreeMap<Timestamp, Used>,
    spans: Vec<Span>,
    /// Readings that a gateway signed for a device.
    relayed: u32,
}

/// A slot in which what was settled contradicts the meter.
pub(super) struct Contradiction {
    pub(super) slot: Timestamp,
    pub(super) side: Side,
    pub(super) fault: Fault,
    /// Late pages without which it fits; none where it never did.
    excuse: Vec<u32>,
}

impl Metered {
    /// `late`: pages of readings that came late.
    pub(super) fn new(
        readings: &[SignedReading],
        late: &BTreeSet<u32>,
        length: SlotLength,
        trades: &[Traded],
    ) -> Result<Metered, Inconsistent> {
        let all: Vec<Reading> = readings.iter().map(|signed| signed.reading).collect();
        let in_time = all.iter().filter(|reading| !late.contains(&reading.page));
        let in_time: Vec<Reading> = in_time.copied().collect();
        let (whole, before) = (used(&all, length)?, used(&in_time, length)?);
        let relayed = all.iter().filter(|reading| reading.status.relayed()).count();
        let relayed = u32::try_from(relayed).unwrap_or(u32::MAX);
        let spans = spans(&all, late);
        let mut metered = Metered { billed: whole.clone(), whole, before, spans, relayed };
        let settled = Settled::by_slot(trades);
        for span in &metered.spans {
            let slots = settled.range((span.from, Side::Buyer)..(span.to, Side::Buyer));
            let exceeds = |used: &BTreeMap<Timestamp, Used>| {
                slots.clone().any(|((slot, side), of)| of.exceeds(*side, used.get(slot)))
            };
            if exceeds(&metered.whole) && !exceeds(&metered.before) {
                let slots = metered.before.range(span.from..span.to);
                metered.billed.extend(slots.map(|(slot, used)| (*slot, *used)));
            }
        }
        Ok(metered)
    }

    /// Where what was settled contradicts the meter.
    pub(super) fn contradictions(&self, trades: &[Traded]) -> Vec<Contradiction> {
        let mut found = Vec::new();
        for ((slot, side), of) in Settled::by_slot(trades) {
            let Some(fault) = of.fault(side, self.whole.get(&slot)) else { continue };
            let fitted = of.fault(side, self.before.get(&slot)).is_none();
            let span = self.span(slot).filter(|_| fitted);
            let excuse = span.map_or_else(Vec::new, |span| span.pages.clone());
            found.push(Contradiction { slot, side, fault, excuse });
        }
        found
    }

    /// Slots that are billed without the late readings.
    pub(super) fn without_late(&self) -> impl Iterator<Item = Timestamp> {
        let differs = |(slot, used): &(&Timestamp, &Used)| self.whole.get(slot) != Some(used);
        self.billed.iter().filter(differs).map(|(slot, _)| *slot)
    }

    /// How many late readings contradict what was settled, and how many were signed by a gateway.
    pub(super) fn of_readings(&self, trades: &[Traded]) -> OfReadings {
        let contradictions = self.contradictions(trades);
        let pages: BTreeSet<u32> =
            contradictions.iter().flat_map(|one| one.excuse.iter().copied()).collect();
        let late = u32::try_from(pages.len()).unwrap_or(u32::MAX);
        OfReadings { late, relayed: self.relayed }
    }

    /// Whether two readings next to each other say what the slot's energy is.
    fn is_measured(&self, slot: Timestamp) -> bool {
        self.whole.get(&slot).is_some_and(|used| used.quality == Quality::Measured)
    }

    fn span(&self, slot: Timestamp) -> Option<&Span> {
        self.spans.iter().find(|span| (span.from..span.to).contains(&slot))
    }
}

/// The energy of each slot that readings span.
fn used(
    readings: &[Reading],
    length: SlotLength,
) -> Result<BTreeMap<Timestamp, Used>, Inconsistent> {
    let used = intervals(readings, length)?.into_iter().map(|interval| {
        let Interval { slot, import, export, quality } = interval;
        (slot.start, Used { import, export, quality })
    });
    Ok(used.collect())
}

fn spans(readings: &[Reading], late: &BTreeSet<u32>) -> Vec<Span> {
    let (first, last) = (Timestamp::from_seconds(i64::MIN), Timestamp::from_seconds(i64::MAX));
    let mut spans = Vec::new();
    let mut open = Span { from: first, to: last, pages: Vec::new() };
    for reading in readings {
        if late.contains(&reading.page) {
            open.pages.push(reading.page);
            continue;
        }
        let next = Span { from: reading.time, to: last, pages: Vec::new() };
        let ended = std::mem::replace(&mut open, next);
        spans.push(Span { to: reading.time, ..ended });
    }
    spans.push(open);
    spans.retain(|span| !span.pages.is_empty());
    spans
}

impl Verifier<'_> {
    /// What was settled fits the meter as it was known in time. The slots are returned that it does
    /// not fit any more, for a reading that came late.
    ///
    /// That less was settled than was owed fails where two clear readings at the ends of the slot
    /// say so: the account's own registers and the policy prove it, whatever the neighbour's meter
    /// showed ([`crate::domain::bill::Settled`] says why). Where the own registers are shared out
    /// or doubtful, or the neighbour's meter can be the explanation, it is said and not refused.
    pub(super) fn check_settled(
        &mut self,
        metered: &Metered,
        trades: &[Traded],
    ) -> BTreeSet<Timestamp> {
        let doubtful = self.doubtful();
        let mut late: BTreeSet<Timestamp> = metered.without_late().collect();
        for Contradiction { slot, side, fault, excuse } in metered.contradictions(trades) {
            if self.cut.contains(&slot) {
                continue;
            }
            if self.came_late(&excuse, slot) {
                late.insert(slot);
                continue;
            }
            let end = slot.plus_seconds(self.bill.invoice.slot_minutes.seconds());
            let sure = metered.is_measured(slot) && !doubtful.concerns(slot, end);
            if fault != Fault::TooLittle || sure {
                self.fail_settled(fault.words(side, slot));
            }
        }
        late
    }

    /// The chain proves that these readings came after the corrections of the slot's trades.
    fn came_late(&self, pages: &[u32], slot: Timestamp) -> bool {
        let Some(closes) = self.closing.get(&slot).map(|closes| closes.unsigned()) else {
            return false;
        };
        let late = |page: &u32| {
            let anchored = self.anchored.get(page);
            anchored.is_some_and(|at| (1..closes).contains(&at.absent) && at.since >= closes)
        };
        !pages.is_empty() && pages.iter().all(late)
    }
}
