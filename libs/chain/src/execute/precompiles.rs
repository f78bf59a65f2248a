//! Precompiled contracts, some of which a call may have moved to other addresses.

use super::SPEC;
use alloy_primitives::map::AddressMap;
use alloy_primitives::{Address, map::AddressSet};
use revm::context::{Cfg, ContextTr};
use revm::handler::{EthPrecompiles, PrecompileProvider};
use revm::interpreter::{CallInputs, InterpreterResult};

/// The precompiled contracts of the rules, less those that were moved away or replaced, plus those
/// that were moved to a new address.
#[derive(Clone, Debug)]
pub struct Moved {
    standard: EthPrecompiles,
    changes: Option<Box<Changes>>,
}

#[derive(Clone, Debug, Default)]
struct Changes {
    /// New address -> standard address.
    origin: AddressMap<Address>,
    gone: AddressSet,
    warm: AddressSet,
}

/// Why a precompiled contract is not moved, with geth's wording.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoveError {
    /// There is none at the old address.
    #[error("account {0} is not a precompile")]
    NotAPrecompile(Address),
    /// The new address is overridden itself, or was moved to before.
    #[error("account {0} is already overridden")]
    AlreadyOverridden(Address),
}

impl Default for Moved {
    fn default() -> Self {
        Self { standard: EthPrecompiles::new(SPEC), changes: None }
    }
}

impl Moved {
    /// Whether a call to `address` runs a precompiled contract.
    pub fn is_precompiled(&self, address: &Address) -> bool {
        match &self.changes {
            Some(changes) => changes.warm.contains(address),
            None => self.standard.contains(address),
        }
    }

    /// Moves the contract at `from` to `to`.
    pub fn relocate(&mut self, from: Address, to: Address) -> Result<(), MoveError> {
        if !self.is_precompiled(&from) {
            return Err(MoveError::NotAPrecompile(from));
        }
        let changes = self.changes();
        if changes.origin.contains_key(&to) {
            return Err(MoveError::AlreadyOverridden(to));
        }
        let origin = changes.origin.remove(&from).unwrap_or(from);
        changes.gone.insert(from);
        changes.warm.remove(&from);
        changes.origin.insert(to, origin);
        changes.warm.insert(to);
        Ok(())
    }

    /// Takes the contract at `address` away, if there is one: code takes its place.
    pub fn remove(&mut self, address: Address) {
        if self.is_precompiled(&address) {
            let changes = self.changes();
            changes.gone.insert(address);
            changes.origin.remove(&address);
            changes.warm.remove(&address);
        }
    }

    fn changes(&mut self) -> &mut Changes {
        self.changes.get_or_insert_with(|| {
            let warm = self.standard.warm_addresses().clone();
            Box::new(Changes { warm, ..Changes::default() })
        })
    }
}

impl<C: ContextTr> PrecompileProvider<C> for Moved {
    type Output = InterpreterResult;

    fn set_spec(&mut self, spec: <C::Cfg as Cfg>::Spec) -> bool {
        <EthPrecompiles as PrecompileProvider<C>>::set_spec(&mut self.standard, spec)
    }

    fn run(
        &mut self,
        context: &mut C,
        inputs: &CallInputs,
    ) -> Result<Option<InterpreterResult>, String> {
        let Some(changes) = &self.changes else { return self.standard.run(context, inputs) };
        if let Some(origin) = changes.origin.get(&inputs.bytecode_address) {
            let inputs = CallInputs { bytecode_address: *origin, ..inputs.clone() };
            return self.standard.run(context, &inputs);
        }
        match changes.gone.contains(&inputs.bytecode_address) {
            true => Ok(None),
            false => self.standard.run(context, inputs),
        }
    }

    fn warm_addresses(&self) -> &AddressSet {
        match &self.changes {
            Some(changes) => &changes.warm,
            None => self.standard.warm_addresses(),
        }
    }
}
