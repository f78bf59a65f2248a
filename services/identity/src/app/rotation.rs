//! A meter's next key, signed by the one before.

use ::db::Tx;
use alloy_primitives::Address;
use anyhow::{Context, Result};
use calendar::Timestamp;
use contracts::requests::rotation;
use events::Envelope;
use events::identity::MeterRotated;
use ids::MeterId;
use keys::{Signature, recover};
use serde::{Deserialize, Serialize};
use service::Problem;
use utoipa::ToSchema;

use super::meters::cause_of;
use crate::db::addresses::is_handed_over;
use crate::db::{audit, grid};
use crate::domain::addresses::ROTATION_SECONDS_MAX;
use crate::domain::audit::{Act, Outcome};
use crate::domain::grid::Meter;
use crate::domain::provisioning::succession;
use crate::{Identity, Place};

/// Seconds before its first reading that a key is announced, at least: a block has to be made in
/// between.
const AHEAD_SECONDS_MIN: i64 = 60;
/// Seconds from its first reading to the expiry of its announcement, at least: that long the
/// registry may be out of reach.
const EXPIRY_SECONDS_MIN: i64 = 3600;
/// Seconds from its first reading to the expiry of its announcement, at most.
const EXPIRY_SECONDS_MAX: i64 = 7 * 86_400;
/// Seconds after a meter went to another address in which no key is announced: the registry is to
/// know the one before the other.
const HANDOVER_SECONDS: i64 = 3600;
/// What the act is called in the audit log.
const ACTION: &str = "rotate_meter_key";

/// A meter's next key.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// Its address.
    #[schema(value_type = String)]
    pub key: Address,
    /// The how many-th key it is: one more than the meter has had.
    pub version: u32,
    /// The first page that it signs; all before are the old key's.
    pub first_page: u32,
    /// The time of its first reading, a slot boundary a minute to a day ahead.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// Until when the registry may take it, an hour to a week after `from`.
    #[schema(value_type = String, format = DateTime)]
    pub expiry: Timestamp,
    /// By the old key: EIP-712 `Rotation` of the registry. 64 bytes in hex.
    #[schema(value_type = String)]
    pub signature: Signature,
    /// By the next key: `keccak256("WR1" || meter || key || version u32 || first_page u32 ||
    /// from u64)`, integers big-endian. 64 bytes in hex.
    #[schema(value_type = String)]
    pub proof: Signature,
}

/// A meter that has a next key.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RotatedMeter {
    /// The meter, with that key.
    #[serde(flatten)]
    pub meter: Meter,
}

impl Identity {
    /// Gives a meter its next key. Whoever has the old key may: it is what the registry asks for.
    ///
    /// Refused with `PROOF` where the next key did not sign, `REVOKED`, `VERSION` where it is not
    /// the next, `SIGNATURE` where the old key did not sign, `FROM` and `EXPIRY` where a moment is
    /// out of its bounds, `HANDOVER` until an hour after the meter has gone to another address of
    /// its account, `ROTATING` before the rotation before is in force, `KEY_TAKEN` where a meter
    /// has or had this key. The same again is answered as before.
    pub async fn rotate_key(&self, id: MeterId, new: NewKey) -> Result<RotatedMeter, Problem> {
        let (place, community, now) = (self.place, self.community, self.clock.now());
        // Who may call is anybody: what nobody has signed costs no more than this.
        let proof = succession(id, new.key, new.version, (new.first_page, new.from));
        if recover(proof, &new.proof) != Some(new.key) {
            return Err(Problem::refused("PROOF", "The next key did not sign the proof"));
        }
        let mut conn = self.db.read().acquire().await.context("loading a meter")?;
        let found = grid::meter(&mut conn, id).await?;
        let meter = found.filter(|meter| meter.community == community);
        let meter = meter.ok_or_else(|| Problem::not_found("meter"))?;
        drop(conn);
        // And what a key of its own has signed costs others nothing: writers take turns.
        if let Some(meter) = check_signer(place, meter, &new)? {
            return Ok(RotatedMeter { meter });
        }
        let act = self.act(&id.to_string(), ACTION, &id.to_string(), Outcome::Done);
        let meter = self
            .db
            .transact(move |tx| {
                Box::pin(async move {
                    let found = grid::meter(tx.conn(), id).await?;
                    let meter = found.filter(|meter| meter.community == community);
                    let meter = meter.ok_or_else(|| Problem::not_found("meter"))?;
                    // It may be another since.
                    match check_signer(place, meter.clone(), &new)? {
                        Some(meter) => Ok(meter),
                        None => rotate(tx, meter, new, (act, now)).await,
                    }
                })
            })
            .await?;
        Ok(RotatedMeter { meter })
    }
}

