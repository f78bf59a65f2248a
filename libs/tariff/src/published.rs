//! A tariff as a community publishes it: one document, its hash, and the sheet that it says.
//!
//! ```text
//! terms  {"fixed_per_day": ...}  as they were written ───────┐
//! sheet  {"format": ...}  ─┐                                 ├─ document ── hash ── chain
//! URDB   and a Frame ──────┴─ Sheet ── one spelling ─────────┘
//!
//! Sheet ─┬─ the charge of each slot: what a neighbour's energy competes with
//!        └─ bills of what is left of import and export
//! ```
//!
//! Terms keep their own spelling, because its hash is on chain already; both spellings are rated
//! through the same sheet. A sheet has one spelling only, whatever file it came from.
//!
//! What is due on a neighbour's energy is not rated here: charges on `local` and `sold` energy say
//! what a community's policy takes, and the policy is what both sides of a trade sign.
//!
//! A slot has one price for comparison before anybody knows how much a month will take: that of
//! the first block, at the start of the slot, never below zero. Demand, minimum, standing charges
//! and banks play no part in it: no single Wh avoids them.

mod check;
mod rating;

use alloy_primitives::{B256, keccak256};
use calendar::{LocalDay, Slot, TimeZone};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use units::{Decimal, Price};

use crate::check::{self as short, FieldError};
use crate::plan::spot;
use crate::reader::{Field, Reader};
use crate::schedule::Kind;
use crate::sheet::{Bank, EnergyCharge, Leftover, Mode, On, Per, Periods, Pricing, Reset, Sheet};
use crate::{
    Code, PRICE_DECIMALS_MAX, PlatformFees, Problem, Problems, Terms, UnitPrice, canonical, import,
    json,
};

pub use rating::{Flow, Rated, RatedLine, Source};

/// The most bytes of a published tariff in its one spelling.
pub const TARIFF_LEN_MAX: usize = 256 * 1024;

/// A tariff that was checked: a community can trade against it, and be billed by it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tariff {
    spelling: Spelling,
    head: Head,
    sheet: Sheet,
}

#[derive(Debug, Clone, PartialEq)]
enum Spelling {
    Terms(Box<Terms>),
    Sheet(Value),
}

/// Which tariff it is, from when and where it holds, and what is due on a neighbour's energy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// What the operator calls it in files and URLs.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Rises when its terms change; from 1.
    pub version: u32,
    /// The first local day it holds for.
    pub valid_from: LocalDay,
    /// ISO 4217.
    pub currency: String,
    /// Decimals of the minor unit, to which a line is rounded.
    pub currency_digits: u8,
    /// Whose midnight, hours and weekends count.
    pub timezone: TimeZone,
    /// The grid's fee on a neighbour's energy, levies included.
    pub local_network_fee: Price,
    /// What the platform takes on a neighbour's energy.
    pub platform_fees: PlatformFees,
}

/// What a file of the Utility Rate Database does not say of a tariff that is published.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// [`Head::id`]; the rate's label where absent.
    pub id: Option<String>,
    /// [`Head::name`]; the rate's name where absent.
    pub name: Option<String>,
    /// [`Head::version`].
    pub version: u32,
    /// [`Head::valid_from`].
    pub valid_from: LocalDay,
    /// [`Head::timezone`].
    pub timezone: TimeZone,
    /// ISO 4217; US dollars where absent.
    pub currency: Option<String>,
    /// Charges on `local` and `sold` energy.
    pub between_neighbours: Vec<EnergyCharge>,
}

impl Tariff {
    /// Checks terms.
    ///
    /// # Errors
    /// The first field at fault, in the order of [`Terms`].
    pub fn new(terms: Terms) -> Result<Tariff, FieldError> {
        short::check(&terms)?;
        let head = Head {
            id: terms.id.clone(),
            name: terms.name.clone(),
            version: terms.version,
            valid_from: terms.valid_from,
            currency: terms.currency.clone(),
            currency_digits: terms.currency_digits,
            timezone: terms.timezone.clone(),
            local_network_fee: terms.local_network_fee,
            platform_fees: terms.platform_fees,
        };
        let sheet = Sheet::from(&terms);
        Ok(Tariff { spelling: Spelling::Terms(Box::new(terms)), head, sheet })
    }

