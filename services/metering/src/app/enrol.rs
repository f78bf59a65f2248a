//! What identity tells of connection points and meters.

use std::sync::Arc;

use alloy_primitives::Address;
use anyhow::{Context, Result};
use calendar::{SlotLength, Timestamp};
use client::{Outcome, Transaction};
use contracts::CONTRACT_GAS_MAX;
use contracts::requests::MeterEnrolment;
use db::Db;
use events::Envelope;
use events::identity::{
    ConnectionPointRegistered, Enrolment, MeterEnrolled, MeterHandedOver, MeterRevoked,
    MeterRotated,
};
use ids::{ConnectionPointId, MeterId};

use crate::app::anchor::Anchor;
use crate::db::registry::Watched;
use crate::db::{mark, meters, registry};
use crate::domain::closing::first_whole_slot;

/// The name of metering in the inbox.
pub(crate) const CONSUMER: &str = "metering";

/// Applies one of identity's events, once; gives the meter whose line must end.
///
/// An enrolment, a rotation, a handover and a revocation also go to the registry on chain, which is
/// what bills are proved against.
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
                registry::begin_anew(tx, meter.meter).await?;
                let transaction = transaction(&envelope, enrolment(&anchor, &meter));
                registry::watch(tx, meter.meter, &transaction.cause, registry::NEVER).await?;
                anchor.sender.enqueue(tx, &transaction).await?;
            }
            if let Some(rotated) = envelope.open::<MeterRotated>()? {
                meters::rotate(tx, &rotated).await.context("keeping a meter's next key")?;
                let due_at = due_at(&rotated, slot);
                let transaction = rotation(&anchor, &rotated, &envelope);
                registry::keep(tx, rotated.meter, &transaction, due_at).await?;
                registry::watch(tx, rotated.meter, &transaction.cause, rotated.expiry).await?;
            }
            if let Some(handed) = envelope.open::<MeterHandedOver>()? {
                let calls = handover(&anchor, &handed, &envelope);
                for (transaction, due_at) in &calls {
                    registry::keep(tx, handed.meter, transaction, *due_at).await?;
                }
                let [_, (begin, _)] = calls;
                registry::watch(tx, handed.meter, &begin.cause, registry::NEVER).await?;
            }
            let Some(revoked) = envelope.open::<MeterRevoked>()? else {
                mark::meters_changed(tx).await?;
                return Ok(None);
            };
            meters::revoke(tx, &revoked).await.context("revoking a meter")?;
            // The registry counts the keys that a meter has had as identity does: one that waits
            // goes first.
            for waiting in registry::take_of(tx, revoked.meter).await? {
                anchor.sender.enqueue(tx, &waiting).await?;
            }
            let call = anchor.contracts.revoke(revoked.meter);
            anchor.sender.enqueue(tx, &transaction(&envelope, call)).await?;
            mark::meters_changed(tx).await?;
            Ok::<_, anyhow::Error>(Some(revoked.meter))
        })
    })
    .await
}

/// Hands calls of the registry whose moment has come to the chain; says how many.
pub(crate) async fn send_due(db: &Db, anchor: &Arc<Anchor>, now: Timestamp) -> Result<usize> {
    if !registry::is_due(db, now).await.context("calls of the registry that wait")? {
        return Ok(0);
    }
    let anchor = anchor.clone();
    db.transact(move |tx| {
        Box::pin(async move {
            let due = registry::take_due(tx, now).await?;
            for transaction in &due {
                anchor.sender.enqueue(tx, transaction).await?;
            }
            anyhow::Ok(due.len())
        })
    })
    .await
}

