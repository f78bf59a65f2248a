//! The stop of all zones, by hand and by what others find out; and a clearing that comes out
//! otherwise.

use std::sync::Arc;
use std::time::Duration;

use access::Role;
use events::billing::BooksViolated;
use events::market::{ClearingDisputed, StopChanged};
use events::{Envelope, Event};
use ids::ZoneId;
use market::MarketConfig;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use service::Tick;
use tempfile::TempDir;
use testkit::PostgresServer;

use crate::http::*;
use crate::service::{gate, past, running};
use crate::stop::second;
use crate::town::*;

/// Longer than anything here takes: a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The town's other grid area.
fn hill() -> MarketConfig {
    let mut config = config();
    config.policy.zone = ZoneId::derived("hill");
    config
}

/// The town and the hill.
async fn zones() -> Running {
    let running = start_all(Arc::new(TempDir::new().unwrap()), vec![config(), hill()]).await;
    for envelope in past() {
        running.bus.publish(&envelope).await.unwrap();
    }
    running
}

/// Why nobody may trade in the town, and on the hill: scope and reason.
async fn stops(running: &Running) -> [Option<(String, String)>; 2] {
    let mut stops = [None, None];
    for (place, zone) in [zone(), hill().policy.zone].into_iter().enumerate() {
        let market = running.get("b1", &format!("/v1/market?zone={zone}")).await;
        let text = |field: &str| market["stopped"][field].as_str().unwrap().to_owned();
        let stopped = market["stopped"] != Value::Null;
        stops[place] = stopped.then(|| (text("scope"), text("reason")));
    }
    stops
}

fn stop(scope: &str, reason: &str) -> Option<(String, String)> {
    Some((scope.to_owned(), reason.to_owned()))
}

