//! The watch over the market: cases, their evidence, and that one is none.

use access::Role;
use calendar::Timestamp;
use contracts::{Side, U256};
use events::Envelope;
use events::identity::{AccountOpened, Custody};
use events::market::CancelledBy;
use ids::{CaseId, CommunityId};
use market::domain::{Entry, Exchange, Export, Placement};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use surveillance::Kind;
use units::Energy;

use crate::http::*;
use crate::service::{gate, running};
use crate::town::*;

/// Another one of the staff than [`operator`].
fn second() -> Option<String> {
    Some(token_as("second", vec![Role::Operator], community()))
}

/// `b1` and `s1` trade, and turn out to be one party's before the gate: the case.
async fn washed(running: &Running) -> Value {
    for (name, order) in
        [("b1", neighbour("b1").buy(1000, 200_000)), ("s1", neighbour("s1").sell(1000, 100_000))]
    {
        assert_eq!(running.place(name, body(&order)).await.0, StatusCode::CREATED);
    }
    let again = AccountOpened {
        account: neighbour("s1").account(),
        party: neighbour("b1").party(),
        community: community(),
        pseudonym: "Home s1".to_owned(),
        address: neighbour("s1").address(),
        custody: Custody::Own,
    };
    running.bus.publish(&Envelope::of(&again, "s1 is b1's", morning())).await.unwrap();
    gate(running).await;
    let (status, list) = ask(running, Method::GET, "", operator(), None).await;
    assert_eq!(status, StatusCode::OK, "{list}");
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "{list}");
    list["items"][0].clone()
}

async fn ask(
    running: &Running,
    method: Method,
    rest: &str,
    token: Option<String>,
    reason: Option<&str>,
) -> (StatusCode, Value) {
    let body = reason.map(|reason| json!({ "reason": reason }));
    running.request(method, &format!("/v1/surveillance/cases{rest}"), token, body).await
}

