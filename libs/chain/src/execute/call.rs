//! Calls without a signature: what a contract would answer, and how much gas it would take.

use super::delegation::recovered;
use super::precompiles::Moved;
use super::watch::{self, Watch};
use super::{TRANSACTION_GAS_MAX, TransactionError, config_env, refusal};
use crate::state::{State, StateError};
use crate::view::StateSource;
use alloy_eips::eip2930::AccessList;
use alloy_eips::eip7702::SignedAuthorization;
use alloy_primitives::{Address, Bytes, Log, TxKind, U256};
use revm::context::result::{ExecutionResult, HaltReason, Output, ResultAndState};
use revm::context::{BlockEnv, CfgEnv, TransactTo, TxEnv};
use revm::{Database, ExecuteEvm};
use std::sync::LazyLock;

/// The least gas of a transaction.
const TRANSACTION_GAS_MIN: u64 = 21_000;
const OUT_OF_GAS: &str = "out of gas";

/// A state that calls can run on.
pub trait CallState: Database<Error = StateError> {}

impl<D: Database<Error = StateError>> CallState for D {}

/// A call as `eth_call` and `eth_estimateGas` take it. Nonce and code of the sender are not
/// checked; without a price the base fee counts as zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// Who calls.
    pub from: Address,
    /// Whom; `None` creates a contract.
    pub to: Option<Address>,
    /// Most gas; the block's limit if not given.
    pub gas: Option<u64>,
    /// Price per gas in wei; the most of it if there is a tip.
    pub gas_price: Option<u128>,
    /// Tip per gas in wei, of a transaction with dynamic fees.
    pub tip: Option<u128>,
    /// Nonce; the account's own if not given. It is not checked.
    pub nonce: Option<u64>,
    /// Value in wei.
    pub value: U256,
    /// Call data, or init code.
    pub data: Bytes,
    /// Accounts and slots that are warm from the start.
    pub access_list: AccessList,
    /// Accounts that are delegated before it runs, by their consent (EIP-7702).
    pub authorization_list: Vec<SignedAuthorization>,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    /// It returned this.
    Success(Bytes),
    /// It reverted with this.
    Revert(Bytes),
    /// It used up its gas, for a reason in geth's words.
    Halt(String),
}

/// What a call did. Its changes of the state are dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallResult {
    /// How it ended.
    pub outcome: CallOutcome,
    /// The contract it created.
    pub created: Option<Address>,
    /// Gas after refunds.
    pub gas_used: u64,
    /// Gas that was refunded and has to be there while it runs.
    pub gas_refunded: u64,
    /// Logs of a success.
    pub logs: Vec<Log>,
}

/// Why there is no estimate, with geth's wording.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The call could not even start.
    #[error("failed with {gas} gas: {error}")]
    Refused {
        /// The gas that it was tried with.
        gas: u64,
        /// Why.
        error: TransactionError,
    },
    /// The store failed: a fault of ours.
    #[error(transparent)]
    State(#[from] StateError),
    /// It reverts whatever gas it has; with the data it reverts with.
    #[error("execution reverted")]
    Reverted(Bytes),
    /// It fails whatever gas it has, for a reason in geth's words.
    #[error("{0}")]
    Halted(String),
    /// It needs more gas than it may have.
    #[error("gas required exceeds allowance ({allowance})")]
    Exceeds {
        /// The most gas that was tried.
        allowance: u64,
    },
    /// The sender has less than it wants to send.
    #[error("insufficient funds for transfer")]
    InsufficientFunds,
}

pub(super) fn halt_reason(reason: &HaltReason) -> String {
    match reason {
        HaltReason::OutOfGas(_) => OUT_OF_GAS.into(),
        HaltReason::InvalidFEOpcode => "invalid opcode: INVALID".into(),
        HaltReason::OpcodeNotFound | HaltReason::NotActivated => "invalid opcode".into(),
        HaltReason::InvalidJump => "invalid jump destination".into(),
        HaltReason::OutOfOffset => "return data out of bounds".into(),
        HaltReason::CreateCollision => "contract address collision".into(),
        HaltReason::CreateContractSizeLimit => "max code size exceeded".into(),
        HaltReason::CreateInitCodeSizeLimit => "max initcode size exceeded".into(),
        HaltReason::StateChangeDuringStaticCall => "write protection".into(),
        HaltReason::CallTooDeep => "max call depth exceeded".into(),
        other => other.to_string(),
    }
}

