//! What sellers deliver of what they sold, and what follows where that is little.

use calendar::Slot;
use contracts::{OrderTerms, SellerRule, Side};
use events::Envelope;
use events::billing::{Delivered, SlotReconciled};
use market::domain::{
    Change, Entry, Exchange, NewOrder, Placement, REPUTATION_SLOTS_MIN, Rejection, RiskChange,
    RiskLimits, Shortfall, Status, Trader, Trigger, Wish,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use service::Tick;
use units::Energy;

use crate::http::*;
use crate::replay::Dice;
use crate::service::running;
use crate::stop::second;
use crate::town::*;

const SLOTS: u64 = REPUTATION_SLOTS_MIN as u64;

/// An order for the slot so many after [`SLOT`]'s.
fn order(name: &str, side: Side, slots: u64) -> NewOrder {
    let limit = if side == Side::Buy { 200_000 } else { 100_000 };
    let mut terms = neighbour(name).terms(side, 1_000, limit);
    terms.slot += 900 * slots;
    terms.expiry += 900 * slots;
    terms.nonce += contracts::U256::from(slots);
    neighbour(name).sign(terms)
}

fn later(slots: u64) -> Slot {
    slot().later(slots.cast_signed())
}

/// `b1` buys 1000 Wh of `s1` in each of so many slots.
fn traded(town: &mut Exchange, slots: u64) {
    for slot in 0..slots {
        place(town, &order("b1", Side::Buy, slot)).unwrap();
        place(town, &order("s1", Side::Sell, slot)).unwrap();
        let gate = parameters().gate(later(slot).start);
        let cleared = town.clear(later(slot), &parameters(), gate);
        assert_eq!(cleared.trades.len(), 1);
        town.apply(&Entry::Cleared(cleared));
    }
}

/// What a run says of the trades of a slot.
fn told(town: &Exchange, slots: u64, run: u8, short: u64) -> Entry {
    let slot = later(slots).start;
    let trades = &town.slot(slot).unwrap().cleared.as_ref().unwrap().trades;
    let short = Energy::from_wh(short);
    let short = |trade: &market::domain::ClearedTrade| Shortfall {
        trade: trade.trade,
        short,
        idle: Energy::ZERO,
    };
    Entry::Reconciled { slot, run, trades: trades.iter().map(short).collect() }
}

fn record(town: &mut Exchange, entry: &Entry) {
    let consequences = town.consequences(entry);
    town.fits(entry).unwrap();
    std::iter::once(entry).chain(&consequences).for_each(|entry| town.apply(entry));
}

#[test]
fn who_delivers_less_than_half_sells_no_more_until_two_say_so_and_begins_anew() {
    let mut town = town();
    traded(&mut town, SLOTS);
    let account = neighbour("s1").account();
    let (buys, sells) = (order("s1", Side::Buy, 40), order("s1", Side::Sell, 41));
    place(&mut town, &buys).unwrap();
    place(&mut town, &sells).unwrap();
    for slot in 0..SLOTS {
        let entry = told(&town, slot, 0, if slot == 0 { 500 } else { 501 });
        record(&mut town, &entry);
        let found = town.unreliable_sellers(&entry);
        assert_eq!(found.len(), usize::from(slot == SLOTS - 1), "few slots say little");
        let Some(trip) = found.into_iter().next() else { continue };
        assert_eq!((trip.trigger, trip.measured, trip.most), (Trigger::Undelivered, 51, 50));
        let entry = town.stopped_by(trip, morning()).unwrap();
        record(&mut town, &entry);
    }
    let status = |town: &Exchange, order: &NewOrder| town.order(order.id).unwrap().status;
    assert_eq!((status(&town, &buys), status(&town, &sells)), (Status::Open, Status::Cancelled));
    let judged =
        |town: &Exchange, side| town.place(&order("s1", side, 42), &parameters(), morning()).err();
    assert_eq!(judged(&town, Side::Sell), Some(Rejection::Suspended));
    assert_eq!(judged(&town, Side::Buy), None);
    let seller = Trader::Seller(account);
    for by in ["one", "two"] {
        let wish = Wish::Resume { trader: seller };
        let ask = Change::Ask { consent: ids::Uuid::from_u128(7), wish };
        let by = ids::PartyId::derived(by);
        let now = later(SLOTS).start;
        let entry = town.change(&ask, by, &parameters(), now).unwrap().unwrap();
        record(&mut town, &entry);
    }
    assert_eq!((judged(&town, Side::Sell), town.reputation(account)), (None, None));
    // What a later run says of the slots of before does not count any more.
    let again = told(&town, 3, 1, 1_000);
    record(&mut town, &again);
    assert_eq!((town.reputation(account), town.unreliable_sellers(&again)), (None, vec![]));
}

#[test]
fn no_figure_is_no_limit_and_the_newest_run_of_a_trade_is_what_counts() {
    let mut town = town();
    let limits = RiskLimits { undelivered_percent: None, ..RiskLimits::default() };
    let by = ids::PartyId::derived("operator");
    town.apply(&Entry::RiskLimitsSet(RiskChange { limits, by, agreed_by: None, at: morning() }));
    traded(&mut town, SLOTS);
    for slot in 0..SLOTS {
        let entry = told(&town, slot, 0, 1_000);
        record(&mut town, &entry);
        assert_eq!(town.unreliable_sellers(&entry), []);
    }
    let ppm = |town: &Exchange| {
        let reputation = town.reputation(neighbour("s1").account()).unwrap();
        assert_eq!((reputation.sold, reputation.slots), (16_000, REPUTATION_SLOTS_MIN));
        reputation.delivered_ppm
    };
    assert_eq!(ppm(&town), 0);
    for (run, short, expected) in [(2, 0, 62_500), (1, 1_000, 62_500), (2, 500, 62_500)] {
        let entry = told(&town, 0, run, short);
        record(&mut town, &entry);
        assert_eq!(ppm(&town), expected, "run {run}");
    }
    // A trade of somebody else's market says nothing.
    let (trade, short) = (contracts::B256::ZERO, Energy::from_wh(1));
    let trades = vec![Shortfall { trade, short, idle: Energy::ZERO }];
    let before = town.hash();
    record(&mut town, &Entry::Reconciled { slot: later(0).start, run: 9, trades });
    assert_eq!(town.hash(), before);
}

#[test]
fn runs_in_any_order_and_as_often_as_they_come_make_the_same_book() {
    let mut traded_town = town();
    traded(&mut traded_town, 6);
    let mut dice = Dice(1);
    let mut runs = Vec::new();
    for slot in 0..6 {
        for run in 0..4 {
            runs.push(told(&traded_town, slot, run, dice.below(1_200)));
        }
    }
    let mut expected = traded_town.clone();
    runs.iter().for_each(|entry| record(&mut expected, entry));
    let last: u128 = (0..6)
        .map(|slot| match &runs[4 * slot + 3] {
            Entry::Reconciled { trades, .. } => u128::from(1_000 - trades[0].short.wh().min(1_000)),
            other => panic!("{other:?}"),
        })
        .sum();
    let reputation = expected.reputation(neighbour("s1").account()).unwrap();
    assert_eq!((reputation.sold, reputation.delivered), (6_000, last));
    for seed in 0..200 {
        let mut dice = Dice(seed);
        let mut town = traded_town.clone();
        let mut left = [runs.clone(), runs.clone()].concat();
        while !left.is_empty() {
            let place = usize::try_from(dice.below(left.len() as u64)).unwrap();
            record(&mut town, &left.swap_remove(place));
        }
        assert_eq!(town, expected, "seed {seed}");
        let text = serde_json::to_string(&town).unwrap();
        let read: Exchange = serde_json::from_str(&text).unwrap();
        assert_eq!(read.hash(), expected.hash(), "seed {seed}");
    }
}

#[test]
fn who_delivers_less_than_four_fifths_holds_all_that_its_buyers_would_be_short() {
    let mut config = config();
    config.policy.seller_short = SellerRule::PayActual;
    let lenient = config.parameters().unwrap();
    let check = |short: u64, expected: i64| {
        let mut town = town();
        traded(&mut town, SLOTS);
        for slot in 0..SLOTS {
            let entry = told(&town, slot, 0, short);
            record(&mut town, &entry);
        }
        let terms = order("s1", Side::Sell, 40).terms;
        let order = neighbour("s1").sign(OrderTerms { policy: lenient.policy, ..terms });
        let Ok(Placement::New(accepted)) = town.place(&order, &lenient, morning()) else {
            panic!("it is refused");
        };
        assert_eq!(accepted.hold.n(), expected, "{short}");
        let reputation = town.reputation(neighbour("s1").account()).unwrap();
        assert_eq!(reputation.covers_all, expected > 0);
    };
    check(200, 0);
    // 300 000 retail - 12 000 fees - (100 000 + 2 000) ask = 186 000 per Wh.
    check(201, 186_000_000);
}

/// What billing tells of the trades of a slot of the running market.
async fn reconciled(running: &Running, slots: u64, run: u8, (short, idle): (u64, u64)) {
    let deliveries: Vec<Delivered> = {
        let book = running.market.desks()[0].book().await;
        let cleared = book.slot(later(slots).start).unwrap().cleared.clone().unwrap();
        let delivered = |trade: &market::domain::ClearedTrade| Delivered {
            trade: trade.trade,
            delivered: trade.quantity.less(Energy::from_wh(short + idle)),
            seller_short: Energy::from_wh(short),
            buyer_short: Energy::ZERO,
        };
        cleared.trades.iter().map(delivered).collect()
    };
    let trades = u32::try_from(deliveries.len()).unwrap();
    let event =
        SlotReconciled { community: community(), slot: later(slots), run, trades, deliveries };
    let envelope = Envelope::of(&event, &format!("{slots}/{run}"), later(slots + 2).start);
    running.bus.publish(&envelope).await.unwrap();
    running.bus.publish(&envelope).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seller_reads_what_it_delivered_and_is_suspended_from_selling_by_its_market() {
    let running = running().await;
    for slot in 0..SLOTS {
        for (name, side) in [("b1", Side::Buy), ("s1", Side::Sell)] {
            let (status, answer) = running.place(name, body(&order(name, side, slot))).await;
            assert_eq!(status, StatusCode::CREATED, "{answer}");
        }
    }
    for slot in 0..SLOTS {
        let gate = parameters().gate(later(slot).start);
        running.hand.move_to(gate);
        running.market.tick(gate).await.unwrap();
    }
    for slot in 0..SLOTS {
        reconciled(&running, slot, 0, (480, 200)).await;
    }
    let told = running.get("s1", "/v1/reputation").await;
    let expected = json!([{
        "account": neighbour("s1").account(), "sold_wh": 12_800, "delivered_wh": 5_120,
        "slots": 16, "delivered_ppm": 400_000, "known": true, "covers_all": true,
        "suspended": true,
    }]);
    assert_eq!(told["items"], expected);
    assert_eq!(running.get("b1", "/v1/reputation").await["items"], json!([]), "it sold nothing");
    let all = running.request(Method::GET, "/v1/reputation", operator(), None).await.1;
    assert_eq!(all["items"], expected, "staff see all");
    let sell = running.place("s1", body(&order("s1", Side::Sell, 50))).await;
    assert_eq!((sell.0, &sell.1["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("SUSPENDED")));
    let buy = running.place("s1", body(&order("s1", Side::Buy, 50))).await;
    assert_eq!(buy.0, StatusCode::CREATED, "{}", buy.1);
    let list = running.get("s1", "/v1/suspensions").await;
    let of = &list["items"][0];
    assert_eq!((&of["kind"], &of["id"]), (&json!("sellers"), &json!(neighbour("s1").account())));
    let tripped = ["trigger", "measured", "most"].map(|field| of["tripped"][field].clone());
    assert_eq!(tripped, [json!("undelivered"), json!(60), json!(50)]);
    running.market.drain(morning()).await.unwrap();
    let news = running.reader.news();
    let changed = news.iter().find(|(subject, _)| subject == "market.suspension.changed.v1");
    let changed = &changed.unwrap().1;
    assert_eq!((&changed["side"], &changed["rule"]), (&json!("sell"), &Value::Null));
    let hash = running.market.desks()[0].book().await.hash();
    let running = start_on(running.stop().await).await;
    assert_eq!(running.market.desks()[0].book().await.hash(), hash, "it is in the journal");
    running.hand.move_to(parameters().gate(later(SLOTS).start));
    let path = format!("/v1/suspensions/sellers/{}", neighbour("s1").account());
    for (who, expected) in [(operator(), StatusCode::ACCEPTED), (second(), StatusCode::NO_CONTENT)]
    {
        assert_eq!(running.request(Method::DELETE, &path, who, None).await.0, expected);
    }
    assert_eq!(running.get("s1", "/v1/reputation").await["items"], json!([]), "it begins anew");
    let sell = running.place("s1", body(&order("s1", Side::Sell, 50))).await;
    assert_eq!(sell.1["code"], json!("STP"), "{}", sell.1);
    let sell = running.place("s1", body(&order("s1", Side::Sell, 51))).await;
    assert_eq!(sell.0, StatusCode::CREATED, "{}", sell.1);
    running.stop().await;
}
