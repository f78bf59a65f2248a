//! How long a large book takes: 100 000 orders in 50 zones, a tree with tight links.
//!
//! `cargo run --release --package matching --example zonal [seed] [orders]`

use std::time::Instant;

use ids::{OrderId, Uuid, ZoneId};
use matching::network::{self, Link, Network, Way, Zonal, Zone};
use matching::{Fees, Order, Rules, Side};
use units::{Energy, Price};

const ZONES: u64 = 50;

/// A small generator: the same seed gives the same book.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    /// A price between two, in n/Wh.
    fn price(&mut self, low: u64, high: u64) -> Price {
        let n = i64::try_from(low + self.below(high - low)).expect("prices of the example fit");
        Price::from_n_per_wh(n)
    }
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

/// What the fills are worth to buyers and cost sellers, less the network's fees; in 1e-9 currency.
fn welfare(orders: &[Order], zonal: &Zonal) -> i128 {
    let gain = |fill: &matching::Fill| {
        let order = usize::try_from(fill.order.uuid().as_u128()).expect("ids count from zero");
        let value = i128::from(orders[order].price.n_per_wh()) * i128::from(fill.quantity.wh());
        if fill.side == Side::Buy { value } else { -value }
    };
    zonal.clearing.fills.iter().map(gain).sum::<i128>() - i128::from(zonal.fees.n())
}

fn main() {
    let mut given = std::env::args().skip(1).map(|text| text.parse().expect("a whole number"));
    let (seed, count) = (given.next().unwrap_or(1), given.next().unwrap_or(100_000));
    let mut dice = Dice(seed);
    let grid = grid(&mut dice, count);
    let orders = book(&mut dice, count);
    let rules = Rules::uniform(Price::from_n_per_wh(100), Fees::default());
    let start = Instant::now();
    let zonal = network::clear(&orders, &grid, &rules).expect("the example's book clears");
    let taken = start.elapsed();
    let full = zonal.flows.iter().filter(|flow| flow.rent.n() > 0).count();
    println!("{count} orders, {ZONES} zones, seed {seed}: {} ms", taken.as_millis());
    println!("volume {} Wh, {} trades", zonal.clearing.volume.wh(), zonal.clearing.trades.len());
    println!("{} links used, {full} of them full", zonal.flows.len());
    println!("welfare {} n, fees {}, rent {}", welfare(&orders, &zonal), zonal.fees, zonal.rent);
}
