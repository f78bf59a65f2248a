//! The transactions of money and documents, on their way to the chain.

use access::Action;
use actix_web::get;
use actix_web::web::{Data, Json, Query};
use client::{QueueQuery, RelayQueue};
use service::{PageQuery, Principal, Problem, Problems};

use super::require;
use crate::Billing;

/// Billing's transactions, newest first; for operators, auditors and admins.
///
/// Each with what was offered for it, attempt by attempt, and what became of it.
#[utoipa::path(
    tag = "billing",
    params(QueueQuery, PageQuery),
    responses((status = 200, body = RelayQueue), Problems)
)]
#[get("/v1/relay/billing")]
pub(crate) async fn list_billing_transactions(
    billing: Data<Billing>,
    caller: Principal,
    wanted: Query<QueueQuery>,
    page: Query<PageQuery>,
) -> Result<Json<RelayQueue>, Problem> {
    require(&caller, Action::ReadRelay)?;
    let queue = billing.chain.queue(*wanted, page.cursor.as_deref(), page.limit()).await?;
    queue.map(Json).ok_or_else(|| Problem::malformed("cursor: unknown"))
}
