//! Orders signed with held keys.

use alloy_primitives::{Address, B256, U256, eip191_hash_message};
use contracts::{OrderTerms, Side};
use keys::{SecretKey, Signature, recover};
use serde_json::{Value, json};
use units::Energy;

use crate::server::{PLACE, Server, community};

pub(crate) fn order(account: &Value, point: &str, side: Side) -> OrderTerms {
    OrderTerms {
        account: account["address"].as_str().unwrap().parse().unwrap(),
        side,
        slot: 1_780_310_700,
        quantity: Energy::from_wh(250),
        limit_price: 300_000,
        min_fill: Energy::from_wh(0),
        community: community(),
        zone: "00000000-0000-0000-0000-000000000001".parse().unwrap(),
        connection_point: point.parse().unwrap(),
        policy: B256::repeat_byte(4),
        delegate: Address::ZERO,
        nonce: U256::from(17),
        expiry: 1_780_311_600,
    }
}

#[actix_web::test]
async fn an_order_of_the_own_account_is_signed_by_its_key() {
    let server = Server::start().await;
    let operator = server.staff("operator").await;
    let (account, ada) = server.home("ada", "prosumer").await;
    let point = server.connection_point(&operator, &account).await;
    for side in [Side::Buy, Side::Sell] {
        let terms = order(&account, &point, side);
        let answer = server.post("/v1/signatures/order", &ada, json!(terms)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let hash = terms.hash(PLACE.chain_id, PLACE.at.market);
        assert_eq!(answer.text("/hash"), hash.to_string());
        let signature: Signature = answer.text("/signature").parse().unwrap();
        assert_eq!(recover(hash, &signature), Some(terms.account));
    }
    server.stop().await;
}

#[actix_web::test]
async fn nothing_else_is_signed() {
    let server = Server::start().await;
    let operator = server.staff("operator").await;
    let (account, ada) = server.home("ada", "consumer").await;
    let (others, bob) = server.home("bob", "prosumer").await;
    let point = server.connection_point(&operator, &account).await;
    let good = order(&account, &point, Side::Buy);
    let elsewhere = OrderTerms { community: ids::CommunityId::derived("x"), ..good.clone() };
    let nobody = OrderTerms { account: Address::repeat_byte(1), ..good.clone() };
    for (token, terms, status, code) in [
        (&bob, &good, 403, "FORBIDDEN"),
        (&operator, &good, 403, "FORBIDDEN"),
        (&ada, &OrderTerms { side: Side::Sell, ..good.clone() }, 403, "FORBIDDEN"),
        (&ada, &elsewhere, 422, "COMMUNITY"),
        (&ada, &nobody, 404, "NOT_FOUND"),
        (&bob, &order(&others, &point, Side::Buy), 422, "CONNECTION_POINT"),
    ] {
        let answer = server.post("/v1/signatures/order", token, json!(terms)).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{answer:?}");
    }
    let mut unknown = json!(good);
    unknown["comment"] = json!("please");
    assert_eq!(server.post("/v1/signatures/order", &ada, unknown).await.code(), "MALFORMED");
    server.stop().await;
}

#[actix_web::test]
async fn an_own_key_signs_for_itself() {
    let server = Server::start().await;
    let operator = server.staff("operator").await;
    let key = SecretKey::from_bytes(&[8; 32]).unwrap();
    let challenge = server.knock("/v1/challenges", json!({ "address": key.address() })).await;
    let signed = |text: &str| key.sign(eip191_hash_message(text.as_bytes())).to_string();
    let proof = json!({
        "address": key.address(), "nonce": challenge.text("/nonce"),
        "signature": signed(&challenge.text("/message")),
    });
    let party = json!({
        "name": "Ada", "email": "ada@example.org", "role": "prosumer", "own_key": proof,
        "password": crate::server::PASSWORD,
    });
    let party = server.knock("/v1/parties", party).await;
    let ada = server.log_in("ada@example.org").await;
    let point = server.connection_point(&operator, &party.body["account"]).await;
    let terms = order(&party.body["account"], &point, Side::Buy);
    let answer = server.post("/v1/signatures/order", &ada, json!(terms)).await;
    assert_eq!((answer.status, answer.code()), (422, "OWN_KEY"));
    server.stop().await;
}

#[test]
fn the_documented_order_has_the_fields_that_are_parsed() {
    let mount = utoipa_fields();
    let terms = json!(order(
        &json!({ "address": Address::ZERO }),
        "00000000-0000-0000-0000-000000000001",
        Side::Buy
    ));
    let mut parsed: Vec<String> = terms.as_object().unwrap().keys().cloned().collect();
    parsed.sort();
    assert_eq!(mount, parsed);
}

/// The fields of the order in the OpenAPI document.
fn utoipa_fields() -> Vec<String> {
    let shape = serde_json::to_value(identity::api::order_shape()).unwrap();
    let mut fields: Vec<String> =
        shape["properties"].as_object().unwrap().keys().cloned().collect();
    fields.sort();
    fields
}
