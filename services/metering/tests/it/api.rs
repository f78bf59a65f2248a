//! What can be read over HTTP, and by whom.

use access::Role;
use actix_web::App;
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::test::{TestRequest, call_service, init_service, read_body, read_body_json};
use actix_web::web::Data;
use alloy_primitives::{B256, Bytes};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use calendar::{Slot, SlotLength, Timestamp};
use contracts::READINGS_OF_SLOT;
use db::{Row, query};
use events::market::{Matched, SlotCleared};
use ids::{AccountId, CommunityId, OrderId, PartyId, ZoneId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use reading::{SignedReading, encode_together, sign_together};
use serde_json::{Value, json};
use service::{Claims, Verifier};
use units::{Energy, Price};
use utoipa_actix_web::AppExt;

use crate::anchors::calls;
use crate::home::{BRIDGE_TOKEN, Device, Home, at, community};

/// An Ed25519 key for these tests alone (PKCS#8), and its public half.
const KEY: &str = concat!(
    "302e020100300506032b657004220420",
    "d0e5669e03b714c20d2d1baa6b1932cbee27ef19feabdd214f9e27feb1603f36"
);
const PUBLIC: &str = "30d958c74147d5fdfb8ecb35c46851b2bb3b2a887b3ce6dae05af84d26a79ad1";

pub(crate) fn token(account: Option<AccountId>, community: CommunityId, roles: &[Role]) -> String {
    let claims = Claims {
        iss: "wattex".to_owned(),
        sub: PartyId::derived("someone"),
        account,
        community,
        roles: roles.to_vec(),
        exp: 253_402_300_000,
        iat: 0,
    };
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some("test".to_owned());
    let key = EncodingKey::from_ed_der(&hex::decode(KEY).unwrap());
    jsonwebtoken::encode(&header, &claims, &key).unwrap()
}

pub(crate) async fn get(home: &Home, path: &str, token: &str) -> (StatusCode, Value) {
    ask(home, TestRequest::get().uri(path), token).await
}

pub(crate) async fn ask(home: &Home, request: TestRequest, token: &str) -> (StatusCode, Value) {
    ask_as(home, request, &format!("Bearer {token}")).await
}

async fn ask_as(home: &Home, request: TestRequest, authorization: &str) -> (StatusCode, Value) {
    let response = call(home, request, authorization).await;
    (response.status(), read_body_json(response).await)
}

async fn call(home: &Home, request: TestRequest, authorization: &str) -> ServiceResponse {
    let verifier = Verifier::new();
    verifier.trust("test".to_owned(), DecodingKey::from_ed_der(&hex::decode(PUBLIC).unwrap()));
    let app = App::new()
        .into_utoipa_app()
        .app_data(Data::new(verifier))
        .app_data(Data::from(home.metering.clone()))
        .configure(metering::api::routes)
        .into_app();
    let app = init_service(app).await;
    let request = request.insert_header(("Authorization", authorization));
    call_service(&app, request.to_request()).await
}

/// The answer as it came.
pub(crate) async fn bytes(home: &Home, path: &str, token: &str) -> (StatusCode, Vec<u8>) {
    let request = TestRequest::get().uri(path);
    let response = call(home, request, &format!("Bearer {token}")).await;
    (response.status(), read_body(response).await.to_vec())
}

/// Homes with a measured, two substituted intervals, and one forged message.
async fn scenes() -> (Vec<Home>, Device) {
    let one = Device::new("H01");
    let homes = Home::everywhere(std::slice::from_ref(&one)).await;
    for home in &homes {
        home.hand.move_to(at(3));
        let mut forged = one.read(9, 3, 0, 0);
        forged.signature = one.read(8, 3, 0, 0).signature;
        home.hear(&[one.read(1, 0, 0, 0), one.read(2, 1, 50, 1), forged, one.read(5, 3, 71, 1)])
            .await;
        home.pass(3).await;
    }
    (homes, one)
}

#[actix_web::test]
async fn a_household_reads_its_own_intervals_page_by_page() {
    let (homes, one) = scenes().await;
    for home in homes {
        let own = token(Some(one.account()), community(), &[Role::Prosumer]);
        let path = format!("/v1/intervals?connection_point={}&limit=2", one.point());
        let (status, first) = get(&home, &path, &own).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(first["items"].as_array().unwrap().len(), 2);
        assert_eq!(first["items"][0]["import_wh"], 50);
        assert_eq!(first["items"][0]["quality"], "measured");
        assert_eq!(first["items"][0]["slot"], "2026-05-31T18:15:00Z");
        assert_eq!(first["items"][1]["method"], "E1");
        let next = first["next"].as_str().unwrap();
        let (_, second) = get(&home, &format!("{path}&cursor={next}"), &own).await;
        assert_eq!(second["items"].as_array().unwrap().len(), 1);
        assert_eq!(second["items"][0]["import_wh"], 10);
        assert!(second.get("next").is_none());
        let (_, span) =
            get(&home, &format!("{path}&from=2026-05-31T18:30:00Z&to=2026-05-31T18:45:00Z"), &own)
                .await;
        assert_eq!(span["items"].as_array().unwrap().len(), 1);
    }
}

#[actix_web::test]
async fn what_was_known_before_a_correction_can_be_read_afterwards() {
    let (homes, one) = scenes().await;
    for home in homes {
        let before = at(3);
        home.hand.move_to(at(4));
        home.hear(&[one.read(3, 2, 60, 1)]).await;
        home.pass(4).await;
        let own = token(Some(one.account()), community(), &[Role::Prosumer]);
        let path = format!("/v1/intervals?connection_point={}", one.point());
        let read = async |query: &str| {
            let (status, page) = get(&home, &format!("{path}{query}"), &own).await;
            assert_eq!(status, StatusCode::OK, "{page}");
            let of = |item: &Value| (item["version"].clone(), item["import_wh"].clone());
            page["items"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
        };
        let expected = |rows: &[(u32, u64)]| {
            rows.iter().map(|row| (json!(row.0), json!(row.1))).collect::<Vec<_>>()
        };
        assert_eq!(read("").await[..3], expected(&[(1, 50), (2, 10), (2, 11)]));
        let then = read(&format!("&known_at={before}")).await;
        assert_eq!(then, expected(&[(1, 50), (1, 11), (1, 10)]));
        let every = read("&versions=all&to=2026-05-31T19:00:00Z").await;
        assert_eq!(every, expected(&[(1, 50), (1, 11), (2, 10), (1, 10), (2, 11)]));
        let (_, first) = get(&home, &format!("{path}&versions=all&limit=2"), &own).await;
        let next = first["next"].as_str().unwrap();
        assert_eq!(read(&format!("&versions=all&limit=1&cursor={next}")).await, every[2..3]);
        let (status, _) = get(&home, &format!("{path}&versions=some"), &own).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
    }
}

#[actix_web::test]
async fn others_do_not_learn_that_a_meter_exists() {
    let (homes, one) = scenes().await;
    for home in homes {
        let neighbour = token(Some(AccountId::derived("H02")), community(), &[Role::Prosumer]);
        let elsewhere = token(None, CommunityId::derived("town"), &[Role::Operator]);
        for path in [
            format!("/v1/intervals?connection_point={}", one.point()),
            format!("/v1/readings?meter={}", one.meter),
            format!("/v1/meters/{}/status", one.meter),
            format!("/v1/meters/{}/interval-file?format=csv", one.meter),
        ] {
            for stranger in [&neighbour, &elsewhere] {
                let (status, problem) = get(&home, &path, stranger).await;
                assert_eq!(
                    (status, problem["code"].as_str()),
                    (StatusCode::NOT_FOUND, Some("NOT_FOUND"))
                );
            }
            assert_eq!(get(&home, &path, "nonsense").await.0, StatusCode::UNAUTHORIZED);
        }
        for path in ["/v1/quarantine", "/v1/relay/metering"] {
            assert_eq!(get(&home, path, &neighbour).await.0, StatusCode::FORBIDDEN);
        }
        let (_, page) = get(&home, "/v1/quarantine", &elsewhere).await;
        assert_eq!(page["items"].as_array().unwrap().len(), 0);
    }
}

#[actix_web::test]
async fn an_operator_sees_gaps_and_what_was_not_believed() {
    let (homes, one) = scenes().await;
    for home in homes {
        let operator = token(None, community(), &[Role::Operator]);
        let (_, status) = get(&home, &format!("/v1/meters/{}/status", one.meter), &operator).await;
        assert_eq!(
            (&status["first_page"], &status["last_page"]),
            (&Value::from(1), &Value::from(5))
        );
        assert_eq!(status["pages"], 3);
        assert_eq!(status["gaps"], serde_json::json!([{ "from_page": 3, "to_page": 4 }]));
        assert_eq!(status["quarantined"], 1);
        assert_eq!(status["last_reading"], at(3).to_string());

        let (_, page) = get(&home, "/v1/quarantine", &operator).await;
        assert_eq!(page["items"][0]["code"], "SIGNATURE");
        assert_eq!(page["items"][0]["meter"], one.meter.to_string());
        assert_eq!(page["items"][0]["bytes"], 119);

        let (_, readings) =
            get(&home, &format!("/v1/readings?meter={}", one.meter), &operator).await;
        let signed: SignedReading = serde_json::from_value(readings["items"][1].clone()).unwrap();
        assert_eq!(signed, one.read(2, 1, 50, 1), "a reading comes back as it was signed");
        let (status, problem) = get(&home, "/v1/quarantine?cursor=x", &operator).await;
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::BAD_REQUEST, &Value::from("MALFORMED"))
        );
    }
}

