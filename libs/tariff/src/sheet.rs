//! A rate sheet: everything that a tariff may charge, as data.
//!
//! ```text
//! Sheet  fixed      per day, month or year
//!        energy[]   per kWh: retailer, network, levies, platform; by period, tier or moment
//!        demand[]   per kW of the highest window in a month; by period and tier
//!        ratchet    earlier months' peaks that count as this month's
//!        export     what is paid for energy fed in, and what is carried over
//!        minimum[]  what a month or a year costs at least
//!        taxes[]    percent of other lines
//! ```
//!
//! Quantities are in 10^-9 kWh (one microwatt-hour) and 10^-9 kW, so that meters, CSV files and
//! load profiles with nine decimals of a kWh are counted and not rounded.

mod read;
mod write;

use calendar::{LocalDay, TimeZone, Timestamp};
use serde::Serialize;

use crate::{UnitPrice, When};

pub use read::{CHARGES_MAX, PERIODS_OF_CHARGE_MAX, SHEETS_MAX, SPOT_PRICES_MAX, TIERS_MAX};
pub(crate) use read::{Told, in_order, millionths, month_day, sheets, table, taxed, year_prices};

/// One version of a tariff.
#[derive(Debug, Clone, PartialEq)]
pub struct Sheet {
    /// What files and URLs call it.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Rises when its terms change.
    pub version: u32,
    /// The first local day it holds for; `None` for any.
    pub valid_from: Option<LocalDay>,
    /// The first local day it no longer holds for; `None` for ever.
    pub valid_to: Option<LocalDay>,
    /// ISO 4217.
    pub currency: String,
    /// Decimals to which a line is rounded.
    pub currency_digits: u8,
    /// Whose clock counts; `None` where the file does not say.
    pub timezone: Option<TimeZone>,
    /// Days that are no working days, sorted.
    pub holidays: Vec<LocalDay>,
    /// Standing charges.
    pub fixed: Vec<Fixed>,
    /// Charges per kWh.
    pub energy: Vec<EnergyCharge>,
    /// Charges per kW.
    pub demand: Vec<DemandCharge>,
    /// Minutes over which demand is averaged; the length of an interval where absent or shorter.
    pub demand_window: Option<u16>,
    /// How earlier peaks count.
    pub ratchet: Option<Ratchet>,
    /// What happens with energy fed in; without it nothing is paid for it.
    pub export: Option<Export>,
    /// The least that is charged.
    pub minimum: Vec<Minimum>,
    /// Percentages, in their order.
    pub taxes: Vec<Tax>,
}

/// What a line is for, in the order of a bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Standing charges.
    Fixed,
    /// A neighbour's energy.
    P2p,
    /// The retailer's energy.
    Energy,
    /// Peak power.
    Demand,
    /// The grid's fees.
    Network,
    /// Levies and taxes that are no value-added tax.
    Levy,
    /// The platform's fees.
    Platform,
    /// What is missing to the least that is charged.
    Minimum,
    /// Energy fed in, credits carried over, payouts: below zero.
    Credit,
    /// Value-added tax.
    Vat,
}

/// How often an amount is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Per {
    /// Each local day.
    Day,
    /// Each calendar month; a part of one by its days.
    Month,
    /// Each calendar year; a part of one by its days.
    Year,
}

/// A standing charge.
#[derive(Debug, Clone, PartialEq)]
pub struct Fixed {
    /// What the bill calls it.
    pub name: String,
    /// How often.
    pub per: Per,
    /// How much.
    pub amount: UnitPrice,
    /// The field it came from.
    pub source: String,
}

/// A charge per kWh.
#[derive(Debug, Clone, PartialEq)]
pub struct EnergyCharge {
    /// What the bill calls it.
    pub name: String,
    /// What it is for.
    pub class: Class,
    /// Which energy it is for.
    pub on: On,
    /// Whether net metering takes the export off before it is charged.
    pub netted: bool,
    /// How much.
    pub pricing: Pricing,
}

/// Which energy a charge is for. A neighbour's energy is taken out of the import slot by slot
/// before anything else is rated, so that no Wh is charged by both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum On {
    /// What is left of the import once neighbours' energy is taken out.
    Residual,
    /// Neighbours' energy: of one zone path, or of all.
    Local(Option<String>),
    /// All import.
    Import,
    /// Energy that neighbours bought of the export. Only who knows the trades can rate it.
    Sold,
}

