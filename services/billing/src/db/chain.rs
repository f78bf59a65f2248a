//! What the chain said, by block, so that a block can be taken back.

use alloy_primitives::{Address, B256};
use anyhow::{Context, Result};
use db::{AnyRow, Cell, Db, Row, Tx, insert_rows, query};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The block that was followed last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) sequence: u64,
    pub(crate) number: u64,
    pub(crate) hash: B256,
    pub(crate) finalized: u64,
}

/// A log that billing keeps.
#[derive(Debug, Clone)]
pub(crate) struct FactRow {
    /// The log's place in its block.
    pub(crate) place: u32,
    pub(crate) kind: &'static str,
    /// What it is found by.
    pub(crate) key: String,
    pub(crate) community: String,
    /// Start of the slot, or zero.
    pub(crate) slot: i64,
    /// The UTC day, or zero.
    pub(crate) day: i64,
    pub(crate) body: String,
}

/// Kinds of [`FactRow`].
pub(crate) mod kind {
    /// A policy, by its id.
    pub(crate) const POLICY: &str = "policy";
    /// A clearing, by its id.
    pub(crate) const CLEARING: &str = "clearing";
    /// A settled trade, by its id.
    pub(crate) const SETTLED: &str = "settled";
    /// A reconciled trade, by its id.
    pub(crate) const RECONCILED: &str = "reconciled";
    /// A batch of readings of a day, by its root.
    pub(crate) const BATCH: &str = "batch";
    /// A version of a tariff, by the tariff's hash.
    pub(crate) const TARIFF: &str = "tariff";
    /// A version of a meter's key, by the meter.
    pub(crate) const METER_KEY: &str = "meter_key";
    /// Cash that was taken out of trading, by the account's address.
    pub(crate) const WITHDRAWAL_REQUESTED: &str = "withdrawal_requested";
    /// All of it that was paid, by the account's address.
    pub(crate) const WITHDRAWN: &str = "withdrawn";
    /// A proven challenge, by the address of whom the meter is.
    pub(crate) const CHALLENGED: &str = "challenged";
    /// Tokens that were destroyed to be paid out, by the hash of where to.
    pub(crate) const REDEEMED: &str = "redeemed";
    /// Both transfers of a quote that were made, by its id.
    pub(crate) const EXCHANGED: &str = "exchanged";
    /// A change of what a connection point generates from, by the connection point.
    pub(crate) const SOURCE: &str = "source";
    /// What was certified of a trade, by the trade.
    pub(crate) const CERTIFIED: &str = "certified";
}

pub(crate) async fn put(tx: &mut Tx, block: B256, number: u64, facts: Vec<FactRow>) -> Result<()> {
    let mut rows = Vec::with_capacity(facts.len());
    let settled = facts.iter().filter(|fact| fact.kind == kind::SETTLED);
    let parties = settled.map(|fact| parties(&fact.key, fact.day, &fact.body));
    put_parties(tx, parties.collect::<Result<_>>()?).await?;
    for fact in facts {
        rows.push(vec![
            Cell::Text(super::hash(block)),
            Cell::Int(super::int(number)?),
            Cell::Int(i64::from(fact.place)),
            Cell::from(fact.kind),
            Cell::Text(fact.key),
            Cell::Text(fact.community),
            Cell::Int(fact.slot),
            Cell::Int(fact.day),
            Cell::Text(fact.body),
        ]);
    }
    let insert = "insert into fact (block, number, place, kind, key, community, slot, day, body)";
    insert_rows(tx, insert, 9, rows, "").await?;
    Ok(())
}

/// Whose a trade is.
#[derive(Deserialize)]
struct Parties {
    buyer: Address,
    seller: Address,
}

/// The rows that say on which day a settled trade is whose.
fn parties(trade: &str, day: i64, body: &str) -> Result<[Vec<Cell>; 2]> {
    let Parties { buyer, seller } = serde_json::from_str(body).context("a settled trade")?;
    Ok([buyer, seller].map(|address| {
        vec![Cell::Text(super::address(address)), Cell::Int(day), Cell::Text(trade.to_owned())]
    }))
}

