//! The relay: transactions that follow from a service's own rows, each sent exactly once.

use std::sync::Arc;

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, TxKind, U64, U256};
use anyhow::{Context, Result};
use db::{Cell, Db, DbError, Kind, Row, Tx, insert_rows, query, query_scalar};
use keys::SecretKey;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::{JsonRpc, RpcError, block_number};

/// The table of the relay: a migration of every service that sends transactions.
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

/// The most gas one transaction may use (EIP-7825).
pub const TRANSACTION_GAS_MAX: u64 = 16_777_216;
/// The most a sender pays per gas: far above any base fee that our blocks reach.
const FEE_PER_GAS_MAX: u128 = 1_000_000_000_000;
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

    /// Signs `transaction` with the sender's next nonce and keeps it, in the transaction of the
    /// change it follows from. A cause that is there already gives the hash it had.
    pub async fn enqueue(&self, tx: &mut Tx, transaction: &Transaction) -> Result<B256> {
        let known: Option<String> = query_scalar("select hash from chain_tx where cause = $1")
            .bind(transaction.cause.clone())
            .fetch_optional(tx.conn())
            .await?;
        if let Some(hash) = known {
            return hash.parse().context("hash of a kept transaction");
        }
        let sender = self.address().to_string();
        let next: i64 =
            query_scalar("select coalesce(max(nonce) + 1, 0) from chain_tx where sender = $1")
                .bind(sender.clone())
                .fetch_one(tx.conn())
                .await?;
        let signed = self.sign(transaction, u64::try_from(next)?)?;
        let hash = *signed.tx_hash();
        let row = vec![
            Cell::Text(transaction.cause.clone()),
            Cell::Text(sender),
            Cell::Int(next),
            Cell::Text(hash.to_string()),
            Cell::Bytes(signed.encoded_2718()),
        ];
        let insert = "insert into chain_tx (cause, sender, nonce, hash, raw)";
        insert_rows(tx, insert, 5, vec![row], "").await?;
        Ok(hash)
    }

    fn sign(&self, transaction: &Transaction, nonce: u64) -> Result<TxEnvelope> {
        anyhow::ensure!(transaction.gas <= TRANSACTION_GAS_MAX, "over the gas of a transaction");
        let unsigned = TxEip1559 {
            chain_id: self.chain_id,
            nonce,
            gas_limit: transaction.gas,
            max_fee_per_gas: FEE_PER_GAS_MAX,
            max_priority_fee_per_gas: 0,
            to: TxKind::Call(transaction.to),
            value: U256::ZERO,
            access_list: alloy_eips::eip2930::AccessList::default(),
            input: transaction.data.clone(),
        };
        let (r, s, odd) = self.key.sign(unsigned.signature_hash()).parts();
        let signature =
            alloy_primitives::Signature::new(U256::from_be_bytes(r), U256::from_be_bytes(s), odd);
        Ok(TxEnvelope::from(unsigned.into_signed(signature)))
    }
}

/// Sends what [`Sender::enqueue`] kept, until it is final.
pub struct Relay {
    db: Db,
    node: Arc<dyn JsonRpc>,
    /// Rounds of one relay never overlap. Holds the commits of the database before the last look
    /// that found nothing open.
    turn: Mutex<Option<u64>>,
}

struct Kept {
    cause: String,
    hash: String,
    raw: Vec<u8>,
    status: i64,
}

impl Relay {
    /// The relay of the service that owns `db`, to `node`.
    pub fn new(db: Db, node: Arc<dyn JsonRpc>) -> Relay {
        Relay { db, node, turn: Mutex::new(None) }
    }

    /// Looks at every transaction that is not final, in nonce order: sends it when no block has it,
    /// and notes how it ended. Returns how many are not in a block yet.
    pub async fn round(&self) -> Result<u64> {
        let mut rest = self.turn.lock().await;
        let commits = self.db.commits();
        // A database that others write to has to be asked.
        if self.db.kind() == Kind::Sqlite && *rest == Some(commits) {
            return Ok(0);
        }
        let open = self.open().await?;
        if open.is_empty() {
            *rest = Some(commits);
            return Ok(0);
        }
        let finalized = self.finalized().await?;
        let mut pending = 0;
        let mut changed = Vec::new();
        for kept in open {
            let (status, block) = self.look_at(&kept, finalized).await?;
            pending += u64::from(status == PENDING);
            if status != kept.status {
                changed.push((kept.cause, status, block));
            }
        }
        self.note(changed).await?;
        Ok(pending)
    }

    /// How many transactions are not in a block yet.
    pub async fn pending(&self) -> Result<u64, DbError> {
        let count: i64 = query_scalar("select count(*) from chain_tx where status = $1")
            .bind(PENDING)
            .fetch_one(self.db.read())
            .await?;
        Ok(count.unsigned_abs())
    }

    async fn open(&self) -> Result<Vec<Kept>, DbError> {
        let rows = query(
            "select cause, hash, raw, status from chain_tx where status < $1 \
             order by nonce limit $2",
        )
        .bind(FINAL)
        .bind(ROUND_MAX)
        .fetch_all(self.db.read())
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Kept {
                    cause: row.try_get(0)?,
                    hash: row.try_get(1)?,
                    raw: row.try_get(2)?,
                    status: row.try_get(3)?,
                })
            })
            .collect()
    }

    async fn finalized(&self) -> Result<u64, RpcError> {
        let block = self.node.request("eth_getBlockByNumber", json!(["finalized", false])).await;
        match block.ok().as_ref().and_then(|block| block.get("number")) {
            Some(number) => Ok(quantity(number)),
            None => Ok(block_number(&*self.node).await.map(|_| 0)?),
        }
    }

    /// The transaction's status now, and its block.
    async fn look_at(&self, kept: &Kept, finalized: u64) -> Result<(i64, Option<i64>)> {
        let receipt = self.node.request("eth_getTransactionReceipt", json!([kept.hash])).await?;
        if receipt.is_null() {
            let raw = Bytes::from(kept.raw.clone());
            if let Err(error) = self.node.request("eth_sendRawTransaction", json!([raw])).await {
                // "already known" is what a node says to a transaction that waits in its pool.
                if !error.message.contains("already known") {
                    tracing::warn!(cause = kept.cause, %error, "a transaction was not taken");
                }
            }
            return Ok((PENDING, None));
        }
        let number = quantity(&receipt["blockNumber"]);
        let success = quantity(&receipt["status"]) == 1;
        let ended = if success { CONFIRMED } else { REVERTED };
        let status = if number <= finalized { ended + FINAL } else { ended };
        if !success && kept.status == PENDING {
            tracing::error!(cause = kept.cause, hash = kept.hash, "a transaction was reverted");
        }
        Ok((status, i64::try_from(number).ok()))
    }

    async fn note(&self, changed: Vec<(String, i64, Option<i64>)>) -> Result<(), DbError> {
        if changed.is_empty() {
            return Ok(());
        }
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    for (cause, status, block) in changed {
                        query("update chain_tx set status = $1, block = $2 where cause = $3")
                            .bind(status)
                            .bind(block)
                            .bind(cause)
                            .execute(tx.conn())
                            .await?;
                    }
                    Ok(())
                })
            })
            .await
    }
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
