//! Runs of slots: what the meters saw becomes deliveries, deliveries become transactions.

use std::collections::BTreeMap;

use alloy_primitives::{B256, keccak256};
use billing::domain::reconcile::{
    Delivery, MORNING, Metered, Trade, Unmetered, last_run, reconcile,
};
use calendar::Timestamp;
use client::Transaction;
use ids::ConnectionPointId;
use units::Energy;

use super::batches::BatchKey;
use super::{Billing, MARGIN, NEVER, SlotRow, transaction};
use crate::simulation::counts::Counts;
use crate::simulation::crash::Stop;

impl Billing {
    pub(super) fn reconcile(
        &mut self,
        start: Timestamp,
        now: Timestamp,
        counts: &mut Counts,
    ) -> Result<(), Stop> {
        let (run, next) = self.due_run(start, now);
        let final_run = run >= 2;
        let deliveries = self.target(start, final_run);
        let mut changed: BTreeMap<BatchKey, (u8, Vec<Delivery>)> = BTreeMap::new();
        for delivery in deliveries {
            let mut number = u8::try_from(run.max(0)).expect("there are three runs");
            let recorded = self.recorded(delivery.trade);
            let handed = self.durable.handed.get(&delivery.trade);
            let before = handed.map(|handed| (handed.run, handed.delivery)).or(recorded);
            if before.is_some_and(|(_, before)| before == delivery) {
                continue;
            }
            for (last, _) in before.into_iter().chain(recorded) {
                number = number.max(last.saturating_add(1));
            }
            if now < self.corrections_end(start) && number < contracts::RUN_CHALLENGED {
                let batch = changed.entry(self.batch_of(delivery.trade)).or_default();
                batch.0 = batch.0.max(number);
                batch.1.push(delivery);
            }
        }
        if changed.keys().any(|batch| self.is_busy(*batch)) {
            counts.add("reconcile: waits for the run before it");
            return Ok(());
        }
        let rogue = changed.values().flat_map(|(_, all)| all).next().and_then(|first| {
            let (none, run) = (Energy::ZERO, self.rogue.take()?);
            let Delivery { trade, .. } = *first;
            counts.add("reconcile: somebody else recorded a run");
            let nothing =
                Delivery { trade, delivered: none, seller_short: none, buyer_short: none };
            Some(Transaction { cause: format!("rogue/{trade}"), ..self.call(run, &[nothing], 0) })
        });
        let calls: Vec<(u8, Vec<Delivery>, Transaction)> = changed
            .into_iter()
            .map(|(_, (number, deliveries))| {
                let call = self.call(number, &deliveries, 0);
                (number, deliveries, call)
            })
            .collect();
        self.commit(|durable| {
            rogue.iter().for_each(|call| durable.relay.enqueue(call));
            for (run, deliveries, call) in calls {
                durable.hand_over(run, deliveries, &call, 0, now);
            }
            let before = durable.slots[&start].run;
            durable.slots.insert(start, SlotRow { run: run.max(before), due: next });
        })
    }

    /// The last run of a trade on the best branch.
    pub(in crate::simulation) fn recorded(&self, trade: B256) -> Option<(u8, Delivery)> {
        let last = self.durable.runs.get(&trade)?.last()?;
        Some((last.run, last.delivery))
    }

    /// What the meters say of the settled trades of a slot.
    pub(super) fn target(&self, slot: Timestamp, is_final: bool) -> Vec<Delivery> {
        self.deliveries(slot, is_final, &self.durable.metered)
    }

    /// What the meters said of a slot while its corrections were open.
    pub(in crate::simulation) fn target_in_time(&self, slot: Timestamp) -> Vec<Delivery> {
        self.deliveries(slot, true, &self.durable.in_time)
    }

    fn deliveries(
        &self,
        slot: Timestamp,
        is_final: bool,
        metered: &BTreeMap<Timestamp, BTreeMap<ConnectionPointId, Metered>>,
    ) -> Vec<Delivery> {
        let settled = self.durable.settled.of_slot(slot);
        let trades: Vec<Trade> = settled
            .map(|row| Trade {
                id: row.trade,
                seller: self.point(row.seller),
                buyer: self.point(row.buyer),
                quantity: row.quantity,
            })
            .collect();
        let none = BTreeMap::new();
        let metered = metered.get(&slot).unwrap_or(&none);
        let unmetered = if is_final { Unmetered::IsZero } else { Unmetered::Waits };
        reconcile(&trades, metered, unmetered)
    }

    pub(super) fn call(&self, number: u8, deliveries: &[Delivery], alone: u32) -> Transaction {
        let batch = self.shown(self.batch_of(deliveries[0].trade));
        let call = self.scene.at.reconcile(number, &batch, deliveries).expect("trades of a batch");
        let cause = format!("reconcile/{}/{alone}", keccak256(&call.data));
        transaction(cause, call, 200_000 + 250_000 * deliveries.len() as u64)
    }

    /// The newest run that is due at `now`, and when the one after it will be.
    pub(super) fn due_run(&self, start: Timestamp, now: Timestamp) -> (i64, i64) {
        let times = self.run_times(start);
        let passed = times.iter().filter(|time| **time <= now).count();
        let next = times.get(passed).map_or(NEVER, |time| time.seconds());
        (i64::try_from(passed).unwrap_or(0) - 1, next)
    }

    /// When R0, R1 and R2 of a slot run.
    pub(in crate::simulation) fn run_times(&self, start: Timestamp) -> [Timestamp; 3] {
        let zone = &self.scene.parameters.timezone;
        let day = zone.day_of(start);
        let first = start.plus_seconds(self.first_run());
        [first, zone.moment(day.next(), MORNING), last_run(start, zone)]
    }

    /// Seconds from the start of a slot to its first run.
    pub(super) fn first_run(&self) -> i64 {
        let length = self.scene.parameters.slot_length.seconds();
        1_800.max(length + MARGIN.cast_signed())
    }

    pub(in crate::simulation) fn corrections_end(&self, start: Timestamp) -> Timestamp {
        let policy = &self.scene.policy;
        start.plus_seconds(i64::from(policy.slot_seconds) + i64::from(policy.correction_seconds))
    }
}
