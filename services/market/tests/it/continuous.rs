//! Trading before the gate: the machine by scripts.

mod random;
mod served;

pub use served::traded;

use contracts::{Clearing, Side};
use events::market::CancelledBy;
use ids::{AccountId, PartyId};
use market::domain::{
    Change, Difference, Entry, Exchange, Member, NewOrder, Parameters, Placement, Rejection,
    SelfTrade, SlotJournal, Status, Step, TimeInForce, recompute,
};
use matching::Mechanism;
use units::{Energy, Money};

use crate::town::*;

/// The town's market, in which orders meet when they come.
pub fn continuous() -> Parameters {
    Parameters { mechanism: Mechanism::Continuous, ..parameters() }
}

fn enter(town: &mut Exchange, order: &NewOrder) -> Result<(), Rejection> {
    enter_with(town, order, &continuous())
}

fn enter_with(town: &mut Exchange, order: &NewOrder, by: &Parameters) -> Result<(), Rejection> {
    match town.place(order, by, morning())? {
        Placement::New(accepted) => {
            if let Some(order) = order.replaces {
                let by = CancelledBy::Account;
                town.apply(&Entry::Cancelled { order, by, at: morning() });
            }
            town.apply(&Entry::Accepted(*accepted));
        }
        Placement::Repeated(_) => panic!("an order of its own was expected"),
    }
    Ok(())
}

/// What a slot has traded so far: buyer, seller, Wh, energy price.
fn struck(town: &Exchange) -> Vec<(String, String, u64, i64)> {
    let name = |order| {
        let account = town.order(order).unwrap().account;
        NAMES.into_iter().find(|name| neighbour(name).account() == account).unwrap().to_owned()
    };
    let trades = town.trading(slot().start).map(|trading| &*trading.trades);
    let told = trades.unwrap_or_default().iter().map(|trade| {
        (name(trade.buy), name(trade.sell), trade.quantity.wh(), trade.price.n_per_wh())
    });
    told.collect()
}

fn met(buyer: &str, seller: &str, wh: u64, price: i64) -> (String, String, u64, i64) {
    (buyer.to_owned(), seller.to_owned(), wh, price)
}

fn held(town: &Exchange, name: &str) -> i64 {
    town.wallet(neighbour(name).address()).held().n()
}

/// What the market posts at the gate, and the journal that it publishes.
pub fn closed(town: &mut Exchange, by: &Parameters) -> (Clearing, SlotJournal) {
    let cleared = town.clear(slot(), by, at("2026-06-01T09:45:00Z"));
    town.apply(&Entry::Cleared(cleared.clone()));
    let journal = town.published(&cleared, by, (CHAIN_ID, deployment().market));
    let text = serde_json::to_string(&journal).unwrap();
    (journal.clearing.clone(), serde_json::from_str(&text).unwrap())
}

#[test]
fn orders_meet_when_they_come_and_hold_what_is_open() {
    let mut town = town();
    // 100 000 net + 2 000 fee asks 102 000; 200 000 all-in less 12 000 bids 188 000.
    let sell = neighbour("s1").sell(3000, 100_000);
    enter(&mut town, &sell).unwrap();
    assert_eq!(held(&town, "s1"), 3000 * 186_000);
    let buy = neighbour("b1").buy(5000, 200_000);
    enter(&mut town, &buy).unwrap();
    assert_eq!(struck(&town), [met("b1", "s1", 3000, 102_000)]);
    let [bought, sold] = [&buy, &sell].map(|order| town.order(order.id).unwrap().clone());
    assert_eq!((bought.status, bought.filled.wh(), bought.open().wh()), (Status::Open, 3000, 2000));
    assert_eq!((sold.status, sold.filled.wh(), sold.open().wh()), (Status::Filled, 3000, 0));
    // 114 000 all-in for what is traded, and the limit for the rest; the seller's stays until the
    // gate says what it may owe.
    assert_eq!(held(&town, "b1"), 3000 * 114_000 + 2000 * 200_000);
    assert_eq!(held(&town, "s1"), 3000 * 186_000);
    // A second seller trades with what is left.
    enter(&mut town, &neighbour("s2").sell(1500, 150_000)).unwrap();
    assert_eq!(struck(&town)[1], met("b1", "s2", 1500, 188_000));
    let (posted, journal) = closed(&mut town, &continuous());
    assert_eq!((posted.mechanism, posted.fills, posted.volume.wh()), (130, 2, 4500));
    assert_eq!(held(&town, "b1"), 3000 * 114_000 + 1500 * 200_000);
    assert_eq!(held(&town, "s1"), 3000 * (300_000 - 114_000));
    let same = recompute(&journal, &posted).unwrap();
    assert_eq!((same.orders, same.cancelled, same.fills), (3, 0, 2));
    assert_eq!(town.order(buy.id).unwrap().filled.wh(), 4500);
    assert_eq!(town.order(sell.id).unwrap().status, Status::Cleared);
}

