//! What a document says, before its totals are reckoned.

use alloy_primitives::{Address as ChainAddress, B256};
use calendar::LocalDay;
use serde::{Deserialize, Serialize};
use units::{Energy, Money};

use crate::{Address, DocumentAdjustment, Exemption, Information, Line, Party, Proof};

/// What kind of document it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The issuer supplies, the customer pays.
    Invoice,
    /// The customer supplies, and the issuer writes the invoice: feed-in and sales.
    SelfBilled,
    /// Takes back an invoice, or a part of it. Amounts are what is given back.
    CreditNote,
    /// An invoice in the place of, or in addition to, a preceding one.
    Correction,
    /// Takes back a self-billed invoice.
    SelfBilledCreditNote,
}

impl Kind {
    /// The code in UNCL1001.
    pub fn code(self) -> &'static str {
        match self {
            Kind::Invoice => "380",
            Kind::SelfBilled => "389",
            Kind::CreditNote => "381",
            Kind::Correction => "384",
            Kind::SelfBilledCreditNote => "261",
        }
    }

    /// Whether amounts are what is given back.
    pub fn is_credit_note(self) -> bool {
        matches!(self, Kind::CreditNote | Kind::SelfBilledCreditNote)
    }

    /// Whether the customer is the seller.
    pub fn is_self_billed(self) -> bool {
        matches!(self, Kind::SelfBilled | Kind::SelfBilledCreditNote)
    }

    /// Whether it must name a preceding document.
    pub fn needs_preceding(self) -> bool {
        self.is_credit_note() || self == Kind::Correction
    }
}

/// The first and the last local day, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Period {
    /// First day.
    pub from: LocalDay,
    /// Last day.
    pub to: LocalDay,
}

/// A document that came before (BG-3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preceding {
    /// Its number.
    pub number: String,
    /// When it was issued.
    pub issued_on: LocalDay,
}

/// The account that trades, where there is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Its id.
    pub id: String,
    /// The name that others see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pseudonym: Option<String>,
    /// The address that trades.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<ChainAddress>,
    /// Who holds the key of the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custody: Option<Custody>,
}

/// Who holds the key of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Custody {
    /// Its owner alone.
    Own,
    /// The operator, for its owner.
    Held,
}

/// The place that is billed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The contract-bearing place of the grid, by its national or our number (BT-71).
    pub connection_point: String,
    /// The device that measured (BT-18).
    pub meter: String,
    /// Where it is, if that is not where the customer lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// The community of neighbours, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub community: Option<String>,
    /// The community's id, where it is not its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub community_id: Option<String>,
    /// How long a slot of the meter lasts, in minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_minutes: Option<u8>,
}

/// A tariff that lines follow from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TariffReference {
    /// What people call it.
    pub name: String,
    /// Which of its versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Hash of its terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<B256>,
}

/// From where something was paid before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrepaymentSource {
    /// The wallet, trade by trade.
    Wallet,
    /// Instalments.
    Advance,
    /// A payment for this document.
    Payment,
}

/// Something that was paid before; below zero where it was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prepayment {
    /// From where.
    pub source: PrepaymentSource,
    /// How much, in minor units.
    pub amount: Money,
}

/// Where what is left is paid to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Payment {
    /// The account of who receives it (BT-84).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iban: Option<String>,
    /// Whose account that is (BT-85).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_name: Option<String>,
    /// What the payment says, so that it is known what for (BT-83).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// Energy by where it came from and where it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnergyTotals {
    /// From neighbours.
    pub bought: Energy,
    /// From the supplier.
    pub supplied: Energy,
    /// To neighbours.
    pub sold: Energy,
    /// To the grid.
    pub fed_in: Energy,
}

impl EnergyTotals {
    /// The four, in order.
    pub fn parts(self) -> [Energy; 4] {
        [self.bought, self.supplied, self.sold, self.fed_in]
    }
}

/// Energy of one local day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Day {
    /// The day.
    pub day: LocalDay,
    /// From neighbours.
    pub bought: Energy,
    /// From the supplier.
    pub supplied: Energy,
    /// To neighbours.
    pub sold: Energy,
    /// To the grid.
    pub fed_in: Energy,
}

