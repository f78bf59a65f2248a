//! The feed: news with rising ids, kept for a while, streamed to whoever listens.
//!
//! A stream reads rows by id, at most [`BATCH_MAX`] ahead of its reader, so a slow reader costs no
//! memory and misses nothing that is still kept. One that is further behind is told to start over.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Bytes;
use anyhow::{Context, Result};
use calendar::Timestamp;
use db::{AnyRow, AssertSqlSafe, Db, DbError, Row, Tx, query, query_scalar};
use futures::stream::{self, Stream};
use service::{Page, PageQuery, Problem};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::kind::Kind;
use crate::api::dto::FeedEvent;

/// How many items a listener that comes back can be behind. No kind has fewer of its own kept, so
/// that none of these is missing.
pub(super) const KEPT_MAX: i64 = 10_000;
/// The most items a stream holds for its reader.
const BATCH_MAX: i64 = 100;
/// How long a stream is silent at most.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How many may listen at the same time.
const LISTENERS_MAX: usize = 1_000;
/// What `newest` shows when all streams shall end.
const STOPPED: i64 = i64::MAX;

/// What the feed keeps of one piece of news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// What it is called.
    pub(crate) kind: Kind,
    /// Since when it is true.
    pub(crate) at: Timestamp,
    /// The block without which it is not true.
    pub(crate) block: Option<u64>,
    /// JSON.
    pub(crate) body: String,
}

/// Writes `item` to the feed and drops the oldest of its kind where there are too many; returns its
/// id. What everybody can cause pushes out nothing else.
pub(crate) async fn append(tx: &mut Tx, item: &Item) -> Result<i64> {
    let (id, place): (i64, i64) = {
        let sql = "select (select coalesce(max(id) + 1, 1) from feed), \
                   (select coalesce(max(place) + 1, 1) from feed where kind = $1)";
        let row = query(sql).bind(item.kind.code()).fetch_one(tx.conn()).await?;
        (row.try_get(0)?, row.try_get(1)?)
    };
    let insert = "insert into feed (id, kind, happened_at, block, body, place) \
                  values ($1, $2, $3, $4, $5, $6)";
    query(insert)
        .bind(id)
        .bind(item.kind.code())
        .bind(item.at.seconds())
        .bind(item.block.map(i64::try_from).transpose()?)
        .bind(item.body.clone())
        .bind(place)
        .execute(tx.conn())
        .await?;
    query("delete from feed where kind = $1 and place <= $2")
        .bind(item.kind.code())
        .bind(place - item.kind.kept())
        .execute(tx.conn())
        .await?;
    Ok(id)
}

/// Takes back what the contracts said in block `number`.
pub(crate) async fn take_back(tx: &mut Tx, number: u64) -> Result<()> {
    let delete = "delete from feed where block = $1";
    query(delete).bind(i64::try_from(number)?).execute(tx.conn()).await?;
    Ok(())
}

/// What is kept, newest first: of one kind, or of all but blocks.
pub(crate) async fn list(db: &Db, page: &PageQuery, kind: Option<Kind>) -> Result<Page<FeedEvent>> {
    let before = match &page.cursor {
        None => Ok(i64::MAX),
        Some(text) => text.parse().map_err(|_| Problem::malformed("the cursor is not one of ours")),
    };
    let chosen = match kind {
        Some(_) => "kind = $3",
        None => "kind not in ('block', 'block_removed') and $3 = ''",
    };
    let sql = format!(
        "select id, kind, happened_at, block, body from feed where id < $1 and {chosen} \
         order by id desc limit $2"
    );
    let limit = usize::try_from(page.limit())?;
    let rows = query(AssertSqlSafe(sql))
        .bind(before?)
        .bind(i64::from(page.limit()) + 1)
        .bind(kind.map_or("", Kind::code))
        .fetch_all(db.read())
        .await?;
    let items = rows.iter().take(limit).map(event_of).collect::<Result<Vec<_>>>()?;
    let last = items.last().map(|item| item.id.to_string());
    Ok(Page { next: last.filter(|_| rows.len() > limit), items })
}

fn event_of(row: &AnyRow) -> Result<FeedEvent> {
    let (code, at, body): (String, Option<i64>, String) =
        (row.try_get(1)?, row.try_get(2)?, row.try_get(4)?);
    let kind = Kind::of(&code).with_context(|| format!("a feed has no {code}"))?;
    Ok(FeedEvent {
        id: row.try_get(0)?,
        kind,
        name: kind.name().to_owned(),
        at: at.map(|at| Timestamp::from_seconds(at).to_string()),
        block: row.try_get::<Option<i64>, _>(3)?.map(u64::try_from).transpose()?,
        body: serde_json::from_str(&body).context("news in the feed")?,
    })
}

/// The feed of one explorer.
pub(crate) struct Feed {
    db: Db,
    newest: watch::Sender<i64>,
    listeners: Arc<Semaphore>,
}

impl Feed {
    /// The feed in `db`.
    pub(crate) async fn open(db: Db) -> Result<Feed, DbError> {
        let (newest, _) = watch::channel(newest_id(&db).await?);
        Ok(Feed { db, newest, listeners: Arc::new(Semaphore::new(LISTENERS_MAX)) })
    }

    /// Wakes the streams: there is news up to `id`.
    pub(crate) fn announce(&self, id: i64) {
        self.newest.send_modify(|newest| *newest = (*newest).max(id));
    }

