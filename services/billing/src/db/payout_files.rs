//! Orders to the bank to pay out, each kept as it was made.

use alloy_primitives::B256;
use anyhow::{Context, Result};
use calendar::Timestamp;
use db::{AnyRow, AssertSqlSafe, Cell, Db, Row, Tx, insert_rows, query};
use ids::{CommunityId, PartyId};
use units::Money;

use super::payouts::{Payout, parse, select};
use crate::currencies::CurrencyId;

/// An order that was made; its document is read apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PayoutFile {
    /// Names it for the bank.
    pub(crate) id: String,
    pub(crate) community: CommunityId,
    pub(crate) requested_by: PartyId,
    pub(crate) payments: u64,
    pub(crate) total: Money,
    pub(crate) currency: String,
    /// SHA-3 (Keccak-256) of the document.
    pub(crate) hash: B256,
    pub(crate) at: Timestamp,
}

const COLUMNS: &str = "id, community, requested_by, payments, total, currency, hash, at";

/// Payouts of a community and currency that the bank can be asked to pay, oldest first: redeemed,
/// in blocks that are final; not those that go back into wallets.
pub(crate) async fn due(
    tx: &mut Tx,
    (community, currency): (CommunityId, CurrencyId),
    limit: i64,
) -> Result<Vec<Payout>> {
    let condition = "community = $1 and book = $2 and state = 'redeemed' and watched = 0 \
                     and iban <> '' order by number limit $3";
    let rows = query(AssertSqlSafe(select(condition)))
        .bind(community.to_string())
        .bind(currency.column())
        .bind(limit)
        .fetch_all(tx.conn())
        .await
        .context("reading payouts that are due")?;
    rows.iter().map(parse).collect()
}

/// Keeps an order under its key and marks what is in it.
pub(crate) async fn put(
    tx: &mut Tx,
    key: &str,
    file: &PayoutFile,
    document: &str,
    payouts: &[Payout],
) -> Result<()> {
    let row = vec![
        Cell::Text(file.id.clone()),
        Cell::Text(file.community.to_string()),
        Cell::Text(file.requested_by.to_string()),
        Cell::Int(super::int(file.payments)?),
        Cell::Int(file.total.n()),
        Cell::Text(file.currency.clone()),
        Cell::Text(super::hash(file.hash)),
        Cell::Int(file.at.seconds()),
        Cell::from(key),
        Cell::from(document),
    ];
    let insert = "insert into payout_file (id, community, requested_by, payments, total, currency, \
                  hash, at, key, document)";
    insert_rows(tx, insert, 10, vec![row], "").await.context("keeping an order")?;
    for payout in payouts {
        query("update payout set state = 'ordered', file = $1 where id = $2")
            .bind(file.id.clone())
            .bind(payout.id.to_string())
            .execute(tx.conn())
            .await
            .context("marking an ordered payout")?;
    }
    Ok(())
}

/// The order that was made under this key.
pub(crate) async fn of_key(
    tx: &mut Tx,
    community: CommunityId,
    key: &str,
) -> Result<Option<PayoutFile>> {
    let sql = format!("select {COLUMNS} from payout_file where community = $1 and key = $2");
    let row = query(AssertSqlSafe(sql))
        .bind(community.to_string())
        .bind(key.to_owned())
        .fetch_optional(tx.conn())
        .await?;
    row.as_ref().map(read).transpose()
}

/// The document of an order.
pub(crate) async fn document(db: &Db, community: CommunityId, id: &str) -> Result<Option<String>> {
    let row = query("select document from payout_file where community = $1 and id = $2")
        .bind(community.to_string())
        .bind(id.to_owned())
        .fetch_optional(db.read())
        .await
        .context("reading an order")?;
    row.map(|row| Ok(row.try_get(0)?)).transpose()
}

/// The orders of a community, newest first, before a number; with their numbers.
pub(crate) async fn page(
    db: &Db,
    community: CommunityId,
    before: i64,
    limit: u32,
) -> Result<Vec<(i64, PayoutFile)>> {
    let sql = format!(
        "select {COLUMNS}, number from payout_file where community = $1 and number < $2 \
         order by number desc limit $3"
    );
    let rows = query(AssertSqlSafe(sql))
        .bind(community.to_string())
        .bind(before)
        .bind(i64::from(limit))
        .fetch_all(db.read())
        .await
        .context("listing orders")?;
    rows.iter().map(|row| Ok((row.try_get(8)?, read(row)?))).collect()
}

fn read(row: &AnyRow) -> Result<PayoutFile> {
    let text = |place: usize| row.try_get::<String, _>(place);
    Ok(PayoutFile {
        id: text(0)?,
        community: text(1)?.parse()?,
        requested_by: text(2)?.parse()?,
        payments: row.try_get::<i64, _>(3)?.unsigned_abs(),
        total: Money::from_n(row.try_get(4)?),
        currency: text(5)?,
        hash: text(6)?.parse()?,
        at: Timestamp::from_seconds(row.try_get(7)?),
    })
}
