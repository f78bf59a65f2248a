//! Answers from the index.

use std::collections::HashMap;

use anyhow::{Context, Result};
use calendar::Timestamp;
use db::{AnyRow, AssertSqlSafe, Db, Row, query, query_scalar};
use service::{Page, PageQuery, Problem};
use units::{Energy, Money, Price};

use crate::api::dto::{Block, ContractEvent, Hit, HitKind, Outcome, Trade, Transaction};

/// A place in a list that runs from new to old: block, and place in the block.
#[derive(Clone, Copy)]
struct Cursor {
    block: i64,
    place: i64,
}

/// Before every cursor.
const NEWEST: Cursor = Cursor { block: i64::MAX, place: i64::MAX };

fn cursor(page: &PageQuery) -> Result<Cursor, Problem> {
    let Some(text) = &page.cursor else { return Ok(NEWEST) };
    let parsed = text.split_once('.').and_then(|(block, place)| {
        Some(Cursor { block: block.parse().ok()?, place: place.parse().ok()? })
    });
    parsed.ok_or_else(|| Problem::malformed("the cursor is not one of ours"))
}

/// A page of rows that end in (block, place): one more than the limit was read, to know whether
/// more follow.
fn page_of<T>(limit: u32, rows: Vec<(Cursor, T)>) -> Page<T> {
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > wanted;
    let mut rows = rows;
    rows.truncate(wanted);
    let last = rows.last().map(|(at, _)| format!("{}.{}", at.block, at.place));
    Page { next: last.filter(|_| more), items: rows.into_iter().map(|(_, item)| item).collect() }
}

const BLOCK: &str = "select number, hash, parent, mined_at, transactions, events, gas_used, \
                     (select finalized from head) from blocks";
const TRANSACTION: &str = "select t.hash, t.block, t.place, t.sender, t.target, t.success, \
                           t.gas_used, b.mined_at from transactions t \
                           join blocks b on b.number = t.block";
const TRADE: &str = "select t.block, t.place, t.trade, t.hash, t.clearing, t.buyer, t.seller, \
                     t.slot, t.quantity_wh, t.buy_price, t.sell_price, t.escrow, t.collateral, \
                     r.run, r.delivered_wh, r.seller_short_wh, r.buyer_short_wh, r.seller_net, \
                     r.network, r.platform, r.difference, r.make_whole, r.compensation, \
                     r.imbalance, r.refund, r.collateral_back \
                     from trades t left join runs r on r.trade = t.trade \
                     and not exists (select 1 from runs l where l.trade = r.trade and \
                     (l.block > r.block or l.block = r.block and l.place > r.place))";

/// Blocks, newest first.
pub(crate) async fn blocks(db: &Db, page: &PageQuery) -> Result<Page<Block>> {
    let from = cursor(page)?;
    let rows =
        query(AssertSqlSafe(format!("{BLOCK} where number < $1 order by number desc limit $2")))
            .bind(from.block)
            .bind(i64::from(page.limit()) + 1)
            .fetch_all(db.read())
            .await?;
    let blocks =
        rows.iter().map(|row| Ok((Cursor { block: row.try_get(0)?, place: 0 }, block_of(row)?)));
    Ok(page_of(page.limit(), blocks.collect::<Result<_>>()?))
}

/// The block of a number or a hash.
pub(crate) async fn block(db: &Db, id: &str) -> Result<Option<Block>> {
    let row = match id.parse::<i64>() {
        Ok(number) => {
            query(AssertSqlSafe(format!("{BLOCK} where number = $1")))
                .bind(number)
                .fetch_optional(db.read())
                .await?
        }
        Err(_) => {
            query(AssertSqlSafe(format!("{BLOCK} where hash = $1")))
                .bind(id.to_lowercase())
                .fetch_optional(db.read())
                .await?
        }
    };
    row.as_ref().map(block_of).transpose()
}

/// The transactions of a block with their events, in order.
pub(crate) async fn transactions_of(db: &Db, number: u64) -> Result<Vec<Transaction>> {
    let number = i64::try_from(number)?;
    let rows = query(AssertSqlSafe(format!("{TRANSACTION} where t.block = $1 order by t.place")))
        .bind(number)
        .fetch_all(db.read())
        .await?;
    let logs = query(
        "select hash, place, address, contract, name, fields, topics, data from logs \
                      where block = $1 order by place",
    )
    .bind(number)
    .fetch_all(db.read())
    .await?;
    let mut events = events_by_transaction(&logs)?;
    rows.iter()
        .map(|row| {
            let mut transaction = transaction_of(row)?;
            transaction.events = events.remove(&transaction.hash).unwrap_or_default();
            Ok(transaction)
        })
        .collect()
}