#[actix_web::test]
async fn who_runs_metering_sees_its_transactions_page_by_page() {
    let (homes, _) = scenes().await;
    for home in homes {
        let auditor = token(None, community(), &[Role::Auditor]);
        let mut path = "/v1/relay/metering?status=pending&limit=2".to_owned();
        let mut causes = Vec::new();
        loop {
            let (status, page) = get(&home, &path, &auditor).await;
            assert_eq!(status, StatusCode::OK, "{page}");
            for item in page["items"].as_array().unwrap() {
                assert_eq!((&item["attempts"], &item["status"]), (&json!([]), &json!("pending")));
                causes.push(item["cause"].as_str().unwrap().to_owned());
            }
            let Some(next) = page["next"].as_str() else {
                assert_eq!(page["pending"], causes.len());
                break;
            };
            path = format!("/v1/relay/metering?status=pending&limit=2&cursor={next}");
        }
        let kept = query("select cause from chain_tx order by nonce desc")
            .fetch_all(home.metering.db().read())
            .await
            .unwrap();
        let kept: Vec<String> = kept.iter().map(|row| row.get(0)).collect();
        assert_eq!(causes, kept);
        assert!(causes.len() > 2 && causes.last().unwrap().starts_with("registry/"), "{causes:?}");
    }
}

