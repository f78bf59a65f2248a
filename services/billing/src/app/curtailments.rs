//! The grid could not carry some slots: what did not flow in them is nobody's fault.
//!
//! ```text
//! before the run:  R0 says what was delivered, and that nobody is short
//! after a run:     the next run says so, and only the difference moves
//! lifted:          the next run says again who was short
//! too late:        after the corrections of a slot nothing changes it
//! ```
//!
//! It is the operator's word. What it takes from somebody is what another one would have owed for
//! energy that did not come; no cash of anybody moves for it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use alloy_primitives::B256;
use anyhow::Result;
use calendar::{Slot, Timestamp};
use contracts::Policy;
use events::Envelope;
use events::market::CurtailmentChanged;

use super::logs::SettledFact;
use crate::Billing;
use crate::db::{self, curtailments};
use crate::domain::bill::Curtailed;
use crate::domain::curtailment::{Told, since};

impl Billing {
    /// Slots of a zone are curtailed, or are not any more: their trades are computed again.
    pub(crate) async fn curtailment_changed(
        &self,
        envelope: &Envelope,
        event: CurtailmentChanged,
    ) -> Result<()> {
        let CurtailmentChanged { community, zone, from, to, curtailed, .. } = event;
        let (id, told) = (envelope.id, Told { from, to, curtailed, at: envelope.occurred_at });
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    if db::first_time(tx, id).await? {
                        curtailments::put(tx, (community, zone), told).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    /// Those of a slot's trades that the grid could not carry, by what is known now.
    pub(super) async fn curtailed_trades(
        &self,
        slot: Slot,
        settled: &[SettledFact],
    ) -> Result<BTreeSet<B256>> {
        let policies: BTreeMap<B256, Policy> = {
            let state = self.state.lock().await;
            let named: BTreeSet<B256> = settled.iter().map(|fact| fact.policy).collect();
            let known =
                named.into_iter().filter_map(|id| Some((id, state.policies.get(&id)?.clone())));
            known.collect()
        };
        let mut curtailed = BTreeSet::new();
        for (id, policy) in policies {
            let place = (policy.community, policy.zone);
            let told = curtailments::of_span(&self.db, place, (slot.start, slot.end())).await?;
            if since(&told, slot.start, Timestamp::from_seconds(i64::MAX)).is_some() {
                let of_it = settled.iter().filter(|fact| fact.policy == id);
                curtailed.extend(of_it.map(|fact| fact.trade));
            }
        }
        Ok(curtailed)
    }

    /// The slots of `within` that were curtailed in the zone of one of these policies when their
    /// corrections ended.
    pub(super) async fn curtailed_slots(
        &self,
        policies: &[Policy],
        within: Range<Timestamp>,
    ) -> Result<Vec<Curtailed>> {
        let mut slots: BTreeMap<Timestamp, Timestamp> = BTreeMap::new();
        for policy in policies {
            let place = (policy.community, policy.zone);
            let span = (within.start, within.end);
            let told = curtailments::of_span(&self.db, place, span).await?;
            if told.is_empty() {
                continue;
            }
            for slot in Slot::within(within.start, within.end, self.slot) {
                let closes = slot.end().plus_seconds(i64::from(policy.correction_seconds));
                if let Some(told) = since(&told, slot.start, closes) {
                    let first = slots.entry(slot.start).or_insert(told);
                    *first = told.min(*first);
                }
            }
        }
        Ok(slots.into_iter().map(|(slot, told)| Curtailed { slot, told }).collect())
    }
}
