//! Contract logs as facts: those that move money go to the journal, all that bills need is kept.

use alloy_primitives::{Address, B256, U256};
use anyhow::{Context, Result};
use calendar::Timestamp;
use contracts::bindings::EnergyMarket as market;
use contracts::{Clearing, ContractEvent, Deployment, Outcome, Policy, Reconciled};
use events::ledger::Log;
use ids::MeterId;
use serde::{Deserialize, Serialize};
use units::{Energy, Money, Price};

use super::state::State;
use crate::db::chain::{FactRow, kind};
use crate::db::hash;
use crate::domain::journal::{Fact, Settled, Totals};

/// A settled trade as the chain has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SettledFact {
    pub(crate) trade: B256,
    pub(crate) clearing: B256,
    /// Place of its fill in the clearing.
    pub(crate) index: u32,
    pub(crate) buyer: Address,
    pub(crate) seller: Address,
    pub(crate) policy: B256,
    pub(crate) slot: u64,
    pub(crate) quantity: u64,
    pub(crate) price: u64,
    pub(crate) retail: u64,
    pub(crate) feed_in: u64,
}

/// A batch of readings of a day on chain.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct BatchFact {
    pub(crate) community: B256,
    pub(crate) day: u64,
    pub(crate) batch: u32,
    /// Of its block, epoch seconds; zero where it was kept before times were.
    #[serde(default)]
    pub(crate) time: u64,
}

/// A version of a tariff on chain.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct TariffFact {
    pub(crate) key: B256,
    pub(crate) version: u32,
    /// Of its block, epoch seconds.
    pub(crate) time: u64,
}

/// A version of a meter's key on chain.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct MeterKeyFact {
    pub(crate) version: u32,
    pub(crate) key: Address,
}

/// What one log means.
#[derive(Default)]
pub(crate) struct Meaning {
    pub(crate) row: Option<FactRow>,
    pub(crate) fact: Option<Fact>,
}

/// The event in a log of ours.
pub(crate) fn decode(deployment: &Deployment, log: &Log) -> Option<ContractEvent> {
    let raw = contracts::Log::new(log.address, log.topics.clone(), log.data.clone())?;
    ContractEvent::decode(deployment, &raw)
}

/// What an event of a block of time `at` means to billing, after the events before it.
pub(crate) fn meaning(
    state: &mut State,
    event: ContractEvent,
    place: u32,
    at: Timestamp,
) -> Result<Meaning> {
    let row = |kind, key: String, body: String| FactRow {
        place,
        kind,
        key,
        community: String::new(),
        slot: 0,
        day: 0,
        body,
    };
    let row_only = |row| Ok(Meaning { row: Some(row), fact: None });
    let fact_only = |fact| Ok(Meaning { row: None, fact: Some(fact) });
    match event {
        ContractEvent::PolicyRegistered(event) => {
            let policy = Policy::from_sol(&event.terms).context("a registered policy")?;
            let body = serde_json::to_string(&policy)?;
            state.policies.insert(policy.id(), policy);
            row_only(row(kind::POLICY, hash(event.policy), body))
        }
        ContractEvent::SlotCleared(event) => {
            let clearing = Clearing::from_sol(&event.terms);
            let body = serde_json::to_string(&clearing)?;
            state.clearings.insert(event.clearing, clearing);
            row_only(row(kind::CLEARING, hash(event.clearing), body))
        }
        ContractEvent::TradeSettled(event) => settled(state, &event, place),
        ContractEvent::TradeReconciled(event) => reconciled(state, &event, place),
        ContractEvent::Deposited(event) => {
            fact_only(Fact::Deposited { account: event.account, amount: money(event.amount)? })
        }
        ContractEvent::Withdrawn(event) => {
            fact_only(Fact::Withdrawn { account: event.account, amount: money(event.amount)? })
        }
        ContractEvent::Released(event) => fact_only(Fact::Released {
            account: event.account,
            day: event.day,
            amount: money(event.amount)?,
        }),
        ContractEvent::ReadingsAnchored(event) if event.kind == contracts::READINGS_OF_DAY => {
            let batch = BatchFact {
                community: event.community,
                day: event.period,
                batch: event.batch,
                time: at.unsigned(),
            };
            row_only(row(kind::BATCH, hash(event.root), serde_json::to_string(&batch)?))
        }
        ContractEvent::TariffAnchored(event) => {
            let time = at.unsigned();
            let fact = TariffFact { key: event.key, version: event.version, time };
            row_only(row(kind::TARIFF, hash(event.hash), serde_json::to_string(&fact)?))
        }

        ContractEvent::MeterEnrolled(event) => {
            let fact = MeterKeyFact { version: event.version, key: event.key };
            row_only(row(kind::METER_KEY, meter(event.meter)?, serde_json::to_string(&fact)?))
        }
        ContractEvent::MeterRotated(event) => {
            let fact = MeterKeyFact { version: event.version, key: event.key };
            row_only(row(kind::METER_KEY, meter(event.meter)?, serde_json::to_string(&fact)?))
        }
        _ => Ok(Meaning::default()),
    }
}

