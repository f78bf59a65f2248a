//! The node's own accounts and what they sign. Only a node for development has some, whose keys
//! everybody knows ([`crate::development`]); any other knows no account, whoever asks.

use super::calls::request::CallRequest;
use super::{Answer, Request, fill, invalid, pool, server};
use crate::development;
use crate::node::locked;
use alloy_dyn_abi::TypedData;
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, U256, eip191_hash_message};
use chain::Transaction;
use client::RpcError;
use keys::SecretKey;
use serde_json::{Value, json};

/// `eth_accounts`.
pub(super) fn accounts(request: &Request<'_>) -> Answer {
    let known = if request.node.config().development { &development::ACCOUNTS[..] } else { &[] };
    Ok(known.iter().map(|(address, _)| json!(address)).collect())
}

fn key(request: &Request<'_>, address: Address) -> Result<SecretKey, RpcError> {
    let known = request.node.config().development.then(|| development::key(address));
    known.flatten().ok_or_else(|| server("unknown account"))
}

/// `eth_sign`: of an address, a message (EIP-191).
pub(super) fn sign(request: &Request<'_>) -> Answer {
    message(request, 0, 1)
}

/// `personal_sign`: the same the other way round.
pub(super) fn personal_sign(request: &Request<'_>) -> Answer {
    message(request, 1, 0)
}

fn message(request: &Request<'_>, address: usize, data: usize) -> Answer {
    let key = key(request, request.params.get(address)?)?;
    let data: Bytes = request.params.get(data)?;
    Ok(signature(&key, eip191_hash_message(data)))
}

/// `eth_signTypedData_v4`: of an address, typed data (EIP-712) as an object or as its text.
pub(super) fn sign_typed_data(request: &Request<'_>) -> Answer {
    let key = key(request, request.params.get(0)?)?;
    let data: TypedData = request.params.get(1)?;
    let hash = data.eip712_signing_hash().map_err(|error| invalid(error.to_string()))?;
    Ok(signature(&key, hash))
}

/// 65 bytes: r, s and 27 or 28, as wallets answer.
fn signature(key: &SecretKey, hash: B256) -> Value {
    json!(Bytes::from(of(key, hash).as_bytes()))
}

fn of(key: &SecretKey, hash: B256) -> Signature {
    let (r, s, odd) = key.sign(hash).parts();
    Signature::new(U256::from_be_bytes(r), U256::from_be_bytes(s), odd)
}

/// `eth_signTransaction`: the bytes to send, what is lacking filled in.
pub(super) fn sign_transaction(request: &Request<'_>) -> Answer {
    let (asked, key) = asked(request)?;
    Ok(json!(Bytes::from(signed(request, asked, &key)?.encoded_2718())))
}

/// `eth_sendTransaction`. One at a time, so that no two take the same nonce.
pub(super) fn send(request: &Request<'_>) -> Answer {
    let (asked, key) = asked(request)?;
    let _turn = locked(&request.node.signing);
    let request = request.again()?;
    pool::submit(&request, signed(&request, asked, &key)?)
}

fn asked(request: &Request<'_>) -> Result<(CallRequest, SecretKey), RpcError> {
    let asked: CallRequest = request.params.get(0)?;
    let key = key(request, asked.from.unwrap_or_default())?;
    Ok((asked, key))
}

fn signed(
    request: &Request<'_>,
    asked: CallRequest,
    key: &SecretKey,
) -> Result<Transaction, RpcError> {
    let (_, unsigned) = fill::filled(request, asked)?;
    let signature = of(key, unsigned.signature_hash());
    Ok(unsigned.into_typed_transaction().into_envelope(signature))
}
