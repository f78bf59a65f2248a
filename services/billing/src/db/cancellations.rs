//! Invoices that one of the staff wants taken back and issued anew, until another one decides.

use anyhow::{Context, Result};
use calendar::Timestamp;
use db::{AnyRow, Cell, Db, Row, Tx, insert_rows};
use ids::{AccountId, CommunityId, DisputeId, InvoiceId};

use super::decisions::Requests;

/// What one of the staff wants.
#[derive(Debug, Clone)]
pub(crate) struct Cancellation {
    pub(crate) number: i64,
    pub(crate) id: String,
    pub(crate) community: CommunityId,
    pub(crate) invoice: InvoiceId,
    pub(crate) account: AccountId,
    /// The dispute that it follows from.
    pub(crate) dispute: Option<DisputeId>,
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

/// Keeps a request; whether the invoice had no open one.
pub(crate) async fn ask(tx: &mut Tx, wanted: &Cancellation) -> Result<bool> {
    let dispute = wanted.dispute.map(|dispute| dispute.to_string());
    let row = vec![
        Cell::Text(wanted.id.clone()),
        Cell::Text(wanted.community.to_string()),
        Cell::Text(wanted.invoice.to_string()),
        Cell::Text(wanted.account.to_string()),
        Cell::Text(dispute.unwrap_or_default()),
        Cell::Text(wanted.reason.clone()),
        Cell::Text(wanted.asked_by.clone()),
        Cell::Int(wanted.at.seconds()),
        Cell::Text(wanted.state.clone()),
    ];
    let insert = "insert into cancellation \
                  (id, community, invoice, account, dispute, reason, asked_by, at, state)";
    let kept = insert_rows(tx, insert, 9, vec![row], "on conflict do nothing").await;
    Ok(kept.context("keeping a cancellation")? > 0)
}

/// The requests as rows.
pub(crate) const REQUESTS: Requests = Requests {
    table: "cancellation",
    columns: "number, id, community, invoice, account, dispute, reason, asked_by, at, \
                       state, decided_by, decided_at",
};

/// A request by its id.
pub(crate) async fn find(db: &Db, id: &str) -> Result<Option<Cancellation>> {
    REQUESTS.find(db, id).await?.as_ref().map(parse).transpose()
}

/// The requests of a community, newest first, before a place in the list.
pub(crate) async fn list(
    db: &Db,
    community: CommunityId,
    place: (i64, u32),
) -> Result<Vec<Cancellation>> {
    REQUESTS.before(db, community, place).await?.iter().map(parse).collect()
}

fn parse(row: &AnyRow) -> Result<Cancellation> {
    let text = |place: usize| row.try_get::<String, _>(place);
    let dispute = Some(text(5)?).filter(|id| !id.is_empty());
    let decided_at: i64 = row.try_get(11)?;
    Ok(Cancellation {
        number: row.try_get(0)?,
        id: text(1)?,
        community: text(2)?.parse()?,
        invoice: text(3)?.parse()?,
        account: text(4)?.parse()?,
        dispute: dispute.map(|id| id.parse()).transpose()?,
        reason: text(6)?,
        asked_by: text(7)?,
        at: Timestamp::from_seconds(row.try_get(8)?),
        state: text(9)?,
        decided_by: text(10)?,
        decided_at: Some(decided_at).filter(|at| *at > 0).map(Timestamp::from_seconds),
    })
}
