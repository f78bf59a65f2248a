//! What billing does after it has handed over: refused runs again, trades that expire, intervals
//! whose runs have become final.

use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{B256, keccak256};
use billing::domain::handover::{Batch, Fate, Refused, again, fate};
use billing::domain::journal::{Fact, PointMetered};
use billing::domain::reconcile::Delivery;
use calendar::Timestamp;
use client::Transaction;
use ids::ConnectionPointId;

use super::batches::BatchKey;
use super::{Billing, Handed, KeptRow, MARGIN, Sent, SettledRow, transaction};
use crate::simulation::counts::Counts;
use crate::simulation::crash::Stop;

/// Refused runs, sorted by what becomes of them.
#[derive(Default)]
pub(super) struct RefusedRuns {
    pub(super) refused: Vec<Refused>,
    open: BTreeMap<B256, (u8, Delivery)>,
    pub(super) ended: Vec<(B256, Fate)>,
}

/// A version that is kept beside the journal, and where.
pub(super) type KeptAt = ((Timestamp, ConnectionPointId), KeptRow);

impl Billing {
    /// What the journal takes of new versions, and which of them are kept beside it.
    pub(super) fn sorted(
        &self,
        slot: Timestamp,
        intervals: &[PointMetered],
        at: Timestamp,
        counts: &mut Counts,
    ) -> (Vec<PointMetered>, Vec<KeptAt>) {
        let (mut accepted, mut kept) = (Vec::new(), Vec::new());
        for metered in intervals.iter().copied() {
            let runs_final = self.runs_final(slot, metered.point);
            let taken = self.book.accepts(slot, &metered, runs_final);
            accepted.push(taken);
            let traded = self.trades_of(slot, metered.point).next().is_some();
            let late = traded && at >= self.corrections_end(slot);
            let posted = taken == metered;
            match (posted, late) {
                (true, false) => continue,
                (true, true) => counts.add("interval: late, fits what was paid"),
                (false, true) => counts.add("interval: late, kept apart"),
                (false, false) => counts.add("interval: waits for its run"),
            }
            let row = KeptRow { metered, at, posted, late };
            kept.push(((slot, metered.point), row));
        }
        (accepted, kept)
    }

    /// The trades of a point in a slot.
    fn trades_of(
        &self,
        slot: Timestamp,
        point: ConnectionPointId,
    ) -> impl Iterator<Item = &SettledRow> {
        let of_slot = self.durable.settled.of_slot(slot);
        of_slot.filter(move |row| [row.buyer, row.seller].iter().any(|a| self.point(*a) == point))
    }

    /// Whether no run of a point in a slot is on its way or can be taken back: what was handed over
    /// is recorded, as it was, in blocks that are final.
    fn runs_final(&self, slot: Timestamp, point: ConnectionPointId) -> bool {
        let finalized = self.durable.head.map_or(0, |head| head.finalized);
        self.trades_of(slot, point).all(|row| {
            let runs: &[_] = self.durable.runs.get(&row.trade).map_or(&[], Vec::as_slice);
            let is_recorded = |handed: &Handed| {
                runs.iter().any(|run| (run.run, run.delivery) == (handed.run, handed.delivery))
            };
            let handed = self.durable.handed.get(&row.trade);
            runs.iter().all(|run| run.number <= finalized) && handed.is_none_or(is_recorded)
        })
    }

    pub(super) fn refused_runs(&self, now: Timestamp) -> RefusedRuns {
        let mut sorted = RefusedRuns::default();
        for (trade, handed) in &self.durable.handed {
            if !self.durable.refused.contains(&handed.sent.cause) {
                continue;
            }
            let row = self.durable.settled.find(*trade);
            let closes = row.map(|row| self.corrections_end(row.slot));
            let recorded = self.recorded(*trade);
            match fate((handed.run, &handed.delivery), recorded, closes, now) {
                Fate::Open(run) => {
                    sorted.open.insert(*trade, (run, handed.delivery));
                    sorted.refused.push(refused(*trade, &handed.sent));
                }
                ended => sorted.ended.push((*trade, ended)),
            }
        }
        sorted
    }

    pub(super) fn resend(&mut self, now: Timestamp, counts: &mut Counts) -> Result<(), Stop> {
        let RefusedRuns { refused, open, ended } = self.refused_runs(now);
        let together = refused.len();
        let batches = again(refused, now).batches;
        if batches.is_empty() && ended.is_empty() {
            return Ok(());
        }
        if together > batches.len() && batches.len() > 1 {
            counts.add("reconcile: batch split");
        }
        let mut sends: Vec<(u8, Vec<Delivery>, u32, Transaction)> = Vec::new();
        let mut taken = BTreeSet::new();
        for Batch { trades, alone } in batches {
            let key = self.batch_of(trades[0]);
            if self.is_busy(key) || !taken.insert(key) {
                counts.add("reconcile: waits for another half");
                continue;
            }
            let run = trades.iter().map(|trade| open[trade].0).max().expect("a batch has trades");
            let deliveries: Vec<Delivery> = trades.iter().map(|trade| open[trade].1).collect();
            let alone = if deliveries.len() == 1 { alone.max(1) } else { 0 };
            let call = self.call(run, &deliveries, alone);
            counts.add("reconcile: sent again");
            sends.push((run, deliveries, alone, call));
        }
        for (_, fate) in &ended {
            counts.add(match fate {
                Fate::TooLate | Fate::NoRunLeft => "reconcile: given up",
                _ => "reconcile: nothing left to send",
            });
        }
        self.commit(|durable| {
            for (run, deliveries, alone, call) in sends {
                durable.hand_over(run, deliveries, &call, alone, now);
            }
            for (trade, fate) in ended {
                durable.handed.remove(&trade);
                if matches!(fate, Fate::TooLate | Fate::NoRunLeft) {
                    durable.closed.insert(trade, fate);
                }
            }
        })
    }