impl Day {
    /// The four, in order.
    pub fn parts(&self) -> [Energy; 4] {
        [self.bought, self.supplied, self.sold, self.fed_in]
    }
}

/// What the same energy costs without neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// The bill at the retailer's prices and feed-in alone, with tax.
    pub retail_alone: Money,
    /// This bill, with tax, over the same things.
    pub with_neighbours: Money,
}

/// How well the energy is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// Energy of the meter, both directions, that was estimated.
    #[serde(default)]
    pub estimated: Energy,
    /// Slots without any reading.
    #[serde(default)]
    pub missing_slots: u32,
    /// Readings that came after the corrections of trades which they contradict.
    #[serde(default)]
    pub late_readings: u32,
    /// Readings that a gateway signed for a device that does not sign.
    #[serde(default)]
    pub relayed_readings: u32,
    /// Slots in which nobody owes for what was missing, because the grid was curtailed, by the
    /// operator's word.
    #[serde(default)]
    pub curtailed_slots: u32,
}

/// What to do about a bill that seems wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dispute {
    /// Whom to ask: an address, a number, a page.
    pub contact: String,
    /// Days within which to object, from the day of issue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u16>,
    /// The body that decides when the two sides do not agree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// What a document says. [`Document::issue`](crate::Document::issue) makes a document of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// What kind of document it is.
    pub kind: Kind,
    /// Its number, without gaps in its series (BT-1).
    pub number: String,
    /// The day of issue (BT-2).
    pub issued_on: LocalDay,
    /// The day by which it is to be paid (BT-9).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_on: Option<LocalDay>,
    /// The days that are billed (BG-14).
    pub period: Period,
    /// Whether it is the customer's last bill of the place, which is another's or nobody's from the
    /// day after the period on.
    #[serde(default, rename = "final", skip_serializing_if = "is_false")]
    pub is_final: bool,
    /// The name of a locale, such as `de` or `en-IN`.
    pub language: String,
    /// ISO 4217 (BT-5).
    pub currency: String,
    /// Decimals of the minor unit, 0 to 9.
    pub currency_digits: u8,
    /// Who issues it.
    pub issuer: Party,
    /// Who receives it.
    pub customer: Party,
    /// The account that trades.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Account>,
    /// The place that is billed.
    pub place: Place,
    /// What came before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preceding: Vec<Preceding>,
    /// The tariffs that lines follow from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tariffs: Vec<TariffReference>,
    /// The lines, in the order of a bill.
    pub lines: Vec<Line>,
    /// Taken off and put on the document as a whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adjustments: Vec<DocumentAdjustment>,
    /// Why categories bear no tax.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exemptions: Vec<Exemption>,
    /// What was paid before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prepaid: Vec<Prepayment>,
    /// What the wallet holds after this document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wallet: Option<Money>,
    /// Rounding of what is to be paid, as where there are no small coins.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rounding: Money,
    /// Where it is paid to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<Payment>,
    /// Energy of the period.
    #[serde(default)]
    pub energy: EnergyTotals,
    /// Energy by day; empty, or every day of the period with the energy above as its sum.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<Day>,
    /// What retail alone would have cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
    /// How well the energy is known.
    #[serde(default)]
    pub quality: Quality,
    /// Use of a year before, where the energy came from, and what the customer may do.
    #[serde(default, skip_serializing_if = "Information::is_empty")]
    pub information: Information,
    /// What to do about a bill that seems wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispute: Option<Dispute>,
    /// What it can be checked against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_zero(money: &Money) -> bool {
    *money == Money::ZERO
}

impl Content {
    /// Who sells: the customer, where the document is self-billed.
    pub fn seller(&self) -> &Party {
        if self.kind.is_self_billed() { &self.customer } else { &self.issuer }
    }

    /// The estimated part of the metered energy, in hundredths of a percent, rounded.
    pub fn estimated_bps(&self) -> i128 {
        let parts = self.energy.parts().map(|energy| i128::from(energy.wh()));
        let whole: i128 = parts.iter().sum();
        let estimated = i128::from(self.quality.estimated.wh()).min(whole);
        if whole == 0 { 0 } else { (estimated * 10_000 + whole / 2) / whole }
    }

    /// Who buys.
    pub fn buyer(&self) -> &Party {
        if self.kind.is_self_billed() { &self.issuer } else { &self.customer }
    }
}
