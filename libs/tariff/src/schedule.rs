//! Which period holds when: by month and hour, or by windows of the local clock.

use calendar::LocalDay;

/// Minutes of a day on the clock.
pub(crate) const DAY_MINUTES: u16 = 1440;

/// When which period holds. Periods are named by their place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// The first period, always.
    Always,
    /// Twelve months of rows that divide the day evenly: 24 hours, or 48 halves of one.
    Table {
        /// Monday to Friday.
        weekday: Vec<Vec<u8>>,
        /// Saturday, Sunday and holidays.
        weekend: Vec<Vec<u8>>,
    },
    /// The first window that holds decides.
    Windows {
        /// In order of precedence.
        windows: Vec<Window>,
        /// The period outside of all windows.
        otherwise: u8,
    },
}

/// Some hours of some days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The period that holds in it.
    pub period: u8,
    /// First minute of the day.
    pub from: u16,
    /// First minute after it; at or before `from` it passes midnight, each part by its own day.
    pub to: u16,
    /// Which days.
    pub days: Days,
    /// The times of the year; empty means all of it.
    pub seasons: Vec<Season>,
}

/// First and last (month, day), both included; may pass the new year.
pub type Season = ((u8, u8), (u8, u8));

/// Days of the week, and holidays as a day of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days(pub u8);

impl Days {
    /// All days.
    pub const ALL: Days = Days(0xff);
    /// Monday to Friday, unless a holiday.
    pub const WEEKDAY: Days = Days(0b001_1111);
    /// Saturday and Sunday, unless a holiday.
    pub const WEEKEND: Days = Days(0b110_0000);
    /// Days in the tariff's list of holidays.
    pub const HOLIDAY: Days = Days(0b1000_0000);

    /// These and those.
    pub fn and(self, other: Days) -> Days {
        Days(self.0 | other.0)
    }
}

/// A local day as a schedule sees it.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    month: u8,
    day: u8,
    /// 0 for Monday to 6 for Sunday, 7 for a holiday.
    weekday: u8,
}

impl Kind {
    /// Looks at `day`; `holidays` is sorted.
    pub fn of(day: LocalDay, holidays: &[LocalDay]) -> Kind {
        let of_month = day.number() - day.month_start().number() + 1;
        // 1970-01-01, the day with number 0, was a Thursday.
        let of_week = (day.number() + 3) % 7;
        let holiday = holidays.binary_search(&day).is_ok();
        let narrow = |number: u32| u8::try_from(number).unwrap_or(0);
        Kind {
            month: day.month(),
            day: narrow(of_month),
            weekday: if holiday { 7 } else { narrow(of_week) },
        }
    }

    /// A working day: no weekend, no holiday.
    pub fn is_working(self) -> bool {
        self.weekday < 5
    }
}

impl Window {
    fn holds(&self, kind: Kind, minute: u16) -> bool {
        let hours = if self.from < self.to {
            (self.from..self.to).contains(&minute)
        } else {
            minute >= self.from || minute < self.to
        };
        let today = (kind.month, kind.day);
        let season = |(first, last): &Season| {
            if first <= last {
                *first <= today && today <= *last
            } else {
                *first <= today || today <= *last
            }
        };
        let day = self.days.0 >> kind.weekday & 1 == 1;
        hours && day && (self.seasons.is_empty() || self.seasons.iter().any(season))
    }
}

impl When {
    /// The period at `minute` of a day.
    pub fn period(&self, kind: Kind, minute: u16) -> u8 {
        match self {
            When::Always => 0,
            When::Table { weekday, weekend } => {
                let table = if kind.is_working() { weekday } else { weekend };
                let row = &table[usize::from(kind.month) - 1];
                row[usize::from(minute) * row.len() / usize::from(DAY_MINUTES)]
            }
            When::Windows { windows, otherwise } => windows
                .iter()
                .find(|window| window.holds(kind, minute))
                .map_or(*otherwise, |window| window.period),
        }
    }

    /// The minutes of a day at which the period may change, in order, from 0.
    pub fn changes(&self, kind: Kind) -> Vec<u16> {
        let mut minutes = match self {
            When::Always => vec![0],
            When::Table { weekday, weekend } => {
                let table = if kind.is_working() { weekday } else { weekend };
                let row = table[usize::from(kind.month) - 1].len();
                let row = u16::try_from(row).unwrap_or(DAY_MINUTES);
                (0..row).map(|place| place * (DAY_MINUTES / row)).collect()
            }
            When::Windows { windows, .. } => {
                let ends = windows.iter().flat_map(|window| [window.from, window.to]);
                std::iter::once(0).chain(ends).filter(|minute| *minute < DAY_MINUTES).collect()
            }
        };
        minutes.sort_unstable();
        minutes.dedup();
        minutes
    }

    /// The stretches of a day, in order: first minute, period. The first begins at 0.
    pub fn stretches(&self, kind: Kind) -> Vec<(u16, u8)> {
        let mut stretches: Vec<(u16, u8)> = Vec::new();
        for minute in self.changes(kind) {
            let period = self.period(kind, minute);
            if stretches.last().is_none_or(|(_, last)| *last != period) {
                stretches.push((minute, period));
            }
        }
        stretches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(day: &str) -> Kind {
        Kind::of(day.parse().unwrap(), &["2026-12-25".parse().unwrap()])
    }

    fn window(from: u16, to: u16, days: Days) -> Window {
        Window { period: 1, from, to, days, seasons: Vec::new() }
    }

    #[test]
    fn a_window_may_pass_midnight_and_the_new_year() {
        let mut night = window(1320, 420, Days::ALL);
        night.seasons = vec![((11, 1), (2, 15))];
        let when = When::Windows { windows: vec![night], otherwise: 0 };
        assert_eq!(when.stretches(kind("2026-01-10")), [(0, 1), (420, 0), (1320, 1)]);
        assert_eq!(when.period(kind("2026-02-15"), 0), 1);
        assert_eq!(when.period(kind("2026-02-16"), 0), 0);
        assert_eq!(when.period(kind("2026-11-01"), 1439), 1);
        assert_eq!(when.period(kind("2026-10-31"), 1439), 0);
    }

    #[test]
    fn a_holiday_is_a_day_of_its_own() {
        let on = |days| {
            let when = When::Windows { windows: vec![window(0, 0, days)], otherwise: 0 };
            // A Monday, a Sunday, and a Friday that is a holiday.
            ["2026-06-01", "2026-06-07", "2026-12-25"].map(|day| when.period(kind(day), 600))
        };
        assert_eq!(on(Days::ALL), [1, 1, 1]);
        assert_eq!(on(Days::WEEKDAY), [1, 0, 0]);
        assert_eq!(on(Days::WEEKEND), [0, 1, 0]);
        assert_eq!(on(Days::WEEKEND.and(Days::HOLIDAY)), [0, 1, 1]);
    }

    #[test]
    fn a_table_may_have_half_hours_and_treats_holidays_as_weekends() {
        let weekday = vec![(0..48).map(|half| u8::from(half == 17)).collect(); 12];
        let when = When::Table { weekday, weekend: vec![vec![2]; 12] };
        assert_eq!(when.stretches(kind("2026-06-01")), [(0, 0), (510, 1), (540, 0)]);
        assert_eq!(when.stretches(kind("2026-12-25")), [(0, 2)]);
    }
}
