//! Tariffs: who publishes them, in which order, and what a change means to an invoice.

use actix_web::http::StatusCode;
use serde_json::json;

use crate::service::{Running, traded_monday};
use crate::town::*;

#[actix_web::test]
async fn a_tariff_is_published_by_a_rising_version() {
    let mut town = Running::start().await;
    town.found().await;
    let mut terms = serde_json::to_value(tariff()).unwrap();
    let (status, _) = town.post("heron", "/v1/tariffs", "", terms.clone()).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    terms["feed_in_price"] = json!(90_000);
    let (status, problem) = town.post("operator", "/v1/tariffs", "", terms.clone()).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("TARIFF_VERSION")));
    terms["version"] = json!(2);
    let begin = std::mem::replace(&mut terms["valid_from"], json!("2020-01-01"));
    let (status, problem) = town.post("operator", "/v1/tariffs", "", terms.clone()).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("TARIFF_VALID_FROM")));
    terms["valid_from"] = begin;
    let (status, _) = town.post("operator", "/v1/tariffs", "", terms.clone()).await;
    assert_eq!(status, StatusCode::CREATED);
    terms["feed_in_price"] = json!("cheap");
    let (status, _) = town.post("operator", "/v1/tariffs", "", terms).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    town.settle().await;
    let listed = town.get("heron", "/v1/tariffs").await;
    assert_eq!(listed["items"][0]["terms"]["version"], 2);
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
}

#[actix_web::test]
async fn an_invoice_ends_where_the_tariff_changes() {
    let (mut town, _) = traded_monday().await;
    let mut terms = serde_json::to_value(tariff()).unwrap();
    terms["version"] = json!(2);
    terms["valid_from"] = json!("2026-06-02");
    let (status, _) = town.post("operator", "/v1/tariffs", "", terms).await;
    assert_eq!(status, StatusCode::CREATED);
    town.move_to(corrections_over().plus_seconds(86_400));
    town.settle().await;
    let account = HERON.account().to_string();
    let until = |to: &str| json!({ "account": account, "from": "2026-06-01", "to": to });
    let (status, problem) = town.post("operator", "/v1/invoices", "", until("2026-06-02")).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("TARIFF_CHANGES")));
    let (status, invoice) = town.post("operator", "/v1/invoices", "", until("2026-06-01")).await;
    assert_eq!(status, StatusCode::CREATED, "{invoice}");
    town.settle().await;
    let id = invoice["id"].as_str().unwrap().parse().unwrap();
    town.billing.bill_file(id, None).await.expect("a bill that proves itself");
    // What lies before a billed day is billed no more: the chain takes them in order.
    let earlier = json!({
        "account": HERON.account().to_string(), "from": "2026-05-31", "to": "2026-05-31",
    });
    let (status, problem) = town.post("operator", "/v1/invoices", "", earlier).await;
    assert_eq!((status.as_u16(), &problem["code"]), (422, &json!("LATER_BILLED")));
}
