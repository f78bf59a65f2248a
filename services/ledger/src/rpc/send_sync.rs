//! `eth_sendRawTransactionSync` (EIP-7966): sends a transaction and answers with its receipt.
//!
//! Waiting takes no worker: the transaction is submitted by one, then the connection waits to be
//! woken by the next head.

use super::params::Params;
use super::{Answer, Patience, Request, blocks, code, invalid, pool};
use crate::node::Node;
use alloy_primitives::B256;
use client::RpcError;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The method's name: the one that the envelope does not run as a function.
pub(super) const METHOD: &str = "eth_sendRawTransactionSync";
/// How long it waits if the caller does not say.
const WAIT: Duration = Duration::from_secs(20);
/// The longest it waits.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// A transaction that was sent and is waited for.
pub(super) struct Awaited {
    hash: B256,
    wait: Duration,
}

/// Sends the transaction.
pub(super) fn begin(node: &Node, params: &Params<'_>) -> Result<Awaited, RpcError> {
    let wait = match params.optional::<Value>(1)? {
        None => WAIT,
        Some(value) => milliseconds(&value).ok_or_else(|| invalid("invalid timeout"))?,
    };
    let request = Request { params: *params, ..bare(node)? };
    let hash = pool::send_raw(&request)?;
    let hash = serde_json::from_value(hash).map_err(super::fault)?;
    Ok(Awaited { hash, wait: wait.min(WAIT_MAX) })
}

fn bare(node: &Node) -> Result<Request<'_>, RpcError> {
    Request::bare(node, Patience::Until(std::time::Instant::now() + WAIT))
}

fn milliseconds(value: &Value) -> Option<Duration> {
    let quantity = || serde_json::from_value::<alloy_primitives::U64>(value.clone()).ok();
    let millis = value.as_u64().or_else(|| quantity().map(|quantity| quantity.to()))?;
    (millis > 0).then(|| Duration::from_millis(millis))
}

/// Waits for its receipt.
pub(super) async fn finish(node: &Arc<Node>, awaited: &Awaited) -> Answer {
    let until = Instant::now() + awaited.wait;
    let mut news = node.news.listen();
    loop {
        let receipt = receipt(node, awaited.hash)?;
        if !receipt.is_null() {
            return Ok(receipt);
        }
        // The sender of news lives as long as the node.
        if timeout_at(until, news.changed()).await.is_err() {
            let seconds = awaited.wait.as_secs_f64();
            let message = format!(
                "The transaction was added to the transaction pool but wasn't processed in \
                 {seconds}s"
            );
            let data = Some(json!(awaited.hash));
            return Err(RpcError { data, ..RpcError::new(code::SYNC_TIMEOUT, message) });
        }
    }
}

fn receipt(node: &Node, hash: B256) -> Answer {
    let request = bare(node)?;
    Ok(match blocks::receipt_of(&request, hash)? {
        Some(receipt) => json!(receipt),
        None => Value::Null,
    })
}
