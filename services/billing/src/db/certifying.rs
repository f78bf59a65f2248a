//! What is sent about certificates: sources of connection points, and issues of trades.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use anyhow::{Context, Result};
use calendar::Timestamp;
use db::{AnyRow, AssertSqlSafe, Cell, Db, Row, Tx, insert_rows, query, query_scalar};
use ids::{AccountId, CommunityId, ConnectionPointId, PartyId, RequestId};

use super::slots::SlotState;
use crate::db::requests::RequestState;

/// What staff said of a connection point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourceOrder {
    pub(crate) id: RequestId,
    pub(crate) community: CommunityId,
    pub(crate) point: ConnectionPointId,
    /// The code; empty where the source is to end.
    pub(crate) code: String,
    pub(crate) by: PartyId,
    pub(crate) at: Timestamp,
    pub(crate) state: RequestState,
}

/// What the transaction of an order follows from. The statements here say so too.
pub(crate) fn source_cause(order: RequestId) -> String {
    format!("source/{order}")
}

/// Keeps what staff said.
pub(crate) async fn put_source(tx: &mut Tx, order: &SourceOrder) -> Result<()> {
    let row = vec![
        Cell::Text(order.id.to_string()),
        Cell::Text(order.community.to_string()),
        Cell::Text(order.point.to_string()),
        Cell::Text(order.code.clone()),
        Cell::Text(order.by.to_string()),
        Cell::Int(order.at.seconds()),
    ];
    let insert = "insert into source_order (id, community, point, code, ordered_by, at)";
    insert_rows(tx, insert, 6, vec![row], "").await.context("keeping a source")?;
    Ok(())
}

/// How often staff said something of a connection point.
pub(crate) async fn sources_said(tx: &mut Tx, point: ConnectionPointId) -> Result<i64> {
    query_scalar("select count(*) from source_order where point = $1")
        .bind(point.to_string())
        .fetch_one(tx.conn())
        .await
        .context("counting what was said of a connection point")
}

/// What staff said last of a connection point.
pub(crate) async fn newest_source(
    tx: &mut Tx,
    point: ConnectionPointId,
) -> Result<Option<SourceOrder>> {
    let row = query(NEWEST_SOURCE).bind(point.to_string()).fetch_optional(tx.conn()).await?;
    row.as_ref().map(source).transpose()
}

/// The same, outside of a transaction.
pub(crate) async fn last_source(db: &Db, point: ConnectionPointId) -> Result<Option<SourceOrder>> {
    let row = query(NEWEST_SOURCE).bind(point.to_string()).fetch_optional(db.read()).await?;
    row.as_ref().map(source).transpose()
}

const NEWEST_SOURCE: &str = "select id, community, point, code, ordered_by, at, status \
    from source_order join chain_tx on chain_tx.cause = 'source/' || id \
    where point = $1 order by number desc limit 1";

fn source(row: &AnyRow) -> Result<SourceOrder> {
    let text = |place: usize| row.try_get::<String, _>(place);
    Ok(SourceOrder {
        id: text(0)?.parse()?,
        community: text(1)?.parse()?,
        point: text(2)?.parse()?,
        code: text(3)?,
        by: text(4)?.parse()?,
        at: Timestamp::from_seconds(row.try_get(5)?),
        state: RequestState::of(row.try_get(6)?)?,
    })
}

/// Connection points that have or had a source, or are to have one, after `after`, with their
/// owners.
pub(crate) async fn points(
    db: &Db,
    (community, account): (CommunityId, Option<AccountId>),
    after: &str,
    limit: u32,
) -> Result<Vec<(ConnectionPointId, AccountId)>> {
    let rows = query(
        "select p.point, p.account from point p where p.community = $1 \
         and ($2 = '' or p.account = $2) and p.point > $3 \
         and (exists (select 1 from source_order o where o.point = p.point) \
         or exists (select 1 from fact f where f.kind = 'source' and f.key = p.point)) \
         order by p.point limit $4",
    )
    .bind(community.to_string())
    .bind(account.map(|account| account.to_string()).unwrap_or_default())
    .bind(after.to_owned())
    .bind(i64::from(limit))
    .fetch_all(db.read())
    .await
    .context("reading connection points with sources")?;
    let pair = |row: &AnyRow| {
        let text = |place: usize| row.try_get::<String, _>(place);
        Ok((text(0)?.parse()?, text(1)?.parse()?))
    };
    rows.iter().map(pair).collect()
}

