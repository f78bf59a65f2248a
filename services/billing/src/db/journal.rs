//! The entries of both ledgers, those of each currency by themselves.

use std::collections::BTreeSet;
use std::ops::Range;

use alloy_primitives::{Address, B256};
use anyhow::{Context, Result};
use calendar::Timestamp;
use db::{AnyRow, Cell, Db, Row, Tx, insert_rows, query};
use ids::AccountId;

use crate::currencies::CurrencyId;
use crate::domain::journal::Entry;

/// By what is found again what memory does not keep: the entries of a slot's energy, and whose
/// trades there are on a day. What is from before is noted at the next start.
pub(crate) const RECALL_SCHEMA: &str = "
alter table journal add column slot bigint not null default -1;
create index journal_slot on journal (book, slot);
create table trade_party (
    address text not null, day bigint not null, trade text not null,
    primary key (address, day, trade)
);
";

/// An entry on its way into the database.
#[derive(Debug, Clone)]
pub(crate) struct Posted {
    /// In whose journal.
    pub(crate) currency: CurrencyId,
    pub(crate) entry: Entry,
    pub(crate) at: Timestamp,
    /// The block it comes from; zero where it comes from a meter.
    pub(crate) block: B256,
    /// Whose statement it is in.
    pub(crate) owners: Vec<Address>,
}

/// Entries read at a time while the books are rebuilt or audited. One can have the intervals of a
/// whole message.
const READ_MAX: i64 = 250;
/// The slot of an entry without energy, and of one that nobody has looked at.
const NO_SLOT: i64 = 0;
const UNKNOWN_SLOT: i64 = -1;

pub(crate) async fn append(tx: &mut Tx, posted: Vec<Posted>) -> Result<()> {
    let (mut rows, mut owners) = (Vec::new(), Vec::new());
    for Posted { currency, entry, at, block, owners: addresses } in posted {
        let (book, sequence) = (currency.column(), super::int(entry.sequence)?);
        for address in addresses {
            let address = Cell::Text(super::address(address));
            owners.push(vec![Cell::Int(book), address, Cell::Int(sequence)]);
        }
        rows.push(vec![
            Cell::Int(book),
            Cell::Int(sequence),
            Cell::Text(super::hash(block)),
            Cell::Int(at.seconds()),
            Cell::Text(serde_json::to_string(&entry)?),
            Cell::Int(slot_of(&entry)),
        ]);
    }
    let insert = "insert into journal (book, sequence, block, at, entry, slot)";
    insert_rows(tx, insert, 6, rows, "").await?;
    let insert = "insert into journal_owner (book, address, sequence)";
    insert_rows(tx, insert, 3, owners, "on conflict do nothing").await?;
    Ok(())
}

fn slot_of(entry: &Entry) -> i64 {
    entry.energy_slot().map_or(NO_SLOT, Timestamp::seconds)
}

/// Gives every entry of a currency to `some`, some at a time, oldest first.
pub(crate) async fn replay(
    db: &Db,
    currency: CurrencyId,
    mut some: impl FnMut(Vec<Entry>) -> Result<()>,
) -> Result<()> {
    let mut next = 0;
    loop {
        let entries = following(db, currency, next, u64::MAX).await?;
        if entries.is_empty() {
            return Ok(());
        }
        next += entries.len() as u64;
        some(entries)?;
    }
}

/// Notes the slots of entries from before there was a column for them.
pub(crate) async fn note_slots(db: &Db) -> Result<()> {
    loop {
        let rows =
            query("select sequence, entry from journal where book = 0 and slot = $1 limit $2")
                .bind(UNKNOWN_SLOT)
                .bind(READ_MAX)
                .fetch_all(db.read())
                .await
                .context("looking for entries without a slot")?;
        if rows.is_empty() {
            return Ok(());
        }
        let slot = |row: &AnyRow| Ok((row.try_get(0)?, slot_of(&parse(row, 1)?)));
        let slots: Vec<(i64, i64)> = rows.iter().map(slot).collect::<Result<_>>()?;
        set_slots(db, slots).await?;
    }
}

