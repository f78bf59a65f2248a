//! Messages to endpoints. A message keeps its id and its body for as long as it is kept.

use anyhow::{Context, Result, bail};
use calendar::Timestamp;
use db::{AnyRow, AssertSqlSafe, Cell, Db, Row, Tx, insert_rows, query, query_scalar};
use ids::Uuid;

/// How far a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// It waits to be sent, or to be sent again.
    Waiting,
    /// The endpoint took it.
    Delivered,
    /// The endpoint did not take it; it can be replayed.
    Failed,
}

impl Status {
    /// As rows have it.
    pub(crate) const fn column(self) -> i64 {
        match self {
            Status::Waiting => 0,
            Status::Delivered => 1,
            Status::Failed => 2,
        }
    }

    pub(crate) fn of_column(column: i64) -> Result<Status> {
        Ok(match column {
            0 => Status::Waiting,
            1 => Status::Delivered,
            2 => Status::Failed,
            other => bail!("a message of status {other}"),
        })
    }
}

/// A message to an endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// The event's id, the same in every attempt and to every endpoint.
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) body: String,
    /// When the fact became true.
    pub(crate) at: Timestamp,
}

/// What became of a message.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) place: i64,
    pub(crate) message: Message,
    pub(crate) status: Status,
    pub(crate) attempts: u32,
    pub(crate) not_before: Timestamp,
    /// What the endpoint last answered with; zero where it did not answer.
    pub(crate) answered: u16,
    /// Why the last attempt came to nothing.
    pub(crate) error: String,
    /// When it was taken or given up.
    pub(crate) ended: Option<Timestamp>,
}

/// What an attempt changes.
#[derive(Debug, Clone)]
pub(crate) struct Attempted {
    pub(crate) status: Status,
    pub(crate) attempts: u32,
    pub(crate) not_before: Timestamp,
    pub(crate) answered: u16,
    pub(crate) error: String,
    pub(crate) ended: Option<Timestamp>,
}

const SELECT: &str = "select place, message, kind, body, at, status, attempts, not_before, \
    answered, error, ended from delivery";

/// Keeps a message to an endpoint, unless it is there already. `failed` says why it is not to be
/// sent.
pub(crate) async fn put(
    tx: &mut Tx,
    webhook: Uuid,
    message: &Message,
    failed: Option<(&str, Timestamp)>,
) -> Result<()> {
    let status = if failed.is_some() { Status::Failed } else { Status::Waiting };
    let (error, ended) = failed.map_or(("", 0), |(error, at)| (error, at.seconds()));
    let row = vec![
        Cell::Text(webhook.to_string()),
        Cell::from(message.id.as_str()),
        Cell::from(message.kind.as_str()),
        Cell::from(message.body.as_str()),
        Cell::Int(message.at.seconds()),
        Cell::Int(status.column()),
        Cell::from(error),
        Cell::Int(ended),
    ];
    let insert = "insert into delivery (webhook, message, kind, body, at, status, error, ended)";
    insert_rows(tx, insert, 8, vec![row], "on conflict do nothing")
        .await
        .context("keeping a message")?;
    Ok(())
}

/// How many messages of an endpoint stand so.
pub(crate) async fn count(db: &Db, webhook: Uuid, status: Status) -> Result<u64> {
    let count: i64 =
        query_scalar("select count(*) from delivery where webhook = $1 and status = $2")
            .bind(webhook.to_string())
            .bind(status.column())
            .fetch_one(db.read())
            .await
            .context("counting messages")?;
    Ok(u64::try_from(count)?)
}

/// As [`count`] of those that wait, in a transaction.
pub(crate) async fn waiting(tx: &mut Tx, webhook: Uuid) -> Result<i64> {
    query_scalar("select count(*) from delivery where webhook = $1 and status = 0")
        .bind(webhook.to_string())
        .fetch_one(tx.conn())
        .await
        .context("counting messages")
}

