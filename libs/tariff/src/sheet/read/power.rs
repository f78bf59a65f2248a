//! Charges per kW, and the ratchet.

use super::super::{DemandCharge, DemandPeriod, DemandTier, Ratchet};
use super::{PERIODS_OF_CHARGE_MAX, TIERS_MAX, name, pricing, tiers_rise};
use crate::reader::{Field, Reader};
use crate::schedule::DAY_MINUTES;

/// A demand charge: `price` or `tiers` for the month's peak, or `periods` with a `schedule`.
pub(super) fn demand<'a>(reader: &mut Reader<'a>, field: &Field<'a>) -> Option<DemandCharge> {
    reader.known(field, &["name", "price", "periods", "schedule", "tiers"]);
    let inner = field.get("periods");
    let rows = match &inner {
        Some(rows) => reader.list(rows, PERIODS_OF_CHARGE_MAX),
        // One period without a name.
        None => vec![field.clone()],
    };
    reader.holds(!rows.is_empty(), field, "at least one period");
    let read = |(place, row)| period(reader, row, place, inner.is_some());
    let all: Vec<Option<DemandPeriod>> = rows.iter().enumerate().map(read).collect();
    let periods: Vec<DemandPeriod> = all.into_iter().collect::<Option<_>>()?;
    let names: Vec<String> = periods.iter().map(|period| period.name.clone()).collect();
    let when = pricing::schedule(reader, field, &names)?;
    Some(DemandCharge { name: name(reader, field, "demand"), when, periods })
}

fn period<'a>(
    reader: &mut Reader<'a>,
    field: &Field<'a>,
    place: usize,
    inner: bool,
) -> Option<DemandPeriod> {
    if inner {
        reader.known(field, &["name", "price", "tiers", "counts", "ratcheted"]);
    }
    let label = if inner { name(reader, field, &format!("period {place}")) } else { String::new() };
    let mut flag = |key| field.get(key).filter(|_| inner).and_then(|it| reader.bool(&it));
    let (counts, ratcheted) = (flag("counts").unwrap_or(true), flag("ratcheted").unwrap_or(true));
    if let Some(price) = field.get("price") {
        let value = reader.price(&price)?;
        let tiers = vec![DemandTier { max: None, price: value, source: price.path }];
        return Some(DemandPeriod { name: label, tiers, counts, ratcheted });
    }
    let rows = reader.need(field, "tiers").map(|it| reader.list(&it, TIERS_MAX))?;
    reader.holds(!rows.is_empty(), field, "at least one tier");
    let mut tiers = Vec::new();
    for row in &rows {
        reader.known(row, &["max", "price"]);
        let price = reader.need(row, "price");
        let source = price.as_ref().map(|it| it.path.clone());
        let value = price.and_then(|it| reader.price(&it));
        let max = row.get("max").and_then(|it| reader.quantity(&it));
        if let (Some(value), Some(source)) = (value, source) {
            tiers.push(DemandTier { max, price: value, source });
        }
    }
    if tiers.len() != rows.len() || rows.is_empty() {
        return None;
    }
    let maxima: Vec<Option<i64>> = tiers.iter().map(|tier| tier.max).collect();
    tiers_rise(reader, &rows, &maxima);
    Some(DemandPeriod { name: label, tiers, counts, ratcheted })
}

/// Minutes that divide a day.
pub(super) fn window(reader: &mut Reader<'_>, field: &Field<'_>) -> Option<u16> {
    let minutes = reader.integer(field, 1, i64::from(DAY_MINUTES))?;
    let minutes = u16::try_from(minutes).ok()?;
    reader.holds(DAY_MINUTES.is_multiple_of(minutes), field, "minutes that divide a day evenly");
    Some(minutes)
}

/// Earlier peaks that count.
pub(super) fn ratchet<'a>(reader: &mut Reader<'a>, field: &Field<'a>) -> Option<Ratchet> {
    reader.known(field, &["percent", "months", "minimum_kw"]);
    let months = reader.need(field, "months").and_then(|it| reader.integer(&it, 0, 24));
    let percent = reader.need(field, "percent")?;
    let cells = percent.items().unwrap_or_else(|| vec![percent.clone(); 12]);
    reader.holds(cells.len() == 12, &percent, "one percentage, or twelve");
    let mut ppm = [0; 12];
    for (cell, place) in cells.iter().zip(&mut ppm) {
        *place = millionths(reader, cell, 10_000).unwrap_or(0);
    }
    let minimum = field.get("minimum_kw").and_then(|it| reader.quantity(&it)).unwrap_or(0);
    let months = u8::try_from(months?).unwrap_or(u8::MAX);
    Some(Ratchet { months, ppm, own: [true; 12], minimum })
}

/// A number as parts per million, where 1 stands for `one` of them.
pub(crate) fn millionths(reader: &mut Reader<'_>, field: &Field<'_>, one: i128) -> Option<u32> {
    let decimal = reader.decimal(field)?;
    let micro = decimal.rounded_to_scale(6).and_then(|micro| micro.checked_mul(one));
    let ppm = micro.and_then(|micro| u32::try_from(micro / 1_000_000).ok());
    let ppm = ppm.filter(|ppm| *ppm <= 1_000_000);
    reader.holds(ppm.is_some(), field, "between nothing and the whole");
    ppm
}
