//! A chain of blocks that say what they are told, and as much of a node as billing asks for: what
//! the contracts themselves do is measured elsewhere.

use std::sync::Mutex;

use alloy_primitives::{B256, Bytes, U64, keccak256};
use anyhow::{Context, Result};
use async_trait::async_trait;
use calendar::Timestamp;
use chain::Header;
use client::{JsonRpc, RpcError};
use contracts::{Address, SolEvent};
use events::ledger::{BlockConnected, Log};
use serde_json::{Value, json};

/// A block's logs as they come.
#[derive(Default)]
pub(super) struct Logs(Vec<Log>);

impl Logs {
    /// Adds an event of a contract.
    pub(super) fn push(&mut self, address: Address, event: &impl SolEvent) -> Result<()> {
        let data = event.encode_log_data();
        let index = u32::try_from(self.0.len())?;
        let transaction = keccak256(index.to_be_bytes());
        let (topics, data) = (data.topics().to_vec(), data.data.clone());
        self.0.push(Log { address, topics, data, transaction, index });
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// The node with its blocks, all of them final.
pub(super) struct Node(Mutex<Vec<Header>>);

impl Node {
    pub(super) fn new(begin: Timestamp) -> Self {
        Self(Mutex::new(vec![header(0, B256::ZERO, begin)]))
    }

    /// The next block.
    pub(super) fn connect(&self, time: Timestamp, logs: Logs) -> Result<BlockConnected> {
        let mut headers = self.0.lock().ok().context("the node")?;
        let last = headers.last().context("a genesis")?;
        let (number, parent) = (last.number + 1, last.hash());
        let next = header(number, parent, time);
        let hash = next.hash();
        headers.push(next);
        Ok(BlockConnected {
            sequence: number,
            number,
            hash,
            parent,
            timestamp: time,
            finalized: number,
            transactions: Vec::new(),
            logs: logs.0,
        })
    }
}

#[async_trait]
impl JsonRpc for Node {
    async fn request(&self, method: &str, params: Value) -> Result<Value, RpcError> {
        let headers = self.0.lock().map_err(|_| RpcError::new(-32_603, "the node has failed"))?;
        let head = headers.len() - 1;
        Ok(match method {
            "eth_blockNumber" => json!(U64::from(head)),
            "eth_getBlockByNumber" => {
                let number = serde_json::from_value::<U64>(params[0].clone());
                let number = number.map_or(head, |number| number.to());
                headers.get(number).map_or(Value::Null, written)
            }
            "eth_feeHistory" => {
                let fees = [U64::from(1_000), U64::from(1_000)];
                json!({ "oldestBlock": U64::from(head), "baseFeePerGas": fees })
            }
            "eth_call" => json!(Bytes::from(vec![0; 32])),
            "eth_estimateGas" => json!(U64::from(100_000)),
            "eth_getTransactionReceipt" => Value::Null,
            "eth_sendRawTransaction" => json!(keccak256(params.to_string())),
            _ => return Err(RpcError::new(-32_601, "the method does not exist")),
        })
    }
}

fn header(number: u64, parent: B256, time: Timestamp) -> Header {
    Header {
        parent_hash: parent,
        ommers_hash: B256::ZERO,
        coinbase: Address::ZERO,
        state_root: B256::ZERO,
        transactions_root: B256::ZERO,
        receipts_root: B256::ZERO,
        logs_bloom: Default::default(),
        difficulty: Default::default(),
        number,
        gas_limit: 0,
        gas_used: 0,
        timestamp: time.unsigned(),
        extra_data: B256::ZERO,
        mix_hash: B256::ZERO,
        nonce: Default::default(),
        base_fee_per_gas: 1_000,
    }
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
