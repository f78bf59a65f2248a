//! Local time: what a bill's day, its tariff periods and its display need.

use std::fmt;
use std::str::FromStr;

use jiff::civil;
use jiff::tz;
use serde::{Deserialize, Serialize};

use crate::{Slot, SlotLength, Timestamp};

/// A calendar day without a place, written `2026-06-01`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LocalDay(civil::Date);

impl LocalDay {
    /// The day of this year, month (1 to 12) and day of the month, if there is one.
    pub fn new(year: i16, month: i8, day: i8) -> Option<LocalDay> {
        civil::Date::new(year, month, day).ok().map(LocalDay)
    }

    /// The next day (the last day that exists is its own next).
    pub fn next(self) -> LocalDay {
        self.later(1)
    }

    /// The day `days` later (earlier when negative), within the years that exist.
    pub fn later(self, days: i32) -> LocalDay {
        LocalDay(self.0.saturating_add(jiff::Span::new().days(days)))
    }

    /// Days since 1970-01-01, as contracts carry a day. Earlier days count as 0.
    pub fn number(self) -> u32 {
        let days = self.0.since((jiff::Unit::Day, civil::date(1970, 1, 1)));
        days.ok().and_then(|span| u32::try_from(span.get_days()).ok()).unwrap_or(0)
    }

    /// The day with this [`LocalDay::number`].
    pub fn from_number(number: u32) -> LocalDay {
        LocalDay(civil::date(1970, 1, 1)).later(i32::try_from(number).unwrap_or(i32::MAX))
    }

    /// First day of this day's month.
    pub fn month_start(self) -> LocalDay {
        LocalDay(self.0.first_of_month())
    }

    /// First day of the month after this day's.
    pub fn next_month_start(self) -> LocalDay {
        LocalDay(self.0.last_of_month()).next()
    }

    /// The month, 1 to 12.
    pub fn month(self) -> u8 {
        self.0.month().unsigned_abs()
    }

    /// The year.
    pub fn year(self) -> i16 {
        self.0.year()
    }

    /// Saturday or Sunday.
    pub fn is_weekend(self) -> bool {
        matches!(self.0.weekday(), civil::Weekday::Saturday | civil::Weekday::Sunday)
    }

    /// The day `count` working days (Monday to Friday) later.
    pub fn plus_working_days(self, count: u32) -> LocalDay {
        let mut day = self;
        let mut left = count;
        while left > 0 {
            day = day.next();
            left -= u32::from(!day.is_weekend());
        }
        day
    }
}

impl fmt::Display for LocalDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for LocalDay {
    type Err = jiff::Error;
    fn from_str(text: &str) -> Result<Self, jiff::Error> {
        text.parse().map(LocalDay)
    }
}

/// The clock on the wall: a day and the minute in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalTime {
    /// The day.
    pub day: LocalDay,
    /// Minutes since the clock showed midnight, 0 to 1439.
    pub minute: u16,
}

/// The moments at which a wall clock shows one time of one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moments {
    /// None: the clock was set forward over it.
    Skipped,
    /// As on all other days.
    Once(Timestamp),
    /// Two, the earlier first: the clock was set back over it.
    Twice(Timestamp, Timestamp),
}

/// An IANA time zone, such as `Europe/Berlin`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeZone(tz::TimeZone);

/// A name that the IANA database does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an IANA time zone")]
pub struct UnknownTimeZone(pub String);

impl TimeZone {
    /// Coordinated universal time.
    pub fn utc() -> TimeZone {
        TimeZone(tz::TimeZone::UTC)
    }

    /// What the clock on the wall shows at `moment`.
    pub fn local(&self, moment: Timestamp) -> LocalTime {
        let zoned = zoned(moment, &self.0);
        let time = zoned.time();
        let minute =
            u16::from(time.hour().unsigned_abs()) * 60 + u16::from(time.minute().unsigned_abs());
        LocalTime { day: LocalDay(zoned.date()), minute }
    }

    /// The day on the wall calendar at `moment`.
    pub fn day_of(&self, moment: Timestamp) -> LocalDay {
        self.local(moment).day
    }

    /// The first moment of `day`.
    pub fn start_of(&self, day: LocalDay) -> Timestamp {
        self.seconds(day.0.to_datetime(civil::Time::midnight()))
    }

    /// The moment when the wall clock shows `minute` of `day`; in a repeated hour the first, in a
    /// skipped one the moment the same time after the change.
    pub fn moment(&self, day: LocalDay, minute: u16) -> Timestamp {
        let time = civil::Time::midnight().saturating_add(jiff::Span::new().minutes(minute));
        self.seconds(day.0.to_datetime(time))
    }

    /// When the wall clock shows `wall`; where that is outside the years that exist, their end.
    fn seconds(&self, wall: civil::DateTime) -> Timestamp {
        let ends = [jiff::Timestamp::MIN, jiff::Timestamp::MAX].map(jiff::Timestamp::as_second);
        let beyond = ends[usize::from(wall.year() > 0)];
        let zoned = self.0.to_zoned(wall);
        Timestamp::from_seconds(zoned.map_or(beyond, |zoned| zoned.timestamp().as_second()))
    }

