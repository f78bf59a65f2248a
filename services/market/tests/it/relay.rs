//! The market's transactions on their way to the chain.

use access::Role;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::http::*;
use crate::service::{gate, running};
use crate::town::*;

#[tokio::test(flavor = "multi_thread")]
async fn who_runs_the_market_sees_its_transactions_and_nobody_else_does() {
    let running = running().await;
    for (name, order) in
        [("b1", neighbour("b1").buy(5000, 200_000)), ("s1", neighbour("s1").sell(3000, 100_000))]
    {
        assert_eq!(running.place(name, body(&order)).await.0, StatusCode::CREATED);
    }
    let gate = gate(&running).await;
    let ask = async |path: &str, role: Role| {
        let token = token_as("somebody", vec![role], community());
        running.request(Method::GET, path, Some(token), None).await
    };
    let (_, before) = ask("/v1/relay/market", Role::Operator).await;
    assert_eq!((&before["pending"], &before["items"][0]["attempts"]), (&json!(2), &json!([])));

    running.market.drain(gate).await.unwrap();
    let (_, queue) = ask("/v1/relay/market", Role::Operator).await;
    assert_eq!((&queue["pending"], &queue["waited_blocks_max"]), (&json!(2), &json!(0)));
    let shown = queue["items"].as_array().unwrap().iter().rev();
    for ((item, sent), nonce) in shown.zip(running.node.taken()).zip(0..) {
        assert_eq!((&item["nonce"], &item["status"]), (&json!(nonce), &json!("pending")));
        assert_eq!(item["sender"], json!(clearer().address().to_string()));
        let attempts = item["attempts"].as_array().unwrap();
        assert_eq!((attempts.len(), &attempts[0]["hash"]), (1, &json!(sent.tx_hash())));
    }
    let (_, first) = ask("/v1/relay/market?limit=1&status=pending", Role::Auditor).await;
    let next = format!("/v1/relay/market?limit=1&cursor={}", first["next"].as_str().unwrap());
    let (_, second) = ask(&next, Role::Admin).await;
    assert_eq!([&first["items"][0], &second["items"][0]], [&queue["items"][0], &queue["items"][1]]);
    let (_, none) = ask("/v1/relay/market?status=final", Role::Operator).await;
    assert_eq!(none["items"], json!([]));

    for role in Role::ALL {
        let may = [Role::Operator, Role::Auditor, Role::Admin].contains(&role);
        let expected = if may { StatusCode::OK } else { StatusCode::FORBIDDEN };
        assert_eq!(ask("/v1/relay/market", role).await.0, expected, "{role:?}");
    }
    for wrong in ["cursor=7", "status=lost"] {
        let (status, problem) = ask(&format!("/v1/relay/market?{wrong}"), Role::Operator).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}");
        assert_eq!(problem["code"], Value::from("MALFORMED"), "{wrong}");
    }
    running.stop().await;
}