/// Whether the key of `meter` has signed for the next; the meter where that one is it already.
fn check_signer(place: Place, meter: Meter, new: &NewKey) -> Result<Option<Meter>, Problem> {
    if meter.revoked_at.is_some() {
        return Err(Problem::refused("REVOKED", "The meter was revoked"));
    }
    if meter.key == new.key && meter.version == new.version {
        return Ok(Some(meter));
    }
    if new.version != meter.version + 1 {
        let title = format!("The meter's next key is the {}th", meter.version + 1);
        return Err(Problem::refused("VERSION", title));
    }
    let terms = (new.version, new.expiry.unsigned());
    let hash = rotation(place.chain_id, place.at.meters, meter.meter, new.key, terms);
    if recover(hash, &new.signature) != Some(meter.key) {
        return Err(Problem::refused("SIGNATURE", "The old key did not sign the rotation"));
    }
    Ok(None)
}

async fn rotate(
    tx: &mut Tx,
    meter: Meter,
    new: NewKey,
    (act, now): (Act, Timestamp),
) -> Result<Meter> {
    check_moments(&new, now)?;
    // The registry counts keys in the order in which it learns of them.
    if is_handed_over(tx.conn(), meter.meter, now.plus_seconds(-HANDOVER_SECONDS)).await? {
        let title = "The meter goes to another address of its account first";
        return Err(Problem::refused("HANDOVER", title).into());
    }
    let former = grid::former_keys(tx, meter.meter).await?;
    if former.iter().any(|(_, ended_at)| *ended_at > now) {
        let title = "The rotation before is not in force yet";
        return Err(Problem::refused("ROTATING", title).into());
    }
    if meter.key == new.key
        || former.iter().any(|(key, _)| *key == new.key)
        || grid::is_key_taken(tx, new.key, meter.meter).await?
    {
        return Err(Problem::refused("KEY_TAKEN", "A meter has or had this key").into());
    }
    grid::keep_former_key(tx, (meter.meter, meter.key), new.from).await?;
    grid::rotate_meter(tx, meter.meter, (new.key, new.version), new.expiry).await?;
    let meter = Meter { key: new.key, version: new.version, ..meter };
    let rotated = MeterRotated {
        meter: meter.meter,
        key: new.key,
        version: new.version,
        first_page: new.first_page,
        from: new.from,
        expiry: new.expiry,
        signature: new.signature,
    };
    bus::append(tx, &Envelope::of(&rotated, &cause_of(&meter), now)).await?;
    audit::append(tx, act).await?;
    Ok(meter)
}

fn check_moments(new: &NewKey, now: Timestamp) -> Result<(), Problem> {
    let ahead = new.from.seconds_since(now);
    if !(AHEAD_SECONDS_MIN..=ROTATION_SECONDS_MAX).contains(&ahead) {
        let title = "A key is announced a minute to a day before its first reading";
        return Err(Problem::refused("FROM", title));
    }
    let kept = new.expiry.seconds_since(new.from);
    if !(EXPIRY_SECONDS_MIN..=EXPIRY_SECONDS_MAX).contains(&kept) {
        let title = "A rotation expires an hour to a week after its first reading";
        return Err(Problem::refused("EXPIRY", title));
    }
    Ok(())
}
