//! H1 and P1: prices that are high for a reason.

use matching::Side;
use surveillance::{Fact, Kind};

use crate::town::*;

/// A week at noon at 16 ct, then a slot in which `big` offers so much of `likely`, the others so
/// much of their 1 000 Wh each, and buyers pay up to `bid` (in 1e-9 currency per Wh).
fn noon(offered: u64, likely: u64, others: u64, bid: i64) -> Town {
    let mut town = Town::default();
    for day in 1..=8 {
        let slot = slot(day, "12:00");
        let last = day == 8;
        for name in ["s1", "s2", "s3"] {
            town.likely(name, 1_000);
            town.sell(name, slot, if last { others } else { 1_000 }, 8);
        }
        town.likely("big", likely);
        let offers = if last { offered } else { likely };
        if offers > 0 {
            town.sell("big", slot, offers, 8);
        }
        // Buyers are rationed, so that the price is between their limit and the next one.
        let bid = if last { bid } else { 160_000 };
        town.order(("b", Side::Buy), slot, (20_000, bid), 3_600);
        town.clear(slot);
    }
    town
}

/// The price of the last slot of [`noon`].
fn price(town: &Town) -> i64 {
    let prices = town.facts.iter().filter_map(|fact| match fact {
        Fact::Cleared(cleared) => cleared.price,
        _ => None,
    });
    prices.last().unwrap().n_per_wh()
}

#[test]
fn who_offers_less_than_half_of_what_is_available_while_the_price_is_high_withholds() {
    // The reference is 160 000, so a price is high above 208 000.
    let high = noon(1_999, 4_000, 1_000, 208_100);
    assert_eq!(price(&high), 208_100);
    check(&high, Kind::H1, true, "1 999 of 4 000 Wh");
    check(&noon(2_000, 4_000, 1_000, 208_100), Kind::H1, false, "half of it");
    check(&noon(1_999, 4_000, 1_000, 208_000), Kind::H1, false, "30 % above the reference");
    check(&noon(0, 4_000, 1_000, 208_100), Kind::H1, true, "nothing offered");
    check(&noon(0, 749, 1_000, 208_100), Kind::H1, false, "less than a quarter of the slot");
    check(&noon(0, 750, 1_000, 208_100), Kind::H1, true, "a quarter of the slot");
    let case = only(&watch(&high.facts));
    assert_eq!((case.energy_wh(), case.accounts()), (2_001, [account("big")].into()));
}

#[test]
fn nobody_withholds_what_the_clouds_take() {
    // The others offer 40 % of what is likely, so 1 600 of 4 000 Wh are available.
    check(&noon(1_600, 4_000, 400, 250_000), Kind::H1, false, "like the others");
    check(&noon(800, 4_000, 400, 250_000), Kind::H1, false, "half of it");
    check(&noon(799, 4_000, 400, 250_000), Kind::H1, true, "less than half of it");
}

#[test]
fn what_an_owner_offers_elsewhere_counts() {
    let mut town = noon(0, 4_000, 1_000, 208_100);
    town.give("s1", "big");
    check(&town, Kind::H1, true, "1 000 of 5 000 Wh");
    let mut town = noon(0, 1_001, 1_000, 208_100);
    town.give("s1", "big");
    check(&town, Kind::H1, true, "1 000 of 2 001 Wh");
    let mut town = noon(0, 1_000, 1_000, 208_100);
    town.give("s1", "big");
    check(&town, Kind::H1, false, "1 000 of 2 000 Wh");
}

/// Six days at two in the afternoon. On the last `days` of them `pump` buys so much at `bid`; the
/// others bid 160 000 for what is left.
fn pumped(days: i64, bought: u64, bid: i64) -> Town {
    let mut town = Town::default();
    for day in 1..=6 {
        let slot = slot(day, "14:00");
        town.sell("s", slot, 2_000, 8);
        let price = if day > 6 - days { bid } else { 160_000 };
        town.order(("pump", Side::Buy), slot, (bought, price), 3_600);
        // Somebody else pays the same, and sets the price with it.
        town.order(("b", Side::Buy), slot, (5_000 - bought, price), 3_600);
        town.clear(slot);
    }
    town
}

#[test]
fn who_buys_most_far_above_the_reference_on_three_days_pumps() {
    check(&pumped(3, 3_000, 320_000), Kind::P1, true, "three days");
    check(&pumped(2, 3_000, 320_000), Kind::P1, false, "two days");
    check(&pumped(3, 2_500, 320_000), Kind::P1, false, "half of what is traded");
    check(&pumped(3, 3_000, 200_000), Kind::P1, false, "25 % above the reference");
    check(&pumped(4, 3_000, 500_000), Kind::P1, true, "the first has two days before it");
    let case = only(&watch(&pumped(3, 3_000, 320_000).facts));
    assert_eq!((case.incidents.len(), case.accounts()), (3, [account("pump")].into()));
}

#[test]
fn a_price_without_a_past_is_not_pumped() {
    let mut town = Town::default();
    for day in 1..=3 {
        let slot = slot(day, "14:00");
        town.sell("s", slot, 2_000, 8);
        town.buy("pump", slot, 5_000, 29);
        assert_eq!(town.clear(slot), Some(290_000), "50 % above the middle of 8 and 30");
    }
    check(&town, Kind::P1, false, "nothing is known");
}