#[actix_web::test]
async fn a_reading_comes_with_the_proof_that_the_contract_takes() {
    let devices = [Device::new("H01"), Device::new("H02"), Device::new("H03")];
    for home in Home::everywhere(&devices).await {
        home.hand.move_to(at(3));
        let [first, late, third] = &devices;
        home.hear(&[first.read(1, 0, 10, 0), third.read(1, 0, 30, 0)]).await;
        home.hear(&[first.read(2, 1, 11, 5), third.read(2, 1, 31, 6)]).await;
        home.pass(3).await;
        home.hear(&[late.read(1, 0, 20, 0), late.read(2, 1, 21, 7)]).await;
        home.pass(1).await;
        let anchored = calls(&home, READINGS_OF_SLOT).await;
        for (device, batch, import, export) in
            [(first, 1, 11, 5), (late, 2, 21, 7), (third, 1, 31, 6)]
        {
            let own = token(Some(device.account()), community(), &[Role::Prosumer]);
            let time = at(1);
            let path = format!("/v1/readings/evidence?meter={}&time={time}", device.meter);
            let (status, found) = get(&home, &path, &own).await;
            assert_eq!((status, &found["batch"]), (StatusCode::OK, &json!(batch)), "{found}");
            let word = |value: &Value| value.as_str().unwrap().parse::<B256>().unwrap();
            let message: Bytes = found["message"].as_str().unwrap().parse().unwrap();
            assert_eq!(message[..], device.read(2, 1, import, export).encode());
            let leaf = merkle::leaf(&[word(&found["salt"]).as_slice(), &message].concat());
            let siblings: Vec<B256> = found["path"].as_array().unwrap().iter().map(word).collect();
            let places = [&found["index"], &found["count"]].map(|it| it.as_u64().unwrap());
            let [index, count] = places.map(|place| usize::try_from(place).unwrap());
            assert!(merkle::verify(word(&found["root"]), leaf, index, count, &siblings));
            let on_chain = anchored.iter().map(|(_, call)| call).filter(|call| {
                json!(call.period) == found["period"] && call.root == word(&found["root"])
            });
            let on_chain: Vec<_> = on_chain.collect();
            assert_eq!(on_chain.len(), 1, "{found}");
            assert_eq!(on_chain[0].community, word(&found["community"]));
            assert_eq!(json!(on_chain[0].count), found["count"]);
        }
        let own = token(Some(first.account()), community(), &[Role::Prosumer]);
        let of = |meter, time: &str| format!("/v1/readings/evidence?meter={meter}&time={time}");
        let never = of(first.meter, &at(2).to_string());
        assert_eq!(get(&home, &never, &own).await.0, StatusCode::NOT_FOUND);
        let neighbours = of(third.meter, &at(1).to_string());
        assert_eq!(get(&home, &neighbours, &own).await.0, StatusCode::NOT_FOUND);
        let nonsense = of(first.meter, "yesterday");
        assert_eq!(get(&home, &nonsense, &own).await.0, StatusCode::BAD_REQUEST);
    }
}

