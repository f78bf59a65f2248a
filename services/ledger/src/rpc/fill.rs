//! `eth_fillTransaction`: what a transaction lacks, filled in as a wallet would.

use super::calls::{self, request::CallRequest};
use super::params::BlockId;
use super::{Answer, Request, fees, format, invalid, server};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, Bytes, U128};
use chain::Transaction;
use chain::execute::{Call, Calls, Moved, block_env, unsigned};
use client::RpcError;
use serde_json::json;

/// Times the base fee that a transaction without a cap is ready to pay, as geth has it.
const BASE_FEE_TIMES: u128 = 2;

pub(super) fn fill(request: &Request<'_>) -> Answer {
    let (from, unsigned) = filled(request, request.params.get(0)?)?;
    let raw = Bytes::from(unsigned.encoded_2718());
    Ok(json!({ "raw": raw, "tx": format::transaction(&unsigned, from, None) }))
}

/// Whose transaction it is, and the whole of it but the signature, which is zero.
pub(super) fn filled(
    request: &Request<'_>,
    mut asked: CallRequest,
) -> Result<(Address, Transaction), RpcError> {
    let head = request.head()?;
    fees(request, &mut asked, head.base_fee_per_gas)?;
    let chain_id = request.node.rules().chain_id;
    let from = asked.from.unwrap_or_default();
    let mut call = asked.parse(chain_id)?;
    if call.to.is_none() && call.data.is_empty() {
        return Err(server("contract creation without any data provided"));
    }
    if call.nonce.is_none() {
        let waiting = request.pool()?.next_nonce(from);
        // What left the pool before it was asked is in a block of the head as it is now.
        let now = request.again()?;
        let used = now.state_of(BlockId::Head)?.reader().account(from);
        let used = used.map_err(super::unreadable)?.map_or(0, |account| account.nonce);
        call.nonce = Some(waiting.unwrap_or_default().max(used));
    }
    if call.gas.is_none() {
        call.gas = Some(gas(request, &call)?);
    }
    Ok((from, unsigned(&call, chain_id)))
}

/// Fills in price, or cap and tip, and checks those that were given.
fn fees(request: &Request<'_>, asked: &mut CallRequest, base_fee: u64) -> Result<(), RpcError> {
    if asked.gas_price.is_some() {
        return Ok(());
    }
    let suggested = fees::suggested_tip(request)?;
    let tip: u128 = asked.max_priority_fee_per_gas.map_or(suggested, |tip| tip.to());
    let cap = match asked.max_fee_per_gas {
        Some(cap) => cap.to(),
        None => u128::from(base_fee).saturating_mul(BASE_FEE_TIMES).saturating_add(tip),
    };
    if cap < tip {
        let message = format!("maxFeePerGas ({cap}) < maxPriorityFeePerGas ({tip})");
        return Err(if asked.max_fee_per_gas.is_some() {
            server(message)
        } else {
            invalid(message)
        });
    }
    asked.max_fee_per_gas = Some(U128::from(cap));
    asked.max_priority_fee_per_gas = Some(U128::from(tip));
    Ok(())
}

/// The gas that it needs at the head. Its price plays no part in that.
fn gas(request: &Request<'_>, call: &Call) -> Result<u64, RpcError> {
    let state = request.state_of(BlockId::Head)?;
    let patience = request.patience;
    let lasts = move || patience.lasts();
    let calls = Calls {
        chain_id: request.node.rules().chain_id,
        block: block_env(&state.header),
        gas_max: request.limits().call_gas_max,
        moved: Moved::default(),
        watch: patience.watch(&lasts),
    };
    let free = Call { gas_price: None, tip: None, nonce: None, ..call.clone() };
    calls::gas(request, &calls, &mut state.reader(), &free)
}
