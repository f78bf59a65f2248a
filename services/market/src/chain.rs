//! What the market tells the chain, and what it hears from it.
//!
//! ```text
//! cleared slot --> clear(Posted), then settle(FillBatch) for each batch    one sender, nonce order
//! logs         --> movements of free cash, trades that are settled or skipped for good, nonces
//!                  that accounts have ended, mandates that they have granted
//! ```

use std::collections::HashMap;

use alloy_primitives::{B256, U256};
use calendar::Timestamp;
use client::{TRANSACTION_GAS_MAX, Transaction};
use contracts::bindings::{EnergyMarket, TradingMandate};
use contracts::requests::Mandate;
use contracts::{
    BATCH_FILLS, Call, Clearing, ContractEvent, Deployment, Posted, SETTLE_GAS_MAX, Signature,
    SignedOrder, Skip,
};
use events::ledger::Log;
use keys::SIGNATURE_BYTES_MAX;
use units::{Energy, Money, Price};

use crate::domain::{
    Accepted, CONTRACT_ORDERS_PER_SLOT_MAX, ClearedSlot, Exchange, Movement, OrderSignature,
    Parameters,
};

/// The most gas that `clear` needs.
const CLEAR_GAS: u64 = 500_000;
/// The most gas that ending a nonce needs.
const SEALED_GAS: u64 = 100_000;
/// The most gas that `settle` needs without its fills.
const SETTLE_GAS: u64 = 300_000;
/// The most gas that one order needs, with new storage for all that is kept of it and its account.
const ORDER_GAS: u64 = 95_000;
/// The most gas that one fill needs besides its orders.
const FILL_GAS: u64 = 20_000;

/// The most gas that an order needs besides where a contract is asked whether it is signed: what
/// that may use, and the bytes of the longest signature.
const CONTRACT_ORDER_GAS: u64 = SETTLE_GAS_MAX + 16 * (SIGNATURE_BYTES_MAX as u64 + 96);

const _: () = assert!(
    SETTLE_GAS
        + (2 * ORDER_GAS + FILL_GAS) * BATCH_FILLS as u64
        + CONTRACT_ORDER_GAS * CONTRACT_ORDERS_PER_SLOT_MAX as u64
        <= TRANSACTION_GAS_MAX,
    "a full batch without two fills of an order is one transaction"
);

/// A cleared slot as the contract takes it.
pub(crate) fn clearing(cleared: &ClearedSlot, parameters: &Parameters) -> Clearing {
    Clearing {
        policy: parameters.policy,
        slot: cleared.slot.unsigned(),
        mechanism: cleared.mechanism,
        price: unsigned(cleared.price.unwrap_or_default()),
        retail_price: unsigned(cleared.retail_price),
        feed_in_price: unsigned(cleared.feed_in_price),
        volume: cleared.volume,
        fills: u32::try_from(cleared.trades.len()).expect("a slot has few thousand trades"),
        fills_root: cleared.fills_root,
        journal_root: cleared.journal_root,
    }
}

/// The transactions that post a cleared slot and settle its trades, in the order to send them.
pub fn transactions(
    exchange: &Exchange,
    cleared: &ClearedSlot,
    parameters: &Parameters,
    deployment: &Deployment,
) -> Vec<Transaction> {
    let cause = |step: &str| format!("{}/{step}", cleared.clearing);
    let posted =
        Posted { clearing: clearing(cleared, parameters), policy: parameters.terms.clone() };
    let mut all = vec![transaction(cause("clear"), deployment.clear(&posted), CLEAR_GAS)];
    let orders: HashMap<B256, &Accepted> = (cleared.trades.iter())
        .flat_map(|trade| [trade.buy, trade.sell])
        .map(|id| exchange.order(id).expect("a trade names known orders"))
        .map(|order| (order.hash, order))
        .collect();
    let signed = |hash: B256| {
        let order = orders.get(&hash)?;
        Some((&order.terms, shown(&order.signature)))
    };
    for (number, batch) in exchange.fills(cleared).batches(&posted, signed).iter().enumerate() {
        let (orders, fills) = (batch.orders.len() as u64, batch.fills.len() as u64);
        let asked = batch.orders.iter().filter(|order| is_of_contract(order)).count() as u64;
        let gas = SETTLE_GAS + ORDER_GAS * orders + FILL_GAS * fills + CONTRACT_ORDER_GAS * asked;
        let settle = deployment.settle(batch);
        all.push(transaction(cause(&format!("settle/{number}")), settle, gas));
    }
    all
}

/// The transaction that shows on chain which commitments a slot had when its gate was closed: the
/// clearing role ends a nonce of its own that is their root, which is the one call of anybody that
/// leaves 32 bytes of his choice in an event.
pub(crate) fn sealed(
    (market, slot): (&str, Timestamp),
    root: B256,
    deployment: &Deployment,
) -> Transaction {
    let cancel = deployment.cancel(U256::from_be_bytes(root.0));
    transaction(format!("{market}/{slot}/sealed"), cancel, SEALED_GAS)
}

