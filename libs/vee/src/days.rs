//! Which days are alike.

use std::collections::BTreeSet;

use calendar::{LocalDay, TimeZone, Timestamp};
use serde::{Deserialize, Serialize};

/// What people do on a day, as far as a calendar knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DayClass {
    /// Monday to Friday.
    Weekday,
    /// Saturday and Sunday.
    Weekend,
    /// A public holiday, whatever day of the week it is.
    Holiday,
}

/// The local days of a connection point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Days {
    /// Where midnight is.
    pub timezone: TimeZone,
    /// The public holidays.
    pub holidays: BTreeSet<LocalDay>,
}

impl Days {
    /// The days of `timezone`, none of which is a holiday.
    pub const fn of(timezone: TimeZone) -> Days {
        Days { timezone, holidays: BTreeSet::new() }
    }

    /// What kind of day it is.
    pub fn class(&self, day: LocalDay) -> DayClass {
        if self.holidays.contains(&day) {
            DayClass::Holiday
        } else if day.is_weekend() {
            DayClass::Weekend
        } else {
            DayClass::Weekday
        }
    }

    /// The moment at which the wall clock shows `minute` on `day`; `None` where that day's clock
    /// skips it. In a repeated hour the first of the two.
    pub fn moment(&self, day: LocalDay, minute: u16) -> Option<Timestamp> {
        let moment = self.timezone.moment(day, minute);
        let shown = self.timezone.local(moment);
        (shown.day == day && shown.minute == minute).then_some(moment)
    }

    /// The days of `class` before `day`, the nearest first, within `days_max`.
    pub fn like(
        &self,
        day: LocalDay,
        class: DayClass,
        days_max: u16,
    ) -> impl Iterator<Item = LocalDay> {
        let back = (1..=i32::from(days_max)).map(move |days| day.later(-days));
        back.filter(move |other| self.class(*other) == class)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> Days {
        let holidays = BTreeSet::from(["2026-05-25".parse().unwrap()]);
        Days { holidays, ..Days::of("Europe/Berlin".parse().unwrap()) }
    }

    #[test]
    fn a_holiday_is_one_whatever_the_day_of_the_week() {
        let class = |day: &str| berlin().class(day.parse().unwrap());
        assert_eq!(class("2026-05-22"), DayClass::Weekday);
        assert_eq!(class("2026-05-23"), DayClass::Weekend);
        assert_eq!(class("2026-05-25"), DayClass::Holiday);
    }

    #[test]
    fn like_days_are_the_nearest_before_of_one_class() {
        let tuesday = "2026-05-26".parse().unwrap();
        let like = |class, days_max| -> Vec<String> {
            berlin().like(tuesday, class, days_max).map(|day| day.to_string()).collect()
        };
        assert_eq!(like(DayClass::Weekday, 5), ["2026-05-22", "2026-05-21"]);
        assert_eq!(like(DayClass::Weekend, 5), ["2026-05-24", "2026-05-23"]);
        assert_eq!(like(DayClass::Holiday, 5), ["2026-05-25"]);
    }

    #[test]
    fn a_skipped_minute_has_no_moment_and_a_repeated_one_has_its_first() {
        let days = berlin();
        assert_eq!(days.moment("2026-03-29".parse().unwrap(), 150), None);
        let repeated = days.moment("2026-10-25".parse().unwrap(), 150).unwrap();
        assert_eq!(repeated.to_string(), "2026-10-25T00:30:00Z");
    }
}