    /// Reads and checks terms or a sheet in JSON; a key that is not known is refused.
    ///
    /// # Errors
    /// The first field at fault: `energy.weekday[3][7]`.
    pub fn from_json(text: &str) -> Result<Tariff, FieldError> {
        match json::parse(text) {
            Ok(root) if root.get("fixed_per_day").is_none() => {
                let (tariff, _) = Tariff::read(text, None)?;
                Ok(tariff)
            }
            _ => Tariff::new(short::parse(text)?),
        }
    }

    /// Reads and checks terms or a sheet, or with a `frame` a rate of the Utility Rate Database;
    /// also what a reader of the tariff should know.
    ///
    /// # Errors
    /// Every fault, with its field, line and column.
    pub fn read(text: &str, frame: Option<&Frame>) -> Result<(Tariff, Vec<String>), Problems> {
        let root = json::parse(text)?;
        let mut reader = Reader::new(text);
        let field = Field::root(&root);
        if frame.is_none() && field.get("fixed_per_day").is_some() {
            let tariff = import::read_terms(&mut reader, &field, text);
            return reader.finish(tariff);
        }
        let sheet = match frame {
            Some(frame) => import::read_rate(&mut reader, &field).map(|sheet| frame.around(sheet)),
            None => one(&mut reader, &field),
        };
        if let (Some(sheet), true) = (&sheet, reader.is_clean()) {
            for fault in check::faults(sheet) {
                let at = import::walk(&field, &fault.path);
                reader.wrong(&at, fault.code, fault.reason);
            }
        }
        let (sheet, notes) = reader.finish(sheet)?;
        Ok((Tariff::of(&sheet)?, notes))
    }

    /// The tariff that a sheet without faults says, in its one spelling.
    fn of(sheet: &Sheet) -> Result<Tariff, Problems> {
        let text = canonical::json(&sheet.document());
        let root = json::parse(&text)?;
        let mut reader = Reader::new(&text);
        let field = Field::root(&root);
        let fits = text.len() <= TARIFF_LEN_MAX;
        reader.holds(fits, &field, &format!("at most {TARIFF_LEN_MAX} bytes"));
        let sheet = one(&mut reader, &field);
        let (sheet, _) = reader.finish(sheet)?;
        let head = check::head(&sheet).ok_or_else(|| {
            let reason = "it is not a tariff that a community can trade against".to_owned();
            let (code, path) = (Code::Unsupported, ".".to_owned());
            let problem = Problem { code, path, line: 1, column: 1, reason };
            Problems { list: vec![problem], more: 0 }
        })?;
        let document = serde_json::from_str(&text).expect("the text was read before");
        Ok(Tariff { spelling: Spelling::Sheet(document), head, sheet })
    }

    /// Which tariff it is.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// All that it charges.
    pub fn sheet(&self) -> &Sheet {
        &self.sheet
    }

    /// The document as JSON with sorted keys and no spaces: what [`Tariff::hash`] is taken of.
    pub fn canonical_json(&self) -> String {
        match &self.spelling {
            Spelling::Terms(terms) => canonical::json(terms.as_ref()),
            Spelling::Sheet(document) => canonical::json(document),
        }
    }

    /// Keccak-256 of [`Tariff::canonical_json`]: what is anchored, and what a bill names.
    pub fn hash(&self) -> B256 {
        keccak256(self.canonical_json())
    }

    /// Whether a bill of it depends on the calendar month as a whole, so that no bill may pass its
    /// end: demand, blocks, minimums, netting.
    pub fn is_monthly(&self) -> bool {
        let sheet = &self.sheet;
        let blocks = |periods: &Periods| periods.periods.iter().any(|it| it.tiers.len() > 1);
        sheet.nets()
            || !sheet.demand.is_empty()
            || !sheet.minimum.is_empty()
            || self.pricings().any(|it| matches!(it, Pricing::Periods(periods) if blocks(periods)))
            || self.carries()
    }

