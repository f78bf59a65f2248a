//! Signing up, and who sees whom.

use alloy_primitives::eip191_hash_message;
use events::identity::{AccountOpened, Custody};
use keys::SecretKey;
use serde_json::{Value, json};

use crate::server::{Answer, PASSWORD, Server};

#[actix_web::test]
async fn a_home_gets_an_account_and_others_hear_of_it() {
    let server = Server::start().await;
    let party = server.sign_up("ada", "prosumer").await;
    assert_eq!(party.status, 201);
    assert_eq!(party.body["roles"], json!(["prosumer"]));
    assert_eq!(party.body["account"]["custody"], "held");
    assert!(!party.body.to_string().contains("hash"));
    let opened = server.events::<AccountOpened>().await;
    assert_eq!(opened.len(), 1);
    assert_eq!(opened[0].party.to_string(), party.text("/party"));
    assert_eq!(opened[0].address.to_string().to_lowercase(), party.text("/account/address"));
    assert_eq!(opened[0].custody, Custody::Held);
    assert_eq!(opened[0].pseudonym, party.text("/account/pseudonym"));
    let me = server.get("/v1/me", &server.log_in("ADA@example.org").await).await;
    assert_eq!(me.body, party.body);
    server.stop().await;
}

#[actix_web::test]
async fn what_cannot_be_a_party_is_refused() {
    let server = Server::start().await;
    let good = json!({
        "name": "Ada", "email": "ada@example.org", "password": PASSWORD, "role": "consumer",
        "pseudonym": "Number 1",
    });
    assert_eq!(server.knock("/v1/parties", good.clone()).await.status, 201);
    for (field, value, status, code) in [
        ("email", json!("Ada@Example.org"), 422, "EMAIL_TAKEN"),
        ("email", json!("nobody"), 422, "EMAIL"),
        ("password", json!("too short"), 422, "PASSWORD"),
        ("password", Value::Null, 422, "PASSWORD"),
        ("name", json!(" "), 422, "NAME"),
        ("pseudonym", json!("Number 1"), 422, "PSEUDONYM_TAKEN"),
        ("role", json!("operator"), 401, "UNAUTHENTICATED"),
        ("role", json!("king"), 400, "MALFORMED"),
        ("shoe_size", json!(41), 400, "MALFORMED"),
    ] {
        let mut bad = good.clone();
        bad["email"] = json!("eve@example.org");
        bad[field] = value;
        let answer = server.knock("/v1/parties", bad).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{field}: {answer:?}");
    }
    assert_eq!(server.events::<AccountOpened>().await.len(), 1);
    server.stop().await;
}

#[actix_web::test]
async fn staff_is_added_by_an_admin_alone() {
    let server = Server::start().await;
    let (_, ada) = server.home("ada", "consumer").await;
    let operator = server.staff("operator").await;
    let body = json!({
        "name": "Eve", "email": "eve@example.org", "password": PASSWORD, "role": "utility",
    });
    for token in [ada, operator] {
        let answer = server.post("/v1/parties", &token, body.clone()).await;
        assert_eq!((answer.status, answer.code()), (403, "FORBIDDEN"));
    }
    let (_, admin) = server.admin().await;
    let made = server.post("/v1/parties", &admin, body).await;
    assert_eq!((made.status, made.body.get("account")), (201, None));
    server.stop().await;
}

#[actix_web::test]
async fn an_admin_is_made_once_and_keeps_the_password() {
    let server = Server::start().await;
    let (first, _) = server.admin().await;
    let again = server.identity.ensure_admin("admin@example.org", "another password").await;
    assert_eq!(again.unwrap(), first);
    server.log_in("admin@example.org").await;
    server.home("ada", "consumer").await;
    let refused = server.identity.ensure_admin("ada@example.org", PASSWORD).await.unwrap_err();
    assert_eq!(refused.code, "EMAIL_TAKEN");
    server.stop().await;
}

async fn prove(server: &Server, key: &SecretKey, email: &str, signer: &SecretKey) -> Answer {
    let challenge = json!({ "address": key.address() });
    let challenge = server.knock("/v1/challenges", challenge).await;
    assert_eq!(challenge.status, 201, "{challenge:?}");
    let hash = eip191_hash_message(challenge.text("/message").as_bytes());
    let rsv: String = signer.sign(hash).to_rsv().iter().map(|byte| format!("{byte:02x}")).collect();
    let proof = json!({
        "address": key.address(), "nonce": challenge.text("/nonce"),
        "signature": format!("0x{rsv}"),
    });
    let body = json!({ "name": email, "email": email, "role": "prosumer", "own_key": proof });
    server.knock("/v1/parties", body).await
}

#[actix_web::test]
async fn an_own_key_is_taken_when_it_is_proved() {
    let server = Server::start().await;
    let [key, other] = [2, 3].map(|seed| SecretKey::from_bytes(&[seed; 32]).unwrap());
    let answer = prove(&server, &key, "a@example.org", &other).await;
    assert_eq!((answer.status, answer.code()), (422, "PROOF"));
    let answer = prove(&server, &key, "a@example.org", &key).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.body["account"]["custody"], "own");
    assert_eq!(server.events::<AccountOpened>().await[0].address, key.address());
    let answer = prove(&server, &key, "b@example.org", &key).await;
    assert_eq!((answer.status, answer.code()), (422, "ADDRESS_TAKEN"));
    server.stop().await;
}

#[actix_web::test]
async fn staff_sees_everyone_and_others_themselves() {
    let server = Server::start().await;
    let (_, ada) = server.home("ada", "prosumer").await;
    server.home("bob", "consumer").await;
    let names = async |token: &str| {
        let page = server.get("/v1/parties", token).await;
        let items = page.body["items"].as_array().unwrap().clone();
        items.iter().map(|party| party["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&ada).await, ["ada"]);
    let auditor = server.staff("auditor").await;
    assert_eq!(names(&auditor).await, ["ada", "bob", "Administrator", "auditor"]);
    let anonymous = server.ask(reqwest::Method::GET, "/v1/parties", None, None).await;
    assert_eq!((anonymous.status, anonymous.code()), (401, "UNAUTHENTICATED"));
    server.stop().await;
}

#[actix_web::test]
async fn long_lists_come_in_pages() {
    let server = Server::start().await;
    for name in ["a", "b", "c", "d", "e"] {
        assert_eq!(server.sign_up(name, "consumer").await.status, 201);
    }
    let (_, admin) = server.admin().await;
    let (mut path, mut sizes) = ("/v1/parties?limit=2".to_owned(), Vec::new());
    loop {
        let page = server.get(&path, &admin).await;
        sizes.push(page.body["items"].as_array().unwrap().len());
        let Some(next) = page.body["next"].as_str() else { break };
        path = format!("/v1/parties?limit=2&cursor={next}");
    }
    assert_eq!(sizes, [2, 2, 2]);
    let broken = server.get("/v1/parties?cursor=x", &admin).await;
    assert_eq!((broken.status, broken.code()), (400, "MALFORMED"));
    server.stop().await;
}
