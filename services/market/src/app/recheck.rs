//! Each clearing is computed anew from its journal, by every process that has the market: the one
//! that wrote it, and those that stand by. Where one of them comes to another result the zone is
//! stopped.
//!
//! ```text
//! slot cleared -> journal, as anybody gets it -> recompute() -> the same: seen
//!                                                   | differs
//!                                   leading         v          standing by
//!                     a stop in the same journal <-----> market.clearing.disputed.v1 -> the leader
//! ```
//!
//! Slots that were cleared before the process started are not looked at: its configuration may be
//! another one than theirs. Deliberately absent: what the chain was told, which whoever recomputes
//! with `wattex recompute` compares with it, and slots without orders.

use std::collections::BTreeSet;
use std::sync::Arc;

use alloy_primitives::{Address, B256};
use anyhow::{Context, Result};
use calendar::Timestamp;
use contracts::Clearing;
use db::Db;
use events::Envelope;
use events::market::ClearingDisputed;
use ids::EventId;
use tokio::sync::Mutex;

use super::Desk;
use super::standing::Standing;
use crate::chain;
use crate::domain::{ClearedSlot, SlotJournal, recompute};

/// Slots whose journals are taken from the book at a time.
const SLOTS_MAX: usize = 8;
/// How often that is done in a tick: a day of quarter hours of each market.
const ROUNDS_MAX: usize = 12;

/// Looks at the clearings of one market.
pub(crate) struct Rechecker {
    desk: Arc<Desk>,
    db: Db,
    /// The chain that orders are signed for, and the contract.
    chain: (u64, Address),
    seen: Mutex<Seen>,
}

/// By the start of their slot.
struct Seen {
    checked: BTreeSet<Timestamp>,
    differing: BTreeSet<Timestamp>,
    /// How many were computed.
    computed: u64,
}

/// A slot that was cleared: its journal, what is posted of it, and by which name the market knows
/// its clearing.
struct Due {
    slot: Timestamp,
    journal: SlotJournal,
    posted: Clearing,
    named: B256,
}

impl Rechecker {
    /// What is cleared from now on will be looked at.
    pub(crate) async fn new(desk: Arc<Desk>, db: Db, chain: (u64, Address)) -> Rechecker {
        let checked = {
            let book = desk.book().await;
            let cleared = book.slots().filter(|(_, of)| of.cleared.is_some());
            cleared.map(|(slot, _)| slot).collect()
        };
        let seen = Mutex::new(Seen { checked, differing: BTreeSet::new(), computed: 0 });
        Rechecker { desk, db, chain, seen }
    }

    /// How many clearings were computed since the start.
    pub(crate) async fn computed(&self) -> u64 {
        self.seen.lock().await.computed
    }

    /// Computes what was cleared since the last look, as far as one tick goes; whether there was
    /// something. A look that fails holds nothing else up, and is repeated.
    pub(crate) async fn checked(&self, now: Timestamp) -> bool {
        self.check(now).await.unwrap_or_else(|error| {
            let (market, error) = (self.desk.name(), format!("{error:#}"));
            tracing::error!(market, error, "clearings were not looked at");
            false
        })
    }

    async fn check(&self, now: Timestamp) -> Result<bool> {
        let standing = self.desk.report().standing;
        if matches!(standing, Standing::Damaged(_)) {
            return Ok(false);
        }
        let mut seen = self.seen.lock().await;
        let mut any = false;
        for _ in 0..ROUNDS_MAX {
            let due = self.due(&mut seen).await;
            if due.is_empty() {
                break;
            }
            any = true;
            for slot in due {
                self.compute(&mut seen, slot, now).await?;
            }
        }
        Ok(any)
    }

    async fn compute(&self, seen: &mut Seen, due: Due, now: Timestamp) -> Result<()> {
        let Due { slot, journal, posted, named } = due;
        let posts = posted.id();
        let computing = tokio::task::spawn_blocking(move || recompute(&journal, &posted).err());
        let differs = computing.await.context("computing a clearing anew")?;
        let other = || format!("it is {posts} here, and was posted as {named}");
        let differs = differs.map(|difference| difference.to_string());
        if let Some(difference) = differs.or_else(|| (posts != named).then(other)) {
            seen.differing.insert(slot);
            let count = u32::try_from(seen.differing.len()).unwrap_or(u32::MAX);
            self.tell((slot, named), (count, difference), now).await?;
        }
        seen.checked.insert(slot);
        seen.computed += 1;
        Ok(())
    }

    /// Journals of slots that were not looked at, oldest first.
    async fn due(&self, seen: &mut Seen) -> Vec<Due> {
        let (book, parameters) = (self.desk.book().await, self.desk.parameters());
        if let Some((first, _)) = book.slots().next() {
            seen.checked = seen.checked.split_off(&first);
            seen.differing = seen.differing.split_off(&first);
        }
        let cleared = book.slots().filter(|(_, of)| !of.orders.is_empty());
        let cleared = cleared.filter_map(|(slot, of)| Some((slot, of.cleared.as_ref()?)));
        let new = cleared.filter(|(slot, _)| !seen.checked.contains(slot));
        let journal = |(slot, cleared): (Timestamp, &ClearedSlot)| {
            let journal = book.published(cleared, parameters, self.chain);
            let posted = chain::clearing(cleared, parameters);
            Due { slot, journal, posted, named: cleared.clearing }
        };
        new.take(SLOTS_MAX).map(journal).collect()
    }

    async fn tell(
        &self,
        (slot, clearing): (Timestamp, B256),
        (count, difference): (u32, String),
        now: Timestamp,
    ) -> Result<()> {
        let (market, parameters) = (self.desk.name(), self.desk.parameters());
        tracing::error!(market, %slot, %clearing, difference, "a clearing comes out otherwise");
        if self.desk.leads() {
            let entry = {
                let book = self.desk.book().await;
                let trip = book.differing_clearing(slot, (count, &difference), now);
                trip.and_then(|trip| book.stopped_by(trip, now))
            };
            let event = EventId::derived(&format!("{market}/differs/{clearing}"));
            return self.desk.facts(event, entry.into_iter().collect()).await;
        }
        let (community, zone) = (parameters.community, parameters.zone);
        let event = ClearingDisputed { community, zone, slot, clearing, count, difference };
        let envelope = Envelope::of(&event, &clearing.to_string(), now);
        let telling = self.db.transact::<(), anyhow::Error, _>(move |tx| {
            Box::pin(async move { Ok(bus::append(tx, &envelope).await?) })
        });
        telling.await.context("telling that a clearing comes out otherwise")
    }
}
