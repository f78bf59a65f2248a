//! Erasing what a meter said: registers, signatures, salts and what was made of them.
//!
//! ```text
//! order: from now on nothing before that midnight is kept   (one transaction)
//! day by day: leaves of slots -> erased_leaf; readings, intervals, salt -> gone
//! ```
//!
//! What was handed to the chain stays provable for everybody else: a leaf is a hash over a salt,
//! and without the salt it says nothing of what was measured. Leaves of slots are made from the
//! readings, so they are kept when these go; leaves of days are kept from the start.
//! Deliberately absent: what other services hold. A bill keeps the readings that it rests on for as
//! long as the law wants bills kept.

use anyhow::{Context, Result};
use bus::SENT_KEPT_SECONDS;
use calendar::{LocalDay, SlotLength, TimeZone, Timestamp};
use db::Db;
use ids::MeterId;

use super::accept::Intake;
use crate::db::erasures::{self, Erasure, Open, RETENTION};
use crate::db::meters::{self, Meter};

/// How many days have to be over before a day may be erased: windows of correction and challenge
/// are, and events that carried its readings have left the outbox.
pub(crate) const DAYS_KEPT_MIN: u16 = 92;
const _: () = assert!(DAYS_KEPT_MIN as i64 * 86_400 > SENT_KEPT_SECONDS);

/// Meters of which one round erases what is due.
const METERS_PER_ROUND: i64 = 16;
/// A day in seconds, and a little more: days of 25 hours.
const LONG_DAY_SECONDS: i64 = 90_000;

/// Why something is not erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Less than [`DAYS_KEPT_MIN`] days ago.
    TooRecent,
    /// Some of it is in no root yet: nothing could be proved of it.
    Unanchored,
}

/// Erases what `meter` said before the local day `before`; returns how many readings are gone by
/// this call. Repeating it changes nothing, and goes on where it was cut short.
pub(crate) async fn erase(
    db: &Db,
    (intake, length): (&Intake, SlotLength),
    meter: &Meter,
    before: LocalDay,
    by: &str,
    now: Timestamp,
) -> Result<Result<u64, Refusal>> {
    let zone = meters::timezone(db, meter.community).await?.context("a community without zone")?;
    let (id, until) = (meter.id, zone.start_of(before));
    if until.seconds() > now.seconds() - i64::from(DAYS_KEPT_MIN) * LONG_DAY_SECONDS {
        return Ok(Err(Refusal::TooRecent));
    }
    let order = Erasure { before, at: now, by: by.to_owned(), readings: 0 };
    let ordered = db.transact::<_, anyhow::Error, _>(move |tx| {
        Box::pin(async move {
            if erasures::unanchored(tx, id, before, until).await? {
                return Ok(false);
            }
            erasures::order(tx, id, &order, until).await?;
            Ok(true)
        })
    });
    if !ordered.await.context("ordering an erasure")? {
        return Ok(Err(Refusal::Unanchored));
    }
    let erased = erase_days(db, meter, &zone, length, before).await?;
    intake.forget().await;
    Ok(Ok(erased))
}

async fn erase_days(
    db: &Db,
    meter: &Meter,
    zone: &TimeZone,
    length: SlotLength,
    before: LocalDay,
) -> Result<u64> {
    let (of, mut erased) = ((meter.id, meter.community), 0);
    while let Some((day, salt)) = erasures::first_day(db, meter.id, before).await? {
        let span = (zone.start_of(day), zone.start_of(day.next()));
        let gone = db.transact(move |tx| {
            Box::pin(async move { erasures::erase_day(tx, of, (day, salt), span, length).await })
        });
        erased += gone.await.context("erasing a day")?;
    }
    let (id, until) = (meter.id, zone.start_of(before));
    db.transact(move |tx| Box::pin(async move { erasures::erase_rest(tx, id, until).await }))
        .await
        .context("erasing what is left")?;
    Ok(erased)
}

/// Erases what was ordered and cut short, and, where days are kept for so long only, what is older;
/// returns whether there was something.
pub(crate) async fn erase_due(
    db: &Db,
    (intake, length): (&Intake, SlotLength),
    days_kept: Option<u16>,
    now: Timestamp,
) -> Result<bool> {
    let mut due: Vec<(MeterId, LocalDay)> = Vec::new();
    let open =
        erasures::open(db, METERS_PER_ROUND).await.context("erasures that were cut short")?;
    due.extend(open.into_iter().map(|Open { meter, before }| (meter, before)));
    if let Some(days) = days_kept {
        let before = TimeZone::utc().day_of(now.plus_seconds(-i64::from(days) * LONG_DAY_SECONDS));
        let older = erasures::older(db, before, METERS_PER_ROUND).await.context("old readings")?;
        due.extend(older.into_iter().map(|meter| (meter, before)));
    }
    let mut worked = false;
    for (meter, before) in due {
        let Some(meter) = meters::find(db, meter).await? else { continue };
        match erase(db, (intake, length), &meter, before, RETENTION, now).await? {
            Ok(_) => worked = true,
            Err(refusal) => {
                let meter = meter.id;
                tracing::warn!(%meter, %before, ?refusal, "old readings are not erased");
            }
        }
    }
    Ok(worked)
}
