//! A server for one test, and what to ask it.

use std::sync::{Arc, Mutex};

use actix_web::dev::ServerHandle;
use actix_web::web::Data;
use actix_web::{App, HttpServer};
use alloy_primitives::Address;
use async_trait::async_trait;
use bus::{Bus, Consumer};
use calendar::Timestamp;
use contracts::{Cash, Currency, Deployment};
use events::{Envelope, Event, identity::*};
use identity::{Identity, MasterKey, Parts, PasswordCost, Place, Settings};
use ids::CommunityId;
use keys::SecretKey;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use service::{Clock, ClockHand, Principal};
use tempfile::TempDir;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::contract_accounts::TestChain;

pub(crate) const ADMIN: &str = "admin@example.org";
pub(crate) const PASSWORD: &str = "correct horse battery";
pub(crate) const PLACE: Place = Place {
    chain_id: 7_701,
    at: Deployment {
        token: Address::repeat_byte(0xcc),
        market: Address::repeat_byte(0xaa),
        meters: Address::repeat_byte(0xbb),
        readings: Address::repeat_byte(0xb1),
        records: Address::repeat_byte(0xb2),
        challenges: Address::repeat_byte(0xb3),
        certificates: Address::repeat_byte(0xb4),
        mandates: Address::repeat_byte(0xb5),
        exchange: Address::repeat_byte(0xb6),
        timelock: Address::repeat_byte(0xb7),
    },
};

/// Identity, listening.
pub(crate) struct Server {
    pub(crate) identity: Arc<Identity>,
    pub(crate) hand: ClockHand,
    pub(crate) folder: TempDir,
    pub(crate) chain: Arc<TestChain>,
    bus: Bus,
    seen: Arc<Seen>,
    url: String,
    handle: ServerHandle,
}

/// An answer: its status and its JSON.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    /// Why it was refused.
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// The text at `pointer`.
    pub(crate) fn text(&self, pointer: &str) -> String {
        let value = self.body.pointer(pointer).unwrap_or_else(|| panic!("{pointer} in {self:?}"));
        value.as_str().unwrap().to_owned()
    }
}

/// Remembers every event.
#[derive(Default)]
struct Seen(Mutex<Vec<Envelope>>);

#[async_trait]
impl Consumer for Seen {
    fn name(&self) -> &'static str {
        "test"
    }

    fn subjects(&self) -> &'static [&'static str] {
        &[
            AccountOpened::SUBJECT,
            AddressAssigned::SUBJECT,
            ConnectionPointRegistered::SUBJECT,
            MeterEnrolled::SUBJECT,
            MeterRotated::SUBJECT,
            MeterHandedOver::SUBJECT,
            MeterRevoked::SUBJECT,
            SweepSigned::SUBJECT,
        ]
    }

    async fn consume(&self, envelope: &Envelope) -> anyhow::Result<()> {
        self.0.lock().unwrap().push(envelope.clone());
        Ok(())
    }
}

pub(crate) fn community() -> CommunityId {
    CommunityId::derived("sunny street")
}

pub(crate) fn installer() -> SecretKey {
    SecretKey::from_bytes(&[9; 32]).unwrap()
}

/// Where the francs are.
pub(crate) const FRANCS: Cash =
    Cash { token: Address::repeat_byte(0x78), market: Address::repeat_byte(0x77) };

fn currencies() -> Vec<Currency> {
    [("EUR", PLACE.at.cash()), ("CHF", FRANCS)]
        .map(|(code, cash)| Currency { code: code.to_owned(), cash })
        .to_vec()
}

pub(crate) fn parts(folder: &TempDir, bus: Bus, clock: Clock, master_key: MasterKey) -> Parts {
    Parts {
        db_url: format!("sqlite:{}", folder.path().join("identity.db").display()),
        bus,
        clock,
        community: community(),
        master_key,
        installer: installer(),
        place: PLACE,
        currencies: currencies(),
        node: Arc::new(TestChain::default()),
        password_cost: PasswordCost { memory_kib: 64, passes: 1 },
    }
}

impl Server {
    pub(crate) async fn start() -> Server {
        Server::start_with(Settings::default()).await
    }

