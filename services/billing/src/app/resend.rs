//! Runs that the contract refused for good are handed over again, while corrections are open.
//!
//! What the chain has recorded is compared with what was handed over. A batch is split until a bad
//! trade stands alone; that one is kept apart with the contract's reason, and tried again ever more
//! rarely (`domain::handover`). A transaction that no block has is the relay's to send.

use std::collections::{BTreeSet, HashMap};

use alloy_primitives::{Address, B256, Bytes};
use anyhow::{Context, Result};
use calendar::Timestamp;
use client::Transaction;
use contracts::{Call, revert_text};
use serde_json::json;

use super::logs::SettledFact;
use super::reconcile::run_transaction;
use crate::Billing;
use crate::db::chain::{self, kind};
use crate::db::handover::{self, Apart, What};
use crate::db::{hash, slots};
use crate::domain::handover::{Fate, Refused, again, fate};
use crate::domain::reconcile::Delivery;

/// The most letters of a reason that are kept.
const REASON_MAX: usize = 200;
/// The most trades that are kept apart and looked at.
const APART_MAX: i64 = 2_000;

/// What one look at the refused runs comes to.
#[derive(Default)]
struct Sorted {
    /// To be sent again: run and delivery of each trade.
    open: HashMap<B256, (u8, Delivery)>,
    /// What stands instead of what was handed over; nothing where nothing is recorded.
    ended: Vec<(B256, Option<(u8, Delivery)>)>,
    /// Given up, with the reason.
    closed: Vec<(B256, &'static str)>,
}

impl Billing {
    /// Sends refused runs again at `now`; whether anything was sent.
    pub(crate) async fn resend_runs(&self, now: Timestamp) -> Result<bool> {
        let mut refused = handover::refused(&self.db, What::Reconcile).await?;
        if refused.is_empty() {
            return Ok(false);
        }
        let sorted = self.sorted(&refused, now).await?;
        refused.retain(|one| sorted.open.contains_key(&one.trade));
        let again = again(refused, now);
        let open: Vec<B256> = sorted.open.keys().copied().collect();
        let batches = self.trade_batches_of(&open).await?;
        let mut transactions = Vec::new();
        // One transaction of a batch at a time: the others wait for another look.
        let mut taken = BTreeSet::new();
        for together in &again.batches {
            let trades = together.trades.iter();
            let (mut run, mut deliveries) = (0, Vec::new());
            for (number, delivery) in trades.filter_map(|trade| sorted.open.get(trade)) {
                run = run.max(*number);
                deliveries.push(*delivery);
            }
            let key = deliveries.first().and_then(|first| batches.key_of(first.trade));
            let Some(key) = key.filter(|key| !batches.is_busy(*key) && taken.insert(*key)) else {
                continue;
            };
            let alone = if deliveries.len() == 1 { together.alone.max(1) } else { 0 };
            let shown = batches.shown(key)?;
            let transaction = run_transaction(&self.deployment, run, &shown, &deliveries, alone)?;
            transactions.push((transaction, run, deliveries, alone));
        }
        let call = |trade: B256| {
            let (run, delivery) = sorted.open[&trade];
            let key = batches.key_of(trade).context("a trade that is settled")?;
            run_transaction(&self.deployment, run, &batches.shown(key)?, &[delivery], 0)
        };
        let sent = transactions.iter().flat_map(|(_, _, all, _)| all.iter().map(|one| one.trade));
        let sent: BTreeSet<B256> = sent.collect();
        let mut apart = self.apart(What::Reconcile, (&again.apart, &sent), call, now).await?;
        apart.extend(sorted.closed.iter().map(|(trade, reason)| Apart {
            trade: *trade,
            what: What::Reconcile.name().to_owned(),
            reason: (*reason).to_owned(),
            since: now,
            closed: true,
        }));
        let any = !transactions.is_empty();
        self.keep_runs(transactions, sorted.ended, apart, now).await?;
        Ok(any)
    }

