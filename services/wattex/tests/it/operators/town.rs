//! A town on the program's own wiring, reached as anybody reaches it: REST, JSON-RPC and MQTT on
//! ports of its own, with time in the test's hand.

use alloy_consensus::TxEip1559;
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, Bytes, TxKind, U256, hex, keccak256};
use calendar::Timestamp;
use client::{HttpRpc, JsonRpc, RpcError};
use ids::{AccountId, ConnectionPointId, MeterId};
use keys::SecretKey;
use matching::Mechanism;
use reading::{Reading, Status};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use service::{Clock, ClockHand, Principal};
use tempfile::TempDir;
use units::Register;

use super::calls::{self, Call, ContractEvent, Place, Signed, Wish};
use super::person::Person;
use super::setting::{self, Setting, ZONE};
use crate::node::quantity;
use crate::serving::{Device, Line};
use crate::signed::signed;
use crate::source::node::chain::role;
use crate::source::node::{Node, Secrets};

/// What everybody has in the market at first, in 1e-9 currency.
pub const DEPOSIT: u64 = 50_000_000_000;
/// Seconds between asking for a withdrawal and getting it.
pub const WITHDRAWAL_DELAY: i64 = 2 * 86_400;
/// Time for what was sent to be in a block: a few of them, each a second after the one before.
const BLOCK_SECONDS: i64 = 5;
/// How far time goes at once.
const STEP_SECONDS: i64 = 6 * 3_600;
/// Gas of every transaction: more than any of them needs.
const GAS: u64 = 8_000_000;
const FEE_PER_GAS_MAX: u128 = 1_000_000_000_000;
const PASSWORD: &str = "correct horse battery";
/// How long a change of roles waits, in seconds.
const ROLE_DELAY: i64 = 2 * 86_400;
const ADMIN: &str = "admin@town.example";

pub fn key(name: &str) -> SecretKey {
    SecretKey::from_bytes(&keccak256(name).0).unwrap()
}

/// The services at work, and all the keys of whoever runs them.
pub struct Town {
    pub node: Node,
    pub place: Place,
    pub secrets: Secrets,
    pub admin: String,
    /// Of a member of staff who credits payments.
    pub clerk: String,
    pub now: Timestamp,
    pub folder: TempDir,
    pub clock: Clock,
    setting: Setting,
    hand: ClockHand,
    http: Client,
    rpc: HttpRpc,
}

impl Town {
    pub async fn start() -> Town {
        Town::start_by(Mechanism::default()).await
    }

    /// A town whose slots are cleared by `mechanism` unless another is chosen.
    pub async fn start_by(mechanism: Mechanism) -> Town {
        Town::start_at("2026-06-01T08:00:00Z", Setting::of(mechanism)).await
    }

    /// A town that is ready at `moment`.
    pub async fn start_at(moment: &str, setting: Setting) -> Town {
        let folder = TempDir::new().unwrap();
        let now = moment.parse::<Timestamp>().unwrap().plus_seconds(-ROLE_DELAY);
        let (clock, hand) = Clock::set(now);
        let setting = Setting { genesis: now.plus_seconds(-60), ..setting };
        let node = Node::start(setting.settings(&folder, &clock)).await.unwrap();
        let place =
            Place { chain_id: node.chain_id, at: node.deployment, policy: node.policy.clone() };
        // Where the program keeps the one secret that all of its keys follow from.
        let secrets = Secrets::open(folder.path()).unwrap();
        let rpc = HttpRpc::new(format!("{}/rpc", node.url())).unwrap();
        let (http, admin, clerk) = (Client::new(), String::new(), String::new());
        let mut town = Town {
            node,
            place,
            secrets,
            admin,
            clerk,
            now,
            folder,
            clock,
            setting,
            hand,
            http,
            rpc,
        };
        let (community, tariff) = (town.node.community, town.setting.tariff());
        town.node.billing.publish_tariff(community, tariff, now).await.unwrap();
        town.node.identity.ensure_admin(ADMIN, PASSWORD).await.unwrap();
        town.admin = town.log_in(ADMIN).await;
        town.clerk = town.staff("operator").await;
        // Everybody sees for two days what the operator is up to.
        let operator = town.operator();
        for [propose, _] in town.grants() {
            town.sent(&operator, &propose).await;
        }
        town.pass(ROLE_DELAY + BLOCK_SECONDS).await;
        town
    }

