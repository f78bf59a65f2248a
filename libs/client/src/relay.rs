//! The relay: transactions that follow from a service's own rows, each executed once at most.
//!
//! ```text
//! enqueue   cause -> nonce and call, in the transaction of the change it follows from
//! round     receipts of every attempt -> which one a block has, if any
//!           else: send the last attempt again; what is new or offers too little is signed
//!           write stands and new attempts, all or nothing; only then send what was signed
//! ```
//!
//! Invariants: a cause has one nonce for good, and all its attempts have that nonce and the same
//! call, so that blocks execute one of them at most, whichever it is; an attempt is on disk before
//! it is sent, so every transaction that a node may have is known by its hash.
//! Deliberately absent: clocks and chance. Time is counted in blocks.

pub mod fees;
mod queue;
mod rows;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use alloy_consensus::{TxEip1559, TxEnvelope};
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, Bytes, TxKind, U64};
use anyhow::{Context, Result};
use db::{Db, DbError, Kind, Tx, query_scalar};
use keys::SecretKey;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::JsonRpc;
use crate::send::signed;
use fees::{Answer, Fees, Waiting, next_fees};
pub use queue::{QueueQuery, QueuedTransaction, RelayQueue, TransactionAttempt, TransactionStatus};
pub use rows::{ATTEMPTS_SCHEMA, SCHEMA};
use rows::{Attempt, Kept, Stand};

/// The most gas one transaction may use (EIP-7825).
pub const TRANSACTION_GAS_MAX: u64 = 16_777_216;
/// The most transactions looked at in one round.
const ROUND_MAX: i64 = 256;

const PENDING: i64 = 0;
const CONFIRMED: i64 = 1;
const REVERTED: i64 = 2;
/// Added to a confirmed or reverted status when its block can no longer be undone.
const FINAL: i64 = 10;

/// A service's own key on the chain.
pub struct Sender {
    key: SecretKey,
    chain_id: u64,
}

/// A transaction to send.
#[derive(Debug, Clone)]
pub struct Transaction {
    /// What it follows from; the same cause is never sent twice.
    pub cause: String,
    /// The contract.
    pub to: Address,
    /// The call.
    pub data: Bytes,
    /// The most gas it may use, at most [`TRANSACTION_GAS_MAX`].
    pub gas: u64,
}

/// How a transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Not in a block yet.
    Pending,
    /// In a block and successful.
    Confirmed,
    /// In a block and reverted.
    Reverted,
}

impl Sender {
    /// The sender with `key` on the chain `chain_id`.
    pub fn new(key: SecretKey, chain_id: u64) -> Sender {
        Sender { key, chain_id }
    }

    /// Its address.
    pub fn address(&self) -> Address {
        self.key.address()
    }

    /// Keeps `transaction` under the sender's next nonce, in the transaction of the change it
    /// follows from. Of a cause that is there already nothing changes.
    pub async fn enqueue(&self, tx: &mut Tx, transaction: &Transaction) -> Result<()> {
        anyhow::ensure!(transaction.gas <= TRANSACTION_GAS_MAX, "over the gas of a transaction");
        let known: i64 = query_scalar("select count(*) from chain_tx where cause = $1")
            .bind(transaction.cause.clone())
            .fetch_one(tx.conn())
            .await?;
        if known > 0 {
            return Ok(());
        }
        let sender = self.address().to_string();
        let next: i64 =
            query_scalar("select coalesce(max(nonce) + 1, 0) from chain_tx where sender = $1")
                .bind(sender.clone())
                .fetch_one(tx.conn())
                .await?;
        let unsigned = TxEip1559 {
            chain_id: self.chain_id,
            nonce: next.try_into()?,
            gas_limit: transaction.gas,
            to: TxKind::Call(transaction.to),
            input: transaction.data.clone(),
            ..TxEip1559::default()
        };
        rows::add(tx, transaction.cause.clone(), sender, &unsigned).await
    }

    fn sign(&self, unsigned: TxEip1559, fees: Fees) -> TxEnvelope {
        let unsigned =
            TxEip1559 { max_fee_per_gas: fees.cap, max_priority_fee_per_gas: fees.tip, ..unsigned };
        signed(&self.key, unsigned)
    }
}

