//! The auction against the worked numbers and against its slow twin.

use std::collections::BTreeMap;

use ids::OrderId;
use matching::{Batch, Clearing, Fees, Mechanism, Order, Rules, Side, clear, naive};
use units::{Energy, Price};

use crate::orders::{Dice, order, vectors};

fn rules(tick: i64) -> Rules {
    Rules::uniform(Price::from_n_per_wh(tick), Fees::default())
}

fn fills(clearing: &Clearing) -> BTreeMap<OrderId, u64> {
    clearing.fills.iter().map(|fill| (fill.order, fill.quantity.wh())).collect()
}

/// Sum over fills of quantity x limit: of buyers what it is worth, of sellers what it costs.
fn value(orders: &[Order], clearing: &Clearing, side: Side) -> i128 {
    let got = fills(clearing);
    let own = orders.iter().filter(|order| order.side == side);
    own.map(|order| {
        i128::from(order.price.n_per_wh()) * i128::from(got.get(&order.id).copied().unwrap_or(0))
    })
    .sum()
}

#[test]
fn the_worked_books_clear_as_computed() {
    let vectors = vectors();
    let books = vectors["uniform"].as_array().unwrap();
    assert_eq!(books.len(), 3);
    for book in books {
        let read = |key: &str, side: Side| -> Vec<Order> {
            let rows = book[key].as_array().unwrap().iter();
            rows.map(|row| {
                let name = row[0].as_str().unwrap();
                order(name, side, row[1].as_u64().unwrap(), row[2].as_i64().unwrap())
            })
            .collect()
        };
        let orders = [read("bids", Side::Buy), read("asks", Side::Sell)].concat();
        let cleared = clear(&orders, &rules(100)).unwrap();
        let expect = &book["expect"];
        assert_eq!(Some(cleared.volume.wh()), expect["volume"].as_u64(), "{book}");
        let price = cleared.price.unwrap().n_per_wh();
        match expect["interval"].as_array() {
            Some(ends) => {
                let ends: Vec<i64> = ends.iter().map(|end| end.as_i64().unwrap()).collect();
                assert_eq!(price, ends[0] + (ends[1] - ends[0]) / 2, "{book}");
            }
            None => assert_eq!(Some(price), expect["price"].as_i64(), "{book}"),
        }
        if let Some(expected) = expect["fills"].as_object() {
            let expected: BTreeMap<OrderId, u64> = expected
                .iter()
                .map(|(name, quantity)| (OrderId::derived(name), quantity.as_u64().unwrap()))
                .collect();
            assert_eq!(fills(&cleared), expected, "{book}");
        }
        if let Some(welfare) = expect["welfare"].as_i64() {
            let (worth, cost) =
                (value(&orders, &cleared, Side::Buy), value(&orders, &cleared, Side::Sell));
            assert_eq!(worth - cost, i128::from(welfare), "{book}");
        }
        if let Some(paid) = expect["paid"].as_i64() {
            let cost = cleared.price.unwrap().cost_of(cleared.volume).unwrap();
            assert_eq!(cost.n(), paid, "{book}");
        }
    }
    let u2 = clear(
        &[
            order("B1", Side::Buy, 5000, 280_000),
            order("B2", Side::Buy, 3000, 240_000),
            order("S1", Side::Sell, 4000, 90_000),
            order("S2", Side::Sell, 4000, 140_000),
        ],
        &rules(100),
    );
    assert_eq!(u2.unwrap().price, Some(Price::from_n_per_wh(190_000)));
}

#[test]
fn a_short_supply_is_shared_as_computed() {
    let vectors = vectors();
    let cases = vectors["prorata"].as_array().unwrap();
    assert_eq!(cases.len(), 2);
    for case in cases {
        let supply = case["supply"].as_u64().unwrap();
        // Weights stand for orders that each want more than there is.
        let scale = if case["weights"].as_bool() == Some(true) { supply } else { 1 };
        let mut orders = vec![order("supply", Side::Sell, supply, 50_000)];
        for (place, (name, weight)) in (1_u8..).zip(case["orders"].as_object().unwrap()) {
            let mut bid = order(name, Side::Buy, weight.as_u64().unwrap() * scale, 90_000);
            bid.hash = [place; 32];
            orders.push(bid);
        }
        let got = fills(&clear(&orders, &rules(100)).unwrap());
        for (name, quantity) in case["expect"].as_object().unwrap() {
            assert_eq!(got.get(&OrderId::derived(name)).copied(), quantity.as_u64(), "{case}");
        }
    }
}

