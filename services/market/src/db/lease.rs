//! Who writes a market's journal: a lease with a token that only rises.
//!
//! ```text
//! take     nobody has it, or its time is over      token + 1
//! hold     in the transaction of every append      refused under any other token
//! give_up  the next one takes it at once
//! ```
//!
//! Invariant: what a writer appends is in the journal only if nobody took the lease since that
//! writer did, however long it was paused in between, and whatever its clock says. That rests on
//! the row's lock in the database alone; time decides only when somebody else may take over, and is
//! the database's own.
//! A SQLite file has one process at a time, so whoever opens it takes the lease, and a restart does
//! not wait.

use anyhow::Result;
use db::{AssertSqlSafe, Db, Kind, Tx, query, query_scalar};

/// How long a writer of which nothing is heard keeps its lease.
pub(crate) const LEASE_SECONDS: i64 = 10;
/// How long a transaction of a paused writer may hold the row of its lease.
const PAUSED_MILLISECONDS: i64 = 5_000;

/// The lease was given up, or somebody else has taken it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("another process writes this market")]
pub(crate) struct Fenced;

/// The database's clock, in epoch seconds.
fn now(kind: Kind) -> &'static str {
    match kind {
        Kind::Sqlite => "unixepoch()",
        Kind::Postgres => "cast(extract(epoch from clock_timestamp()) as bigint)",
    }
}

/// Takes the lease named `name` if it is free; the token under which it is held.
pub(crate) async fn take(db: &Db, name: &str) -> Result<Option<i64>> {
    let (name, kind) = (name.to_owned(), db.kind());
    db.transact::<Option<i64>, anyhow::Error, _>(move |tx| {
        Box::pin(async move {
            let made = "insert into lease (market, token, until) values ($1, 0, 0) \
                        on conflict do nothing";
            query(made).bind(name.clone()).execute(tx.conn()).await?;
            let free = match kind {
                Kind::Sqlite => String::new(),
                Kind::Postgres => format!("and until <= {}", now(kind)),
            };
            let until = format!("{} + {LEASE_SECONDS}", now(kind));
            let taken = format!(
                "update lease set token = token + 1, until = {until} where market = $1 {free} \
                 returning token"
            );
            let taken = query_scalar(AssertSqlSafe(taken)).bind(name);
            Ok(taken.fetch_optional(tx.conn()).await?)
        })
    })
    .await
}

/// Makes sure that the lease is held under `token` until this transaction ends, and holds it on.
///
/// # Errors
/// [`Fenced`] where it is not, or the database's own.
pub(crate) async fn hold(tx: &mut Tx, name: &str, token: i64) -> Result<()> {
    let kind = tx.kind();
    if kind == Kind::Postgres {
        // A writer that is paused in between must not keep the row from those who go on.
        let bound =
            format!("set local idle_in_transaction_session_timeout = {PAUSED_MILLISECONDS}");
        query(AssertSqlSafe(bound)).execute(tx.conn()).await?;
    }
    let until = format!("{} + {LEASE_SECONDS}", now(kind));
    let held =
        format!("update lease set until = {until} where market = $1 and token = $2 and until > 0");
    let held = query(AssertSqlSafe(held)).bind(name.to_owned()).bind(token);
    let held = held.execute(tx.conn()).await?.rows_affected();
    if held == 1 { Ok(()) } else { Err(Fenced.into()) }
}

/// Holds the lease on where nothing is written meanwhile.
///
/// # Errors
/// As [`hold`].
pub(crate) async fn renew(db: &Db, name: &str, token: i64) -> Result<()> {
    let name = name.to_owned();
    db.transact(move |tx| Box::pin(async move { hold(tx, &name, token).await })).await
}

/// Makes sure that nobody has taken the lease since it was taken under `token`, so that the book is
/// the newest one.
///
/// # Errors
/// [`Fenced`] where somebody has, or the database's own.
pub(crate) async fn check(db: &Db, name: &str, token: i64) -> Result<()> {
    let held = "select count(*) from lease where market = $1 and token = $2 and until > 0";
    let held = query_scalar(held).bind(name.to_owned()).bind(token);
    let held: i64 = held.fetch_one(db.read()).await?;
    if held == 1 { Ok(()) } else { Err(Fenced.into()) }
}

/// Gives the lease up, unless somebody else has it already.
pub(crate) async fn give_up(db: &Db, name: &str, token: i64) -> Result<()> {
    let name = name.to_owned();
    db.transact(move |tx| {
        Box::pin(async move {
            let given = "update lease set until = 0 where market = $1 and token = $2";
            query(given).bind(name).bind(token).execute(tx.conn()).await?;
            Ok(())
        })
    })
    .await
}
