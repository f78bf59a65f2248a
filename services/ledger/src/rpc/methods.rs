//! The names of the methods.

use super::format::Quantity;
use super::out::Out;
use super::{Answer, Request};
use super::{
    blocks, calls, fees, fill, filters, logs, network, ots, pool, proofs, raw, signing, simulate,
    state, subscriptions, trace, txpool,
};
use alloy_primitives::{Bytes, keccak256};
use client::RpcError;
use serde_json::{Value, json};

/// How a method answers.
#[derive(Clone, Copy)]
pub(super) enum Method {
    /// With a value.
    Value(Valued),
    /// By writing what it found, for what is asked for often or is long.
    Written(fn(&Request<'_>, &mut Out<'_>) -> Result<(), RpcError>),
}

impl Method {
    pub(super) fn run(self, request: &Request<'_>, out: &mut Out<'_>) -> Result<(), RpcError> {
        match self {
            Self::Value(run) => out.put(&run(request)?),
            Self::Written(run) => run(request, out),
        }
    }
}

/// The method with this name.
pub(super) fn find(name: &str, development: bool) -> Option<Method> {
    written(name)
        .map(Method::Written)
        .or_else(|| of_the_node(name).map(Method::Value))
        .or_else(|| of_the_chain(name).map(Method::Value))
        .or_else(|| of_what_waits(name, development).map(Method::Value))
        .or_else(|| trace::find(name).map(Method::Value))
        .or_else(|| ots::find(name).map(Method::Value))
}

/// A method that answers with a value.
pub(super) type Valued = fn(&Request<'_>) -> Answer;

type Written = fn(&Request<'_>, &mut Out<'_>) -> Result<(), RpcError>;

fn written(name: &str) -> Option<Written> {
    Some(match name {
        "eth_blockNumber" => |request, out| out.put(&Quantity(request.head()?.number)),
        "eth_chainId" => |request, out| out.put(&Quantity(request.node.rules().chain_id)),
        "eth_call" => |request, out| out.put(&calls::call(request)?),
        "eth_getBlockByNumber" => blocks::block_by_number,
        "eth_getBlockByHash" => blocks::block_by_hash,
        "eth_getBlockReceipts" => blocks::receipts,
        "eth_getTransactionByHash" => blocks::transaction_by_hash,
        "eth_getTransactionByBlockNumberAndIndex" | "eth_getTransactionByBlockHashAndIndex" => {
            blocks::transaction_by_index
        }
        "eth_getTransactionReceipt" => {
            |request, out| out.put(&blocks::receipt_of(request, request.params.get(0)?)?)
        }
        "eth_getLogs" => |request, out| out.put(&logs::get(request)?),
        "eth_getFilterLogs" => |request, out| out.put(&filters::logs(request)?),
        "eth_getBalance" => |request, out| out.put(&state::info(request)?.balance),
        "eth_getTransactionCount" => |request, out| out.put(&state::transaction_count(request)?),
        "eth_getStorageAt" => |request, out| out.put(&state::storage_at(request)?),
        "eth_getCode" => |request, out| out.put(&state::code(request)?),
        _ => return None,
    })
}

fn of_the_node(name: &str) -> Option<Valued> {
    Some(match name {
        "web3_clientVersion" => |_| Ok(json!(client_version())),
        "web3_sha3" => |request| Ok(json!(keccak256(request.params.get::<Bytes>(0)?))),
        "rpc_modules" => |request| Ok(modules(request.node.config().development)),
        "net_version" => |request| Ok(json!(request.node.rules().chain_id.to_string())),
        // Libraries take it for "is there a node".
        "net_listening" => |_| Ok(json!(true)),
        "net_peerCount" => network::peer_count,
        "eth_syncing" => network::syncing,
        "admin_peers" => network::peers,
        "admin_nodeInfo" => network::node_info,
        "eth_accounts" => signing::accounts,
        "eth_coinbase" => |request| Ok(json!(request.node.config().coinbase)),
        "eth_mining" => pool::mining,
        "eth_hashrate" => fees::hashrate,
        "eth_gasPrice" => fees::gas_price,
        "eth_maxPriorityFeePerGas" => fees::tip,
        "eth_feeHistory" => fees::history,
        // There are no blobs, so their space costs nothing.
        "eth_blobBaseFee" => |_| Ok(json!("0x0")),
        "eth_subscribe" => subscriptions::subscribe,
        "eth_unsubscribe" => subscriptions::unsubscribe,
        "eth_newFilter" => filters::new_logs,
        "eth_newBlockFilter" => filters::new_blocks,
        "eth_newPendingTransactionFilter" => filters::new_pending,
        "eth_getFilterChanges" => filters::changes,
        "eth_uninstallFilter" => filters::uninstall,
        "wattex_ancestorProof" => proofs::ancestor,
        "wattex_receiptProof" => proofs::receipt,
        "wattex_deployment" => |request| Ok(request.node.config().deployment.clone()),
        _ => return None,
    })
}

fn of_the_chain(name: &str) -> Option<Valued> {
    Some(match name {
        "eth_getHeaderByNumber" | "eth_getHeaderByHash" => blocks::header,
        "eth_getBlockTransactionCountByNumber" | "eth_getBlockTransactionCountByHash" => {
            blocks::transaction_count
        }
        "eth_getUncleCountByBlockNumber" | "eth_getUncleCountByBlockHash" => blocks::uncle_count,
        // No block has one.
        "eth_getUncleByBlockNumberAndIndex" | "eth_getUncleByBlockHashAndIndex" => {
            |_| Ok(Value::Null)
        }
        "eth_getRawTransactionByHash" | "debug_getRawTransaction" => raw::transaction,
        "eth_getRawTransactionByBlockNumberAndIndex"
        | "eth_getRawTransactionByBlockHashAndIndex" => raw::transaction_by_index,
        "debug_getRawBlock" => raw::block,
        "debug_getRawHeader" => raw::header,
        "debug_getRawReceipts" => raw::receipts,
        "eth_getAccount" => state::account,
        "eth_getAccountInfo" => state::account_info,
        "eth_getStorageValues" => state::storage_values,
        "eth_getProof" => state::proof,
        "eth_estimateGas" => calls::estimate,
        "eth_createAccessList" => calls::access_list,
        "eth_simulateV1" => simulate::simulate,
        _ => return None,
    })
}

fn of_what_waits(name: &str, development: bool) -> Option<Valued> {
    Some(match name {
        pool::SEND_RAW => pool::send_raw,
        "eth_fillTransaction" => fill::fill,
        "eth_sendTransaction" => signing::send,
        "eth_signTransaction" => signing::sign_transaction,
        "eth_sign" => signing::sign,
        "personal_sign" if development => signing::personal_sign,
        "eth_signTypedData_v4" if development => signing::sign_typed_data,
        "txpool_status" => pool::status,
        "txpool_content" => pool::content,
        "txpool_contentFrom" => txpool::content_from,
        "txpool_inspect" => txpool::inspect,
        "evm_mine" if development => pool::mine,
        _ => return None,
    })
}

pub(super) fn client_version() -> String {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    format!("wattex/v{}/{os}-{arch}/rust", env!("CARGO_PKG_VERSION"))
}

/// The namespaces that are answered, with their versions.
fn modules(development: bool) -> Value {
    let names = ["admin", "debug", "eth", "net", "ots", "rpc", "trace", "txpool", "wattex", "web3"];
    let more: &[&str] = if development { &["evm", "personal"] } else { &[] };
    names.iter().chain(more).map(|name| ((*name).to_owned(), json!("1.0"))).collect()
}
