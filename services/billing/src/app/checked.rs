//! What postings broke is told as soon as their block or message is over.
//!
//! ```text
//! posted and committed ── check_touched ──┬─ I1 to I8 ──> billing.books.violated.v1: trading stops
//!                                         └─ the others ─> billing.books.questioned.v1: for staff
//! ```
//!
//! What was posted stays, whatever is found: the books say what happened, and a chain cannot be
//! refused. A process that ends between commit and telling tells I1 to I8 at its daily look.

use std::sync::atomic::Ordering;

use anyhow::{Context, Result};
use calendar::Timestamp;
use events::Envelope;
use events::billing::{BooksQuestioned, BooksViolated};
use ids::CommunityId;

use super::state::State;
use crate::Billing;
use crate::db::members;
use crate::domain::journal::Violation;

/// The most violations that one event tells.
pub(super) const TOLD_MAX: usize = 20;

impl Billing {
    /// Looks at what was touched in the books and tells what does not hold.
    pub(super) async fn tell_touched(&self, state: &mut State) {
        let found = state.check_touched();
        if found.is_empty() {
            return;
        }
        let count = u64::try_from(found.len()).unwrap_or(u64::MAX);
        self.violations_posted.fetch_add(count, Ordering::Relaxed);
        let entries = state.entries();
        // Places of entries and numbers of days are told apart.
        let cause = format!("entry/{entries}");
        if let Err(error) = self.tell_found(&found, (&cause, entries), self.now()).await {
            tracing::error!(
                error = format!("{error:#}"),
                ?found,
                "what postings broke is not told"
            );
        }
    }

    async fn tell_found(
        &self,
        found: &[Violation],
        (cause, entries): (&str, u64),
        now: Timestamp,
    ) -> Result<()> {
        let told = |halts: bool| {
            let which = found.iter().filter(|one| one.halts() == halts);
            which.take(TOLD_MAX).map(ToString::to_string).collect::<Vec<String>>()
        };
        let (violations, questions) = (told(true), told(false));
        if !violations.is_empty() {
            self.tell_violated(violations, (cause, entries), now).await?;
        }
        if !questions.is_empty() {
            // The books are of all communities.
            for community in members::communities(&self.db).await? {
                self.tell_questioned(community, questions.clone(), cause, now).await?;
            }
        }
        Ok(())
    }

    /// Tells all that rules do not hold which must always hold.
    pub(super) async fn tell_violated(
        &self,
        violations: Vec<String>,
        (cause, entries): (&str, u64),
        now: Timestamp,
    ) -> Result<()> {
        tracing::error!(?violations, "the books are not in order");
        let envelope = Envelope::of(&BooksViolated { violations, entries }, cause, now);
        self.tell(envelope).await
    }

    /// Tells the staff of a community what they should look into.
    pub(super) async fn tell_questioned(
        &self,
        community: CommunityId,
        violations: Vec<String>,
        cause: &str,
        now: Timestamp,
    ) -> Result<()> {
        tracing::warn!(%community, ?violations, "something in the books is for staff to look into");
        let cause = format!("{community}/{cause}");
        self.tell(Envelope::of(&BooksQuestioned { community, violations }, &cause, now)).await
    }

    async fn tell(&self, envelope: Envelope) -> Result<()> {
        let telling = self.db.transact::<(), anyhow::Error, _>(move |tx| {
            Box::pin(async move { Ok(bus::append(tx, &envelope).await?) })
        });
        telling.await.context("telling what was found in the books")
    }
}
