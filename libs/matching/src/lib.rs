//! Clearing the orders of one slot: who gets how much, at what price, from whom.
//!
//! ```text
//! orders --fees--> energy prices --net own--> books --mechanism--> prices, fills --pair--> trades
//!                                     ^                 |
//!                                     +-- drop one <----+  while a fill is below its min_fill
//! ```
//!
//! [`clear`] runs the mechanism that [`Rules`] name. All of them are pure functions of the same
//! form, so a community may choose one for each slot, and researchers may compare them on one book:
//! see [`Mechanism`] for what each does and [`Mechanism::properties`] for what it promises.
//!
//! Prices: a buyer's limit is all-in, a seller's is net. [`Rules::fees`] bring both to the energy
//! price: bids lose network and buyer's fee, asks gain the seller's fee. An ask below zero counts
//! as zero, so a price is never negative.
//!
//! Self-trade: in a batch an owner's own crossing orders are netted before the book is solved, best
//! bid against best ask. What is left of one owner does not cross, so no trade inside both limits
//! can let it meet itself.
//!
//! `min_fill`: an order filled above zero and below it is violated. The violated order with the
//! lowest surplus is dropped and the book solved again, [`DROP_ROUNDS_MAX`] times one by one; then
//! as often all violated orders of a round at once; then all orders with a `min_fill`, by hash. So
//! nobody can keep a clearing busy with orders that cannot be met.
//!
//! Invariants: bought = sold; nobody trades outside the limit; what buyers pay is what sellers get
//! and what is named as difference; the answer of a batch mechanism does not depend on the order of
//! the input.
//! Deliberately absent: clocks, money accounts, the chain.
#![forbid(unsafe_code)]

mod allocation;
pub mod book;
mod gsy;
mod mcafee;
mod mechanism;
mod merit;
pub mod metrics;
pub mod muda;
pub mod naive;
pub mod network;
mod pair;
mod rounds;
pub mod rule_price;
mod sides;
mod uniform;

use ids::{OrderId, ZoneId};
use serde::{Deserialize, Serialize};
use units::{Energy, Overflow, Price};

use allocation::Unused;
use rounds::Outcome;
use sides::Sides;

pub use allocation::equal_shares;
pub use mechanism::{Mechanism, NotAMechanism, PRICED_FROM, Properties};
pub use pair::pair;
pub use uniform::{Allocation, Batch};

/// How many rounds drop a single order for its `min_fill`, and how many after them all that are
/// violated; the one after those drops all orders that have one.
pub const DROP_ROUNDS_MAX: usize = 32;

/// What the round of this number, from 0, drops of the `violated` orders, lowest surplus first, and
/// of `all` orders that have a `min_fill`, by hash.
pub(crate) fn to_drop<T>(
    round: usize,
    mut violated: Vec<T>,
    all: impl FnOnce() -> Vec<T>,
) -> Vec<T> {
    if round >= 2 * DROP_ROUNDS_MAX {
        return all();
    }
    if round < DROP_ROUNDS_MAX {
        violated.truncate(1);
    }
    violated
}

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
    /// Its place in the journal: who came first, where time has priority.
    pub sequence: u64,
    /// The grid area of its connection point; matters where there is a network.
    pub zone: ZoneId,
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

/// How a slot is cleared: with the orders, all that a clearing depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// How prices and quantities are found.
    pub mechanism: Mechanism,
    /// A price that the mechanism chooses from an interval comes down to a multiple of this where
    /// the interval has one. Above zero.
    pub tick: Price,
    /// The fees of the slot.
    pub fees: Fees,
    /// What energy costs and brings outside of the market, for mechanisms that set the price by
    /// rule.
    #[serde(default)]
    pub reference: Reference,
    /// What a mechanism draws lots from: unknown to all when orders are placed.
    #[serde(default)]
    pub seed: [u8; 32],
    /// Who gets which part, for static and cascade allocation; who is not named gets none.
    #[serde(default)]
    pub shares: Vec<Share>,
}