    /// Whether something goes on from one bill to the next: a bank, peaks of a ratchet, blocks or
    /// minimums of more than a month.
    pub fn carries(&self) -> bool {
        let sheet = &self.sheet;
        let long = |periods: &Periods| {
            matches!(periods.reset, Reset::Quarter | Reset::Year)
                && periods.periods.iter().any(|period| period.tiers.len() > 1)
        };
        sheet.ratchet.is_some()
            || sheet.export.as_ref().is_some_and(|export| export.bank != Bank::None)
            || sheet.minimum.iter().any(|minimum| minimum.per == Per::Year)
            || self.pricings().any(|it| matches!(it, Pricing::Periods(periods) if long(periods)))
    }

    /// Everything that prices the retailer's energy, and the export after it.
    fn pricings(&self) -> impl Iterator<Item = &Pricing> {
        let residual = self.sheet.energy.iter().filter(|charge| charge.on == On::Residual);
        let export = self.sheet.export.as_ref().and_then(|export| export.price.as_ref());
        residual.map(|charge| &charge.pricing).chain(export)
    }

    /// What a Wh from the retailer costs in `slot`, and a neighbour's Wh avoids: energy, network
    /// and levies.
    pub fn retail_price(&self, slot: Slot) -> Price {
        let residual = self.sheet.energy.iter().filter(|charge| charge.on == On::Residual);
        rounded(residual.map(|charge| self.unit_price(&charge.pricing, slot)))
    }

    /// What the retailer pays for a Wh fed in during `slot`; with net metering, for what is left
    /// over at the end of the bank's year.
    pub fn feed_in_price(&self, slot: Slot) -> Price {
        let Some(export) = &self.sheet.export else { return Price::ZERO };
        let left = match (export.mode, export.leftover) {
            (Mode::NetMetering, Leftover::Pay(price) | Leftover::Credit(price)) => price,
            _ => UnitPrice::ZERO,
        };
        let price = export.price.as_ref().map(|pricing| self.unit_price(pricing, slot));
        rounded([price.unwrap_or(left)])
    }

    /// The energy prices at which both sides gain in `slot`, both ends included: from feed-in plus
    /// the seller's fee to retail less the local network and the buyer's fee. `None` when there is
    /// nothing to gain, and the market says so instead of trading.
    pub fn band(&self, slot: Slot) -> Option<(Price, Price)> {
        let fees = self.head.platform_fees;
        let low = sum([self.feed_in_price(slot), fees.seller]);
        let off = sum([self.head.local_network_fee, fees.buyer]);
        let high = self.retail_price(slot).minus(off).ok()?;
        (low < high).then_some((low, high))
    }

    /// The highest that [`Tariff::retail_price`] and the lowest that [`Tariff::feed_in_price`] can
    /// be.
    pub fn price_bounds(&self) -> (Price, Price) {
        let residual = self.sheet.energy.iter().filter(|charge| charge.on == On::Residual);
        let highest = residual.map(|charge| extreme(&charge.pricing, |one, other| one > other));
        let lowest = match &self.sheet.export {
            Some(export) if export.price.is_some() => {
                export.price.iter().map(|it| extreme(it, |one, other| one < other)).collect()
            }
            Some(export) => match export.leftover {
                Leftover::Pay(price) | Leftover::Credit(price) => vec![price],
                _ => Vec::new(),
            },
            None => Vec::new(),
        };
        (rounded(highest), rounded(lowest))
    }

    /// The place of the period that holds at the start of `slot`.
    pub fn period(&self, periods: &Periods, slot: Slot) -> usize {
        let local = self.head.timezone.local(slot.start);
        let kind = Kind::of(local.day, &self.sheet.holidays);
        usize::from(periods.when.period(kind, local.minute))
    }

