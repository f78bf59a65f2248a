//! What Otterscan asks for beyond Ethereum's own methods, API level 8.
//!
//! It numbers blocks with JSON numbers, wants the first four bytes of call data only where it lists
//! a block, and pages through a block from its end.

mod search;

use super::cache::Stored;
use super::format::{self, BlockView, HeaderView};
use super::methods::Valued;
use super::params::BlockId;
use super::trace::{Frames, Scene, frames};
use super::{Answer, Request, fault, invalid, server};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Bytes, U256};
use client::RpcError;
use revm_inspectors::tracing::types::{CallKind, CallTraceNode};
use serde_json::{Value, json};
use std::sync::Arc;

/// The version of the interface that is spoken here.
const API_LEVEL: u64 = 8;
/// Transactions of one page.
pub(super) const PAGE_MAX: usize = 100;
/// Bytes of call data in the list of a block: the selector of a function.
const SELECTOR_BYTES: usize = 4;

/// The method of this name, if it is one of Otterscan's.
pub(super) fn find(method: &str) -> Option<Valued> {
    Some(match method {
        "ots_getApiLevel" => |_| Ok(json!(API_LEVEL)),
        "ots_hasCode" => has_code,
        "ots_getInternalOperations" => internal_operations,
        "ots_getTransactionError" => transaction_error,
        "ots_traceTransaction" => trace_transaction,
        "ots_getBlockDetails" | "ots_getBlockDetailsByHash" => block_details,
        "ots_getBlockTransactions" => block_transactions,
        "ots_searchTransactionsBefore" => search::before,
        "ots_searchTransactionsAfter" => search::after,
        "ots_getTransactionBySenderAndNonce" => search::by_sender_and_nonce,
        "ots_getContractCreator" => search::contract_creator,
        "erigon_getHeaderByNumber" => header,
        _ => return None,
    })
}

/// A number as JSON writes it, or in hex.
fn count(request: &Request<'_>, position: usize) -> Result<u64, RpcError> {
    let value: Value = request.params.get(position)?;
    match value.as_u64() {
        Some(number) => Ok(number),
        None => Ok(request.params.get::<alloy_primitives::U64>(position)?.to()),
    }
}

/// A block by number as JSON writes it, or as everywhere else.
fn block_id(request: &Request<'_>, position: usize) -> Result<BlockId, RpcError> {
    let value: Value = request.params.get(position)?;
    match value.as_u64() {
        Some(number) => Ok(BlockId::Number(number)),
        None => request.params.get(position),
    }
}

fn block_of(request: &Request<'_>, id: BlockId) -> Result<Option<Arc<Stored>>, RpcError> {
    request.resolve(id)?.map(|hash| request.block(hash)).transpose()
}

/// `erigon_getHeaderByNumber(block)`
fn header(request: &Request<'_>) -> Answer {
    let stored = block_of(request, block_id(request, 0)?)?;
    Ok(json!(stored.as_ref().map(|stored| HeaderView::stored(stored))))
}

/// `ots_hasCode(address, block)`
fn has_code(request: &Request<'_>) -> Answer {
    let (address, id) = (request.params.get(0)?, block_id(request, 1)?);
    let hash = request.resolve(id)?.ok_or_else(|| server("header not found"))?;
    let account = search::account_at(request, hash, address)?;
    Ok(json!(account.is_some_and(|account| account.has_code())))
}

/// The frames of a stored transaction.
fn frames_of(request: &Request<'_>) -> Result<Frames, RpcError> {
    let found = Scene::of_transaction(request, request.params.get(0)?)?;
    let (scene, index) = found.ok_or_else(|| server("transaction not found"))?;
    frames(&scene, index)
}

/// `ots_getTransactionError(hash)`: what it reverted with.
fn transaction_error(request: &Request<'_>) -> Answer {
    let frames = frames_of(request)?;
    let root = frames.nodes.first().filter(|root| root.trace.is_revert());
    Ok(json!(root.map(|root| root.trace.output.clone()).unwrap_or_default()))
}

/// `ots_getInternalOperations(hash)`: value that moved and contracts that were made or ended below
/// the first frame, as far as it lasted.
fn internal_operations(request: &Request<'_>) -> Answer {
    let frames = frames_of(request)?;
    let mut all = Vec::new();
    for node in frames.nodes.iter().filter(|node| frames.lasted(node)) {
        let CallTraceNode { trace, .. } = node;
        let kind = match trace.kind {
            CallKind::Call if !trace.value.is_zero() => Some(0),
            CallKind::Create => Some(2),
            CallKind::Create2 => Some(3),
            _ => None,
        };
        if let Some(kind) = kind.filter(|_| trace.depth > 0) {
            all.push(operation(kind, json!(trace.caller), json!(trace.address), trace.value));
        }
        if let Some(target) = trace.selfdestruct_refund_target {
            let value = trace.selfdestruct_transferred_value.unwrap_or_default();
            let from = trace.selfdestruct_address.unwrap_or(trace.address);
            all.push(operation(1, json!(from), json!(target), value));
        }
    }
    Ok(Value::Array(all))
}

