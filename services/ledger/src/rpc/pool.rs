//! The pool and the miner.

use super::format;
use super::params::Params;
use super::{Answer, Request, fault, invalid, quantity, server};
use crate::config::Mining;
use crate::node::{Node, SubmitError};
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{Address, Bytes, U64};
use chain::Transaction;
use chain::pool::{PoolError, Pooled};
use client::RpcError;
use serde_json::{Map, Value, json};

pub(super) fn mining(request: &Request<'_>) -> Answer {
    Ok(json!(request.node.config().mode != Mining::Off))
}

/// The method that puts a transaction into the pool.
pub(super) const SEND_RAW: &str = "eth_sendRawTransaction";

fn decode(node: &Node, params: Params<'_>) -> Result<Transaction, RpcError> {
    let raw: Bytes = params.get(0)?;
    let max = node.config().pool.transaction_bytes_max;
    if raw.len() > max {
        // Before its hash is taken, which costs as much as it is long.
        return Err(server(PoolError::Oversized { max }.to_string()));
    }
    Transaction::decode_2718_exact(&raw)
        .map_err(|error| invalid(format!("invalid transaction: {error}")))
}

/// What the transactions of a batch have in common is done at once: their signatures.
pub(super) fn ahead<'a>(node: &Node, all: impl Iterator<Item = Result<Params<'a>, RpcError>>) {
    let transactions: Vec<_> = all.filter_map(|params| decode(node, params.ok()?).ok()).collect();
    if transactions.len() > 1 {
        node.recover_ahead(transactions);
    }
}

pub(super) fn send_raw(request: &Request<'_>) -> Answer {
    submit(request, decode(request.node, request.params)?)
}

/// Puts a transaction into the pool; its hash.
pub(super) fn submit(request: &Request<'_>, transaction: Transaction) -> Answer {
    let hash = *transaction.tx_hash();
    match request.node.submit(transaction) {
        Ok(hash) => Ok(json!(hash)),
        // Its nonce is used up by itself: a block has it.
        Err(SubmitError::Refused(PoolError::NonceTooLow { .. }))
            if request.again()?.snapshot.transaction_place(hash).is_some() =>
        {
            Err(server("already known"))
        }
        Err(SubmitError::Refused(reason)) => Err(server(reason.to_string())),
        Err(SubmitError::Store(error)) => Err(fault(error)),
        Err(SubmitError::State(error)) => Err(fault(error)),
    }
}

pub(super) fn status(request: &Request<'_>) -> Answer {
    let pool = request.pool()?;
    let pending = pool.pending_len();
    let queued = pool.len() - pending;
    Ok(json!({ "pending": U64::from(pending), "queued": U64::from(queued) }))
}

pub(super) fn content(request: &Request<'_>) -> Answer {
    let pool = request.pool()?;
    let (mut pending, mut queued) = (Map::new(), Map::new());
    for sender in pool.senders() {
        add(&mut pending, sender, pool.pending(sender));
        add(&mut queued, sender, pool.queued(sender));
    }
    Ok(json!({ "pending": pending, "queued": queued }))
}

fn add<'a>(
    to: &mut Map<String, Value>,
    sender: Address,
    waiting: impl Iterator<Item = &'a Pooled>,
) {
    use alloy_consensus::Transaction as _;
    let by_nonce: Map<String, Value> = waiting
        .map(|pooled| {
            let transaction = pooled.transaction.inner();
            let json = format::transaction(transaction, sender, None);
            (transaction.nonce().to_string(), json)
        })
        .collect();
    if !by_nonce.is_empty() {
        to.insert(sender.to_string(), Value::Object(by_nonce));
    }
}

/// `evm_mine`: a block now, even an empty one. Asked for more than one a second, the chain's time
/// runs ahead of the clock.
pub(super) fn mine(request: &Request<'_>) -> Answer {
    let now = request.node.now().max(request.head()?.timestamp);
    match request.node.mine_now(now) {
        Ok(Some(_)) => Ok(quantity(0)),
        Ok(None) => Err(server("the head is too far ahead of the clock")),
        Err(error) => Err(fault(error)),
    }
}