    fn unit_price(&self, pricing: &Pricing, slot: Slot) -> UnitPrice {
        match pricing {
            Pricing::Periods(periods) => periods.periods[self.period(periods, slot)].tiers[0].price,
            Pricing::Dynamic(series) => {
                let local = self.head.timezone.local(slot.start);
                spot::at(series, slot.start, (local.day, local.minute)).unwrap_or_default()
            }
        }
    }
}

/// The one sheet of a document.
fn one<'a>(reader: &mut Reader<'a>, field: &Field<'a>) -> Option<Sheet> {
    let mut sheets = crate::sheet::sheets(reader, field)?;
    let last = sheets.pop();
    reader.holds(sheets.is_empty(), field, "one version; each is published for itself");
    last
}

impl Frame {
    fn around(&self, sheet: Sheet) -> Sheet {
        let mut sheet = Sheet {
            id: self.id.clone().unwrap_or(sheet.id),
            name: self.name.clone().unwrap_or(sheet.name),
            version: self.version,
            valid_from: Some(self.valid_from),
            timezone: Some(self.timezone.clone()),
            currency: self.currency.clone().unwrap_or(sheet.currency),
            ..sheet
        };
        sheet.energy.extend(self.between_neighbours.iter().cloned());
        sheet
    }
}

/// The price of a period's first block, or of a series, that beats all others.
fn extreme(pricing: &Pricing, beats: fn(i128, i128) -> bool) -> UnitPrice {
    let prices = match pricing {
        Pricing::Periods(periods) => periods.periods.iter().map(|it| it.tiers[0].price).collect(),
        Pricing::Dynamic(series) => spot::all(series).unwrap_or_default(),
    };
    let at = |price: UnitPrice| price.at_scale(PRICE_DECIMALS_MAX).unwrap_or(i128::MAX);
    let more =
        |one: UnitPrice, other: UnitPrice| if beats(at(other), at(one)) { other } else { one };
    prices.into_iter().reduce(more).unwrap_or_default()
}

/// The sum, to 1e-9 currency per Wh, not below zero.
fn rounded(prices: impl IntoIterator<Item = UnitPrice>) -> Price {
    let total = prices
        .into_iter()
        .try_fold(0_i128, |sum, price| sum.checked_add(price.at_scale(PRICE_DECIMALS_MAX).ok()?));
    let n = total.and_then(|total| Decimal::new(total, PRICE_DECIMALS_MAX).rounded_to_scale(6));
    let n = n.and_then(|n| i64::try_from(n).ok());
    let n = n.expect("checked prices are few and far below what a price can hold");
    Price::from_n_per_wh(n).at_least_zero()
}

fn sum(prices: impl IntoIterator<Item = Price>) -> Price {
    prices
        .into_iter()
        .try_fold(Price::ZERO, Price::plus)
        .expect("checked prices are few and far below what a price can hold")
}

/// Whether a charge is due on what neighbours trade, and not on the retailer's energy.
fn between_neighbours(charge: &EnergyCharge) -> bool {
    matches!(charge.on, On::Local(_) | On::Sold)
}

impl Eq for Tariff {}

impl Serialize for Tariff {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.spelling {
            Spelling::Terms(terms) => terms.serialize(serializer),
            Spelling::Sheet(document) => document.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Tariff {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Tariff, D::Error> {
        let document = Value::deserialize(deserializer)?;
        Tariff::from_json(&document.to_string()).map_err(Error::custom)
    }
}

impl TryFrom<Terms> for Tariff {
    type Error = FieldError;
    fn try_from(terms: Terms) -> Result<Self, FieldError> {
        Tariff::new(terms)
    }
}

impl From<Problems> for FieldError {
    fn from(problems: Problems) -> FieldError {
        let first = problems.list.into_iter().next();
        first.map_or_else(
            || FieldError { field: ".".to_owned(), reason: String::new() },
            |problem| FieldError { field: problem.path, reason: problem.reason },
        )
    }
}
