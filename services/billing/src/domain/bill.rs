//! The invoice of one account and period: what was used becomes lines, lines become a total.
//!
//! [`rate`] is a function of [`Facts`] alone. Whoever issues an invoice calls it, and so does
//! whoever verifies one: a line is right when it comes out again.
//!
//! ```text
//! import of a slot ─┬─ bought from neighbours ── P2P lines      (paid on chain already)
//!                   ├─ the rest ─────────────── retail, network, levies by the tariff
//!                   └─ all of it ────────────── power, where the tariff charges for it
//! export of a slot ─┬─ sold to neighbours ───── credit          (paid on chain already)
//!                   └─ the rest ─────────────── feed-in, netting, bank
//! invoice before ───── what it carried on ───── bank, peaks, blocks and minimums of a year
//! ```
//!
//! What the retailer and the grid charge is rated by [`Tariff::rate`], as any other load.
//!
//! Invariants: a line is exact until it is rounded once, half away from zero, at the currency's
//! minor unit; the total is the sum of the rounded lines; a neighbour's energy is taken out slot by
//! slot before the retailer's is rated; the chain's payments stand as they were made, also where a
//! meter contradicts them ([`Settled`] finds that out). VAT is charged on what the retailer, the
//! grid and the platform charge, not on a neighbour's energy, on penalties or on credits.
//! Absent: dunning; what changes an invoice (see [`super::correction`]).

mod chart;
mod corrected;
mod curtailed;
mod document;
mod html;
mod lines;
mod retail;
mod settled;

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, keccak256};
use calendar::{LocalDay, Slot, SlotLength, Timestamp};
use events::identity::Custody;
use ids::{AccountId, CommunityId, ConnectionPointId, MeterId};
use reading::Quality;
use serde::{Deserialize, Serialize};
use tariff::bill::Carried;
use tariff::{Refusal, Tariff};
use units::{Energy, Money, Overflow, Price};

pub use chart::{Day, daily};
pub use corrected::corrected;
pub use curtailed::{Curtailed, excuse, explaining};
pub use document::{Around, DocumentError, Issuer, Vat, document};
pub use html::page;
pub use lines::rate;
pub use retail::rests_on;
pub use settled::{Fault, Settled};

/// What a line is for, in the order of a bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The standing charge.
    Fixed,
    /// Energy bought from neighbours.
    P2pBought,
    /// The retailer's energy in one period and block of the tariff.
    Retail,
    /// A charge for the highest power of a month.
    Demand,
    /// The grid's fee on a neighbour's energy.
    NetworkLocal,
    /// The grid's fee on the retailer's energy.
    Network,
    /// A levy or tax per kWh.
    Levy,
    /// The platform's fee on energy that was bought.
    PlatformBought,
    /// The platform's fee on energy that was sold.
    PlatformSold,
    /// What is missing to the least that the retailer charges.
    Minimum,
    /// Energy sold to neighbours: a credit.
    P2pSold,
    /// The retailer's payment for the rest of the export: a credit.
    FeedIn,
    /// What export of earlier months pays now, and what is paid out of it: a credit.
    Banked,
    /// For what a neighbour sold and did not deliver: a credit.
    MakeWhole,
    /// For what a neighbour bought and did not take: a credit.
    Compensation,
    /// For what was sold and not delivered.
    SellerPenalty,
    /// For what was bought and not taken.
    BuyerPenalty,
    /// For what was agreed and missed on the account's side, to who balances the grid.
    Imbalance,
    /// Value-added tax.
    Vat,
}

impl Class {
    /// Whether the chain has moved this money already.
    pub fn on_chain(self) -> bool {
        use Class::*;
        matches!(
            self,
            P2pBought
                | NetworkLocal
                | PlatformBought
                | PlatformSold
                | P2pSold
                | MakeWhole
                | Compensation
                | SellerPenalty
                | BuyerPenalty
                | Imbalance
        )
    }

    /// Under which class of the tariff taxes may be due on it; none for neighbours' energy and for
    /// what follows from trades, which no supplier charges.
    pub fn taxed_as(self) -> Option<tariff::Class> {
        use tariff::Class as Of;
        match self {
            Class::Fixed => Some(Of::Fixed),
            Class::Retail => Some(Of::Energy),
            Class::Demand => Some(Of::Demand),
            Class::NetworkLocal | Class::Network => Some(Of::Network),
            Class::Levy => Some(Of::Levy),
            Class::PlatformBought | Class::PlatformSold => Some(Of::Platform),
            Class::Minimum => Some(Of::Minimum),
            Class::FeedIn | Class::Banked => Some(Of::Credit),
            _ => None,
        }
    }

