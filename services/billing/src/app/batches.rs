//! Trades in batches: whoever writes a run shows the contract the whole batch as it stands.
//!
//! Invariant: of a batch one transaction is on its way at a time. What a second one shows would be
//! out of date when its turn comes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use alloy_primitives::B256;
use anyhow::{Context, Result};
use contracts::{BATCH_FILLS, BatchTrade, Posted, Reconciled, TradeBatch};

use super::logs::SettledFact;
use crate::Billing;
use crate::db::chain::{self, kind};
use crate::db::{hash, slots};

/// Which batch of which clearing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BatchKey {
    clearing: B256,
    number: u32,
}

impl SettledFact {
    /// The batch that the trade is in.
    pub(crate) fn batch(&self) -> BatchKey {
        let fills = u32::try_from(BATCH_FILLS).expect("a batch is small");
        BatchKey { clearing: self.clearing, number: self.index / fills }
    }
}

/// The settled trades of a slot with their newest runs, as the best branch has them.
#[derive(Default)]
pub(crate) struct Batches {
    posted: HashMap<B256, Posted>,
    trades: BTreeMap<BatchKey, Vec<(B256, BatchTrade)>>,
    busy: BTreeSet<BatchKey>,
}

impl Batches {
    /// The batch of a trade.
    pub(crate) fn key_of(&self, trade: B256) -> Option<BatchKey> {
        let has = |trades: &Vec<(B256, BatchTrade)>| trades.iter().any(|(id, _)| *id == trade);
        self.trades.iter().find(|(_, trades)| has(trades)).map(|(key, _)| *key)
    }

    /// Whether a transaction about the batch is on its way.
    pub(crate) fn is_busy(&self, key: BatchKey) -> bool {
        self.busy.contains(&key)
    }

    /// The last run of a trade.
    pub(crate) fn last(&self, trade: B256) -> Option<&Reconciled> {
        let mut all = self.trades.values().flatten();
        all.find(|(id, _)| *id == trade).and_then(|(_, trade)| trade.last.as_ref())
    }

    /// The batch as the contract wants it shown.
    pub(crate) fn shown(&self, key: BatchKey) -> Result<TradeBatch> {
        let posted = self.posted.get(&key.clearing).context("a batch of no known clearing")?;
        let trades: Vec<BatchTrade> =
            self.trades.get(&key).into_iter().flatten().map(|(_, trade)| *trade).collect();
        Ok(TradeBatch::new(posted.clone(), key.number, &trades)?)
    }
}

impl Billing {
    /// The batches of a slot, by its settled trades.
    pub(crate) async fn trade_batches(&self, settled: &[SettledFact]) -> Result<Batches> {
        let mut runs: HashMap<B256, Reconciled> = HashMap::new();
        if let Some(first) = settled.first() {
            let slot = i64::try_from(first.slot)?;
            for (_, run) in chain::of_slot::<Reconciled>(&self.db, kind::RECONCILED, slot).await? {
                runs.insert(run.trade, run);
            }
        }
        let mut batches = Batches::default();
        for fact in settled {
            let last = runs.get(&fact.trade).copied();
            let SettledFact { index, buyer, seller, prices, .. } = *fact;
            let quantity = units::Energy::from_wh(fact.quantity);
            let trade = BatchTrade { index, buyer, seller, quantity, prices, last };
            batches.trades.entry(fact.batch()).or_default().push((fact.trade, trade));
            let sent = slots::run_sent(&self.db, fact.trade).await?;
            if sent > last.map(|last| last.run) {
                batches.busy.insert(fact.batch());
            }
        }
        let state = self.state.lock().await;
        for fact in settled {
            if let Some(posted) = state.posted(fact.clearing) {
                batches.posted.insert(fact.clearing, posted);
            }
        }
        Ok(batches)
    }

    /// The batches that these trades are in. Trades that are not settled are in none.
    pub(crate) async fn trade_batches_of(&self, trades: &[B256]) -> Result<Batches> {
        let mut wanted = Vec::new();
        let mut slots = BTreeSet::new();
        for trade in trades {
            let mut settled: Vec<(u64, SettledFact)> =
                chain::all(&self.db, kind::SETTLED, hash(*trade)).await?;
            if let Some((_, fact)) = settled.pop() {
                slots.insert(fact.slot);
                wanted.push(fact.batch());
            }
        }
        let mut all = Batches::default();
        for slot in slots {
            let settled =
                chain::of_slot::<SettledFact>(&self.db, kind::SETTLED, i64::try_from(slot)?)
                    .await?;
            let settled: Vec<SettledFact> = settled
                .into_iter()
                .map(|(_, fact)| fact)
                .filter(|fact| wanted.contains(&fact.batch()))
                .collect();
            let Batches { posted, trades, busy } = self.trade_batches(&settled).await?;
            all.posted.extend(posted);
            all.trades.extend(trades);
            all.busy.extend(busy);
        }
        Ok(all)
    }
}
