//! `debug_trace*`.

use super::super::params::BlockId;
use super::super::{Answer, Request, invalid, server};
use super::options::{Options, Seen, context};
use super::watch::{Budget, Watch};
use super::{Scene, Stage, Turn, admit, pretend, refused, stage_after};
use alloy_primitives::{B256, Bytes, U64};
use alloy_rpc_types_trace::geth::GethDebugTracingOptions;
use chain::Block;
use chain::rules::BLOCK_BYTES_MAX;
use client::RpcError;
use revm::context::result::ResultAndState;
use revm_inspectors::tracing::TransactionContext;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn options(request: &Request<'_>, position: usize) -> Result<Options, RpcError> {
    let options: Option<GethDebugTracingOptions> = request.params.optional(position)?;
    Options::new(options.unwrap_or_default())
}

/// Runs a transaction of a block before the eyes of the tracer that was asked for.
fn traced(
    stage: &mut Stage<'_>,
    block: B256,
    turn: &Turn<'_>,
    options: &Options,
    budget: &mut Budget,
) -> Result<(Value, ResultAndState), RpcError> {
    let env = turn.env();
    let mut watch = Watch::new(options.tracer()?, options.kept(), budget);
    let done = stage.watch(env.clone(), &mut watch).map_err(refused)?;
    let tracer = watch.finish()?;
    let seen = Seen { context: context(block, turn), env: &env, done: &done };
    Ok((options.result(tracer, stage, &seen)?, done))
}

/// `debug_traceTransaction(hash, options)`
pub(super) fn transaction(request: &Request<'_>) -> Answer {
    let (hash, options): (B256, _) = (request.params.get(0)?, options(request, 1)?);
    let found = Scene::of_transaction(request, hash)?;
    let (scene, index) = found.ok_or_else(|| server("transaction not found"))?;
    let mut budget = options.budget();
    scene.one(index, |stage, turn| traced(stage, scene.hash, turn, &options, &mut budget))
}

/// `debug_traceBlockByNumber` and `debug_traceBlockByHash`
pub(super) fn stored_block(request: &Request<'_>) -> Answer {
    let (id, options): (BlockId, _) = (request.params.get(0)?, options(request, 1)?);
    let scene = Scene::named(request, id)?.ok_or_else(|| server("block not found"))?;
    whole(&scene, &options)
}

/// `debug_traceBlock(rlp, options)`
pub(super) fn raw_block(request: &Request<'_>) -> Answer {
    let (rlp, options): (Bytes, _) = (request.params.get(0)?, options(request, 1)?);
    if rlp.len() > BLOCK_BYTES_MAX {
        return Err(invalid(format!("block too large: max {BLOCK_BYTES_MAX} bytes")));
    }
    let block = Block::decode_exact(&rlp)
        .map_err(|error| invalid(format!("could not decode block: {error}")))?;
    whole(&Scene::foreign(request, block)?, &options)
}

fn whole(scene: &Scene<'_>, options: &Options) -> Answer {
    if scene.block.header.number == 0 {
        return Err(server("genesis is not traceable"));
    }
    let mut budget = options.budget();
    let all = scene.all(|stage, turn| {
        let (trace, done) = traced(stage, scene.hash, turn, options, &mut budget)?;
        Ok((json!({ "txHash": turn.hash, "result": trace }), done))
    })?;
    Ok(Value::Array(all))
}

/// `debug_traceCall(call, block, options)`; with `txIndex` on the state that the transaction at
/// this position of the block finds.
pub(super) fn call(request: &Request<'_>) -> Answer {
    let options = options(request, 2)?;
    let more: Value = request.params.optional(2)?.unwrap_or_default();
    let Some(position) = named::<U64>(&more, "txIndex")? else {
        return called(request, &mut stage_after(request, 1)?, &more, &options);
    };
    let id = request.params.optional(1)?.unwrap_or(BlockId::Head);
    let scene = Scene::named(request, id)?.ok_or_else(|| server("block not found"))?;
    let count = scene.block.transactions.len();
    let index: usize = position.saturating_to();
    if index >= count {
        return Err(server(format!("tx index {index} out of range for block with {count} txs")));
    }
    called(request, &mut scene.stage_at(index)?, &more, &options)
}

/// A further option of a call.
fn named<T: DeserializeOwned>(options: &Value, name: &str) -> Result<Option<T>, RpcError> {
    Option::<T>::deserialize(&options[name])
        .map_err(|error| invalid(format!("invalid {name}: {error}")))
}

fn called(
    request: &Request<'_>,
    stage: &mut Stage<'_>,
    overrides: &Value,
    options: &Options,
) -> Answer {
    let (state, block) = (named(overrides, "stateOverrides")?, named(overrides, "blockOverrides")?);
    pretend(stage, state, block)?;
    let env = admit(request, stage, request.params.get(0)?)?;
    let mut budget = options.budget();
    let mut watch = Watch::new(options.tracer()?, options.kept(), &mut budget);
    let done = stage.watch(env.clone(), &mut watch).map_err(refused)?;
    let tracer = watch.finish()?;
    let seen = Seen { context: TransactionContext::default(), env: &env, done: &done };
    options.result(tracer, stage, &seen)
}
