//! Clearing where the grid matters: fees by path, capacities of links, a price for every zone.
//!
//! The grid is a tree of zones, such as feeder -> substation -> medium voltage, as distribution
//! grids are run: between two zones there is one way. Orders may stand at every zone of it. A trade
//! climbs from the seller's zone to the smallest zone that holds both sides, meets the buyer there
//! and goes down again:
//!
//! ```text
//!        MV  fee 4                 fee of a trade = fees of the links up from the seller
//!    up ^  | down                                 + fee of the zone in which it meets
//!       |  v                                      + fees of the links down to the buyer
//!   feeder A  fee 1    feeder B  fee 1            inside A: 1, from B to A: 4
//! ```
//!
//! So one shape says both what tariffs are made of: "1 inside a zone, 4 across" (fees at zones, as
//! above) and "2 for every level that is passed" (fees at links). A link has no loops beside it, so
//! the fee of a trade does not depend on what others do; a meshed grid is not expressible. Several
//! trees are several markets: taking a link away leaves two islands. Fees are per watt-hour: one in
//! per cent of the price would make the best flow depend on the prices that follow from it.
//!
//! **What is maximised**: sum of (bid - ask - fee of the path) x energy over all trades, within
//! quantities and capacities, and of all that come to the same the largest volume. That is a flow
//! of least cost: whole watt-hours in, a whole optimum out. Every zone has one price `u`, what
//! sellers get in it; buyers pay `u + fee of the zone`. At a price, the net export of a subtree
//! follows from its orders, is shifted by the fees of its link and cut at its capacity; so the
//! price at the root is found by halving, then those below it.
//!
//! **Prices** are duals of the optimum. Those that are possible have a lowest and a highest point;
//! each zone gets the middle of both, brought down to the tick as far as all constraints between
//! zones allow. Zones joined by a link that is used and not full move together: its price
//! difference is exactly its fee. Across a full link the difference may be larger: its rent.
//!
//! **Money**: per watt-hour, a buyer pays [`ZonePrice::buyer`] of its zone, a seller gets
//! [`ZonePrice::seller`] of its, and what lies between is the path's fee and the rents of the full
//! links on it. All buyers pay = all sellers get + [`Zonal::fees`] + [`Zonal::rent`], exactly.
//! Platform fees are as everywhere: limits are taken to energy prices with [`Fees::buyer`] and
//! [`Fees::seller`], which are charged beside the price. The network's fee comes from the network
//! *instead of* [`Fees::network`]; that one is only the part of it which the settlement charges on
//! every watt-hour by itself, so every zone's fee is at least that. In a trade `sell_price` is the
//! seller's zone price and `buy_price` the buyer's less that part: then `buy_price + network +
//! buyer fee` is within the buyer's limit, `sell_price - seller fee` within the seller's, and
//! `buy_price - sell_price` >= 0 is what goes to the difference account: the rest of the path's
//! fee, and rent.
//!
//! **Rationing**: what is short at a price level is shared pro-rata by quantity where it comes
//! together: among the zones that a zone joins, then among the orders of a zone; largest remainder,
//! ties by zone and by order hash.
//!
//! **Own orders** of one owner are netted before the book is solved wherever they cross at the fee
//! of the path between them: within a zone first, then nearest zones first. A trade between two
//! orders implies that they cross at that fee, so what is left of an owner never meets itself. The
//! price of that: own orders in two zones that cross are both taken out, though they might have
//! traded with others.
//!
//! Deliberately absent: voltage, reactive power, losses; the rules' mechanism, as this is one.
//!
//! [`Fees::buyer`]: crate::Fees::buyer
//! [`Fees::seller`]: crate::Fees::seller
//! [`Fees::network`]: crate::Fees::network

mod book;
mod curtail;
mod flow;
mod money;
mod price;
mod trades;
mod tree;

use ids::{OrderId, ZoneId};
use serde::{Deserialize, Serialize};
use units::{Energy, Money, Price};

