//! Accounts that settle at another address from a midnight on.

use alloy_primitives::{Address, B256, U256, eip191_hash_message};
use contracts::OrderTerms;
use contracts::requests::{MeterEnrolment, enrolment, succession};
use events::billing::CashLeftBehind;
use events::identity::{AddressAssigned, Custody, MeterHandedOver, SweepSigned};
use identity::{Rotation, Settings};
use ids::MeterId;
use keys::SecretKey;
use serde_json::{Value, json};

use crate::contract_accounts::Code;
use crate::provisioning::Wish;
use crate::server::{Answer, PASSWORD, PLACE, Server, community, installer};

const METER: &str = "018f0000-0000-7000-8000-0000000000aa";
/// The midnight in Berlin that July begins with.
const JULY: &str = "2026-06-30T22:00:00Z";

fn secret(seed: u8) -> SecretKey {
    SecretKey::from_bytes(&[seed; 32]).unwrap()
}

/// What both keys sign.
fn said(former: Address, next: &SecretKey, from: &str) -> B256 {
    let from: calendar::Timestamp = from.parse().unwrap();
    succession(PLACE.chain_id, PLACE.at.market, (former, next.address()), from.unsigned())
}

/// The meter's enrolment under its next owner, as the owner signs it.
fn owned(next: &SecretKey, point: &str, version: u32) -> Value {
    owned_with(next, point, (6, version))
}

/// The same with this key.
fn owned_with(next: &SecretKey, point: &str, (key, version): (u8, u32)) -> Value {
    let of = MeterEnrolment {
        meter: METER.parse().unwrap(),
        key: secret(key).address(),
        owner: next.address(),
        installer: installer().address(),
        connection_point: point.parse().unwrap(),
        version,
    };
    let signature = next.sign(enrolment(PLACE.chain_id, PLACE.at.meters, &of));
    json!({ "meter": METER, "owner_signature": signature })
}

/// What names an address of an account: the wish, signed by the next key.
fn wish(former: Address, next: &SecretKey, from: &str) -> Value {
    let signature = next.sign(said(former, next, from));
    json!({ "address": next.address(), "from": from, "signature": signature })
}

async fn log_in(server: &Server, key: &SecretKey) -> Answer {
    let challenge = server.knock("/v1/challenges", json!({ "address": key.address() })).await;
    let message = challenge.text("/message");
    let signature = key.sign(eip191_hash_message(&message));
    let body = json!({ "grant": "signature", "message": message, "signature": signature });
    server.knock("/v1/tokens", body).await
}

/// An account with a key of its own, a connection point and a meter: its path, its token and the
/// point.
async fn ada(server: &Server) -> (String, String, String) {
    let (key, operator) = (secret(5), server.staff("operator").await);
    let challenge = server.knock("/v1/challenges", json!({ "address": key.address() })).await;
    let proof = json!({
        "address": key.address(), "nonce": challenge.text("/nonce"),
        "signature": key.sign(eip191_hash_message(challenge.text("/message"))),
    });
    let new = json!({
        "name": "Ada", "email": "ada@example.org", "role": "prosumer", "own_key": proof,
    });
    let party = server.knock("/v1/parties", new).await;
    let account = party.body["account"].clone();
    let point = server.connection_point(&operator, &account).await;
    let signed = owned(&key, &point, 1);
    let meter = json!({
        "meter": METER, "serial": "EMH 4711", "connection_point": point,
        "key": secret(6).address(), "owner_signature": signed["owner_signature"],
    });
    let meter = server.post("/v1/meters", &operator, meter).await;
    assert_eq!(meter.status, 201, "{meter:?}");
    let path = format!("/v1/accounts/{}/addresses", account["account"].as_str().unwrap());
    (path, log_in(server, &key).await.text("/access_token"), point)
}

