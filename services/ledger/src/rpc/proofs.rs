//! What a light client asks for: proofs against one block that it trusts.

use super::{Answer, Request};
use alloy_primitives::{B256, U64};
use chain::ChainView;
use chain::light::{self, ReceiptProof};
use serde_json::json;

/// `wattex_ancestorProof(number, trusted)`: the path of the block at height `number` in the
/// mountain range of the header at height `trusted`; null if it is not below it.
pub(super) fn ancestor(request: &Request<'_>) -> Answer {
    let (number, trusted) = (request.params.get::<U64>(0)?, request.params.get::<U64>(1)?);
    let view = &*request.snapshot;
    let header = view.canonical_header(trusted.to());
    let path = header.and_then(|header| light::prove_ancestor(view, &header, number.to()));
    Ok(json!(path))
}

/// `wattex_receiptProof(transaction, trusted)`: a [`ReceiptProof`] of the transaction with this
/// hash against the block that `trusted` names; null if it is neither in that block nor below.
pub(super) fn receipt(request: &Request<'_>) -> Answer {
    let (transaction, trusted) = (request.params.get::<B256>(0)?, request.params.get(1)?);
    let view = &*request.snapshot;
    let trusted = request.resolve(trusted)?.and_then(|hash| view.header(hash));
    let place = view.transaction_place(transaction);
    let (Some(trusted), Some((number, index))) = (trusted, place) else { return Ok(json!(null)) };
    let proof = view
        .canonical_hash(number)
        .and_then(|block| ReceiptProof::of(view, &trusted, block, u32::try_from(index).ok()?));
    Ok(json!(proof))
}
