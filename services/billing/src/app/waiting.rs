//! Versions of intervals that the journal does not take at once.
//!
//! ```text
//! less energy than is posted ── waits ──► its runs final and it fits them: posted
//!                                 └─────► corrections over without them: late, kept apart
//! after the corrections, fits what was paid: late, posted; the retailer's part takes the rest
//! ```
//!
//! Only the trades of the point itself matter: nothing that was paid depends on a point without.
//! What is late is listed by the audit. The bill shows what was paid, and by which readings
//! (`domain::verify`).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use alloy_primitives::B256;
use anyhow::Result;
use calendar::Timestamp;
use contracts::Reconciled;
use events::metering::IntervalFact;
use ids::{CommunityId, ConnectionPointId};

use super::logs::SettledFact;
use super::state::State;
use crate::Billing;
use crate::currencies::CurrencyId;
use crate::db::chain::{self, kind};
use crate::db::journal::Posted;
use crate::db::kept::{self, Kept, Stand};
use crate::db::{journal, slots};
use crate::domain::journal::{Fact, PointMetered};
use crate::domain::reconcile::Delivery;

/// Seconds after the corrections in which a run of theirs may still be heard of.
const HEARD_AFTER: i64 = 86_400;
/// Seconds by which the chain's time may be behind ours.
const MARGIN: i64 = 60;

/// New versions of a slot, sorted by what the journal does with them.
pub(super) struct SortedVersions {
    /// To be posted now.
    pub(super) posted: Vec<PointMetered>,
    /// To be kept beside the journal.
    pub(super) kept: Vec<Kept>,
}

impl Billing {
    /// Sorts versions that arrived at `at`.
    pub(super) async fn sort_versions(
        &self,
        state: &State,
        (community, slot): (CommunityId, Timestamp),
        versions: &[IntervalFact],
        (source, at): (&str, Timestamp),
    ) -> Result<SortedVersions> {
        let settled = chain::settled_in(&self.db, community.to_string(), slot.seconds()).await?;
        let closes = closing_of(state, &settled);
        let open = self.points_with_open_runs(state, &settled).await?;
        let mut sorted = SortedVersions { posted: Vec::new(), kept: Vec::new() };
        for interval in versions {
            let point = interval.connection_point;
            let metered = PointMetered { point, import: interval.import, export: interval.export };
            let closes = closes.get(&point).copied();
            let accepted = state.book.accepts(slot, &metered, !open.contains(&point));
            let fits = accepted == metered;
            let stand = match (fits, closes.is_some_and(|closes| at >= closes)) {
                (true, false) => None,
                (true, true) => Some(Stand::LatePosted),
                (false, true) => Some(Stand::LateApart),
                (false, false) => Some(Stand::Waiting),
            };
            sorted.posted.push(accepted);
            let Some(stand) = stand else { continue };
            sorted.kept.push(Kept {
                community,
                slot,
                version: interval.version,
                metered,
                source: source.to_owned(),
                at,
                closes: closes.unwrap_or(at),
                stand,
            });
        }
        Ok(sorted)
    }

    /// Points of which a run is on its way or can be taken back: what was handed over is not
    /// recorded, or in blocks that are not final. A run with a higher number by somebody else does
    /// not stand for it: what was handed over is sent again above that one.
    async fn points_with_open_runs(
        &self,
        state: &State,
        settled: &[SettledFact],
    ) -> Result<BTreeSet<ConnectionPointId>> {
        let finalized = state.head.map_or(0, |head| head.finalized);
        let trades: Vec<B256> = settled.iter().map(|fact| fact.trade).collect();
        let handed = slots::deliveries(&self.db, &trades).await?;
        let mut open = BTreeSet::new();
        let mut recorded_runs: HashMap<B256, Vec<(u64, Reconciled)>> = HashMap::new();
        if let Some(first) = settled.first() {
            // All are of one slot.
            let slot = i64::try_from(first.slot)?;
            for run in chain::of_slot::<Reconciled>(&self.db, kind::RECONCILED, slot).await? {
                recorded_runs.entry(run.1.trade).or_default().push(run);
            }
        }
        for fact in settled {
            let runs = recorded_runs.remove(&fact.trade).unwrap_or_default();
            let on_its_way = handed.get(&fact.trade).is_some_and(|(number, delivery)| {
                !runs.iter().any(|(_, run)| run.run == *number && delivery_of(run) == *delivery)
            });
            if on_its_way || runs.iter().any(|(number, _)| *number > finalized) {
                let parties = [fact.buyer, fact.seller];
                open.extend(parties.map(|address| state.point(address, fact.slot)));
            }
        }
        Ok(open)
    }

