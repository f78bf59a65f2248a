//! Gate closure: a slot's open orders become trades.

use std::collections::BTreeSet;

use alloy_primitives::B256;
use calendar::{Slot, Timestamp};
use contracts::{Fills, Met, OrderTerms, Policy, Prices, Terms, session_root, trade_id};
use ids::OrderId;
use matching::{Clearing, Fees, Mechanism, Order, Reference, Rules, Share, Side, network};
use serde::{Deserialize, Serialize};
use units::{Overflow, Price};

use super::{
    Accepted, ClearedSlot, ClearedTrade, Exchange, Grid, Parameters, Rejection, SealedUntil,
    SelfTrade, Step, ZonalPrices,
};
use crate::chain;

/// All that a clearing depends on besides its orders. Its JSON, in the spelling of this struct, is
/// the first leaf under the journal root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conditions {
    /// The mechanism and what it works with.
    pub rules: Rules,
    /// Why nothing trades, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halted: Option<Halted>,
    /// What was done about orders of one party, where orders met before the gate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_once: Option<SelfTrade>,
    /// Whether what was metered was shared out after the slot, by the shares of the rules: then the
    /// orders are what members fed in and took.
    #[serde(default, skip_serializing_if = "is_false")]
    pub shared: bool,
    /// The grid, where the market has several zones: then the orders of all of them were cleared
    /// together on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grid: Option<Grid>,
    /// How its orders were sealed, if they were: then each of them opened a commitment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<SealedUntil>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
pub(super) fn is_false(value: &bool) -> bool {
    !*value
}

/// Why nothing trades in a slot, whatever its orders are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Halted {
    /// The grid carries no trades.
    Curtailed,
    /// It was too late to settle anything of the slot when it was cleared.
    Over,
}

/// What of a clearing follows from conditions and orders.
pub(super) struct Solved {
    pub(super) clearing: Clearing,
    pub(super) trades: Vec<ClearedTrade>,
}

/// Whether slots can be cleared by `mechanism` and their trades settled under the market's policy.
pub fn check_mechanism(mechanism: &Mechanism, parameters: &Parameters) -> Result<(), Rejection> {
    let rules = Rules {
        mechanism: *mechanism,
        shares: shares(mechanism, &[]),
        ..Rules::uniform(parameters.tick, parameters.fees)
    };
    rules.check().map_err(|_| Rejection::Mechanism)?;
    parameters.check_grid(mechanism)?;
    let priced = mechanism.number() >= contracts::MECHANISM_PRICED;
    if priced && parameters.terms.difference_account.is_zero() {
        return Err(Rejection::Difference);
    }
    // Of what was delivered nobody is short; a correction of a meter is no fault either.
    let owes = mechanism.is_allocation() && parameters.shares_after_slot();
    if owes && parameters.has_shortfalls() { Err(Rejection::Mechanism) } else { Ok(()) }
}

impl Exchange {
    /// The slots whose gate has closed at `now` with orders that were not cleared, oldest first;
    /// without those that are shared out, or still opened.
    pub fn due(&self, parameters: &Parameters, now: Timestamp) -> Vec<Timestamp> {
        let closed = self.slots.iter().take_while(|(slot, _)| parameters.gate(**slot) <= now);
        let open = closed.filter(|(slot, book)| {
            book.cleared.is_none()
                && !self.is_shared_out(**slot, parameters)
                && self.is_revealed(**slot, now)
        });
        open.map(|(slot, _)| *slot).collect()
    }

