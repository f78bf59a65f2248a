//! What is usual where nothing better is known: standard load profiles, and the sun.

use std::collections::BTreeMap;

use calendar::{Slot, Timestamp};
use units::{Energy, Power};

use crate::sun::clear_sky_w_per_m2;
use crate::{DayClass, Days, Place, Series};

/// Quarter-hours of a profile's day.
pub const QUARTERS: usize = 96;

/// The most seasons of a profile.
pub const SEASONS_MAX: u8 = 12;

/// A standard load profile: how the use of a year spreads over its quarter-hours.
///
/// Only ratios count. The columns of published profiles (such as the German H0, with three seasons
/// and three kinds of day, in watts of a use of 1000 kWh a year) can be entered as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    seasons: [u8; 12],
    columns: BTreeMap<(u8, DayClass), [u32; QUARTERS]>,
    day: u64,
}

/// A profile that leaves something open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadProfile {
    /// A month names a season above [`SEASONS_MAX`].
    #[error("season {0} is above {SEASONS_MAX}")]
    Season(u8),
    /// A season of some month has no column for a kind of day.
    #[error("season {0} has no column for {1:?}")]
    Column(u8, DayClass),
    /// All weights are zero.
    #[error("the profile is zero everywhere")]
    Zero,
}

impl Profile {
    /// The profile with the season of each month (January first) and a column for each season and
    /// kind of day. Holidays without a column have that of the weekend.
    ///
    /// # Errors
    /// [`BadProfile`] names what is missing.
    pub fn new(
        seasons: [u8; 12],
        mut columns: BTreeMap<(u8, DayClass), [u32; QUARTERS]>,
    ) -> Result<Profile, BadProfile> {
        let mut sum = 0;
        for season in seasons {
            if season > SEASONS_MAX {
                return Err(BadProfile::Season(season));
            }
            let get = |columns: &BTreeMap<_, [u32; QUARTERS]>, class| {
                columns.get(&(season, class)).copied()
            };
            let missing = |class| BadProfile::Column(season, class);
            let weekday = get(&columns, DayClass::Weekday).ok_or(missing(DayClass::Weekday))?;
            let weekend = get(&columns, DayClass::Weekend).ok_or(missing(DayClass::Weekend))?;
            columns.entry((season, DayClass::Holiday)).or_insert(weekend);
            let total = |column: [u32; QUARTERS]| column.into_iter().map(u64::from).sum::<u64>();
            sum += 5 * total(weekday) + 2 * total(weekend);
        }
        // The mean day of a year of equal months.
        let day = sum / (12 * 7);
        if day == 0 {
            return Err(BadProfile::Zero);
        }
        Ok(Profile { seasons, columns, day })
    }

    /// How much of the use falls to `slot`, in units of which a mean day has [`Profile::day`]. A
    /// slot of an hour weighs as its quarter-hours do, one of five minutes a third of its own.
    pub fn weight(&self, days: &Days, slot: Slot) -> u64 {
        let local = days.timezone.local(slot.start);
        let month = usize::from(local.day.month().clamp(1, 12)) - 1;
        let key = (self.seasons[month], days.class(local.day));
        let Some(column) = self.columns.get(&key) else { return 0 };
        let fives = u64::from(slot.length.minutes() / 5);
        (0..fives)
            .map(|five| u64::from(local.minute) + five * 5)
            .map(|minute| usize::try_from(minute / 15).unwrap_or(0) % QUARTERS)
            .map(|quarter| u64::from(column[quarter]))
            .sum()
    }

    /// The weight of a mean day.
    pub const fn day(&self) -> u64 {
        // Each quarter-hour is three times five minutes.
        self.day * 3
    }
}

/// The mean irradiance on the horizontal, slot by slot, in watts per square metre.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Irradiance {
    first: Slot,
    watts: Vec<u32>,
}

impl Irradiance {
    /// What was measured, or taken from a weather service, from `first` on.
    pub const fn new(first: Slot, watts: Vec<u32>) -> Irradiance {
        Irradiance { first, watts }
    }

    /// What a clear sky sends over `place` in the slots of `series`.
    pub fn clear_sky(place: Place, series: &Series) -> Irradiance {
        let slots = 0..series.known().len();
        let watts = slots.map(|count| clear_sky_w_per_m2(place, series.slot(count))).collect();
        Irradiance { first: series.slot(0), watts }
    }

    /// The irradiance in the slot that starts at `start`; `None` where it is not known.
    pub fn at(&self, start: Timestamp) -> Option<u32> {
        let seconds = start.seconds_since(self.first.start);
        let length = self.first.length.seconds();
        if seconds % length != 0 {
            return None;
        }
        self.watts.get(usize::try_from(seconds / length).ok()?).copied()
    }

