//! Accounts that are contracts: what they take as signed (ERC-1271) counts.

use std::collections::HashMap;
use std::sync::Mutex;

use alloy_primitives::{Address, B256, Bytes, eip191_hash_message, hex};
use async_trait::async_trait;
use client::{JsonRpc, RpcError};
use contracts::CONTRACT_GAS_MAX;
use contracts::requests::{MeterEnrolment, enrolment};
use events::identity::MeterEnrolled;
use keys::SecretKey;
use serde_json::{Value, json};

use crate::server::{Answer, PLACE, Server};

/// The block that is the newest.
const BLOCK: B256 = B256::repeat_byte(0xb1);
const MAGIC: &str = "0x1626ba7e00000000000000000000000000000000000000000000000000000000";

/// What an account on the chain says to a question about a signature.
#[derive(Clone)]
pub(crate) enum Code {
    /// Yes to what this key has signed, in 65 bytes with one more behind them.
    Wallet(Address),
    /// Always this.
    Says(&'static str),
    /// It reverts.
    Reverts,
}

/// A chain that knows which accounts are contracts.
#[derive(Default)]
pub(crate) struct TestChain {
    codes: Mutex<HashMap<Address, Code>>,
    asked: Mutex<Vec<Value>>,
    down: Mutex<bool>,
}

impl TestChain {
    pub(crate) fn deploy(&self, at: Address, code: Code) {
        self.codes.lock().unwrap().insert(at, code);
    }

    fn answer(&self, call: &Value) -> Result<Value, RpcError> {
        let to: Address = serde_json::from_value(call["to"].clone()).unwrap();
        let data: Bytes = serde_json::from_value(call["data"].clone()).unwrap();
        match self.codes.lock().unwrap().get(&to) {
            None => Ok(json!("0x")),
            Some(Code::Says(answer)) => Ok(json!(answer)),
            Some(Code::Reverts) => Err(RpcError::new(3, "execution reverted")),
            Some(Code::Wallet(owner)) => {
                let (hash, length) = (B256::from_slice(&data[4..36]), usize::from(data[99]));
                let signature = data.get(100..165).map(|bytes| bytes.try_into().unwrap());
                let signature = signature.and_then(|rsv| keys::Signature::from_rsv(rsv).ok());
                let signer = signature.and_then(|signature| keys::recover(hash, &signature));
                Ok(json!(if length == 66 && signer == Some(*owner) { MAGIC } else { "0x" }))
            }
        }
    }
}

#[async_trait]
impl JsonRpc for TestChain {
    async fn request(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        if *self.down.lock().unwrap() {
            return Err(RpcError::unreachable("no route to host"));
        }
        match method {
            "eth_getBlockByNumber" => Ok(json!({ "hash": BLOCK })),
            "eth_call" => {
                self.asked.lock().unwrap().push(params.clone());
                self.answer(&params[0])
            }
            other => panic!("{other}"),
        }
    }
}

/// A contract account, and the key that it listens to.
struct Wallet {
    at: Address,
    owner: SecretKey,
}

impl Wallet {
    fn at(server: &Server, byte: u8) -> Wallet {
        let wallet = Wallet {
            at: Address::repeat_byte(byte),
            owner: SecretKey::from_bytes(&[byte; 32]).unwrap(),
        };
        server.chain.deploy(wallet.at, Code::Wallet(wallet.owner.address()));
        wallet
    }

    /// In 66 bytes, which no key's signature has.
    fn sign(&self, hash: B256) -> String {
        format!("0x{}00", hex::encode(self.owner.sign(hash).to_rsv()))
    }

    async fn challenge(&self, server: &Server) -> Answer {
        let challenge = server.knock("/v1/challenges", json!({ "address": self.at })).await;
        assert_eq!(challenge.status, 201, "{challenge:?}");
        challenge
    }

    async fn sign_up(&self, server: &Server, signature: Option<&str>) -> Answer {
        let challenge = self.challenge(server).await;
        let signed = self.sign(eip191_hash_message(challenge.text("/message")));
        let new = json!({
            "name": "Safe", "email": "safe@example.org", "role": "prosumer",
            "own_key": {
                "address": self.at, "nonce": challenge.text("/nonce"),
                "signature": signature.unwrap_or(&signed),
            },
        });
        server.knock("/v1/parties", new).await
    }

    async fn log_in(&self, server: &Server, signature: Option<&str>) -> Answer {
        let message = self.challenge(server).await.text("/message");
        let signed = self.sign(eip191_hash_message(&message));
        let signature = signature.unwrap_or(&signed);
        let body = json!({ "grant": "signature", "message": message, "signature": signature });
        server.knock("/v1/tokens", body).await
    }
}

#[actix_web::test]
async fn a_contract_signs_up_and_logs_in_with_what_it_takes_as_signed() {
    let server = Server::start().await;
    let safe = Wallet::at(&server, 5);
    let party = safe.sign_up(&server, None).await;
    assert_eq!(
        (party.status, &party.body["account"]["custody"]),
        (201, &json!("own")),
        "{party:?}"
    );
    let tokens = safe.log_in(&server, None).await;
    assert_eq!(tokens.status, 200, "{tokens:?}");
    let me = server.get("/v1/me", &tokens.text("/access_token")).await;
    assert_eq!(me.body["account"]["address"], json!(safe.at), "{me:?}");
    // Each time it was asked of one block, with a bounded amount of gas.
    let asked = server.chain.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 2);
    for params in asked {
        assert_eq!((&params[0]["to"], &params[1]["blockHash"]), (&json!(safe.at), &json!(BLOCK)));
        let gas = params[0]["gas"].as_str().unwrap().trim_start_matches("0x");
        let gas = u64::from_str_radix(gas, 16).unwrap();
        assert!((CONTRACT_GAS_MAX..CONTRACT_GAS_MAX + 30_000).contains(&gas), "{gas}");
    }
    server.stop().await;
}

