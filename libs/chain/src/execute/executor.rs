//! The transactions of a block, one after the other on one journal.
//!
//! What a transaction read and changed stays with the machine for the next one, so that accounts
//! and slots that a block touches again and again are looked up once; the state takes over what
//! changed at the end of the block. An account that a transaction created or destroyed it takes
//! over at once, so that whatever comes next begins with what the state knows of it.

use super::{
    Executed, Machine, Outcome, TransactionError, check_transaction, config_env, machine, refusal,
    transaction_env,
};
use crate::block::Transaction;
use crate::state::{State, StateError};
use crate::view::StateSource;
use alloy_consensus::{Eip658Value, Transaction as _};
use alloy_primitives::map::hash_map::Entry;
use alloy_primitives::{Address, address};
use alloy_rlp::{RlpDecodable, RlpEncodable};
use revm::ExecuteEvm;
use revm::context::result::{EVMError, ExecutionResult, HaltReason, InvalidTransaction, ResultGas};
use revm::context::{BlockEnv, ContextSetters, Journal, JournalEntry};
use revm::handler::{FrameResult, Handler, MainnetHandler};
use revm::state::EvmState;
use std::marker::PhantomData;

/// RIPEMD-160, which stays touched when the call that touched it is reverted (yellow paper, K.1).
const RIPEMD: Address = address!("0x0000000000000000000000000000000000000003");

/// An account that took part in a transaction: it sent or received it, was called, paid or created
/// on the way. Who is only looked at (a balance, delegated code) does not appear, nor does the
/// coinbase for the tip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Appearance {
    /// The account.
    pub address: Address,
    /// Whether the transaction created its code.
    pub created: bool,
}

/// Executes the transactions of one block, one after the other. The state has all that they changed
/// when the block has [ended](Executor::finish).
pub struct Executor<'s, S: StateSource> {
    machine: Machine<'s, S>,
    chain_id: u64,
    gas_limit: u64,
    base_fee: u64,
    gas_used: u64,
    coinbase: Address,
    outcomes: Vec<Outcome>,
    appearances: Vec<Vec<Appearance>>,
    /// Whom the transaction touched that was executed last.
    touched: Vec<Address>,
    /// Whom the transactions before touched and the journal has, some of them many times.
    changed: Vec<Address>,
}

impl<'s, S: StateSource> Executor<'s, S> {
    /// Starts a block on its parent's state.
    pub fn new(state: &'s mut State<S>, chain_id: u64, block: BlockEnv) -> Self {
        let (gas_limit, base_fee, coinbase) = (block.gas_limit, block.basefee, block.beneficiary);
        Self {
            machine: machine(state, config_env(chain_id), block),
            chain_id,
            gas_limit,
            base_fee,
            gas_used: 0,
            coinbase,
            outcomes: Vec::new(),
            appearances: Vec::new(),
            touched: Vec::new(),
            changed: Vec::new(),
        }
    }

    /// Makes room for so many transactions.
    pub fn reserve(&mut self, transactions: usize) {
        self.outcomes.reserve(transactions);
        self.appearances.reserve(transactions);
    }

    /// Gas that is left in the block.
    pub fn gas_left(&self) -> u64 {
        self.gas_limit - self.gas_used
    }

    /// Executes one transaction. An error leaves the block as it was, except
    /// [`TransactionError::State`], after which it is lost.
    pub fn execute(
        &mut self,
        transaction: &Transaction,
        sender: Address,
    ) -> Result<(), TransactionError> {
        check_transaction(transaction, self.chain_id)?;
        self.execute_checked(transaction, sender)
    }

    /// The same for a transaction that passed [`check_transaction`].
    pub fn execute_checked(
        &mut self,
        transaction: &Transaction,
        sender: Address,
    ) -> Result<(), TransactionError> {
        if transaction.gas_limit() > self.gas_left() {
            return Err(TransactionError::GasLimitReached);
        }
        self.machine.ctx.set_tx(transaction_env(transaction, sender));
        let result = OneOfMany { touched: &mut self.touched, state: PhantomData }
            .run(&mut self.machine)
            .map_err(|error| refusal(error, sender, self.base_fee))?;
        let appearances = self.settle(transaction, sender)?;
        self.appearances.push(appearances);
        self.gas_used += result.tx_gas_used();
        let success = result.is_success();
        let logs = if success { result.into_logs() } else { Vec::new() };
        let receipt = alloy_consensus::Receipt {
            status: Eip658Value::Eip658(success),
            cumulative_gas_used: self.gas_used,
            logs,
        };
        self.outcomes.push(Outcome { kind: transaction.tx_type(), receipt });
        Ok(())
    }

    /// Puts down whom a transaction touched, and says who took part in it.
    fn settle(
        &mut self,
        transaction: &Transaction,
        sender: Address,
    ) -> Result<Vec<Appearance>, StateError> {
        let Journal { database, inner } = &mut self.machine.ctx.journaled_state;
        let mut all = Vec::with_capacity(self.touched.len());
        if inner.state.get(&RIPEMD).is_some_and(|account| account.is_touched())
            && !self.touched.contains(&RIPEMD)
        {
            self.touched.push(RIPEMD);
        }
        for &address in &self.touched {
            let Entry::Occupied(mut known) = inner.state.entry(address) else { continue };
            let created = known.get().is_created();
            if address != self.coinbase {
                all.push(Appearance { address, created });
            }
            if created || known.get().is_selfdestructed() {
                database.take_over(address, known.remove())?;
            } else {
                // So that the journal says whether the next one touches it.
                known.get_mut().unmark_touch();
                self.changed.push(address);
            }
        }
        // A transaction that reverts touches its receiver no more.
        for named in [Some(sender), transaction.to()].into_iter().flatten() {
            if all.iter().all(|one| one.address != named) {
                all.push(Appearance { address: named, created: false });
            }
        }
        all.sort_unstable_by_key(|one| one.address);
        Ok(all)
    }

    /// Ends the block: the state takes over what its transactions changed. After an error, which
    /// is a fault of the store, the block is lost.
    pub fn finish(self) -> Result<Executed, StateError> {
        let Self { mut machine, outcomes, appearances, changed, gas_used, .. } = self;
        let mut accounts: EvmState = machine.finalize();
        for address in changed {
            if let Some(account) = accounts.remove(&address) {
                machine.ctx.journaled_state.database.take_over(address, account)?;
            }
        }
        Ok(Executed { outcomes, appearances, gas_used })
    }
}

/// Runs a transaction as [`MainnetHandler`] does, and asks the journal whom it touched before the
/// journal forgets it.
struct OneOfMany<'t, M> {
    touched: &'t mut Vec<Address>,
    state: PhantomData<M>,
}

impl<'s, S: StateSource> Handler for OneOfMany<'_, &'s mut State<S>> {
    type Evm = Machine<'s, S>;
    type Error = EVMError<StateError, InvalidTransaction>;
    type HaltReason = HaltReason;

    fn execution_result(
        &mut self,
        machine: &mut Self::Evm,
        result: FrameResult,
        gas: ResultGas,
    ) -> Result<ExecutionResult, Self::Error> {
        self.touched.clear();
        self.touched.extend(machine.ctx.journaled_state.journal.iter().filter_map(|entry| {
            match entry {
                JournalEntry::AccountTouched { address } => Some(*address),
                _ => None,
            }
        }));
        MainnetHandler::default().execution_result(machine, result, gas)
    }
}
