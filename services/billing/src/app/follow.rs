//! Follows the chain: blocks that join and leave the best branch, each applied once and in order.

use std::collections::BTreeSet;

use alloy_primitives::B256;
use anyhow::{Result, ensure};
use calendar::Timestamp;
use contracts::ContractEvent;
use contracts::bindings::SettlementToken::Minted;
use events::Envelope;
use events::ledger::{BlockConnected, BlockDisconnected};
use ids::ConnectionPointId;

use super::logs::{Meaning, SettledFact, decode, meaning};
use super::state::State;
use crate::Billing;
use crate::currencies::CurrencyId;
use crate::db::chain::{FactRow, Head, kind};
use crate::db::corrections::{self, Heard};
use crate::db::journal::Posted;
use crate::db::{self, certificates, chain, handover, journal, slots};
use crate::domain::correction::GATHER_SECONDS;
use crate::domain::journal::Fact;

/// Whether a feed event is new; an error where one is missing before it.
fn is_next(state: &State, sequence: u64, parent: Option<B256>) -> Result<bool> {
    let Some(head) = state.head else { return Ok(true) };
    if sequence <= head.sequence {
        return Ok(false);
    }
    ensure!(sequence == head.sequence + 1, "block event {sequence} after {}", head.sequence);
    if let Some(parent) = parent {
        ensure!(parent == head.hash, "block event {sequence} is not on top of {}", head.hash);
    }
    Ok(true)
}

impl Billing {
    /// A block joined: its logs are posted.
    pub(crate) async fn connected(&self, envelope: &Envelope, event: BlockConnected) -> Result<()> {
        let mut state = self.state.lock().await;
        if !is_next(&state, event.sequence, Some(event.parent))? {
            return Ok(());
        }
        let applied = self.apply_block(&mut state, envelope, &event).await;
        self.settle_state(&mut state, applied).await
    }

    /// A block left: what its logs posted is reversed.
    pub(crate) async fn disconnected(
        &self,
        envelope: &Envelope,
        event: BlockDisconnected,
    ) -> Result<()> {
        let mut state = self.state.lock().await;
        if !is_next(&state, event.sequence, None)? {
            return Ok(());
        }
        let applied = self.take_back_block(&mut state, envelope, &event).await;
        self.settle_state(&mut state, applied).await
    }

    /// Memory follows the database: where a change was not committed, it is read again. Where it
    /// was, what it touched in the books is looked at: whoever posts ends here.
    pub(crate) async fn settle_state(&self, state: &mut State, applied: Result<()>) -> Result<()> {
        match &applied {
            Ok(()) => self.tell_touched(state).await,
            Err(_) => *state = State::load(&self.db, &self.policies, &self.currencies).await?,
        }
        state.book.put_slots_away();
        applied
    }