/// Sends what [`Sender::enqueue`] kept, until it is final.
pub struct Relay {
    db: Db,
    node: Arc<dyn JsonRpc>,
    senders: Vec<Arc<Sender>>,
    /// Rounds of one relay never overlap. Holds the commits of the database before the last look
    /// that found nothing open.
    turn: Mutex<Option<u64>>,
    /// The head of the last round; zero before the first.
    head: AtomicU64,
}

/// The chain, as a round sees it.
struct Seen {
    head: i64,
    finalized: i64,
    /// Of the next block, in wei.
    base_fee: u128,
}

/// A transaction as a round found it.
struct Found {
    stand: Stand,
    /// What the node said to its last attempt, where no block has any.
    answer: Answer,
}

impl Relay {
    /// The relay of the service that owns `db`, to `node`. It signs for `sender` only; what another
    /// key has signed is sent as it is.
    pub fn new(db: Db, node: Arc<dyn JsonRpc>, sender: Arc<Sender>) -> Relay {
        let senders = vec![sender];
        Relay { db, node, senders, turn: Mutex::new(None), head: AtomicU64::new(0) }
    }

    /// The same relay, which signs for `sender` too. Each sender has nonces and fees of its own.
    pub fn and(mut self, sender: Arc<Sender>) -> Relay {
        self.senders.push(sender);
        self
    }

    /// Looks at every transaction that is not final, in nonce order: sends it when no block has it,
    /// with more to pay where that is needed, and notes how it ended. Returns how many are not in a
    /// block yet.
    pub async fn round(&self) -> Result<u64> {
        let mut rest = self.turn.lock().await;
        let commits = self.db.commits();
        // A database that others write to has to be asked.
        if self.db.kind() == Kind::Sqlite && *rest == Some(commits) {
            return Ok(0);
        }
        let open = rows::open(&self.db).await?;
        if open.is_empty() {
            *rest = Some(commits);
            return Ok(0);
        }
        let seen = self.look().await?;
        let mut found = Vec::with_capacity(open.len());
        for kept in &open {
            found.push(self.find(kept, &seen).await?);
        }
        let mut signed = Vec::new();
        for sender in &self.senders {
            signed.extend(sign(sender, &open, &found, &seen)?);
        }
        let raw: Vec<_> =
            signed.iter().map(|(cause, one)| (cause.clone(), one.raw.clone())).collect();
        rows::note(&self.db, changed(&open, &found), signed).await?;
        for (cause, raw) in raw {
            self.send(&cause, raw).await;
        }
        let pending = found.iter().filter(|found| found.stand.status == PENDING);
        Ok(pending.count() as u64)
    }

    /// How many transactions are not in a block yet.
    pub async fn pending(&self) -> Result<u64, DbError> {
        let count: i64 = query_scalar("select count(*) from chain_tx where status = $1")
            .bind(PENDING)
            .fetch_one(self.db.read())
            .await?;
        Ok(count.unsigned_abs())
    }

    async fn look(&self) -> Result<Seen> {
        let one_block = json!(["0x1", "latest", []]);
        let history = self.node.request("eth_feeHistory", one_block).await?;
        let fees = history["baseFeePerGas"].as_array();
        let base_fee = fees.and_then(|fees| fees.last()).context("a node without base fees")?;
        let head = quantity(&history["oldestBlock"]);
        self.head.store(head, Ordering::Relaxed);
        let finalized =
            self.node.request("eth_getBlockByNumber", json!(["finalized", false])).await;
        let finalized = finalized.ok().map_or(0, |block| quantity(&block["number"]));
        Ok(Seen {
            head: head.try_into()?,
            finalized: finalized.try_into()?,
            base_fee: quantity(base_fee).into(),
        })
    }

    /// How a transaction stands now. What no block has is sent.
    async fn find(&self, kept: &Kept, seen: &Seen) -> Result<Found> {
        for attempt in kept.likely() {
            let hash = json!([attempt.hash]);
            let receipt = self.node.request("eth_getTransactionReceipt", hash).await?;
            if !receipt.is_null() {
                let stand = included(kept, attempt, &receipt, seen)?;
                return Ok(Found { stand, answer: Answer::Taken });
            }
        }
        let before = kept.stand;
        let since = before.since.filter(|_| before.status == PENDING).or(Some(seen.head));
        let stand = Stand { status: PENDING, block: None, attempt: None, since };
        let answer = match kept.attempts.last() {
            Some(last) => self.send(&kept.cause, last.raw.clone()).await,
            None => Answer::Refused,
        };
        Ok(Found { stand, answer })
    }

