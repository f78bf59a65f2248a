//! Every code that order entry can refuse with, through the REST door.

use std::collections::BTreeSet;
use std::sync::Arc;

use calendar::Slot;
use contracts::bindings::EnergyMarket;
use contracts::{Address, B256, OrderTerms, Side, U256};
use events::billing::TariffPublished;
use events::metering::{IntervalFact, IntervalsClosed, Quality};
use events::{Envelope, Event};
use ids::MeterId;
use market::domain::{ORDERS_PER_POINT_MAX, Rejection};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use units::Energy;

use crate::http::*;
use crate::service::{connected, known, log, running};
use crate::town::*;

/// The codes of order entry that the rules of the market name; the last one only warns.
const NAMED: [&str; 15] = [
    "PRICE_COLLAR",
    "QTY_PHYSICAL",
    "QTY_FORECAST",
    "FUNDS",
    "COLLATERAL",
    "GATE_CLOSED",
    "STP",
    "SUSPENDED",
    "KILL_SWITCH",
    "TICK",
    "MIN_LOT",
    "NONCE",
    "SIG",
    "ZONE_CURTAILED",
    "NO_GAIN_BAND",
];

/// A slot before [`SLOT`] in which `name` fed `wh` in, as metering tells of it.
pub fn fed_in(name: &str, slots_before: i64, wh: u64) -> Envelope {
    let slot: Slot = slot().later(-slots_before);
    let event = IntervalsClosed {
        community: community(),
        slot,
        intervals: vec![IntervalFact {
            connection_point: neighbour(name).point(),
            account: neighbour(name).account(),
            meter: MeterId::derived(name),
            import: Energy::ZERO,
            export: Energy::from_wh(wh),
            quality: Quality::Measured,
            version: 1,
            readings: Vec::new(),
        }],
    };
    Envelope::of(&event, &format!("{name}/{}", slot.start), slot.end())
}

async fn put(running: &Running, path: &str) {
    let reason = Some(json!({ "reason": "a test" }));
    let (status, answer) = running.request(Method::PUT, path, operator(), reason).await;
    assert_eq!(status, StatusCode::OK, "{path}: {answer}");
}

async fn limits(running: &Running, limits: Value) {
    let path = "/v1/risk-limits";
    let (status, answer) = running.request(Method::PUT, path, operator(), Some(limits)).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
}

/// `b1` asks for all its cash back.
async fn withdraw_all(running: &Running) {
    use alloy_sol_types::SolEvent;
    let account = neighbour("b1").address();
    let (amount, from) = (U256::from(DEPOSIT), 0);
    let event = EnergyMarket::WithdrawalRequested { account, amount, availableAt: from };
    running.bus.publish(&connected(2, 2, vec![log(event.encode_log_data())])).await.unwrap();
}

/// What `b1` is answered when it places 1000 Wh with something wrong.
async fn placed(running: &Running, side: Side, wrong: impl FnOnce(&mut OrderTerms)) -> Answer {
    let b1 = neighbour("b1");
    let mut terms = b1.terms(side, 1000, if side == Side::Buy { 200_000 } else { 100_000 });
    wrong(&mut terms);
    running.place("b1", body(&b1.sign(terms))).await
}

pub type Answer = (StatusCode, Value);

