//! The first block: who has what, and which contracts are there from the start.
//!
//! The state is the allocation, then each deployment as a contract creation by its sender, then
//! each call; everything has to succeed. Nonces rise as they do later, so addresses are those of
//! `CREATE` and can be told beforehand. Gas is free in the genesis.
//!
//! Who may mine and who signs checkpoints is part of the genesis hash: without such lists its mix
//! hash is zero, with them it is the hash of both.

mod authority;
mod preinstalled;

pub use authority::{AuthorityError, MINERS_MAX, OPERATORS_MAX, Operators};
pub use preinstalled::{CREATE2_DEPLOYER, MULTICALL3, preinstalled};

use crate::block::Block;
use crate::blockchain::{HeadChange, Imported};
use crate::execute::{Call, CallOutcome, TransactionError, block_env, call_and_apply};
use crate::header::Header;
use crate::mmr::Mmr;
use crate::rules::{BASE_FEE_MIN, Rules};
use crate::state::{State, StateError};
use crate::trie::{EMPTY_ROOT, NodeSource};
use crate::view::StateSource;
use alloy_consensus::EMPTY_OMMER_ROOT_HASH;
use alloy_primitives::{Address, B64, B256, Bloom, Bytes, U256};
use revm::context::BlockEnv;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything that makes a chain. Nodes with equal specifications have the same genesis hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GenesisSpec {
    /// EIP-155 chain id; a new genesis gets a new one.
    pub chain_id: u64,
    /// Epoch seconds.
    pub timestamp: u64,
    /// Difficulty of block 0, at least one.
    #[serde(default = "defaults::difficulty")]
    pub difficulty: U256,
    /// Keep that difficulty for ever.
    #[serde(default)]
    pub fixed_difficulty: bool,
    /// Wanted seconds between blocks.
    #[serde(default = "defaults::target_block_time")]
    pub target_block_time: u64,
    /// Seconds of lateness that halve the difficulty.
    #[serde(default = "defaults::half_life")]
    pub half_life: u64,
    /// Gas limit of every block.
    #[serde(default = "defaults::gas_limit")]
    pub gas_limit: u64,
    /// Base fee of block 0 in wei.
    #[serde(default = "defaults::base_fee")]
    pub base_fee: u64,
    /// Wei that a block gives to its coinbase.
    #[serde(default)]
    pub reward: U256,
    /// Accounts. Without a list these are the [`preinstalled()`] ones.
    #[serde(default = "preinstalled")]
    pub alloc: BTreeMap<Address, Allocation>,
    /// Contracts created after the allocation, in this order.
    #[serde(default)]
    pub deploy: Vec<Deploy>,
    /// Calls made after the deployments, in this order.
    #[serde(default)]
    pub calls: Vec<GenesisCall>,
    /// Who signs checkpoints. Without, blocks are final by their depth alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operators: Option<Operators>,
    /// Who may mine. Without, anyone may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub miners: Vec<Address>,
}

mod defaults {
    use super::{BASE_FEE_MIN, U256};

    pub(super) fn difficulty() -> U256 {
        U256::from(1 << 20)
    }

    pub(super) fn target_block_time() -> u64 {
        5
    }

    pub(super) fn half_life() -> u64 {
        300
    }

    pub(super) fn gas_limit() -> u64 {
        120_000_000
    }

    pub(super) fn base_fee() -> u64 {
        BASE_FEE_MIN
    }
}

/// An account that exists from the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Allocation {
    /// Wei.
    pub balance: U256,
    /// Nonce; contracts have at least one.
    pub nonce: u64,
    /// Runtime code.
    pub code: Bytes,
    /// Storage by position.
    pub storage: BTreeMap<U256, U256>,
}

/// A contract created in the genesis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Deploy {
    /// The creator.
    pub from: Address,
    /// Creation code with its arguments.
    pub init_code: Bytes,
    /// Wei that the creator gives it.
    #[serde(default)]
    pub value: U256,
}

/// A call made in the genesis.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GenesisCall {
    /// The caller.
    pub from: Address,
    /// The contract.
    pub to: Address,
    /// Call data.
    pub data: Bytes,
}

