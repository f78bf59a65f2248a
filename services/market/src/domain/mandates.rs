//! What accounts let delegates sign for them, as blocks say.
//!
//! The contract judges again when an order is settled (`TradingMandate.allows`). Here a mandate is
//! in force with its block; where that leaves the best branch, the one before is.

use std::collections::BTreeMap;

use alloy_primitives::Address;
use contracts::requests::{Mandate, mandated_nonce};
use contracts::{OrderTerms, Side};
use serde::{Deserialize, Serialize};
use units::{Energy, Overflow};

use super::{Exchange, Parameters, Status};

/// The most versions that are remembered of a mandate: more than blocks that may leave hold.
const VERSIONS_MAX: usize = 8;
const DAY_SECONDS: u64 = 24 * 3600;

/// The mandates of all accounts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Mandates {
    /// By account and delegate, by rising version.
    granted: BTreeMap<Address, BTreeMap<Address, Vec<Mandate>>>,
}

impl Mandates {
    /// A block says that an account granted one.
    pub(super) fn grant(&mut self, mandate: Mandate) {
        let delegates = self.granted.entry(mandate.account).or_default();
        let versions = delegates.entry(mandate.delegate).or_default();
        versions.retain(|before| before.version < mandate.version);
        versions.push(mandate);
        if versions.len() > VERSIONS_MAX {
            versions.remove(0);
        }
    }

    /// The block that said so left.
    pub(super) fn take_back(&mut self, mandate: &Mandate) {
        let Some(delegates) = self.granted.get_mut(&mandate.account) else { return };
        let Some(versions) = delegates.get_mut(&mandate.delegate) else { return };
        versions.retain(|before| before.version < mandate.version);
        if versions.is_empty() {
            delegates.remove(&mandate.delegate);
        }
    }

    /// The one in force.
    fn of(&self, account: Address, delegate: Address) -> Option<&Mandate> {
        self.granted.get(&account)?.get(&delegate)?.last()
    }

    /// Those in force of an account.
    fn of_account(&self, account: Address) -> impl Iterator<Item = &Mandate> {
        self.granted.get(&account).into_iter().flatten().filter_map(|(_, all)| all.last())
    }
}

impl Exchange {
    /// What an account lets delegates sign, as the newest blocks say.
    pub fn mandates(&self, account: Address) -> impl Iterator<Item = &Mandate> {
        self.mandates.of_account(account)
    }

    /// Whether the order that its delegate signed is inside what the account has granted, together
    /// with the delegate's other orders of the UTC day and side.
    pub(super) fn is_mandated(&self, terms: &OrderTerms, parameters: &Parameters) -> bool {
        let Some(mandate) = self.mandates.of(terms.account, terms.delegate) else { return false };
        let in_price = match terms.side {
            Side::Buy => terms.limit_price <= mandate.buy_price_max,
            Side::Sell => terms.limit_price >= mandate.sell_price_min,
        };
        let length = slot_seconds(parameters);
        let nonce = mandated_nonce(terms.delegate, terms.slot, length, terms.side);
        in_price
            && terms.slot.saturating_add(u64::from(length)) <= mandate.until
            && terms.policy == mandate.policy
            && terms.quantity <= mandate.quantity_per_slot
            && terms.nonce == nonce
            && self
                .committed_of_day(terms, length)
                .and_then(|before| before.plus(terms.quantity))
                .is_ok_and(|all| all <= mandate.quantity_per_day)
    }

    /// What the delegate's other orders of the day and side may be or were filled with.
    fn committed_of_day(&self, terms: &OrderTerms, length: u32) -> Result<Energy, Overflow> {
        let midnight = terms.slot - terms.slot % DAY_SECONDS;
        let slots = (midnight..midnight.saturating_add(DAY_SECONDS)).step_by(length as usize);
        let orders = slots.filter_map(|slot| {
            let nonce = mandated_nonce(terms.delegate, slot, length, terms.side);
            let order = &self.orders[&self.nonces.order(terms.account, nonce)?];
            Some(match order.status {
                Status::Open => order.terms.quantity,
                Status::Filled | Status::Cleared | Status::Cancelled => order.filled,
            })
        });
        Energy::sum(orders)
    }
}

fn slot_seconds(parameters: &Parameters) -> u32 {
    u32::try_from(parameters.slot_length.seconds()).expect("a slot is a few hours at most")
}

#[cfg(test)]
mod tests {
    use alloy_primitives::B256;

    use super::*;

    fn mandate(version: u64) -> Mandate {
        Mandate {
            account: Address::repeat_byte(1),
            delegate: Address::repeat_byte(2),
            policy: B256::ZERO,
            until: 0,
            buy_price_max: 0,
            sell_price_min: 0,
            quantity_per_slot: Energy::ZERO,
            quantity_per_day: Energy::ZERO,
            version,
        }
    }

    #[test]
    fn a_mandate_that_leaves_with_its_block_gives_way_to_the_one_before() {
        let mut mandates = Mandates::default();
        let in_force = |mandates: &Mandates| {
            let (account, delegate) = (mandate(0).account, mandate(0).delegate);
            mandates.of(account, delegate).map(|mandate| mandate.version)
        };
        mandates.grant(mandate(3));
        mandates.grant(mandate(7));
        assert_eq!(in_force(&mandates), Some(7));
        mandates.take_back(&mandate(7));
        assert_eq!(in_force(&mandates), Some(3));
        mandates.grant(mandate(7));
        mandates.grant(mandate(7));
        assert_eq!(in_force(&mandates), Some(7), "said twice");
        mandates.take_back(&mandate(7));
        mandates.take_back(&mandate(3));
        assert_eq!(in_force(&mandates), None);
        (1..=100).for_each(|version| mandates.grant(mandate(version)));
        let kept = mandates.granted.values().flat_map(BTreeMap::values).map(Vec::len);
        assert_eq!(kept.sum::<usize>(), VERSIONS_MAX);
    }
}
