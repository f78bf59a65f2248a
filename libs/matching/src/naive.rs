//! The slow twin of [`crate::clear`]: the same rules, watt-hour by watt-hour and by trying every
//! price. It is the oracle of the tests and shares no code with the fast one but the fees.
//!
//! Limits: energy and time grow with each other, so small books only; no overflow checks.

use std::collections::BTreeMap;

use ids::OrderId;
use units::Price;

use crate::{Mechanism, Order, Rules, Side};

/// What the twin says of a book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The price, if anything trades.
    pub price: Option<i64>,
    /// Watt-hours of every order that got some.
    pub fills: BTreeMap<OrderId, u64>,
}

/// An order on its way: its energy price, the watt-hours left to trade, the watt-hours it got.
struct Slow<'a> {
    order: &'a Order,
    price: i64,
    open: u64,
    got: u64,
}

/// Clears a small book; prices and fees are small enough to be added.
pub fn clear(orders: &[Order], rules: &Rules) -> Outcome {
    let mut out: Vec<OrderId> = Vec::new();
    for number in 0.. {
        let kept: Vec<&Order> = orders.iter().filter(|order| !out.contains(&order.id)).collect();
        let (price, book) = round(&kept, rules);
        let bad = |slow: &&Slow<'_>| slow.got > 0 && slow.got < slow.order.min_fill.wh();
        let surplus = |slow: &Slow<'_>| (slow.price - price.unwrap_or(0)).unsigned_abs() * slow.got;
        let mut violated: Vec<&Slow<'_>> = book.iter().filter(bad).collect();
        violated.sort_by_key(|slow| (surplus(slow), slow.order.hash));
        if violated.is_empty() {
            let fills = book.iter().filter(|slow| slow.got > 0);
            return Outcome { price, fills: fills.map(|slow| (slow.order.id, slow.got)).collect() };
        }
        if number >= 2 * crate::DROP_ROUNDS_MAX {
            out.extend(kept.iter().filter(|order| order.min_fill.wh() > 0).map(|order| order.id));
            continue;
        }
        let count = if number < crate::DROP_ROUNDS_MAX { 1 } else { violated.len() };
        out.extend(violated[..count].iter().map(|slow| slow.order.id));
    }
    unreachable!("the last round has no min_fill")
}

/// One round: net unit by unit, try every price, hand out unit by unit.
fn round<'a>(orders: &[&'a Order], rules: &Rules) -> (Option<i64>, Vec<Slow<'a>>) {
    let mut book: Vec<Slow<'a>> = orders.iter().map(|order| slow(order, rules)).collect();
    while let Some((bid, ask)) = own_cross(&book) {
        book[bid].open -= 1;
        book[ask].open -= 1;
    }
    let sum = |keep: &dyn Fn(&Slow<'_>) -> bool| -> u64 {
        book.iter().filter(|slow| keep(slow)).map(|slow| slow.open).sum()
    };
    let bids = |at: i64| sum(&|slow| slow.order.side == Side::Buy && slow.price >= at);
    let asks = |at: i64| sum(&|slow| slow.order.side == Side::Sell && slow.price <= at);
    let mut prices: Vec<i64> = book.iter().map(|slow| slow.price).collect();
    prices.sort_unstable();
    let volume = prices.iter().map(|&at| bids(at).min(asks(at))).max().unwrap_or(0);
    if volume == 0 {
        return (None, book);
    }
    // A price clears when those who must trade at it can, and nobody who wants to is kept out.
    let clears = |at: i64| {
        bids(at + 1) <= volume && volume <= bids(at) && asks(at - 1) <= volume && volume <= asks(at)
    };
    let clearing: Vec<i64> = prices.into_iter().filter(|&at| clears(at)).collect();
    let (low, high) = (clearing[0], clearing[clearing.len() - 1]);
    let Mechanism::Uniform { k_bps } = rules.mechanism else {
        panic!("the twin knows the uniform-price auction only");
    };
    let point = low + (high - low) * i64::from(k_bps) / 10_000;
    let price = low.max(point / rules.tick.n_per_wh() * rules.tick.n_per_wh());
    for side in [Side::Buy, Side::Sell] {
        hand_out(&mut book, side, volume);
    }
    (Some(price), book)
}

fn slow<'a>(order: &'a Order, rules: &Rules) -> Slow<'a> {
    let bid = rules.fees.energy_bid(order.price);
    let price = if order.side == Side::Buy { bid } else { rules.fees.energy_ask(order.price) };
    let price = price.map_or(0, Price::n_per_wh);
    Slow { order, price, open: order.quantity.wh(), got: 0 }
}

/// The best bid and the best ask of one owner that still cross.
fn own_cross(book: &[Slow<'_>]) -> Option<(usize, usize)> {
    let open = |side: Side| {
        let mut places: Vec<usize> = (0..book.len())
            .filter(|&place| book[place].order.side == side && book[place].open > 0)
            .collect();
        let merit =
            |place: usize| if side == Side::Buy { -book[place].price } else { book[place].price };
        places.sort_by_key(|&place| (merit(place), book[place].order.hash));
        places
    };
    let (bids, asks) = (open(Side::Buy), open(Side::Sell));
    let crosses = |bid: usize, ask: usize| {
        book[bid].order.owner == book[ask].order.owner && book[bid].price >= book[ask].price
    };
    bids.into_iter()
        .find_map(|bid| asks.iter().find(|&&ask| crosses(bid, ask)).map(|&ask| (bid, ask)))
}

/// Gives one side `volume` units: each to the best price that wants more, and at one price to whom
/// is furthest behind its share.
fn hand_out(book: &mut [Slow<'_>], side: Side, volume: u64) {
    let mut left = volume;
    while left > 0 {
        let wants = |slow: &&Slow<'_>| slow.order.side == side && slow.got < slow.open;
        let merit = |price: i64| if side == Side::Buy { -price } else { price };
        let best = book.iter().filter(wants).map(|slow| merit(slow.price)).min().map(merit);
        let mut level: Vec<&mut Slow<'_>> = book
            .iter_mut()
            .filter(|slow| slow.order.side == side && Some(slow.price) == best)
            .collect();
        let asked: u64 = level.iter().map(|slow| slow.open).sum();
        let supply = left.min(asked);
        for slow in &mut level {
            slow.got = supply * slow.open / asked;
            left -= slow.got;
        }
        let given: u64 = level.iter().map(|slow| slow.got).sum();
        for _ in given..supply {
            let behind =
                |slow: &Slow<'_>| i128::from(supply * slow.open) - i128::from(slow.got * asked);
            level.sort_by_key(|slow| (-behind(slow), slow.order.hash));
            level[0].got += 1;
            left -= 1;
        }
    }
}
