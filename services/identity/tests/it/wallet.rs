//! Accounts with a key of their own, in a browser's wallet.

use alloy_primitives::{Address, B256, U256, eip191_hash_message, keccak256};
use contracts::OrderTerms;
use identity::Settings;
use keys::{SecretKey, recover};
use serde_json::{Value, json};

use crate::server::{Answer, PLACE, Server};

/// A wallet with one key.
struct Wallet(SecretKey);

impl Wallet {
    fn new(seed: u8) -> Wallet {
        Wallet(SecretKey::from_bytes(&[seed; 32]).unwrap())
    }

    /// `personal_sign`, in 65 bytes.
    fn sign(&self, message: &str) -> String {
        let rsv = self.0.sign(eip191_hash_message(message)).to_rsv();
        let digits: String = rsv.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("0x{digits}")
    }

    async fn challenge(&self, server: &Server) -> Answer {
        let challenge = json!({ "address": self.0.address() });
        let challenge = server.knock("/v1/challenges", challenge).await;
        assert_eq!(challenge.status, 201, "{challenge:?}");
        challenge
    }

    async fn sign_up(&self, server: &Server) {
        let challenge = self.challenge(server).await;
        let proof = json!({
            "address": self.0.address(), "nonce": challenge.text("/nonce"),
            "signature": self.sign(&challenge.text("/message")),
        });
        let new = json!({
            "name": "Ada", "email": "ada@example.org", "role": "prosumer", "own_key": proof,
        });
        let party = server.knock("/v1/parties", new).await;
        assert_eq!((party.status, &party.body["account"]["custody"]), (201, &json!("own")));
    }
}

async fn log_in(server: &Server, message: &str, signature: &str) -> Answer {
    let body = json!({ "grant": "signature", "message": message, "signature": signature });
    server.knock("/v1/tokens", body).await
}

fn said(answer: &Answer) -> (u16, String) {
    (answer.status, answer.body["detail"].as_str().unwrap_or_default().to_owned())
}

#[actix_web::test]
async fn a_wallet_signs_up_and_logs_in_without_a_password() {
    let server = Server::start().await;
    let wallet = Wallet::new(5);
    let message = wallet.challenge(&server).await.text("/message");
    let stranger = log_in(&server, &message, &wallet.sign(&message)).await;
    assert_eq!(said(&stranger), (401, "no account has this key".to_owned()));
    wallet.sign_up(&server).await;
    let message = wallet.challenge(&server).await.text("/message");
    let address = wallet.0.address();
    let head = format!("localhost wants you to sign in with your Ethereum account:\n{address}\n");
    assert!(message.starts_with(&head), "{message}");
    assert!(message.contains("\nURI: http://localhost\nVersion: 1\nChain ID: 7701\n"), "{message}");
    let tokens = log_in(&server, &message, &wallet.sign(&message)).await;
    assert_eq!(tokens.status, 200, "{tokens:?}");
    let me = server.get("/v1/me", &tokens.text("/access_token")).await;
    assert_eq!(me.text("/email"), "ada@example.org");
    let refresh = json!({ "grant": "refresh", "refresh_token": tokens.text("/refresh_token") });
    assert_eq!(server.knock("/v1/tokens", refresh).await.status, 200);
    let again = log_in(&server, &message, &wallet.sign(&message)).await;
    assert_eq!(again.status, 401, "a challenge is answered once");
    let message = wallet.challenge(&server).await.text("/message");
    let compact = wallet.0.sign(eip191_hash_message(&message)).to_string();
    assert_eq!(log_in(&server, &message, &compact).await.status, 200);
    server.stop().await;
}

#[actix_web::test]
async fn a_message_for_another_place_lets_nobody_in() {
    let server = Server::start().await;
    let wallet = Wallet::new(5);
    wallet.sign_up(&server).await;
    let nonce_of = |challenge: &Answer| challenge.text("/nonce");
    let elsewhere = nonce_of(&Wallet::new(6).challenge(&server).await);
    for (change, fault) in [
        (("localhost wants", "eve.example wants"), "domain"),
        (("URI: http://localhost", "URI: https://eve.example"), "URI"),
        (("Chain ID: 7701", "Chain ID: 1"), "chain"),
        (("Version: 1", "Version: 2"), "version"),
        (("Nonce: ", "Nonce: 0"), "no such challenge"),
        (("Issued At: 2", "Issued At: 3"), "future"),
        (("", "\n"), "first line"),
    ] {
        let message = wallet.challenge(&server).await.text("/message");
        let changed = message.replacen(change.0, change.1, 1);
        let refused = said(&log_in(&server, &changed, &wallet.sign(&changed)).await);
        assert!(refused.0 == 401 && refused.1.contains(fault), "{fault}: {refused:?}");
    }
    let challenge = wallet.challenge(&server).await;
    let anothers = challenge.text("/message").replace(&nonce_of(&challenge), &elsewhere);
    let refused = said(&log_in(&server, &anothers, &wallet.sign(&anothers)).await);
    assert!(refused.0 == 401 && refused.1.contains("another address"), "{refused:?}");
    let endless = "x".repeat(3_000);
    assert_eq!(log_in(&server, &endless, &wallet.sign(&endless)).await.status, 401);
    server.stop().await;
}

