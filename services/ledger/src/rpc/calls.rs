//! Calls without a signature.

pub(super) mod request;
pub(super) mod revert;

use super::account::{Source, StateAt};
use super::format::Quantity;
use super::{Answer, Patience, Request, quantity, server, unreadable};
use alloy_primitives::Bytes;
use chain::execute::{
    Call, CallError, CallOutcome, Calls, Moved, Reader, StateOverrides, TransactionError,
    block_env, check_overrides,
};
use client::RpcError;
use request::{BlockRequest, CallRequest, StateRequest};
use revert::{message, reverted};
use serde_json::json;

/// Gas of a transfer to an account without code.
const TRANSFER_GAS: u64 = 21_000;

/// What a call runs on and in.
struct Stage<'a> {
    state: StateAt<'a>,
    overrides: StateOverrides,
    calls: Calls<'a>,
    call: Call,
}

/// Reads a call (parameter 0), its block, state overrides and block overrides.
fn stage<'a>(
    request: &'a Request<'_>,
    lasts: &'a (dyn Fn() -> bool + Sync),
) -> Result<Stage<'a>, RpcError> {
    let call: CallRequest = request.params.get(0)?;
    let state = request.state_at(1)?;
    let overrides = request.params.optional::<StateRequest>(2)?.unwrap_or_default().parse();
    let of_block = request.params.optional::<BlockRequest>(3)?.unwrap_or_default().parse()?;
    let mut moved = Moved::default();
    check_overrides(&overrides, &mut moved).map_err(|error| server(error.to_string()))?;
    let chain_id = request.node.rules().chain_id;
    let mut block = block_env(&state.header);
    of_block.apply(&mut block);
    let (gas_max, watch) = (request.limits().call_gas_max, request.patience.watch(lasts));
    let calls = Calls { chain_id, block, gas_max, moved, watch };
    Ok(Stage { state, overrides, calls, call: call.parse(chain_id)? })
}

impl Stage<'_> {
    /// Runs `work` on the state with its overrides.
    fn on<T>(&self, work: impl FnOnce(&mut Pretending<'_>) -> T) -> T {
        work(&mut self.state.reader().pretending(self.overrides.clone()))
    }
}

pub(super) type Pretending<'a> = Reader<'a, &'a Source<'a>>;

pub(super) fn call(request: &Request<'_>) -> Result<Bytes, RpcError> {
    let patience: Patience = request.patience;
    let lasts = move || patience.lasts();
    let stage = stage(request, &lasts)?;
    let result = stage.on(|state| stage.calls.call(state, &stage.call));
    let result = result.map_err(|error| match error {
        error @ (TransactionError::State(_) | TransactionError::Interrupted) => {
            refused(request, error)
        }
        error => server(format!("err: {error} (supplied gas {})", stage.calls.gas_of(&stage.call))),
    });
    match result?.outcome {
        CallOutcome::Success(output) => Ok(output),
        CallOutcome::Revert(data) => Err(reverted(&data)),
        CallOutcome::Halt(reason) => Err(server(reason)),
    }
}

pub(super) fn estimate(request: &Request<'_>) -> Answer {
    let patience: Patience = request.patience;
    let lasts = move || patience.lasts();
    let stage = stage(request, &lasts)?;
    stage.on(|state| gas(request, &stage.calls, state, &stage.call)).map(quantity)
}

/// The gas that a call needs.
pub(super) fn gas(
    request: &Request<'_>,
    calls: &Calls<'_>,
    state: &mut Pretending<'_>,
    call: &Call,
) -> Result<u64, RpcError> {
    if is_transfer(calls, state, call)? {
        return Ok(TRANSFER_GAS);
    }
    calls.estimate(state, call).map_err(|error| match error {
        CallError::State(error) => unreadable(error),
        CallError::Refused {
            error: error @ (TransactionError::State(_) | TransactionError::Interrupted),
            ..
        } => refused(request, error),
        CallError::Reverted(data) => reverted(&data),
        other => server(other.to_string()),
    })
}

/// Whether the call is a plain transfer, whose gas wallets expect to the unit.
fn is_transfer(
    calls: &Calls<'_>,
    state: &mut Pretending<'_>,
    call: &Call,
) -> Result<bool, RpcError> {
    let plain = call.data.is_empty() && call.authorization_list.is_empty();
    let Some(to) = call.to.filter(|_| plain) else { return Ok(false) };
    if calls.moved.is_precompiled(&to) || state.has_code(to).map_err(unreadable)? {
        return Ok(false);
    }
    let with_least = Call { gas: Some(TRANSFER_GAS), ..call.clone() };
    let tried = calls.call(state, &with_least);
    Ok(tried.is_ok_and(|result| matches!(result.outcome, CallOutcome::Success(_))))
}

/// `eth_createAccessList`: what a call touches and what it costs once that is warm.
pub(super) fn access_list(request: &Request<'_>) -> Answer {
    let patience: Patience = request.patience;
    let lasts = move || patience.lasts();
    let stage = stage(request, &lasts)?;
    let found = stage.on(|state| stage.calls.access_list(state, &stage.call));
    let (list, result) = found.map_err(|error| refused(request, error))?;
    let gas_used = Quantity(result.gas_used);
    let mut answer = json!({ "accessList": list, "gasUsed": gas_used });
    match result.outcome {
        CallOutcome::Success(_) => {}
        CallOutcome::Revert(data) => answer["error"] = json!(message(&data)),
        CallOutcome::Halt(reason) => answer["error"] = json!(reason),
    }
    Ok(answer)
}

/// Why a call could not start, or was stopped.
pub(super) fn refused(request: &Request<'_>, error: TransactionError) -> RpcError {
    match error {
        TransactionError::State(error) => unreadable(error),
        TransactionError::Interrupted => request.interrupted(),
        error => server(format!("err: {error}")),
    }
}