fn operation(kind: u8, from: Value, to: Value, value: U256) -> Value {
    json!({ "type": kind, "from": from, "to": to, "value": value })
}

/// `ots_traceTransaction(hash)`: all frames, each with its depth.
fn trace_transaction(request: &Request<'_>) -> Answer {
    let frames = frames_of(request)?;
    let mut all = Vec::new();
    for node in frames.nodes.iter().filter(|node| !node.is_precompile()) {
        let trace = &node.trace;
        let moves = !matches!(trace.kind, CallKind::DelegateCall | CallKind::StaticCall);
        all.push(json!({
            "type": trace.kind.to_str(),
            "depth": trace.depth,
            "from": trace.caller,
            "to": trace.address,
            "value": moves.then_some(trace.value),
            "input": trace.data,
            "output": trace.output,
        }));
        if let Some(target) = trace.selfdestruct_refund_target {
            all.push(json!({
                "type": "SELFDESTRUCT",
                "depth": trace.depth + 1,
                "from": trace.selfdestruct_address.unwrap_or(trace.address),
                "to": target,
                "value": trace.selfdestruct_transferred_value.unwrap_or_default(),
                "input": Bytes::new(),
                "output": Bytes::new(),
            }));
        }
    }
    Ok(Value::Array(all))
}

/// `ots_getBlockDetails(number)` and `ots_getBlockDetailsByHash(hash)`
fn block_details(request: &Request<'_>) -> Answer {
    let Some(stored) = block_of(request, block_id(request, 0)?)? else {
        return Ok(Value::Null);
    };
    let block = &stored.block;
    let mut json = json!(BlockView::stored(&stored, false));
    let fields = json.as_object_mut().expect("a block is an object");
    fields.remove("transactions");
    fields.insert("transactionCount".into(), json!(block.transactions.len()));
    fields.insert("logsBloom".into(), Value::Null);
    let reward = if block.header.number == 0 { U256::ZERO } else { request.node.rules().reward };
    Ok(json!({
        "block": json,
        "issuance": { "blockReward": reward, "uncleReward": "0x0", "issuance": reward },
        "totalFees": total_fees(&stored),
    }))
}

fn total_fees(stored: &Stored) -> U256 {
    let (mut before, mut total) = (0, U256::ZERO);
    for (transaction, receipt) in stored.block.transactions.iter().zip(&stored.receipts) {
        let gas = receipt.cumulative_gas_used() - before;
        before = receipt.cumulative_gas_used();
        let price = transaction.effective_gas_price(Some(stored.block.header.base_fee_per_gas));
        total = total.saturating_add(U256::from(gas).saturating_mul(U256::from(price)));
    }
    total
}

/// `ots_getBlockTransactions(number, page, size)`: page 0 is the end of the block.
fn block_transactions(request: &Request<'_>) -> Answer {
    let Some(stored) = block_of(request, block_id(request, 0)?)? else {
        return Ok(Value::Null);
    };
    let (page, size) = (count(request, 1)?, page_size(request, 2)?);
    let total = stored.block.transactions.len();
    let page = usize::try_from(page).unwrap_or(usize::MAX);
    let end = total.saturating_sub(page.saturating_mul(size));
    let start = end.saturating_sub(size);
    let mut json = json!(BlockView::stored(&stored, true));
    let listed = json["transactions"].as_array_mut().expect("transactions are a list");
    let mut listed: Vec<Value> = listed.drain(start..end).collect();
    for transaction in &mut listed {
        let input: Bytes = serde_json::from_value(transaction["input"].take()).map_err(fault)?;
        transaction["input"] = json!(input.slice(..input.len().min(SELECTOR_BYTES)));
    }
    json["transactions"] = Value::Array(listed);
    json["transactionCount"] = json!(total);
    let all = format::receipts(&stored).skip(start).take(end - start);
    let without_logs = |receipt| {
        let mut receipt = json!(receipt);
        receipt["logs"] = Value::Null;
        receipt["logsBloom"] = Value::Null;
        receipt
    };
    let receipts: Vec<Value> = all.map(without_logs).collect();
    Ok(json!({ "fullblock": json, "receipts": receipts }))
}

fn page_size(request: &Request<'_>, position: usize) -> Result<usize, RpcError> {
    let size = usize::try_from(count(request, position)?).unwrap_or(usize::MAX);
    if size == 0 || size > PAGE_MAX {
        return Err(invalid(format!("page size must be from 1 to {PAGE_MAX}")));
    }
    Ok(size)
}
