//! Every line that can be on a bill, with its name and the field it came from.

use serde::Serialize;

use crate::sheet::{Class, Per, Pricing, Sheet};

/// What is counted on a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Unit {
    /// Energy.
    #[serde(rename = "kWh")]
    KilowattHour,
    /// Power.
    #[serde(rename = "kW")]
    Kilowatt,
    /// Local days.
    #[serde(rename = "day")]
    Day,
    /// Calendar months; a part of one by its days.
    #[serde(rename = "month")]
    Month,
    /// Calendar years; a part of one by its days.
    #[serde(rename = "year")]
    Year,
    /// Money that a percentage is of, or that is carried over.
    #[serde(rename = "currency")]
    Money,
}

/// A line that can be on a bill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// What for.
    pub class: Class,
    /// The charge's name.
    pub name: String,
    /// The period, where there are several.
    pub period: Option<String>,
    /// The tier, from 1, where there are several.
    pub tier: Option<usize>,
    /// What is counted.
    pub unit: Unit,
    /// The version, by its place in the plan.
    pub version: usize,
    /// The field of the tariff's file.
    pub source: String,
}

/// All items of a plan.
#[derive(Debug, Clone, Default)]
pub(crate) struct Items {
    pub(crate) list: Vec<Item>,
}

/// Where the items of a version are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    pub(crate) fixed: usize,
    /// By charge, then by period: the place of the first tier.
    pub(crate) energy: Vec<Vec<usize>>,
    pub(crate) demand: Vec<Vec<usize>>,
    pub(crate) export: Vec<usize>,
    /// Credits carried over, and what is paid out at the year's end.
    pub(crate) carried: usize,
    pub(crate) paid_out: usize,
    pub(crate) minimum: usize,
    pub(crate) taxes: usize,
}

impl Unit {
    /// The unit as people read it; money has that of its tariff.
    pub fn name(self) -> &'static str {
        match self {
            Unit::KilowattHour => "kWh",
            Unit::Kilowatt => "kW",
            Unit::Day => "day",
            Unit::Month => "month",
            Unit::Year => "year",
            Unit::Money => "",
        }
    }

    fn of(per: Per) -> Unit {
        match per {
            Per::Day => Unit::Day,
            Per::Month => Unit::Month,
            Per::Year => Unit::Year,
        }
    }
}

impl Items {
    /// Adds the items of a version.
    pub(super) fn add(&mut self, version: usize, sheet: &Sheet) -> Places {
        let plain = |class, name: &str, unit, source: &str| Item {
            class,
            name: name.to_owned(),
            period: None,
            tier: None,
            unit,
            version,
            source: source.to_owned(),
        };
        let mut places = Places { fixed: self.list.len(), ..Places::default() };
        for fixed in &sheet.fixed {
            let unit = Unit::of(fixed.per);
            self.list.push(plain(Class::Fixed, &fixed.name, unit, &fixed.source));
        }
        for charge in &sheet.energy {
            let item = plain(charge.class, &charge.name, Unit::KilowattHour, "");
            places.energy.push(self.priced(&item, &charge.pricing));
        }
        for charge in &sheet.demand {
            let item = plain(Class::Demand, &charge.name, Unit::Kilowatt, "");
            let periods = charge.periods.iter().map(|period| {
                let sources = period.tiers.iter().map(|tier| tier.source.as_str()).collect();
                (period.name.as_str(), sources)
            });
            places.demand.push(self.tiered(&item, periods.collect()));
        }
        if let Some(export) = &sheet.export {
            let item = plain(Class::Credit, "energy fed in", Unit::KilowattHour, &export.source);
            if let Some(price) = &export.price {
                places.export = self.priced(&item, price);
            }
            places.carried = self.list.len();
            let source = &export.source;
            self.list.push(plain(Class::Credit, "credit carried over", Unit::Money, source));
            places.paid_out = self.list.len();
            let unit = if export.price.is_none() { Unit::KilowattHour } else { Unit::Money };
            self.list.push(plain(Class::Credit, "credit paid out", unit, source));
        }
        places.minimum = self.list.len();
        for minimum in &sheet.minimum {
            let name = match minimum.per {
                Per::Year => "up to the year's minimum",
                Per::Day | Per::Month => "up to the month's minimum",
            };
            self.list.push(plain(Class::Minimum, name, Unit::Money, &minimum.source));
        }
        places.taxes = self.list.len();
        for tax in &sheet.taxes {
            self.list.push(plain(tax.class, &tax.name, Unit::Money, &tax.source));
        }
        places
    }

    fn priced(&mut self, item: &Item, pricing: &Pricing) -> Vec<usize> {
        match pricing {
            Pricing::Periods(periods) => {
                let periods = periods.periods.iter().map(|period| {
                    let sources = period.tiers.iter().map(|tier| tier.source.as_str()).collect();
                    (period.name.as_str(), sources)
                });
                self.tiered(item, periods.collect())
            }
            Pricing::Dynamic(series) => self.tiered(item, vec![("", vec![series.source.as_str()])]),
        }
    }

    /// One item a tier; the place of each period's first.
    fn tiered(&mut self, item: &Item, periods: Vec<(&str, Vec<&str>)>) -> Vec<usize> {
        let named = periods.len() > 1;
        let mut places = Vec::new();
        for (name, sources) in periods {
            places.push(self.list.len());
            let tiers = sources.len() > 1;
            for (tier, source) in sources.into_iter().enumerate() {
                self.list.push(Item {
                    period: named.then(|| name.to_owned()),
                    tier: tiers.then_some(tier + 1),
                    source: source.to_owned(),
                    ..item.clone()
                });
            }
        }
        places
    }
}
