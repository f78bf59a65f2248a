//! The same answers as the slowest way to look: every pair of owners for circles, every owner
//! against every other for limits that move alike.

use std::collections::BTreeSet;

use calendar::Timestamp;
use matching::Side;
use surveillance::{Fact, Kind, Subject, Surveillance, Thresholds};

use crate::town::*;

const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

/// What a machine finds of a type: where and of whom.
fn found(machine: &Surveillance, kind: Kind) -> BTreeSet<(Timestamp, BTreeSet<String>)> {
    let mut found = BTreeSet::new();
    for case in machine.cases().filter(|case| case.kind == kind) {
        let Subject::Owners(_) = &case.subject else { panic!("{:?}", case.subject) };
        for incident in case.incidents.values() {
            found.insert((incident.at, incident.accounts.iter().map(|a| a.to_string()).collect()));
        }
    }
    found
}

fn names(accounts: impl IntoIterator<Item = &'static str>) -> BTreeSet<String> {
    accounts.into_iter().map(|name| account(name).to_string()).collect()
}

/// Two days on which neighbours trade few different quantities, so that some come back.
fn swaps(seed: u64) -> Town {
    let (mut dice, mut town) = (Dice(seed), Town::default());
    for day in 1..=2 {
        for place in 0..40 {
            let slot = slot(day, "00:00").plus_seconds(place * 900);
            let (one, other) = (NAMES[dice.place(8)], NAMES[dice.place(8)]);
            if one == other {
                continue;
            }
            let wh = 500 + 250 * dice.below(4) + dice.below(8);
            town.sell(one, slot, wh, 10);
            town.buy(other, slot, wh, 20);
            town.clear(slot);
        }
    }
    town
}

/// What was sold in one way within a day, in Wh: through all trades, every time.
fn sold(town: &Town, day: i64, seller: &str, buyer: &str) -> u64 {
    let mut sum = 0;
    for fact in &town.facts {
        let Fact::Cleared(cleared) = fact else { continue };
        if cleared.slot < slot(day, "00:00") || cleared.slot >= slot(day + 1, "00:00") {
            continue;
        }
        for trade in &cleared.trades {
            let of = |order| {
                let accepted = town.facts.iter().find_map(|fact| match fact {
                    Fact::Accepted(known) if known.order == order => Some(known.account),
                    _ => None,
                });
                accepted.unwrap()
            };
            if of(trade.sell) == account(seller) && of(trade.buy) == account(buyer) {
                sum += trade.quantity.wh();
            }
        }
    }
    sum
}

#[test]
fn circles_are_those_of_every_pair_of_owners() {
    let mut count = 0;
    for seed in 0..12 {
        let town = swaps(seed);
        let mut expected = BTreeSet::new();
        for day in 1..=2 {
            for (place, one) in NAMES.iter().enumerate() {
                for other in &NAMES[place + 1..] {
                    let (there, back) =
                        (sold(&town, day, one, other), sold(&town, day, other, one));
                    let net = there.abs_diff(back);
                    if there >= 1_000 && back >= 1_000 && net * 100 < there + back {
                        expected.insert((slot(day, "00:00"), names([*one, *other])));
                    }
                }
            }
        }
        let machine = watch_with(&town.facts, Thresholds::default());
        assert_eq!(found(&machine, Kind::W2), expected, "seed {seed}");
        count += expected.len();
    }
    assert!(count >= 5, "too dull: {count} circles");
}

/// Half a day of offers with few prices, so that some move alike; not everybody offers always.
fn offers(seed: u64) -> Town {
    let (mut dice, mut town) = (Dice(seed), Town::default());
    for place in 0..40 {
        let slot = slot(1, "00:00").plus_seconds(place * 900);
        let price = 9 + i64::try_from(dice.below(4)).unwrap();
        for name in NAMES {
            if dice.below(8) == 0 {
                continue;
            }
            let own = 9 + i64::try_from(dice.below(4)).unwrap();
            let follows = dice.below(5) > 0;
            town.sell(name, slot, 100, if follows { price } else { own });
        }
        town.buy("buyer", slot, 50, 20);
        town.clear(slot);
    }
    town
}

/// The last four offers of an owner until a slot in which it has one.
fn last_four(town: &Town, name: &str, until: Timestamp) -> Vec<(Timestamp, i64)> {
    let mut offers = Vec::new();
    for fact in &town.facts {
        match fact {
            Fact::Accepted(order) if order.account == account(name) && order.slot <= until => {
                offers.push((order.slot, order.limit.n_per_wh()));
            }
            _ => {}
        }
    }
    let has_one = offers.last().is_some_and(|(slot, _)| *slot == until);
    if has_one && offers.len() >= 4 { offers.split_off(offers.len() - 4) } else { Vec::new() }
}

#[test]
fn limits_that_move_alike_are_those_of_every_owner_against_every_other() {
    let mut count = 0;
    for seed in 0..20 {
        let town = offers(seed);
        let mut expected = BTreeSet::new();
        for place in 0..40 {
            let slot = slot(1, "00:00").plus_seconds(place * 900);
            for one in NAMES {
                let run = last_four(&town, one, slot);
                let prices: BTreeSet<i64> = run.iter().map(|(_, price)| *price).collect();
                if run.is_empty() || prices.len() < 3 {
                    continue;
                }
                let alike = NAMES.iter().copied().filter(|o| last_four(&town, o, slot) == run);
                let alike: Vec<&str> = alike.collect();
                if alike.len() >= 3 {
                    expected.insert((slot, names(alike)));
                }
            }
        }
        let machine = watch_with(&town.facts, Thresholds::default());
        assert_eq!(found(&machine, Kind::B1), expected, "seed {seed}");
        count += expected.len();
    }
    assert!(count >= 5, "too dull: {count} groups");
}

#[test]
fn what_a_side_bids_says_nothing_about_its_offers() {
    let mut town = Town::default();
    for (place, cents) in (0..).zip([9, 10, 11, 12]) {
        let slot = slot(1, "00:00").plus_seconds(place * 900);
        town.sell("a", slot, 100, cents);
        town.buy("b", slot, 100, cents);
        town.order(("c", Side::Buy), slot, (100, cents * CENT), 3_600);
        town.clear(slot);
    }
    check(&town, Kind::B1, false, "two bid and one offers");
}
