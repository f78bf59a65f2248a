//! The auctions of the slots: what was posted and signed of them, and their trades as they stand.

use std::collections::{BTreeMap, HashMap};

use alloy_primitives::B256;
use contracts::{
    BatchTrade, Call, Delivery, Deployment, Fills, OrderTerms, Posted, Prices, Reconciled,
    Signature, TradeBatch, trade_id,
};

use super::agreed::key;
use super::ledger::CHAIN_ID;

/// A clearing and its trades by their names, all of one batch.
pub(super) struct Auction {
    posted: Posted,
    trades: BTreeMap<B256, BatchTrade>,
}

impl Auction {
    /// The trades without a run; of each fill the buyer's and the seller's order, filled whole.
    pub(super) fn new(posted: Posted, orders: &[(OrderTerms, OrderTerms)]) -> Auction {
        let id = posted.clearing.id();
        let prices = Prices::one(posted.clearing.price);
        let trade = |(index, (buy, sell)): (u32, &(OrderTerms, OrderTerms))| {
            let (buyer, seller, quantity) = (buy.account, sell.account, buy.quantity);
            (trade_id(id, index), BatchTrade { index, buyer, seller, quantity, prices, last: None })
        };
        Auction { posted, trades: (0..).zip(orders).map(trade).collect() }
    }

    /// The call that writes a run of those of its trades that `deliveries` name; `None` where they
    /// name none. The trades stand after it.
    pub(super) fn run(
        &mut self,
        at: &Deployment,
        run: u8,
        deliveries: &[Delivery],
    ) -> Option<Call> {
        let ours = deliveries.iter().filter(|one| self.trades.contains_key(&one.trade));
        let ours: Vec<Delivery> = ours.copied().collect();
        if ours.is_empty() {
            return None;
        }
        let trades: Vec<BatchTrade> = self.trades.values().copied().collect();
        let batch = TradeBatch::new(self.posted.clone(), 0, &trades).unwrap();
        for delivery in &ours {
            let trade = self.trades.get_mut(&delivery.trade).unwrap();
            trade.last = Some(reconciled(delivery, run));
        }
        Some(at.reconcile(run, &batch, &ours).unwrap())
    }
}

pub(super) fn reconciled(delivery: &Delivery, run: u8) -> Reconciled {
    Reconciled {
        trade: delivery.trade,
        run,
        delivered: delivery.delivered,
        seller_short: delivery.seller_short,
        buyer_short: delivery.buyer_short,
    }
}

/// The calls that post a clearing and settle its fills, each order signed by whose it is.
pub(super) fn calls(
    at: &Deployment,
    posted: &Posted,
    fills: &Fills,
    orders: &[(OrderTerms, OrderTerms)],
) -> Vec<Call> {
    let known: HashMap<B256, &OrderTerms> = orders
        .iter()
        .flat_map(|(buy, sell)| [buy, sell])
        .map(|order| (order.hash(CHAIN_ID, at.market), order))
        .collect();
    let batches = fills.batches(posted, |hash| {
        let order = *known.get(&hash)?;
        let number = if order.account == key(1).address() { 1 } else { 3 };
        Some((order, Signature::Key(*key(number).sign(hash).as_bytes())))
    });
    let settled = batches.iter().map(|batch| at.settle(batch));
    std::iter::once(at.clear(posted)).chain(settled).collect()
}
