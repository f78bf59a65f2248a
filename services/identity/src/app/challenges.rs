//! Challenges: a text to sign, which proves that someone holds a key.
//!
//! What is by no key may be a contract account's: then the contract is asked (ERC-1271), before the
//! challenge is used up, because no transaction waits for the network.

use ::db::Tx;
use alloy_primitives::{Address, B256};
use anyhow::{Context, Result};
use calendar::Timestamp;
use client::erc1271;
use contracts::CONTRACT_GAS_MAX;
use keys::SignatureBytes;
use service::Problem;

use crate::Identity;
use crate::db::tokens::{
    Asked, challenge_of, challenges, forget_expired, insert_challenge, take_challenge,
};
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
    pub(super) signature: SignatureBytes,
    /// What the contract at the address takes the signature for.
    pub(super) contract: Option<B256>,
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

    /// An answer that comes now. Refused where `signature` is none, and where a contract account
    /// would have to be asked and no node answers.
    pub(super) async fn answer_of(
        &self,
        nonce: String,
        message: Option<String>,
        signature: &str,
    ) -> Result<Answer, Problem> {
        let unsigned = |_| refused("the signature is not by the key of the address");
        let signature: SignatureBytes = signature.parse().map_err(unsigned)?;
        let (chain_id, now) = (self.place.chain_id, self.machine_clock.now());
        let contract = None;
        let mut answer = Answer { nonce, message, signature, contract, chain_id, now };
        answer.contract = self.taken_by_contract(&answer).await?;
        Ok(answer)
    }

    /// The hash of the message of an open challenge, where the contract at its address takes the
    /// signature and no key has made it.
    async fn taken_by_contract(&self, answer: &Answer) -> Result<Option<B256>, Problem> {
        let mut conn = self.db.read().acquire().await.context("looking for a challenge")?;
        let asked = challenge_of(&mut conn, &answer.nonce).await?;
        drop(conn);
        let Some(asked) = asked else { return Ok(None) };
        let question = asked.question(answer.chain_id, answer.nonce.clone());
        let Ok(hash) = question.hash(answer.message.as_deref(), answer.now) else {
            return Ok(None);
        };
        if answer.signature.by_key(hash, question.address).is_some() {
            return Ok(None);
        }
        let taken = self.is_taken_by(question.address, hash, &answer.signature).await?;
        Ok(taken.then_some(hash))
    }

    /// Whether the contract at `address` takes `signature` over `hash` as its own, by the newest
    /// block.
    pub(super) async fn is_taken_by(
        &self,
        address: Address,
        hash: B256,
        signature: &SignatureBytes,
    ) -> Result<bool, Problem> {
        let bytes = signature.as_bytes();
        let asked = erc1271::is_accepted(&*self.node, address, hash, bytes, CONTRACT_GAS_MAX).await;
        asked.map_err(|error| {
            tracing::warn!(%error, "a contract account could not be asked");
            Problem::unavailable("no node says whether the contract account takes the signature")
        })
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
    let Answer { nonce, message, signature, contract, chain_id, now } = answer;
    let Some(asked) = take_challenge(tx, &nonce).await? else {
        return Ok(Err(refused("there is no such challenge, or it was answered before")));
    };
    let question = asked.question(chain_id, nonce);
    let fault = question.fault(message.as_deref(), &signature, contract, now);
    Ok(fault.map_or(Ok(question.address), |fault| Err(refused(fault))))
}

fn refused(detail: &str) -> Problem {
    Problem::refused("PROOF", "The proof of the key does not hold").with_detail(detail)
}
