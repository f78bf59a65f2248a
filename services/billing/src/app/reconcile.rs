//! Runs of slots: what the meters saw becomes deliveries, deliveries become transactions.
//!
//! ```text
//! R0  half an hour after the slot began, not before it ended, nor while its trades are settled
//! R1  06:00 of the next local day
//! R2  06:00 five working days later: who has no reading by then fed in and took out nothing
//! corrected intervals, late trades, curtailments: the slot again, at once, with the next run of
//! each trade
//! ```

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{B256, keccak256};
use anyhow::{Context, Result};
use calendar::{Slot, SlotLength, TimeZone, Timestamp};
use client::{TRANSACTION_GAS_MAX, Transaction};
use contracts::{BATCH_FILLS, Call, TradeBatch};
use events::Envelope;
use events::billing::{Delivered, SlotReconciled};
use units::Energy;

use super::batches::{BatchKey, Batches};
use super::logs::SettledFact;
use super::state::State;
use crate::Billing;
use crate::db::handover::What;
use crate::db::slots::{self, NEVER, SlotState};
use crate::db::{chain, energy, hash, invoices, members};
use crate::domain::reconcile::{Delivery, MORNING, Trade, Unmetered, excused, last_run, reconcile};

/// Gas of a transaction without its deliveries, with a full batch shown, and of each delivery.
const CALL_GAS: u64 = 800_000;
const DELIVERY_GAS: u64 = 120_000;
const _: () = assert!(
    CALL_GAS + DELIVERY_GAS * BATCH_FILLS as u64 <= TRANSACTION_GAS_MAX,
    "a full batch of deliveries is one transaction"
);
/// Seconds by which the chain's time may be behind ours when a slot has just ended.
const MARGIN: i64 = 60;
/// The last run.
const LAST_RUN: i64 = 2;

/// When the first run of the slot that starts at `slot` is due, in epoch seconds, where its trades
/// are settled until `settle` seconds after it.
pub(crate) fn first_due(slot: i64, length: SlotLength, settle: u32) -> i64 {
    (slot + 1800).max(slot + length.seconds() + i64::from(settle) + MARGIN)
}

/// The newest run that is due at `now`, and when the one after it will be.
fn due_run((slot, settle): (Slot, u32), zone: &TimeZone, now: Timestamp) -> (i64, i64) {
    let day = zone.day_of(slot.start);
    let first = Timestamp::from_seconds(first_due(slot.start.seconds(), slot.length, settle));
    let later = [zone.moment(day.next(), MORNING), last_run(slot.start, zone)];
    let times = [first, later[0].max(first), later[1].max(first)];
    let passed = times.iter().filter(|time| **time <= now).count();
    let next = times.get(passed).map_or(NEVER, |time| time.seconds());
    (i64::try_from(passed).unwrap_or(0) - 1, next)
}

/// What one look at a slot comes to.
struct Computed {
    slot: Slot,
    run: i64,
    /// When the next run is due.
    next: i64,
    /// What is handed over; `None` where a batch waits for a transaction that is on its way.
    changed: Option<Vec<Change>>,
}

/// What changed in one batch: its next run.
struct Change {
    run: u8,
    deliveries: Vec<Delivery>,
    batch: TradeBatch,
}

impl Billing {
    /// Computes the slots that are due at `now` and hands over what changed. Waits while an
    /// invoice's hash is on its way, so that no run slips in front of what was billed.
    pub(crate) async fn reconcile_due(&self, now: Timestamp) -> Result<bool> {
        if invoices::any_on_its_way(&self.db).await? {
            return Ok(false);
        }
        let again = self.resend_runs(now).await.context("sending refused runs again")?;
        let slots = slots::due(&self.db, now).await?;
        for slot in &slots {
            let done = self.reconcile_slot(slot, now).await;
            done.with_context(|| format!("slot {} of {}", slot.slot, slot.community))?;
        }
        Ok(again || !slots.is_empty())
    }

    async fn reconcile_slot(&self, state: &SlotState, now: Timestamp) -> Result<()> {
        let computed = self.computed(state, now).await?;
        self.hand_over(state, computed, now).await
    }

