//! Meters that enrol themselves by a code, and their next keys.

use alloy_primitives::{Address, B256, keccak256};
use calendar::Timestamp;
use contracts::requests::rotation;
use events::identity::{MeterEnrolled, MeterRevoked, MeterRotated};
use ids::MeterId;
use keys::SecretKey;
use serde_json::{Value, json};

use crate::contract_accounts::Code;
use crate::server::{Answer, PLACE, Server};

const SERIAL: &str = "EMH 4711";

fn key(seed: u8) -> SecretKey {
    SecretKey::from_bytes(&[seed; 32]).unwrap()
}

/// What a device signs, written from the description and not by the service's code.
fn possession(code: &str, key: Address, serial: &str) -> B256 {
    let code = keccak256(code.replace('-', ""));
    let parts = [b"WP1".as_slice(), code.as_slice(), key.as_slice()];
    keccak256([parts.concat(), keccak256(serial).to_vec()].concat())
}

fn device(code: &str, key: &SecretKey) -> Value {
    let proof = key.sign(possession(code, key.address(), SERIAL));
    json!({ "code": code, "serial": SERIAL, "key": key.address(), "proof": proof })
}

/// A server, an operator's token and the connection point of a home, whose token comes last.
async fn scene() -> (Server, String, String, String) {
    let server = Server::start().await;
    let operator = server.staff("operator").await;
    let (account, ada) = server.home("ada", "prosumer").await;
    let point = server.connection_point(&operator, &account).await;
    (server, operator, point, ada)
}

async fn code_for(server: &Server, point: &str, token: &str) -> Answer {
    let path = format!("/v1/connection-points/{point}/codes");
    server.post(&path, token, json!({})).await
}

#[actix_web::test]
async fn a_device_enrols_itself_by_a_code_once() {
    let (server, operator, point, ada) = scene().await;
    let made = code_for(&server, &point, &ada).await;
    assert_eq!(made.status, 201, "the owner may: {made:?}");
    let code = made.text("/code");
    let answer = server.knock("/v1/provisioning", device(&code, &key(6))).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.text("/meter"), made.text("/meter"));
    assert_eq!(answer.text("/connection_point"), point);
    assert_eq!(answer.text("/token").len(), 64);
    let enrolled = server.events::<MeterEnrolled>().await.remove(0);
    assert_eq!((enrolled.key, enrolled.serial.as_str()), (key(6).address(), SERIAL));
    assert_eq!(enrolled.meter.to_string(), made.text("/meter"));

    let again = server.knock("/v1/provisioning", device(&code, &key(6))).await;
    assert_eq!(again.code(), "CODE_USED", "its token was told once");
    let other = server.knock("/v1/provisioning", device(&code, &key(7))).await;
    assert_eq!(other.code(), "CODE_USED");
    assert_eq!(server.events::<MeterEnrolled>().await.len(), 1);
    let logged = server.audit_log().await;
    let about = |line: &str| logged.iter().filter(|entry| entry.as_str() == line).count();
    assert_eq!(about("provision_meter done"), 2, "{logged:?}");

    // A point has one meter: the next one waits for the end of the first.
    let next = code_for(&server, &point, &operator).await.text("/code");
    let present = server.knock("/v1/provisioning", device(&next, &key(8))).await;
    assert_eq!(present.code(), "METER_PRESENT");
    let path = format!("/v1/meters/{}/revocation", made.text("/meter"));
    assert_eq!(server.post(&path, &operator, json!({})).await.status, 200);
    let taken = server.knock("/v1/provisioning", device(&next, &key(6))).await;
    assert_eq!(taken.code(), "KEY_TAKEN");
    let swapped = server.knock("/v1/provisioning", device(&next, &key(8))).await;
    assert_eq!(swapped.status, 201, "a refusal used nothing up: {swapped:?}");
    server.stop().await;
}

#[actix_web::test]
async fn a_device_with_a_token_of_its_own_may_ask_again() {
    let (server, operator, point, _) = scene().await;
    let code = code_for(&server, &point, &operator).await.text("/code");
    let mut wanted = device(&code.to_lowercase(), &key(6));
    wanted["proof"] = json!(key(6).sign(possession(&code, key(6).address(), SERIAL)));
    wanted["token"] = json!("a token of my own");
    let first = server.knock("/v1/provisioning", wanted.clone()).await;
    assert_eq!((first.status, first.body.get("token")), (201, None), "{first:?}");
    assert_eq!(server.knock("/v1/provisioning", wanted.clone()).await, first);
    wanted["token"] = json!("another token of mine");
    assert_eq!(server.knock("/v1/provisioning", wanted).await.code(), "CODE_USED");
    assert_eq!(server.events::<MeterEnrolled>().await.len(), 1);
    server.stop().await;
}