    /// Whether the amount follows from the customer's own meter.
    pub fn metered(self) -> bool {
        !matches!(self, Class::Fixed)
    }

    /// Whether the amount follows from the tariff.
    pub fn rated(self) -> bool {
        use Class::*;
        matches!(self, Fixed | Retail | Demand | Network | Levy | Minimum | FeedIn | Banked | Vat)
    }
}

/// One thing that a line was computed from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// What it is.
    pub name: String,
    /// Its value, with its unit.
    pub value: String,
}

/// One line of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// What for.
    pub class: Class,
    /// What the customer reads.
    pub label: String,
    /// The exact amount; below zero for a credit.
    pub exact: Money,
    /// The amount on the bill: `exact`, rounded to the minor unit.
    pub amount: Money,
    /// How the exact amount follows from the inputs.
    pub formula: String,
    /// What it follows from.
    pub inputs: Vec<Input>,
}

/// The first and the last local day of an invoice, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// First day.
    pub from: LocalDay,
    /// Last day.
    pub to: LocalDay,
}

impl Period {
    /// The local days, in order.
    pub fn days(self) -> impl Iterator<Item = LocalDay> {
        (self.from.number()..=self.to.number()).map(LocalDay::from_number)
    }
}

/// An invoice as it was issued. Its hash is what the chain holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invoice {
    /// `INV-<year>-<n>`, gap-free within a year.
    pub number: String,
    /// What hides the invoice behind its hash from who guesses.
    pub salt: B256,
    /// Which days.
    pub period: Period,
    /// Whose.
    pub account: AccountId,
    /// The name that others see.
    pub pseudonym: String,
    /// The address that trades.
    pub address: Address,
    /// Who holds the key of the address.
    pub custody: Custody,
    /// Where the account trades.
    pub community: CommunityId,
    /// The place that is billed.
    pub connection_point: ConnectionPointId,
    /// The device that measured.
    pub meter: MeterId,
    /// How long a slot lasts, in minutes.
    pub slot_minutes: SlotLength,
    /// Hash of the tariff.
    pub tariff: B256,
    /// ISO 4217.
    pub currency: String,
    /// Decimals of the minor unit.
    pub currency_digits: u8,
    /// The lines, in the order of a bill.
    pub lines: Vec<Line>,
    /// Sum of the lines.
    pub total: Money,
    /// What of it the chain has moved already, rounded.
    pub paid: Money,
    /// What is still to be paid; a credit is negative.
    pub due: Money,
    /// Readings that came after the corrections of trades which they contradict: what was paid
    /// stands. Left out where there is none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub late_readings: u32,
    /// Readings of a device that does not sign: a gateway signed what it says that the device
    /// showed. Left out where there is none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub relayed_readings: u32,
    /// Slots in which the grid was curtailed, by the operator's word, and something was missing of
    /// the account's trades that nobody owes for; rising. Left out where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curtailed: Vec<Curtailed>,
    /// Whether it is the account's last one of the connection point, which is another's or
    /// nobody's from the next day on. Left out where it is not.
    #[serde(default, rename = "final", skip_serializing_if = "is_false")]
    pub is_final: bool,
    /// What goes on to the next invoice. Left out where the tariff carries nothing over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried: Option<CarriedOver>,
}

/// What an invoice leaves to the next one of the same tariff, whichever of its versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CarriedOver {
    /// The tariff's id: another tariff begins with nothing.
    pub tariff: String,
    /// Banks, peaks and counts.
    pub state: Carried,
}

/// What an invoice says of the readings that it rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OfReadings {
    /// See [`Invoice::late_readings`].
    pub late: u32,
    /// See [`Invoice::relayed_readings`].
    pub relayed: u32,
}

fn is_none(count: &u32) -> bool {
    *count == 0
}

fn is_false(value: &bool) -> bool {
    !value
}

/// Where an invoice belongs; everything but its substance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// `INV-<year>-<n>`.
    pub number: String,
    /// 32 random bytes.
    pub salt: B256,
    /// Whose.
    pub account: AccountId,
    /// The name that others see.
    pub pseudonym: String,
    /// The address that trades.
    pub address: Address,
    /// Who holds the key of the address.
    pub custody: Custody,
    /// Where the account trades.
    pub community: CommunityId,
    /// The place that is billed.
    pub connection_point: ConnectionPointId,
    /// The device that measured.
    pub meter: MeterId,
    /// Whether it is the account's last one of the connection point.
    pub is_final: bool,
}

/// Energy of the account's meter in one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    /// Taken from the grid.
    pub import: Energy,
    /// Fed into the grid.
    pub export: Energy,
    /// How it is known.
    pub quality: Quality,
}