/// Why a specification makes no chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// A parameter is zero that may not be.
    #[error("{0} of the genesis is zero")]
    Zero(&'static str),
    /// The operators or miners are not lists that can be used.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// A deployment failed.
    #[error("deployment {index} of the genesis failed: {reason}")]
    Deploy {
        /// Its position in the list.
        index: usize,
        /// What the machine said.
        reason: String,
    },
    /// A call failed.
    #[error("call {index} of the genesis failed: {reason}")]
    Call {
        /// Its position in the list.
        index: usize,
        /// What the machine said.
        reason: String,
    },
    /// The state could not be built.
    #[error(transparent)]
    State(#[from] StateError),
}

/// A chain of one block.
#[derive(Clone, Debug)]
pub struct Genesis {
    /// The rules of the chain.
    pub rules: Rules,
    /// Block 0, to be stored first.
    pub imported: Imported,
    /// Addresses of the deployed contracts, in the order of the list.
    pub deployed: Vec<Address>,
}

/// A source that has nothing: below the genesis there is no state.
struct Nothing;

impl NodeSource for Nothing {
    fn node(&self, _: B256) -> Option<Bytes> {
        None
    }
}

impl StateSource for Nothing {
    fn code(&self, _: B256) -> Option<Bytes> {
        None
    }

    fn block_hash(&self, _: u64) -> Option<B256> {
        None
    }
}

/// Gas for each deployment and each call of the genesis.
const GENESIS_GAS: u64 = 1_000_000_000;

impl GenesisSpec {
    /// A chain with the usual parameters, the [`preinstalled()`] contracts and nothing else.
    pub fn new(chain_id: u64, timestamp: u64) -> Self {
        Self {
            chain_id,
            timestamp,
            difficulty: defaults::difficulty(),
            fixed_difficulty: false,
            target_block_time: defaults::target_block_time(),
            half_life: defaults::half_life(),
            gas_limit: defaults::gas_limit(),
            base_fee: defaults::base_fee(),
            reward: U256::ZERO,
            alloc: preinstalled(),
            deploy: Vec::new(),
            calls: Vec::new(),
            operators: None,
            miners: Vec::new(),
        }
    }

    /// The rules that the specification sets.
    pub fn rules(&self) -> Rules {
        Rules {
            chain_id: self.chain_id,
            genesis_timestamp: self.timestamp,
            genesis_difficulty: self.difficulty,
            fixed_difficulty: self.fixed_difficulty,
            target_block_time: self.target_block_time,
            half_life: self.half_life,
            gas_limit: self.gas_limit,
            reward: self.reward,
            operators: self.operators.clone(),
            miners: self.miners.clone(),
        }
    }

    /// Builds block 0 and its state.
    pub fn build(&self) -> Result<Genesis, GenesisError> {
        for (name, value) in [
            ("difficulty", self.difficulty),
            ("half-life", U256::from(self.half_life)),
            ("gas limit", U256::from(self.gas_limit)),
        ] {
            if value.is_zero() {
                return Err(GenesisError::Zero(name));
            }
        }
        authority::check(self.operators.as_ref(), &self.miners)?;
        let mut state = State::at(EMPTY_ROOT, Nothing);
        for (address, account) in &self.alloc {
            state.set_nonce(*address, account.nonce)?;
            state.set_balance(*address, account.balance)?;
            state.set_code(*address, account.code.clone())?;
            for (position, value) in &account.storage {
                state.set_storage(*address, *position, *value)?;
            }
        }
        let mut header = self.header();
        let env = BlockEnv { gas_limit: GENESIS_GAS, ..block_env(&header) };
        let deployed = self.deploy(&mut state, &env)?;
        self.call(&mut state, &env)?;
        let changes = state.commit()?;
        header.state_root = changes.root;
        let hash = header.hash();
        let (mut mmr, mut mountains) = (Mmr::default(), Vec::new());
        mmr.append(hash, |hash, bytes| mountains.push((hash, bytes)));
        let imported = Imported {
            hash,
            block: Block::new(header, Vec::new()),
            senders: Vec::new(),
            receipts: Vec::new(),
            appearances: Vec::new(),
            nodes: changes.nodes,
            dropped: changes.dropped,
            mountains,
            code: changes.code,
            total_difficulty: self.difficulty,
            mmr,
            head: Some(HeadChange { disconnected: Vec::new(), connected: vec![hash] }),
        };
        Ok(Genesis { rules: self.rules(), imported, deployed })
    }

    fn header(&self) -> Header {
        Header {
            parent_hash: B256::ZERO,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            coinbase: Address::ZERO,
            state_root: EMPTY_ROOT,
            transactions_root: EMPTY_ROOT,
            receipts_root: EMPTY_ROOT,
            logs_bloom: Bloom::ZERO,
            difficulty: self.difficulty,
            number: 0,
            gas_limit: self.gas_limit,
            gas_used: 0,
            timestamp: self.timestamp,
            extra_data: Mmr::default().root(),
            mix_hash: authority::commitment(self.operators.as_ref(), &self.miners),
            nonce: B64::ZERO,
            base_fee_per_gas: self.base_fee,
        }
    }

    fn deploy(
        &self,
        state: &mut State<Nothing>,
        env: &BlockEnv,
    ) -> Result<Vec<Address>, GenesisError> {
        let mut deployed = Vec::new();
        for (index, deploy) in self.deploy.iter().enumerate() {
            let call = Call {
                from: deploy.from,
                value: deploy.value,
                data: deploy.init_code.clone(),
                ..Call::default()
            };
            let address = self
                .run(state, env, &call)
                .and_then(|created| created.ok_or_else(|| "no contract was created".into()))
                .map_err(|reason| GenesisError::Deploy { index, reason })?;
            deployed.push(address);
        }
        Ok(deployed)
    }

    fn call(&self, state: &mut State<Nothing>, env: &BlockEnv) -> Result<(), GenesisError> {
        for (index, GenesisCall { from, to, data }) in self.calls.iter().enumerate() {
            let call = Call { from: *from, to: Some(*to), data: data.clone(), ..Call::default() };
            self.run(state, env, &call).map_err(|reason| GenesisError::Call { index, reason })?;
        }
        Ok(())
    }

    /// Returns the contract that was created, if any.
    fn run(
        &self,
        state: &mut State<Nothing>,
        env: &BlockEnv,
        call: &Call,
    ) -> Result<Option<Address>, String> {
        let result = call_and_apply(state, self.chain_id, env.clone(), call)
            .map_err(|error: TransactionError| error.to_string())?;
        match result.outcome {
            CallOutcome::Success(_) => Ok(result.created),
            CallOutcome::Revert(data) => Err(format!("execution reverted: {data}")),
            CallOutcome::Halt(reason) => Err(reason),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn header() -> Header {
        GenesisSpec::new(1, 1_000).header()
    }

    #[test]
    fn a_specification_survives_json_and_the_short_form_has_the_usual_parameters() {
        let spec = GenesisSpec::new(4711, 1_800_000_000);
        let json = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<GenesisSpec>(&json).unwrap(), spec);
        let short = r#"{"chainId": 4711, "timestamp": 1800000000}"#;
        assert_eq!(serde_json::from_str::<GenesisSpec>(short).unwrap(), spec);
        assert!(serde_json::from_str::<GenesisSpec>(r#"{"chainId": 1}"#).is_err());
        let unknown = r#"{"chainId": 1, "timestamp": 1, "gasLimits": 1}"#;
        assert!(serde_json::from_str::<GenesisSpec>(unknown).is_err());
    }

    #[test]
    fn a_failing_deployment_or_call_makes_no_chain() {
        let revert = Bytes::from_static(&[0x5f, 0x5f, 0xfd]);
        let from = Address::repeat_byte(1);
        let mut spec = GenesisSpec::new(1, 1);
        spec.deploy.push(Deploy { from, init_code: revert.clone(), value: U256::ZERO });
        let reason = "execution reverted: 0x".to_owned();
        let error = spec.build().unwrap_err();
        assert_eq!(error, GenesisError::Deploy { index: 0, reason: reason.clone() });
        let mut spec = GenesisSpec::new(1, 1);
        let to = Address::repeat_byte(2);
        spec.alloc.insert(to, Allocation { code: revert, ..Allocation::default() });
        spec.calls.push(GenesisCall { from, to, data: Bytes::new() });
        assert_eq!(spec.build().unwrap_err(), GenesisError::Call { index: 0, reason });
    }
}
