//! An explorer on a port of its own, a node that shows headers, and blocks to feed it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer};
use alloy_primitives::{Address, B256, Bloom, U64, U256, keccak256};
use alloy_sol_types::SolEvent;
use async_trait::async_trait;
use bus::Bus;
use calendar::Timestamp;
use chain::Header;
use client::{JsonRpc, RpcError};
use contracts::bindings::EnergyMarket::{SlotCleared, TradeCreated, TradeReconciled};
use contracts::{Clearing, Deployment};
use events::ledger::{BlockConnected, BlockDisconnected, Confirmed, Log};
use events::{Envelope, Event};
use explorer::{Explorer, Parts};
use serde_json::{Value, json};
use units::Energy;
use utoipa_actix_web::AppExt;

pub(crate) const BUYER: Address = Address::repeat_byte(0xb1);
pub(crate) const SELLER: Address = Address::repeat_byte(0x5e);
pub(crate) const CLEARER: Address = Address::repeat_byte(0xc1);
/// The clearing of all trades, and its slot.
pub(crate) const CLEARING: B256 = B256::repeat_byte(0xcc);
pub(crate) const SLOT: u64 = 1_780_002_000;

/// A node that shows the blocks it was given, or none at all.
#[derive(Default)]
pub(crate) struct Node {
    blocks: Mutex<HashMap<B256, (Header, BlockConnected)>>,
}

#[async_trait]
impl JsonRpc for Node {
    async fn request(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        let blocks = self.blocks.lock().unwrap();
        if method == "eth_getBlockByNumber" {
            let number: U64 = serde_json::from_value(params[0].clone()).unwrap();
            let found = blocks.values().find(|(header, _)| header.number == number.to::<u64>());
            return Ok(found.map_or(Value::Null, |(header, _)| header_json(header)));
        }
        let hash: B256 = serde_json::from_value(params[0].clone()).unwrap();
        let (header, block) = blocks.get(&hash).ok_or_else(|| RpcError::unreachable("gone"))?;
        match method {
            "eth_getBlockByHash" => Ok(header_json(header)),
            "eth_getBlockReceipts" => Ok(receipts_json(block)),
            other => panic!("{other} is not expected"),
        }
    }
}

fn header_json(header: &Header) -> Value {
    json!({
        "parentHash": header.parent_hash, "sha3Uncles": header.ommers_hash,
        "miner": header.coinbase, "stateRoot": header.state_root,
        "transactionsRoot": header.transactions_root, "receiptsRoot": header.receipts_root,
        "logsBloom": header.logs_bloom, "difficulty": header.difficulty,
        "number": quantity(header.number), "gasLimit": quantity(header.gas_limit),
        "gasUsed": quantity(header.gas_used), "timestamp": quantity(header.timestamp),
        "extraData": header.extra_data, "mixHash": header.mix_hash, "nonce": header.nonce,
        "baseFeePerGas": quantity(header.base_fee_per_gas), "hash": header.hash(),
    })
}

fn receipts_json(block: &BlockConnected) -> Value {
    let receipts = block.transactions.iter().map(|transaction| {
        let logs = block.logs.iter().filter(|log| log.transaction == transaction.hash);
        let logs = logs.map(|log| {
            json!({
                "address": log.address, "topics": log.topics, "data": log.data,
                "logIndex": quantity(log.index.into()),
            })
        });
        json!({
            "transactionHash": transaction.hash, "from": transaction.from, "to": transaction.to,
            "status": quantity(transaction.success.into()),
            "gasUsed": quantity(transaction.gas_used), "logs": logs.collect::<Vec<_>>(),
        })
    });
    Value::Array(receipts.collect())
}

fn quantity(number: u64) -> String {
    format!("0x{number:x}")
}

pub(crate) struct Scene {
    pub(crate) bus: Bus,
    pub(crate) deployment: Deployment,
    pub(crate) explorer: Arc<Explorer>,
    node: Arc<Node>,
    url: String,
    server: ServerHandle,
    sequence: u64,
    _folder: tempfile::TempDir,
}

impl Scene {
    pub(crate) async fn start() -> Scene {
        let folder = tempfile::tempdir().unwrap();
        let (bus, node) = (Bus::in_process(), Arc::new(Node::default()));
        let deployment = Deployment::of(Address::repeat_byte(0xde));
        let explorer = explorer::start(Parts {
            policies: vec![testkit::policy("x")],
            db_url: format!("sqlite:{}/explorer.db", folder.path().display()),
            bus: bus.clone(),
            node: node.clone(),
            deployment,
        })
        .await
        .unwrap();
        let routes = explorer::routes(explorer.clone());
        let app = move || {
            let routes = routes.clone();
            App::new().into_utoipa_app().configure(routes).into_app()
        };
        let server = HttpServer::new(app).workers(1).bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", server.addrs()[0]);
        let server = server.disable_signals().run();
        let handle = server.handle();
        actix_web::rt::spawn(server);
        Scene { bus, deployment, explorer, node, url, server: handle, sequence: 0, _folder: folder }
    }

    pub(crate) async fn stop(self) {
        self.explorer.stop();
        self.server.stop(true).await;
    }

    pub(crate) fn request(&self, path: &str) -> reqwest::RequestBuilder {
        reqwest::Client::new().get(format!("{}{path}", self.url))
    }

