//! Calls and overrides as tools send them.

use super::super::{invalid, server};
use alloy_eips::eip2930::AccessList;
use alloy_eips::eip7702::SignedAuthorization;
use alloy_primitives::{Address, B256, Bytes, U64, U128, U256};
use chain::execute::{AccountOverride, BlockOverrides, Call, StateOverrides};
use client::RpcError;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A call as tools send it. Blobs are refused: this chain has none.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct CallRequest {
    pub(in super::super) from: Option<Address>,
    pub(in super::super) to: Option<Address>,
    pub(in super::super) gas: Option<U64>,
    pub(in super::super) gas_price: Option<U128>,
    pub(in super::super) max_fee_per_gas: Option<U128>,
    pub(in super::super) max_priority_fee_per_gas: Option<U128>,
    pub(in super::super) value: Option<U256>,
    pub(in super::super) nonce: Option<U64>,
    data: Option<Bytes>,
    input: Option<Bytes>,
    access_list: Option<AccessList>,
    chain_id: Option<U256>,
    authorization_list: Option<Vec<SignedAuthorization>>,
    blob_versioned_hashes: Option<Vec<Value>>,
    blobs: Option<Vec<Value>>,
}

impl CallRequest {
    /// The call, of which price and tip may be left out.
    pub(in super::super) fn parse(self, chain_id: u64) -> Result<Call, RpcError> {
        self.check(chain_id)?;
        let tip = match (self.max_fee_per_gas, self.max_priority_fee_per_gas) {
            (None, None) => None,
            (_, tip) => Some(tip.unwrap_or_default().to()),
        };
        let most = self.gas_price.or(self.max_fee_per_gas);
        Ok(Call {
            from: self.from.unwrap_or_default(),
            to: self.to,
            gas: self.gas.map(|gas| gas.to()),
            gas_price: most.or(tip.map(|_| U128::ZERO)).map(|price| price.to()),
            tip,
            nonce: self.nonce.map(|nonce| nonce.to()),
            value: self.value.unwrap_or_default(),
            data: self.input.or(self.data).unwrap_or_default(),
            access_list: self.access_list.unwrap_or_default(),
            authorization_list: self.authorization_list.unwrap_or_default(),
        })
    }

    fn check(&self, chain_id: u64) -> Result<(), RpcError> {
        if self.gas_price.is_some()
            && (self.max_fee_per_gas.is_some() || self.max_priority_fee_per_gas.is_some())
        {
            let both = "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified";
            return Err(server(both));
        }
        if let (Some(data), Some(input)) = (&self.data, &self.input)
            && data != input
        {
            let both = "both \"data\" and \"input\" are set and not equal. \
                        Please use \"input\" to pass transaction call data";
            return Err(server(both));
        }
        if let Some(other) = self.chain_id.filter(|other| *other != U256::from(chain_id)) {
            let message = format!("chainId does not match node's (have={other}, want={chain_id})");
            return Err(server(message));
        }
        let none = |list: &Option<Vec<Value>>| list.as_ref().is_none_or(Vec::is_empty);
        if !none(&self.blob_versioned_hashes) || !none(&self.blobs) {
            return Err(server("transaction type not supported"));
        }
        let delegates = self.authorization_list.as_ref().is_some_and(|list| !list.is_empty());
        if delegates && self.to.is_none() {
            return Err(server("EIP-7702 transaction cannot be used to create contract"));
        }
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccountRequest {
    nonce: Option<U64>,
    code: Option<Bytes>,
    balance: Option<U256>,
    state: Option<BTreeMap<B256, B256>>,
    state_diff: Option<BTreeMap<B256, B256>>,
    move_precompile_to_address: Option<Address>,
}

/// State overrides as tools send them.
#[derive(Default, Deserialize)]
pub(in super::super) struct StateRequest(BTreeMap<Address, AccountRequest>);

impl StateRequest {
    pub(in super::super) fn parse(self) -> StateOverrides {
        let slots = |slots: BTreeMap<B256, B256>| {
            let number = |word: B256| U256::from_be_bytes(word.0);
            slots.into_iter().map(|(at, value)| (number(at), number(value))).collect()
        };
        let account = |account: AccountRequest| AccountOverride {
            nonce: account.nonce.map(|nonce| nonce.to()),
            code: account.code,
            balance: account.balance,
            state: account.state.map(slots),
            state_diff: account.state_diff.map(slots),
            move_precompile_to: account.move_precompile_to_address,
        };
        self.0.into_iter().map(|(address, one)| (address, account(one))).collect()
    }
}

/// Block overrides as tools send them.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in super::super) struct BlockRequest {
    number: Option<U64>,
    difficulty: Option<U256>,
    time: Option<U64>,
    gas_limit: Option<U64>,
    fee_recipient: Option<Address>,
    prev_randao: Option<B256>,
    base_fee_per_gas: Option<U64>,
    /// Without blobs it has no effect.
    #[serde(rename = "blobBaseFee")]
    _blob_base_fee: Option<U256>,
    beacon_root: Option<Value>,
    withdrawals: Option<Vec<Value>>,
}

impl BlockRequest {
    pub(in super::super) fn parse(self) -> Result<BlockOverrides, RpcError> {
        if self.beacon_root.is_some() {
            return Err(invalid("block override \"beaconRoot\" is not supported by this chain"));
        }
        if self.withdrawals.is_some_and(|list| !list.is_empty()) {
            return Err(invalid("block override \"withdrawals\" is not supported by this chain"));
        }
        Ok(BlockOverrides {
            number: self.number.map(|number| number.to()),
            difficulty: self.difficulty,
            time: self.time.map(|time| time.to()),
            gas_limit: self.gas_limit.map(|gas| gas.to()),
            fee_recipient: self.fee_recipient,
            prev_randao: self.prev_randao,
            base_fee: self.base_fee_per_gas.map(|fee| fee.to()),
        })
    }
}
