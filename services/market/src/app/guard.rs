//! Where the writer lets the machine look whether it has to stop by itself. What it finds is in the
//! same commit as what brought it about.

use std::sync::PoisonError;

use calendar::Timestamp;
use contracts::Side;

use super::announce::rejected;
use super::batch::Batch;
use super::desk::{Applied, Refused};
use super::writer::Writer;
use crate::domain::{ClearedSlot, Entry, NewOrder, Rejection, RiskChange, Trip, machine};

/// Since when a process has been there to hear what comes from outside: a machine that was asleep,
/// or a process that was not running, has missed blocks and readings which were there.
pub(super) struct Presence {
    since: Timestamp,
    last: Timestamp,
}

impl Presence {
    /// From `now` on.
    pub(super) fn from(now: Timestamp) -> Presence {
        Presence { since: now, last: now }
    }

    /// The beginning of the time without a pause of more than so many seconds that `now` is in.
    fn since(&mut self, now: Timestamp, pause: i64) -> Timestamp {
        if now.seconds_since(self.last) > pause {
            self.since = now;
        }
        self.last = now;
        self.since
    }
}

impl Batch<'_> {
    /// After an order was judged. One that was sent again counts once.
    pub(super) fn watch_order(&mut self, order: &NewOrder, applied: &Result<Applied, Refused>) {
        let refused = match applied {
            Ok(applied) if applied.repeated => return,
            Ok(_) => None,
            Err(Refused::Rejected(why)) => Some(*why),
            Err(_) => return,
        };
        if self.exchange.member(order.account).is_none() {
            return;
        }
        let (limits, now) = (self.exchange.risk_limits(), self.writer.tools.clock.now());
        let mut guard = self.writer.guard.lock().unwrap_or_else(PoisonError::into_inner);
        let trips = guard.saw((order.account, order.id), refused, &limits, now);
        drop(guard);
        if let Some(why) = refused {
            self.count_rejection(why, || order.id.to_string());
        }
        self.stop_by(trips, now);
    }

    /// Counts a refusal until it is told of; `first` names what was refused.
    pub(super) fn count_rejection(&self, why: Rejection, first: impl FnOnce() -> String) {
        self.writer.rejections().entry(why.code()).or_insert_with(|| (0, first())).0 += 1;
    }

    /// Tells of what was refused since the last time, by code: not with each refusal, so that who
    /// sends many has little written. Refusals are no facts: those that a crash or a failed commit
    /// comes before are not told.
    pub(super) fn tell_rejections(&mut self, now: Timestamp) {
        let Writer { name, parameters, .. } = self.writer;
        let refused = std::mem::take(&mut *self.writer.rejections());
        self.envelopes.extend(refused.into_iter().map(|(code, (count, first))| {
            let cause = format!("{name}/{code}/{first}/{now}");
            rejected((code.to_owned(), count), parameters, &cause, now)
        }));
    }

    /// As time passes.
    pub(super) fn watch_feeds(&mut self, now: Timestamp) {
        self.begin_with_figures(now);
        let parameters = &self.writer.parameters;
        let limits = self.exchange.risk_limits();
        let slots =
            limits.stale_slots.map(|slots| i64::from(slots) * parameters.slot_length.seconds());
        let blocks = limits.chain_silent_seconds.map(i64::from);
        let Some(pause) = slots.into_iter().chain(blocks).min() else { return };
        let mut presence = self.writer.presence.lock().unwrap_or_else(PoisonError::into_inner);
        let since = presence.since(now, pause);
        drop(presence);
        let trips = self.exchange.silent_feeds(parameters, (since, now));
        self.stop_by(trips, now);
    }

    /// The figures that a new market begins with, where staff have set none.
    fn begin_with_figures(&mut self, now: Timestamp) {
        let Some(limits) = self.writer.parameters.risk else { return };
        if self.exchange.risk_changes().is_empty() {
            let change = RiskChange { limits, by: machine(), agreed_by: None, at: now };
            self.record_all(Entry::RiskLimitsSet(change));
        }
    }

    /// After metered energy became known.
    pub(super) fn watch_forecasts(&mut self, entry: &Entry) {
        let Entry::Exported { slot, exports, imports } = entry else { return };
        let sold = exports.iter().map(|export| (Side::Sell, *export));
        let bought = imports.iter().map(|import| (Side::Buy, *import));
        let metered: Vec<_> = sold.chain(bought).collect();
        let now = self.writer.tools.clock.now();
        let trips = self.exchange.missed_forecasts((*slot, &metered), &self.writer.parameters);
        self.stop_by(trips, now);
    }

    /// After it became known what was delivered of trades.
    pub(super) fn watch_deliveries(&mut self, entry: &Entry) {
        let now = self.writer.tools.clock.now();
        let trips = self.exchange.unreliable_sellers(entry);
        self.stop_by(trips, now);
    }

    /// After a slot was cleared.
    pub(super) fn watch_losses(&mut self, cleared: &ClearedSlot, now: Timestamp) {
        let trips = self.exchange.losing_rules(cleared, &self.writer.parameters);
        self.stop_by(trips, now);
    }

    fn stop_by(&mut self, trips: Vec<Trip>, now: Timestamp) {
        for trip in trips {
            let (trigger, measured, most) = (trip.trigger.code(), trip.measured, trip.most);
            let Some(entry) = self.exchange.stopped_by(trip, now) else { continue };
            let market = &self.writer.name;
            tracing::warn!(market, trigger, measured, most, "the market stopped by itself");
            self.record_all(entry);
        }
    }
}
