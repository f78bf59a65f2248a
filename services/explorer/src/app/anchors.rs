//! Hashes that a service said it handed to the chain, and those that are there.
//!
//! ```text
//! day anchored, tariff published, bill issued or corrected --> claim --\
//!                                                      hash: since when claimed, which block
//! log of ReadingAnchor or RecordAnchor -----------------------> seen ---/
//! block ANCHOR_SECONDS_MAX after a claim without a block --> AnchorMissing, once
//! ```
//!
//! Either may come first. Without a block nobody is told: it is the chain's time that counts.

use alloy_primitives::B256;
use anyhow::Result;
use calendar::Timestamp;
use contracts::{ContractEvent, READINGS_OF_DAY};
use db::{Row, Tx, query, query_scalar};
use serde::Serialize;

/// How long a hash may be on its way to the chain.
const ANCHOR_SECONDS_MAX: i64 = 3_600;
/// The most that one block tells of; the next one goes on.
const TOLD_MAX: i64 = 100;
/// How many blocks after its own a hash is forgotten.
const BLOCKS_KEPT: u64 = 10_000;

/// Something that was said to be on chain and is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Missing {
    /// `readings`, `tariff`, `invoice` or `correction`.
    pub(crate) what: String,
    /// The day of the readings, the first day of the tariff, the number of the document.
    pub(crate) name: String,
    /// The hash that should be there.
    pub(crate) hash: B256,
    /// Since when it was said to be on its way.
    pub(crate) since: Timestamp,
}

/// A service says that it has handed a hash over.
pub(crate) async fn claim(tx: &mut Tx, claim: &Missing) -> Result<()> {
    let sql = "insert into anchors (hash, what, name, since, told) values ($1, $2, $3, $4, 0) \
               on conflict (hash) do update set what = excluded.what, name = excluded.name, \
               since = coalesce(anchors.since, excluded.since)";
    query(sql)
        .bind(claim.hash.to_string())
        .bind(claim.what.clone())
        .bind(claim.name.clone())
        .bind(claim.since.seconds())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The hash that a contract says is on chain, if it is one that services tell of.
pub(crate) fn anchored(event: &ContractEvent) -> Option<B256> {
    match event {
        ContractEvent::ReadingsAnchored(event) => {
            (event.kind == READINGS_OF_DAY).then_some(event.root)
        }
        ContractEvent::TariffPublished(event) => Some(event.hash),
        ContractEvent::InvoiceIssued(event) => Some(event.hash),
        _ => None,
    }
}

/// A block has a hash.
pub(crate) async fn seen(tx: &mut Tx, hash: B256, block: u64) -> Result<()> {
    let sql = "insert into anchors (hash, block, told) values ($1, $2, 0) \
               on conflict (hash) do update set block = excluded.block";
    query(sql).bind(hash.to_string()).bind(i64::try_from(block)?).execute(tx.conn()).await?;
    Ok(())
}

/// A block left the chain, or all did.
pub(crate) async fn unseen(tx: &mut Tx, block: Option<u64>) -> Result<()> {
    let Some(block) = block else {
        query("delete from anchors where since is null").execute(tx.conn()).await?;
        query("update anchors set block = null").execute(tx.conn()).await?;
        return Ok(());
    };
    let block = i64::try_from(block)?;
    let unclaimed = "delete from anchors where block = $1 and since is null";
    query(unclaimed).bind(block).execute(tx.conn()).await?;
    let sql = "update anchors set block = null where block = $1";
    query(sql).bind(block).execute(tx.conn()).await?;
    Ok(())
}

/// What should be on chain by `now` and is not, each once; forgets what long is, and what was said
/// before the oldest block of which hashes are remembered: it may be in an older one.
pub(crate) async fn overdue(tx: &mut Tx, now: Timestamp, finalized: u64) -> Result<Vec<Missing>> {
    let old = i64::try_from(finalized.saturating_sub(BLOCKS_KEPT))?;
    query("delete from anchors where block < $1").bind(old).execute(tx.conn()).await?;
    let begun: Option<i64> = query_scalar("select mined_at from blocks where number = $1")
        .bind(old)
        .fetch_optional(tx.conn())
        .await?;
    if let Some(begun) = begun.filter(|_| old > 0) {
        let before = begun.min(now.plus_seconds(-2 * ANCHOR_SECONDS_MAX).seconds());
        let forget = "delete from anchors where block is null and since < $1";
        query(forget).bind(before).execute(tx.conn()).await?;
    }
    let sql = "select hash, what, name, since from anchors \
               where block is null and told = 0 and since <= $1 order by since, hash limit $2";
    let rows = query(sql)
        .bind(now.plus_seconds(-ANCHOR_SECONDS_MAX).seconds())
        .bind(TOLD_MAX)
        .fetch_all(tx.conn())
        .await?;
    let mut missing = Vec::new();
    for row in rows {
        let hash: String = row.try_get(0)?;
        let since = Timestamp::from_seconds(row.try_get(3)?);
        let (what, name) = (row.try_get(1)?, row.try_get(2)?);
        missing.push(Missing { what, name, hash: hash.parse()?, since });
        let told = "update anchors set told = 1 where hash = $1";
        query(told).bind(hash).execute(tx.conn()).await?;
    }
    Ok(missing)
}
