//! 100 000 orders in 50 zones, a tree with tight links: how long a clearing takes, from orders as
//! structs to trades, prices of zones, flows and rents.
//!
//! A run counts only if it is a clearing: no link carries more than it can, a link that earns rent
//! is full, and buyers pay what sellers, network and full links get.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use ids::{OrderId, Uuid, ZoneId};
use matching::network::{self, Link, Network, Way, Zonal, Zone};
use matching::{Fees, Order, Rules, Side};
use units::{Energy, Price};

use super::Dice;
use crate::measure::{RUNS, worked};
use crate::report::Row;

const ORDERS: u64 = 100_000;
const ZONES: u64 = 50;
const SEED: u64 = 1;
/// Milliseconds that are aimed at.
const LIMIT: f64 = 1_000.0;

pub(super) fn rows() -> Result<Vec<Row>> {
    let mut dice = Dice(SEED);
    let grid = grid(&mut dice, ORDERS);
    let orders = book(&mut dice, ORDERS);
    let rules = Rules::uniform(Price::from_n_per_wh(100), Fees::default());
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let (zonal, seconds) = worked(|| network::clear(&orders, &grid, &rules));
        check(&orders, &grid, &zonal?)?;
        times.push(seconds * 1_000.0);
    }
    let name = format!("{ORDERS} orders in {ZONES} zones with tight links");
    Ok(vec![Row::cost_at_most(name, "ms", &times, LIMIT)])
}

/// That it is a clearing of the book.
fn check(orders: &[Order], grid: &Network, zonal: &Zonal) -> Result<()> {
    let volume = zonal.clearing.volume;
    ensure!(volume > Energy::ZERO && !zonal.clearing.trades.is_empty(), "nothing trades");
    let worth =
        |price: Price, energy: Energy| i128::from(price.n_per_wh()) * i128::from(energy.wh());
    let paid: i128 = zonal.zones.iter().map(|zone| worth(zone.buyer, zone.bought)).sum();
    let got: i128 = zonal.zones.iter().map(|zone| worth(zone.seller, zone.sold)).sum();
    let between = i128::from(zonal.fees.n()) + i128::from(zonal.rent.n());
    ensure!(paid == got + between, "buyers pay {paid}, others get {got} and {between}");
    let ways: BTreeMap<(ZoneId, ZoneId), Way> = (grid.links.iter())
        .flat_map(|link| {
            [((link.zone, link.parent), link.up), ((link.parent, link.zone), link.down)]
        })
        .collect();
    for flow in &zonal.flows {
        let way = ways.get(&(flow.from, flow.to)).context("energy where no link is")?;
        let most = way.capacity.context("every link has a capacity")?;
        let full = flow.energy == most;
        ensure!(flow.energy <= most && (full || flow.rent.n() == 0), "{flow:?}, {way:?}");
    }
    let limits: BTreeMap<OrderId, &Order> = orders.iter().map(|order| (order.id, order)).collect();
    for fill in &zonal.clearing.fills {
        let order = limits.get(&fill.order).context("a fill of no order")?;
        ensure!(fill.quantity <= order.quantity, "{fill:?} of {order:?}");
    }
    Ok(())
}

fn zone(number: u64) -> ZoneId {
    ZoneId::from_uuid(Uuid::from_u128(u128::from(number)))
}

/// One zone of medium voltage, seven substations, the rest feeders: 1 ct inside a feeder, 2 ct
/// below a substation, 4 ct across; links that carry about a tenth of an even zone's orders.
fn grid(dice: &mut Dice, orders: u64) -> Network {
    let level_fee =
        |number: u64| [40_000, 20_000, 10_000][usize::from(number > 0) + usize::from(number > 7)];
    let zones = (0..ZONES)
        .map(|number| Zone { zone: zone(number), fee: Price::from_n_per_wh(level_fee(number)) })
        .collect();
    let asked = orders / ZONES * 1000;
    let links = (1..ZONES).map(|number| {
        let mut way = || Way {
            fee: Price::ZERO,
            capacity: Some(Energy::from_wh(asked / 20 + dice.below(asked / 10 + 1))),
        };
        let parent = if number > 7 { 1 + number % 7 } else { 0 };
        Link { zone: zone(number), parent: zone(parent), up: way(), down: way() }
    });
    Network { zones, links: links.collect() }
}

/// Half of them buy; every fifth zone is sunny and has mostly sellers. Every hundredth order is of
/// one of fifty owners that have many.
fn book(dice: &mut Dice, orders: u64) -> Vec<Order> {
    let order = |number: u64| {
        let place = dice.below(ZONES);
        let sellers = if place.is_multiple_of(5) { 8 } else { 4 };
        let side = if dice.below(10) < sellers { Side::Sell } else { Side::Buy };
        let price = match side {
            Side::Buy => dice.price(120_000, 320_000),
            Side::Sell => dice.price(60_000, 260_000),
        };
        let owner = if dice.below(100) == 0 { dice.below(50) } else { 1000 + number };
        let (mut bytes, mut hash) = ([0; 20], [0; 32]);
        bytes[..8].copy_from_slice(&owner.to_be_bytes());
        for part in hash.chunks_mut(8) {
            part.copy_from_slice(&dice.below(u64::MAX).to_be_bytes());
        }
        Order {
            id: OrderId::from_uuid(Uuid::from_u128(u128::from(number))),
            owner: bytes,
            side,
            quantity: Energy::from_wh(10 + dice.below(2000)),
            price,
            min_fill: Energy::ZERO,
            hash,
            sequence: number,
            zone: zone(place),
        }
    };
    (0..orders).map(order).collect()
}
