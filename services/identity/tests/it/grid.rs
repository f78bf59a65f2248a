//! Connection points and meters.

use contracts::requests::{MeterEnrolment, enrolment};
use events::identity::{ConnectionPointRegistered, MeterEnrolled, MeterRevoked};
use keys::{Address, SecretKey, recover};
use serde_json::{Value, json};

use crate::server::{PLACE, Server, installer};

const METER: &str = "018f0000-0000-7000-8000-0000000000aa";
const NOON: &str = "2026-06-01T12:00:00Z";

fn meter(point: &str, key: Address) -> Value {
    json!({ "meter": METER, "serial": "EMH 4711", "connection_point": point, "key": key })
}

fn hash_of(enrolled: &MeterEnrolled, version: u32) -> keys::B256 {
    let request = MeterEnrolment {
        meter: enrolled.meter,
        key: enrolled.key,
        owner: enrolled.enrolment.owner,
        installer: enrolled.enrolment.installer,
        connection_point: enrolled.connection_point,
        version,
    };
    enrolment(PLACE.chain_id, PLACE.at.meters, &request)
}

#[actix_web::test]
async fn a_meter_is_enrolled_with_both_signatures_and_revoked() {
    let server = Server::start().await;
    let operator = server.staff("operator").await;
    let (account, _) = server.home("ada", "prosumer").await;
    let point = server.connection_point(&operator, &account).await;
    let key = SecretKey::from_bytes(&[6; 32]).unwrap().address();
    let answer = server.post("/v1/meters", &operator, meter(&point, key)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!((&answer.body["meter"], &answer.body["version"]), (&json!(METER), &json!(1)));
    let token = answer.text("/token");
    assert_eq!(token.len(), 64);
    let enrolled = server.events::<MeterEnrolled>().await.remove(0);
    assert_eq!(enrolled.token_hash, sha256(&token));
    assert_eq!(enrolled.enrolment.installer, installer().address());
    let hash = hash_of(&enrolled, 1);
    let signed = &enrolled.enrolment;
    assert!(signed.owner_signature.by_key(hash, signed.owner).is_some());
    assert_eq!(recover(hash, &signed.installer_signature), Some(signed.installer));

    let again = server.post("/v1/meters", &operator, meter(&point, key)).await;
    assert_eq!((again.status, again.body.get("token")), (201, None), "a token is told once");
    let path = format!("/v1/meters/{METER}/revocation");
    server.hand.move_to(NOON.parse().unwrap());
    for _ in 0..2 {
        let revoked = server.post(&path, &operator, json!({})).await;
        assert_eq!((revoked.status, &revoked.body["revoked_at"]), (200, &json!(NOON)));
    }
    let revoked = server.events::<MeterRevoked>().await;
    assert_eq!((revoked.len(), revoked[0].at), (1, NOON.parse().unwrap()));

    let next = SecretKey::from_bytes(&[7; 32]).unwrap().address();
    let answer = server.post("/v1/meters", &operator, meter(&point, next)).await;
    assert_eq!((answer.status, &answer.body["version"]), (201, &json!(2)));
    let enrolled = server.events::<MeterEnrolled>().await;
    assert_eq!(enrolled.len(), 2);
    let signed = &enrolled[1].enrolment;
    assert!(signed.owner_signature.by_key(hash_of(&enrolled[1], 2), signed.owner).is_some());
    server.stop().await;
}

fn sha256(text: &str) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[actix_web::test]
async fn what_cannot_be_enrolled_is_refused() {
    let server = Server::start().await;
    let operator = server.staff("operator").await;
    let (account, ada) = server.home("ada", "prosumer").await;
    let (other_account, _) = server.home("bob", "consumer").await;
    let point = server.connection_point(&operator, &account).await;
    let other = server.connection_point(&operator, &other_account).await;
    let [key, next] = [6, 7].map(|seed| SecretKey::from_bytes(&[seed; 32]).unwrap().address());
    let good = meter(&point, key);
    let supplied = json!({ "token": "a token of our own" });
    let mut with_token = good.clone();
    with_token["token"] = supplied["token"].clone();
    let answer = server.post("/v1/meters", &operator, with_token).await;
    assert_eq!(answer.body["token"], supplied["token"]);
    let second = "018f0000-0000-7000-8000-0000000000bb";
    for (token, changes, status, code) in [
        (&ada, json!({}), 403, "FORBIDDEN"),
        (&operator, json!({ "key": next }), 409, "CONFLICT"),
        (&operator, json!({ "serial": "other" }), 409, "CONFLICT"),
        (&operator, json!({ "meter": second, "key": next }), 422, "METER_PRESENT"),
        (&operator, json!({ "meter": second, "connection_point": other }), 422, "KEY_TAKEN"),
        (&operator, json!({ "connection_point": METER }), 404, "NOT_FOUND"),
        (&operator, json!({ "token": "short" }), 422, "TOKEN"),
        (&operator, json!({ "owner_signature": "0x1" }), 400, "MALFORMED"),
        (&operator, json!({ "key": "0x12" }), 400, "MALFORMED"),
    ] {
        let mut bad = good.clone();
        for (field, value) in changes.as_object().unwrap() {
            bad[field] = value.clone();
        }
        let answer = server.post("/v1/meters", token, bad).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{changes}: {answer:?}");
    }
    let unknown = server.post("/v1/meters/x/revocation", &operator, json!({})).await;
    assert_eq!(unknown.code(), "MALFORMED");
    let path = format!("/v1/meters/{second}/revocation");
    assert_eq!(server.post(&path, &operator, json!({})).await.code(), "NOT_FOUND");
    assert_eq!(server.events::<MeterEnrolled>().await.len(), 1);
    server.stop().await;
}

#[actix_web::test]
async fn an_owner_with_an_own_key_signs_the_enrolment() {
    let server = Server::start().await;
    let operator = server.staff("operator").await;
    let owner = SecretKey::from_bytes(&[8; 32]).unwrap();
    let challenge = server.knock("/v1/challenges", json!({ "address": owner.address() })).await;
    let text = challenge.text("/message");
    let proof = owner.sign(alloy_primitives::eip191_hash_message(text.as_bytes()));
    let party = json!({
        "name": "Ada", "email": "ada@example.org", "role": "prosumer",
        "own_key": {
            "address": owner.address(), "nonce": challenge.text("/nonce"), "signature": proof,
        },
    });
    let party = server.knock("/v1/parties", party).await;
    let point = server.connection_point(&operator, &party.body["account"]).await;
    let key = SecretKey::from_bytes(&[6; 32]).unwrap().address();
    let asked = server.post("/v1/meters", &operator, meter(&point, key)).await;
    assert_eq!((asked.status, asked.code()), (422, "OWN_KEY"));
    let request = MeterEnrolment {
        meter: METER.parse().unwrap(),
        key,
        owner: owner.address(),
        installer: server.identity.installer(),
        connection_point: point.parse().unwrap(),
        version: 1,
    };
    let hash = enrolment(PLACE.chain_id, PLACE.at.meters, &request);
    assert!(asked.text("/detail").contains(&hash.to_string()), "{asked:?}");
    for (signer, status) in [(installer(), 422), (owner, 201)] {
        let mut signed = meter(&point, key);
        signed["owner_signature"] = json!(signer.sign(hash));
        let answer = server.post("/v1/meters", &operator, signed).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
    server.stop().await;
}

#[actix_web::test]
async fn a_connection_point_is_registered_once() {
    let server = Server::start().await;
    let (_, admin) = server.admin().await;
    let (account, ada) = server.home("ada", "consumer").await;
    let good = json!({
        "connection_point": "018f0000-0000-7000-8000-0000000000cc", "account": account["account"],
        "zone": "00000000-0000-0000-0000-000000000001", "timezone": "Europe/Berlin",
        "import_max_w": 11_000, "export_max_w": 0,
    });
    assert_eq!(server.post("/v1/connection-points", &ada, good.clone()).await.status, 403);
    let first = server.post("/v1/connection-points", &admin, good.clone()).await;
    assert_eq!(first.status, 201, "{first:?}");
    server.hand.move_to(NOON.parse().unwrap());
    assert_eq!(server.post("/v1/connection-points", &admin, good.clone()).await, first);
    for (field, value, status, code) in [
        ("export_max_w", json!(5), 409, "CONFLICT"),
        ("timezone", json!("Europe/Nowhere"), 400, "MALFORMED"),
        ("import_max_w", json!(2_000_000_000_u64), 422, "POWER"),
        ("import_max_w", json!(-1), 400, "MALFORMED"),
        ("account", json!(METER), 404, "NOT_FOUND"),
    ] {
        let mut bad = good.clone();
        bad[field] = value;
        let answer = server.post("/v1/connection-points", &admin, bad).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{field}");
    }
    let events = server.events::<ConnectionPointRegistered>().await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].timezone.name(), "Europe/Berlin");
    server.stop().await;
}

