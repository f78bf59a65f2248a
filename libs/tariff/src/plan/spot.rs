//! A price series as one number an interval.

use calendar::{LocalDay, Timestamp};
use units::Overflow;

use super::Day;
use crate::schedule::DAY_MINUTES;
use crate::sheet::{Dynamic, Prices, Spot};
use crate::{Refusal, UnitPrice};

/// Prices of the intervals of a part: `digits / divisor / 10^scale` per kWh.
///
/// Where an interval has several prices its price is their mean by time, which is why there is a
/// divisor: a mean of three is no decimal.
#[derive(Debug, Clone)]
pub(crate) struct SpotPrices {
    pub(crate) digits: Vec<i64>,
    pub(crate) divisor: u32,
    pub(crate) scale: u32,
    /// Intervals without a price, by their place in the part.
    pub(crate) missing: Vec<usize>,
}

/// Price and seconds it holds for, of one interval.
type Shares = Vec<(UnitPrice, u32)>;

/// The prices of the intervals of `days`.
pub(super) fn prices(
    series: &Dynamic,
    days: &[Day],
    start: Timestamp,
    minutes: u32,
    given: &[Spot],
) -> Result<SpotPrices, Refusal> {
    let seconds = minutes * 60;
    let shares: Vec<Shares> = match &series.prices {
        Prices::Year(year) => days.iter().flat_map(|day| of_year(year, day, minutes)).collect(),
        Prices::Spot(spots) => of_moments(spots, days, start, seconds),
        Prices::Given => of_moments(given, days, start, seconds),
    };
    let fallback = series.fallback;
    let mut missing = Vec::new();
    let mut made: Vec<Shares> = Vec::with_capacity(shares.len());
    for (place, mut parts) in shares.into_iter().enumerate() {
        let covered: u32 = parts.iter().map(|(_, held)| held).sum();
        for (price, _) in &mut parts {
            *price = shaped(series, *price).map_err(|_| Refusal::Digits)?;
        }
        if covered < seconds {
            match fallback {
                Some(price) => parts.push((price, seconds - covered)),
                None => missing.push(place),
            }
        }
        made.push(parts);
    }
    let common = made.iter().flatten().fold(seconds, |common, (_, held)| gcd(common, *held));
    let scale = made.iter().flatten().map(|(price, _)| price.scale()).max().unwrap_or(0);
    let digits = |parts: &Shares| {
        let sum = parts.iter().try_fold(0_i128, |sum, (price, held)| {
            let more = price.at_scale(scale).ok()?.checked_mul(i128::from(held / common))?;
            sum.checked_add(more)
        });
        sum.and_then(|sum| i64::try_from(sum).ok()).ok_or(Refusal::Digits)
    };
    let digits = made.iter().map(digits).collect::<Result<Vec<i64>, Refusal>>()?;
    Ok(SpotPrices { digits, divisor: seconds / common, scale, missing })
}

/// The price at a moment that is `minute` on the clock of a local `day`; the fallback where the
/// series has none.
pub(crate) fn at(
    series: &Dynamic,
    moment: Timestamp,
    (day, minute): (LocalDay, u16),
) -> Option<UnitPrice> {
    let price = match &series.prices {
        Prices::Spot(spots) => {
            let next = spots.partition_point(|spot| spot.to <= moment);
            spots.get(next).filter(|spot| spot.from <= moment).map(|spot| spot.price)
        }
        Prices::Year(year) => {
            let per_day = year.len() / 365;
            let of_day = usize::from(minute) * per_day / usize::from(DAY_MINUTES);
            year.get(place_in_year(day) * per_day + of_day).copied()
        }
        Prices::Given => None,
    };
    match price {
        Some(price) => shaped(series, price).ok(),
        None => series.fallback,
    }
}

