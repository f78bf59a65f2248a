//! What identity tells of connection points and meters.

use std::sync::Arc;

use anyhow::{Context, Result};
use calendar::SlotLength;
use client::Transaction;
use contracts::CONTRACT_GAS_MAX;
use contracts::requests::MeterEnrolment;
use db::Db;
use events::Envelope;
use events::identity::{ConnectionPointRegistered, MeterEnrolled, MeterRevoked};
use ids::MeterId;

use crate::app::anchor::Anchor;
use crate::db::meters;
use crate::domain::closing::first_whole_slot;

/// The name of metering in the inbox.
pub(crate) const CONSUMER: &str = "metering";

/// Applies one of identity's events, once; gives the meter whose line must end.
///
/// An enrolment and a revocation also go to the registry on chain, which is what bills are proved
/// against.
pub(crate) async fn apply(
    db: &Db,
    slot: SlotLength,
    anchor: &Arc<Anchor>,
    envelope: &Envelope,
) -> Result<Option<MeterId>> {
    let (envelope, anchor) = (envelope.clone(), anchor.clone());
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
                let transaction = enrolment(&anchor, &meter, &envelope);
                anchor.sender.enqueue(tx, &transaction).await?;
            }
            let Some(revoked) = envelope.open::<MeterRevoked>()? else { return Ok(None) };
            meters::revoke(tx, &revoked).await.context("revoking a meter")?;
            let call = anchor.contracts.revoke(revoked.meter);
            anchor.sender.enqueue(tx, &transaction(&envelope, call)).await?;
            Ok::<_, anyhow::Error>(Some(revoked.meter))
        })
    })
    .await
}

/// Gas that `MeterRegistry.enrol` or `revoke` may use: two signatures, one of them perhaps of a
/// contract account, and five new storage words.
const REGISTRY_GAS: u64 = 400_000 + CONTRACT_GAS_MAX;

fn enrolment(anchor: &Anchor, meter: &MeterEnrolled, envelope: &Envelope) -> Transaction {
    let signed = &meter.enrolment;
    let of = MeterEnrolment {
        meter: meter.meter,
        key: meter.key,
        owner: signed.owner,
        installer: signed.installer,
        connection_point: meter.connection_point,
        // The registry counts the versions itself; the call does not carry it.
        version: 0,
    };
    let owner = signed.owner_signature.as_bytes().to_vec().into();
    let installer = signed.installer_signature.as_bytes().to_vec().into();
    transaction(envelope, anchor.contracts.enrol(&of, owner, installer))
}

fn transaction(envelope: &Envelope, call: contracts::Call) -> Transaction {
    let cause = format!("registry/{}", envelope.id);
    Transaction { cause, to: call.to, data: call.data, gas: REGISTRY_GAS }
}
