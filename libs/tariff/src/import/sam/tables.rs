//! The model's matrices: rows of period, tier, limit and price, and schedules that count from 1.

use std::collections::BTreeMap;

use super::Side;
use crate::problem::Code;
use crate::reader::{Field, Reader};
use crate::sheet::{
    Across, DemandCharge, DemandPeriod, DemandTier, Limit, PERIODS_OF_CHARGE_MAX, Periods, Reset,
    Sheet, TIERS_MAX, Tier, TouPeriod,
};
use crate::{UnitPrice, When};

/// Limits from here on stand for none.
const OPEN: i128 = 1_000_000_000_000;

/// Rows by period or month, then by tier.
type Rows<'a> = BTreeMap<i64, BTreeMap<i64, Vec<Field<'a>>>>;

/// Periods and tiers of energy: period, tier, limit, its unit, price to buy, price to sell.
pub(super) fn energy<'a>(
    reader: &mut Reader<'a>,
    field: &Field<'a>,
    side: Side,
) -> Option<Periods> {
    let table = reader.need(field, "ur_ec_tou_mat")?;
    let rows = rows(reader, &table, 6, 1)?;
    let numbers: Vec<i64> = rows.keys().copied().collect();
    let mut periods = Vec::new();
    for (number, of_period) in &rows {
        let count = of_period.len();
        let mut tiers: Vec<Tier> = Vec::new();
        for (place, cells) in of_period.values().enumerate() {
            let price = if side == Side::Buy { &cells[4] } else { &cells[5] };
            let value = reader.price(price)?;
            let unit = reader.integer(&cells[3], 0, 3)?;
            let max = limit(reader, &cells[2], place + 1 == count)?;
            let (per_kw, per_day) = (unit % 2 == 1, unit >= 2);
            let max = match max {
                Some(energy) => Some(Limit { energy, per_kw, per_day }),
                None => per_kw.then_some(Limit { energy: Limit::OPEN, per_kw, per_day }),
            };
            tiers.push(Tier { max, price: value, source: price.path.clone() });
        }
        periods.push(TouPeriod { name: format!("period {number}"), tiers });
    }
    let keys = ["ur_ec_sched_weekday", "ur_ec_sched_weekend"];
    let when = schedule(reader, field, keys, &numbers)?;
    Some(Periods { when, periods, across: Across::Time, reset: Reset::Month })
}

/// Demand by time of use (period, tier, limit, price) and flat (month from 0, tier, limit, price).
pub(super) fn demand<'a>(
    reader: &mut Reader<'a>,
    field: &Field<'a>,
    sheet: &mut Sheet,
) -> Option<()> {
    let flat = reader.need(field, "ur_dc_flat_mat")?;
    let by_month = rows(reader, &flat, 4, 0)?;
    let mut months = Vec::new();
    for month in 0..12 {
        let name = format!("month {}", month + 1);
        let tiers = match by_month.get(&month) {
            Some(of_month) => tiers(reader, of_month)?,
            None => vec![free(&flat)],
        };
        months.push(DemandPeriod { name, tiers, counts: false, ratcheted: true });
    }
    let cells: Vec<Vec<u8>> = (0..12).map(|month| vec![month]).collect();
    let when = When::Table { weekday: cells.clone(), weekend: cells };
    sheet.demand.push(DemandCharge { name: "demand".to_owned(), when, periods: months });
    let table = reader.need(field, "ur_dc_tou_mat")?;
    let by_period = rows(reader, &table, 4, 1)?;
    let numbers: Vec<i64> = by_period.keys().copied().collect();
    let counting = counting(reader, field)?;
    let mut periods = Vec::new();
    for (number, of_period) in &by_period {
        let tiers = tiers(reader, of_period)?;
        let counts = counting.get(number).copied().unwrap_or(true);
        let name = format!("period {number}");
        periods.push(DemandPeriod { name, tiers, counts, ratcheted: counts });
    }
    let keys = ["ur_dc_sched_weekday", "ur_dc_sched_weekend"];
    let when = schedule(reader, field, keys, &numbers)?;
    let name = "time-of-use demand".to_owned();
    sheet.demand.push(DemandCharge { name, when, periods });
    Some(())
}