#[test]
fn limits_are_all_in_for_buyers_and_net_for_sellers() {
    let fee = Price::from_n_per_wh;
    let fees = Fees { network: fee(10_000), buyer: fee(2_000), seller: fee(3_000) };
    let rules = Rules::uniform(fee(100), fees);
    let price = |bid: i64, ask: i64| {
        let orders = [order("b", Side::Buy, 10, bid), order("s", Side::Sell, 10, ask)];
        clear(&orders, &rules).unwrap().price.map(Price::n_per_wh)
    };
    // The bid is worth 188 000 of energy, the ask wants 103 000.
    assert_eq!(price(200_000, 100_000), Some(145_500));
    assert_eq!(price(115_000, 100_000), Some(103_000));
    assert_eq!(price(114_999, 100_000), None);
    assert_eq!(price(15_000, -50_000), Some(3_000), "an ask below zero counts as zero");
}

#[test]
fn the_price_comes_down_to_the_tick_but_never_below_the_interval() {
    let price = |bid: i64, ask: i64, tick: i64| {
        let orders = [order("b", Side::Buy, 10, bid), order("s", Side::Sell, 10, ask)];
        clear(&orders, &rules(tick)).unwrap().price.map(Price::n_per_wh)
    };
    assert_eq!(price(450, 100, 100), Some(200), "275 comes down");
    assert_eq!(price(190, 150, 100), Some(150), "170 would come down below the ask");
    assert_eq!(price(i64::MAX, i64::MAX - 2, 1), Some(i64::MAX - 1));
}

#[test]
fn a_sum_that_does_not_fit_is_refused() {
    let huge = |name: &str| order(name, Side::Buy, u64::MAX, 100);
    assert!(clear(&[huge("a"), huge("b")], &rules(1)).is_err());
    let fees = Fees { network: Price::from_n_per_wh(1), ..Fees::default() };
    let rules = Rules::uniform(Price::from_n_per_wh(1), fees);
    assert!(clear(&[order("b", Side::Buy, 1, i64::MIN)], &rules).is_err());
}

#[test]
fn orders_of_one_owner_never_meet() {
    let mut own = [order("bid", Side::Buy, 10, 300), order("ask", Side::Sell, 4, 100)];
    own[1].owner = own[0].owner;
    assert_eq!(clear(&own, &rules(1)).unwrap(), Clearing::default());
    let other = order("other", Side::Sell, 10, 200);
    let cleared = clear(&[own[0].clone(), own[1].clone(), other], &rules(1)).unwrap();
    assert_eq!(cleared.volume.wh(), 6, "four of the ten have met their own ask");
    assert_eq!(cleared.trades[0].seller, OrderId::derived("other"));
}

#[test]
fn a_fill_below_its_minimum_is_dropped_and_the_rest_solved_again() {
    let mut all_or_none = order("b1", Side::Buy, 10, 300);
    all_or_none.min_fill = Energy::from_wh(10);
    let rest = [order("b2", Side::Buy, 3, 200), order("s", Side::Sell, 8, 100)];
    let cleared = clear(&[vec![all_or_none], rest.to_vec()].concat(), &rules(1)).unwrap();
    assert_eq!(cleared.dropped, [OrderId::derived("b1")]);
    assert_eq!(cleared.volume.wh(), 3);
    assert_eq!(cleared.price, Some(Price::from_n_per_wh(100)));
}

#[test]
fn more_violated_orders_than_rounds_still_end_in_valid_fills() {
    let mut orders = vec![order("s", Side::Sell, 101, 100)];
    for count in 0..100 {
        let mut bid = order(&format!("b{count}"), Side::Buy, 3, 300);
        bid.min_fill = Energy::from_wh(3);
        orders.push(bid);
    }
    let cleared = clear(&orders, &rules(1)).unwrap();
    assert!(cleared.dropped.len() > matching::DROP_ROUNDS_MAX);
    assert!(cleared.fills.iter().all(|fill| fill.side == Side::Sell || fill.quantity.wh() == 3));
    assert_eq!(fills(&cleared), naive::clear(&orders, &rules(1)).fills);
}

#[test]
fn orders_that_cannot_be_met_do_not_keep_a_clearing_busy() {
    // In each round a few more of them get something, and too little: one seller of 5 Wh.
    let mut orders = vec![order("s", Side::Sell, 5, 100)];
    for count in 0..4000 {
        let mut bid = order(&format!("b{count}"), Side::Buy, 10, 300);
        bid.min_fill = Energy::from_wh(10);
        orders.push(bid);
    }
    let plain = order("b", Side::Buy, 3, 200);
    orders.push(plain.clone());
    let cleared = clear(&orders, &rules(1)).unwrap();
    assert_eq!(cleared.dropped.len(), 4000);
    assert_eq!(fills(&cleared)[&plain.id], 3, "who asks for no minimum trades");
    let one_by_one = matching::DROP_ROUNDS_MAX;
    let at_once = one_by_one + matching::DROP_ROUNDS_MAX * 5;
    let last: Vec<OrderId> = cleared.dropped[at_once..].to_vec();
    let hash = |id: &OrderId| orders.iter().find(|order| order.id == *id).unwrap().hash;
    assert!(last.is_sorted_by_key(hash), "the rest by hash");
}

