//! Cash to another account, mandates and ends of orders: signed, sent once, followed.

use actix_web::http::StatusCode;
use contracts::bindings::{EnergyMarket, TradingMandate};
use contracts::requests::Cancellation;
use contracts::{AccountRequest, SolCall, U256};
use serde_json::{Value, json};
use units::Energy;

use crate::service::Running;
use crate::town::*;

/// The most orders that one request ends.
const CANCELLED_MAX: usize = 256;

/// A town in which heron has 25.
async fn town() -> Running {
    let mut town = Running::start().await;
    town.found().await;
    town.deposit(HERON, "1").await;
    town
}

async fn prepared(town: &Running, wish: Value) -> AccountRequest {
    let (status, prepared) = town.post("heron", "/v1/requests/prepare", "", wish).await;
    assert_eq!(status, StatusCode::OK, "{prepared}");
    serde_json::from_value(prepared["terms"].clone()).unwrap()
}

fn signed(terms: &AccountRequest, by: &str) -> Value {
    let hash = terms.hash(CHAIN_ID, &deployment()).unwrap();
    json!({ "terms": terms, "signature": key(by).sign(hash) })
}

fn transfer(amount: &str) -> Value {
    json!({ "kind": "transfer", "to": OTTER.account().to_string(), "amount": amount })
}

async fn send(town: &Running, key: &str, body: Value) -> (StatusCode, Value) {
    town.post("heron", "/v1/requests", key, body).await
}

