//! A node with a chain in memory: as much Ethereum JSON-RPC as billing asks for, blocks on request,
//! and the feed of them.

use std::collections::HashMap;
use std::sync::Mutex;

use alloy_consensus::{SignableTransaction, Transaction as _, TxEip1559, TxEnvelope};
use alloy_eips::Decodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U64, U256};
use async_trait::async_trait;
use calendar::Timestamp;
use chain::block::Recovered;
use chain::execute::{self, CallOutcome};
use chain::light::{prove_account, prove_ancestor};
use chain::{AtBlock, ChainView, GenesisSpec, Header, MemoryChain, Rules, State};
use client::{JsonRpc, RpcError, TRANSACTION_GAS_MAX};
use contracts::Call;
use events::Envelope;
use events::ledger::{BlockConnected, BlockDisconnected, Log};
use serde_json::{Value, json};

pub struct TestNode(Mutex<Inner>);

struct Inner {
    view: MemoryChain,
    rules: Rules,
    pool: HashMap<B256, Recovered>,
    order: Vec<B256>,
    receipts: HashMap<B256, (u64, bool)>,
    /// What mined transactions were called with.
    inputs: HashMap<B256, Bytes>,
    nonces: HashMap<Address, u64>,
    feed: Vec<Envelope>,
    sequence: u64,
    /// Whether transactions may fail.
    lenient: bool,
    /// How many blocks below the head are not final.
    lag: u64,
}

impl TestNode {
    pub fn new(spec: &GenesisSpec, nonces: HashMap<Address, u64>) -> TestNode {
        let genesis = spec.build().unwrap();
        let mut view = MemoryChain::default();
        view.store(genesis.imported);
        TestNode(Mutex::new(Inner {
            view,
            rules: genesis.rules,
            pool: HashMap::new(),
            order: Vec::new(),
            receipts: HashMap::new(),
            inputs: HashMap::new(),
            nonces,
            feed: Vec::new(),
            sequence: 0,
            lenient: false,
            lag: 0,
        }))
    }

    /// Puts a call of `from` into the pool, without a signature of its own.
    pub fn call(&self, from: Address, call: Call) {
        let mut inner = self.0.lock().unwrap();
        let nonce = inner.nonces.entry(from).or_default();
        let transaction = TxEip1559 {
            chain_id: crate::town::CHAIN_ID,
            nonce: *nonce,
            gas_limit: TRANSACTION_GAS_MAX,
            max_fee_per_gas: 1_000_000_000,
            to: TxKind::Call(call.to),
            input: call.data,
            ..TxEip1559::default()
        };
        *nonce += 1;
        let signed = TxEnvelope::from(transaction.into_signed(Signature::test_signature()));
        inner.submit(Recovered::new_unchecked(signed, from));
    }

    /// Mines what is in the pool; how many transactions that were. None may fail, unless told so.
    pub fn mine(&self, at: Timestamp) -> usize {
        let mut inner = self.0.lock().unwrap();
        let order = std::mem::take(&mut inner.order);
        let sent: Vec<Recovered> =
            order.iter().filter_map(|hash| inner.pool.remove(hash)).collect();
        if sent.is_empty() {
            return 0;
        }
        let (count, head) = (sent.len(), inner.view.head());
        let coinbase = Address::repeat_byte(0xcb);
        let candidate = inner.rules.propose(&inner.view, head, sent, coinbase, at.unsigned());
        let candidate = candidate.unwrap();
        assert!(candidate.skipped.is_empty(), "{:?}", candidate.skipped);
        let nonce = candidate.seal(0, 1000).unwrap();
        let imported = inner.rules.adopt(&inner.view, candidate, nonce).unwrap();
        let number = imported.block.header.number;
        for (transaction, receipt) in imported.block.transactions.iter().zip(&imported.receipts) {
            let fine = receipt.status() || inner.lenient;
            assert!(fine, "transaction to {:?} failed", transaction);
            inner.receipts.insert(*transaction.tx_hash(), (number, receipt.status()));
            inner.inputs.insert(*transaction.tx_hash(), transaction.input().clone());
        }
        let hash = imported.hash;
        inner.view.store(imported);
        inner.connect(hash);
        count
    }

