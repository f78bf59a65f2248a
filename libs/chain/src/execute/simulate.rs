//! Blocks that are not there: calls one after the other on a pretended state, each block on the
//! one before it.
//!
//! A simulated header has what can be known of a block: its seal and its mountain range cannot, so
//! nonce and extra data are zero. Nothing is stored.

mod transfers;

use super::call::{self, Call, CallOutcome};
use super::delegation::recovered;
use super::overrides::{BlockOverrides, OverrideError, StateOverrides, check_overrides};
use super::precompiles::Moved;
use super::watch::{self, Watch};
use super::{TransactionError, block_env, refusal};
use crate::block::{Block, Receipt, Transaction};
use crate::header::Header;
use crate::rules::Rules;
use crate::state::{State, StateError};
use crate::trie::{NodePlace, NodeSource};
use crate::view::{AtBlock, ChainView, StateSource};
use alloy_consensus::proofs::{calculate_receipt_root, calculate_transaction_root};
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Eip658Value, ReceiptWithBloom};
use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxLegacy};
use alloy_primitives::{Address, B64, B256, Bytes, Log, Signature, TxKind, U256, logs_bloom};
use revm::context::result::{EVMError, ResultAndState};
use revm::context::{BlockEnv, CfgEnv, TransactTo, TxEnv};
use revm::{ExecuteEvm, InspectEvm};
use std::cell::RefCell;
use std::collections::BTreeMap;
use transfers::Transfers;

/// Blocks that one simulation may span, with those that fill gaps.
const BLOCKS_MAX: u64 = 256;

/// A block to simulate.
#[derive(Clone, Debug, Default)]
pub struct SimulatedBlock {
    /// What is pretended of the block.
    pub overrides: BlockOverrides,
    /// What is pretended of the state before its calls.
    pub state: StateOverrides,
    /// Its calls, in order.
    pub calls: Vec<Call>,
}

/// How blocks are simulated.
pub struct Simulation<'a> {
    /// The rules of the chain.
    pub rules: &'a Rules,
    /// Hash of the block to build on.
    pub base: B256,
    /// Whether calls have to be valid as transactions: nonce and fees are checked.
    pub validation: bool,
    /// Whether transfers of ether appear as logs of ERC-20 form.
    pub trace_transfers: bool,
    /// Most gas of all calls together.
    pub gas_max: u64,
    /// What ends the simulation if it takes too long.
    pub watch: Watch<'a>,
}

/// A simulated block.
#[derive(Clone, Debug)]
pub struct Simulated {
    /// Header and unsigned transactions, their signatures all zero.
    pub block: Block,
    /// Who sends each transaction.
    pub senders: Vec<Address>,
    /// What each of them did.
    pub calls: Vec<SimulatedCall>,
}

/// What a simulated call did.
#[derive(Clone, Debug)]
pub struct SimulatedCall {
    /// How it ended.
    pub outcome: CallOutcome,
    /// Gas after refunds.
    pub gas_used: u64,
    /// Gas before refunds.
    pub gas_used_max: u64,
    /// Its logs, with transfers if they were asked for.
    pub logs: Vec<Log>,
}

/// Why nothing was simulated, with geth's wording.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SimulationError {
    /// Heights have to rise.
    #[error("block numbers must be in order: {got} <= {previous}")]
    Number {
        /// Asked for.
        got: u64,
        /// Of the block before.
        previous: u64,
    },
    /// Times have to rise.
    #[error("block timestamps must be in order: {got} <= {previous}")]
    Timestamp {
        /// Asked for.
        got: u64,
        /// Of the block before.
        previous: u64,
    },
    /// More than can be simulated at once.
    #[error("too many blocks")]
    TooManyBlocks,
    /// The calls of a block want more gas than it has.
    #[error("block gas limit reached: {used} >= {limit}")]
    BlockGas {
        /// Used so far and asked for.
        used: u64,
        /// Of the block.
        limit: u64,
    },
    /// A state cannot be pretended.
    #[error(transparent)]
    Override(#[from] OverrideError),
    /// A call cannot be executed.
    #[error(transparent)]
    Call(#[from] TransactionError),
}

impl From<StateError> for SimulationError {
    fn from(error: StateError) -> Self {
        Self::Call(error.into())
    }
}

/// The chain below, and the simulated blocks above it.
struct Ahead<'a, V> {
    below: AtBlock<'a, V>,
    hashes: &'a RefCell<BTreeMap<u64, B256>>,
}