    /// Posts versions whose runs have become final; those whose corrections are over become late.
    pub(crate) async fn post_waiting(&self, now: Timestamp) -> Result<bool> {
        let open = kept::open(&self.db, now.plus_seconds(-HEARD_AFTER)).await?;
        if open.is_empty() {
            return Ok(false);
        }
        let mut state = self.state.lock().await;
        let stored = self.store_waiting(&mut state, open, now).await;
        let any = *stored.as_ref().unwrap_or(&false);
        self.settle_state(&mut state, stored.map(|_| ())).await?;
        Ok(any)
    }

    async fn store_waiting(
        &self,
        state: &mut State,
        open: Vec<Kept>,
        now: Timestamp,
    ) -> Result<bool> {
        let (mut posted, mut changed) = (Vec::new(), Vec::new());
        let currency = CurrencyId::FIRST;
        for mut one in open {
            self.bring_to_hand(state, one.slot).await?;
            let community = one.community.to_string();
            let settled = chain::settled_in(&self.db, community, one.slot.seconds()).await?;
            let open = self.points_with_open_runs(state, &settled).await?;
            let runs_final = !open.contains(&one.metered.point);
            let over = now >= one.closes.plus_seconds(MARGIN);
            if state.book.accepts(one.slot, &one.metered, runs_final) == one.metered {
                let fact = Fact::Metered { slot: one.slot, intervals: vec![one.metered] };
                let entry = state.book.post(&one.source, fact)?;
                posted.push(Posted {
                    currency,
                    entry,
                    at: now,
                    block: B256::ZERO,
                    owners: Vec::new(),
                });
                let late = one.at >= one.closes;
                one.stand = if late { Stand::LatePosted } else { Stand::Waiting };
                changed.push(one);
            } else if over && one.stand == Stand::Waiting {
                one.stand = Stand::LateApart;
                changed.push(one);
            }
        }
        if changed.is_empty() {
            return Ok(false);
        }
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    for one in &changed {
                        match one.stand {
                            // In the journal, in time.
                            Stand::Waiting => {
                                kept::forget(tx, one.metered.point, one.slot).await?;
                            }
                            _ => kept::put(tx, std::slice::from_ref(one)).await?,
                        }
                    }
                    journal::append(tx, posted).await.map(|()| true)
                })
            })
            .await
    }
}

fn delivery_of(run: &Reconciled) -> Delivery {
    let Reconciled { trade, delivered, seller_short, buyer_short, .. } = *run;
    Delivery { trade, delivered, seller_short, buyer_short }
}

/// When corrections end, of each connection point that traded.
fn closing_of(state: &State, settled: &[SettledFact]) -> BTreeMap<ConnectionPointId, Timestamp> {
    let mut closing = BTreeMap::new();
    for fact in settled {
        let Some(closes) = state.closes(fact) else { continue };
        let closes = Timestamp::from_seconds(closes.cast_signed());
        for address in [fact.buyer, fact.seller] {
            let last = closing.entry(state.point(address, fact.slot)).or_insert(closes);
            *last = closes.max(*last);
        }
    }
    closing
}
