//! Standing rules: orders that the market's delegate signs for every slot.

use contracts::Side;
use contracts::bindings::TradingMandate;
use market::domain::{Change, Entry, Exchange, Export, Rule, RuleName, RuleQuantity};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use service::Tick;
use units::{Energy, Price};

use crate::http::*;
use crate::service::{connected, log, running};
use crate::town::*;

fn name(side: Side) -> RuleName {
    RuleName { connection_point: neighbour("b1").point(), side }
}

fn rule(quantity: RuleQuantity) -> Rule {
    Rule {
        name: name(Side::Buy),
        account: neighbour("b1").account(),
        quantity,
        limit: Price::from_n_per_wh(200_000),
        min_fill: Energy::ZERO,
        from: None,
        until: None,
    }
}

const fn fixed(wh: u64) -> RuleQuantity {
    RuleQuantity::Fixed { quantity: Energy::from_wh(wh) }
}

fn set(town: &mut Exchange, rule: Rule) {
    let change = Change::SetRule(rule);
    let entry = town.change(&change, neighbour("b1").party(), &parameters(), morning());
    town.apply(&entry.unwrap().unwrap());
}

/// Slot and energy of each order that rules want.
fn due(town: &Exchange, now: &str) -> Vec<(String, u64)> {
    let delegate = rules_delegate().address();
    let due = town.due_rules(&parameters(), delegate, at(now));
    let start = |slot: u64| calendar::Timestamp::from_seconds(slot.cast_signed()).to_string();
    due.iter().map(|due| (start(due.terms.slot), due.terms.quantity.wh())).collect()
}

#[test]
fn a_rule_orders_for_each_slot_in_the_hour_before_its_gate() {
    let mut town = town();
    set(&mut town, rule(fixed(1_000)));
    let starts: Vec<String> =
        due(&town, "2026-06-01T08:45:00Z").into_iter().map(|(slot, _)| slot).collect();
    // The gate of 09:00 closes now, that of 10:00 in an hour.
    let expected = ["09:15", "09:30", "09:45", "10:00"];
    assert_eq!(starts, expected.map(|time| format!("2026-06-01T{time}:00Z")));
    let bounded = Rule {
        from: Some(at("2026-06-01T09:30:00Z")),
        until: Some(at("2026-06-01T10:00:00Z")),
        ..rule(fixed(500))
    };
    set(&mut town, bounded);
    let bounded = due(&town, "2026-06-01T08:45:00Z");
    let expected = ["09:30", "09:45"].map(|time| (format!("2026-06-01T{time}:00Z"), 500));
    assert_eq!(bounded, expected);
    let end = Change::EndRule(name(Side::Buy));
    let ended = town.change(&end, neighbour("b1").party(), &parameters(), morning());
    town.apply(&ended.unwrap().unwrap());
    assert_eq!(due(&town, "2026-06-01T08:45:00Z"), []);
}

#[test]
fn a_rule_orders_what_is_likely_at_that_time_of_day() {
    let mut town = town();
    set(&mut town, rule(RuleQuantity::Likely { percent: 80 }));
    assert_eq!(due(&town, "2026-06-01T08:45:00Z"), [], "nothing is known");
    for (days, wh) in [(1, 1_000), (2, 2_000)] {
        let import = Export {
            connection_point: neighbour("b1").point(),
            quantity: Energy::from_wh(wh),
            version: 1,
        };
        let slot = slot().later(-96 * days).start;
        town.apply(&Entry::Exported { slot, exports: Vec::new(), imports: vec![import] });
    }
    let expected = [(SLOT.to_owned(), 1_200)];
    assert_eq!(due(&town, "2026-06-01T08:45:00Z"), expected);
    set(
        &mut town,
        Rule { min_fill: Energy::from_wh(1_201), ..rule(RuleQuantity::Likely { percent: 80 }) },
    );
    assert_eq!(due(&town, "2026-06-01T08:45:00Z"), [], "less than what it fills at least");
}

/// What `b1` grants to whoever signs for rules.
fn granted(per_slot: u64) -> alloy_primitives::LogData {
    use alloy_sol_types::SolEvent;
    TradingMandate::MandateGranted {
        account: neighbour("b1").address(),
        delegate: rules_delegate().address(),
        mandate: TradingMandate::Mandate {
            policy: config().policy.id(),
            until: at("2027-01-01T00:00:00Z").unsigned(),
            buyPriceMax: 300_000,
            sellPriceMin: u64::MAX,
            quantityPerSlot: per_slot,
            quantityPerDay: 100_000,
            version: per_slot,
        },
    }
    .encode_log_data()
}

