//! Trading before the gate, over HTTP.

use std::sync::Arc;

use market::MarketConfig;
use matching::Mechanism;
use reqwest::StatusCode;
use serde_json::{Value, json};
use service::Tick;
use tempfile::TempDir;

use crate::http::*;
use crate::refusals::Answer;
use crate::service::past;
use crate::town::*;

fn with_continuous() -> MarketConfig {
    MarketConfig { mechanism: Mechanism::Continuous, ..config() }
}

async fn running() -> Running {
    let running = start_with(Arc::new(TempDir::new().unwrap()), with_continuous()).await;
    for envelope in past() {
        running.bus.publish(&envelope).await.unwrap();
    }
    running
}

/// What a seller is answered who takes back what is traded whole.
pub async fn traded() -> (Running, Answer) {
    let running = running().await;
    let sell = neighbour("s1").sell(1000, 100_000);
    running.place("s1", body(&sell)).await;
    running.place("b1", body(&neighbour("b1").buy(1000, 200_000))).await;
    let answer = running.cancel("s1", &sell.id.to_string()).await;
    (running, answer)
}

fn figures(answer: &Value, fields: &[&str]) -> Vec<Value> {
    fields.iter().map(|field| answer[field].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_answered_with_what_it_traded_at_once() {
    let running = running().await;
    let (sell, buy) = (neighbour("s1").sell(3000, 100_000), neighbour("b1").buy(5000, 200_000));
    let (status, placed) = running.place("s1", body(&sell)).await;
    assert_eq!(status, StatusCode::CREATED, "{placed}");
    let fields = ["status", "filled_wh", "open_wh", "time_in_force", "trades"];
    let none = [json!("open"), json!(0), json!(3000), json!("good_till_gate"), Value::Null];
    assert_eq!(figures(&placed, &fields), none);
    let (_, placed) = running.place("b1", body(&buy)).await;
    let trade = json!([{ "at": morning().to_string(), "price": "0.102", "quantity_wh": 3000 }]);
    let some = [json!("open"), json!(3000), json!(2000), json!("good_till_gate"), trade.clone()];
    assert_eq!(figures(&placed, &fields), some);
    // A repeat is answered with what stands, and so is who asks for the order.
    assert_eq!(running.place("b1", body(&buy)).await, (StatusCode::OK, placed.clone()));
    let path = format!("/v1/orders/{}", sell.id);
    let sold = running.get("s1", &path).await;
    let filled = [json!("filled"), json!(3000), json!(0), json!("good_till_gate"), trade];
    assert_eq!(figures(&sold, &fields), filled);
    let (status, _) = running.request(reqwest::Method::GET, &path, Some(token("b1")), None).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "of somebody else");
    // 3000 Wh at 11.4 ct all in, and 2000 at the limit.
    let market = running.get("b1", "/v1/market").await;
    assert_eq!(market["cash"]["held"], "0.742");
    assert_eq!(market["self_trade"], "refuse");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn depth_and_trades_name_nobody_and_change_is_told() {
    let running = running().await;
    let path = |what: &str| format!("/v1/slots/{SLOT}/{what}");
    let empty = running.get("b2", &path("depth")).await;
    assert_eq!(figures(&empty, &["bids", "asks", "trades"]), [json!([]), json!([]), json!(0)]);
    for (name, order) in [
        ("s1", neighbour("s1").sell(3000, 100_000)),
        ("s2", neighbour("s2").sell(500, 100_000)),
        ("s3", neighbour("s3").sell(700, 110_000)),
        ("b1", neighbour("b1").buy(1000, 200_000)),
        ("b2", neighbour("b2").buy(400, 90_000)),
    ] {
        assert_eq!(running.place(name, body(&order)).await.0, StatusCode::CREATED);
    }
    let depth = running.get("b2", &path("depth")).await;
    let level = |price: &str, wh: u64, orders: u64| {
        let (quantity_wh, price) = (json!(wh), json!(price));
        json!({ "price": price, "quantity_wh": quantity_wh, "orders": orders })
    };
    assert_eq!(depth["bids"], json!([level("0.078", 400, 1)]));
    assert_eq!(depth["asks"], json!([level("0.102", 2500, 2), level("0.112", 700, 1)]));
    assert_eq!((&depth["trades"], &depth["last_price"]), (&json!(1), &json!("0.102")));
    let trades = running.get("b3", &path("trades")).await;
    let trade = json!({ "at": morning().to_string(), "price": "0.102", "quantity_wh": 1000 });
    assert_eq!(trades["items"], json!([trade]));
    let of_slot = running.get("b3", &format!("/v1/slots/{SLOT}")).await;
    let so_far = figures(&of_slot, &["volume_wh", "trades", "offered_wh", "wanted_wh"]);
    assert_eq!(so_far, [1000, 1, 3200, 400].map(Value::from));
    let offers = running.get("b3", &format!("/v1/book?slot={SLOT}")).await;
    assert_eq!(offers["items"][0]["quantity_wh"], 2000, "what is open of it");

    running.market.drain(morning()).await.unwrap();
    let news = running.reader.news();
    let struck: Vec<&Value> = (news.iter())
        .filter(|(subject, _)| subject == "market.book.changed.v1")
        .map(|(_, body)| &body["trades"])
        .collect();
    let traded = json!([{ "price": 102_000, "quantity": 1000 }]);
    assert!(struck.len() >= 2 && struck.contains(&&traded), "{news:?}");
    let whole = serde_json::to_string(&[depth, trades]).unwrap();
    for name in NAMES {
        let neighbour = neighbour(name);
        let known = [neighbour.account().to_string(), format!("Home {name}")];
        assert!(known.iter().all(|known| !whole.contains(known)), "{whole}");
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn how_long_an_order_is_good_is_said_beside_it() {
    let running = running().await;
    let order = neighbour("b1").buy(1000, 200_000);
    let with = |fields: &Value| {
        let mut body = body(&order);
        for (name, value) in fields.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let until = "2026-06-01T09:00:00Z";
    for wrong in [
        json!({ "time_in_force": "forever" }),
        json!({ "time_in_force": "good_till_time" }),
        json!({ "time_in_force": "good_till_time", "good_till": "noon" }),
        json!({ "time_in_force": "fill_or_kill", "good_till": until }),
        json!({ "good_till": until }),
    ] {
        let (status, problem) = running.place("b1", with(&wrong)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}: {problem}");
    }
    let now = with(&json!({ "time_in_force": "immediate_or_cancel" }));
    let (status, placed) = running.place("b1", now).await;
    assert_eq!(status, StatusCode::CREATED);
    let fields = ["status", "cancelled_by", "open_wh", "held"];
    assert_eq!(
        figures(&placed, &fields),
        [json!("cancelled"), json!("immediate"), json!(0), json!("0")]
    );
    let timed = neighbour("b1").buy(1100, 200_000);
    let mut timed = body(&timed);
    (timed["time_in_force"], timed["good_till"]) = (json!("good_till_time"), json!(until));
    let (_, placed) = running.place("b1", timed.clone()).await;
    assert_eq!((&placed["status"], &placed["good_till"]), (&json!("open"), &json!(until)));
    let when = at(until);
    running.hand.move_to(when);
    assert!(running.market.tick(when).await.unwrap(), "its time has run out");
    assert!(!running.market.tick(when).await.unwrap());
    let path = format!("/v1/orders/{}", placed["order_id"].as_str().unwrap());
    let gone = running.get("b1", &path).await;
    assert_eq!(figures(&gone, &fields), [json!("cancelled"), json!("time"), json!(0), json!("0")]);
    running.market.drain(when).await.unwrap();
    let told = running.reader.news();
    let why: Vec<&Value> = (told.iter())
        .filter(|(subject, _)| subject == "market.order.cancelled.v1")
        .map(|(_, body)| &body["by"])
        .collect();
    assert_eq!(why, ["immediate", "time"]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_in_the_middle_of_a_slot_goes_on_where_it_was() {
    let running = running().await;
    let sell = neighbour("s1").sell(3000, 100_000);
    running.place("s1", body(&sell)).await;
    running.place("s2", body(&neighbour("s2").sell(1000, 90_000))).await;
    running.place("b1", body(&neighbour("b1").buy(1500, 200_000))).await;
    let hash = running.market.desks()[0].book().await.hash();
    let again = start_with(running.stop().await, with_continuous()).await;
    assert_eq!(again.market.desks()[0].book().await.hash(), hash);
    let (_, placed) = again.place("b2", body(&neighbour("b2").buy(3000, 200_000))).await;
    assert_eq!((&placed["filled_wh"], &placed["open_wh"]), (&json!(2500), &json!(500)));
    let gate = at("2026-06-01T09:45:00Z");
    again.hand.move_to(gate);
    assert!(again.market.tick(gate).await.unwrap());
    let trades = again.get("b1", "/v1/trades").await;
    let quantities: Vec<&Value> =
        (trades["items"].as_array().unwrap().iter()).map(|trade| &trade["quantity_wh"]).collect();
    assert_eq!(quantities, [&json!(1000), &json!(500), &json!(2500)]);
    let journal = again.get("b1", &format!("/v1/slots/{SLOT}/journal")).await;
    let journal: market::domain::SlotJournal = serde_json::from_value(journal).unwrap();
    let same = market::domain::recompute(&journal, &journal.clearing.clone()).unwrap();
    assert_eq!((same.fills, same.volume.wh()), (3, 4000));
    again.stop().await;
}
