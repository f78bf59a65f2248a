//! Where the writer lets the machine look whether it has to stop by itself. What it finds is in the
//! same commit as what brought it about.

use std::sync::PoisonError;

use calendar::Timestamp;
use contracts::Side;

use super::announce::rejected;
use super::batch::Batch;
use super::desk::{Applied, Refused};
use super::writer::Writer;
use crate::domain::{ClearedSlot, Entry, NewOrder, Rejection, Trip};

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
        let trips = self.exchange.silent_feeds(&self.writer.parameters, now);
        self.stop_by(trips, now);
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