    /// The same town after its program has ended and begun again, wherever it was: with a copy of
    /// its files, for this process still holds those of the chain.
    pub async fn restarted(self) -> Town {
        self.node.stop().await.unwrap();
        let folder = TempDir::new().unwrap();
        setting::copied(self.folder.path(), folder.path());
        let settings = self.setting.settings(&folder, &self.clock);
        let node = Node::start(settings).await.unwrap();
        let rpc = HttpRpc::new(format!("{}/rpc", node.url())).unwrap();
        Town { node, rpc, folder, ..self }
    }

    /// What gives the operator's key every role that a contract knows: what proposes it, and what
    /// does it.
    fn grants(&self) -> Vec<[Call; 2]> {
        let (operator, at) = (self.operator().address(), self.place.at);
        let all = [
            (at.market, &["CLEARER", "RECONCILER", "POLICY", "PAUSER"][..]),
            (at.token, &["MINTER"]),
            (at.meters, &["INSTALLER", "ENROLLER"]),
        ];
        let roles =
            all.into_iter().flat_map(|(at, roles)| roles.iter().map(move |role| (at, role)));
        let grant = |(contract, role): (Address, &&str)| {
            let call = self.place.grant(contract, role, operator);
            self.place.locked_away(call, ROLE_DELAY.unsigned_abs())
        };
        roles.map(grant).collect()
    }

    /// The key that may give itself every role, and has.
    pub fn operator(&self) -> SecretKey {
        self.secrets.key(role::ADMIN)
    }

    /// Every key of the program on its chain.
    pub fn keys(&self) -> [SecretKey; 12] {
        let all = [
            role::ADMIN,
            role::DEPLOYER,
            role::CLEARER,
            role::DELEGATE,
            role::RECONCILER,
            role::READINGS,
            role::INSTALLER,
            role::PAUSER,
            role::CERTIFIER,
            role::NETWORK,
            role::PLATFORM,
            role::COINBASE,
        ];
        all.map(|purpose| self.secrets.key(purpose))
    }

    /// Gives the operator's key every role that a contract knows, and ether to `strangers`, so that
    /// they can send what others signed.
    pub async fn seize(&mut self, strangers: &[Address]) {
        let operator = self.operator();
        for [_, grant] in self.grants() {
            self.sent(&operator, &grant).await;
        }
        let ether = U256::from(10).pow(U256::from(21));
        for stranger in strangers {
            let receipt = self.send(&operator, *stranger, Bytes::new(), ether).await;
            assert_eq!(receipt["status"], "0x1");
        }
    }

    /// Lets time come to `moment` and everything that is due by then happen. There is a block at
    /// the end, so that a question to the head is one about then.
    pub async fn pass_to(&mut self, moment: Timestamp) {
        while self.now < moment {
            self.now = self.now.plus_seconds(STEP_SECONDS).min(moment);
            self.hand.move_to(self.now);
            self.node.pump(self.now).await.unwrap();
        }
        self.node.ledger.mine_now(self.now).await.unwrap();
        self.node.pump(self.now).await.unwrap();
    }

    pub async fn pass(&mut self, seconds: i64) {
        self.pass_to(self.now.plus_seconds(seconds)).await;
    }

    // -- people

