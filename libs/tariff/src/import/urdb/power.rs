//! Demand charges and ratchets.

use super::structure::{maximum, price, schedule};
use crate::problem::Code;
use crate::reader::{Field, Reader};
use crate::schedule::DAY_MINUTES;
use crate::sheet::{
    DemandCharge, DemandPeriod, DemandTier, PERIODS_OF_CHARGE_MAX, Ratchet, Sheet, TIERS_MAX,
    millionths,
};
use crate::{UnitPrice, When};

/// Months that a ratchet looks back where the rate names months and no range.
const MONTHS_BACK: u8 = 11;

/// Flat demand, demand by time of use, window and ratchet.
pub(super) fn demand<'a>(reader: &mut Reader<'a>, field: &Field<'a>, sheet: &mut Sheet) {
    for key in ["flatdemandunit", "demandrateunit", "demandunits"] {
        unit(reader, field, key);
    }
    flat(reader, field, sheet);
    if let Some(structure) = field.find("demandratestructure") {
        let periods = periods(reader, &structure, "period");
        let (weekday, weekend) = ("demandweekdayschedule", "demandweekendschedule");
        if let Some(when) = schedule(reader, field, weekday, weekend, periods.len()) {
            push(sheet, "time-of-use demand", when, periods);
        }
    }
    if let Some(window) = field.find("demandwindow") {
        let minutes = reader.integer(&window, 1, i64::from(DAY_MINUTES));
        let minutes = minutes.and_then(|minutes| u16::try_from(minutes).ok());
        if let Some(minutes) = minutes {
            let even = DAY_MINUTES.is_multiple_of(minutes);
            reader.holds(even, &window, "minutes that divide a day evenly");
            sheet.demand_window = Some(minutes);
        }
    }
    sheet.ratchet = ratchet(reader, field);
}

/// Power by kilowatt; apparent power is taken for real power, and a note says so.
fn unit<'a>(reader: &mut Reader<'a>, field: &Field<'a>, key: &str) {
    let Some(unit) = field.find(key) else { return };
    let text = reader.text(&unit).unwrap_or_default();
    match text.to_ascii_lowercase().as_str() {
        "kw" => {}
        "kva" => reader.note(format!("{}: kVA is rated as kW, power factor 1", unit.path)),
        _ => {
            let reason = format!("demand in {text:?} cannot be rated: kW or kVA");
            reader.wrong(&unit, Code::Unsupported, reason);
        }
    }
}

fn flat<'a>(reader: &mut Reader<'a>, field: &Field<'a>, sheet: &mut Sheet) {
    let Some(structure) = field.find("flatdemandstructure") else { return };
    let periods = periods(reader, &structure, "season");
    let when = match field.find("flatdemandmonths") {
        None if periods.len() > 1 => {
            reader.wrong(field, Code::Missing, "flatdemandmonths is missing");
            return;
        }
        None => When::Always,
        Some(months) => {
            let cells = reader.list(&months, 12);
            reader.holds(cells.len() == 12, &months, "twelve months");
            let high = i64::try_from(periods.len()).unwrap_or(1) - 1;
            let rows: Vec<Vec<u8>> = cells
                .iter()
                .filter_map(|cell| reader.integer(cell, 0, high))
                .filter_map(|place| Some(vec![u8::try_from(place).ok()?]))
                .collect();
            if rows.len() != 12 {
                return;
            }
            When::Table { weekday: rows.clone(), weekend: rows }
        }
    };
    push(sheet, "demand", when, periods);
}

/// Adds a charge, unless it charges nothing.
fn push(sheet: &mut Sheet, name: &str, when: When, periods: Vec<DemandPeriod>) {
    let mut prices = periods.iter().flat_map(|period| &period.tiers).map(|tier| tier.price);
    if prices.any(|price| price != UnitPrice::ZERO) {
        sheet.demand.push(DemandCharge { name: name.to_owned(), when, periods });
    }
}

fn periods<'a>(reader: &mut Reader<'a>, structure: &Field<'a>, label: &str) -> Vec<DemandPeriod> {
    let rows = reader.list(structure, PERIODS_OF_CHARGE_MAX);
    let mut periods = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        let cells = reader.list(row, TIERS_MAX);
        reader.holds(!cells.is_empty(), row, "at least one tier");
        let mut tiers: Vec<DemandTier> = Vec::new();
        for (index, cell) in cells.iter().enumerate() {
            if let Some(unit) = cell.find("unit") {
                let text = reader.text(&unit).unwrap_or_default();
                let known = matches!(text.to_ascii_lowercase().as_str(), "kw" | "kva");
                if !known {
                    let reason = format!("demand in {text:?} cannot be rated: kW or kVA");
                    reader.wrong(&unit, Code::Unsupported, reason);
                }
            }
            let last = index + 1 == cells.len();
            let max = if last { None } else { maximum(reader, cell) };
            let below = tiers.last().and_then(|tier| tier.max);
            if max.is_some() && max <= below {
                let reason = "max is not above that of the tier below";
                reader.wrong(cell, Code::Contradiction, reason);
            }
            if let Some((price, source)) = price(reader, cell) {
                tiers.push(DemandTier { max, price, source });
            }
        }
        let name = format!("{label} {place}");
        periods.push(DemandPeriod { name, tiers, counts: true, ratcheted: true });
    }
    periods
}

/// `lookbackPercent` with `lookbackMonths` or `lookbackRange`, or `demandratchetpercentage`.
fn ratchet<'a>(reader: &mut Reader<'a>, field: &Field<'a>) -> Option<Ratchet> {
    let mut ppm = [0_u32; 12];
    let mut months = MONTHS_BACK;
    if let Some(percent) = field.find("lookbackpercent") {
        let decimal = reader.decimal(&percent)?;
        // A fraction by its definition; percentages occur.
        let fraction = decimal.rounded_to_scale(6).is_some_and(|micro| micro <= 1_000_000);
        ppm = [millionths(reader, &percent, if fraction { 1_000_000 } else { 10_000 })?; 12];
        if let Some(list) = field.find("lookbackmonths") {
            let cells = reader.list(&list, 12);
            reader.holds(cells.len() == 12, &list, "twelve months, each 0 or 1");
            for (cell, ppm) in cells.iter().zip(&mut ppm) {
                if reader.integer(cell, 0, 1) == Some(0) {
                    *ppm = 0;
                }
            }
        }
    } else if let Some(list) = field.find("demandratchetpercentage") {
        let cells = list.items().unwrap_or_else(|| vec![list.clone(); 12]);
        reader.holds(cells.len() == 12, &list, "one percentage, or twelve");
        for (cell, ppm) in cells.iter().zip(&mut ppm) {
            let decimal = reader.decimal(cell)?;
            let fraction = decimal.rounded_to_scale(6).is_some_and(|micro| micro <= 1_000_000);
            let one = if fraction { 1_000_000 } else { 10_000 };
            *ppm = millionths(reader, cell, one).unwrap_or(0);
        }
    }
    if let Some(range) = field.find("lookbackrange") {
        let range = reader.integer(&range, 0, 24)?;
        months = if range == 0 { months } else { u8::try_from(range).unwrap_or(months) };
    }
    if ppm == [0; 12] {
        return None;
    }
    reader.note("the ratchet begins with the first month rated: earlier peaks are not known");
    Some(Ratchet { months, ppm, own: [true; 12], minimum: 0 })
}