/// The message of an endpoint that is next, if one waits and is due.
pub(crate) async fn next(db: &Db, webhook: Uuid, now: Timestamp) -> Result<Option<Delivery>> {
    let sql = format!("{SELECT} where webhook = $1 and status = 0 order by place limit 1");
    let row = query(AssertSqlSafe(sql))
        .bind(webhook.to_string())
        .fetch_optional(db.read())
        .await
        .context("reading the next message")?;
    let next = row.as_ref().map(parse).transpose()?;
    Ok(next.filter(|next| next.not_before <= now))
}

/// Keeps what came of an attempt.
pub(crate) async fn note(tx: &mut Tx, place: i64, attempted: &Attempted) -> Result<()> {
    query(
        "update delivery set status = $1, attempts = $2, not_before = $3, answered = $4, \
         error = $5, ended = $6 where place = $7",
    )
    .bind(attempted.status.column())
    .bind(i64::from(attempted.attempts))
    .bind(attempted.not_before.seconds())
    .bind(i64::from(attempted.answered))
    .bind(attempted.error.clone())
    .bind(attempted.ended.map_or(0, Timestamp::seconds))
    .bind(place)
    .execute(tx.conn())
    .await
    .context("noting an attempt")?;
    Ok(())
}

/// Messages of an endpoint, newest first, before a place; of one status, or all.
pub(crate) async fn page(
    db: &Db,
    webhook: Uuid,
    status: Option<Status>,
    (before, limit): (i64, u32),
) -> Result<Vec<Delivery>> {
    let sql = format!(
        "{SELECT} where webhook = $1 and ($2 = -1 or status = $2) and place < $3 \
         order by place desc limit $4"
    );
    let rows = query(AssertSqlSafe(sql))
        .bind(webhook.to_string())
        .bind(status.map_or(-1, Status::column))
        .bind(before)
        .bind(i64::from(limit))
        .fetch_all(db.read())
        .await
        .context("reading messages")?;
    rows.iter().map(parse).collect()
}

/// Lets messages of an endpoint be sent anew, in their old order: the one that is named, or all
/// that failed since a moment. How many.
pub(crate) async fn replay(
    tx: &mut Tx,
    webhook: Uuid,
    message: Option<&str>,
    since: Timestamp,
) -> Result<u64> {
    let again = "update delivery set status = 0, attempts = 0, not_before = 0, error = '', \
                 ended = 0 where webhook = $1 and";
    let statement = match message {
        Some(message) => query(AssertSqlSafe(format!("{again} message = $2 and status <> 0")))
            .bind(webhook.to_string())
            .bind(message.to_owned()),
        None => query(AssertSqlSafe(format!("{again} status = 2 and at >= $2")))
            .bind(webhook.to_string())
            .bind(since.seconds()),
    };
    let changed = statement.execute(tx.conn()).await.context("replaying messages")?;
    Ok(changed.rows_affected())
}

/// Forgets what was taken or given up before a moment; how many.
pub(crate) async fn forget(tx: &mut Tx, before: Timestamp) -> Result<u64> {
    let gone = query("delete from delivery where status in (1, 2) and ended < $1")
        .bind(before.seconds())
        .execute(tx.conn())
        .await
        .context("forgetting messages")?;
    Ok(gone.rows_affected())
}

fn parse(row: &AnyRow) -> Result<Delivery> {
    let text = |place: usize| row.try_get::<String, _>(place);
    let number = |place: usize| row.try_get::<i64, _>(place);
    let ended = number(10)?;
    Ok(Delivery {
        place: number(0)?,
        message: Message {
            id: text(1)?,
            kind: text(2)?,
            body: text(3)?,
            at: Timestamp::from_seconds(number(4)?),
        },
        status: Status::of_column(number(5)?)?,
        attempts: u32::try_from(number(6)?)?,
        not_before: Timestamp::from_seconds(number(7)?),
        answered: u16::try_from(number(8)?)?,
        error: text(9)?,
        ended: (ended != 0).then(|| Timestamp::from_seconds(ended)),
    })
}
