//! Accounts, storage and proofs, at any block.

use super::{Answer, Request, fault, invalid, quantity};
use alloy_primitives::{Address, B256, Bytes, U64, U256};
use chain::state::Account;
use chain::{AtBlock, State, light};
use client::RpcError;
use serde_json::{Value, json};

use crate::store::Snapshot;

/// Slots that one proof may cover.
const PROOF_SLOTS_MAX: usize = 1_024;

fn state<'a>(
    request: &'a Request<'_>,
    position: usize,
) -> Result<State<AtBlock<'a, Snapshot>>, RpcError> {
    let (hash, header) = request.state_block(position)?;
    Ok(State::at(header.state_root, AtBlock::new(&request.snapshot, hash)))
}

fn account(request: &Request<'_>) -> Result<Account, RpcError> {
    let address: Address = request.params.get(0)?;
    Ok(state(request, 1)?.account(address).map_err(fault)?.unwrap_or_default())
}

pub(super) fn balance(request: &Request<'_>) -> Answer {
    Ok(json!(account(request)?.balance))
}

pub(super) fn code(request: &Request<'_>) -> Answer {
    let address = request.params.get(0)?;
    Ok(json!(state(request, 1)?.code_of(address).map_err(fault)?))
}

pub(super) fn storage_at(request: &Request<'_>) -> Answer {
    let (address, position) = (request.params.get(0)?, slot(&request.params.get(1)?)?);
    let value = state(request, 2)?.storage_at(address, position).map_err(fault)?;
    Ok(json!(B256::from(value)))
}

/// The nonce of the account; with `pending`, that of its next transaction.
pub(super) fn transaction_count(request: &Request<'_>) -> Answer {
    let used = account(request)?.nonce;
    if request.params.optional::<Value>(1)? != Some(json!("pending")) {
        return Ok(quantity(used));
    }
    let next = request.node.pool().next_nonce(request.params.get(0)?);
    Ok(quantity(next.unwrap_or_default().max(used)))
}

/// A storage position: a quantity or 32 bytes.
fn slot(value: &Value) -> Result<U256, RpcError> {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x"));
    let digits = digits.filter(|digits| digits.len() <= 64);
    digits
        .map(|digits| if digits.is_empty() { "0" } else { digits })
        .and_then(|digits| U256::from_str_radix(digits, 16).ok())
        .ok_or_else(|| invalid(format!("unable to decode storage key: {value}")))
}

/// `eth_getProof` (EIP-1186).
pub(super) fn proof(request: &Request<'_>) -> Answer {
    let address: Address = request.params.get(0)?;
    let keys: Vec<Value> = request.params.get(1)?;
    if keys.len() > PROOF_SLOTS_MAX {
        return Err(invalid(format!("too many keys: got {}, max {PROOF_SLOTS_MAX}", keys.len())));
    }
    let positions = keys.iter().map(slot).collect::<Result<Vec<_>, _>>()?;
    let (_, header) = request.state_block(2)?;
    let root = header.state_root;
    let proof =
        light::prove_account(&request.snapshot, root, address, &positions).map_err(fault)?;
    let proven = proof.verify(root).map_err(fault)?;
    let account = proven.account.unwrap_or_default();
    let slots = keys.iter().zip(&proven.storage).zip(&proof.storage);
    let storage: Vec<Value> = slots
        .map(|((key, value), slot)| json!({ "key": key, "value": value, "proof": slot.nodes }))
        .collect();
    let nodes: &[Bytes] = &proof.nodes;
    Ok(json!({
        "address": address,
        "accountProof": nodes,
        "balance": account.balance,
        "codeHash": account.code_hash,
        "nonce": U64::from(account.nonce),
        "storageHash": account.storage_root,
        "storageProof": storage,
    }))
}
