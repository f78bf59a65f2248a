//! Contract logs as facts: those that move money go to the journal, all that bills need is kept.

use alloy_primitives::{Address, B256, U256};
use anyhow::{Context, Result};
use calendar::Timestamp;
use contracts::bindings::EnergyMarket as market;
use contracts::{Clearing, ContractEvent, Policy, Prices, Reconciled, Side, Terms};
use events::ledger::Log;
use ids::{ConnectionPointId, MeterId};
use serde::{Deserialize, Serialize};
use units::{Energy, Money};

use super::certificate_logs::certificates;
use super::state::State;
use crate::currencies::{Currencies, CurrencyId};
use crate::db::certificates::Change;
use crate::db::chain::{FactRow, kind};
use crate::db::{address, hash};
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
    pub(crate) prices: Prices,
    pub(crate) retail: u64,
    pub(crate) feed_in: u64,
    /// The transaction that settled it; zero where it was kept before transactions were.
    #[serde(default)]
    pub(crate) transaction: B256,
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
    /// From when it counts, epoch seconds; zero where that was not kept yet.
    #[serde(default)]
    pub(crate) time: u64,
}

/// Cash of an account that was taken out of trading.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct WithdrawalFact {
    /// The transaction.
    pub(crate) transaction: B256,
    pub(crate) amount: Money,
    /// When all that the account asked for can be withdrawn, epoch seconds.
    pub(crate) available: u64,
}

/// Tokens that were destroyed to be paid out.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RedeemedFact {
    pub(crate) account: Address,
    pub(crate) amount: Money,
}

/// More was reconciled than a meter registered, and was cut.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ChallengedFact {
    pub(crate) transaction: B256,
    pub(crate) point: ConnectionPointId,
    pub(crate) slot: u64,
    pub(crate) side: Side,
    pub(crate) account: Address,
    pub(crate) registered: Energy,
    pub(crate) claimed: Energy,
    /// Of its block, epoch seconds.
    pub(crate) time: u64,
}

/// What one log means.
#[derive(Default)]
pub(crate) struct Meaning {
    pub(crate) row: Option<FactRow>,
    pub(crate) fact: Option<Fact>,
    /// What it did with certified energy, each with the place of the log.
    pub(crate) certificates: Vec<(u32, Change)>,
}

/// The event in a log of ours, and the currency whose cash it can be of.
pub(crate) fn decode(currencies: &Currencies, log: &Log) -> Option<(CurrencyId, ContractEvent)> {
    let raw = contracts::Log::new(log.address, log.topics.clone(), log.data.clone())?;
    let currency = currencies.of_log(log.address);
    Some((currency, ContractEvent::decode(currencies.at(currency), &raw)?))
}

/// By what the facts of an account's cash, or of a destination, are found: of each currency by
/// themselves.
pub(crate) fn cash_key(currency: CurrencyId, of: String) -> String {
    match currency {
        CurrencyId::FIRST => of,
        _ => format!("{}/{of}", currency.column()),
    }
}

/// What an event of `log`, in a block of time `at`, means to billing, after the events before it.
/// In a currency that no energy is traded in, only cash moves.
pub(crate) fn meaning(
    state: &mut State,
    (currency, event): (CurrencyId, ContractEvent),
    log: &Log,
    at: Timestamp,
) -> Result<Meaning> {
    if let ContractEvent::Minted(minted) = &event
        && let Some(account) = state.credited.get(&minted.payment)
    {
        // A payout that is credited becomes tokens again: nothing came in at the bank.
        let fact = Fact::Reissued { account: *account, amount: money(minted.amount)? };
        return Ok(Meaning { fact: Some(fact), ..Meaning::default() });
    }
    if currency != CurrencyId::FIRST {
        return cash(currency, event, log, at);
    }
    let row = |kind, key, body| fact_row(log, kind, key, body);
    let row_only = |row| Ok(Meaning { row: Some(row), ..Meaning::default() });
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
        ContractEvent::TradeCreated(event) => settled(state, &event, log),
        ContractEvent::TradeReconciled(event) => reconciled(state, &event, log.index),
        ContractEvent::TradePriced(event) => {
            let prices = Prices { buyer: event.buyPrice, seller: event.sellPrice };
            state.prices.insert(event.trade, prices);
            Ok(Meaning::default())
        }
        ContractEvent::ReadingsAnchored(event) if event.kind == contracts::READINGS_OF_DAY => {
            let batch = BatchFact {
                community: event.community,
                day: event.period,
                batch: event.batch,
                time: at.unsigned(),
            };
            row_only(row(kind::BATCH, hash(event.root), serde_json::to_string(&batch)?))
        }
        ContractEvent::TariffPublished(event) => {
            let time = at.unsigned();
            let fact = TariffFact { key: event.key, version: event.version, time };
            row_only(row(kind::TARIFF, hash(event.hash), serde_json::to_string(&fact)?))
        }
        ContractEvent::MeterRegistered(event) => {
            let fact = MeterKeyFact { version: event.version, key: event.key, time: at.unsigned() };
            row_only(row(kind::METER_KEY, meter(event.meter)?, serde_json::to_string(&fact)?))
        }
        ContractEvent::MeterRotated(event) => {
            let fact = MeterKeyFact { version: event.version, key: event.key, time: at.unsigned() };
            row_only(row(kind::METER_KEY, meter(event.meter)?, serde_json::to_string(&fact)?))
        }
        ContractEvent::Exchanged(event) => {
            row_only(row(kind::EXCHANGED, hash(event.quote), String::new()))
        }
        ContractEvent::Challenged(event) => {
            let side = if event.side == Side::Sell.code() { Side::Sell } else { Side::Buy };
            let point = ConnectionPointId::from_bytes32(event.connectionPoint.0);
            let fact = ChallengedFact {
                transaction: log.transaction,
                point: point.context("a connection point's id")?,
                slot: event.slot,
                side,
                account: event.account,
                registered: Energy::from_wh(event.registered),
                claimed: Energy::from_wh(event.claimed),
                time: at.unsigned(),
            };
            let key = address(event.account);
            row_only(row(kind::CHALLENGED, key, serde_json::to_string(&fact)?))
        }
        other => cash(currency, other, log, at),
    }
}

