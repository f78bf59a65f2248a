//! Closed and corrected intervals: kept, posted to the energy ledger where what was paid fits them,
//! their slot computed again.

use alloy_primitives::B256;
use anyhow::Result;
use calendar::Slot;
use events::Envelope;
use events::metering::{DayAnchored, IntervalFact, Quality};
use ids::CommunityId;

use super::waiting::SortedVersions;
use crate::Billing;
use crate::currencies::CurrencyId;
use crate::db::corrections::{self, Heard};
use crate::db::journal::Posted;
use crate::db::{self, energy, journal, kept};
use crate::domain::correction::GATHER_SECONDS;
use crate::domain::journal::Fact;

impl Billing {
    /// Intervals of one slot, first or corrected.
    pub(crate) async fn intervals(
        &self,
        envelope: &Envelope,
        community: CommunityId,
        slot: Slot,
        intervals: Vec<IntervalFact>,
    ) -> Result<()> {
        let mut state = self.state.lock().await;
        let (id, at) = (envelope.id, envelope.occurred_at);
        if db::was_applied(&self.db, id).await? {
            return Ok(());
        }
        self.bring_to_hand(&mut state, slot.start).await?;
        let points: Vec<_> = intervals.iter().map(|one| one.connection_point).collect();
        let versions = energy::versions(&self.db, slot.start, &points).await?;
        let newer: Vec<IntervalFact> = intervals
            .into_iter()
            .filter(|interval| {
                let known = versions.get(&interval.connection_point).copied();
                known.unwrap_or(0) < interval.version
            })
            .collect();
        let known: Vec<IntervalFact> =
            newer.iter().filter(|interval| interval.quality != Quality::Missing).cloned().collect();
        let source = format!("interval:{id}");
        let place = (community, slot.start);
        let sorted = self.sort_versions(&state, place, &known, (&source, at)).await?;
        let SortedVersions { posted: metered, kept } = sorted;
        let passed: Vec<_> = known.iter().map(|one| one.connection_point).collect();
        // What can fail is asked before the book changes.
        let invoiced = corrections::is_invoiced(&self.db, slot.start).await?;
        let mut posted = Vec::new();
        let currency = CurrencyId::FIRST;
        if !metered.is_empty() {
            let fact = Fact::Metered { slot: slot.start, intervals: metered };
            let entry = state.book.post(&source, fact)?;
            posted.push(Posted { currency, entry, at, block: B256::ZERO, owners: Vec::new() });
        }
        let heard = Heard { at, block: 0, due: at.plus_seconds(GATHER_SECONDS) };
        let stored = self
            .db
            .transact(move |tx| {
                Box::pin(async move {
                    db::first_time(tx, id).await?;
                    if invoiced {
                        for interval in &newer {
                            let place = (interval.connection_point, slot.start);
                            corrections::mark_moment(tx, place, heard).await?;
                        }
                    }
                    if !newer.is_empty() {
                        energy::put_intervals(tx, (community, slot.start), &newer, at).await?;
                        for point in passed {
                            kept::forget(tx, point, slot.start).await?;
                        }
                        kept::put(tx, &kept).await?;
                        let start = slot.start.seconds();
                        db::mark_dirty(tx, &community.to_string(), start).await?;
                    }
                    journal::append(tx, posted).await
                })
            })
            .await;
        self.settle_state(&mut state, stored).await
    }

    /// A day's readings were anchored.
    pub(crate) async fn day_anchored(&self, envelope: &Envelope, event: DayAnchored) -> Result<()> {
        let id = envelope.id;
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    if db::first_time(tx, id).await? {
                        let DayAnchored { day, batch, root, count, leaves, .. } = event;
                        energy::put_leaves(tx, day, batch, root, count, &leaves).await?;
                    }
                    Ok(())
                })
            })
            .await
    }
}