/// A signature as the contract takes it.
fn shown(signature: &OrderSignature) -> Signature {
    match signature {
        OrderSignature::Key(signature) => Signature::Key(*signature.as_bytes()),
        OrderSignature::Contract { contract } => {
            Signature::Contract(contract.as_bytes().to_vec().into())
        }
    }
}

fn is_of_contract(order: &SignedOrder) -> bool {
    matches!(order, SignedOrder::Shown { signature: Signature::Contract(_), .. })
}

fn transaction(cause: String, call: Call, gas: u64) -> Transaction {
    Transaction { cause, to: call.to, data: call.data, gas }
}

/// What a block's logs say about free cash, trades and nonces, in their order.
pub fn movements(deployment: &Deployment, logs: &[Log]) -> Vec<Movement> {
    logs.iter().flat_map(|log| moved(deployment, log)).collect()
}

fn moved(deployment: &Deployment, log: &Log) -> Vec<Movement> {
    let raw = contracts::Log::new(log.address, log.topics.clone(), log.data.clone());
    match raw.and_then(|raw| ContractEvent::decode(deployment, &raw)) {
        Some(ContractEvent::DepositCredited(event)) => {
            vec![Movement::In { address: event.account, amount: money(event.amount) }]
        }
        Some(ContractEvent::EscrowReleased(event)) => {
            vec![Movement::In { address: event.account, amount: money(event.amount) }]
        }
        Some(ContractEvent::CashTransferred(event)) => {
            let amount = money(event.amount);
            vec![
                Movement::Out { address: event.account, amount },
                Movement::In { address: event.to, amount },
            ]
        }
        Some(ContractEvent::WithdrawalRequested(event)) => {
            vec![Movement::Out { address: event.account, amount: money(event.amount) }]
        }
        Some(ContractEvent::TradeCreated(event)) => settled(&event).to_vec(),
        // Anyone can send a good fill with spoilt signatures or without its orders: what is held
        // for it is held until it settles, or its slot is over.
        Some(ContractEvent::FillSkipped(event))
            if Skip::from_code(event.reason).is_some_and(Skip::is_of_the_sender) =>
        {
            Vec::new()
        }
        Some(ContractEvent::FillSkipped(event)) => {
            vec![Movement::Ended { trade: event.trade, settled: false }]
        }
        Some(ContractEvent::MandateGranted(event)) => vec![Movement::Mandated(granted(&event))],
        Some(ContractEvent::OrderCancelled(event)) => {
            vec![Movement::NonceEnded { address: event.account, nonce: event.nonce }]
        }
        // A withdrawal left free cash when it was asked for, and what is reconciled is locked until
        // its day is released.
        _ => Vec::new(),
    }
}

fn granted(event: &TradingMandate::MandateGranted) -> Mandate {
    let TradingMandate::Mandate {
        policy,
        until,
        buyPriceMax,
        sellPriceMin,
        quantityPerSlot,
        quantityPerDay,
        version,
    } = event.mandate;
    Mandate {
        account: event.account,
        delegate: event.delegate,
        policy,
        until,
        buy_price_max: buyPriceMax,
        sell_price_min: sellPriceMin,
        quantity_per_slot: Energy::from_wh(quantityPerSlot),
        quantity_per_day: Energy::from_wh(quantityPerDay),
        version,
    }
}

fn settled(event: &EnergyMarket::TradeCreated) -> [Movement; 3] {
    [
        Movement::Ended { trade: event.trade, settled: true },
        Movement::Out { address: event.buyer, amount: money(event.escrow) },
        Movement::Out { address: event.seller, amount: money(event.collateral) },
    ]
}

/// An amount of the chain; one beyond what money holds counts as the most it holds.
fn money(amount: U256) -> Money {
    Money::from_n(i64::try_from(amount).unwrap_or(i64::MAX))
}

/// A price that was checked to be at least zero.
fn unsigned(price: Price) -> u64 {
    u64::try_from(price.n_per_wh()).expect("prices of a cleared slot are at least zero")
}

#[cfg(test)]
mod tests {
    use alloy_primitives::Address;
    use alloy_sol_types::SolEvent;

    use super::*;

    #[test]
    fn what_somebody_sent_badly_ends_no_trade() {
        let deployment = Deployment::of(Address::repeat_byte(1));
        let trade = B256::repeat_byte(7);
        let ended = |reason: Skip| {
            let skipped = EnergyMarket::FillSkipped {
                clearing: B256::repeat_byte(6),
                trade,
                reason: reason.code(),
            };
            let data = skipped.encode_log_data();
            let (topics, data) = data.split();
            let log =
                Log { address: deployment.market, topics, data, transaction: B256::ZERO, index: 0 };
            movements(&deployment, &[log])
        };
        for reason in Skip::ALL {
            let expected = match reason {
                Skip::NotShown | Skip::BuyerSignature | Skip::SellerSignature => vec![],
                _ => vec![Movement::Ended { trade, settled: false }],
            };
            assert_eq!(ended(*reason), expected, "{reason:?}");
        }
    }
}
