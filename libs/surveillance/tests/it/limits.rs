//! What the machine leaves out, and says so.

use alloy_primitives::B256;
use calendar::Timestamp;
use ids::OrderId;
use matching::Side;
use surveillance::{
    BOOKS_MAX, ENERGY_MAX, EVIDENCE_MAX, Fact, INCIDENTS_MAX, Metered, NotNoted,
    ORDERS_PER_SLOT_MAX, Order, PRICE_MAX, Surveillance, Trade, WINDOW_DAYS,
};
use units::{Energy, Price};

use crate::town::*;

fn order(name: &str, slot: Timestamp) -> Order {
    Order {
        order: OrderId::derived(name),
        hash: B256::ZERO,
        account: account("a"),
        connection_point: point("a"),
        side: Side::Sell,
        slot,
        gate: gate(slot),
        quantity: Energy::from_wh(10),
        limit: Price::from_n_per_wh(100_000),
        at: gate(slot),
    }
}

fn metered(day: i64) -> Fact {
    Fact::Metered(Metered {
        slot: slot(day, "10:00"),
        connection_point: point("a"),
        version: 1,
        import: None,
        export: None,
        dark: false,
    })
}

#[test]
fn what_nobody_means_is_left_out() {
    let mut machine = Surveillance::default();
    let good = order("o", slot(1, "10:00"));
    let mut bad = [good.clone(), good.clone(), good.clone()];
    bad[0].quantity = Energy::from_wh(ENERGY_MAX.wh() + 1);
    bad[1].limit = Price::from_n_per_wh(PRICE_MAX.n_per_wh() + 1);
    bad[2].limit = Price::from_n_per_wh(i64::MIN);
    for order in bad {
        assert_eq!(machine.note(&Fact::Accepted(order)), Err(NotNoted::Range));
    }
    assert_eq!(machine.note(&Fact::Accepted(good)), Ok(Vec::new()));
    assert_eq!(machine.missed().range, 3);
    assert_eq!(NotNoted::Range.code(), "RANGE");
}

#[test]
fn a_slot_is_cleared_once_and_what_is_long_past_is_left_out() {
    let mut town = Town::default();
    town.sell("a", slot(1, "10:00"), 100, 10);
    town.clear(slot(1, "10:00"));
    let mut machine = watch_with(&town.facts, Default::default());
    let again = town.facts.last().unwrap().clone();
    assert_eq!(machine.note(&again), Err(NotNoted::Past));
    let late = Fact::Accepted(order("late", slot(1, "10:00")));
    assert_eq!(machine.note(&late), Err(NotNoted::Past));
    let next = WINDOW_DAYS + 1;
    assert_eq!(machine.note(&metered(next - 1)), Ok(Vec::new()));
    assert_eq!(machine.note(&metered(1)), Ok(Vec::new()), "still remembered");
    assert_eq!(machine.note(&metered(next)), Ok(Vec::new()));
    assert_eq!(machine.note(&metered(1)), Err(NotNoted::Past));
    assert_eq!(machine.missed().past, 3);
}

#[test]
fn trades_of_orders_that_nobody_told_of_are_counted() {
    let mut town = Town::default();
    town.clear(slot(1, "10:00"));
    let Some(Fact::Cleared(cleared)) = town.facts.last_mut() else { panic!("nothing cleared") };
    let (buy, sell) = (OrderId::derived("b"), OrderId::derived("s"));
    let quantity = Energy::from_wh(10);
    cleared.trades.push(Trade { trade: B256::ZERO, buy, sell, quantity });
    let machine = watch_with(&town.facts, Default::default());
    assert_eq!(machine.missed().strangers, 1);
}

#[test]
fn books_have_room_for_so_many_orders_and_slots() {
    let mut machine = Surveillance::default();
    let first = slot(1, "00:00");
    for number in 0..ORDERS_PER_SLOT_MAX {
        machine.note(&Fact::Accepted(order(&number.to_string(), first))).unwrap();
    }
    let one_more = Fact::Accepted(order("one more", first));
    assert_eq!(machine.note(&one_more), Err(NotNoted::Full));
    assert_eq!(machine.note(&Fact::Accepted(order("0", first))), Ok(Vec::new()), "known");
    for number in 1..i64::try_from(BOOKS_MAX).unwrap() {
        let slot = first.plus_seconds(number * 900);
        machine.note(&Fact::Accepted(order("o", slot))).unwrap();
    }
    let far = first.plus_seconds(10_000_000);
    assert_eq!(machine.note(&Fact::Accepted(order("far", far))), Err(NotNoted::Full));
    assert_eq!(machine.missed().full, 2);
}

#[test]
fn a_case_keeps_so_many_incidents_and_an_incident_so_much_evidence() {
    let mut town = Town::default();
    for number in 0..210 {
        let slot = Timestamp::from_seconds(slot(1, "00:00").seconds() + number * 300);
        town.sell("a", slot, 100, 10);
        town.buy("a2", slot, 100, 20);
        town.give("a2", "a");
        town.clear(slot);
    }
    let machine = watch_with(&town.facts, Default::default());
    let case = only(&machine);
    assert_eq!((case.incidents.len(), case.incidents_left_out), (INCIDENTS_MAX, 10));

    let (mut town, slot) = (Town::default(), slot(1, "10:00"));
    let orders = u64::try_from(EVIDENCE_MAX).unwrap() + 5;
    for _ in 0..orders {
        let order = town.sell("loud", slot, 10, 10);
        town.cancel(slot, order, 30);
    }
    town.clear(slot);
    let case = only(&watch_with(&town.facts, Default::default()));
    let incident = case.incidents.values().next().unwrap();
    assert_eq!(incident.evidence.len(), EVIDENCE_MAX);
    assert!(incident.evidence_left_out >= 5, "{}", incident.evidence_left_out);
}
