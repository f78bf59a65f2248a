//! Who and what may not trade: nonces ended on chain, own orders, suspensions, curtailments, and
//! what was fed in before.

use access::Role;
use contracts::{Side, U256};
use events::market::CancelledBy;
use ids::{AccountId, CommunityId, ConnectionPointId, PartyId, Uuid};
use market::domain::{
    CURTAILMENTS_MAX, Change, Entry, Exchange, Export, HISTORY_DAYS, Member, Movement, NewOrder,
    Rejection, Status, Trader, Wish,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use units::{Energy, Money};

use crate::http::*;
use crate::refusals::fed_in;
use crate::service::{gate, running};
use crate::town::*;

fn judged(town: &Exchange, order: &NewOrder) -> Option<Rejection> {
    town.place(order, &parameters(), morning()).err()
}

/// Applies an entry with all that it brings.
fn apply(town: &mut Exchange, entry: &Entry) {
    let consequences = town.consequences(entry);
    town.apply(entry);
    consequences.iter().for_each(|entry| town.apply(entry));
}

/// Makes a change that must be new.
fn change(town: &mut Exchange, change: &Change) {
    let by = PartyId::derived("operator");
    let entry = town.change(change, by, &parameters(), morning()).unwrap().unwrap();
    apply(town, &entry);
    let again = town.change(change, by, &parameters(), morning());
    assert_eq!(again, Ok(None), "a repeat changes nothing");
}

fn ended(order: &NewOrder) -> Vec<Movement> {
    vec![Movement::NonceEnded { address: order.terms.account, nonce: order.terms.nonce }]
}

#[test]
fn a_nonce_ended_on_chain_takes_back_its_open_order_and_refuses_later_ones() {
    let (mut town, b1) = (town(), neighbour("b1"));
    let (open, later, foreign) =
        (b1.buy(1000, 200_000), b1.buy(1100, 200_000), neighbour("b2").buy(1000, 200_000));
    place(&mut town, &open).unwrap();
    place(&mut town, &foreign).unwrap();
    let twice = [ended(&open), ended(&open), ended(&later)].concat();
    apply(&mut town, &block(2, 1, twice.clone()));
    let order = town.order(open.id).unwrap();
    assert_eq!((order.status, order.cancelled_by), (Status::Cancelled, Some(CancelledBy::Chain)));
    assert_eq!(town.wallet(b1.address()).held(), Money::ZERO);
    assert_eq!(town.order(foreign.id).unwrap().status, Status::Open, "the nonce of another");
    assert_eq!(judged(&town, &later), Some(Rejection::Nonce), "never seen before");
    let mut anew = later.terms.clone();
    anew.nonce = U256::from(1);
    assert_eq!(judged(&town, &b1.sign(anew)), None);

    // The block vanishes and comes again: the account wanted it, so it stays.
    let before = town.orders().cloned().collect::<Vec<_>>();
    apply(&mut town, &Entry::Disconnected { sequence: 3, number: 2, hash: block_hash(2) });
    assert_eq!(judged(&town, &later), Some(Rejection::Nonce));
    let again = block(2, 1, twice);
    assert!(town.consequences(&again).is_empty());
    apply(&mut town, &again);
    assert_eq!(town.orders().cloned().collect::<Vec<_>>(), before);
}

#[test]
fn a_nonce_ended_after_the_clearing_leaves_the_trade_to_the_contract() {
    let mut town = town();
    let buy = neighbour("b1").buy(1000, 200_000);
    place(&mut town, &buy).unwrap();
    place(&mut town, &neighbour("s1").sell(1000, 100_000)).unwrap();
    let cleared = town.clear(slot(), &parameters(), at("2026-06-01T09:45:00Z"));
    let trade = cleared.trades[0].clone();
    town.apply(&Entry::Cleared(cleared));
    let held = town.wallet(neighbour("b1").address()).held();
    apply(&mut town, &block(2, 1, ended(&buy)));
    assert_eq!(town.order(buy.id).unwrap().status, Status::Cleared);
    assert_eq!(town.wallet(neighbour("b1").address()).held(), held, "until it is skipped");
    apply(&mut town, &block(3, 1, vec![Movement::Ended { trade: trade.trade, settled: false }]));
    assert_eq!(town.wallet(neighbour("b1").address()).held(), Money::ZERO);
}

#[test]
fn an_order_that_crosses_one_of_the_same_party_is_refused() {
    let check = |first: NewOrder, second: NewOrder, expected: Option<Rejection>| {
        let mut town = town();
        // b2 and b1 are one party's.
        town.apply(&Entry::Member(Member {
            account: neighbour("b2").account(),
            party: neighbour("b1").party(),
            address: neighbour("b2").address(),
            pseudonym: "Home b2".to_owned(),
        }));
        place(&mut town, &first).unwrap();
        assert_eq!(judged(&town, &second), expected, "{:?}", second.terms);
    };
    let (b1, b2) = (neighbour("b1"), neighbour("b2"));
    // 114 000 all-in is 102 000 for the energy, and so is 100 000 net.
    let (buy, sell) = (b1.buy(1000, 114_000), b1.sell(1000, 100_000));
    check(buy.clone(), sell.clone(), Some(Rejection::SelfTrade));
    check(sell.clone(), buy.clone(), Some(Rejection::SelfTrade));
    check(sell.clone(), b1.buy(1000, 113_900), None);
    check(sell.clone(), b1.sell(500, 90_000), None);
    check(sell.clone(), b2.buy(1000, 114_000), Some(Rejection::SelfTrade));
    check(sell.clone(), neighbour("b3").buy(1000, 114_000), None);
    let mut next = b1.terms(Side::Buy, 1000, 114_000);
    next.slot += 900;
    next.expiry += 900;
    check(sell, b1.sign(next), None);
    let mut town = town();
    place(&mut town, &buy).unwrap();
    let entry = town.cancel(buy.id, b1.account(), &parameters(), morning()).unwrap().unwrap();
    town.apply(&entry);
    assert_eq!(judged(&town, &b1.sell(1000, 100_000)), None, "the other one is cancelled");
}

/// What `who` fed in so many days before, as a version of its interval says.
fn feed(town: &mut Exchange, who: &Neighbour, days_before: i64, (version, wh): (u32, u64)) {
    let slot = slot().start.plus_seconds(-days_before * 86_400);
    let quantity = Energy::from_wh(wh);
    let exports = vec![Export { connection_point: who.point(), quantity, version }];
    town.apply(&Entry::Exported { slot, exports, imports: Vec::new() });
}

#[test]
fn an_older_version_that_is_delivered_again_does_not_undo_a_correction() {
    let s1 = neighbour("s1");
    let mut town = town();
    let limit = |town: &Exchange| town.sellable(s1.point(), slot().start, &parameters());
    (1..=7).for_each(|day| feed(&mut town, &s1, day, (1, 500)));
    feed(&mut town, &s1, 3, (2, 1000));
    assert_eq!(limit(&town), Some(Energy::from_wh(1100)));
    feed(&mut town, &s1, 3, (1, 500));
    assert_eq!(limit(&town), Some(Energy::from_wh(1100)));
    feed(&mut town, &s1, 3, (3, 400));
    feed(&mut town, &s1, 3, (2, 1000));
    assert_eq!(limit(&town), Some(Energy::from_wh(550)));
}

#[test]
fn a_journal_without_versions_is_still_read() {
    let point = neighbour("s1").point();
    let old = json!({ "kind": "exported", "slot": SLOT, "exports": [[point, 500]] });
    let Entry::Exported { exports, .. } = serde_json::from_value(old).unwrap() else {
        panic!("that is another entry");
    };
    let quantity = Energy::from_wh(500);
    assert_eq!(exports, [Export { connection_point: point, quantity, version: 0 }]);
}

#[test]
fn an_offer_stays_within_what_was_lately_fed_in_at_that_time_of_day() {
    let s1 = neighbour("s1");
    let fed = |town: &mut Exchange, days_before, wh| feed(town, &s1, days_before, (1, wh));
    let limit = |town: &Exchange| town.sellable(s1.point(), slot().start, &parameters());
    let mut town = town();
    (2..=7).for_each(|day| fed(&mut town, day, 1000));
    assert_eq!(limit(&town), None, "six days are too few");
    fed(&mut town, 1, 905);
    assert_eq!(limit(&town), Some(Energy::from_wh(1100)));
    assert_eq!(judged(&town, &s1.sell(1101, 100_000)), Some(Rejection::QtyForecast));
    place(&mut town, &s1.sell(700, 100_000)).unwrap();
    assert_eq!(judged(&town, &s1.sell(401, 100_000)), Some(Rejection::QtyForecast));
    assert_eq!(judged(&town, &s1.sell(400, 100_000)), None);
    assert_eq!(judged(&town, &neighbour("s2").sell(5000, 100_000)), None, "nothing is known");
    assert_eq!(judged(&town, &s1.buy(5000, 90_000)), None, "a buyer needs no forecast");
    let mut noon = s1.terms(Side::Sell, 5000, 100_000);
    noon.slot += 8 * 900;
    noon.expiry += 8 * 900;
    assert_eq!(judged(&town, &s1.sign(noon)), None, "of that hour nothing is known");
    // Corrections take the place of what was known: floor(905 x 1.1) is left.
    (2..=7).for_each(|day| fed(&mut town, day, 10));
    assert_eq!(limit(&town), Some(Energy::from_wh(995)));
    let days = i64::from(HISTORY_DAYS);
    fed(&mut town, days, 2000);
    assert_eq!(limit(&town), Some(Energy::from_wh(2200)));
    fed(&mut town, days + 1, 3000);
    assert_eq!(limit(&town), Some(Energy::from_wh(2200)), "too long ago");
}

#[test]
fn a_change_of_somebody_or_something_unknown_is_refused() {
    let check = |change: Change, now: &str, expected: Rejection| {
        let by = PartyId::derived("operator");
        let judged = town().change(&change, by, &parameters(), at(now));
        assert_eq!(judged, Err(expected), "{change:?}");
    };
    let now = "2026-06-01T08:45:00Z";
    let reason = String::new;
    let stranger = Trader::Account(AccountId::derived("?"));
    check(Change::Suspend { trader: stranger, reason: reason() }, now, Rejection::Unknown);
    let nowhere = Trader::ConnectionPoint(ConnectionPointId::derived("?"));
    let resume = Wish::Resume { trader: nowhere };
    check(Change::Ask { consent: Uuid::nil(), wish: resume }, now, Rejection::Unknown);
    let curtail = |from: &str, to: &str| {
        let (from, to) = (at(from), at(to));
        Change::Curtail { from, to, reason: reason() }
    };
    let end = "2026-06-01T10:15:00Z";
    check(curtail(SLOT, SLOT), now, Rejection::Slot);
    check(curtail(end, SLOT), now, Rejection::Slot);
    check(curtail("2026-06-01T10:00:01Z", end), now, Rejection::Slot);
    check(curtail(SLOT, "2026-06-01T10:14:00Z"), now, Rejection::Slot);
    check(curtail(SLOT, end), "2026-06-09T10:00:00Z", Rejection::GateClosed);
    let mut full = town();
    for slots in 1..=i64::try_from(CURTAILMENTS_MAX).unwrap() {
        let to = slot().later(slots).start;
        change(&mut full, &Change::Curtail { from: slot().start, to, reason: reason() });
    }
    let one_more = curtail("2026-06-01T09:45:00Z", end);
    let judged = full.change(&one_more, PartyId::derived("operator"), &parameters(), morning());
    assert_eq!(judged, Err(Rejection::TooMany));
}

#[test]
fn a_suspended_connection_point_loses_its_open_orders_alone() {
    let mut town = town();
    let (b1, b2) = (neighbour("b1").buy(1000, 200_000), neighbour("b2").buy(1000, 200_000));
    place(&mut town, &b1).unwrap();
    place(&mut town, &b2).unwrap();
    let trader = Trader::ConnectionPoint(neighbour("b1").point());
    change(&mut town, &Change::Suspend { trader, reason: "a meter was opened".to_owned() });
    let order = town.order(b1.id).unwrap();
    assert_eq!(order.cancelled_by, Some(CancelledBy::Suspension));
    assert_eq!(town.order(b2.id).unwrap().status, Status::Open);
    assert_eq!(town.wallet(neighbour("b1").address()).held(), Money::ZERO);
    let again = neighbour("b1").buy(1100, 200_000);
    assert_eq!(judged(&town, &again), Some(Rejection::Suspended));
    let consent = Uuid::nil();
    let resume = Change::Ask { consent, wish: Wish::Resume { trader } };
    change(&mut town, &resume);
    assert_eq!(judged(&town, &again), Some(Rejection::Suspended), "another one has to agree");
    let agree = Change::Decide { consent, given: true };
    let agreed = town.change(&agree, PartyId::derived("second"), &parameters(), morning());
    apply(&mut town, &agreed.unwrap().unwrap());
    assert_eq!(judged(&town, &again), None);
}

#[test]
fn nothing_is_sold_in_a_curtailed_slot_unless_it_is_lifted_before_the_gate() {
    let mut town = town();
    place(&mut town, &neighbour("b1").buy(1000, 200_000)).unwrap();
    place(&mut town, &neighbour("s1").sell(1000, 100_000)).unwrap();
    let (from, to) = (slot().start, slot().later(2).start);
    change(&mut town, &Change::Curtail { from, to, reason: "a line is down".to_owned() });
    let late = neighbour("b2").buy(1000, 200_000);
    assert_eq!(judged(&town, &late), Some(Rejection::ZoneCurtailed));
    let mut before = late.terms.clone();
    before.slot -= 900;
    assert_eq!(judged(&town, &neighbour("b2").sign(before)), None, "the slot before");
    let mut after = late.terms.clone();
    after.slot += 2 * 900;
    after.expiry += 2 * 900;
    assert_eq!(judged(&town, &neighbour("b2").sign(after)), None, "the slot after");
    let gate = at("2026-06-01T09:45:00Z");
    let cleared = town.clear(slot(), &parameters(), gate);
    assert!(cleared.trades.is_empty() && cleared.price.is_none() && cleared.orders == 2);
    change(&mut town, &Change::Lift { from, to });
    assert_eq!(town.clear(slot(), &parameters(), gate).trades.len(), 1);
}

async fn put(running: &Running, path: &str, reason: &str) -> (StatusCode, Value) {
    let body = Some(json!({ "reason": reason }));
    running.request(Method::PUT, path, operator(), body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_suspends_an_account_and_everyone_concerned_hears_of_it() {
    let running = running().await;
    let b1 = neighbour("b1");
    let order = b1.buy(1000, 200_000);
    running.place("b1", body(&order)).await;
    let path = format!("/v1/suspensions/accounts/{}", b1.account());
    let (status, view) = put(&running, &path, "unpaid").await;
    assert_eq!((status, &view["reason"]), (StatusCode::OK, &json!("unpaid")), "{view}");
    assert_eq!(put(&running, &path, "unpaid").await, (status, view));
    let orders = running.get("b1", "/v1/orders").await;
    let shown = ["status", "cancelled_by", "held"].map(|field| orders["items"][0][field].clone());
    assert_eq!(shown, ["cancelled", "suspension", "0"].map(Value::from));
    for (name, count) in [("b1", 1), ("b2", 0)] {
        let list = running.get(name, "/v1/suspensions").await;
        assert_eq!(list["items"].as_array().unwrap().len(), count, "{name}");
    }
    let (status, asked) = running.request(Method::DELETE, &path, operator(), None).await;
    assert_eq!((status, &asked["wish"]), (StatusCode::ACCEPTED, &json!("resume")), "{asked}");
    assert_eq!(asked["trader"], json!({ "kind": "accounts", "id": b1.account() }));
    let (status, _) = running.request(Method::DELETE, &path, crate::stop::second(), None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    running.place("b1", body(&b1.buy(1100, 200_000))).await;
    let own = b1.buy(1100, 200_000).id.to_string();
    assert_eq!(running.cancel("b1", &own).await.1["cancelled_by"], json!("account"));
    running.market.drain(morning()).await.unwrap();
    let news = running.reader.news();
    let told: Vec<_> = news.iter().map(|(subject, body)| (subject.as_str(), body)).collect();
    let [suspended, cancelled, resumed, withdrawn] = told.try_into().unwrap();
    assert_eq!(suspended.0, "market.suspension.changed.v1");
    assert_eq!(suspended.1["by"], json!(neighbour("operator").party()));
    assert_eq!(suspended.1["account"], json!(b1.account()));
    assert_eq!((&suspended.1["suspended"], &resumed.1["suspended"]), (&json!(true), &json!(false)));
    assert_eq!(cancelled.0, "market.order.cancelled.v1");
    assert_eq!(cancelled.1["order"], json!(order.id));
    let by = [&cancelled.1["by"], &withdrawn.1["by"]];
    assert_eq!(by, [&json!("suspension"), &json!("account")]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_curtailed_slot_is_shown_and_clears_to_nothing() {
    let running = running().await;
    running.place("b1", body(&neighbour("b1").buy(1000, 200_000))).await;
    running.place("s1", body(&neighbour("s1").sell(1000, 100_000))).await;
    let path = format!("/v1/curtailments/{SLOT}/2026-06-01T11:00:00Z");
    let (status, view) = put(&running, &path, "a line is down").await;
    assert_eq!((status, &view["to"]), (StatusCode::OK, &json!("2026-06-01T11:00:00Z")), "{view}");
    let list = running.get("b2", "/v1/curtailments").await;
    assert_eq!(list["items"], json!([view]));
    gate(&running).await;
    let slot = running.get("b1", &format!("/v1/slots/{SLOT}")).await;
    let shown = ["status", "curtailed", "volume_wh"].map(|field| slot[field].clone());
    assert_eq!(shown, [json!("cleared"), json!(true), json!(0)]);
    let (status, _) = running.request(Method::DELETE, &path, operator(), None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    running.market.drain(morning()).await.unwrap();
    let news = running.reader.news();
    let told = news.iter().map(|(subject, body)| (subject.as_str(), body["curtailed"].as_bool()));
    let kind = "market.curtailment.changed.v1";
    assert_eq!(told.collect::<Vec<_>>(), [(kind, Some(true)), (kind, Some(false))]);
    assert!(running.node.taken().is_empty(), "there is nothing to settle");
    running.stop().await;
}

/// An outage comes after the gate: what was agreed stands, and who reconciles is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_has_traded_can_be_curtailed_and_keeps_its_trades() {
    let running = running().await;
    running.place("b1", body(&neighbour("b1").buy(1000, 200_000))).await;
    running.place("s1", body(&neighbour("s1").sell(1000, 100_000))).await;
    gate(&running).await;
    let path = format!("/v1/curtailments/{SLOT}/2026-06-01T10:15:00Z");
    let (status, view) = put(&running, &path, "a line is down").await;
    assert_eq!(status, StatusCode::OK, "{view}");
    let slot = running.get("b1", &format!("/v1/slots/{SLOT}")).await;
    let shown = ["status", "curtailed", "volume_wh"].map(|field| slot[field].clone());
    assert_eq!(shown, [json!("cleared"), json!(true), json!(1000)]);
    running.market.drain(morning()).await.unwrap();
    let told = running.reader.news();
    let told = told.iter().filter(|(kind, _)| kind == "market.curtailment.changed.v1");
    let told: Vec<_> = told.map(|(_, body)| body.clone()).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0]["from"], &told[0]["curtailed"]), (&json!(SLOT), &json!(true)));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_runs_the_community_changes_who_may_trade_in_it() {
    let running = running().await;
    let account = format!("/v1/suspensions/accounts/{}", neighbour("b1").account());
    let stranger = format!("/v1/suspensions/accounts/{}", neighbour("nobody").account());
    let slots = format!("/v1/curtailments/{SLOT}/2026-06-01T11:00:00Z");
    let own = token("b1");
    let auditor = token_as("b1", vec![Role::Auditor], community());
    let elsewhere = token_as("b1", vec![Role::Operator], CommunityId::derived("elsewhere"));
    let cases = [
        (&account, Some(own.clone()), "why", StatusCode::FORBIDDEN),
        (&account, Some(auditor), "why", StatusCode::FORBIDDEN),
        (&account, Some(elsewhere.clone()), "why", StatusCode::NOT_FOUND),
        (&account, None, "why", StatusCode::UNAUTHORIZED),
        (&account, operator(), "", StatusCode::BAD_REQUEST),
        (&stranger, operator(), "why", StatusCode::NOT_FOUND),
        (&slots, Some(own), "why", StatusCode::FORBIDDEN),
        (&slots, Some(elsewhere), "why", StatusCode::NOT_FOUND),
        (&slots, operator(), "why", StatusCode::OK),
    ];
    for (path, token, reason, expected) in cases {
        let body = Some(json!({ "reason": reason }));
        let (status, answer) = running.request(Method::PUT, path, token.clone(), body).await;
        assert_eq!(status, expected, "{path}: {answer}");
        if matches!(expected, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND) {
            let (status, _) = running.request(Method::DELETE, path, token, None).await;
            assert_eq!(status, expected, "DELETE {path}");
        }
    }
    let order = neighbour("b1").buy(1000, 200_000);
    assert_eq!(running.place("b1", body(&order)).await.1["code"], json!("ZONE_CURTAILED"));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_and_history_are_there_after_a_restart() {
    let running = running().await;
    for day in 1..=7 {
        let envelope = fed_in("s1", day * 96, 1000);
        running.bus.publish(&envelope).await.unwrap();
        running.bus.publish(&envelope).await.unwrap();
    }
    let path = format!("/v1/suspensions/connection-points/{}", neighbour("b1").point());
    put(&running, &path, "a meter was opened").await;
    let hash = running.market.desks()[0].book().await.hash();
    let again = start_on(running.stop().await).await;
    assert_eq!(again.market.desks()[0].book().await.hash(), hash);
    let order = neighbour("b1").buy(1000, 200_000);
    assert_eq!(again.place("b1", body(&order)).await.1["code"], json!("SUSPENDED"));
    let order = neighbour("s1").sell(1101, 100_000);
    assert_eq!(again.place("s1", body(&order)).await.1["code"], json!("QTY_FORECAST"));
    again.stop().await;
}
