//! Nonces: those of orders, and those that accounts have ended on chain.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use alloy_primitives::{Address, U256};
use ids::OrderId;
use serde::{Deserialize, Serialize};

/// The most nonces ended on chain that a market remembers; the oldest are forgotten first. An order
/// with a forgotten one is accepted, and its fills skipped by the contract.
pub const ENDED_NONCES_MAX: usize = 100_000;

/// Which nonces an order may not have any more.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Nonces {
    orders: BTreeMap<Address, BTreeMap<U256, OrderId>>,
    ended: BTreeMap<Address, BTreeSet<U256>>,
    age: VecDeque<(Address, U256)>,
}

impl Nonces {
    /// Whether an order of `address` may have `nonce`.
    pub(super) fn is_free(&self, address: Address, nonce: U256) -> bool {
        let ended = self.ended.get(&address).is_some_and(|ended| ended.contains(&nonce));
        !ended && self.order(address, nonce).is_none()
    }

    /// The order of `address` that has `nonce`.
    pub(super) fn order(&self, address: Address, nonce: U256) -> Option<OrderId> {
        self.orders.get(&address)?.get(&nonce).copied()
    }

    /// An order with `nonce` was accepted.
    pub(super) fn used(&mut self, address: Address, nonce: U256, order: OrderId) {
        self.orders.entry(address).or_default().insert(nonce, order);
    }

    /// The order with `nonce` is forgotten.
    pub(super) fn forget(&mut self, address: Address, nonce: U256) {
        if let Some(nonces) = self.orders.get_mut(&address) {
            nonces.remove(&nonce);
        }
    }

    /// The account ended `nonce` on chain; a repeat changes nothing.
    pub(super) fn end(&mut self, address: Address, nonce: U256) {
        if !self.ended.entry(address).or_default().insert(nonce) {
            return;
        }
        self.age.push_back((address, nonce));
        if self.age.len() <= ENDED_NONCES_MAX {
            return;
        }
        let Some((address, nonce)) = self.age.pop_front() else { return };
        if let Some(ended) = self.ended.get_mut(&address) {
            ended.remove(&nonce);
            if ended.is_empty() {
                self.ended.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_ended_nonces_are_forgotten_first() {
        let (mut nonces, address) = (Nonces::default(), Address::repeat_byte(1));
        for nonce in 0..=ENDED_NONCES_MAX {
            nonces.end(address, U256::from(nonce));
            nonces.end(address, U256::from(nonce));
        }
        assert!(nonces.is_free(address, U256::ZERO));
        assert!(!nonces.is_free(address, U256::from(1)));
        assert!(!nonces.is_free(address, U256::from(ENDED_NONCES_MAX)));
        assert!(nonces.is_free(Address::ZERO, U256::from(1)), "of another account");
    }
}
