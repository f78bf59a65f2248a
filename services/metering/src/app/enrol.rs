//! What identity tells of connection points and meters.

use anyhow::{Context, Result};
use calendar::SlotLength;
use db::Db;
use events::Envelope;
use events::identity::{ConnectionPointRegistered, MeterEnrolled, MeterRevoked};
use ids::MeterId;

use crate::db::meters;
use crate::domain::closing::first_whole_slot;

/// The name of metering in the inbox.
pub(crate) const CONSUMER: &str = "metering";

/// Applies one of identity's events, once; gives the meter whose line must end.
pub(crate) async fn apply(
    db: &Db,
    slot: SlotLength,
    envelope: &Envelope,
) -> Result<Option<MeterId>> {
    let envelope = envelope.clone();
    db.transact(move |tx| {
        Box::pin(async move {
            if !bus::first_time(tx, CONSUMER, envelope.id).await? {
                return Ok(None);
            }
            if let Some(point) = envelope.open::<ConnectionPointRegistered>()? {
                meters::register(tx, &point).await.context("keeping a connection point")?;
            }
            if let Some(meter) = envelope.open::<MeterEnrolled>()? {
                let first_slot = first_whole_slot(meter.valid_from, slot);
                meters::enrol(tx, &meter, first_slot).await.context("keeping a meter")?;
            }
            let Some(revoked) = envelope.open::<MeterRevoked>()? else { return Ok(None) };
            meters::revoke(tx, &revoked).await.context("revoking a meter")?;
            Ok::<_, anyhow::Error>(Some(revoked.meter))
        })
    })
    .await
}
