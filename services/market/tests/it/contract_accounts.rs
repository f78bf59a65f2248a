//! Orders of accounts that are contracts (ERC-1271).

use keys::SIGNATURE_BYTES_MAX;
use market::domain::{
    Accepted, CONTRACT_ORDERS_PER_SLOT_MAX, NewOrder, OrderSignature, Rejection, Status,
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::http::*;
use crate::service::running;
use crate::town::*;

/// What the contracts here take as signed.
const BLOB: &str = "0xc0ffee";

/// The order as the contract of its account has taken it.
fn taken(order: NewOrder) -> NewOrder {
    let signature = OrderSignature::Contract { contract: BLOB.parse().unwrap() };
    NewOrder { signer: Some(order.terms.account), signature, ..order }
}

fn with(order: &NewOrder, signature: &str) -> Value {
    let mut body = body(order);
    body["signature"] = json!(signature);
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_taken_as_the_accounts_contract_takes_it() {
    let running = running().await;
    let (b1, b2) = (neighbour("b1"), neighbour("b2"));
    running.node.takes(b1.address(), &[0xc0, 0xff, 0xee]);
    let order = b1.buy(1000, 200_000);
    let code = async |name: &str, body: Value| {
        let (status, problem) = running.place(name, body).await;
        (status.as_u16(), problem["code"].as_str().unwrap_or_default().to_owned())
    };
    let sig = (422, "SIG".to_owned());
    assert_eq!(code("b1", with(&order, "0xc0ffef")).await, sig);
    assert_eq!(code("b1", with(&order, "0x")).await, sig);
    let long = format!("0x{}", "00".repeat(SIGNATURE_BYTES_MAX + 1));
    for bad in ["0xc0ffe", "coffee", &long] {
        assert_eq!(code("b1", with(&order, bad)).await, (400, "MALFORMED".to_owned()), "{bad}");
    }
    assert_eq!(code("b2", with(&b2.buy(1000, 200_000), BLOB)).await, sig, "no contract");
    let mut delegated = b1.terms(contracts::Side::Buy, 1000, 200_000);
    delegated.delegate = b2.address();
    assert_eq!(code("b1", with(&b1.sign(delegated), BLOB)).await, sig, "only for itself");
    running.node.go(true);
    assert_eq!(code("b1", with(&order, BLOB)).await.0, 503);
    assert_eq!(code("b2", body(&b2.buy(1000, 200_100))).await.0, 201, "keys need no node");
    running.node.go(false);
    assert_eq!(code("b1", with(&order, BLOB)).await.0, 201);
    let mut again = with(&order, BLOB);
    again["order_id"] = json!(order.id.to_string());
    assert_eq!(code("b1", again).await.0, 200);
    let other = b1.buy(900, 200_000);
    let orders = json!({ "orders": [with(&other, BLOB), with(&b1.buy(800, 200_000), "0x00")] });
    let (status, answer) =
        running.request(Method::POST, "/v1/orders/batch", trader("b1"), Some(orders)).await;
    assert_eq!(status, StatusCode::OK);
    let statuses: Vec<&Value> =
        answer["items"].as_array().unwrap().iter().map(|item| &item["status"]).collect();
    assert_eq!(statuses, [&json!(201), &json!(422)]);
    // It is remembered as what it is.
    let folder = running.stop().await;
    let running = start_on(folder).await;
    let orders = running.get("b1", "/v1/orders").await;
    assert_eq!(orders["items"].as_array().unwrap().len(), 2);
    running.stop().await;
}

#[test]
fn contracts_fill_no_more_of_a_slot_than_one_transaction_can_ask() {
    let (mut town, buyer) = (town(), neighbour("b1"));
    let order = |step: u64| taken(buyer.buy(10, 200_000 - 100 * step));
    for step in 0..CONTRACT_ORDERS_PER_SLOT_MAX as u64 {
        place(&mut town, &order(step)).unwrap();
    }
    let more = order(99);
    assert_eq!(town.place(&more, &parameters(), morning()), Err(Rejection::TooMany));
    let by_key = buyer.buy(10, 150_000);
    assert!(town.place(&by_key, &parameters(), morning()).is_ok(), "keys have room");
    let instead = NewOrder { replaces: Some(order(0).id), ..more };
    assert!(town.place(&instead, &parameters(), morning()).is_ok());
}

#[test]
fn a_signature_is_written_as_a_keys_digits_or_as_a_contracts() {
    let (mut town, buyer) = (town(), neighbour("b1"));
    let [by_key, by_contract] = [buyer.buy(1000, 200_000), taken(buyer.buy(1000, 190_000))];
    for (order, written) in [
        (&by_key, json!(by_key.signature.to_string())),
        (&by_contract, json!({ "contract": BLOB })),
    ] {
        place(&mut town, order).unwrap();
        let accepted = town.order(order.id).unwrap();
        assert_eq!(accepted.status, Status::Open);
        let json = serde_json::to_value(accepted).unwrap();
        assert_eq!(json["signature"], written);
        assert_eq!(serde_json::from_value::<Accepted>(json).unwrap(), *accepted);
    }
}
