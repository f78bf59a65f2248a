//! Which accounts changed between two blocks.

use super::super::params::BlockId;
use super::super::{Answer, Request, damaged, invalid, server, unreadable};
use alloy_primitives::{Address, B256};
use chain::{AtBlock, ChainView, Header, State};
use client::RpcError;
use serde_json::json;
use std::collections::BTreeSet;

/// Blocks that may lie between the two.
const BLOCKS_MAX: u64 = 1_000;

/// `debug_getModifiedAccountsByNumber` and `debug_getModifiedAccountsByHash`: what changed after
/// the first block up to the second, or by the one block if there is no second.
pub(super) fn accounts(request: &Request<'_>) -> Answer {
    request.takes_long()?;
    let first = header(request, request.params.get(0)?)?;
    let (old, new) = match request.params.optional::<BlockId>(1)? {
        Some(second) => (first, header(request, second)?),
        None => (parent(request, &first.1)?, first),
    };
    if new.1.number <= old.1.number {
        let (old, new) = (old.1.number, new.1.number);
        return Err(server(format!(
            "start block height ({old}) must be less than end block height ({new})"
        )));
    }
    if new.1.number - old.1.number > BLOCKS_MAX {
        return Err(invalid(format!("exceed maximum block range: {BLOCKS_MAX}")));
    }
    let touched = touched(request, &old, &new)?;
    let state = |(hash, header): &(B256, Header)| {
        State::at(header.state_root, AtBlock::new(&*request.snapshot, *hash))
    };
    let (mut before, mut after) = (state(&old), state(&new));
    let mut changed = Vec::new();
    for address in touched {
        request.in_time()?;
        let was = before.account(address).map_err(unreadable)?;
        if was != after.account(address).map_err(unreadable)? {
            changed.push(address);
        }
    }
    Ok(json!(changed))
}

fn header(request: &Request<'_>, id: BlockId) -> Result<(B256, Header), RpcError> {
    let hash = request.resolve(id)?;
    hash.and_then(|hash| Some((hash, request.snapshot.header(hash)?)))
        .ok_or_else(|| server("block not found"))
}

fn parent(request: &Request<'_>, child: &Header) -> Result<(B256, Header), RpcError> {
    if child.number == 0 {
        return Err(server("genesis has no parent"));
    }
    header(request, BlockId::Hash(child.parent_hash))
}

/// Everybody who took part in the blocks after `old` up to `new`, and their miners.
fn touched(
    request: &Request<'_>,
    old: &(B256, Header),
    new: &(B256, Header),
) -> Result<BTreeSet<Address>, RpcError> {
    let (mut hash, mut at) = (new.0, new.1.clone());
    let mut all = BTreeSet::new();
    while at.number > old.1.number {
        request.in_time()?;
        let appearances = request.snapshot.taking_part(hash);
        let appearances = appearances.ok_or_else(|| damaged("appearances", hash))?;
        all.extend(appearances.iter().flatten().map(|one| one.address));
        all.insert(at.coinbase);
        hash = at.parent_hash;
        at = request.snapshot.header(hash).ok_or_else(|| damaged("header", hash))?;
    }
    if hash != old.0 {
        return Err(server("the blocks are not on one branch"));
    }
    Ok(all)
}