impl Rules {
    /// The uniform-price call auction at its midpoint, without a network.
    pub fn uniform(tick: Price, fees: Fees) -> Rules {
        Rules {
            mechanism: Mechanism::default(),
            tick,
            fees,
            reference: Reference::default(),
            seed: [0; 32],
            shares: Vec::new(),
        }
    }
}

/// Prices of the slot outside of the market. Neither is negative, and feed-in is at most retail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// What the retailer takes for a watt-hour.
    pub retail: Price,
    /// What the retailer gives for a watt-hour.
    pub feed_in: Price,
}

/// A member's part of what is allocated, in proportion to all parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Who.
    pub owner: [u8; 20],
    /// How much, against the sum of all.
    pub weight: u32,
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
    /// The energy price that the buyer pays.
    pub buy_price: Price,
    /// The energy price that the seller gets; at most what the buyer pays.
    pub sell_price: Price,
}

/// What came of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Clearing {
    /// The energy price of every trade; `None` when nothing traded or trades have their own prices.
    pub price: Option<Price>,
    /// The energy that changes hands.
    pub volume: Energy,
    /// Buyers by price from high to low, then sellers from low to high; equal prices by hash.
    pub fills: Vec<Fill>,
    /// In the order of the fills, where the mechanism does not say otherwise.
    pub trades: Vec<Trade>,
    /// Orders left out because their `min_fill` could not be met, in the order they were dropped.
    pub dropped: Vec<OrderId>,
}

/// Why a batch is not cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A sum of quantities, or a limit with its fees, does not fit.
    #[error(transparent)]
    Overflow(#[from] Overflow),
    /// The rules contradict themselves: which of them, and how.
    #[error("rules: {0}")]
    Rules(&'static str),
}

/// Clears one batch by the mechanism that the rules name.
///
/// # Errors
/// [`Refusal::Rules`] where the rules are not usable, [`Refusal::Overflow`] where a sum of
/// quantities, or a limit with its fees, does not fit.
pub fn clear(orders: &[Order], rules: &Rules) -> Result<Clearing, Refusal> {
    rules.check()?;
    let frame = |solve: &dyn Fn(&Sides) -> Outcome| rounds::clear(orders, rules, solve);
    let exchange = |price| frame(&|book| rule_price::exchange(book, price));
    let by_share =
        |price, unused| frame(&|book| allocation::by_share(book, price, &rules.shares, unused));
    match rules.mechanism {
        Mechanism::Uniform { k_bps } => uniform::clear(orders, rules, k_bps),
        Mechanism::FixedPrice { price } | Mechanism::DynamicAllocation { price } => exchange(price),
        Mechanism::MidMarket => exchange(rule_price::mid_market(&rules.reference, rules.tick)),
        Mechanism::SupplyDemand => exchange(rule_price::by_ratio(orders, rules)?),
        Mechanism::BillSharing => exchange(Price::ZERO),
        Mechanism::StaticAllocation { price } => by_share(price, Unused::Surplus),
        Mechanism::CascadeAllocation { price } => by_share(price, Unused::Passed),
        Mechanism::GsyPayAsClear => frame(&gsy::pay_as_clear),
        Mechanism::GsyPayAsBid => frame(&gsy::pay_as_bid),
        Mechanism::LemlabUniform => frame(&merit::last_pair),
        Mechanism::LemlabDiscriminatory => frame(&merit::each_pair),
        Mechanism::PayAsBid => frame(&|book| merit::k_pricing(book, 10_000)),
        Mechanism::KPricing { k_bps } => frame(&|book| merit::k_pricing(book, k_bps)),
        Mechanism::Continuous => book::continuous(orders, rules),
        Mechanism::McAfee => frame(&mcafee::solve),
        Mechanism::Muda => muda::clear(orders, rules),
    }
}
