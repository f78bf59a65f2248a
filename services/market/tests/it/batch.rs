//! Many orders in one request.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::http::*;
use crate::service::running;
use crate::town::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_answers_for_each_order_and_a_bad_one_holds_up_no_other() {
    let running = running().await;
    let b1 = neighbour("b1");
    let good: Vec<_> = (0..98).map(|step| b1.buy(10, 200_000 - 100 * step)).collect();
    let mut orders: Vec<Value> = good.iter().map(body).collect();
    let mut dear = b1.terms(contracts::Side::Buy, 500, 200_000);
    dear.limit_price = 600_100;
    orders.insert(50, body(&b1.sign(dear)));
    let mut forged = body(&b1.buy(501, 200_000));
    forged["signature"] = json!(good[0].signature.to_string());
    orders.push(forged);
    let send = async |orders: &[Value]| {
        let body = json!({ "orders": orders });
        running.request(Method::POST, "/v1/orders/batch", Some(token("b1")), Some(body)).await
    };
    let (status, answer) = send(&orders).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let items = answer["items"].as_array().unwrap();
    let mut last = 0;
    for (place, item) in items.iter().enumerate() {
        let (status, code) = (&item["status"], item["problem"]["code"].as_str());
        match place {
            50 => assert_eq!((status, code), (&json!(422), Some("PRICE_COLLAR"))),
            99 => assert_eq!((status, code), (&json!(422), Some("SIG"))),
            _ => {
                assert_eq!((status, code), (&json!(201), None), "{item}");
                let sequence = item["order"]["sequence"].as_u64().unwrap();
                assert!(sequence > last, "they are taken in the order of the request");
                last = sequence;
            }
        }
    }
    assert_eq!(items.len(), 100);
    let (_, again) = send(&orders).await;
    let repeated = again["items"].as_array().unwrap().iter();
    assert_eq!(repeated.filter(|item| item["status"] == 200).count(), 98);
    assert_eq!(send(&[]).await.0, StatusCode::BAD_REQUEST);
    orders.push(body(&b1.buy(502, 200_000)));
    assert_eq!(send(&orders).await.0, StatusCode::BAD_REQUEST, "101 are too many");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_open_orders_are_taken_back_at_once() {
    let running = running().await;
    for (name, order) in [
        ("b1", neighbour("b1").buy(1000, 200_000)),
        ("b1", neighbour("b1").buy(1100, 200_000)),
        ("b2", neighbour("b2").buy(1000, 200_000)),
    ] {
        running.place(name, body(&order)).await;
    }
    let cancel = async |query: &str| {
        let path = format!("/v1/orders{query}");
        running.request(Method::DELETE, &path, Some(token("b1")), None).await
    };
    let (status, none) = cancel("?slot=2026-06-01T11:00:00Z").await;
    assert_eq!((status, none), (StatusCode::OK, json!([])));
    let (_, cancelled) = cancel(&format!("?slot={SLOT}")).await;
    let statuses = cancelled.as_array().unwrap().iter().map(|order| order["status"].clone());
    assert_eq!(statuses.collect::<Vec<_>>(), ["cancelled", "cancelled"]);
    assert_eq!(cancel("").await.1, json!([]), "there is nothing left to cancel");
    let others = running.get("b2", "/v1/orders").await;
    assert_eq!(others["items"][0]["status"], json!("open"));
    running.stop().await;
}
