//! What contract logs mean to the journal: the mapping that billing's service makes from its rows.

use alloy_primitives::{Address, U256};
use billing::domain::journal::{Fact, Settled, Totals};
use calendar::Timestamp;
use contracts::bindings::EnergyMarket;
use contracts::{ContractEvent, Deployment, Policy};
use events::ledger::Log;
use ids::ConnectionPointId;
use units::{Energy, Money, Price};

/// The event in a log of ours.
pub(super) fn decode(deployment: &Deployment, log: &Log) -> Option<ContractEvent> {
    let raw = contracts::Log::new(log.address, log.topics.clone(), log.data.clone())?;
    ContractEvent::decode(deployment, &raw)
}

/// What moves money in the books; nothing for all other events.
pub(super) fn fact(
    event: &ContractEvent,
    policy: &Policy,
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
            Fact::Settled(Box::new(settled(event, policy, points)))
        }
        ContractEvent::TradeReconciled(event) => {
            Fact::Reconciled { trade: event.trade, totals: totals(event) }
        }
        _ => return None,
    })
}

fn settled(
    event: &EnergyMarket::TradeSettled,
    policy: &Policy,
    (buyer_point, seller_point): (ConnectionPointId, ConnectionPointId),
) -> Settled {
    Settled {
        trade: event.trade,
        buyer: event.buyer,
        seller: event.seller,
        buyer_point,
        seller_point,
        slot: Timestamp::from_seconds(event.slot.cast_signed()),
        day: utc_day(event.slot),
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

fn totals(event: &EnergyMarket::TradeReconciled) -> Totals {
    Totals {
        delivered: Energy::from_wh(event.delivered),
        seller_net: money(event.sellerNet),
        network: money(event.network),
        platform: money(event.platform),
        compensation: money(event.compensation),
        refund: money(event.refund),
        make_whole: money(event.makeWhole),
        collateral_back: money(event.collateralBack),
    }
}

/// An amount of the chain as money.
pub(super) fn money(amount: U256) -> Money {
    contracts::money(amount).expect("a world's money is little")
}
