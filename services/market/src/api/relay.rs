//! The transactions of clearing and settlement, on their way to the chain.

use access::Action;
use actix_web::get;
use actix_web::web::{Data, Json, Query};
use client::{QueueQuery, RelayQueue};
use service::{PageQuery, Principal, Problem, Problems};

use super::may;
use crate::market::Market;

/// The market's transactions, newest first; for operators, auditors and admins.
///
/// Each with what was offered for it, attempt by attempt, and what became of it.
#[utoipa::path(
    tag = "market",
    params(QueueQuery, PageQuery),
    responses((status = 200, body = RelayQueue), Problems)
)]
#[get("/v1/relay/market")]
pub(crate) async fn list_market_transactions(
    market: Data<Market>,
    caller: Principal,
    wanted: Query<QueueQuery>,
    page: Query<PageQuery>,
) -> Result<Json<RelayQueue>, Problem> {
    if !may(&caller, Action::ReadRelay, None) {
        return Err(Problem::forbidden());
    }
    let queue = market.chain.queue(*wanted, page.cursor.as_deref(), page.limit()).await?;
    queue.map(Json).ok_or_else(|| Problem::malformed("cursor: unknown"))
}
