//! What the machine is told, one fact at a time.

use alloy_primitives::B256;
use calendar::Timestamp;
use ids::{AccountId, ConnectionPointId, OrderId, PartyId};
use matching::Side;
use serde::{Deserialize, Serialize};
use units::{Energy, Price};

/// The most energy that one fact may name: 1 TWh, far above any connection. So no sum of a day
/// overflows.
pub const ENERGY_MAX: Energy = Energy::from_wh(1 << 40);

/// The largest price that a fact may name, either way: about a million currency per kWh.
pub const PRICE_MAX: Price = Price::from_n_per_wh(1 << 40);

/// Something that happened, as whoever runs the market has recorded it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fact {
    /// An account is a party's.
    Owned {
        /// The account.
        account: AccountId,
        /// Whose it is.
        party: PartyId,
    },
    /// A party is another one's: what the two have is one owner's. By itself: no longer.
    Controlled {
        /// The party.
        party: PartyId,
        /// Whose it is.
        by: PartyId,
    },
    /// A connection point is an account's.
    Sited {
        /// The connection point.
        connection_point: ConnectionPointId,
        /// Whose it is.
        account: AccountId,
        /// Whether what it feeds in is sold as made by the sun.
        solar: bool,
    },
    /// An order was accepted.
    Accepted(Order),
    /// An order was taken back before its slot was cleared.
    Cancelled {
        /// The order.
        order: OrderId,
        /// The start of its slot.
        slot: Timestamp,
        /// Whether by its account, here or on chain, and not by those who run the market.
        own: bool,
        /// When.
        at: Timestamp,
    },
    /// The gate of a slot closed and its orders were cleared.
    Cleared(Cleared),
    /// What flowed at a connection point in a slot became known, or was corrected.
    Metered(Metered),
}

/// An accepted order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its name.
    pub order: OrderId,
    /// The hash that was signed.
    pub hash: B256,
    /// Whose it is.
    pub account: AccountId,
    /// Where its energy is metered.
    pub connection_point: ConnectionPointId,
    /// Buy or sell.
    pub side: Side,
    /// The start of the slot.
    pub slot: Timestamp,
    /// When the orders of the slot are final.
    pub gate: Timestamp,
    /// How much at most.
    pub quantity: Energy,
    /// A buyer's all-in limit, a seller's net limit.
    pub limit: Price,
    /// When it was accepted.
    pub at: Timestamp,
}

/// A cleared slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cleared {
    /// The start of the slot.
    pub slot: Timestamp,
    /// The clearing's name on chain.
    pub clearing: B256,
    /// The energy price; `None` when nothing traded.
    pub price: Option<Price>,
    /// What changed hands.
    pub volume: Energy,
    /// What the retailer takes.
    pub retail: Price,
    /// What the retailer gives.
    pub feed_in: Price,
    /// In the order of their fills.
    pub trades: Vec<Trade>,
    /// What connection points are likely to feed in, of those of which that is known.
    pub likely: Vec<Likely>,
}

/// Two orders that met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trade {
    /// Its name on chain.
    pub trade: B256,
    /// The buyer's order.
    pub buy: OrderId,
    /// The seller's order.
    pub sell: OrderId,
    /// How much.
    pub quantity: Energy,
}

/// What a connection point is likely to feed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Likely {
    /// Where.
    pub connection_point: ConnectionPointId,
    /// How much.
    pub quantity: Energy,
}

/// What flowed at a connection point in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metered {
    /// The start of the slot.
    pub slot: Timestamp,
    /// Where.
    pub connection_point: ConnectionPointId,
    /// The highest counts, in whatever order they come.
    pub version: u32,
    /// What it took; `None` where nobody measures that.
    pub import: Option<Energy>,
    /// What it fed in; `None` where nobody measures that.
    pub export: Option<Energy>,
    /// Whether the sun was surely down.
    pub dark: bool,
}

impl Fact {
    /// Whether its energies and prices are ones that can be reckoned with.
    pub(crate) fn is_in_range(&self) -> bool {
        let energy = |quantity: &Energy| *quantity <= ENERGY_MAX;
        let price =
            |price: Price| price.n_per_wh().unsigned_abs() <= PRICE_MAX.n_per_wh().unsigned_abs();
        match self {
            Fact::Owned { .. } | Fact::Controlled { .. } | Fact::Sited { .. } => true,
            Fact::Cancelled { .. } => true,
            Fact::Accepted(order) => energy(&order.quantity) && price(order.limit),
            Fact::Cleared(cleared) => {
                let prices = [cleared.price, Some(cleared.retail), Some(cleared.feed_in)];
                prices.into_iter().flatten().all(price)
                    && energy(&cleared.volume)
                    && cleared.trades.iter().all(|trade| energy(&trade.quantity))
                    && cleared.likely.iter().all(|likely| energy(&likely.quantity))
            }
            Fact::Metered(metered) => [metered.import, metered.export].iter().flatten().all(energy),
        }
    }
}
