//! A batch through the continuous book.

use std::collections::BTreeMap;
use std::time::Instant;

use ids::OrderId;
use matching::book::{QUANTITY_MAX, continuous};
use matching::{Clearing, Fees, Order, Refusal, Rules, Side};
use serde_json::Value;
use units::{Energy, Price};

use crate::mechanisms::books::operations;
use crate::mechanisms::twin::in_turn::{self, Met};
use crate::orders::{Dice, order, vectors};

fn rules(tick: i64) -> Rules {
    Rules::uniform(Price::from_n_per_wh(tick), Fees::default())
}

fn trades(clearing: &Clearing) -> Vec<Met> {
    let mut trades = Vec::new();
    for trade in &clearing.trades {
        assert_eq!(trade.buy_price, trade.sell_price);
        let price = trade.buy_price.n_per_wh();
        trades.push((trade.buyer, trade.seller, trade.quantity.wh(), price));
    }
    trades
}

#[test]
fn a_batch_trades_like_the_worked_sequence() {
    let vectors: Value = vectors();
    let rows = |key: &str| vectors["cda"][key].as_array().unwrap().clone();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let ct = |value: &Value| value.as_i64().unwrap() * 10_000;
    let mut orders = Vec::new();
    for (sequence, row) in (0..).zip(rows("sequence")) {
        let side = if row[0] == "bid" { Side::Buy } else { Side::Sell };
        let placed = order(&text(&row[1]), side, row[2].as_u64().unwrap(), ct(&row[3]));
        orders.push(Order { sequence, ..placed });
    }
    let expected: Vec<Met> = rows("trades")
        .iter()
        .map(|row| {
            let id = |place: usize| OrderId::derived(&text(&row[place]));
            (id(0), id(1), row[2].as_u64().unwrap(), ct(&row[3]))
        })
        .collect();
    let cleared = continuous(&orders, &rules(100)).unwrap();
    assert_eq!(trades(&cleared), expected);
    assert_eq!((cleared.price, cleared.volume.wh()), (None, 12_000));
    let got: Vec<(OrderId, u64)> =
        cleared.fills.iter().map(|fill| (fill.order, fill.quantity.wh())).collect();
    let fills = [("B1", 5000), ("B2", 3000), ("B3", 4000), ("S1", 4000), ("S2", 3000)];
    let named = |(name, quantity): &(&str, u64)| (OrderId::derived(name), *quantity);
    assert_eq!(got[..5], fills.iter().map(named).collect::<Vec<_>>());
    assert_eq!(got[5..], [("S3", 3000), ("S4", 2000)].iter().map(named).collect::<Vec<_>>());
    orders.reverse();
    assert_eq!(continuous(&orders, &rules(100)).unwrap(), cleared, "sequence counts, not place");
}

#[test]
fn limits_meet_as_energy_prices_on_the_tick_where_both_gain() {
    let fee = Price::from_n_per_wh;
    let fees = Fees { network: fee(10_000), buyer: fee(2_000), seller: fee(3_000) };
    let price = |first: Side, bid: i64, ask: i64| {
        let (buy, sell) = (order("b", Side::Buy, 10, bid), order("s", Side::Sell, 10, ask));
        let later = u64::from(first == Side::Buy);
        let orders = [Order { sequence: 1 - later, ..buy }, Order { sequence: later, ..sell }];
        let cleared = continuous(&orders, &Rules::uniform(fee(100), fees)).unwrap();
        trades(&cleared).first().map(|trade| trade.3)
    };
    // The bid is worth 188 099 of energy, the ask wants 103 001.
    assert_eq!(price(Side::Buy, 200_099, 100_001), Some(188_000));
    assert_eq!(price(Side::Sell, 200_099, 100_001), Some(103_100));
    assert_eq!(price(Side::Sell, 115_100, 100_001), Some(103_100));
    assert_eq!(price(Side::Sell, 115_099, 100_001), None, "no tick lies between them");
    assert_eq!(price(Side::Sell, 15_000, -50_000), Some(3_000), "an ask below zero counts as zero");
    assert_eq!(price(Side::Sell, 11_999, 0), None, "a bid below zero meets nobody");
}

#[test]
fn equal_sequences_come_in_by_hash() {
    let mut orders = [("a", 2), ("b", 1)].map(|(name, place)| {
        let placed = order(name, Side::Sell, 5, 100);
        Order { hash: [place; 32], ..placed }
    });
    let bid = Order { sequence: 1, ..order("bid", Side::Buy, 5, 100) };
    let seller = |asks: &[Order]| {
        let orders = [asks, std::slice::from_ref(&bid)].concat();
        continuous(&orders, &rules(1)).unwrap().trades[0].seller
    };
    assert_eq!(seller(&orders), OrderId::derived("b"));
    orders[0].hash = [0; 32];
    assert_eq!(seller(&orders), OrderId::derived("a"));
}