use crate::{Clearing, Order, Refusal, Rules, to_drop};
use book::Quote;
use tree::Tree;

pub use curtail::curtail;

/// The most zones of a network: time grows with orders, and with the square of zones in a chain.
pub const ZONES_MAX: usize = 256;
/// The number on chain of a clearing on a network: each fill has prices of its own.
pub const NUMBER: u8 = 133;

/// The most links: in a tree, one less than zones.
pub const LINKS_MAX: usize = ZONES_MAX - 1;

/// The grid of a slot, as far as trade has to regard it. See [`self`] for what its fees mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// All zones; their order does not matter.
    pub zones: Vec<Zone>,
    /// The links between them; a zone without a link to a parent is the root of a market.
    #[serde(default)]
    pub links: Vec<Link>,
}

/// A part of the grid in which all points are equally near.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// Its name.
    pub zone: ZoneId,
    /// What a watt-hour pays that meets its buyer in this zone: both sides stand in it or in two of
    /// its branches. Not negative, and at most what the same energy would pay coming down from the
    /// parent, so that trade never gains from a detour.
    pub fee: Price,
}

/// What joins a zone to the one above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The lower end; of one link only.
    pub zone: ZoneId,
    /// The upper end.
    pub parent: ZoneId,
    /// From the zone to its parent.
    pub up: Way,
    /// From the parent to the zone.
    pub down: Way,
}

/// One direction of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Way {
    /// What a watt-hour pays on it; not negative.
    #[serde(default)]
    pub fee: Price,
    /// What it carries at most in the slot; `None` is without a limit, zero closes it.
    #[serde(default)]
    pub capacity: Option<Energy>,
}

impl Network {
    /// Whether the network is a forest with sound fees and within its limits.
    ///
    /// # Errors
    /// [`Refusal::Rules`] with what is wrong.
    pub fn check(&self) -> Result<(), Refusal> {
        Tree::of(self).map(|_| ())
    }

    /// What a watt-hour pays to the grid on its way from a seller's zone to a buyer's; `None` where
    /// no energy can go that way, or the network is none.
    pub fn path_fee(&self, seller: ZoneId, buyer: ZoneId) -> Option<Price> {
        let tree = Tree::of(self).ok()?;
        let fee = tree.path_fee(tree.place(seller)?, tree.place(buyer)?)?;
        i64::try_from(fee).ok().map(Price::from_n_per_wh)
    }
}

/// What came of a batch on a network.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Zonal {
    /// Fills and trades. Its price is there when all trades have one and the same on both sides.
    pub clearing: Clearing,
    /// The zones in which energy is sold, bought or passes, by id.
    pub zones: Vec<ZonePrice>,
    /// The links that carry energy, by the id of their lower end.
    pub flows: Vec<LinkFlow>,
    /// What full links earn: the sum over flows.
    pub rent: Money,
    /// The network's fees: the sum over zones and flows. What is charged on every watt-hour by
    /// itself is part of them.
    pub fees: Money,
    /// Orders in zones that the network does not have; they get nothing. In the order of the input.
    pub outside: Vec<OrderId>,
}

/// A zone's prices and what they are paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZonePrice {
    /// The zone.
    pub zone: ZoneId,
    /// What buyers pay in it for energy, with the network's whole fee, without the platform's.
    pub buyer: Price,
    /// What sellers get in it for energy, the platform's fee not yet taken off.
    pub seller: Price,
    /// What its buyers get.
    pub bought: Energy,
    /// What its sellers give.
    pub sold: Energy,
    /// What meets in it, from wherever it comes.
    pub met: Energy,
    /// The zone's fee for what meets in it.
    pub fee: Money,
}

/// What a link carries; in one direction only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkFlow {
    /// Where the energy comes from.
    pub from: ZoneId,
    /// Where it goes.
    pub to: ZoneId,
    /// How much; above zero.
    pub energy: Energy,
    /// The link's fee for it.
    pub fee: Money,
    /// What it is worth more at the far end than at the near one, beyond all fees; zero or more,
    /// and above zero only on a link that is full.
    pub rent: Money,
}

