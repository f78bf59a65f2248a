//! Seeded random books on random networks. `MATCHING_OPERATIONS` says how many orders in all,
//! `MATCHING_SEED` where to begin.

use std::collections::BTreeMap;

use ids::OrderId;
use matching::network::{self, Link, Network, Way, Zonal, Zone};
use matching::{Fees, Order, Rules, Side};
use units::{Energy, Price};

use crate::zonal::book::{Dice, fills, order, welfare, worth, zone};
use crate::zonal::checks::Case;
use crate::zonal::twin;

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// A forest of up to eight zones with few different fees, so that equal paths are common, and
/// capacities that are often too small.
fn grid(dice: &mut Dice) -> Network {
    let count = 1 + dice.place(8);
    let (fees, room) = (1 + dice.below(5), 1 + dice.below(60));
    let mut zones: Vec<Zone> = Vec::new();
    let mut links = Vec::new();
    for place in 0..count {
        let mut fee = dice.price(fees);
        if place > 0 && dice.below(8) > 0 {
            let parent = zones[dice.place(place)];
            let mut way = || Way {
                fee: Price::from_n_per_wh(dice.price(fees)),
                capacity: (dice.below(3) > 0).then(|| Energy::from_wh(dice.below(room))),
            };
            let (up, down) = (way(), way());
            fee = fee.min(parent.fee.n_per_wh() + down.fee.n_per_wh());
            links.push(Link { zone: zone(&place.to_string()), parent: parent.zone, up, down });
        }
        zones.push(Zone { zone: zone(&place.to_string()), fee: Price::from_n_per_wh(fee) });
    }
    Network { zones, links }
}

/// Orders anywhere in the grid: few prices, now and then few owners, minima and a great many.
fn book(dice: &mut Dice, grid: &Network, seed: u64) -> (Vec<Order>, Rules) {
    let count = if dice.below(100) == 0 { 150 } else { 2 + dice.below(24) };
    let (prices, owners) = (3 + dice.below(20), 2 + dice.below(30));
    let (owned, minima) = (dice.below(3) == 0, dice.below(4) == 0);
    let mut orders = Vec::new();
    for number in 0..count {
        let side = if dice.below(2) == 0 { Side::Buy } else { Side::Sell };
        let (quantity, price) = (dice.below(30), dice.price(prices) - 1);
        let mut order = order("", "", side, quantity, price);
        let name = (u128::from(seed) << 64) | (u128::from(dice.below(1 << 40)) << 20);
        order.id = OrderId::from_uuid(ids::Uuid::from_u128(name | u128::from(number)));
        order.hash[..8].copy_from_slice(&dice.below(u64::MAX).to_be_bytes());
        order.hash[31] = u8::try_from(number).unwrap();
        let owner = if owned { dice.below(owners) } else { number };
        order.owner = [u8::try_from(owner).unwrap(); 20];
        order.zone = grid.zones[dice.place(grid.zones.len())].zone;
        if minima && dice.below(4) == 0 {
            order.min_fill = Energy::from_wh(dice.below(20));
        }
        orders.push(order);
    }
    let fee = |n| Price::from_n_per_wh(n);
    let least = grid.zones.iter().map(|zone| zone.fee).min().unwrap();
    let base = if dice.below(2) == 0 { Price::ZERO } else { least };
    let fees = Fees { network: base, buyer: fee(dice.price(3)), seller: fee(dice.price(3)) };
    (orders, Rules::uniform(fee(1 + dice.price(3)), fees))
}

/// Clears orders without a minimum, and finds all of it as the slow twin says and as it must be:
/// what is worth most, how much that is, prices, and each order's share.
fn verified(orders: &[Order], grid: &Network, rules: &Rules, seed: u64) -> Zonal {
    let zonal = network::clear(orders, grid, rules).unwrap();
    let twin = twin::solve(orders, grid, &rules.fees);
    Case { orders, network: grid, rules, zonal: &zonal, seed }.check(&twin);
    assert_eq!(welfare(orders, &zonal, &rules.fees), twin.welfare, "welfare, seed {seed}");
    assert_eq!(zonal.clearing.volume.wh(), twin.volume, "volume, seed {seed}");
    let middle = twin::prices(orders, &twin.open, (grid, rules), &zonal);
    let prices = zonal.zones.iter().map(|price| (price.zone, price.seller.n_per_wh()));
    assert_eq!(prices.collect::<BTreeMap<_, _>>(), middle, "prices, seed {seed}");
    zonal
}

