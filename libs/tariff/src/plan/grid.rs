//! Local days as rows of intervals, and schedules as runs over them.

use calendar::{LocalDay, TimeZone};

use crate::Refusal;
use crate::schedule::{Kind, When};

/// A local day in the span.
#[derive(Debug, Clone)]
pub(crate) struct Day {
    pub(crate) day: LocalDay,
    /// Its first interval.
    pub(crate) first: usize,
    /// How many intervals begin in it.
    pub(crate) count: usize,
    /// The minute on the clock at which each begins, where clocks change; else they are even.
    pub(crate) clock: Option<Vec<u16>>,
}

/// So many intervals in one period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) len: u32,
    pub(crate) period: u8,
    /// Whether a local day begins with it.
    pub(crate) new_day: bool,
}

/// The days of the span.
pub(super) fn days(
    zone: &TimeZone,
    (from, to): (LocalDay, LocalDay),
    minutes: u32,
) -> Result<Vec<Day>, Refusal> {
    let length = i64::from(minutes) * 60;
    let (mut all, mut first) = (Vec::new(), 0);
    let mut day = from;
    let mut start = zone.start_of(day);
    while day < to {
        let end = zone.start_of(day.next());
        let seconds = end.seconds_since(start);
        let count = usize::try_from(seconds / length).unwrap_or(0);
        if seconds % length != 0 || count == 0 {
            return Err(Refusal::UnevenDay { day, minutes });
        }
        let starts = (0_i64..).take(count).map(|place| start.plus_seconds(place * length));
        let clock = starts.map(|moment| zone.local(moment).minute);
        let even = seconds == 86_400 && zone.local(start).minute == 0;
        let clock = if even { None } else { Some(clock.collect()) };
        all.push(Day { day, first, count, clock });
        first += count;
        (day, start) = (day.next(), end);
    }
    Ok(all)
}

/// `when` over `days`, in windows of `width` intervals; a window has the period that holds at its
/// beginning. With `daily` no run passes midnight.
pub(super) fn runs(
    days: &[Day],
    when: &When,
    holidays: &[LocalDay],
    minutes: u32,
    width: usize,
    daily: bool,
) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for day in days {
        let stretches = when.stretches(Kind::of(day.day, holidays));
        let mut push = |len: usize, period: u8, new_day: bool| {
            let len = u32::try_from(len).unwrap_or(u32::MAX);
            match runs.last_mut() {
                Some(last) if last.period == period && !(daily && new_day) => last.len += len,
                _ => runs.push(Run { len, period, new_day }),
            }
        };
        let windows = day.count.div_ceil(width);
        if let Some(clock) = &day.clock {
            for (place, minute) in clock.iter().step_by(width).enumerate() {
                let reached = stretches.iter().rev().find(|(from, _)| from <= minute);
                push(1, reached.map_or(0, |(_, period)| *period), place == 0);
            }
            continue;
        }
        let length = usize::try_from(minutes).unwrap_or(usize::MAX) * width;
        let place = |minute: u16| usize::from(minute).div_ceil(length).min(windows);
        for (index, (from, period)) in stretches.iter().enumerate() {
            let end = stretches.get(index + 1).map_or(windows, |(next, _)| place(*next));
            let begin = place(*from);
            if begin < end {
                push(end - begin, *period, begin == 0);
            }
        }
    }
    runs
}

/// The windows of `days`: first interval and number of intervals. They begin anew at midnight.
pub(super) fn windows(days: &[Day], width: usize) -> Vec<(usize, usize)> {
    let of_day = |day: &Day| {
        let (first, end) = (day.first, day.first + day.count);
        (first..end).step_by(width).map(move |begin| (begin, width.min(end - begin)))
    };
    days.iter().flat_map(of_day).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::{Days, Window};

    fn lens(zone: &str, day: &str, minutes: u32) -> Vec<(u32, u8)> {
        let day: LocalDay = day.parse().unwrap();
        let days = days(&zone.parse().unwrap(), (day, day.next()), minutes).unwrap();
        let window = Window { period: 1, from: 0, to: 360, days: Days::ALL, seasons: Vec::new() };
        let when = When::Windows { windows: vec![window], otherwise: 0 };
        let runs = runs(&days, &when, &[], minutes, 1, false);
        runs.iter().map(|run| (run.len, run.period)).collect()
    }

    #[test]
    fn the_hours_before_six_are_twenty_twenty_four_or_twenty_eight_quarters() {
        assert_eq!(lens("Europe/Berlin", "2026-06-01", 15), [(24, 1), (72, 0)]);
        assert_eq!(lens("Europe/Berlin", "2026-03-29", 15), [(20, 1), (72, 0)]);
        assert_eq!(lens("Europe/Berlin", "2026-10-25", 15), [(28, 1), (72, 0)]);
        assert_eq!(lens("Asia/Kathmandu", "2026-06-01", 60), [(6, 1), (18, 0)]);
        // The half hour that Lord Howe's clocks go back at two.
        assert_eq!(lens("Australia/Lord_Howe", "2026-04-05", 30), [(13, 1), (36, 0)]);
    }

    #[test]
    fn an_interval_longer_than_the_change_of_clocks_is_refused() {
        let day: LocalDay = "2026-04-05".parse().unwrap();
        let days = days(&"Australia/Lord_Howe".parse().unwrap(), (day, day.next()), 60);
        assert_eq!(days.unwrap_err(), Refusal::UnevenDay { day, minutes: 60 });
    }
}
