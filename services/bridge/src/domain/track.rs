//! One register of a device, followed so that what is signed of it never runs back.

use calendar::Timestamp;
use serde::{Deserialize, Serialize};
use units::{Energy, Power};
use vee::Dial;

/// The tolerance on what a connection can carry: twenty-one twentieths, as at metering's door.
const TOLERANCE: (u128, u128) = (21, 20);
/// Energy that a register may be ahead of time by, since it moves in steps: the coarsest that is
/// usual, one kilowatt-hour.
const STEP_MAX: Energy = Energy::from_wh(1000);
/// Samples that have to agree before a register is believed to have begun anew.
const AGREEING_SAMPLES: u8 = 3;
/// Seconds that they have to span.
const AGREEING_SECONDS: i64 = 30;

/// Why a sample does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// It is older than what is known.
    #[error("is older than one before it")]
    OutOfOrder,
    /// The register ran back, or further than the connection can carry. If it stays there, it has
    /// begun anew.
    #[error("jumped from {from_wh} to {to_wh} Wh")]
    Jumped {
        /// What it showed before.
        from_wh: u64,
        /// What it shows.
        to_wh: u64,
    },
    /// No such register is followed.
    #[error("is of a register that is not followed")]
    NoRegister,
    /// The total would not fit.
    #[error("counts more than a reading can say")]
    TooMuch,
}

/// What a register showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Shown {
    time: Timestamp,
    wh: u64,
}

/// A register that seems to have begun anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Anew {
    first: Shown,
    last: Shown,
    samples: u8,
}

/// What a register has to be possible by.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The most that flows.
    pub power_max: Power,
    /// The register's digits, where it is known to begin again at zero behind them.
    pub dial: Option<Dial>,
}

/// A register: what it showed last, and the total that follows, which never runs back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    /// The total begins at zero, not at what the register shows first.
    from_zero: bool,
    last: Option<Shown>,
    anew: Option<Anew>,
    /// The latest total at or before the boundary that is due next.
    before: Option<Shown>,
    /// The latest total after it.
    after: Option<Shown>,
}

impl Track {
    /// A register that counts from what it shows first on.
    pub fn from_zero() -> Track {
        Track { from_zero: true, ..Track::default() }
    }

    /// The register showed `wh` at `time`; `boundary` is due next.
    ///
    /// # Errors
    /// [`Doubt`]: then it does not count, or not yet.
    pub fn take(
        &mut self,
        time: Timestamp,
        wh: u64,
        boundary: Timestamp,
        bounds: Bounds,
    ) -> Result<(), Doubt> {
        let shown = Shown { time, wh };
        let Some(last) = self.last else {
            self.count(shown, if self.from_zero { 0 } else { wh }, boundary);
            return Ok(());
        };
        if time < last.time {
            return Err(Doubt::OutOfOrder);
        }
        let advance = advance(last, shown, bounds);
        let Some(advance) = advance.or_else(|| self.begun_anew(last, shown, bounds)) else {
            return Err(Doubt::Jumped { from_wh: last.wh, to_wh: wh });
        };
        let total = self.total().checked_add(advance.wh()).ok_or(Doubt::TooMuch)?;
        if total > reading::REGISTER_WH_MAX {
            return Err(Doubt::TooMuch);
        }
        self.count(shown, total, boundary);
        Ok(())
    }

    /// The total at `boundary`: the latest at or before it, if that is no older than
    /// `age_max` seconds and the register is not in doubt.
    pub fn at(&self, boundary: Timestamp, age_max: i64) -> Option<u64> {
        let before = self.before.filter(|_| self.anew.is_none())?;
        (boundary.seconds_since(before.time) <= age_max).then_some(before.wh)
    }

    /// The clock was set back to `now`: what was seen later was seen now.
    pub fn not_after(&mut self, now: Timestamp) {
        let anew = self.anew.iter_mut().flat_map(|anew| [&mut anew.first, &mut anew.last]);
        for shown in
            [&mut self.last, &mut self.before, &mut self.after].into_iter().flatten().chain(anew)
        {
            shown.time = shown.time.min(now);
        }
    }

    /// From now on `boundary` is due next.
    pub fn turn(&mut self, boundary: Timestamp) {
        if let Some(after) = self.after.take_if(|after| after.time <= boundary) {
            self.before = Some(after);
        }
    }

    /// The latest total.
    pub fn total(&self) -> u64 {
        self.after.or(self.before).map_or(0, |shown| shown.wh)
    }

    fn count(&mut self, shown: Shown, total: u64, boundary: Timestamp) {
        self.last = Some(shown);
        self.anew = None;
        let counted = Some(Shown { time: shown.time, wh: total });
        if shown.time <= boundary {
            self.before = counted;
        } else {
            self.after = counted;
        }
    }