async fn put_parties(tx: &mut Tx, parties: Vec<[Vec<Cell>; 2]>) -> Result<()> {
    let insert = "insert into trade_party (address, day, trade)";
    let rows = parties.into_iter().flatten().collect();
    insert_rows(tx, insert, 3, rows, "on conflict do nothing").await?;
    Ok(())
}

/// Notes whose the trades are that were kept before this was noted.
pub(crate) async fn note_parties(db: &Db) -> Result<()> {
    let noted = query("select 1 from trade_party limit 1").fetch_optional(db.read()).await?;
    if noted.is_some() {
        return Ok(());
    }
    let rows = query("select key, day, body from fact where kind = $1")
        .bind(kind::SETTLED)
        .fetch_all(db.read())
        .await
        .context("reading settled trades")?;
    let of_row = |row: &AnyRow| {
        let (trade, day, body): (String, i64, String) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        parties(&trade, day, &body)
    };
    let all = rows.iter().map(of_row).collect::<Result<Vec<_>>>()?;
    db.transact(move |tx| Box::pin(async move { put_parties(tx, all).await })).await
}

/// Forgets what a block said.
pub(crate) async fn forget(tx: &mut Tx, block: B256) -> Result<()> {
    query("delete from fact where block = $1")
        .bind(super::hash(block))
        .execute(tx.conn())
        .await
        .context("forgetting a block")?;
    Ok(())
}

pub(crate) async fn set_head(tx: &mut Tx, head: Head) -> Result<()> {
    let row = vec![
        Cell::Int(1),
        Cell::Int(super::int(head.sequence)?),
        Cell::Int(super::int(head.number)?),
        Cell::Text(super::hash(head.hash)),
        Cell::Int(super::int(head.finalized)?),
    ];
    let insert = "insert into chain_head (one, sequence, number, hash, finalized)";
    let update = "on conflict (one) do update set sequence = excluded.sequence, \
                  number = excluded.number, hash = excluded.hash, finalized = excluded.finalized";
    insert_rows(tx, insert, 5, vec![row], update).await?;
    Ok(())
}

pub(crate) async fn head(db: &Db) -> Result<Option<Head>> {
    let row = query("select sequence, number, hash, finalized from chain_head")
        .fetch_optional(db.read())
        .await
        .context("reading the chain's head")?;
    let Some(row) = row else { return Ok(None) };
    let number = |place: usize| row.try_get::<i64, _>(place).map(i64::unsigned_abs);
    let hash: String = row.try_get(2)?;
    Ok(Some(Head {
        sequence: number(0)?,
        number: number(1)?,
        hash: hash.parse()?,
        finalized: number(3)?,
    }))
}

/// Whether there is a fact of a kind under a key.
pub(crate) async fn is_known(db: &Db, kind: &'static str, key: String) -> Result<bool> {
    let row = query("select 1 from fact where kind = $1 and key = $2 limit 1")
        .bind(kind)
        .bind(key)
        .fetch_optional(db.read())
        .await
        .context("looking for a fact")?;
    Ok(row.is_some())
}

/// All facts of a kind under a key, oldest first, with their blocks' heights.
pub(crate) async fn all<T: DeserializeOwned>(
    db: &Db,
    kind: &'static str,
    key: String,
) -> Result<Vec<(u64, T)>> {
    let rows =
        query("select number, body from fact where kind = $1 and key = $2 order by number, place")
            .bind(kind)
            .bind(key)
            .fetch_all(db.read())
            .await
            .context("reading facts")?;
    let parse = |row: &AnyRow| {
        let (number, body): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
        Ok((number.unsigned_abs(), serde_json::from_str(&body).context("a kept fact")?))
    };
    rows.iter().map(parse).collect()
}