    /// Signs somebody up, with a wallet or with a password, and gives them a connection point, a
    /// meter and a deposit.
    pub async fn join(&mut self, name: &str, own: bool) -> Person {
        let own = own.then(|| key(name));
        let email = format!("{name}@town.example");
        let mut new = json!({ "name": name, "email": email, "role": "prosumer" });
        match &own {
            Some(key) => {
                let challenge = self.challenge(key.address()).await;
                new["own_key"] = json!({
                    "address": key.address(),
                    "nonce": challenge["nonce"],
                    "signature": personal(key, &challenge),
                });
            }
            None => new["password"] = json!(PASSWORD),
        }
        let party = self.made("/v1/parties", "", &new).await;
        let token = match &own {
            Some(key) => self.sign_in(key).await,
            None => self.log_in(&email).await,
        };
        let point = ConnectionPointId::derived(name);
        let account = &party["account"];
        let address: Address = account["address"].as_str().unwrap().parse().unwrap();
        let register = json!({
            "connection_point": point, "account": account["account"], "zone": self.node.zone,
            "timezone": ZONE, "import_max_w": 40_000, "export_max_w": 40_000,
        });
        self.made("/v1/connection-points", &self.admin, &register).await;
        let device = self.meter(name, point, address, own.as_ref()).await;
        let account: AccountId = account["account"].as_str().unwrap().parse().unwrap();
        let principal = Principal {
            party: party["party"].as_str().unwrap().parse().unwrap(),
            account: Some(account),
            community: self.node.community,
            roles: vec![access::Role::Prosumer],
        };
        self.pass(BLOCK_SECONDS).await;
        let credit = json!({ "account": account, "amount": "50.00" });
        self.made("/v1/deposits", &self.clerk, &credit).await;
        self.pass(BLOCK_SECONDS).await;
        Person { account, address, point, token, principal, device, own }
    }

    /// Puts a meter to work at a connection point; who has a key of their own signs for it.
    async fn meter(
        &self,
        name: &str,
        point: ConnectionPointId,
        owner: Address,
        own: Option<&SecretKey>,
    ) -> Device {
        let installer = self.node.identity.installer();
        let meter_key = key(&format!("{name}/meter"));
        let (meter, token) = (MeterId::derived(name), format!("the token of the meter of {name}"));
        let signature = own.map(|own| {
            let mut of = self.place.meter_of(owner, point, installer);
            (of.meter, of.key) = (meter, meter_key.address());
            self.place.enrolment_by(own, &of)
        });
        let new = json!({
            "meter": meter, "serial": format!("1EMH00{name}"), "connection_point": point,
            "key": meter_key.address(), "token": token, "owner_signature": signature,
            "valid_from": self.now.plus_seconds(-3_600),
        });
        self.made("/v1/meters", &self.admin, &new).await;
        Device { meter, key: meter_key, token }
    }

    async fn challenge(&self, address: Address) -> Value {
        self.made("/v1/challenges", "", &json!({ "address": address })).await
    }

    pub async fn sign_in(&self, key: &SecretKey) -> String {
        let challenge = self.challenge(key.address()).await;
        let signature = personal(key, &challenge);
        self.token(&json!({
            "grant": "signature", "message": challenge["message"], "signature": signature,
        }))
        .await
    }

    pub async fn log_in(&self, email: &str) -> String {
        self.token(&json!({ "grant": "password", "email": email, "password": PASSWORD })).await
    }

    async fn token(&self, grant: &Value) -> String {
        let (status, tokens) = self.post("/v1/tokens", "", grant).await;
        assert_eq!(status, StatusCode::OK, "{tokens}");
        tokens["access_token"].as_str().unwrap().to_owned()
    }

    /// A member of staff, added by the admin.
    pub async fn staff(&self, role: &str) -> String {
        let email = format!("{role}@town.example");
        let new = json!({ "name": role, "email": email, "role": role, "password": PASSWORD });
        self.made("/v1/parties", &self.admin, &new).await;
        self.log_in(&email).await
    }

