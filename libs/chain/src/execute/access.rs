//! Access lists (EIP-2930): what a call touches, so that it can say so beforehand.

use super::TransactionError;
use super::call::{Call, CallResult, CallState, Calls, result};
use super::delegation::authorities_of;
use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::{Address, B256, U256};
use revm::bytecode::Bytecode;
use revm::state::EvmState;
use std::collections::{BTreeMap, BTreeSet};

/// Tries to make a list that changes nothing any more: what is warm may change what is touched.
const ROUNDS_MAX: usize = 16;

type Touched = BTreeMap<Address, BTreeSet<U256>>;

impl Calls<'_> {
    /// The accounts and slots that a call touches, with what it does when they are warm. Sender,
    /// callee, whom that is delegated to, authorities and precompiled contracts are warm anyway and
    /// named for their slots only.
    pub fn access_list<D: CallState>(
        &self,
        state: &mut D,
        call: &Call,
    ) -> Result<(AccessList, CallResult), TransactionError> {
        let nonce = match call.nonce {
            Some(nonce) => nonce,
            None => state.basic(call.from)?.map_or(0, |account| account.nonce),
        };
        let callee = call.to.unwrap_or_else(|| call.from.create(nonce));
        let (chain_id, gas) = (U256::from(self.chain_id), self.gas_of(call));
        let mut warm = authorities_of(&call.authorization_list, chain_id, gas);
        warm.extend([call.from, callee]);
        let mut touched = Touched::new();
        for item in &call.access_list.0 {
            let slots = item.storage_keys.iter().map(|key| U256::from_be_bytes(key.0));
            touched.entry(item.address).or_default().extend(slots);
        }
        for round in 1.. {
            let list = list(&touched);
            let done = self.transact(state, &Call { access_list: list.clone(), ..call.clone() })?;
            let before = touched.clone();
            let callee = done.state.get(&callee).and_then(|account| account.info.code.as_ref());
            let target = callee.and_then(Bytecode::eip7702_address);
            warm.extend(target.filter(|target| !warm.contains(target)));
            self.add(&mut touched, &done.state, &warm);
            if touched == before || round == ROUNDS_MAX {
                return Ok((list, result(done.result)));
            }
        }
        unreachable!("the rounds end with a list")
    }

    fn add(&self, touched: &mut Touched, state: &EvmState, warm: &[Address]) {
        for (address, account) in state {
            let is_warm = warm.contains(address)
                || *address == self.block.beneficiary
                || self.moved.is_precompiled(address)
                || account.is_created();
            if !is_warm || !account.storage.is_empty() && !account.is_created() {
                touched.entry(*address).or_default().extend(account.storage.keys());
            }
        }
    }
}

fn list(touched: &Touched) -> AccessList {
    let item = |(address, slots): (&Address, &BTreeSet<U256>)| AccessListItem {
        address: *address,
        storage_keys: slots.iter().map(|slot| B256::from(*slot)).collect(),
    };
    AccessList(touched.iter().map(item).collect())
}
