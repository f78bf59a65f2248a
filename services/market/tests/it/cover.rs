//! Orders whose cash leaves between their acceptance and the gate.

use calendar::Timestamp;
use contracts::bindings::EnergyMarket;
use contracts::{SolEvent, U256};
use events::market::CancelledBy;
use market::domain::{
    ClearedSlot, Entry, Exchange, Movement, NewOrder, Parameters, Status, recompute,
};
use reqwest::StatusCode;
use serde_json::json;
use units::{Energy, Money, Price};

use crate::continuous::continuous;
use crate::http::*;
use crate::service::{connected, gate, log, running};
use crate::town::*;

const GATE: &str = "2026-06-01T09:45:00Z";

/// All but `rest` of what a neighbour has deposited leaves, in block 2.
fn left(name: &str, rest: i64) -> Entry {
    let amount = Money::from_n(DEPOSIT - rest);
    block(2, 1, vec![Movement::Out { address: neighbour(name).address(), amount }])
}

/// Takes back what is not covered; the orders, in that order.
fn take_back(town: &mut Exchange, by: &Parameters, now: Timestamp) -> Vec<ids::OrderId> {
    let entries = town.uncovered(by, now);
    for entry in &entries {
        town.fits(entry).unwrap();
        town.apply(entry);
    }
    assert!(town.uncovered(by, now).is_empty(), "once only");
    let taken = entries.into_iter().map(|entry| match entry {
        Entry::Cancelled { order, by: CancelledBy::Funds, at } if at == now => order,
        other => panic!("{other:?}"),
    });
    taken.collect()
}

fn cleared(town: &mut Exchange) -> ClearedSlot {
    let cleared = town.clear(slot(), &parameters(), at(GATE));
    town.apply(&Entry::Cleared(cleared.clone()));
    cleared
}

/// b2 and two sellers; with b1, who is rich, the price is another one.
fn others(town: &mut Exchange) {
    place(town, &neighbour("b2").buy(3000, 180_000)).unwrap();
    place(town, &neighbour("s1").sell(3000, 100_000)).unwrap();
    place(town, &neighbour("s2").sell(4000, 150_000)).unwrap();
}

#[test]
fn cash_that_left_before_the_gate_does_not_move_the_price() {
    let order = neighbour("b1").buy(5000, 250_000);
    let price = |with: bool, leaves: bool| {
        let mut town = town();
        if with {
            place(&mut town, &order).unwrap();
        }
        others(&mut town);
        if leaves {
            town.apply(&left("b1", 1000));
        }
        let early = at(GATE).plus_seconds(-1);
        assert!(town.uncovered(&parameters(), early).is_empty(), "it may be back by then");
        let taken = take_back(&mut town, &parameters(), at(GATE));
        assert_eq!(taken, if with && leaves { vec![order.id] } else { vec![] });
        let cleared = cleared(&mut town);
        let journal = town.published(&cleared, &parameters(), (CHAIN_ID, deployment().market));
        let text = serde_json::to_string(&journal).unwrap();
        let journal = serde_json::from_str(&text).unwrap();
        let same = recompute(&journal, &journal.clearing).unwrap();
        let gone = usize::from(with && leaves);
        assert_eq!((same.cancelled, same.uncovered), (gone, gone));
        let met = cleared.trades.iter().map(|trade| (trade.buy, trade.sell, trade.quantity));
        (cleared.price.unwrap(), met.collect::<Vec<_>>(), town)
    };
    let (rich, _, _) = price(true, false);
    let (never, alone, _) = price(false, false);
    let (gone, met, town) = price(true, true);
    assert!(rich > never, "{rich} {never}");
    assert_eq!((gone, &met), (never, &alone), "as if it had never come");
    assert_eq!(gone, Price::from_n_per_wh(127_000));
    let order = town.order(order.id).unwrap();
    assert_eq!((order.status, order.cancelled_by), (Status::Cancelled, Some(CancelledBy::Funds)));
    assert_eq!((order.filled, order.cancelled_at), (Energy::ZERO, Some(at(GATE))));
    let wallet = town.wallet(neighbour("b1").address());
    assert_eq!((wallet.held(), wallet.tradable().n()), (Money::ZERO, 1000));
}

/// Orders of b1 that hold so many units of 0.1 in the slot, in the order in which they come.
fn with_orders(holds: &[u64]) -> (Exchange, Vec<NewOrder>) {
    let mut town = town();
    let orders: Vec<NewOrder> =
        (1..).zip(holds).map(|(n, units)| neighbour("b1").buy(units * 500, 200_000 + n)).collect();
    // The price tells them apart; ticks are another matter.
    let by = Parameters { tick: Price::from_n_per_wh(1), ..parameters() };
    for order in &orders {
        match town.place(order, &by, morning()).unwrap() {
            market::domain::Placement::New(accepted) => town.apply(&Entry::Accepted(*accepted)),
            other => panic!("{other:?}"),
        }
    }
    (town, orders)
}

#[test]
fn what_is_covered_in_part_keeps_the_orders_that_came_first_and_fit() {
    let check = |rest: i64, kept: [bool; 4]| {
        let (mut town, orders) = with_orders(&[2, 4, 1, 1]);
        town.apply(&left("b1", rest));
        let taken = take_back(&mut town, &parameters(), at(GATE));
        let gone = orders.iter().zip(kept).filter(|(_, kept)| !kept);
        assert_eq!(taken, gone.map(|(order, _)| order.id).collect::<Vec<_>>(), "{rest}");
    };
    let hundred = 100_010_000; // a little more than each 500 Wh hold
    check(9 * hundred, [true, true, true, true]);
    check(7 * hundred, [true, true, true, false]);
    check(4 * hundred, [true, false, true, true]);
    check(3 * hundred, [true, false, true, false]);
    check(hundred, [false, false, true, false]);
    check(0, [false; 4]);
    check(-1, [false; 4]);
}