    /// What comes of the orders of `slot`. Changes nothing.
    ///
    /// A slot of which the chain would settle no trade any more at `now` comes to nothing; so does
    /// one that is curtailed, and a book whose sums do not fit.
    pub fn clear(&self, slot: Slot, parameters: &Parameters, now: Timestamp) -> ClearedSlot {
        let accepted = self.accepted_for(slot.start);
        let part = self.taking_part(slot.start);
        let took_part = |order: &Accepted| part.contains(&order.id);
        let taking: Vec<&Accepted> = accepted.iter().copied().filter(|o| took_part(o)).collect();
        let grid = self.grid(slot.start, &taking, parameters);
        let located = |accepted: &&Accepted| {
            let mut order = order(accepted);
            grid.iter().for_each(|grid| grid.locate(&mut order, accepted.terms.connection_point));
            order
        };
        let open: Vec<Order> = taking.iter().map(located).collect();
        let conditions = Conditions { grid, ..self.conditions(slot, parameters, &open, now) };
        let trading = self.trading(slot.start);
        let (clearing, zonal) = match trading {
            Some(trading) => (trading.clearing(), None),
            None => met_at_gate(&conditions, &open),
        };
        let solved = solve(&conditions, clearing, &parameters.terms);
        let steps = trading.map(|trading| trading.steps.as_slice()).unwrap_or_default();
        let Reference { retail, feed_in } = conditions.rules.reference;
        let conditions_text = conditions.text();
        let mut cleared = ClearedSlot {
            slot: slot.start,
            ends: parameters.settled_until(slot.start),
            at: now,
            clearing: B256::ZERO,
            mechanism: conditions.number(),
            price: price(&solved.clearing),
            retail_price: retail,
            feed_in_price: feed_in,
            volume: solved.clearing.volume,
            orders: u32::try_from(open.len()).unwrap_or(u32::MAX),
            fills_root: B256::ZERO,
            journal_root: session_root(
                &conditions_text,
                accepted.iter().map(|order| (order.hash, order.sequence, took_part(order))),
                steps.iter().map(Step::data),
            ),
            conditions: conditions_text,
            zonal: zonal.filter(|_| !solved.trades.is_empty()),
            dropped: solved.clearing.dropped,
            trades: solved.trades,
        };
        cleared.fills_root = self.fills(&cleared).root();
        cleared.clearing = chain::clearing(&cleared, parameters).id();
        for (index, trade) in (0..).zip(&mut cleared.trades) {
            trade.trade = trade_id(cleared.clearing, index);
        }
        cleared
    }

    /// What `slot` is cleared under at `now`.
    fn conditions(
        &self,
        slot: Slot,
        parameters: &Parameters,
        open: &[Order],
        now: Timestamp,
    ) -> Conditions {
        let (retail, feed_in) = self.prices(slot, parameters).unwrap_or_default();
        let mechanism = self.mechanism(slot.start, parameters);
        let shared = self.is_shared_out(slot.start, parameters);
        let shares = match shared && mechanism.has_shares() {
            true => self.weights(slot.start),
            false => shares(&mechanism, open),
        };
        let rules = Rules {
            mechanism,
            shares,
            reference: Reference { retail, feed_in },
            seed: seed(open.iter().map(|order| B256::new(order.hash))),
            ..Rules::uniform(self.tick(slot.start, parameters), parameters.fees)
        };
        let at_once = self.trading(slot.start).map(|trading| trading.self_trade);
        let over = if shared { parameters.settled_until(slot.start) } else { slot.end() };
        let halted = if now >= over {
            Some(Halted::Over)
        } else {
            self.is_curtailed(slot.start).then_some(Halted::Curtailed)
        };
        let sealed = self.sealed_until(slot.start, parameters);
        Conditions { rules, halted, at_once, shared, grid: None, sealed }
    }

    /// All orders that were accepted for the slot that starts then, in sequence order.
    pub(super) fn accepted_for(&self, slot: Timestamp) -> Vec<&Accepted> {
        let ids = self.slots.get(&slot).map(|book| book.orders.values());
        ids.into_iter().flatten().map(|id| &self.orders[id]).collect()
    }

    /// The trades of a cleared slot as the contract takes them, in fill order.
    pub fn fills(&self, cleared: &ClearedSlot) -> Fills {
        let met = |trade: &ClearedTrade| Met {
            buy: self.orders[&trade.buy].hash,
            sell: self.orders[&trade.sell].hash,
            quantity: trade.quantity,
            prices: trade.prices,
        };
        let fills = cleared.trades.iter().map(met).collect();
        Fills::new(fills).expect("no order is filled above its quantity")
    }
}

impl ClearedSlot {
    /// How it was cleared; `None` of those from before conditions were kept.
    pub fn mechanism(&self) -> Option<Mechanism> {
        let conditions: Conditions = serde_json::from_str(&self.conditions).ok()?;
        Some(conditions.rules.mechanism)
    }

    /// Why nothing traded in it, whatever its orders were.
    pub(super) fn halted(&self) -> Option<Halted> {
        let conditions: Conditions = serde_json::from_str(&self.conditions).ok()?;
        conditions.halted
    }
}

impl Conditions {
    /// The mechanism's number on chain.
    pub fn number(&self) -> u8 {
        match self.grid {
            Some(_) => network::NUMBER,
            None => self.rules.mechanism.number(),
        }
    }

    /// The text that is hashed.
    pub fn text(&self) -> String {
        serde_json::to_string(self).expect("conditions are plain data")
    }
}

/// What comes of the orders that took part where they meet at the gate, and in each zone of a grid;
/// nothing of a book that cannot be cleared.
pub(super) fn met_at_gate(
    conditions: &Conditions,
    open: &[Order],
) -> (Clearing, Option<ZonalPrices>) {
    if conditions.halted.is_some() {
        return (Clearing::default(), None);
    }
    let Some(grid) = &conditions.grid else {
        return (matching::clear(open, &conditions.rules).unwrap_or_default(), None);
    };
    match network::clear(open, &grid.network, &conditions.rules) {
        Ok(zonal) => {
            let prices = ZonalPrices::of(&zonal);
            (zonal.clearing, Some(prices))
        }
        Err(_) => (Clearing::default(), None),
    }
}

