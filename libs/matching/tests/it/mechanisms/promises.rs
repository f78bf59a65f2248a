//! Random books: the fast one says what the twin says, and keeps what it promises.

use std::collections::BTreeMap;
use std::time::Instant;

use ids::OrderId;
use matching::{Clearing, Mechanism, Order, Rules, Side, clear};
use units::{Energy, Price};

use crate::mechanisms::books::{Dice, book, energy_price, fills, operations};
use crate::mechanisms::twin;

/// What must be true of every clearing.
fn check(orders: &[Order], rules: &Rules, cleared: &Clearing, seed: u64) {
    let promised = rules.mechanism.properties();
    let of = |id: OrderId| orders.iter().find(|order| order.id == id).unwrap();
    let got = fills(cleared);
    for side in [Side::Buy, Side::Sell] {
        let own = cleared.fills.iter().filter(|fill| fill.side == side);
        let sum = Energy::sum(own.map(|fill| fill.quantity)).unwrap();
        assert_eq!(sum, cleared.volume, "bought is not sold, seed {seed}");
    }
    let mut traded: BTreeMap<OrderId, u64> = BTreeMap::new();
    for trade in &cleared.trades {
        let (buyer, seller) = (of(trade.buyer), of(trade.seller));
        assert!(buyer.side == Side::Buy && seller.side == Side::Sell, "seed {seed}");
        assert_ne!(buyer.owner, seller.owner, "self-trade, seed {seed}");
        let (buy, sell) = (trade.buy_price, trade.sell_price);
        let bid = Price::from_n_per_wh(energy_price(buyer, rules));
        let ask = Price::from_n_per_wh(energy_price(seller, rules));
        assert!(buy <= bid && sell >= ask, "outside the limit, seed {seed}");
        assert!(sell >= Price::ZERO && sell <= buy, "a subsidy, seed {seed}");
        assert!(!promised.budget_balanced || buy == sell, "not balanced, seed {seed}");
        assert!(!promised.one_price || cleared.price == Some(buy), "not one price, seed {seed}");
        *traded.entry(trade.buyer).or_default() += trade.quantity.wh();
        *traded.entry(trade.seller).or_default() += trade.quantity.wh();
    }
    assert_eq!(traded, got, "trades are not the fills, seed {seed}");
    // Where orders meet one by one, two can meet whose fills are met by others too.
    let few = cleared.trades.len() <= cleared.fills.len().saturating_sub(1);
    assert!(few || rules.mechanism == Mechanism::Continuous, "seed {seed}");
    let priced = promised.one_price && !cleared.trades.is_empty();
    assert_eq!(cleared.price.is_some(), priced, "seed {seed}");
    for (&id, &quantity) in &got {
        let order = of(id);
        assert!(0 < quantity && quantity <= order.quantity.wh(), "seed {seed}");
        assert!(order.min_fill.wh() <= quantity, "below its min_fill, seed {seed}");
    }
    let merit = |fill: &matching::Fill| {
        let order = of(fill.order);
        let price = energy_price(order, rules);
        (order.side, if order.side == Side::Buy { -price } else { price }, order.hash)
    };
    assert!(cleared.fills.is_sorted_by_key(merit), "fills out of order, seed {seed}");
    if promised.efficient {
        let book = twin::lines(orders, rules, &cleared.dropped);
        let best: i64 = twin::crossing(&book).iter().map(|(bid, ask)| bid.price - ask.price).sum();
        let worth = |trade: &matching::Trade| {
            let gain = energy_price(of(trade.buyer), rules) - energy_price(of(trade.seller), rules);
            gain * i64::try_from(trade.quantity.wh()).unwrap()
        };
        assert_eq!(cleared.trades.iter().map(worth).sum::<i64>(), best, "worth less, seed {seed}");
    }
}

