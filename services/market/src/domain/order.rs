//! An order: the terms that were signed, and what became of them.

use std::fmt;

use alloy_primitives::{Address, B256};
use calendar::Timestamp;
use contracts::OrderTerms;
use events::market::CancelledBy;
use ids::{AccountId, OrderId};
use keys::{Signature, SignatureBytes};
use serde::{Deserialize, Serialize};
use units::{Energy, Money, Price};

use super::Opening;
use super::trading::{Arrival, TimeInForce};

/// An order as it arrives, before it is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    /// Chosen by who places it: a repeat has the same.
    pub id: OrderId,
    /// Who places it, by the token: whose it is, or its delegate.
    pub account: AccountId,
    /// What was signed.
    pub terms: OrderTerms,
    /// The hash that was signed.
    pub hash: B256,
    /// By whom: recovered from the signature, or the contract account that takes it; `None` when
    /// that is nobody.
    pub signer: Option<Address>,
    /// The signature itself, for the contract.
    pub signature: OrderSignature,
    /// An open order that is taken back if this one is accepted, and only then.
    pub replaces: Option<OrderId>,
    /// What becomes of what does not trade at once, where orders meet before the gate.
    pub time_in_force: TimeInForce,
    /// Whether its limit is meant, though far off what energy costs at that time of day.
    pub beyond_reference: bool,
}

impl NewOrder {
    /// Whether the delegate signed that the order names, and not the account itself.
    pub fn is_delegated(&self) -> bool {
        is_delegated(&self.terms, self.signer)
    }
}

/// What stands under an order. A key's is written as its digits alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OrderSignature {
    /// Of a key.
    Key(Signature),
    /// What the account, a contract, took as signed when the order came (ERC-1271).
    Contract {
        /// The bytes that it takes.
        contract: SignatureBytes,
    },
}

impl OrderSignature {
    /// Whether a contract has to be asked what it is worth.
    pub fn is_contract(&self) -> bool {
        matches!(self, OrderSignature::Contract { .. })
    }
}

impl From<Signature> for OrderSignature {
    fn from(signature: Signature) -> OrderSignature {
        OrderSignature::Key(signature)
    }
}

impl fmt::Display for OrderSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OrderSignature::Key(signature) => signature.fmt(f),
            OrderSignature::Contract { contract } => contract.fmt(f),
        }
    }
}

/// Whether the one who signed is the delegate of the terms, and not the account itself.
pub(super) fn is_delegated(terms: &OrderTerms, signer: Option<Address>) -> bool {
    let delegate = Some(terms.delegate).filter(|delegate| !delegate.is_zero());
    delegate.is_some() && signer == delegate && signer != Some(terms.account)
}

/// Where an accepted order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// In the book of a slot that is not cleared.
    Open,
    /// Traded whole before the gate of its slot.
    Filled,
    /// Taken back before the slot was cleared; what it had traded stays.
    Cancelled,
    /// The slot was cleared; it got all, some or nothing.
    Cleared,
}

/// An accepted order and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// Its name.
    pub id: OrderId,
    /// Its place among the market's accepted orders, from 1.
    pub sequence: u64,
    /// Whose it is.
    pub account: AccountId,
    /// What was signed.
    pub terms: OrderTerms,
    /// The hash that was signed.
    pub hash: B256,
    /// The signature.
    pub signature: OrderSignature,
    /// What is held for what is open of it until the slot is cleared.
    pub hold: Money,
    /// Whether the limit lies outside the band in which both sides gain.
    pub no_gain: bool,
    /// When it was accepted.
    pub at: Timestamp,
    /// Where it stands.
    pub status: Status,
    /// Why it was taken back, if it was.
    pub cancelled_by: Option<CancelledBy>,
    /// When it was taken back, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_at: Option<Timestamp>,
    /// What it got; zero until the slot is cleared, or what it traded before the gate.
    pub filled: Energy,
    /// What it came into trading before the gate with; `None` where orders meet at the gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrival: Option<Arrival>,
    /// What it lost to orders of its own party.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub netted: Energy,
    /// What it opened, where the orders of its slot are sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens: Option<Opening>,
}

fn is_nothing(energy: &Energy) -> bool {
    *energy == Energy::ZERO
}

impl Accepted {
    /// Start of the slot.
    pub fn slot(&self) -> Timestamp {
        slot_start(&self.terms)
    }

    /// A buyer's all-in limit, a seller's net limit.
    pub fn limit(&self) -> Price {
        self.terms.limit().expect("the limit of an accepted order was checked")
    }
}

/// The start of the slot that the terms name; those after the year 9999 name its end.
pub(super) fn slot_start(terms: &OrderTerms) -> Timestamp {
    Timestamp::from_seconds(i64::try_from(terms.slot).unwrap_or(i64::MAX))
}