    /// What the meters and trades that are known say of a slot. Others may come until it is handed
    /// over: then the slot has changed more often than `state` says, nothing is handed over, and it
    /// is computed again.
    async fn computed(&self, state: &SlotState, now: Timestamp) -> Result<Computed> {
        let slot = Slot { start: state.slot, length: self.slot };
        let zone = members::timezone(&self.db, state.community).await?;
        let zone = zone.unwrap_or_else(TimeZone::utc);
        let community = state.community.to_string();
        let settled: Vec<SettledFact> =
            chain::settled_in(&self.db, community, slot.start.seconds()).await?;
        // Of trades under several policies those that are settled sooner do not wait for others,
        // which come in a further run.
        let windows: BTreeSet<u32> = self.settled_for(&settled).await;
        let first = windows.first().copied().unwrap_or_default();
        let (run, next) = due_run((slot, first), &zone, now);
        let opens = |settle: &u32| first_due(slot.start.seconds(), slot.length, *settle);
        let later = windows.iter().map(opens).find(|opens| *opens > now.seconds());
        let next = later.map_or(next, |opens| next.min(opens));
        let trades = self.trades(&settled).await;
        let metered = energy::metered(&self.db, state.community, slot.start).await?;
        let unmetered = if run >= LAST_RUN { Unmetered::IsZero } else { Unmetered::Waits };
        let curtailed = self.curtailed_trades(slot, &settled).await?;
        let mut deliveries = reconcile(&trades, &metered, unmetered);
        for delivery in deliveries.iter_mut().filter(|one| curtailed.contains(&one.trade)) {
            *delivery = excused(*delivery);
        }
        let batches = self.trade_batches(&settled).await?;
        let changed = self.changed(&settled, &batches, deliveries, run, now).await?;
        Ok(Computed { slot, run: run.max(state.run), next, changed })
    }

    /// How long after the slot these trades are settled, in seconds.
    async fn settled_for(&self, settled: &[SettledFact]) -> BTreeSet<u32> {
        let state = self.state.lock().await;
        let policies = settled.iter().filter_map(|fact| state.policies.get(&fact.policy));
        policies.map(|policy| policy.settle_seconds).collect()
    }

    async fn trades(&self, settled: &[SettledFact]) -> Vec<Trade> {
        let state = self.state.lock().await;
        let trade = |fact: &SettledFact, state: &State| Trade {
            id: fact.trade,
            seller: state.point(fact.seller, fact.slot),
            buyer: state.point(fact.buyer, fact.slot),
            quantity: Energy::from_wh(fact.quantity),
        };
        settled.iter().map(|fact| trade(fact, &state)).collect()
    }

    /// What differs from what was handed over or recorded before, by batch; `None` where one of
    /// them waits for a transaction on its way. Trades whose corrections are over, or which are
    /// still settled, are left alone: the contract would refuse them.
    async fn changed(
        &self,
        settled: &[SettledFact],
        batches: &Batches,
        deliveries: Vec<Delivery>,
        run: i64,
        now: Timestamp,
    ) -> Result<Option<Vec<Change>>> {
        let ids: Vec<_> = deliveries.iter().map(|delivery| delivery.trade).collect();
        let mut before = slots::deliveries(&self.db, &ids).await?;
        for trade in ids {
            if let Some(last) = batches.last(trade) {
                let kept = before.entry(trade).or_insert((last.run, delivery(last)));
                kept.0 = kept.0.max(last.run);
            }
        }
        let run = u8::try_from(run.max(0))?;
        let state = self.state.lock().await;
        // The run of a batch is the highest that one of its trades needs: runs only have to rise.
        let mut changed: BTreeMap<BatchKey, (u8, Vec<Delivery>)> = BTreeMap::new();
        for delivery in deliveries {
            let fact = settled.iter().find(|fact| fact.trade == delivery.trade);
            let closes = fact.and_then(|fact| state.closes(fact));
            let run = match before.get(&delivery.trade) {
                Some((_, last)) if *last == delivery => continue,
                Some((last, _)) => run.max(last.saturating_add(1)),
                None => run,
            };
            let open = |fact: &&SettledFact| {
                let begins = state.settled_until(fact).is_some_and(|at| at <= now.unsigned());
                begins && closes.is_some_and(|at| now.unsigned() < at)
            };
            let Some(fact) = fact.filter(open) else { continue };
            if run < contracts::RUN_CHALLENGED {
                let batch = changed.entry(fact.batch()).or_default();
                batch.0 = batch.0.max(run);
                batch.1.push(delivery);
            }
        }
        if changed.keys().any(|batch| batches.is_busy(*batch)) {
            return Ok(None);
        }
        let change = |(batch, (run, deliveries))| {
            Ok(Change { run, deliveries, batch: batches.shown(batch)? })
        };
        changed.into_iter().map(change).collect::<Result<_>>().map(Some)
    }