    async fn send(&self, cause: &str, raw: Vec<u8>) -> Answer {
        let raw = json!([Bytes::from(raw)]);
        let Err(error) = self.node.request("eth_sendRawTransaction", raw).await else {
            return Answer::Taken;
        };
        let answer = Answer::to(&error.message);
        if answer != Answer::Taken {
            tracing::warn!(cause, %error, "a transaction was not taken");
        }
        answer
    }
}

/// Signs what of the sender was never signed and what has to offer more.
fn sign(
    sender: &Sender,
    open: &[Kept],
    found: &[Found],
    seen: &Seen,
) -> Result<Vec<(String, Attempt)>> {
    let own = sender.address().to_string();
    let own = open.iter().zip(found).filter(|(kept, _)| kept.sender == own);
    let (waiting, others): (Vec<_>, Vec<_>) =
        own.partition(|(_, found)| found.stand.status == PENDING);
    let line: Vec<_> = waiting.iter().map(|(kept, found)| in_line(kept, found, seen)).collect();
    let paid = others.last().and_then(|(kept, found)| {
        let attempt = kept.attempts.iter().find(|one| Some(one.number) == found.stand.attempt);
        Some(attempt?.fees)
    });
    let fees = next_fees(seen.base_fee, paid.unwrap_or_default(), &line);
    let wanted = waiting.iter().zip(fees).filter_map(|((kept, _), fees)| Some((kept, fees?)));
    wanted
        .map(|(kept, fees)| {
            let signed = sender.sign(kept.unsigned()?, fees);
            let attempt = Attempt {
                number: kept.attempts.last().map_or(1, |last| last.number + 1),
                hash: signed.tx_hash().to_string(),
                raw: signed.encoded_2718(),
                fees,
                signed_at: seen.head,
            };
            Ok((kept.cause.clone(), attempt))
        })
        .collect()
}

/// A transaction that no block has, as the choice of fees sees it.
fn in_line(kept: &Kept, found: &Found, seen: &Seen) -> Waiting {
    let Some(last) = kept.attempts.last() else { return Waiting::New };
    let from = last.signed_at.max(found.stand.since.unwrap_or(seen.head));
    let blocks = u64::try_from(seen.head - from).unwrap_or(0);
    Waiting::Sent { fees: last.fees, answer: found.answer, blocks }
}

/// How a transaction stands whose `attempt` is in a block.
fn included(kept: &Kept, attempt: &Attempt, receipt: &Value, seen: &Seen) -> Result<Stand> {
    let number: i64 = quantity(&receipt["blockNumber"]).try_into()?;
    let success = quantity(&receipt["status"]) == 1;
    let ended = if success { CONFIRMED } else { REVERTED };
    if !success && kept.stand.status == PENDING {
        let (cause, hash) = (&kept.cause, &attempt.hash);
        tracing::error!(cause, hash, "a transaction was reverted");
    }
    Ok(Stand {
        status: if number <= seen.finalized { ended + FINAL } else { ended },
        block: Some(number),
        attempt: Some(attempt.number),
        since: kept.stand.since,
    })
}

/// What of it changed.
fn changed(open: &[Kept], found: &[Found]) -> Vec<(String, Stand)> {
    let all = open.iter().zip(found);
    let changed = all.filter(|(kept, found)| kept.stand != found.stand);
    changed.map(|(kept, found)| (kept.cause.clone(), found.stand)).collect()
}

/// How the transaction that follows from `cause` stands; `None` when there is none.
pub async fn outcome_of(db: &Db, cause: &str) -> Result<Option<Outcome>, DbError> {
    let status: Option<i64> = query_scalar("select status from chain_tx where cause = $1")
        .bind(cause.to_owned())
        .fetch_optional(db.read())
        .await?;
    Ok(status.map(|status| match status % FINAL {
        CONFIRMED => Outcome::Confirmed,
        REVERTED => Outcome::Reverted,
        _ => Outcome::Pending,
    }))
}

fn quantity(value: &Value) -> u64 {
    serde_json::from_value::<U64>(value.clone()).map_or(0, |number| number.to())
}
