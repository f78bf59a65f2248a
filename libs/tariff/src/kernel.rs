//! The loops over intervals. Nothing here knows a tariff.
//!
//! A part of a plan lies in one calendar month, so it has at most 44 640 intervals, each of at
//! most 10^14: their sum is below 2^63, and adding without a check is what lets the compiler use
//! wide registers.

use crate::plan::Run;

/// Values that are looked at side by side.
const LANES: usize = 4;
/// Below so many intervals in the middle a run is the difference of two running sums: a loop of its
/// own would take longer to begin and end than to add.
const LONG_RUN: usize = 32;

/// The energy of each run, in their order; `energy` begins with the first run. `until` is scratch.
pub(crate) fn run_sums(energy: &[i64], runs: &[Run], sums: &mut Vec<i64>, until: &mut Vec<i64>) {
    sums.clear();
    if energy.len() < runs.len().saturating_mul(LONG_RUN) {
        running_sums(energy, until);
        let (mut end, mut before) = (0, 0);
        sums.extend(runs.iter().map(|run| {
            end = (end + length(run)).min(energy.len());
            let until = until[end];
            until.wrapping_sub(std::mem::replace(&mut before, until))
        }));
        return;
    }
    let mut rest = energy;
    sums.extend(runs.iter().map(|run| {
        let (of_run, after) = rest.split_at(length(run).min(rest.len()));
        rest = after;
        sum(of_run)
    }));
}

/// The sum of the intervals before each place, and of all.
fn running_sums(energy: &[i64], until: &mut Vec<i64>) {
    until.clear();
    until.resize(energy.len() + 1, 0);
    let mut all = 0_i64;
    let (groups, rest) = energy.as_chunks::<LANES>();
    let (sums, of_rest) = until[1..].as_chunks_mut::<LANES>();
    for ([a, b, c, d], sums) in groups.iter().zip(sums) {
        // Only the last addition waits for the group before.
        let (ab, cd) = (a.wrapping_add(*b), c.wrapping_add(*d));
        *sums = [
            all.wrapping_add(*a),
            all.wrapping_add(ab),
            all.wrapping_add(ab.wrapping_add(*c)),
            all.wrapping_add(ab.wrapping_add(cd)),
        ];
        all = sums[LANES - 1];
    }
    for (energy, until) in rest.iter().zip(of_rest) {
        all = all.wrapping_add(*energy);
        *until = all;
    }
}

/// The sum of at most 65 536 intervals within their limits.
pub(crate) fn sum(energy: &[i64]) -> i64 {
    energy.iter().fold(0_i64, |sum, energy| sum.wrapping_add(*energy))
}

/// The highest value of each period and where it is first reached; `None` for a period without
/// intervals.
pub(crate) fn peaks(values: &[i64], runs: &[Run], peaks: &mut [Option<(i64, usize)>]) {
    let (mut begin, mut rest) = (0, values);
    for run in runs {
        let (of_run, after) = rest.split_at(length(run).min(rest.len()));
        let peak = &mut peaks[usize::from(run.period)];
        let highest = highest(of_run);
        if !of_run.is_empty() && peak.is_none_or(|(known, _)| highest > known) {
            *peak = Some((highest, begin));
        }
        (begin, rest) = (begin + of_run.len(), after);
    }
    // The run is known; the place in it is looked for once, not for each peak that is passed.
    for (highest, place) in peaks.iter_mut().flatten() {
        *place += values[*place..].iter().position(|value| value == highest).unwrap_or(0);
    }
}

/// The highest value; the lowest there is of none.
pub(crate) fn highest(values: &[i64]) -> i64 {
    let (groups, rest) = values.as_chunks::<LANES>();
    let of_rest = rest.iter().fold(i64::MIN, |highest, value| highest.max(*value));
    let Some((first, groups)) = groups.split_first() else { return of_rest };
    let mut lanes = *first;
    for group in groups {
        for (lane, value) in lanes.iter_mut().zip(group) {
            *lane = (*lane).max(*value);
        }
    }
    lanes.iter().fold(of_rest, |highest, value| highest.max(*value))
}

/// Whether all values are at least zero and below a power of two. It reads to the end in any case,
/// because a loop that may stop is not done in wide registers.
pub(crate) fn are_below(values: &[i64], power_of_two: i64) -> bool {
    // A bit that is set anywhere is set in the whole: the sign, or one from the power on.
    let all = values.iter().fold(0, |all, value| all | value);
    (0..power_of_two).contains(&all)
}

/// What is left of each value of one side once the other is taken off, and the other way round.
pub(crate) fn netted(one: &[i64], other: &[i64]) -> (Vec<i64>, Vec<i64>) {
    // Within their limits nothing wraps; the sign, spread over all bits, says who has more.
    let left = |(one, other): (&i64, &i64)| {
        let difference = one.wrapping_sub(*other);
        difference & !(difference >> 63)
    };
    let of_one = one.iter().zip(other).map(left).collect();
    let of_other = other.iter().zip(one).map(left).collect();
    (of_one, of_other)
}

/// Energy times price over the intervals, in 10^-9 kWh and the prices' digits.
pub(crate) fn product(energy: &[i64], digits: &[i64]) -> i128 {
    let pairs = energy.iter().zip(digits);
    pairs.fold(0, |sum, (energy, price)| sum + i128::from(*energy) * i128::from(*price))
}

fn length(run: &Run) -> usize {
    usize::try_from(run.len).unwrap_or(usize::MAX)
}
