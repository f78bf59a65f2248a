//! What a day of a market was: its slots, orders, trades, and what was fed in.

use std::collections::{BTreeMap, BTreeSet};

use calendar::Timestamp;
use ids::{AccountId, ConnectionPointId, OrderId, PartyId};
use matching::{Fees, Side, Trade};
use serde::{Deserialize, Serialize};
use units::{Energy, Price};

/// The most slots of a day: 25 hours of five minutes.
pub const SLOTS_PER_DAY_MAX: usize = 300;
/// The most orders of a day, cancelled ones too.
pub const ORDERS_PER_DAY_MAX: usize = 1_000_000;
/// The most trades of a day.
pub const TRADES_PER_DAY_MAX: usize = 1_000_000;
/// The most intervals of a day.
pub const INTERVALS_PER_DAY_MAX: usize = 1_000_000;
/// The most energy that one fact may name, 1.1 TWh, so that no sum of a week overflows.
pub const ENERGY_MAX: Energy = Energy::from_wh(1 << 40);
/// The largest price that a fact may name, either way: about a million currency per kWh.
pub const PRICE_MAX: Price = Price::from_n_per_wh(1 << 40);

/// A local day of a market, once it is over. The order inside the lists means nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Day {
    /// Its number, in days since 1970-01-01; days are shown in rising order.
    pub number: u32,
    /// Its slots.
    pub slots: Vec<Slot>,
    /// Every order that was accepted for one of the slots.
    pub orders: Vec<Order>,
    /// Every trade; two orders meet once at most.
    pub trades: Vec<Trade>,
    /// What connection points fed in, as far as it is known.
    pub intervals: Vec<Interval>,
}

/// A slot and how it was cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slot {
    /// Its start.
    pub slot: Timestamp,
    /// When its orders were final.
    pub gate: Timestamp,
    /// The energy price of all trades; `None` where nothing traded or trades have their own prices.
    pub price: Option<Price>,
    /// What the retailer takes.
    pub retail: Price,
    /// What the retailer gives.
    pub feed_in: Price,
    /// What prices are multiples of; above zero.
    pub tick: Price,
    /// What is paid on top of the energy price.
    pub fees: Fees,
}

/// An order and whether it was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Its name.
    pub order: OrderId,
    /// Whose cash it moves.
    pub account: AccountId,
    /// Who stands behind the account: accounts of one owner are judged together.
    pub owner: PartyId,
    /// Buy or sell.
    pub side: Side,
    /// The start of the slot.
    pub slot: Timestamp,
    /// How much at most.
    pub quantity: Energy,
    /// A buyer's all-in limit, a seller's net limit.
    pub limit: Price,
    /// When it was accepted.
    pub placed: Timestamp,
    /// When its owner took it back; `None` where nobody did.
    pub cancelled: Option<Timestamp>,
}

impl Order {
    /// Whether it was in the book when the gate closed.
    pub(crate) fn stands_at(&self, gate: Timestamp) -> bool {
        self.cancelled.is_none_or(|cancelled| cancelled >= gate)
    }

    /// Its quantity in Wh.
    pub(crate) fn wh(&self) -> i128 {
        i128::from(self.quantity.wh())
    }

    /// Its limit in 1e-9 currency per Wh.
    pub(crate) fn limit_n(&self) -> i128 {
        i128::from(self.limit.n_per_wh())
    }
}

/// What a connection point fed in during a slot, by its latest version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// The start of the slot.
    pub slot: Timestamp,
    /// Where.
    pub connection_point: ConnectionPointId,
    /// Whose it is.
    pub owner: PartyId,
    /// How much it fed in.
    pub export: Energy,
}

