//! Books as they were after an entry of the journal, so that a restart folds only what came since.
//!
//! A snapshot is believed where it is of this program's fold, its text has the hash that stands
//! beside it, what is read from that text has it too, and the journal has the entry that it is of.
//! Where one of these does not hold, the one before is looked at, and at last the whole journal.

use alloy_primitives::{B256, keccak256};
use anyhow::{Context, Result};
use db::{Cell, Db, Row, Tx, insert_rows, query, query_scalar};

use crate::domain::{Exchange, FOLD};

/// Snapshots that are kept of a market: the newest, and those that are read where it is bad.
const KEPT: usize = 2;
/// Bytes of text in one row.
const PART_BYTES: usize = 1 << 20;

/// The newest book that can be believed, and the place of its last entry; an empty one and zero
/// where there is none.
pub(super) async fn newest(db: &Db, market: &str) -> Result<(Exchange, i64)> {
    let known = query(
        "select place, fold, hash, parts from snapshot where market = $1 \
                       order by place desc",
    )
    .bind(market.to_owned())
    .fetch_all(db.read())
    .await
    .context("reading the snapshots")?;
    for row in known {
        let place: i64 = row.try_get(0)?;
        let (fold, hash, parts): (i64, String, i64) =
            (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?);
        let state = text(db, market, place, parts).await?;
        let found = tokio::task::spawn_blocking(move || read(&state, fold, &hash)).await;
        let known = query_scalar("select count(*) from journal where market = $1 and place = $2");
        let known: i64 = known
            .bind(market.to_owned())
            .bind(place)
            .fetch_one(db.read())
            .await
            .context("reading the journal")?;
        let found = found.context("reading a snapshot")?;
        match found.and_then(|book| if known == 1 { Ok(book) } else { Err("no such entry") }) {
            Ok(book) => return Ok((book, place)),
            Err(why) => tracing::warn!(market, place, why, "a snapshot is passed over"),
        }
    }
    Ok((Exchange::default(), 0))
}

async fn text(db: &Db, market: &str, place: i64, parts: i64) -> Result<String> {
    let mut state = String::new();
    for part in 0..parts {
        let found: Option<String> = query_scalar(
            "select state from snapshot_part where market = $1 and place = $2 and part = $3",
        )
        .bind(market.to_owned())
        .bind(place)
        .bind(part)
        .fetch_optional(db.read())
        .await
        .context("reading a snapshot")?;
        state += found.as_deref().unwrap_or_default();
    }
    Ok(state)
}

/// The book that a snapshot tells of, or why it is not believed.
fn read(state: &str, fold: i64, hash: &str) -> Result<Exchange, &'static str> {
    let hash: B256 = hash.parse().map_err(|_| "its hash cannot be read")?;
    if fold != FOLD {
        return Err("it is of another version of the program");
    }
    if keccak256(state) != hash {
        return Err("it does not have its hash");
    }
    let book: Exchange = serde_json::from_str(state).map_err(|_| "it cannot be read")?;
    if book.hash() != hash {
        return Err("what is read from it does not have its hash");
    }
    Ok(book)
}

/// Keeps `book`, which is the fold of the journal up to `place`, and forgets the oldest.
///
/// Its parts are committed one by one, so that orders do not wait for all of it; it is one once the
/// row that names them is there.
pub(crate) async fn keep(db: &Db, market: &str, place: i64, book: Exchange) -> Result<()> {
    let state = tokio::task::spawn_blocking(move || serde_json::to_string(&book));
    let state = state.await.context("writing a snapshot")?.context("the state is plain data")?;
    let hash = keccak256(&state).to_string();
    let mut count = 0;
    for state in pieces(&state) {
        let row = vec![market.into(), place.into(), Cell::Int(count), state.into()];
        let keeping = db.transact::<(), anyhow::Error, _>(move |tx| {
            Box::pin(async move {
                let insert = "insert into snapshot_part (market, place, part, state)";
                insert_rows(tx, insert, 4, vec![row], "on conflict do nothing").await?;
                Ok(())
            })
        });
        keeping.await.context("keeping a part of a snapshot")?;
        count += 1;
    }
    let market = market.to_owned();
    let keeping = db.transact::<(), anyhow::Error, _>(move |tx| {
        Box::pin(async move {
            let insert = "insert into snapshot (market, place, fold, hash, parts)";
            let row = vec![market.as_str().into(), place.into(), FOLD.into(), hash.into()];
            let row = row.into_iter().chain([Cell::Int(count)]).collect();
            insert_rows(tx, insert, 5, vec![row], "on conflict do nothing").await?;
            forget(tx, &market).await
        })
    });
    keeping.await.context("keeping a snapshot")
}

/// Forgets all but the newest.
async fn forget(tx: &mut Tx, market: &str) -> Result<()> {
    let places: Vec<i64> =
        query_scalar("select place from snapshot where market = $1 order by place desc")
            .bind(market.to_owned())
            .fetch_all(tx.conn())
            .await?;
    let Some(oldest) = places.get(KEPT - 1) else { return Ok(()) };
    for sql in [
        "delete from snapshot_part where market = $1 and place < $2",
        "delete from snapshot where market = $1 and place < $2",
    ] {
        query(sql).bind(market.to_owned()).bind(*oldest).execute(tx.conn()).await?;
    }
    Ok(())
}

/// Text in pieces of at most [`PART_BYTES`], each whole characters.
fn pieces(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let (piece, rest) = text.split_at(text.floor_char_boundary(PART_BYTES));
        text = rest;
        (!piece.is_empty()).then_some(piece)
    })
}
