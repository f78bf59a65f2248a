//! The relay: outbox rows onto the bus, in order, until each is durable at the other end.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use calendar::Timestamp;
use db::{AssertSqlSafe, Db, DbError, Kind, Row, query, query_scalar};
use events::Envelope;

use crate::tables::status;
use crate::{ATTEMPTS_MAX, Bus, CLAIM_MAX, SENT_KEPT_SECONDS};

/// The pause between two looks for events that were sent long ago, in seconds.
const SWEEP_SECONDS: i64 = 3600;
/// The most events that one look forgets.
const SWEPT_MAX: i64 = 20_000;

/// Carries one service's outbox onto the bus.
#[derive(Clone)]
pub struct Relay {
    db: Db,
    bus: Bus,
    rest: Arc<Mutex<Option<Rest>>>,
    /// When events that were sent long ago are looked for again.
    sweep_at: Arc<Mutex<Option<Timestamp>>>,
}

/// Nothing is pending until something is committed, or a refused event is due again.
#[derive(Debug, Clone, Copy)]
struct Rest {
    /// Commits of the database before the outbox was looked at.
    commits: u64,
    until: Option<Timestamp>,
}

/// What one round of the relay did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sent {
    /// Events that are now durable at the other end.
    pub sent: u64,
    /// Events that were refused and will be offered again.
    pub refused: u64,
}

/// A row claimed from the outbox.
struct Claimed {
    place: i64,
    attempts: i64,
}

impl Relay {
    /// The relay of the service that owns `db`.
    pub fn new(db: Db, bus: Bus) -> Relay {
        Relay { db, bus, rest: Arc::default(), sweep_at: Arc::default() }
    }

    /// Publishes what is pending and due at `now`, at most [`CLAIM_MAX`] events.
    ///
    /// Rows are claimed by status, not by "place greater than the last": places are given in the
    /// order of insertion, which is not the order of commit.
    pub async fn round(&self, now: Timestamp) -> Result<Sent> {
        let (mut sent, commits) = (Sent::default(), self.db.commits());
        if self.rests(commits, now) {
            return Ok(sent);
        }
        let (rows, envelopes) = self.pending(now).await.context("reading the outbox")?;
        if rows.is_empty() {
            self.sweep(now).await.context("forgetting events that were sent")?;
            self.rest(commits).await.context("reading the outbox")?;
            return Ok(sent);
        }
        let mut done = Vec::new();
        let outcomes = self.bus.publish_all(&envelopes).await;
        for ((row, envelope), outcome) in rows.iter().zip(&envelopes).zip(outcomes) {
            match outcome {
                Ok(()) => {
                    sent.sent += 1;
                    done.push(row.place);
                }
                Err(error) => {
                    sent.refused += 1;
                    self.postpone(row, envelope, &error, now).await?;
                }
            }
        }
        self.mark_sent(done).await.context("marking events sent")?;
        Ok(sent)
    }

    /// Rounds until nothing is left that is due at `now`; returns how many events were sent.
    pub async fn drain(&self, now: Timestamp) -> Result<u64> {
        let mut total = 0;
        loop {
            let round = self.round(now).await?;
            total += round.sent;
            if round.sent == 0 {
                return Ok(total);
            }
        }
    }

