//! Tariffs as data, and what they make of prices and loads.
//!
//! ```text
//! terms of the exchange           JSON -> Terms -> Tariff    Tariff::new names the field at fault
//! (Slot, Energy)... -> Line...    Tariff::rate, exact; a line rounds once, at the minor unit
//! Slot -> retail, feed-in, band   what a neighbour's energy competes with
//!
//! any tariff                      text -> read -> Sheet...   every fault, with line and column
//! versions of a sheet             -> Plan                    laid out over days, once
//! Plan + Series -> Bill           bill::rate                 lines by month, and what goes on
//! ```
//!
//! A [`Tariff`] is what the exchange trades against: its terms are anchored and have a band. A
//! [`Sheet`] is whatever a supplier or a grid charges: periods, tiers, demand, dynamic prices,
//! export, banks, minimums, taxes, in versions. Terms are one kind of sheet (`Sheet::from`), and
//! both rate them alike.
//!
//! Time of use: the period of a slot is found by the local clock at its start. A slot that spans
//! two local hours (an hour in Kathmandu) is rated by its start.
//!
//! Invariants: no floats; an amount is price x energy, exact; the same terms have the same hash,
//! however their JSON was written; what does not fit is refused. Deliberately absent: a country's
//! taxes, trades, charges on the grid's own peak, reactive power.
#![forbid(unsafe_code)]

pub mod bill;
mod canonical;
mod check;
mod import;
pub mod json;
mod kernel;
mod outage;
mod plan;
mod problem;
mod rate;
mod reader;
mod refusal;
mod schedule;
mod series;
mod sheet;
mod unit_price;

use alloy_primitives::{B256, keccak256};
use calendar::{LocalDay, Slot, TimeZone};
use serde::{Deserialize, Serialize};
use units::{Money, Price};

pub use check::{
    CURRENCY_DIGITS_MAX, FieldError, LEVIES_MAX, PERIODS_MAX, PRICE_MAX, TEXT_LEN_MAX,
};
pub use import::{Document, Form, read, read_prices};
pub use outage::OutageStandard;
pub use plan::{DAYS_MAX, Item, Plan, Unit};
pub use problem::{Code, PROBLEMS_MAX, Problem, Problems};
pub use rate::{Charge, Line, Quantity};
pub use refusal::Refusal;
pub use schedule::{Days, Kind, When, Window};
pub use series::{INTERVAL_ENERGY_MAX, Series};
pub use sheet::*;
pub use unit_price::{Exact, PRICE_DECIMALS_MAX, UnitPrice};

/// A tariff as it is written down. Prices are integers: 1e-9 currency per Wh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// What the operator calls it in files and URLs.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Rises by one when the terms change; from 1.
    pub version: u32,
    /// The first local day it holds for.
    pub valid_from: LocalDay,
    /// ISO 4217, three capital letters.
    pub currency: String,
    /// Decimals of the minor unit, to which a line is rounded: 2 for most, 0 for JPY, 3 for BHD.
    pub currency_digits: u8,
    /// Whose midnight, hours and weekends count.
    pub timezone: TimeZone,
    /// The standing charge of one local day.
    pub fixed_per_day: Money,
    /// What the retailer's energy costs, by time of use.
    pub energy: EnergyTerms,
    /// The grid's fee on energy from the retailer.
    pub network_fee: Price,
    /// The grid's fee on a neighbour's energy: all that is still due on it, levies included.
    pub local_network_fee: Price,
    /// Levies and taxes per Wh of the retailer's energy.
    #[serde(default)]
    pub levies: Vec<Levy>,
    /// What the platform takes on a neighbour's energy.
    pub platform_fees: PlatformFees,
    /// What the retailer pays for energy that is fed in.
    pub feed_in_price: Price,
    /// Value-added tax in hundredths of a percent; 1900 is 19 %.
    #[serde(default)]
    pub vat_bps: u16,
}

