//! Surveillance in the service: a day is judged once, what was found is kept and decided.

use access::Role;
use calendar::Timestamp;
use contracts::Side;
use events::market::CancelledBy;
use ids::CommunityId;
use market::domain::{Entry, Trader};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use service::Tick;

use crate::http::*;
use crate::service::running;
use crate::stop::second;
use crate::town::*;

const CASES: &str = "/v1/surveillance/cases";

#[test]
fn a_day_knows_when_orders_were_taken_back_and_leaves_out_what_a_suspension_took() {
    let mut town = town();
    let day = parameters().timezone.day_of(slot().start);
    let kept = neighbour("b1").buy(1000, 200_000);
    let cancelled = neighbour("b2").buy(1100, 200_000);
    let suspended = neighbour("b3").buy(1200, 200_000);
    let sold = neighbour("s1").sell(600, 100_000);
    for order in [&kept, &cancelled, &suspended, &sold] {
        place(&mut town, order).unwrap();
    }
    let at_nine = at("2026-06-01T09:00:00Z");
    town.apply(&Entry::Cancelled { order: cancelled.id, by: CancelledBy::Account, at: at_nine });
    town.apply(&Entry::Cancelled { order: suspended.id, by: CancelledBy::Suspension, at: at_nine });
    assert!(town.watched(day, &parameters()).slots.is_empty(), "it is not cleared yet");
    let cleared = town.clear(slot(), &parameters(), at("2026-06-01T09:45:00Z"));
    town.apply(&Entry::Cleared(cleared));
    let export = market::domain::Export {
        connection_point: neighbour("s1").point(),
        quantity: units::Energy::from_wh(500),
        version: 1,
    };
    let exports = vec![export];
    town.apply(&Entry::Exported { slot: slot().start, exports, imports: Vec::new() });
    let facts = town.watched(day, &parameters());
    facts.check().unwrap();
    let mut orders: Vec<_> =
        facts.orders.iter().map(|order| (order.order, order.cancelled)).collect();
    let mut expected = vec![(kept.id, None), (cancelled.id, Some(at_nine)), (sold.id, None)];
    orders.sort_unstable();
    expected.sort_unstable();
    assert_eq!(orders, expected);
    assert_eq!(facts.trades.len(), 1);
    assert_eq!(facts.slots[0].gate, at("2026-06-01T09:45:00Z"));
    let fed_in = facts.intervals.iter().map(|one| (one.owner, one.export.wh()));
    assert_eq!(fed_in.collect::<Vec<_>>(), [(neighbour("s1").party(), 500)]);
}

/// Three neighbours place the same order within seconds, again and again: in 24 slots from `first`.
async fn copy_each_other(running: &Running, first: &str) {
    let desk = &running.market.desks()[0];
    for slot in 0..24 {
        for name in ["b1", "b2", "b3"] {
            let mut terms = neighbour(name).terms(Side::Buy, 500 + 10 * slot, 200_000);
            terms.slot = at(first).unsigned() + 900 * slot;
            terms.expiry = terms.slot + 900;
            terms.nonce = contracts::U256::from(terms.slot);
            desk.place(neighbour(name).sign(terms)).await.unwrap();
        }
    }
}

async fn tick(running: &Running, now: &str) -> Timestamp {
    running.hand.move_to(at(now));
    assert!(running.market.tick(at(now)).await.unwrap());
    assert!(!running.market.tick(at(now)).await.unwrap(), "a day is judged once");
    at(now)
}

async fn list(running: &Running, query: &str) -> Vec<Value> {
    let path = format!("{CASES}{query}");
    let (status, page) = running.request(Method::GET, &path, operator(), None).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    page["items"].as_array().unwrap().clone()
}