fn settled(state: &mut State, event: &market::TradeSettled, place: u32) -> Result<Meaning> {
    let clearing = state.clearings.get(&event.clearing).context("a trade of no clearing")?;
    let (policy_id, utc_slot) = (clearing.policy, clearing.slot);
    let policy = state.policies.get(&policy_id).context("a trade under no known policy")?.clone();
    let fact = SettledFact {
        trade: event.trade,
        clearing: event.clearing,
        index: event.index,
        buyer: event.buyer,
        seller: event.seller,
        policy: policy_id,
        slot: clearing.slot,
        quantity: event.quantity,
        price: clearing.price,
        retail: clearing.retail_price,
        feed_in: clearing.feed_in_price,
    };
    state.note_term(&fact)?;
    let slot = i64::try_from(utc_slot)?;
    let settled = Settled {
        trade: event.trade,
        buyer: event.buyer,
        seller: event.seller,
        buyer_point: state.point(event.buyer),
        seller_point: state.point(event.seller),
        slot: Timestamp::from_seconds(slot),
        day: utc_day(utc_slot)?,
        escrow: money(event.escrow)?,
        collateral: money(event.collateral)?,
        seller_fee: Price::from_n_per_wh(i64::try_from(policy.seller_fee)?),
        network_account: policy.network_account,
        platform_account: policy.platform_account,
    };
    let row = FactRow {
        place,
        kind: kind::SETTLED,
        key: hash(event.trade),
        community: policy.community.to_string(),
        slot,
        day: i64::from(utc_day(utc_slot)?),
        body: serde_json::to_string(&fact)?,
    };
    Ok(Meaning { row: Some(row), fact: Some(Fact::Settled(Box::new(settled))) })
}

fn reconciled(state: &State, event: &market::TradeReconciled, place: u32) -> Result<Meaning> {
    let known = state.book.trade(&event.trade).context("a run of an unknown trade")?;
    let entry = Reconciled {
        trade: event.trade,
        run: event.run,
        delivered: Energy::from_wh(event.delivered),
        seller_short: Energy::from_wh(event.sellerShort),
        buyer_short: Energy::from_wh(event.buyerShort),
    };
    let outcome = Outcome::of(event, known.settled.escrow, known.settled.collateral)?;
    let totals = Totals::of(entry.delivered, &outcome);
    let row = FactRow {
        place,
        kind: kind::RECONCILED,
        key: hash(event.trade),
        community: String::new(),
        slot: known.settled.slot.seconds(),
        day: i64::from(known.settled.day),
        body: serde_json::to_string(&entry)?,
    };
    Ok(Meaning { row: Some(row), fact: Some(Fact::Reconciled { trade: event.trade, totals }) })
}

/// The UTC day under which the contract keeps what it settles of a slot.
pub(super) fn utc_day(slot: u64) -> Result<u32> {
    u32::try_from(slot / 86_400).context("a slot lies beyond all days")
}

fn meter(bytes: B256) -> Result<String> {
    Ok(MeterId::from_bytes32(bytes.0).context("a meter's id")?.to_string())
}

fn money(amount: U256) -> Result<Money> {
    i64::try_from(amount).map(Money::from_n).context("an amount of the chain does not fit")
}
