//! Logging in.

use std::sync::PoisonError;

use ::db::Db;
use actix_web::http::StatusCode;
use anyhow::{Context, Result};
use calendar::Timestamp;
use ids::PartyId;
use serde::{Deserialize, Serialize};
use service::{Principal, Problem};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::challenges::answer;
use super::people::principal_of;
use crate::Identity;
use crate::db::tokens::{
    Refresh, insert_refresh, insert_token_key, revoke_family, token_keys, use_refresh,
};
use crate::db::{audit, people};
use crate::domain::audit::Outcome;
use crate::domain::people::parse_email;
use crate::domain::siwe::Message;
use crate::domain::tokens::{REFRESH_SECONDS, TOKEN_SECONDS, TokenKey, hash_secret, new_secret};
use vault::{MasterKey, random};

/// What is shown at the door. Never printed: it holds secrets.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(tag = "grant", rename_all = "snake_case")]
pub enum Grant {
    /// An e-mail address and its password.
    Password {
        /// The address.
        email: String,
        /// The password.
        password: String,
    },
    /// A refresh token, which is used up by this.
    Refresh {
        /// The token.
        refresh_token: String,
    },
    /// A message of Sign-In with Ethereum (EIP-4361), signed by the key of an account, or as its
    /// contract takes it (ERC-1271).
    Signature {
        /// The message: the one of a challenge, or another for its domain, chain and nonce.
        message: String,
        /// The signature of the message (`personal_sign`) in hex: 65 or 64 bytes of a key, or at
        /// most 1024 that a contract account takes.
        signature: String,
    },
}

/// What lets someone in. Never printed.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct Tokens {
    /// Goes into `Authorization: Bearer`.
    pub access_token: String,
    /// `Bearer`.
    pub token_type: String,
    /// Seconds until the access token ends.
    pub expires_in: i64,
    /// Gets the next pair, once. Used twice, all that followed from the login ends.
    pub refresh_token: String,
}

/// What came of a refresh token.
enum Refreshed {
    Next(PartyId, String),
    Unknown,
    Expired,
    Reused,
}

impl Identity {
    /// Lets someone in, or refuses with 401, or with 429 after too many attempts.
    pub async fn log_in(&self, grant: Grant) -> Result<Tokens, Problem> {
        match grant {
            Grant::Password { email, password } => {
                let party = self.by_password(&email, Zeroizing::new(password)).await?;
                self.issue(party, new_secret()).await
            }
            Grant::Signature { message, signature } => {
                let party = self.by_signature(message, signature).await?;
                self.issue(party, new_secret()).await
            }
            Grant::Refresh { refresh_token } => {
                let (party, family) = self.by_refresh(&refresh_token).await?;
                self.issue(party, family).await
            }
        }
    }

    /// A token for `principal` without a login, for programs that run inside this process.
    pub fn token_for(&self, principal: &Principal) -> Result<String> {
        let key = self.token_keys.first().context("there is no key for tokens")?;
        key.issue(principal, self.machine_clock.now())
    }

    async fn by_password(
        &self,
        email: &str,
        password: Zeroizing<String>,
    ) -> Result<PartyId, Problem> {
        let email = parse_email(email).map_err(|_| denied(WRONG))?;
        self.party_with(&email, password).await?.ok_or_else(|| denied(WRONG))
    }

