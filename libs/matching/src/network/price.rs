//! The prices of zones: the duals of a flow.
//!
//! A sellers' price `u` per area supports a flow when every order that gains at it is filled, none
//! that loses is, and every link carries energy to where it is worth more. Orders bound `u`; links
//! bound differences of `u` between two areas. Such sets have a lowest and a highest point, the
//! middle of both rounded down is in the set, and so is the lowest of all points above a given one.

use units::Price;

use super::book::Quote;
use super::flow::Flow;
use super::tree::Tree;
use crate::Side;

/// The price of sellers in each area in which energy is, or through which it passes.
pub(super) fn prices(
    tree: &Tree,
    quotes: &[Quote],
    open: &[u64],
    flow: &Flow,
    tick: Price,
) -> Vec<Option<i128>> {
    let differences = differences(tree, flow);
    let (mut low, mut high) = bounds(tree, quotes, open, flow);
    raise(tree, &differences, &mut low);
    lower(tree, &differences, &mut high);
    let tick = i128::from(tick.n_per_wh());
    let traded = traded(tree, quotes, flow);
    let mut prices = low.clone();
    for area in (0..prices.len()).filter(|&area| traded[area]) {
        let high = high[area].expect("what trades has a buyer, and that one a limit");
        assert!(low[area] <= high, "an optimal flow has prices that support it");
        let middle = low[area] + (high - low[area]) / 2;
        prices[area] = low[area].max(middle - middle % tick);
    }
    // Fees that are no multiples of the tick can set neighbours apart by less than one.
    raise(tree, &differences, &mut prices);
    prices.iter().zip(traded).map(|(&price, traded)| traded.then_some(price)).collect()
}

/// What an area's link says of its price `u` and its parent's `above`.
struct Difference {
    /// `above <= u + up`, if it says so.
    up: Option<i128>,
    /// `u <= above + down`, if it says so.
    down: Option<i128>,
}

/// A way that is used and not full fixes the difference, a full one bounds it from below, one that
/// is free bounds it from above.
fn differences(tree: &Tree, flow: &Flow) -> Vec<Difference> {
    let links = tree.areas.iter().zip(&flow.exports);
    let difference = |(area, &export): (&super::tree::Area, &i128)| {
        let up = (export < area.up.capacity).then_some(area.up.fee);
        let down = (-export < area.down.capacity).then_some(area.step_down);
        Difference {
            up: if export < 0 { Some(-area.step_down) } else { up },
            down: if export > 0 { Some(-area.up.fee) } else { down },
        }
    };
    links.map(difference).collect()
}

/// What the orders of each area leave its price: nothing below zero, above what its filled bids and
/// open asks allow, below what its filled asks and open bids do.
fn bounds(
    tree: &Tree,
    quotes: &[Quote],
    open: &[u64],
    flow: &Flow,
) -> (Vec<i128>, Vec<Option<i128>>) {
    let mut low = vec![0; tree.areas.len()];
    let mut high = vec![None; tree.areas.len()];
    for (place, quote) in quotes.iter().enumerate() {
        let (filled, left) = (flow.fills[place] > 0, flow.fills[place] < open[place]);
        let (holds_up, holds_down) = match quote.side {
            Side::Buy => (left, filled),
            Side::Sell => (filled, left),
        };
        if holds_up {
            low[quote.area] = quote.value.max(low[quote.area]);
        }
        if holds_down {
            high[quote.area] = least(high[quote.area], Some(quote.value));
        }
    }
    (low, high)
}

/// The smaller of two bounds, of which each may be none.
fn least(one: Option<i128>, other: Option<i128>) -> Option<i128> {
    one.into_iter().chain(other).min()
}

/// The least prices at or above these that keep all differences. In a tree, once up and once down.
fn raise(tree: &Tree, differences: &[Difference], prices: &mut [i128]) {
    for &area in &tree.bottom_up {
        if let (Some(parent), Some(down)) = (tree.areas[area].parent, differences[area].down) {
            prices[parent] = prices[parent].max(prices[area] - down);
        }
    }
    for &area in tree.bottom_up.iter().rev() {
        if let (Some(parent), Some(up)) = (tree.areas[area].parent, differences[area].up) {
            prices[area] = prices[area].max(prices[parent] - up);
        }
    }
}

/// The greatest prices at or below these that keep all differences.
fn lower(tree: &Tree, differences: &[Difference], prices: &mut [Option<i128>]) {
    let shifted = |price: Option<i128>, by: Option<i128>| Some(price? + by?);
    for &area in &tree.bottom_up {
        if let Some(parent) = tree.areas[area].parent {
            let bound = shifted(prices[area], differences[area].up);
            prices[parent] = least(prices[parent], bound);
        }
    }
    for &area in tree.bottom_up.iter().rev() {
        if let Some(parent) = tree.areas[area].parent {
            prices[area] = least(prices[area], shifted(prices[parent], differences[area].down));
        }
    }
}

/// Whether energy is sold or bought in an area, or passes.
fn traded(tree: &Tree, quotes: &[Quote], flow: &Flow) -> Vec<bool> {
    let mut traded: Vec<bool> = flow.exports.iter().map(|&export| export != 0).collect();
    for &area in &tree.bottom_up {
        if let (Some(parent), true) = (tree.areas[area].parent, flow.exports[area] != 0) {
            traded[parent] = true;
        }
    }
    for (quote, _) in quotes.iter().zip(&flow.fills).filter(|(_, quantity)| **quantity > 0) {
        traded[quote.area] = true;
    }
    traded
}