/// Calls within one block: what they run in, apart from the state.
#[derive(Clone, Debug)]
pub struct Calls<'w> {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The block as contracts see it.
    pub block: BlockEnv,
    /// Most gas of a call, whatever it asks for and the block allows.
    pub gas_max: u64,
    /// Where precompiled contracts answer.
    pub moved: Moved,
    /// What ends a call that takes too long.
    pub watch: Watch<'w>,
}

impl Calls<'static> {
    /// Calls that only the block's gas limit bounds.
    pub fn within(chain_id: u64, block: BlockEnv) -> Self {
        let (moved, watch) = (Moved::default(), Watch::none());
        Self { chain_id, block, gas_max: u64::MAX, moved, watch }
    }
}

impl Calls<'_> {
    /// Executes a call. The state keeps only what it read.
    pub fn call<D: CallState>(
        &self,
        state: &mut D,
        call: &Call,
    ) -> Result<CallResult, TransactionError> {
        Ok(result(self.transact(state, call)?.result))
    }

    /// The most gas that a call gets.
    pub fn gas_of(&self, call: &Call) -> u64 {
        let most = self.block.gas_limit.min(self.gas_max);
        call.gas.unwrap_or(most).min(most)
    }

    pub(super) fn transact<D: CallState>(
        &self,
        state: &mut D,
        call: &Call,
    ) -> Result<ResultAndState, TransactionError> {
        let (config, block, transaction) = self.prepare(state, call)?;
        let (base_fee, moved) = (block.basefee, self.moved.clone());
        let mut machine = watch::machine(state, config, block, moved, self.watch, ());
        let done = machine.transact(transaction);
        if machine.ctx.chain.is_over() {
            return Err(TransactionError::Interrupted);
        }
        done.map_err(|error| refusal(error, call.from, base_fee))
    }

    /// The call as a transaction, with the rules and the block that let it run without a signature.
    pub(super) fn prepare<D: CallState>(
        &self,
        state: &mut D,
        call: &Call,
    ) -> Result<(CfgEnv, BlockEnv, TxEnv), StateError> {
        let (price, tip) = (call.gas_price.unwrap_or(0), call.tip);
        let mut block = self.block.clone();
        if price == 0 && tip.is_none_or(|tip| tip == 0) {
            block.basefee = 0;
        }
        let nonce = match call.nonce {
            Some(nonce) => nonce,
            None => state.basic(call.from)?.map_or(0, |account| account.nonce),
        };
        let (gas, delegates) = (self.gas_of(call), !call.authorization_list.is_empty());
        let transaction = TxEnv {
            tx_type: match tip {
                _ if delegates => 4,
                Some(_) => 2,
                None => u8::from(!call.access_list.is_empty()),
            },
            caller: call.from,
            gas_limit: gas,
            gas_price: price,
            // A plain price is all for the miner.
            gas_priority_fee: tip.or(delegates.then_some(price)),
            kind: call.to.map_or(TxKind::Create, TransactTo::Call),
            value: call.value,
            data: call.data.clone(),
            nonce,
            chain_id: Some(self.chain_id),
            access_list: call.access_list.clone(),
            authorization_list: recovered(&call.authorization_list, gas),
            ..TxEnv::default()
        };
        Ok((call_config(self.chain_id), block, transaction))
    }
}

/// The rules of calls: nobody signs them, and the cap of transactions is not theirs.
pub(super) fn call_config(chain_id: u64) -> CfgEnv {
    static CONFIG: LazyLock<CfgEnv> = LazyLock::new(|| {
        let mut config = config_env(0);
        config.disable_nonce_check = true;
        config.disable_eip3607 = true;
        config.tx_gas_limit_cap = Some(u64::MAX);
        config
    });
    CONFIG.clone().with_chain_id(chain_id)
}

/// Executes a call on a state within a block. The state keeps only what it read.
pub fn call<D: CallState>(
    state: &mut D,
    chain_id: u64,
    block: BlockEnv,
    call: &Call,
) -> Result<CallResult, TransactionError> {
    Calls::within(chain_id, block).call(state, call)
}

/// The same, but the state keeps what the call changed.
pub(crate) fn call_and_apply<S: StateSource>(
    state: &mut State<S>,
    chain_id: u64,
    block: BlockEnv,
    call: &Call,
) -> Result<CallResult, TransactionError> {
    let done = Calls::within(chain_id, block).transact(state, call)?;
    state.apply(done.state)?;
    Ok(result(done.result))
}

