//! What the contracts did, by the names that the explorer shows: the steps of a transaction.
//!
//! A trade's log is two steps, the agreement and its cash in escrow. What a run says of a trade is
//! a penalty and a compensation, where they are other than the run before said. A challenge is
//! judged by the contract at once, so it and what came of it are one log.
//! Deliberately absent: clearings, tariffs and bills, which the services that post them tell of.

use alloy_primitives::{Address, B256, U256};
use anyhow::Result;
use calendar::Timestamp;
use contracts::bindings::EnergyMarket::TradeReconciled;
use contracts::bindings::Timelock::TimelockEvents;
use contracts::{ContractEvent, Deployment, Outcome, Prices, READINGS_OF_DAY, SolEventInterface};
use events::ledger::Log;
use serde::Serialize;
use serde_json::{Value, json};
use units::{Money, Price};

use super::decode::{Decoded, contract_name};
use super::feed::Item;
use super::kind::Kind;
use super::role_changes::{role_name, what};

/// The most steps of one kind that the feed shows of a transaction; the transaction has them all.
const STEPS_SHOWN_MAX: usize = 16;

/// What a run changed for a trade.
pub(crate) struct Change {
    /// The trade's sides.
    pub(crate) buyer: String,
    pub(crate) seller: String,
    /// What penalties and compensations came to by the run before: zero without one.
    pub(crate) penalty_before: Money,
    pub(crate) compensation_before: Money,
    /// Where the cash goes now.
    pub(crate) outcome: Outcome,
}

/// A step, and the transaction that did it.
pub(crate) struct Step {
    transaction: B256,
    kind: Kind,
    fields: Value,
}

/// Steps of one kind of one transaction, as the feed tells them.
#[derive(Serialize)]
struct Told<'a> {
    kind: Kind,
    block: u64,
    transaction: B256,
    /// How many there are.
    count: usize,
    /// The first of them.
    steps: Vec<&'a Value>,
}

/// What a log tells; `prices` are those of a trade, `change` is what a run changed.
pub(crate) fn of(
    deployment: &Deployment,
    log: &Log,
    decoded: &Decoded,
    (prices, change): (Option<Prices>, Option<Change>),
) -> Vec<Step> {
    let steps = match &decoded.event {
        Some(event) => of_event(event, prices, change),
        None => of_timelock(deployment, log).into_iter().collect(),
    };
    let transaction = log.transaction;
    steps.into_iter().map(|(kind, fields)| Step { transaction, kind, fields }).collect()
}

/// The items of a block: one for each transaction and kind, in their order.
pub(crate) fn items(steps: &[Step], block: u64, at: Timestamp) -> Result<Vec<Item>> {
    let mut told: Vec<Told<'_>> = Vec::new();
    for Step { transaction, kind, fields } in steps {
        let same = |known: &&mut Told<'_>| known.transaction == *transaction && known.kind == *kind;
        // A block's logs stand by transaction, so that what is looked for is near the end.
        match told.iter_mut().rev().take(Kind::ALL.len()).find(same) {
            Some(known) => {
                known.count += 1;
                if known.steps.len() < STEPS_SHOWN_MAX {
                    known.steps.push(fields);
                }
            }
            None => {
                let (transaction, kind, steps) = (*transaction, *kind, vec![fields]);
                told.push(Told { kind, block, transaction, count: 1, steps });
            }
        }
    }
    let item = |told: &Told<'_>| {
        let body = serde_json::to_string(told)?;
        Ok(Item { kind: told.kind, at, block: Some(block), body })
    };
    told.iter().map(item).collect()
}

fn of_event(
    event: &ContractEvent,
    prices: Option<Prices>,
    change: Option<Change>,
) -> Vec<(Kind, Value)> {
    let fields = match event {
        ContractEvent::DepositCredited(e) => (
            Kind::DepositCredited,
            json!({ "account": lower(e.account), "amount": cash(e.amount) }),
        ),
        ContractEvent::WithdrawalRequested(e) => {
            let until = moment(e.availableAt);
            let (account, amount) = (lower(e.account), cash(e.amount));
            let fields = json!({ "account": account, "amount": amount, "available_at": until });
            (Kind::WithdrawalRequested, fields)
        }
        ContractEvent::WithdrawalPaid(e) => {
            (Kind::WithdrawalPaid, json!({ "account": lower(e.account), "amount": cash(e.amount) }))
        }
        ContractEvent::EscrowReleased(e) => {
            let (account, amount) = (lower(e.account), cash(e.amount));
            let fields = json!({ "account": account, "amount": amount, "policy": e.policy });
            (Kind::EscrowReleased, fields)
        }
        ContractEvent::OrderCancelled(e) => {
            let fields = json!({ "account": lower(e.account), "nonce": e.nonce.to_string() });
            (Kind::OrderCancelled, fields)
        }
        ContractEvent::PolicyRegistered(e) => {
            (Kind::ParameterChanged, json!({ "parameter": "policy", "policy": e.policy }))
        }
        ContractEvent::Paused(_) => (Kind::KillSwitch, json!({ "scope": "market", "on": true })),
        ContractEvent::Unpaused(_) => (Kind::KillSwitch, json!({ "scope": "market", "on": false })),
        ContractEvent::SlotReconciled(e) => {
            let fields = json!({ "clearing": e.clearing, "batch": e.number, "run": e.run });
            (Kind::SlotReconciled, fields)
        }
        ContractEvent::TradeCreated(_) => return of_trade(event, prices),
        ContractEvent::TradeReconciled(e) => {
            return change.map(|change| of_run(e, &change)).unwrap_or_default();
        }
        ContractEvent::Challenged(_) => return of_challenge(event),
        other => return of_record(other).into_iter().collect(),
    };
    vec![fields]
}

