//! What contract logs mean to the journal: the mapping that billing's service makes from its rows.

use std::collections::HashMap;

use alloy_primitives::{Address, B256, U256};
use billing::domain::journal::{Fact, Settled, Totals};
use calendar::Timestamp;
use contracts::bindings::EnergyMarket;
use contracts::{Clearing, ContractEvent, Deployment, Policy, Prices, Reconciled, Terms};
use events::ledger::Log;
use ids::ConnectionPointId;
use units::{Energy, Money};

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
    /// Prices of trades that have their own.
    pub(super) prices: HashMap<B256, Prices>,
    /// What the money of trades depends on.
    terms: HashMap<B256, Terms>,
}

impl Known {
    pub(super) fn hear(&mut self, event: &ContractEvent, policy: &Policy) {
        match event {
            ContractEvent::SlotCleared(event) => {
                self.clearings.insert(event.clearing, Clearing::from_sol(&event.terms));
            }
            ContractEvent::TradePriced(event) => {
                let prices = Prices { buyer: event.buyPrice, seller: event.sellPrice };
                self.prices.insert(event.trade, prices);
            }
            ContractEvent::TradeCreated(event) => {
                let clearing = &self.clearings[&event.clearing];
                let own = self.prices.get(&event.trade).copied();
                let prices = own.unwrap_or(Prices::one(clearing.price));
                let quantity = Energy::from_wh(event.quantity);
                self.terms.insert(event.trade, Terms::new(policy, clearing, prices, quantity));
            }
            _ => {}
        }
    }
}

impl Known {
    /// Where the money of a trade goes after a run.
    pub(super) fn totals(&self, event: &EnergyMarket::TradeReconciled) -> Totals {
        let terms = &self.terms[&event.trade];
        Totals::of(terms, &Reconciled::of(event)).expect("the contract took it")
    }
}

/// What moves money in the books; nothing for all other events.
pub(super) fn fact(
    event: &ContractEvent,
    (policy, known): (&Policy, &Known),
    point: impl Fn(Address) -> ConnectionPointId,
) -> Option<Fact> {
    Some(match event {
        ContractEvent::Minted(event) => Fact::Minted { amount: money(event.amount) },
        ContractEvent::DepositCredited(event) => {
            Fact::Deposited { account: event.account, amount: money(event.amount) }
        }
        ContractEvent::WithdrawalPaid(event) => {
            Fact::Withdrawn { account: event.account, amount: money(event.amount) }
        }
        ContractEvent::EscrowReleased(event) => {
            let (account, day) = (event.account, event.day);
            Fact::Released { account, day, amount: money(event.amount) }
        }
        ContractEvent::TradeCreated(event) => {
            let points = (point(event.buyer), point(event.seller));
            let slot = known.clearings.get(&event.clearing).expect("it was posted").slot;
            let terms = known.terms[&event.trade];
            Fact::Settled(Box::new(settled(event, (slot, terms), policy, points)))
        }
        ContractEvent::TradeReconciled(event) => {
            Fact::Reconciled { trade: event.trade, totals: known.totals(event) }
        }
        _ => return None,
    })
}

fn settled(
    event: &EnergyMarket::TradeCreated,
    (slot, terms): (u64, Terms),
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
        terms,
        network_account: policy.network_account,
        platform_account: policy.platform_account,
        difference_account: policy.difference_account,
        balance_account: policy.balance_account,
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