    /// What modules of `power` make of the irradiance in `slot`, where `yield_per_mille` of it at
    /// 1 kW per square metre arrives. In thousandths of a watt-hour.
    pub(crate) fn made_mwh(&self, slot: Slot, power: Power, yield_per_mille: u32) -> Option<u128> {
        let watts = u128::from(self.at(slot.start)?);
        let seconds = u128::from(slot.length.seconds().unsigned_abs());
        // W x (W/m2 / 1000 W/m2) x s / 3600 x per mille / 1000, x 1000 for mWh
        let exact = u128::from(power.w()) * watts * seconds;
        Some(exact.saturating_mul(u128::from(yield_per_mille)) / 3_600_000)
    }
}

/// Values that are rounded so that their sum is off by less than one watt-hour, not each of them.
#[derive(Debug, Default)]
pub(crate) struct Carry {
    rest: u128,
}

impl Carry {
    /// `numerator / denominator` watt-hours, with what the values before left over.
    pub(crate) fn next(&mut self, numerator: u128, denominator: u128) -> Energy {
        let exact = numerator.saturating_add(self.rest);
        self.rest = exact % denominator;
        Energy::from_wh(u64::try_from(exact / denominator).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use calendar::SlotLength;

    use super::*;

    /// Seasons 0 (winter) and 1 (summer); evenings weigh double, weekends half.
    fn profile() -> Profile {
        let mut weekday = [10; QUARTERS];
        weekday[72..80].fill(20);
        let columns = [(0, 2), (1, 1)].into_iter().flat_map(|(season, factor)| {
            let heavier = weekday.map(|weight| weight * factor);
            let weekend = heavier.map(|weight| weight / 2);
            [((season, DayClass::Weekday), heavier), ((season, DayClass::Weekend), weekend)]
        });
        let seasons = [0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0];
        Profile::new(seasons, columns.collect()).unwrap()
    }

    fn slot(start: &str, minutes: u16) -> Slot {
        let length = SlotLength::from_minutes(minutes).unwrap();
        Slot::starting(start.parse().unwrap(), length).unwrap()
    }

    #[test]
    fn a_slot_weighs_by_season_kind_of_day_and_local_time() {
        let days = Days::of("Europe/Berlin".parse().unwrap());
        let weight = |start, minutes| profile().weight(&days, slot(start, minutes));
        assert_eq!(weight("2026-06-02T16:00:00Z", 15), 3 * 20);
        assert_eq!(weight("2026-06-02T15:45:00Z", 15), 3 * 10);
        assert_eq!(weight("2026-12-01T17:00:00Z", 15), 3 * 40);
        assert_eq!(weight("2026-06-06T16:00:00Z", 15), 3 * 10);
        assert_eq!(weight("2026-06-02T15:00:00Z", 60), 12 * 10);
        assert_eq!(weight("2026-06-02T16:05:00Z", 5), 20);
        // (96 + 8) x 10 on a summer's weekday; 1.5 times that in the mean of seasons, 6/7 of days
        assert_eq!(profile().day(), 3 * (1040 * 3 / 2) * 6 / 7);
    }

    #[test]
    fn a_profile_with_a_hole_is_refused() {
        let column = [1; QUARTERS];
        let weekday = ((0, DayClass::Weekday), column);
        let refused = |columns: &[((u8, DayClass), [u32; QUARTERS])], seasons| {
            Profile::new(seasons, columns.iter().copied().collect()).unwrap_err()
        };
        assert_eq!(refused(&[weekday], [0; 12]), BadProfile::Column(0, DayClass::Weekend));
        assert_eq!(refused(&[weekday], [13; 12]), BadProfile::Season(13));
        let zero = [0; QUARTERS];
        let all = [((0, DayClass::Weekday), zero), ((0, DayClass::Weekend), zero)];
        assert_eq!(refused(&all, [0; 12]), BadProfile::Zero);
    }

    #[test]
    fn modules_make_their_rated_power_of_a_kilowatt_a_square_metre() {
        let slot = slot("2026-06-02T10:00:00Z", 60);
        let irradiance = Irradiance::new(slot, vec![1000, 500]);
        let made = |slot, per_mille| irradiance.made_mwh(slot, Power::from_w(4000), per_mille);
        assert_eq!(made(slot, 1000), Some(4_000_000));
        assert_eq!(made(slot.later(1), 750), Some(1_500_000));
        assert_eq!(made(slot.later(2), 750), None);
        assert_eq!(irradiance.at(slot.start.plus_seconds(1)), None);
    }

    #[test]
    fn what_is_rounded_off_goes_to_the_next() {
        let mut carry = Carry::default();
        let all: Vec<u64> = (0..4).map(|_| carry.next(2, 3).wh()).collect();
        assert_eq!(all, [0, 1, 1, 0]);
    }
}