/// The transaction of a hash, with its events.
pub(crate) async fn transaction(db: &Db, hash: &str) -> Result<Option<Transaction>> {
    let row = query(AssertSqlSafe(format!("{TRANSACTION} where t.hash = $1")))
        .bind(hash.to_lowercase())
        .fetch_optional(db.read())
        .await?;
    let Some(row) = row else { return Ok(None) };
    let mut transaction = transaction_of(&row)?;
    let logs = query(
        "select hash, place, address, contract, name, fields, topics, data from logs \
                      where hash = $1 order by place",
    )
    .bind(transaction.hash.clone())
    .fetch_all(db.read())
    .await?;
    transaction.events =
        events_by_transaction(&logs)?.remove(&transaction.hash).unwrap_or_default();
    Ok(Some(transaction))
}

/// Transactions, newest first, without their events; with `address`, those it takes part in.
pub(crate) async fn transactions(
    db: &Db,
    page: &PageQuery,
    address: Option<&str>,
) -> Result<Page<Transaction>> {
    let from = cursor(page)?;
    let wanted = match address {
        // The address first: who takes part in few is not looked for in all.
        Some(_) => {
            "(t.block, t.place) in (select a.block, a.place from addresses a \
             where a.address = $4 and (a.block, a.place) < ($1, $2) \
             order by a.block desc, a.place desc limit $3)"
        }
        None => "(t.block, t.place) < ($1, $2) and $4 = ''",
    };
    let sql = format!("{TRANSACTION} where {wanted} order by t.block desc, t.place desc limit $3");
    let rows = query(AssertSqlSafe(sql))
        .bind(from.block)
        .bind(from.place)
        .bind(i64::from(page.limit()) + 1)
        .bind(address.unwrap_or_default().to_lowercase())
        .fetch_all(db.read())
        .await?;
    let transactions = rows.iter().map(|row| {
        let at = Cursor { block: row.try_get(1)?, place: row.try_get(2)? };
        Ok((at, transaction_of(row)?))
    });
    Ok(page_of(page.limit(), transactions.collect::<Result<_>>()?))
}

/// Trades, newest first; with `address`, those it is the buyer or the seller of.
pub(crate) async fn trades(
    db: &Db,
    page: &PageQuery,
    address: Option<&str>,
) -> Result<Page<Trade>> {
    let from = cursor(page)?;
    let mine = match address {
        Some(_) => "and (t.buyer = $4 or t.seller = $4)",
        None => "and $4 = ''",
    };
    let sql = format!(
        "{TRADE} where (t.block < $1 or (t.block = $1 and t.place < $2)) {mine} \
         order by t.block desc, t.place desc limit $3"
    );
    let rows = query(AssertSqlSafe(sql))
        .bind(from.block)
        .bind(from.place)
        .bind(i64::from(page.limit()) + 1)
        .bind(address.unwrap_or_default().to_lowercase())
        .fetch_all(db.read())
        .await?;
    let trades = rows
        .iter()
        .map(|row| Ok((Cursor { block: row.try_get(0)?, place: row.try_get(1)? }, trade_of(row)?)));
    Ok(page_of(page.limit(), trades.collect::<Result<_>>()?))
}

/// The trade of an id.
pub(crate) async fn trade(db: &Db, id: &str) -> Result<Option<Trade>> {
    let row = query(AssertSqlSafe(format!("{TRADE} where t.trade = $1")))
        .bind(id.to_lowercase())
        .fetch_optional(db.read())
        .await?;
    row.as_ref().map(trade_of).transpose()
}

/// What `q` names: a block's number or hash, a transaction, a trade, an address that took part.
pub(crate) async fn search(db: &Db, q: &str) -> Result<Vec<Hit>> {
    let q = q.trim().to_lowercase();
    let mut hits = Vec::new();
    if let Some(block) = block(db, &q).await? {
        hits.push(Hit { kind: HitKind::Block, id: block.number.to_string() });
    }
    for (kind, sql) in [
        (HitKind::Transaction, "select count(*) from transactions where hash = $1"),
        (HitKind::Trade, "select count(*) from trades where trade = $1"),
        (HitKind::Address, "select count(*) from addresses where address = $1"),
    ] {
        let found: i64 = query_scalar(sql).bind(q.clone()).fetch_one(db.read()).await?;
        if found > 0 {
            hits.push(Hit { kind, id: q.clone() });
        }
    }
    Ok(hits)
}