#[actix_web::test]
async fn both_keys_sign_for_the_next_and_the_meter_goes_there_too() {
    let server = Server::start().await;
    let (path, token, point) = ada(&server).await;
    let (former, next) = (secret(5), secret(7));
    let mut good = wish(former.address(), &next, JULY);
    good["former_signature"] = json!(former.sign(said(former.address(), &next, JULY)));
    good["enrolments"] = json!([owned(&next, &point, 2)]);
    let elsewhere = next.sign(said(former.address(), &next, "2026-07-31T22:00:00Z"));
    for (changes, code) in [
        (json!({ "from": "2026-06-30T22:15:00Z" }), "FROM"),
        (json!({ "from": "2026-06-02T22:00:00Z" }), "FROM"),
        (json!({ "signature": elsewhere }), "SIGNATURE"),
        (json!({ "former_signature": good["signature"] }), "SIGNATURE"),
        (json!({ "former_signature": null }), "SIGNATURE"),
        (json!({ "enrolments": [] }), "METERS"),
        (json!({ "enrolments": [owned(&next, &point, 1)] }), "SIGNATURE"),
    ] {
        let mut bad = good.clone();
        for (field, value) in changes.as_object().unwrap() {
            bad[field] = value.clone();
        }
        let answer = server.post(&path, &token, bad).await;
        assert_eq!((answer.status, answer.code()), (422, code), "{changes}: {answer:?}");
    }
    assert!(server.events::<AddressAssigned>().await.is_empty());
    prepared(&server, &path, &token, (&former, &next)).await;
    let (_, bob) = server.home("bob", "consumer").await;
    assert_eq!(server.post(&path, &bob, good.clone()).await.code(), "FORBIDDEN");
    assert_eq!(server.get(&path, &bob).await.code(), "FORBIDDEN");

    for _ in 0..2 {
        let answer = server.post(&path, &token, good.clone()).await;
        assert_eq!((answer.status, answer.text("/from")), (201, JULY.to_owned()), "{answer:?}");
    }
    let assigned = server.events::<AddressAssigned>().await;
    let [told] = &assigned[..] else { panic!("told once: {assigned:?}") };
    assert_eq!((told.address, told.custody), (next.address(), Custody::Own));
    let handed = server.events::<MeterHandedOver>().await;
    let [handed] = &handed[..] else { panic!("told once: {handed:?}") };
    assert_eq!((handed.version, handed.from), (2, told.from));
    assert_eq!((handed.key, handed.enrolment.owner), (secret(6).address(), next.address()));
    let another = wish(former.address(), &secret(8), "2026-07-31T22:00:00Z");
    assert_eq!(server.post(&path, &token, another).await.code(), "SUCCESSOR_WAITS");

    let auditor = server.staff("auditor").await;
    let shown = server.get(&path, &auditor).await;
    assert_eq!(shown.body[0]["until"], JULY);
    assert_eq!(shown.body[1]["address"], json!(next.address()));
    let me = server.get("/v1/me", &token).await;
    assert_eq!(me.body["account"]["address"], json!(former.address()));
    assert_eq!(
        [log_in(&server, &former).await.status, log_in(&server, &next).await.status],
        [200; 2]
    );
    server.hand.move_to(JULY.parse().unwrap());
    let tokens = log_in(&server, &next).await;
    let me = server.get("/v1/me", &tokens.text("/access_token")).await;
    assert_eq!(me.body["account"]["address"], json!(next.address()));
    assert_eq!(log_in(&server, &former).await.status, 401, "its time is over");
    server.stop().await;
}

/// What a wallet signs is what is asked for, from July or the earliest midnight on.
async fn prepared(
    server: &Server,
    path: &str,
    token: &str,
    (former, next): (&SecretKey, &SecretKey),
) {
    let path = format!("{path}/prepare");
    let wanted = json!({ "address": next.address(), "from": JULY });
    let answer = server.post(&path, token, wanted.clone()).await;
    assert_eq!((answer.status, answer.text("/from")), (200, JULY.to_owned()), "{answer:?}");
    assert_eq!(answer.text("/custody"), "own");
    let from = JULY.parse::<calendar::Timestamp>().unwrap().unsigned().to_string();
    let said = json!({ "account": former.address(), "successor": next.address(), "from": from });
    assert_eq!(answer.body["succession"]["message"], said);
    let meters = answer.body["enrolments"].as_array().unwrap();
    assert_eq!((meters.len(), &meters[0]["serial"]), (1, &json!("EMH 4711")));
    let signed = &meters[0]["typed_data"]["message"];
    assert_eq!((&signed["version"], &signed["owner"]), (&json!(2), &json!(next.address())));
    let earliest = server.post(&path, token, json!({ "address": next.address() })).await;
    let first: calendar::Timestamp = earliest.text("/from").parse().unwrap();
    assert!(first < JULY.parse().unwrap(), "{earliest:?}");
    let noon = json!({ "address": next.address(), "from": "2026-06-30T12:00:00Z" });
    assert_eq!(server.post(&path, token, noon).await.code(), "FROM");
    let (_, eve) = server.home("eve", "consumer").await;
    assert_eq!(server.post(&path, &eve, wanted).await.code(), "FORBIDDEN");
}