    /// When the wall clock shows `second` of `day`: never, once, or twice where it is set back.
    /// Moments before 1970 do not count, nor do seconds after the day's last.
    pub fn moments(&self, day: LocalDay, second: u32) -> Moments {
        let Ok(second) = i32::try_from(second) else { return Moments::Skipped };
        let Ok(time) = civil::Time::midnight().checked_add(jiff::Span::new().seconds(second))
        else {
            return Moments::Skipped;
        };
        let wall = day.0.to_datetime(time);
        let at =
            |offset: tz::Offset| offset.to_timestamp(wall).ok().map(jiff::Timestamp::as_second);
        let at = |offset| at(offset).filter(|second| *second >= 0).map(Timestamp::from_seconds);
        match self.0.to_ambiguous_timestamp(wall).offset() {
            tz::AmbiguousOffset::Unambiguous { offset } => {
                at(offset).map_or(Moments::Skipped, Moments::Once)
            }
            tz::AmbiguousOffset::Gap { .. } => Moments::Skipped,
            tz::AmbiguousOffset::Fold { before, after } => match (at(before), at(after)) {
                (Some(first), Some(second)) => Moments::Twice(first, second),
                _ => Moments::Skipped,
            },
        }
    }

    /// The slots that start in `day`: 92, 96 or 100 of a quarter-hour where clocks change.
    pub fn slots_of(&self, day: LocalDay, length: SlotLength) -> impl Iterator<Item = Slot> {
        Slot::within(self.start_of(day), self.start_of(day.next()), length)
    }

    /// `02:00` of the wall clock at `moment`, with the offset: `2026-10-25 02:00 +02:00`.
    pub fn display(&self, moment: Timestamp) -> String {
        zoned(moment, &self.0).strftime("%Y-%m-%d %H:%M %:z").to_string()
    }

    /// The IANA name.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }
}

fn zoned(moment: Timestamp, zone: &tz::TimeZone) -> jiff::Zoned {
    // Every Timestamp lies in the years 1970 to 9999, which jiff can express.
    jiff::Timestamp::from_second(moment.seconds())
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .to_zoned(zone.clone())
}

impl FromStr for TimeZone {
    type Err = UnknownTimeZone;
    fn from_str(name: &str) -> Result<Self, UnknownTimeZone> {
        tz::TimeZone::get(name).map(TimeZone).map_err(|_| UnknownTimeZone(name.to_owned()))
    }
}

impl TryFrom<String> for TimeZone {
    type Error = UnknownTimeZone;
    fn try_from(name: String) -> Result<Self, UnknownTimeZone> {
        name.parse()
    }
}

impl From<TimeZone> for String {
    fn from(zone: TimeZone) -> String {
        zone.name().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(zone: &str, day: &str) -> usize {
        let zone: TimeZone = zone.parse().unwrap();
        zone.slots_of(day.parse().unwrap(), SlotLength::QUARTER_HOUR).count()
    }

    #[test]
    fn a_local_day_has_92_96_or_100_quarter_hours() {
        assert_eq!(slots("Europe/Berlin", "2026-03-29"), 92);
        assert_eq!(slots("Europe/Berlin", "2026-10-25"), 100);
        assert_eq!(slots("Europe/Berlin", "2026-06-01"), 96);
        assert_eq!(slots("Asia/Kathmandu", "2026-06-01"), 96);
        assert_eq!(slots("Australia/Lord_Howe", "2026-04-05"), 98);
    }

    #[test]
    fn a_day_of_kathmandu_starts_at_a_quarter_past_in_utc() {
        let zone: TimeZone = "Asia/Kathmandu".parse().unwrap();
        assert_eq!(
            zone.start_of("2026-06-01".parse().unwrap()).to_string(),
            "2026-05-31T18:15:00Z"
        );
    }

    #[test]
    fn the_last_day_that_exists_lies_ahead_wherever_it_begins() {
        for zone in ["America/Los_Angeles", "Pacific/Kiritimati", "Etc/UTC"] {
            let zone: TimeZone = zone.parse().unwrap();
            let last: LocalDay = "9999-12-31".parse().unwrap();
            for day in [last, last.next(), last.later(-1)] {
                assert!(zone.start_of(day).to_string() > "9999-12-28".to_owned(), "{day:?}");
            }
            assert!(zone.moment(last, 1439).to_string() > "9999-12-28".to_owned());
            assert_eq!(zone.start_of("0001-01-01".parse().unwrap()).seconds(), 0);
        }
    }

    #[test]
    fn the_repeated_hour_shows_its_offset() {
        let zone: TimeZone = "Europe/Berlin".parse().unwrap();
        let show = |text: &str| zone.display(text.parse().unwrap());
        assert_eq!(show("2026-10-25T00:00:00Z"), "2026-10-25 02:00 +02:00");
        assert_eq!(show("2026-10-25T01:00:00Z"), "2026-10-25 02:00 +01:00");
    }

    #[test]
    fn a_time_is_shown_never_once_or_twice() {
        let zone: TimeZone = "Europe/Berlin".parse().unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let half_past_two = |day: &str| zone.moments(day.parse().unwrap(), 9_000);
        assert_eq!(half_past_two("2026-03-29"), Moments::Skipped);
        assert_eq!(half_past_two("2026-06-01"), Moments::Once(at("2026-06-01T00:30:00Z")));
        let twice = Moments::Twice(at("2026-10-25T00:30:00Z"), at("2026-10-25T01:30:00Z"));
        assert_eq!(half_past_two("2026-10-25"), twice);
        assert_eq!(zone.moments("2026-06-01".parse().unwrap(), 86_400), Moments::Skipped);
        assert_eq!(zone.moments("1969-06-01".parse().unwrap(), 0), Moments::Skipped);
    }

    #[test]
    fn a_day_and_its_number_are_the_same_day() {
        let day: LocalDay = "2016-08-01".parse().unwrap();
        assert_eq!(day.number(), 17_014);
        assert_eq!(LocalDay::from_number(17_014), day);
    }

    #[test]
    fn working_days_skip_the_weekend() {
        let friday: LocalDay = "2026-06-05".parse().unwrap();
        assert_eq!(friday.plus_working_days(1).to_string(), "2026-06-08");
        assert_eq!(friday.plus_working_days(5).to_string(), "2026-06-12");
    }
}
