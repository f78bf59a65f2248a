//! The tariff in the variables of SAM's Utilityrate5 (NREL), as PySAM and SAM's defaults have them.
//!
//! Of the model's year only the tariff is taken: escalation, degradation and load are not in it.
//! Its calendar has no daylight saving; rate it in a zone that has none to compare.

mod tables;

use crate::UnitPrice;
use crate::problem::Code;
use crate::reader::{Field, Reader};
use crate::sheet::{
    Across, Bank, Class, Dynamic, EnergyCharge, Export, Fixed, Leftover, Minimum, Mode, On, Per,
    Periods, Prices, Pricing, Ratchet, Sheet, millionths, year_prices,
};

/// Which price of a row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Buy,
    Sell,
}

pub(super) fn sheet<'a>(reader: &mut Reader<'a>, field: &Field<'a>) -> Option<Sheet> {
    let mut sheet = Sheet::empty("utilityrate5", "SAM Utilityrate5", "USD", 2);
    let option = field.get("ur_metering_option").map_or(Some(0), |it| reader.integer(&it, 0, 4))?;
    let across = if option <= 1 { Across::Share } else { Across::Time };
    let mut periods = tables::energy(reader, field, Side::Buy)?;
    periods.across = across;
    // Prices by step replace those of the table, where steps are settled for themselves.
    let series = if option >= 2 { by_step(reader, field, "buy") } else { None };
    sheet.energy.push(EnergyCharge {
        name: "energy".to_owned(),
        class: Class::Energy,
        on: On::Residual,
        netted: true,
        pricing: series.unwrap_or(Pricing::Periods(periods)),
    });
    if flag(reader, field, "ur_dc_enable") {
        tables::demand(reader, field, &mut sheet);
    }
    if flag(reader, field, "TOU_demand_single_peak") {
        let at = field.get("TOU_demand_single_peak")?;
        reader.wrong(&at, Code::Unsupported, "one peak for all periods is not rated");
    }
    for (key, per) in [("ur_monthly_fixed_charge", Per::Month)] {
        if let Some(charge) = field.get(key) {
            let amount = reader.price(&charge)?;
            let name = "standing charge".to_owned();
            sheet.fixed.push(Fixed { name, per, amount, source: charge.path });
        }
    }
    sheet.fixed.retain(|fixed| !fixed.amount.is_zero());
    for (key, per) in [("ur_monthly_min_charge", Per::Month), ("ur_annual_min_charge", Per::Year)] {
        if let Some(charge) = field.get(key) {
            let amount = reader.amount(&charge)?;
            sheet.minimum.push(Minimum { per, amount, source: charge.path });
        }
    }
    sheet.minimum.retain(|minimum| !minimum.amount.is_zero());
    sheet.ratchet = ratchet(reader, field);
    sheet.export = export(reader, field, option, across);
    Some(sheet)
}

fn flag<'a>(reader: &mut Reader<'a>, field: &Field<'a>, key: &str) -> bool {
    field.get(key).and_then(|it| reader.integer(&it, 0, 1)) == Some(1)
}

/// A price series by step of the year, if it is switched on.
fn by_step<'a>(reader: &mut Reader<'a>, field: &Field<'a>, side: &str) -> Option<Pricing> {
    if !flag(reader, field, &format!("ur_en_ts_{side}_rate")) {
        return None;
    }
    let series = reader.need(field, &format!("ur_ts_{side}_rate"))?;
    let prices = Prices::Year(year_prices(reader, &series)?);
    Some(Pricing::Dynamic(Dynamic {
        prices,
        multiplier: UnitPrice::new(1, 0),
        markup: UnitPrice::ZERO,
        floor: None,
        cap: None,
        fallback: None,
        source: series.path,
    }))
}

fn export<'a>(
    reader: &mut Reader<'a>,
    field: &Field<'a>,
    option: i64,
    across: Across,
) -> Option<Export> {
    let source = field.get("ur_metering_option").map_or_else(|| field.path.clone(), |it| it.path);
    let month = field.get("ur_nm_credit_month").map_or(Some(11), |it| reader.integer(&it, 0, 11));
    let year_end = u8::try_from(month? + 1).unwrap_or(12);
    let rate = field
        .get("ur_nm_yearend_sell_rate")
        .map_or(Some(UnitPrice::ZERO), |it| reader.price(&it))?;
    let rolls = flag(reader, field, "ur_nm_credit_rollover");
    let expires = flag(reader, field, "ur_nb_credit_expire");
    let at_once = flag(reader, field, "ur_nb_apply_credit_current_month");
    let pay = Leftover::Pay(UnitPrice::ZERO);
    let (mode, bank, leftover) = match option {
        0 if rolls => (Mode::NetMetering, Bank::Energy, Leftover::Credit(rate)),
        0 => (Mode::NetMetering, Bank::Energy, Leftover::Pay(rate)),
        1 => (Mode::NetMetering, Bank::Money(true), pay),
        2 => (Mode::NetBilling, Bank::None, pay),
        3 if expires => (Mode::NetBilling, Bank::Money(at_once), Leftover::Expire),
        3 => (Mode::NetBilling, Bank::Money(at_once), pay),
        _ => (Mode::BuyAllSellAll, Bank::None, pay),
    };
    if option == 1 && rolls {
        reader
            .note("ur_nm_credit_rollover is not used: credits in money are paid at the year's end");
    }
    let price = match option {
        0 => None,
        _ => Some(sold(reader, field, option, across)?),
    };
    Some(Export { mode, price, bank, year_end, leftover, source })
}

fn sold<'a>(
    reader: &mut Reader<'a>,
    field: &Field<'a>,
    option: i64,
    across: Across,
) -> Option<Pricing> {
    let series = if option >= 2 { by_step(reader, field, "sell") } else { None };
    if series.is_some() {
        return series;
    }
    let side = if flag(reader, field, "ur_sell_eq_buy") { Side::Buy } else { Side::Sell };
    let periods = tables::energy(reader, field, side)?;
    Some(Pricing::Periods(Periods { across, ..periods }))
}

/// Percentages of earlier peaks by month, and whether a month's own peak counts in full.
fn ratchet<'a>(reader: &mut Reader<'a>, field: &Field<'a>) -> Option<Ratchet> {
    if !flag(reader, field, "ur_enable_billing_demand") {
        return None;
    }
    let back = reader.need(field, "ur_billing_demand_lookback_period")?;
    let back = reader.integer(&back, 0, 12)?;
    // The model looks one month further where its look reaches into the year before.
    let months = if back >= 11 { 12 } else { u8::try_from(back).unwrap_or(0) };
    if back < 11 {
        reader.note("a look back of less than 11 months is rated as such in every month");
    }
    let table = reader.need(field, "ur_billing_demand_lookback_percentages")?;
    let rows = reader.list(&table, 12);
    reader.holds(rows.len() == 12, &table, "twelve rows, one a month");
    let (mut ppm, mut own) = ([0; 12], [false; 12]);
    for (place, row) in rows.iter().enumerate() {
        let cells = reader.list(row, 2);
        let [percent, whole] = cells.as_slice() else {
            reader.wrong(row, Code::WrongKind, "two columns: percent, and whether in full");
            return None;
        };
        ppm[place] = millionths(reader, percent, 10_000)?;
        own[place] = reader.integer(whole, 0, 1)? == 1;
    }
    let minimum =
        field.get("ur_billing_demand_minimum").map_or(Some(0), |it| reader.quantity(&it))?;
    Some(Ratchet { months, ppm, own, minimum })
}
