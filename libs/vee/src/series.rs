//! The energies of one direction of one connection point, slot by slot without a hole.

use calendar::{Slot, SlotLength, Timestamp};
use serde::{Deserialize, Serialize};
use units::{Energy, Overflow};

use crate::Quality;

/// The most slots of a series: eleven years of five minutes.
pub const SERIES_SLOTS_MAX: usize = 1_200_000;

/// Which of the two registers of a meter, or what a generation meter counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Taken from the grid.
    Import,
    /// Fed into the grid.
    Export,
    /// What a generator made, before anything was consumed.
    Generation,
}

/// Where the form of a register-bounded fill came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// The same slots of like days.
    LikeDays,
    /// A standard load profile.
    Profile,
    /// What the sun sent.
    Irradiance,
    /// The intervals that were said, scaled.
    Own,
    /// No form is known: the same to all.
    Even,
}

/// What made an energy that was not measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// E1: the advance of the registers, shared out in a form.
    Bounded(Shape),
    /// E2: a straight line of power between what is known on both sides.
    Interpolated,
    /// E3: the mean of the same slot on like days.
    LikeDays,
    /// E4: a standard load profile.
    Profile,
    /// E4: what the sun sent.
    Irradiance,
    /// E5: zero.
    Zero,
    /// The meter was exchanged in the slot: two differences were added.
    Exchange,
    /// The factor of the transformers changed in the slot: two differences were added.
    Multiplier,
    /// Somebody corrected it.
    Edit,
}

impl Method {
    /// Every method.
    pub const ALL: [Method; 13] = [
        Method::Bounded(Shape::LikeDays),
        Method::Bounded(Shape::Profile),
        Method::Bounded(Shape::Irradiance),
        Method::Bounded(Shape::Own),
        Method::Bounded(Shape::Even),
        Method::Interpolated,
        Method::LikeDays,
        Method::Profile,
        Method::Irradiance,
        Method::Zero,
        Method::Exchange,
        Method::Multiplier,
        Method::Edit,
    ];

    /// The stable code, as stored and shown. `E1` alone is an even share, which needs no data
    /// besides the registers.
    pub const fn code(self) -> &'static str {
        match self {
            Method::Bounded(Shape::Even) => "E1",
            Method::Bounded(Shape::LikeDays) => "E1-LIKE",
            Method::Bounded(Shape::Profile) => "E1-PROFILE",
            Method::Bounded(Shape::Irradiance) => "E1-SUN",
            Method::Bounded(Shape::Own) => "E1-OWN",
            Method::Interpolated => "E2",
            Method::LikeDays => "E3",
            Method::Profile => "E4-PROFILE",
            Method::Irradiance => "E4-SUN",
            Method::Zero => "E5",
            Method::Exchange => "EXCHANGE",
            Method::Multiplier => "MULTIPLIER",
            Method::Edit => "EDIT",
        }
    }

    /// The method with this [`Method::code`].
    pub fn coded(code: &str) -> Option<Method> {
        Method::ALL.into_iter().find(|method| method.code() == code)
    }

    /// Does it estimate, so that registers which are read later replace it?
    pub const fn is_estimate(self) -> bool {
        !matches!(self, Method::Exchange | Method::Multiplier | Method::Edit)
    }
}

/// What is known of one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Known {
    /// The energy; zero where nothing is known. What is faulty keeps what was said.
    pub energy: Energy,
    /// How it is known.
    pub quality: Quality,
    /// What made it, where it was not measured.
    pub method: Option<Method>,
}

impl Known {
    /// Nothing is known.
    pub const MISSING: Known =
        Known { energy: Energy::ZERO, quality: Quality::Missing, method: None };

    /// Registers were read at both ends.
    pub const fn measured(energy: Energy) -> Known {
        Known { energy, quality: Quality::Measured, method: None }
    }

    /// Registers in and around the slot say it.
    pub const fn calculated(energy: Energy, method: Method) -> Known {
        Known { energy, quality: Quality::Calculated, method: Some(method) }
    }

    /// A rule says it.
    pub const fn substituted(energy: Energy, method: Method) -> Known {
        Known { energy, quality: Quality::Substituted, method: Some(method) }
    }

    /// May `newer` take the place of this?
    ///
    /// What was read, and what a rule found faulty, takes the place of everything but what somebody
    /// corrected; a correction takes the place of everything; an estimate only of what is open or
    /// estimated. So a real reading that comes late ends an estimate, and no estimate ends a
    /// reading.
    pub fn gives_way_to(&self, newer: &Known) -> bool {
        if newer.method == Some(Method::Edit) {
            return true;
        }
        if self.method == Some(Method::Edit) {
            return false;
        }
        match newer.quality {
            Quality::Measured | Quality::Calculated | Quality::Faulty => true,
            Quality::Substituted | Quality::Estimated => !self.quality.is_read(),
            Quality::Missing => self.quality.is_open(),
        }
    }
}

