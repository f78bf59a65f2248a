//! The slow twins: every mechanism again, watt-hour by watt-hour, by trying and by sorting, with
//! nothing of the fast ones but the plain types.
//!
//! For small books with small prices only.

mod by_merit;
mod by_rule;
mod halves;
pub(crate) mod in_turn;

use std::collections::BTreeMap;

use ids::OrderId;
use matching::{Clearing, Mechanism, Order, Rules, Side};

use crate::mechanisms::books::energy_price;

/// An order on its way.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) order: Order,
    pub(crate) price: i64,
    pub(crate) open: u64,
}

/// Both sides in merit order, own crossings gone.
#[derive(Debug, Clone)]
pub(crate) struct Lines {
    pub(crate) bids: Vec<Line>,
    pub(crate) asks: Vec<Line>,
}

/// A watt-hour that is traded: whose, and at which prices.
pub(crate) type Deal = (OrderId, OrderId, i64, i64);

/// What a twin says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) price: Option<i64>,
    /// Watt-hours of each pair at each price.
    pub(crate) deals: BTreeMap<Deal, u64>,
    pub(crate) dropped: Vec<OrderId>,
}

impl Outcome {
    /// The same of the fast one.
    pub(crate) fn of(clearing: &Clearing) -> Outcome {
        let mut deals = BTreeMap::new();
        for trade in &clearing.trades {
            let prices = (trade.buy_price.n_per_wh(), trade.sell_price.n_per_wh());
            let deal = (trade.buyer, trade.seller, prices.0, prices.1);
            *deals.entry(deal).or_default() += trade.quantity.wh();
        }
        let price = clearing.price.map(units::Price::n_per_wh);
        Outcome { price, deals, dropped: clearing.dropped.clone() }
    }
}

/// Nets unit by unit: an owner's best bid with its best ask that it crosses.
pub(crate) fn lines(orders: &[Order], rules: &Rules, without: &[OrderId]) -> Lines {
    let side = |side: Side| {
        let own = orders.iter().filter(|o| o.side == side && !without.contains(&o.id));
        let line = |order: &Order| Line {
            order: order.clone(),
            price: energy_price(order, rules),
            open: order.quantity.wh(),
        };
        let mut lines: Vec<Line> = own.map(line).collect();
        lines.sort_by_key(|line| {
            let merit = if side == Side::Buy { -line.price } else { line.price };
            (merit, line.order.hash)
        });
        lines
    };
    let (mut bids, mut asks) = (side(Side::Buy), side(Side::Sell));
    for bid in &mut bids {
        for ask in &mut asks {
            while bid.open > 0
                && ask.open > 0
                && bid.order.owner == ask.order.owner
                && bid.price >= ask.price
            {
                bid.open -= 1;
                ask.open -= 1;
            }
        }
    }
    bids.retain(|line| line.open > 0);
    asks.retain(|line| line.open > 0);
    Lines { bids, asks }
}

/// One entry for each open watt-hour of a side.
pub(crate) fn watt_hours(lines: &[Line]) -> Vec<&Line> {
    lines.iter().flat_map(|line| (0..line.open).map(move |_| line)).collect()
}

/// The watt-hours that trade at best: the highest bids with the lowest asks while they cross.
pub(crate) fn crossing(lines: &Lines) -> Vec<(&Line, &Line)> {
    let pairs = watt_hours(&lines.bids).into_iter().zip(watt_hours(&lines.asks));
    pairs.take_while(|(bid, ask)| bid.price >= ask.price).collect()
}

/// Shares `total` among lines by their open quantity; the rest goes one by one to the largest
/// remainder, equal ones by hash. Returns the lines with what they got.
pub(crate) fn shared(lines: &[Line], total: u64) -> Vec<Line> {
    let sum: u64 = lines.iter().map(|line| line.open).sum();
    let total = total.min(sum);
    let mut got: Vec<Line> = lines.to_vec();
    let mut order: Vec<usize> = (0..lines.len()).collect();
    order.sort_by_key(|&place| {
        let rest = (total * lines[place].open).checked_rem(sum).unwrap_or(0);
        (std::cmp::Reverse(rest), lines[place].order.hash)
    });
    for line in &mut got {
        line.open = (total * line.open).checked_div(sum).unwrap_or(0);
    }
    let given: u64 = got.iter().map(|line| line.open).sum();
    for &place in &order[..usize::try_from(total - given).unwrap()] {
        got[place].open += 1;
    }
    got
}

/// Joins what both sides got, in merit order, at one price.
pub(crate) fn joined(bids: &[Line], asks: &[Line], price: i64) -> Vec<Deal> {
    let pairs = watt_hours(bids).into_iter().zip(watt_hours(asks));
    pairs.map(|(bid, ask)| (bid.order.id, ask.order.id, price, price)).collect()
}

