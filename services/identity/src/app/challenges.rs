//! Challenges: a text to sign, which proves that someone holds a key.

use ::db::Tx;
use alloy_primitives::Address;
use anyhow::Result;
use calendar::Timestamp;
use service::Problem;

use crate::Identity;
use crate::db::tokens::{challenges, forget_expired, insert_challenge, take_challenge};
use crate::domain::challenge::{Challenge, LIFETIME_SECONDS, parse_signature};
use crate::domain::tokens::new_secret;

/// Challenges that may be open at the same time.
const CHALLENGES_MAX: i64 = 10_000;

impl Identity {
    /// A text for the key of `address` to sign, within ten minutes.
    pub async fn challenge(&self, address: Address) -> Result<Challenge, Problem> {
        let now = self.machine_clock.now();
        let challenge = Challenge::new(new_secret(), address, now.plus_seconds(LIFETIME_SECONDS));
        let kept = challenge.clone();
        self.db.transact(move |tx| Box::pin(keep(tx, kept, address, now))).await?;
        Ok(challenge)
    }
}

async fn keep(tx: &mut Tx, challenge: Challenge, address: Address, now: Timestamp) -> Result<()> {
    forget_expired(tx, now).await?;
    if challenges(tx).await? >= CHALLENGES_MAX {
        return Err(Problem::unavailable("too many challenges are open").into());
    }
    insert_challenge(tx, &challenge.nonce, address, challenge.expires_at).await
}

/// Whose key signed the challenge `nonce`. It is answered with this, whatever comes of it.
pub(super) async fn answer(
    tx: &mut Tx,
    nonce: &str,
    signature: &str,
    now: Timestamp,
) -> Result<Result<Address, Problem>> {
    let Some((address, expires_at)) = take_challenge(tx, nonce).await? else {
        return Ok(Err(refused("there is no such challenge, or it was answered before")));
    };
    let challenge = Challenge::new(nonce.to_owned(), address, expires_at);
    let signed = parse_signature(signature)
        .is_some_and(|signature| challenge.is_signed_by(address, &signature));
    Ok(match (now > expires_at, signed) {
        (true, _) => Err(refused("the challenge is over")),
        (_, false) => Err(refused("the signature is not by the key of the address")),
        _ => Ok(address),
    })
}

fn refused(detail: &str) -> Problem {
    Problem::refused("PROOF", "The proof of the key does not hold").with_detail(detail)
}