/// The entries below `end` with energy of a slot, oldest first.
pub(crate) async fn of_slot(db: &Db, slot: Timestamp, end: u64) -> Result<Vec<Entry>> {
    let rows = query(
        "select entry from journal where book = 0 and slot = $1 and sequence < $2 \
         order by sequence",
    )
    .bind(slot.seconds())
    .bind(i64::try_from(end).unwrap_or(i64::MAX))
    .fetch_all(db.read())
    .await
    .context("reading the entries of a slot")?;
    rows.iter().map(|row| parse(row, 0)).collect()
}

/// Entries of a currency from `next` on and below `end`, oldest first; some of them where there are
/// many.
pub(crate) async fn following(
    db: &Db,
    currency: CurrencyId,
    next: u64,
    end: u64,
) -> Result<Vec<Entry>> {
    let rows = query(
        "select entry from journal where book = $1 and sequence >= $2 and sequence < $3 \
         order by sequence limit $4",
    )
    .bind(currency.column())
    .bind(super::int(next)?)
    .bind(i64::try_from(end).unwrap_or(i64::MAX))
    .bind(READ_MAX)
    .fetch_all(db.read())
    .await
    .context("reading the journal")?;
    rows.iter().map(|row| parse(row, 0)).collect()
}

/// The place of the first entry of a currency in `[next, end)` that was posted at `from` or later;
/// `end` where there is none.
pub(crate) async fn first_since(
    db: &Db,
    currency: CurrencyId,
    (next, end): (u64, u64),
    from: Timestamp,
) -> Result<u64> {
    let row = query(
        "select sequence from journal where book = $1 and sequence >= $2 and sequence < $3 \
         and at >= $4 order by sequence limit 1",
    )
    .bind(currency.column())
    .bind(super::int(next)?)
    .bind(i64::try_from(end).unwrap_or(i64::MAX))
    .bind(from.seconds())
    .fetch_optional(db.read())
    .await
    .context("reading the journal")?;
    row.map_or(Ok(end), |row| Ok(u64::try_from(row.try_get::<i64, _>(0)?)?))
}

/// Entries of a currency as [`following`] that were posted in `within`, each with when and its
/// block as text, which is empty where it has none.
pub(crate) async fn exported(
    db: &Db,
    currency: CurrencyId,
    (next, end): (u64, u64),
    within: &Range<Timestamp>,
) -> Result<Vec<(Timestamp, String, Entry)>> {
    let rows = query(
        "select at, block, entry from journal where book = $1 and sequence >= $2 \
         and sequence < $3 and at >= $4 and at < $5 order by sequence limit $6",
    )
    .bind(currency.column())
    .bind(super::int(next)?)
    .bind(i64::try_from(end).unwrap_or(i64::MAX))
    .bind(within.start.seconds())
    .bind(within.end.seconds())
    .bind(READ_MAX)
    .fetch_all(db.read())
    .await
    .context("reading the journal")?;
    let none = super::hash(B256::ZERO);
    let entry = |row: &AnyRow| {
        let (at, block): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
        let block = if block == none { String::new() } else { block };
        Ok((Timestamp::from_seconds(at), block, parse(row, 2)?))
    };
    rows.iter().map(entry).collect()
}

/// The entries that a block made, of each currency newest first. A block comes back only as another
/// event, so its own reversals carry no block.
pub(crate) async fn of_block(db: &Db, block: B256) -> Result<Vec<(CurrencyId, Entry)>> {
    let select = "select book, entry from journal where block = $1 order by book, sequence desc";
    let rows = query(select)
        .bind(super::hash(block))
        .fetch_all(db.read())
        .await
        .context("reading a block's entries")?;
    let entry = |row: &AnyRow| Ok((CurrencyId::of_column(row.try_get(0)?)?, parse(row, 1)?));
    rows.iter().map(entry).collect()
}