/// The best bid and the best ask that are left of a book whose orders got so much.
pub(crate) fn left(
    orders: &[Order],
    rules: &Rules,
    clearing: &Clearing,
) -> (Option<i64>, Option<i64>) {
    let mut rests: Vec<(Side, i64, u64)> = Vec::new();
    if rules.mechanism == Mechanism::Continuous {
        rests = in_turn::run(orders, rules).resting;
    } else {
        let got = crate::mechanisms::books::fills(clearing);
        let book = lines(orders, rules, &clearing.dropped);
        for line in book.bids.iter().chain(&book.asks) {
            let open = line.open - got.get(&line.order.id).copied().unwrap_or(0);
            rests.push((line.order.side, line.price, open));
        }
    }
    let of = |side: Side| {
        let own = rests.iter().filter(move |rest| rest.0 == side && rest.2 > 0);
        own.map(|rest| rest.1)
    };
    (of(Side::Buy).max(), of(Side::Sell).min())
}

/// What continuous trading comes to.
fn one_by_one(orders: &[Order], rules: &Rules) -> Outcome {
    let run = in_turn::run(orders, rules);
    let mut deals = BTreeMap::new();
    for (buyer, seller, quantity, price) in run.trades {
        *deals.entry((buyer, seller, price, price)).or_default() += quantity;
    }
    Outcome { price: None, deals, dropped: run.dropped }
}

/// Clears a small book.
pub(crate) fn clear(orders: &[Order], rules: &Rules) -> Outcome {
    if rules.mechanism == Mechanism::Continuous {
        return one_by_one(orders, rules);
    }
    let mut dropped: Vec<OrderId> = Vec::new();
    for number in 0.. {
        let book = lines(orders, rules, &dropped);
        let all = solve(&book, orders, rules);
        let mut deals: BTreeMap<Deal, u64> = BTreeMap::new();
        let mut got: BTreeMap<OrderId, (u64, i64)> = BTreeMap::new();
        for deal in all {
            *deals.entry(deal).or_default() += 1;
            for (id, price) in [(deal.0, deal.2), (deal.1, deal.3)] {
                let order = orders.iter().find(|order| order.id == id).unwrap();
                let got = got.entry(id).or_default();
                got.0 += 1;
                got.1 += (energy_price(order, rules) - price).abs();
            }
        }
        let mut violated: Vec<(i64, [u8; 32], OrderId)> = orders
            .iter()
            .filter_map(|order| {
                let (quantity, gain) = got.get(&order.id)?;
                (*quantity < order.min_fill.wh()).then_some((*gain, order.hash, order.id))
            })
            .collect();
        violated.sort_unstable();
        if violated.is_empty() {
            let one_price = rules.mechanism.number() < 128;
            let price = deals.keys().next().map(|deal| deal.2).filter(|_| one_price);
            return Outcome { price, deals, dropped };
        }
        if number >= 2 * matching::DROP_ROUNDS_MAX {
            let mut rest: Vec<&Order> = orders
                .iter()
                .filter(|order| order.min_fill.wh() > 0 && !dropped.contains(&order.id))
                .collect();
            rest.sort_by_key(|order| order.hash);
            dropped.extend(rest.iter().map(|order| order.id));
            continue;
        }
        let count = if number < matching::DROP_ROUNDS_MAX { 1 } else { violated.len() };
        dropped.extend(violated[..count].iter().map(|(_, _, id)| id));
    }
    unreachable!("the last round has no min_fill")
}

/// One round, a deal for each watt-hour.
fn solve(book: &Lines, orders: &[Order], rules: &Rules) -> Vec<Deal> {
    let price = |mechanism: &Mechanism| mechanism.given_price().unwrap().n_per_wh();
    match &rules.mechanism {
        Mechanism::Uniform { .. } => unreachable!("its twin is matching::naive"),
        Mechanism::Continuous => unreachable!("its twin knows no rounds"),
        rule @ (Mechanism::FixedPrice { .. } | Mechanism::DynamicAllocation { .. }) => {
            by_rule::exchange(book, price(rule))
        }
        Mechanism::MidMarket => by_rule::exchange(book, by_rule::mid_market(rules)),
        Mechanism::SupplyDemand => {
            let price = by_rule::supply_demand(&lines(orders, rules, &[]), rules);
            by_rule::exchange(book, price)
        }
        Mechanism::BillSharing => by_rule::exchange(book, 0),
        rule @ Mechanism::StaticAllocation { .. } => {
            by_rule::allocate(book, price(rule), rules, false)
        }
        rule @ Mechanism::CascadeAllocation { .. } => {
            by_rule::allocate(book, price(rule), rules, true)
        }
        Mechanism::PayAsBid => by_merit::k_pricing(book, 10_000),
        Mechanism::KPricing { k_bps } => by_merit::k_pricing(book, i64::from(*k_bps)),
        Mechanism::LemlabUniform => by_merit::lemlab(book, true),
        Mechanism::LemlabDiscriminatory => by_merit::lemlab(book, false),
        Mechanism::GsyPayAsClear => by_merit::gsy_pay_as_clear(book),
        Mechanism::GsyPayAsBid => by_merit::gsy_pay_as_bid(book),
        Mechanism::McAfee => halves::mc_afee(book),
        Mechanism::Muda => halves::muda(book, orders, rules),
    }
}
