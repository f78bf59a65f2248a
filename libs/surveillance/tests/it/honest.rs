//! Months of honest villages: what is found there is found by chance.

use std::collections::BTreeMap;
use std::thread;

use surveillance::{Rule, Thresholds, Watch};

use crate::town::{Kind, Town};

/// Days of a month.
const DAYS: u32 = 30;

/// Accounts of each village; the months of one are in different seasons.
const VILLAGES: [usize; 40] = [
    5, 5, 5, 5, 6, 6, 6, 7, 7, 7, 8, 8, 8, 9, 9, 10, 10, 11, 12, 12, 14, 15, 16, 18, 20, 20, 22,
    25, 28, 30, 30, 35, 40, 40, 50, 60, 80, 100, 150, 200,
];

fn kind(place: usize, accounts: usize) -> Kind {
    Kind {
        accounts,
        sun: [100, 60, 30][place % 3],
        big_seller: accounts <= 12 && place.is_multiple_of(2),
        fickle: [5, 30, 60][place / 3 % 3],
    }
}

/// Orders, trades, and the first sight of every case of a month.
fn month(seed: u64, kind: Kind) -> (usize, usize, Vec<(Rule, String)>) {
    let mut town = Town::new(seed, kind, None);
    let mut watch = Watch::new("village", Thresholds::default()).unwrap();
    let (mut orders, mut trades, mut found) = (0, 0, BTreeMap::new());
    for _ in 0..DAYS {
        let day = town.next();
        orders += day.orders.len();
        trades += day.trades.len();
        for case in watch.day(&day).unwrap() {
            found.entry(case.id).or_insert((case.rule, case.sentence()));
        }
    }
    assert_eq!(watch.left_out(), 0);
    (orders, trades, found.into_values().collect())
}

#[test]
fn honest_months_raise_at_most_one_case_in_ten() {
    let places: Vec<usize> = (0..VILLAGES.len()).collect();
    let (even, odd): (Vec<usize>, Vec<usize>) = places.iter().partition(|place| *place % 2 == 0);
    let run = |places: Vec<usize>| {
        let months = places.into_iter().map(|place| {
            let kind = kind(place, VILLAGES[place]);
            (place, kind, month(1_000 + place as u64, kind))
        });
        months.collect::<Vec<_>>()
    };
    let months = thread::scope(|scope| {
        let [one, two] = [even, odd].map(|places| scope.spawn(move || run(places)));
        let mut months = one.join().unwrap();
        months.extend(two.join().unwrap());
        months
    });
    let (mut orders, mut trades, mut cases) = (0, 0, 0);
    let mut counts: BTreeMap<Rule, usize> = BTreeMap::new();
    for (place, kind, (ordered, traded, found)) in &months {
        orders += ordered;
        trades += traded;
        cases += found.len();
        for (rule, sentence) in found {
            *counts.entry(*rule).or_default() += 1;
            println!("month {place}, {kind:?}: {sentence}");
        }
    }
    let count = months.len();
    println!("{count} honest months, {orders} orders, {trades} trades: {cases} cases {counts:?}");
    assert!(orders > 2_000_000 && trades > 1_000_000, "too dull: {orders} orders, {trades} trades");
    assert!(cases * 10 <= count, "{cases} false cases in {count} months");
}