/// What someone is answered who asks for what `code` refuses.
async fn refused(code: &str, running: &Running) -> Answer {
    use Side::{Buy, Sell};
    let b1 = neighbour("b1");
    match code {
        "ACCOUNT" => placed(running, Buy, |t| t.account = Address::ZERO).await,
        "POLICY" => placed(running, Buy, |t| t.policy = B256::ZERO).await,
        "DELEGATE" => {
            let delegate = neighbour("s1");
            let terms = b1.terms(Buy, 1000, 200_000);
            let order = delegate.sign(OrderTerms { delegate: delegate.address(), ..terms });
            running.place("s1", body(&order)).await
        }
        "SLOT" => placed(running, Buy, |t| t.slot += 1).await,
        "TICK" => placed(running, Buy, |t| t.limit_price += 1).await,
        "TIME_IN_FORCE" => {
            let mut now = body(&b1.buy(1000, 200_000));
            now["time_in_force"] = json!("immediate_or_cancel");
            running.place("b1", now).await
        }
        "MIN_LOT" => placed(running, Buy, |t| t.quantity = Energy::from_wh(9)).await,
        "EXPIRY" => placed(running, Buy, |t| t.expiry -= 1).await,
        "PRICE_COLLAR" => placed(running, Buy, |t| t.limit_price = 600_100).await,
        "PRICE_REFERENCE" => {
            limits(running, json!({ "reference_percent": 30 })).await;
            placed(running, Buy, |t| t.limit_price = 300_000).await
        }
        "EXPOSURE" => {
            limits(running, json!({ "exposure": 1 })).await;
            placed(running, Buy, |t| {
                (t.quantity, t.limit_price) = (Energy::from_wh(5000), 600_000);
            })
            .await
        }
        "NOTIONAL" => {
            limits(running, json!({ "daily_notional": 2 })).await;
            placed(running, Buy, |t| {
                (t.quantity, t.limit_price) = (Energy::from_wh(5000), 600_000);
            })
            .await
        }
        "QTY_PHYSICAL" => placed(running, Buy, |t| t.quantity = Energy::from_wh(5001)).await,
        "GATE_CLOSED" => {
            running.hand.move_to(at("2026-06-01T09:45:00Z"));
            placed(running, Buy, |_| {}).await
        }
        "KILL_SWITCH" => {
            put(running, "/v1/stop").await;
            placed(running, Buy, |_| {}).await
        }
        "SECOND_PERSON" | "DECIDED" => {
            put(running, "/v1/stop").await;
            let asked = running.request(Method::DELETE, "/v1/stop", operator(), None).await.1;
            let path = format!("/v1/consents/{}", asked["consent"].as_str().unwrap());
            if code == "DECIDED" {
                let path = format!("{path}/refusal");
                running.request(Method::POST, &path, operator(), None).await;
            }
            let token = if code == "DECIDED" { crate::stop::second() } else { operator() };
            running.request(Method::POST, &format!("{path}/approval"), token, None).await
        }
        "SUSPENDED" => {
            put(running, &format!("/v1/suspensions/connection-points/{}", b1.point())).await;
            placed(running, Buy, |_| {}).await
        }
        "BUYING_HELD" => {
            let said = crate::buying::told("b1", 1, &["dunning"]);
            running.bus.publish(&said).await.unwrap();
            placed(running, Buy, |_| {}).await
        }
        "ZONE_CURTAILED" => {
            put(running, &format!("/v1/curtailments/{SLOT}/2026-06-01T10:15:00Z")).await;
            placed(running, Buy, |_| {}).await
        }
        "QTY_FORECAST" => {
            for day in 1..=7 {
                running.bus.publish(&fed_in("b1", day * 96, 900)).await.unwrap();
            }
            placed(running, Sell, |_| {}).await
        }
        "FUNDS" | "COLLATERAL" => {
            withdraw_all(running).await;
            placed(running, if code == "FUNDS" { Buy } else { Sell }, |_| {}).await
        }
        _ => refused_beside_others(code, running).await,
    }
}

/// The same for what only other orders make wrong.
async fn refused_beside_others(code: &str, running: &Running) -> Answer {
    let b1 = neighbour("b1");
    let (first, other) = (b1.buy(1000, 200_000), b1.buy(1100, 200_000));
    let before = running.place("b1", body(&first)).await;
    assert_eq!(before.0, StatusCode::CREATED, "{}", before.1);
    match code {
        "CONFLICT" => {
            let mut conflicting = body(&other);
            conflicting["order_id"] = json!(first.id.to_string());
            running.place("b1", conflicting).await
        }
        "STP" => placed(running, Side::Sell, |_| {}).await,
        "NONCE" => {
            let mut terms = other.terms.clone();
            terms.nonce = first.terms.nonce;
            running.place("b1", body(&b1.sign(terms))).await
        }
        "SIG" => {
            let mut forged = body(&other);
            forged["signature"] = json!(first.signature.to_string());
            running.place("b1", forged).await
        }
        "TOO_MANY" => {
            let desk = running.market.desks()[0].clone();
            for price in 1..ORDERS_PER_POINT_MAX as u64 {
                desk.place(b1.buy(10, 100 * price)).await.unwrap();
            }
            running.place("b1", body(&other)).await
        }
        "NOT_FOUND" => running.cancel("b1", &other.id.to_string()).await,
        _ => panic!("{code} has no test"),
    }
}