#[actix_web::test]
async fn a_code_bears_five_wrong_tries_and_a_new_one_ends_it() {
    let (server, operator, point, ada) = scene().await;
    let (_, bob) = server.home("bob", "prosumer").await;
    assert_eq!(code_for(&server, &point, &bob).await.status, 403, "another's connection point");
    let path = format!("/v1/connection-points/{point}/codes");
    for seconds in [59, 604_801] {
        let refused = server.post(&path, &ada, json!({ "seconds": seconds })).await;
        assert_eq!(refused.code(), "CODE_SECONDS");
    }
    let old = code_for(&server, &point, &ada).await.text("/code");
    let code = code_for(&server, &point, &operator).await.text("/code");
    let ask = async |code: &str| server.knock("/v1/provisioning", device(code, &key(6))).await;
    assert_eq!(ask(&old).await.code(), "CODE", "it was replaced");
    assert_eq!(ask("7QK2").await.code(), "CODE");
    let mut stolen = device(&code, &key(6));
    stolen["key"] = json!(key(7).address());
    let unproved = server.knock("/v1/provisioning", stolen).await;
    assert_eq!(unproved.code(), "PROOF", "a key that the device does not have");
    let wrong = format!("{}{}", &code[..10], &old[10..]);
    for _ in 0..5 {
        assert_eq!(ask(&wrong).await.code(), "CODE");
    }
    assert_eq!(ask(&code).await.code(), "CODE", "it is dead, and nobody is told so");
    assert_eq!(server.events::<MeterEnrolled>().await.len(), 0);
    server.stop().await;
}

/// A meter at work, with the key of seed 6.
async fn working(server: &Server, point: &str, operator: &str) -> MeterId {
    let new = json!({ "serial": SERIAL, "connection_point": point, "key": key(6).address() });
    let answer = server.post("/v1/meters", operator, new).await;
    answer.text("/meter").parse().unwrap()
}

#[derive(Clone, Copy)]
pub(crate) struct Wish {
    pub(crate) meter: MeterId,
    pub(crate) version: u32,
    pub(crate) from: &'static str,
    pub(crate) expiry: &'static str,
    pub(crate) old: u8,
    pub(crate) next: u8,
}

impl Wish {
    pub(crate) fn json(&self) -> Value {
        let (key_next, page) = (key(self.next).address(), 101_u32);
        let [from, expiry] =
            [self.from, self.expiry].map(|moment| moment.parse::<Timestamp>().unwrap().unsigned());
        let terms = (self.version, expiry);
        let hash = rotation(PLACE.chain_id, PLACE.at.meters, self.meter, key_next, terms);
        let mut said = b"WR1".to_vec();
        said.extend(self.meter.uuid().as_bytes());
        said.extend(key_next.as_slice());
        said.extend(self.version.to_be_bytes());
        said.extend(page.to_be_bytes());
        said.extend(from.to_be_bytes());
        json!({
            "key": key_next, "version": self.version, "first_page": page, "from": self.from,
            "expiry": self.expiry, "signature": key(self.old).sign(hash),
            "proof": key(self.next).sign(keccak256(said)),
        })
    }
}

