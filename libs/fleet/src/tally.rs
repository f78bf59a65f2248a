//! What a fleet has done so far: counters that all meters share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

/// Microseconds below which each has a bucket of its own.
const EXACT: u64 = 64;
/// Buckets of every doubling above: a value is known to a thirty-second of itself.
const STEPS: u64 = 32;
/// Doublings from [`EXACT`] to 2^32 microseconds, over an hour.
const DOUBLINGS: u64 = 26;
/// How many buckets that makes: 64 + 26 x 32.
const BUCKETS: usize = 896;

/// How long the broker took to acknowledge, in buckets.
pub struct Latencies(Vec<AtomicU64>);

impl Default for Latencies {
    fn default() -> Latencies {
        Latencies((0..BUCKETS).map(|_| AtomicU64::new(0)).collect())
    }
}

impl Latencies {
    /// Counts one.
    pub fn add(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.0[bucket(micros)].fetch_add(1, Ordering::Relaxed);
    }

    /// The microseconds within which `per_mille` of a thousand came; zero while there are none.
    pub fn within(&self, per_mille: u64) -> u64 {
        let counts: Vec<u64> = self.0.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let all: u64 = counts.iter().sum();
        let wanted = (all * per_mille).div_ceil(1000);
        let mut seen = 0;
        for (place, count) in counts.iter().enumerate() {
            seen += count;
            if seen >= wanted && seen > 0 {
                return upper(place);
            }
        }
        0
    }
}

/// The bucket of a value.
fn bucket(micros: u64) -> usize {
    let place = if micros < EXACT {
        micros
    } else {
        let doubling = u64::from(micros.ilog2()) - 6;
        // Five bits behind the highest.
        EXACT + doubling.min(DOUBLINGS - 1) * STEPS + ((micros >> (doubling + 1)) & (STEPS - 1))
    };
    usize::try_from(place).map_or(BUCKETS - 1, |place| place.min(BUCKETS - 1))
}

/// The largest value of a bucket.
fn upper(place: usize) -> u64 {
    let place = place as u64;
    if place < EXACT {
        return place;
    }
    let (doubling, step) = ((place - EXACT) / STEPS, (place - EXACT) % STEPS);
    ((STEPS + step + 1) << (doubling + 1)) - 1
}

/// The counters.
#[derive(Default)]
pub struct Tally {
    /// Meters whose line is open now.
    pub connected: AtomicU64,
    /// Lines that were opened.
    pub connects: AtomicU64,
    /// Lines that were refused or could not be opened.
    pub refused: AtomicU64,
    /// Lines that ended although the meter did not want that.
    pub lost: AtomicU64,
    /// Messages that were sent, repeats on a new line not counted.
    pub sent: AtomicU64,
    /// Messages that were sent again since no acknowledgement had come.
    pub repeated: AtomicU64,
    /// Messages that were acknowledged.
    pub acknowledged: AtomicU64,
    /// Readings in them, those left out that are broken on purpose.
    pub readings: AtomicU64,
    /// Acknowledgements with a reason that says no (MQTT 5).
    pub declined: AtomicU64,
    /// Acknowledgements of no message, or not in the order of the messages.
    pub disordered: AtomicU64,
    /// From a message to its acknowledgement.
    pub latencies: Latencies,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// See [`Tally::connected`].
    pub connected: u64,
    /// See [`Tally::connects`].
    pub connects: u64,
    /// See [`Tally::refused`].
    pub refused: u64,
    /// See [`Tally::lost`].
    pub lost: u64,
    /// See [`Tally::sent`].
    pub sent: u64,
    /// See [`Tally::repeated`].
    pub repeated: u64,
    /// See [`Tally::acknowledged`].
    pub acknowledged: u64,
    /// See [`Tally::readings`].
    pub readings: u64,
    /// See [`Tally::declined`].
    pub declined: u64,
    /// See [`Tally::disordered`].
    pub disordered: u64,
    /// The median of a PUBACK, in microseconds.
    pub puback_p50_us: u64,
    /// What 99 of 100 PUBACKs took at most, in microseconds.
    pub puback_p99_us: u64,
}

impl Tally {
    /// One more.
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// What has been counted.
    pub fn totals(&self) -> Totals {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Totals {
            connected: of(&self.connected),
            connects: of(&self.connects),
            refused: of(&self.refused),
            lost: of(&self.lost),
            sent: of(&self.sent),
            repeated: of(&self.repeated),
            acknowledged: of(&self.acknowledged),
            readings: of(&self.readings),
            declined: of(&self.declined),
            disordered: of(&self.disordered),
            puback_p50_us: self.latencies.within(500),
            puback_p99_us: self.latencies.within(990),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_is_known_to_a_thirty_second_of_itself() {
        for micros in (0..4096).chain([65_537, 1_000_000, 59_999_999, u64::from(u32::MAX)]) {
            let known = upper(bucket(micros));
            assert!(known >= micros && known - micros <= micros / 32, "{micros} as {known}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_are_of_what_was_counted() {
        let latencies = Latencies::default();
        assert_eq!(latencies.within(500), 0);
        for micros in 1..=60 {
            latencies.add(Duration::from_micros(micros));
        }
        assert_eq!((latencies.within(500), latencies.within(990)), (30, 60));
    }
}