/// An order for the slot that starts at `slot`, by an address.
fn order(account: Address, slot: &str, point: &str) -> OrderTerms {
    let slot = slot.parse::<calendar::Timestamp>().unwrap().unsigned();
    let (nonce, expiry) = (U256::from(slot), slot + 900);
    let of = crate::orders::order(&json!({ "address": account }), point, contracts::Side::Buy);
    OrderTerms { slot, nonce, expiry, ..of }
}

#[actix_web::test]
async fn a_held_account_changes_to_a_key_of_its_own() {
    let server = Server::start().await;
    let operator = server.staff("operator").await;
    let (account, ada) = server.home("ada", "prosumer").await;
    let point = server.connection_point(&operator, &account).await;
    let path = format!("/v1/accounts/{}/addresses", account["account"].as_str().unwrap());
    let former: Address = account["address"].as_str().unwrap().parse().unwrap();
    let next = secret(7);
    let mut good = wish(former, &next, JULY);
    for password in [json!(null), json!("another horse battery")] {
        good["password"] = password;
        assert_eq!(server.post(&path, &ada, good.clone()).await.code(), "WRONG_PASSWORD");
    }
    good["password"] = json!(PASSWORD);
    assert_eq!(server.post(&path, &ada, good).await.status, 201);
    // Nobody can hand a meter over that is put to work meanwhile: the owner would have to sign.
    let meter = json!({
        "meter": METER, "serial": "EMH 4711", "connection_point": point,
        "key": secret(6).address(),
    });
    assert_eq!(server.post("/v1/meters", &operator, meter).await.code(), "SUCCESSOR_WAITS");

    let sign = async |account: Address, slot: &str| {
        let terms = json!(order(account, slot, &point));
        server.post("/v1/signatures/order", &ada, terms).await
    };
    assert_eq!(sign(former, "2026-06-30T21:45:00Z").await.status, 200);
    assert_eq!(sign(former, JULY).await.code(), "ADDRESS");
    assert_eq!(sign(next.address(), JULY).await.code(), "OWN_KEY");
    server.hand.move_to(JULY.parse().unwrap());
    let me = server.get("/v1/me", &ada).await;
    assert_eq!(me.body["account"]["custody"], "own");
    let log = server.audit_log().await;
    let ours: Vec<_> = log.iter().filter(|entry| entry.starts_with("change_address")).collect();
    assert_eq!(ours, ["change_address denied", "change_address denied", "change_address done"]);
    server.stop().await;
}

/// Ada's address is to be that of a next key from July on, where the meter goes as `owned`.
fn signed(next: &SecretKey, owned: Value) -> Value {
    let former = secret(5);
    let mut wish = wish(former.address(), next, JULY);
    wish["former_signature"] = json!(former.sign(said(former.address(), next, JULY)));
    wish["enrolments"] = json!([owned]);
    wish
}

#[actix_web::test]
async fn a_meter_that_is_about_to_have_its_next_key_waits_with_its_next_owner() {
    let server = Server::start().await;
    let (path, token, point) = ada(&server).await;
    let rotation = Wish {
        meter: METER.parse().unwrap(),
        version: 2,
        from: "2026-06-01T10:15:00Z",
        expiry: "2026-06-01T12:00:00Z",
        old: 6,
        next: 8,
    };
    let rotated = server.knock(&format!("/v1/meters/{METER}/rotation"), rotation.json()).await;
    assert_eq!(rotated.status, 200, "{rotated:?}");
    let next = secret(7);
    let good = signed(&next, owned_with(&next, &point, (8, 3)));
    assert_eq!(server.post(&path, &token, good.clone()).await.code(), "ROTATING");
    server.hand.move_to("2026-06-01T10:15:00Z".parse().unwrap());
    assert_eq!(server.post(&path, &token, good).await.status, 201);
    server.stop().await;
}

/// What a registry says that knows so many keys of a meter.
const ONE: &str = "0x0000000000000000000000000000000000000000000000000000000000000001";
const THREE: &str = "0x0000000000000000000000000000000000000000000000000000000000000003";