#[actix_web::test]
async fn a_meter_gets_its_next_key_from_the_one_before() {
    let (server, operator, point, _) = scene().await;
    let meter = working(&server, &point, &operator).await;
    let path = format!("/v1/meters/{meter}/rotation");
    let (from, expiry) = ("2026-06-01T10:15:00Z", "2026-06-01T12:00:00Z");
    let good = Wish { meter, version: 2, from, expiry, old: 6, next: 7 };
    for (wish, code) in [
        (Wish { version: 3, ..good }, "VERSION"),
        (Wish { old: 7, ..good }, "SIGNATURE"),
        (Wish { from: "2026-06-01T10:00:30Z", ..good }, "FROM"),
        (Wish { from: "2026-06-03T10:00:00Z", ..good }, "FROM"),
        (Wish { expiry: "2026-06-01T11:00:00Z", ..good }, "EXPIRY"),
        (Wish { next: 6, ..good }, "KEY_TAKEN"),
    ] {
        assert_eq!(server.knock(&path, wish.json()).await.code(), code);
    }
    let mut unproved = good.json();
    unproved["first_page"] = json!(100);
    assert_eq!(server.knock(&path, unproved.clone()).await.code(), "PROOF");
    let nobody = format!("/v1/meters/{}/rotation", MeterId::derived("nobody"));
    let said = server.knock(&nobody, unproved).await;
    assert_eq!(said.code(), "PROOF", "what nobody signed looks nothing up");
    assert_eq!(server.events::<MeterRotated>().await.len(), 0);

    for _ in 0..2 {
        let rotated = server.knock(&path, good.json()).await;
        assert_eq!((rotated.status, &rotated.body["version"]), (200, &json!(2)), "{rotated:?}");
    }
    let told = server.events::<MeterRotated>().await;
    assert_eq!((told.len(), told[0].first_page, told[0].key), (1, 101, key(7).address()));

    let from = "2026-06-01T11:00:00Z";
    let next = Wish { meter, version: 3, from, expiry: "2026-06-01T13:00:00Z", old: 7, next: 8 };
    assert_eq!(server.knock(&path, next.json()).await.code(), "ROTATING");
    server.hand.move_to("2026-06-01T10:30:00Z".parse().unwrap());
    let back = Wish { next: 6, ..next };
    assert_eq!(server.knock(&path, back.json()).await.code(), "KEY_TAKEN", "it had that one");
    assert_eq!(server.knock(&path, next.json()).await.status, 200);
    let end = format!("/v1/meters/{meter}/revocation");
    server.post(&end, &operator, json!({})).await;
    server.hand.move_to("2026-06-01T11:30:00Z".parse().unwrap());
    let (from, expiry) = ("2026-06-01T12:00:00Z", "2026-06-01T14:00:00Z");
    let late = Wish { meter, version: 4, from, expiry, old: 8, next: 9 };
    assert_eq!(server.knock(&path, late.json()).await.code(), "REVOKED");
    // Neither the last key nor one before comes back, whoever asks.
    for seed in [6, 7, 8] {
        let again = json!({
            "meter": meter, "serial": SERIAL, "connection_point": point,
            "key": key(seed).address(),
        });
        assert_eq!(server.post("/v1/meters", &operator, again).await.code(), "KEY_TAKEN");
    }
    let fresh = json!({
        "meter": meter, "serial": SERIAL, "connection_point": point, "key": key(9).address(),
    });
    assert_eq!(server.post("/v1/meters", &operator, fresh).await.status, 201);
    server.stop().await;
}

#[actix_web::test]
async fn a_meter_whose_rotation_the_registry_has_missed_is_numbered_as_the_registry_does() {
    let (server, operator, point, _) = scene().await;
    let meter = working(&server, &point, &operator).await;
    let (from, expiry) = ("2026-06-01T10:15:00Z", "2026-06-01T12:00:00Z");
    let wish = Wish { meter, version: 2, from, expiry, old: 6, next: 7 };
    assert_eq!(
        server.knock(&format!("/v1/meters/{meter}/rotation"), wish.json()).await.status,
        200
    );
    // The registry has the first key, and never heard of the second.
    const ONE: &str = "0x0000000000000000000000000000000000000000000000000000000000000001";
    server.chain.deploy(PLACE.at.meters, Code::Says(ONE));
    let end = format!("/v1/meters/{meter}/revocation");
    let again = |seed: u8| {
        let key = key(seed).address();
        json!({ "meter": meter, "serial": SERIAL, "connection_point": point, "key": key })
    };
    for (moment, seed, version) in [
        // The rotation may still be on its way.
        ("2026-06-01T12:04:00Z", 8, 3),
        ("2026-06-01T12:06:00Z", 9, 4),
    ] {
        server.hand.move_to(moment.parse().unwrap());
        server.post(&end, &operator, json!({})).await;
        let enrolled = server.post("/v1/meters", &operator, again(seed)).await;
        assert_eq!((enrolled.status, &enrolled.body["version"]), (201, &json!(version)));
    }
    let (from, expiry) = ("2026-06-01T12:15:00Z", "2026-06-01T13:30:00Z");
    let wish = Wish { meter, version: 5, from, expiry, old: 9, next: 10 };
    assert_eq!(
        server.knock(&format!("/v1/meters/{meter}/rotation"), wish.json()).await.status,
        200
    );
    server.hand.move_to("2026-06-01T13:36:00Z".parse().unwrap());
    for seed in [11, 12] {
        server.post(&end, &operator, json!({})).await;
        let enrolled = server.post("/v1/meters", &operator, again(seed)).await;
        let version = if seed == 11 { 2 } else { 3 };
        assert_eq!((enrolled.status, &enrolled.body["version"]), (201, &json!(version)), "{seed}");
    }
    assert_eq!(server.events::<MeterRevoked>().await.len(), 4, "each is told");
    server.stop().await;
}