    /// The JSON at `path`, with status 200.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let response = self.request(path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.unwrap()
    }

    /// The status and the problem's code at `path`.
    pub(crate) async fn refused(&self, path: &str) -> (u16, String) {
        let response = self.request(path).send().await.unwrap();
        let status = response.status().as_u16();
        let problem: Value = response.json().await.unwrap();
        (status, problem["code"].as_str().unwrap().to_owned())
    }

    /// A mined block on `parent` whose header the node shows.
    pub(crate) fn block(&mut self, number: u64, parent: B256, logs: Vec<Log>) -> BlockConnected {
        let header = mined(number, parent, &logs);
        let hash = header.hash();
        self.sequence += 1;
        let mut senders = Vec::new();
        for log in &logs {
            if !senders.contains(&log.transaction) {
                senders.push(log.transaction);
            }
        }
        let transactions = senders.into_iter().map(|hash| Confirmed {
            hash,
            from: CLEARER,
            to: Some(self.deployment.market),
            success: true,
            gas_used: 21_000,
        });
        let block = BlockConnected {
            sequence: self.sequence,
            number,
            hash,
            parent,
            timestamp: Timestamp::from_seconds(1_780_000_000 + 5 * i64::try_from(number).unwrap()),
            finalized: number.saturating_sub(1),
            transactions: transactions.collect(),
            logs,
        };
        self.node.blocks.lock().unwrap().insert(hash, (header, block.clone()));
        block
    }

    pub(crate) fn removal(&mut self, block: &BlockConnected) -> BlockDisconnected {
        self.sequence += 1;
        let (sequence, number) = (self.sequence, block.number);
        BlockDisconnected { sequence, number, hash: block.hash, parent: block.parent }
    }

    /// Publishes `event` as the ledger would.
    pub(crate) async fn feed<E: Event>(&self, event: &E, cause: u64) -> anyhow::Result<()> {
        let now = Timestamp::from_seconds(1_780_000_000);
        self.bus.publish(&Envelope::of(event, &cause.to_string(), now)).await
    }

    /// The clearing of all trades as the market's contract logs it.
    pub(crate) fn cleared(&self, index: u32) -> Log {
        self.cleared_at(CLEARING, SLOT, 180_000, index)
    }

    /// A clearing of this name, slot and price.
    pub(crate) fn cleared_at(&self, clearing: B256, slot: u64, price: u64, index: u32) -> Log {
        let terms = Clearing {
            policy: testkit::policy("x").id(),
            slot,
            mechanism: 1,
            price,
            retail_price: 300_000,
            feed_in_price: 80_000,
            volume: Energy::from_wh(50_000),
            fills: 10,
            fills_root: B256::repeat_byte(4),
            journal_root: B256::repeat_byte(5),
        };
        let zone = B256::repeat_byte(6);
        self.log(&SlotCleared { clearing, zone, slot, terms: terms.to_sol() }, index)
    }

    /// A trade's settlement as the market's contract logs it.
    pub(crate) fn settled(&self, trade: B256, index: u32) -> Log {
        let event = TradeCreated {
            trade,
            buyer: BUYER,
            seller: SELLER,
            clearing: CLEARING,
            index: 3,
            buyOrder: B256::repeat_byte(1),
            sellOrder: B256::repeat_byte(2),
            quantity: 5_000,
            escrow: U256::from(960_000_000),
            collateral: U256::from(540_000_000),
        };
        self.log(&event, index)
    }

    /// The trade's reconciliation: 4200 of 5000 Wh were delivered.
    pub(crate) fn reconciled(&self, trade: B256, run: u8, index: u32) -> Log {
        self.delivered(trade, run, 4_200, index)
    }

    /// A run of the trade with so much of 5000 Wh delivered.
    pub(crate) fn delivered(&self, trade: B256, run: u8, wh: u64, index: u32) -> Log {
        let event =
            TradeReconciled { trade, run, delivered: wh, sellerShort: 5_000 - wh, buyerShort: 0 };
        self.log(&event, index)
    }

    fn log<E: SolEvent>(&self, event: &E, index: u32) -> Log {
        self.log_of(self.deployment.market, event, index)
    }

    /// An event of a contract.
    pub(crate) fn log_of<E: SolEvent>(&self, address: Address, event: &E, index: u32) -> Log {
        let encoded = event.encode_log_data();
        Log {
            address,
            topics: encoded.topics().to_vec(),
            data: encoded.data.clone(),
            transaction: keccak256(
                encoded.topics().iter().take(2).flatten().copied().collect::<Vec<u8>>(),
            ),
            index,
        }
    }
}

/// A header on `parent` for a block with these logs.
fn mined(number: u64, parent: B256, logs: &[Log]) -> Header {
    let said: Vec<u8> = logs.iter().flat_map(|log| log.data.to_vec()).collect();
    let mut header = Header {
        parent_hash: parent,
        ommers_hash: B256::repeat_byte(0x1d),
        coinbase: Address::repeat_byte(0x31),
        state_root: B256::repeat_byte(3),
        transactions_root: B256::repeat_byte(4),
        receipts_root: keccak256(said),
        logs_bloom: Bloom::ZERO,
        difficulty: U256::from(1_000),
        number,
        gas_limit: 120_000_000,
        gas_used: 42_000,
        timestamp: 1_780_000_000 + 5 * number,
        extra_data: B256::repeat_byte(8),
        mix_hash: B256::repeat_byte(9),
        nonce: Default::default(),
        base_fee_per_gas: 7,
    };
    let nonce = chain::header::search(header.seal_hash(), header.difficulty, 0, 1_000_000);
    header.nonce = nonce.unwrap();
    header
}
