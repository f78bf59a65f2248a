//! The prices at which both sides gain, of one connection point: by its zone, and by the way from
//! other zones.

use std::sync::Arc;

use events::Envelope;
use events::identity::ConnectionPointRegistered;
use ids::ZoneId;
use market::MarketConfig;
use matching::network::{Link, Network, Way, Zone};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use units::{Money, Power, Price};

use crate::http::*;
use crate::service::{connected, deposited, known};
use crate::town::*;

fn place_of(name: &str) -> ZoneId {
    ZoneId::derived(name)
}

/// Where a neighbour's energy pays the grid 14 ct: 5 of a reduced fee and 9 of levies that are due
/// on it too; and where it pays 22. Between both it pays 23.
fn grid() -> MarketConfig {
    let zone =
        |name: &str, ct: i64| Zone { zone: place_of(name), fee: Price::from_n_per_wh(ct * 10_000) };
    let link = |name: &str| Link {
        zone: place_of(name),
        parent: place_of("MV"),
        up: Way::default(),
        down: Way::default(),
    };
    let grid = Network {
        zones: vec![zone("MV", 23), zone("near", 14), zone("far", 22)],
        links: vec![link("near"), link("far")],
    };
    MarketConfig { grid: Some(grid), ..config() }
}

/// b1 and s1 are near each other, b2 is far.
async fn zoned() -> Running {
    let running = start_with(Arc::new(TempDir::new().unwrap()), grid()).await;
    for envelope in known(&NAMES) {
        running.bus.publish(&envelope).await.unwrap();
    }
    for (name, zone) in [("b1", "near"), ("s1", "near"), ("b2", "far")] {
        let home = neighbour(name);
        let moved = ConnectionPointRegistered {
            connection_point: home.point(),
            account: home.account(),
            community: community(),
            zone: place_of(zone),
            timezone: "Europe/Berlin".parse().unwrap(),
            import_max: Power::from_w(20_000),
            export_max: Power::from_w(20_000),
        };
        let cause = format!("{name}/{zone}");
        running.bus.publish(&Envelope::of(&moved, &cause, morning())).await.unwrap();
    }
    let deposits = NAMES.map(|name| deposited(name, DEPOSIT)).to_vec();
    running.bus.publish(&connected(1, 1, deposits)).await.unwrap();
    running
}

fn path(name: &str) -> String {
    format!("/v1/price-band?slot={SLOT}&connection_point={}", neighbour(name).point())
}

const FIELDS: [&str; 5] = ["retail_price", "network_fee", "low", "high", "gain"];

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_points_band_is_that_of_its_zone_and_of_the_ways_to_it() {
    let running = zoned().await;
    let near = running.get("b1", &path("b1")).await;
    let shown = FIELDS.map(|field| near[field].clone());
    // 30 - 8 - 14 - 0.4 ct.
    assert_eq!(shown, ["0.3", "0.14", "0.082", "0.158", "0.076"].map(Value::from), "{near}");
    let ways = near["paths"].as_array().unwrap();
    let fees: Vec<&Value> = ways.iter().map(|way| &way["network_fee"]).collect();
    assert_eq!(fees, [&json!("0.23"), &json!("0.23")], "{near}");
    assert!(ways.iter().all(|way| way["gain"] == "0" && way["low"].is_null()), "{near}");
    let whole = running.get("b1", &format!("/v1/price-band?slot={SLOT}")).await;
    assert_eq!((&whole["network_fee"], &whole["paths"]), (&json!("0.01"), &Value::Null));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_can_gain_the_band_is_empty_and_every_order_warns() {
    let running = zoned().await;
    let far = running.get("b2", &path("b2")).await;
    let shown = FIELDS.map(|field| far[field].clone());
    let none = [json!("0.3"), json!("0.22"), Value::Null, Value::Null, json!("0")];
    assert_eq!(shown, none, "30 - 8 - 22 - 0.4 ct is below zero: {far}");
    let warned = |name: &str| {
        let terms = neighbour(name).terms(contracts::Side::Buy, 100, 200_000);
        let policy = grid().policy.id();
        let order = neighbour(name).sign(contracts::OrderTerms { policy, ..terms });
        let (running, name) = (&running, name.to_owned());
        async move {
            let (status, placed) = running.place(&name, body(&order)).await;
            assert_eq!(status, StatusCode::CREATED, "{placed}");
            placed["warnings"].as_array().is_some_and(|all| all.contains(&json!("NO_GAIN_BAND")))
        }
    };
    assert!(!warned("b1").await && warned("b2").await);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_connection_point_stands_is_told_to_its_account_and_to_staff() {
    let running = zoned().await;
    let ask = |token: Option<String>, path: String| {
        let running = &running;
        async move { running.request(Method::GET, &path, token, None).await }
    };
    assert_eq!(ask(operator(), path("b1")).await.0, StatusCode::OK);
    assert_eq!(ask(trader("b2"), path("b1")).await.0, StatusCode::NOT_FOUND);
    let unknown = ids::ConnectionPointId::derived("?");
    let path = |point: &str| format!("/v1/price-band?slot={SLOT}&connection_point={point}");
    let unknown = ask(trader("b1"), path(&unknown.to_string())).await;
    assert_eq!(unknown.0, StatusCode::NOT_FOUND);
    assert_eq!(ask(trader("b1"), path("home")).await.0, StatusCode::BAD_REQUEST);
    // A market without a grid has one fee.
    running.stop().await;
    let plain = crate::service::running().await;
    let band = plain.get("b1", &path(&neighbour("b1").point().to_string())).await;
    let shown = FIELDS.map(|field| band[field].clone());
    assert_eq!(shown, ["0.3", "0.01", "0.082", "0.288", "0.206"].map(Value::from), "{band}");
    let wallet = plain.market.desks()[0].book().await.wallet(neighbour("b1").address());
    assert_eq!(wallet.held(), Money::ZERO, "a question holds nothing");
    plain.stop().await;
}
