//! Endpoints.

use anyhow::{Context, Result};
use calendar::Timestamp;
use db::{AnyRow, AssertSqlSafe, Cell, Db, Row, Tx, insert_rows, query};
use ids::{CommunityId, PartyId, Uuid};

use crate::domain::event::EventKind;

/// Where messages go, and which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) url: String,
    pub(crate) description: String,
    /// Rising, each once.
    pub(crate) kinds: Vec<EventKind>,
    pub(crate) active: bool,
}

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Webhook {
    pub(crate) id: Uuid,
    pub(crate) community: CommunityId,
    pub(crate) wanted: Wanted,
    /// Since when nothing is sent to it any more, and why.
    pub(crate) failing: Option<(Timestamp, String)>,
    pub(crate) secrets: Secrets,
    pub(crate) created_by: PartyId,
    pub(crate) created_at: Timestamp,
}

/// The secrets of an endpoint, wrapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Secrets {
    pub(crate) now: Vec<u8>,
    /// The one before, and until when it signs as well.
    pub(crate) before: Option<(Vec<u8>, Timestamp)>,
}

const SELECT: &str = "select id, community, url, description, kinds, active, failing_since, \
    reason, secret, secret_before, before_until, created_by, created_at from webhook";

/// Keeps a new endpoint.
pub(crate) async fn put(tx: &mut Tx, webhook: &Webhook) -> Result<()> {
    let Wanted { url, description, kinds, active } = &webhook.wanted;
    let row = vec![
        Cell::Text(webhook.id.to_string()),
        Cell::Text(webhook.community.to_string()),
        Cell::from(url.as_str()),
        Cell::from(description.as_str()),
        Cell::Text(serde_json::to_string(kinds)?),
        Cell::Int(i64::from(*active)),
        Cell::Bytes(webhook.secrets.now.clone()),
        Cell::Text(webhook.created_by.to_string()),
        Cell::Int(webhook.created_at.seconds()),
    ];
    let insert = "insert into webhook (id, community, url, description, kinds, active, secret, \
                  created_by, created_at)";
    insert_rows(tx, insert, 9, vec![row], "").await.context("keeping an endpoint")?;
    Ok(())
}

/// The endpoints of a community, oldest first.
pub(crate) async fn of(db: &Db, community: CommunityId) -> Result<Vec<Webhook>> {
    let rows = query(AssertSqlSafe(format!("{SELECT} where community = $1 order by number")))
        .bind(community.to_string())
        .fetch_all(db.read())
        .await
        .context("reading endpoints")?;
    rows.iter().map(parse).collect()
}

/// As [`of`], in a transaction.
pub(crate) async fn load(tx: &mut Tx, community: CommunityId) -> Result<Vec<Webhook>> {
    let rows = query(AssertSqlSafe(format!("{SELECT} where community = $1 order by number")))
        .bind(community.to_string())
        .fetch_all(tx.conn())
        .await
        .context("reading endpoints")?;
    rows.iter().map(parse).collect()
}

/// The endpoints for which messages wait that are due, so that they can be sent to.
pub(crate) async fn due(db: &Db, now: Timestamp) -> Result<Vec<Webhook>> {
    let sql = format!(
        "{SELECT} where active = 1 and failing_since = 0 and $1 >= (select not_before from \
         delivery where delivery.webhook = webhook.id and status = 0 order by place limit 1)"
    );
    let rows = query(AssertSqlSafe(sql))
        .bind(now.seconds())
        .fetch_all(db.read())
        .await
        .context("looking for endpoints to send to")?;
    rows.iter().map(parse).collect()
}

/// One endpoint.
pub(crate) async fn find(db: &Db, id: Uuid) -> Result<Option<Webhook>> {
    let row = query(AssertSqlSafe(format!("{SELECT} where id = $1")))
        .bind(id.to_string())
        .fetch_optional(db.read())
        .await
        .context("reading an endpoint")?;
    row.as_ref().map(parse).transpose()
}

/// Changes where messages go, and which; one that failed is tried again.
pub(crate) async fn change(tx: &mut Tx, id: Uuid, wanted: &Wanted) -> Result<()> {
    query(
        "update webhook set url = $1, description = $2, kinds = $3, active = $4, \
         failing_since = 0, reason = '' where id = $5",
    )
    .bind(wanted.url.clone())
    .bind(wanted.description.clone())
    .bind(serde_json::to_string(&wanted.kinds)?)
    .bind(i64::from(wanted.active))
    .bind(id.to_string())
    .execute(tx.conn())
    .await
    .context("changing an endpoint")?;
    Ok(())
}

/// Gives an endpoint a new secret; the one before signs as well until a moment.
pub(crate) async fn rotate(tx: &mut Tx, id: Uuid, secrets: &Secrets) -> Result<()> {
    let (before, until) = match &secrets.before {
        Some((before, until)) => (Some(before.clone()), until.seconds()),
        None => (None, 0),
    };
    query("update webhook set secret = $1, secret_before = $2, before_until = $3 where id = $4")
        .bind(secrets.now.clone())
        .bind(before)
        .bind(until)
        .bind(id.to_string())
        .execute(tx.conn())
        .await
        .context("giving an endpoint a new secret")?;
    Ok(())
}

/// Says that an endpoint fails, and why, or that it is tried again.
pub(crate) async fn set_failing(
    tx: &mut Tx,
    id: Uuid,
    failing: Option<(Timestamp, &str)>,
) -> Result<()> {
    let (since, reason) = failing.map_or((0, ""), |(since, reason)| (since.seconds(), reason));
    query("update webhook set failing_since = $1, reason = $2 where id = $3")
        .bind(since)
        .bind(reason.to_owned())
        .bind(id.to_string())
        .execute(tx.conn())
        .await
        .context("noting how an endpoint is")?;
    Ok(())
}

/// Forgets an endpoint with all messages to it.
pub(crate) async fn remove(tx: &mut Tx, id: Uuid) -> Result<()> {
    for sql in ["delete from delivery where webhook = $1", "delete from webhook where id = $1"] {
        query(sql).bind(id.to_string()).execute(tx.conn()).await.context("removing an endpoint")?;
    }
    Ok(())
}

fn parse(row: &AnyRow) -> Result<Webhook> {
    let text = |place: usize| row.try_get::<String, _>(place);
    let time = |place: usize| Ok::<_, anyhow::Error>(Timestamp::from_seconds(row.try_get(place)?));
    let active: i64 = row.try_get(5)?;
    let since = time(6)?;
    let before: Option<Vec<u8>> = row.try_get(9)?;
    let until = time(10)?;
    Ok(Webhook {
        id: text(0)?.parse()?,
        community: text(1)?.parse()?,
        wanted: Wanted {
            url: text(2)?,
            description: text(3)?,
            kinds: serde_json::from_str(&text(4)?).context("kinds of an endpoint")?,
            active: active != 0,
        },
        failing: (since.seconds() != 0).then_some((since, text(7)?)),
        secrets: Secrets { now: row.try_get(8)?, before: before.map(|before| (before, until)) },
        created_by: text(11)?.parse()?,
        created_at: time(12)?,
    })
}