    async fn sorted(&self, refused: &[Refused], now: Timestamp) -> Result<Sorted> {
        let trades: Vec<B256> = refused.iter().map(|one| one.trade).collect();
        let handed = slots::deliveries(&self.db, &trades).await?;
        let mut sorted = Sorted::default();
        for (trade, (run, delivery)) in handed {
            let recorded = self.recorded(trade).await?;
            let closes = self.closes(trade).await?;
            match fate((run, &delivery), recorded, closes, now) {
                Fate::Gone => sorted.ended.push((trade, None)),
                Fate::Recorded => sorted.ended.push((trade, recorded)),
                Fate::Open(run) => {
                    sorted.open.insert(trade, (run, delivery));
                }
                fate @ (Fate::TooLate | Fate::NoRunLeft) => {
                    let late = fate == Fate::TooLate;
                    let reason = if late { "corrections are over" } else { "no run is left" };
                    sorted.closed.push((trade, reason));
                    sorted.ended.push((trade, recorded));
                }
            }
        }
        Ok(sorted)
    }

    /// When corrections of a trade of the best branch end.
    async fn closes(&self, trade: B256) -> Result<Option<Timestamp>> {
        let mut settled: Vec<(u64, SettledFact)> =
            chain::all(&self.db, kind::SETTLED, hash(trade)).await?;
        let Some((_, fact)) = settled.pop() else { return Ok(None) };
        let closes = self.state.lock().await.closes(&fact);
        Ok(closes.map(|at| Timestamp::from_seconds(at.cast_signed())))
    }

    async fn keep_runs(
        &self,
        transactions: Vec<(Transaction, u8, Vec<Delivery>, u32)>,
        ended: Vec<(B256, Option<(u8, Delivery)>)>,
        apart: Vec<Apart>,
        now: Timestamp,
    ) -> Result<()> {
        let operator = self.operator.clone();
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    for (transaction, run, deliveries, alone) in transactions {
                        operator.enqueue(tx, &transaction).await?;
                        let sent = (transaction.cause.as_str(), alone);
                        slots::put_deliveries(tx, (run, &deliveries), sent, now).await?;
                    }
                    for (trade, recorded) in ended {
                        handover::forget(tx, What::Reconcile, trade).await?;
                        if let Some((run, delivery)) = recorded {
                            slots::put_deliveries(tx, (run, &[delivery]), ("", 0), now).await?;
                        }
                    }
                    for one in apart {
                        handover::put_apart(tx, &one).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Trades that are kept apart, with the reason the contract gives now. It is asked where a
    /// trade comes apart or is among the `sent`: sent once more.
    pub(super) async fn apart(
        &self,
        what: What,
        (trades, sent): (&[B256], &BTreeSet<B256>),
        call: impl Fn(B256) -> Result<Transaction>,
        now: Timestamp,
    ) -> Result<Vec<Apart>> {
        if trades.is_empty() {
            return Ok(Vec::new());
        }
        let known = handover::apart(&self.db, APART_MAX).await?;
        let known: BTreeSet<B256> = known.iter().map(|one| one.trade).collect();
        let mut apart = Vec::new();
        for trade in trades {
            if known.contains(trade) && !sent.contains(trade) {
                continue;
            }
            let Transaction { to, data, .. } = call(*trade)?;
            let reason = self.reason(Call { to, data }).await;
            tracing::error!(%trade, %reason, "the contract refuses {} of a trade", what.name());
            let what = what.name().to_owned();
            apart.push(Apart { trade: *trade, what, reason, since: now, closed: false });
        }
        Ok(apart)
    }

    /// Why the contract refuses a call of ours, as of the newest block.
    pub(super) async fn reason(&self, call: Call) -> String {
        self.reason_for(self.operator.address(), call).await
    }

    /// Why the contract refuses a call of this sender, as of the newest block.
    pub(super) async fn reason_for(&self, from: Address, call: Call) -> String {
        let params = json!([{ "from": from, "to": call.to, "data": call.data }, "latest"]);
        let text = match self.node.request("eth_call", params).await {
            Ok(_) => "refused when it was sent, would be taken now".to_owned(),
            Err(error) => {
                let data: Option<Bytes> =
                    error.data.clone().and_then(|data| serde_json::from_value(data).ok());
                data.map_or_else(|| error.to_string(), |data| revert_text(&data))
            }
        };
        text.chars().take(REASON_MAX).collect()
    }
}
