//! The ladder E1 to E5: what is taken for slots of which nothing is known, and why.
//!
//! ```text
//! E1  registers around them are known     their advance, in the form of like days (or of a
//!                                         profile, the sun, or evenly): conserves energy
//! E2  at most two hours, read on both sides            a straight line of power
//! E3  three like days have the slot                    the mean of the same slot
//! E4  a profile, or irradiance for what is made        scaled to what was used or made lately
//! E5  generation that failed                           zero
//! ```
//!
//! The first rung that holds is taken, for E3 to E5 slot by slot. What was read is never changed.

mod bounded;
mod lines;
mod open;

use calendar::Timestamp;
use units::{Energy, Power};

use crate::physics::energy_max;
use crate::{Channel, Days, Gap, Irradiance, Known, Method, Modules, Policy, Profile, Quality};
use crate::{Series, Span};

pub use bounded::rescale;

/// What estimates may rest on besides the series itself.
#[derive(Debug, Clone, Copy)]
pub struct Aids<'a> {
    /// Which register.
    pub channel: Channel,
    /// Days and holidays of the place.
    pub days: &'a Days,
    /// What can flow at most; no estimate is above it.
    pub power_max: Power,
    /// How such customers use energy.
    pub profile: Option<&'a Profile>,
    /// What is used in a day on average, where the series has too little to tell.
    pub day: Option<Energy>,
    /// What the sun sent, measured or of a clear sky.
    pub irradiance: Option<&'a Irradiance>,
    /// What makes power there; for E4 of a generation meter.
    pub modules: Option<Modules>,
    /// When generation is known to have failed, for E5.
    pub failed: &'a [Span],
    /// The thresholds.
    pub policy: &'a Policy,
}

impl Aids<'_> {
    fn most(&self, series: &Series) -> Energy {
        energy_max(self.power_max, series.length().seconds().unsigned_abs(), self.policy)
    }
}

/// One slot that was estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimated {
    /// When the slot starts.
    pub start: Timestamp,
    /// What is taken for it.
    pub known: Known,
    /// Did it get one of the watt-hours that did not divide (E1)?
    pub odd: bool,
}

/// Why a rung could not be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refused {
    /// E1: no registers bound the slots.
    Unbounded,
    /// E1: the registers bound more than the series has.
    NotCovered,
    /// E1: the intervals that are known say more than the registers.
    KnownExceedsAdvance,
    /// E1: the registers say more than can have flowed.
    AdvanceDoesNotFit,
    /// E2: longer than a straight line may be.
    TooLong,
    /// E2: not read on both sides.
    NoNeighbours,
    /// E3: too few like days have the slot.
    TooFewLikeDays,
    /// E4: no profile or irradiance, or nothing to scale it to.
    NoProfile,
    /// E5: not known to have failed.
    NotFailed,
}

impl Refused {
    /// The stable code, as stored and shown.
    pub const fn code(self) -> &'static str {
        match self {
            Refused::Unbounded => "E1_UNBOUNDED",
            Refused::NotCovered => "E1_NOT_COVERED",
            Refused::KnownExceedsAdvance => "E1_KNOWN_EXCEEDS_ADVANCE",
            Refused::AdvanceDoesNotFit => "E1_ADVANCE_DOES_NOT_FIT",
            Refused::TooLong => "E2_TOO_LONG",
            Refused::NoNeighbours => "E2_NO_NEIGHBOURS",
            Refused::TooFewLikeDays => "E3_TOO_FEW_LIKE_DAYS",
            Refused::NoProfile => "E4_NO_PROFILE",
            Refused::NotFailed => "E5_NOT_FAILED",
        }
    }
}

/// What the ladder says of a time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Estimate {
    /// The slots that were estimated, in order.
    pub slots: Vec<Estimated>,
    /// The slots that stay open.
    pub open: Vec<Timestamp>,
    /// Why rungs above the one taken could not be, each reason once, in order of the rungs.
    pub refused: Vec<Refused>,
}

impl Estimate {
    fn refuse(&mut self, refused: Refused) {
        if let Err(place) = self.refused.binary_search(&refused) {
            self.refused.insert(place, refused);
        }
    }

    fn join(&mut self, other: Estimate) {
        self.slots.extend(other.slots);
        self.open.extend(other.open);
        for refused in other.refused {
            self.refuse(refused);
        }
    }
}

/// Estimates the open slots of a gap whose registers are known (E1): what they say, less what is
/// known inside, is shared over what is open.
///
/// Where the registers contradict what is known inside, nothing is estimated: see [`rescale`].
pub fn estimate_bounded(series: &Series, gap: Gap, aids: &Aids<'_>) -> Estimate {
    bounded::estimate(series, gap, aids)
}

/// Estimates the open slots of `span` without registers (E2 to E5).
///
/// What lies before something that was read is substituted, what lies after the last reading is
/// estimated only.
pub fn estimate_open(series: &Series, span: Span, aids: &Aids<'_>) -> Estimate {
    let mut all = Estimate::default();
    all.refuse(Refused::Unbounded);
    let last_read = series.known().iter().rposition(|known| known.quality.is_read());
    for run in runs(series, span) {
        let ahead = last_read.is_none_or(|last| last < run.start);
        let quality = if ahead { Quality::Estimated } else { Quality::Substituted };
        match lines::estimate(series, run.clone(), aids) {
            Ok(slots) => all.join(slots),
            Err(refused) => {
                all.refuse(refused);
                all.join(open::estimate(series, run, quality, aids));
            }
        }
    }
    all
}

/// Fills a series: first the gaps that registers bound, then what is still open.
///
/// The result is every slot that was estimated. Slots that are known stay as they are, so filling
/// again changes nothing.
pub fn fill(series: &mut Series, gaps: &[Gap], aids: &Aids<'_>) -> Estimate {
    let mut all = Estimate::default();
    // Estimates do not become like days of each other: only what was read does.
    for gap in gaps {
        let estimate = estimate_bounded(series, *gap, aids);
        apply(series, &estimate);
        all.join(estimate);
    }
    all.open.sort_unstable();
    let bounded = all.open.clone();
    let rest = estimate_open(series, series.span(), aids);
    // A gap whose registers contradict it stays open: another rung would hide that.
    let (kept, dropped) =
        rest.slots.into_iter().partition(|slot| bounded.binary_search(&slot.start).is_err());
    let dropped: Vec<Estimated> = dropped;
    let rest = Estimate { slots: kept, ..rest };
    apply(series, &rest);
    let mut open = rest.open.clone();
    open.extend(dropped.iter().map(|slot| slot.start));
    open.sort_unstable();
    all.open.clear();
    all.join(Estimate { open, ..rest });
    all.slots.sort_unstable_by_key(|slot| slot.start);
    all
}

fn apply(series: &mut Series, estimate: &Estimate) {
    for slot in &estimate.slots {
        if let Some(place) = series.place(slot.start) {
            series.set(place, slot.known);
        }
    }
}

/// Runs of open slots in `span`, as places.
fn runs(series: &Series, span: Span) -> Vec<std::ops::Range<usize>> {
    let mut runs: Vec<std::ops::Range<usize>> = Vec::new();
    for place in series.places(span) {
        if !series.known()[place].quality.is_open() {
            continue;
        }
        match runs.last_mut() {
            Some(run) if run.end == place => run.end += 1,
            _ => runs.push(place..place + 1),
        }
    }
    runs
}

fn taken(series: &Series, place: usize, energy: Energy, quality: Quality, by: Method) -> Estimated {
    let known = Known { energy, quality, method: Some(by) };
    Estimated { start: series.slot(place).start, known, odd: false }
}