/// Prices by period and tier, or by moment.
#[derive(Debug, Clone, PartialEq)]
pub enum Pricing {
    /// Time of use and blocks.
    Periods(Periods),
    /// A price series.
    Dynamic(Dynamic),
}

/// Time of use and blocks.
#[derive(Debug, Clone, PartialEq)]
pub struct Periods {
    /// Which period holds when.
    pub when: When,
    /// The periods, by place.
    pub periods: Vec<TouPeriod>,
    /// How energy of several periods fills tiers.
    pub across: Across,
    /// When counting for tiers begins anew.
    pub reset: Reset,
}

/// A period and its blocks, lowest first. Only the last has no limit.
#[derive(Debug, Clone, PartialEq)]
pub struct TouPeriod {
    /// What the bill calls it.
    pub name: String,
    /// At least one.
    pub tiers: Vec<Tier>,
}

/// A block of energy at one price.
#[derive(Debug, Clone, PartialEq)]
pub struct Tier {
    /// Where it ends; `None`, or an open limit by demand, for the last.
    pub max: Option<Limit>,
    /// Per kWh.
    pub price: UnitPrice,
    /// The field it came from.
    pub source: String,
}

/// Where a block ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// 10^-9 kWh, or [`Limit::OPEN`].
    pub energy: i64,
    /// Times the month's billing demand in kW.
    pub per_kw: bool,
    /// Times the days of the month.
    pub per_day: bool,
}

/// How energy of several periods fills tiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Across {
    /// Each period counts for itself.
    Period,
    /// One count over all periods as time goes by: a slot is priced by the tier that is reached.
    Time,
    /// One count over all periods at the end: each has the same share of every tier.
    Share,
}

/// When counting for tiers begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// Each local day.
    Day,
    /// Each calendar month; limits of a part of a month go by its days.
    Month,
    /// January, April, July and October.
    Quarter,
    /// January.
    Year,
}

/// A price series, and what is made of it: `multiplier x price + markup`, within floor and cap.
#[derive(Debug, Clone, PartialEq)]
pub struct Dynamic {
    /// The series.
    pub prices: Prices,
    /// Times this.
    pub multiplier: UnitPrice,
    /// Plus this.
    pub markup: UnitPrice,
    /// But not less.
    pub floor: Option<UnitPrice>,
    /// And not more.
    pub cap: Option<UnitPrice>,
    /// Where the series has no price; without it energy there is refused.
    pub fallback: Option<UnitPrice>,
    /// The field it came from.
    pub source: String,
}

/// A price series per kWh.
#[derive(Debug, Clone, PartialEq)]
pub enum Prices {
    /// By moment, sorted, without overlap.
    Spot(Vec<Spot>),
    /// Equal parts of the local days of a year of 365 days; 29 February has the prices of the 28th.
    Year(Vec<UnitPrice>),
    /// Given with the load, not by the tariff.
    Given,
}

/// The price of a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub to: Timestamp,
    /// Per kWh.
    pub price: UnitPrice,
}

/// A charge per kW of the highest window.
#[derive(Debug, Clone, PartialEq)]
pub struct DemandCharge {
    /// What the bill calls it.
    pub name: String,
    /// Which period holds when.
    pub when: When,
    /// The periods, by place; each has a peak of its own.
    pub periods: Vec<DemandPeriod>,
}

/// A period of a demand charge.
#[derive(Debug, Clone, PartialEq)]
pub struct DemandPeriod {
    /// What the bill calls it.
    pub name: String,
    /// Blocks of power, lowest first. Only the last has no limit.
    pub tiers: Vec<DemandTier>,
    /// Whether its peak counts for the ratchet.
    pub counts: bool,
    /// Whether it is charged by the billing demand of the ratchet instead of its own peak.
    pub ratcheted: bool,
}

/// A block of power at one price.
#[derive(Debug, Clone, PartialEq)]
pub struct DemandTier {
    /// 10^-9 kW at which it ends; `None` for the last.
    pub max: Option<i64>,
    /// Per kW and month.
    pub price: UnitPrice,
    /// The field it came from.
    pub source: String,
}

/// How earlier peaks count: the billing demand of a month is the highest of its own peak, a
/// percentage of each peak in the months before, and a minimum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ratchet {
    /// How many months back.
    pub months: u8,
    /// Parts per million of the peak of a January, February, ... that count later.
    pub ppm: [u32; 12],
    /// Months whose own peak counts in full for themselves.
    pub own: [bool; 12],
    /// 10^-9 kW at least.
    pub minimum: i64,
}