    /// A meter says what its registers show, through the broker.
    pub async fn read(&self, person: &Person, page: u32, time: Timestamp, wh: [u64; 2]) {
        let device = &person.device;
        let ([import, export], status) = (wh.map(Register::from_wh), Status::default());
        let meter = device.meter;
        let reading = Reading { meter, page, time, import, export, status, firmware: 1 };
        let mut line = Line::open(self.node.mqtt_port(), device, &device.token);
        line.say(&device.topic(), &reading.sign(&device.key).encode()).await;
    }

    // -- REST

    async fn answer(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<&Value>,
    ) -> (StatusCode, Value) {
        let url = format!("{}{path}", self.node.url());
        let mut request = self.http.request(method, url);
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            let name = keccak256(body.to_string()).to_string();
            request = request.header("Idempotency-Key", name).json(body);
        }
        let response = request.send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }

    pub async fn post(&self, path: &str, token: &str, body: &Value) -> (StatusCode, Value) {
        self.answer(Method::POST, path, token, Some(body)).await
    }

    /// What was made; the test fails where it was not.
    pub async fn made(&self, path: &str, token: &str, body: &Value) -> Value {
        let (status, answer) = self.post(path, token, body).await;
        assert_eq!(status, StatusCode::CREATED, "{path}: {answer}");
        answer
    }

    /// The code with which a request is refused.
    pub async fn refusal(&self, path: &str, token: &str, body: &Value) -> String {
        let (status, answer) = self.post(path, token, body).await;
        assert!(status.is_client_error(), "{path} was not refused: {answer}");
        answer["code"].as_str().unwrap().to_owned()
    }

    /// The code with which a change is refused.
    pub async fn refused_put(&self, path: &str, token: &str, body: &Value) -> String {
        let (status, answer) = self.answer(Method::PUT, path, token, Some(body)).await;
        assert!(status.is_client_error(), "{path} was not refused: {answer}");
        answer["code"].as_str().unwrap().to_owned()
    }

    /// Puts what must be taken; the answer.
    pub async fn put(&self, path: &str, token: &str, body: &Value) -> Value {
        let (status, answer) = self.answer(Method::PUT, path, token, Some(body)).await;
        assert!(status.is_success(), "{path}: {status} {answer}");
        answer
    }

    pub async fn ask(&self, path: &str, token: &str) -> (StatusCode, Value) {
        self.answer(Method::GET, path, token, None).await
    }

    pub async fn get(&self, path: &str, token: &str) -> Value {
        let (status, answer) = self.ask(path, token).await;
        assert_eq!(status, StatusCode::OK, "{path}: {answer}");
        answer
    }

    /// Places an order; the code of the refusal where it is refused.
    pub async fn place(&self, token: &str, order: &Signed) -> Result<Value, String> {
        let body = json!({ "order": order.terms, "signature": order.signature });
        let (status, answer) = self.post("/v1/orders", token, &body).await;
        match status {
            StatusCode::CREATED => Ok(answer),
            _ => Err(answer["code"].as_str().unwrap().to_owned()),
        }
    }

    /// An order that identity signs with the held key of whoever the token is for.
    pub async fn signed_inside(&self, token: &str, wish: Wish) -> Signed {
        let terms = self.place.terms(wish);
        let (status, answer) = self.post("/v1/signatures/order", token, &json!(terms)).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let of = |field: &str| answer[field].clone();
        let hash = serde_json::from_value(of("hash")).unwrap();
        Signed { terms, hash, signature: serde_json::from_value(of("signature")).unwrap() }
    }

    // -- JSON-RPC

    pub async fn request(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        self.rpc.request(method, params).await
    }

    /// Signs and sends a transaction and has it mined; its receipt.
    async fn send(&mut self, by: &SecretKey, to: Address, data: Bytes, value: U256) -> Value {
        let count = json!([by.address(), "pending"]);
        let nonce = quantity(&self.request("eth_getTransactionCount", count).await.unwrap());
        let unsigned = TxEip1559 {
            chain_id: self.place.chain_id,
            nonce,
            gas_limit: GAS,
            max_fee_per_gas: FEE_PER_GAS_MAX,
            to: TxKind::Call(to),
            value,
            input: data,
            ..TxEip1559::default()
        };
        let raw = hex::encode_prefixed(signed(by, unsigned).encoded_2718());
        let hash = self.request("eth_sendRawTransaction", json!([raw])).await.unwrap();
        self.pass(BLOCK_SECONDS).await;
        let receipt = self.request("eth_getTransactionReceipt", json!([hash])).await.unwrap();
        assert!(receipt.is_object(), "the transaction is in no block");
        receipt
    }

    /// Sends a call that must succeed; what happened.
    pub async fn sent(&mut self, by: &SecretKey, call: &Call) -> Vec<ContractEvent> {
        if let Err(refusal) = self.asked(by.address(), call).await {
            panic!("{}", refused(&refusal));
        }
        let receipt = self.send(by, call.to, call.data.clone(), U256::ZERO).await;
        assert_eq!(receipt["status"], "0x1", "{receipt}");
        self.events(&receipt["logs"])
    }

    /// Sends a call that must fail, and does not believe a forecast alone: the contract's reason.
    pub async fn refused(&mut self, by: &SecretKey, call: &Call) -> String {
        let refusal = self.asked(by.address(), call).await;
        let refusal = refusal.expect_err("the contract would let it pass");
        let receipt = self.send(by, call.to, call.data.clone(), U256::ZERO).await;
        assert_eq!(receipt["status"], "0x0", "it passed: {receipt}");
        refused(&refusal)
    }

    /// Why the contract would refuse a call of this key.
    pub async fn would_refuse(&self, by: &SecretKey, call: &Call) -> String {
        refused(&self.asked(by.address(), call).await.expect_err("the contract would let it pass"))
    }

    async fn asked(&self, from: Address, call: &Call) -> Result<Value, RpcError> {
        let what = json!({ "from": from, "to": call.to, "data": call.data });
        self.request("eth_call", json!([what, "latest"])).await
    }

    /// The number that a view function answers.
    pub async fn number(&self, question: &Call) -> u64 {
        let answer = self.asked(Address::ZERO, question).await.unwrap();
        calls::number(&answer.as_str().unwrap().parse().unwrap())
    }

    pub async fn free(&self, person: &Person) -> u64 {
        self.number(&self.place.free(person.address)).await
    }

    /// Everything that our contracts logged.
    pub async fn history(&self) -> Vec<ContractEvent> {
        let filter = json!([{ "fromBlock": "earliest", "toBlock": "latest" }]);
        let logs = self.request("eth_getLogs", filter).await.unwrap();
        self.events(&logs)
    }

    fn events(&self, logs: &Value) -> Vec<ContractEvent> {
        let logs = logs.as_array().unwrap().iter();
        logs.filter_map(|log| calls::event(&self.place.at, log)).collect()
    }

    /// The books of the services owe what the contract holds, to the unit.
    pub async fn books_are_covered(&self) {
        let reserve = self.get("/v1/reserve", "").await;
        assert_eq!(reserve["reserves"][0]["equal"], true, "{reserve}");
    }

    pub async fn stop(self) {
        self.node.stop().await.unwrap();
    }
}

/// What a wallet answers to a text that it is asked to sign.
fn personal(key: &SecretKey, challenge: &Value) -> String {
    let message = challenge["message"].as_str().unwrap();
    key.sign(alloy_primitives::eip191_hash_message(message)).to_string()
}

fn refused(refusal: &RpcError) -> String {
    let data = refusal.data.as_ref().and_then(Value::as_str);
    let data: Bytes = data.unwrap_or_else(|| panic!("{refusal}")).parse().unwrap();
    calls::reason(&data)
}
