//! Periods and tiers of energy.

use units::Decimal;

use crate::problem::Code;
use crate::reader::{Field, Reader};
use crate::sheet::{
    Across, Class, EnergyCharge, Limit, On, PERIODS_OF_CHARGE_MAX, Periods, Pricing, Reset, Sheet,
    TIERS_MAX, Tier, TouPeriod, table,
};
use crate::{UnitPrice, When};

/// What a tier costs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// `rate` and `adj`.
    Buy,
    /// `sell`.
    Sell,
}

/// The energy charge, and the monthly fuel adjustment beside it.
pub(super) fn energy<'a>(
    reader: &mut Reader<'a>,
    field: &Field<'a>,
    across: Across,
    sheet: &mut Sheet,
) {
    if let Some(periods) = priced(reader, field, Side::Buy, across) {
        sheet.energy.push(EnergyCharge {
            name: "energy".to_owned(),
            class: Class::Energy,
            on: On::Residual,
            netted: true,
            pricing: Pricing::Periods(periods),
        });
    }
    let Some(months) = field.find("fueladjustmentsmonthly") else { return };
    let rows = reader.list(&months, 12);
    reader.holds(rows.len() == 12, &months, "twelve adjustments, one a month");
    let periods: Vec<TouPeriod> = rows
        .iter()
        .enumerate()
        .filter_map(|(month, row)| {
            let tier = Tier { max: None, price: reader.price(row)?, source: row.path.clone() };
            Some(TouPeriod { name: format!("month {}", month + 1), tiers: vec![tier] })
        })
        .collect();
    if periods.len() == 12 && periods.iter().any(|period| !period.tiers[0].price.is_zero()) {
        let rows: Vec<Vec<u8>> = (0..12).map(|month| vec![month]).collect();
        let when = When::Table { weekday: rows.clone(), weekend: rows };
        let (across, reset) = (Across::Period, Reset::Month);
        sheet.energy.push(EnergyCharge {
            name: "fuel adjustment".to_owned(),
            class: Class::Levy,
            on: On::Residual,
            netted: true,
            pricing: Pricing::Periods(Periods { when, periods, across, reset }),
        });
    }
}

/// Periods, tiers and schedule of one side.
pub(super) fn priced<'a>(
    reader: &mut Reader<'a>,
    field: &Field<'a>,
    side: Side,
    across: Across,
) -> Option<Periods> {
    let structure = field.find("energyratestructure")?;
    let rows = reader.list(&structure, PERIODS_OF_CHARGE_MAX);
    reader.holds(!rows.is_empty(), &structure, "at least one period");
    let mut periods = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        let cells = reader.list(row, TIERS_MAX);
        reader.holds(!cells.is_empty(), row, "at least one tier");
        let tiers = tiers(reader, &cells, side);
        periods.push(TouPeriod { name: format!("period {place}"), tiers });
    }
    if periods.is_empty() || periods.iter().any(|period| period.tiers.is_empty()) {
        return None;
    }
    let when =
        schedule(reader, field, "energyweekdayschedule", "energyweekendschedule", rows.len())?;
    Some(Periods { when, periods, across, reset: Reset::Month })
}

fn tiers<'a>(reader: &mut Reader<'a>, cells: &[Field<'a>], side: Side) -> Vec<Tier> {
    let mut tiers: Vec<Tier> = Vec::new();
    let mut units: Vec<(bool, bool)> = Vec::new();
    for cell in cells {
        // A tier without a unit has that of the one below it.
        let below = units.last().copied().unwrap_or((false, false));
        units.push(unit(reader, cell).unwrap_or(below));
    }
    let mixed = units.iter().any(|(per_kw, _)| *per_kw);
    for (place, (cell, (per_kw, per_day))) in cells.iter().zip(units).enumerate() {
        let last = place + 1 == cells.len();
        // Plain blocks that end with a block by demand need no end of their own.
        let open = last || mixed && cell.find("max").is_none_or(|max| huge(&max));
        let max = if open { None } else { maximum(reader, cell) };
        let max = match max {
            Some(energy) => Some(Limit { energy, per_kw, per_day }),
            None => per_kw.then_some(Limit { energy: Limit::OPEN, per_kw, per_day }),
        };
        let price = match side {
            Side::Buy => price(reader, cell),
            Side::Sell => match cell.find("sell") {
                Some(sell) => reader.price(&sell).map(|value| (value, sell.path)),
                None => Some((UnitPrice::ZERO, cell.path.clone())),
            },
        };
        let Some((price, source)) = price else { continue };
        tiers.push(Tier { max, price, source });
    }
    let plain = |max: Option<Limit>| max.filter(|max| !max.per_kw).map(|max| max.energy);
    for (place, pair) in tiers.windows(2).enumerate() {
        // Blocks by demand are put in order once the demand is known.
        let kinds = pair.iter().filter_map(|tier| tier.max).map(|max| (max.per_kw, max.per_day));
        let same = kinds.collect::<Vec<_>>().windows(2).all(|kinds| kinds[0] == kinds[1]);
        let (below, above) = (plain(pair[0].max), plain(pair[1].max));
        if side == Side::Buy && same && above.is_some() && above <= below {
            let reason = "max is not above that of the tier below";
            reader.wrong(&cells[place + 1], Code::Contradiction, reason);
        }
    }
    if tiers.len() == cells.len() { tiers } else { Vec::new() }
}

