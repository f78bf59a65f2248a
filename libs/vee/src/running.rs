//! One running total for a direction of a connection point, whatever its meters did.
//!
//! ```text
//! register    99 950 .. 00 120 | 7 310 (old) | 4 (new) .. 250 | 12 (reset) .. 90
//! what        a rollover         an exchange: nothing flows     nobody knows what flowed
//! segment     |----------------- one running total ----------|  |-- another --|
//! ```
//!
//! Within a segment the total never runs back, so intervals are differences of it and sum to what
//! the registers say. Between segments only the ladder can say something.

use calendar::{Slot, SlotLength, Timestamp};
use units::{Energy, Overflow};

use crate::read::advance;
use crate::series::TooLong;
use crate::verdict::{Action, Code, Finding};
use crate::{Channel, Dial, Known, Meter, Method, Policy, Series, Site, Span};

/// A moment at which the total is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Point {
    time: Timestamp,
    total: Energy,
    /// What happened to the meter then.
    change: Option<Method>,
}

/// Two readings at the change of a meter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// When.
    pub time: Timestamp,
    /// What the old register showed last; `None` where nobody read it.
    pub old_final: Option<u64>,
    /// The new meter.
    pub meter: Meter,
    /// What the new register showed first.
    pub new_initial: u64,
}

/// A running total over rollovers, exchanges and changes of the transformers' factor.
///
/// It keeps a point for each reading, in order of time; how many there are, the caller bounds.
#[derive(Debug, Clone)]
pub struct RunningTotal<'a> {
    channel: Channel,
    meter: Meter,
    site: &'a Site,
    policy: &'a Policy,
    /// The register's last position.
    last: Option<(Timestamp, u64)>,
    segments: Vec<Vec<Point>>,
}

/// Slots without readings at their ends, and what the registers say of them together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// From slot boundary to slot boundary.
    pub span: Span,
    /// What flowed in it.
    pub advance: Energy,
}

/// Intervals that follow from a running total.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intervals {
    /// From the first boundary that was read to the last. Slots of `gaps` and slots that no segment
    /// covers are missing.
    pub series: Series,
    /// What registers bound without reading each slot, in order.
    pub gaps: Vec<Gap>,
}