#[actix_web::test]
async fn a_meter_is_enrolled_again_with_the_registrys_next_number() {
    // The registry has refused the next owner, or the device rotated its key there itself.
    for (known, waits, version) in [(ONE, true, 2), (THREE, false, 4)] {
        let server = Server::start().await;
        let (path, token, point) = ada(&server).await;
        let next = secret(7);
        let good = signed(&next, owned(&next, &point, 2));
        assert_eq!(server.post(&path, &token, good).await.status, 201);
        server.chain.deploy(PLACE.at.meters, Code::Says(known));
        server.hand.move_to("2026-07-01T10:00:00Z".parse().unwrap());
        let operator = server.log_in("operator@example.org").await;
        let end = format!("/v1/meters/{METER}/revocation");
        assert_eq!(server.post(&end, &operator, json!({})).await.status, 200);
        let again = json!({
            "meter": METER, "serial": "EMH 4711", "connection_point": point,
            "key": secret(8).address(),
        });
        let asked = server.post("/v1/meters", &operator, again.clone()).await;
        assert_eq!(asked.status == 503, waits, "it went out with the revocation: {asked:?}");
        server.hand.move_to("2026-07-01T10:05:01Z".parse().unwrap());
        let asked = server.post("/v1/meters", &operator, again).await;
        assert_eq!(asked.code(), "OWN_KEY");
        let signs = asked.text("/detail");
        assert!(signs.contains(&format!("version {version})")), "{signs}");
        server.stop().await;
    }
}

#[actix_web::test]
async fn an_address_begins_with_a_day_that_the_community_bills() {
    let timezone = Some("Europe/London".parse().unwrap());
    let server = Server::start_with(Settings { timezone, ..Settings::default() }).await;
    let operator = server.staff("operator").await;
    let (account, ada) = server.home("ada", "prosumer").await;
    let path = format!("/v1/accounts/{}/addresses", account["account"].as_str().unwrap());
    let former: Address = account["address"].as_str().unwrap().parse().unwrap();
    let asked = async |from: &str| {
        let mut wish = wish(former, &secret(7), from);
        wish["password"] = json!(PASSWORD);
        server.post(&path, &ada, wish).await
    };
    let london = "2026-06-30T23:00:00Z";
    assert_eq!(asked(london).await.code(), "NO_CONNECTION_POINT");
    server.connection_point(&operator, &account).await;
    assert_eq!(asked(JULY).await.code(), "FROM", "the midnight of its point");
    assert_eq!(asked(london).await.status, 201);
    server.stop().await;
}

/// The addresses of an account, oldest first.
async fn addresses_of(server: &Server, account: &Value, token: &str) -> Vec<Address> {
    let path = format!("/v1/accounts/{}/addresses", account["account"].as_str().unwrap());
    let shown = server.get(&path, token).await;
    let all = shown.body.as_array().unwrap().iter();
    all.map(|one| one["address"].as_str().unwrap().parse().unwrap()).collect()
}

#[actix_web::test]
async fn cash_is_moved_between_addresses_of_one_account_and_from_one_that_is_over() {
    let settings = Settings { rotation: Rotation::Monthly, ..Settings::default() };
    let server = Server::start_with(settings).await;
    let operator = server.staff("operator").await;
    let (account, ada) = server.home("ada", "prosumer").await;
    let (other, eve) = server.home("eve", "prosumer").await;
    for account in [&account, &other] {
        server.connection_point(&operator, account).await;
    }
    let early = "2026-06-20T10:00:00Z".parse().unwrap();
    server.hand.move_to(early);
    assert!(server.identity.rotate_due(early).await.unwrap());
    let ours = addresses_of(&server, &account, &ada).await;
    let theirs = addresses_of(&server, &other, &eve).await;
    let move_cash = async |number: u8, from: Address, to: Address| {
        let cash = CashLeftBehind {
            account: account["account"].as_str().unwrap().parse().unwrap(),
            community: community(),
            market: None,
            from,
            to,
            amount: units::Money::from_n(1_000_000_000),
            nonce: B256::repeat_byte(number),
            expiry: "2026-07-02T00:00:00Z".parse().unwrap(),
        };
        server.tell(&cash, &number.to_string()).await;
        server.events::<SweepSigned>().await.len()
    };
    assert_eq!(move_cash(1, ours[0], ours[1]).await, 0, "orders are signed by it still");
    server.hand.move_to("2026-07-01T10:00:00Z".parse().unwrap());
    assert_eq!(move_cash(2, theirs[0], ours[1]).await, 0, "another's cash");
    assert_eq!(move_cash(3, ours[0], theirs[1]).await, 0, "to another");
    assert_eq!(move_cash(4, ours[1], ours[0]).await, 0, "back to the one before");
    assert_eq!(move_cash(5, ours[0], ours[1]).await, 1);
    server.stop().await;
}