/// The least gas, up to 1.5 %, with which the call succeeds.
pub fn estimate<D: CallState>(
    state: &mut D,
    chain_id: u64,
    block: BlockEnv,
    request: &Call,
) -> Result<u64, CallError> {
    Calls::within(chain_id, block).estimate(state, request)
}

pub(super) fn result(result: ExecutionResult) -> CallResult {
    let (gas_used, gas_refunded) = (result.tx_gas_used(), result.gas().final_refunded());
    let (outcome, created, logs) = match result {
        ExecutionResult::Success { output: Output::Create(code, created), logs, .. } => {
            (CallOutcome::Success(code), created, logs)
        }
        ExecutionResult::Success { output: Output::Call(output), logs, .. } => {
            (CallOutcome::Success(output), None, logs)
        }
        ExecutionResult::Revert { output, .. } => (CallOutcome::Revert(output), None, Vec::new()),
        ExecutionResult::Halt { reason, .. } => {
            (CallOutcome::Halt(halt_reason(&reason)), None, Vec::new())
        }
    };
    CallResult { outcome, created, gas_used, gas_refunded, logs }
}

impl Calls<'_> {
    /// The least gas, up to 1.5 %, with which the call succeeds.
    pub fn estimate<D: CallState>(&self, state: &mut D, request: &Call) -> Result<u64, CallError> {
        // Less than any transaction needs counts as not given.
        let given = request.gas.filter(|gas| *gas >= TRANSACTION_GAS_MIN);
        let request = &Call { gas: given, ..request.clone() };
        let affordable = affordable_gas(state, request)?;
        let mut high = self.gas_of(request).min(TRANSACTION_GAS_MAX).min(affordable);
        let mut run = |gas: u64| {
            let tried = self.call(state, &Call { gas: Some(gas), ..request.clone() });
            enough(tried).map_err(|error| CallError::Refused { gas, error })
        };
        let exceeds = CallError::Exceeds { allowance: high };
        let Some(first) = run(high)? else { return Err(exceeds) };
        match first.outcome {
            CallOutcome::Success(_) => {}
            CallOutcome::Revert(data) => return Err(CallError::Reverted(data)),
            CallOutcome::Halt(reason) if reason == OUT_OF_GAS => return Err(exceeds),
            CallOutcome::Halt(reason) => return Err(CallError::Halted(reason)),
        }
        let mut low = first.gas_used.saturating_sub(1);
        // A sub-call gets at most 63/64 of the gas, and a transfer adds a stipend of 2300.
        let likely = (first.gas_used + first.gas_refunded + 2_300).saturating_mul(64) / 63;
        let mut middle = likely;
        while low + 1 < high && (high - low).saturating_mul(1000) > high.saturating_mul(15) {
            if middle <= low || middle >= high {
                middle = low + (high - low) / 2;
            }
            let tried = run(middle)?.map(|tried| tried.outcome);
            if let Some(CallOutcome::Success(_)) = tried {
                high = middle;
            } else {
                low = middle;
            }
            // Most calls need little more than they use: search near the lower end first.
            middle = (low + (high - low) / 2).min(low.saturating_mul(2));
        }
        Ok(high)
    }
}

/// What a try did; `None` if it had too little gas to start.
fn enough(
    tried: Result<CallResult, TransactionError>,
) -> Result<Option<CallResult>, TransactionError> {
    use TransactionError::{FloorDataGas, IntrinsicGas};
    match tried {
        Ok(result) => Ok(Some(result)),
        Err(IntrinsicGas { .. } | FloorDataGas { .. }) => Ok(None),
        Err(refused) => Err(refused),
    }
}

/// How much gas the sender can pay for at the price it offers.
fn affordable_gas<D: CallState>(state: &mut D, request: &Call) -> Result<u64, CallError> {
    let Some(price) = request.gas_price.filter(|price| *price > 0) else { return Ok(u64::MAX) };
    let balance = state.basic(request.from)?.map_or(U256::ZERO, |account| account.balance);
    if !request.value.is_zero() && request.value >= balance {
        return Err(CallError::InsufficientFunds);
    }
    Ok(((balance - request.value) / U256::from(price)).saturating_to())
}
