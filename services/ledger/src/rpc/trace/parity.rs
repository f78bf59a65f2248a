//! `trace_*`.

use super::super::params::BlockId;
use super::super::{Answer, Request, fault, invalid, server};
use super::watch::{Budget, Kept, TRACE_TIME_DEFAULT, Watch};
use super::{
    Scene, Stage, TRACE_BLOCKS_MAX, TRACE_CALLS_MAX, TRACES_MAX, Turn, admit, instructions,
    pretend, refused, stage_after, state_diff,
};
use crate::rpc::calls::request::CallRequest;
use alloy_eips::eip2718::Decodable2718;
use alloy_primitives::{Address, B256, Bytes, U64};
use alloy_rpc_types_trace::filter::{TraceFilter, TraceFilterMatcher, TraceFilterMode};
use alloy_rpc_types_trace::parity::{
    Action, LocalizedTransactionTrace, RewardAction, RewardType, TraceType, TransactionTrace,
};
use chain::execute::transaction_env;
use chain::{ChainView, Transaction};
use client::RpcError;
use revm::DatabaseRef;
use revm::bytecode::Bytecode;
use revm::context::TxEnv;
use revm::context::result::ResultAndState;
use revm_inspectors::tracing::types::CallTraceNode;
use revm_inspectors::tracing::{StackSnapshotType, TracingInspector, TracingInspectorConfig};
use serde::Deserialize;
use serde_json::{Value, json};

/// What to tell of a transaction.
#[derive(Clone, Copy, Default)]
struct Types {
    trace: bool,
    instructions: bool,
    state_diff: bool,
}

impl From<Vec<TraceType>> for Types {
    fn from(types: Vec<TraceType>) -> Self {
        let has = |wanted| types.contains(&wanted);
        let (trace, instructions) = (has(TraceType::Trace), has(TraceType::VmTrace));
        Self { trace, instructions, state_diff: has(TraceType::StateDiff) }
    }
}

fn types(request: &Request<'_>, position: usize) -> Result<Types, RpcError> {
    Ok(request.params.get::<Vec<TraceType>>(position)?.into())
}

/// The frames of a transaction, and what it left.
fn watched(
    stage: &mut Stage<'_>,
    env: TxEnv,
    types: Types,
    budget: &mut Budget,
) -> Result<(TracingInspector, ResultAndState), RpcError> {
    let (mut config, mut kept) = (TracingInspectorConfig::default_parity(), Kept::default());
    if types.instructions {
        config = config.steps().memory_snapshots().set_stack_snapshots(StackSnapshotType::Full);
        kept = Kept { steps: true, stack: true, memory: true, ..kept };
    }
    let mut watch = Watch::new(TracingInspector::new(config), kept, budget);
    let done = stage.watch(env, &mut watch).map_err(refused)?;
    Ok((watch.finish()?, done))
}

fn results(
    stage: &mut Stage<'_>,
    env: TxEnv,
    types: Types,
    budget: &mut Budget,
) -> Result<(Value, ResultAndState), RpcError> {
    let (inspector, done) = watched(stage, env, types, budget)?;
    let reader = stage.reader();
    let mut told = json!({
        "output": done.result.output().cloned().unwrap_or_default(),
        "stateDiff": null,
        "trace": [],
        "vmTrace": null,
    });
    if types.state_diff {
        told["stateDiff"] = json!(state_diff::of(&done.state, &reader).map_err(fault)?);
    }
    if types.instructions {
        let code = |node: &CallTraceNode| code(node, &done, &reader);
        told["vmTrace"] =
            json!(instructions::trace(inspector.traces().nodes(), code).map_err(fault)?);
    }
    if types.trace {
        told["trace"] = json!(inspector.into_parity_builder().into_transaction_traces());
    }
    Ok((told, done))
}

/// What a frame ran: a contract that was there before or was made by the transaction itself, or the
/// init code that makes one.
fn code<D: DatabaseRef>(
    node: &CallTraceNode,
    done: &ResultAndState,
    before: &D,
) -> Result<Bytes, D::Error> {
    if node.trace.kind.is_any_create() {
        return Ok(node.trace.data.clone());
    }
    let old = before.basic_ref(node.trace.address)?.filter(|info| !info.is_empty_code_hash());
    let info = old.or_else(|| Some(done.state.get(&node.trace.address)?.info.clone()));
    let code = info.and_then(|info| info.code);
    Ok(code.as_ref().map(Bytecode::original_bytes).unwrap_or_default())
}

type Located = Vec<LocalizedTransactionTrace>;

