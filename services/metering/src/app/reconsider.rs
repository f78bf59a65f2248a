//! Readings that came before it was known whose they are: a next key's, before the event that tells
//! of it. They were kept apart for their signature, and are judged again.

use alloy_primitives::Address;
use anyhow::{Context, Result};
use calendar::Timestamp;
use db::{Db, DbError};
use ids::MeterId;
use reading::{Reason, SignedReading};

use super::accept::Intake;
use super::heard::{Heard, Said};
use crate::db::{quarantine, readings};

/// Messages that are judged again together.
const TOGETHER_MAX: u32 = 500;
/// The most messages of a meter that are looked at: more than a day's at one a minute.
const MESSAGES_MAX: u32 = 2000;

/// Judges what `meter` said again where `key` has signed it; says how many readings count now.
/// Doing it again changes nothing.
///
/// # Errors
/// When the database fails; what was taken in until then stays.
pub(crate) async fn reconsider(
    db: &Db,
    intake: &Intake,
    (meter, key): (MeterId, Address),
    now: Timestamp,
) -> Result<u64> {
    // The newest first: those are missed.
    let (mut before, mut accepted) = (i64::MAX, 0);
    for _ in 0..MESSAGES_MAX / TOGETHER_MAX {
        let code = Reason::Signature.code();
        let kept = quarantine::of_meter(db, meter, code, before, TOGETHER_MAX).await;
        let kept = kept.context("messages that were kept apart")?;
        let Some((last, _)) = kept.last() else { break };
        before = *last;
        // What was kept apart was kept reading by reading, each with its place if it has one.
        let its = move || -> Vec<_> {
            let of_key = |(place, bytes): (i64, Vec<u8>)| {
                let signed = SignedReading::decode(&bytes).ok()?;
                let its = signed.reading.meter == meter && signed.signer() == Some(key);
                let said = Said::Reading(signed, Some(key));
                its.then_some((place, signed.reading, Heard { meter, said }))
            };
            kept.into_iter().filter_map(of_key).collect()
        };
        let mut its = tokio::task::spawn_blocking(its).await.context("looking at signatures")?;
        its.sort_unstable_by_key(|(_, reading, _)| reading.page);
        let (known, heard): (Vec<_>, Vec<_>) =
            its.into_iter().map(|(place, reading, heard)| ((place, reading), heard)).unzip();
        accepted += intake.accept(heard, now).await?.accepted;
        // What counts now, and not what was kept apart once more, for whatever reason.
        db.transact::<_, DbError, _>(move |tx| {
            Box::pin(async move {
                let pages: Vec<_> =
                    known.iter().map(|(_, reading)| (meter, reading.page)).collect();
                let stored = readings::of_pages(tx, &pages).await?;
                let believed = known.iter().filter(|(_, reading)| stored.contains(reading));
                let places: Vec<i64> = believed.map(|(place, _)| *place).collect();
                quarantine::remove(tx, &places).await
            })
        })
        .await
        .context("forgetting what is believed now")?;
    }
    Ok(accepted)
}
