//! Ethereum JSON-RPC: what wallets, libraries and explorers send, with geth's wording and codes.
//!
//! A method is a function of the node and its parameters; [`answer`] finds it by name, [`serve`]
//! reads requests and batches. Each request sees one [`Snapshot`](crate::store::Snapshot), so what
//! it answers belongs together even if the head moves meanwhile.

mod blocks;
mod calls;
mod envelope;
mod fees;
mod filters;
mod format;
mod logs;
mod params;
mod pool;
mod state;

pub(crate) use envelope::serve;
pub(crate) use filters::Filters;

use crate::node::Node;
use crate::store::{Snapshot, StoreError};
use alloy_primitives::{B256, Bytes, U64, keccak256};
use chain::{ChainView, light};
use client::RpcError;
use params::Params;
use serde_json::{Value, json};

/// Bytes of a request or batch.
pub const BODY_BYTES_MAX: usize = 5 << 20;
/// Requests in a batch.
pub const BATCH_MAX: usize = 1_000;
/// Bytes of the answers to a batch together.
pub const RESPONSE_BYTES_MAX: usize = 25 << 20;
/// Blocks that one query for logs may span.
pub const LOG_BLOCKS_MAX: u64 = 10_000;
/// Logs that one query may find.
pub const LOGS_MAX: usize = 10_000;

/// Codes of errors, as geth uses them.
mod code {
    pub(super) const REVERTED: i64 = 3;
    pub(super) const SERVER: i64 = -32_000;
    pub(super) const TOO_LARGE: i64 = -32_003;
    pub(super) const LIMIT_EXCEEDED: i64 = -32_005;
    pub(super) const INVALID_REQUEST: i64 = -32_600;
    pub(super) const NO_METHOD: i64 = -32_601;
    pub(super) const INVALID_PARAMS: i64 = -32_602;
    pub(super) const INTERNAL: i64 = -32_603;
    pub(super) const PARSE: i64 = -32_700;
}

/// What a method sees.
struct Request<'a> {
    node: &'a Node,
    snapshot: Snapshot,
    params: Params,
}