/// `rate` and `adj`, added.
pub(super) fn price<'a>(reader: &mut Reader<'a>, cell: &Field<'a>) -> Option<(UnitPrice, String)> {
    let rate = cell.find("rate");
    let adjustment = cell.find("adj");
    let source = rate.as_ref().or(adjustment.as_ref()).map(|it| it.path.clone());
    let Some(source) = source else {
        reader.wrong(cell, Code::Missing, "rate is missing: this tier has no price");
        return None;
    };
    let mut value = |field: Option<Field<'a>>| match field {
        Some(field) => reader.price(&field),
        None => Some(UnitPrice::ZERO),
    };
    let (rate, adjustment) = (value(rate)?, value(adjustment)?);
    match rate.plus(adjustment) {
        Ok(price) => Some((price, source)),
        Err(_) => {
            reader.wrong(cell, Code::OutOfRange, "rate and adj together have too many digits");
            None
        }
    }
}

/// The end of a tier that is not the last; a huge one is no end.
pub(super) fn maximum<'a>(reader: &mut Reader<'a>, cell: &Field<'a>) -> Option<i64> {
    let Some(max) = cell.find("max") else {
        reader.wrong(cell, Code::Missing, "max is missing: only the last tier is open");
        return None;
    };
    let huge = huge(&max);
    if huge {
        let reason = "this tier has no end, and there is another one above it";
        reader.wrong(&max, Code::Contradiction, reason);
        return None;
    }
    let value = reader.quantity(&max)?;
    reader.holds(value > 0, &max, "above zero");
    Some(value)
}

/// Whether a maximum stands for none, as 1e38 does.
fn huge(max: &Field<'_>) -> bool {
    let crate::json::Value::Number(text) = &max.node.value else { return false };
    match text.parse::<Decimal>() {
        Ok(decimal) => {
            decimal.to_scale(0).is_none_or(|whole| whole > 1_000_000_000)
                && decimal.rounded_to_scale(0).is_none_or(|whole| whole > 1_000_000_000)
        }
        // Thirty digits and more.
        Err(_) => !text.starts_with('-'),
    }
}

/// Whether a limit is per kW, and whether it is per day.
fn unit<'a>(reader: &mut Reader<'a>, cell: &Field<'a>) -> Option<(bool, bool)> {
    let unit = cell.find("unit")?;
    let text = reader.text(&unit)?;
    match text.to_ascii_lowercase().as_str() {
        "kwh" => Some((false, false)),
        "kwh/kw" => Some((true, false)),
        "kwh daily" => Some((false, true)),
        "kwh/kw daily" => Some((true, true)),
        _ => {
            let reason = format!("one of kWh, kWh/kW, kWh daily, kWh/kW daily, not {text:?}");
            reader.wrong(&unit, Code::Unsupported, reason);
            None
        }
    }
}

/// The schedule of weekdays and weekends; without one there is one period.
pub(super) fn schedule<'a>(
    reader: &mut Reader<'a>,
    field: &Field<'a>,
    weekday: &str,
    weekend: &str,
    periods: usize,
) -> Option<When> {
    let (weekday, weekend) = (field.find(weekday), field.find(weekend));
    let Some(first) = weekday.as_ref().or(weekend.as_ref()) else {
        if periods > 1 {
            reader.wrong(field, Code::Missing, "the schedule of its periods is missing");
            return None;
        }
        return Some(When::Always);
    };
    let first = first.clone();
    let weekday = table(reader, &weekday.unwrap_or_else(|| first.clone()), periods);
    let weekend = table(reader, &weekend.unwrap_or(first), periods);
    Some(When::Table { weekday: weekday?, weekend: weekend? })
}
