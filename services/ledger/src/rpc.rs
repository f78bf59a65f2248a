//! Ethereum JSON-RPC: what wallets, libraries and explorers send, with geth's wording and codes.
//!
//! A method is a function of the node and its parameters ([`methods`] finds it by name). Each
//! request sees one [`Snapshot`](crate::store::Snapshot), so what it answers belongs together even
//! if the head moves meanwhile.
//!
//! ```text
//! HTTP, WebSocket --> Service --> on the spot, if it is light --+--> envelope --> method
//! JsonRpc (in process) ------+--> worker ------------------------+
//! ```

mod account;
mod blocks;
mod cache;
mod calls;
mod envelope;
mod fees;
mod fill;
mod filters;
mod format;
mod limits;
mod logs;
mod methods;
mod network;
mod ots;
mod out;
mod params;
mod pool;
mod proofs;
mod raw;
mod send_sync;
mod serving;
mod session;
mod signing;
mod simulate;
mod state;
mod subscriptions;
mod trace;
mod txpool;

pub(crate) use cache::Caches;
pub(crate) use filters::Filters;
pub use limits::{
    BATCH_MAX, BODY_BYTES_MAX, LOG_BLOCKS_MAX, LOGS_MAX, RESPONSE_BYTES_MAX, RpcLimits,
};
pub(crate) use serving::{Reply, Serving};
pub(crate) use session::Session;
pub(crate) use subscriptions::news;

use crate::node::Node;
use crate::store::{Snapshot, StoreError};
use account::{Source, StateAt};
use alloy_primitives::{B256, U64};
use chain::execute::Watch;
use chain::{AtBlock, ChainView, Header, Pool};
use client::RpcError;
use out::Out;
use params::{BlockId, Params};
use serde_json::{Value, json};
use std::sync::{Arc, MutexGuard};
use std::time::Instant;

/// Codes of errors, as geth uses them.
mod code {
    pub(super) const REVERTED: i64 = 3;
    pub(super) const SYNC_TIMEOUT: i64 = 4;
    pub(super) const SERVER: i64 = -32_000;
    pub(super) const TIMED_OUT: i64 = -32_002;
    pub(super) const TOO_LARGE: i64 = -32_003;
    pub(super) const LIMIT_EXCEEDED: i64 = -32_005;
    pub(super) const VM_ERROR: i64 = -32_015;
    pub(super) const INVALID_REQUEST: i64 = -32_600;
    pub(super) const NO_METHOD: i64 = -32_601;
    pub(super) const INVALID_PARAMS: i64 = -32_602;
    pub(super) const INTERNAL: i64 = -32_603;
    pub(super) const PARSE: i64 = -32_700;
    pub(super) const NONCE_TOO_LOW: i64 = -38_010;
    pub(super) const NONCE_TOO_HIGH: i64 = -38_011;
    pub(super) const INTRINSIC_GAS: i64 = -38_013;
    pub(super) const INSUFFICIENT_FUNDS: i64 = -38_014;
    pub(super) const BLOCK_GAS: i64 = -38_015;
    pub(super) const BLOCK_NUMBER: i64 = -38_020;
    pub(super) const BLOCK_TIMESTAMP: i64 = -38_021;
    pub(super) const SENDER_NOT_EOA: i64 = -38_024;
    pub(super) const INIT_CODE_SIZE: i64 = -38_025;
    pub(super) const CLIENT_LIMIT: i64 = -38_026;
    /// Not for callers: a worker has to answer the request from the start.
    pub(super) const LATER: i64 = i64::MIN;
}

/// How long a request may take.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Patience {
    /// A moment, because the thread serves others too; what takes longer is for a worker.
    OnTheSpot,
    /// Until then.
    Until(Instant),
}

/// What a method sees.
struct Request<'a> {
    node: &'a Node,
    snapshot: Arc<Snapshot>,
    params: Params<'a>,
    /// The connection, if it can be told what is new.
    session: Option<&'a Session>,
    patience: Patience,
}

type Answer = Result<Value, RpcError>;