/// Energy prices and when they hold. A fixed tariff has one period and tables of zeros.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnergyTerms {
    /// The periods that the schedules point at, by place.
    pub periods: Vec<Period>,
    /// Monday to Friday: twelve months of 24 places in `periods`.
    pub weekday: Vec<Vec<u8>>,
    /// Saturday and Sunday, the same way.
    pub weekend: Vec<Vec<u8>>,
}

/// A price with a name, such as `off-peak`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// What the bill calls it.
    pub name: String,
    /// Energy alone, without network and levies.
    pub price: Price,
}

/// One levy or tax per Wh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Levy {
    /// What the bill calls it.
    pub name: String,
    /// How much.
    pub price: Price,
}

/// The platform's fees per Wh of a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlatformFees {
    /// Paid by the buyer on top of the energy price.
    pub buyer: Price,
    /// Kept from what the seller gets.
    pub seller: Price,
}

/// Terms that were checked: every schedule points at a period, every price is in its limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Terms", into = "Terms")]
pub struct Tariff(Terms);

impl Tariff {
    /// Checks the terms.
    ///
    /// # Errors
    /// The first field at fault, in the order of [`Terms`].
    pub fn new(terms: Terms) -> Result<Tariff, FieldError> {
        check::check(&terms)?;
        Ok(Tariff(terms))
    }

    /// Reads and checks terms in JSON; a key that is not known is refused.
    ///
    /// # Errors
    /// The field at fault: `energy.weekday[3][7]`.
    pub fn from_json(json: &str) -> Result<Tariff, FieldError> {
        Tariff::new(check::parse(json)?)
    }

    /// What was checked.
    pub fn terms(&self) -> &Terms {
        &self.0
    }

    /// The terms as JSON with sorted keys and no spaces: what [`Tariff::hash`] is taken of.
    pub fn canonical_json(&self) -> String {
        canonical::json(&self.0)
    }

    /// Keccak-256 of [`Tariff::canonical_json`]: what is anchored, and what a bill names.
    pub fn hash(&self) -> B256 {
        keccak256(self.canonical_json())
    }

    /// The place in `energy.periods` that holds at the start of `slot`.
    pub fn period(&self, slot: Slot) -> usize {
        let local = self.0.timezone.local(slot.start);
        let energy = &self.0.energy;
        let table = if local.day.is_weekend() { &energy.weekend } else { &energy.weekday };
        let month = usize::from(local.day.month()) - 1;
        usize::from(table[month][usize::from(local.minute / 60)])
    }

    /// What a Wh from the retailer costs in `slot`, and a neighbour's Wh avoids: energy, network
    /// and levies.
    pub fn retail_price(&self, slot: Slot) -> Price {
        let levies = self.0.levies.iter().map(|levy| levy.price);
        let parts = [self.0.energy.periods[self.period(slot)].price, self.0.network_fee];
        sum(parts.into_iter().chain(levies))
    }

    /// What the retailer pays for a Wh fed in during `slot`.
    pub fn feed_in_price(&self, _slot: Slot) -> Price {
        self.0.feed_in_price
    }

    /// The energy prices at which both sides gain in `slot`, both ends included: from feed-in plus
    /// the seller's fee to retail less the local network and the buyer's fee. `None` when there is
    /// nothing to gain, and the market says so instead of trading.
    pub fn band(&self, slot: Slot) -> Option<(Price, Price)> {
        let fees = self.0.platform_fees;
        let low = sum([self.feed_in_price(slot), fees.seller]);
        let off = sum([self.0.local_network_fee, fees.buyer]);
        let high = self.retail_price(slot).minus(off).ok()?;
        (low < high).then_some((low, high))
    }
}

impl TryFrom<Terms> for Tariff {
    type Error = FieldError;
    fn try_from(terms: Terms) -> Result<Self, FieldError> {
        Tariff::new(terms)
    }
}

impl From<Tariff> for Terms {
    fn from(tariff: Tariff) -> Terms {
        tariff.0
    }
}

fn sum(prices: impl IntoIterator<Item = Price>) -> Price {
    prices
        .into_iter()
        .try_fold(Price::ZERO, Price::plus)
        .expect("checked prices are few and far below what a price can hold")
}