    /// Trades to expire now, and in which batches.
    pub(super) fn expiries(&self, now: Timestamp) -> Vec<(Transaction, Batch)> {
        let over = |slot| self.corrections_end(slot).plus_seconds(MARGIN.cast_signed()) <= now;
        let open = self.book.trades().filter(|trade| trade.runs.is_empty());
        let due: Vec<B256> = open
            .filter(|trade| over(trade.settled.slot))
            .map(|trade| trade.settled.trade)
            .collect();
        let (mut fresh, mut again_of) = (Vec::new(), Vec::new());
        for trade in due {
            match self.durable.expiry.get(&trade) {
                None => fresh.push(trade),
                Some(sent) if self.durable.refused.contains(&sent.cause) => {
                    again_of.push(refused(trade, sent));
                }
                Some(_) => {}
            }
        }
        let mut by_batch: BTreeMap<BatchKey, Vec<B256>> = BTreeMap::new();
        for trade in fresh {
            by_batch.entry(self.batch_of(trade)).or_default().push(trade);
        }
        let fresh = by_batch.into_values().map(|trades| Batch { trades, alone: 0 });
        let mut taken = BTreeSet::new();
        let batches = again(again_of, now).batches.into_iter().chain(fresh).filter(|batch| {
            let key = self.batch_of(batch.trades[0]);
            !self.is_busy(key) && taken.insert(key)
        });
        let call = |batch: Batch| {
            let shown = self.shown(self.batch_of(batch.trades[0]));
            let call = self.scene.at.expire(&shown, &batch.trades).expect("trades of a batch");
            let cause = format!("expire/{}/{}", keccak256(&call.data), batch.alone);
            let gas = 200_000 + 250_000 * batch.trades.len() as u64;
            (transaction(cause, call, gas), batch)
        };
        batches.map(call).collect()
    }

    pub(super) fn expire(&mut self, now: Timestamp, counts: &mut Counts) -> Result<(), Stop> {
        let expiries = self.expiries(now);
        if expiries.is_empty() {
            return Ok(());
        }
        counts.add("expiry: handed over");
        self.commit(|durable| {
            for (call, Batch { trades, alone }) in expiries {
                durable.relay.enqueue(&call);
                for trade in trades {
                    let sent = Sent { cause: call.cause.clone(), alone, at: now };
                    durable.expiry.insert(trade, sent);
                }
            }
        })
    }

    /// Kept versions that the journal takes now, and those that have become too late.
    pub(super) fn postable(
        &self,
        now: Timestamp,
    ) -> Vec<((Timestamp, ConnectionPointId), KeptRow)> {
        let mut changed = Vec::new();
        for ((slot, point), row) in &self.durable.kept {
            let runs_final = self.runs_final(*slot, *point);
            let over = now >= self.corrections_end(*slot).plus_seconds(MARGIN.cast_signed());
            if row.posted {
                continue;
            }
            if self.book.accepts(*slot, &row.metered, runs_final) == row.metered {
                let late = row.at >= self.corrections_end(*slot);
                changed.push(((*slot, *point), KeptRow { posted: true, late, ..*row }));
            } else if over && !row.late {
                changed.push(((*slot, *point), KeptRow { late: true, ..*row }));
            }
        }
        changed
    }

    pub(super) fn post_waiting(&mut self, now: Timestamp, counts: &mut Counts) -> Result<(), Stop> {
        let changed = self.postable(now);
        if changed.is_empty() {
            return Ok(());
        }
        let mut entries = Vec::new();
        for ((slot, point), row) in &changed {
            if row.posted {
                let fact = Fact::Metered { slot: *slot, intervals: vec![row.metered] };
                let source = format!("interval:{point}/{slot}/{}", row.at);
                entries.push(self.book.post(&source, fact).map_err(Stop::broken)?);
                counts.add("interval: posted after its run");
            } else {
                counts.add("interval: waited in vain");
            }
        }
        self.commit(|durable| {
            durable.entries.extend(entries);
            for (key, row) in changed {
                match row.posted && !row.late {
                    true => durable.kept.remove(&key),
                    false => durable.kept.insert(key, row),
                };
            }
        })
    }
}

fn refused(trade: B256, sent: &Sent) -> Refused {
    Refused { trade, cause: sent.cause.clone(), alone: sent.alone, at: sent.at }
}
