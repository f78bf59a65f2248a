//! Calls of the meters' registry that wait for their moment.

use alloy_primitives::{Address, Bytes};
use calendar::Timestamp;
use client::Transaction;
use db::{AnyRow, Db, DbError, Row, Tx, query, query_scalar};
use ids::MeterId;

use super::{bytes, natural, parsed};

/// Calls that one tick hands to the chain at most; the others follow.
const TAKEN_MAX: i64 = 100;

const COLUMNS: &str = "cause, contract, calldata, gas";

/// Keeps a call about `meter` until `due_at`.
pub(crate) async fn keep(
    tx: &mut Tx,
    meter: MeterId,
    transaction: &Transaction,
    due_at: Timestamp,
) -> Result<(), DbError> {
    query(
        "insert into registry_later (cause, meter, due_at, contract, calldata, gas) \
         values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
    )
    .bind(transaction.cause.clone())
    .bind(meter.to_string())
    .bind(due_at.seconds())
    .bind(transaction.to.to_vec())
    .bind(transaction.data.to_vec())
    .bind(i64::try_from(transaction.gas).unwrap_or(i64::MAX))
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whether the moment of a call has come.
pub(crate) async fn is_due(db: &Db, now: Timestamp) -> Result<bool, DbError> {
    let count: i64 = query_scalar("select count(*) from registry_later where due_at <= $1")
        .bind(now.seconds())
        .fetch_one(db.read())
        .await?;
    Ok(count > 0)
}

/// Takes calls out whose moment has come, those of a meter together and the earliest first: what
/// ends one of its keys and what begins the next are to be in one block. Of one event, the call
/// that ends a key goes first: its cause is the longer one.
pub(crate) async fn take_due(tx: &mut Tx, now: Timestamp) -> Result<Vec<Transaction>, DbError> {
    let sql = format!(
        "select {COLUMNS} from registry_later where due_at <= $1 \
         order by meter, due_at, cause desc limit {TAKEN_MAX}"
    );
    let rows = query(db::AssertSqlSafe(sql)).bind(now.seconds()).fetch_all(tx.conn()).await?;
    take(tx, &rows).await
}

/// Takes the calls about `meter` out, the earliest first.
pub(crate) async fn take_of(tx: &mut Tx, meter: MeterId) -> Result<Vec<Transaction>, DbError> {
    let sql = format!(
        "select {COLUMNS} from registry_later where meter = $1 order by due_at, cause desc"
    );
    let rows = query(db::AssertSqlSafe(sql)).bind(meter.to_string()).fetch_all(tx.conn()).await?;
    take(tx, &rows).await
}

async fn take(tx: &mut Tx, rows: &[AnyRow]) -> Result<Vec<Transaction>, DbError> {
    let mut taken = Vec::with_capacity(rows.len());
    for row in rows {
        let cause: String = row.try_get(0)?;
        query("delete from registry_later where cause = $1")
            .bind(cause.clone())
            .execute(tx.conn())
            .await?;
        let data: Vec<u8> = row.try_get(2)?;
        let (to, data) = (Address::from(bytes(row, 1)?), Bytes::from(data));
        taken.push(Transaction { cause, to, data, gas: natural(row, 3)? });
    }
    Ok(taken)
}

/// The expiry of what the registry takes whenever it comes: the end of the year 9999.
pub(crate) const NEVER: Timestamp = Timestamp::from_seconds(253_402_300_799);

/// Keeps that the rotation or enrolment with this cause is on its way; the registry takes it until
/// `expiry`.
pub(crate) async fn watch(
    tx: &mut Tx,
    meter: MeterId,
    cause: &str,
    expiry: Timestamp,
) -> Result<(), DbError> {
    query("insert into rotation (cause, meter, expiry) values ($1, $2, $3) on conflict do nothing")
        .bind(cause.to_owned())
        .bind(meter.to_string())
        .bind(expiry.seconds())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// A rotation or enrolment on its way.
pub(crate) struct Watched {
    pub(crate) cause: String,
    pub(crate) meter: MeterId,
    pub(crate) expiry: Timestamp,
}

/// What was handed to the chain and is not decided, some of what expires first.
pub(crate) async fn watched(db: &Db) -> Result<Vec<Watched>, DbError> {
    let sql = format!(
        "select cause, meter, expiry from rotation where missed_at is null and not exists \
         (select 1 from registry_later l where l.cause = rotation.cause) \
         order by expiry, cause limit {TAKEN_MAX}"
    );
    let rows = query(db::AssertSqlSafe(sql)).fetch_all(db.read()).await?;
    let read = |row: &AnyRow| {
        let (cause, expiry) = (row.try_get(0)?, Timestamp::from_seconds(row.try_get(2)?));
        Ok(Watched { cause, meter: parsed(row, 1)?, expiry })
    };
    rows.iter().map(read).collect()
}

/// Keeps that the registry has missed the rotation with this cause.
pub(crate) async fn missed(tx: &mut Tx, cause: &str, now: Timestamp) -> Result<(), DbError> {
    query("update rotation set missed_at = $1 where cause = $2")
        .bind(now.seconds())
        .bind(cause.to_owned())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Forgets the rotation with this cause: the registry has it.
pub(crate) async fn confirmed(tx: &mut Tx, cause: &str) -> Result<(), DbError> {
    query("delete from rotation where cause = $1")
        .bind(cause.to_owned())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Forgets the rotations of `meter`: it begins anew.
pub(crate) async fn begin_anew(tx: &mut Tx, meter: MeterId) -> Result<(), DbError> {
    query("delete from rotation where meter = $1")
        .bind(meter.to_string())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Whether the registry has missed a rotation of `meter`, and whether an enrolment.
pub(crate) async fn has_missed(db: &Db, meter: MeterId) -> Result<(bool, bool), DbError> {
    let row = query(
        "select count(case when expiry < $2 then 1 end), count(case when expiry >= $2 then 1 end) \
         from rotation where meter = $1 and missed_at is not null",
    )
    .bind(meter.to_string())
    .bind(NEVER.seconds())
    .fetch_one(db.read())
    .await?;
    Ok((row.try_get::<i64, _>(0)? > 0, row.try_get::<i64, _>(1)? > 0))
}