#[test]
fn what_is_traded_cannot_be_taken_back() {
    let mut town = town();
    let (sell, buy) = (neighbour("s1").sell(1000, 100_000), neighbour("b1").buy(3000, 200_000));
    enter(&mut town, &sell).unwrap();
    enter(&mut town, &buy).unwrap();
    let cancel = |town: &Exchange, order: &NewOrder| {
        town.cancel(order.id, order.account, &continuous(), morning())
    };
    assert_eq!(cancel(&town, &sell), Err(Rejection::Traded));
    let instead = NewOrder { replaces: Some(sell.id), ..neighbour("s1").sell(500, 100_000) };
    assert_eq!(town.place(&instead, &continuous(), morning()), Err(Rejection::Traded));
    // Of the buyer's only the rest goes, and a suspension takes no more.
    let entry = cancel(&town, &buy).unwrap().unwrap();
    town.apply(&entry);
    assert_eq!(held(&town, "b1"), 1000 * 114_000);
    let reason = "a test".to_owned();
    let trader = market::domain::Trader::Account(neighbour("s1").account());
    let change = Change::Suspend { trader, reason };
    let operator = PartyId::derived("operator");
    let suspended = town.change(&change, operator, &continuous(), morning()).unwrap().unwrap();
    assert_eq!(town.consequences(&suspended), []);
    town.apply(&suspended);
    // What is traded counts towards what the connection carries, what was taken back does not.
    assert_eq!(enter(&mut town, &neighbour("b1").buy(4001, 90_000)), Err(Rejection::QtyPhysical));
    enter(&mut town, &neighbour("b1").buy(4000, 90_000)).unwrap();
    let (posted, journal) = closed(&mut town, &continuous());
    assert_eq!((posted.fills, posted.volume.wh()), (1, 1000));
    let same = recompute(&journal, &posted).unwrap();
    assert_eq!((same.orders, same.at_once.unwrap().left), (3, 1));
    let order = town.order(buy.id).unwrap();
    assert_eq!((order.status, order.filled.wh()), (Status::Cancelled, 1000));
}

