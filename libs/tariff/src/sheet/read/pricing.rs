//! Prices per kWh: periods with tiers and their schedule, or a series.

use calendar::Timestamp;

use super::super::{
    Across, Dynamic, Limit, Periods, Prices, Pricing, Reset, Spot, Tier, TouPeriod,
};
use super::{PERIODS_OF_CHARGE_MAX, SPOT_PRICES_MAX, TIERS_MAX};
use crate::UnitPrice;
use crate::problem::Code;
use crate::reader::{Field, Reader};
use crate::schedule::DAY_MINUTES;

pub(crate) use windows::{month_day, schedule, table};

mod windows;

/// The keys of an object that has prices.
pub(crate) const KEYS: [&str; 5] = ["price", "periods", "schedule", "tiers", "dynamic"];

/// The prices of a charge: `price` for one at all times, `periods` with a `schedule`, or
/// `dynamic`.
pub(crate) fn pricing<'a>(reader: &mut Reader<'a>, field: &Field<'a>) -> Option<Pricing> {
    let found = [field.get("price"), field.get("periods"), field.get("dynamic")];
    match found.iter().flatten().count() {
        1 => {}
        0 => {
            reader.wrong(field, Code::Missing, "one of price, periods and dynamic is needed");
            return None;
        }
        _ => {
            reader.wrong(field, Code::Contradiction, "only one of price, periods and dynamic");
            return None;
        }
    }
    let [price, rows, dynamic] = found;
    if let Some(price) = price {
        let flat = reader.price(&price).map(|value| Periods::flat(value, &price.path));
        return flat.map(Pricing::Periods);
    }
    if let Some(series) = dynamic {
        return dynamic_prices(reader, &series).map(Pricing::Dynamic);
    }
    let rows = reader.list(&rows?, PERIODS_OF_CHARGE_MAX);
    reader.holds(!rows.is_empty(), field, "at least one period");
    let all: Vec<Option<TouPeriod>> =
        rows.iter().enumerate().map(|(place, row)| period(reader, row, place)).collect();
    let periods: Vec<TouPeriod> = all.into_iter().collect::<Option<_>>()?;
    let names: Vec<String> = periods.iter().map(|period| period.name.clone()).collect();
    let when = schedule(reader, field, &names);
    let (across, reset) = tier_rule(reader, field);
    Some(Pricing::Periods(Periods { when: when?, periods, across, reset }))
}

fn tier_rule<'a>(reader: &mut Reader<'a>, field: &Field<'a>) -> (Across, Reset) {
    let (mut across, mut reset) = (Across::Period, Reset::Month);
    if let Some(rule) = field.get("tiers") {
        reader.known(&rule, &["across", "per"]);
        let words = [("period", Across::Period), ("time", Across::Time), ("share", Across::Share)];
        across = rule.get("across").and_then(|it| reader.word(&it, &words)).unwrap_or(across);
        let words = [
            ("day", Reset::Day),
            ("month", Reset::Month),
            ("quarter", Reset::Quarter),
            ("year", Reset::Year),
        ];
        reset = rule.get("per").and_then(|it| reader.word(&it, &words)).unwrap_or(reset);
        if across == Across::Share && reset != Reset::Month {
            reader.wrong(&rule, Code::Contradiction, "shares of tiers are counted per month");
        }
    }
    (across, reset)
}

fn period<'a>(reader: &mut Reader<'a>, field: &Field<'a>, place: usize) -> Option<TouPeriod> {
    reader.known(field, &["name", "price", "tiers"]);
    let name = super::name(reader, field, &format!("period {place}"));
    if let Some(price) = field.get("price") {
        let value = reader.price(&price)?;
        let tiers = vec![Tier { max: None, price: value, source: price.path }];
        return Some(TouPeriod { name, tiers });
    }
    let rows = reader.need(field, "tiers").map(|it| reader.list(&it, TIERS_MAX))?;
    reader.holds(!rows.is_empty(), field, "at least one tier");
    let mut tiers = Vec::new();
    // A tier without a unit has that of the one below it.
    let mut kind = (false, false);
    for row in &rows {
        reader.known(row, &["max", "unit", "price"]);
        let price = reader.need(row, "price");
        let source = price.as_ref().map(|it| it.path.clone());
        let value = price.and_then(|it| reader.price(&it));
        kind = unit(reader, row).unwrap_or(kind);
        let max = limit(reader, row, kind);
        if let (Some(value), Some(source)) = (value, source) {
            tiers.push(Tier { max, price: value, source });
        }
    }
    if tiers.len() != rows.len() || rows.is_empty() {
        return None;
    }
    let maxima: Vec<Option<i64>> = tiers.iter().map(|tier| tier.max.map(|it| it.energy)).collect();
    let rises = |tier: &Tier| tier.max.is_none_or(|max| !max.per_kw);
    // Blocks by demand and plain ones in turn are put in order once the demand is known.
    if tiers.iter().all(rises) {
        tiers_rise(reader, &rows, &maxima);
    }
    Some(TouPeriod { name, tiers })
}