/// A stretch of time, half-open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
}

impl Span {
    /// How long it lasts, in seconds; never negative.
    pub const fn seconds(&self) -> u64 {
        let seconds = self.to.seconds_since(self.from);
        if seconds < 0 { 0 } else { seconds.unsigned_abs() }
    }

    /// Do the two have a moment in common?
    pub fn meets(&self, other: &Span) -> bool {
        self.from < other.to && other.from < self.to
    }
}

impl From<Slot> for Span {
    fn from(slot: Slot) -> Span {
        Span { from: slot.start, to: slot.end() }
    }
}

/// What is known of consecutive slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    first: Slot,
    known: Vec<Known>,
}

/// More slots than [`SERIES_SLOTS_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} slots are more than a series has ({SERIES_SLOTS_MAX})")]
pub struct TooLong(pub usize);

impl Series {
    /// `slots` slots from `first` on, of which nothing is known yet.
    ///
    /// # Errors
    /// [`TooLong`] above [`SERIES_SLOTS_MAX`].
    pub fn missing(first: Slot, slots: usize) -> Result<Series, TooLong> {
        if slots > SERIES_SLOTS_MAX {
            return Err(TooLong(slots));
        }
        Ok(Series { first, known: vec![Known::MISSING; slots] })
    }

    /// What is known of the slots from `first` on.
    ///
    /// # Errors
    /// [`TooLong`] above [`SERIES_SLOTS_MAX`].
    pub fn new(first: Slot, known: Vec<Known>) -> Result<Series, TooLong> {
        if known.len() > SERIES_SLOTS_MAX {
            return Err(TooLong(known.len()));
        }
        Ok(Series { first, known })
    }

    /// The same over all slots that lie whole in `span`: what this series does not have is missing.
    ///
    /// # Errors
    /// [`TooLong`] above [`SERIES_SLOTS_MAX`].
    pub fn over(&self, span: Span) -> Result<Series, TooLong> {
        let containing = Slot::containing(span.from, self.length());
        let first = if containing.start < span.from { containing.later(1) } else { containing };
        let slots = span.to.seconds_since(first.start).max(0) / self.length().seconds();
        let slots = usize::try_from(slots).unwrap_or(usize::MAX);
        let mut series = Series::missing(first, slots)?;
        for (place, known) in series.known.iter_mut().enumerate() {
            *known = self.at(first.later(i64::try_from(place).unwrap_or(i64::MAX)).start);
        }
        Ok(series)
    }

    /// How long a slot is.
    pub const fn length(&self) -> SlotLength {
        self.first.length
    }

    /// From the first slot's start to the last one's end.
    pub fn span(&self) -> Span {
        Span { from: self.first.start, to: self.slot(self.known.len()).start }
    }

    /// All that is known, in order.
    pub fn known(&self) -> &[Known] {
        &self.known
    }

    /// The slot at `place`, which may lie behind the end.
    pub fn slot(&self, place: usize) -> Slot {
        self.first.later(i64::try_from(place).unwrap_or(i64::from(u32::MAX)))
    }

    /// The place of the slot that starts at `start`, if the series has it.
    pub fn place(&self, start: Timestamp) -> Option<usize> {
        let seconds = start.seconds_since(self.first.start);
        let place = usize::try_from(seconds / self.length().seconds()).ok()?;
        let aligned = seconds % self.length().seconds() == 0;
        (seconds >= 0 && aligned && place < self.known.len()).then_some(place)
    }

    /// What is known of the slot that starts at `start`; missing where the series does not reach.
    pub fn at(&self, start: Timestamp) -> Known {
        self.place(start).map_or(Known::MISSING, |place| self.known[place])
    }

    /// Says what is known of the slot at `place`; behind the end nothing is kept.
    pub fn set(&mut self, place: usize, known: Known) {
        if let Some(kept) = self.known.get_mut(place) {
            *kept = known;
        }
    }

    /// The places of the slots that lie whole in `span`.
    pub fn places(&self, span: Span) -> std::ops::Range<usize> {
        let length = self.length().seconds();
        let bounded = |slots: i64| usize::try_from(slots).unwrap_or(0).min(self.known.len());
        let first = span.from.seconds_since(self.first.start);
        let last = span.to.seconds_since(self.first.start);
        let first = bounded(first.saturating_add(length - 1).div_euclid(length));
        first..bounded(last.div_euclid(length)).max(first)
    }

