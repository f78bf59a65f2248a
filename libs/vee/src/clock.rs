//! V3 over many readings: how wrong a meter's clock is, and how fast it runs away.
//!
//! A message arrives after it was stamped, so `stamp - arrival` is the clock's error less a delay
//! that is never negative. The largest difference of many is therefore the nearest to the error.
//! What follows for intervals: up to the warning nothing; up to the failure a remark; beyond it the
//! readings count at their true moments ([`crate::Read::moment`]), off the slot boundaries, and
//! [`crate::RunningTotal::intervals`] cuts the slots out of them (E2) without losing energy.

use calendar::Timestamp;

use crate::Policy;

/// A stamp of the meter's clock, and when it arrived by ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// By the meter's clock.
    pub time: Timestamp,
    /// By ours.
    pub received_at: Timestamp,
}

/// Stamps that are needed before a clock can be called slow: lines are sometimes slow for long.
pub const STAMPS_MIN: usize = 24;

/// What is wrong with a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Seconds that it is ahead of ours; negative where it is behind, or where every message took
    /// at least as long.
    pub ahead_seconds: i64,
    /// How much it gains, in millionths (seconds in 11 and a half days); negative where it loses.
    pub drift_ppm: i64,
}

/// How bad that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClockState {
    /// Within the warning.
    Good,
    /// Worth a remark: readings still count at the boundaries they name.
    Off,
    /// In error: readings count at their true moments.
    Wrong,
}

impl Clock {
    /// What `stamps`, in order of arrival, say of a clock; `None` for fewer than [`STAMPS_MIN`].
    pub fn observed(stamps: &[Stamp]) -> Option<Clock> {
        if stamps.len() < STAMPS_MIN {
            return None;
        }
        let (early, late) = stamps.split_at(stamps.len() / 2);
        let (from, before) = nearest(early)?;
        let (to, after) = nearest(late)?;
        let elapsed = to.seconds_since(from).max(1);
        let drift = i128::from(after - before) * 1_000_000 / i128::from(elapsed);
        Some(Clock {
            ahead_seconds: before.max(after),
            drift_ppm: i64::try_from(drift).unwrap_or(if drift < 0 { i64::MIN } else { i64::MAX }),
        })
    }

    /// How bad that is.
    pub fn state(&self, policy: &Policy) -> ClockState {
        match self.ahead_seconds.unsigned_abs() {
            off if off <= u64::from(policy.clock_warn_seconds) => ClockState::Good,
            off if off <= u64::from(policy.clock_fail_seconds) => ClockState::Off,
            _ => ClockState::Wrong,
        }
    }
}

/// The difference that is nearest to the clock's error, and when it was seen.
fn nearest(stamps: &[Stamp]) -> Option<(Timestamp, i64)> {
    let ahead = |stamp: &Stamp| stamp.time.seconds_since(stamp.received_at);
    let nearest = stamps.iter().max_by_key(|stamp| ahead(stamp))?;
    Some((nearest.received_at, ahead(nearest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stamps of a quarter-hour each; the delay of a message is its number modulo `delays`.
    fn stamps(ahead: i64, drift_ppm: i64, delays: i64) -> Vec<Stamp> {
        let stamp = |count: i64| {
            let truth = 1_780_272_000 + count * 900;
            let error = ahead + count * 900 * drift_ppm / 1_000_000;
            Stamp {
                time: Timestamp::from_seconds(truth + error),
                received_at: Timestamp::from_seconds(truth + count % delays),
            }
        };
        (0..960).map(stamp).collect()
    }

    fn seen(ahead: i64, drift_ppm: i64, delays: i64) -> (i64, i64, ClockState) {
        let clock = Clock::observed(&stamps(ahead, drift_ppm, delays)).unwrap();
        (clock.ahead_seconds, clock.drift_ppm, clock.state(&Policy::default()))
    }

    #[test]
    fn an_error_shows_in_spite_of_slow_lines() {
        assert_eq!(seen(0, 0, 40), (0, 0, ClockState::Good));
        assert_eq!(seen(10, 0, 40), (10, 0, ClockState::Good));
        assert_eq!(seen(11, 0, 40), (11, 0, ClockState::Off));
        assert_eq!(seen(60, 0, 40), (60, 0, ClockState::Off));
        assert_eq!(seen(61, 0, 40), (61, 0, ClockState::Wrong));
        assert_eq!(seen(-61, 0, 40), (-61, 0, ClockState::Wrong));
    }

    #[test]
    fn a_clock_that_runs_away_shows_its_drift() {
        let (ahead, drift, _) = seen(0, 100, 7);
        assert!((80..=86).contains(&ahead), "{ahead}");
        assert!((90..=110).contains(&drift), "{drift}");
        let (_, drift, _) = seen(0, -100, 7);
        assert!((-110..=-90).contains(&drift), "{drift}");
    }

    #[test]
    fn a_few_stamps_say_nothing() {
        assert_eq!(Clock::observed(&stamps(90, 0, 1)[..STAMPS_MIN - 1]), None);
        assert!(Clock::observed(&stamps(90, 0, 1)[..STAMPS_MIN]).is_some());
    }
}
