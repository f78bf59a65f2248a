//! The queue of a relay, for those who run it.

use std::sync::atomic::Ordering;

use anyhow::Result;
use db::{AnyRow, AssertSqlSafe, DbError, Row, query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{CONFIRMED, FINAL, PENDING, REVERTED, Relay, rows};

/// How a transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransactionStatus {
    /// In no block yet.
    Pending,
    /// In a block that may still be undone.
    Confirmed,
    /// In a block for good.
    Final,
    /// In a block, and the contract refused it.
    Reverted,
}

/// Which transactions are wanted.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct QueueQuery {
    /// Only those that stand so.
    pub status: Option<TransactionStatus>,
}

/// Transactions of a relay, newest first, and how many of all wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RelayQueue {
    /// The transactions.
    pub items: Vec<QueuedTransaction>,
    /// The cursor of the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// How many are in no block yet.
    pub pending: u64,
    /// Blocks that the oldest of those has waited; absent where none waits, or where no block was
    /// seen since the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited_blocks_max: Option<u64>,
}

/// A transaction of a relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QueuedTransaction {
    /// What it follows from. A cause is executed once at most.
    pub cause: String,
    /// Who signs it.
    pub sender: String,
    /// The sender's nonce, the same in all attempts.
    pub nonce: u64,
    /// How it stands.
    pub status: TransactionStatus,
    /// Whether its block can no longer be undone.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// The block that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<u64>,
    /// The hash of the attempt that the block has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// Blocks it has waited, or had when it got into one; absent before it was first signed, or
    /// where no block was seen since the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited_blocks: Option<u64>,
    /// Its signings, oldest first; the last one is sent.
    pub attempts: Vec<TransactionAttempt>,
}

/// One signing of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TransactionAttempt {
    /// Its hash.
    pub hash: String,
    /// What it pays per gas at most, with the base fee, in wei.
    pub max_fee_per_gas: u64,
    /// What of that may go to the miner, in wei.
    pub max_priority_fee_per_gas: u64,
    /// The newest block when it was signed; zero where that is not known.
    pub signed_at_block: u64,
}

impl Relay {
    /// At most `limit` transactions from `cursor` on, newest first; `None` for a cursor that is
    /// none of ours.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn queue(
        &self,
        wanted: QueueQuery,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Option<RelayQueue>> {
        let Some((nonce, cause)) = position(cursor) else { return Ok(None) };
        // Zero is before the first round.
        let head = Some(self.head.load(Ordering::Relaxed)).filter(|head| *head > 0);
        let rows = query(AssertSqlSafe(page(wanted.status)))
            .bind(nonce)
            .bind(cause.to_owned())
            .bind(i64::from(limit))
            .fetch_all(self.db.read())
            .await?;
        let items = items(&rows, head)?;
        let full = items.len() == usize::try_from(limit).unwrap_or(usize::MAX);
        let last = items.last().filter(|_| full);
        let next = last.map(|last| format!("{}_{}", last.nonce, last.cause));
        let (pending, since) = self.waiting().await?;
        let waited_blocks_max = waited(since, head);
        Ok(Some(RelayQueue { items, next, pending, waited_blocks_max }))
    }

    /// How many wait, and since which block the oldest does.
    async fn waiting(&self) -> Result<(u64, Option<i64>), DbError> {
        let row = query("select count(*), min(since) from chain_tx where status = $1")
            .bind(PENDING)
            .fetch_one(self.db.read())
            .await?;
        Ok((row.try_get::<i64, _>(0)?.unsigned_abs(), row.try_get(1)?))
    }
}

/// Where a page begins: below this nonce and cause.
fn position(cursor: Option<&str>) -> Option<(i64, &str)> {
    let Some(cursor) = cursor else { return Some((i64::MAX, "")) };
    let (nonce, cause) = cursor.split_once('_')?;
    Some((nonce.parse().ok()?, cause))
}

/// The statement for a page of those that stand so.
fn page(status: Option<TransactionStatus>) -> String {
    let wanted = match status {
        None => vec![],
        Some(TransactionStatus::Pending) => vec![PENDING],
        Some(TransactionStatus::Confirmed) => vec![CONFIRMED],
        Some(TransactionStatus::Final) => vec![CONFIRMED + FINAL],
        Some(TransactionStatus::Reverted) => vec![REVERTED, REVERTED + FINAL],
    };
    let wanted: Vec<_> = wanted.iter().map(i64::to_string).collect();
    let stand = match wanted[..] {
        [] => String::new(),
        _ => format!("and status in ({})", wanted.join(", ")),
    };
    format!(
        "select page.cause, page.sender, page.nonce, page.status, page.block, page.attempt, \
         page.since, made.number, made.hash, made.cap, made.tip, made.signed_at \
         from (select cause, sender, nonce, status, block, attempt, since from chain_tx \
         where (nonce, cause) < ($1, $2) {stand} order by nonce desc, cause desc limit $3) page \
         left join chain_attempt made on made.cause = page.cause \
         order by page.nonce desc, page.cause desc, made.number"
    )
}

fn items(rows: &[AnyRow], head: Option<u64>) -> Result<Vec<QueuedTransaction>, DbError> {
    let mut items: Vec<QueuedTransaction> = Vec::new();
    for row in rows {
        let cause: String = row.try_get(0)?;
        if items.last().is_none_or(|last| last.cause != cause) {
            items.push(item(row, cause, head)?);
        }
        let Some(number) = row.try_get::<Option<i64>, _>(7)? else { continue };
        let last = items.last_mut().expect("one was just put there");
        let attempt = attempt(row)?;
        if row.try_get::<Option<i64>, _>(5)? == Some(number) {
            last.hash = Some(attempt.hash.clone());
        }
        last.attempts.push(attempt);
    }
    Ok(items)
}

fn item(row: &AnyRow, cause: String, head: Option<u64>) -> Result<QueuedTransaction, DbError> {
    let (status, block): (i64, Option<i64>) = (row.try_get(3)?, row.try_get(4)?);
    let is_final = status >= FINAL;
    let block = block.map(i64::unsigned_abs);
    let status = match status % FINAL {
        CONFIRMED if is_final => TransactionStatus::Final,
        CONFIRMED => TransactionStatus::Confirmed,
        REVERTED => TransactionStatus::Reverted,
        _ => TransactionStatus::Pending,
    };
    Ok(QueuedTransaction {
        cause,
        sender: row.try_get(1)?,
        nonce: row.try_get::<i64, _>(2)?.unsigned_abs(),
        status,
        is_final,
        block,
        hash: None,
        waited_blocks: waited(row.try_get(6)?, block.or(head)),
        attempts: Vec::new(),
    })
}

fn attempt(row: &AnyRow) -> Result<TransactionAttempt, DbError> {
    let fees = rows::fees(row, 9)?;
    let wei = |amount: u128| u64::try_from(amount).expect("it was stored in 63 bits");
    Ok(TransactionAttempt {
        hash: row.try_get(8)?,
        max_fee_per_gas: wei(fees.cap),
        max_priority_fee_per_gas: wei(fees.tip),
        signed_at_block: row.try_get::<i64, _>(11)?.unsigned_abs(),
    })
}

/// Blocks from `since` to `until`, where both are known.
fn waited(since: Option<i64>, until: Option<u64>) -> Option<u64> {
    Some(until?.saturating_sub(since?.unsigned_abs()))
}