/// Why a day is not judged. Nothing changes by a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The day is not after the last one.
    #[error("day {0} is not after the last one")]
    Past(u32),
    /// A list is longer than its limit.
    #[error("more than {limit} {what} in a day")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// An energy, price or tick beyond what anybody means, or an order taken back before it came.
    #[error("{0} is out of range")]
    Range(&'static str),
    /// A slot, order, trade or interval that is there twice.
    #[error("{0} stands there twice")]
    Twice(&'static str),
    /// Something about a slot or an order that the day does not have, or a trade whose orders are
    /// not a buyer's and a seller's of one slot.
    #[error("{0} does not fit the slots and orders of the day")]
    Unknown(&'static str),
}

impl Refusal {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Refusal::Past(_) => "PAST",
            Refusal::TooMany { .. } => "TOO_MANY",
            Refusal::Range(_) => "RANGE",
            Refusal::Twice(_) => "TWICE",
            Refusal::Unknown(_) => "UNKNOWN",
        }
    }
}

impl Day {
    /// Refuses what cannot be reckoned with.
    ///
    /// # Errors
    /// Every [`Refusal`] but [`Refusal::Past`].
    pub fn check(&self) -> Result<(), Refusal> {
        at_most("slots", self.slots.len(), SLOTS_PER_DAY_MAX)?;
        at_most("orders", self.orders.len(), ORDERS_PER_DAY_MAX)?;
        at_most("trades", self.trades.len(), TRADES_PER_DAY_MAX)?;
        at_most("intervals", self.intervals.len(), INTERVALS_PER_DAY_MAX)?;
        let mut slots = BTreeSet::new();
        for slot in &self.slots {
            let Fees { network, buyer, seller } = slot.fees;
            let prices = [slot.retail, slot.feed_in, slot.tick, network, buyer, seller];
            let known = prices.into_iter().chain(slot.price).all(is_meant);
            let ordered = slot.tick > Price::ZERO && slot.feed_in <= slot.retail;
            ensure(known && ordered, Refusal::Range("slot"))?;
            ensure(slots.insert(slot.slot), Refusal::Twice("slot"))?;
        }
        let mut orders = BTreeMap::new();
        for order in &self.orders {
            ensure(slots.contains(&order.slot), Refusal::Unknown("order"))?;
            let lives = order.cancelled.is_none_or(|cancelled| cancelled >= order.placed);
            let meant = order.quantity <= ENERGY_MAX && is_meant(order.limit);
            ensure(lives && meant, Refusal::Range("order"))?;
            let known = orders.insert(order.order, order);
            ensure(known.is_none(), Refusal::Twice("order"))?;
        }
        let mut pairs = BTreeSet::new();
        for trade in &self.trades {
            let sides = orders.get(&trade.buyer).zip(orders.get(&trade.seller));
            let fits = sides.is_some_and(|(buy, sell)| {
                (buy.side, sell.side) == (Side::Buy, Side::Sell) && buy.slot == sell.slot
            });
            ensure(fits, Refusal::Unknown("trade"))?;
            let meant = is_meant(trade.buy_price) && is_meant(trade.sell_price);
            ensure(trade.quantity <= ENERGY_MAX && meant, Refusal::Range("trade"))?;
            ensure(pairs.insert((trade.buyer, trade.seller)), Refusal::Twice("trade"))?;
        }
        let mut intervals = BTreeSet::new();
        for interval in &self.intervals {
            ensure(slots.contains(&interval.slot), Refusal::Unknown("interval"))?;
            ensure(interval.export <= ENERGY_MAX, Refusal::Range("interval"))?;
            let new = intervals.insert((interval.slot, interval.connection_point));
            ensure(new, Refusal::Twice("interval"))?;
        }
        Ok(())
    }
}

fn ensure(holds: bool, refusal: Refusal) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(refusal) }
}

fn at_most(what: &'static str, count: usize, limit: usize) -> Result<(), Refusal> {
    ensure(count <= limit, Refusal::TooMany { what, limit })
}

fn is_meant(price: Price) -> bool {
    (-PRICE_MAX.n_per_wh()..=PRICE_MAX.n_per_wh()).contains(&price.n_per_wh())
}
