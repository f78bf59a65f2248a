//! The trades of a batch as the chain has them, to be shown to the contract.

use alloy_primitives::B256;
use contracts::{BATCH_FILLS, BatchTrade, Posted, Reconciled, TradeBatch};

use super::{Billing, SettledRow};

/// Which batch of which clearing.
pub(in crate::simulation) type BatchKey = (B256, u32);

impl SettledRow {
    pub(in crate::simulation) fn batch(&self) -> BatchKey {
        (self.clearing, self.index / u32::try_from(BATCH_FILLS).expect("a batch is small"))
    }
}

impl Billing {
    pub(super) fn batch_of(&self, trade: B256) -> BatchKey {
        self.durable.settled.find(trade).expect("a settled trade").batch()
    }

    pub(in crate::simulation) fn shown(&self, key: BatchKey) -> TradeBatch {
        let clearing = self.durable.known.clearings[&key.0].clone();
        let posted = Posted { clearing, policy: self.scene.policy.clone() };
        let rows = self.durable.settled.of_batch(key);
        let trades: Vec<BatchTrade> = rows.map(|row| self.trade(row)).collect();
        TradeBatch::new(posted, key.1, &trades).expect("trades of the batch")
    }

    fn trade(&self, row: &SettledRow) -> BatchTrade {
        let last = self.recorded(row.trade).map(|(run, delivery)| Reconciled {
            trade: row.trade,
            run,
            delivered: delivery.delivered,
            seller_short: delivery.seller_short,
            buyer_short: delivery.buyer_short,
        });
        let SettledRow { index, buyer, seller, quantity, .. } = *row;
        let prices = self.durable.known.prices.get(&row.trade).copied().unwrap_or_default();
        BatchTrade { index, buyer, seller, quantity, prices, last }
    }

    /// Whether a transaction about the batch is on its way.
    pub(super) fn is_busy(&self, key: BatchKey) -> bool {
        let durable = &self.durable;
        let rows = durable.settled.of_batch(key);
        rows.map(|row| row.trade).any(|trade| {
            let recorded = self.recorded(trade).map(|(run, _)| run);
            let open = |cause: &String| !durable.refused.contains(cause);
            let handed = durable.handed.get(&trade).filter(|one| open(&one.sent.cause));
            let expires = durable.expiry.get(&trade).is_some_and(|sent| open(&sent.cause));
            handed.map(|one| one.run) > recorded || (expires && recorded.is_none())
        })
    }
}
