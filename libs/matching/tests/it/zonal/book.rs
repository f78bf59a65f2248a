//! What tests write books and networks with.

use std::collections::BTreeMap;

use ids::{OrderId, ZoneId};
use matching::network::{Link, Network, Way, Zonal, Zone};
use matching::{Fees, Order, Rules, Side};
use units::{Energy, Price};

use crate::orders;
pub(crate) use crate::orders::Dice;

pub(crate) fn zone(name: &str) -> ZoneId {
    ZoneId::derived(name)
}

/// An order of an owner of its own.
pub(crate) fn order(name: &str, at: &str, side: Side, quantity: u64, price: i64) -> Order {
    Order { zone: zone(at), ..orders::order(name, side, quantity, price) }
}

pub(crate) fn buy(name: &str, at: &str, quantity: u64, price: i64) -> Order {
    order(name, at, Side::Buy, quantity, price)
}

pub(crate) fn sell(name: &str, at: &str, quantity: u64, price: i64) -> Order {
    order(name, at, Side::Sell, quantity, price)
}

pub(crate) fn rules(tick: i64) -> Rules {
    Rules::uniform(Price::from_n_per_wh(tick), Fees::default())
}

/// A network of zones with fees, and of links: lower end, upper end, fee and capacity both ways.
pub(crate) fn network(zones: &[(&str, i64)], links: &[(&str, &str, i64, Option<u64>)]) -> Network {
    let zones = zones
        .iter()
        .map(|&(name, fee)| Zone { zone: zone(name), fee: Price::from_n_per_wh(fee) })
        .collect();
    let links = links.iter().map(|&(lower, upper, fee, capacity)| {
        let way = Way { fee: Price::from_n_per_wh(fee), capacity: capacity.map(Energy::from_wh) };
        Link { zone: zone(lower), parent: zone(upper), up: way, down: way }
    });
    Network { zones, links: links.collect() }
}

/// Watt-hours by order.
pub(crate) fn fills(zonal: &Zonal) -> BTreeMap<OrderId, u64> {
    zonal.clearing.fills.iter().map(|fill| (fill.order, fill.quantity.wh())).collect()
}

/// What a watt-hour of an order is worth before the network's fee: of a bid what it can pay, of an
/// ask what it wants.
pub(crate) fn worth(order: &Order, fees: &Fees) -> i64 {
    let (limit, buyer) = (order.price.n_per_wh(), fees.buyer.n_per_wh());
    match order.side {
        Side::Buy => limit - buyer,
        Side::Sell => (limit.max(0) + fees.seller.n_per_wh()).max(0),
    }
}

/// Value to buyers less cost of sellers less the network's fees.
pub(crate) fn welfare(orders: &[Order], zonal: &Zonal, fees: &Fees) -> i128 {
    let got = fills(zonal);
    let gain: i128 = orders
        .iter()
        .map(|order| {
            let value = i128::from(worth(order, fees));
            let quantity = i128::from(got.get(&order.id).copied().unwrap_or(0));
            if order.side == Side::Buy { value * quantity } else { -value * quantity }
        })
        .sum();
    gain - i128::from(zonal.fees.n())
}
