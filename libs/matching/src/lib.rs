//! Clearing a sealed batch of orders for one slot: who gets how much, at what price, from whom.
//!
//! ```text
//! orders --fees--> energy prices --net own--> books --solve--> price, fills --pair--> trades
//!                                     ^                 |
//!                                     +-- drop one <----+  while a fill is below its min_fill
//! ```
//!
//! The mechanism is a uniform-price call auction: the largest volume that can trade, the midpoint
//! of the prices at which it does (on the tick), pro-rata at the marginal price level, largest
//! remainder, ties by order hash.
//!
//! Prices: a buyer's limit is all-in, a seller's is net. [`Rules::fees`] bring both to the energy
//! price: bids lose network and buyer's fee, asks gain the seller's fee. An ask below zero counts
//! as zero, so the price is never negative.
//!
//! Self-trade: an owner's own crossing orders are netted before the book is solved, best bid
//! against best ask. What is left of one owner does not cross, so at one price it only buys or
//! only sells, and no pairing can let it meet itself.
//!
//! `min_fill`: an order filled above zero and below it is violated. The violated order with the
//! lowest surplus is dropped and the book solved again, [`DROP_ROUNDS_MAX`] times one by one;
//! from then on all violated orders of a round are dropped at once, so that it ends.
//!
//! Invariants: the answer does not depend on the order of the input; bought = sold; nobody trades
//! outside the limit; what is left of the book does not cross.
//! Deliberately absent: time, money, the chain, zones and their links.
#![forbid(unsafe_code)]

pub mod naive;
mod pair;
mod uniform;

use ids::OrderId;
use serde::{Deserialize, Serialize};
use units::{Energy, Overflow, Price};

pub use pair::pair;

/// How many rounds drop a single order for its `min_fill`; later ones drop all that are violated.
pub const DROP_ROUNDS_MAX: usize = 32;

/// What an order wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Take energy.
    Buy,
    /// Give energy.
    Sell,
}

/// One order of the batch. Ids and hashes are unique in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its name in fills and trades.
    pub id: OrderId,
    /// Who owns it: orders of one owner never meet.
    pub owner: [u8; 20],
    /// Buy or sell.
    pub side: Side,
    /// How much at most; an order of nothing is left out.
    pub quantity: Energy,
    /// The limit: a buyer's all-in, a seller's net.
    pub price: Price,
    /// How much at least, or nothing at all.
    pub min_fill: Energy,
    /// What breaks ties: the hash of the signed terms.
    pub hash: [u8; 32],
}

/// What is paid per watt-hour on top of the energy price, and what the seller pays of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fees {
    /// The grid's fee for the local path, paid by the buyer.
    pub network: Price,
    /// The platform's fee, paid by the buyer.
    pub buyer: Price,
    /// The platform's fee, paid by the seller.
    pub seller: Price,
}

impl Fees {
    /// The energy price at which a buyer with this all-in limit still gains.
    pub fn energy_bid(&self, limit: Price) -> Result<Price, Overflow> {
        limit.minus(self.network)?.minus(self.buyer)
    }

    /// The energy price from which a seller with this net limit gains; never negative.
    pub fn energy_ask(&self, limit: Price) -> Result<Price, Overflow> {
        Ok(limit.at_least_zero().plus(self.seller)?.at_least_zero())
    }
}

/// How a community clears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// The price comes down to a multiple of this where the clearing interval has one. Above zero.
    pub tick: Price,
    /// The fees of the slot.
    pub fees: Fees,
}

/// What an order got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// The order.
    pub order: OrderId,
    /// Its side.
    pub side: Side,
    /// How much; above zero.
    pub quantity: Energy,
}

/// A buyer's and a seller's order meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trade {
    /// The buyer's order.
    pub buyer: OrderId,
    /// The seller's order.
    pub seller: OrderId,
    /// How much; above zero.
    pub quantity: Energy,
}

/// What came of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Clearing {
    /// The energy price of every trade; `None` when nothing traded.
    pub price: Option<Price>,
    /// The energy that changes hands.
    pub volume: Energy,
    /// Buyers by price from high to low, then sellers from low to high; equal prices by hash.
    pub fills: Vec<Fill>,
    /// At most buyers + sellers - 1, in the order of the fills.
    pub trades: Vec<Trade>,
    /// Orders left out because their `min_fill` could not be met, in the order they were dropped.
    pub dropped: Vec<OrderId>,
}

/// Clears one batch.
///
/// # Errors
/// [`Overflow`] when the sum of one side's quantities, or a limit with its fees, does not fit.
pub fn clear(orders: &[Order], rules: &Rules) -> Result<Clearing, Overflow> {
    assert!(rules.tick > Price::ZERO, "a tick is above zero");
    let mut quotes = uniform::quotes(orders, &rules.fees)?;
    let mut dropped = Vec::new();
    loop {
        let outcome = uniform::solve(&quotes, rules.tick)?;
        let mut violated = uniform::violated(&quotes, &outcome);
        if violated.is_empty() {
            let mut clearing = pair::clearing(&quotes, outcome);
            clearing.dropped = dropped;
            return Ok(clearing);
        }
        if dropped.len() < DROP_ROUNDS_MAX {
            violated.truncate(1);
        }
        dropped.extend(violated.iter().map(|&place| quotes[place].id));
        quotes.retain(|quote| !dropped.contains(&quote.id));
    }
}