async fn put(running: &Running, side: &str, body: Value) -> (StatusCode, Value) {
    let path = format!("/v1/rules/{}/{side}", neighbour("b1").point());
    running.request(Method::PUT, &path, trader("b1"), Some(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_sets_a_rule_grants_the_mandate_and_trades() {
    let running = running().await;
    let body = json!({ "quantity_wh": 1_000, "limit_price": 200_000 });
    let (status, set) = put(&running, "buy", body.clone()).await;
    assert_eq!((status, &set["warnings"]), (StatusCode::OK, &json!(["NO_MANDATE"])), "{set}");
    running.market.tick(running.market.now()).await.unwrap();
    let rules = running.get("b1", "/v1/rules").await;
    assert_eq!(rules["items"][0]["refused"]["code"], "DELEGATE", "{rules}");
    assert_eq!(running.get("b1", "/v1/orders").await["items"], json!([]));

    let mut grant = log(granted(2_000));
    grant.address = deployment().mandates;
    running.bus.publish(&connected(2, 1, vec![grant])).await.unwrap();
    let mandates = running.get("b1", "/v1/mandates").await;
    assert_eq!(
        (&mandates[0]["rules"], &mandates[0]["quantity_per_slot_wh"]),
        (&json!(true), &json!(2_000))
    );
    let later = running.market.now().plus_seconds(60);
    running.hand.move_to(later);
    assert!(running.market.tick(later).await.unwrap());
    let orders = running.get("b1", "/v1/orders").await;
    let orders = orders["items"].as_array().unwrap();
    assert_eq!(orders.len(), 4);
    assert_eq!(orders[0]["delegate"], json!(format!("{:#x}", rules_delegate().address())));
    let rules = running.get("b1", "/v1/rules").await;
    assert_eq!(
        (&rules["items"][0]["warnings"], &rules["items"][0]["refused"]),
        (&json!([]), &Value::Null)
    );
    assert!(!running.market.tick(later.plus_seconds(60)).await.unwrap(), "one order a slot");

    let path = format!("/v1/rules/{}/buy", neighbour("b1").point());
    for _ in 0..2 {
        let (status, _) = running.request(Method::DELETE, &path, trader("b1"), None).await;
        assert_eq!(status, StatusCode::NO_CONTENT);
    }
    assert_eq!(running.get("b1", "/v1/rules").await["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_cannot_be_is_refused() {
    let running = running().await;
    for (side, body, code) in [
        ("buy", json!({ "quantity_wh": 1_000, "limit_price": 200_001 }), "TICK"),
        ("buy", json!({ "quantity_wh": 9, "limit_price": 200_000 }), "MIN_LOT"),
        ("buy", json!({ "quantity_wh": 100, "min_fill_wh": 101, "limit_price": 100 }), "MIN_LOT"),
        ("buy", json!({ "percent": 0, "limit_price": 100 }), "MIN_LOT"),
        ("buy", json!({ "percent": 201, "limit_price": 100 }), "MIN_LOT"),
        ("buy", json!({ "percent": 5, "quantity_wh": 100, "limit_price": 100 }), "MALFORMED"),
        ("buy", json!({ "limit_price": u64::MAX }), "MALFORMED"),
        ("buy", json!({ "limit_price": 100, "until": "soon" }), "MALFORMED"),
        ("swap", json!({ "limit_price": 100 }), "MALFORMED"),
    ] {
        let (_, problem) = put(&running, side, body.clone()).await;
        assert_eq!(problem["code"], code, "{side} {body}");
    }
    let path = format!("/v1/rules/{}/buy", neighbour("b1").point());
    let body = json!({ "quantity_wh": 1_000, "limit_price": 200_000 });
    let others = running.request(Method::PUT, &path, trader("b2"), Some(body)).await;
    assert_eq!(others.1["code"], "NOT_FOUND");
    let others = running.request(Method::DELETE, &path, trader("b2"), None).await;
    assert_eq!(others.1["code"], "NOT_FOUND");
}