/// The orders without those that are dropped for their minimum, and which those are: by the rule,
/// with clearings that know no minimum, each of which the twin has found right.
fn without_violated(
    orders: &[Order],
    grid: &Network,
    rules: &Rules,
    seed: u64,
) -> (Vec<Order>, Vec<OrderId>) {
    if orders.iter().all(|order| order.min_fill == Energy::ZERO) {
        return (orders.to_vec(), Vec::new());
    }
    let mut kept = orders.to_vec();
    let mut dropped = Vec::new();
    for number in 0.. {
        let free: Vec<Order> =
            kept.iter().map(|order| Order { min_fill: Energy::ZERO, ..order.clone() }).collect();
        let zonal = verified(&free, grid, rules, seed);
        let got = fills(&zonal);
        let surplus = |order: &Order| {
            let price = zonal.zones.iter().find(|price| price.zone == order.zone).unwrap();
            let price = if order.side == Side::Buy { price.buyer } else { price.seller };
            (worth(order, &rules.fees) - price.n_per_wh()).unsigned_abs() * got[&order.id]
        };
        let mut violated: Vec<&Order> = kept
            .iter()
            .filter(|order| got.get(&order.id).is_some_and(|&wh| wh < order.min_fill.wh()))
            .collect();
        violated.sort_by_key(|order| (surplus(order), order.hash));
        if violated.is_empty() {
            return (kept, dropped);
        }
        let picky: Vec<&Order> = kept.iter().filter(|order| order.min_fill.wh() > 0).collect();
        let mut out = match number / matching::DROP_ROUNDS_MAX {
            0 => vec![violated[0]],
            1 => violated,
            _ => picky,
        };
        if number >= 2 * matching::DROP_ROUNDS_MAX {
            out.sort_by_key(|order| order.hash);
        }
        let out: Vec<OrderId> = out.into_iter().map(|order| order.id).collect();
        kept.retain(|order| !out.contains(&order.id));
        dropped.extend(out);
    }
    unreachable!("the last round has no min_fill")
}

/// The same answer, whatever the order of what it is made from.
fn check_order_of_input(dice: &mut Dice, case: &Case<'_>) {
    let (mut orders, mut grid) = (case.orders.to_vec(), case.network.clone());
    dice.shuffle(&mut orders);
    dice.shuffle(&mut grid.zones);
    dice.shuffle(&mut grid.links);
    let again = network::clear(&orders, &grid, case.rules).unwrap();
    assert_eq!(&again, case.zonal, "order of input, seed {}", case.seed);
}

#[test]
fn random_books_on_random_networks_clear_as_the_slow_twin_says() {
    let (mut left, mut seed) =
        (setting("MATCHING_OPERATIONS", 60_000), setting("MATCHING_SEED", 0));
    let (mut books, mut traded, mut full, mut dropped, mut netted) = (0, 0, 0, 0, 0);
    while left > 0 {
        let mut dice = Dice(seed);
        let grid = grid(&mut dice);
        let (orders, rules) = book(&mut dice, &grid, seed);
        let zonal: Zonal = network::clear(&orders, &grid, &rules).unwrap();
        let (kept, out) = without_violated(&orders, &grid, &rules, seed);
        assert_eq!(zonal.clearing.dropped, out, "dropped, seed {seed}");
        let twin = twin::solve(&kept, &grid, &rules.fees);
        let case = Case { orders: &orders, network: &grid, rules: &rules, zonal: &zonal, seed };
        case.check(&twin);
        assert_eq!(welfare(&orders, &zonal, &rules.fees), twin.welfare, "welfare, seed {seed}");
        assert_eq!(zonal.clearing.volume.wh(), twin.volume, "volume, seed {seed}");
        let middle = twin::prices(&kept, &twin.open, (&grid, &rules), &zonal);
        let prices = zonal.zones.iter().map(|price| (price.zone, price.seller.n_per_wh()));
        assert_eq!(prices.collect::<BTreeMap<_, _>>(), middle, "prices, seed {seed}");
        check_order_of_input(&mut dice, &case);
        books += 1;
        traded += u64::from(twin.volume > 0);
        full += u64::from(zonal.rent.n() > 0);
        dropped += u64::from(!out.is_empty());
        netted += u64::from(kept.iter().any(|order| twin.open[&order.id] < order.quantity.wh()));
        left = left.saturating_sub(u64::try_from(orders.len()).unwrap());
        seed += 1;
    }
    println!(
        "{books} books: {traded} with trades, {full} with rent, {dropped} with dropped orders, \
         {netted} with own orders netted"
    );
    assert!(traded > books / 2 && full > books / 20, "the books are too dull: {traded}, {full}");
    assert!(dropped > books / 40 && netted > books / 20, "too dull: {dropped}, {netted}");
}