/// Entries of a block no longer belong to it once they are reversed: it may come again.
pub(crate) async fn detach(tx: &mut Tx, block: B256) -> Result<()> {
    query("update journal set block = '' where block = $1")
        .bind(super::hash(block))
        .execute(tx.conn())
        .await
        .context("detaching a block's entries")?;
    Ok(())
}

/// The entries of a currency that touch an account's addresses before `before`, newest first; one
/// that touches two of them once.
pub(crate) async fn of_owner(
    db: &Db,
    currency: CurrencyId,
    account: AccountId,
    before: i64,
    limit: u32,
) -> Result<Vec<(Timestamp, Entry)>> {
    let rows = query(
        "select journal.at, journal.entry from journal \
         join (select distinct journal_owner.sequence as place from settlement_address \
         join journal_owner on journal_owner.address = settlement_address.address \
         where settlement_address.account = $2 and journal_owner.book = $1 \
         and journal_owner.sequence < $3 order by place desc limit $4) touched \
         on touched.place = journal.sequence where journal.book = $1 \
         order by journal.sequence desc",
    )
    .bind(currency.column())
    .bind(account.to_string())
    .bind(before)
    .bind(i64::from(limit))
    .fetch_all(db.read())
    .await
    .context("reading a statement")?;
    let entry = |row: &AnyRow| {
        let at: i64 = row.try_get(0)?;
        Ok((Timestamp::from_seconds(at), parse(row, 1)?))
    };
    rows.iter().map(entry).collect()
}

/// The places from `first` to `last` of entries that are in an account's statement.
pub(crate) async fn of_owner_within(
    db: &Db,
    currency: CurrencyId,
    account: AccountId,
    (first, last): (u64, u64),
) -> Result<BTreeSet<u64>> {
    let rows = query(
        "select distinct journal_owner.sequence from settlement_address \
         join journal_owner on journal_owner.address = settlement_address.address \
         where settlement_address.account = $1 and journal_owner.book = $2 \
         and journal_owner.sequence >= $3 and journal_owner.sequence <= $4",
    )
    .bind(account.to_string())
    .bind(currency.column())
    .bind(super::int(first)?)
    .bind(super::int(last)?)
    .fetch_all(db.read())
    .await
    .context("reading whose entries are")?;
    rows.iter().map(|row| Ok(u64::try_from(row.try_get::<i64, _>(0)?)?)).collect()
}

/// Notes the slot of every entry again where another one is noted; of how many that was.
pub(crate) async fn note_slots_again(db: &Db) -> Result<usize> {
    let (mut next, mut mended) = (0, 0);
    loop {
        let rows = query(
            "select sequence, entry, slot from journal where book = 0 and sequence >= $1 \
             order by sequence limit $2",
        )
        .bind(next)
        .bind(READ_MAX)
        .fetch_all(db.read())
        .await
        .context("reading the slots of entries")?;
        let Some(last) = rows.last() else { return Ok(mended) };
        next = last.try_get::<i64, _>(0)?.saturating_add(1);
        let mut wrong = Vec::new();
        for row in &rows {
            let slot = slot_of(&parse(row, 1)?);
            if slot != row.try_get::<i64, _>(2)? {
                wrong.push((row.try_get(0)?, slot));
            }
        }
        mended += wrong.len();
        if !wrong.is_empty() {
            set_slots(db, wrong).await?;
        }
    }
}

async fn set_slots(db: &Db, slots: Vec<(i64, i64)>) -> Result<()> {
    db.transact(move |tx| {
        Box::pin(async move {
            for (sequence, slot) in slots {
                query("update journal set slot = $1 where book = 0 and sequence = $2")
                    .bind(slot)
                    .bind(sequence)
                    .execute(tx.conn())
                    .await
                    .context("noting the slot of an entry")?;
            }
            Ok(())
        })
    })
    .await
}

fn parse(row: &AnyRow, place: usize) -> Result<Entry> {
    let text: String = row.try_get(place)?;
    serde_json::from_str(&text).context("a journal entry")
}