#[actix_web::test]
async fn either_side_of_a_trade_sees_the_registers_of_its_slot_and_no_others() {
    let devices = [Device::new("H01"), Device::new("H02"), Device::new("H03")];
    let [buyer, seller, neighbour] = &devices;
    for home in Home::everywhere(&devices).await {
        home.hand.move_to(at(4));
        for (page, slots) in [(1, 0), (2, 1), (3, 2)] {
            let wh = u64::from(page) * 100;
            home.hear(&[buyer.read(page, slots, wh, 0), seller.read(page, slots, 0, wh)]).await;
        }
        home.pass(4).await;
        // The trade is of the second slot; its seller's meter reported both ends of it.
        let trade = B256::repeat_byte(7);
        home.tell(&cleared(at(1), trade, buyer, seller)).await;
        let path = format!("/v1/readings/evidence/{trade}");
        let of = |device: &Device| token(Some(device.account()), community(), &[Role::Prosumer]);
        let mut answers = Vec::new();
        for side in [buyer, seller] {
            let (status, found) = get(&home, &path, &of(side)).await;
            assert_eq!((status, &found["slot"]), (StatusCode::OK, &json!(at(1).to_string())));
            answers.push(found);
        }
        assert_eq!(answers[0], answers[1]);
        let sides = [("buyer", buyer, [200, 0], [300, 0]), ("seller", seller, [0, 200], [0, 300])];
        for (name, device, begin, end) in sides {
            let found = &answers[0][name];
            assert_eq!(found["connection_point"], json!(device.point()));
            for (page, slots, which, [import, export]) in
                [(2, 1, "begin", begin), (3, 2, "end", end)]
            {
                let message: Bytes = found[which]["message"].as_str().unwrap().parse().unwrap();
                assert_eq!(message[..], device.read(page, slots, import, export).encode());
            }
        }
        // Having traded opens nothing else, and to others there is no such trade.
        let single = format!("/v1/readings/evidence?meter={}&time={}", seller.meter, at(1));
        assert_eq!(get(&home, &single, &of(buyer)).await.0, StatusCode::NOT_FOUND);
        let elsewhere = token(None, CommunityId::derived("town"), &[Role::Operator]);
        for stranger in [&of(neighbour), &elsewhere] {
            assert_eq!(get(&home, &path, stranger).await.0, StatusCode::NOT_FOUND);
        }
        let auditor = token(None, community(), &[Role::Auditor]);
        assert_eq!(get(&home, &path, &auditor).await.0, StatusCode::OK);
        for unknown in [B256::repeat_byte(8).to_string(), "nonsense".to_owned()] {
            let path = format!("/v1/readings/evidence/{unknown}");
            assert_eq!(get(&home, &path, &of(buyer)).await.0, StatusCode::NOT_FOUND);
        }
        // What was not read is not there; what no challenge can be about any more is forgotten.
        let silent = B256::repeat_byte(9);
        home.tell(&cleared(at(2), silent, buyer, seller)).await;
        let path_of_silent = format!("/v1/readings/evidence/{silent}");
        let (_, found) = get(&home, &path_of_silent, &of(buyer)).await;
        assert!(found["seller"]["begin"].is_object() && found["seller"].get("end").is_none());
        home.tell(&cleared(at(96 * 92), B256::repeat_byte(10), buyer, seller)).await;
        assert_eq!(get(&home, &path, &of(buyer)).await.0, StatusCode::NOT_FOUND);
    }
}