/// The traces of a transaction with their place.
fn located(
    scene: &Scene<'_>,
    stage: &mut Stage<'_>,
    turn: &Turn<'_>,
    budget: &mut Budget,
) -> Result<(Located, ResultAndState), RpcError> {
    let (inspector, done) = watched(stage, turn.env(), Types::default(), budget)?;
    let traces = inspector.into_parity_builder().into_transaction_traces();
    let at = |trace: TransactionTrace| LocalizedTransactionTrace {
        trace,
        block_hash: Some(scene.hash),
        block_number: Some(scene.block.header.number),
        transaction_hash: Some(turn.hash),
        transaction_position: Some(turn.index as u64),
    };
    Ok((traces.into_iter().map(at).collect(), done))
}

/// What the miner of a block got for it, besides the tips.
fn reward(scene: &Scene<'_>, request: &Request<'_>) -> Option<LocalizedTransactionTrace> {
    let (header, value) = (&scene.block.header, request.node.rules().reward);
    if value.is_zero() || header.number == 0 {
        return None;
    }
    let (author, reward_type) = (header.coinbase, RewardType::Block);
    Some(LocalizedTransactionTrace {
        trace: TransactionTrace {
            action: Action::Reward(RewardAction { author, reward_type, value }),
            error: None,
            result: None,
            subtraces: 0,
            trace_address: Vec::new(),
        },
        block_hash: Some(scene.hash),
        block_number: Some(header.number),
        transaction_hash: None,
        transaction_position: None,
    })
}

fn of_block(
    scene: &Scene<'_>,
    request: &Request<'_>,
    budget: &mut Budget,
) -> Result<Located, RpcError> {
    let all = scene.all(|stage, turn| located(scene, stage, turn, budget))?;
    Ok(all.into_iter().flatten().chain(reward(scene, request)).collect())
}

fn of_transaction(request: &Request<'_>) -> Result<Option<Located>, RpcError> {
    let found = Scene::of_transaction(request, request.params.get(0)?)?;
    let Some((scene, index)) = found else { return Ok(None) };
    let mut budget = Budget::new(TRACE_TIME_DEFAULT);
    scene.one(index, |stage, turn| located(&scene, stage, turn, &mut budget)).map(Some)
}

/// `trace_transaction(hash)`
pub(super) fn transaction(request: &Request<'_>) -> Answer {
    Ok(json!(of_transaction(request)?))
}

/// `trace_get(hash, address)`: the trace with this trace address.
pub(super) fn get(request: &Request<'_>) -> Answer {
    let address: Vec<U64> = request.params.get(1)?;
    let address: Vec<usize> = address.iter().map(|index| index.saturating_to()).collect();
    let all = of_transaction(request)?.unwrap_or_default();
    Ok(json!(all.into_iter().find(|one| one.trace.trace_address == address)))
}

/// `trace_block(block)`
pub(super) fn block(request: &Request<'_>) -> Answer {
    let Some(scene) = Scene::named(request, request.params.get(0)?)? else {
        return Ok(Value::Null);
    };
    Ok(json!(of_block(&scene, request, &mut Budget::new(TRACE_TIME_DEFAULT))?))
}

/// `trace_replayTransaction(hash, types)`
pub(super) fn replay_transaction(request: &Request<'_>) -> Answer {
    let (hash, types): (B256, _) = (request.params.get(0)?, types(request, 1)?);
    let found = Scene::of_transaction(request, hash)?;
    let (scene, index) = found.ok_or_else(|| server("transaction not found"))?;
    let mut budget = Budget::new(TRACE_TIME_DEFAULT);
    let mut told =
        scene.one(index, |stage, turn| results(stage, turn.env(), types, &mut budget))?;
    told["transactionHash"] = json!(hash);
    Ok(told)
}

/// `trace_replayBlockTransactions(block, types)`
pub(super) fn replay_block(request: &Request<'_>) -> Answer {
    let (id, types): (BlockId, _) = (request.params.get(0)?, types(request, 1)?);
    let Some(scene) = Scene::named(request, id)? else { return Ok(Value::Null) };
    let mut budget = Budget::new(TRACE_TIME_DEFAULT);
    let all = scene.all(|stage, turn| {
        let (mut told, done) = results(stage, turn.env(), types, &mut budget)?;
        told["transactionHash"] = json!(turn.hash);
        Ok((told, done))
    })?;
    Ok(Value::Array(all))
}

/// `trace_call(call, types, block, stateOverrides, blockOverrides)`
pub(super) fn call(request: &Request<'_>) -> Answer {
    let (call, types) = (request.params.get(0)?, types(request, 1)?);
    let mut stage = stage_after(request, 2)?;
    pretend(&mut stage, request.params.optional(3)?, request.params.optional(4)?)?;
    let env = admit(request, &mut stage, call)?;
    Ok(results(&mut stage, env, types, &mut Budget::new(TRACE_TIME_DEFAULT))?.0)
}

