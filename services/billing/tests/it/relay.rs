//! Billing's transactions on their way to the chain.

use actix_web::http::StatusCode;
use actix_web::test::TestRequest;
use serde_json::json;

use crate::service::Running;
use crate::town::HERON;

#[actix_web::test]
async fn who_runs_billing_sees_its_transactions_and_what_became_of_them() {
    let mut town = Running::start().await;
    town.found().await;
    town.deposit(HERON, "1").await;
    let queue = town.get("operator", "/v1/relay/billing").await;
    assert_eq!(queue["pending"], 0);
    assert!(queue["waited_blocks_max"].is_null(), "nothing waits");
    let items = queue["items"].as_array().unwrap();
    let causes: Vec<_> = items.iter().map(|item| item["cause"].as_str().unwrap()).collect();
    assert!(causes[0].starts_with("deposit/") && causes[1].starts_with("mint/"), "{causes:?}");
    for item in items {
        assert_eq!((&item["status"], &item["final"]), (&json!("final"), &json!(true)), "{item}");
        assert_eq!(item["hash"], item["attempts"][0]["hash"]);
        assert!(item["block"].as_u64() > Some(0) && item["waited_blocks"] == 1, "{item}");
    }
    let (status, _) = town.ask(TestRequest::get().uri("/v1/relay/billing"), "heron").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}