/// Slots whose trades are to be looked at for certificates, oldest first.
pub(crate) async fn slots(db: &Db, now: Timestamp, limit: i64) -> Result<Vec<SlotState>> {
    let rows = query(
        "select community, slot, run, changes from slot_state where certify_due <= $1 \
         order by slot, community limit $2",
    )
    .bind(now.seconds())
    .bind(limit)
    .fetch_all(db.read())
    .await
    .context("reading slots to certify")?;
    rows.iter().map(super::slots::state).collect()
}

/// Notes when the trades of a slot are looked at next; `false` where the slot has changed since
/// `state` was read: then it is as due as before.
pub(crate) async fn looked_at(tx: &mut Tx, state: &SlotState, due: i64) -> Result<bool> {
    let sql = "update slot_state set certify_due = $1 \
               where community = $2 and slot = $3 and changes = $4";
    let done = query(sql)
        .bind(due)
        .bind(state.community.to_string())
        .bind(state.slot.seconds())
        .bind(state.changes)
        .execute(tx.conn())
        .await
        .context("noting a look at a slot")?;
    Ok(done.rows_affected() > 0)
}

/// How far the certificate of a trade is, as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// To be sent when it is due.
    Waiting,
    /// Sent; the relay knows the rest.
    Sent,
    /// Refused for good.
    GivenUp,
    /// Certified, for good.
    Done,
}

impl Stage {
    const ALL: [Stage; 4] = [Stage::Waiting, Stage::Sent, Stage::GivenUp, Stage::Done];

    fn code(self) -> i64 {
        match self {
            Stage::Waiting => 0,
            Stage::Sent => 1,
            Stage::GivenUp => 2,
            Stage::Done => 3,
        }
    }
}

/// A trade to be certified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Issue {
    pub(crate) trade: B256,
    pub(crate) community: CommunityId,
    /// The seller's.
    pub(crate) account: AccountId,
    pub(crate) slot: Timestamp,
    /// What was delivered, in Wh.
    pub(crate) wh: u64,
    pub(crate) stage: Stage,
    /// When it is tried, while it waits.
    pub(crate) due: Timestamp,
    /// How often it was refused.
    pub(crate) tries: u32,
    /// The last transaction; empty where there is none.
    pub(crate) cause: String,
    /// Why it was refused last; empty where it was not.
    pub(crate) reason: String,
}

const ISSUE: &str = "i.trade, i.community, i.account, i.slot, i.wh, i.state, i.due, i.tries, \
    i.cause, i.reason";

/// Keeps trades that are to be certified. What is there stays.
pub(crate) async fn put_new(tx: &mut Tx, issues: &[Issue]) -> Result<()> {
    put(tx, issues, "on conflict (trade) do nothing").await
}

/// Keeps how far trades are.
pub(crate) async fn put_stages(tx: &mut Tx, issues: &[Issue]) -> Result<()> {
    let update = "on conflict (trade) do update set state = excluded.state, due = excluded.due, \
                  tries = excluded.tries, cause = excluded.cause, reason = excluded.reason";
    put(tx, issues, update).await
}

async fn put(tx: &mut Tx, issues: &[Issue], conflict: &'static str) -> Result<()> {
    let mut rows = Vec::with_capacity(issues.len());
    for issue in issues {
        rows.push(vec![
            Cell::Text(super::hash(issue.trade)),
            Cell::Text(issue.community.to_string()),
            Cell::Text(issue.account.to_string()),
            Cell::Int(issue.slot.seconds()),
            Cell::Int(super::int(issue.wh)?),
            Cell::Int(issue.stage.code()),
            Cell::Int(issue.due.seconds()),
            Cell::Int(i64::from(issue.tries)),
            Cell::Text(issue.cause.clone()),
            Cell::Text(issue.reason.clone()),
        ]);
    }
    let insert = "insert into certificate_issue \
                  (trade, community, account, slot, wh, state, due, tries, cause, reason)";
    insert_rows(tx, insert, 10, rows, conflict).await.context("keeping what is certified")?;
    Ok(())
}

