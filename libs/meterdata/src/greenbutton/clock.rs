//! `LocalTimeParameters`: an offset, and when in a year the clock on the wall is set forward and
//! back.
//!
//! A rule is a number of 32 bits (espi.xsd 4.0, `DstRuleType`; from the lowest): 12 bits seconds of
//! the hour, 5 bits hour, 3 bits day of the week (Monday 1 to Sunday 7), 5 bits day of the month,
//! 3 bits operator (2 to 6: the first to fifth such day of the week in the month, 7: the last), 4
//! bits month.

use calendar::{LocalDay, TimeZone, Timestamp};

/// Years in which a rule has to hold: a fifth Sunday is the last one, but not the other way round.
const YEARS: std::ops::Range<i16> = 2024..2036;
/// Operators that a weekday's place in a month can have.
const OPERATORS: std::ops::RangeInclusive<u32> = 2..=7;
const DAY_SECONDS: i64 = 86_400;

/// A clock on a wall, as ESPI writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalTime {
    /// Seconds ahead of UTC in winter.
    pub offset: i32,
    /// Seconds more in summer; 0 where clocks do not change.
    pub summer: i32,
    /// The rule for the beginning of summer.
    pub start: u32,
    /// The rule for its end.
    pub end: u32,
}

/// A clock whose changes no rule says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the clocks of {0} change by no rule that ESPI can write")]
pub struct NoRule(pub String);

/// A change of a clock.
#[derive(Debug, Clone, Copy)]
struct Change {
    /// The first moment after it.
    at: Timestamp,
    before: i64,
    after: i64,
}

impl LocalTime {
    /// The parameters for a zone of the IANA database, as its clocks change from 2024 on.
    pub fn of(zone: &TimeZone) -> Result<LocalTime, NoRule> {
        let no_rule = || NoRule(zone.name().to_owned());
        let years: Vec<Vec<Change>> = YEARS.map(|year| changes(zone, year)).collect();
        if years.iter().all(Vec::is_empty) {
            let now = LocalDay::new(YEARS.start, 1, 1).map(|day| zone.start_of(day));
            let offset = now.map(|now| offset(zone, now)).unwrap_or_default();
            let offset = i32::try_from(offset).map_err(|_| no_rule())?;
            return Ok(LocalTime { offset, summer: 0, start: 0, end: 0 });
        }
        let mut starts = Vec::new();
        let mut ends = Vec::new();
        for year in &years {
            let [one, other] = year.as_slice() else { return Err(no_rule()) };
            let (start, end) = if one.after > one.before { (one, other) } else { (other, one) };
            if start.before != end.after || start.after != end.before || start.after <= end.after {
                return Err(no_rule());
            }
            starts.push(*start);
            ends.push(*end);
        }
        let (winter, summer) = (starts[0].before, starts[0].after);
        let same = |change: &Change| {
            [change.before, change.after].contains(&winter)
                && [change.before, change.after].contains(&summer)
        };
        if !starts.iter().chain(&ends).all(same) {
            return Err(no_rule());
        }
        Ok(LocalTime {
            offset: i32::try_from(winter).map_err(|_| no_rule())?,
            summer: i32::try_from(summer - winter).map_err(|_| no_rule())?,
            start: rule(&starts).ok_or_else(no_rule)?,
            end: rule(&ends).ok_or_else(no_rule)?,
        })
    }
}

/// Seconds by which the wall clock is ahead of UTC; whole minutes, as all are since 1970.
fn offset(zone: &TimeZone, moment: Timestamp) -> i64 {
    let local = zone.local(moment);
    let wall = i64::from(local.day.number()) * DAY_SECONDS + i64::from(local.minute) * 60;
    wall - (moment.seconds() - moment.seconds().rem_euclid(60))
}

/// All changes of a year.
fn changes(zone: &TimeZone, year: i16) -> Vec<Change> {
    let day = |year| LocalDay::new(year, 1, 1).map(|day| zone.start_of(day)).unwrap_or_default();
    let (mut from, end) = (day(year), day(year + 1));
    let mut changes = Vec::new();
    while from < end {
        let to = from.plus_seconds(DAY_SECONDS);
        let (before, after) = (offset(zone, from), offset(zone, to));
        if before != after {
            // Halving the day until the second of the change is found.
            let (mut low, mut high) = (from, to);
            while high.seconds_since(low) > 1 {
                let middle = low.plus_seconds(high.seconds_since(low) / 2);
                if offset(zone, middle) == before { low = middle } else { high = middle }
            }
            changes.push(Change { at: high, before, after });
        }
        from = to;
    }
    changes
}

/// The one rule that says all these changes.
fn rule(changes: &[Change]) -> Option<u32> {
    OPERATORS.rev().find_map(|operator| {
        let mut rules = changes.iter().map(|change| written(change, operator));
        let first = rules.next()??;
        rules.all(|rule| rule == Some(first)).then_some(first)
    })
}

/// The rule for a change, if its day is the one that `operator` says.
fn written(change: &Change, operator: u32) -> Option<u32> {
    // The time that the clock would have shown, had it not been set.
    let wall = change.at.seconds() + change.before;
    let second = u32::try_from(wall.rem_euclid(DAY_SECONDS)).ok()?;
    let day = LocalDay::from_number(u32::try_from(wall.div_euclid(DAY_SECONDS)).ok()?);
    let of_month = day.number() - day.month_start().number() + 1;
    let last = day.next_month_start().number() - day.number() <= 7;
    let holds = if operator == 7 { last } else { (of_month - 1) / 7 + 2 == operator };
    // 1970-01-01 was a Thursday.
    let weekday = (day.number() + 3) % 7 + 1;
    let rule = (second % 3_600)
        | ((second / 3_600) << 12)
        | (weekday << 17)
        | (operator << 25)
        | (u32::from(day.month()) << 28);
    holds.then_some(rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(zone: &str) -> LocalTime {
        LocalTime::of(&zone.parse().unwrap()).unwrap()
    }

    #[test]
    fn the_rules_of_north_america_are_those_that_its_feeds_have() {
        let eastern =
            LocalTime { offset: -18_000, summer: 3_600, start: 0x360E_2000, end: 0xB40E_2000 };
        assert_eq!(of("America/New_York"), eastern);
    }

    #[test]
    fn other_places_have_other_rules() {
        let berlin = of("Europe/Berlin");
        assert_eq!((berlin.offset, berlin.start, berlin.end), (3_600, 0x3E0E_2000, 0xAE0E_3000));
        let sydney = of("Australia/Sydney");
        assert_eq!((sydney.offset, sydney.start, sydney.end), (36_000, 0xA40E_2000, 0x440E_3000));
        let lord_howe = of("Australia/Lord_Howe");
        assert_eq!((lord_howe.offset, lord_howe.summer), (37_800, 1_800));
        let kolkata = LocalTime { offset: 19_800, summer: 0, start: 0, end: 0 };
        assert_eq!(of("Asia/Kolkata"), kolkata);
        assert!(LocalTime::of(&"Africa/Casablanca".parse().unwrap()).is_err());
    }
}