/// `trace_callMany([[call, types], ...], block)`: each call sees what those before it did.
pub(super) fn calls(request: &Request<'_>) -> Answer {
    let calls: Vec<(CallRequest, Vec<TraceType>)> = request.params.get(0)?;
    if calls.len() > TRACE_CALLS_MAX {
        return Err(invalid(format!("too many calls: max {TRACE_CALLS_MAX}")));
    }
    let mut stage = stage_after(request, 1)?;
    let mut budget = Budget::new(TRACE_TIME_DEFAULT);
    let mut all = Vec::with_capacity(calls.len());
    for (call, types) in calls {
        let env = admit(request, &mut stage, call)?;
        let (told, done) = results(&mut stage, env, types.into(), &mut budget)?;
        stage.apply(done.state).map_err(fault)?;
        all.push(told);
    }
    Ok(Value::Array(all))
}

/// `trace_rawTransaction(raw, types)`: what it would do now.
pub(super) fn raw_transaction(request: &Request<'_>) -> Answer {
    let (raw, types): (Bytes, _) = (request.params.get(0)?, types(request, 1)?);
    let transaction = Transaction::decode_2718_exact(&raw)
        .map_err(|error| invalid(format!("invalid transaction: {error}")))?;
    chain::execute::check_transaction(&transaction, request.node.rules().chain_id)
        .map_err(refused)?;
    let sender = chain::signature::recover(&transaction).ok_or_else(|| server("invalid sender"))?;
    let mut stage = stage_after(request, 2)?;
    let env = transaction_env(&transaction, sender);
    Ok(results(&mut stage, env, types, &mut Budget::new(TRACE_TIME_DEFAULT))?.0)
}

/// What `trace_filter` asks for.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Filter {
    from_block: Option<BlockId>,
    to_block: Option<BlockId>,
    from_address: Vec<Address>,
    to_address: Vec<Address>,
    mode: TraceFilterMode,
    /// Traces to leave out first.
    after: usize,
    /// Most traces to tell.
    count: Option<usize>,
}

impl Filter {
    fn matcher(&self) -> TraceFilterMatcher {
        TraceFilter {
            from_address: self.from_address.clone(),
            to_address: self.to_address.clone(),
            mode: self.mode,
            ..TraceFilter::default()
        }
        .matcher()
    }
}

/// `trace_filter(filter)`: the matching traces of a range of blocks, in order.
pub(super) fn filter(request: &Request<'_>) -> Answer {
    let filter: Filter = request.params.get(0)?;
    let head = request.head()?.number;
    let height = |id: Option<BlockId>, other| match id {
        None => Ok(other),
        Some(BlockId::Number(number)) => Ok(number),
        Some(id) => {
            let header = request.resolve(id)?.and_then(|hash| request.snapshot.header(hash));
            Ok(header.ok_or_else(|| server("unknown block"))?.number)
        }
    };
    let (from, to) = (height(filter.from_block, 0)?, height(filter.to_block, head)?.min(head));
    if from > to {
        return Err(invalid("invalid block range params"));
    }
    if to - from >= TRACE_BLOCKS_MAX {
        return Err(invalid(format!("exceed maximum block range: {TRACE_BLOCKS_MAX}")));
    }
    let most = filter.count.unwrap_or(TRACES_MAX).min(TRACES_MAX);
    let (matcher, mut budget) = (filter.matcher(), Budget::new(TRACE_TIME_DEFAULT));
    let (mut left_out, mut found) = (0, Vec::new());
    for number in from..=to {
        budget.check()?;
        let Some(scene) = Scene::named(request, BlockId::Number(number))? else { continue };
        for trace in of_block(&scene, request, &mut budget)? {
            if !matcher.matches(&trace.trace) {
                continue;
            }
            if left_out < filter.after {
                left_out += 1;
                continue;
            }
            if found.len() == most {
                return enough(found, filter.count);
            }
            found.push(trace);
        }
    }
    Ok(json!(found))
}

/// More was found than is told: fine if that many were asked for, else the caller has to know.
fn enough(found: Located, asked: Option<usize>) -> Answer {
    if asked.is_none_or(|asked| asked > TRACES_MAX) {
        let message = format!("query returned more than {TRACES_MAX} results");
        return Err(RpcError::new(super::super::code::LIMIT_EXCEEDED, message));
    }
    Ok(json!(found))
}