    pub(crate) async fn start_with(settings: Settings) -> Server {
        let folder = tempfile::tempdir().unwrap();
        let (clock, hand) = Clock::set("2026-06-01T10:00:00Z".parse::<Timestamp>().unwrap());
        let (bus, seen) = (Bus::in_process(), Arc::new(Seen::default()));
        bus.subscribe(seen.clone()).await.unwrap();
        let master_key = MasterKey::from_bytes([1; 32]);
        let chain = Arc::new(TestChain::default());
        let parts = parts(&folder, bus.clone(), clock, master_key);
        let parts = Parts { node: chain.clone(), ..parts };
        let identity = identity::start_with(parts, settings).await.unwrap();
        let routes = identity::routes(identity.clone());
        let verifier = Data::new(identity.verifier());
        let server = HttpServer::new(move || {
            let (json, query, path, payload) = service::extractor_limits();
            let app = App::new().app_data(json).app_data(query).app_data(path).app_data(payload);
            app.app_data(verifier.clone())
                .configure(|config| routes(&mut ServiceConfig::new(config)))
        })
        .workers(1)
        .disable_signals()
        .bind(("127.0.0.1", 0))
        .unwrap();
        let url = format!("http://{}", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Server { identity, hand, folder, chain, bus, seen, url, handle }
    }

    pub(crate) async fn stop(self) {
        self.handle.stop(true).await;
        self.identity.close().await;
    }

    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> Answer {
        let mut request = Client::new().request(method, format!("{}{path}", self.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        Answer { status: response.status().as_u16(), body: response.json().await.unwrap() }
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Answer {
        self.ask(Method::GET, path, Some(token), None).await
    }

    pub(crate) async fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        self.ask(Method::POST, path, Some(token), Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, token: &str, body: Value) -> Answer {
        self.ask(Method::PUT, path, Some(token), Some(body)).await
    }

    /// What the audit log says, as `action outcome`, oldest first.
    pub(crate) async fn audit_log(&self) -> Vec<String> {
        let (_, admin) = self.admin().await;
        let log = self.get("/v1/audit-log", &admin).await;
        let tell = |entry: &Value| {
            format!("{} {}", entry["action"].as_str().unwrap(), entry["outcome"].as_str().unwrap())
        };
        log.body["items"].as_array().unwrap().iter().map(tell).collect()
    }

    /// Asks without a token.
    pub(crate) async fn knock(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, path, None, Some(body)).await
    }

    /// Signs `name` up as `role`; its answer.
    pub(crate) async fn sign_up(&self, name: &str, role: &str) -> Answer {
        let body = json!({
            "name": name, "email": format!("{name}@example.org"), "password": PASSWORD,
            "role": role,
        });
        self.knock("/v1/parties", body).await
    }

    /// Signs `name` up as `role`; its account and a token.
    pub(crate) async fn home(&self, name: &str, role: &str) -> (Value, String) {
        let party = self.sign_up(name, role).await;
        assert_eq!(party.status, 201, "{party:?}");
        (party.body["account"].clone(), self.log_in(&format!("{name}@example.org")).await)
    }

    /// A token of whoever has this address and the usual password.
    pub(crate) async fn log_in(&self, email: &str) -> String {
        let body = json!({ "grant": "password", "email": email, "password": PASSWORD });
        let tokens = self.knock("/v1/tokens", body).await;
        assert_eq!(tokens.status, 200, "{tokens:?}");
        tokens.text("/access_token")
    }

    /// The admin, and its token.
    pub(crate) async fn admin(&self) -> (Principal, String) {
        let admin = self.identity.ensure_admin(ADMIN, PASSWORD).await.unwrap();
        (admin, self.log_in(ADMIN).await)
    }

    /// A token of a new `role` of the staff.
    pub(crate) async fn staff(&self, role: &str) -> String {
        let (_, admin) = self.admin().await;
        let email = format!("{role}@example.org");
        let body = json!({ "name": role, "email": email, "password": PASSWORD, "role": role });
        let answer = self.post("/v1/parties", &admin, body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        self.log_in(&email).await
    }

    /// Tells identity what another service tells.
    pub(crate) async fn tell<E: Event>(&self, event: &E, cause: &str) {
        let envelope = Envelope::of(event, cause, "2026-06-02T00:00:00Z".parse().unwrap());
        self.bus.publish(&envelope).await.unwrap();
    }

    /// The events of one kind so far.
    pub(crate) async fn events<E: Event>(&self) -> Vec<E> {
        self.identity.drain("2026-06-02T00:00:00Z".parse().unwrap()).await.unwrap();
        let seen = self.seen.0.lock().unwrap();
        seen.iter().filter_map(|envelope| envelope.open::<E>().unwrap()).collect()
    }

    /// Registers a connection point of `account`; its id.
    pub(crate) async fn connection_point(&self, staff: &str, account: &Value) -> String {
        let body = json!({
            "account": account["account"], "zone": "00000000-0000-0000-0000-000000000001",
            "timezone": "Europe/Berlin", "import_max_w": 11_000, "export_max_w": 7_000,
        });
        let point = self.post("/v1/connection-points", staff, body).await;
        assert_eq!(point.status, 201, "{point:?}");
        point.text("/connection_point")
    }
}