/// A fault for each tier that does not end above the one below it, and for a last one that ends.
pub(crate) fn tiers_rise(reader: &mut Reader<'_>, rows: &[Field<'_>], maxima: &[Option<i64>]) {
    let mut below = 0;
    for (place, (row, max)) in rows.iter().zip(maxima).enumerate() {
        let last = place + 1 == rows.len();
        match max {
            None if !last => {
                reader.wrong(row, Code::Missing, "max is missing: only the last tier is open");
            }
            Some(_) if last => {
                reader.wrong(row, Code::Contradiction, "the last tier is open: it has no max");
            }
            Some(max) if *max <= below => {
                reader.wrong(row, Code::Contradiction, "max is not above that of the tier below");
            }
            _ => {}
        }
        below = max.unwrap_or(below);
    }
}

/// Whether a limit is per kW, and whether it is per day.
fn unit<'a>(reader: &mut Reader<'a>, row: &Field<'a>) -> Option<(bool, bool)> {
    let words = [
        ("kWh", (false, false)),
        ("kWh/kW", (true, false)),
        ("kWh daily", (false, true)),
        ("kWh/kW daily", (true, true)),
    ];
    row.get("unit").and_then(|it| reader.word(&it, &words))
}

/// Where a tier ends; the kind of an open end matters where blocks are by demand.
fn limit<'a>(
    reader: &mut Reader<'a>,
    row: &Field<'a>,
    (per_kw, per_day): (bool, bool),
) -> Option<Limit> {
    match row.get("max") {
        Some(max) => Some(Limit { energy: reader.quantity(&max)?, per_kw, per_day }),
        None => per_kw.then_some(Limit { energy: Limit::OPEN, per_kw, per_day }),
    }
}

fn dynamic_prices<'a>(reader: &mut Reader<'a>, field: &Field<'a>) -> Option<Dynamic> {
    let keys = ["prices", "year", "multiplier", "markup", "floor", "cap", "fallback"];
    reader.known(field, &keys);
    let mut optional = |key| field.get(key).and_then(|it| reader.price(&it));
    let multiplier = optional("multiplier").unwrap_or(UnitPrice::new(1, 0));
    let markup = optional("markup").unwrap_or_default();
    let (floor, cap, fallback) = (optional("floor"), optional("cap"), optional("fallback"));
    let prices = match (field.get("prices"), field.get("year")) {
        (Some(prices), None) => Prices::Spot(spot(reader, &prices)),
        (None, Some(year)) => Prices::Year(year_prices(reader, &year)?),
        (None, None) => Prices::Given,
        _ => {
            reader.wrong(field, Code::Contradiction, "only one of prices and year");
            return None;
        }
    };
    let source = field.path.clone();
    Some(Dynamic { prices, multiplier, markup, floor, cap, fallback, source })
}

fn spot<'a>(reader: &mut Reader<'a>, field: &Field<'a>) -> Vec<Spot> {
    let rows = reader.list(field, SPOT_PRICES_MAX);
    let mut spots = Vec::new();
    for row in &rows {
        reader.known(row, &["from", "to", "price"]);
        let from = reader.need(row, "from").and_then(|it| reader.moment(&it));
        let to = row.get("to").and_then(|it| reader.moment(&it));
        let price = reader.need(row, "price").and_then(|it| reader.price(&it));
        if let (Some(from), Some(price)) = (from, price) {
            spots.push(Told { row: row.clone(), from, to, price });
        }
    }
    reader.holds(!rows.is_empty(), field, "at least one price");
    in_order(reader, spots)
}

/// A price as a row tells it.
pub(crate) struct Told<'a> {
    pub(crate) row: Field<'a>,
    pub(crate) from: Timestamp,
    pub(crate) to: Option<Timestamp>,
    pub(crate) price: UnitPrice,
}

/// Sorts prices; one without an end holds until the next begins, the last as long as the one
/// before it.
pub(crate) fn in_order(reader: &mut Reader<'_>, mut told: Vec<Told<'_>>) -> Vec<Spot> {
    told.sort_by_key(|one| one.from);
    let mut all: Vec<Spot> = Vec::with_capacity(told.len());
    for (place, one) in told.iter().enumerate() {
        let next = told.get(place + 1).map(|next| next.from);
        let before = place.checked_sub(1).map(|before| one.from.seconds_since(told[before].from));
        let guess = next.or_else(|| before.map(|length| one.from.plus_seconds(length)));
        let Some(to) = one.to.or(guess) else {
            reader.wrong(&one.row, Code::Missing, "the end is missing: there is no other price");
            continue;
        };
        if to <= one.from || next.is_some_and(|next| next < to) {
            let reason = "this price ends before it begins, or after the next has begun";
            reader.wrong(&one.row, Code::Contradiction, reason);
        }
        all.push(Spot { from: one.from, to, price: one.price });
    }
    all
}

/// Equal parts of 365 days.
pub(crate) fn year_prices<'a>(
    reader: &mut Reader<'a>,
    field: &Field<'a>,
) -> Option<Vec<UnitPrice>> {
    let rows = reader.list(field, 365 * usize::from(DAY_MINUTES));
    let per_day = rows.len() / 365;
    let even = per_day * 365 == rows.len()
        && per_day > 0
        && usize::from(DAY_MINUTES).is_multiple_of(per_day);
    reader.holds(even, field, "8760 prices, or another number that divides 365 days evenly");
    let prices: Vec<UnitPrice> = rows.iter().filter_map(|row| reader.price(row)).collect();
    (even && prices.len() == rows.len()).then_some(prices)
}