#[actix_web::test]
async fn a_call_of_the_job_takes_some_accounts_and_the_next_one_goes_on() {
    let settings = Settings { rotation: Rotation::Monthly, ..Settings::default() };
    let server = Server::start_with(settings).await;
    let operator = server.staff("operator").await;
    for number in 0..51 {
        let (account, _) = server.home(&format!("home{number}"), "consumer").await;
        server.connection_point(&operator, &account).await;
    }
    let due = "2026-06-20T10:00:00Z".parse().unwrap();
    server.hand.move_to(due);
    for (any, all) in [(true, 50), (true, 51), (false, 51)] {
        assert_eq!(server.identity.rotate_due(due).await.unwrap(), any);
        assert_eq!(server.events::<AddressAssigned>().await.len(), all);
    }
    server.stop().await;
}

#[actix_web::test]
async fn held_accounts_get_a_key_for_each_month_once() {
    let settings = Settings { rotation: Rotation::Monthly, ..Settings::default() };
    let server = Server::start_with(settings).await;
    let operator = server.staff("operator").await;
    let (account, ada) = server.home("ada", "prosumer").await;
    let (_, _) = server.home("eve", "consumer").await;
    let point = server.connection_point(&operator, &account).await;
    let meter = json!({
        "meter": METER, "serial": "EMH 4711", "connection_point": point,
        "key": secret(6).address(),
    });
    assert_eq!(server.post("/v1/meters", &operator, meter).await.status, 201);
    // Too early, in time, done before, too early for the next month, in time again.
    for (now, any) in [
        ("2026-06-17T10:00:00Z", false),
        ("2026-06-20T10:00:00Z", true),
        ("2026-06-21T10:00:00Z", false),
        ("2026-07-01T10:00:00Z", false),
        ("2026-07-20T10:00:00Z", true),
    ] {
        server.hand.move_to(now.parse().unwrap());
        let rotated = server.identity.rotate_due(now.parse().unwrap()).await.unwrap();
        assert_eq!(rotated, any, "{now}");
    }
    let path = format!("/v1/accounts/{}/addresses", account["account"].as_str().unwrap());
    let shown = server.get(&path, &ada).await;
    let from = |place: usize| shown.body[place]["from"].as_str();
    assert_eq!([from(0), from(1), from(2)], [None, Some(JULY), Some("2026-07-31T22:00:00Z")]);
    // Who has no connection point trades nothing, and needs none.
    assert_eq!(server.events::<AddressAssigned>().await.len(), 2);
    let handed = server.events::<MeterHandedOver>().await;
    let versions: Vec<u32> = handed.iter().map(|handed| handed.version).collect();
    assert_eq!(versions, [2, 3]);
    for (place, handed) in handed.iter().enumerate() {
        let of = MeterEnrolment {
            meter: METER.parse::<MeterId>().unwrap(),
            key: handed.key,
            owner: handed.enrolment.owner,
            installer: handed.enrolment.installer,
            connection_point: handed.connection_point,
            version: handed.version,
        };
        let hash = enrolment(PLACE.chain_id, PLACE.at.meters, &of);
        assert!(handed.enrolment.owner_signature.by_key(hash, of.owner).is_some());
        assert_eq!(json!(of.owner), shown.body[place + 1]["address"]);
    }
    let next: Address = shown.body[1]["address"].as_str().unwrap().parse().unwrap();
    let terms = json!(order(next, "2026-07-31T21:45:00Z", &point));
    assert_eq!(server.post("/v1/signatures/order", &ada, terms).await.status, 200);
    // Its key stays, for the registry counts it twice: no next one comes in between, nor does
    // this one on another meter.
    let elsewhere = server.connection_point(&operator, &account).await;
    let other = json!({
        "serial": "EMH 4712", "connection_point": elsewhere, "key": secret(6).address(),
    });
    assert_eq!(server.post("/v1/meters", &operator, other).await.code(), "KEY_TAKEN");
    let wish = Wish {
        meter: METER.parse().unwrap(),
        version: 4,
        from: "2026-07-20T11:00:00Z",
        expiry: "2026-07-20T13:00:00Z",
        old: 6,
        next: 7,
    };
    let path = format!("/v1/meters/{METER}/rotation");
    assert_eq!(server.knock(&path, wish.json()).await.code(), "HANDOVER");
    server.hand.move_to("2026-07-31T23:00:01Z".parse().unwrap());
    let wish = Wish { from: "2026-07-31T23:30:00Z", expiry: "2026-08-01T01:00:00Z", ..wish };
    assert_eq!(server.knock(&path, wish.json()).await.body["version"], 4);
    server.stop().await;
}
