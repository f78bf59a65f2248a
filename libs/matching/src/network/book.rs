//! Orders at the prices of their zones, and what is left once own orders have met.

use std::collections::BTreeMap;

use ids::OrderId;
use units::{Energy, Overflow, Price};

use super::tree::Tree;
use crate::{Fees, Order, Side};

/// An order at its energy price.
pub(super) struct Quote {
    pub(super) id: OrderId,
    pub(super) side: Side,
    owner: [u8; 20],
    pub(super) area: usize,
    /// What it asks for; nothing once it is dropped.
    pub(super) quantity: u64,
    /// Its limit as a price of sellers in its area: a bid's is less the fee of the area.
    pub(super) value: i128,
    pub(super) min_fill: u64,
    pub(super) hash: [u8; 32],
}

/// The orders at their energy prices, buyers from high to low, then sellers from low to high; and
/// the orders of zones that are not in the tree.
pub(super) fn quotes(
    orders: &[Order],
    tree: &Tree,
    fees: &Fees,
) -> Result<(Vec<Quote>, Vec<OrderId>), Overflow> {
    // The network's fee is not known before the path is.
    let fees = Fees { network: Price::ZERO, ..*fees };
    let mut quotes = Vec::with_capacity(orders.len());
    let mut outside = Vec::new();
    for order in orders.iter().filter(|order| order.quantity > Energy::ZERO) {
        let Some(area) = tree.place(order.zone) else {
            outside.push(order.id);
            continue;
        };
        let (price, fee) = match order.side {
            Side::Buy => (fees.energy_bid(order.price)?, tree.areas[area].fee),
            Side::Sell => (fees.energy_ask(order.price)?, 0),
        };
        quotes.push(Quote {
            id: order.id,
            side: order.side,
            owner: order.owner,
            area,
            quantity: order.quantity.wh(),
            value: i128::from(price.n_per_wh()) - fee,
            min_fill: order.min_fill.wh(),
            hash: order.hash,
        });
    }
    quotes.sort_by_key(|quote| {
        let merit = match quote.side {
            Side::Buy => -(quote.value + tree.areas[quote.area].fee),
            Side::Sell => quote.value,
        };
        (quote.side, merit, quote.hash, quote.id)
    });
    Ok((quotes, outside))
}

/// The places of each owner's quotes, buyers first, of those that both buy and sell.
pub(super) fn owners(quotes: &[Quote]) -> Vec<Vec<usize>> {
    let mut owners: BTreeMap<[u8; 20], Vec<usize>> = BTreeMap::new();
    for (place, quote) in quotes.iter().enumerate() {
        owners.entry(quote.owner).or_default().push(place);
    }
    owners.retain(|_, own| quotes[own[0]].side != quotes[own[own.len() - 1]].side);
    owners.into_values().collect()
}

/// What is left of each quote once an owner's own orders have met that cross at the fee of the path
/// between them: within an area first, then by fee; best bid, best ask.
pub(super) fn netted(quotes: &[Quote], owners: &[Vec<usize>], tree: &Tree) -> Vec<u64> {
    let mut open: Vec<u64> = quotes.iter().map(|quote| quote.quantity).collect();
    for own in owners {
        net_owner(quotes, tree, own, &mut open);
    }
    open
}

fn net_owner(quotes: &[Quote], tree: &Tree, own: &[usize], open: &mut [u64]) {
    let mut sides: BTreeMap<(Side, usize), Vec<usize>> = BTreeMap::new();
    for &place in own {
        sides.entry((quotes[place].side, quotes[place].area)).or_default().push(place);
    }
    let areas = |side: Side| sides.keys().filter(move |key| key.0 == side).map(|key| key.1);
    let mut paths = Vec::new();
    for seller in areas(Side::Sell) {
        for buyer in areas(Side::Buy) {
            if let Some(fee) = tree.path_fee(seller, buyer) {
                paths.push((seller != buyer, fee, seller, buyer));
            }
        }
    }
    paths.sort_unstable();
    for (_, fee, seller, buyer) in paths {
        let (bids, asks) = (&sides[&(Side::Buy, buyer)], &sides[&(Side::Sell, seller)]);
        // A bid's value is less its area's fee, which a path from elsewhere does not have.
        let extra = fee - tree.areas[buyer].fee;
        let (mut bid, mut ask) = (0, 0);
        while let (Some(&buys), Some(&sells)) = (bids.get(bid), asks.get(ask)) {
            if quotes[buys].value < quotes[sells].value + extra {
                break;
            }
            let both = open[buys].min(open[sells]);
            open[buys] -= both;
            open[sells] -= both;
            bid += usize::from(open[buys] == 0);
            ask += usize::from(open[sells] == 0);
        }
    }
}