#[test]
fn an_order_that_cannot_trade_its_least_when_it_comes_is_dropped() {
    let ask = order("ask", Side::Sell, 8, 100);
    let bid = |name: &str, sequence: u64, least: u64| Order {
        min_fill: Energy::from_wh(least),
        sequence,
        ..order(name, Side::Buy, 10, 100)
    };
    let orders = [ask.clone(), bid("b1", 1, 9), bid("b2", 2, 5), bid("b3", 3, 1)];
    let cleared = continuous(&orders, &rules(1)).unwrap();
    assert_eq!(cleared.dropped, [OrderId::derived("b1"), OrderId::derived("b3")]);
    assert_eq!(trades(&cleared), [(OrderId::derived("b2"), ask.id, 8, 100)]);
}

#[test]
fn own_orders_lose_what_they_share_without_a_trade() {
    let mut own = [order("ask", Side::Sell, 4, 100), order("bid", Side::Buy, 10, 300)];
    own[1].owner = own[0].owner;
    own[1].sequence = 1;
    assert_eq!(continuous(&own, &rules(1)).unwrap(), Clearing::default());
    let other = Order { sequence: 2, ..order("other", Side::Sell, 10, 200) };
    let cleared = continuous(&[own[0].clone(), own[1].clone(), other.clone()], &rules(1)).unwrap();
    assert_eq!(trades(&cleared), [(own[1].id, other.id, 6, 300)]);
}

#[test]
fn a_batch_that_does_not_fit_is_refused() {
    let refused = |order: Order, tick: i64, fee: i64| {
        let seller = Price::from_n_per_wh(fee);
        let fees = Fees { seller, network: seller, ..Fees::default() };
        continuous(&[order], &Rules::uniform(Price::from_n_per_wh(tick), fees)).unwrap_err()
    };
    let overflow = Refusal::Overflow(units::Overflow);
    assert_eq!(refused(order("a", Side::Buy, QUANTITY_MAX + 1, 1), 1, 0), overflow);
    assert_eq!(refused(order("a", Side::Buy, 1, i64::MIN), 1, 1), overflow);
    assert_eq!(refused(order("a", Side::Buy, 1, i64::MIN + 1), 10, 0), overflow);
    assert_eq!(refused(order("a", Side::Sell, 1, i64::MAX), 10, 0), overflow);
    assert_eq!(refused(order("a", Side::Sell, 1, i64::MAX), 1, 1), overflow);
    let order = order("a", Side::Sell, 1, 1);
    assert!(matches!(refused(order, 0, 0), Refusal::Rules(_)));
    assert_eq!(continuous(&[], &rules(1)).unwrap(), Clearing::default());
}

#[test]
fn random_batches_clear_as_a_slow_list_does() {
    let (begun, most) = (Instant::now(), operations(44_000));
    let (mut seen, mut seed, mut traded, mut dropped) = (0, 0, 0, 0);
    while seen < most {
        let mut dice = Dice(seed);
        let mut orders = Vec::new();
        let (prices, owners) = (2 + dice.below(12), 2 + dice.below(10));
        for count in 0..2 + dice.below(20) {
            let side = if dice.below(2) == 0 { Side::Buy } else { Side::Sell };
            let (quantity, price) = (dice.below(13), dice.price(prices) - 1);
            let mut order = dice.order(count, quantity, price);
            order.side = side;
            order.owner = [u8::try_from(dice.below(owners)).unwrap(); 20];
            // Few of them, so that hashes decide often.
            order.sequence = dice.below(8);
            if dice.below(6) == 0 {
                order.min_fill = Energy::from_wh(dice.below(14));
            }
            orders.push(order);
        }
        let mut price = || Price::from_n_per_wh(dice.price(3));
        let fees = Fees { network: price(), buyer: price(), seller: price() };
        let fees = if seed % 2 == 0 { fees } else { Fees::default() };
        let rules = Rules::uniform(Price::from_n_per_wh(1 + dice.price(3)), fees);
        let cleared = continuous(&orders, &rules).unwrap();
        let slow = in_turn::run(&orders, &rules);
        assert_eq!(trades(&cleared), slow.trades, "seed {seed}");
        assert_eq!(cleared.dropped, slow.dropped, "seed {seed}");
        let mut fills: BTreeMap<OrderId, u64> = BTreeMap::new();
        for trade in &slow.trades {
            *fills.entry(trade.0).or_default() += trade.2;
            *fills.entry(trade.1).or_default() += trade.2;
        }
        let told = cleared.fills.iter().map(|fill| (fill.order, fill.quantity.wh()));
        assert_eq!(told.collect::<BTreeMap<_, _>>(), fills, "seed {seed}");
        assert_eq!(cleared.fills.len(), fills.len(), "seed {seed}");
        let volume: u64 = slow.trades.iter().map(|trade| trade.2).sum();
        assert_eq!(cleared.volume.wh(), volume, "seed {seed}");
        seen += u64::try_from(orders.len()).unwrap();
        traded += u64::try_from(slow.trades.len()).unwrap();
        dropped += u64::try_from(slow.dropped.len()).unwrap();
        seed += 1;
    }
    println!(
        "continuous, batches: {seen} orders, seeds 0..{seed}, {traded} trades, {dropped} dropped, \
         {} ms",
        begun.elapsed().as_millis()
    );
    assert!(traded > 2 * seed && dropped * 4 > seed, "too dull: {traded}, {dropped} of {seed}");
}