#[actix_web::test]
async fn what_a_contract_does_not_take_lets_nobody_in() {
    let server = Server::start().await;
    let safe = Wallet::at(&server, 5);
    let refused = safe.sign_up(&server, Some("0x1234")).await;
    assert_eq!((refused.status, refused.code()), (422, "PROOF"), "{refused:?}");
    assert_eq!(safe.sign_up(&server, None).await.status, 201);
    let long = format!("0x{}", "11".repeat(1_025));
    for signature in ["0x", "0x1234", &long] {
        let answer = safe.log_in(&server, Some(signature)).await;
        assert_eq!((answer.status, answer.code()), (401, "UNAUTHENTICATED"), "{signature}");
    }
    // Its owner's key is not its own: only what the contract takes counts.
    let message = safe.challenge(&server).await.text("/message");
    let plain = safe.owner.sign(eip191_hash_message(&message)).to_string();
    let body = json!({ "grant": "signature", "message": message, "signature": plain });
    assert_eq!(server.knock("/v1/tokens", body).await.status, 401);
    // A contract may change its mind, and may answer anything.
    let other = "0x1626ba7f00000000000000000000000000000000000000000000000000000000";
    let dirty = "0x1626ba7e00000000000000000000000000000000000000000000000000000001";
    let codes = ["0x", "0x1626ba7e", other, dirty].map(Code::Says);
    for code in [Code::Wallet(Address::repeat_byte(9)), Code::Reverts].into_iter().chain(codes) {
        server.chain.deploy(safe.at, code);
        assert_eq!(safe.log_in(&server, None).await.status, 401);
    }
    server.chain.deploy(safe.at, Code::Wallet(safe.owner.address()));
    assert_eq!(safe.log_in(&server, None).await.status, 429, "each was an attempt");
    server.stop().await;
}

#[actix_web::test]
async fn without_a_node_no_contract_is_believed_and_keys_still_are() {
    let server = Server::start().await;
    let safe = Wallet::at(&server, 5);
    *server.chain.down.lock().unwrap() = true;
    let answer = safe.sign_up(&server, None).await;
    assert_eq!((answer.status, answer.code()), (503, "UNAVAILABLE"), "{answer:?}");
    *server.chain.down.lock().unwrap() = false;
    assert_eq!(safe.sign_up(&server, None).await.status, 201);
    *server.chain.down.lock().unwrap() = true;
    assert_eq!(safe.log_in(&server, None).await.status, 503);
    let key = SecretKey::from_bytes(&[6; 32]).unwrap();
    let challenge = server.knock("/v1/challenges", json!({ "address": key.address() })).await;
    let proof = key.sign(eip191_hash_message(challenge.text("/message"))).to_string();
    let new = json!({
        "name": "Ada", "email": "ada@example.org", "role": "consumer",
        "own_key": {
            "address": key.address(), "nonce": challenge.text("/nonce"), "signature": proof,
        },
    });
    assert_eq!(server.knock("/v1/parties", new).await.status, 201);
    server.stop().await;
}

#[actix_web::test]
async fn a_contract_owns_a_meter_whose_enrolment_it_takes_as_signed() {
    let server = Server::start().await;
    let operator = server.staff("operator").await;
    let safe = Wallet::at(&server, 5);
    let party = safe.sign_up(&server, None).await;
    let point = server.connection_point(&operator, &party.body["account"]).await;
    let (meter, key) = ("018f0000-0000-7000-8000-0000000000cc", Address::repeat_byte(7));
    let hash = enrolment(
        PLACE.chain_id,
        PLACE.at.meters,
        &MeterEnrolment {
            meter: meter.parse().unwrap(),
            key,
            owner: safe.at,
            installer: server.identity.installer(),
            connection_point: point.parse().unwrap(),
            version: 1,
        },
    );
    let enrol = async |signature: String| {
        let new = json!({
            "meter": meter, "serial": "1", "connection_point": point, "key": key,
            "owner_signature": signature,
        });
        server.post("/v1/meters", &operator, new).await
    };
    let refused = enrol(safe.sign(B256::repeat_byte(1))).await;
    assert_eq!((refused.status, refused.code()), (422, "SIGNATURE"), "{refused:?}");
    assert_eq!(enrol(safe.sign(hash)).await.status, 201);
    let enrolled = server.events::<MeterEnrolled>().await.remove(0).enrolment;
    assert_eq!((enrolled.owner, enrolled.owner_signature.to_string()), (safe.at, safe.sign(hash)));
    server.stop().await;
}