async fn decide(running: &Running, token: Option<String>, case: &str, what: &str) -> (u16, Value) {
    let body = Some(json!({ "decision": what, "reason": "one installer set up all three" }));
    let path = format!("{CASES}/{case}/decision");
    let (status, answer) = running.request(Method::POST, &path, token, body).await;
    (status.as_u16(), answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_case_is_found_once_kept_with_its_evidence_and_decided() {
    let running = running().await;
    copy_each_other(&running, SLOT).await;
    running.hand.move_to(at("2026-06-02T03:59:59Z"));
    running.market.tick(at("2026-06-02T03:59:59Z")).await.unwrap();
    assert_eq!(list(&running, "").await, [] as [Value; 0], "before six in the morning");
    let now = tick(&running, "2026-06-02T04:00:00Z").await;
    let found = list(&running, "").await;
    let [case] = found.as_slice() else { panic!("{found:?}") };
    let shown = ["kind", "state", "opened", "last"].map(|field| case[field].clone());
    assert_eq!(shown, ["S1", "open", "2026-06-01", "2026-06-01"].map(Value::from));
    assert!(case["figures"].as_array().unwrap().iter().all(|figure| figure["at_most"] == false));
    let id = case["case"].as_str().unwrap().to_owned();

    let (status, file) =
        running.request(Method::GET, &format!("{CASES}/{id}"), operator(), None).await;
    assert_eq!(status, StatusCode::OK);
    let evidence = file["evidence"].as_array().unwrap();
    assert_eq!(evidence.len(), 72, "three orders in each of 24 slots");
    assert_eq!(evidence[0]["quantity_wh"], json!(500));
    assert_eq!(evidence[0]["placed"], json!(morning().to_string()));

    let account = neighbour("b1").account();
    let others = neighbour("s1").account();
    for (query, count) in [
        (format!("?account={account}&kind=S1&state=open"), 1),
        (format!("?account={others}"), 0),
        ("?kind=W1".to_owned(), 0),
        ("?state=confirmed".to_owned(), 0),
    ] {
        assert_eq!(list(&running, &query).await.len(), count, "{query}");
    }
    let auditor = || Some(token_as("eve", vec![Role::Auditor], community()));
    let elsewhere = Some(token_as("eve", vec![Role::Admin], CommunityId::derived("elsewhere")));
    let path = format!("{CASES}/{id}");
    for (token, expected) in [(trader("b1"), StatusCode::FORBIDDEN), (auditor(), StatusCode::OK)] {
        assert_eq!(running.request(Method::GET, &path, token, None).await.0, expected);
    }
    let hidden = running.request(Method::GET, &path, elsewhere, None).await;
    assert_eq!(hidden.0, StatusCode::NOT_FOUND);
    assert_eq!(decide(&running, auditor(), &id, "dismiss").await.0, 403);
    let own = Some(token_as("b1", vec![Role::Operator], community()));
    assert_eq!(decide(&running, own, &id, "dismiss").await.1["code"], json!("SECOND_PERSON"));
    assert_eq!(decide(&running, operator(), &id, "ignore").await.0, 400);

    // Another day with a restart before it: the same case.
    let running = start_on(running.stop().await).await;
    running.hand.move_to(now);
    let (status, dismissed) = decide(&running, operator(), &id, "dismiss").await;
    assert_eq!((status, &dismissed["state"]), (200, &json!("dismissed")), "{dismissed}");
    assert_eq!(dismissed["decided_by"], json!(neighbour("operator").party()));
    assert_eq!(decide(&running, operator(), &id, "dismiss").await.1, dismissed, "a repeat");
    assert_eq!(decide(&running, second(), &id, "confirm").await.1["code"], json!("DECIDED"));
    copy_each_other(&running, "2026-06-02T06:00:00Z").await;
    tick(&running, "2026-06-03T04:00:00Z").await;
    let found = list(&running, "").await;
    let [case] = found.as_slice() else { panic!("{found:?}") };
    let shown = ["state", "opened", "last"].map(|field| case[field].clone());
    assert_eq!(shown, ["dismissed", "2026-06-01", "2026-06-02"].map(Value::from));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_found_and_who_decided_a_case_is_published_once() {
    let running = running().await;
    copy_each_other(&running, SLOT).await;
    let now = tick(&running, "2026-06-02T04:00:00Z").await;
    let id = list(&running, "").await[0]["case"].as_str().unwrap().to_owned();
    assert_eq!(decide(&running, operator(), &id, "confirm").await.0, 200);
    assert_eq!(decide(&running, operator(), &id, "confirm").await.0, 200);
    running.market.drain(now).await.unwrap();
    let news = running.reader.news();
    let told = news.iter().filter(|(subject, _)| subject.starts_with("market.case."));
    let told: Vec<_> =
        told.map(|(subject, body)| (subject.as_str(), body["case"].clone())).collect();
    let expected = ["market.case.opened.v1", "market.case.decided.v1"];
    assert_eq!(told, expected.map(|subject| (subject, json!(id))));
    assert!(
        running.market.desks()[0]
            .book()
            .await
            .suspension(Trader::Account(neighbour("b1").account()))
            .is_none(),
        "nothing follows by itself"
    );
    running.stop().await;
}
