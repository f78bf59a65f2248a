//! Transactions once more, watched while they run: for tracers.
//!
//! A [`Replay`] holds a state and the block that is executed on it. Of a stored block it begins
//! with the parent's state; whoever wants the third transaction skips two, so that each runs once,
//! and whoever wants all of them watches and applies one after the other.
//!
//! Absent on purpose: the block's reward, which no transaction sees, and anything that checks the
//! block again: it was imported.

use super::watch::{self, CallContext, Watch};
use super::{
    BlockOverrides, Call, Calls, Moved, TransactionError, block_env, config_env, machine, refusal,
    transaction_env,
};
use crate::block::Transaction;
use crate::header::Header;
use crate::state::{State, StateError};
use crate::view::{AtBlock, ChainView, StateSource};
use alloy_primitives::{Address, B256, U256};
use revm::bytecode::Bytecode;
use revm::context::result::ResultAndState;
use revm::context::{BlockEnv, CfgEnv, TxEnv};
use revm::state::{AccountInfo, EvmState};
use revm::{Database, DatabaseRef, ExecuteEvm, InspectEvm, Inspector};
use std::cell::RefCell;

/// What an inspector sees of the machine.
pub type Watched<'s, S> = CallContext<'static, &'s mut State<S>>;

/// A state, and the block whose transactions are executed on it.
pub struct Replay<S> {
    state: State<S>,
    config: CfgEnv,
    block: BlockEnv,
    /// Of the block itself, also while a call without a price is executed.
    base_fee: u64,
    moved: Moved,
}

impl<'v, V: ChainView> Replay<AtBlock<'v, V>> {
    /// Before the first transaction of a block; `None` if its parent is not stored.
    pub fn before(view: &'v V, chain_id: u64, header: &Header) -> Option<Self> {
        let parent = view.header(header.parent_hash)?;
        let state = State::at(parent.state_root, AtBlock::new(view, header.parent_hash));
        Some(Self::new(state, chain_id, block_env(header)))
    }
}

impl<S: StateSource> Replay<S> {
    /// On any state, within any block.
    pub fn new(state: State<S>, chain_id: u64, block: BlockEnv) -> Self {
        let base_fee = block.basefee;
        Self { state, config: config_env(chain_id), block, base_fee, moved: Moved::default() }
    }

    /// The state as far as it is executed.
    pub fn state(&mut self) -> &mut State<S> {
        &mut self.state
    }

    /// The block as contracts see it.
    pub fn block(&self) -> &BlockEnv {
        &self.block
    }

    /// Executes a signed transaction unwatched.
    pub fn skip(
        &mut self,
        transaction: &Transaction,
        sender: Address,
    ) -> Result<(), TransactionError> {
        let base_fee = self.block.basefee;
        let done = machine(&mut self.state, self.config.clone(), self.block.clone())
            .transact(transaction_env(transaction, sender))
            .map_err(|error| refusal(error, sender, base_fee))?;
        Ok(self.state.apply(done.state)?)
    }

    /// Executes a signed transaction under the eyes of an inspector. The state stays as it was
    /// until the changes are [applied](Self::apply).
    pub fn watch<'s, I: Inspector<Watched<'s, S>>>(
        &'s mut self,
        transaction: TxEnv,
        inspector: &mut I,
    ) -> Result<ResultAndState, TransactionError> {
        let (sender, base_fee) = (transaction.caller, self.block.basefee);
        let (config, block, moved) = (self.config.clone(), self.block.clone(), self.moved.clone());
        watch::machine(&mut self.state, config, block, moved, Watch::none(), inspector)
            .inspect_tx(transaction)
            .map_err(|error| refusal(error, sender, base_fee))
    }

    /// Pretends another block from now on, and other places of precompiled contracts.
    pub fn pretend(&mut self, block: &BlockOverrides, moved: Moved) {
        block.apply(&mut self.block);
        self.base_fee = self.block.basefee;
        self.moved = moved;
    }

    /// Turns a call without a signature into a transaction of at most `gas_max`, and this replay
    /// into one that accepts it: nonce and code of the sender count no more, and without a price
    /// there is no base fee.
    pub fn admit(&mut self, request: &Call, gas_max: u64) -> Result<TxEnv, StateError> {
        let chain_id = self.config.chain_id;
        let block = BlockEnv { basefee: self.base_fee, ..self.block.clone() };
        let calls = Calls { gas_max, ..Calls::within(chain_id, block) };
        let (config, block, transaction) = calls.prepare(&mut self.state, request)?;
        (self.config, self.block) = (config, block);
        Ok(transaction)
    }

    /// Takes over what a watched transaction changed.
    pub fn apply(&mut self, changes: EvmState) -> Result<(), StateError> {
        self.state.apply(changes)
    }

    /// The state for those that only read it and hold it shared.
    pub fn reader(&mut self) -> ReadOnly<'_, S> {
        ReadOnly(RefCell::new(&mut self.state))
    }
}

/// A state that is only read. Reading loads, so the state behind it changes what it remembers.
pub struct ReadOnly<'s, S>(RefCell<&'s mut State<S>>);

impl<S: StateSource> DatabaseRef for ReadOnly<'_, S> {
    type Error = StateError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, StateError> {
        self.0.borrow_mut().basic(address)
    }

    fn code_by_hash_ref(&self, hash: B256) -> Result<Bytecode, StateError> {
        self.0.borrow_mut().code_by_hash(hash)
    }

    fn storage_ref(&self, address: Address, position: U256) -> Result<U256, StateError> {
        self.0.borrow_mut().storage(address, position)
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, StateError> {
        self.0.borrow_mut().block_hash(number)
    }
}
