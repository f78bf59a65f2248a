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

/// How many items are kept for listeners that come back.
const KEPT_MAX: i64 = 10_000;
/// How many are kept to be looked up, without blocks, books and stored readings.
const RECORDS_MAX: i64 = 100_000;
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

/// Writes `item` to the feed and drops what is too old; returns its id.
pub(crate) async fn append(tx: &mut Tx, item: &Item) -> Result<i64> {
    let id: i64 =
        query_scalar("select coalesce(max(id) + 1, 1) from feed").fetch_one(tx.conn()).await?;
    query("insert into feed (id, kind, happened_at, block, body) values ($1, $2, $3, $4, $5)")
        .bind(id)
        .bind(item.kind.code())
        .bind(item.at.seconds())
        .bind(item.block.map(i64::try_from).transpose()?)
        .bind(item.body.clone())
        .execute(tx.conn())
        .await?;
    // Ids have no gaps but those of blocks that left: one by one is enough.
    query(
        "delete from feed where id = $1 \
         and kind in ('block', 'block_removed', 'book_changed', 'readings_stored')",
    )
    .bind(id - KEPT_MAX)
    .execute(tx.conn())
    .await?;
    query("delete from feed where id <= $1").bind(id - RECORDS_MAX).execute(tx.conn()).await?;
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

    /// Reads on until there is something wanted, or nothing more.
    async fn read(&mut self) -> Result<(), DbError> {
        loop {
            let rows = query("select id, kind, body from feed where id > $1 order by id limit $2")
                .bind(self.seen)
                .bind(BATCH_MAX)
                .fetch_all(self.db.read())
                .await?;
            let all = i64::try_from(rows.len()).is_ok_and(|read| read < BATCH_MAX);
            for row in rows {
                let (id, kind, body): (i64, String, String) =
                    (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
                self.seen = id;
                let wanted = |kinds: &Vec<Kind>| kinds.iter().any(|wanted| wanted.code() == kind);
                if self.kinds.as_ref().is_none_or(wanted) {
                    let event = format!("id: {id}\nevent: {kind}\ndata: {body}\n\n");
                    self.ready.push_back(Bytes::from(event));
                }
            }
            if all || !self.ready.is_empty() {
                return Ok(());
            }
        }
    }
}
