//! The feed: news with rising ids, kept for a while, streamed to whoever listens.
//!
//! A stream reads rows by id, at most [`BATCH_MAX`] ahead of its reader, so a slow reader costs no
//! memory and misses nothing that is still kept. One that is further behind is told to start over.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Bytes;
use alloy_primitives::B256;
use anyhow::Result;
use calendar::Timestamp;
use db::{Db, DbError, Row, Tx, query, query_scalar};
use events::ledger::BlockConnected;
use futures::stream::{self, Stream};
use ids::ZoneId;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// How many items are kept for listeners that come back.
const KEPT_MAX: i64 = 10_000;
/// The most items a stream holds for its reader.
const BATCH_MAX: i64 = 100;
/// How long a stream is silent at most.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How many may listen at the same time.
const LISTENERS_MAX: usize = 1_000;
/// What `newest` shows when all streams shall end.
const STOPPED: i64 = i64::MAX;

/// What the public is told, without names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum News {
    /// A block joined the chain.
    Block {
        /// Height.
        number: u64,
        /// Hash.
        hash: B256,
        /// Its own time.
        timestamp: Timestamp,
        /// How many transactions it has.
        transactions: usize,
        /// How many logs it has.
        events: usize,
        /// The newest block that can no longer be undone.
        finalized: u64,
    },
    /// A block left the chain.
    BlockRemoved {
        /// Height.
        number: u64,
        /// Hash.
        hash: B256,
    },
    /// A slot has its price.
    SlotCleared {
        /// The grid area.
        zone: ZoneId,
        /// The slot's start.
        slot: Timestamp,
        /// In currency per kWh.
        price: String,
        /// The sum of its trades.
        volume_wh: u64,
    },
    /// The book of a slot that trades before its gate changed.
    BookChanged {
        /// The grid area.
        zone: ZoneId,
        /// The slot's start.
        slot: Timestamp,
        /// What traded, in its order.
        trades: Vec<Struck>,
    },
    /// Energy of a slot became known.
    ReadingsStored {
        /// The slot's start.
        slot: Timestamp,
        /// Of how many connection points.
        intervals: usize,
        /// Whether they replace what was known before.
        corrected: bool,
    },
    /// A bill was issued.
    InvoiceIssued {
        /// The bill's number.
        number: String,
        /// Its hash, as anchored.
        hash: B256,
    },
    /// A bill was corrected.
    InvoiceCorrected {
        /// The correction's number.
        number: String,
        /// Its hash, as anchored.
        hash: B256,
    },
    /// A version of a tariff was published.
    TariffPublished {
        /// Its hash, as anchored.
        hash: B256,
        /// From when it holds.
        valid_from: Timestamp,
    },
    /// Trading of a zone was stopped, or goes on.
    KillSwitch {
        /// The grid area.
        zone: ZoneId,
        /// Whether it is stopped.
        on: bool,
        /// Which trigger stopped it, where nobody did.
        #[serde(skip_serializing_if = "Option::is_none")]
        trigger: Option<String>,
    },
    /// The grid carries no trades for a time, or does after all.
    Curtailed {
        /// The grid area.
        zone: ZoneId,
        /// Start of the first slot.
        from: Timestamp,
        /// End of the last one.
        to: Timestamp,
        /// Whether they are curtailed.
        curtailed: bool,
    },
    /// Staff set other limits of risk.
    RiskLimitChanged {
        /// The grid area.
        zone: ZoneId,
        /// All that hold now.
        limits: serde_json::Value,
    },
}

/// A trade before the gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Struck {
    /// In currency per kWh.
    pub(crate) price: String,
    /// How much.
    pub(crate) quantity_wh: u64,
}

impl News {
    /// The news of a block.
    pub(crate) fn of_block(block: &BlockConnected) -> News {
        News::Block {
            number: block.number,
            hash: block.hash,
            timestamp: block.timestamp,
            transactions: block.transactions.len(),
            events: block.logs.len(),
            finalized: block.finalized,
        }
    }

    /// The name of the server-sent event.
    const fn kind(&self) -> &'static str {
        match self {
            News::Block { .. } => "block",
            News::BlockRemoved { .. } => "block_removed",
            News::SlotCleared { .. } => "slot_cleared",
            News::BookChanged { .. } => "book_changed",
            News::ReadingsStored { .. } => "readings_stored",
            News::InvoiceIssued { .. } => "invoice_issued",
            News::InvoiceCorrected { .. } => "invoice_corrected",
            News::TariffPublished { .. } => "tariff_published",
            News::KillSwitch { .. } => "kill_switch",
            News::Curtailed { .. } => "curtailed",
            News::RiskLimitChanged { .. } => "risk_limit_changed",
        }
    }
}

/// Writes `news` to the feed and drops what is too old; returns its id.
pub(crate) async fn append(tx: &mut Tx, news: &News) -> Result<i64> {
    let id: i64 =
        query_scalar("select coalesce(max(id) + 1, 1) from feed").fetch_one(tx.conn()).await?;
    query("insert into feed (id, kind, body) values ($1, $2, $3)")
        .bind(id)
        .bind(news.kind())
        .bind(serde_json::to_string(news)?)
        .execute(tx.conn())
        .await?;
    query("delete from feed where id <= $1").bind(id - KEPT_MAX).execute(tx.conn()).await?;
    Ok(id)
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

    /// A stream of server-sent events after the id `seen`, or of what comes from now on; `None`
    /// when too many listen already.
    ///
    /// Its first event is `reset` when some after `seen` are no longer kept.
    pub(crate) async fn listen(
        &self,
        seen: Option<i64>,
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
        let listener = Listener { db: self.db.clone(), newest, seen, ready, _place: place };
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

    async fn read(&mut self) -> Result<(), DbError> {
        let rows = query("select id, kind, body from feed where id > $1 order by id limit $2")
            .bind(self.seen)
            .bind(BATCH_MAX)
            .fetch_all(self.db.read())
            .await?;
        for row in rows {
            let (id, kind, body): (i64, String, String) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            self.seen = id;
            let event = format!("id: {id}\nevent: {kind}\ndata: {body}\n\n");
            self.ready.push_back(Bytes::from(event));
        }
        Ok(())
    }
}