fn block_of(row: &AnyRow) -> Result<Block> {
    let number: i64 = row.try_get(0)?;
    let finalized: Option<i64> = row.try_get(7)?;
    Ok(Block {
        number: u64::try_from(number)?,
        hash: row.try_get(1)?,
        parent: row.try_get(2)?,
        timestamp: Timestamp::from_seconds(row.try_get(3)?).to_string(),
        transaction_count: u64::try_from(row.try_get::<i64, _>(4)?)?,
        event_count: u64::try_from(row.try_get::<i64, _>(5)?)?,
        gas_used: u64::try_from(row.try_get::<i64, _>(6)?)?,
        finalized: finalized.is_some_and(|finalized| number <= finalized),
    })
}

fn transaction_of(row: &AnyRow) -> Result<Transaction> {
    Ok(Transaction {
        hash: row.try_get(0)?,
        block: u64::try_from(row.try_get::<i64, _>(1)?)?,
        position: u64::try_from(row.try_get::<i64, _>(2)?)?,
        from: row.try_get(3)?,
        to: row.try_get(4)?,
        success: row.try_get::<i64, _>(5)? == 1,
        gas_used: u64::try_from(row.try_get::<i64, _>(6)?)?,
        timestamp: Timestamp::from_seconds(row.try_get(7)?).to_string(),
        events: Vec::new(),
    })
}

fn events_by_transaction(rows: &[AnyRow]) -> Result<HashMap<String, Vec<ContractEvent>>> {
    let mut events: HashMap<String, Vec<ContractEvent>> = HashMap::new();
    for row in rows {
        let (fields, topics): (String, String) = (row.try_get(5)?, row.try_get(6)?);
        let event = ContractEvent {
            index: u64::try_from(row.try_get::<i64, _>(1)?)?,
            address: row.try_get(2)?,
            contract: row.try_get(3)?,
            name: row.try_get(4)?,
            fields: serde_json::from_str(&fields).context("fields of a log")?,
            topics: serde_json::from_str(&topics).context("topics of a log")?,
            data: row.try_get(7)?,
        };
        events.entry(row.try_get(0)?).or_default().push(event);
    }
    Ok(events)
}

fn trade_of(row: &AnyRow) -> Result<Trade> {
    let energy = |column| -> Result<u64> {
        Ok(Energy::from_wh(u64::try_from(row.try_get::<i64, _>(column)?)?).wh())
    };
    let money = |column| -> Result<String> {
        Ok(Money::from_n(row.try_get::<i64, _>(column)?).to_string())
    };
    let price =
        |column| -> Result<String> { Ok(Price::from_n_per_wh(row.try_get(column)?).to_string()) };
    let run: Option<i64> = row.try_get(13)?;
    let outcome = match run {
        None => None,
        Some(run) => Some(Outcome {
            run: u8::try_from(run)?,
            delivered_wh: energy(14)?,
            seller_short_wh: energy(15)?,
            buyer_short_wh: energy(16)?,
            seller_net: money(17)?,
            network: money(18)?,
            platform: money(19)?,
            difference: money(20)?,
            make_whole: money(21)?,
            compensation: money(22)?,
            imbalance: money(23)?,
            refund: money(24)?,
            collateral_back: money(25)?,
        }),
    };
    Ok(Trade {
        trade: row.try_get(2)?,
        state: if outcome.is_some() { "reconciled" } else { "settled" }.to_owned(),
        block: u64::try_from(row.try_get::<i64, _>(0)?)?,
        transaction: row.try_get(3)?,
        clearing: row.try_get(4)?,
        buyer: row.try_get(5)?,
        seller: row.try_get(6)?,
        slot: Timestamp::from_seconds(row.try_get(7)?).to_string(),
        quantity_wh: energy(8)?,
        price: price(9)?,
        sell_price: price(10)?,
        escrow: money(11)?,
        collateral: money(12)?,
        outcome,
    })
}