#[test]
fn one_zone_clears_as_the_uniform_auction() {
    let (mut traded, mut dropped) = (0, 0);
    for seed in 0..5000 {
        let mut dice = Dice(seed);
        let fee = dice.price(4);
        let grid = crate::zonal::book::network(&[("0", fee)], &[]);
        let (orders, mut rules) = book(&mut dice, &grid, seed);
        rules.fees.network = Price::from_n_per_wh(fee);
        let zonal = network::clear(&orders, &grid, &rules).unwrap();
        assert_eq!(zonal.clearing, matching::clear(&orders, &rules).unwrap(), "seed {seed}");
        traded += u32::from(zonal.clearing.price.is_some());
        dropped += u32::from(!zonal.clearing.dropped.is_empty());
    }
    assert!(traded > 3000 && dropped > 100, "the books are too dull: {traded}, {dropped}");
}

#[test]
fn zones_joined_by_free_links_without_limits_clear_as_one() {
    for seed in 0..2000 {
        let mut dice = Dice(seed);
        let mut joined = grid(&mut dice);
        joined.zones.iter_mut().for_each(|zone| zone.fee = Price::ZERO);
        let places: Vec<usize> = (1..joined.zones.len()).collect();
        joined.links = places
            .into_iter()
            .map(|place| Link {
                zone: joined.zones[place].zone,
                parent: joined.zones[dice.place(place)].zone,
                up: Way::default(),
                down: Way::default(),
            })
            .collect();
        let (mut orders, rules) = book(&mut dice, &joined, seed);
        orders.iter_mut().for_each(|order| order.min_fill = Energy::ZERO);
        let rules = Rules { fees: Fees { network: Price::ZERO, ..rules.fees }, ..rules };
        let zonal = network::clear(&orders, &joined, &rules).unwrap();
        let own = zonal.clearing.dropped.is_empty();
        assert!(own && zonal.rent.n() == 0 && zonal.fees.n() == 0, "seed {seed}");
        let twin = twin::solve(&orders, &joined, &rules.fees);
        let netted = orders.iter().any(|order| twin.open[&order.id] < order.quantity.wh());
        if netted {
            // Which own orders meet first may differ between one zone and several.
            continue;
        }
        let one = matching::clear(&orders, &rules).unwrap();
        assert_eq!(zonal.clearing.price, one.price, "price, seed {seed}");
        assert_eq!(zonal.clearing.volume, one.volume, "volume, seed {seed}");
        let (got, same) = (fills(&zonal), one.fills.iter());
        for fill in same {
            // Shares are rounded where zones join and again inside of them.
            let other = got.get(&fill.order).copied().unwrap_or(0);
            let far = other.abs_diff(fill.quantity.wh());
            assert!(far < u64::try_from(joined.zones.len() + 1).unwrap(), "fills, seed {seed}");
        }
    }
}

#[test]
fn what_is_curtailed_fits_the_network_that_is_left() {
    let mut cut = 0;
    for seed in 0..3000 {
        let mut dice = Dice(seed);
        let grid = grid(&mut dice);
        let (orders, rules) = book(&mut dice, &grid, seed);
        let zonal = network::clear(&orders, &grid, &rules).unwrap();
        let all: Vec<Energy> = zonal.clearing.trades.iter().map(|trade| trade.quantity).collect();
        assert_eq!(network::curtail(&zonal, &orders, &grid).unwrap(), all, "seed {seed}");
        let mut less = grid.clone();
        for link in &mut less.links {
            for way in [&mut link.up, &mut link.down] {
                let most = Energy::from_wh(dice.below(20));
                way.capacity = Some(way.capacity.map_or(most, |capacity| capacity.min(most)));
            }
        }
        let left = network::curtail(&zonal, &orders, &less).unwrap();
        assert!(left.iter().zip(&all).all(|(left, all)| left <= all), "seed {seed}");
        let mut rest = zonal.clone();
        for (trade, &left) in rest.clearing.trades.iter_mut().zip(&left) {
            trade.quantity = left;
        }
        let again = network::curtail(&rest, &orders, &less).unwrap();
        assert_eq!(again, left, "what is left fits, seed {seed}");
        cut += u32::from(left != all);
    }
    assert!(cut > 500, "too little is cut: {cut}");
}
