//! The pool as seen by those who look after it.

use super::format;
use super::{Answer, Request};
use alloy_consensus::Transaction as _;
use alloy_primitives::Address;
use chain::pool::Pooled;
use serde_json::{Map, Value, json};

/// What waits of one sender, by nonce.
pub(super) fn content_from(request: &Request<'_>) -> Answer {
    let sender: Address = request.params.get(0)?;
    let whole = |one: &Pooled| format::transaction(one.transaction.inner(), sender, None);
    let pool = request.pool()?;
    let pending = by_nonce(pool.pending(sender), whole);
    let queued = by_nonce(pool.queued(sender), whole);
    Ok(json!({ "pending": pending, "queued": queued }))
}

/// What waits of everybody, a line for each transaction.
pub(super) fn inspect(request: &Request<'_>) -> Answer {
    let pool = request.pool()?;
    let (mut pending, mut queued) = (Map::new(), Map::new());
    for sender in pool.senders() {
        for (all, waiting) in [
            (&mut pending, by_nonce(pool.pending(sender), line)),
            (&mut queued, by_nonce(pool.queued(sender), line)),
        ] {
            if !waiting.is_empty() {
                all.insert(sender.to_string(), Value::Object(waiting));
            }
        }
    }
    Ok(json!({ "pending": pending, "queued": queued }))
}

fn by_nonce<'a>(
    waiting: impl Iterator<Item = &'a Pooled>,
    show: impl Fn(&Pooled) -> Value,
) -> Map<String, Value> {
    waiting.map(|one| (one.transaction.nonce().to_string(), show(one))).collect()
}

fn line(one: &Pooled) -> Value {
    let transaction = one.transaction.inner();
    let to = transaction.to().map_or("contract creation".to_owned(), |to| to.to_string());
    let (value, gas) = (transaction.value(), transaction.gas_limit());
    json!(format!("{to}: {value} wei + {gas} gas × {} wei", transaction.max_fee_per_gas()))
}