impl<'a> RunningTotal<'a> {
    /// A total that nothing was read of yet.
    pub const fn new(
        channel: Channel,
        meter: Meter,
        site: &'a Site,
        policy: &'a Policy,
    ) -> RunningTotal<'a> {
        RunningTotal { channel, meter, site, policy, last: None, segments: Vec::new() }
    }

    /// The register showed `position` at `time`, after everything before.
    ///
    /// # Errors
    /// A [`Finding`] that fails: out of order, too many digits, a reset, too much. Then nothing
    /// changes; after a reset, [`RunningTotal::restart`] says that it is one.
    pub fn read(&mut self, time: Timestamp, position: u64) -> Result<(), Finding> {
        self.push(time, position, None)
    }

    /// The meter was exchanged: what the old one showed last counts, nothing flows in between.
    ///
    /// # Errors
    /// As [`RunningTotal::read`], of the old register; then the new one is not in place.
    pub fn exchange(&mut self, exchange: Exchange) -> Result<(), Finding> {
        let Exchange { time, old_final, meter, new_initial } = exchange;
        if new_initial >= meter.dial.span() {
            let finding = Finding::new(Code::TooManyDigits, Span { from: time, to: time });
            return Err(finding.with("position", new_initial).with("span", meter.dial.span()));
        }
        match old_final {
            Some(old_final) => {
                self.push(time, old_final, Some(Method::Exchange))?;
                self.meter = meter;
                self.last = Some((time, new_initial));
                Ok(())
            }
            None => {
                self.in_order(time)?;
                self.meter = meter;
                self.begin(time, new_initial);
                self.mark(Some(Method::Exchange));
                Ok(())
            }
        }
    }

    /// The transformers were changed while the register showed `position`: what flowed before
    /// counts by the old factor.
    ///
    /// # Errors
    /// As [`RunningTotal::read`]; a factor that the dial cannot have fails as too much.
    pub fn rescale(
        &mut self,
        time: Timestamp,
        position: u64,
        multiplier: u32,
    ) -> Result<(), Finding> {
        let dial: Dial = self.meter.dial.behind(multiplier).map_err(|_| {
            let finding = Finding::new(Code::TooMuch, Span { from: time, to: time });
            finding.with("multiplier", multiplier)
        })?;
        self.push(time, position, Some(Method::Multiplier))?;
        self.meter.dial = dial;
        Ok(())
    }

    /// The register began anew at `position`: nobody knows what flowed since the last reading.
    ///
    /// # Errors
    /// A [`Finding`] when it is out of order or has too many digits.
    pub fn restart(&mut self, time: Timestamp, position: u64) -> Result<(), Finding> {
        self.in_order(time)?;
        if position >= self.meter.dial.span() {
            let finding = Finding::new(Code::TooManyDigits, Span { from: time, to: time });
            return Err(finding.with("position", position).with("span", self.meter.dial.span()));
        }
        self.begin(time, position);
        Ok(())
    }

    /// What the registers say of the time between two moments that were read; `None` where no
    /// segment has both.
    pub fn advance(&self, span: Span) -> Option<Energy> {
        self.segments.iter().find_map(|points| {
            let total = |time: Timestamp| {
                let place = points.partition_point(|point| point.time <= time);
                points[..place].last().filter(|point| point.time == time).map(|it| it.total)
            };
            total(span.to)?.minus(total(span.from)?)
        })
    }

    fn push(
        &mut self,
        time: Timestamp,
        position: u64,
        change: Option<Method>,
    ) -> Result<(), Finding> {
        let Some((before, earlier)) = self.last else {
            return self.restart(time, position).map(|()| self.mark(change));
        };
        self.in_order(time)?;
        let span = Span { from: before, to: time };
        let (channel, meter) = (self.channel, &self.meter);
        let found = advance(channel, (earlier, position), span, meter, self.site, self.policy);
        if let Some(finding) = found.filter(|finding| finding.code.action() == Action::Fail) {
            return Err(finding);
        }
        let energy = meter.dial.advance(earlier, position).map_or(Energy::ZERO, |it| it.energy);
        let points = self.segments.last_mut().expect("a position begins a segment");
        let so_far = points.last().map_or(Energy::ZERO, |point| point.total);
        let total = so_far
            .plus(energy)
            .map_err(|Overflow| Finding::new(Code::TooMuch, span).with("energy_wh", energy.wh()))?;
        points.push(Point { time, total, change });
        self.last = Some((time, position));
        Ok(())
    }

    fn in_order(&self, time: Timestamp) -> Result<(), Finding> {
        match self.last {
            // A new meter may be read in the second in which it was put in.
            Some((before, _)) if time < before || (time == before && !self.changed_last()) => {
                Err(Finding::new(Code::PageOrder, Span { from: before, to: time })
                    .with("elapsed_seconds", time.seconds_since(before)))
            }
            _ => Ok(()),
        }
    }

    fn changed_last(&self) -> bool {
        self.segments.last().and_then(|points| points.last()).is_some_and(|it| it.change.is_some())
    }

    fn begin(&mut self, time: Timestamp, position: u64) {
        self.segments.push(vec![Point { time, total: Energy::ZERO, change: None }]);
        self.last = Some((time, position));
    }

    fn mark(&mut self, change: Option<Method>) {
        if let Some(point) = self.segments.last_mut().and_then(|points| points.last_mut()) {
            point.change = change;
        }
    }

    /// The intervals that follow.
    ///
    /// A reading within [`Policy::clock_warn_seconds`] of a slot boundary counts as taken there.
    /// One slot between two such readings is measured, or calculated where the meter changed in it;
    /// more of them are a [`Gap`]. Where readings lie off the boundaries, and no further apart than
    /// a slot, power is taken as even between them, and the slots are interpolated (E2).
    ///
    /// # Errors
    /// [`TooLong`] when there are more slots than a series has.
    pub fn intervals(&self, length: SlotLength) -> Result<Intervals, TooLong> {
        let warn = i64::from(self.policy.clock_warn_seconds);
        let segments = self.segments.iter().enumerate();
        let cuts: Vec<Vec<Cut>> =
            segments.map(|(number, points)| cuts(points, length, warn, number > 0)).collect();
        let mut all = cuts.iter().flatten();
        let first = all.next().map_or(Timestamp::default(), |cut| cut.time);
        let last = all.next_back().map_or(first, |cut| cut.time);
        let slots = last.seconds_since(first) / length.seconds();
        let slots = usize::try_from(slots).unwrap_or(0);
        let mut series = Series::missing(Slot { start: first, length }, slots)?;
        let mut gaps = Vec::new();
        for pair in cuts.iter().flat_map(|cuts| cuts.windows(2)) {
            let span = Span { from: pair[0].time, to: pair[1].time };
            let energy = pair[1].total.less(pair[0].total);
            if span.to != span.from.plus_seconds(length.seconds()) {
                gaps.push(Gap { span, advance: energy });
                continue;
            }
            let known = match pair[1].change {
                _ if pair[0].off.is_none() || pair[1].off.is_none() => {
                    Known::substituted(energy, Method::Interpolated)
                }
                Some(change) => Known::calculated(energy, change),
                None => Known::measured(energy),
            };
            if let Some(place) = series.place(span.from) {
                series.set(place, known);
            }
        }
        Ok(Intervals { series, gaps })
    }
}

