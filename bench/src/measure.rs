//! Runs that alternate, and their medians.

use anyhow::Result;
use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, Instant};

/// Runs of each side, at least.
pub(crate) const RUNS: usize = 3;

/// The unit of times in `/proc/<process>/stat`: what Linux tells programs on every processor.
const TICKS_PER_SECOND: f64 = 100.0;

/// What the runs of both sides gave.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pair {
    pub(crate) ours: Vec<f64>,
    /// Empty where there is no peer.
    pub(crate) theirs: Vec<f64>,
}

impl Pair {
    pub(crate) fn medians(&self) -> (f64, Option<f64>) {
        (median(&self.ours), (!self.theirs.is_empty()).then(|| median(&self.theirs)))
    }
}

/// Ours, theirs, ours, theirs: whatever else the machine does meets both.
pub(crate) fn alternate(
    mut ours: impl FnMut() -> Result<f64>,
    mut theirs: impl FnMut() -> Result<f64>,
) -> Result<Pair> {
    let mut pair = Pair::default();
    for _ in 0..RUNS {
        pair.ours.push(ours()?);
        pair.theirs.push(theirs()?);
    }
    Ok(pair)
}

/// The middle one, or the mean of the two in the middle.
pub(crate) fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[half] } else { sorted[half - 1].midpoint(sorted[half]) }
}

/// The value below which `percent` of the numbers are.
pub(crate) fn percentile(numbers: &mut [f64], percent: usize) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[(numbers.len() * percent / 100).min(numbers.len() - 1)]
}

/// A count as a number to reckon with.
pub(crate) fn count(number: impl TryInto<u32>) -> f64 {
    number.try_into().map_or(f64::INFINITY, f64::from)
}

/// What `work` returns, and the seconds it took.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let began = Instant::now();
    let done = work();
    (done, began.elapsed().as_secs_f64())
}

/// What `work` returns, and the seconds that this thread's processor worked for it: what other
/// programs take is not in it.
pub(crate) fn worked<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let before = processor_seconds();
    let done = work();
    (done, processor_seconds() - before)
}

fn processor_seconds() -> f64 {
    // `/proc` has it too, but only as of the last tick: up to ten milliseconds ago.
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).map_or(f64::NAN, |time| time.as_secs_f64())
}

/// The seconds that processors worked for this process, to a hundredth, if the system tells.
pub(crate) fn process_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program may hold anything; behind its bracket stand 3 state ... 14, 15 ticks.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |place: usize| fields.get(place)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS_PER_SECOND)
}