/// As [`all`], with the places of the logs: block's height, then place in the block.
pub(crate) async fn placed<T: DeserializeOwned>(
    db: &Db,
    kind: &'static str,
    key: String,
) -> Result<Vec<((u64, u32), T)>> {
    let sql = "select number, place, body from fact where kind = $1 and key = $2 \
               order by number, place";
    let rows =
        query(sql).bind(kind).bind(key).fetch_all(db.read()).await.context("reading facts")?;
    let parse = |row: &AnyRow| {
        let (number, place): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        let body: String = row.try_get(2)?;
        let place = (number.unsigned_abs(), u32::try_from(place)?);
        Ok((place, serde_json::from_str(&body).context("a kept fact")?))
    };
    rows.iter().map(parse).collect()
}

/// The facts of a kind under a key in blocks up to `finalized`, oldest first.
pub(crate) async fn finals<T: DeserializeOwned>(
    db: &Db,
    kind: &'static str,
    key: String,
    finalized: u64,
) -> Result<Vec<T>> {
    let all = all(db, kind, key).await?;
    Ok(all.into_iter().filter(|(number, _)| *number <= finalized).map(|(_, fact)| fact).collect())
}

/// The bodies of all facts of a kind, oldest first.
pub(crate) async fn of_kind<T: DeserializeOwned>(
    db: &Db,
    kind: &'static str,
) -> Result<Vec<(String, T)>> {
    let rows = query("select key, body from fact where kind = $1 order by number, place")
        .bind(kind)
        .fetch_all(db.read())
        .await
        .context("reading facts")?;
    let parse = |row: &AnyRow| {
        let (key, body): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        Ok((key, serde_json::from_str(&body).context("a kept fact")?))
    };
    rows.iter().map(parse).collect()
}

/// What was settled and reconciled of an address's trades of a UTC day in blocks up to `finalized`,
/// in the order of the chain: (kind, body).
pub(crate) async fn of_party(
    db: &Db,
    address: Address,
    day: u32,
    finalized: u64,
) -> Result<Vec<(String, String)>> {
    let sql = "select fact.kind, fact.body from trade_party \
               join fact on fact.kind in ('settled', 'reconciled') \
               and fact.key = trade_party.trade \
               where trade_party.address = $1 and trade_party.day = $2 and fact.number <= $3 \
               order by fact.number, fact.place";
    let rows = query(sql)
        .bind(super::address(address))
        .bind(i64::from(day))
        .bind(super::int(finalized)?)
        .fetch_all(db.read())
        .await
        .context("reading an account's trades of a day")?;
    let pair = |row: &AnyRow| Ok((row.try_get(0)?, row.try_get(1)?));
    rows.iter().map(pair).collect()
}

/// The bodies of a kind in a slot, oldest first, with their blocks' heights.
pub(crate) async fn of_slot<T: DeserializeOwned>(
    db: &Db,
    kind: &'static str,
    slot: i64,
) -> Result<Vec<(u64, T)>> {
    let sql = "select number, body from fact where kind = $1 and slot = $2 order by number, place";
    let rows = query(sql)
        .bind(kind)
        .bind(slot)
        .fetch_all(db.read())
        .await
        .context("reading a slot's facts")?;
    let parse = |row: &AnyRow| {
        let (number, body): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
        Ok((number.unsigned_abs(), serde_json::from_str(&body).context("a kept fact")?))
    };
    rows.iter().map(parse).collect()
}

/// The settled trades of a slot, by their place among its fills.
pub(crate) async fn settled_in<T: DeserializeOwned>(
    db: &Db,
    community: String,
    slot: i64,
) -> Result<Vec<T>> {
    let rows = query(
        "select fact.body from fact left join matched on matched.trade = fact.key \
         where fact.kind = 'settled' and fact.slot = $1 and fact.community = $2 \
         order by coalesce(matched.place, 4294967296), fact.number, fact.place",
    )
    .bind(slot)
    .bind(community)
    .fetch_all(db.read())
    .await
    .context("reading a slot's trades")?;
    let parse = |row: &AnyRow| {
        let body: String = row.try_get(0)?;
        serde_json::from_str(&body).context("a kept trade")
    };
    rows.iter().map(parse).collect()
}