impl<V: ChainView> NodeSource for Ahead<'_, V> {
    fn node(&self, hash: B256) -> Option<Bytes> {
        self.below.node(hash)
    }

    fn node_at(&self, place: &NodePlace, hash: B256) -> Option<Bytes> {
        self.below.node_at(place, hash)
    }
}

impl<V: ChainView> StateSource for Ahead<'_, V> {
    fn code(&self, hash: B256) -> Option<Bytes> {
        self.below.code(hash)
    }

    fn block_hash(&self, number: u64) -> Option<B256> {
        self.hashes.borrow().get(&number).copied().or_else(|| self.below.block_hash(number))
    }
}

/// A block in the making.
struct Making {
    header: Header,
    transactions: Vec<Transaction>,
    senders: Vec<Address>,
    receipts: Vec<Receipt>,
    calls: Vec<SimulatedCall>,
}

impl Simulation<'_> {
    /// Simulates blocks on the base, which has to be one of `view`. Blocks that the heights leave
    /// out are filled in, empty.
    pub fn run<V: ChainView>(
        &self,
        view: &V,
        blocks: Vec<SimulatedBlock>,
    ) -> Result<Vec<Simulated>, SimulationError> {
        let base = view.header(self.base);
        let base = base.ok_or_else(|| TransactionError::Other("header not found".into()))?;
        let blocks = self.in_order(&base, blocks)?;
        let hashes = RefCell::new(BTreeMap::new());
        let ahead = Ahead { below: AtBlock::new(view, self.base), hashes: &hashes };
        let mut state = State::at(base.state_root, ahead);
        let (mut parent, mut parent_hash) = (base, self.base);
        let mut gas_left = self.gas_max;
        let mut all = Vec::new();
        for block in blocks {
            let header = self.header(&parent, parent_hash, &block.overrides);
            let simulated = self.block(&mut state, header, block, &mut gas_left)?;
            parent = simulated.block.header.clone();
            parent_hash = parent.hash();
            hashes.borrow_mut().insert(parent.number, parent_hash);
            all.push(simulated);
        }
        Ok(all)
    }

    /// The blocks with their heights and times, gaps filled.
    fn in_order(
        &self,
        base: &Header,
        blocks: Vec<SimulatedBlock>,
    ) -> Result<Vec<SimulatedBlock>, SimulationError> {
        let step = self.rules.target_block_time.max(1);
        let (mut number, mut time) = (base.number, base.timestamp);
        let mut all = Vec::new();
        for mut block in blocks {
            let got = block.overrides.number.unwrap_or(number + 1);
            if got <= number {
                return Err(SimulationError::Number { got, previous: number });
            }
            if got - base.number > BLOCKS_MAX {
                return Err(SimulationError::TooManyBlocks);
            }
            for between in number + 1..got {
                time = time.saturating_add(step);
                let mut empty = SimulatedBlock::default();
                empty.overrides.number = Some(between);
                empty.overrides.time = Some(time);
                all.push(empty);
            }
            number = got;
            let got = block.overrides.time.unwrap_or(time.saturating_add(step));
            if got <= time {
                return Err(SimulationError::Timestamp { got, previous: time });
            }
            time = got;
            block.overrides.number = Some(number);
            block.overrides.time = Some(time);
            all.push(block);
        }
        Ok(all)
    }

    fn header(&self, parent: &Header, parent_hash: B256, overrides: &BlockOverrides) -> Header {
        let next_base_fee = if self.validation { self.rules.next_base_fee(parent) } else { 0 };
        Header {
            parent_hash,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            coinbase: overrides.fee_recipient.unwrap_or(parent.coinbase),
            state_root: parent.state_root,
            transactions_root: parent.transactions_root,
            receipts_root: parent.receipts_root,
            logs_bloom: Default::default(),
            difficulty: overrides.difficulty.unwrap_or(self.rules.next_difficulty(parent)),
            number: overrides.number.unwrap_or(parent.number + 1),
            gas_limit: overrides.gas_limit.unwrap_or(parent.gas_limit),
            gas_used: 0,
            timestamp: overrides.time.unwrap_or(parent.timestamp + 1),
            extra_data: B256::ZERO,
            mix_hash: overrides.prev_randao.unwrap_or_default(),
            nonce: B64::ZERO,
            base_fee_per_gas: overrides.base_fee.unwrap_or(next_base_fee),
        }
    }

    fn block<S: StateSource>(
        &self,
        state: &mut State<S>,
        header: Header,
        block: SimulatedBlock,
        gas_left: &mut u64,
    ) -> Result<Simulated, SimulationError> {
        let mut moved = Moved::default();
        check_overrides(&block.state, &mut moved)?;
        state.pretend(&block.state)?;
        let (transactions, senders, receipts, calls) = Default::default();
        let mut making = Making { header, transactions, senders, receipts, calls };
        for call in block.calls {
            if !self.watch.may_go_on() {
                return Err(TransactionError::Interrupted.into());
            }
            self.one(state, &mut making, call, &moved, gas_left)?;
        }
        state.credit(making.header.coinbase, self.rules.reward)?;
        let Making { mut header, transactions, senders, receipts, calls } = making;
        header.state_root = state.commit()?.root;
        header.transactions_root = calculate_transaction_root(&transactions);
        header.receipts_root = calculate_receipt_root(&receipts);
        header.logs_bloom =
            receipts.iter().fold(header.logs_bloom, |all, one| all | *one.logs_bloom());
        Ok(Simulated { block: Block::new(header, transactions), senders, calls })
    }

    fn one<S: StateSource>(
        &self,
        state: &mut State<S>,
        making: &mut Making,
        mut call: Call,
        moved: &Moved,
        gas_left: &mut u64,
    ) -> Result<(), SimulationError> {
        let header = &mut making.header;
        let gas = call.gas.unwrap_or(header.gas_limit.saturating_sub(header.gas_used));
        let used = header.gas_used.saturating_add(gas);
        if used > header.gas_limit {
            return Err(SimulationError::BlockGas { used, limit: header.gas_limit });
        }
        call.gas = Some(gas.min(*gas_left));
        let nonce = state.account(call.from)?.map_or(0, |account| account.nonce);
        call.nonce = Some(call.nonce.unwrap_or(nonce));
        let transaction = unsigned(&call, self.rules.chain_id);
        let (done, traced) = self.transact(state, block_env(header), &call, moved)?;
        state.apply(done.state)?;
        let mut result = call::result(done.result);
        *gas_left = gas_left.saturating_sub(result.gas_used);
        header.gas_used += result.gas_used;
        let receipt = alloy_consensus::Receipt {
            status: Eip658Value::Eip658(matches!(result.outcome, CallOutcome::Success(_))),
            cumulative_gas_used: header.gas_used,
            logs: std::mem::take(&mut result.logs),
        };
        let logs_bloom = logs_bloom(&receipt.logs);
        let logs = traced.unwrap_or_else(|| receipt.logs.clone());
        let receipt = ReceiptWithBloom { receipt, logs_bloom };
        making.receipts.push(Receipt::from_typed(transaction.tx_type(), receipt));
        making.transactions.push(transaction);
        making.senders.push(call.from);
        making.calls.push(SimulatedCall {
            outcome: result.outcome,
            gas_used: result.gas_used,
            gas_used_max: result.gas_used + result.gas_refunded,
            logs,
        });
        Ok(())
    }

    /// Executes a call; with its logs and transfers in one order if these are traced.
    fn transact<S: StateSource>(
        &self,
        state: &mut State<S>,
        block: BlockEnv,
        call: &Call,
        moved: &Moved,
    ) -> Result<(ResultAndState, Option<Vec<Log>>), TransactionError> {
        let base_fee = block.basefee;
        let refused = |error: EVMError<StateError>| refusal(error, call.from, base_fee);
        let config = self.config();
        let transaction = environment(call, self.rules.chain_id);
        if !self.trace_transfers {
            let mut machine = watch::machine(state, config, block, moved.clone(), self.watch, ());
            let done = machine.transact(transaction);
            return match machine.ctx.chain.is_over() {
                true => Err(TransactionError::Interrupted),
                false => Ok((done.map_err(refused)?, None)),
            };
        }
        let transfers = Transfers::default();
        let mut machine =
            watch::machine(state, config, block, moved.clone(), self.watch, transfers);
        let done = machine.inspect_tx(transaction);
        if machine.ctx.chain.is_over() {
            return Err(TransactionError::Interrupted);
        }
        Ok((done.map_err(refused)?, Some(machine.inspector.into_logs())))
    }

    fn config(&self) -> CfgEnv {
        let mut config = call::call_config(self.rules.chain_id);
        config.disable_nonce_check = !self.validation;
        config.disable_base_fee = !self.validation;
        config
    }
}