/// Asks in vain for the dismissal of a case.
pub async fn not_dismissed(code: &str, running: &Running) -> (StatusCode, Value) {
    let case = washed(running).await;
    let path = format!("/{}/dismissal", case["id"].as_str().unwrap());
    let accused = Some(token_as("b1", vec![Role::Operator], community()));
    if code == "OWN_CASE" {
        return ask(running, Method::POST, &path, accused, Some("it is mine")).await;
    }
    for token in [operator(), second()] {
        let (status, _) = ask(running, Method::POST, &path, token, Some("a test")).await;
        assert_eq!(status, StatusCode::OK);
    }
    ask(running, Method::POST, &path, operator(), Some("again")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wash_trade_is_found_shown_and_dismissed_by_two() {
    let running = running().await;
    let case = washed(&running).await;
    let shown = ["type", "severity", "status", "energy_wh"].map(|field| case[field].clone());
    assert_eq!(shown, ["W1", "high", "open", "1000"].map(Value::from));
    assert_eq!(case["slots"], json!([SLOT]));
    let sentence = case["sentence"].as_str().unwrap();
    assert!(sentence.contains("Home b1") && sentence.contains("Home s1"), "{sentence}");

    let id = format!("/{}", case["id"].as_str().unwrap());
    let auditor = Some(token_as("auditor", vec![Role::Auditor], community()));
    let (status, detail) = ask(&running, Method::GET, &id, auditor.clone(), None).await;
    assert_eq!((status, &detail["case"]), (StatusCode::OK, &case));
    let trades = running.get("b1", "/v1/trades").await;
    let evidence = detail["incidents"][0]["evidence"].as_array().unwrap();
    for (kind, hash) in [("trade", "trade"), ("clearing", "clearing")] {
        let named = evidence.iter().filter(|piece| piece["kind"] == json!(kind));
        let hashes: Vec<&Value> = named.map(|piece| &piece["hash"]).collect();
        assert_eq!(hashes, [&trades["items"][0][hash]], "{detail}");
    }
    let owners = evidence.iter().filter(|piece| piece["kind"] == json!("owned"));
    assert!(owners.clone().all(|piece| piece["party"] == json!(neighbour("b1").party())));
    assert_eq!(owners.count(), 2);

    let path = format!("{id}/dismissal");
    let (status, _) = ask(&running, Method::POST, &path, auditor, Some("why")).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let proposed = ask(&running, Method::POST, &path, operator(), Some("one household")).await;
    assert_eq!((proposed.0, &proposed.1["status"]), (StatusCode::OK, &json!("open")));
    assert_eq!(proposed.1["dismissal"]["by"], json!(neighbour("operator").party()));
    let again = ask(&running, Method::POST, &path, operator(), Some("once more")).await;
    assert_eq!(again, proposed, "one person is not two");
    let (status, agreed) = ask(&running, Method::POST, &path, second(), Some("so it is")).await;
    assert_eq!((status, &agreed["status"]), (StatusCode::OK, &json!("dismissed")));
    assert_eq!(agreed["dismissal"]["reason"], json!("one household"));
    assert_eq!(agreed["dismissal"]["agreed"], json!(neighbour("second").party()));

    let hash = running.market.desks()[0].book().await.hash();
    let running = start_on(running.stop().await).await;
    assert_eq!(running.market.desks()[0].book().await.hash(), hash);
    let (_, detail) = ask(&running, Method::GET, &id, operator(), None).await;
    assert_eq!(detail["case"], agreed, "the journal tells it all");
    for (query, count) in [("?status=open", 0), ("?status=dismissed&type=W1", 1), ("?type=B1", 0)] {
        let (_, list) = ask(&running, Method::GET, query, operator(), None).await;
        assert_eq!(list["items"].as_array().unwrap().len(), count, "{query}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cases_are_for_those_who_run_audit_or_administer() {
    let running = running().await;
    let unknown = format!("/{}", CaseId::derived("?"));
    let dismissal = format!("{unknown}/dismissal");
    let elsewhere = CommunityId::derived("elsewhere");
    let staff = |role, community| Some(token_as("staff", vec![role], community));
    let (get, post) = (Method::GET, Method::POST);
    let cases = [
        (&get, "", Some(token("b1")), StatusCode::FORBIDDEN),
        (&get, "", None, StatusCode::UNAUTHORIZED),
        (&get, "", staff(Role::Utility, community()), StatusCode::FORBIDDEN),
        (&get, "", staff(Role::Auditor, community()), StatusCode::OK),
        (&get, "", staff(Role::Admin, elsewhere), StatusCode::OK),
        (&get, "?type=Z9", operator(), StatusCode::BAD_REQUEST),
        (&get, "?status=gone", operator(), StatusCode::BAD_REQUEST),
        (&get, &unknown, Some(token("b1")), StatusCode::FORBIDDEN),
        (&get, &unknown, operator(), StatusCode::NOT_FOUND),
        (&get, "/nonsense", operator(), StatusCode::BAD_REQUEST),
        (&post, &dismissal, Some(token("b1")), StatusCode::FORBIDDEN),
        (&post, &dismissal, operator(), StatusCode::NOT_FOUND),
    ];
    for (method, rest, token, expected) in cases {
        let reason = (method == Method::POST).then_some("why");
        let (status, answer) = ask(&running, method.clone(), rest, token, reason).await;
        assert_eq!(status, expected, "{method} {rest}: {answer}");
    }
    running.stop().await;
}

/// Places an order for the slot that comes so many after the first.
fn place_at(town: &mut Exchange, (who, side): (&str, Side), later: i64, (wh, limit): (u64, u64)) {
    let (who, slot) = (neighbour(who), slot().later(later));
    let mut terms = who.terms(side, wh, limit);
    (terms.slot, terms.expiry) = (slot.start.unsigned(), slot.end().unsigned());
    terms.nonce = U256::from(later);
    let placed = town.place(&who.sign(terms), &parameters(), morning()).unwrap();
    let Placement::New(accepted) = placed else { panic!("placed before") };
    town.apply(&Entry::Accepted(*accepted));
}

fn clear_at(town: &mut Exchange, later: i64) {
    let slot = slot().later(later);
    let cleared = town.clear(slot, &parameters(), parameters().gate(slot.start));
    town.apply(&Entry::Cleared(cleared));
}

fn kinds(town: &Exchange) -> Vec<Kind> {
    town.surveillance().cases().map(|case| case.kind).collect()
}

fn fed(town: &mut Exchange, who: &str, slot: Timestamp, wh: u64) {
    let (connection_point, quantity) = (neighbour(who).point(), Energy::from_wh(wh));
    let exports = vec![Export { connection_point, quantity, version: 1 }];
    town.apply(&Entry::Exported { slot, exports, imports: Vec::new() });
}

#[test]
fn orders_that_vanish_before_the_gate_are_found_when_the_day_is_over() {
    let mut town = Exchange::watched(&parameters());
    let known = town_entries();
    known.iter().for_each(|entry| town.apply(entry));
    for later in 0..5 {
        place_at(&mut town, ("s1", Side::Sell), later, (1_000, 100_000));
        place_at(&mut town, ("s3", Side::Sell), later, (4_000, 90_000));
        let start = slot().later(later).start;
        let order = town.orders().next_back().unwrap().id;
        let at = parameters().gate(start).plus_seconds(-20);
        town.apply(&Entry::Cancelled { order, by: CancelledBy::Account, at });
        clear_at(&mut town, later);
    }
    assert_eq!(kinds(&town), []);
    fed(&mut town, "s2", slot().start.plus_seconds(86_400), 100);
    assert_eq!(kinds(&town), [Kind::L1]);
    let case = town.surveillance().cases().next().unwrap();
    assert_eq!(case.accounts(), [neighbour("s3").account()].into());
}

#[test]
fn what_is_sold_and_not_fed_in_is_found_when_it_is_metered() {
    let mut town = town();
    for later in 0..4 {
        place_at(&mut town, ("b1", Side::Buy), later, (1_000, 200_000));
        place_at(&mut town, ("s1", Side::Sell), later, (1_000, 100_000));
        clear_at(&mut town, later);
        fed(&mut town, "s1", slot().later(later).start, if later == 0 { 1_000 } else { 0 });
    }
    assert_eq!(kinds(&town), [], "three slots");
    let corrected =
        Export { connection_point: neighbour("s1").point(), quantity: Energy::ZERO, version: 2 };
    let exports = vec![corrected];
    town.apply(&Entry::Exported { slot: slot().start, exports, imports: Vec::new() });
    assert_eq!(kinds(&town), [Kind::M1], "the first one was corrected");
    assert_eq!(town.surveillance().missed(), surveillance::Missed::default());
}
