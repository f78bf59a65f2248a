//! A node of the test's own, a funded key and a small contract.

use actix_web::{App, HttpServer};
use alloy_consensus::transaction::Recovered;
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U64, U256};
use bus::Bus;
use calendar::Timestamp;
use chain::genesis::Allocation;
use chain::{Block, GenesisSpec, HeadChange};
use client::{HttpRpc, JsonRpc, RpcError};
use keys::SecretKey;
use ledger::{Config, ImportError, Ledger, Parts};
use serde_json::{Value, json};
use service::{Clock, ClockHand, Tick};
use std::sync::Arc;
use tempfile::TempDir;
use utoipa_actix_web::AppExt;

pub(crate) const CHAIN_ID: u64 = 4_711;
pub(crate) const START: u64 = 1_800_000_000;

/// Without call data it returns what it keeps; with a word it keeps it and logs it under the word
/// as topic; with the word zero it reverts.
const RUNTIME: &str = "36600c575f545f5260205ff35b5f35806016575f5ffd5b805f55805f5260205fa100";

pub(crate) fn creation_code() -> Bytes {
    // Copies the code behind itself to memory and returns it.
    format!("0x60228060095f395ff3{RUNTIME}").parse().unwrap()
}

pub(crate) fn word(number: u64) -> Bytes {
    B256::from(U256::from(number)).0.into()
}

pub(crate) fn key(number: u8) -> SecretKey {
    SecretKey::from_bytes(&[number; 32]).unwrap()
}

/// What JSON-RPC answered, read.
pub(crate) fn parsed<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{value}: {error}"))
}

/// A running node with a contract that keeps a word.
pub(crate) async fn node_with_contract() -> (Setup, TestNode, Address) {
    let setup = Setup::default();
    let node = setup.start().await;
    let contract = node.deploy(0).await;
    (setup, node, contract)
}

/// A chain with a low fixed difficulty whose first three keys have a thousand ether each.
pub(crate) fn genesis() -> GenesisSpec {
    let mut spec = GenesisSpec::new(CHAIN_ID, START);
    spec.difficulty = U256::from(16);
    spec.fixed_difficulty = true;
    for number in 1..=3 {
        let balance = U256::from(10).pow(U256::from(21));
        spec.alloc.insert(key(number).address(), Allocation { balance, ..Allocation::default() });
    }
    spec
}

pub(crate) fn start() -> Timestamp {
    Timestamp::from_seconds(i64::try_from(START).unwrap())
}

pub(crate) struct TestNode {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) hand: ClockHand,
    pub(crate) clock: Clock,
    pub(crate) url: String,
    rpc: Arc<dyn JsonRpc>,
}

pub(crate) struct Setup {
    pub(crate) directory: TempDir,
    pub(crate) genesis: GenesisSpec,
    pub(crate) config: Config,
    pub(crate) bus: Bus,
}

impl Default for Setup {
    fn default() -> Self {
        let config = Config { finality_lag: 5, development: true, ..Config::default() };
        let directory = tempfile::tempdir().unwrap();
        Self { directory, genesis: genesis(), config, bus: Bus::in_process() }
    }
}

impl Setup {
    pub(crate) fn with_config(change: impl FnOnce(&mut Config)) -> Self {
        let mut setup = Self::default();
        change(&mut setup.config);
        setup
    }

    /// What a node in the directory is started with.
    pub(crate) fn parts(&self, clock: Clock) -> Parts {
        Parts {
            directory: self.directory.path().to_owned(),
            genesis: self.genesis.clone(),
            bus: self.bus.clone(),
            clock,
            config: self.config.clone(),
        }
    }

    /// Starts the node and its server; the clock shows the time of the genesis.
    pub(crate) async fn start(&self) -> TestNode {
        let (clock, hand) = Clock::set(start());
        let ledger = ledger::start(self.parts(clock.clone())).await.unwrap();
        let routes = ledger::routes(ledger.clone());
        let app = move || {
            let (app, _) = App::new().into_utoipa_app().configure(routes.clone()).split_for_parts();
            app
        };
        let server = HttpServer::new(app).workers(1).bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", server.addrs()[0]);
        actix_web::rt::spawn(server.run());
        let rpc = Arc::new(HttpRpc::new(format!("{url}/rpc")).unwrap());
        TestNode { ledger, hand, clock, url, rpc }
    }
}