#[test]
fn orders_of_a_later_slot_wait_for_their_own_gate_and_trades_come_before_orders() {
    let mut town = town();
    place(&mut town, &neighbour("b1").buy(1000, 200_000)).unwrap();
    let mut terms = neighbour("b1").terms(contracts::Side::Buy, 900, 200_000);
    (terms.slot, terms.expiry) = (terms.slot + 900, terms.expiry + 900);
    let later = neighbour("b1").sign(terms);
    place(&mut town, &later).unwrap();
    place(&mut town, &neighbour("s1").sell(1000, 100_000)).unwrap();
    // Enough for the order of the first slot alone.
    town.apply(&left("b1", 200_000_000));
    assert!(take_back(&mut town, &parameters(), at(GATE)).is_empty());
    assert_eq!(cleared(&mut town).trades.len(), 1);
    // What the trade holds is not there for the other order, though it is cheaper.
    let gate = at(GATE).plus_seconds(900);
    assert_eq!(take_back(&mut town, &parameters(), gate), [later.id]);
}

#[test]
fn cash_that_comes_back_with_a_reorganisation_before_the_gate_is_there() {
    let mut town = town();
    let order = neighbour("b1").buy(1000, 200_000);
    place(&mut town, &order).unwrap();
    town.apply(&left("b1", 0));
    town.apply(&Entry::Disconnected { sequence: 3, number: 2, hash: block_hash(2) });
    assert!(take_back(&mut town, &parameters(), at(GATE)).is_empty());
    // And what leaves between gate and clearing is missing.
    let mut again = left("b1", 0);
    if let Entry::Connected { sequence, .. } = &mut again {
        *sequence = 4;
    }
    town.apply(&again);
    assert_eq!(take_back(&mut town, &parameters(), at(GATE)), [order.id]);
}

#[test]
fn an_order_that_holds_nothing_needs_nothing() {
    let mut town = town();
    // Nothing can be dearer than this ask.
    place(&mut town, &neighbour("s1").sell(1000, 288_000)).unwrap();
    town.apply(&left("s1", -1));
    assert!(take_back(&mut town, &parameters(), at(GATE)).is_empty());
}

#[test]
fn where_orders_meet_when_they_come_the_uncovered_leave_at_once() {
    let mut town = town();
    let order = neighbour("b1").buy(1000, 200_000);
    match town.place(&order, &continuous(), morning()).unwrap() {
        market::domain::Placement::New(accepted) => town.apply(&Entry::Accepted(*accepted)),
        other => panic!("{other:?}"),
    }
    town.apply(&left("b1", 0));
    assert_eq!(take_back(&mut town, &continuous(), morning()), [order.id]);
    let (posted, journal) = crate::continuous::closed(&mut town, &continuous());
    let same = recompute(&journal, &posted).unwrap();
    assert_eq!((same.orders, same.uncovered, same.at_once.unwrap().left), (0, 1, 1));
}

/// The log of a withdrawal that was asked for.
fn withdrawn(name: &str, amount: i64) -> events::ledger::Log {
    let event = EnergyMarket::WithdrawalRequested {
        account: neighbour(name).address(),
        amount: U256::from(amount),
        availableAt: 0,
    };
    log(event.encode_log_data())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_before_the_gate_takes_the_order_back_and_says_so() {
    let running = running().await;
    let order = neighbour("b1").buy(5000, 250_000);
    for (name, order) in [("b1", order.clone()), ("b2", neighbour("b2").buy(3000, 180_000))] {
        assert_eq!(running.place(name, body(&order)).await.0, StatusCode::CREATED);
    }
    let sell = neighbour("s1").sell(3000, 100_000);
    assert_eq!(running.place("s1", body(&sell)).await.0, StatusCode::CREATED);
    running.bus.publish(&connected(2, 1, vec![withdrawn("b1", DEPOSIT)])).await.unwrap();
    let path = format!("/v1/orders/{}", order.id);
    assert_eq!(running.get("b1", &path).await["status"], json!("open"), "the gate is open");
    let gate = gate(&running).await;
    let shown = running.get("b1", &path).await;
    assert_eq!((&shown["status"], &shown["cancelled_by"]), (&json!("cancelled"), &json!("funds")));
    running.market.drain(gate).await.unwrap();
    let news = running.reader.news();
    let told = news.iter().find(|(subject, _)| subject == "market.order.cancelled.v1").unwrap();
    let (id, by) = (json!(order.id), json!("funds"));
    assert_eq!((&told.1["order"], &told.1["by"]), (&id, &by));
    let slot = running.get("b2", &format!("/v1/slots/{SLOT}")).await;
    assert_eq!(slot["volume_wh"], json!(3000));
    let trades = running.get("b2", "/v1/trades?mine=true").await;
    assert_eq!(trades["items"].as_array().unwrap().len(), 1, "b2 has it instead");
    let hash = running.market.desks()[0].book().await.hash();
    let again = start_on(running.stop().await).await;
    assert_eq!(again.market.desks()[0].book().await.hash(), hash);
    again.stop().await;
}
