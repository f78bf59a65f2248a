//! The books are looked at once a day: where a rule that must always hold does not, all hear of it.
//!
//! ```text
//! tick, a new UTC day --I1 to I8--> nothing
//!                        | some do not hold: a second look, at once
//!                        v
//!                      those that were found twice --> billing.books.violated.v1, once a day
//! ```
//!
//! Two looks, because trading stops for it: what differed only while something was posted is gone
//! at the second one; a rule counts as the same in one currency, whatever its figures are. A look
//! that fails is repeated after [`RETRY_SECONDS`]. What does not halt, such as an invoice that
//! differs from its postings or money in suspense, is told to staff with the day's record
//! ([`super::daily`]). Deliberately absent: what follows from it (the market's own figures say).

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use anyhow::Result;
use calendar::{LocalDay, Timestamp};

use super::checked::TOLD_MAX;
use crate::Billing;
use crate::currencies::CurrencyId;
use crate::domain::journal::{Verified, Violation};

/// Seconds of a day.
const DAY: i64 = 86_400;
/// After how many seconds a look that failed is repeated: it may read the whole journal.
const RETRY_SECONDS: i64 = 600;
/// The first violation of each rule, in a currency.
type Broken = BTreeMap<(CurrencyId, &'static str), Violation>;

impl Billing {
    /// Looks at the books, once a UTC day; whether there was something to tell.
    pub(crate) async fn watch_books(&self, now: Timestamp) -> Result<bool> {
        let mut due = self.watched.lock().await;
        if due.is_some_and(|due| now < due) {
            return Ok(false);
        }
        *due = Some(now.plus_seconds(RETRY_SECONDS));
        let day = now.seconds().div_euclid(DAY);
        let told = self.look_at_books(day, now).await?;
        let today = LocalDay::from_number(u32::try_from(day)?);
        let kept = self.keep_days(today, now).await?;
        let any = told || kept;
        *due = Some(Timestamp::from_seconds((day + 1) * DAY));
        Ok(any)
    }

    async fn look_at_books(&self, day: i64, now: Timestamp) -> Result<bool> {
        let (first, _) = self.broken_rules().await?;
        if first.is_empty() {
            return Ok(false);
        }
        let (mut found, entries) = self.broken_rules().await?;
        found.retain(|rule, _| first.contains_key(rule));
        let violations: Vec<String> =
            found.values().take(TOLD_MAX).map(ToString::to_string).collect();
        if violations.is_empty() {
            return Ok(false);
        }
        self.tell_violated(violations, (&day.to_string(), entries), now).await?;
        Ok(true)
    }

    /// Those of I1 to I8 that do not hold, in each currency, and how many entries there are.
    async fn broken_rules(&self) -> Result<(Broken, u64)> {
        let mut audited = self.audited.lock().await;
        let (books, head) = {
            let state = self.state.lock().await;
            let books = self.currencies.ids().map(|id| (id, state.book_of(id).clone()));
            (books.collect::<Vec<_>>(), state.head)
        };
        let (mut found, mut entries) = (Broken::new(), 0);
        for (currency, book) in books {
            let end = book.head().1;
            let from: Verified = std::mem::take(&mut audited[currency.place()]);
            // Energy is in the first journal. Slots that do not add up are looked at again.
            let mut broken = Vec::new();
            if currency.place() == 0 && !self.slots_sound.load(Ordering::Relaxed) {
                let unsound = self.unsound_slot(&book).await?;
                self.slots_sound.store(unsound.is_none(), Ordering::Relaxed);
                broken.extend(unsound);
            }
            let (of, verified) = self.audit_currency(currency, book, (from, head)).await?;
            audited[currency.place()] = verified;
            broken.extend(of.violations);
            for one in broken.into_iter().filter(Violation::halts) {
                found.entry((currency, one.rule())).or_insert(one);
            }
            entries += end;
        }
        Ok((found, entries))
    }
}
