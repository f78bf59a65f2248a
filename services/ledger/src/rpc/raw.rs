//! Blocks, headers, receipts and transactions in the bytes that are hashed.

use super::format::position;
use super::params::BlockId;
use super::{Answer, Request, server};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{B256, Bytes};
use client::RpcError;
use serde_json::{Value, json};
use std::sync::Arc;

/// The bytes of a transaction; empty if there is none.
pub(super) fn transaction(request: &Request<'_>) -> Answer {
    let hash: B256 = request.params.get(0)?;
    let waiting = request.pool()?.get(&hash).map(|one| one.transaction.inner().encoded_2718());
    if let Some(waiting) = waiting {
        return Ok(json!(Bytes::from(waiting)));
    }
    let now = request.again()?;
    match now.snapshot.transaction_place(hash) {
        Some((number, index)) => at_index(&now, BlockId::Number(number), index),
        None => Ok(json!(Bytes::new())),
    }
}

/// The bytes of a transaction; null if there is none.
pub(super) fn transaction_by_index(request: &Request<'_>) -> Answer {
    at_index(request, request.params.get(0)?, position(request.params.get(1)?))
}

fn at_index(request: &Request<'_>, id: BlockId, index: usize) -> Answer {
    let Some(hash) = request.resolve(id)? else { return Ok(Value::Null) };
    let stored = request.block(hash)?;
    let found = stored.block.transactions.get(index);
    Ok(json!(found.map(|one| Bytes::from(one.encoded_2718()))))
}

fn stored(request: &Request<'_>) -> Result<Arc<super::cache::Stored>, RpcError> {
    let id = request.params.get(0)?;
    let hash = request.resolve(id)?;
    let hash = hash.ok_or_else(|| match id {
        BlockId::Number(number) => server(format!("block #{number} not found")),
        _ => server("block not found"),
    })?;
    request.block(hash)
}

pub(super) fn block(request: &Request<'_>) -> Answer {
    Ok(json!(Bytes::from(stored(request)?.block.encode())))
}

pub(super) fn header(request: &Request<'_>) -> Answer {
    Ok(json!(Bytes::from(alloy_rlp::encode(&stored(request)?.block.header))))
}

pub(super) fn receipts(request: &Request<'_>) -> Answer {
    let stored = stored(request)?;
    let encoded = stored.receipts.iter().map(|receipt| Bytes::from(receipt.encoded_2718()));
    Ok(json!(encoded.collect::<Vec<_>>()))
}