/// Answers one request of this process; `params` is an array, or null for none.
pub(crate) fn answer(node: &Node, method: &str, params: Value) -> Answer {
    let params = Params::new(&params)?;
    let until = Instant::now() + limits::OWN_TIME_MAX;
    let mut out = Out::value();
    run(node, method, params, None, Patience::Until(until), &mut out)?;
    Ok(out.into_value())
}

/// Finds the method and runs it.
fn run(
    node: &Node,
    method: &str,
    params: Params<'_>,
    session: Option<&Session>,
    patience: Patience,
    out: &mut Out<'_>,
) -> Result<(), RpcError> {
    let found = methods::find(method, node.config().development).ok_or_else(|| {
        let message = format!("the method {method} does not exist/is not available");
        RpcError::new(code::NO_METHOD, message)
    })?;
    let snapshot = node.shared_snapshot().map_err(fault)?;
    found.run(&Request { node, snapshot, params, session, patience }, out)
}

impl<'a> Request<'a> {
    /// A request without parameters, of the node's own.
    fn bare(node: &'a Node, patience: Patience) -> Result<Self, RpcError> {
        let snapshot = node.shared_snapshot().map_err(fault)?;
        Ok(Self { node, snapshot, params: Params::none(), session: None, patience })
    }

    /// The same request on the chain as it is now.
    fn again(&self) -> Result<Self, RpcError> {
        let snapshot = self.node.shared_snapshot().map_err(fault)?;
        let Self { node, params, session, patience, .. } = *self;
        Ok(Self { node, snapshot, params, session, patience })
    }

    fn limits(&self) -> &'a RpcLimits {
        &self.node.config().rpc
    }

    fn head(&self) -> Result<Arc<Header>, RpcError> {
        let head = self.snapshot.head();
        self.header(head).ok_or_else(|| damaged("header", head))
    }

    /// The header of a stored block.
    fn header(&self, hash: B256) -> Option<Arc<Header>> {
        self.node.caches.header(&self.snapshot, hash)
    }

    fn block(&self, hash: B256) -> Result<Arc<cache::Stored>, RpcError> {
        self.node.caches.block(&self.snapshot, hash)
    }

    /// The same; one that has to be read and decoded first is for a worker.
    fn block_at_once(&self, hash: B256) -> Result<Arc<cache::Stored>, RpcError> {
        match self.node.caches.known_block(hash) {
            Some(stored) => Ok(stored),
            None => self.takes_long().and_then(|()| self.block(hash)),
        }
    }

    /// Hash of the block that a tag, a number or a hash names; `None` if there is none.
    fn resolve(&self, block: BlockId) -> Result<Option<B256>, RpcError> {
        use BlockId::{Canonical, Finalized, Hash, Head, Number, Pending};
        let view = &*self.snapshot;
        Ok(match block {
            Head | Pending => Some(view.head()),
            Finalized => view.canonical_hash(view.finalized()),
            Number(number) => view.canonical_hash(number),
            Hash(hash) => self.header(hash).map(|_| hash),
            Canonical(hash) => match self.header(hash) {
                Some(header) if view.canonical_hash(header.number) != Some(hash) => {
                    return Err(server("hash is not currently canonical"));
                }
                header => header.map(|_| hash),
            },
        })
    }

    /// The block that a tag, a number or a hash names, by hash and header.
    fn header_of(&self, block: BlockId) -> Result<(B256, Arc<Header>), RpcError> {
        let hash = self.resolve(block)?;
        let (hash, header) = hash
            .and_then(|hash| Some((hash, self.header(hash)?)))
            .ok_or_else(|| server("header not found"))?;
        if hash != self.snapshot.head() && !self.snapshot.has_state(hash) {
            return Err(state_not_kept(&header, self.snapshot.oldest()));
        }
        Ok((hash, header))
    }

    /// The state at the block of parameter `position`, or of the head if it is left out.
    fn state_at(&self, position: usize) -> Result<StateAt<'_>, RpcError> {
        self.state_of(self.params.optional(position)?.unwrap_or(BlockId::Head))
    }

    /// The state at a block, also at the pending one.
    fn state_of(&self, block: BlockId) -> Result<StateAt<'_>, RpcError> {
        let pending = match block {
            BlockId::Pending => Some(self.pending()?),
            _ => None,
        };
        let (hash, header) = self.header_of(block)?;
        let made = pending.as_ref().map(|pending| Arc::new(pending.block.header.clone()));
        let header = made.unwrap_or(header);
        let caches = &self.node.caches;
        let (cache, codes) = (caches.state(header.state_root), &caches.codes);
        let source = Source { at: AtBlock::new(&*self.snapshot, hash), pending };
        Ok(StateAt { source, header, cache, codes })
    }

    /// What the next block would be. Building it takes more than a moment.
    fn pending(&self) -> Result<Arc<cache::Pending>, RpcError> {
        self.takes_long()?;
        self.node.caches.pending(self.node, &self.snapshot)
    }

    /// The pool. A thread that serves others does not wait for it.
    fn pool(&self) -> Result<MutexGuard<'_, Pool>, RpcError> {
        match self.node.try_pool() {
            Some(pool) => Ok(pool),
            None => self.takes_long().map(|()| self.node.pool()),
        }
    }

    /// Hands the request to a worker, if it is not with one.
    fn takes_long(&self) -> Result<(), RpcError> {
        match self.patience {
            Patience::OnTheSpot => Err(RpcError::new(code::LATER, "")),
            Patience::Until(_) => Ok(()),
        }
    }

    /// To be asked between the parts of a long answer.
    fn in_time(&self) -> Result<(), RpcError> {
        match self.patience {
            Patience::Until(until) if Instant::now() >= until => {
                Err(RpcError::new(code::TIMED_OUT, "request timed out"))
            }
            _ => Ok(()),
        }
    }

    /// What an interrupted call answers.
    fn interrupted(&self) -> RpcError {
        let time = self.limits().time_max;
        self.takes_long().err().unwrap_or_else(|| {
            server(format!("execution aborted (timeout = {}s)", time.as_secs_f64()))
        })
    }
}