    async fn apply_block(
        &self,
        state: &mut State,
        envelope: &Envelope,
        event: &BlockConnected,
    ) -> Result<()> {
        let (mut rows, mut posted, mut certified) = (Vec::new(), Vec::new(), Vec::new());
        for log in &event.logs {
            let Some((currency, decoded)) = decode(&self.currencies, log) else { continue };
            if let ContractEvent::Minted(minted) = &decoded
                && !self.was_paid_in(currency, minted).await?
            {
                continue;
            }
            let at = event.timestamp;
            let Meaning { row, fact, certificates } = meaning(state, (currency, decoded), log, at)?;
            rows.extend(row);
            certified.extend(certificates);
            if let Some(fact) = fact {
                if let Fact::Reconciled { trade, .. } = &fact
                    && let Some(known) = state.book.trade(trade)
                {
                    let slot = known.settled.slot;
                    self.bring_to_hand(state, slot).await?;
                }
                let source = format!("{}:{}", event.hash, log.index);
                let entry = state.book_of_mut(currency).post(&source, fact)?;
                let owners = state.owners(&entry);
                posted.push(Posted { currency, entry, at, block: event.hash, owners });
            }
        }
        self.name_communities(state, &mut rows).await?;
        let due = self.first_runs(state, &rows)?;
        let runs = rows.iter().filter(|row| row.kind == kind::RECONCILED);
        let taken: Vec<String> = runs.map(|row| row.key.clone()).collect();
        let touched = self.invoiced_points(state, &rows).await?;
        let at = event.timestamp;
        let gathered = at.plus_seconds(GATHER_SECONDS);
        let heard = Heard { at, block: event.number, due: gathered };
        let head = Head {
            sequence: event.sequence,
            number: event.number,
            hash: event.hash,
            finalized: event.finalized,
        };
        state.head = Some(head);
        let (id, number) = (envelope.id, event.number);
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    db::first_time(tx, id).await?;
                    chain::put(tx, head.hash, number, rows).await?;
                    certificates::put(tx, (head.hash, number), certified).await?;
                    journal::append(tx, posted).await?;
                    for place in touched {
                        corrections::mark_moment(tx, place, heard).await?;
                    }
                    for trade in taken {
                        handover::take_back(tx, trade).await?;
                    }
                    for (community, slot, due) in due {
                        slots::put(tx, &community, slot, due).await?;
                    }
                    chain::set_head(tx, head).await
                })
            })
            .await
    }

    /// Where and when trades were delivered of whose days something was invoiced already.
    async fn invoiced_points(
        &self,
        state: &State,
        rows: &[FactRow],
    ) -> Result<BTreeSet<(ConnectionPointId, Timestamp)>> {
        let mut touched = BTreeSet::new();
        let runs = || rows.iter().filter(|row| row.kind == kind::RECONCILED);
        let Some(first) = runs().map(|row| row.slot).min() else { return Ok(touched) };
        if !corrections::is_invoiced(&self.db, Timestamp::from_seconds(first)).await? {
            return Ok(touched);
        }
        for row in runs() {
            let slot = Timestamp::from_seconds(row.slot);
            if let Some(trade) = state.book.trade(&row.key.parse()?) {
                touched.insert((trade.settled.buyer_point, slot));
                touched.insert((trade.settled.seller_point, slot));
            }
        }
        Ok(touched)
    }

    /// Whether a payment of ours became these tokens. Others are nobody's debt: the reserve shows
    /// them.
    async fn was_paid_in(&self, currency: CurrencyId, minted: &Minted) -> Result<bool> {
        let paid = slots::paid_in(&self.db, currency, minted.payment).await?;
        Ok(paid.is_some_and(|paid| i64::try_from(minted.amount) == Ok(paid.n())))
    }

    /// A challenge is of the community of the trades that it cuts, whose runs come right after it.
    async fn name_communities(&self, state: &State, rows: &mut [FactRow]) -> Result<()> {
        for place in 0..rows.len() {
            let cut = rows[place..].iter().find(|row| row.kind == kind::RECONCILED);
            let Some(trade) = cut.filter(|_| rows[place].kind == kind::CHALLENGED) else {
                continue;
            };
            let mut settled: Vec<(u64, SettledFact)> =
                chain::all(&self.db, kind::SETTLED, trade.key.clone()).await?;
            let policy = settled.pop().and_then(|(_, fact)| state.policies.get(&fact.policy));
            if let Some(policy) = policy {
                rows[place].community = policy.community.to_string();
            }
        }
        Ok(())
    }

    /// Slots of newly settled trades, and when their first run is due.
    fn first_runs(&self, state: &State, rows: &[FactRow]) -> Result<Vec<(String, i64, i64)>> {
        let mut due: Vec<(String, i64, i64)> = Vec::new();
        for row in rows.iter().filter(|row| row.kind == kind::SETTLED) {
            let settled: SettledFact = serde_json::from_str(&row.body)?;
            let slot = i64::try_from(settled.slot)?;
            let policy = state.policies.get(&settled.policy);
            let settle = policy.map_or(0, |policy| policy.settle_seconds);
            let first = super::reconcile::first_due(slot, self.slot, settle);
            due.push((row.community.clone(), slot, first));
        }
        due.dedup();
        Ok(due)
    }

    async fn take_back_block(
        &self,
        state: &mut State,
        envelope: &Envelope,
        event: &BlockDisconnected,
    ) -> Result<()> {
        let mut posted = Vec::new();
        for (currency, entry) in journal::of_block(&self.db, event.hash).await? {
            if let Some(slot) = entry.energy_slot() {
                self.bring_to_hand(state, slot).await?;
            }
            let entry = state.book_of_mut(currency).revert(&entry)?;
            let owners = state.owners(&entry);
            let at = envelope.occurred_at;
            posted.push(Posted { currency, entry, at, block: B256::ZERO, owners });
        }
        let finalized = state.head.map_or(0, |head| head.finalized);
        let head = Head {
            sequence: event.sequence,
            number: event.number.saturating_sub(1),
            hash: event.parent,
            finalized,
        };
        state.head = Some(head);
        let (id, block) = (envelope.id, event.hash);
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    db::first_time(tx, id).await?;
                    chain::forget(tx, block).await?;
                    certificates::forget(tx, block).await?;
                    journal::detach(tx, block).await?;
                    journal::append(tx, posted).await?;
                    chain::set_head(tx, head).await
                })
            })
            .await
    }
}
