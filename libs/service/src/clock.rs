//! The slot clock, as a value: real time, time that runs faster, or time that is set.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use calendar::Timestamp;

/// Where a service reads the time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    Real,
    Scaled { start: Timestamp, since: Instant, factor: i64 },
    Set(Arc<AtomicI64>),
}

/// Sets a [`Clock`] made by [`Clock::set`]; time never goes back.
#[derive(Clone, Debug)]
pub struct ClockHand(Arc<AtomicI64>);

impl Clock {
    /// The machine's clock.
    pub fn real() -> Clock {
        Clock(Source::Real)
    }

    /// A clock that shows `start` now and runs `factor` times as fast as the machine's.
    pub fn scaled(start: Timestamp, factor: u32) -> Clock {
        Clock(Source::Scaled { start, since: Instant::now(), factor: i64::from(factor) })
    }

    /// A clock that shows `start` until its hand moves it.
    pub fn set(start: Timestamp) -> (Clock, ClockHand) {
        let shared = Arc::new(AtomicI64::new(start.seconds()));
        (Clock(Source::Set(shared.clone())), ClockHand(shared))
    }

    /// What the clock shows.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where the machine's clock is read"
    )]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::Real => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp::from_seconds(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
            }
            Source::Scaled { start, since, factor } => {
                let elapsed = i64::try_from(since.elapsed().as_millis()).unwrap_or(i64::MAX);
                start.plus_seconds(elapsed.saturating_mul(*factor) / 1000)
            }
            Source::Set(seconds) => Timestamp::from_seconds(seconds.load(Ordering::SeqCst)),
        }
    }
}

impl ClockHand {
    /// Moves the clock to `moment`, unless it shows a later one already.
    pub fn move_to(&self, moment: Timestamp) {
        self.0.fetch_max(moment.seconds(), Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_clock_moves_forward_only() {
        let (clock, hand) = Clock::set(Timestamp::from_seconds(100));
        hand.move_to(Timestamp::from_seconds(200));
        hand.move_to(Timestamp::from_seconds(150));
        assert_eq!(clock.now(), Timestamp::from_seconds(200));
    }
}