/// Trades that wait and are due at `now`, oldest slot first.
pub(crate) async fn due(db: &Db, now: Timestamp, limit: i64) -> Result<Vec<Issue>> {
    let sql = format!(
        "select {ISSUE} from certificate_issue i where i.state = 0 and i.due <= $1 \
         order by i.slot, i.trade limit $2"
    );
    let rows = query(AssertSqlSafe(sql))
        .bind(now.seconds())
        .bind(limit)
        .fetch_all(db.read())
        .await
        .context("reading what is to be certified")?;
    rows.iter().map(issue).collect()
}

/// How many transactions of trades are in no block yet.
pub(crate) async fn on_their_way(db: &Db) -> Result<i64> {
    query_scalar(
        "select count(*) from certificate_issue i join chain_tx on chain_tx.cause = i.cause \
         where i.state = 1 and chain_tx.status = 0",
    )
    .fetch_one(db.read())
    .await
    .context("counting what is being certified")
}

/// Trades whose transaction ended in a block that is final: certified, or refused.
pub(crate) async fn ended(db: &Db, limit: i64) -> Result<Vec<(Issue, bool)>> {
    // 11 and 12: taken and reverted in a block that is final (`client::SCHEMA`).
    let sql = format!(
        "select {ISSUE}, chain_tx.status from certificate_issue i \
         join chain_tx on chain_tx.cause = i.cause \
         where i.state = 1 and chain_tx.status >= 11 order by i.slot, i.trade limit $1"
    );
    let rows = query(AssertSqlSafe(sql))
        .bind(limit)
        .fetch_all(db.read())
        .await
        .context("reading what was refused of certificates")?;
    rows.iter().map(|row| Ok((issue(row)?, row.try_get::<i64, _>(10)? == 11))).collect()
}

/// Trades to be certified of a community, or of one seller there, newest slot first, from below a
/// slot and trade; those that were refused alone, if wanted.
pub(crate) async fn page(
    db: &Db,
    (community, account): (CommunityId, Option<AccountId>),
    refused: bool,
    below: (i64, String),
    limit: u32,
) -> Result<Vec<Issue>> {
    let sql = format!(
        "select {ISSUE} from certificate_issue i where i.community = $1 \
         and ($2 = '' or i.account = $2) and ($3 = 0 or i.reason <> '') \
         and (i.slot, i.trade) < ($4, $5) order by i.slot desc, i.trade desc limit $6"
    );
    let rows = query(AssertSqlSafe(sql))
        .bind(community.to_string())
        .bind(account.map(|account| account.to_string()).unwrap_or_default())
        .bind(i64::from(refused))
        .bind(below.0)
        .bind(below.1)
        .bind(i64::from(limit))
        .fetch_all(db.read())
        .await
        .context("reading what is certified")?;
    rows.iter().map(issue).collect()
}

/// Which of these trades are certified on the best branch, with the certificates.
pub(crate) async fn certified(db: &Db, issues: &[Issue]) -> Result<BTreeMap<B256, String>> {
    let mut certified = BTreeMap::new();
    for issue in issues {
        let facts = super::chain::all(db, super::chain::kind::CERTIFIED, super::hash(issue.trade));
        if let Some((_, certificate)) = facts.await?.pop() {
            certified.insert(issue.trade, certificate);
        }
    }
    Ok(certified)
}

fn issue(row: &AnyRow) -> Result<Issue> {
    let text = |place: usize| row.try_get::<String, _>(place);
    let int = |place: usize| row.try_get::<i64, _>(place);
    let code = int(5)?;
    let stage = Stage::ALL.into_iter().find(|stage| stage.code() == code);
    Ok(Issue {
        trade: text(0)?.parse()?,
        community: text(1)?.parse()?,
        account: text(2)?.parse()?,
        slot: Timestamp::from_seconds(int(3)?),
        wh: int(4)?.try_into()?,
        stage: stage.context("a kept stage")?,
        due: Timestamp::from_seconds(int(6)?),
        tries: int(7)?.try_into()?,
        cause: text(8)?,
        reason: text(9)?,
    })
}
