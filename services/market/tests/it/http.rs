//! The service on a free port, with a database of its own, a bus, and a node that only listens.

use std::sync::{Arc, Mutex};

use access::Role;
use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use alloy_consensus::TxEnvelope;
use alloy_eips::Decodable2718;
use alloy_primitives::{Address, B256, Bytes};
use anyhow::Result;
use async_trait::async_trait;
use bus::{Bus, Consumer};
use client::{JsonRpc, RpcError};
use events::market::{
    BookChanged, CaseDecided, CaseOpened, CommitmentExpired, CurtailmentChanged, OrderCancelled,
    SlotCleared, StopChanged, SuspensionChanged,
};
use events::{Envelope, Event};
use ids::CommunityId;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use keys::SecretKey;
use market::{Market, MarketConfig, Parts};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use service::{Claims, Clock, ClockHand, Verifier};
use tempfile::TempDir;
use utoipa_actix_web::AppExt;

use crate::town::*;

/// RFC 8032, test 1: a key pair that everyone knows.
const SECRET: [u8; 32] =
    alloy_primitives::hex!("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
const PUBLIC: [u8; 32] =
    alloy_primitives::hex!("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");

/// A node that takes transactions and never makes a block.
#[derive(Default)]
pub struct Listener {
    raw: Mutex<Vec<Vec<u8>>>,
    /// What contracts take as signed, whatever it is under (ERC-1271).
    takes: Mutex<Option<(Address, Vec<u8>)>>,
    down: Mutex<bool>,
}

#[async_trait]
impl JsonRpc for Listener {
    async fn request(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        if *self.down.lock().unwrap() {
            return Err(RpcError::unreachable("no route to host"));
        }
        match method {
            "eth_getBlockByNumber" => Ok(json!({ "hash": B256::repeat_byte(1) })),
            "eth_call" => {
                let to: Address = serde_json::from_value(params[0]["to"].clone()).unwrap();
                let data: Bytes = serde_json::from_value(params[0]["data"].clone()).unwrap();
                let takes = self.takes.lock().unwrap();
                let taken = takes.as_ref().is_some_and(|(account, bytes)| {
                    *account == to && data[100..].starts_with(bytes)
                });
                let magic = format!("0x1626ba7e{}", "00".repeat(28));
                Ok(json!(if taken { magic } else { "0x".to_owned() }))
            }
            "eth_sendRawTransaction" => {
                let raw: Bytes = serde_json::from_value(params[0].clone()).unwrap();
                self.raw.lock().unwrap().push(raw.to_vec());
                Ok(json!(alloy_primitives::keccak256(&raw)))
            }
            "eth_getTransactionReceipt" => Ok(Value::Null),
            "eth_blockNumber" => Ok(json!("0x1")),
            "eth_feeHistory" => {
                Ok(json!({ "oldestBlock": "0x1", "baseFeePerGas": ["0x7", "0x7"] }))
            }
            _ => Err(RpcError::new(-32_601, "the method does not exist")),
        }
    }
}

impl Listener {
    /// From now on the contract at `account` takes `bytes`.
    pub fn takes(&self, account: Address, bytes: &[u8]) {
        *self.takes.lock().unwrap() = Some((account, bytes.to_vec()));
    }

    /// From now on it answers nothing, or again.
    pub fn go(&self, down: bool) {
        *self.down.lock().unwrap() = down;
    }

    /// The transactions that came, in order.
    pub fn taken(&self) -> Vec<TxEnvelope> {
        let raw = self.raw.lock().unwrap();
        raw.iter().map(|raw| TxEnvelope::decode_2718(&mut raw.as_slice()).unwrap()).collect()
    }
}

/// Someone who listens to what the market publishes.
#[derive(Default)]
pub struct Reader {
    pub heard: Mutex<Vec<SlotCleared>>,
    pub told: Mutex<Vec<(String, Value)>>,
}

impl Reader {
    /// What was published beside cleared slots since the last time: subject and body.
    pub fn news(&self) -> Vec<(String, Value)> {
        std::mem::take(&mut self.told.lock().unwrap())
    }
}

#[async_trait]
impl Consumer for Reader {
    fn name(&self) -> &'static str {
        "reader"
    }

    fn subjects(&self) -> &'static [&'static str] {
        &[
            SlotCleared::SUBJECT,
            OrderCancelled::SUBJECT,
            CommitmentExpired::SUBJECT,
            BookChanged::SUBJECT,
            SuspensionChanged::SUBJECT,
            StopChanged::SUBJECT,
            CurtailmentChanged::SUBJECT,
            CaseOpened::SUBJECT,
            CaseDecided::SUBJECT,
        ]
    }

    async fn consume(&self, envelope: &Envelope) -> Result<()> {
        match envelope.open()? {
            Some(cleared) => self.heard.lock().unwrap().push(cleared),
            None => {
                let news = (envelope.subject.clone(), envelope.body.clone());
                self.told.lock().unwrap().push(news);
            }
        }
        Ok(())
    }
}

/// A running market and what is around it.
pub struct Running {
    pub market: Arc<Market>,
    pub bus: Bus,
    pub node: Arc<Listener>,
    pub reader: Arc<Reader>,
    pub hand: ClockHand,
    pub folder: Arc<TempDir>,
    url: String,
    server: ServerHandle,
}

/// Starts a market on a database of its own, in the morning.
pub async fn start() -> Running {
    start_on(Arc::new(TempDir::new().unwrap())).await
}

/// Starts the town's market on the database in `folder`.
pub async fn start_on(folder: Arc<TempDir>) -> Running {
    start_with(folder, config()).await
}

