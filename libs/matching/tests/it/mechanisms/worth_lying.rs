//! Whether telling another limit than the true one gains anything.

use matching::{Clearing, Fees, Mechanism, Order, Rules, Side, clear};
use units::{Energy, Price};

use crate::mechanisms::books::{Dice, book, energy_price, operations};

/// What a clearing is worth to the owner of an order with this true energy price, who has no use
/// for more than the true quantity and cannot give more.
fn utility(order: &Order, rules: &Rules, cleared: &Clearing) -> i64 {
    let (value, mut got, mut money) = (energy_price(order, rules), 0, 0);
    for trade in &cleared.trades {
        let quantity = i64::try_from(trade.quantity.wh()).unwrap();
        if trade.buyer == order.id {
            got += quantity;
            money -= trade.buy_price.n_per_wh() * quantity;
        }
        if trade.seller == order.id {
            got += quantity;
            money += trade.sell_price.n_per_wh() * quantity;
        }
    }
    let own = i64::try_from(order.quantity.wh()).unwrap();
    let beyond = (got - own).max(0);
    match order.side {
        Side::Buy => value * got.min(own) + money,
        // What was sold but is not there has to be bought dearly.
        Side::Sell => money - value * got.min(own) - 1000 * beyond,
    }
}

/// A small book of owners with one order each, and no `min_fill`.
fn single_orders(dice: &mut Dice, mechanism: Mechanism) -> (Vec<Order>, Rules) {
    let (_, mut rules) = book(dice, mechanism);
    if dice.below(2) == 0 {
        rules.fees = Fees::default();
    }
    let (prices, quantities) = (3 + dice.below(8), 1 + dice.below(2) * dice.below(6));
    let count = 2 + dice.below(10);
    let orders = (0..count).map(|count| {
        let (quantity, price) = (1 + dice.below(quantities), dice.price(prices));
        dice.order(count, quantity, price)
    });
    (orders.collect(), rules)
}

/// The most that any order of a book gains by a lie.
fn gain(orders: &[Order], rules: &Rules, lies: &dyn Fn(&Order) -> Vec<Order>) -> i64 {
    let honest = clear(orders, rules).unwrap();
    let mut most = 0;
    for place in 0..orders.len() {
        let truth = utility(&orders[place], rules, &honest);
        for lie in lies(&orders[place]) {
            let mut told = orders.to_vec();
            told[place] = lie;
            let cleared = clear(&told, rules).unwrap();
            most = most.max(utility(&orders[place], rules, &cleared) - truth);
        }
    }
    most
}

fn other_limits(order: &Order) -> Vec<Order> {
    let told = |price| Order { price: Price::from_n_per_wh(price), ..order.clone() };
    (-1..16).map(told).collect()
}

fn other_quantities(order: &Order) -> Vec<Order> {
    let told = |wh| Order { quantity: Energy::from_wh(wh), ..order.clone() };
    (0..12).map(told).collect()
}

#[test]
fn no_limit_gains_more_than_the_true_one_where_that_is_promised() {
    for mechanism in Mechanism::ALL {
        let mut gained = 0;
        let (mut seen, mut seed) = (0, 0);
        while seen < operations(3000) / 10 {
            let mut dice = Dice(seed);
            let (orders, rules) = single_orders(&mut dice, mechanism);
            let most = gain(&orders, &rules, &other_limits);
            let promised = mechanism.properties().truthful;
            assert!(!promised || most == 0, "{mechanism}: a lie gains {most}, seed {seed}");
            gained += u64::from(most > 0);
            seen += u64::try_from(orders.len()).unwrap();
            seed += 1;
        }
        println!("{:<22} a lie gains in {gained} of {seed} books", mechanism.name());
    }
}

#[test]
fn no_quantity_gains_more_than_the_true_one_where_lots_decide() {
    for seed in 0..operations(2000) / 10 {
        let mut dice = Dice(seed);
        let (orders, rules) = single_orders(&mut dice, Mechanism::Muda);
        assert_eq!(gain(&orders, &rules, &other_quantities), 0, "seed {seed}");
    }
}

#[test]
fn a_promise_that_is_not_made_would_not_be_kept() {
    for mechanism in Mechanism::ALL.iter().filter(|m| !m.properties().truthful) {
        let gains = |seed: u64| {
            let (orders, rules) = single_orders(&mut Dice(seed), *mechanism);
            gain(&orders, &rules, &other_limits) > 0
        };
        assert!((0..200).any(gains), "{mechanism} could promise to be truthful");
    }
}