/// The same for a mechanism that staff choose, in a market without a difference account.
async fn not_chosen(code: &str) -> (Running, Answer) {
    let mut config = config();
    config.policy.difference_account = Address::ZERO;
    let running = start_with(Arc::new(TempDir::new().unwrap()), config).await;
    let later = "2026-06-03T10:00:00Z";
    let (from, mechanism) = match code {
        "MECHANISM" => (later, json!({ "name": "uniform", "k_bps": 10_001 })),
        "BOOK_OPEN" => (SLOT, json!({ "name": "mid_market" })),
        _ => (later, json!({ "name": "k_pricing" })),
    };
    let path = format!("/v1/mechanisms/{from}");
    let answer = running.request(Method::PUT, &path, operator(), Some(mechanism)).await;
    (running, answer)
}

/// What a market without zones answers to who curtails a link, or joins to share after the slot.
async fn not_here(code: &str, running: &Running) -> Answer {
    if code == "NOT_SHARING" {
        let path = format!("/v1/memberships/{}", neighbour("b1").point());
        return running.request(Method::PUT, &path, trader("b1"), Some(json!({}))).await;
    }
    let limit = json!({ "zone": zone(), "up_wh": 1 });
    let body = json!({ "reason": "a test", "links": [limit] });
    let path = format!("/v1/curtailments/{SLOT}/2026-06-01T10:15:00Z");
    running.request(Method::PUT, &path, operator(), Some(body)).await
}

/// The market of the town without a tariff.
async fn without_tariff() -> Running {
    let running = start().await;
    for envelope in known(&NAMES) {
        if envelope.subject != TariffPublished::SUBJECT {
            running.bus.publish(&envelope).await.unwrap();
        }
    }
    running
}

#[tokio::test(flavor = "multi_thread")]
async fn every_code_of_order_entry_is_answered_as_a_problem_with_that_code() {
    let codes = Rejection::ALL.iter().map(|rejection| rejection.code());
    let codes: BTreeSet<&str> = codes.collect();
    assert_eq!(codes.len(), Rejection::ALL.len(), "each reason has a code of its own");
    for code in codes {
        let (running, answer);
        match code {
            "NO_TARIFF" => {
                running = without_tariff().await;
                answer = placed(&running, Side::Buy, |_| {}).await;
            }
            "TRADED" => (running, answer) = crate::continuous::traded().await,
            "LINK" | "NOT_SHARING" => {
                running = crate::service::running().await;
                answer = not_here(code, &running).await;
            }
            "SHARED_OUT" | "MEMBER" | "SHARES" => {
                (running, answer) = crate::sharing::refused(code).await;
            }
            "SEALED" | "REVEAL_CLOSED" | "NOT_SEALED" | "COMMITMENT" | "UNREVEALED"
            | "NOT_SEALABLE" | "REVEAL_WINDOW" => {
                (running, answer) = crate::sealed::refused(code).await;
            }
            "MECHANISM" | "BOOK_OPEN" | "NO_DIFFERENCE_ACCOUNT" => {
                (running, answer) = not_chosen(code).await;
            }
            _ => {
                running = crate::service::running().await;
                answer = refused(code, &running).await;
            }
        }
        let expected = match code {
            "CONFLICT" => StatusCode::CONFLICT,
            "NOT_FOUND" => StatusCode::NOT_FOUND,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        assert_eq!((answer.0, &answer.1["code"]), (expected, &json!(code)), "{}", answer.1);
        running.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_code_that_the_rules_name_is_one_the_market_knows() {
    let running = running().await;
    let (status, order) = placed(&running, Side::Buy, |t| t.limit_price = 300_100).await;
    assert_eq!((status, &order["warnings"]), (StatusCode::CREATED, &json!(["NO_GAIN_BAND"])));
    running.stop().await;
    let known = Rejection::ALL.iter().map(|rejection| rejection.code());
    let known: BTreeSet<&str> = known.chain(["NO_GAIN_BAND"]).collect();
    for code in NAMED {
        assert!(known.contains(code), "{code}");
    }
}
