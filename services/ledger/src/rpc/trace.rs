//! Tracers: `debug_trace*` as geth answers them, `trace_*` as Parity did.
//!
//! ```text
//! stored block -> Scene -> Replay --skip--> ... --watch(Watch(tracer))--> result, changes -> JSON
//!                            ^------------------------ apply <---------------------'
//! ```
//!
//! Nothing of a trace is stored: a block is executed again on its parent's state, each transaction
//! once, and only as far as it is asked for. What a tracer may take is bounded by [`Budget`].
//!
//! Absent on purpose: tracers in JavaScript, which would run a caller's program in the node.

mod frames;
mod geth;
mod instructions;
mod modified;
mod options;
mod parity;
mod state_diff;
mod storage;
mod watch;
mod words;

pub(super) use frames::{Frames, frames};

use super::calls::request::{BlockRequest, CallRequest, StateRequest};
use super::methods::Valued;
use super::params::BlockId;
use super::{Request, damaged, fault, invalid, server, unreadable};
use alloy_primitives::{Address, B256};
use chain::execute::{Moved, Replay, TransactionError, block_env, check_overrides};
use chain::{AtBlock, Block, ChainView, State, Transaction};
use client::RpcError;
use revm::context::TxEnv;
use revm::context::result::ResultAndState;

use crate::store::Snapshot;

/// Blocks that one `trace_filter` may execute.
pub(super) const TRACE_BLOCKS_MAX: u64 = 1_000;
/// Traces that one `trace_filter` may find.
pub(super) const TRACES_MAX: usize = 10_000;
/// Calls of one `trace_callMany`.
pub(super) const TRACE_CALLS_MAX: usize = 100;

/// The method of this name, if it traces.
pub(super) fn find(method: &str) -> Option<Valued> {
    Some(match method {
        "debug_traceTransaction" => geth::transaction,
        "debug_traceCall" => geth::call,
        "debug_traceBlockByNumber" | "debug_traceBlockByHash" => geth::stored_block,
        "debug_traceBlock" => geth::raw_block,
        "debug_intermediateRoots" => storage::roots,
        "debug_storageRangeAt" => storage::range,
        "debug_getModifiedAccountsByNumber" | "debug_getModifiedAccountsByHash" => {
            modified::accounts
        }
        "trace_transaction" => parity::transaction,
        "trace_get" => parity::get,
        "trace_block" => parity::block,
        "trace_filter" => parity::filter,
        "trace_call" => parity::call,
        "trace_callMany" => parity::calls,
        "trace_rawTransaction" => parity::raw_transaction,
        "trace_replayTransaction" => parity::replay_transaction,
        "trace_replayBlockTransactions" => parity::replay_block,
        _ => return None,
    })
}

/// The state that is executed on.
pub(super) type Stage<'a> = Replay<AtBlock<'a, Snapshot>>;

/// A block that is executed again.
pub(super) struct Scene<'a> {
    request: &'a Request<'a>,
    pub(super) hash: B256,
    pub(super) block: Block,
    senders: Vec<Address>,
}

/// One transaction of it.
pub(super) struct Turn<'t> {
    pub(super) hash: B256,
    pub(super) index: usize,
    pub(super) transaction: &'t Transaction,
    pub(super) sender: Address,
}

impl<'a> Scene<'a> {
    /// A stored block.
    pub(super) fn stored(request: &'a Request<'a>, hash: B256) -> Result<Self, RpcError> {
        let block = request.snapshot.block(hash).ok_or_else(|| damaged("body", hash))?;
        let senders = request.snapshot.senders(hash).ok_or_else(|| damaged("senders", hash))?;
        Ok(Self { request, hash, block, senders })
    }

    /// The stored block that a parameter names.
    pub(super) fn named(request: &'a Request<'a>, id: BlockId) -> Result<Option<Self>, RpcError> {
        request.resolve(id)?.map(|hash| Self::stored(request, hash)).transpose()
    }

    /// The block of a canonical transaction, and its position in it.
    pub(super) fn of_transaction(
        request: &'a Request<'a>,
        hash: B256,
    ) -> Result<Option<(Self, usize)>, RpcError> {
        let Some((number, index)) = request.snapshot.transaction_place(hash) else {
            return Ok(None);
        };
        let scene = Self::named(request, BlockId::Number(number))?;
        scene.map(|scene| Ok((scene, index))).transpose()
    }

