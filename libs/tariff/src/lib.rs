//! Tariffs as data, and what they make of prices and loads.
//!
//! ```text
//! any tariff                      text -> read -> Sheet...   every fault, with line and column
//! versions of a sheet             -> Plan                    laid out over days, once
//! Plan + Series -> Bill           bill::rate                 lines by month, and what goes on
//!
//! a community's tariff            text -> Tariff             one document, its hash, its sheet
//! Slot -> retail, feed-in, band   what a neighbour's energy competes with
//! flows of slots -> Rated         Tariff::rate               by the same bill::rate
//! ```
//!
//! A [`Sheet`] is whatever a supplier or a grid charges: periods, tiers, demand, dynamic prices,
//! export, banks, minimums, taxes, in versions. A [`Tariff`] is a sheet that a community trades
//! against and bills by: its document is anchored and has a band. [`Terms`] are the short spelling
//! of a simple sheet.
//!
//! Time of use: the period of a slot is found by the local clock at its start. A slot that spans
//! two local hours (an hour in Kathmandu) is rated by its start.
//!
//! Invariants: no floats; an amount is price x energy, exact, and a line rounds once, at the minor
//! unit; the same tariff has the same hash, however its JSON was written; what does not fit is
//! refused. Deliberately absent: a country's taxes, trades, charges on the grid's own peak,
//! reactive power.
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
mod published;
mod reader;
mod refusal;
mod schedule;
mod series;
mod sheet;
mod unit_price;

use calendar::{LocalDay, TimeZone};
use serde::{Deserialize, Serialize};
use units::{Money, Price};

pub use check::{
    CURRENCY_DIGITS_MAX, FieldError, LEVIES_MAX, PERIODS_MAX, PRICE_MAX, TEXT_LEN_MAX,
};
pub use import::{Document, Form, read, read_prices};
pub use outage::OutageStandard;
pub use plan::{DAYS_MAX, Item, Plan, Unit};
pub use problem::{Code, PROBLEMS_MAX, Problem, Problems};
pub use published::{Flow, Frame, Head, Rated, RatedLine, Source, TARIFF_LEN_MAX, Tariff};
pub use refusal::Refusal;
pub use schedule::{Days, Kind, Season, When, Window};
pub use series::{INTERVAL_ENERGY_MAX, Series};
pub use sheet::*;
pub use unit_price::{Exact, PRICE_DECIMALS_MAX, UnitPrice};

/// The short spelling of a simple tariff. Prices are integers: 1e-9 currency per Wh.
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
