//! `eth_simulateV1`: blocks of calls on a pretended state.

use super::calls::request::{BlockRequest, CallRequest, StateRequest};
use super::calls::revert::message;
use super::format::{BlockView, LogView, Place, Quantity};
use super::params::BlockId;
use super::{Answer, Request, code, invalid, unreadable};
use alloy_primitives::Bytes;
use chain::execute::{
    CallOutcome, Simulated, SimulatedBlock, SimulatedCall, Simulation, SimulationError,
    TransactionError,
};
use client::RpcError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Blocks that one request may name.
const BLOCKS_MAX: usize = 256;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    block_state_calls: Vec<AskedBlock>,
    #[serde(default)]
    trace_transfers: bool,
    #[serde(default)]
    validation: bool,
    #[serde(default)]
    return_full_transactions: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AskedBlock {
    block_overrides: Option<BlockRequest>,
    state_overrides: Option<StateRequest>,
    calls: Option<Vec<CallRequest>>,
}

#[derive(Serialize)]
struct BlockAnswer<'a> {
    #[serde(flatten)]
    block: BlockView<'a>,
    calls: Vec<CallAnswer>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CallAnswer {
    return_data: Bytes,
    logs: Vec<LogView>,
    gas_used: Quantity,
    max_used_gas: Quantity,
    status: Quantity,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<RpcError>,
}

pub(super) fn simulate(request: &Request<'_>) -> Answer {
    request.takes_long()?;
    let asked: Asked = request.params.get(0)?;
    match asked.block_state_calls.len() {
        0 => return Err(invalid("empty input")),
        count if count > BLOCKS_MAX => {
            return Err(RpcError::new(code::CLIENT_LIMIT, "too many blocks"));
        }
        _ => {}
    }
    let base = request.params.optional(1)?.unwrap_or(BlockId::Head);
    let (base, _) = request.header_of(base)?;
    let rules = request.node.rules();
    let parse = |block: AskedBlock| -> Result<SimulatedBlock, RpcError> {
        let calls = block.calls.unwrap_or_default().into_iter();
        Ok(SimulatedBlock {
            overrides: block.block_overrides.unwrap_or_default().parse()?,
            state: block.state_overrides.unwrap_or_default().parse(),
            calls: calls.map(|call| call.parse(rules.chain_id)).collect::<Result<_, _>>()?,
        })
    };
    let blocks: Vec<_> =
        asked.block_state_calls.into_iter().map(parse).collect::<Result<_, _>>()?;
    let patience = request.patience;
    let lasts = move || patience.lasts();
    let simulation = Simulation {
        rules,
        base,
        validation: asked.validation,
        trace_transfers: asked.trace_transfers,
        gas_max: request.limits().call_gas_max,
        watch: patience.watch(&lasts),
    };
    let done = simulation.run(&*request.snapshot, blocks);
    let done = done.map_err(|error| refused(request, error))?;
    Ok(done.iter().map(|block| answer(block, asked.return_full_transactions)).collect())
}

fn answer(simulated: &Simulated, whole: bool) -> Value {
    let Simulated { block, senders, calls } = simulated;
    let hash = block.hash();
    let mut logs_before = 0;
    let mut answers = Vec::new();
    for (index, call) in calls.iter().enumerate() {
        let place = Place { hash, header: &block.header, index };
        let transaction = *block.transactions[index].tx_hash();
        let logs = call.logs.iter().enumerate();
        let logs = logs
            .map(|(at, log)| LogView::new(log, transaction, place, logs_before + at, false))
            .collect();
        logs_before += call.logs.len();
        answers.push(outcome(call, logs));
    }
    let block = BlockView::made(block, senders, Some(hash), whole);
    json!(BlockAnswer { block, calls: answers })
}

fn outcome(call: &SimulatedCall, logs: Vec<LogView>) -> CallAnswer {
    let (return_data, error) = match &call.outcome {
        CallOutcome::Success(output) => (output.clone(), None),
        CallOutcome::Revert(data) => {
            let error = RpcError::new(code::REVERTED, message(data));
            (data.clone(), Some(RpcError { data: Some(json!(data)), ..error }))
        }
        CallOutcome::Halt(reason) => {
            (Bytes::new(), Some(RpcError::new(code::VM_ERROR, reason.clone())))
        }
    };
    CallAnswer {
        return_data,
        logs,
        gas_used: Quantity(call.gas_used),
        max_used_gas: Quantity(call.gas_used_max),
        status: Quantity(u64::from(error.is_none())),
        error,
    }
}

fn refused(request: &Request<'_>, error: SimulationError) -> RpcError {
    use TransactionError as T;
    let code = match &error {
        SimulationError::Number { .. } => code::BLOCK_NUMBER,
        SimulationError::Timestamp { .. } => code::BLOCK_TIMESTAMP,
        SimulationError::TooManyBlocks => code::CLIENT_LIMIT,
        SimulationError::BlockGas { .. } => code::BLOCK_GAS,
        SimulationError::Override(_) => code::SERVER,
        SimulationError::Call(error) => match error {
            T::State(error) => return unreadable(*error),
            T::Interrupted => return request.interrupted(),
            T::NonceTooLow { .. } => code::NONCE_TOO_LOW,
            T::NonceTooHigh { .. } => code::NONCE_TOO_HIGH,
            T::SenderNotEoa(_) => code::SENDER_NOT_EOA,
            T::IntrinsicGas { .. } | T::FloorDataGas { .. } => code::INTRINSIC_GAS,
            T::InsufficientFunds { .. } | T::CostOverflow(_) => code::INSUFFICIENT_FUNDS,
            T::InitCodeSize { .. } => code::INIT_CODE_SIZE,
            T::FeeCapTooLow { .. } | T::TipAboveFeeCap => code::INVALID_PARAMS,
            _ => code::INTERNAL,
        },
    };
    RpcError::new(code, error.to_string())
}
