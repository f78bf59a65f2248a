//! Keys that sign tokens, challenges and refresh tokens.

use anyhow::Result;
use calendar::Timestamp;
use db::{AnyConnection, AnyRow, Row, Tx, query, query_scalar};
use ids::PartyId;
use keys::Address;

use super::{moment, parsed};
use crate::domain::challenge::Question;
use crate::domain::site::Origin;

/// The wrapped keys that sign tokens, newest first.
pub(crate) async fn token_keys(conn: &mut AnyConnection) -> Result<Vec<(String, Vec<u8>)>> {
    let rows = query("select kid, wrapped from token_key order by created_at desc, kid")
        .fetch_all(conn)
        .await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Keeps a new key that signs tokens.
pub(crate) async fn insert_token_key(
    tx: &mut Tx,
    kid: &str,
    wrapped: Vec<u8>,
    now: Timestamp,
) -> Result<()> {
    query("insert into token_key (kid, wrapped, created_at) values ($1, $2, $3)")
        .bind(kid.to_owned())
        .bind(wrapped)
        .bind(now.seconds())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// What a challenge asks for.
pub(crate) struct Asked {
    pub(crate) address: Address,
    pub(crate) origin: Origin,
    pub(crate) expires_at: Timestamp,
}

impl Asked {
    /// The challenge of this name, on the chain of the community.
    pub(crate) fn question(self, chain_id: u64, nonce: String) -> Question {
        let Asked { address, origin, expires_at } = self;
        Question { address, origin, chain_id, nonce, expires_at }
    }
}

/// Keeps a challenge until it is answered or expires.
pub(crate) async fn insert_challenge(tx: &mut Tx, nonce: &str, asked: Asked) -> Result<()> {
    query("insert into challenge (nonce, address, origin, expires_at) values ($1, $2, $3, $4)")
        .bind(nonce.to_owned())
        .bind(asked.address.to_string())
        .bind(asked.origin.to_string())
        .bind(asked.expires_at.seconds())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// How many challenges are open.
pub(crate) async fn challenges(tx: &mut Tx) -> Result<i64> {
    Ok(query_scalar("select count(*) from challenge").fetch_one(tx.conn()).await?)
}

/// The challenge `nonce`, which stays open.
pub(crate) async fn challenge_of(conn: &mut AnyConnection, nonce: &str) -> Result<Option<Asked>> {
    let row = query("select address, origin, expires_at from challenge where nonce = $1")
        .bind(nonce.to_owned())
        .fetch_optional(conn)
        .await?;
    row.as_ref().map(asked).transpose()
}

/// Takes the challenge `nonce` out.
pub(crate) async fn take_challenge(tx: &mut Tx, nonce: &str) -> Result<Option<Asked>> {
    let row = query("delete from challenge where nonce = $1 returning address, origin, expires_at")
        .bind(nonce.to_owned())
        .fetch_optional(tx.conn())
        .await?;
    row.as_ref().map(asked).transpose()
}

fn asked(row: &AnyRow) -> Result<Asked> {
    let (address, origin) = (parsed(row, 0)?, parsed(row, 1)?);
    Ok(Asked { address, origin, expires_at: moment(row, 2)? })
}

/// A refresh token as it is kept.
pub(crate) struct Refresh {
    pub(crate) hash: String,
    /// All that followed from one login.
    pub(crate) family: String,
    pub(crate) party: PartyId,
    pub(crate) expires_at: Timestamp,
    pub(crate) used: bool,
}

/// Keeps a new refresh token.
pub(crate) async fn insert_refresh(tx: &mut Tx, refresh: &Refresh) -> Result<()> {
    query("insert into refresh_token (hash, family, party, expires_at) values ($1, $2, $3, $4)")
        .bind(refresh.hash.clone())
        .bind(refresh.family.clone())
        .bind(refresh.party.to_string())
        .bind(refresh.expires_at.seconds())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The refresh token with this hash, as it was, and marks it used.
pub(crate) async fn use_refresh(tx: &mut Tx, hash: &str) -> Result<Option<Refresh>> {
    let first = query("update refresh_token set used = 1 where hash = $1 and used = 0")
        .bind(hash.to_owned())
        .execute(tx.conn())
        .await?;
    let row = query("select family, party, expires_at from refresh_token where hash = $1")
        .bind(hash.to_owned())
        .fetch_optional(tx.conn())
        .await?;
    row.map(|row| {
        Ok(Refresh {
            hash: hash.to_owned(),
            family: row.try_get(0)?,
            party: parsed(&row, 1)?,
            expires_at: moment(&row, 2)?,
            used: first.rows_affected() == 0,
        })
    })
    .transpose()
}

/// Ends every refresh token of `family`; returns whether one of them was still good.
pub(crate) async fn revoke_family(tx: &mut Tx, family: &str) -> Result<bool> {
    let ended = query("update refresh_token set used = 1 where family = $1 and used = 0")
        .bind(family.to_owned())
        .execute(tx.conn())
        .await?;
    Ok(ended.rows_affected() > 0)
}

/// Forgets challenges and refresh tokens that are over at `now`; returns how many.
pub(crate) async fn forget_expired(tx: &mut Tx, now: Timestamp) -> Result<u64> {
    let mut forgotten = 0;
    for sql in [
        "delete from challenge where expires_at < $1",
        "delete from refresh_token where expires_at < $1",
    ] {
        forgotten += query(sql).bind(now.seconds()).execute(tx.conn()).await?.rows_affected();
    }
    Ok(forgotten)
}
