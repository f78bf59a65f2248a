//! Records, their states, and writes that were named.

use anyhow::{Context, Result};
use calendar::Timestamp;
use db::{AnyRow, AssertSqlSafe, Cell, Db, Row, Tx, insert_rows, query, query_scalar};
use ids::Uuid;

use crate::domain::record::Record;

/// A record as it is kept.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    /// Who wrote its terms first.
    pub(crate) author: String,
    pub(crate) record: Record,
}

/// The id of a record, which follows from its transaction and item.
pub(crate) fn id_of(name: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("deg:{name}").as_bytes()).to_string()
}

/// Keeps a new record, unless its trade has one.
pub(crate) async fn put_new(tx: &mut Tx, record: &Record, author: &str) -> Result<()> {
    let seconds = |time: Option<Timestamp>| Cell::Int(time.map_or(0, Timestamp::seconds));
    let row = vec![
        Cell::from(record.record_id.as_str()),
        Cell::from(record.transaction_id.as_str()),
        Cell::from(record.order_item_id.as_str()),
        Cell::from(author),
        Cell::from(record.platform_id_buyer.as_str()),
        Cell::from(record.platform_id_seller.as_str()),
        Cell::from(record.discom_id_buyer.as_str()),
        Cell::from(record.discom_id_seller.as_str()),
        Cell::from(record.buyer_id.as_str()),
        Cell::from(record.seller_id.as_str()),
        Cell::Int(record.creation_time.seconds()),
        seconds(record.trade_time),
        seconds(record.delivery_start_time),
        seconds(record.delivery_end_time),
        Cell::Text(serde_json::to_string(record)?),
    ];
    let insert = "insert into record (id, transaction_id, item, author, platform_buyer, \
                  platform_seller, discom_buyer, discom_seller, buyer, seller, created, traded, \
                  starts, ends, body)";
    let fresh = insert_rows(tx, insert, 15, vec![row], "on conflict do nothing").await?;
    if fresh > 0 {
        put_version(tx, record, ("", author, ""), record.creation_time).await?;
    }
    Ok(())
}

/// Keeps what a record has become; what it was stays among its states.
pub(crate) async fn change(
    tx: &mut Tx,
    (before, after): (&Record, &Record),
    (by, note): (&str, &str),
    now: Timestamp,
) -> Result<()> {
    let seconds = |time: Option<Timestamp>| time.map_or(0, Timestamp::seconds);
    query("update record set traded = $1, starts = $2, ends = $3, body = $4 where id = $5")
        .bind(seconds(after.trade_time))
        .bind(seconds(after.delivery_start_time))
        .bind(seconds(after.delivery_end_time))
        .bind(serde_json::to_string(after)?)
        .bind(after.record_id.clone())
        .execute(tx.conn())
        .await
        .context("changing a record")?;
    put_version(tx, after, (&before.digest(), by, note), now).await
}

async fn put_version(
    tx: &mut Tx,
    record: &Record,
    (previous, by, note): (&str, &str, &str),
    now: Timestamp,
) -> Result<()> {
    let row = vec![
        Cell::from(record.record_id.as_str()),
        Cell::Text(serde_json::to_string(record)?),
        Cell::Text(record.digest()),
        Cell::from(previous),
        Cell::from(by),
        Cell::from(note),
        Cell::Int(now.seconds()),
    ];
    let insert = "insert into version (record, body, digest, previous, written_by, note, at)";
    insert_rows(tx, insert, 7, vec![row], "").await.context("keeping a state of a record")?;
    Ok(())
}

/// The record of this id.
pub(crate) async fn load(tx: &mut Tx, id: &str) -> Result<Option<Kept>> {
    let row = query("select author, body from record where id = $1")
        .bind(id.to_owned())
        .fetch_optional(tx.conn())
        .await
        .context("reading a record")?;
    row.as_ref().map(parse).transpose()
}

/// Claims the name that a caller gives a write; what it was used for, where it was.
pub(crate) async fn claim(
    tx: &mut Tx,
    (caller, record, name): (&str, &str, &str),
    request: &str,
) -> Result<Option<String>> {
    let row = [caller, record, name, request].map(Cell::from).to_vec();
    let insert = "insert into reference (caller, record, name, request)";
    if insert_rows(tx, insert, 4, vec![row], "on conflict do nothing").await? > 0 {
        return Ok(None);
    }
    let sql = "select request from reference where caller = $1 and record = $2 and name = $3";
    let kept: String = query_scalar(sql)
        .bind(caller.to_owned())
        .bind(record.to_owned())
        .bind(name.to_owned())
        .fetch_one(tx.conn())
        .await
        .context("reading a reference")?;
    Ok(Some(kept))
}

/// What is looked for. A text that is empty, and a time that is absent, are anything.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// By their columns: `id`, `transaction_id`, `item`, `buyer`, `seller`, `discom_buyer`,
    /// `discom_seller`, `platform_buyer`, `platform_seller`.
    pub(crate) texts: Vec<(&'static str, String)>,
    /// By their columns, from and before: `created`, `traded`, `starts`, `ends`.
    pub(crate) times: Vec<(&'static str, Option<i64>, Option<i64>)>,
    pub(crate) sort: &'static str,
    pub(crate) rising: bool,
    pub(crate) limit: u32,
    pub(crate) offset: u32,
}

/// The records that a participant has a part in, and that are looked for.
pub(crate) async fn find(db: &Db, participant: &str, wanted: &Wanted) -> Result<Vec<Record>> {
    let mut sql = "select author, body from record where $1 in (platform_buyer, \
                   platform_seller, discom_buyer, discom_seller)"
        .to_owned();
    let mut place = 1;
    let mut next = || {
        place += 1;
        place
    };
    for (column, _) in &wanted.texts {
        sql += &format!(" and {column} = ${}", next());
    }
    for (column, from, to) in &wanted.times {
        if from.is_some() {
            sql += &format!(" and {column} >= ${}", next());
        }
        if to.is_some() {
            sql += &format!(" and {column} < ${} and {column} > 0", next());
        }
    }
    let order = if wanted.rising { "asc" } else { "desc" };
    sql += &format!(
        " order by {} {order}, number {order} limit {} offset {}",
        wanted.sort, wanted.limit, wanted.offset
    );
    let mut statement = query(AssertSqlSafe(sql)).persistent(false).bind(participant.to_owned());
    for (_, text) in &wanted.texts {
        statement = statement.bind(text.clone());
    }
    for time in wanted.times.iter().flat_map(|(_, from, to)| [from, to]).flatten() {
        statement = statement.bind(*time);
    }
    let rows = statement.fetch_all(db.read()).await.context("looking for records")?;
    rows.iter().map(|row| Ok(parse(row)?.record)).collect()
}

fn parse(row: &AnyRow) -> Result<Kept> {
    let body: String = row.try_get(1)?;
    let record = serde_json::from_str(&body).context("a kept record")?;
    Ok(Kept { author: row.try_get(0)?, record })
}
