//! One call of a contract by a key of the caller's own, for programs that keep no queue.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U64, U128, U256};
use keys::SecretKey;
use serde_json::{Value, json};

use crate::relay::TRANSACTION_GAS_MAX;
use crate::{JsonRpc, RpcError};

/// The transaction with the key's signature.
pub(crate) fn signed(key: &SecretKey, unsigned: TxEip1559) -> TxEnvelope {
    let (r, s, odd) = key.sign(unsigned.signature_hash()).parts();
    let signature =
        alloy_primitives::Signature::new(U256::from_be_bytes(r), U256::from_be_bytes(s), odd);
    TxEnvelope::from(unsigned.into_signed(signature))
}

/// Sends a call without value once, with a quarter more gas than it takes now and twice what gas
/// costs now; the transaction's hash. Signed here: the node never sees the key.
///
/// # Errors
/// The contract would not take it, the key has no ether, or the node does not answer.
pub async fn send(
    node: &dyn JsonRpc,
    key: &SecretKey,
    chain_id: u64,
    (to, data): (Address, Bytes),
) -> Result<B256, RpcError> {
    let from = key.address();
    let wanted = json!([{ "from": from, "to": to, "data": data }]);
    let gas: U64 = ask(node, "eth_estimateGas", wanted).await?;
    let nonce: U64 = ask(node, "eth_getTransactionCount", json!([from, "pending"])).await?;
    let price: U128 = ask(node, "eth_gasPrice", json!([])).await?;
    let tip: U128 = ask(node, "eth_maxPriorityFeePerGas", json!([])).await?;
    let (gas, price, tip) = (gas.to::<u64>(), price.to::<u128>(), tip.to::<u128>());
    let unsigned = TxEip1559 {
        chain_id,
        nonce: nonce.to(),
        gas_limit: gas.saturating_add(gas / 4).min(TRANSACTION_GAS_MAX),
        max_fee_per_gas: price.saturating_mul(2).max(tip),
        max_priority_fee_per_gas: tip,
        to: TxKind::Call(to),
        input: data,
        ..TxEip1559::default()
    };
    let raw = Bytes::from(signed(key, unsigned).encoded_2718());
    ask(node, "eth_sendRawTransaction", json!([raw])).await
}

async fn ask<T: serde::de::DeserializeOwned>(
    node: &dyn JsonRpc,
    method: &str,
    params: Value,
) -> Result<T, RpcError> {
    let answer = node.request(method, params).await?;
    serde_json::from_value(answer).map_err(RpcError::unreachable)
}