/// Clears a batch on a network: the fills worth most after the fees of their paths, and the prices
/// of zones that support them. Of the rules it regards tick and fees. `min_fill` is met as the
/// crate says, with the surplus at zonal prices. A single zone whose fee is
/// [`Fees::network`](crate::Fees::network) clears as the uniform-price auction at its midpoint.
///
/// # Errors
/// [`Refusal::Rules`] where the network or the rules are not usable; [`Refusal::Overflow`] where a
/// sum of quantities, a price with its fees, or an amount of money does not fit.
pub fn clear(orders: &[Order], network: &Network, rules: &Rules) -> Result<Zonal, Refusal> {
    rules.check()?;
    let tree = Tree::of(network)?;
    let base = i128::from(rules.fees.network.n_per_wh());
    if tree.areas.iter().any(|area| area.fee < base) {
        return Err(Refusal::Rules("network: a zone's fee is below the fee of every watt-hour"));
    }
    let (mut quotes, outside) = book::quotes(orders, &tree, &rules.fees)?;
    let owners = book::owners(&quotes);
    let mut dropped = Vec::new();
    for number in 0.. {
        let open = book::netted(&quotes, &owners, &tree);
        let flow = flow::solve(&tree, &quotes, &open)?;
        let prices = price::prices(&tree, &quotes, &open, &flow, rules.tick);
        let violated = violated(&quotes, &flow.fills, &prices);
        if violated.is_empty() {
            let solved = Solved { tree: &tree, quotes: &quotes, flow, prices, base };
            let mut zonal = solved.answer()?;
            (zonal.clearing.dropped, zonal.outside) = (dropped, outside);
            return Ok(zonal);
        }
        for place in to_drop(number, violated, || picky(&quotes)) {
            quotes[place].quantity = 0;
            dropped.push(quotes[place].id);
        }
    }
    unreachable!("a round in which no order has a min_fill is the last")
}

/// Places of the quotes that are kept and have a `min_fill`, by hash.
fn picky(quotes: &[Quote]) -> Vec<usize> {
    let kept = |place: &usize| quotes[*place].quantity > 0 && quotes[*place].min_fill > 0;
    let mut places: Vec<usize> = (0..quotes.len()).filter(kept).collect();
    places.sort_by_key(|&place| (quotes[place].hash, quotes[place].id));
    places
}

/// Places of the quotes filled above zero and below their `min_fill`, lowest surplus first, equal
/// surplus by hash.
fn violated(quotes: &[Quote], fills: &[u64], prices: &[Option<i128>]) -> Vec<usize> {
    let surplus = |place: usize| {
        let quote: &Quote = &quotes[place];
        let price = prices[quote.area].expect("a zone with fills has a price");
        (quote.value - price).abs() * i128::from(fills[place])
    };
    let mut places: Vec<usize> = (0..quotes.len())
        .filter(|&place| (1..quotes[place].min_fill).contains(&fills[place]))
        .collect();
    places.sort_by_key(|&place| (surplus(place), quotes[place].hash, quotes[place].id));
    places
}

/// A solved round, on its way to be told.
struct Solved<'a> {
    tree: &'a Tree,
    quotes: &'a [Quote],
    flow: flow::Flow,
    /// What sellers get, by area, where energy is or passes.
    prices: Vec<Option<i128>>,
    base: i128,
}

impl Solved<'_> {
    fn answer(&self) -> Result<Zonal, Refusal> {
        let (zones, flows) = (self.zones()?, self.flows()?);
        let fees = zones.iter().map(|zone| zone.fee).chain(flows.iter().map(|flow| flow.fee));
        let rents = flows.iter().map(|flow| flow.rent);
        let (fees, rent) = (Money::sum(fees)?, Money::sum(rents)?);
        let clearing = self.clearing()?;
        Ok(Zonal { clearing, zones, flows, rent, fees, outside: Vec::new() })
    }
}
