//! The register as a whole: a database of its own, a bus, and participants that sign.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::App;
use actix_web::body::MessageBody;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use alloy_primitives::B256;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use blake2::{Blake2b512, Digest};
use bus::Bus;
use calendar::{Slot, SlotLength, Timestamp};
use deg::{Deg, Kind, Own, Participant, Parts};
use ed25519_dalek::{Signer, SigningKey};
use events::Envelope;
use events::market::{Matched, SlotCleared};
use ids::{AccountId, CommunityId, OrderId, ZoneId};
use serde_json::{Value, json};
use service::{Clock, ClockHand};
use tempfile::TempDir;
use units::{Energy, Price};
use utoipa_actix_web::AppExt;

const BUYERS: &str = "bap.buyer-platform.example";
const SELLERS: &str = "bpp.seller-platform.example";

struct Running {
    deg: Arc<Deg>,
    bus: Bus,
    hand: ClockHand,
    now: Timestamp,
    _folder: TempDir,
}

/// How a request is signed.
#[derive(Clone, Copy, PartialEq)]
enum Sign {
    Well,
    OtherKey,
    OtherBody,
    TooLong,
}

fn key(of: &str) -> SigningKey {
    SigningKey::from_bytes(&Blake2b512::digest(of)[..32].try_into().unwrap())
}

fn participant(id: &str, kind: Kind) -> Participant {
    let key = STANDARD.encode(key(id).verifying_key().as_bytes());
    Participant { id: id.to_owned(), kind, keys: BTreeMap::from([("key-1".to_owned(), key)]) }
}

impl Running {
    async fn start() -> Running {
        let (folder, bus) = (TempDir::new().unwrap(), Bus::in_process());
        let now: Timestamp = "2026-01-15T10:20:31Z".parse().unwrap();
        let (clock, hand) = Clock::set(now);
        let deg = deg::start(Parts {
            db_url: format!("sqlite:{}", folder.path().join("deg.db").display()),
            bus: bus.clone(),
            clock,
            participants: vec![
                participant(BUYERS, Kind::Platform),
                participant(SELLERS, Kind::Platform),
                participant("us", Kind::Platform),
                participant("DISCOM_A", Kind::Discom),
                participant("DISCOM_B", Kind::Discom),
                participant("DISCOM_C", Kind::Discom),
            ],
            own: Some(Own { platform: "us".to_owned(), discom: "DISCOM_C".to_owned() }),
        });
        Running { deg: deg.await.unwrap(), bus, hand, now, _folder: folder }
    }

    async fn ask(&self, who: &str, call: &str, body: &Value) -> (u16, Value) {
        self.ask_signed(who, call, body, Sign::Well).await
    }