/// What happens with energy fed in.
#[derive(Debug, Clone, PartialEq)]
pub struct Export {
    /// How it meets the import.
    pub mode: Mode,
    /// What is paid for it.
    pub price: Option<Pricing>,
    /// What is carried over to the next month.
    pub bank: Bank,
    /// The month, 1 to 12, at whose end the bank is settled.
    pub year_end: u8,
    /// How it is settled.
    pub leftover: Leftover,
    /// The field it came from.
    pub source: String,
}

/// How export meets import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Import is charged and export is paid, both as the meter counts them; the minimum charge is
    /// not reduced by it.
    FeedIn,
    /// The same, as a credit on the bill.
    NetBilling,
    /// Export is taken off the import of its period, over the month.
    NetMetering,
    /// All consumption is charged and all generation is paid, whoever used it.
    BuyAllSellAll,
}

/// What is carried over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bank {
    /// Nothing: a surplus is paid at once.
    None,
    /// Energy, to the same hours of the next month.
    Energy,
    /// Money, against later charges per kWh; `true` where it also counts in the month it is from.
    Money(bool),
}

/// What becomes of the bank at the end of its year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leftover {
    /// It is kept.
    Keep,
    /// It is lost.
    Expire,
    /// It is paid out; energy at this price.
    Pay(UnitPrice),
    /// Energy becomes money at this price, against later charges.
    Credit(UnitPrice),
}

/// The least that is charged, before credits are paid out and before taxes.
#[derive(Debug, Clone, PartialEq)]
pub struct Minimum {
    /// How often.
    pub per: Per,
    /// How much.
    pub amount: UnitPrice,
    /// The field it came from.
    pub source: String,
}

/// A percentage of other lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Tax {
    /// What the bill calls it.
    pub name: String,
    /// A levy or value-added tax.
    pub class: Class,
    /// Percent.
    pub percent: UnitPrice,
    /// Of the lines of these classes that come before it.
    pub on: Vec<Class>,
    /// The field it came from.
    pub source: String,
}

impl Limit {
    /// No end, where the kind of a block matters all the same.
    pub const OPEN: i64 = i64::MAX;

    /// A plain limit per month.
    pub const fn of(energy: i64) -> Limit {
        Limit { energy, per_kw: false, per_day: false }
    }
}

impl Periods {
    /// One price at all times.
    pub fn flat(price: UnitPrice, source: &str) -> Periods {
        let tier = Tier { max: None, price, source: source.to_owned() };
        let period = TouPeriod { name: String::new(), tiers: vec![tier] };
        Periods {
            when: When::Always,
            periods: vec![period],
            across: Across::Period,
            reset: Reset::Month,
        }
    }

    /// Whether a limit depends on the month's billing demand.
    pub fn needs_demand(&self) -> bool {
        let mut tiers = self.periods.iter().flat_map(|period| &period.tiers);
        tiers.any(|tier| tier.max.is_some_and(|max| max.per_kw))
    }
}

impl Pricing {
    /// Whether a limit depends on the month's billing demand.
    pub fn needs_demand(&self) -> bool {
        matches!(self, Pricing::Periods(periods) if periods.needs_demand())
    }
}

impl Sheet {
    /// A sheet that charges nothing.
    pub fn empty(id: &str, name: &str, currency: &str, currency_digits: u8) -> Sheet {
        Sheet {
            id: id.to_owned(),
            name: name.to_owned(),
            version: 1,
            valid_from: None,
            valid_to: None,
            currency: currency.to_owned(),
            currency_digits,
            timezone: None,
            holidays: Vec::new(),
            fixed: Vec::new(),
            energy: Vec::new(),
            demand: Vec::new(),
            demand_window: None,
            ratchet: None,
            export: None,
            minimum: Vec::new(),
            taxes: Vec::new(),
        }
    }

    /// Whether it holds on `day`.
    pub fn holds_on(&self, day: LocalDay) -> bool {
        self.valid_from.is_none_or(|from| from <= day) && self.valid_to.is_none_or(|to| day < to)
    }

    /// Whether net metering takes the export off the import.
    pub fn nets(&self) -> bool {
        self.export.as_ref().is_some_and(|export| export.mode == Mode::NetMetering)
    }
}
