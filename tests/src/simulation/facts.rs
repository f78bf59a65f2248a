//! What contract logs mean to the journal: the mapping that billing's service makes from its rows.

use std::collections::HashMap;

use alloy_primitives::{Address, B256, U256};
use billing::domain::journal::{Fact, Settled, Totals};
use calendar::Timestamp;
use contracts::bindings::EnergyMarket;
use contracts::{Clearing, ContractEvent, Deployment, Outcome, Policy};
use events::ledger::Log;
use ids::ConnectionPointId;
use units::{Energy, Money, Price};

/// The event in a log of ours.
pub(super) fn decode(deployment: &Deployment, log: &Log) -> Option<ContractEvent> {
    let raw = contracts::Log::new(log.address, log.topics.clone(), log.data.clone())?;
    ContractEvent::decode(deployment, &raw)
}

/// What earlier events said that later ones build on. A name never means something else, so that
/// nothing is to be forgotten when a block is taken back.
#[derive(Default)]
pub(super) struct Known {
    pub(super) clearings: HashMap<B256, Clearing>,
    /// Escrow and collateral of trades.
    tied: HashMap<B256, (Money, Money)>,
}

impl Known {
    pub(super) fn hear(&mut self, event: &ContractEvent) {
        match event {
            ContractEvent::SlotCleared(event) => {
                self.clearings.insert(event.clearing, Clearing::from_sol(&event.terms));
            }
            ContractEvent::TradeSettled(event) => {
                let tied = (money(event.escrow), money(event.collateral));
                self.tied.insert(event.trade, tied);
            }
            _ => {}
        }
    }
}

/// What moves money in the books; nothing for all other events.
pub(super) fn fact(
    event: &ContractEvent,
    (policy, known): (&Policy, &Known),
    point: impl Fn(Address) -> ConnectionPointId,
) -> Option<Fact> {
    Some(match event {
        ContractEvent::Deposited(event) => {
            Fact::Deposited { account: event.account, amount: money(event.amount) }
        }
        ContractEvent::Withdrawn(event) => {
            Fact::Withdrawn { account: event.account, amount: money(event.amount) }
        }
        ContractEvent::Released(event) => {
            let (account, day) = (event.account, event.day);
            Fact::Released { account, day, amount: money(event.amount) }
        }
        ContractEvent::TradeSettled(event) => {
            let points = (point(event.buyer), point(event.seller));
            let slot = known.clearings.get(&event.clearing).expect("it was posted").slot;
            Fact::Settled(Box::new(settled(event, slot, policy, points)))
        }
        ContractEvent::TradeReconciled(event) => {
            let (escrow, collateral) = known.tied[&event.trade];
            let outcome = Outcome::of(event, escrow, collateral).expect("parts of what is tied up");
            let totals = Totals::of(Energy::from_wh(event.delivered), &outcome);
            Fact::Reconciled { trade: event.trade, totals }
        }
        _ => return None,
    })
}

fn settled(
    event: &EnergyMarket::TradeSettled,
    slot: u64,
    policy: &Policy,
    (buyer_point, seller_point): (ConnectionPointId, ConnectionPointId),
) -> Settled {
    Settled {
        trade: event.trade,
        buyer: event.buyer,
        seller: event.seller,
        buyer_point,
        seller_point,
        slot: Timestamp::from_seconds(slot.cast_signed()),
        day: utc_day(slot),
        escrow: money(event.escrow),
        collateral: money(event.collateral),
        seller_fee: Price::from_n_per_wh(policy.seller_fee.cast_signed()),
        network_account: policy.network_account,
        platform_account: policy.platform_account,
    }
}

/// The UTC day under which the contract keeps what it settles of a slot.
pub(super) fn utc_day(slot: u64) -> u32 {
    u32::try_from(slot / 86_400).expect("a slot of our time")
}

/// An amount of the chain as money.
pub(super) fn money(amount: U256) -> Money {
    contracts::money(amount).expect("a world's money is little")
}
