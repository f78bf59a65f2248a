//! Trades in transactions that the contract refused for good, and those it refuses by themselves.

use alloy_primitives::B256;
use anyhow::{Context, Result};
use calendar::Timestamp;
use db::{AnyRow, AssertSqlSafe, Cell, Db, Row, Tx, insert_rows, query};

use crate::domain::handover::Refused;

/// Refused trades that one tick looks at, at most.
const REFUSED_MAX: i64 = 2_000;

/// What trades are handed over for, and where it is noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// A run of reconciliation.
    Reconcile,
    /// The end of trades that were never reconciled.
    Expire,
}

impl What {
    /// The first word of the cause of its transactions.
    pub(crate) fn name(self) -> &'static str {
        match self {
            What::Reconcile => "reconcile",
            What::Expire => "expire",
        }
    }

    fn table(self) -> &'static str {
        match self {
            What::Reconcile => "delivery",
            What::Expire => "expiry",
        }
    }
}

/// Trades whose transaction was refused in a block that is final.
pub(crate) async fn refused(db: &Db, what: What) -> Result<Vec<Refused>> {
    // 12: reverted in a block that is final (`client::SCHEMA`).
    let sql = format!(
        "select kept.trade, kept.cause, kept.alone, kept.sent from chain_tx \
         join {} kept on kept.cause = chain_tx.cause where chain_tx.status = 12 \
         order by kept.cause, kept.trade limit $1",
        what.table()
    );
    let rows = query(AssertSqlSafe(sql))
        .bind(REFUSED_MAX)
        .fetch_all(db.read())
        .await
        .context("reading refused trades")?;
    let refused = |row: &AnyRow| {
        let (trade, cause): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let (alone, sent): (i64, i64) = (row.try_get(2)?, row.try_get(3)?);
        let at = Timestamp::from_seconds(sent);
        Ok(Refused { trade: trade.parse()?, cause, alone: u32::try_from(alone)?, at })
    };
    rows.iter().map(refused).collect()
}

/// Trades that are on their way to expire, whatever became of their transaction.
pub(crate) async fn expiring(db: &Db) -> Result<Vec<B256>> {
    let rows =
        query("select trade from expiry").fetch_all(db.read()).await.context("reading expiries")?;
    let trade = |row: &AnyRow| Ok(row.try_get::<String, _>(0)?.parse()?);
    rows.iter().map(trade).collect()
}

/// Notes the transaction with which trades expire.
pub(crate) async fn put_expiry(
    tx: &mut Tx,
    trades: &[B256],
    (cause, alone): (&str, u32),
    now: Timestamp,
) -> Result<()> {
    let row = |trade: &B256| {
        vec![
            Cell::Text(super::hash(*trade)),
            Cell::from(cause),
            Cell::Int(i64::from(alone)),
            Cell::Int(now.seconds()),
        ]
    };
    let insert = "insert into expiry (trade, cause, alone, sent)";
    let update = "on conflict (trade) do update set cause = excluded.cause, \
                  alone = excluded.alone, sent = excluded.sent";
    insert_rows(tx, insert, 4, trades.iter().map(row).collect(), update).await?;
    Ok(())
}

/// Forgets what was handed over for a trade: nothing more is to come of it.
pub(crate) async fn forget(tx: &mut Tx, what: What, trade: B256) -> Result<()> {
    query(AssertSqlSafe(format!("delete from {} where trade = $1", what.table())))
        .bind(super::hash(trade))
        .execute(tx.conn())
        .await
        .context("forgetting what was handed over")?;
    Ok(())
}

/// A trade that the contract refuses all by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Apart {
    pub(crate) trade: B256,
    /// What of it is refused: `reconcile` or `expire`.
    pub(crate) what: String,
    pub(crate) reason: String,
    pub(crate) since: Timestamp,
    /// Whether it is too late to try again.
    pub(crate) closed: bool,
}

/// Keeps a trade apart with its newest reason; since when stays.
pub(crate) async fn put_apart(tx: &mut Tx, apart: &Apart) -> Result<()> {
    let row = vec![
        Cell::Text(super::hash(apart.trade)),
        Cell::Text(apart.what.clone()),
        Cell::Text(apart.reason.clone()),
        Cell::Int(apart.since.seconds()),
        Cell::Int(i64::from(apart.closed)),
    ];
    let insert = "insert into kept_apart (trade, what, reason, since, closed)";
    let update = "on conflict (trade) do update set what = excluded.what, \
                  reason = excluded.reason, closed = excluded.closed";
    insert_rows(tx, insert, 5, vec![row], update).await?;
    Ok(())
}

/// A trade is no longer apart: the contract has taken it. Those that came too late stay listed.
pub(crate) async fn take_back(tx: &mut Tx, trade: String) -> Result<()> {
    query("delete from kept_apart where trade = $1 and closed = 0")
        .bind(trade)
        .execute(tx.conn())
        .await
        .context("taking a trade back")?;
    Ok(())
}

/// Trades that are kept apart, those that may still be taken first, then by time.
pub(crate) async fn apart(db: &Db, limit: i64) -> Result<Vec<Apart>> {
    let rows = query(
        "select trade, what, reason, since, closed from kept_apart \
         order by closed, since, trade limit $1",
    )
    .bind(limit)
    .fetch_all(db.read())
    .await
    .context("reading trades that are kept apart")?;
    let apart = |row: &AnyRow| {
        let text = |place: usize| row.try_get::<String, _>(place);
        Ok(Apart {
            trade: text(0)?.parse()?,
            what: text(1)?,
            reason: text(2)?,
            since: Timestamp::from_seconds(row.try_get(3)?),
            closed: row.try_get::<i64, _>(4)? != 0,
        })
    };
    rows.iter().map(apart).collect()
}