async fn ask(running: &Running, method: Method, query: &str, token: Option<String>) -> Value {
    let body = (method == Method::PUT).then(|| json!({ "reason": query }));
    let (status, mut answer) =
        running.request(method, &format!("/v1/stop{query}"), token, body).await;
    if !answer.is_object() {
        answer = json!({});
    }
    answer["status"] = json!(status.as_u16());
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn all_zones_are_stopped_together_beside_the_stop_of_each() {
    let running = zones().await;
    let order = body(&neighbour("b1").buy(1_000, 200_000));
    assert_eq!(running.place("b1", order).await.0, StatusCode::CREATED);
    let (global, one) = ("?scope=global", format!("?zone={}", zone()));
    assert_eq!(ask(&running, Method::PUT, global, trader("b1")).await["status"], 403);
    let both = format!("?scope=global&zone={}", zone());
    assert_eq!(ask(&running, Method::PUT, &both, operator()).await["code"], json!("MALFORMED"));
    let wrong = ask(&running, Method::PUT, "?scope=all", operator()).await;
    assert_eq!(wrong["status"], 400, "{wrong}");
    let stopped = ask(&running, Method::PUT, global, operator()).await;
    assert_eq!((&stopped["scope"], &stopped["reason"]), (&json!("global"), &json!(global)));
    assert_eq!(stops(&running).await, [stop("global", global), stop("global", global)]);
    let orders = running.get("b1", "/v1/orders").await;
    assert_eq!(orders["items"][0]["status"], json!("cancelled"));
    let again = body(&neighbour("b1").buy(1_100, 200_000));
    assert_eq!(running.place("b1", again.clone()).await.1["code"], json!("KILL_SWITCH"));
    // A zone is stopped beside it, and is lifted for itself.
    assert_eq!(ask(&running, Method::PUT, &one, operator()).await["scope"], json!("global"));
    let lifted = ask(&running, Method::DELETE, "", operator()).await;
    assert_eq!((&lifted["status"], &lifted["wish"]), (&json!(202), &json!("start")));
    let asked = ask(&running, Method::DELETE, global, operator()).await;
    assert_eq!((&asked["status"], &asked["wish"]), (&json!(202), &json!("start_all")));
    let repeat = ask(&running, Method::DELETE, global, operator()).await;
    assert_eq!(repeat["consent"], asked["consent"], "who asked does not agree to it");
    let running = {
        let folder = running.stop().await;
        start_all(folder, vec![config(), hill()]).await
    };
    // One agreement is for all zones.
    let path = format!("/v1/consents/{}/approval", asked["consent"].as_str().unwrap());
    let own = running.request(Method::POST, &path, operator(), None).await;
    assert_eq!(own.1["code"], json!("SECOND_PERSON"));
    let (status, given) = running.request(Method::POST, &path, second(), None).await;
    assert_eq!((status, &given["state"]), (StatusCode::OK, &json!("given")), "{given}");
    assert_eq!(stops(&running).await, [stop("zone", &one), None], "its own stop stands");
    running.market.drain(morning()).await.unwrap();
    let mut told = running.reader.news();
    told.retain(|(subject, _)| subject == StopChanged::SUBJECT);
    let last = [zone(), hill().policy.zone].map(|zone| {
        let of = told.iter().rev().find(|(_, body)| body["zone"] == json!(zone));
        let of = &of.unwrap().1;
        (of["stopped"].clone(), of["reason"].clone())
    });
    assert_eq!(last[0], (json!(true), json!(one)), "nobody hears that trading goes on");
    assert_eq!(last[1], (json!(false), json!("")));
    assert_eq!(running.place("b1", again.clone()).await.1["code"], json!("KILL_SWITCH"));
    assert_eq!(ask(&running, Method::DELETE, &one, second()).await["status"], 204);
    assert_eq!(running.place("b1", again).await.0, StatusCode::CREATED);
    assert_eq!(ask(&running, Method::DELETE, global, operator()).await["status"], 204);
    running.stop().await;
}

fn violated(day: &str, rules: &[&str]) -> Envelope {
    let violations = rules.iter().map(|rule| format!("{rule}: does not hold")).collect();
    Envelope::of(&BooksViolated { violations, entries: 7 }, day, morning())
}

#[tokio::test(flavor = "multi_thread")]
async fn books_that_are_not_in_order_stop_every_zone_of_every_community_by_the_figure() {
    let running = zones().await;
    let limits = async |limits: Value| {
        let town = format!("/v1/risk-limits?zone={}", zone());
        let asked = running.request(Method::PUT, &town, operator(), Some(limits.clone())).await;
        if asked.0 == StatusCode::ACCEPTED {
            running.request(Method::PUT, &town, second(), Some(limits)).await;
        }
    };
    limits(json!({ "violated_invariants": 1 })).await;
    running.bus.publish(&violated("monday", &["I3"])).await.unwrap();
    let reason = "a rule that must always hold of the books does not";
    assert_eq!(stops(&running).await, [None, stop("global", reason)], "one is allowed in town");
    running.bus.publish(&violated("tuesday", &["I3", "I8"])).await.unwrap();
    assert_eq!(stops(&running).await, [stop("global", reason), stop("global", reason)]);
    let shown = running.request(Method::GET, "/v1/market", operator(), None).await.1;
    let tripped = &shown["stopped"]["tripped"];
    assert_eq!((&tripped["trigger"], &tripped["measured"]), (&json!("invariant"), &json!(2)));
    assert_eq!(tripped["evidence"], json!(["I3: does not hold", "I8: does not hold"]));
    assert_eq!(ask(&running, Method::DELETE, "?scope=global", operator()).await["status"], 202);
    assert_eq!(ask(&running, Method::DELETE, "?scope=global", second()).await["status"], 204);
    assert_eq!(stops(&running).await, [None, None]);
    limits(json!({ "violated_invariants": null })).await;
    running.bus.publish(&violated("wednesday", &["I1", "I2"])).await.unwrap();
    assert_eq!(stops(&running).await, [None, stop("global", reason)], "no limit in town");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clearing_that_another_one_computes_otherwise_stops_its_zone() {
    let running = zones().await;
    let disputed = |count: u32| {
        let event = ClearingDisputed {
            community: community(),
            zone: zone(),
            slot: slot().start,
            clearing: contracts::B256::repeat_byte(1),
            count,
            difference: "the price is another one".to_owned(),
        };
        Envelope::of(&event, &count.to_string(), morning())
    };
    running.bus.publish(&disputed(1)).await.unwrap();
    let reason = "a clearing comes out otherwise for another one who computes it";
    assert_eq!(stops(&running).await, [stop("zone", reason), None]);
    let shown = running.request(Method::GET, "/v1/market", operator(), None).await.1;
    let line = format!("slot {SLOT}: the price is another one");
    assert_eq!(shown["stopped"]["tripped"]["evidence"], json!([line]));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_cleared_is_computed_anew_and_nothing_stops_where_it_is_the_same() {
    let running = running().await;
    for order in [neighbour("b1").buy(5_000, 200_000), neighbour("s1").sell(3_000, 100_000)] {
        let name = if order.terms.side == contracts::Side::Buy { "b1" } else { "s1" };
        assert_eq!(running.place(name, body(&order)).await.0, StatusCode::CREATED);
    }
    gate(&running).await;
    assert_eq!(running.market.recomputed().await, 1);
    assert_eq!(running.get("b1", "/v1/market").await["stopped"], Value::Null);
    running.stop().await;
}

/// Two processes, of which the one that stands by was started with another fee.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_stands_by_stops_the_zone_where_it_comes_to_another_clearing() {
    let server = PostgresServer::start().unwrap();
    let url = server.database("disagree").unwrap();
    let folder = || Arc::new(TempDir::new().unwrap());
    let one = start_at(url.clone(), folder(), vec![config()]).await;
    for envelope in past() {
        one.bus.publish(&envelope).await.unwrap();
    }
    let mut other = config();
    other.policy.network_fee = 9_000;
    let two = start_at(url, folder(), vec![other]).await;
    let order = body(&neighbour("b1").buy(1_000, 200_000));
    assert_eq!(one.place("b1", order).await.0, StatusCode::CREATED);
    let now = at("2026-06-01T09:45:00Z");
    two.hand.move_to(now);
    one.hand.move_to(now);
    one.market.tick(now).await.unwrap();
    assert_eq!(one.get("b1", "/v1/market").await["stopped"], Value::Null);
    let stopped = async {
        loop {
            two.market.tick(now).await.unwrap();
            one.market.drain(now).await.unwrap();
            let market = one.request(Method::GET, "/v1/market", operator(), None).await.1;
            if market["stopped"] != Value::Null {
                return market["stopped"].clone();
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let stopped = tokio::time::timeout(PATIENCE, stopped).await.expect("the other one tells of it");
    assert_eq!(stopped["tripped"]["trigger"], json!("disagreement"));
    assert_eq!(stopped["scope"], json!("zone"));
    let auditor = token_as("eve", vec![Role::Auditor], community());
    let lifted = one.request(Method::DELETE, "/v1/stop", Some(auditor), None).await;
    assert_eq!(lifted.0, StatusCode::FORBIDDEN);
    one.stop().await;
    two.stop().await;
}
