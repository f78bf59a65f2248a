//! The exchange's own terms, as a sheet.

use crate::problem::Code;
use crate::reader::{Field, Reader};
use crate::sheet::{
    Across, Bank, Class, EnergyCharge, Export, Fixed, Leftover, Mode, On, Per, Periods, Pricing,
    Reset, Sheet, Tax, Tier, TouPeriod,
};
use crate::{EnergyTerms, Tariff, Terms, UnitPrice, When};

pub(crate) fn tariff(reader: &mut Reader<'_>, field: &Field<'_>, text: &str) -> Option<Tariff> {
    match Tariff::from_json(text.trim_start_matches('\u{feff}')) {
        Ok(tariff) => Some(tariff),
        Err(error) => {
            let at = walk(field, &error.field);
            reader.wrong(&at, Code::OutOfRange, &error.reason);
            None
        }
    }
}

/// The field that a path such as `energy.weekday[3][7]` leads to, as far as it leads.
pub(crate) fn walk<'a>(root: &Field<'a>, path: &str) -> Field<'a> {
    let mut at = root.clone();
    for step in path.split(['.', '[']).map(|step| step.trim_end_matches(']')) {
        let next = match step.parse::<usize>() {
            Ok(place) => at.items().and_then(|items| items.get(place).cloned()),
            Err(_) => at.get(step),
        };
        match next {
            Some(next) => at = next,
            None => break,
        }
    }
    Field { path: path.to_owned(), ..at }
}

impl From<&Terms> for Sheet {
    fn from(terms: &Terms) -> Sheet {
        let digits = terms.currency_digits;
        let mut sheet = Sheet::empty(&terms.id, &terms.name, &terms.currency, digits);
        sheet.version = terms.version;
        sheet.valid_from = Some(terms.valid_from);
        sheet.timezone = Some(terms.timezone.clone());
        sheet.fixed.push(Fixed {
            name: "standing charge".to_owned(),
            per: Per::Day,
            amount: UnitPrice::of(terms.fixed_per_day.decimal()).unwrap_or_default(),
            source: "fixed_per_day".to_owned(),
        });
        sheet.energy.push(energy(&terms.energy));
        let mut flat = |class, name: &str, price: units::Price, source: &str, on| {
            if price != units::Price::ZERO {
                let pricing = Pricing::Periods(Periods::flat(price.into(), source));
                let netted = on == On::Residual;
                sheet.energy.push(EnergyCharge {
                    name: name.to_owned(),
                    class,
                    on,
                    netted,
                    pricing,
                });
            }
        };
        flat(Class::Network, "network", terms.network_fee, "network_fee", On::Residual);
        let local = On::Local(None);
        flat(Class::Network, "local network", terms.local_network_fee, "local_network_fee", local);
        for (place, levy) in terms.levies.iter().enumerate() {
            let source = format!("levies[{place}].price");
            flat(Class::Levy, &levy.name, levy.price, &source, On::Residual);
        }
        let buyer = terms.platform_fees.buyer;
        flat(Class::Platform, "platform", buyer, "platform_fees.buyer", On::Local(None));
        let seller = terms.platform_fees.seller;
        flat(Class::Platform, "platform, sold", seller, "platform_fees.seller", On::Sold);
        let feed_in = Periods::flat(terms.feed_in_price.into(), "feed_in_price");
        sheet.export = Some(Export {
            mode: Mode::FeedIn,
            price: Some(Pricing::Periods(feed_in)),
            bank: Bank::None,
            year_end: 12,
            leftover: Leftover::Keep,
            source: "feed_in_price".to_owned(),
        });
        if terms.vat_bps > 0 {
            sheet.taxes.push(Tax {
                name: "VAT".to_owned(),
                class: Class::Vat,
                percent: UnitPrice::new(i64::from(terms.vat_bps), 2),
                on: crate::sheet::taxed(Class::Vat),
                source: "vat_bps".to_owned(),
            });
        }
        sheet
    }
}

/// The retailer's energy.
fn energy(terms: &EnergyTerms) -> EnergyCharge {
    let periods = terms.periods.iter().enumerate().map(|(place, period)| {
        let source = format!("energy.periods[{place}].price");
        let tier = Tier { max: None, price: period.price.into(), source };
        TouPeriod { name: period.name.clone(), tiers: vec![tier] }
    });
    let when = When::Table { weekday: terms.weekday.clone(), weekend: terms.weekend.clone() };
    let (periods, across, reset) = (periods.collect(), Across::Period, Reset::Month);
    EnergyCharge {
        name: "energy".to_owned(),
        class: Class::Energy,
        on: On::Residual,
        netted: true,
        pricing: Pricing::Periods(Periods { when, periods, across, reset }),
    }
}
