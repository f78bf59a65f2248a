//! Held keys that leave with their owners.

use aes::Aes128;
use aes::cipher::{KeyIvInit, StreamCipher};
use alloy_primitives::{eip191_hash_message, keccak256};
use ctr::Ctr128BE;
use identity::{KeystoreCost, Settings};
use keys::SecretKey;
use serde_json::{Value, json};

use crate::server::{Answer, PASSWORD, Server};

const PASSPHRASE: &str = "another horse battery";

async fn server() -> Server {
    let keystore_cost = KeystoreCost { log_n: 4 };
    Server::start_with(Settings { keystore_cost, ..Settings::default() }).await
}

async fn export(server: &Server, token: &str, password: &str, passphrase: &str) -> Answer {
    let body = json!({ "password": password, "passphrase": passphrase });
    server.post("/v1/me/key-export", token, body).await
}

/// The key in a keystore, as any other wallet reads it.
fn open(keystore: &Value, passphrase: &str) -> SecretKey {
    let crypto = &keystore["crypto"];
    let bytes = |pointer: &str| {
        hex::decode(crypto.pointer(pointer).and_then(Value::as_str).unwrap()).unwrap()
    };
    let n = crypto["kdfparams"]["n"].as_u64().unwrap();
    let params = scrypt::Params::new(u8::try_from(n.ilog2()).unwrap(), 8, 1, 32).unwrap();
    let mut derived = [0; 32];
    let salt = bytes("/kdfparams/salt");
    scrypt::scrypt(passphrase.as_bytes(), &salt, &params, &mut derived).unwrap();
    let mut text = bytes("/ciphertext");
    let mac = keccak256([&derived[16..], &text].concat());
    assert_eq!(mac.to_vec(), bytes("/mac"));
    let iv = bytes("/cipherparams/iv");
    Ctr128BE::<Aes128>::new((&derived[..16]).into(), iv.as_slice().into())
        .apply_keystream(&mut text);
    SecretKey::from_bytes(&text.try_into().unwrap()).unwrap()
}

#[actix_web::test]
async fn a_held_key_leaves_with_its_owner_and_a_record() {
    let server = server().await;
    let (account, ada) = server.home("ada", "prosumer").await;
    let exported = export(&server, &ada, PASSWORD, PASSPHRASE).await;
    assert_eq!(exported.status, 200, "{exported:?}");
    assert!(exported.text("/notice").contains("proves nothing against the operator"));
    let keystore = &exported.body["keystore"];
    let key = open(keystore, PASSPHRASE);
    let address = account["address"].as_str().unwrap();
    assert_eq!(json!(key.address()), account["address"]);
    assert_eq!(format!("0x{}", keystore["address"].as_str().unwrap()), address);
    assert_eq!(keystore["version"], 3);
    assert!(server.audit_log().await.contains(&"export_key done".to_owned()));
    let again = export(&server, &ada, PASSWORD, PASSPHRASE).await;
    assert_eq!(open(&again.body["keystore"], PASSPHRASE).address(), key.address());
    let me = server.get("/v1/me", &ada).await;
    assert_eq!(me.text("/account/custody"), "held", "the operator goes on knowing it");
    server.stop().await;
}

#[actix_web::test]
async fn a_key_leaves_with_nobody_else() {
    let server = server().await;
    let (_, ada) = server.home("ada", "consumer").await;
    let operator = server.staff("operator").await;
    for (token, password, passphrase, status, code) in [
        (&ada, "wrong horse battery", PASSPHRASE, 422, "WRONG_PASSWORD"),
        (&ada, PASSWORD, "too short", 422, "PASSPHRASE"),
        (&ada, PASSWORD, PASSWORD, 422, "PASSPHRASE"),
        (&operator, PASSWORD, PASSPHRASE, 403, "FORBIDDEN"),
    ] {
        let refused = export(&server, token, password, passphrase).await;
        assert_eq!((refused.status, refused.code()), (status, code), "{refused:?}");
    }
    let anonymous = json!({ "password": PASSWORD, "passphrase": PASSPHRASE });
    assert_eq!(server.knock("/v1/me/key-export", anonymous).await.status, 401);
    let log = server.audit_log().await;
    let exports = log.iter().filter(|entry| entry.starts_with("export_key"));
    assert_eq!(exports.collect::<Vec<_>>(), ["export_key denied", "export_key denied"]);
    server.stop().await;
}

#[actix_web::test]
async fn guessing_the_password_there_is_an_attempt_to_log_in() {
    let server = server().await;
    let (_, ada) = server.home("ada", "consumer").await;
    for _ in 0..10 {
        let refused = export(&server, &ada, "wrong horse battery", PASSPHRASE).await;
        assert_eq!(refused.code(), "WRONG_PASSWORD");
    }
    assert_eq!(export(&server, &ada, PASSWORD, PASSPHRASE).await.code(), "ATTEMPTS");
    let body = json!({ "grant": "password", "email": "ada@example.org", "password": PASSWORD });
    assert_eq!(server.knock("/v1/tokens", body).await.code(), "ATTEMPTS");
    server.stop().await;
}

#[actix_web::test]
async fn an_own_key_is_not_here_to_be_exported() {
    let server = server().await;
    let key = SecretKey::from_bytes(&[8; 32]).unwrap();
    let challenge = server.knock("/v1/challenges", json!({ "address": key.address() })).await;
    let signature = key.sign(eip191_hash_message(challenge.text("/message"))).to_string();
    let proof = json!({
        "address": key.address(), "nonce": challenge.text("/nonce"), "signature": signature,
    });
    let party = json!({
        "name": "Ada", "email": "ada@example.org", "role": "prosumer", "own_key": proof,
        "password": PASSWORD,
    });
    assert_eq!(server.knock("/v1/parties", party).await.status, 201);
    let ada = server.log_in("ada@example.org").await;
    let refused = export(&server, &ada, PASSWORD, PASSPHRASE).await;
    assert_eq!((refused.status, refused.code()), (422, "OWN_KEY"));
    server.stop().await;
}
