//! Batches of the journals, as they are anchored.

use anyhow::{Context, Result};
use db::{AnyRow, Cell, Db, Row, Tx, insert_rows, query};

use crate::currencies::CurrencyId;
use crate::domain::verify::JournalBatch;

/// `first` and `entries` are places in the journal of a book; `day` is the UTC day on which the
/// batch was made. Its transaction follows from [`cause`]; one that the chain refused for good has
/// no entries.
pub(crate) const SCHEMA: &str = "
create table journal_batch (
    book bigint not null, number bigint not null, first bigint not null, entries bigint not null,
    root text not null, day bigint not null, primary key (book, number)
);
create index journal_batch_first on journal_batch (book, first);
";

/// What the transaction of a batch follows from.
pub(crate) fn cause(currency: CurrencyId, number: u32) -> String {
    format!("journal/{}/{number}", currency.column())
}

/// Keeps a batch that was made on a day.
pub(crate) async fn put(
    tx: &mut Tx,
    currency: CurrencyId,
    batch: &JournalBatch,
    day: u32,
) -> Result<()> {
    let row = vec![
        Cell::Int(currency.column()),
        Cell::Int(i64::from(batch.number)),
        Cell::Int(super::int(batch.first)?),
        Cell::Int(super::int(batch.count)?),
        Cell::Text(super::hash(batch.root)),
        Cell::Int(i64::from(day)),
    ];
    let insert = "insert into journal_batch (book, number, first, entries, root, day)";
    insert_rows(tx, insert, 6, vec![row], "").await.context("keeping a batch of the journal")?;
    Ok(())
}

/// How the transaction of a batch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is on its way, or in a block that is not final.
    Open,
    /// It is in a final block.
    Anchored,
    /// It reverted in a final block.
    Refused,
}

/// The newest batch of a journal, how it stands, and on which day it was made.
pub(crate) async fn last(
    db: &Db,
    currency: CurrencyId,
) -> Result<Option<(JournalBatch, Standing, u32)>> {
    // 11, 12: confirmed or reverted in a block that is final (`client::SCHEMA`).
    let row = query(
        "select b.number, b.first, b.entries, b.root, b.day, coalesce(t.status, 0) \
         from journal_batch b \
         left join chain_tx t on t.cause = 'journal/' || b.book || '/' || b.number \
         where b.book = $1 order by b.number desc limit 1",
    )
    .bind(currency.column())
    .fetch_optional(db.read())
    .await
    .context("reading the last batch of a journal")?;
    let found = |row: &AnyRow| {
        let standing = match row.try_get::<i64, _>(5)? {
            11 => Standing::Anchored,
            12 => Standing::Refused,
            _ => Standing::Open,
        };
        Ok((parse(row)?, standing, u32::try_from(row.try_get::<i64, _>(4)?)?))
    };
    row.as_ref().map(found).transpose()
}

/// Notes that the chain refused a batch: the next one has its entries.
pub(crate) async fn set_refused(tx: &mut Tx, currency: CurrencyId, number: u32) -> Result<()> {
    query("update journal_batch set entries = 0 where book = $1 and number = $2")
        .bind(currency.column())
        .bind(i64::from(number))
        .execute(tx.conn())
        .await
        .context("noting a batch that was refused")?;
    Ok(())
}

/// The batch with the entry at a place.
pub(crate) async fn with_entry(
    db: &Db,
    currency: CurrencyId,
    sequence: u64,
) -> Result<Option<JournalBatch>> {
    let row = query(
        "select number, first, entries, root from journal_batch where book = $1 and first <= $2 \
         and first + entries > $2 limit 1",
    )
    .bind(currency.column())
    .bind(super::int(sequence)?)
    .fetch_optional(db.read())
    .await
    .context("looking for the batch of an entry")?;
    row.as_ref().map(parse).transpose()
}

/// The batches from the first on, with entries below `to`, that succeeded in blocks up to `block`,
/// oldest first, one more than `limit` where there are more.
pub(crate) async fn anchored(
    db: &Db,
    currency: CurrencyId,
    to: u64,
    (block, limit): (u64, usize),
) -> Result<Vec<JournalBatch>> {
    let rows = query(
        "select b.number, b.first, b.entries, b.root from journal_batch b \
         join chain_tx t on t.cause = 'journal/' || b.book || '/' || b.number \
         where b.book = $1 and b.first < $2 and b.entries > 0 and t.block <= $3 \
         and t.status in (1, 11) order by b.number limit $4",
    )
    .bind(currency.column())
    .bind(i64::try_from(to).unwrap_or(i64::MAX))
    .bind(super::int(block)?)
    .bind(i64::try_from(limit)?.saturating_add(1))
    .fetch_all(db.read())
    .await
    .context("reading the batches of a journal")?;
    rows.iter().map(parse).collect()
}

fn parse(row: &AnyRow) -> Result<JournalBatch> {
    let number = |place: usize| row.try_get::<i64, _>(place);
    Ok(JournalBatch {
        number: u32::try_from(number(0)?)?,
        first: u64::try_from(number(1)?)?,
        count: u64::try_from(number(2)?)?,
        root: row.try_get::<String, _>(3)?.parse()?,
    })
}