/// On which side of a trade the account stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// It bought.
    Buyer,
    /// It sold.
    Seller,
}

/// A trade of the account after its last run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traded {
    /// The account's side.
    pub side: Side,
    /// Start of the slot of delivery.
    pub slot: Timestamp,
    /// What was agreed.
    pub quantity: Energy,
    /// What was delivered.
    pub delivered: Energy,
    /// What the account's own meter is said to have lacked.
    pub own_short: Energy,
    /// What either side lacked; at most one of them did.
    pub short: Energy,
    /// What may be missing of it without anything being owed to the account.
    pub excused: Energy,
    /// The energy alone.
    pub price: Price,
    /// The grid's fee.
    pub network_fee: Price,
    /// The platform's fee of this side.
    pub platform_fee: Price,
    /// From the seller to the buyer for energy that was not delivered.
    pub make_whole: Money,
    /// From the buyer to the seller for energy that was not taken.
    pub compensation: Money,
    /// From the account to who balances the grid, for what was missing on its side.
    pub imbalance: Money,
}

/// Everything that an invoice's lines follow from.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Which days.
    pub period: Period,
    /// The terms.
    pub tariff: &'a Tariff,
    /// How long a slot lasts.
    pub slot_length: SlotLength,
    /// The meter, by the start of the slot; slots without a signed reading are left out.
    pub used: &'a BTreeMap<Timestamp, Used>,
    /// The account's trades of the period.
    pub trades: &'a [Traded],
    /// What goes on from the invoice before, if anything does.
    pub before: Option<&'a CarriedOver>,
}

/// Why facts make no invoice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BillError {
    /// An amount does not fit.
    #[error("an amount does not fit")]
    Overflow,
    /// The tariff charges by the month, and the period is of several.
    #[error("the tariff charges by the calendar month, and the period is not of one")]
    Months,
    /// The load cannot be rated.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl From<Overflow> for BillError {
    fn from(_: Overflow) -> Self {
        BillError::Overflow
    }
}

/// What [`rate`] makes of facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rated {
    /// The lines, in the order of a bill.
    pub lines: Vec<Line>,
    /// Sum of the rounded lines.
    pub total: Money,
    /// What of it the chain has moved already, rounded.
    pub paid: Money,
    /// Total less paid.
    pub due: Money,
    /// What goes on to the next invoice.
    pub carried: Option<CarriedOver>,
}

impl Facts<'_> {
    /// The slots of the period.
    pub fn slots(&self) -> impl Iterator<Item = Slot> {
        let zone = &self.tariff.head().timezone;
        let (from, to) = (self.period.from, self.period.to.next());
        Slot::within(zone.start_of(from), zone.start_of(to), self.slot_length)
    }
}

impl Invoice {
    /// Issues an invoice that says this of its readings, and of no curtailed slot.
    ///
    /// # Errors
    /// [`BillError`] when an amount does not fit.
    pub fn issue(
        heading: Heading,
        facts: &Facts<'_>,
        readings: OfReadings,
    ) -> Result<Invoice, BillError> {
        let rated = rate(facts)?;
        let head = facts.tariff.head();
        Ok(Invoice {
            number: heading.number,
            salt: heading.salt,
            period: facts.period,
            account: heading.account,
            pseudonym: heading.pseudonym,
            address: heading.address,
            custody: heading.custody,
            community: heading.community,
            connection_point: heading.connection_point,
            meter: heading.meter,
            slot_minutes: facts.slot_length,
            tariff: facts.tariff.hash(),
            currency: head.currency.clone(),
            currency_digits: head.currency_digits,
            lines: rated.lines,
            total: rated.total,
            paid: rated.paid,
            due: rated.due,
            late_readings: readings.late,
            relayed_readings: readings.relayed,
            curtailed: Vec::new(),
            is_final: heading.is_final,
            carried: rated.carried,
        })
    }

    /// The one text of this invoice: its fields in order, no spaces.
    pub fn canonical_json(&self) -> String {
        serde_json::to_string(self).expect("an invoice is plain data")
    }

    /// What the chain holds: keccak-256 of [`Invoice::canonical_json`].
    pub fn hash(&self) -> B256 {
        keccak256(self.canonical_json())
    }

    /// Sum of the lines that the chain has paid, exact: what the journal must show (I9).
    pub fn on_chain(&self) -> Result<Money, Overflow> {
        let lines = self.lines.iter().filter(|line| line.class.on_chain());
        Money::sum(lines.map(|line| line.exact))
    }
}

#[cfg(test)]
mod tests;
