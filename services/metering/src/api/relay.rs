//! The transactions of anchors and meters' keys, on their way to the chain.

use access::{Action, Subject, Thing, permit};
use actix_web::get;
use actix_web::web::{Data, Json, Query};
use client::{QueueQuery, RelayQueue};
use service::{PageQuery, Principal, Problem, Problems};

use super::bad_cursor;
use crate::Metering;

/// Metering's transactions, newest first; for operators, auditors and admins.
///
/// Each with what was offered for it, attempt by attempt, and what became of it.
#[utoipa::path(params(QueueQuery, PageQuery),
    responses((status = 200, body = RelayQueue), Problems), tag = "metering")]
#[get("/v1/relay/metering")]
pub(crate) async fn list_metering_transactions(
    metering: Data<Metering>,
    caller: Principal,
    wanted: Query<QueueQuery>,
    page: Query<PageQuery>,
) -> Result<Json<RelayQueue>, Problem> {
    let (account, community) = (caller.account, caller.community);
    let subject = Subject { account, community, roles: &caller.roles };
    if !permit(subject, Action::ReadRelay, Thing::of_community(community)) {
        return Err(Problem::forbidden());
    }
    let queue = metering.chain().queue(*wanted, page.cursor.as_deref(), page.limit()).await?;
    queue.map(Json).ok_or_else(bad_cursor)
}
