//! Trades that were never reconciled when their corrections ended: their money goes back.
//!
//! Anyone may call `expire`; billing does, so that nobody has to. The contract answers with run
//! 255, which the journals follow like any run.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::B256;
use anyhow::{Context, Result};
use calendar::Timestamp;
use client::Transaction;

use super::batches::{BatchKey, Batches};
use super::reconcile::batch_transaction;
use super::state::State;
use crate::Billing;
use crate::db::handover::{self, Apart, What};
use crate::domain::handover::{Again, Batch, again};

/// The most trades that one tick looks at.
const TICK_TRADES_MAX: usize = 2_000;
/// Seconds by which the chain's time may be behind ours.
const MARGIN: u64 = 60;
/// Seconds after which no block of the time of the corrections can be undone any more.
const SETTLED_AFTER: u64 = 86_400;

impl Billing {
    /// Lets trades expire that are due at `now`; whether anything was sent.
    pub(crate) async fn expire_due(&self, now: Timestamp) -> Result<bool> {
        let due = {
            let mut state = self.state.lock().await;
            state.forget_closed(now);
            state.expirable(now)
        };
        let mut refused = handover::refused(&self.db, What::Expire).await?;
        if due.is_empty() && refused.is_empty() {
            return Ok(false);
        }
        let on_their_way: BTreeSet<B256> =
            handover::expiring(&self.db).await?.into_iter().collect();
        let fresh: Vec<B256> =
            due.iter().copied().filter(|trade| !on_their_way.contains(trade)).collect();
        // Of those that were refused, some were reconciled meanwhile, or are settled no more.
        let ended: Vec<B256> = refused.iter().map(|one| one.trade).collect();
        let ended: Vec<B256> = ended.into_iter().filter(|trade| !due.contains(trade)).collect();
        refused.retain(|one| due.contains(&one.trade));
        let failed: BTreeSet<B256> = refused.iter().map(|one| one.trade).collect();
        let Again { batches: again, apart } = again(refused, now);
        let batches = self.trade_batches_of(&due).await?;
        let mut by_batch: BTreeMap<BatchKey, Vec<B256>> = BTreeMap::new();
        for trade in fresh {
            if let Some(key) = batches.key_of(trade) {
                by_batch.entry(key).or_default().push(trade);
            }
        }
        let fresh = by_batch.into_values().map(|trades| Batch { trades, alone: 0 });
        // One transaction of a batch at a time: the others wait for another look.
        let sent =
            due.iter().filter(|trade| on_their_way.contains(*trade) && !failed.contains(*trade));
        let mut taken: BTreeSet<BatchKey> =
            sent.filter_map(|trade| batches.key_of(*trade)).collect();
        let mut transactions = Vec::new();
        for batch in fresh.chain(again) {
            let key = batch.trades.first().and_then(|trade| batches.key_of(*trade));
            if key.is_some_and(|key| !batches.is_busy(key) && taken.insert(key)) {
                transactions.push((self.expiry(&batches, &batch.trades, batch.alone)?, batch));
            }
        }
        let sent =
            transactions.iter().flat_map(|(_, batch)| batch.trades.iter().copied()).collect();
        let call = |trade: B256| self.expiry(&batches, &[trade], 0);
        let apart = self.apart(What::Expire, (&apart, &sent), call, now).await?;
        let any = !transactions.is_empty();
        self.keep_expiries(transactions, ended, apart, now).await?;
        Ok(any)
    }

    fn expiry(&self, batches: &Batches, trades: &[B256], alone: u32) -> Result<Transaction> {
        let key = trades.first().and_then(|trade| batches.key_of(*trade));
        let shown = batches.shown(key.context("a trade that is settled")?)?;
        let call = self.deployment.expire(&shown, trades)?;
        batch_transaction(What::Expire, call, trades.len(), alone)
    }

    async fn keep_expiries(
        &self,
        transactions: Vec<(Transaction, Batch)>,
        ended: Vec<B256>,
        apart: Vec<Apart>,
        now: Timestamp,
    ) -> Result<()> {
        let operator = self.operator.clone();
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    for (transaction, Batch { trades, alone }) in transactions {
                        operator.enqueue(tx, &transaction).await?;
                        let sent = (transaction.cause.as_str(), alone);
                        handover::put_expiry(tx, &trades, sent, now).await?;
                    }
                    for trade in ended {
                        handover::forget(tx, What::Expire, trade).await?;
                    }
                    for one in apart {
                        handover::put_apart(tx, &one).await?;
                    }
                    Ok::<_, anyhow::Error>(())
                })
            })
            .await
            .context("keeping expiries")
    }
}

impl State {
    /// Trades without a run whose corrections are over at `now`, oldest first.
    fn expirable(&self, now: Timestamp) -> Vec<B256> {
        let until = (now.unsigned().saturating_sub(MARGIN), B256::repeat_byte(0xff));
        let over = self.closing.range(..=until).map(|(_, trade)| *trade);
        let open = |trade: &B256| self.book.trade(trade).is_some_and(|one| one.runs.is_empty());
        over.filter(open).take(TICK_TRADES_MAX).collect()
    }

    /// Forgets trades that have had their last word for so long that no block takes it back.
    fn forget_closed(&mut self, now: Timestamp) {
        let until = (now.unsigned().saturating_sub(SETTLED_AFTER), B256::ZERO);
        let newer = self.closing.split_off(&until);
        let old = std::mem::replace(&mut self.closing, newer);
        let book = &self.book;
        let open = |trade: &B256| book.trade(trade).is_some_and(|one| one.runs.is_empty());
        self.closing.extend(old.into_iter().filter(|(_, trade)| open(trade)));
    }
}
