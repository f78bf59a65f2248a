//! What a sheet must be like to be published.

use units::Price;

use super::{Head, between_neighbours};
use crate::plan::spot;
use crate::problem::Code;
use crate::sheet::{Class, EnergyCharge, On, Prices, Pricing, Sheet};
use crate::{PRICE_DECIMALS_MAX, PRICE_MAX, PlatformFees, TEXT_LEN_MAX, UnitPrice};

/// The most decimals of a percentage of value-added tax: documents write hundredths.
const VAT_DECIMALS_MAX: u32 = 2;

/// Something that a sheet may say and a published tariff may not.
pub(super) struct Fault {
    pub(super) path: String,
    pub(super) code: Code,
    pub(super) reason: &'static str,
}

fn fault(path: impl Into<String>, code: Code, reason: &'static str) -> Fault {
    Fault { path: path.into(), code, reason }
}

/// Every fault of a sheet that was read.
pub(super) fn faults(sheet: &Sheet) -> Vec<Fault> {
    let mut all = Vec::new();
    if sheet.id.len() > TEXT_LEN_MAX || sheet.name.len() > TEXT_LEN_MAX {
        all.push(fault("id", Code::OutOfRange, "id and name have at most 120 bytes"));
    }
    if sheet.valid_from.is_none() {
        let reason = "valid_from is missing: a published tariff holds from a day on";
        all.push(fault(".", Code::Missing, reason));
    }
    if sheet.timezone.is_none() {
        let reason = "timezone is missing: a published tariff says whose clock counts";
        all.push(fault(".", Code::Missing, reason));
    }
    if sheet.valid_to.is_some() {
        let reason = "a published tariff holds until its next version begins";
        all.push(fault("valid_to", Code::Unsupported, reason));
    }
    if sheet.ratchet.as_ref().is_some_and(|ratchet| ratchet.own != [true; 12]) {
        let reason = "months whose own peak does not count in full cannot be written";
        all.push(fault("ratchet", Code::Unsupported, reason));
    }
    for (place, charge) in sheet.energy.iter().enumerate() {
        energy(charge, &format!("energy[{place}]"), &mut all);
    }
    if let Some(price) = sheet.export.as_ref().and_then(|export| export.price.as_ref()) {
        series(price, "export", &mut all);
    }
    taxes(sheet, &mut all);
    all
}

fn energy(charge: &EnergyCharge, path: &str, all: &mut Vec<Fault>) {
    use Class::{Energy, Levy, Network};
    series(&charge.pricing, path, all);
    match &charge.on {
        On::Residual if matches!(charge.class, Energy | Network | Levy) => {}
        On::Residual => {
            let reason = "on the retailer's energy only energy, network and levy are charged";
            all.push(fault(format!("{path}.class"), Code::Unsupported, reason));
        }
        On::Import => {
            let reason = "this would charge neighbours' energy twice: residual, local or sold";
            all.push(fault(format!("{path}.on"), Code::Unsupported, reason));
        }
        On::Local(Some(_)) => {
            let reason = "a community has one fee on neighbours' energy, whatever its path";
            all.push(fault(format!("{path}.zone"), Code::Unsupported, reason));
        }
        On::Local(None) | On::Sold => between(charge, path, all),
    }
}

/// What a policy takes is one number per Wh.
fn between(charge: &EnergyCharge, path: &str, all: &mut Vec<Fault>) {
    let fits = match charge.on {
        On::Sold => charge.class == Class::Platform,
        _ => matches!(charge.class, Class::Network | Class::Levy | Class::Platform),
    };
    if !fits {
        let reason = "on neighbours' energy network, levy and platform are charged, on energy \
                      sold to them platform; its price is found by the market";
        all.push(fault(format!("{path}.class"), Code::Unsupported, reason));
    }
    if flat(charge).is_none() {
        let reason = "a fee between neighbours is one price, not below zero, of at most 6 decimals \
                      per kWh";
        all.push(fault(path, Code::Unsupported, reason));
    }
}

fn series(pricing: &Pricing, path: &str, all: &mut Vec<Fault>) {
    let Pricing::Dynamic(series) = pricing else { return };
    let path = format!("{path}.dynamic");
    match series.prices {
        Prices::Given => {
            let reason = "prices are missing: a published tariff contains its prices, so that a \
                          bill can be checked";
            all.push(fault(path, Code::Missing, reason));
        }
        Prices::Spot(_) if series.fallback.is_none() => {
            let reason = "fallback is missing: a slot without a price could not be billed";
            all.push(fault(path, Code::Missing, reason));
        }
        _ => {
            let fits = |made: Vec<UnitPrice>| made.into_iter().all(in_limits);
            if !spot::all(series).is_ok_and(fits) {
                let reason = "what is made of a price is between -1000000 and 1000000, and has as \
                              many digits as can be counted";
                all.push(fault(path, Code::OutOfRange, reason));
            }
        }
    }
}

fn in_limits(price: UnitPrice) -> bool {
    let most = i128::from(PRICE_MAX.n_per_wh()) * 10_i128.pow(PRICE_DECIMALS_MAX - 6);
    price.at_scale(PRICE_DECIMALS_MAX).is_ok_and(|digits| digits.abs() <= most)
}

fn taxes(sheet: &Sheet, all: &mut Vec<Fault>) {
    for (place, tax) in sheet.taxes.iter().enumerate() {
        let path = format!("taxes[{place}].percent");
        let most = tax.percent.at_scale(tax.percent.scale()).unwrap_or(i128::MAX);
        if tax.percent.scale() > 9 || most > 100 * 10_i128.pow(tax.percent.scale().min(9)) {
            all.push(fault(&*path, Code::OutOfRange, "between 0 and 100, of at most 9 decimals"));
        }
        let last = place + 1 == sheet.taxes.len();
        let fits = last && tax.percent.at_scale(VAT_DECIMALS_MAX).is_ok();
        if tax.class == Class::Vat && !fits {
            let reason =
                "there is one value-added tax, after all others, in hundredths of a percent";
            all.push(fault(path, Code::Unsupported, reason));
        }
    }
}

/// The one price of a charge between neighbours.
fn flat(charge: &EnergyCharge) -> Option<Price> {
    let Pricing::Periods(periods) = &charge.pricing else { return None };
    let [period] = &periods.periods[..] else { return None };
    let [tier] = &period.tiers[..] else { return None };
    price(tier.price)
}

fn price(price: UnitPrice) -> Option<Price> {
    let n = price.at_scale(6).ok().and_then(|n| i64::try_from(n).ok())?;
    let price = Price::from_n_per_wh(n);
    (Price::ZERO..=PRICE_MAX).contains(&price).then_some(price)
}

/// The head of a sheet without faults.
pub(super) fn head(sheet: &Sheet) -> Option<Head> {
    let fees = |wanted: fn(&EnergyCharge) -> bool| {
        let charges = sheet.energy.iter().filter(|it| between_neighbours(it) && wanted(it));
        charges.map(flat).try_fold(Price::ZERO, |sum, fee| sum.plus(fee?).ok())
    };
    Some(Head {
        id: sheet.id.clone(),
        name: sheet.name.clone(),
        version: sheet.version,
        valid_from: sheet.valid_from?,
        currency: sheet.currency.clone(),
        currency_digits: sheet.currency_digits,
        timezone: sheet.timezone.clone()?,
        local_network_fee: fees(|it| it.on != On::Sold && it.class != Class::Platform)?,
        platform_fees: PlatformFees {
            buyer: fees(|it| it.on != On::Sold && it.class == Class::Platform)?,
            seller: fees(|it| it.on == On::Sold)?,
        },
    })
}