#[test]
fn an_order_lives_as_long_as_it_says() {
    let until = at("2026-06-01T09:00:00Z");
    let timed = TimeInForce::GoodTillTime { until };
    let with = |order: NewOrder, time_in_force| NewOrder { time_in_force, ..order };
    let check = |force, filled: u64, status, by| {
        let mut town = town();
        enter(&mut town, &neighbour("s1").sell(1000, 100_000)).unwrap();
        let buy = with(neighbour("b1").buy(3000, 200_000), force);
        enter(&mut town, &buy).unwrap();
        let order = town.order(buy.id).unwrap();
        assert_eq!((order.filled.wh(), order.status), (filled, status), "{force:?}");
        assert_eq!(order.cancelled_by, by, "{force:?}");
        if status == Status::Cancelled {
            let escrow = i64::try_from(filled).unwrap() * 114_000;
            assert_eq!(held(&town, "b1"), escrow, "nothing but the trade is held: {force:?}");
        }
        let (posted, journal) = closed(&mut town, &continuous());
        assert_eq!(recompute(&journal, &posted).unwrap().volume.wh(), filled, "{force:?}");
    };
    check(TimeInForce::GoodTillGate, 1000, Status::Open, None);
    check(timed, 1000, Status::Open, None);
    let immediate = Some(CancelledBy::Immediate);
    check(TimeInForce::ImmediateOrCancel, 1000, Status::Cancelled, immediate);
    check(TimeInForce::FillOrKill, 0, Status::Cancelled, immediate);

    let mut town = town();
    let sell = with(neighbour("s1").sell(1000, 100_000), timed);
    enter(&mut town, &sell).unwrap();
    assert_eq!(town.lapsed(until.plus_seconds(-1)), []);
    assert_eq!(town.lapsed(until), [sell.id]);
    // Who comes then does not meet it, though nobody has taken it back.
    let late = town.place(&neighbour("b1").buy(500, 200_000), &continuous(), until).unwrap();
    let Placement::New(late) = late else { panic!("it is new") };
    town.apply(&Entry::Accepted(*late));
    assert_eq!(town.order(sell.id).unwrap().cancelled_by, Some(CancelledBy::Time));
    assert_eq!((struck(&town), town.lapsed(until)), (vec![], vec![]));
    let over = with(neighbour("s2").sell(1000, 100_000), timed);
    let judged =
        |town: &Exchange, order: &NewOrder, by: &Parameters| town.place(order, by, until).err();
    assert_eq!(judged(&town, &over, &continuous()), Some(Rejection::TimeInForce));
    let now = with(neighbour("s2").sell(1000, 100_000), TimeInForce::ImmediateOrCancel);
    let mut elsewhere = now.clone();
    elsewhere.terms.slot += 900;
    elsewhere.terms.expiry += 900;
    assert_eq!(judged(&town, &elsewhere, &parameters()), Some(Rejection::TimeInForce), "a call");
    // The same order with another time is another order.
    let again = with(sell, TimeInForce::GoodTillGate);
    assert_eq!(judged(&town, &again, &continuous()), Some(Rejection::OtherContent));
}

#[test]
fn less_keeps_its_place_in_the_queue_and_more_loses_it() {
    let check = |quantity: u64, first: &str| {
        let mut town = town();
        let old = neighbour("s1").sell(1000, 100_000);
        enter(&mut town, &old).unwrap();
        enter(&mut town, &neighbour("s2").sell(1000, 100_000)).unwrap();
        let new = NewOrder { replaces: Some(old.id), ..neighbour("s1").sell(quantity, 100_000) };
        enter(&mut town, &new).unwrap();
        enter(&mut town, &neighbour("b1").buy(400, 200_000)).unwrap();
        assert_eq!(struck(&town), [met("b1", first, 400, 102_000)]);
        let (posted, journal) = closed(&mut town, &continuous());
        assert_eq!(recompute(&journal, &posted).unwrap().fills, 1);
    };
    check(900, "s1");
    check(1100, "s2");
}

/// A second account of the party that has `b1`, with a connection point of its own: `s1`'s.
fn one_party(town: &mut Exchange) {
    let (one, other) = (neighbour("b1"), neighbour("s1"));
    town.apply(&Entry::Member(Member {
        account: other.account(),
        party: one.party(),
        address: other.address(),
        pseudonym: "The other one".to_owned(),
    }));
}

#[test]
fn orders_of_one_party_do_not_trade_with_each_other() {
    let check = |self_trade, expected: Result<[(u64, Option<CancelledBy>); 2], Rejection>| {
        let mut town = town();
        one_party(&mut town);
        let by = Parameters { self_trade, ..continuous() };
        let sell = neighbour("s1").sell(1000, 100_000);
        enter_with(&mut town, &sell, &by).unwrap();
        enter_with(&mut town, &neighbour("s2").sell(500, 110_000), &by).unwrap();
        let buy = neighbour("b1").buy(3000, 200_000);
        let entered = enter_with(&mut town, &buy, &by);
        let of = |order: &NewOrder| {
            let order = town.order(order.id).unwrap();
            (order.open().wh(), order.cancelled_by)
        };
        assert_eq!(entered.map(|()| [of(&buy), of(&sell)]), expected, "{self_trade:?}");
        let own = struck(&town).iter().filter(|trade| trade.0 == "b1" && trade.1 == "s1").count();
        assert_eq!(own, 0);
        let (posted, journal) = closed(&mut town, &by);
        let same = recompute(&journal, &posted).unwrap();
        let kept = usize::from(self_trade != SelfTrade::Refuse);
        let kept = if self_trade == SelfTrade::CancelBoth { 2 } else { kept };
        assert_eq!(same.at_once.unwrap().kept_apart, kept, "{self_trade:?}");
    };
    let gone = Some(CancelledBy::SelfTrade);
    check(SelfTrade::Refuse, Err(Rejection::SelfTrade));
    check(SelfTrade::CancelNewest, Ok([(0, gone), (1000, None)]));
    check(SelfTrade::CancelOldest, Ok([(2500, None), (0, gone)]));
    check(SelfTrade::CancelBoth, Ok([(0, gone), (0, gone)]));
    check(SelfTrade::Decrement, Ok([(1500, None), (0, gone)]));
}