    /// Who has this e-mail address and password. Each question is an attempt.
    pub(super) async fn party_with(
        &self,
        email: &str,
        password: Zeroizing<String>,
    ) -> Result<Option<PartyId>, Problem> {
        self.admit(email, "password").await?;
        let mut conn = self.db.read().acquire().await.context("looking for a party")?;
        let found = people::credentials(&mut conn, email).await?;
        drop(conn);
        let party = found.as_ref().map(|found| found.party);
        let hash = found.and_then(|found| found.password_hash);
        if !self.passwords.matches(password, hash).await? {
            return Ok(None);
        }
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).forget(email);
        Ok(party)
    }

    /// Counts an attempt of `name`, with a password or a signature. The first that is too many is
    /// recorded.
    pub(super) async fn admit(&self, name: &str, with: &str) -> Result<(), Problem> {
        let now = self.machine_clock.now();
        let admitted =
            self.attempts.lock().unwrap_or_else(PoisonError::into_inner).admit(name, now);
        let Err(refused) = admitted else { return Ok(()) };
        if refused.first {
            self.record(self.act(name, "log_in", with, Outcome::Denied)).await?;
        }
        let title = "Too many attempts to log in";
        let detail = format!("try again in {} seconds", refused.wait_seconds);
        Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "ATTEMPTS", title).with_detail(detail))
    }

    async fn by_signature(&self, message: String, signature: String) -> Result<PartyId, Problem> {
        let Message { address, nonce, .. } = Message::parse(&message).map_err(denied)?;
        let name = address.to_string();
        self.admit(&name, "signature").await?;
        let proof = self.answer_of(nonce, Some(message), &signature).await;
        let proof = proof.map_err(denied_as)?;
        let answered =
            self.db.transact(move |tx| Box::pin(async move { answer(tx, proof).await })).await?;
        let address = answered.map_err(denied_as)?;
        let mut conn = self.db.read().acquire().await.context("looking for an account")?;
        let now = self.clock.now();
        let party = people::party_of_address(&mut conn, address, now).await?;
        drop(conn);
        let party = party.ok_or_else(|| denied("no account has this key"))?;
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).forget(&name);
        Ok(party)
    }

    async fn by_refresh(&self, token: &str) -> Result<(PartyId, String), Problem> {
        let (hash, now) = (hash_secret(token), self.machine_clock.now());
        let act = self.act("", "log_in", "refresh token used twice", Outcome::Denied);
        let refreshed = self
            .db
            .transact(move |tx| {
                Box::pin(async move {
                    let Some(found) = use_refresh(tx, &hash).await? else {
                        return anyhow::Ok(Refreshed::Unknown);
                    };
                    if found.used {
                        if revoke_family(tx, &found.family).await? {
                            let by = found.party.to_string();
                            audit::append(tx, crate::Act { by, ..act }).await?;
                        }
                        return Ok(Refreshed::Reused);
                    }
                    if found.expires_at < now {
                        return Ok(Refreshed::Expired);
                    }
                    Ok(Refreshed::Next(found.party, found.family))
                })
            })
            .await?;
        match refreshed {
            Refreshed::Next(party, family) => Ok((party, family)),
            Refreshed::Unknown => Err(denied("the refresh token is unknown")),
            Refreshed::Expired => Err(denied("the refresh token is over")),
            Refreshed::Reused => Err(denied("the refresh token was used before: log in again")),
        }
    }

    async fn issue(&self, party: PartyId, family: String) -> Result<Tokens, Problem> {
        let principal = principal_of(&self.party(party).await?);
        let (secret, now) = (new_secret(), self.machine_clock.now());
        let refresh = Refresh {
            hash: hash_secret(&secret),
            family,
            party,
            expires_at: now.plus_seconds(REFRESH_SECONDS),
            used: false,
        };
        self.db
            .transact(move |tx| Box::pin(async move { insert_refresh(tx, &refresh).await }))
            .await?;
        Ok(Tokens {
            access_token: self.token_for(&principal)?,
            token_type: "Bearer".to_owned(),
            expires_in: TOKEN_SECONDS,
            refresh_token: secret,
        })
    }
}

/// What is said whether the address or the password is wrong.
const WRONG: &str = "the e-mail address or the password is wrong";

fn denied(detail: &str) -> Problem {
    Problem::unauthenticated(detail)
}

/// A proof that does not hold lets nobody in; what is nobody's fault stays what it is.
fn denied_as(problem: Problem) -> Problem {
    if problem.status == StatusCode::SERVICE_UNAVAILABLE.as_u16() {
        return problem;
    }
    denied(problem.detail.as_deref().unwrap_or_default())
}

/// The keys that sign tokens, newest first; a new database gets its first.
pub(crate) async fn load_token_keys(
    db: &Db,
    master_key: &MasterKey,
    now: Timestamp,
) -> Result<Vec<TokenKey>> {
    let mut conn = db.read().acquire().await?;
    let mut wrapped = token_keys(&mut conn).await.context("loading the keys for tokens")?;
    drop(conn);
    if wrapped.is_empty() {
        let seed = Zeroizing::new(random::<32>());
        let kid = TokenKey::from_seed(&seed).kid;
        let row = (kid.clone(), master_key.wrap(&token_purpose(&kid), &*seed));
        let (kid, kept) = row.clone();
        db.transact(move |tx| Box::pin(async move { insert_token_key(tx, &kid, kept, now).await }))
            .await?;
        wrapped.push(row);
    }
    wrapped
        .iter()
        .map(|(kid, wrapped)| {
            let seed = master_key.unwrap(&token_purpose(kid), wrapped)?;
            let seed = <&[u8; 32]>::try_from(&seed[..]).context("a seed has 32 bytes")?;
            Ok(TokenKey::from_seed(seed))
        })
        .collect()
}

fn token_purpose(kid: &str) -> String {
    format!("token:{kid}")
}
