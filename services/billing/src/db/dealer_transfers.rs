//! Cash of a dealer that one of the staff wants given to an account, until another one decides.

use alloy_primitives::Address;
use anyhow::{Context, Result};
use calendar::Timestamp;
use db::{AnyRow, Cell, Db, Row, Tx, insert_rows, query_scalar};
use ids::{AccountId, CommunityId};
use units::Money;

use super::decisions::Requests;
use crate::currencies::CurrencyId;

/// `to_address` is where the account settled when it was asked for: what is decided is what was
/// shown.
pub(crate) const SCHEMA: &str = "
create table dealer_transfer (
    number {serial}, id text not null unique, community text not null, account text not null,
    to_address text not null, book bigint not null, amount bigint not null, reason text not null,
    asked_by text not null, at bigint not null, state text not null,
    decided_by text not null default '', decided_at bigint not null default 0
);
create index dealer_transfer_community on dealer_transfer (community, number);
";

/// What one of the staff wants.
#[derive(Debug, Clone)]
pub(crate) struct DealerTransfer {
    pub(crate) number: i64,
    pub(crate) id: String,
    pub(crate) community: CommunityId,
    /// Who gets it.
    pub(crate) account: AccountId,
    pub(crate) to: Address,
    pub(crate) currency: CurrencyId,
    pub(crate) amount: Money,
    pub(crate) reason: String,
    /// The party that asked.
    pub(crate) asked_by: String,
    pub(crate) at: Timestamp,
    /// `open`, `approved` or `refused`.
    pub(crate) state: String,
    /// The party that decided; empty before.
    pub(crate) decided_by: String,
    pub(crate) decided_at: Option<Timestamp>,
}

/// Keeps a request.
pub(crate) async fn ask(tx: &mut Tx, wanted: &DealerTransfer) -> Result<()> {
    let row = vec![
        Cell::Text(wanted.id.clone()),
        Cell::Text(wanted.community.to_string()),
        Cell::Text(wanted.account.to_string()),
        Cell::Text(super::address(wanted.to)),
        Cell::Int(wanted.currency.column()),
        Cell::Int(wanted.amount.n()),
        Cell::Text(wanted.reason.clone()),
        Cell::Text(wanted.asked_by.clone()),
        Cell::Int(wanted.at.seconds()),
        Cell::Text(wanted.state.clone()),
    ];
    let insert = "insert into dealer_transfer \
                  (id, community, account, to_address, book, amount, reason, asked_by, at, state)";
    insert_rows(tx, insert, 10, vec![row], "").await.context("keeping a dealer's transfer")?;
    Ok(())
}

/// How many requests of a community nobody has decided.
pub(crate) async fn open(tx: &mut Tx, community: CommunityId) -> Result<i64> {
    query_scalar("select count(*) from dealer_transfer where community = $1 and state = 'open'")
        .bind(community.to_string())
        .fetch_one(tx.conn())
        .await
        .context("counting a dealer's transfers")
}

/// The requests as rows.
pub(crate) const REQUESTS: Requests = Requests {
    table: "dealer_transfer",
    columns: "number, id, community, account, to_address, book, amount, reason, \
                       asked_by, at, state, decided_by, decided_at",
};

/// A request by its id.
pub(crate) async fn find(db: &Db, id: &str) -> Result<Option<DealerTransfer>> {
    REQUESTS.find(db, id).await?.as_ref().map(parse).transpose()
}

/// The requests of a community, newest first, before a place in the list.
pub(crate) async fn list(
    db: &Db,
    community: CommunityId,
    place: (i64, u32),
) -> Result<Vec<DealerTransfer>> {
    REQUESTS.before(db, community, place).await?.iter().map(parse).collect()
}

fn parse(row: &AnyRow) -> Result<DealerTransfer> {
    let text = |place: usize| row.try_get::<String, _>(place);
    let decided_at: i64 = row.try_get(12)?;
    Ok(DealerTransfer {
        number: row.try_get(0)?,
        id: text(1)?,
        community: text(2)?.parse()?,
        account: text(3)?.parse()?,
        to: text(4)?.parse()?,
        currency: CurrencyId::of_column(row.try_get(5)?)?,
        amount: Money::from_n(row.try_get(6)?),
        reason: text(7)?,
        asked_by: text(8)?,
        at: Timestamp::from_seconds(row.try_get(9)?),
        state: text(10)?,
        decided_by: text(11)?,
        decided_at: Some(decided_at).filter(|at| *at > 0).map(Timestamp::from_seconds),
    })
}
