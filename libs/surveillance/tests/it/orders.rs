//! L1 and B1: orders that are gone, and limits that move alike.

use calendar::Timestamp;
use matching::Side;
use surveillance::{Kind, Severity};

use crate::town::*;

/// Five slots of the morning.
const TIMES: [&str; 5] = ["10:00", "10:15", "10:30", "10:45", "11:00"];

/// Others have 3 000 Wh to sell; `loud` has so much to sell besides and takes it back so many
/// seconds before the gate.
fn loud(wh: u64, seconds: i64) -> Town {
    let mut town = Town::default();
    for time in TIMES {
        let slot = slot(1, time);
        town.sell("s", slot, 3_000, 10);
        town.buy("b", slot, 3_000, 20);
        let order = town.sell("loud", slot, wh, 9);
        town.cancel(slot, order, seconds);
        town.clear(slot);
    }
    town
}

#[test]
fn large_orders_taken_back_just_before_the_gate_are_layering() {
    check(&loud(1_000, 59), Kind::L1, true, "a quarter of 4 000 Wh, 59 s before");
    check(&loud(1_000, 60), Kind::L1, false, "a second earlier");
    check(&loud(999, 1), Kind::L1, false, "not large");
    check(&loud(9_000, 1), Kind::L1, true, "large");
    let case = only(&watch(&loud(1_000, 59).facts));
    assert_eq!((case.severity, case.energy_wh()), (Severity::Medium, 5_000));
    assert_eq!(case.slots(), TIMES.map(|time| slot(1, time)).into());
    assert_eq!(case.accounts(), [account("loud")].into());
    let figures = &case.incidents.values().next().unwrap().figures;
    let shown: Vec<(&str, i128)> = figures.iter().map(|f| (f.what, f.value)).collect();
    assert_eq!(shown[0], ("taken back of the day", 100), "{shown:?}");
}

#[test]
fn who_keeps_a_tenth_of_its_orders_is_no_layerer() {
    for (kept, found) in [(555, true), (556, false)] {
        // 5 000 of 5 555 is 90.01 %, 5 000 of 5 556 is 89.99 %.
        let mut town = loud(1_000, 30);
        let slot = slot(1, "12:00");
        town.buy("loud", slot, kept, 20);
        town.clear(slot);
        check(&town, Kind::L1, found, &format!("{kept} kept"));
    }
}

#[test]
fn four_orders_are_too_few_for_a_ratio() {
    let mut town = loud(1_000, 30);
    let first_of_the_fifth = town.facts.iter().position(|fact| {
        matches!(fact, surveillance::Fact::Accepted(order) if order.slot == slot(1, TIMES[4]))
    });
    town.facts.truncate(first_of_the_fifth.unwrap());
    check(&town, Kind::L1, false, "of four slots");
}

/// Takes 1 000 Wh of `loud` back just before the gate, and places something else.
fn changed(side: Side, wh: u64) -> Town {
    let mut town = Town::default();
    for time in TIMES {
        let slot = slot(1, time);
        town.sell("s", slot, 3_000, 10);
        town.buy("b", slot, 3_000, 20);
        let order = town.sell("loud", slot, 1_000, 9);
        town.cancel(slot, order, 30);
        let limit = if side == Side::Buy { 200_000 } else { 110_000 };
        town.order(("loud", side), slot, (wh, limit), 30);
        town.clear(slot);
    }
    town
}

#[test]
fn who_changes_an_order_in_the_last_minute_takes_nothing_back() {
    check(&changed(Side::Sell, 1_000), Kind::L1, false, "another price");
    check(&changed(Side::Buy, 10), Kind::L1, true, "a little of the other side");
}

#[test]
fn an_order_that_came_and_went_in_the_last_minute_is_seen() {
    let mut town = Town::default();
    for time in TIMES {
        let slot = slot(1, time);
        town.sell("s", slot, 3_000, 10);
        let order = town.order(("loud", Side::Sell), slot, (1_000, 90_000), 50);
        town.cancel(slot, order, 5);
        town.clear(slot);
    }
    check(&town, Kind::L1, true, "placed 50 s before the gate");
}

#[test]
fn orders_of_both_sides_and_those_that_others_took_back_are_no_layers() {
    let mut town = Town::default();
    for time in TIMES {
        let slot = slot(1, time);
        town.sell("s", slot, 1_000, 10);
        town.buy("b", slot, 1_000, 20);
        for order in [town.sell("loud", slot, 1_000, 25), town.buy("loud", slot, 1_000, 5)] {
            town.cancel(slot, order, 30);
        }
        town.clear(slot);
    }
    check(&town, Kind::L1, false, "of both sides");
    let mut town = loud(1_000, 30);
    for fact in &mut town.facts {
        if let surveillance::Fact::Cancelled { own, .. } = fact {
            *own = false;
        }
    }
    check(&town, Kind::L1, false, "by who runs the market");
}

/// Sells 100 Wh at this price for each of the names in each slot.
fn limits(names: &[&str], prices: &[i64]) -> Town {
    let mut town = Town::default();
    for (place, price) in (0..).zip(prices) {
        let slot = Timestamp::from_seconds(slot(1, "10:00").seconds() + place * 900);
        for name in names {
            town.order((name, Side::Sell), slot, (100, *price), 3_600);
        }
        town.buy("b", slot, 500, 20);
        town.clear(slot);
    }
    town
}

const MOVING: [i64; 4] = [101_000, 102_000, 102_000, 104_000];

#[test]
fn three_owners_whose_limits_move_alike_in_four_slots_collude() {
    let three = ["x", "y", "z"];
    check(&limits(&three, &MOVING), Kind::B1, true, "three owners, four slots, three prices");
    check(&limits(&three[..2], &MOVING), Kind::B1, false, "two owners");
    check(&limits(&three, &MOVING[..3]), Kind::B1, false, "three slots");
    let two = [101_000, 102_000, 102_000, 102_000];
    check(&limits(&three, &two), Kind::B1, false, "two prices");
    let public = [101_000, 102_000, 80_000, 104_000, 105_000, 106_000];
    check(&limits(&three, &public), Kind::B1, false, "one of them is the feed-in price");
    let case = only(&watch(&limits(&three, &MOVING).facts));
    assert_eq!((case.severity, case.slots().len()), (Severity::Low, 4));
    assert_eq!(case.accounts(), three.map(account).into());
}

#[test]
fn accounts_of_one_owner_are_one_and_a_fourth_who_joins_is_of_the_same_case() {
    let mut town = limits(&["x", "y", "z"], &MOVING);
    town.give("z", "y");
    check(&town, Kind::B1, false, "two owners with three accounts");

    let mut town = Town::default();
    for (place, price) in (0..).zip([101_000, 102_000, 103_000, 104_000, 105_000, 106_000]) {
        let slot = Timestamp::from_seconds(slot(1, "10:00").seconds() + place * 900);
        let fourth = if place >= 2 { price } else { 150_000 };
        for (name, price) in [("x", price), ("y", price), ("z", price), ("w", fourth)] {
            town.order((name, Side::Sell), slot, (100, price), 3_600);
        }
        town.buy("b", slot, 500, 20);
        town.clear(slot);
    }
    let case = only(&watch(&town.facts));
    assert_eq!((case.kind, case.incidents.len()), (Kind::B1, 3));
    assert_eq!(case.accounts().len(), 4);
}