    async fn ask_signed(&self, who: &str, call: &str, body: &Value, sign: Sign) -> (u16, Value) {
        let text = body.to_string();
        let digest = format!("BLAKE-512={}", STANDARD.encode(Blake2b512::digest(&text)));
        let created = self.now.seconds();
        let expires = created + if sign == Sign::TooLong { 7_200 } else { 300 };
        let signed = format!("(created): {created}\n(expires): {expires}\ndigest: {digest}");
        let key = key(if sign == Sign::OtherKey { "thief" } else { who });
        let signature = STANDARD.encode(key.sign(signed.as_bytes()).to_bytes());
        let authorization = format!(
            "Signature keyId=\"{who}|key-1|ed25519\",algorithm=\"ed25519\",created=\"{created}\",\
             expires=\"{expires}\",headers=\"(created) (expires) digest\",\
             signature=\"{signature}\""
        );
        let sent = if sign == Sign::OtherBody { text.replace('1', "2") } else { text };
        let app = App::new().into_utoipa_app().configure(deg::routes(self.deg.clone())).into_app();
        let app = init_service(app).await;
        let request = TestRequest::post()
            .uri(&format!("/ledger/{call}"))
            .insert_header(("Authorization", authorization))
            .insert_header(("Digest", digest))
            .set_payload(sent);
        let response = call_service(&app, request.to_request()).await;
        let status = response.status().as_u16();
        let body = read_body(response).await.try_into_bytes().unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn found(&self, who: &str, query: Value) -> Vec<Value> {
        let (status, answer) = self.ask(who, "get", &query).await;
        assert_eq!(status, 200, "{answer}");
        let records = answer["records"].as_array().unwrap().clone();
        assert_eq!(answer["count"], records.len());
        records
    }
}

/// The trade that the interface's document has as its example.
fn trade() -> Value {
    json!({
        "role": "BUYER", "transactionId": "tx-123", "orderItemId": "item-1",
        "platformIdBuyer": BUYERS, "platformIdSeller": SELLERS,
        "discomIdBuyer": "DISCOM_A", "discomIdSeller": "DISCOM_B",
        "buyerId": "CA-0000123", "sellerId": "DER-9981",
        "tradeTime": "2026-01-15T10:20:30Z", "deliveryStartTime": "2026-01-15T11:00:00Z",
        "deliveryEndTime": "2026-01-15T11:30:00Z",
        "tradeDetails": [{ "tradeType": "ENERGY", "tradeQty": 12.5, "tradeUnit": "KWH" }],
        "clientReference": "buyer-create-0001",
    })
}

fn with(value: &Value, changes: Value) -> Value {
    let mut value = value.clone();
    for (name, change) in changes.as_object().unwrap() {
        value[name] = change.clone();
    }
    value
}

#[actix_web::test]
async fn a_trade_is_recorded_by_platforms_and_delivered_by_utilities() {
    let mut register = Running::start().await;
    let (status, made) = register.ask(BUYERS, "put", &trade()).await;
    assert_eq!((status, &made["success"]), (200, &json!(true)), "{made}");
    assert_eq!(made["creationTime"], "2026-01-15T10:20:31Z");
    let (status, again) = register.ask(BUYERS, "put", &trade()).await;
    assert_eq!((status, again), (200, made.clone()));
    // The other platform repeats it under its own role, and cannot say otherwise.
    let theirs = with(&trade(), json!({ "role": "SELLER", "clientReference": null }));
    assert_eq!(register.ask(SELLERS, "put", &theirs).await.1["rowDigest"], made["rowDigest"]);
    let more = json!([{ "tradeType": "ENERGY", "tradeQty": 13, "tradeUnit": "KWH" }]);
    let other = with(&theirs, json!({ "tradeDetails": more }));
    assert_eq!(register.ask(SELLERS, "put", &other).await.1["code"], "PRC_CONFLICT");
    let moved = with(&theirs, json!({ "buyerId": "CA-2" }));
    assert_eq!(register.ask(SELLERS, "put", &moved).await.1["code"], "PRC_CONFLICT");

    let pulled = json!([{
        "validationMetricType": "ACTUAL_PULLED", "validationMetricValue": 11.9,
    }]);
    let actuals = json!({
        "role": "BUYER_DISCOM", "transactionId": "tx-123", "orderItemId": "item-1",
        "buyerFulfillmentValidationMetrics": pulled, "statusBuyerDiscom": "COMPLETED",
        "clientReference": "bd-actuals-0007",
    });
    register.now = register.now.plus_seconds(3_600);
    register.hand.move_to(register.now);
    let (status, recorded) = register.ask("DISCOM_A", "record", &actuals).await;
    assert_eq!((status, &recorded["recordId"]), (200, &made["recordId"]), "{recorded}");
    assert_ne!(recorded["rowDigest"], made["rowDigest"]);
    assert_eq!(register.ask("DISCOM_A", "record", &actuals).await.1, recorded);
    let renamed = with(&actuals, json!({ "statusBuyerDiscom": "CONFIRMED" }));
    assert_eq!(register.ask("DISCOM_A", "record", &renamed).await.1["code"], "PRC_CONFLICT");
    let late = with(&trade(), json!({ "tradeDetails": more, "clientReference": "2" }));
    let (status, problem) = register.ask(BUYERS, "put", &late).await;
    assert_eq!((status, &problem["code"]), (409, &json!("PRC_CONFLICT")), "its terms stand");

    for who in [BUYERS, SELLERS, "DISCOM_A", "DISCOM_B"] {
        let records = register.found(who, json!({ "transactionId": "tx-123" })).await;
        assert_eq!(records.len(), 1, "{who}");
        assert_eq!(records[0]["tradeDetails"][0]["tradeQty"].as_f64(), Some(12.5));
        assert_eq!(records[0]["buyerFulfillmentValidationMetrics"], pulled);
        assert_eq!(records[0]["statusBuyerDiscom"], "COMPLETED");
        assert_eq!(records[0]["rowDigest"], recorded["rowDigest"]);
        assert!(records[0].get("statusSellerDiscom").is_none());
    }
    assert!(register.found("DISCOM_C", json!({})).await.is_empty(), "it has no part in it");
    for (query, count) in [
        (json!({ "buyerId": "CA-0000123", "tradeTimeFrom": "2026-01-01T00:00:00Z" }), 1),
        (json!({ "tradeTimeTo": "2026-01-15T10:20:30Z" }), 0),
        (json!({ "deliveryEndFrom": "2026-01-15T11:30:00Z", "sort": "deliveryEndTime" }), 1),
        (json!({ "recordId": made["recordId"], "sortOrder": "asc", "limit": 1 }), 1),
        (json!({ "offset": 1 }), 0),
    ] {
        assert_eq!(register.found(BUYERS, query.clone()).await.len(), count, "{query}");
    }
}

#[actix_web::test]
async fn nobody_writes_what_is_anothers() {
    let register = Running::start().await;
    for (who, body, status, code) in [
        (SELLERS, trade(), 403, "AUT_NOT_AUTHORIZED"),
        ("DISCOM_A", with(&trade(), json!({ "role": "BUYER_DISCOM" })), 403, "AUT_NOT_AUTHORIZED"),
        (BUYERS, with(&trade(), json!({ "sellerId": null })), 400, "SCH_MISSING_REQUIRED"),
        (BUYERS, with(&trade(), json!({ "price": 1 })), 400, "SCH_FIELD_NOT_ALLOWED"),
        (BUYERS, with(&trade(), json!({ "buyerId": "" })), 400, "SCH_FIELD_NOT_ALLOWED"),
        (
            BUYERS,
            with(&trade(), json!({ "deliveryEndTime": "2026-01-15T11:00:00Z" })),
            400,
            "SCH_FIELD_NOT_ALLOWED",
        ),
    ] {
        let (got, problem) = register.ask(who, "put", &body).await;
        assert_eq!((got, &problem["code"]), (status, &json!(code)), "{who} {body}: {problem}");
    }
    let actuals = json!({
        "role": "SELLER_DISCOM", "transactionId": "tx-123", "orderItemId": "item-1",
        "statusSellerDiscom": "CANCELLED_OUTAGE", "note": "Feeder outage at substation SS-19",
    });
    assert_eq!(register.ask("DISCOM_B", "record", &actuals).await.0, 404);
    assert_eq!(register.ask(BUYERS, "put", &trade()).await.0, 200);
    for (who, changes, status) in [
        ("DISCOM_A", json!({}), 403),
        ("DISCOM_B", json!({ "statusBuyerDiscom": "COMPLETED" }), 403),
        ("DISCOM_B", json!({ "statusSellerDiscom": null }), 400),
        ("DISCOM_C", json!({}), 404),
        (SELLERS, json!({ "role": "SELLER" }), 403),
        ("DISCOM_B", json!({}), 200),
    ] {
        let (got, problem) = register.ask(who, "record", &with(&actuals, changes.clone())).await;
        assert_eq!(got, status, "{who} {changes}: {problem}");
    }
}

#[actix_web::test]
async fn what_is_not_signed_by_a_participant_is_refused() {
    let register = Running::start().await;
    for sign in [Sign::OtherKey, Sign::OtherBody, Sign::TooLong] {
        let (status, problem) = register.ask_signed(BUYERS, "put", &trade(), sign).await;
        assert_eq!((status, &problem["code"]), (401, &json!("AUT_SIGNATURE_INVALID")));
    }
    assert_eq!(register.ask("nobody", "get", &json!({})).await.0, 401);
}

#[actix_web::test]
async fn our_own_trades_are_records_that_the_utility_finds() {
    let register = Running::start().await;
    let trade = Matched {
        trade: B256::repeat_byte(1),
        buyer: AccountId::derived("heron"),
        seller: AccountId::derived("otter"),
        buy_order: OrderId::derived("1"),
        sell_order: OrderId::derived("2"),
        quantity: Energy::from_wh(1_250),
        buyer_point: None,
        seller_point: None,
    };
    let cleared = SlotCleared {
        community: CommunityId::derived("town"),
        zone: ZoneId::derived("zone"),
        slot: Slot {
            start: "2026-01-15T11:00:00Z".parse().unwrap(),
            length: SlotLength::QUARTER_HOUR,
        },
        clearing: B256::repeat_byte(2),
        policy: B256::repeat_byte(3),
        price: Price::from_n_per_wh(100_000),
        retail_price: Price::from_n_per_wh(300_000),
        feed_in_price: Price::from_n_per_wh(80_000),
        volume: Energy::from_wh(1_250),
        orders: 2,
        part: 0,
        parts: 1,
        trades: vec![trade],
    };
    let envelope = Envelope::of(&cleared, "1", register.now);
    for _ in 0..2 {
        register.bus.publish(&envelope).await.unwrap();
    }
    let records = register.found("DISCOM_C", json!({})).await;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["tradeDetails"][0]["tradeQty"].as_f64(), Some(1.25));
    assert_eq!(records[0]["deliveryEndTime"], "2026-01-15T11:15:00Z");
    let actuals = json!({
        "role": "SELLER_DISCOM", "recordId": records[0]["recordId"],
        "statusSellerDiscom": "COMPLETED",
    });
    assert_eq!(register.ask("DISCOM_C", "record", &actuals).await.0, 200);
}