    /// The slots of `span` with what is known of them.
    pub fn within(&self, span: Span) -> impl Iterator<Item = (Slot, Known)> {
        self.places(span).map(|place| (self.slot(place), self.known[place]))
    }

    /// The sum of all energies in `span` that are not open.
    ///
    /// # Errors
    /// [`Overflow`] when it does not fit.
    pub fn sum(&self, span: Span) -> Result<Energy, Overflow> {
        let counted = self.within(span).filter(|(_, known)| !known.quality.is_open());
        Energy::sum(counted.map(|(_, known)| known.energy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: SlotLength = SlotLength::QUARTER_HOUR;

    fn at(slot: i64) -> Timestamp {
        Timestamp::from_seconds(1_780_272_000 + slot * 900)
    }

    fn series(energies: &[u64]) -> Series {
        let first = Slot::starting(at(0), LENGTH).unwrap();
        let known = energies.iter().map(|wh| Known::measured(Energy::from_wh(*wh))).collect();
        Series::new(first, known).unwrap()
    }

    #[test]
    fn a_slot_is_found_by_its_start_only() {
        let series = series(&[1, 2, 3]);
        assert_eq!(series.place(at(0)), Some(0));
        assert_eq!(series.place(at(2)), Some(2));
        assert_eq!(series.place(at(3)), None);
        assert_eq!(series.place(at(-1)), None);
        assert_eq!(series.place(at(1).plus_seconds(1)), None);
        assert_eq!(series.at(at(9)), Known::MISSING);
    }

    #[test]
    fn a_span_has_the_slots_that_lie_whole_in_it() {
        let series = series(&[1, 2, 3]);
        let places = |from, to| series.places(Span { from, to });
        assert_eq!(places(at(0), at(3)), 0..3);
        assert_eq!(places(at(-5), at(50)), 0..3);
        assert_eq!(places(at(0).plus_seconds(1), at(2).plus_seconds(899)), 1..2);
        assert_eq!(places(at(2), at(1)), 2..2);
        assert_eq!(series.sum(series.span()), Ok(Energy::from_wh(6)));
    }

    #[test]
    fn a_series_over_another_time_keeps_what_both_have() {
        let wider = series(&[1, 2, 3]).over(Span { from: at(-1).plus_seconds(-5), to: at(2) });
        let wh: Vec<u64> = wider.unwrap().known().iter().map(|it| it.energy.wh()).collect();
        assert_eq!(wh, [0, 1, 2]);
        let within = series(&[1, 2, 3]).over(Span { from: at(0).plus_seconds(1), to: at(9) });
        let within = within.unwrap();
        assert_eq!((within.span().from, within.known().len()), (at(1), 8));
        assert_eq!(within.known()[2], Known::MISSING);
    }

    #[test]
    fn a_series_has_a_limit() {
        let first = Slot::starting(at(0), LENGTH).unwrap();
        let slots = SERIES_SLOTS_MAX + 1;
        assert_eq!(Series::missing(first, slots), Err(TooLong(slots)));
    }

    #[test]
    fn what_was_read_takes_the_place_of_an_estimate_and_never_the_other_way_round() {
        let energy = Energy::from_wh(1);
        let read = Known::measured(energy);
        let bounded = Known::substituted(energy, Method::Bounded(Shape::Even));
        let ahead = Known { quality: Quality::Estimated, ..bounded };
        let edited = Known::substituted(energy, Method::Edit);
        for estimate in [bounded, ahead, Known::MISSING] {
            assert!(estimate.gives_way_to(&read), "{estimate:?}");
            assert!(!read.gives_way_to(&estimate), "{estimate:?}");
            assert!(!edited.gives_way_to(&estimate), "{estimate:?}");
        }
        assert!(ahead.gives_way_to(&bounded) && bounded.gives_way_to(&ahead));
        assert!(read.gives_way_to(&read));
        assert!(read.gives_way_to(&edited) && edited.gives_way_to(&edited));
        assert!(!edited.gives_way_to(&read) && !bounded.gives_way_to(&Known::MISSING));
        let faulty = Known { quality: Quality::Faulty, ..read };
        assert!(read.gives_way_to(&faulty) && faulty.gives_way_to(&bounded));
        assert!(!edited.gives_way_to(&faulty));
    }

    #[test]
    fn a_method_comes_back_from_its_code() {
        for method in Method::ALL {
            assert_eq!(Method::coded(method.code()), Some(method));
        }
        assert_eq!(Method::coded("E9"), None);
    }
}
