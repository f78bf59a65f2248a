//! Blocks, transactions, receipts and logs as Ethereum tools read them.

use super::{Request, damaged, quantity};
use alloy_consensus::{Transaction as _, Typed2718};
use alloy_primitives::{Address, B256, Bloom, Log, U64, U128};
use alloy_rlp::Encodable;
use chain::execute::created_address;
use chain::{Block, ChainView, Header, Receipt, Transaction};
use client::RpcError;
use serde_json::{Value, json};

/// Where a transaction is.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) hash: B256,
    pub(super) header: &'a Header,
    pub(super) index: usize,
}

/// A transaction with its sender; null for the place of one that waits.
pub(super) fn transaction(
    transaction: &Transaction,
    sender: Address,
    place: Option<Place<'_>>,
) -> Value {
    let mut json = serde_json::to_value(transaction).expect("a transaction is JSON");
    let base_fee = place.map(|place| place.header.base_fee_per_gas);
    json["from"] = json!(sender);
    json["gasPrice"] = json!(U128::from(transaction.effective_gas_price(base_fee)));
    json["blockHash"] = json!(place.map(|place| place.hash));
    json["blockNumber"] = json!(place.map(|place| U64::from(place.header.number)));
    json["transactionIndex"] = json!(place.map(|place| U64::from(place.index)));
    json
}

/// A stored block, with whole transactions or their hashes.
pub(super) fn block(
    request: &Request<'_>,
    hash: B256,
    block: &Block,
    full: bool,
) -> Result<Value, RpcError> {
    let total = request.snapshot.total_difficulty(hash);
    let total = total.ok_or_else(|| damaged("total difficulty", hash))?;
    let transactions = if full {
        let senders = request.snapshot.senders(hash).ok_or_else(|| damaged("senders", hash))?;
        let place = |index| Place { hash, header: &block.header, index };
        let all = block.transactions.iter().zip(senders).enumerate();
        json!(
            all.map(|(index, (one, sender))| transaction(one, sender, Some(place(index))))
                .collect::<Vec<_>>()
        )
    } else {
        json!(block.transactions.iter().map(|one| one.tx_hash()).collect::<Vec<_>>())
    };
    let mut json = header(&block.header);
    json["hash"] = json!(hash);
    json["totalDifficulty"] = json!(total);
    json["powHash"] = json!(block.header.pow_hash());
    json["size"] = json!(U64::from(block.length()));
    json["transactions"] = transactions;
    json["uncles"] = json!([]);
    Ok(json)
}

fn header(header: &Header) -> Value {
    json!({
        "number": quantity(header.number),
        "parentHash": header.parent_hash,
        "nonce": header.nonce,
        "sha3Uncles": header.ommers_hash,
        "logsBloom": header.logs_bloom,
        "transactionsRoot": header.transactions_root,
        "stateRoot": header.state_root,
        "receiptsRoot": header.receipts_root,
        "miner": header.coinbase,
        "difficulty": header.difficulty,
        "extraData": header.extra_data,
        "mixHash": header.mix_hash,
        "gasLimit": quantity(header.gas_limit),
        "gasUsed": quantity(header.gas_used),
        "timestamp": quantity(header.timestamp),
        "baseFeePerGas": quantity(header.base_fee_per_gas),
    })
}

/// A block that is not sealed yet: its hash, nonce and miner are null, as geth answers `pending`.
pub(super) fn pending_block(block: &Block, senders: &[Address], full: bool) -> Value {
    let mut json = header(&block.header);
    for unknown in ["hash", "nonce", "miner", "logsBloom"] {
        json[unknown] = Value::Null;
    }
    json["size"] = json!(U64::from(block.length()));
    json["uncles"] = json!([]);
    let all = block.transactions.iter().zip(senders);
    json["transactions"] = if full {
        json!(all.map(|(one, sender)| transaction(one, *sender, None)).collect::<Vec<_>>())
    } else {
        json!(all.map(|(one, _)| one.tx_hash()).collect::<Vec<_>>())
    };
    json
}

/// A log at its place. `index` counts within the block; `removed` tells that the block is gone.
pub(super) fn log(
    log: &Log,
    transaction: B256,
    place: Place<'_>,
    index: usize,
    removed: bool,
) -> Value {
    json!({
        "address": log.address,
        "topics": log.topics(),
        "data": log.data.data,
        "blockHash": place.hash,
        "blockNumber": quantity(place.header.number),
        "blockTimestamp": quantity(place.header.timestamp),
        "transactionHash": transaction,
        "transactionIndex": U64::from(place.index),
        "logIndex": U64::from(index),
        "removed": removed,
    })
}

/// All receipts of a stored block.
pub(super) fn receipts(request: &Request<'_>, hash: B256) -> Result<Vec<Value>, RpcError> {
    let view = &request.snapshot;
    let block = view.block(hash).ok_or_else(|| damaged("body", hash))?;
    let receipts = view.receipts(hash).ok_or_else(|| damaged("receipts", hash))?;
    let senders = view.senders(hash).ok_or_else(|| damaged("senders", hash))?;
    let (mut gas_before, mut logs_before) = (0, 0);
    let mut all = Vec::new();
    for (index, receipt) in receipts.iter().enumerate() {
        let place = Place { hash, header: &block.header, index };
        let transaction = &block.transactions[index];
        let gas_used = receipt.cumulative_gas_used() - gas_before;
        all.push(one_receipt(transaction, senders[index], receipt, place, gas_used, logs_before));
        gas_before = receipt.cumulative_gas_used();
        logs_before += receipt.logs().len();
    }
    Ok(all)
}

fn one_receipt(
    transaction: &Transaction,
    sender: Address,
    receipt: &Receipt,
    place: Place<'_>,
    gas_used: u64,
    logs_before: usize,
) -> Value {
    let hash = *transaction.tx_hash();
    let logs: Vec<Value> = receipt
        .logs()
        .iter()
        .enumerate()
        .map(|(at, one)| log(one, hash, place, logs_before + at, false))
        .collect();
    let bloom: &Bloom = receipt.logs_bloom();
    let price = transaction.effective_gas_price(Some(place.header.base_fee_per_gas));
    json!({
        "type": U64::from(transaction.ty()),
        "status": U64::from(u8::from(receipt.is_success())),
        "transactionHash": hash,
        "transactionIndex": U64::from(place.index),
        "blockHash": place.hash,
        "blockNumber": quantity(place.header.number),
        "from": sender,
        "to": transaction.to(),
        "contractAddress": created_address(transaction, sender),
        "cumulativeGasUsed": quantity(receipt.cumulative_gas_used()),
        "gasUsed": quantity(gas_used),
        "effectiveGasPrice": U128::from(price),
        "logsBloom": bloom,
        "logs": logs,
    })
}