#[test]
fn a_slot_in_which_nothing_is_carried_comes_to_nothing() {
    let mut town = town();
    enter(&mut town, &neighbour("s1").sell(1000, 100_000)).unwrap();
    enter(&mut town, &neighbour("b1").buy(3000, 200_000)).unwrap();
    let (from, to) = (slot().start, slot().end());
    let change = Change::Curtail { from, to, reason: "a test".to_owned() };
    let operator = PartyId::derived("operator");
    let curtailed = town.change(&change, operator, &continuous(), morning()).unwrap().unwrap();
    town.apply(&curtailed);
    let (posted, journal) = closed(&mut town, &continuous());
    assert_eq!((posted.fills, posted.volume), (0, Energy::ZERO));
    assert_eq!((held(&town, "b1"), held(&town, "s1")), (0, 0));
    assert_eq!(recompute(&journal, &posted).unwrap().orders, 2);
    assert!(town.orders().all(|order| order.filled == Energy::ZERO));
}

#[test]
fn a_slot_stays_as_it_began() {
    // What was accepted to meet at the gate meets at the gate.
    let mut town = town();
    enter_with(&mut town, &neighbour("s1").sell(1000, 100_000), &parameters()).unwrap();
    enter(&mut town, &neighbour("b1").buy(1000, 200_000)).unwrap();
    assert!(town.trading(slot().start).is_none());
    let now =
        NewOrder { time_in_force: TimeInForce::FillOrKill, ..neighbour("b2").buy(1000, 200_000) };
    assert_eq!(enter(&mut town, &now), Err(Rejection::TimeInForce));
    // And what met when it came goes on like that, by the tick and the rule that it began with.
    let mut town = self::town();
    enter(&mut town, &neighbour("s1").sell(1000, 100_000)).unwrap();
    let tick = units::Price::from_n_per_wh(1);
    let other = Parameters { tick, self_trade: SelfTrade::Decrement, ..parameters() };
    assert_eq!(town.mechanism(slot().start, &other), Mechanism::Continuous);
    let off = neighbour("b1").buy(1000, 200_001);
    assert_eq!(enter_with(&mut town, &off, &other), Err(Rejection::Tick));
    enter_with(&mut town, &neighbour("b1").buy(1000, 200_000), &other).unwrap();
    assert_eq!(struck(&town).len(), 1);
    let (posted, journal) = closed(&mut town, &other);
    assert_eq!(
        recompute(&journal, &posted).unwrap().at_once.unwrap().self_trade,
        SelfTrade::Refuse
    );
}

/// Three orders and a cancellation, published; then changed and hashed again, as an operator would.
fn forged(change: impl FnOnce(&mut SlotJournal)) -> Difference {
    let mut town = town();
    enter(&mut town, &neighbour("s1").sell(1000, 100_000)).unwrap();
    let back = neighbour("s2").sell(1000, 90_000);
    enter(&mut town, &back).unwrap();
    let account: AccountId = back.account;
    let entry = town.cancel(back.id, account, &continuous(), morning()).unwrap().unwrap();
    town.apply(&entry);
    enter(&mut town, &neighbour("b1").buy(1000, 200_000)).unwrap();
    let (_, mut journal) = closed(&mut town, &continuous());
    recompute(&journal, &journal.clearing.clone()).unwrap();
    change(&mut journal);
    let hashed = journal.orders.iter().map(|order| {
        (order.terms.hash(journal.chain_id, journal.market), order.sequence, order.accepted)
    });
    let steps = journal.steps.iter().map(Step::data);
    journal.clearing.journal_root = contracts::session_root(&journal.conditions, hashed, steps);
    recompute(&journal, &journal.clearing.clone()).unwrap_err()
}

