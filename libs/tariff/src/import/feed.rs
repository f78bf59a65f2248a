//! A feed of prices by moment, as Octopus Energy's REST interface gives it: pence per kWh, latest
//! first, `{ "results": [{ "value_exc_vat", "value_inc_vat", "valid_from", "valid_to" }] }`.

use units::Decimal;

use crate::UnitPrice;
use crate::problem::Code;
use crate::reader::{Field, Reader};
use crate::sheet::{
    Class, Dynamic, EnergyCharge, On, Prices, Pricing, SPOT_PRICES_MAX, Sheet, Spot, Tax, Told,
    in_order, taxed,
};

/// Pence, or cents, are hundredths.
const HUNDREDTHS: u32 = 2;

/// A sheet of one dynamic price.
pub(super) fn sheet<'a>(reader: &mut Reader<'a>, field: &Field<'a>) -> Option<Sheet> {
    let rows = reader.need(field, "results").map(|it| reader.list(&it, SPOT_PRICES_MAX))?;
    let percent = vat(reader, &rows);
    let key = if percent.is_some() { "value_exc_vat" } else { "value_inc_vat" };
    let spots = told(reader, &rows, key, HUNDREDTHS);
    let mut sheet = Sheet::empty("feed", "dynamic prices", "GBP", 2);
    reader.note("prices of a feed are taken as pence per kWh, in GBP");
    let one = UnitPrice::new(1, 0);
    sheet.energy.push(EnergyCharge {
        name: "energy".to_owned(),
        class: Class::Energy,
        on: On::Residual,
        netted: false,
        pricing: Pricing::Dynamic(Dynamic {
            prices: Prices::Spot(spots),
            multiplier: one,
            markup: UnitPrice::ZERO,
            floor: None,
            cap: None,
            fallback: None,
            source: format!("results[].{key}"),
        }),
    });
    match percent {
        Some(percent) if !percent.is_zero() => sheet.taxes.push(Tax {
            name: "VAT".to_owned(),
            class: Class::Vat,
            percent,
            on: taxed(Class::Vat),
            source: "results[].value_inc_vat".to_owned(),
        }),
        Some(_) => {}
        None => reader.note("the feed's VAT is not one percentage: prices are rated including it"),
    }
    Some(sheet)
}

/// Prices to go with a tariff that leaves its series open.
pub(super) fn prices<'a>(reader: &mut Reader<'a>, field: &Field<'a>) -> Option<Vec<Spot>> {
    if let Some(results) = field.get("results") {
        let rows = reader.list(&results, SPOT_PRICES_MAX);
        return Some(told(reader, &rows, "value_exc_vat", HUNDREDTHS));
    }
    let list = field.get("prices").unwrap_or_else(|| field.clone());
    let rows = reader.list(&list, SPOT_PRICES_MAX);
    Some(told(reader, &rows, "price", 0))
}

/// Prices in `10^-shift` currency.
fn told<'a>(reader: &mut Reader<'a>, rows: &[Field<'a>], key: &str, shift: u32) -> Vec<Spot> {
    let (from_key, to_key) = if shift == 0 { ("from", "to") } else { ("valid_from", "valid_to") };
    if rows.is_empty() {
        return Vec::new();
    }
    let mut told = Vec::new();
    for row in rows {
        let from = reader.need(row, from_key).and_then(|it| reader.moment(&it));
        let to = row.get(to_key).and_then(|it| reader.moment(&it));
        let price = reader.need(row, key);
        let value = price.as_ref().and_then(|it| reader.price(it));
        let moved = value.and_then(|value| {
            let digits = value.at_scale(value.scale()).ok()?;
            UnitPrice::of(Decimal::new(digits, value.scale() + shift))
        });
        if let (Some(field), Some(_), None) = (&price, value, moved) {
            reader.wrong(field, Code::OutOfRange, "too many decimals");
        }
        if let (Some(from), Some(price)) = (from, moved) {
            told.push(Told { row: row.clone(), from, to, price });
        }
    }
    in_order(reader, told)
}

/// The VAT in percent, if it is the same for all rows: with and without it are both given, the
/// first rounded to four decimals.
fn vat<'a>(reader: &mut Reader<'a>, rows: &[Field<'a>]) -> Option<UnitPrice> {
    let mut scaled = |row: &Field<'a>, key: &str| {
        let field = row.get(key)?;
        reader.decimal(&field)?.to_scale(9)
    };
    let pairs: Vec<(i128, i128)> = rows
        .iter()
        .filter_map(|row| Some((scaled(row, "value_exc_vat")?, scaled(row, "value_inc_vat")?)))
        .collect();
    let (without, with) = pairs.iter().max_by_key(|(without, _)| without.abs())?;
    if pairs.len() != rows.len() || *without == 0 {
        return None;
    }
    // In hundredths of a percent.
    let bps = ((with - without) * 10_000 + without / 2) / without;
    let fits = |(without, with): &(i128, i128)| {
        (without * (10_000 + bps) - with * 10_000).abs() <= 10_000 * 100_000
    };
    let bps = i64::try_from(bps).ok().filter(|bps| (0..=10_000).contains(bps))?;
    pairs.iter().all(fits).then(|| UnitPrice::of(Decimal::new(i128::from(bps), 2)))?
}
