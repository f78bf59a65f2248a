//! The relay's rows.
//!
//! | table | column | |
//! |---|---|---|
//! | `chain_tx` | `cause` | what the transaction follows from |
//! | | `sender`, `nonce` | who signs it, with which nonce |
//! | | `call` | the transaction without fees and signature, until its first attempt has it |
//! | | `status`, `block` | how it stands, and the block that has it |
//! | | `attempt` | which attempt that block has |
//! | | `since` | the head when it was first signed, or when a block lost it |
//! | `chain_attempt` | `number` | from 1 for each cause; the last one is sent |
//! | | `hash`, `raw` | as signed |
//! | | `cap`, `tip` | its fees per gas, in wei |
//! | | `signed_at` | the head when it was signed |

use alloy_consensus::{TxEip1559, TxEnvelope};
use alloy_eips::Decodable2718;
use alloy_rlp::Decodable;
use anyhow::{Context, Result};
use db::{AnyRow, Cell, Db, DbError, Row, Tx, insert_rows, query};

use super::fees::Fees;
use super::{FINAL, ROUND_MAX};

/// The tables as they were before transactions were replaced: a migration of every service that
/// sends transactions.
pub const SCHEMA: &str = "
create table chain_tx (
    cause text primary key,
    sender text not null,
    nonce bigint not null,
    hash text not null,
    raw {bytes} not null,
    status bigint not null default 0,
    block bigint,
    unique (sender, nonce)
);
create index chain_tx_open on chain_tx (status, nonce);
";

/// The tables as they are: a later migration of the same services. What was signed before it is a
/// first attempt, with the fees that all had then.
pub const ATTEMPTS_SCHEMA: &str = "
create table chain_attempt (
    cause text not null,
    number bigint not null,
    hash text not null,
    raw {bytes} not null,
    cap bigint not null,
    tip bigint not null,
    signed_at bigint not null,
    primary key (cause, number)
);
insert into chain_attempt (cause, number, hash, raw, cap, tip, signed_at)
    select cause, 1, hash, raw, 1000000000000, 0, 0 from chain_tx;
alter table chain_tx drop column hash;
alter table chain_tx drop column raw;
alter table chain_tx add column call {bytes};
alter table chain_tx add column attempt bigint;
alter table chain_tx add column since bigint;
update chain_tx set attempt = 1 where status > 0;
create index chain_tx_nonce on chain_tx (nonce, cause);
";

/// A kept transaction that may still change.
pub(super) struct Kept {
    pub(super) cause: String,
    pub(super) sender: String,
    pub(super) stand: Stand,
    call: Option<Vec<u8>>,
    pub(super) attempts: Vec<Attempt>,
}

/// How a transaction stands: what a round changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stand {
    pub(super) status: i64,
    pub(super) block: Option<i64>,
    pub(super) attempt: Option<i64>,
    pub(super) since: Option<i64>,
}

/// One signing of a transaction.
pub(super) struct Attempt {
    pub(super) number: i64,
    pub(super) hash: String,
    pub(super) raw: Vec<u8>,
    pub(super) fees: Fees,
    pub(super) signed_at: i64,
}

impl Kept {
    /// The transaction; its fees are of no meaning.
    pub(super) fn unsigned(&self) -> Result<TxEip1559> {
        if let Some(last) = self.attempts.last() {
            let signed = TxEnvelope::decode_2718(&mut &last.raw[..]).context("a kept attempt")?;
            let signed = signed.as_eip1559().context("a kept attempt of another type")?;
            return Ok(signed.tx().clone());
        }
        let call = self.call.as_deref().context("neither a call nor an attempt is kept")?;
        TxEip1559::decode(&mut &*call).context("a kept call")
    }

    /// Its attempts, the one first that a block most likely has.
    pub(super) fn likely(&self) -> impl Iterator<Item = &Attempt> {
        let is_known = |attempt: &&Attempt| Some(attempt.number) == self.stand.attempt;
        let others = self.attempts.iter().rev().filter(move |attempt| !is_known(attempt));
        self.attempts.iter().filter(is_known).chain(others)
    }
}