type Answer = Result<Value, RpcError>;
type Method = fn(&Request<'_>) -> Answer;

/// Answers one request; `params` is an array, or null for none.
pub(crate) fn answer(node: &Node, method: &str, params: Value) -> Answer {
    let run = find(method, node.config().development).ok_or_else(|| {
        let message = format!("the method {method} does not exist/is not available");
        RpcError::new(code::NO_METHOD, message)
    })?;
    let params = Params::new(params)?;
    let snapshot = node.snapshot().map_err(fault)?;
    run(&Request { node, snapshot, params })
}

fn find(method: &str, development: bool) -> Option<Method> {
    Some(match method {
        "web3_clientVersion" => |_| Ok(json!(client_version())),
        "web3_sha3" => |request| Ok(json!(keccak256(request.params.get::<Bytes>(0)?))),
        "net_version" => |request| Ok(json!(request.node.rules().chain_id.to_string())),
        // Libraries take it for "is there a node".
        "net_listening" => |_| Ok(json!(true)),
        "net_peerCount" => |_| Ok(json!("0x0")),
        "eth_chainId" => |request| Ok(quantity(request.node.rules().chain_id)),
        "eth_syncing" => |_| Ok(json!(false)),
        "eth_accounts" => |_| Ok(json!([])),
        "eth_mining" => pool::mining,
        "eth_hashrate" => fees::hashrate,
        "eth_blockNumber" => |request| Ok(quantity(request.head()?.number)),
        "eth_getBlockByNumber" => blocks::block_by_number,
        "eth_getBlockByHash" => blocks::block_by_hash,
        "eth_getBlockTransactionCountByNumber" | "eth_getBlockTransactionCountByHash" => {
            blocks::transaction_count
        }
        "eth_getUncleCountByBlockNumber" | "eth_getUncleCountByBlockHash" => blocks::uncle_count,
        "eth_getTransactionByHash" => blocks::transaction_by_hash,
        "eth_getTransactionByBlockNumberAndIndex" | "eth_getTransactionByBlockHashAndIndex" => {
            blocks::transaction_by_index
        }
        "eth_getTransactionReceipt" => blocks::receipt,
        "eth_getBlockReceipts" => blocks::receipts,
        "eth_getLogs" => logs::get,
        "eth_newFilter" => filters::new_logs,
        "eth_newBlockFilter" => filters::new_blocks,
        "eth_getFilterChanges" => filters::changes,
        "eth_getFilterLogs" => filters::logs,
        "eth_uninstallFilter" => filters::uninstall,
        "eth_getBalance" => state::balance,
        "eth_getCode" => state::code,
        "eth_getStorageAt" => state::storage_at,
        "eth_getTransactionCount" => state::transaction_count,
        "eth_getProof" => state::proof,
        "eth_call" => calls::call,
        "eth_estimateGas" => calls::estimate,
        "eth_gasPrice" => fees::gas_price,
        "eth_maxPriorityFeePerGas" => fees::tip,
        "eth_feeHistory" => fees::history,
        "eth_sendRawTransaction" => pool::send_raw,
        "txpool_status" => pool::status,
        "txpool_content" => pool::content,
        "wattex_ancestorProof" => ancestor_proof,
        "wattex_deployment" => |request| Ok(request.node.config().deployment.clone()),
        "evm_mine" if development => pool::mine,
        _ => return None,
    })
}

fn client_version() -> String {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    format!("wattex/v{}/{os}-{arch}/rust", env!("CARGO_PKG_VERSION"))
}

/// `wattex_ancestorProof(number, trusted)`: the path of the block at height `number` in the
/// mountain range of the header at height `trusted`; null if it is not below it.
fn ancestor_proof(request: &Request<'_>) -> Answer {
    let (number, trusted) = (request.params.get::<U64>(0)?, request.params.get::<U64>(1)?);
    let path = request
        .snapshot
        .canonical_header(trusted.to())
        .and_then(|header| light::prove_ancestor(&request.snapshot, &header, number.to()));
    Ok(json!(path))
}

impl Request<'_> {
    /// The same request on the chain as it is now.
    fn again(&self) -> Result<Self, RpcError> {
        let snapshot = self.node.snapshot().map_err(fault)?;
        Ok(Self { node: self.node, snapshot, params: self.params.clone() })
    }

    fn head(&self) -> Result<chain::Header, RpcError> {
        self.snapshot.head_header().map_err(fault)
    }

    /// Hash of the block that a tag, a number or a hash names; `None` if there is none.
    fn resolve(&self, block: params::BlockId) -> Result<Option<B256>, RpcError> {
        use params::BlockId::{Canonical, Finalized, Hash, Head, Number};
        let view = &self.snapshot;
        Ok(match block {
            Head => Some(view.head()),
            Finalized => view.canonical_hash(view.finalized()),
            Number(number) => view.canonical_hash(number),
            Hash(hash) => view.header(hash).map(|_| hash),
            Canonical(hash) => match view.header(hash) {
                Some(header) if view.canonical_hash(header.number) != Some(hash) => {
                    return Err(server("hash is not currently canonical"));
                }
                header => header.map(|_| hash),
            },
        })
    }

    /// The block that state is read at: parameter `position`, or the head if it is left out.
    fn state_block(&self, position: usize) -> Result<(B256, chain::Header), RpcError> {
        let block = self.params.optional(position)?.unwrap_or(params::BlockId::Head);
        let hash = self.resolve(block)?;
        hash.and_then(|hash| Some((hash, self.snapshot.header(hash)?)))
            .ok_or_else(|| server("header not found"))
    }
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

/// A fault of ours: logged here, the caller only learns that it happened.
fn fault(error: impl std::error::Error) -> RpcError {
    tracing::error!(%error, "a request failed");
    RpcError::new(code::INTERNAL, "internal error")
}

/// The store lacks something of a block it has.
fn damaged(what: &str, hash: B256) -> RpcError {
    fault(StoreError::Damaged(format!("{what} of block {hash} is missing")))
}