/// What an event means that moves cash outside of trades.
fn cash(currency: CurrencyId, event: ContractEvent, log: &Log, at: Timestamp) -> Result<Meaning> {
    let row = |kind, of, body| fact_row(log, kind, cash_key(currency, of), body);
    let fact_only = |fact| Ok(Meaning { fact: Some(fact), ..Meaning::default() });
    match event {
        ContractEvent::Minted(event) => fact_only(Fact::Minted { amount: money(event.amount)? }),
        ContractEvent::CashTransferred(event) => fact_only(Fact::Transferred {
            account: event.account,
            to: event.to,
            amount: money(event.amount)?,
        }),
        ContractEvent::Redeemed(event) => {
            let (account, amount) = (event.account, money(event.amount)?);
            let body = serde_json::to_string(&RedeemedFact { account, amount })?;
            let destination = event.destination;
            Ok(Meaning {
                row: Some(row(kind::REDEEMED, hash(destination), body)),
                fact: Some(Fact::Redeemed { account, amount, destination }),
                ..Meaning::default()
            })
        }
        ContractEvent::DepositCredited(event) => {
            fact_only(Fact::Deposited { account: event.account, amount: money(event.amount)? })
        }
        ContractEvent::WithdrawalRequested(event) => {
            let fact = WithdrawalFact {
                transaction: log.transaction,
                amount: money(event.amount)?,
                available: event.availableAt,
            };
            let key = address(event.account);
            let row = row(kind::WITHDRAWAL_REQUESTED, key, serde_json::to_string(&fact)?);
            Ok(Meaning { row: Some(row), ..Meaning::default() })
        }
        ContractEvent::WithdrawalPaid(event) => {
            let amount = money(event.amount)?;
            let body = serde_json::to_string(&amount)?;
            Ok(Meaning {
                row: Some(row(kind::WITHDRAWN, address(event.account), body)),
                fact: Some(Fact::Withdrawn { account: event.account, amount }),
                ..Meaning::default()
            })
        }
        ContractEvent::EscrowReleased(event) => fact_only(Fact::Released {
            account: event.account,
            day: event.day,
            amount: money(event.amount)?,
        }),
        other => certificates(&other, log, at),
    }
}

pub(super) fn fact_row(log: &Log, kind: &'static str, key: String, body: String) -> FactRow {
    FactRow { place: log.index, kind, key, community: String::new(), slot: 0, day: 0, body }
}

fn settled(state: &mut State, event: &market::TradeCreated, log: &Log) -> Result<Meaning> {
    let clearing = state.clearings.get(&event.clearing).context("a trade of no clearing")?;
    let (policy_id, utc_slot) = (clearing.policy, clearing.slot);
    let policy = state.policies.get(&policy_id).context("a trade under no known policy")?.clone();
    let prices = state.prices.remove(&event.trade).unwrap_or(Prices::one(clearing.price));
    let terms = Terms::new(&policy, clearing, prices, Energy::from_wh(event.quantity));
    let fact = SettledFact {
        trade: event.trade,
        clearing: event.clearing,
        index: event.index,
        buyer: event.buyer,
        seller: event.seller,
        policy: policy_id,
        slot: clearing.slot,
        quantity: event.quantity,
        prices,
        retail: clearing.retail_price,
        feed_in: clearing.feed_in_price,
        transaction: log.transaction,
    };
    state.note_term(&fact)?;
    let slot = i64::try_from(utc_slot)?;
    let settled = Settled {
        trade: event.trade,
        buyer: event.buyer,
        seller: event.seller,
        buyer_point: state.point(event.buyer, utc_slot),
        seller_point: state.point(event.seller, utc_slot),
        slot: Timestamp::from_seconds(slot),
        day: utc_day(utc_slot)?,
        escrow: money(event.escrow)?,
        collateral: money(event.collateral)?,
        terms,
        network_account: policy.network_account,
        platform_account: policy.platform_account,
        difference_account: policy.difference_account,
        balance_account: policy.balance_account,
    };
    let row = FactRow {
        place: log.index,
        kind: kind::SETTLED,
        key: hash(event.trade),
        community: policy.community.to_string(),
        slot,
        day: i64::from(utc_day(utc_slot)?),
        body: serde_json::to_string(&fact)?,
    };
    let fact = Some(Fact::Settled(Box::new(settled)));
    Ok(Meaning { row: Some(row), fact, ..Meaning::default() })
}

fn reconciled(state: &State, event: &market::TradeReconciled, place: u32) -> Result<Meaning> {
    let known = state.book.trade(&event.trade).context("a run of an unknown trade")?;
    let entry = Reconciled::of(event);
    let totals = Totals::of(&known.settled.terms, &entry)?;
    let row = FactRow {
        place,
        kind: kind::RECONCILED,
        key: hash(event.trade),
        community: String::new(),
        slot: known.settled.slot.seconds(),
        day: i64::from(known.settled.day),
        body: serde_json::to_string(&entry)?,
    };
    let fact = Some(Fact::Reconciled { trade: event.trade, totals });
    Ok(Meaning { row: Some(row), fact, ..Meaning::default() })
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