/// Random orders: few prices and few owners, so that ties and own crossings are common.
fn book(dice: &mut Dice, seed: u64, orders: u64) -> (Vec<Order>, Rules) {
    let mut batch = Vec::new();
    let (prices, owners) = (3 + dice.below(12), 2 + dice.below(orders.max(10)));
    // Some books have their prices far apart.
    let apart = [1, 1, 1, 100, 1 << 40][usize::try_from(dice.below(5)).unwrap()];
    for count in 0..orders {
        let side = if dice.below(2) == 0 { Side::Buy } else { Side::Sell };
        let price = (dice.price(prices) - 1) * apart + dice.price(2) * (apart / 7);
        let mut order = order(&format!("{seed}-{count}"), side, dice.below(12), price);
        order.owner[..8].copy_from_slice(&dice.below(owners).to_be_bytes());
        order.owner[8..].fill(1);
        if dice.below(6) == 0 {
            order.min_fill = Energy::from_wh(dice.below(8));
        }
        batch.push(order);
    }
    let mut fee = || Price::from_n_per_wh(dice.price(3));
    let fees = Fees { network: fee(), buyer: fee(), seller: fee() };
    let k_bps = [0, 5_000, 10_000, dice.below(10_001)][usize::try_from(dice.below(4)).unwrap()];
    let mechanism = Mechanism::Uniform { k_bps: u16::try_from(k_bps).unwrap() };
    let tick = Price::from_n_per_wh(1 + dice.price(3));
    (batch, Rules { mechanism, ..Rules::uniform(tick, fees) })
}

/// What must be true of every clearing.
fn check(orders: &[Order], rules: &Rules, cleared: &Clearing, seed: u64) {
    let got = fills(cleared);
    let named: BTreeMap<OrderId, &Order> = orders.iter().map(|order| (order.id, order)).collect();
    let of = |id: OrderId| named[&id];
    let energy = |order: &Order| match order.side {
        Side::Buy => rules.fees.energy_bid(order.price).unwrap(),
        Side::Sell => rules.fees.energy_ask(order.price).unwrap(),
    };
    for side in [Side::Buy, Side::Sell] {
        let sum: u64 = cleared
            .fills
            .iter()
            .filter(|fill| fill.side == side)
            .map(|fill| fill.quantity.wh())
            .sum();
        assert_eq!(sum, cleared.volume.wh(), "bought is not sold, seed {seed}");
    }
    let mut traded: BTreeMap<OrderId, u64> = BTreeMap::new();
    for trade in &cleared.trades {
        assert_ne!(of(trade.buyer).owner, of(trade.seller).owner, "self-trade, seed {seed}");
        *traded.entry(trade.buyer).or_default() += trade.quantity.wh();
        *traded.entry(trade.seller).or_default() += trade.quantity.wh();
    }
    assert_eq!(traded, got, "trades are not the fills, seed {seed}");
    let merit = |id: OrderId| {
        let price = energy(of(id)).n_per_wh();
        (of(id).side, if of(id).side == Side::Buy { -price } else { price }, of(id).hash)
    };
    let merits: Vec<_> = cleared.fills.iter().map(|fill| merit(fill.order)).collect();
    assert!(merits.is_sorted(), "fills are not in their order, seed {seed}");
    let sides = |trade: &matching::Trade| (merit(trade.buyer), merit(trade.seller));
    let (buyers, sellers): (Vec<_>, Vec<_>) = cleared.trades.iter().map(sides).unzip();
    assert!(buyers.is_sorted() && sellers.is_sorted(), "trades out of order, seed {seed}");
    assert!(cleared.trades.len() <= cleared.fills.len().saturating_sub(1), "seed {seed}");
    for (&id, &quantity) in &got {
        let (order, price) = (of(id), cleared.price.unwrap());
        let gains =
            if order.side == Side::Buy { energy(order) >= price } else { energy(order) <= price };
        assert!(gains && price >= Price::ZERO, "outside the limit, seed {seed}");
        assert!(order.min_fill.wh() <= quantity && quantity <= order.quantity.wh(), "seed {seed}");
    }
    // What is left of two owners' orders does not cross, but for what an owner netted with itself:
    // every order left inside the price has an own order on the other side that took the place.
    let left = |order: &&Order| {
        !cleared.dropped.contains(&order.id)
            && got.get(&order.id).copied().unwrap_or(0) < order.quantity.wh()
    };
    let alone = |order: &&Order| {
        !orders.iter().any(|other| other.owner == order.owner && other.side != order.side)
    };
    let open: Vec<&Order> = orders.iter().filter(left).filter(alone).collect();
    for bid in open.iter().filter(|order| order.side == Side::Buy) {
        for ask in open.iter().filter(|order| order.side == Side::Sell) {
            assert!(energy(bid) < energy(ask), "a crossed book is left, seed {seed}");
        }
    }
}

