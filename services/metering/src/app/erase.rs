//! Erasing what a meter said: registers, signatures, salts and what was made of them.
//!
//! ```text
//! order: from now on nothing up to that midnight is kept    (one transaction)
//! intervals, findings, messages that were not believed -> gone
//! day by day: leaves of slots -> erased_leaf; readings, salt -> gone
//! ```
//!
//! What was handed to the chain stays provable for everybody else: a leaf is a hash over a salt,
//! and without the salt it says nothing of what was measured. Leaves of slots are made from the
//! readings, so they are kept when these go; leaves of days are kept from the start. The day of the
//! last reading of a meter stays as long as it is enrolled: the next one is held against it.
//! Deliberately absent: what other services hold. A bill keeps the readings that it rests on for as
//! long as the law wants bills kept.

use anyhow::{Context, Result};
use bus::SENT_KEPT_SECONDS;
use calendar::{LocalDay, SlotLength, TimeZone, Timestamp};
use db::Db;

use super::accept::Intake;
use crate::db::erasures::{self, Erasure, RETENTION};
use crate::db::meters::{self, Meter};
use crate::db::{mark, readings};

/// How many days have to be over before a day may be erased: windows of correction and challenge
/// are, and events that carried its readings have left the outbox.
pub(crate) const DAYS_KEPT_MIN: u16 = 92;
const _: () = assert!((DAYS_KEPT_MIN as i64 - 1) * 86_400 > SENT_KEPT_SECONDS);

/// Meters that one round looks at, and days that it erases.
const METERS_PER_ROUND: i64 = 64;
const DAYS_PER_ROUND: u32 = 64;

/// Why something is not erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Less than [`DAYS_KEPT_MIN`] days ago.
    TooRecent,
    /// Some of it is in no root yet: nothing could be proved of it.
    Unanchored,
}

/// What erases, and how much at once.
pub(crate) struct Eraser<'a> {
    db: &'a Db,
    intake: &'a Intake,
    length: SlotLength,
    now: Timestamp,
    /// Days that may still be erased.
    days: u32,
}

impl<'a> Eraser<'a> {
    /// One that erases all that is asked for.
    pub(crate) fn new(
        db: &'a Db,
        intake: &'a Intake,
        length: SlotLength,
        now: Timestamp,
    ) -> Eraser<'a> {
        Eraser { db, intake, length, now, days: u32::MAX }
    }

    /// Erases what `meter` said before the local day `before`. Repeating it changes nothing, and
    /// goes on where it was cut short.
    pub(crate) async fn erase(
        &mut self,
        meter: &Meter,
        before: LocalDay,
        by: &str,
    ) -> Result<Result<(), Refusal>> {
        let zone = self.zone(meter).await?;
        if before > zone.day_of(self.now).later(-i32::from(DAYS_KEPT_MIN)) {
            return Ok(Err(Refusal::TooRecent));
        }
        let before = match self.last_day(meter, &zone).await? {
            Some(last) => before.min(last),
            None => before,
        };
        let (id, until) = (meter.id, zone.start_of(before));
        let order = Erasure { before, at: self.now, by: by.to_owned(), readings: 0 };
        let ordered = self.db.transact::<_, anyhow::Error, _>(move |tx| {
            Box::pin(async move {
                if erasures::unanchored(tx, id, before, until).await? {
                    return Ok(false);
                }
                erasures::order(tx, id, &order, until).await?;
                erasures::erase_rest(tx, id, before, until).await?;
                mark::meters_changed(tx).await?;
                Ok(true)
            })
        });
        if !ordered.await.context("ordering an erasure")? {
            return Ok(Err(Refusal::Unanchored));
        }
        self.intake.forget().await;
        self.erase_days(meter, &zone, before).await?;
        Ok(Ok(()))
    }

    async fn zone(&self, meter: &Meter) -> Result<TimeZone> {
        let zone = meters::timezone(self.db, meter.community).await?;
        zone.context("a community without zone")
    }

    /// The day of the last reading of a meter that may say more.
    async fn last_day(&self, meter: &Meter, zone: &TimeZone) -> Result<Option<LocalDay>> {
        if meter.revoked_at.is_some() {
            return Ok(None);
        }
        let last = readings::last(self.db, meter.id).await?;
        Ok(last.map(|last| zone.day_of(last.reading().time)))
    }

    /// Erases days of `meter` before `before`, as many as may be.
    async fn erase_days(&mut self, meter: &Meter, zone: &TimeZone, before: LocalDay) -> Result<()> {
        let (of, length) = ((meter.id, meter.community), self.length);
        while self.days > 0
            && let Some((day, salt)) = erasures::first_day(self.db, meter.id, before).await?
        {
            let span = (zone.start_of(day), zone.start_of(day.next()));
            let gone = self.db.transact(move |tx| {
                Box::pin(
                    async move { erasures::erase_day(tx, of, (day, salt), span, length).await },
                )
            });
            gone.await.context("erasing a day")?;
            self.days -= 1;
        }
        Ok(())
    }

    /// Goes on with orders that were cut short, and, where days are kept for so long only, erases
    /// what is older; returns whether there is more to do.
    pub(crate) async fn erase_due(&mut self, days_kept: Option<u16>) -> Result<bool> {
        self.days = DAYS_PER_ROUND;
        for (id, before) in erasures::open(self.db, METERS_PER_ROUND).await? {
            let Some(meter) = meters::find(self.db, id).await? else { continue };
            let zone = self.zone(&meter).await?;
            self.erase_days(&meter, &zone, before).await?;
        }
        let Some(kept) = days_kept else { return Ok(self.days == 0) };
        let day = TimeZone::utc().day_of(self.now);
        let unseen = erasures::unseen(self.db, day, METERS_PER_ROUND).await?;
        for id in &unseen {
            if self.days == 0 {
                break;
            }
            if let Some(meter) = meters::find(self.db, *id).await? {
                let before = self.zone(&meter).await?.day_of(self.now).later(-i32::from(kept));
                if let Err(refusal) = self.erase(&meter, before, RETENTION).await? {
                    tracing::warn!(meter = %id, %before, ?refusal, "old readings are not erased");
                }
            }
            let id = *id;
            self.db
                .transact(move |tx| Box::pin(async move { erasures::see(tx, id, day).await }))
                .await?;
        }
        Ok(self.days == 0 || !unseen.is_empty())
    }
}