/// What has met, under a policy. Where nothing trades, or an amount does not fit, it comes to
/// nothing.
pub(super) fn solve(conditions: &Conditions, clearing: Clearing, policy: &Policy) -> Solved {
    let nothing = || Solved { clearing: Clearing::default(), trades: Vec::new() };
    if conditions.halted.is_some() {
        return nothing();
    }
    match trades(&clearing, &conditions.rules.reference, policy) {
        Ok(trades) => Solved { clearing, trades },
        Err(Overflow) => nothing(),
    }
}

/// The price that a clearing shows: the one of all trades, else what buyers pay on average.
pub(super) fn price(clearing: &Clearing) -> Option<Price> {
    if clearing.price.is_some() || clearing.trades.is_empty() {
        return clearing.price;
    }
    let paid = |trade: &matching::Trade| {
        i128::from(trade.buy_price.n_per_wh()) * i128::from(trade.quantity.wh())
    };
    let paid: i128 = clearing.trades.iter().map(paid).sum();
    let average = paid / i128::from(clearing.volume.wh());
    Some(Price::from_n_per_wh(i64::try_from(average).expect("an average is within its prices")))
}

/// What lots are drawn from: the orders that took part, whatever their places, so that nobody knows
/// it before the last one is in.
pub(super) fn seed(orders: impl Iterator<Item = B256>) -> [u8; 32] {
    let sorted: BTreeSet<B256> = orders.collect();
    let leaves = sorted.iter().map(|hash| merkle::leaf(hash.as_slice()));
    merkle::Tree::new(leaves.collect()).root().0
}

/// Who gets which part of what is allocated: as much as every other account that wants some. With
/// none there is a part of nobody's, since rules without any are not usable.
pub(super) fn shares(mechanism: &Mechanism, open: &[Order]) -> Vec<Share> {
    if mechanism.has_shares() { matching::equal_shares(open) } else { Vec::new() }
}

fn order(accepted: &Accepted) -> Order {
    order_of(accepted.id, accepted.hash, accepted.sequence, &accepted.terms)
        .expect("the limit of an accepted order was checked")
}

/// Signed terms as an order of the batch.
pub(super) fn order_of(
    id: OrderId,
    hash: B256,
    sequence: u64,
    terms: &OrderTerms,
) -> Result<Order, Overflow> {
    Ok(Order {
        id,
        owner: terms.account.into_array(),
        side: match terms.side {
            contracts::Side::Buy => Side::Buy,
            contracts::Side::Sell => Side::Sell,
        },
        quantity: terms.quantity,
        price: terms.limit()?,
        min_fill: terms.min_fill,
        hash: hash.0,
        sequence,
        zone: terms.zone,
    })
}

/// The fees of a policy.
pub(super) fn fees(policy: &Policy) -> Result<Fees, Overflow> {
    let price =
        |n_per_wh: u64| i64::try_from(n_per_wh).map(Price::from_n_per_wh).map_err(|_| Overflow);
    Ok(Fees {
        network: price(policy.network_fee)?,
        buyer: price(policy.buyer_fee)?,
        seller: price(policy.seller_fee)?,
    })
}

/// The trades with their escrow and collateral, as the contract reckons them; not named yet.
fn trades(
    outcome: &Clearing,
    reference: &Reference,
    policy: &Policy,
) -> Result<Vec<ClearedTrade>, Overflow> {
    let clearing = contracts::Clearing {
        retail_price: unsigned(reference.retail)?,
        feed_in_price: unsigned(reference.feed_in)?,
        ..contracts::Clearing::default()
    };
    let ties = |trade: &matching::Trade| {
        let prices =
            Prices { buyer: unsigned(trade.buy_price)?, seller: unsigned(trade.sell_price)? };
        let terms = Terms::new(policy, &clearing, prices, trade.quantity);
        Ok(ClearedTrade {
            trade: B256::ZERO,
            buy: trade.buyer,
            sell: trade.seller,
            quantity: trade.quantity,
            prices,
            escrow: terms.escrow()?,
            collateral: terms.collateral()?,
        })
    };
    outcome.trades.iter().map(ties).collect()
}

/// A price as the contract has it, which knows none below zero.
pub(super) fn unsigned(price: Price) -> Result<u64, Overflow> {
    u64::try_from(price.n_per_wh()).map_err(|_| Overflow)
}