/// Clears as the twin does, the same in any order of the input, and nothing else than it allocates.
fn check_with_twin(seed: u64, dice: &mut Dice, orders: u64) -> Clearing {
    let (mut orders, rules) = book(dice, seed, orders);
    let cleared = clear(&orders, &rules).unwrap();
    let slow = naive::clear(&orders, &rules);
    assert_eq!(cleared.price.map(Price::n_per_wh), slow.price, "price, seed {seed}");
    assert_eq!(fills(&cleared), slow.fills, "fills, seed {seed}");
    check(&orders, &rules, &cleared, seed);
    for place in (1..orders.len()).rev() {
        let other = dice.below(u64::try_from(place + 1).unwrap());
        orders.swap(place, usize::try_from(other).unwrap());
    }
    assert_eq!(clear(&orders, &rules).unwrap(), cleared, "order of input, seed {seed}");
    let Mechanism::Uniform { k_bps } = rules.mechanism else { panic!("not uniform") };
    let batch = Batch::new(&orders, &rules.fees).unwrap();
    let allocation = batch.allocate(rules.tick, k_bps).unwrap();
    let (mut buyers, mut sellers) = (allocation.buyers.iter(), allocation.sellers.iter());
    for order in &orders {
        let side = if order.side == Side::Buy { &mut buyers } else { &mut sellers };
        let got = slow.fills.get(&order.id).copied().unwrap_or(0);
        assert_eq!(side.next().unwrap().wh(), got, "allocation, seed {seed}");
    }
    assert_eq!(
        (allocation.price, allocation.volume, allocation.dropped),
        (cleared.price, cleared.volume, cleared.dropped.clone()),
        "allocation, seed {seed}"
    );
    cleared
}

/// How many orders the random books have together: `MATCHING_OPERATIONS`.
fn operations() -> u64 {
    let given = std::env::var("MATCHING_OPERATIONS").ok();
    given.map_or(500_000, |text| text.parse().unwrap())
}

#[test]
fn random_books_clear_as_the_slow_twin_says() {
    let (mut books, mut orders, mut traded, mut dropped) = (0_u64, 0, 0_u64, 0_u64);
    while orders < operations() {
        let seed = books;
        let mut dice = Dice(seed);
        let count = 2 + dice.below(14);
        let cleared = check_with_twin(seed, &mut dice, count);
        (books, orders) = (books + 1, orders + count);
        traded += u64::from(cleared.price.is_some());
        dropped += u64::from(!cleared.dropped.is_empty());
    }
    println!("uniform: {orders} orders, seeds 0..{books}, {traded} traded, {dropped} dropped");
    assert!(traded > books / 4 && dropped > books / 200, "dull: {books}, {traded}, {dropped}");
}

#[test]
fn books_of_hundreds_of_orders_clear_as_the_slow_twin_says() {
    for seed in 0..4 {
        let cleared = check_with_twin(seed, &mut Dice(seed), 400);
        assert!(!cleared.fills.is_empty(), "seed {seed}");
    }
}

#[test]
fn a_batch_that_is_asked_for_the_impossible_refuses() {
    let orders = [order("b", Side::Buy, 10, 300), order("s", Side::Sell, 10, 100)];
    let batch = Batch::new(&orders, &Fees::default()).unwrap();
    let price = |tick: i64, k_bps: u16| {
        let allocation = batch.allocate(Price::from_n_per_wh(tick), k_bps).ok()?;
        allocation.price.map(Price::n_per_wh)
    };
    assert_eq!([price(1, 0), price(1, 2_500), price(1, 10_000)], [Some(100), Some(150), Some(300)]);
    assert_eq!([price(0, 0), price(-1, 0), price(1, 10_001)], [None; 3]);
    assert_eq!(
        Batch::new(&[], &Fees::default()).unwrap().allocate(rules(1).tick, 0),
        Ok(Default::default())
    );
}
