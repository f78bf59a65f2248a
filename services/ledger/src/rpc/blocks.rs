//! Blocks, their transactions and receipts.

use super::format::{self, Place};
use super::params::BlockId;
use super::{Answer, Request, damaged, fault, quantity};
use alloy_primitives::{B256, U64};
use chain::{Block, ChainView, signature};
use client::RpcError;
use serde_json::{Value, json};

pub(super) fn block_by_number(request: &Request<'_>) -> Answer {
    let full = request.params.optional(1)?.unwrap_or(false);
    if request.params.get::<Value>(0)? == json!("pending") {
        return pending(request, full);
    }
    one(request, request.params.get(0)?, full)
}

pub(super) fn block_by_hash(request: &Request<'_>) -> Answer {
    let full = request.params.optional(1)?.unwrap_or(false);
    one(request, BlockId::Hash(request.params.get(0)?), full)
}

fn one(request: &Request<'_>, id: BlockId, full: bool) -> Answer {
    match found(request, id)? {
        Some((hash, block)) => format::block(request, hash, &block, full),
        None => Ok(Value::Null),
    }
}

/// What the next block would be.
fn pending(request: &Request<'_>, full: bool) -> Answer {
    let now = request.node.now().max(request.head()?.timestamp);
    let candidate = request.node.propose(now).map_err(fault)?;
    let block = candidate.block();
    let senders: Option<Vec<_>> = block.transactions.iter().map(signature::recover).collect();
    let senders = senders.expect("the pool holds signed transactions only");
    Ok(format::pending_block(block, &senders, full))
}

fn found(request: &Request<'_>, id: BlockId) -> Result<Option<(B256, Block)>, RpcError> {
    let Some(hash) = request.resolve(id)? else { return Ok(None) };
    let block = request.snapshot.block(hash).ok_or_else(|| damaged("body", hash))?;
    Ok(Some((hash, block)))
}

pub(super) fn transaction_count(request: &Request<'_>) -> Answer {
    let found = found(request, request.params.get(0)?)?;
    Ok(json!(found.map(|(_, block)| U64::from(block.transactions.len()))))
}

pub(super) fn uncle_count(request: &Request<'_>) -> Answer {
    Ok(found(request, request.params.get(0)?)?.map_or(Value::Null, |_| quantity(0)))
}

pub(super) fn transaction_by_hash(request: &Request<'_>) -> Answer {
    let hash = request.params.get(0)?;
    if let Some((number, index)) = request.snapshot.transaction_place(hash) {
        return at_index(request, BlockId::Number(number), index);
    }
    let waiting = request.node.pool().get(&hash).map(|pooled| {
        let recovered = &pooled.transaction;
        format::transaction(recovered.inner(), recovered.signer(), None)
    });
    if let Some(waiting) = waiting {
        return Ok(waiting);
    }
    // A block may have taken it out of the pool after the snapshot.
    let now = request.again()?;
    match now.snapshot.transaction_place(hash) {
        Some((number, index)) => at_index(&now, BlockId::Number(number), index),
        None => Ok(Value::Null),
    }
}

pub(super) fn transaction_by_index(request: &Request<'_>) -> Answer {
    let index: U64 = request.params.get(1)?;
    at_index(request, request.params.get(0)?, index.saturating_to())
}

fn at_index(request: &Request<'_>, id: BlockId, index: usize) -> Answer {
    let Some((hash, block)) = found(request, id)? else { return Ok(Value::Null) };
    let Some(transaction) = block.transactions.get(index) else { return Ok(Value::Null) };
    let senders = request.snapshot.senders(hash).ok_or_else(|| damaged("senders", hash))?;
    let place = Place { hash, header: &block.header, index };
    Ok(format::transaction(transaction, senders[index], Some(place)))
}

pub(super) fn receipt(request: &Request<'_>) -> Answer {
    let place = request.snapshot.transaction_place(request.params.get(0)?);
    let Some((number, index)) = place else { return Ok(Value::Null) };
    let Some(hash) = request.snapshot.canonical_hash(number) else { return Ok(Value::Null) };
    let all = format::receipts(request, hash)?;
    Ok(json!(all.into_iter().nth(index)))
}

pub(super) fn receipts(request: &Request<'_>) -> Answer {
    match request.resolve(request.params.get(0)?)? {
        Some(hash) => Ok(json!(format::receipts(request, hash)?)),
        None => Ok(Value::Null),
    }
}