/// Which periods of demand count for the ratchet.
fn counting<'a>(reader: &mut Reader<'a>, field: &Field<'a>) -> Option<BTreeMap<i64, bool>> {
    let mut counting = BTreeMap::new();
    let Some(table) = field.get("ur_dc_billing_demand_periods") else { return Some(counting) };
    for row in reader.list(&table, PERIODS_OF_CHARGE_MAX) {
        let cells = reader.list(&row, 2);
        let [number, counts] = cells.as_slice() else {
            reader.wrong(&row, Code::WrongKind, "two columns: period, and whether it counts");
            return None;
        };
        let number = reader.integer(number, 1, 255)?;
        counting.insert(number, reader.integer(counts, 0, 1)? == 1);
    }
    Some(counting)
}

fn free(at: &Field<'_>) -> DemandTier {
    DemandTier { max: None, price: UnitPrice::ZERO, source: at.path.clone() }
}

fn tiers<'a>(
    reader: &mut Reader<'a>,
    rows: &BTreeMap<i64, Vec<Field<'a>>>,
) -> Option<Vec<DemandTier>> {
    let mut tiers = Vec::new();
    for (place, cells) in rows.values().enumerate() {
        let price = reader.price(&cells[3])?;
        let max = limit(reader, &cells[2], place + 1 == rows.len())?;
        tiers.push(DemandTier { max, price, source: cells[3].path.clone() });
    }
    Some(tiers)
}

/// A limit; a huge one, and the last, are none.
fn limit(reader: &mut Reader<'_>, cell: &Field<'_>, last: bool) -> Option<Option<i64>> {
    let text = match &cell.node.value {
        crate::json::Value::Number(text) => text.parse::<units::Decimal>(),
        _ => return reader.quantity(cell).map(Some),
    };
    let open = last
        || text.is_ok_and(|it| it.rounded_to_scale(0).is_none_or(|it| it >= OPEN))
        || text_is_long(cell);
    if open { Some(None) } else { reader.quantity(cell).map(Some) }
}

/// Numbers of more digits than are read are open ends.
fn text_is_long(cell: &Field<'_>) -> bool {
    matches!(&cell.node.value, crate::json::Value::Number(text)
        if matches!(text.parse::<units::Decimal>(), Err(units::DecimalError::TooLong(_))))
}

/// The rows of a matrix of `width` columns, by the first two, which count from `first` and 1.
fn rows<'a>(
    reader: &mut Reader<'a>,
    table: &Field<'a>,
    width: usize,
    first: i64,
) -> Option<Rows<'a>> {
    let mut sorted = Rows::new();
    for row in reader.list(table, PERIODS_OF_CHARGE_MAX * TIERS_MAX) {
        let cells = reader.list(&row, width);
        if cells.len() != width {
            reader.wrong(&row, Code::WrongKind, format!("{width} columns, not {}", cells.len()));
            return None;
        }
        let number = reader.integer(&cells[0], first, 63)?;
        let tier = reader.integer(&cells[1], 1, i64::try_from(TIERS_MAX).unwrap_or(32))?;
        if sorted.entry(number).or_default().insert(tier, cells).is_some() {
            reader.wrong(&row, Code::Contradiction, "this tier is there for the second time");
        }
    }
    reader.holds(!sorted.is_empty(), table, "at least one row");
    (!sorted.is_empty()).then_some(sorted)
}

/// Schedules of period numbers, as places among `numbers`.
fn schedule<'a>(
    reader: &mut Reader<'a>,
    field: &Field<'a>,
    [weekday, weekend]: [&str; 2],
    numbers: &[i64],
) -> Option<When> {
    let mut table = |key| {
        let field = reader.need(field, key)?;
        let rows = reader.list(&field, 12);
        reader.holds(rows.len() == 12, &field, "twelve rows, one a month");
        let mut all = Vec::new();
        for row in rows {
            let mut cells = Vec::new();
            for cell in reader.list(&row, 24) {
                let number = reader.integer(&cell, 1, 63)?;
                let place = numbers.iter().position(|known| *known == number);
                match place.and_then(|place| u8::try_from(place).ok()) {
                    Some(place) => cells.push(place),
                    None => {
                        let reason = format!("there is no period {number} in the table of rates");
                        reader.wrong(&cell, Code::Contradiction, reason);
                    }
                }
            }
            reader.holds(cells.len() == 24, &row, "24 hours");
            all.push(cells);
        }
        let whole = all.len() == 12 && all.iter().all(|row| row.len() == 24);
        whole.then_some(all)
    };
    let (weekday, weekend) = (table(weekday), table(weekend));
    Some(When::Table { weekday: weekday?, weekend: weekend? })
}