    /// Forgets events that were sent, some days after they occurred. Their consumers remember them
    /// for ever: one that is written again is applied no second time.
    async fn sweep(&self, now: Timestamp) -> Result<(), DbError> {
        {
            let mut sweep_at = self.sweep_at.lock().unwrap_or_else(PoisonError::into_inner);
            if sweep_at.is_some_and(|at| now < at) {
                return Ok(());
            }
            *sweep_at = Some(now.plus_seconds(SWEEP_SECONDS));
        }
        let sql = "delete from outbox where place in (select place from outbox \
                   where status = $1 and occurred_at < $2 order by place limit $3)";
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    let forgotten = query(sql)
                        .bind(status::SENT)
                        .bind(now.plus_seconds(-SENT_KEPT_SECONDS).seconds())
                        .bind(SWEPT_MAX);
                    forgotten.execute(tx.conn()).await?;
                    Ok(())
                })
            })
            .await
    }

    /// Whether there is nothing to look for. A database that others write to has to be asked.
    fn rests(&self, commits: u64, now: Timestamp) -> bool {
        let rest = *self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        self.db.kind() == Kind::Sqlite
            && rest.is_some_and(|rest| {
                rest.commits == commits && rest.until.is_none_or(|until| now < until)
            })
    }

    /// Notes that nothing was due when `commits` were made.
    async fn rest(&self, commits: u64) -> Result<(), DbError> {
        let next: Option<i64> =
            query_scalar("select min(not_before) from outbox where status = $1")
                .bind(status::PENDING)
                .fetch_one(self.db.read())
                .await?;
        let rest = Rest { commits, until: next.map(Timestamp::from_seconds) };
        *self.rest.lock().unwrap_or_else(PoisonError::into_inner) = Some(rest);
        Ok(())
    }

    async fn pending(&self, now: Timestamp) -> Result<(Vec<Claimed>, Vec<Envelope>), DbError> {
        let rows = query(
            "select place, id, subject, occurred_at, body, attempts from outbox \
             where status = $1 and not_before <= $2 order by place limit $3",
        )
        .bind(status::PENDING)
        .bind(now.seconds())
        .bind(CLAIM_MAX)
        .fetch_all(self.db.read())
        .await?;
        rows.iter().map(claimed).collect()
    }

    async fn postpone(
        &self,
        row: &Claimed,
        envelope: &Envelope,
        error: &anyhow::Error,
        now: Timestamp,
    ) -> Result<()> {
        let attempts = row.attempts + 1;
        let parked = attempts >= ATTEMPTS_MAX;
        let next = now.plus_seconds(1 << attempts.min(10));
        let (state, place) = (if parked { status::PARKED } else { status::PENDING }, row.place);
        tracing::warn!(
            event = %envelope.id, subject = envelope.subject, attempts, parked,
            error = format!("{error:#}"), "an event was refused"
        );
        let error = format!("{error:#}");
        self.db
            .transact::<_, DbError, _>(move |tx| {
                Box::pin(async move {
                    query(
                        "update outbox set status = $1, attempts = $2, not_before = $3, error = $4 \
                         where place = $5",
                    )
                    .bind(state)
                    .bind(attempts)
                    .bind(next.seconds())
                    .bind(error)
                    .bind(place)
                    .execute(tx.conn())
                    .await?;
                    Ok(())
                })
            })
            .await?;
        Ok(())
    }

    async fn mark_sent(&self, places: Vec<i64>) -> Result<(), DbError> {
        if places.is_empty() {
            return Ok(());
        }
        self.db
            .transact(move |tx| {
                Box::pin(async move {
                    let marks = (2..).take(places.len()).map(|place| format!("${place}"));
                    let marks = marks.collect::<Vec<_>>().join(",");
                    let sql = format!("update outbox set status = $1 where place in ({marks})");
                    let update = query(AssertSqlSafe(sql)).persistent(false);
                    let mut update = update.bind(status::SENT);
                    for place in places {
                        update = update.bind(place);
                    }
                    update.execute(tx.conn()).await?;
                    Ok(())
                })
            })
            .await
    }

    /// Whether this database lets several relays claim different rows at the same time.
    pub fn shares_rows(&self) -> bool {
        self.db.kind() == Kind::Postgres
    }
}

fn claimed(row: &db::AnyRow) -> Result<(Claimed, Envelope), DbError> {
    let id: String = row.try_get(1)?;
    let body: String = row.try_get(4)?;
    let broken =
        |error: Box<dyn std::error::Error + Send + Sync>| DbError::from(sqlx_decode(error));
    let envelope = Envelope {
        id: id.parse().map_err(|error| broken(Box::new(error)))?,
        subject: row.try_get(2)?,
        occurred_at: Timestamp::from_seconds(row.try_get(3)?),
        body: serde_json::from_str(&body).map_err(|error| broken(Box::new(error)))?,
    };
    Ok((Claimed { place: row.try_get(0)?, attempts: row.try_get(5)? }, envelope))
}

fn sqlx_decode(error: Box<dyn std::error::Error + Send + Sync>) -> db::SqlError {
    db::SqlError::Decode(error)
}
