//! Readings that came before it was known whose they are: a next key's, before the event that tells
//! of it. They were kept apart for their signature, and are judged again.

use alloy_primitives::Address;
use anyhow::{Context, Result};
use calendar::Timestamp;
use db::{Db, DbError};
use ids::MeterId;
use reading::Reason;

use super::accept::Intake;
use super::heard::{Said, hear_all};
use crate::db::{quarantine, readings};
use crate::writer::Message;

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
    let (mut after, mut accepted) = (0, 0);
    for _ in 0..MESSAGES_MAX / TOGETHER_MAX {
        let code = Reason::Signature.code();
        let kept = quarantine::of_meter(db, meter, code, after, TOGETHER_MAX).await;
        let kept = kept.context("messages that were kept apart")?;
        let Some((last, _)) = kept.last() else { break };
        after = *last;
        let (places, messages): (Vec<_>, Vec<_>) = kept
            .into_iter()
            .map(|(place, bytes)| (place, Message { meter, bytes: bytes.into() }))
            .unzip();
        // One reading is one message here: what was kept apart was kept reading by reading.
        let heard = hear_all(messages).await?;
        let mut its = Vec::new();
        for (place, heard) in places.into_iter().zip(heard) {
            match &heard.said {
                Said::Reading(signed, Some(by)) if *by == key => {
                    its.push((place, signed.reading, heard));
                }
                _ => {}
            }
        }
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