/// Looks what became of enrolments and rotations: one that the registry has refused, or not taken
/// by its expiry, it has missed, and never takes. Readings since cannot be proved; the meter has to
/// be enrolled again. Says how many were decided.
pub(crate) async fn look_at_keys(db: &Db, now: Timestamp) -> Result<usize> {
    let mut decided = Vec::new();
    for Watched { cause, meter, expiry } in registry::watched(db).await? {
        let outcome = client::outcome_of(db, &cause).await?;
        // A block that is behind may still take it a while.
        let late = now > expiry.plus_seconds(MISSED_SECONDS);
        let missed = match outcome {
            Some(Outcome::Confirmed) => false,
            Some(Outcome::Reverted) => true,
            _ if late => true,
            _ => continue,
        };
        if missed {
            tracing::error!(%meter, cause, "the registry has missed a meter's key or owner");
        }
        decided.push((cause, missed));
    }
    let count = decided.len();
    if count == 0 {
        return Ok(0);
    }
    db.transact(move |tx| {
        Box::pin(async move {
            for (cause, missed) in decided {
                if missed {
                    registry::missed(tx, &cause, now).await?;
                } else {
                    registry::confirmed(tx, &cause).await?;
                }
            }
            anyhow::Ok(count)
        })
    })
    .await
}

/// Seconds after the expiry of a rotation until it counts as missed.
const MISSED_SECONDS: i64 = 300;

/// When a rotation is sent. The registry's key changes with the block: after the last reading of
/// the old key and before the first of the next one, which are a slot apart.
fn due_at(rotated: &MeterRotated, slot: SlotLength) -> Timestamp {
    first_whole_slot(rotated.from, slot).plus_seconds(1 - slot.seconds())
}

fn rotation(anchor: &Anchor, rotated: &MeterRotated, envelope: &Envelope) -> Transaction {
    let MeterRotated { meter, key, expiry, signature, .. } = rotated;
    let signature = signature.as_bytes().to_vec().into();
    let call = anchor.contracts.rotate(*meter, *key, expiry.unsigned(), signature);
    transaction(envelope, call)
}

/// Gas that `MeterRegistry.enrol`, `rotate` or `revoke` may use: two signatures, one of them
/// perhaps of a contract account, and five new storage words.
const REGISTRY_GAS: u64 = 400_000 + CONTRACT_GAS_MAX;

fn enrolment(anchor: &Anchor, meter: &MeterEnrolled) -> contracts::Call {
    let MeterEnrolled { meter: id, key, connection_point, enrolment, .. } = meter;
    enrol(anchor, (*id, *key, *connection_point), enrolment)
}

fn enrol(
    anchor: &Anchor,
    (meter, key, connection_point): (MeterId, Address, ConnectionPointId),
    signed: &Enrolment,
) -> contracts::Call {
    let of = MeterEnrolment {
        meter,
        key,
        owner: signed.owner,
        installer: signed.installer,
        connection_point,
        // The registry counts the versions itself; the call does not carry it.
        version: 0,
    };
    let owner = signed.owner_signature.as_bytes().to_vec().into();
    let installer = signed.installer_signature.as_bytes().to_vec().into();
    anchor.contracts.enrol(&of, owner, installer)
}

/// A meter's key ends and begins again under the next owner, right after the reading of the moment
/// itself, which is the last of the one before: the registry goes by the time of a block.
fn handover(
    anchor: &Anchor,
    handed: &MeterHandedOver,
    envelope: &Envelope,
) -> [(Transaction, Timestamp); 2] {
    let MeterHandedOver { meter, key, connection_point, from, enrolment, .. } = handed;
    let end = transaction(envelope, anchor.contracts.revoke(*meter));
    let cause = format!("{}/end", end.cause);
    let begin = enrol(anchor, (*meter, *key, *connection_point), enrolment);
    // Of the same moment the call whose cause goes on is sent first.
    let at = from.plus_seconds(1);
    [(Transaction { cause, ..end }, at), (transaction(envelope, begin), at)]
}

fn transaction(envelope: &Envelope, call: contracts::Call) -> Transaction {
    let cause = format!("registry/{}", envelope.id);
    Transaction { cause, to: call.to, data: call.data, gas: REGISTRY_GAS }
}