/// Every price that [`at`] can answer.
///
/// # Errors
/// [`Overflow`] where one has more digits than can be counted with.
pub(crate) fn all(series: &Dynamic) -> Result<Vec<UnitPrice>, Overflow> {
    let prices: Vec<UnitPrice> = match &series.prices {
        Prices::Spot(spots) => spots.iter().map(|spot| spot.price).collect(),
        Prices::Year(year) => year.clone(),
        Prices::Given => Vec::new(),
    };
    let shaped = prices.into_iter().map(|price| shaped(series, price));
    shaped.chain(series.fallback.map(Ok)).collect()
}

/// `multiplier x price + markup`, within floor and cap.
fn shaped(series: &Dynamic, price: UnitPrice) -> Result<UnitPrice, Overflow> {
    let scale = price.scale() + series.multiplier.scale();
    let digits = price
        .at_scale(price.scale())?
        .checked_mul(series.multiplier.at_scale(series.multiplier.scale())?)
        .ok_or(Overflow)?;
    let times = UnitPrice::of(units::Decimal::new(digits, scale)).ok_or(Overflow)?;
    let mut made = times.plus(series.markup)?;
    let below = |one: UnitPrice, other: UnitPrice| -> Result<bool, Overflow> {
        let scale = one.scale().max(other.scale());
        Ok(one.at_scale(scale)? < other.at_scale(scale)?)
    };
    if let Some(floor) = series.floor
        && below(made, floor)?
    {
        made = floor;
    }
    if let Some(cap) = series.cap
        && below(cap, made)?
    {
        made = cap;
    }
    Ok(made)
}

/// The prices that hold in each interval, from moments that are sorted.
fn of_moments(spots: &[Spot], days: &[Day], start: Timestamp, seconds: u32) -> Vec<Shares> {
    let count: usize = days.iter().map(|day| day.count).sum();
    let first = days.first().map_or(0, |day| day.first);
    let length = i64::from(seconds);
    let mut all = Vec::with_capacity(count);
    let begin = start.plus_seconds(length * i64::try_from(first).unwrap_or(0));
    let mut next = spots.partition_point(|spot| spot.to <= begin);
    for place in 0..count {
        let from = begin.plus_seconds(length * i64::try_from(place).unwrap_or(0));
        let to = from.plus_seconds(length);
        let mut parts = Shares::new();
        let mut at = next;
        while let Some(spot) = spots.get(at).filter(|spot| spot.from < to) {
            let held = spot.to.min(to).seconds_since(spot.from.max(from));
            parts.extend(
                u32::try_from(held).ok().filter(|held| *held > 0).map(|held| (spot.price, held)),
            );
            if spot.to <= to {
                next = at + 1;
            }
            at += 1;
        }
        all.push(parts);
    }
    all
}

/// The prices of a day from a series of a year of 365 days.
fn of_year(year: &[UnitPrice], day: &Day, minutes: u32) -> Vec<Shares> {
    let per_day = year.len() / 365;
    let part = u32::from(DAY_MINUTES) / u32::try_from(per_day).unwrap_or(1);
    let first = place_in_year(day.day) * per_day;
    let clock = |place: usize| match &day.clock {
        Some(clock) => u32::from(clock[place]),
        None => u32::try_from(place).unwrap_or(0) * minutes,
    };
    let shares = |place: usize| {
        let (from, to) = (clock(place), clock(place) + minutes);
        let mut parts = Shares::new();
        for index in from / part..to.div_ceil(part) {
            let held = (to.min((index + 1) * part) - from.max(index * part)) * 60;
            let price = year.get(first + usize::try_from(index).unwrap_or(0));
            // An interval that passes midnight on a day of changing clocks ends with the year.
            parts.extend(price.or(year.last()).map(|price| (*price, held)));
        }
        parts
    };
    (0..day.count).map(shares).collect()
}

/// The day of a year of 365 days, from 0.
fn place_in_year(day: LocalDay) -> usize {
    let month = usize::from(day.month());
    let of_month = usize::try_from(day.number() - day.month_start().number()).unwrap_or(0);
    const BEFORE: [usize; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let of_month = if month == 2 { of_month.min(27) } else { of_month };
    BEFORE[month - 1] + of_month
}

fn gcd(one: u32, other: u32) -> u32 {
    if other == 0 { one } else { gcd(other, one % other) }
}
