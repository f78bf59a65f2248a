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
//! at the second one. Deliberately absent: what follows from it (the market's own figures say), and
//! rules about documents, which the audit tells staff.

use anyhow::{Context, Result};
use calendar::Timestamp;
use events::Envelope;
use events::billing::BooksViolated;

use crate::Billing;
use crate::domain::journal::{Verified, Violation};

/// Seconds of a day.
const DAY: i64 = 86_400;
/// The most violations that are told; each is the first of its rule, in a currency.
const TOLD_MAX: usize = 20;

impl Billing {
    /// Looks at the books, once a UTC day; whether there was something to tell.
    pub(crate) async fn watch_books(&self, now: Timestamp) -> Result<bool> {
        let day = now.seconds().div_euclid(DAY);
        let mut watched = self.watched.lock().await;
        if watched.is_some_and(|last| day <= last) {
            return Ok(false);
        }
        // A journal that cannot be read is not tried again at each tick.
        *watched = Some(day);
        let mut found = self.broken_rules().await?.0;
        let mut entries = 0;
        if !found.is_empty() {
            let (again, seen) = self.broken_rules().await?;
            found.retain(|one| again.contains(one));
            entries = seen;
        }
        found.truncate(TOLD_MAX);
        let any = !found.is_empty();
        if any {
            let violations: Vec<String> = found.iter().map(ToString::to_string).collect();
            tracing::error!(?violations, "the books are not in order");
            let event = BooksViolated { violations, entries };
            let envelope = Envelope::of(&event, &day.to_string(), now);
            let telling = self.db.transact::<(), anyhow::Error, _>(move |tx| {
                Box::pin(async move { Ok(bus::append(tx, &envelope).await?) })
            });
            if let Err(error) = telling.await {
                *watched = None;
                return Err(error).context("telling that the books are not in order");
            }
        }
        Ok(any)
    }

    /// Those of I1 to I8 that do not hold, in each currency, and how many entries there are.
    async fn broken_rules(&self) -> Result<(Vec<Violation>, u64)> {
        let mut audited = self.audited.lock().await;
        let (books, head) = {
            let state = self.state.lock().await;
            let books = self.currencies.ids().map(|id| (id, state.book_of(id).clone()));
            (books.collect::<Vec<_>>(), state.head)
        };
        let (mut found, mut entries) = (Vec::new(), 0);
        for (currency, book) in books {
            let end = book.head().1;
            let from: Verified = std::mem::take(&mut audited[currency.place()]);
            // Energy is in the first journal. What was followed since the start was put away
            // without a look at it.
            if currency.place() == 0 && from.entries() == 0 {
                found.extend(self.unsound_slot(&book).await?);
            }
            let (of, verified) = self.audit_currency(currency, book, (from, head)).await?;
            audited[currency.place()] = verified;
            found.extend(of.violations);
            entries += end;
        }
        found.retain(Violation::halts);
        Ok((found, entries))
    }
}