#[test]
fn what_an_operator_could_say_of_the_steps_is_found_where_it_contradicts() {
    let step = |found: Difference| match found {
        Difference::Step { sequence, .. } => sequence,
        other => panic!("{other}"),
    };
    // The cancelled order was cheaper: without its cancellation, or after the buyer, it trades.
    assert_eq!(step(forged(|journal| drop(journal.steps.remove(2)))), 2);
    let late = forged(|journal| journal.steps.swap(2, 3));
    assert!(matches!(late, Difference::Step { .. }), "{late}");
    assert_eq!(step(forged(|journal| journal.steps.swap(0, 1))), 2);
    assert_eq!(step(forged(|journal| drop(journal.steps.remove(0)))), 2);
    assert_eq!(step(forged(|journal| drop(journal.steps.pop()))), 3);
    let twice = forged(|journal| journal.steps.push(journal.steps[2].clone()));
    assert_eq!(step(twice), 2);
    let again = forged(|journal| journal.steps.push(journal.steps[0].clone()));
    assert_eq!(step(again), 1);
    let by = |by| {
        step(forged(move |journal| {
            let Step::Left { by: why, .. } = &mut journal.steps[2] else { panic!() };
            *why = by;
        }))
    };
    assert_eq!((by(CancelledBy::Time), by(CancelledBy::Immediate)), (2, 2));
    let owner = |owner| {
        forged(move |journal| {
            let Step::Placed { owner: own, .. } = &mut journal.steps[3] else { panic!() };
            *own = owner;
        })
    };
    assert_eq!(step(owner(9)), 3);
    // Of one party with the seller it would not have traded.
    assert!(matches!(owner(1), Difference::Step { .. }), "{}", owner(1));
    let batch = forged(|journal| {
        journal.conditions = journal.conditions.replace(",\"at_once\":\"refuse\"", "");
    });
    assert_eq!(batch, Difference::Rules { what: "what happened before the gate".to_owned() });
    // Times are the market's word, as long as nothing contradicts them.
    let time = forged(|journal| {
        let Step::Placed { time_in_force, .. } = &mut journal.steps[0] else { panic!() };
        *time_in_force = TimeInForce::GoodTillTime { until: morning() };
    });
    assert!(matches!(time, Difference::Step { sequence: 1, .. }), "{time}");
}

#[test]
fn one_account_is_of_one_owner() {
    let mut town = town();
    for quantity in [1000, 1100] {
        enter(&mut town, &neighbour("s1").sell(quantity, 100_000)).unwrap();
    }
    let (_, mut journal) = closed(&mut town, &continuous());
    let Step::Placed { owner, .. } = &mut journal.steps[1] else { panic!() };
    assert_eq!(std::mem::replace(owner, 2), 1);
    let found = recompute(&journal, &journal.clearing.clone());
    assert!(matches!(found, Err(Difference::JournalRoot { .. })), "it is bound: {found:?}");
    let hashed = journal.orders.iter().map(|order| {
        (order.terms.hash(journal.chain_id, journal.market), order.sequence, order.accepted)
    });
    let steps = journal.steps.iter().map(Step::data);
    journal.clearing.journal_root = contracts::session_root(&journal.conditions, hashed, steps);
    let found = recompute(&journal, &journal.clearing.clone());
    assert!(matches!(found, Err(Difference::Step { sequence: 2, .. })), "{found:?}");
}

#[test]
fn a_sum_that_was_held_is_free_once_all_is_settled() {
    let mut town = town();
    enter(&mut town, &neighbour("s1").sell(1000, 100_000)).unwrap();
    let mut picky = neighbour("b1").terms(Side::Buy, 2000, 200_000);
    picky.min_fill = Energy::from_wh(1500);
    let picky = neighbour("b1").sign(picky);
    enter(&mut town, &picky).unwrap();
    let order = town.order(picky.id).unwrap();
    assert_eq!((order.status, order.filled), (Status::Cancelled, Energy::ZERO), "too little came");
    assert_eq!(town.wallet(picky.terms.account).held(), Money::ZERO);
}
