//! Accounts, storage and proofs, at any block.

use super::format::Quantity;
use super::params::BlockId;
use super::{Answer, Request, code, fault, invalid, unreadable};
use alloy_primitives::{Address, B256, Bytes, U64, U256};
use chain::light;
use chain::state::Account;
use client::RpcError;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Slots that one proof may cover, or one query for values.
const SLOTS_MAX: usize = 1_024;

/// The account of parameter 0 at the block of parameter 1; an empty one if there is none.
pub(super) fn info(request: &Request<'_>) -> Result<Account, RpcError> {
    let address: Address = request.params.get(0)?;
    let state = request.state_at(1)?;
    Ok(state.reader().account(address).map_err(unreadable)?.unwrap_or_default())
}

pub(super) fn code(request: &Request<'_>) -> Result<Bytes, RpcError> {
    let address = request.params.get(0)?;
    request.state_at(1)?.reader().code(address).map_err(unreadable)
}

pub(super) fn storage_at(request: &Request<'_>) -> Result<B256, RpcError> {
    let (address, position) = (request.params.get(0)?, slot(&request.params.get(1)?)?.position);
    let value = request.state_at(2)?.reader().storage_at(address, position).map_err(unreadable)?;
    Ok(B256::from(value))
}

/// The nonce of the account; with `pending`, that of its next transaction.
pub(super) fn transaction_count(request: &Request<'_>) -> Result<Quantity, RpcError> {
    if request.params.optional(1)? != Some(BlockId::Pending) {
        return Ok(Quantity(info(request)?.nonce));
    }
    let address: Address = request.params.get(0)?;
    let next = request.pool()?.next_nonce(address);
    let account = request.state_of(BlockId::Head)?.reader().account(address);
    let used = account.map_err(unreadable)?.map_or(0, |account| account.nonce);
    Ok(Quantity(next.unwrap_or_default().max(used)))
}

/// The account as the trie has it; null if there is none.
pub(super) fn account(request: &Request<'_>) -> Answer {
    let address: Address = request.params.get(0)?;
    let account = request.state_at(1)?.reader().account(address).map_err(unreadable)?;
    Ok(account.map_or(Value::Null, |account| {
        json!({
            "balance": account.balance,
            "codeHash": account.code_hash,
            "nonce": Quantity(account.nonce),
            "storageRoot": account.storage_root,
        })
    }))
}

/// Balance, nonce and code in one answer.
pub(super) fn account_info(request: &Request<'_>) -> Answer {
    let account = info(request)?;
    let code = code(request)?;
    Ok(json!({ "balance": account.balance, "nonce": Quantity(account.nonce), "code": code }))
}

/// Slots of many accounts.
pub(super) fn storage_values(request: &Request<'_>) -> Answer {
    let asked: BTreeMap<Address, Vec<B256>> = request.params.get(0)?;
    match asked.values().map(Vec::len).sum() {
        0 => return Err(invalid("empty request")),
        count if count > SLOTS_MAX => {
            let message = format!("too many slots (max {SLOTS_MAX})");
            return Err(RpcError::new(code::CLIENT_LIMIT, message));
        }
        _ => {}
    }
    let state = request.state_at(1)?;
    let reader = state.reader();
    let mut all = BTreeMap::new();
    for (address, slots) in asked {
        let value = |slot: B256| reader.storage_at(address, U256::from_be_bytes(slot.0));
        let values: Result<Vec<B256>, _> =
            slots.into_iter().map(|slot| value(slot).map(B256::from)).collect();
        all.insert(address, values.map_err(unreadable)?);
    }
    Ok(json!(all))
}

/// A storage position as it was asked for.
struct Slot {
    position: U256,
    /// Whether all 32 bytes were given.
    whole: bool,
}

impl Slot {
    /// As geth names it in a proof: a hash or a quantity, as it was asked for.
    fn key(&self) -> Value {
        if self.whole { json!(B256::from(self.position)) } else { json!(self.position) }
    }
}

/// A storage position: a quantity of any length or 32 bytes.
fn slot(value: &Value) -> Result<Slot, RpcError> {
    let refused = |why: &str| invalid(format!("unable to decode storage key: {why}"));
    let text = value.as_str().ok_or_else(|| refused("hex string invalid"))?;
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    if digits.len() > 64 {
        return Err(refused("hex string too long, want at most 32 bytes"));
    }
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(refused("hex string invalid"));
    }
    let position =
        if digits.is_empty() { Ok(U256::ZERO) } else { U256::from_str_radix(digits, 16) };
    let position = position.map_err(|_| refused("hex string invalid"))?;
    Ok(Slot { position, whole: digits.len() > 62 })
}

/// `eth_getProof` (EIP-1186).
pub(super) fn proof(request: &Request<'_>) -> Answer {
    let address: Address = request.params.get(0)?;
    let keys: Vec<Value> = request.params.optional(1)?.unwrap_or_default();
    if keys.len() > SLOTS_MAX {
        let message = format!("too many slots (max {SLOTS_MAX})");
        return Err(RpcError::new(code::CLIENT_LIMIT, message));
    }
    let slots = keys.iter().map(slot).collect::<Result<Vec<_>, _>>()?;
    let positions: Vec<U256> = slots.iter().map(|slot| slot.position).collect();
    let state = request.state_at(2)?;
    let root = state.header.state_root;
    let proof =
        light::prove_account(&state.source, root, address, &positions).map_err(unreadable)?;
    let proven = proof.verify(root).map_err(fault)?;
    let account = proven.account.unwrap_or_default();
    let slots = slots.iter().zip(&proven.storage).zip(&proof.storage);
    let storage: Vec<Value> = slots
        .map(|((slot, value), proof)| {
            json!({ "key": slot.key(), "value": value, "proof": proof.nodes })
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storage_key_has_up_to_32_bytes_and_is_named_as_it_was_asked_for() {
        let one = B256::from(U256::ONE).to_string();
        for (asked, expected) in [
            ("0x0", "0x0"),
            ("0x", "0x0"),
            ("0x1", "0x1"),
            ("0x01", "0x1"),
            ("0x123", "0x123"),
            ("1f", "0x1f"),
            (&one, &one),
        ] {
            let slot = slot(&json!(asked)).unwrap();
            assert_eq!(slot.key(), json!(expected), "{asked}");
        }
        let long = format!("{one}0");
        for wrong in ["0xg", "zz", &long] {
            assert_eq!(slot(&json!(wrong)).err().unwrap().code, -32_602, "{wrong}");
        }
        assert!(slot(&json!(1)).is_err());
    }
}
