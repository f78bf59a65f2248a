//! Each day of a community is held together once: meters, contract, journal and invoices.
//!
//! The record of a UTC day is made two days later, when the morning's run has judged its readings.
//! What does not add up is looked at twice, since something can be posted meanwhile, and told to
//! staff; what must always hold is told to all by the look at the books ([`super::watch`]).

use std::collections::BTreeSet;

use anyhow::Result;
use calendar::{LocalDay, Slot, TimeZone, Timestamp};
use ids::CommunityId;
use units::Money;

use super::audit::Audit;
use super::checked::TOLD_MAX;
use crate::Billing;
use crate::db::{daily, energy, journal, members};
use crate::domain::daily::DayRecord;
use crate::domain::journal::{Account, Book, Violation, energy_posted};

/// How many days after it a day is recorded.
const AFTER_DAYS: i32 = 2;
/// Days that are made up for after a pause, at most.
const MISSED_MAX: i32 = 7;

impl Billing {
    /// Records the days of all communities that are due on `today`; whether there were any.
    pub(super) async fn keep_days(&self, today: LocalDay, now: Timestamp) -> Result<bool> {
        let due = today.later(-AFTER_DAYS);
        let mut any = false;
        for community in members::communities(&self.db).await? {
            let last = daily::last(&self.db, community).await?;
            let next = last.map_or(due, |last| last.next().max(due.later(1 - MISSED_MAX)));
            for day in (next.number()..=due.number()).map(LocalDay::from_number) {
                self.keep_day(community, day, now).await?;
                any = true;
            }
        }
        Ok(any)
    }

    async fn keep_day(&self, community: CommunityId, day: LocalDay, now: Timestamp) -> Result<()> {
        let (mut record, mut halting) = self.day_of(community, day).await?;
        if !record.in_order {
            let first: BTreeSet<String> = record.violations.into_iter().collect();
            (record, halting) = self.day_of(community, day).await?;
            record.violations.retain(|one| first.contains(one));
            record.in_order = record.violations.is_empty();
        }
        // What stops trading is told to all by the look at the books.
        let asked = record.violations.iter().filter(|one| !halting.contains(*one));
        let asked: Vec<String> = asked.take(TOLD_MAX).cloned().collect();
        if !asked.is_empty() {
            self.tell_questioned(community, asked, &day.to_string(), now).await?;
        }
        self.db
            .transact(move |tx| {
                Box::pin(async move { daily::put(tx, community, &record, now).await })
            })
            .await
    }

    /// A day as it is known now, and those of its violations that halt.
    async fn day_of(
        &self,
        community: CommunityId,
        day: LocalDay,
    ) -> Result<(DayRecord, BTreeSet<String>)> {
        let audit = self.audit(community, false).await?;
        let mut record = DayRecord::new(day);
        let utc = TimeZone::utc();
        let slots: Vec<Slot> = utc.slots_of(day, self.slot).collect();
        for slot in slots {
            self.add_slot(&mut record, community, slot.start, &audit.book).await?;
        }
        record.invoices = audit.invoices;
        record.invoices_open = audit.invoices_unposted.saturating_add(audit.invoices_correcting);
        record.invoiced = shown(audit.invoiced);
        record.invoiced_posted = shown(audit.invoiced_posted);
        let first = (self.currencies.ids().next(), &audit.book);
        let further = audit.further.iter().map(|of| (Some(of.currency), &of.book));
        for (currency, book) in std::iter::once(first).chain(further) {
            let held = book.balance(&Account::Suspense);
            if let (Some(currency), true) = (currency, held != 0) {
                record.suspense.insert(self.currencies.code(currency).to_owned(), shown(held));
            }
        }
        let mut found = violations(&audit);
        found.extend(self.certified_beyond(&audit.book).await?);
        let halting = found.iter().filter(|one| one.halts()).map(ToString::to_string).collect();
        record.violations = found.iter().map(ToString::to_string).collect();
        record.violations.extend(record.questions());
        record.in_order = record.violations.is_empty();
        Ok((record, halting))
    }

    async fn add_slot(
        &self,
        record: &mut DayRecord,
        community: CommunityId,
        slot: Timestamp,
        book: &Book,
    ) -> Result<()> {
        let metered = energy::metered(&self.db, community, slot).await?;
        let runs = daily::last_runs(&self.db, community, slot).await?;
        record.add_runs(&runs, book);
        if metered.is_empty() {
            return Ok(());
        }
        let entries = journal::of_slot(&self.db, slot, book.head().1).await?;
        let waiting = daily::kept_apart(&self.db, community, slot).await?;
        let posted = energy_posted(slot, &entries);
        record.add_slot(&metered, &posted, &waiting.into_iter().collect());
        Ok(())
    }
}

/// Of all currencies.
fn violations(audit: &Audit) -> Vec<Violation> {
    let further = audit.further.iter().flat_map(|of| &of.violations);
    audit.violations.iter().chain(further).cloned().collect()
}

/// 1e-9 currency in major units.
fn shown(n: i128) -> String {
    i64::try_from(n).map_or_else(|_| format!("{n} n"), |n| Money::from_n(n).to_string())
}