/// A slot that begins at `start`, in which one trade came about.
fn cleared(start: Timestamp, trade: B256, buyer: &Device, seller: &Device) -> SlotCleared {
    let matched = Matched {
        trade,
        buyer: buyer.account(),
        seller: seller.account(),
        buy_order: OrderId::derived("buy"),
        sell_order: OrderId::derived("sell"),
        quantity: Energy::from_wh(50),
        buyer_point: Some(buyer.point()),
        seller_point: Some(seller.point()),
    };
    SlotCleared {
        community: community(),
        zone: ZoneId::derived("feeder"),
        slot: Slot::containing(start, SlotLength::QUARTER_HOUR),
        clearing: B256::repeat_byte(1),
        policy: B256::repeat_byte(2),
        price: Price::from_n_per_wh(180_000),
        retail_price: Price::from_n_per_wh(290_000),
        feed_in_price: Price::from_n_per_wh(80_000),
        volume: Energy::from_wh(50),
        orders: 2,
        part: 0,
        parts: 1,
        trades: vec![matched],
    }
}

#[actix_web::test]
async fn signed_readings_come_by_http_too() {
    let one = Device::new("H01");
    for home in Home::everywhere(std::slice::from_ref(&one)).await {
        home.hand.move_to(at(3));
        let path = format!("/v1/meters/{}/readings", one.meter);
        let own = token(Some(one.account()), community(), &[Role::Prosumer]);
        let upload = |body: Vec<u8>| TestRequest::post().uri(&path).set_payload(body);
        let mut forged = one.read(9, 3, 0, 0);
        forged.signature = one.read(8, 3, 0, 0).signature;
        let together = [one.read(3, 2, 60, 1).reading, one.read(4, 3, 70, 1).reading];
        let together = encode_together(&sign_together(&together, &one.key));
        let body = [one.read(1, 0, 0, 0).encode(), together, forged.encode()].concat();
        for expected in [
            json!({ "accepted": 3, "duplicates": 0, "quarantined": 1 }),
            json!({ "accepted": 0, "duplicates": 3, "quarantined": 1 }),
        ] {
            let (status, tally) = ask(&home, upload(body.clone()), &own).await;
            assert_eq!((status, tally), (StatusCode::OK, expected));
        }
        // Who reads them can check each by itself.
        let (_, page) = get(&home, &format!("/v1/readings?meter={}", one.meter), &own).await;
        for item in page["items"].as_array().unwrap() {
            let signed: SignedReading = serde_json::from_value(item.clone()).unwrap();
            assert!(signed.verify(one.key.address()));
            assert_eq!(signed.place.is_some(), signed.reading.page > 2);
        }
        // Each reading of a message counts, and a message of no length is none.
        let sixteen: Vec<_> = (1..=16).map(|page| one.read(page, 0, 0, 0).reading).collect();
        let sixteen = encode_together(&sign_together(&sixteen, &one.key));
        let many = [sixteen.repeat(32), one.read(1, 0, 0, 0).encode()].concat();
        let none = [b"MR2\x01".as_slice(), &body].concat();
        for bad in [Vec::new(), body[1..].to_vec(), body.repeat(171), many, none] {
            let (status, problem) = ask(&home, upload(bad), &own).await;
            assert_eq!((status, &problem["code"]), (StatusCode::BAD_REQUEST, &json!("MALFORMED")));
        }
        let other = token(Some(AccountId::derived("?")), community(), &[Role::Prosumer]);
        let (status, _) = ask(&home, upload(body), &other).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
    }
}