    /// From now on so many blocks below the head are not final.
    pub fn lag(&self, blocks: u64) {
        self.0.lock().unwrap().lag = blocks;
    }

    /// From now on transactions may fail.
    pub fn let_fail(&self) {
        self.0.lock().unwrap().lenient = true;
    }

    /// Takes the newest block back, in the feed.
    pub fn take_back(&self) {
        let mut inner = self.0.lock().unwrap();
        let hash = inner.view.head();
        inner.disconnect(hash);
    }

    /// Brings the newest block again, in the feed.
    pub fn bring_again(&self) {
        let mut inner = self.0.lock().unwrap();
        let hash = inner.view.head();
        inner.connect(hash);
    }

    /// Events that were not taken yet.
    pub fn take_feed(&self) -> Vec<Envelope> {
        std::mem::take(&mut self.0.lock().unwrap().feed)
    }
}

impl Inner {
    fn submit(&mut self, transaction: Recovered) -> B256 {
        let hash = *transaction.tx_hash();
        if self.pool.insert(hash, transaction).is_none() {
            self.order.push(hash);
        }
        hash
    }

    fn connect(&mut self, hash: B256) {
        let block = self.view.block(hash).unwrap();
        let receipts = self.view.receipts(hash).unwrap();
        let mut logs = Vec::new();
        for (transaction, receipt) in block.transactions.iter().zip(&receipts) {
            for log in receipt.logs() {
                logs.push(Log {
                    address: log.address,
                    topics: log.data.topics().to_vec(),
                    data: log.data.data.clone(),
                    transaction: *transaction.tx_hash(),
                    index: u32::try_from(logs.len()).unwrap(),
                });
            }
        }
        self.sequence += 1;
        let timestamp = Timestamp::from_seconds(i64::try_from(block.header.timestamp).unwrap());
        let event = BlockConnected {
            sequence: self.sequence,
            number: block.header.number,
            hash,
            parent: block.header.parent_hash,
            timestamp,
            finalized: block.header.number.saturating_sub(self.lag),
            transactions: Vec::new(),
            logs,
        };
        self.feed.push(Envelope::of(&event, &self.sequence.to_string(), timestamp));
    }

    fn disconnect(&mut self, hash: B256) {
        let header = self.view.header(hash).unwrap();
        self.sequence += 1;
        let event = BlockDisconnected {
            sequence: self.sequence,
            number: header.number,
            hash,
            parent: header.parent_hash,
        };
        let timestamp = Timestamp::from_seconds(i64::try_from(header.timestamp).unwrap());
        self.feed.push(Envelope::of(&event, &self.sequence.to_string(), timestamp));
    }

    fn header_at(&self, block: &Value) -> Option<Header> {
        let hash = match block.as_str()? {
            "latest" => self.view.head(),
            "finalized" => {
                let head = self.view.header(self.view.head())?.number;
                self.view.canonical_hash(head.saturating_sub(self.lag))?
            }
            _ => self.view.canonical_hash(number(block))?,
        };
        self.view.header(hash)
    }

    fn call(&self, params: &Value) -> Result<Value, RpcError> {
        let header = match &params[1]["blockHash"] {
            Value::Null => self.header_at(&params[1]).unwrap(),
            hash => self.view.header(serde_json::from_value(hash.clone()).unwrap()).unwrap(),
        };
        let mut state = State::at(header.state_root, AtBlock::new(&self.view, header.hash()));
        let text = |name: &str| params[0].get(name).cloned();
        let request = execute::Call {
            from: text("from").map(|a| serde_json::from_value(a).unwrap()).unwrap_or_default(),
            to: text("to").map(|to| serde_json::from_value(to).unwrap()),
            data: text("data").map(|data| serde_json::from_value(data).unwrap()).unwrap(),
            gas: Some(10_000_000),
            ..execute::Call::default()
        };
        let chain = crate::town::CHAIN_ID;
        let done = execute::call(&mut state, chain, execute::block_env(&header), &request);
        match done.unwrap().outcome {
            CallOutcome::Success(answer) => Ok(json!(answer)),
            CallOutcome::Revert(data) => {
                let data = Some(json!(data));
                Err(RpcError { data, ..RpcError::new(3, "execution reverted") })
            }
            other => panic!("{other:?}"),
        }
    }