#[actix_web::test]
async fn people_see_their_own_places_and_staff_all() {
    let server = Server::start().await;
    let operator = server.staff("operator").await;
    let mut homes = Vec::new();
    for (seed, name) in [(21, "ada"), (22, "bob")] {
        let (account, token) = server.home(name, "prosumer").await;
        let point = server.connection_point(&operator, &account).await;
        let key = SecretKey::from_bytes(&[seed; 32]).unwrap().address();
        let new = json!({ "serial": name, "connection_point": point, "key": key });
        assert_eq!(server.post("/v1/meters", &operator, new).await.status, 201);
        homes.push((name, point, token));
    }
    let list = async |path: &str, token: &str, field: &str| {
        let page = server.get(path, token).await;
        let items = page.body["items"].as_array().unwrap().clone();
        items.iter().map(|item| item[field].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for (name, point, token) in &homes {
        assert_eq!(list("/v1/meters", token, "serial").await, [*name]);
        let points = list("/v1/connection-points", token, "connection_point").await;
        assert_eq!(points, [point.as_str()]);
    }
    assert_eq!(list("/v1/meters", &operator, "serial").await, ["ada", "bob"]);
    assert_eq!(list("/v1/connection-points", &operator, "account").await.len(), 2);
    server.stop().await;
}
