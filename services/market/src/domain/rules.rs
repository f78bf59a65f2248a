//! Standing rules: an order for every slot, signed by the market's delegate.
//!
//! ```text
//! rule: buy what the home takes, never above 25 ct     account grants the delegate a mandate
//!            │
//! gate - 60min ...... gate        for each slot and side: OrderTerms, once ──sign──> place
//! ```
//!
//! What a rule places is judged like any other order, and the contract holds the delegate to the
//! account's mandate: a rule cannot spend more than was granted, whoever changes it.
//! Deliberately absent: keys, and rules that look at other orders.

use std::collections::BTreeMap;

use alloy_primitives::Address;
use calendar::{Slot, Timestamp};
use contracts::requests::mandated_nonce;
use contracts::{OrderTerms, Side};
use ids::{AccountId, ConnectionPointId};
use keys::recover;
use serde::{Deserialize, Serialize};
use units::{Energy, Price};

use super::history::History;
use super::order::is_delegated;
use super::{Accepted, Exchange, OrderSignature, Parameters, Rejection, Trader};

/// The most standing rules of one market.
pub const RULES_MAX: usize = 20_000;
/// How long before its gate a slot's orders are placed.
const LEAD_SECONDS: i64 = 3600;
/// The most percent of what is likely that a rule may ask for.
const PERCENT_MAX: u32 = 200;

/// Which rule: a connection point has one for each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RuleName {
    /// Where the energy is metered.
    pub connection_point: ConnectionPointId,
    /// Buy or sell.
    pub side: Side,
}

/// How much a rule orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RuleQuantity {
    /// As much each time.
    Fixed {
        /// How much.
        quantity: Energy,
    },
    /// A part of what the connection point took or fed in on average at that time of day.
    Likely {
        /// In percent.
        percent: u32,
    },
}

/// An order for every slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Which.
    pub name: RuleName,
    /// Whose.
    pub account: AccountId,
    /// How much.
    pub quantity: RuleQuantity,
    /// A buyer's all-in, never paid more; a seller's net, never got less.
    pub limit: Price,
    /// The least that may be filled.
    pub min_fill: Energy,
    /// For slots that start then or later.
    pub from: Option<Timestamp>,
    /// For slots that end then or before.
    pub until: Option<Timestamp>,
}

/// An order that a rule wants placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueRule {
    /// The rule.
    pub name: RuleName,
    /// Whose.
    pub account: AccountId,
    /// What the delegate signs.
    pub terms: OrderTerms,
}

/// The rules of a market.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Rules {
    rules: BTreeMap<ConnectionPointId, BTreeMap<Side, Rule>>,
}

impl Rules {
    pub(super) fn set(&mut self, rule: Rule) {
        let RuleName { connection_point, side } = rule.name;
        self.rules.entry(connection_point).or_default().insert(side, rule);
    }