    fn proof(&self, params: &Value) -> Value {
        let address: Address = serde_json::from_value(params[0].clone()).unwrap();
        let keys: Vec<B256> = serde_json::from_value(params[1].clone()).unwrap();
        let positions: Vec<U256> = keys.into_iter().map(Into::into).collect();
        let root = self.header_at(&params[2]).unwrap().state_root;
        let proof = prove_account(&self.view, root, address, &positions).unwrap();
        let storage = proof.storage.iter().map(|slot| json!({ "proof": slot.nodes }));
        json!({ "accountProof": proof.nodes, "storageProof": storage.collect::<Vec<_>>() })
    }
}

fn number(value: &Value) -> u64 {
    serde_json::from_value::<U64>(value.clone()).unwrap().to()
}

fn written(header: &Header) -> Value {
    json!({
        "hash": header.hash(),
        "parentHash": header.parent_hash,
        "sha3Uncles": header.ommers_hash,
        "miner": header.coinbase,
        "stateRoot": header.state_root,
        "transactionsRoot": header.transactions_root,
        "receiptsRoot": header.receipts_root,
        "logsBloom": header.logs_bloom,
        "difficulty": header.difficulty,
        "number": U64::from(header.number),
        "gasLimit": U64::from(header.gas_limit),
        "gasUsed": U64::from(header.gas_used),
        "timestamp": U64::from(header.timestamp),
        "extraData": header.extra_data,
        "mixHash": header.mix_hash,
        "nonce": header.nonce,
        "baseFeePerGas": U64::from(header.base_fee_per_gas),
    })
}

#[async_trait]
impl JsonRpc for TestNode {
    async fn request(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        let mut inner = self.0.lock().unwrap();
        Ok(match method {
            "eth_blockNumber" => {
                json!(U64::from(inner.header_at(&json!("latest")).unwrap().number))
            }
            "eth_feeHistory" => {
                let head = inner.header_at(&json!("latest")).unwrap();
                let fees = [head.base_fee_per_gas, inner.rules.next_base_fee(&head)];
                let fees = fees.map(U64::from);
                json!({ "oldestBlock": U64::from(head.number), "baseFeePerGas": fees })
            }
            "eth_getBlockByNumber" => {
                inner.header_at(&params[0]).map_or(Value::Null, |header| written(&header))
            }
            "eth_sendRawTransaction" => {
                let raw: Bytes = serde_json::from_value(params[0].clone()).unwrap();
                let transaction = TxEnvelope::decode_2718(&mut &raw[..]).unwrap();
                let sender = chain::signature::recover(&transaction).unwrap();
                json!(inner.submit(Recovered::new_unchecked(transaction, sender)))
            }
            "eth_getTransactionReceipt" => {
                let hash: B256 = serde_json::from_value(params[0].clone()).unwrap();
                inner.receipts.get(&hash).map_or(Value::Null, |(number, status)| {
                    json!({
                        "blockNumber": U64::from(*number),
                        "status": U64::from(u64::from(*status)),
                    })
                })
            }
            "eth_getTransactionByHash" => {
                let hash: B256 = serde_json::from_value(params[0].clone()).unwrap();
                inner.inputs.get(&hash).map_or(Value::Null, |input| json!({ "input": input }))
            }
            "eth_call" => return inner.call(&params),
            "eth_getProof" => inner.proof(&params),
            "wattex_ancestorProof" => {
                let (old, new) = (number(&params[0]), number(&params[1]));
                let header = inner.header_at(&json!(U64::from(new))).unwrap();
                json!(prove_ancestor(&inner.view, &header, old))
            }
            _ => return Err(RpcError::new(-32_601, "the method does not exist")),
        })
    }
}
