//! Calls without a signature.

use super::{Answer, Request, code, invalid, quantity, server};
use alloy_eips::eip2930::AccessList;
use alloy_primitives::{Address, B256, Bytes, U64, U128, U256};
use chain::execute::{self, Call, CallError, CallOutcome, TransactionError, block_env};
use chain::{AtBlock, Header, State};
use client::RpcError;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::store::Snapshot;

/// Gas of a transfer to an account without code.
const TRANSFER_GAS: u64 = 21_000;

/// A call as tools send it. Fields that play no part in it (`nonce`, `chainId`, `type`) are not
/// read.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CallRequest {
    from: Option<Address>,
    to: Option<Address>,
    gas: Option<U64>,
    gas_price: Option<U128>,
    max_fee_per_gas: Option<U128>,
    max_priority_fee_per_gas: Option<U128>,
    value: Option<U256>,
    data: Option<Bytes>,
    input: Option<Bytes>,
    access_list: Option<AccessList>,
}

impl CallRequest {
    fn parse(self, base_fee: u64) -> Result<Call, RpcError> {
        if self.gas_price.is_some()
            && (self.max_fee_per_gas.is_some() || self.max_priority_fee_per_gas.is_some())
        {
            let both = "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified";
            return Err(invalid(both));
        }
        if let (Some(data), Some(input)) = (&self.data, &self.input)
            && data != input
        {
            let both = "both \"data\" and \"input\" are set and not equal. \
                        Please use \"input\" to pass transaction call data";
            return Err(invalid(both));
        }
        let tip = self.max_priority_fee_per_gas.unwrap_or_default();
        let price = match (self.gas_price, self.max_fee_per_gas) {
            (Some(price), _) => Some(price),
            (None, Some(fee)) => Some(fee.min(tip.saturating_add(U128::from(base_fee)))),
            (None, None) => None,
        };
        Ok(Call {
            from: self.from.unwrap_or_default(),
            to: self.to,
            gas: self.gas.map(|gas| gas.to()),
            gas_price: price.map(|price| price.to()),
            value: self.value.unwrap_or_default(),
            data: self.input.or(self.data).unwrap_or_default(),
            access_list: self.access_list.unwrap_or_default(),
        })
    }
}

struct Stage<'a> {
    state: State<AtBlock<'a, Snapshot>>,
    header: Header,
    call: Call,
}

fn stage<'a>(request: &'a Request<'_>) -> Result<Stage<'a>, RpcError> {
    let call: CallRequest = request.params.get(0)?;
    let (hash, header): (B256, Header) = request.state_block(1)?;
    if request.params.optional::<Value>(2)?.is_some_and(|overrides| overrides != json!({})) {
        return Err(invalid("state overrides are not supported"));
    }
    let call = call.parse(header.base_fee_per_gas)?;
    let state = State::at(header.state_root, AtBlock::new(&request.snapshot, hash));
    Ok(Stage { state, header, call })
}

pub(super) fn call(request: &Request<'_>) -> Answer {
    let Stage { mut state, header, call } = stage(request)?;
    let chain_id = request.node.rules().chain_id;
    let result = execute::call(&mut state, chain_id, block_env(&header), &call).map_err(refused)?;
    match result.outcome {
        CallOutcome::Success(output) => Ok(json!(output)),
        CallOutcome::Revert(data) => Err(reverted(&data)),
        CallOutcome::Halt(reason) => Err(server(reason)),
    }
}

pub(super) fn estimate(request: &Request<'_>) -> Answer {
    let Stage { mut state, header, call } = stage(request)?;
    let chain_id = request.node.rules().chain_id;
    if let Some(gas) = transfer_gas(&mut state, chain_id, &header, &call)? {
        return Ok(quantity(gas));
    }
    match execute::estimate(&mut state, chain_id, block_env(&header), &call) {
        Ok(gas) => Ok(quantity(gas)),
        Err(CallError::Refused(error)) => Err(refused(error)),
        Err(CallError::Reverted(data)) => Err(reverted(&data)),
        Err(error @ CallError::Exceeds { .. }) => Err(server(error.to_string())),
    }
}

/// The gas of a plain transfer, which wallets expect to the unit; `None` if the call is none.
fn transfer_gas(
    state: &mut State<AtBlock<'_, Snapshot>>,
    chain_id: u64,
    header: &Header,
    call: &Call,
) -> Result<Option<u64>, RpcError> {
    let Some(to) = call.to.filter(|_| call.data.is_empty()) else { return Ok(None) };
    if state.account(to).map_err(super::fault)?.is_some_and(|account| account.has_code()) {
        return Ok(None);
    }
    let with_least = Call { gas: Some(TRANSFER_GAS), ..call.clone() };
    Ok(match execute::call(state, chain_id, block_env(header), &with_least) {
        Ok(result) if matches!(result.outcome, CallOutcome::Success(_)) => Some(TRANSFER_GAS),
        _ => None,
    })
}

fn refused(error: TransactionError) -> RpcError {
    match error {
        TransactionError::State(error) => super::fault(error),
        error => server(format!("err: {error}")),
    }
}

/// A revert: code 3 with what was returned; the reason in words if it is `Error(string)`.
fn reverted(data: &Bytes) -> RpcError {
    let message = match reason(data) {
        Some(reason) => format!("execution reverted: {reason}"),
        None => "execution reverted".to_owned(),
    };
    RpcError { data: Some(json!(data)), ..RpcError::new(code::REVERTED, message) }
}

/// The text of `Error(string)`.
fn reason(data: &[u8]) -> Option<String> {
    let words = data.strip_prefix(&[0x08, 0xc3, 0x79, 0xa0])?;
    let word = |at: usize| -> Option<usize> {
        let bytes = words.get(at..at.checked_add(32)?)?;
        U256::from_be_slice(bytes).try_into().ok()
    };
    let start = word(0)?;
    let text = start.checked_add(32)?;
    let bytes = words.get(text..text.checked_add(word(start)?)?)?;
    String::from_utf8(bytes.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revert_tells_its_reason_only_if_it_has_one() {
        let mut data = vec![0x08, 0xc3, 0x79, 0xa0];
        data.extend(U256::from(32).to_be_bytes::<32>());
        data.extend(U256::from(5).to_be_bytes::<32>());
        data.extend(b"price");
        for (data, expected) in [
            (data.clone(), "execution reverted: price"),
            (data[..data.len() - 1].to_vec(), "execution reverted"),
            (data[..10].to_vec(), "execution reverted"),
            (vec![0xff; 4], "execution reverted"),
            (Vec::new(), "execution reverted"),
        ] {
            let data = Bytes::from(data);
            let error = reverted(&data);
            assert_eq!((error.code, error.message.as_str()), (3, expected), "{data}");
            assert_eq!(error.data, Some(json!(data)));
        }
    }
}