/// The total at a slot boundary.
#[derive(Debug, Clone, Copy)]
struct Cut {
    time: Timestamp,
    total: Energy,
    /// How far from the boundary it was read, in seconds; `None` where it was taken from the
    /// straight line between two readings.
    off: Option<u64>,
    /// What happened to the meter since the boundary before.
    change: Option<Method>,
}

/// The boundaries at which the total of a segment is known, in order. Of readings beside one
/// boundary the nearest counts, of two the earlier.
///
/// The first reading of a segment that `follows` another says nothing of the time before it, so it
/// does not count as taken earlier.
fn cuts(points: &[Point], length: SlotLength, warn: i64, follows: bool) -> Vec<Cut> {
    let mut cuts: Vec<Cut> = Vec::with_capacity(points.len());
    let mut change = None;
    for (place, point) in points.iter().enumerate() {
        if let Some(before) = place.checked_sub(1).map(|before| points[before]) {
            between(&before, point, length, warn, &mut change, &mut cuts);
        }
        let begins = follows && place == 0;
        let boundary = boundary_beside(point.time, length, warn)
            .filter(|boundary| !begins || *boundary >= point.time);
        let Some(boundary) = boundary else {
            change = point.change.or(change);
            continue;
        };
        let off = point.time.seconds_since(boundary).unsigned_abs();
        match cuts.last_mut() {
            Some(last) if last.time == boundary && last.off.is_some_and(|held| off < held) => {
                (last.total, last.off) = (point.total, Some(off));
            }
            Some(last) if last.time >= boundary => {}
            _ => {
                let (total, off) = (point.total, Some(off));
                cuts.push(Cut { time: boundary, total, off, change: change.take() });
            }
        }
        // What happens at the boundary itself is in neither slot.
        match cuts.last_mut() {
            Some(cut) if cut.time == boundary && point.time < boundary => {
                cut.change = point.change.or(cut.change);
            }
            _ if point.time > boundary => change = point.change.or(change),
            _ => {}
        }
    }
    cuts
}

/// Adds the boundaries that lie between two readings, where these are near enough.
fn between(
    earlier: &Point,
    later: &Point,
    length: SlotLength,
    warn: i64,
    change: &mut Option<Method>,
    cuts: &mut Vec<Cut>,
) {
    let elapsed = later.time.seconds_since(earlier.time);
    let boundary = Slot::containing(later.time, length).start;
    let after = boundary.seconds_since(earlier.time);
    let beside = |point: &Point| boundary_beside(point.time, length, warn) == Some(boundary);
    if elapsed > length.seconds() || after <= 0 || beside(earlier) || beside(later) {
        return;
    }
    if cuts.last().is_some_and(|cut| cut.time >= boundary) {
        return;
    }
    let advance = u128::from(later.total.less(earlier.total).wh());
    // 0 < after < elapsed, so the part fits and is at most the whole.
    let part = advance * u128::from(after.unsigned_abs()) / u128::from(elapsed.unsigned_abs());
    let part = Energy::from_wh(u64::try_from(part).unwrap_or(0));
    let total = earlier.total.plus(part).unwrap_or(later.total);
    cuts.push(Cut { time: boundary, total, off: None, change: change.take() });
}

/// The slot boundary within `warn` seconds of `time`.
fn boundary_beside(time: Timestamp, length: SlotLength, warn: i64) -> Option<Timestamp> {
    let slot = Slot::containing(time, length);
    if time.seconds_since(slot.start) <= warn {
        return Some(slot.start);
    }
    (slot.end().seconds_since(time) <= warn).then(|| slot.end())
}