    /// The last run of a trade on the best branch.
    pub(crate) async fn recorded(&self, trade: B256) -> Result<Option<(u8, Delivery)>> {
        let mut runs: Vec<(u64, contracts::Reconciled)> =
            chain::all(&self.db, chain::kind::RECONCILED, hash(trade)).await?;
        Ok(runs.pop().map(|(_, run)| (run.run, delivery(&run))))
    }

    async fn hand_over(
        &self,
        state: &SlotState,
        Computed { slot, run, next, changed }: Computed,
        now: Timestamp,
    ) -> Result<()> {
        let Some(changed) = changed else { return Ok(()) };
        let (state, operator) = (state.clone(), self.operator.clone());
        let deployment = self.deployment;
        // Versions are sorted by what is handed over: either sees all of the other.
        let _turn = self.state.lock().await;
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    if !slots::done(tx, &state, run, next).await? {
                        return Ok(());
                    }
                    for Change { run, deliveries, batch } in changed {
                        let transaction =
                            run_transaction(&deployment, run, &batch, &deliveries, 0)?;
                        let event = SlotReconciled {
                            community: state.community,
                            slot,
                            run,
                            trades: u32::try_from(deliveries.len())?,
                            deliveries: deliveries.iter().map(told).collect(),
                        };
                        let cause = transaction.cause.clone();
                        operator.enqueue(tx, &transaction).await?;
                        bus::append(tx, &Envelope::of(&event, &cause, now)).await?;
                        slots::put_deliveries(tx, (run, &deliveries), (&cause, 0), now).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}

/// What others hear of a delivery.
fn told(delivery: &Delivery) -> Delivered {
    let Delivery { trade, delivered, seller_short, buyer_short } = *delivery;
    Delivered { trade, delivered, seller_short, buyer_short }
}

/// What a run said.
fn delivery(run: &contracts::Reconciled) -> Delivery {
    let contracts::Reconciled { trade, delivered, seller_short, buyer_short, .. } = *run;
    Delivery { trade, delivered, seller_short, buyer_short }
}

/// The transaction of one run; `alone` tells apart those that say the same again.
pub(crate) fn run_transaction(
    deployment: &contracts::Deployment,
    run: u8,
    batch: &TradeBatch,
    deliveries: &[Delivery],
    alone: u32,
) -> Result<Transaction> {
    let call = deployment.reconcile(run, batch, deliveries)?;
    batch_transaction(What::Reconcile, call, deliveries.len(), alone)
}

/// A call for so many trades, named after what it says.
pub(crate) fn batch_transaction(
    what: What,
    call: Call,
    trades: usize,
    alone: u32,
) -> Result<Transaction> {
    let (name, hash) = (what.name(), keccak256(&call.data));
    let cause = match alone {
        0 => format!("{name}/{hash}"),
        again => format!("{name}/{hash}/{again}"),
    };
    let gas = CALL_GAS + DELIVERY_GAS * u64::try_from(trades)?;
    Ok(Transaction { cause, to: call.to, data: call.data, gas })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bus::Bus;
    use client::HttpRpc;
    use events::metering::{IntervalFact, IntervalsCorrected, Quality};
    use ids::{AccountId, CommunityId, ConnectionPointId, MeterId};
    use keys::SecretKey;
    use service::Clock;
    use tempfile::TempDir;

    use super::*;
    use crate::Parts;

    /// Billing on a database of its own. No node is asked here.
    async fn billing(folder: &TempDir) -> Arc<Billing> {
        let (clock, _) = Clock::set(Timestamp::from_seconds(0));
        let operator = SecretKey::from_bytes(&[9; 32]).unwrap();
        let deployment = contracts::Deployment::of(operator.address());
        let cash = contracts::Cash { token: deployment.token, market: deployment.market };
        let parts = Parts {
            db_url: format!("sqlite:{}", folder.path().join("billing.db").display()),
            bus: Bus::in_process(),
            clock,
            node: Arc::new(HttpRpc::new("http://127.0.0.1:1").unwrap()),
            deployment,
            currencies: vec![contracts::Currency { code: "EUR".to_owned(), cash }],
            dealers: B256::ZERO,
            certifier: SecretKey::from_bytes(&[10; 32]).unwrap(),
            operator,
            chain_id: 1,
            policies: Vec::new(),
            slot: SlotLength::QUARTER_HOUR,
            monthly: false,
        };
        crate::start(parts).await.unwrap()
    }

    async fn correct(billing: &Billing, slot: Slot, version: u32, now: Timestamp) {
        let interval = IntervalFact {
            connection_point: ConnectionPointId::derived("otter"),
            account: AccountId::derived("otter"),
            meter: MeterId::derived("otter"),
            import: Energy::ZERO,
            export: Energy::from_wh(100),
            quality: Quality::Measured,
            version,
            readings: Vec::new(),
        };
        let (community, intervals) = (CommunityId::derived("town"), vec![interval]);
        let event = IntervalsCorrected { community, slot, intervals };
        let envelope = Envelope::of(&event, &version.to_string(), now);
        let IntervalsCorrected { intervals, .. } = event;
        billing.intervals(&envelope, community, slot, intervals).await.unwrap();
    }

    #[tokio::test]
    async fn a_correction_that_comes_while_its_slot_is_computed_is_not_missed() {
        let folder = TempDir::new().unwrap();
        let billing = billing(&folder).await;
        let start: Timestamp = "2026-06-05T10:00:00Z".parse().unwrap();
        let slot = Slot { start, length: SlotLength::QUARTER_HOUR };
        let (community, now) = (CommunityId::derived("town").to_string(), start.plus_seconds(3600));
        let due = first_due(start.seconds(), slot.length, 0);
        let put = billing.db.transact(move |tx| {
            Box::pin(async move { slots::put(tx, &community, start.seconds(), due).await })
        });
        put.await.unwrap();
        let states = slots::due(&billing.db, now).await.unwrap();
        let [state] = &states[..] else { panic!("one slot is due: {states:?}") };
        let computed = billing.computed(state, now).await.unwrap();
        correct(&billing, slot, 1, now).await;
        billing.hand_over(state, computed, now).await.unwrap();
        let again = slots::due(&billing.db, now).await.unwrap();
        assert_eq!(again.len(), 1, "what came meanwhile is computed");
        billing.reconcile_slot(&again[0], now).await.unwrap();
        assert!(slots::due(&billing.db, now).await.unwrap().is_empty());
        correct(&billing, slot, 2, now).await;
        let again = slots::due(&billing.db, now).await.unwrap();
        assert_eq!((again.len(), again[0].run), (1, 0));
    }

    #[test]
    fn runs_fall_due_after_the_slot_the_next_morning_and_five_working_days_later() {
        let zone: TimeZone = "Europe/Berlin".parse().unwrap();
        let start: Timestamp = "2026-06-05T10:00:00Z".parse().unwrap();
        let slot = Slot { start, length: SlotLength::QUARTER_HOUR };
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let check = |now: &str, run: i64, next: &str| {
            let (got, due) = due_run((slot, 0), &zone, at(now));
            assert_eq!((got, Timestamp::from_seconds(due)), (run, at(next)), "{now}");
        };
        check("2026-06-05T10:29:59Z", -1, "2026-06-05T10:30:00Z");
        check("2026-06-05T10:30:00Z", 0, "2026-06-06T04:00:00Z");
        check("2026-06-06T04:00:00Z", 1, "2026-06-12T04:00:00Z");
        assert_eq!(due_run((slot, 0), &zone, at("2026-06-12T04:00:00Z")), (2, NEVER));
        let settle = 6 * 3600;
        let due = Timestamp::from_seconds(first_due(start.seconds(), slot.length, settle));
        assert_eq!(due, at("2026-06-05T16:16:00Z"), "not while it is settled");
        assert_eq!(due_run((slot, settle), &zone, at("2026-06-05T16:15:59Z")).0, -1);
        assert_eq!(due_run((slot, settle), &zone, due).0, 0);
        let hour = SlotLength::from_minutes(60).unwrap();
        assert_eq!(first_due(0, hour, 0), 3660);
    }
}
