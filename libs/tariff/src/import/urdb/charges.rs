//! Standing and minimum charges, and what is done with export.

use super::structure::{Side, priced};
use crate::problem::Code;
use crate::reader::{Field, Reader};
use crate::sheet::{Across, Bank, Export, Fixed, Leftover, Minimum, Mode, Per, Pricing, Sheet};

/// What `dgrules` say.
pub(super) struct Metering {
    /// How export meets import.
    mode: Mode,
    bank: Bank,
    /// Whether months are netted.
    pub(super) nets: bool,
    source: String,
}

/// `dgrules`, or `usenetmetering` of version 3.
pub(super) fn metering<'a>(reader: &mut Reader<'a>, field: &Field<'a>) -> Option<Metering> {
    let made = |mode, bank, source: &Field<'_>| Metering {
        mode,
        bank,
        nets: mode == Mode::NetMetering,
        source: source.path.clone(),
    };
    if let Some(rules) = field.find("dgrules") {
        let text = reader.text(&rules)?;
        return match text.to_ascii_lowercase().as_str() {
            "net metering" => Some(made(Mode::NetMetering, Bank::Energy, &rules)),
            "net billing instantaneous" => Some(made(Mode::NetBilling, Bank::None, &rules)),
            "net billing hourly" => Some(made(Mode::NetBilling, Bank::Money(false), &rules)),
            "buy all sell all" => Some(made(Mode::BuyAllSellAll, Bank::None, &rules)),
            _ => {
                let reason = format!("there is no rule {text:?} for distributed generation");
                reader.wrong(&rules, Code::Unsupported, reason);
                None
            }
        };
    }
    if let Some(flag) = field.find("usenetmetering") {
        return match reader.bool(&flag)? {
            true => Some(made(Mode::NetMetering, Bank::Energy, &flag)),
            false => Some(made(Mode::NetBilling, Bank::None, &flag)),
        };
    }
    reader.note("the rate has no dgrules: net metering is assumed, as PySAM does");
    Some(made(Mode::NetMetering, Bank::Energy, field))
}

/// The export rule, with `sell` as its price.
pub(super) fn export<'a>(
    reader: &mut Reader<'a>,
    field: &Field<'a>,
    metering: &Metering,
    across: Across,
    sheet: &mut Sheet,
) {
    let Metering { mode, bank, ref source, .. } = *metering;
    let source = if source.is_empty() { "dgrules".to_owned() } else { source.clone() };
    let (price, leftover) = if metering.nets {
        reader.note("a surplus that net metering has left in December expires");
        (None, Leftover::Expire)
    } else {
        // Faults of the structure were told when it was read for buying.
        let before = reader.is_clean();
        let sold = before.then(|| priced(reader, field, Side::Sell, across)).flatten();
        (sold.map(Pricing::Periods), Leftover::Pay(crate::UnitPrice::ZERO))
    };
    if !metering.nets && price.is_none() {
        return;
    }
    sheet.export = Some(Export { mode, price, bank, year_end: 12, leftover, source });
}

/// `fixedchargefirstmeter` with its units, or `fixedmonthlycharge` of old versions.
pub(super) fn fixed<'a>(reader: &mut Reader<'a>, field: &Field<'a>, sheet: &mut Sheet) {
    let new = field.find("fixedchargefirstmeter");
    let per = match field.find("fixedchargeunits") {
        Some(units) => per(reader, &units),
        None => Some(Per::Month),
    };
    let charges = [(new.clone(), per), (field.find("fixedmonthlycharge"), Some(Per::Month))];
    for (charge, per) in charges {
        // Records that were moved to the new field still have the old one.
        if let (Some(charge), Some(per)) = (charge, per)
            && sheet.fixed.is_empty()
            && let Some(amount) = reader.price(&charge)
            && !amount.is_zero()
        {
            let name = "standing charge".to_owned();
            sheet.fixed.push(Fixed { name, per, amount, source: charge.path });
        }
    }
}

/// `mincharge` with its units, or `minmonthlycharge` and `annualmincharge` of old versions.
pub(super) fn minimum<'a>(reader: &mut Reader<'a>, field: &Field<'a>, sheet: &mut Sheet) {
    let unit = match field.find("minchargeunits") {
        Some(units) => per(reader, &units),
        None => Some(Per::Month),
    };
    let charges = [
        ("mincharge", unit),
        ("minmonthlycharge", Some(Per::Month)),
        ("annualmincharge", Some(Per::Year)),
    ];
    for (key, per) in charges {
        let Some((charge, per)) = field.find(key).zip(per) else { continue };
        let known = sheet.minimum.iter().any(|known| known.per == per);
        if let Some(amount) = reader.amount(&charge)
            && !amount.is_zero()
            && !known
        {
            sheet.minimum.push(Minimum { per, amount, source: charge.path });
        }
    }
}

fn per<'a>(reader: &mut Reader<'a>, units: &Field<'a>) -> Option<Per> {
    let text = reader.text(units)?;
    match text.to_ascii_lowercase().as_str() {
        "$/day" => Some(Per::Day),
        "$/month" => Some(Per::Month),
        "$/year" => Some(Per::Year),
        _ => {
            let reason = format!("one of $/day, $/month, $/year, not {text:?}");
            reader.wrong(units, Code::Unsupported, reason);
            None
        }
    }
}
