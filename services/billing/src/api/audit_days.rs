//! What each day of a community came to.

use access::Role;
use actix_web::get;
use actix_web::web::{Data, Json, Query};
use service::{Page, PageQuery, Principal, Problem, Problems};

use crate::Billing;
use crate::db::daily;
use crate::domain::daily::DayRecord;

/// The days of the caller's community, each held together, newest first.
///
/// What meters said, what the contract reconciled and what invoices leave to be paid, against the
/// journal. A UTC day is recorded once, two days later; the audit knows what changed afterwards.
#[utoipa::path(
    tag = "billing",
    params(PageQuery),
    responses((status = 200, body = Page<DayRecord>), Problems)
)]
#[get("/v1/audit/days")]
pub(crate) async fn list_audit_days(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<DayRecord>>, Problem> {
    caller.require_any(&[Role::Operator, Role::Utility, Role::Auditor, Role::Admin])?;
    let before = query.cursor.as_deref().map(str::parse).transpose();
    let before = before.map_err(|_| Problem::malformed("cursor: unknown"))?.unwrap_or(i64::MAX);
    let limit = query.limit();
    let items = daily::page(&billing.db, caller.community, before, limit).await?;
    let full = items.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    let next = items.last().filter(|_| full).map(|last| last.day.number().to_string());
    Ok(Json(Page { items, next }))
}