#[actix_web::test]
async fn wallets_sign_in_where_the_web_app_is_and_nowhere_else() {
    let origins = vec!["https://wattex.example".parse().unwrap()];
    let server = Server::start_with(Settings { origins, ..Settings::default() }).await;
    let ask = async |origin: Value| {
        let body = json!({ "address": Address::repeat_byte(1), "origin": origin });
        server.knock("/v1/challenges", body).await
    };
    for origin in [Value::Null, json!("https://wattex.example")] {
        let message = ask(origin).await.text("/message");
        assert!(message.starts_with("wattex.example wants you to sign in"), "{message}");
    }
    for origin in ["https://eve.example", "http://localhost:5173", "wattex.example", ""] {
        let refused = ask(json!(origin)).await;
        assert_eq!((refused.status, refused.code()), (422, "ORIGIN"), "{origin}");
    }
    server.stop().await;
    let server = Server::start().await;
    let body = json!({ "address": Address::ZERO, "origin": "http://127.0.0.1:8080" });
    let message = server.knock("/v1/challenges", body).await.text("/message");
    assert!(message.starts_with("127.0.0.1:8080 wants you to sign in"), "{message}");
    server.stop().await;
}

#[actix_web::test]
async fn wrong_signatures_are_attempts_like_wrong_passwords() {
    let server = Server::start().await;
    let (wallet, other) = (Wallet::new(5), Wallet::new(6));
    wallet.sign_up(&server).await;
    let attempt = async |signer: &Wallet| {
        let message = wallet.challenge(&server).await.text("/message");
        log_in(&server, &message, &signer.sign(&message)).await
    };
    for _ in 0..9 {
        assert_eq!(attempt(&other).await.status, 401);
    }
    assert_eq!(attempt(&wallet).await.status, 200, "who is let in starts anew");
    for _ in 0..10 {
        assert_eq!(attempt(&other).await.status, 401);
    }
    for _ in 0..2 {
        let refused = attempt(&wallet).await;
        assert_eq!((refused.status, refused.code()), (429, "ATTEMPTS"));
    }
    let (_, admin) = server.admin().await;
    let log = server.get("/v1/audit-log", &admin).await;
    let by = json!(wallet.0.address().to_string());
    let denials = log.body["items"].as_array().unwrap().iter().filter(|entry| entry["by"] == by);
    assert_eq!(denials.map(|entry| entry["about"].clone()).collect::<Vec<_>>(), ["signature"]);
    server.stop().await;
}

/// What the web app has a wallet sign (`eth_signTypedData_v4`), and the order it is for. The web
/// app's own test holds the same file against the code that makes it.
const SAMPLE: &str = include_str!("../../../../web/src/order.sample.json");

#[test]
fn what_a_wallet_signs_is_the_order_that_the_market_checks() {
    let sample: Value = serde_json::from_str(SAMPLE).unwrap();
    let terms: OrderTerms = serde_json::from_value(sample["order"].clone()).unwrap();
    assert_eq!(sample["market"]["chain_id"], json!(PLACE.chain_id));
    let market: Address =
        sample["market"]["contracts"]["market"].as_str().unwrap().parse().unwrap();
    let typed = &sample["typed"];
    let domain = struct_hash(typed, "EIP712Domain", &typed["domain"]);
    let message = struct_hash(typed, typed["primaryType"].as_str().unwrap(), &typed["message"]);
    let shown = keccak256([&[0x19, 0x01], domain.as_slice(), message.as_slice()].concat());
    let signed = terms.hash(PLACE.chain_id, market);
    assert_eq!(shown, signed);
    let wallet = Wallet::new(5);
    assert_eq!(recover(signed, &wallet.0.sign(shown)), Some(wallet.0.address()));
}

/// `hashStruct` of EIP-712 for structs of plain fields, from the JSON that a wallet is given.
fn struct_hash(typed: &Value, name: &str, of: &Value) -> B256 {
    let fields = typed["types"][name].as_array().unwrap();
    let text = |field: &Value, key: &str| field[key].as_str().unwrap().to_owned();
    let declared = fields.iter().map(|field| text(field, "type") + " " + &text(field, "name"));
    let declared = format!("{name}({})", declared.collect::<Vec<_>>().join(","));
    let mut encoded = keccak256(declared).to_vec();
    for field in fields {
        let value = &of[text(field, "name")];
        let plain = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let word: B256 = match text(field, "type").as_str() {
            "string" => keccak256(plain),
            "address" => plain.parse::<Address>().unwrap().into_word(),
            "bytes32" => plain.parse().unwrap(),
            _ => plain.parse::<U256>().unwrap().into(),
        };
        encoded.extend_from_slice(word.as_slice());
    }
    keccak256(encoded)
}