/// Tries one mechanism on as many books as it takes to see `orders_max` orders.
fn try_on(mechanism: Mechanism, orders_max: u64) {
    let begun = Instant::now();
    let (mut seen, mut seed, mut traded, mut dropped, mut crossed) = (0, 0_u64, 0_u64, 0_u64, 0);
    while seen < orders_max {
        let mut dice = Dice(seed);
        let (mut orders, rules) = book(&mut dice, mechanism);
        let cleared = clear(&orders, &rules).unwrap();
        if !matches!(mechanism, Mechanism::Uniform { .. }) {
            let slow = twin::clear(&orders, &rules);
            assert_eq!(twin::Outcome::of(&cleared), slow, "{mechanism}, seed {seed}");
        }
        check(&orders, &rules, &cleared, seed);
        let (bid, ask) = twin::left(&orders, &rules, &cleared);
        let crosses = bid.zip(ask).is_some_and(|(bid, ask)| bid >= ask);
        let uncrossed = mechanism.properties().uncrossed;
        assert!(!(crosses && uncrossed), "{mechanism}: {bid:?} beside {ask:?}, seed {seed}");
        crossed += u64::from(crosses);
        assert_eq!(clear(&orders, &rules).unwrap(), cleared, "{mechanism} again, seed {seed}");
        dice.shuffle(&mut orders);
        assert_eq!(clear(&orders, &rules).unwrap(), cleared, "{mechanism} shuffled, seed {seed}");
        seen += u64::try_from(orders.len()).unwrap();
        traded += u64::from(!cleared.trades.is_empty());
        dropped += u64::from(!cleared.dropped.is_empty());
        seed += 1;
    }
    println!(
        "{:<22} {seen} orders, seeds 0..{seed}, {traded} books traded, {dropped} dropped, \
         {crossed} left crossed, {} ms",
        mechanism.name(),
        begun.elapsed().as_millis()
    );
    assert!(traded * 12 > seed && dropped * 200 > seed, "{mechanism}: the books are too dull");
    // An exception that is never seen is none.
    assert_eq!(crossed == 0, mechanism.properties().uncrossed, "{mechanism}: {crossed}");
}

#[test]
fn random_books_clear_as_the_twins_say_and_as_promised() {
    for mechanism in Mechanism::ALL {
        try_on(mechanism, operations(12_000));
    }
}

#[test]
fn a_book_larger_than_a_twin_can_take_keeps_the_promises() {
    for mechanism in Mechanism::ALL {
        let mut dice = Dice(7);
        let (_, rules) = book(&mut dice, mechanism);
        let feed_in = Price::from_n_per_wh(80_000);
        let retail = Price::from_n_per_wh(300_000);
        let mechanism = rules.mechanism.with_price(Price::from_n_per_wh(150_000));
        let reference = matching::Reference { retail, feed_in };
        let rules = Rules { mechanism, reference, ..rules };
        let mut orders = Vec::new();
        for count in 0..1000 {
            let (quantity, price) = (10 + dice.below(5000), 80_000 + dice.price(220_000));
            let mut order = dice.order(count, quantity, price);
            order.owner = crate::mechanisms::books::owner(dice.below(300));
            if order.side == Side::Sell && dice.below(4) == 0 {
                order.price = Price::ZERO;
            }
            orders.push(order);
        }
        let cleared = clear(&orders, &rules).unwrap();
        assert!(cleared.volume > Energy::ZERO || rules.shares.is_empty(), "{mechanism}");
        dice.shuffle(&mut orders);
        assert_eq!(clear(&orders, &rules).unwrap(), cleared, "{mechanism}");
        let by_id: BTreeMap<OrderId, &Order> = orders.iter().map(|o| (o.id, o)).collect();
        for trade in &cleared.trades {
            let (buyer, seller) = (by_id[&trade.buyer], by_id[&trade.seller]);
            assert_ne!(buyer.owner, seller.owner, "{mechanism}");
            assert!(energy_price(buyer, &rules) >= trade.buy_price.n_per_wh(), "{mechanism}");
            assert!(energy_price(seller, &rules) <= trade.sell_price.n_per_wh(), "{mechanism}");
            assert!(trade.sell_price <= trade.buy_price, "{mechanism}");
        }
    }
}

#[test]
fn numbers_at_the_edge_are_cleared_or_refused() {
    let prices = [i64::MIN, -1, 0, 1, i64::MAX - 1, i64::MAX];
    let quantities = [1, u64::MAX / 8, u64::MAX / 2];
    let mut cleared_books = 0;
    for mechanism in Mechanism::ALL {
        for seed in 0..500 {
            let mut dice = Dice(seed);
            let (_, rules) = book(&mut dice, mechanism);
            let mut pick = |count: usize| usize::try_from(dice.below(count as u64)).unwrap();
            let extreme = |place: usize| Price::from_n_per_wh(prices[2 + place]);
            let mechanism = rules.mechanism.with_price(extreme(pick(4)));
            let reference = matching::Reference { feed_in: extreme(pick(2)), retail: extreme(3) };
            let rules = Rules { mechanism, reference, ..rules };
            let chosen: Vec<(u64, i64)> =
                (0..6).map(|_| (quantities[pick(3)], prices[pick(6)])).collect();
            let numbered = (0..).zip(chosen);
            let orders: Vec<Order> =
                numbered.map(|(count, (wh, price))| dice.order(count, wh, price)).collect();
            let Ok(cleared) = clear(&orders, &rules) else { continue };
            cleared_books += u32::from(!cleared.trades.is_empty());
            let figures = matching::metrics::Metrics::new(&orders, &rules, &cleared);
            assert!(figures.is_ok_and(|figures| figures.welfare().is_ok_and(|w| w >= 0)));
            let _ = matching::metrics::savings(&orders, &rules, &cleared);
        }
    }
    assert!(cleared_books > 500, "only {cleared_books} books traded");
}
