//! The switch that stops trading in a grid area, and starts it again.

use access::Action;
use actix_web::web::{Data, Json, Query};
use actix_web::{HttpResponse, delete, put};
use serde::{Deserialize, Serialize};
use service::{Principal, Problem, Problems};
use utoipa::ToSchema;

use super::limits::ReasonBody;
use super::slots::ZoneQuery;
use super::{desk_of, may};
use crate::domain::{Change, Suspension};
use crate::market::Market;

/// Why nobody may trade.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct StopView {
    /// In words.
    reason: String,
    /// The party that decided.
    #[schema(format = "uuid")]
    by: String,
    /// Since when.
    since: String,
}

impl From<&Suspension> for StopView {
    fn from(why: &Suspension) -> StopView {
        let (reason, by, since) = (why.reason.clone(), why.by.to_string(), why.at.to_string());
        StopView { reason, by, since }
    }
}

/// Stops trading in a grid area.
///
/// New orders are refused with `KILL_SWITCH` and open ones are cancelled. Trades are settled,
/// reconciled and billed, and withdrawals go on. Needs the role operator or admin. A repeat changes
/// nothing.
#[utoipa::path(
    tag = "market",
    params(ZoneQuery),
    request_body = ReasonBody,
    responses((status = 200, body = StopView), Problems)
)]
#[put("/v1/stop")]
pub(crate) async fn stop_trading(
    market: Data<Market>,
    caller: Principal,
    Query(query): Query<ZoneQuery>,
    Json(body): Json<ReasonBody>,
) -> Result<Json<StopView>, Problem> {
    if !may(&caller, Action::HaltMarket, None) {
        return Err(Problem::forbidden());
    }
    let desk = desk_of(&market, &caller, query.zone())?;
    desk.change(Change::Stop { reason: body.checked()? }, caller.party).await?;
    let book = desk.book().await;
    book.stopped().map(StopView::from).map(Json).ok_or_else(|| Problem::not_found("stop"))
}

/// Starts trading again.
///
/// Whoever stopped it is refused with `SECOND_PERSON`: another one of the staff has to do it.
/// Cancelled orders do not come back. A repeat changes nothing.
#[utoipa::path(
    tag = "market",
    params(ZoneQuery),
    responses((status = 204, description = "Trading goes on"), Problems)
)]
#[delete("/v1/stop")]
pub(crate) async fn start_trading(
    market: Data<Market>,
    caller: Principal,
    Query(query): Query<ZoneQuery>,
) -> Result<HttpResponse, Problem> {
    if !may(&caller, Action::HaltMarket, None) {
        return Err(Problem::forbidden());
    }
    let desk = desk_of(&market, &caller, query.zone())?;
    desk.change(Change::Start, caller.party).await?;
    Ok(HttpResponse::NoContent().finish())
}
