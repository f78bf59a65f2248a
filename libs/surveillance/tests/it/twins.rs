//! Each rule against its naive twin, over random days whose thresholds are low enough that much is
//! found.

use std::collections::BTreeMap;

use ids::OrderId;
use matching::{Fees, Rules, Side, Trade};
use surveillance::{Day, Order, Rule, Slot, Thresholds, Watch};
use units::{Energy, Price};

use crate::naive::{self, Finding};
use crate::town::{
    CENT, Dice, FIRST_DAY, account, as_matched, gate_of, interval, party, slot, slot_at,
};

const OWNERS: usize = 6;
const DAYS: u32 = 11;

/// Thresholds that random days reach.
fn low(dice: &mut Dice) -> Thresholds {
    let mut t = Thresholds::default();
    (t.c1.slots, t.c1.ask_percent, t.c1.raise_percent) = (1 + dice.below(3), 101, 1);
    (t.h1.slots, t.h1.other_slots, t.h1.peers) = (1, 1, 1 + dice.below(2));
    t.h1.days = 1 + dice.below(2);
    (t.h1.power_percent, t.h1.offered_percent) = (10, 60 + dice.below(41));
    (t.h1.dear_percent, t.h1.slots_percent, t.h1.other_percent) = (1 + dice.below(10), 20, 90);
    (t.l1.slots, t.l1.slots_percent, t.l1.book_percent) = (1 + dice.below(3), 10, 10);
    (t.l1.gone_percent, t.l1.late_seconds) = (50 + dice.below(50), 60 + dice.below(120));
    (t.m1.slots, t.m1.days, t.m1.short_percent) = (3, 2, 40 + dice.below(30));
    (t.m1.above_others, t.m1.energy_wh) = (dice.below(20), 100);
    (t.o1.slots, t.o1.loss_n, t.o1.loss_percent) = (1 + dice.below(3), 1_000_000, 5);
    (t.p1.slots, t.p1.gain_n, t.p1.slots_percent) = (1, 1_000, 5);
    (t.p1.small_percent, t.p1.move_percent) = (50, 1);
    (t.s1.slots, t.s1.quantities, t.s1.owners) = (2, 2, 2 + dice.below(2));
    (t.s1.slots_percent, t.s1.seconds) = (10, 60 + dice.below(600));
    (t.w1.slots, t.w1.energy_wh, t.w1.undelivered_percent) = (2, 100, 20 + dice.below(50));
    t.w1.sold_percent = 10;
    (t.w2.days, t.w2.energy_wh, t.w2.net_percent) = (1 + dice.below(2), 50, 10 + dice.below(30));
    t.w2.share_percent = 20;
    t
}

fn energy(dice: &mut Dice) -> Energy {
    Energy::from_wh([10, 20, 50, 100, 400, 1_000][dice.place(6)])
}

/// A day of random facts, and how many there are.
fn random_day(dice: &mut Dice, day: u32, count: &mut u128) -> Day {
    let mut made = Day { number: FIRST_DAY + day, ..Day::default() };
    for place in [0, 1, 2, 40, 41, 95] {
        let start = slot_at(day, place);
        let mut orders = Vec::new();
        for _ in 0..4 + dice.below(14) {
            *count += 1;
            let placed = gate_of(start).plus_seconds(-i64::try_from(dice.below(400)).unwrap());
            let later = placed.plus_seconds(i64::try_from(dice.below(400)).unwrap());
            let who = dice.place(OWNERS + 2);
            orders.push(Order {
                order: OrderId::from_uuid(ids::Uuid::from_u128(
                    count.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835),
                )),
                account: account(who),
                owner: party(who % OWNERS),
                side: if dice.chance(50) { Side::Buy } else { Side::Sell },
                slot: start,
                quantity: energy(dice),
                limit: Price::from_n_per_wh(dice.cents(0, 8) / CENT * 5 * CENT),
                placed,
                cancelled: dice.chance(40).then_some(later),
            });
        }
        trade(dice, &orders, start, &mut made);
        for who in 0..OWNERS + 2 {
            if dice.chance(80) {
                let wh = if dice.chance(40) { 0 } else { energy(dice).wh() * 2 };
                made.intervals.push(interval(who, party(who % OWNERS), start, wh));
            }
        }
        made.orders.extend(orders);
    }
    made
}

/// Clears the slot as the market does, or lets anybody meet anybody.
fn trade(dice: &mut Dice, orders: &[Order], start: calendar::Timestamp, day: &mut Day) {
    let gate = gate_of(start);
    let standing = orders.iter().filter(|order| order.cancelled.is_none_or(|at| at >= gate));
    let standing: Vec<&Order> = standing.collect();
    let fees = Fees { network: Price::from_n_per_wh(1_000), ..Fees::default() };
    let mut known = Slot { fees, ..slot(start, None) };
    if dice.chance(50) {
        let batch: Vec<matching::Order> = standing.iter().map(|order| as_matched(order)).collect();
        let cleared = matching::clear(&batch, &Rules::uniform(known.tick, fees)).unwrap();
        known.price = cleared.price;
        day.trades.extend(cleared.trades);
    } else {
        let of = |side| standing.iter().filter(move |order| order.side == side);
        for (buy, sell) in of(Side::Buy).zip(of(Side::Sell)) {
            let paid = Price::from_n_per_wh(dice.cents(0, 45));
            let got = Price::from_n_per_wh(dice.cents(0, 20) - 5 * CENT);
            day.trades.push(Trade {
                buyer: buy.order,
                seller: sell.order,
                quantity: buy.quantity.min(sell.quantity),
                buy_price: paid,
                sell_price: got.min(paid),
            });
        }
        known.price = dice.chance(70).then(|| Price::from_n_per_wh(dice.cents(5, 30)));
    }
    day.slots.push(known);
}

fn told(watch: &mut Watch, day: &Day) -> Vec<Finding> {
    let cases = watch.day(day).unwrap().into_iter();
    let values = |case: surveillance::Case| {
        let figures = case.figures.iter().map(|figure| figure.value).collect();
        (case.rule, case.owners, figures)
    };
    let mut told: Vec<Finding> = cases.map(values).collect();
    told.sort();
    told
}

#[test]
fn every_rule_finds_what_its_naive_twin_finds() {
    let (mut facts, mut found) = (0, BTreeMap::new());
    let mut seed = 0;
    while facts < 150_000 {
        seed += 1;
        let (mut dice, mut count) = (Dice(seed), u128::from(seed) << 32);
        let thresholds = low(&mut dice);
        let mut watch = Watch::new("village", thresholds).unwrap();
        let mut days: Vec<Day> = Vec::new();
        for day in 0..DAYS {
            // Now and then nothing is known of a day.
            if dice.chance(10) {
                continue;
            }
            days.push(random_day(&mut dice, day, &mut count));
            let day = days.last().unwrap();
            let gone = day.orders.iter().filter(|order| order.cancelled.is_some()).count();
            facts += day.orders.len() + gone + day.trades.len() + day.intervals.len();
            let mut expected = naive::findings(&days, &thresholds);
            expected.sort();
            assert_eq!(told(&mut watch, day), expected, "seed {seed}, day {}", day.number);
            for (rule, ..) in expected {
                *found.entry(rule).or_insert(0) += 1;
            }
        }
    }
    println!("{facts} random facts, {seed} runs of {DAYS} days, found by both: {found:?}");
    for rule in Rule::ALL {
        let count = found.get(&rule).copied().unwrap_or(0);
        assert!(count >= 100, "{rule}: found {count} times only, which compares little");
    }
}
