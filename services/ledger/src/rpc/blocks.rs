//! Blocks, their transactions and receipts.

use super::cache::Stored;
use super::format::{
    self, BlockView, HeaderView, Place, Quantity, ReceiptView, TransactionView, position,
};
use super::out::Out;
use super::params::BlockId;
use super::{Answer, Request};
use alloy_primitives::B256;
use client::RpcError;
use serde_json::{Value, json};
use std::sync::Arc;

type Written = Result<(), RpcError>;

pub(super) fn block_by_number(request: &Request<'_>, out: &mut Out<'_>) -> Written {
    let whole = request.params.optional(1)?.unwrap_or(false);
    one(request, request.params.get(0)?, whole, out)
}

pub(super) fn block_by_hash(request: &Request<'_>, out: &mut Out<'_>) -> Written {
    let whole = request.params.optional(1)?.unwrap_or(false);
    one(request, BlockId::Hash(request.params.get(0)?), whole, out)
}

fn one(request: &Request<'_>, id: BlockId, whole: bool, out: &mut Out<'_>) -> Written {
    if let BlockId::Pending = id {
        return out.put(&BlockView::pending(&*request.pending()?, whole));
    }
    match found(request, id)? {
        Some(stored) if whole => out.put(&BlockView::stored(&stored, true)),
        Some(stored) => out.put_text(stored.text.get_or_init(|| {
            let view = BlockView::stored(&stored, false);
            serde_json::to_vec(&view).expect("a block is JSON")
        })),
        None => out.put(&Value::Null),
    }
}

fn found(request: &Request<'_>, id: BlockId) -> Result<Option<Arc<Stored>>, RpcError> {
    request.resolve(id)?.map(|hash| request.block(hash)).transpose()
}

pub(super) fn header(request: &Request<'_>) -> Answer {
    match request.params.get(0)? {
        BlockId::Pending => Ok(json!(HeaderView::unsealed(&request.pending()?.block.header, None))),
        id => Ok(json!(found(request, id)?.as_ref().map(|stored| HeaderView::stored(stored)))),
    }
}

pub(super) fn transaction_count(request: &Request<'_>) -> Answer {
    let count = match request.params.get(0)? {
        BlockId::Pending => Some(request.pending()?.block.transactions.len()),
        id => found(request, id)?.map(|stored| stored.block.transactions.len()),
    };
    Ok(json!(count.map(|count| Quantity(count as u64))))
}

pub(super) fn uncle_count(request: &Request<'_>) -> Answer {
    Ok(json!(found(request, request.params.get(0)?)?.map(|_| Quantity(0))))
}

pub(super) fn transaction_by_hash(request: &Request<'_>, out: &mut Out<'_>) -> Written {
    let hash = request.params.get(0)?;
    if let Some((number, index)) = request.snapshot.transaction_place(hash) {
        return at_index(request, BlockId::Number(number), index, out);
    }
    let waiting = request.pool()?.get(&hash).map(|pooled| pooled.transaction.clone());
    if let Some(waiting) = waiting {
        return out.put(&TransactionView::new(waiting.inner(), waiting.signer(), None));
    }
    // A block may have taken it out of the pool after the snapshot.
    let now = request.again()?;
    match now.snapshot.transaction_place(hash) {
        Some((number, index)) => at_index(&now, BlockId::Number(number), index, out),
        None => out.put(&Value::Null),
    }
}

pub(super) fn transaction_by_index(request: &Request<'_>, out: &mut Out<'_>) -> Written {
    let index = position(request.params.get(1)?);
    at_index(request, request.params.get(0)?, index, out)
}

fn at_index(request: &Request<'_>, id: BlockId, index: usize, out: &mut Out<'_>) -> Written {
    if let BlockId::Pending = id {
        let pending = request.pending()?;
        let all = pending.block.transactions.iter().zip(&pending.senders);
        let view = all.map(|(one, sender)| TransactionView::new(one, *sender, None)).nth(index);
        return out.put(&view);
    }
    let Some(stored) = found(request, id)? else { return out.put(&Value::Null) };
    let Some(transaction) = stored.block.transactions.get(index) else {
        return out.put(&Value::Null);
    };
    let place = Place { hash: stored.hash, header: &stored.block.header, index };
    out.put(&TransactionView::new(transaction, stored.senders[index], Some(place)))
}

/// The receipt of a transaction, if a canonical block has it.
pub(super) fn receipt_of(
    request: &Request<'_>,
    transaction: B256,
) -> Result<Option<ReceiptView>, RpcError> {
    let view = &request.snapshot;
    let Some((number, index)) = view.transaction_place(transaction) else { return Ok(None) };
    let found = found(request, BlockId::Number(number))?;
    Ok(found.and_then(|stored| format::receipt(&stored, index)))
}

pub(super) fn receipts(request: &Request<'_>, out: &mut Out<'_>) -> Written {
    let found = found(request, request.params.get(0)?)?;
    out.put(&found.map(|stored| format::receipts(&stored).collect::<Vec<_>>()))
}