    /// A block from elsewhere whose parent is stored.
    fn foreign(request: &'a Request<'a>, block: Block) -> Result<Self, RpcError> {
        for transaction in &block.transactions {
            chain::execute::check_transaction(transaction, request.node.rules().chain_id)
                .map_err(|error| invalid(error.to_string()))?;
        }
        let senders = chain::signature::recover_all(&block.transactions, |_| None);
        let senders: Option<Vec<Address>> = senders.into_iter().collect();
        let senders = senders.ok_or_else(|| invalid("invalid sender"))?;
        Ok(Self { request, hash: block.hash(), block, senders })
    }

    fn begin(&self) -> Result<Stage<'_>, RpcError> {
        self.request.takes_long()?;
        let header = &self.block.header;
        if header.number == 0 {
            return Err(server("genesis is not traceable"));
        }
        Replay::before(&*self.request.snapshot, self.request.node.rules().chain_id, header)
            .ok_or_else(|| server(format!("parent {} not found", header.parent_hash)))
    }

    pub(super) fn turn(&self, index: usize) -> Turn<'_> {
        let (transaction, sender) = (&self.block.transactions[index], self.senders[index]);
        Turn { hash: *transaction.tx_hash(), index, transaction, sender }
    }

    /// The state that the transaction at `index` finds; after the last one if it is beyond them.
    pub(super) fn stage_at(&self, index: usize) -> Result<Stage<'_>, RpcError> {
        let mut stage = self.begin()?;
        for (transaction, sender) in self.block.transactions.iter().zip(&self.senders).take(index) {
            stage.skip(transaction, *sender).map_err(refused)?;
        }
        Ok(stage)
    }

    /// Looks at one transaction; those after it do not run.
    pub(super) fn one<T>(
        &self,
        index: usize,
        look: impl FnOnce(&mut Stage<'_>, &Turn<'_>) -> Result<(T, ResultAndState), RpcError>,
    ) -> Result<T, RpcError> {
        let mut stage = self.stage_at(index)?;
        Ok(look(&mut stage, &self.turn(index))?.0)
    }

    /// Looks at all transactions in their order.
    pub(super) fn all<T>(
        &self,
        mut look: impl FnMut(&mut Stage<'_>, &Turn<'_>) -> Result<(T, ResultAndState), RpcError>,
    ) -> Result<Vec<T>, RpcError> {
        let mut seen = Vec::with_capacity(self.block.transactions.len());
        if self.block.transactions.is_empty() {
            return Ok(seen);
        }
        let mut stage = self.begin()?;
        for index in 0..self.block.transactions.len() {
            let (trace, done) = look(&mut stage, &self.turn(index))?;
            stage.apply(done.state).map_err(fault)?;
            seen.push(trace);
        }
        Ok(seen)
    }
}

impl Turn<'_> {
    pub(super) fn env(&self) -> TxEnv {
        chain::execute::transaction_env(self.transaction, self.sender)
    }
}

/// The state after the block that parameter `position` names, for calls within that block.
fn stage_after<'a>(request: &'a Request<'_>, position: usize) -> Result<Stage<'a>, RpcError> {
    request.takes_long()?;
    let id = request.params.optional(position)?.unwrap_or(BlockId::Head);
    let (hash, header) = request.header_of(id)?;
    let state = State::at(header.state_root, AtBlock::new(&*request.snapshot, hash));
    Ok(Replay::new(state, request.node.rules().chain_id, block_env(&header)))
}

/// A call as a transaction on the stage.
fn admit(
    request: &Request<'_>,
    stage: &mut Stage<'_>,
    call: CallRequest,
) -> Result<TxEnv, RpcError> {
    let call = call.parse(request.node.rules().chain_id)?;
    stage.admit(&call, request.limits().call_gas_max).map_err(unreadable)
}

/// Changes the stage as a call wants it pretended.
fn pretend(
    stage: &mut Stage<'_>,
    state: Option<StateRequest>,
    block: Option<BlockRequest>,
) -> Result<(), RpcError> {
    let overrides = state.unwrap_or_default().parse();
    let mut moved = Moved::default();
    check_overrides(&overrides, &mut moved).map_err(|error| server(error.to_string()))?;
    stage.state().pretend(&overrides).map_err(unreadable)?;
    stage.pretend(&block.unwrap_or_default().parse()?, moved);
    Ok(())
}

/// A transaction that cannot run: of a stored block that is a fault, of a call its sender's error.
fn refused(error: TransactionError) -> RpcError {
    match error {
        TransactionError::State(error) => unreadable(error),
        error => server(format!("tracing failed: {error}")),
    }
}
