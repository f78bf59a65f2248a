//! The loops over intervals. Nothing here knows a tariff.
//!
//! A part of a plan lies in one calendar month, so it has at most 44 640 intervals, each of at
//! most 10^14: their sum is below 2^63, and adding without a check is what lets the compiler use
//! wide registers.

use crate::plan::Run;

/// Values that are looked at side by side.
const LANES: usize = 8;
/// Values among which the place of a new peak is looked for.
const STRETCH: usize = 128;

/// The energy of each run, in their order; `energy` begins with the first run.
pub(crate) fn run_sums(energy: &[i64], runs: &[Run], sums: &mut Vec<i64>) {
    sums.clear();
    let mut rest = energy;
    for run in runs {
        let (of_run, after) = rest.split_at(length(run).min(rest.len()));
        sums.push(sum(of_run));
        rest = after;
    }
}

/// The sum of at most 65 536 intervals within their limits.
pub(crate) fn sum(energy: &[i64]) -> i64 {
    energy.iter().fold(0_i64, |sum, energy| sum.wrapping_add(*energy))
}

/// The highest value of each period and where it is first reached; `None` for a period without
/// intervals.
pub(crate) fn peaks(values: &[i64], runs: &[Run], peaks: &mut [Option<(i64, usize)>]) {
    let mut begin = 0;
    for run in runs {
        let end = (begin + length(run)).min(values.len());
        let peak = &mut peaks[usize::from(run.period)];
        let mut at = begin;
        for stretch in values[begin..end].chunks(STRETCH) {
            let highest = highest(stretch);
            if peak.is_none_or(|(known, _)| highest > known) {
                let place = stretch.iter().position(|value| *value == highest);
                *peak = place.map(|place| (highest, at + place));
            }
            at += stretch.len();
        }
        begin = end;
    }
}

/// The highest value; the lowest there is of none.
pub(crate) fn highest(values: &[i64]) -> i64 {
    let (groups, rest) = values.as_chunks::<LANES>();
    let mut lanes = [i64::MIN; LANES];
    for group in groups {
        for (lane, value) in lanes.iter_mut().zip(group) {
            *lane = (*lane).max(*value);
        }
    }
    lanes.iter().chain(rest).fold(i64::MIN, |highest, value| highest.max(*value))
}

/// Energy times price over the intervals, in 10^-9 kWh and the prices' digits.
pub(crate) fn product(energy: &[i64], digits: &[i64]) -> i128 {
    let pairs = energy.iter().zip(digits);
    pairs.fold(0, |sum, (energy, price)| sum + i128::from(*energy) * i128::from(*price))
}

fn length(run: &Run) -> usize {
    usize::try_from(run.len).unwrap_or(usize::MAX)
}
