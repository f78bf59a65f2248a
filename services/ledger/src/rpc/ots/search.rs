//! Searches by address: pages of transactions, newest first, and where contracts come from.

use super::super::format::{self, Place};
use super::super::params::BlockId;
use super::super::trace::{Scene, frames};
use super::super::{Answer, Request, damaged, fault, unreadable};
use super::{count, page_size};
use crate::store;
use alloy_primitives::{Address, B256};
use chain::execute::created_address;
use chain::state::Account;
use chain::{AtBlock, ChainView, State};
use client::RpcError;
use serde_json::{Value, json};

/// The account as of a block.
pub(super) fn account_at(
    request: &Request<'_>,
    hash: B256,
    address: Address,
) -> Result<Option<Account>, RpcError> {
    let header = request.snapshot.header(hash).ok_or_else(|| damaged("header", hash))?;
    let mut state = State::at(header.state_root, AtBlock::new(&*request.snapshot, hash));
    state.account(address).map_err(unreadable)
}

/// `ots_searchTransactionsBefore(address, number, size)`: below a height; below 0 means from the
/// head on.
pub(super) fn before(request: &Request<'_>) -> Answer {
    let (address, number): (Address, _) = (request.params.get(0)?, count(request, 1)?);
    let size = page_size(request, 2)?;
    let last = number.checked_sub(1).unwrap_or(u64::MAX);
    let places = request.snapshot.appearances(address, 0..=last).map_err(fault)?;
    let (places, ended) = page(places.rev(), size)?;
    told(request, &places, number == 0, ended)
}

/// `ots_searchTransactionsAfter(address, number, size)`: the next ones above a height; above 0
/// means from the beginning.
pub(super) fn after(request: &Request<'_>) -> Answer {
    let (address, number): (Address, _) = (request.params.get(0)?, count(request, 1)?);
    let size = page_size(request, 2)?;
    let first = if number == 0 { 0 } else { number.saturating_add(1) };
    let places = request.snapshot.appearances(address, first..=u64::MAX).map_err(fault)?;
    let (mut places, ended) = page(places, size)?;
    places.reverse();
    told(request, &places, ended, number == 0)
}

/// Places until `size` are there and their last block is complete, so at most a block too many;
/// and whether there are no others.
fn page(
    places: impl Iterator<Item = Result<store::Place, store::StoreError>>,
    size: usize,
) -> Result<(Vec<store::Place>, bool), RpcError> {
    let mut page: Vec<store::Place> = Vec::with_capacity(size);
    for place in places {
        let place = place.map_err(fault)?;
        if page.len() >= size && page.last().is_some_and(|(height, _)| *height != place.0) {
            return Ok((page, false));
        }
        page.push(place);
    }
    Ok((page, true))
}

fn told(
    request: &Request<'_>,
    places: &[store::Place],
    first_page: bool,
    last_page: bool,
) -> Answer {
    let (mut transactions, mut receipts) = (Vec::new(), Vec::new());
    for block in places.chunk_by(|one, other| one.0 == other.0) {
        let hash = request.snapshot.canonical_hash(block[0].0);
        let stored = request.block(hash.ok_or_else(|| damaged("place", B256::ZERO))?)?;
        let header = &stored.block.header;
        for (_, position) in block {
            let index = *position as usize;
            let (transaction, sender) = (&stored.block.transactions[index], stored.senders[index]);
            let place = Place { hash: stored.hash, header, index };
            transactions.push(format::transaction(transaction, sender, Some(place)));
            let mut receipt = json!(format::receipt(&stored, index));
            receipt["timestamp"] = json!(header.timestamp);
            receipts.push(receipt);
        }
    }
    Ok(json!({
        "txs": transactions,
        "receipts": receipts,
        "firstPage": first_page,
        "lastPage": last_page,
    }))
}

/// `ots_getTransactionBySenderAndNonce(sender, nonce)`: its hash.
pub(super) fn by_sender_and_nonce(request: &Request<'_>) -> Answer {
    let (sender, nonce) = (request.params.get(0)?, count(request, 1)?);
    let Some(place) = request.snapshot.place_of_nonce(sender, nonce).map_err(fault)? else {
        return Ok(Value::Null);
    };
    let (scene, index) = scene_at(request, place)?;
    Ok(json!(scene.turn(index).hash))
}

/// `ots_getContractCreator(address)`: the transaction, and who created the contract in it. Null
/// if there is no contract, or it is as old as the chain.
pub(super) fn contract_creator(request: &Request<'_>) -> Answer {
    let address: Address = request.params.get(0)?;
    let account = account_at(request, request.snapshot.head(), address)?;
    let creation = request.snapshot.creation(address).map_err(fault)?;
    let Some(place) = creation.filter(|_| account.is_some_and(|account| account.has_code())) else {
        return Ok(Value::Null);
    };
    let (scene, index) = scene_at(request, place)?;
    let turn = scene.turn(index);
    let creator = if created_address(turn.transaction, turn.sender) == Some(address) {
        Some(turn.sender)
    } else {
        frames(&scene, index)?.creator(address)
    };
    let creator = creator.ok_or_else(|| damaged("creation", scene.hash))?;
    Ok(json!({ "hash": turn.hash, "creator": creator }))
}

fn scene_at<'a>(
    request: &'a Request<'a>,
    (height, position): store::Place,
) -> Result<(Scene<'a>, usize), RpcError> {
    let scene = Scene::named(request, BlockId::Number(height))?;
    Ok((scene.ok_or_else(|| damaged("place", B256::ZERO))?, position as usize))
}
