//! Signatures of requests as Beckn networks make them: Ed25519 over when it was made, until when it
//! holds, and the BLAKE2b-512 of the body.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use blake2::{Blake2b512, Digest};
use calendar::Timestamp;
use ed25519_dalek::{Signature, VerifyingKey};
use serde::Deserialize;

use super::refusal::Refusal;

/// The longest that a signature may hold, in seconds.
const HOLDS_SECONDS_MAX: i64 = 3_600;
/// Seconds by which the caller's clock may be ahead.
const AHEAD_SECONDS_MAX: i64 = 30;
/// What is signed, in this order.
const HEADERS: &str = "(created) (expires) digest";

/// What a participant does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Brings buyers and sellers together, and records their trades.
    Platform,
    /// Delivers, and records what was delivered.
    Discom,
}

/// Somebody who may ask.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Participant {
    /// Its id in the network.
    pub id: String,
    /// What it does.
    pub kind: Kind,
    /// Its public keys (Ed25519, base64) by their ids.
    pub keys: BTreeMap<String, String>,
}

/// Who sent a request.
///
/// # Errors
/// A [`Refusal`] where the signature is not that of a participant, not of this body, or over.
pub(crate) fn caller<'p>(
    participants: &'p [Participant],
    (authorization, digest): (&str, &str),
    body: &[u8],
    now: Timestamp,
) -> Result<&'p Participant, Refusal> {
    let expected = format!("BLAKE-512={}", STANDARD.encode(Blake2b512::digest(body)));
    if digest != expected {
        return Err(Refusal::signature("Digest: not that of the body"));
    }
    let fields = fields(authorization)?;
    let field = |name: &str| {
        let found = fields.get(name).copied();
        found.ok_or_else(|| Refusal::signature(format!("Authorization: {name} is missing")))
    };
    if field("algorithm")? != "ed25519" || field("headers")? != HEADERS {
        let what = format!("Authorization: ed25519 over {HEADERS}");
        return Err(Refusal::signature(what));
    }
    let (created, expires) = (moment(field("created")?)?, moment(field("expires")?)?);
    let over = expires <= now.seconds() || created > now.seconds() + AHEAD_SECONDS_MAX;
    if over || expires - created > HOLDS_SECONDS_MAX {
        return Err(Refusal::signature("Authorization: it does not hold now"));
    }
    let unknown = || Refusal::signature("keyId: no participant has this key");
    let (id, key) = key_id(field("keyId")?).ok_or_else(unknown)?;
    let participant = participants.iter().find(|one| one.id == id).ok_or_else(unknown)?;
    let key = participant.keys.get(key).and_then(|key| public(key)).ok_or_else(unknown)?;
    let signed = format!("(created): {created}\n(expires): {expires}\ndigest: {digest}");
    let signature = bytes(field("signature")?).and_then(|bytes| Signature::from_slice(&bytes).ok());
    let signature = signature.ok_or_else(|| Refusal::signature("signature: 64 bytes in base64"))?;
    key.verify_strict(signed.as_bytes(), &signature)
        .map_err(|_| Refusal::signature("The signature is not that of the key"))?;
    Ok(participant)
}

/// The names and values after `Signature `; values may stand in quotes.
fn fields(authorization: &str) -> Result<BTreeMap<&str, &str>, Refusal> {
    let list = authorization.strip_prefix("Signature ");
    let list = list.ok_or_else(|| Refusal::signature("Authorization: Signature ..."))?;
    let mut fields = BTreeMap::new();
    for part in list.split(',') {
        let (name, value) = part
            .trim()
            .split_once('=')
            .ok_or_else(|| Refusal::signature("Authorization: names and values"))?;
        fields.insert(name, value.trim_matches('"'));
    }
    Ok(fields)
}

/// `id|key|ed25519`, or `id#key`.
fn key_id(text: &str) -> Option<(&str, &str)> {
    match text.split('|').collect::<Vec<_>>()[..] {
        [id, key, "ed25519"] => Some((id, key)),
        [whole] => whole.rsplit_once('#'),
        _ => None,
    }
}

fn moment(text: &str) -> Result<i64, Refusal> {
    text.parse().map_err(|_| Refusal::signature("Authorization: epoch seconds"))
}

/// The bytes of base64, in either alphabet.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=').replace('+', "-").replace('/', "_");
    URL_SAFE_NO_PAD.decode(text).ok()
}

fn public(text: &str) -> Option<VerifyingKey> {
    VerifyingKey::from_bytes(&bytes(text)?.try_into().ok()?).ok()
}

/// Whether all keys of participants can be read, and none has the id of another.
pub(crate) fn check(participants: &[Participant]) -> Result<(), String> {
    for (place, one) in participants.iter().enumerate() {
        if participants[..place].iter().any(|other| other.id == one.id) {
            return Err(format!("{} is there twice", one.id));
        }
        for (name, key) in &one.keys {
            public(key).ok_or_else(|| format!("key {name} of {} is no Ed25519 key", one.id))?;
        }
    }
    Ok(())
}