fn environment(call: &Call, chain_id: u64) -> TxEnv {
    TxEnv {
        tx_type: kind_of(call),
        caller: call.from,
        gas_limit: call.gas.unwrap_or_default(),
        gas_price: call.gas_price.unwrap_or_default(),
        gas_priority_fee: (kind_of(call) >= 2).then_some(call.tip.unwrap_or_default()),
        kind: call.to.map_or(TxKind::Create, TransactTo::Call),
        value: call.value,
        data: call.data.clone(),
        nonce: call.nonce.unwrap_or_default(),
        chain_id: Some(chain_id),
        access_list: call.access_list.clone(),
        authorization_list: recovered(&call.authorization_list, call.gas.unwrap_or_default()),
        ..TxEnv::default()
    }
}

/// The EIP-2718 type: dynamic fees, unless the call names a gas price or delegates.
fn kind_of(call: &Call) -> u8 {
    match (call.gas_price, call.tip) {
        _ if !call.authorization_list.is_empty() => 4,
        (None, _) | (_, Some(_)) => 2,
        (Some(_), None) => u8::from(!call.access_list.is_empty()),
    }
}

/// A call as a transaction that nobody signed: its signature is zero.
pub fn unsigned(call: &Call, chain_id: u64) -> Transaction {
    let nobody = Signature::new(U256::ZERO, U256::ZERO, false);
    let to = call.to.map_or(TxKind::Create, TxKind::Call);
    let (nonce, gas_limit) = (call.nonce.unwrap_or_default(), call.gas.unwrap_or_default());
    let (value, input) = (call.value, call.data.clone());
    let (gas_price, access_list) = (call.gas_price.unwrap_or_default(), call.access_list.clone());
    match kind_of(call) {
        4 => TxEip7702 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: gas_price,
            max_priority_fee_per_gas: call.tip.unwrap_or_default(),
            to: call.to.unwrap_or_default(),
            value,
            access_list,
            authorization_list: call.authorization_list.clone(),
            input,
        }
        .into_signed(nobody)
        .into(),
        2 => TxEip1559 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: gas_price,
            max_priority_fee_per_gas: call.tip.unwrap_or_default(),
            to,
            value,
            access_list,
            input,
        }
        .into_signed(nobody)
        .into(),
        1 => TxEip2930 { chain_id, nonce, gas_price, gas_limit, to, value, access_list, input }
            .into_signed(nobody)
            .into(),
        _ => {
            let chain_id = Some(chain_id);
            TxLegacy { chain_id, nonce, gas_price, gas_limit, to, value, input }
                .into_signed(nobody)
                .into()
        }
    }
}