/// The first transactions in nonce order that may still change, at most [`ROUND_MAX`].
///
/// Sorted by an expression, so that SQLite looks for the status and not through all there ever
/// were in order of their nonces.
pub(super) async fn open(db: &Db) -> Result<Vec<Kept>, DbError> {
    let rows = query(
        "select open.cause, open.sender, open.status, open.block, open.attempt, open.since, \
         open.call, made.number, made.hash, made.raw, made.cap, made.tip, made.signed_at \
         from (select * from chain_tx where status < $1 order by nonce + 0 limit $2) open \
         left join chain_attempt made on made.cause = open.cause \
         order by open.nonce, open.cause, made.number",
    )
    .bind(FINAL)
    .bind(ROUND_MAX)
    .fetch_all(db.read())
    .await?;
    let mut all: Vec<Kept> = Vec::new();
    for row in &rows {
        let cause: String = row.try_get(0)?;
        if all.last().is_none_or(|last| last.cause != cause) {
            all.push(kept(row, cause)?);
        }
        let attempt = attempt(row)?;
        all.last_mut().expect("one was just put there").attempts.extend(attempt);
    }
    Ok(all)
}

fn kept(row: &AnyRow, cause: String) -> Result<Kept, DbError> {
    let stand = Stand {
        status: row.try_get(2)?,
        block: row.try_get(3)?,
        attempt: row.try_get(4)?,
        since: row.try_get(5)?,
    };
    let (sender, call) = (row.try_get(1)?, row.try_get(6)?);
    Ok(Kept { cause, sender, stand, call, attempts: Vec::new() })
}

/// The attempt in a row of the join, if there is one.
fn attempt(row: &AnyRow) -> Result<Option<Attempt>, DbError> {
    let Some(number) = row.try_get::<Option<i64>, _>(7)? else { return Ok(None) };
    let (hash, raw) = (row.try_get(8)?, row.try_get(9)?);
    let (fees, signed_at) = (fees(row, 10)?, row.try_get(12)?);
    Ok(Some(Attempt { number, hash, raw, fees, signed_at }))
}

/// The fees in column `first` and the next.
pub(super) fn fees(row: &AnyRow, first: usize) -> Result<Fees, DbError> {
    let [cap, tip]: [i64; 2] = [row.try_get(first)?, row.try_get(first + 1)?];
    Ok(Fees { cap: cap.unsigned_abs().into(), tip: tip.unsigned_abs().into() })
}

/// Writes what a round found and signed, all or nothing.
pub(super) async fn note(
    db: &Db,
    stands: Vec<(String, Stand)>,
    signed: Vec<(String, Attempt)>,
) -> Result<()> {
    if stands.is_empty() && signed.is_empty() {
        return Ok(());
    }
    db.transact(move |tx| {
        Box::pin(async move {
            for (cause, attempt) in signed {
                put(tx, cause, attempt).await.context("keeping an attempt")?;
            }
            for (cause, stand) in stands {
                set(tx, cause, stand).await.context("noting how a transaction stands")?;
            }
            Ok(())
        })
    })
    .await
}

async fn put(tx: &mut Tx, cause: String, attempt: Attempt) -> Result<()> {
    if attempt.number == 1 {
        query("update chain_tx set call = null where cause = $1")
            .bind(cause.clone())
            .execute(tx.conn())
            .await?;
    }
    let row = vec![
        Cell::Text(cause),
        Cell::Int(attempt.number),
        Cell::Text(attempt.hash),
        Cell::Bytes(attempt.raw),
        Cell::Int(attempt.fees.cap.try_into()?),
        Cell::Int(attempt.fees.tip.try_into()?),
        Cell::Int(attempt.signed_at),
    ];
    let insert = "insert into chain_attempt (cause, number, hash, raw, cap, tip, signed_at)";
    insert_rows(tx, insert, 7, vec![row], "").await?;
    Ok(())
}

async fn set(tx: &mut Tx, cause: String, stand: Stand) -> Result<(), DbError> {
    let sql = "update chain_tx set status = $1, block = $2, attempt = $3, since = $4 \
               where cause = $5";
    query(sql)
        .bind(stand.status)
        .bind(stand.block)
        .bind(stand.attempt)
        .bind(stand.since)
        .bind(cause)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Keeps a transaction that is not signed yet.
pub(super) async fn add(
    tx: &mut Tx,
    cause: String,
    sender: String,
    unsigned: &TxEip1559,
) -> Result<()> {
    let row = vec![
        Cell::Text(cause),
        Cell::Text(sender),
        Cell::Int(unsigned.nonce.try_into()?),
        Cell::Bytes(alloy_rlp::encode(unsigned)),
    ];
    insert_rows(tx, "insert into chain_tx (cause, sender, nonce, call)", 4, vec![row], "").await?;
    Ok(())
}
