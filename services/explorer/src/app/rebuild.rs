//! An index that was lost is read again from a node, up to the block that comes next.

use alloy_primitives::{Address, B256, Bytes, U64};
use anyhow::{Context, Result};
use calendar::Timestamp;
use client::{JsonRpc, RpcError};
use contracts::Deployment;
use db::Db;
use events::ledger::{BlockConnected, Confirmed, Log};
use serde::Deserialize;
use serde_json::json;

use crate::app::branch::{self, Head, REBUILDING};

/// A receipt as a node writes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RpcReceipt {
    transaction_hash: B256,
    from: Address,
    to: Option<Address>,
    status: U64,
    gas_used: U64,
    logs: Vec<RpcLog>,
}

/// A log as a node writes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RpcLog {
    address: Address,
    topics: Vec<B256>,
    data: Bytes,
    log_index: U64,
}

/// Reads all blocks before `next` that an empty or half-rebuilt index does not have. One that is
/// whole stays as it is.
///
/// # Errors
/// The node does not answer, or the chain moved meanwhile: then the index is emptied and the next
/// call begins anew.
pub(crate) async fn catch_up(
    db: &Db,
    node: &dyn JsonRpc,
    deployment: Deployment,
    next: &BlockConnected,
) -> Result<()> {
    let begin = match head(db).await? {
        None if next.sequence > 1 => 0,
        Some(head) if head.sequence == REBUILDING => head.number + 1,
        _ => return Ok(()),
    };
    tracing::info!(from = begin, to = next.number, "reading the chain again");
    for number in begin..next.number {
        let block = read(node, number, next.finalized).await?;
        if let Err(error) = connect(db, deployment, block).await {
            db.transact::<_, anyhow::Error, _>(|tx| Box::pin(branch::clear(tx))).await?;
            return Err(error);
        }
    }
    Ok(())
}

async fn head(db: &Db) -> Result<Option<Head>> {
    db.transact(|tx| Box::pin(branch::head(tx))).await
}

async fn connect(db: &Db, deployment: Deployment, block: BlockConnected) -> Result<()> {
    // What is read again was told before.
    db.transact(move |tx| {
        Box::pin(async move { branch::connect(tx, &deployment, &block).await.map(drop) })
    })
    .await
}

async fn read(node: &dyn JsonRpc, number: u64, finalized: u64) -> Result<BlockConnected> {
    let shown = client::header(node, client::Block::Number(number)).await?;
    let header = shown.with_context(|| format!("the node has no block {number}"))?.header;
    let hash = header.hash();
    let answer = node.request("eth_getBlockReceipts", json!([hash])).await?;
    let receipts: Vec<RpcReceipt> =
        serde_json::from_value(answer).map_err(RpcError::unreachable)?;
    let (mut transactions, mut logs) = (Vec::new(), Vec::new());
    for receipt in receipts {
        let transaction = receipt.transaction_hash;
        transactions.push(Confirmed {
            hash: transaction,
            from: receipt.from,
            to: receipt.to,
            success: receipt.status == U64::ONE,
            gas_used: receipt.gas_used.to(),
        });
        for log in receipt.logs {
            let index = u32::try_from(log.log_index.to::<u64>())?;
            let RpcLog { address, topics, data, .. } = log;
            logs.push(Log { address, topics, data, transaction, index });
        }
    }
    Ok(BlockConnected {
        sequence: REBUILDING,
        number,
        hash,
        parent: header.parent_hash,
        timestamp: Timestamp::from_seconds(i64::try_from(header.timestamp)?),
        finalized: finalized.min(number),
        transactions,
        logs,
    })
}