impl Setup {
    /// Starts the node without a server, so that its directory is free once it is dropped.
    pub(crate) async fn start_without_server(&self) -> TestNode {
        let (clock, hand) = Clock::set(start());
        let ledger = ledger::start(self.parts(clock.clone())).await.unwrap();
        let rpc: Arc<dyn JsonRpc> = ledger.clone();
        TestNode { ledger, hand, clock, url: String::new(), rpc }
    }
}

impl TestNode {
    pub(crate) async fn try_rpc(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        self.rpc.request(method, params).await
    }

    pub(crate) async fn rpc(&self, method: &str, params: Value) -> Value {
        let answer = self.try_rpc(method, params.clone()).await;
        answer.unwrap_or_else(|error| panic!("{method} {params}: {error}"))
    }

    pub(crate) async fn refusal(&self, method: &str, params: Value) -> (i64, String) {
        let error = self.try_rpc(method, params).await.unwrap_err();
        (error.code, error.message)
    }

    pub(crate) async fn number(&self, method: &str, params: Value) -> u64 {
        let number: U64 = serde_json::from_value(self.rpc(method, params).await).unwrap();
        number.to()
    }

    pub(crate) async fn head(&self) -> u64 {
        self.number("eth_blockNumber", json!([])).await
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.hand.move_to(self.now().plus_seconds(seconds));
    }

    /// A second passes and the node does what is due.
    pub(crate) async fn tick(&self) -> bool {
        self.pass(1);
        self.ledger.tick(self.now()).await.unwrap()
    }

    /// A second passes and a block is mined, even an empty one.
    pub(crate) async fn mine(&self) -> B256 {
        self.pass(1);
        self.ledger.mine_now(self.now()).await.unwrap().unwrap()
    }

    pub(crate) async fn send(&self, transaction: &TxEnvelope) -> B256 {
        let hash = self.rpc("eth_sendRawTransaction", json!([raw(transaction)])).await;
        serde_json::from_value(hash).unwrap()
    }

    /// Sends a transaction and mines it; its receipt.
    pub(crate) async fn confirm(&self, transaction: &TxEnvelope) -> Value {
        let hash = self.send(transaction).await;
        assert!(self.tick().await, "a block was due");
        self.rpc("eth_getTransactionReceipt", json!([hash])).await
    }

    /// Deploys the contract with the first key's next nonce.
    pub(crate) async fn deploy(&self, nonce: u64) -> Address {
        let receipt = self.confirm(&sign(1, nonce, None, creation_code())).await;
        assert_eq!(receipt["status"], json!("0x1"), "{receipt}");
        serde_json::from_value(receipt["contractAddress"].clone()).unwrap()
    }

    /// A sealed block on any stored one by another miner, not imported.
    pub(crate) fn competing(&self, parent: B256, transactions: &[TxEnvelope]) -> Block {
        let node = self.ledger.node();
        let recovered = transactions.iter().map(|one| {
            Recovered::new_unchecked(one.clone(), chain::signature::recover(one).unwrap())
        });
        let (coinbase, now) = (Address::repeat_byte(0xbb), self.now().unsigned());
        let candidate = node.propose_on(parent, recovered.collect(), coinbase, now).unwrap();
        assert_eq!(candidate.block().transactions.len(), transactions.len());
        node.seal(&candidate)
    }

    /// Takes in a block as if a peer had sent it.
    pub(crate) fn import(&self, block: &Block) -> Result<Option<HeadChange>, ImportError> {
        self.ledger.node().import_block(block.clone(), self.now().unsigned())
    }
}

pub(crate) fn sign(signer: u8, nonce: u64, to: Option<Address>, input: Bytes) -> TxEnvelope {
    let kind = to.map_or(TxKind::Create, TxKind::Call);
    sign_with(signer, |unsigned| TxEip1559 { nonce, to: kind, input, ..unsigned })
}

pub(crate) fn sign_with(signer: u8, change: impl FnOnce(TxEip1559) -> TxEip1559) -> TxEnvelope {
    let unsigned = change(TxEip1559 {
        chain_id: CHAIN_ID,
        gas_limit: 200_000,
        max_fee_per_gas: 1_000_000_000,
        max_priority_fee_per_gas: 2,
        ..TxEip1559::default()
    });
    let (r, s, odd) = key(signer).sign(unsigned.signature_hash()).parts();
    let signature = Signature::new(U256::from_be_bytes(r), U256::from_be_bytes(s), odd);
    unsigned.into_signed(signature).into()
}

pub(crate) fn raw(transaction: &TxEnvelope) -> Bytes {
    transaction.encoded_2718().into()
}