#[actix_web::test]
async fn a_device_speaks_for_itself_over_http_with_its_token() {
    let (one, two) = (Device::new("H01"), Device::new("H02"));
    let home = Home::with(&[one.clone(), two.clone()]).await;
    home.hand.move_to(at(3));
    let credentials = |name: &str, token: &str| {
        format!("Basic {}", BASE64_STANDARD.encode(format!("{name}:{token}")))
    };
    let own = credentials(&one.meter.to_string(), &one.token());
    let bridge = credentials("gateway", BRIDGE_TOKEN);
    let status_of = |device: &Device| format!("/v1/meters/{}/status", device.meter);
    let readings_of = |device: &Device| format!("/v1/meters/{}/readings", device.meter);
    let upload = |device: &Device| {
        let body = device.read(1, 0, 0, 0).encode().to_vec();
        TestRequest::post().uri(&readings_of(device)).set_payload(body)
    };
    let (status, tally) = ask_as(&home, upload(&one), &own).await;
    assert_eq!((status, &tally["accepted"]), (StatusCode::OK, &json!(1)));
    let (status, answer) = ask_as(&home, TestRequest::get().uri(&status_of(&one)), &own).await;
    assert_eq!((status, &answer["last_page"]), (StatusCode::OK, &json!(1)));
    let (status, _) = ask_as(&home, upload(&two), &own).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, _) = ask_as(&home, upload(&two), &bridge).await;
    assert_eq!(status, StatusCode::OK);
    for wrong in [
        credentials(&one.meter.to_string(), "guessed"),
        credentials("nobody", "at all"),
        "Basic ?".to_owned(),
        format!("Basic {}", BASE64_STANDARD.encode("no colon")),
        credentials(&one.meter.to_string(), &"x".repeat(2_000)),
    ] {
        let (status, problem) = ask_as(&home, upload(&one), &wrong).await;
        let expected = (StatusCode::UNAUTHORIZED, &json!("UNAUTHENTICATED"));
        assert_eq!((status, &problem["code"]), expected);
    }
    home.revoke(&one).await;
    assert_eq!(ask_as(&home, upload(&one), &own).await.0, StatusCode::UNAUTHORIZED);
}
