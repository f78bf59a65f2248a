//! Challenges: a text to sign, which proves that someone holds a key.

use ::db::Tx;
use alloy_primitives::Address;
use anyhow::Result;
use calendar::Timestamp;
use service::Problem;

use crate::Identity;
use crate::db::tokens::{Asked, challenges, forget_expired, insert_challenge, take_challenge};
use crate::domain::challenge::{Challenge, LIFETIME_SECONDS, Question};
use crate::domain::site::{Origin, origin_for};
use crate::domain::tokens::new_secret;

/// Challenges that may be open at the same time.
const CHALLENGES_MAX: i64 = 10_000;

/// The answer to a challenge.
pub(super) struct Answer {
    pub(super) nonce: String,
    /// What was signed; `None` when it is the message that was handed out.
    pub(super) message: Option<String>,
    pub(super) signature: String,
    pub(super) chain_id: u64,
    /// By the machine's clock.
    pub(super) now: Timestamp,
}

impl Identity {
    /// A message for the key of `address` to sign, within ten minutes.
    pub async fn challenge(&self, address: Address) -> Result<Challenge, Problem> {
        self.challenge_at(address, None).await
    }

    /// Such a message for whoever looks at the web app at `origin`; refused with `ORIGIN` where the
    /// web app is not known to be.
    pub async fn challenge_at(
        &self,
        address: Address,
        origin: Option<&str>,
    ) -> Result<Challenge, Problem> {
        let asked = origin.map(str::parse::<Origin>).transpose();
        let origin = asked.ok().and_then(|asked| origin_for(&self.settings.origins, asked));
        let origin = origin.ok_or_else(|| {
            let title = "No wallet signs in at this address: it is not one of the web app";
            Problem::refused("ORIGIN", title)
        })?;
        let now = self.machine_clock.now();
        let question = Question {
            address,
            origin,
            chain_id: self.place.chain_id,
            nonce: new_secret(),
            expires_at: now.plus_seconds(LIFETIME_SECONDS),
        };
        let challenge = question.challenge();
        self.db.transact(move |tx| Box::pin(keep(tx, question, now))).await?;
        Ok(challenge)
    }

    /// An answer that comes now.
    pub(super) fn answer_of(
        &self,
        nonce: String,
        message: Option<String>,
        signature: String,
    ) -> Answer {
        let (chain_id, now) = (self.place.chain_id, self.machine_clock.now());
        Answer { nonce, message, signature, chain_id, now }
    }
}

async fn keep(tx: &mut Tx, question: Question, now: Timestamp) -> Result<()> {
    forget_expired(tx, now).await?;
    if challenges(tx).await? >= CHALLENGES_MAX {
        return Err(Problem::unavailable("too many challenges are open").into());
    }
    let Question { address, origin, expires_at, .. } = question;
    insert_challenge(tx, &question.nonce, Asked { address, origin, expires_at }).await
}

/// Whose key answered. The challenge is used up by this, whatever comes of it.
pub(super) async fn answer(tx: &mut Tx, answer: Answer) -> Result<Result<Address, Problem>> {
    let Answer { nonce, message, signature, chain_id, now } = answer;
    let Some(Asked { address, origin, expires_at }) = take_challenge(tx, &nonce).await? else {
        return Ok(Err(refused("there is no such challenge, or it was answered before")));
    };
    let question = Question { address, origin, chain_id, nonce, expires_at };
    let fault = question.fault(message.as_deref(), &signature, now);
    Ok(fault.map_or(Ok(address), |fault| Err(refused(fault))))
}

fn refused(detail: &str) -> Problem {
    Problem::refused("PROOF", "The proof of the key does not hold").with_detail(detail)
}