    /// Ends all streams.
    pub(crate) fn stop(&self) {
        self.announce(STOPPED);
    }

    /// A stream of server-sent events after the id `seen`, or of what comes from now on, of `kinds`
    /// alone if they are named; `None` when too many listen already.
    ///
    /// Its first event is `reset` when some after `seen` are no longer kept.
    pub(crate) async fn listen(
        &self,
        seen: Option<i64>,
        kinds: Option<Vec<Kind>>,
    ) -> Result<Option<impl Stream<Item = Result<Bytes, DbError>> + use<>>, DbError> {
        let Ok(place) = self.listeners.clone().try_acquire_owned() else {
            return Ok(None);
        };
        let newest = newest_id(&self.db).await?;
        let mut ready = VecDeque::from([Bytes::from_static(b"retry: 2000\n\n")]);
        let kept = newest - KEPT_MAX..=newest;
        let seen = match seen {
            Some(seen) if !kept.contains(&seen) => {
                ready.push_back(Bytes::from(format!("id: {newest}\nevent: reset\ndata: {{}}\n\n")));
                newest
            }
            seen => seen.unwrap_or(newest),
        };
        let newest = self.newest.subscribe();
        let listener = Listener { db: self.db.clone(), newest, seen, kinds, ready, _place: place };
        Ok(Some(stream::try_unfold(listener, Listener::next)))
    }
}

async fn newest_id(db: &Db) -> Result<i64, DbError> {
    let sql = "select coalesce(max(id), 0) from feed";
    Ok(query_scalar(sql).fetch_one(db.read()).await?)
}

/// What a stream remembers between two reads.
struct Listener {
    db: Db,
    newest: watch::Receiver<i64>,
    /// The last id that was read.
    seen: i64,
    /// What is wanted; everything without.
    kinds: Option<Vec<Kind>>,
    /// What was read and not handed on.
    ready: VecDeque<Bytes>,
    _place: OwnedSemaphorePermit,
}

impl Listener {
    /// The next piece of the stream: an event, or a comment after [`HEARTBEAT`] of silence.
    async fn next(mut self) -> Result<Option<(Bytes, Listener)>, DbError> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Ok(Some((piece, self)));
            }
            if *self.newest.borrow_and_update() == STOPPED {
                return Ok(None);
            }
            self.read().await?;
            if self.ready.is_empty() {
                match tokio::time::timeout(HEARTBEAT, self.newest.changed()).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return Ok(None),
                    // Another process may have written: look again after the comment.
                    Err(_) => self.ready.push_back(Bytes::from_static(b":\n\n")),
                }
            }
        }
    }

    /// Reads on until there is something wanted, or nothing more. What is not wanted is not read:
    /// one statement goes over it.
    async fn read(&mut self) -> Result<(), DbError> {
        let newest = newest_id(&self.db).await?;
        let wanted = self.kinds.as_ref().map_or_else(String::new, |kinds| {
            let codes: Vec<String> =
                kinds.iter().map(|kind| format!("'{}'", kind.code())).collect();
            format!("and kind in ({}) ", codes.join(", "))
        });
        let sql = format!(
            "select id, kind, body from feed where id > $1 and id <= $2 {wanted}\
             order by id limit $3"
        );
        let rows = query(AssertSqlSafe(sql))
            .bind(self.seen)
            .bind(newest)
            .bind(BATCH_MAX)
            .fetch_all(self.db.read())
            .await?;
        if i64::try_from(rows.len()).is_ok_and(|read| read < BATCH_MAX) {
            self.seen = self.seen.max(newest);
        }
        for row in rows {
            let (id, kind, body): (i64, String, String) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            self.seen = self.seen.max(id);
            let event = format!("id: {id}\nevent: {kind}\ndata: {body}\n\n");
            self.ready.push_back(Bytes::from(event));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::MIGRATIONS;

    async fn told(db: &Db, kind: Kind) -> i64 {
        let (at, body) = (Timestamp::from_seconds(0), "{}".to_owned());
        let item = Item { kind, at, block: None, body };
        db.transact(move |tx| Box::pin(async move { append(tx, &item).await })).await.unwrap()
    }

    async fn ids(db: &Db, kind: Kind) -> Vec<i64> {
        let page = PageQuery { limit: None, cursor: None };
        list(db, &page, Some(kind)).await.unwrap().items.iter().map(|item| item.id).collect()
    }

    #[actix_web::test]
    async fn many_orders_push_out_old_ones_and_no_bill() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}/explorer.db", folder.path().display());
        let db = Db::open(&url, MIGRATIONS).await.unwrap();
        let bill = told(&db, Kind::InvoiceIssued).await;
        let first = told(&db, Kind::OrderCancelled).await;
        let second = told(&db, Kind::OrderCancelled).await;
        // As if so many had come between.
        db.transact::<_, DbError, _>(move |tx| {
            Box::pin(async move {
                query("update feed set id = id + $1, place = place + $1 where id = $2")
                    .bind(Kind::OrderCancelled.kept() - 1)
                    .bind(second)
                    .execute(tx.conn())
                    .await?;
                Ok(())
            })
        })
        .await
        .unwrap();
        let newest = told(&db, Kind::OrderCancelled).await;
        let kept = ids(&db, Kind::OrderCancelled).await;
        assert_eq!((kept.len(), kept[0]), (2, newest));
        assert!(!kept.contains(&first));
        assert_eq!(ids(&db, Kind::InvoiceIssued).await, [bill]);
    }
}
