//! The journal in the database, and what surveillance found. All else of the market follows from
//! its journal.
//!
//! | table | column | |
//! |---|---|---|
//! | `journal` | `market` | community and zone: one writer each |
//! | | `place` | rises by one per market, from 1 |
//! | | `entry` | a [`domain::Entry`](crate::domain::Entry) as JSON |
//! | `lease` | `market` | who writes it: see [`lease`] |
//! | | `token`, `until` | rises with each that takes it; epoch seconds, zero: given up |
//! | `snapshot` | `market`, `place` | the book after that entry: see [`snapshots`] |
//! | | `fold`, `hash`, `parts` | version of the fold, hash of the text, number of its parts |
//! | `snapshot_part` | `state` | a part of the text |
//! | `surveillance_day` | `market`, `day` | a local day that was judged, once |
//! | | `facts` | what it was, as JSON: the newest days are judged together after a restart |
//! | | `refusal` | why it could not be judged, if so |
//! | `surveillance_case` | | what was found: whom, figures and evidence as JSON, what was decided |

pub(crate) mod cases;
pub(crate) mod lease;
pub(crate) mod snapshots;

use anyhow::{Context, Result};
use db::{Cell, Db, Migration, Row, Tx, insert_rows, query, query_scalar};
use ids::EventId;

use crate::app::Damage;
use crate::domain::{Entry, Exchange};
use crate::market::Totals;

/// The name under which the market claims events.
pub(crate) const CONSUMER: &str = "market";

/// Rows read at a time while the book is rebuilt.
const READ_MAX: i64 = 5_000;

/// The schema's history.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, sql: bus::SCHEMA },
    Migration { version: 2, sql: client::SCHEMA },
    Migration {
        version: 3,
        sql: "create table journal (
            market text not null,
            place bigint not null,
            entry text not null,
            primary key (market, place)
        );",
    },
    Migration { version: 4, sql: client::ATTEMPTS_SCHEMA },
    Migration { version: 5, sql: include_str!("db/surveillance.sql") },
    Migration { version: 6, sql: include_str!("db/durable.sql") },
];

/// A market as its journal tells it.
pub(crate) struct Replayed {
    /// The book.
    pub(crate) exchange: Exchange,
    /// The place of the last entry that is in it.
    pub(crate) last: i64,
    /// The place of the last entry of the snapshot that it began with; zero without one.
    pub(crate) snapshot: i64,
    /// Why it ends there, where the journal goes on.
    pub(crate) damage: Option<Damage>,
}

/// The market as its newest good snapshot and the journal since tell it.
pub(crate) async fn replay(db: &Db, market: &str) -> Result<Replayed> {
    let (mut exchange, snapshot) = snapshots::newest(db, market).await?;
    let mut last = snapshot;
    let damage = follow(db, market, &mut exchange, &mut last).await?;
    Ok(Replayed { exchange, last, snapshot, damage })
}

/// Applies the entries after `last`, which is moved on with each; the first that cannot be applied,
/// if there is one.
pub(crate) async fn follow(
    db: &Db,
    market: &str,
    exchange: &mut Exchange,
    last: &mut i64,
) -> Result<Option<Damage>> {
    loop {
        let rows = query(
            "select place, entry from journal where market = $1 and place > $2 \
             order by place limit $3",
        )
        .bind(market.to_owned())
        .bind(*last)
        .bind(READ_MAX)
        .fetch_all(db.read())
        .await
        .context("reading the journal")?;
        if rows.is_empty() {
            return Ok(None);
        }
        for row in rows {
            let (place, entry): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
            if let Err(why) = next(exchange, (*last, place), &entry) {
                return Ok(Some(Damage { place: *last + 1, why }));
            }
            *last = place;
        }
    }
}

/// Applies the entry at `place` to a book that has those up to `last`; or why that cannot be done.
fn next(exchange: &mut Exchange, (last, place): (i64, i64), entry: &str) -> Result<(), String> {
    if place != last + 1 {
        return Err(format!("it is missing: the next one is {place}"));
    }
    let entry: Entry = serde_json::from_str(entry).map_err(|why| format!("not an entry: {why}"))?;
    exchange.fits(&entry)?;
    exchange.apply(&entry);
    Ok(())
}

/// Writes entries after `last`, all or none.
pub(crate) async fn append(tx: &mut Tx, market: &str, last: i64, entries: &[Entry]) -> Result<()> {
    let mut rows = Vec::with_capacity(entries.len());
    for (place, entry) in (last + 1..).zip(entries) {
        rows.push(vec![
            Cell::from(market),
            Cell::Int(place),
            Cell::Text(serde_json::to_string(entry)?),
        ]);
    }
    insert_rows(tx, "insert into journal (market, place, entry)", 3, rows, "").await?;
    Ok(())
}

/// Whether an event was applied before.
pub(crate) async fn was_applied(db: &Db, event: EventId) -> Result<bool> {
    let found: i64 =
        query_scalar("select count(*) from inbox where consumer = $1 and event_id = $2")
            .bind(CONSUMER)
            .bind(event.to_string())
            .fetch_one(db.read())
            .await
            .context("reading the inbox")?;
    Ok(found > 0)
}

/// Cleared slots and their trades over all markets.
pub(crate) async fn totals(db: &Db) -> Result<Totals> {
    let rows = query("select entry from journal where entry like $1")
        .bind("{\"kind\":\"cleared\"%")
        .fetch_all(db.read())
        .await
        .context("reading cleared slots")?;
    let mut totals = Totals::default();
    for row in rows {
        let entry: String = row.try_get(0)?;
        if let Entry::Cleared(cleared) = serde_json::from_str(&entry)? {
            totals.slots += 1;
            totals.trades += cleared.trades.len() as u64;
        }
    }
    Ok(totals)
}