impl Patience {
    fn lasts(self) -> bool {
        match self {
            Self::OnTheSpot => false,
            Self::Until(until) => Instant::now() < until,
        }
    }

    /// A watch over the calls of a request; `lasts` asks this patience.
    fn watch<'w>(self, lasts: &'w (dyn Fn() -> bool + Sync)) -> Watch<'w> {
        let stride = match self {
            Self::OnTheSpot => limits::INLINE_JUMPS_MAX,
            Self::Until(_) => limits::WATCH_JUMPS,
        };
        Watch::new(stride, lasts)
    }
}

/// What tools look for when they ask a node for a state that it has given up.
fn state_not_kept(header: &Header, oldest: u64) -> RpcError {
    let root = header.state_root;
    server(format!(
        "missing trie node {root:x} (path ) state {root} is not available, \
         states are kept from block {oldest} on"
    ))
}

fn quantity(number: u64) -> Value {
    json!(U64::from(number))
}

fn server(message: impl Into<String>) -> RpcError {
    RpcError::new(code::SERVER, message)
}

fn invalid(message: impl Into<String>) -> RpcError {
    RpcError::new(code::INVALID_PARAMS, message)
}

fn limit(message: impl Into<String>) -> RpcError {
    RpcError::new(code::LIMIT_EXCEEDED, message)
}

/// A fault of ours: logged here, the caller only learns that it happened.
fn fault(error: impl std::error::Error) -> RpcError {
    tracing::error!(%error, "a request failed");
    RpcError::new(code::INTERNAL, "internal error")
}

/// A state that cannot be read: one that is not kept is the caller's to know, else a fault of ours.
fn unreadable(error: chain::state::StateError) -> RpcError {
    use chain::state::StateError;
    use chain::trie::TrieError;
    match error {
        StateError::Trie(TrieError::MissingNode(node)) => {
            tracing::debug!(%node, "a state is not kept");
            server(format!("missing trie node {node:x} (path ) state is not available"))
        }
        error => fault(error),
    }
}

/// The store lacks something of a block it has.
fn damaged(what: &str, hash: B256) -> RpcError {
    fault(StoreError::Damaged(format!("{what} of block {hash} is missing")))
}