    pub(super) fn end(&mut self, name: RuleName) {
        if let Some(sides) = self.rules.get_mut(&name.connection_point) {
            sides.remove(&name.side);
            if sides.is_empty() {
                self.rules.remove(&name.connection_point);
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = &Rule> {
        self.rules.values().flat_map(BTreeMap::values)
    }
}

impl Exchange {
    /// A standing rule.
    pub fn rule(&self, name: RuleName) -> Option<&Rule> {
        self.rules.rules.get(&name.connection_point)?.get(&name.side)
    }

    /// The standing rules of an account.
    pub fn rules_of(&self, account: AccountId) -> impl Iterator<Item = &Rule> {
        self.rules.all().filter(move |rule| rule.account == account)
    }

    /// What `point` takes or feeds in on average in the slot that starts at `slot`; `None` where
    /// nothing is known.
    pub fn likely(&self, name: RuleName, slot: Timestamp) -> Option<Energy> {
        self.metered(name.side).mean(name.connection_point, slot)
    }

    /// What was metered of the energy that a side is about.
    pub(super) fn metered(&self, side: Side) -> &History {
        match side {
            Side::Buy => &self.taken,
            Side::Sell => &self.history,
        }
    }

    /// Whether a standing rule placed `order`: a delegate signed it that is no member, and only the
    /// market's own can be that.
    pub(super) fn is_of_rule(&self, order: &Accepted) -> bool {
        let OrderSignature::Key(signature) = &order.signature else { return false };
        let delegate = order.terms.delegate;
        !delegate.is_zero()
            && !self.is_members(delegate)
            && is_delegated(&order.terms, recover(order.hash, signature))
    }

    /// Whether a member has, had or will have the address.
    pub(super) fn is_members(&self, address: Address) -> bool {
        self.members.values().any(|member| member.address == address)
            || self.addresses.values().flat_map(BTreeMap::values).any(|later| *later == address)
    }

    /// Refuses a rule whose orders would all be refused.
    pub(super) fn check_rule(&self, rule: &Rule, parameters: &Parameters) -> Result<(), Rejection> {
        let ensure = |holds: bool, why: Rejection| if holds { Ok(()) } else { Err(why) };
        let point = self.points.get(&rule.name.connection_point).ok_or(Rejection::Unknown)?;
        ensure(point.account == rule.account, Rejection::Unknown)?;
        ensure(parameters.covers(point.zone), Rejection::Policy)?;
        let (limit, tick) = (rule.limit.n_per_wh(), parameters.tick.n_per_wh());
        ensure(limit >= 0 && limit % tick == 0, Rejection::Tick)?;
        let enough = match rule.quantity {
            RuleQuantity::Fixed { quantity } => {
                quantity >= parameters.lot_min && rule.min_fill <= quantity
            }
            RuleQuantity::Likely { percent } => (1..=PERCENT_MAX).contains(&percent),
        };
        ensure(enough, Rejection::MinLot)?;
        let known = self.rule(rule.name).is_some();
        ensure(known || self.rules.all().count() < RULES_MAX, Rejection::TooMany)
    }

    /// The orders that rules want placed at `now`, signed by `delegate`. Of a slot and side that
    /// has one, or had one that was taken back, there is none.
    pub fn due_rules(
        &self,
        parameters: &Parameters,
        delegate: Address,
        now: Timestamp,
    ) -> Vec<DueRule> {
        let slots = slots_before_gate(parameters, now);
        let mut due = Vec::new();
        for rule in self.rules.all() {
            if self.suspension(Trader::Rule(rule.name)).is_some() {
                continue;
            }
            for slot in &slots {
                let Some(owner) = self.address_at(rule.account, slot.start) else { continue };
                let early = rule.from.is_some_and(|from| slot.start < from);
                if early || rule.until.is_some_and(|until| slot.end() > until) {
                    continue;
                }
                let length = parameters.terms.slot_seconds;
                let start = slot.start.unsigned();
                let nonce = mandated_nonce(delegate, start, length, rule.name.side);
                let sealed = self.is_deposited(slot.start, owner, nonce);
                if sealed || !self.nonces.is_free(owner, nonce) {
                    continue;
                }
                let quantity = self.quantity_of(rule, slot.start, parameters);
                let Some(quantity) = quantity else { continue };
                let terms = OrderTerms {
                    account: owner,
                    side: rule.name.side,
                    slot: start,
                    quantity,
                    limit_price: rule.limit.n_per_wh().unsigned_abs(),
                    min_fill: rule.min_fill,
                    community: parameters.community,
                    zone: parameters.zone,
                    connection_point: rule.name.connection_point,
                    policy: parameters.policy,
                    delegate,
                    nonce,
                    expiry: slot.end().unsigned(),
                };
                due.push(DueRule { name: rule.name, account: rule.account, terms });
            }
        }
        due
    }

    /// What a rule orders in a slot; `None` where that is not known, or less than an order may be.
    fn quantity_of(&self, rule: &Rule, slot: Timestamp, parameters: &Parameters) -> Option<Energy> {
        let percent = match rule.quantity {
            RuleQuantity::Fixed { quantity } => return Some(quantity),
            RuleQuantity::Likely { percent } => percent,
        };
        let likely = u128::from(self.likely(rule.name, slot)?.wh());
        let wanted = u64::try_from(likely * u128::from(percent) / 100).ok()?;
        let wanted = match rule.name.side {
            Side::Buy => wanted,
            // The market takes no higher offer.
            Side::Sell => self
                .sellable(rule.name.connection_point, slot, parameters)
                .map_or(wanted, |most| wanted.min(most.wh())),
        };
        let least = parameters.lot_min.max(rule.min_fill);
        Some(Energy::from_wh(wanted)).filter(|wanted| *wanted >= least)
    }
}

/// The slots whose gate comes within [`LEAD_SECONDS`].
fn slots_before_gate(parameters: &Parameters, now: Timestamp) -> Vec<Slot> {
    let length = parameters.slot_length.seconds();
    let first = now.seconds() + parameters.gate_seconds;
    let first = Timestamp::from_seconds(first - first.rem_euclid(length));
    let Some(first) = Slot::starting(first, parameters.slot_length) else { return Vec::new() };
    let near = |slot: &Slot| parameters.gate(slot.start) <= now.plus_seconds(LEAD_SECONDS);
    (1..).map(|place| first.later(place)).take_while(near).collect()
}
