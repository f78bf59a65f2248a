//! Challenges: those that were given to the relay, and those that blocks have.

use alloy_primitives::B256;
use anyhow::{Context, Result, bail};
use calendar::Timestamp;
use contracts::Reconciled;
use db::{AnyRow, Cell, Db, Row, Tx, insert_rows, query};
use ids::{AccountId, CommunityId};

use super::chain::kind;
use super::hash;
use super::requests::RequestState;
use crate::app::logs::ChallengedFact;

/// A challenge that was given to the relay. Never changed: how its transaction stands is kept
/// there.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// The hash of the call.
    pub(crate) hash: B256,
    pub(crate) community: CommunityId,
    /// Who asked.
    pub(crate) account: String,
    pub(crate) trade: B256,
    /// The call, as hex.
    pub(crate) call: String,
    /// What it was expected to come to, as the answer showed it.
    pub(crate) shown: String,
    pub(crate) at: Timestamp,
    pub(crate) state: RequestState,
}

/// A challenge in a block, and what it cut.
#[derive(Debug, Clone)]
pub(crate) struct Proven {
    pub(crate) place: (u64, u32),
    pub(crate) fact: ChallengedFact,
    pub(crate) cut: Vec<Reconciled>,
}

/// What the transaction of a challenge follows from. The statements here say so too.
pub(crate) fn cause(hash: B256) -> String {
    format!("challenge/{}", super::hash(hash))
}

/// Keeps a challenge.
pub(crate) async fn put(tx: &mut Tx, sent: &Sent) -> Result<()> {
    let row = vec![
        Cell::Text(hash(sent.hash)),
        Cell::Text(sent.community.to_string()),
        Cell::Text(sent.account.clone()),
        Cell::Text(hash(sent.trade)),
        Cell::Text(sent.call.clone()),
        Cell::Text(sent.shown.clone()),
        Cell::Int(sent.at.seconds()),
    ];
    let insert = "insert into challenge_sent (hash, community, account, trade, call, shown, at)";
    insert_rows(tx, insert, row.len(), vec![row], "").await.context("keeping a challenge")?;
    Ok(())
}

const SELECT: &str = "select one.hash, one.community, one.account, one.trade, one.call, \
    one.shown, one.at, chain_tx.status from challenge_sent one \
    join chain_tx on chain_tx.cause = 'challenge/' || one.hash";

/// The challenge with this call.
pub(crate) async fn find(tx: &mut Tx, wanted: B256) -> Result<Option<Sent>> {
    let row = query(db::AssertSqlSafe(format!("{SELECT} where one.hash = $1")))
        .bind(hash(wanted))
        .fetch_optional(tx.conn())
        .await
        .context("reading a challenge")?;
    row.as_ref().map(parse).transpose()
}

/// How many challenges of a community are on their way.
pub(crate) async fn open(tx: &mut Tx, community: CommunityId) -> Result<i64> {
    let sql = "select count(*) from challenge_sent one join chain_tx \
               on chain_tx.cause = 'challenge/' || one.hash \
               where one.community = $1 and chain_tx.status = 0";
    let row = query(sql)
        .bind(community.to_string())
        .fetch_one(tx.conn())
        .await
        .context("counting challenges")?;
    Ok(row.try_get(0)?)
}

/// Challenges of a community that are on their way or were refused in a block, newest first.
pub(crate) async fn unproven(db: &Db, community: CommunityId, limit: u32) -> Result<Vec<Sent>> {
    let sql = format!(
        "{SELECT} where one.community = $1 and chain_tx.status % 10 <> 1 \
         order by one.number desc limit $2"
    );
    let rows = query(db::AssertSqlSafe(sql))
        .bind(community.to_string())
        .bind(i64::from(limit))
        .fetch_all(db.read())
        .await
        .context("reading challenges")?;
    rows.iter().map(parse).collect()
}

fn parse(row: &AnyRow) -> Result<Sent> {
    let text = |place: usize| row.try_get::<String, _>(place);
    let status: i64 = row.try_get(7)?;
    Ok(Sent {
        hash: text(0)?.parse()?,
        community: text(1)?.parse()?,
        account: text(2)?,
        trade: text(3)?.parse()?,
        call: text(4)?,
        shown: text(5)?,
        at: Timestamp::from_seconds(row.try_get(6)?),
        state: match status % 10 {
            0 => RequestState::Sent,
            1 => RequestState::Done,
            2 => RequestState::Failed,
            other => bail!("a transaction with the status {other}"),
        },
    })
}

/// Challenges in blocks of the best branch before a place, newest first, each with what it cut.
pub(crate) async fn proven(
    db: &Db,
    community: CommunityId,
    before: (i64, i64),
    limit: u32,
) -> Result<Vec<Proven>> {
    let sql = "select block, number, place, body from fact where kind = $1 and community = $2 \
               and (number < $3 or (number = $3 and place < $4)) \
               order by number desc, place desc limit $5";
    let rows = query(sql)
        .bind(kind::CHALLENGED)
        .bind(community.to_string())
        .bind(before.0)
        .bind(before.1)
        .bind(i64::from(limit))
        .fetch_all(db.read())
        .await
        .context("reading challenges")?;
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        let (block, number): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
        let (place, body): (i64, String) = (row.try_get(2)?, row.try_get(3)?);
        let fact = serde_json::from_str(&body).context("a kept challenge")?;
        let cut = cut_after(db, &block, place).await?;
        let place = (number.unsigned_abs(), u32::try_from(place)?);
        found.push(Proven { place, fact, cut });
    }
    Ok(found)
}

/// The runs that follow a challenge in its block, up to the next challenge.
async fn cut_after(db: &Db, block: &str, place: i64) -> Result<Vec<Reconciled>> {
    let sql = "select kind, body from fact where block = $1 and place > $2 and kind in ($3, $4) \
               order by place";
    let rows = query(sql)
        .bind(block.to_owned())
        .bind(place)
        .bind(kind::CHALLENGED)
        .bind(kind::RECONCILED)
        .fetch_all(db.read())
        .await
        .context("reading what a challenge cut")?;
    let mut cut = Vec::new();
    for row in rows {
        let (of, body): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        if of == kind::CHALLENGED {
            break;
        }
        let run: Reconciled = serde_json::from_str(&body).context("a kept run")?;
        if run.run == contracts::RUN_CHALLENGED {
            cut.push(run);
        }
    }
    Ok(cut)
}

/// Who asked for a challenge, as rows hold it: an account, or staff without one.
pub(crate) fn asked_by(account: Option<AccountId>) -> String {
    account.map(|account| account.to_string()).unwrap_or_default()
}