async fn free(town: &Running, who: &str) -> String {
    town.get(who, "/v1/wallet").await["free"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn cash_goes_to_a_neighbour_once_and_the_books_follow() {
    let mut town = town().await;
    let terms = prepared(&town, transfer("10.5")).await;
    let (status, sent) = send(&town, "a", signed(&terms, "heron")).await;
    assert_eq!((status, &sent["state"]), (StatusCode::CREATED, &json!("sent")), "{sent}");
    let (_, again) = send(&town, "a", signed(&terms, "heron")).await;
    assert_eq!(again, sent);
    let (status, _) = send(&town, "b", signed(&terms, "heron")).await;
    assert_eq!(status, StatusCode::CONFLICT, "the same under another key");
    town.settle().await;
    assert_eq!(
        (free(&town, "heron").await, free(&town, "otter").await),
        ("14.5".into(), "10.5".into())
    );
    let path = format!("/v1/requests/{}", sent["id"].as_str().unwrap());
    assert_eq!(town.get("heron", &path).await["state"], "done");
    for who in ["heron", "otter"] {
        let statement = town.get(who, "/v1/statement?limit=1").await;
        assert_eq!(statement["items"][0]["what"], "transferred", "{statement}");
    }
    let listed = town.get("heron", "/v1/requests?kind=transfer").await;
    assert_eq!(listed["items"][0]["id"], sent["id"]);
    assert_eq!(town.get("otter", "/v1/requests").await["items"], json!([]));
    town.in_order().await;
}

#[actix_web::test]
async fn a_transfer_that_cannot_be_is_refused() {
    let mut town = town().await;
    for (wish, code) in [
        (transfer("0"), "AMOUNT"),
        (transfer("-1"), "AMOUNT"),
        (transfer("x"), "MALFORMED"),
        (json!({ "kind": "transfer", "to": "nobody", "amount": "1" }), "MALFORMED"),
        (json!({ "kind": "transfer", "to": key("x").address(), "amount": "1" }), "RECIPIENT"),
        (
            json!({ "kind": "transfer", "to": HERON.account().to_string(), "amount": "1" }),
            "RECIPIENT",
        ),
        (json!({ "kind": "gift", "to": OTTER.account().to_string(), "amount": "1" }), "MALFORMED"),
    ] {
        let (_, problem) = town.post("heron", "/v1/requests/prepare", "", wish.clone()).await;
        assert_eq!(problem["code"], code, "{wish}");
    }
    let too_much = prepared(&town, transfer("25.000000001")).await;
    let (_, problem) = send(&town, "a", signed(&too_much, "heron")).await;
    assert_eq!(problem["code"], "NOT_ENOUGH_FREE");
    let good = prepared(&town, transfer("15")).await;
    let (_, problem) = send(&town, "a", signed(&good, "otter")).await;
    assert_eq!(problem["code"], "NOT_SIGNED");
    let (status, _) = send(&town, "a", signed(&good, "heron")).await;
    assert_eq!(status, StatusCode::CREATED);
    let other = prepared(&town, transfer("15")).await;
    let (_, problem) = send(&town, "b", signed(&other, "heron")).await;
    assert_eq!(problem["code"], "NOT_ENOUGH_FREE", "the first is on its way");
    let (status, _) = town.post("otter", "/v1/requests", "c", signed(&other, "heron")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "of somebody else");
    let later = town.now.plus_seconds(49 * HOUR);
    town.move_to(later);
    let (_, problem) = send(&town, "b", signed(&other, "heron")).await;
    assert_eq!(problem["code"], "EXPIRED");
}

#[actix_web::test]
async fn a_mandate_is_granted_and_ended() {
    let mut town = town().await;
    let until = town.now.plus_seconds(30 * 24 * HOUR);
    let wish = json!({
        "kind": "mandate", "delegate": OTTER.account().to_string(), "until": until.to_string(),
        "buy_price_max": 300_000, "sell_price_min": 90_000,
        "quantity_per_slot": 5_000, "quantity_per_day": 20_000,
    });
    let terms = prepared(&town, wish.clone()).await;
    let (status, _) = send(&town, "a", signed(&terms, "heron")).await;
    assert_eq!(status, StatusCode::CREATED);
    town.settle().await;
    let granted = mandate(&town).await;
    assert_eq!((granted.until, granted.buyPriceMax), (until.unsigned(), 300_000));
    assert_eq!(granted.quantityPerDay, Energy::from_wh(20_000).wh());
    let end = json!({ "kind": "mandate", "delegate": OTTER.account().to_string() });
    let terms = prepared(&town, end).await;
    let (status, _) = send(&town, "b", signed(&terms, "heron")).await;
    assert_eq!(status, StatusCode::CREATED);
    town.settle().await;
    assert_eq!(mandate(&town).await.until, 0);
    for (name, value) in [
        ("until", json!(town.now.to_string())),
        ("until", json!("2036-01-01T00:00:00Z")),
        ("delegate", json!(HERON.account().to_string())),
        ("quantity_per_slot", json!(20_001)),
        ("policy", json!("0x12")),
    ] {
        let mut wish = wish.clone();
        wish[name] = value;
        let (_, problem) = town.post("heron", "/v1/requests/prepare", "", wish).await;
        assert_eq!(problem["code"], "MALFORMED", "{name}");
    }
}

/// Whether an order of heron with this nonce has ended, as the chain has it.
async fn has_ended(town: &Running, nonce: &str) -> bool {
    let (account, nonce) = (HERON.address(), nonce.parse().unwrap());
    let question = EnergyMarket::nonceUsedCall { account, nonce }.abi_encode();
    let at = deployment().market;
    let answer = client::call(&*town.node, at, question.into(), "latest").await;
    EnergyMarket::nonceUsedCall::abi_decode_returns(&answer.unwrap()).unwrap()
}

#[actix_web::test]
async fn one_signature_ends_as_many_orders_as_a_request_may_name() {
    let mut town = town().await;
    // Each in a word of its own, as nonces of chance are.
    let nonce = |n: usize| format!("{:#x}", U256::from(n) << 200);
    let all: Vec<String> = (1..=CANCELLED_MAX).map(nonce).collect();
    let wish = |nonces: &[String]| json!({ "kind": "cancellation", "nonces": nonces });
    let terms = prepared(&town, wish(&all)).await;
    let (_, problem) = send(&town, "a", signed(&terms, "otter")).await;
    assert_eq!(problem["code"], "NOT_SIGNED");
    let (status, sent) = send(&town, "a", signed(&terms, "heron")).await;
    assert_eq!((status, &sent["state"]), (StatusCode::CREATED, &json!("sent")), "{sent}");
    let (_, again) = send(&town, "a", signed(&terms, "heron")).await;
    assert_eq!(again, sent);
    assert!(!has_ended(&town, &all[0]).await);
    town.settle().await;
    for nonce in [&all[0], &all[CANCELLED_MAX - 1]] {
        assert!(has_ended(&town, nonce).await, "{nonce}");
    }
    assert!(!has_ended(&town, &nonce(CANCELLED_MAX + 1)).await);
    let listed = town.get("heron", "/v1/requests?kind=cancellation").await;
    assert_eq!(listed["items"][0]["state"], "done", "{listed}");

    let more: Vec<String> = (0..=CANCELLED_MAX).map(nonce).collect();
    let twice = [all[0].clone(), all[0].clone()];
    let refused = [(&more[..], "TOO_MANY"), (&[], "AMOUNT"), (&twice, "MALFORMED")];
    for (nonces, code) in refused {
        let (_, problem) = town.post("heron", "/v1/requests/prepare", "", wish(nonces)).await;
        assert_eq!(problem["code"], code);
    }
    // Not only where it is prepared.
    let (account, nonces) = (HERON.address(), vec![U256::ONE; 2]);
    let terms = AccountRequest::Cancellation(Cancellation { account, nonces });
    let (_, problem) = send(&town, "b", signed(&terms, "heron")).await;
    assert_eq!(problem["code"], "MALFORMED");
    let wish = wish(&["x".to_owned()]);
    let (_, problem) = town.post("heron", "/v1/requests/prepare", "", wish).await;
    assert_eq!(problem["code"], "MALFORMED");
}

/// As if the contracts had refused whatever was sent.
async fn fail(town: &Running) {
    let url = format!("sqlite:{}", town.folder.path().join("billing.db").display());
    let pool = db::AnyPool::connect(&url).await.unwrap();
    let sql = "update chain_tx set status = 12 where cause like 'request/%'";
    db::query(sql).execute(&pool).await.unwrap();
    pool.close().await;
}

#[actix_web::test]
async fn an_end_of_orders_stands_under_any_key_and_is_sent_again_once_it_failed() {
    let mut town = town().await;
    let wish = json!({ "kind": "cancellation", "nonces": ["0x1", "0x2"] });
    let terms = prepared(&town, wish).await;
    let (_, first) = send(&town, "a", signed(&terms, "heron")).await;
    let (status, other) = send(&town, "b", signed(&terms, "heron")).await;
    assert_eq!((status, &other), (StatusCode::CREATED, &first));
    town.settle().await;
    fail(&town).await;
    let (_, kept) = send(&town, "a", signed(&terms, "heron")).await;
    assert_eq!((&kept["id"], &kept["state"]), (&first["id"], &json!("failed")));
    let (status, again) = send(&town, "b", signed(&terms, "heron")).await;
    assert_eq!((status, &again["state"]), (StatusCode::CREATED, &json!("sent")), "{again}");
    assert_ne!(again["id"], first["id"]);
    town.settle().await;
    for key in ["b", "c"] {
        let (_, done) = send(&town, key, signed(&terms, "heron")).await;
        assert_eq!((&done["id"], &done["state"]), (&again["id"], &json!("done")), "{key}");
    }
    assert!(has_ended(&town, "0x1").await);
}

#[actix_web::test]
async fn ends_of_orders_have_room_of_their_own_and_so_many_a_day() {
    let mut town = town().await;
    let ends = |request: usize| {
        let nonces = (0..CANCELLED_MAX).map(|n| U256::from(request * CANCELLED_MAX + n + 1));
        let (account, nonces) = (HERON.address(), nonces.collect());
        signed(&AccountRequest::Cancellation(Cancellation { account, nonces }), "heron")
    };
    for request in 0..16 {
        let (status, sent) = send(&town, &format!("end {request}"), ends(request)).await;
        assert_eq!(status, StatusCode::CREATED, "{sent}");
    }
    let (_, problem) = send(&town, "one more", ends(16)).await;
    assert_eq!(problem["code"], "REQUESTS_OPEN");
    let terms = prepared(&town, transfer("1")).await;
    let (status, sent) = send(&town, "cash", signed(&terms, "heron")).await;
    assert_eq!(status, StatusCode::CREATED, "{sent}");
    fail(&town).await;
    let (_, problem) = send(&town, "one more", ends(16)).await;
    assert_eq!(problem["code"], "CANCELLED_DAY");
    town.move_to(town.now.plus_seconds(25 * HOUR));
    let (status, sent) = send(&town, "one more", ends(16)).await;
    assert_eq!(status, StatusCode::CREATED, "{sent}");
}

/// What heron lets otter sign, as the chain has it.
async fn mandate(town: &Running) -> TradingMandate::Mandate {
    let question =
        TradingMandate::mandateOfCall { account: HERON.address(), delegate: OTTER.address() };
    let at = deployment().mandates;
    let answer = client::call(&*town.node, at, question.abi_encode().into(), "latest").await;
    TradingMandate::mandateOfCall::abi_decode_returns(&answer.unwrap()).unwrap()
}