/// What the registry and the anchors say.
fn of_record(event: &ContractEvent) -> Option<(Kind, Value)> {
    Some(match event {
        ContractEvent::MeterRegistered(e) => {
            let fields = json!({ "meter": e.meter, "version": e.version, "owner": lower(e.owner) });
            (Kind::MeterRegistered, fields)
        }
        ContractEvent::MeterRotated(e) => {
            (Kind::MeterRotated, json!({ "meter": e.meter, "version": e.version }))
        }
        ContractEvent::MeterRevoked(e) => {
            (Kind::MeterRevoked, json!({ "meter": e.meter, "version": e.version }))
        }
        ContractEvent::ReadingsAnchored(e) => {
            let of_day = e.kind == READINGS_OF_DAY;
            let of = if of_day { "day" } else { "slot" };
            let fields = json!({ "of": of, "batch": e.batch, "root": e.root, "count": e.count });
            (Kind::ReadingsAnchored, fields)
        }
        _ => return None,
    })
}

fn of_trade(event: &ContractEvent, prices: Option<Prices>) -> Vec<(Kind, Value)> {
    let ContractEvent::TradeCreated(e) = event else { return Vec::new() };
    let (trade, buyer, seller) = (e.trade, lower(e.buyer), lower(e.seller));
    let price = |price: fn(&Prices) -> u64| {
        let price = i64::try_from(price(prices.as_ref()?)).ok()?;
        Some(Price::from_n_per_wh(price).to_string())
    };
    let agreed = json!({
        "trade": trade,
        "buyer": buyer,
        "seller": seller,
        "quantity_wh": e.quantity,
        "price": price(|prices| prices.buyer),
        "sell_price": price(|prices| prices.seller),
    });
    let locked = json!({
        "trade": trade,
        "buyer": buyer,
        "escrow": cash(e.escrow),
        "seller": seller,
        "collateral": cash(e.collateral),
    });
    vec![(Kind::TradeCreated, agreed), (Kind::EscrowLocked, locked)]
}

/// Totals as of the run, where they are other than those of the run before. Where both sides are
/// short, each pays and is paid: the sum is nobody's alone.
fn of_run(event: &TradeReconciled, change: &Change) -> Vec<(Kind, Value)> {
    let (now, before) = (&change.outcome, (change.penalty_before, change.compensation_before));
    let seller_is_short = event.sellerShort > 0;
    let both = seller_is_short && event.buyerShort > 0;
    let sides = (&change.seller, &change.buyer);
    let (short, other) = if seller_is_short { sides } else { (sides.1, sides.0) };
    let (penalty, compensation) = owed(now);
    let step = |account: &String, amount: Money| {
        let account = (amount != Money::ZERO && !both).then_some(account);
        json!({
            "trade": event.trade,
            "run": event.run,
            "account": account,
            "amount": amount.to_string(),
        })
    };
    let mut steps = Vec::new();
    if penalty != before.0 {
        steps.push((Kind::PenaltyApplied, step(short, penalty)));
    }
    if compensation != before.1 {
        steps.push((Kind::CompensationPaid, step(other, compensation)));
    }
    steps
}

/// What who was short pays in all, and how much of it the other side gets.
pub(crate) fn owed(outcome: &Outcome) -> (Money, Money) {
    let compensation = outcome.make_whole.n() + outcome.compensation.n();
    let penalty = compensation + outcome.imbalance.n();
    (Money::from_n(penalty), Money::from_n(compensation))
}

fn of_challenge(event: &ContractEvent) -> Vec<(Kind, Value)> {
    let ContractEvent::Challenged(e) = event else { return Vec::new() };
    let side = if e.side == 0 { "buy" } else { "sell" };
    let (point, slot) = (e.connectionPoint, moment(e.slot));
    let judged = json!({
        "connection_point": point,
        "slot": slot,
        "side": side,
        "outcome": "upheld",
        "registered_wh": e.registered,
        "claimed_wh": e.claimed,
    });
    let account = lower(e.account);
    let challenged =
        json!({ "connection_point": point, "slot": slot, "side": side, "account": account });
    vec![(Kind::Challenged, challenged), (Kind::Resolved, judged)]
}

/// What the timelock did to rights over the contracts.
fn of_timelock(deployment: &Deployment, log: &Log) -> Option<(Kind, Value)> {
    if log.address != deployment.timelock {
        return None;
    }
    let event = TimelockEvents::decode_raw_log(&log.topics, &log.data).ok()?;
    let TimelockEvents::CallExecuted(call) = event else { return None };
    let done = what(&call.data);
    let fields = json!({
        "parameter": "rights",
        "change": done.kind,
        "contract": contract_name(deployment, call.target),
        "role": done.role.map(role_name),
        "account": done.account.map(lower),
        "operation": call.id,
    });
    Some((Kind::ParameterChanged, fields))
}

fn lower(address: Address) -> String {
    format!("{address:#x}")
}

/// In currency; in 1e-9 of it, where it is beyond all cash.
fn cash(amount: U256) -> String {
    i64::try_from(amount).map_or_else(|_| amount.to_string(), |n| Money::from_n(n).to_string())
}

/// A moment of the chain, as far as there is a date for it.
fn moment(seconds: u64) -> Option<String> {
    /// The end of the year 9999.
    const LAST: i64 = 253_402_300_799;
    let seconds = i64::try_from(seconds).ok().filter(|seconds| *seconds <= LAST)?;
    Some(Timestamp::from_seconds(seconds).to_string())
}