    /// What flowed while a register began anew, once enough samples agree that it has: what it
    /// counted since zero, where it was seen next to zero and that can be since `last`. Else what
    /// it counted since it was seen: another device is in its place, or it fell back to what it
    /// had kept.
    fn begun_anew(&mut self, last: Shown, shown: Shown, bounds: Bounds) -> Option<Energy> {
        let agreed = self.anew.filter(|anew| advance(anew.last, shown, bounds).is_some());
        let (first, samples) = match agreed {
            Some(anew) => (anew.first, anew.samples.saturating_add(1)),
            None => (shown, 1),
        };
        self.anew = Some(Anew { first, last: shown, samples });
        let lasted = shown.time.seconds_since(first.time) >= AGREEING_SECONDS;
        if samples < AGREEING_SAMPLES || !lasted {
            return None;
        }
        let since = shown.wh.saturating_sub(first.wh);
        let from_zero = Energy::from_wh(shown.wh);
        let whole = possible(from_zero, shown.time.seconds_since(last.time), bounds.power_max);
        let from_the_start = shown.wh < last.wh && first.wh <= STEP_MAX.wh() && whole;
        Some(if from_the_start { from_zero } else { Energy::from_wh(since) })
    }
}

/// The energy between two samples, if it can have flowed.
fn advance(earlier: Shown, later: Shown, bounds: Bounds) -> Option<Energy> {
    let seconds = later.time.seconds_since(earlier.time);
    let energy = match later.wh.checked_sub(earlier.wh) {
        Some(wh) => Energy::from_wh(wh),
        None => bounds.dial?.advance(earlier.wh, later.wh)?.energy,
    };
    possible(energy, seconds, bounds.power_max).then_some(energy)
}

/// Can `energy` flow in so many seconds?
fn possible(energy: Energy, seconds: i64, power_max: Power) -> bool {
    let (over, under) = TOLERANCE;
    // In watt-seconds times `under`, so that nothing is rounded.
    let asked = u128::from(energy.less(STEP_MAX).wh()) * 3600 * under;
    let seconds = u128::from(seconds.unsigned_abs());
    asked <= u128::from(power_max.w()).saturating_mul(seconds).saturating_mul(over)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDARY: i64 = 1_780_272_900;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(BOUNDARY + seconds)
    }

    fn bounds() -> Bounds {
        Bounds { power_max: Power::from_w(12_000), dial: None }
    }

    /// A register that showed these, seconds from the boundary and watt-hours.
    fn track(samples: &[(i64, u64)]) -> (Track, Vec<Result<(), Doubt>>) {
        let mut track = Track::default();
        let answers =
            samples.iter().map(|(seconds, wh)| track.take(at(*seconds), *wh, at(0), bounds()));
        let answers = answers.collect();
        (track, answers)
    }

    #[test]
    fn the_latest_total_at_or_before_a_boundary_counts_while_it_is_fresh() {
        let (mut track, answers) = track(&[(-20, 5_000), (-10, 5_010), (0, 5_020), (10, 5_030)]);
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(track.at(at(0), 120), Some(5_020));
        track.turn(at(900));
        assert_eq!(track.at(at(900), 900), Some(5_030));
        assert_eq!(track.at(at(900), 889), None);
    }

    #[test]
    fn one_sample_that_jumps_does_not_count_and_the_next_one_does() {
        let (track, answers) = track(&[(-60, 5_000), (-50, 0), (-40, 5_020), (-30, 9_000_000)]);
        assert_eq!(answers[1], Err(Doubt::Jumped { from_wh: 5_000, to_wh: 0 }));
        assert_eq!(answers[2], Ok(()));
        assert!(answers[3].is_err());
        assert_eq!(track.at(at(0), 120), None);
    }

    #[test]
    fn a_register_that_begins_at_zero_goes_on_from_its_total() {
        let (track, answers) = track(&[(-600, 5_000), (-60, 10), (-40, 20), (-20, 30)]);
        assert_eq!(answers[3], Ok(()));
        assert_eq!(track.at(at(0), 120), Some(5_030));
    }

    #[test]
    fn another_device_in_its_place_adds_nothing_but_what_it_counts_since() {
        for start in [2_000_000, 9_000_000] {
            let samples = [(-600, 5_000_000), (-60, start), (-40, start + 5), (-20, start + 10)];
            let (track, answers) = track(&samples);
            assert_eq!(answers[3], Ok(()));
            assert_eq!(track.at(at(0), 120), Some(5_000_010), "from {start}");
        }
    }

    #[test]
    fn a_register_that_falls_back_to_what_it_had_kept_is_not_added_again() {
        let samples = [(-630, 5_000), (-60, 4_950), (-40, 4_951), (-20, 4_952)];
        let (track, answers) = track(&samples);
        assert_eq!(answers[3], Ok(()));
        assert_eq!(track.at(at(0), 120), Some(5_002));
    }

    #[test]
    fn a_dial_that_turns_over_goes_on() {
        let dial = Dial::wh(6).ok();
        let bounds = Bounds { dial, ..bounds() };
        let mut track = Track::default();
        track.take(at(-60), 999_990, at(0), bounds).unwrap();
        track.take(at(-30), 20, at(0), bounds).unwrap();
        assert_eq!(track.at(at(0), 60), Some(1_000_020));
    }

    #[test]
    fn what_is_older_or_too_much_does_not_count() {
        let (mut track, answers) = track(&[(-10, 5_000), (-20, 4_990)]);
        assert_eq!(answers[1], Err(Doubt::OutOfOrder));
        let wide = Bounds { power_max: Power::from_w(u64::MAX), dial: None };
        assert_eq!(track.take(at(-5), 1 << 53, at(0), wide), Err(Doubt::TooMuch));
        assert_eq!(track.at(at(0), 60), Some(5_000));
    }
}
