//! What the market tells the chain, and what it hears from it.
//!
//! ```text
//! cleared slot --> clear(Clearing), then settle(id, fills) in batches     one sender, nonce order
//! logs         --> movements of free cash, trades that are settled or skipped for good, nonces
//!                  that accounts have ended
//! ```

use alloy_primitives::U256;
use client::{TRANSACTION_GAS_MAX, Transaction};
use contracts::bindings::EnergyMarket;
use contracts::{Call, Clearing, ContractEvent, Deployment, FillProof, Skip};
use events::ledger::Log;
use units::{Money, Price};

use crate::domain::{Accepted, ClearedSlot, ClearedTrade, Exchange, Movement, Parameters};

/// The mechanism's number in a clearing: the uniform-price call auction.
pub const MECHANISM_UNIFORM: u8 = 1;
/// The most fills of one `settle`.
pub const FILLS_PER_SETTLE_MAX: usize = 40;

/// The most gas that `clear` needs.
const CLEAR_GAS: u64 = 1_000_000;
/// The most gas that `settle` needs without its fills.
const SETTLE_GAS: u64 = 200_000;
/// The most gas that one fill needs, with a long path and new storage for both accounts.
const FILL_GAS: u64 = 412_000;

const _: () = assert!(
    SETTLE_GAS + FILL_GAS * FILLS_PER_SETTLE_MAX as u64 <= TRANSACTION_GAS_MAX,
    "a full batch of fills is one transaction"
);

/// A cleared slot as the contract takes it.
pub(crate) fn clearing(cleared: &ClearedSlot, parameters: &Parameters) -> Clearing {
    Clearing {
        policy: parameters.policy,
        slot: cleared.slot.unsigned(),
        mechanism: MECHANISM_UNIFORM,
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
    let post = deployment.clear(&clearing(cleared, parameters));
    let mut all = vec![transaction(cause("clear"), post, CLEAR_GAS)];
    let tree = exchange.fills_tree(cleared);
    let proofs: Vec<FillProof> = (0..)
        .zip(&cleared.trades)
        .map(|(index, trade)| proof(exchange, trade, index, &tree))
        .collect();
    for (number, fills) in proofs.chunks(FILLS_PER_SETTLE_MAX).enumerate() {
        let settle = deployment.settle(cleared.clearing, fills);
        let gas = SETTLE_GAS + FILL_GAS * fills.len() as u64;
        all.push(transaction(cause(&format!("settle/{number}")), settle, gas));
    }
    all
}

fn proof(exchange: &Exchange, trade: &ClearedTrade, index: u32, tree: &merkle::Tree) -> FillProof {
    let order = |id| -> &Accepted { exchange.order(id).expect("a trade names known orders") };
    let (buy, sell) = (order(trade.buy), order(trade.sell));
    FillProof {
        buy: buy.terms.clone(),
        sell: sell.terms.clone(),
        quantity: trade.quantity,
        index,
        path: tree.path(index as usize),
        buy_signature: buy.signature.as_bytes().to_vec().into(),
        sell_signature: sell.signature.as_bytes().to_vec().into(),
    }
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
        Some(ContractEvent::Deposited(event)) => {
            vec![Movement::In { address: event.account, amount: money(event.amount) }]
        }
        Some(ContractEvent::Released(event)) => {
            vec![Movement::In { address: event.account, amount: money(event.amount) }]
        }
        Some(ContractEvent::WithdrawalRequested(event)) => {
            vec![Movement::Out { address: event.account, amount: money(event.amount) }]
        }
        Some(ContractEvent::TradeSettled(event)) => settled(&event).to_vec(),
        // Anyone can send a good fill with a spoilt path or signature: what is held for it is held
        // until it settles, or its slot is over.
        Some(ContractEvent::FillSkipped(event))
            if Skip::from_code(event.reason).is_some_and(Skip::is_of_the_sender) =>
        {
            Vec::new()
        }
        Some(ContractEvent::FillSkipped(event)) => {
            vec![Movement::Ended { trade: event.trade, settled: false }]
        }
        Some(ContractEvent::OrderCancelled(event)) => {
            vec![Movement::NonceEnded { address: event.account, nonce: event.nonce }]
        }
        // A withdrawal left free cash when it was asked for, and what is reconciled is locked until
        // its day is released.
        _ => Vec::new(),
    }
}

fn settled(event: &EnergyMarket::TradeSettled) -> [Movement; 3] {
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
    use alloy_primitives::{Address, B256};
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
                Skip::NotIncluded | Skip::BuyerSignature | Skip::SellerSignature => vec![],
                _ => vec![Movement::Ended { trade, settled: false }],
            };
            assert_eq!(ended(*reason), expected, "{reason:?}");
        }
    }
}