/// Starts another market on the database in `folder`.
pub async fn start_with(folder: Arc<TempDir>, config: MarketConfig) -> Running {
    start_all(folder, vec![config]).await
}

/// Starts markets on the database in `folder`.
pub async fn start_all(folder: Arc<TempDir>, markets: Vec<MarketConfig>) -> Running {
    let url = format!("sqlite:{}", folder.path().join("market.db").display());
    start_at(url, folder, markets).await
}

/// Starts markets on the database at `db_url`.
pub async fn start_at(db_url: String, folder: Arc<TempDir>, markets: Vec<MarketConfig>) -> Running {
    let (clock, hand) = Clock::set(morning());
    let (bus, node) = (Bus::in_process(), Arc::new(Listener::default()));
    let reader = Arc::new(Reader::default());
    bus.subscribe(reader.clone()).await.unwrap();
    let parts = parts(db_url, bus.clone(), clock, node.clone(), markets);
    let market = market::start(parts).await.unwrap();
    let (url, server) = serve(market.clone(), 0);
    Running { market, bus, node, reader, hand, folder, url, server }
}

/// What a market of the town is started with.
pub fn parts(
    db_url: String,
    bus: Bus,
    clock: Clock,
    node: Arc<Listener>,
    markets: Vec<MarketConfig>,
) -> Parts {
    Parts {
        db_url,
        bus,
        clock,
        node,
        clearer: clearer(),
        delegate: rules_delegate(),
        chain_id: CHAIN_ID,
        deployment: deployment(),
        markets,
    }
}

/// Serves a market on a port; on a free one where that is zero.
pub fn serve(market: Arc<Market>, port: u16) -> (String, ServerHandle) {
    let verifier = Verifier::new();
    verifier.trust("test".to_owned(), DecodingKey::from_ed_der(&PUBLIC));
    let (routes, verifier) = (market::routes(market), Data::new(verifier));
    let server = HttpServer::new(move || {
        let (json, query, path, payload) = service::extractor_limits();
        App::new()
            .into_utoipa_app()
            .app_data(verifier.clone())
            .app_data(json)
            .app_data(query)
            .app_data(path)
            .app_data(payload)
            .configure(routes.clone())
            .into_app()
    })
    .workers(1)
    .disable_signals()
    .bind(("127.0.0.1", port))
    .unwrap();
    let url = format!("http://{}", server.addrs()[0]);
    let server = server.run();
    let handle = server.handle();
    tokio::spawn(server);
    (url, handle)
}

/// The key of the clearing role.
pub fn clearer() -> SecretKey {
    SecretKey::from_bytes(&[7; 32]).unwrap()
}

/// The key that signs what standing rules place.
pub fn rules_delegate() -> SecretKey {
    SecretKey::from_bytes(&[8; 32]).unwrap()
}

impl Running {
    /// Where it serves.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops serving; the database stays.
    pub async fn stop(self) -> Arc<TempDir> {
        self.server.stop(true).await;
        self.market.close().await;
        self.folder
    }

    /// Sends a request; the status and the body. A refusal is a problem as of RFC 9457.
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        token: Option<String>,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let mut request = reqwest::Client::new().request(method, format!("{}{path}", self.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        if !status.is_success() {
            let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
            assert_eq!(kind, "application/problem+json", "{path}");
        }
        let body: Value = response.json().await.unwrap_or(Value::Null);
        if !status.is_success() {
            assert_eq!(body["status"], json!(status.as_u16()), "{path}");
            assert!(body["code"].is_string() && body["title"].is_string(), "{path}: {body}");
        }
        (status, body)
    }

    pub async fn get(&self, name: &str, path: &str) -> Value {
        let (status, body) = self.request(Method::GET, path, Some(token(name)), None).await;
        assert_eq!(status, StatusCode::OK, "{path}: {body}");
        body
    }

    pub async fn place(&self, name: &str, body: Value) -> (StatusCode, Value) {
        self.request(Method::POST, "/v1/orders", Some(token(name)), Some(body)).await
    }

    pub async fn cancel(&self, name: &str, order: &str) -> (StatusCode, Value) {
        let path = format!("/v1/orders/{order}");
        self.request(Method::DELETE, &path, Some(token(name)), None).await
    }
}

/// A token of a neighbour, where one may be absent.
pub fn trader(name: &str) -> Option<String> {
    Some(token(name))
}

/// A token of someone who runs the town.
pub fn operator() -> Option<String> {
    Some(token_as("operator", vec![Role::Operator], community()))
}

/// A token of the neighbour `name`, a prosumer of the town.
pub fn token(name: &str) -> String {
    token_as(name, vec![Role::Prosumer], community())
}

/// A token of `name` with roles in a community.
pub fn token_as(name: &str, roles: Vec<Role>, community: CommunityId) -> String {
    let neighbour = neighbour(name);
    let claims = Claims {
        iss: "wattex".to_owned(),
        sub: neighbour.party(),
        account: Some(neighbour.account()),
        community,
        roles,
        exp: 4_102_444_800,
        iat: 0,
    };
    // PKCS #8: the fixed prefix of an Ed25519 key, then the secret.
    let prefix = alloy_primitives::hex!("302e020100300506032b657004220420");
    let key = EncodingKey::from_ed_der(&[prefix.as_slice(), &SECRET].concat());
    let header = Header { kid: Some("test".to_owned()), ..Header::new(Algorithm::EdDSA) };
    jsonwebtoken::encode(&header, &claims, &key).unwrap()
}

/// An order as the API takes it.
pub fn body(order: &market::domain::NewOrder) -> Value {
    json!({
        "order_id": order.id.to_string(),
        "order": order.terms,
        "signature": order.signature.to_string(),
    })
}
