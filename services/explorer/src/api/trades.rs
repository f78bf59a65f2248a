//! Trades whose cash moved on chain.

use actix_web::get;
use actix_web::web::{Data, Json, Path, Query};
use service::{Page, PageQuery, Problem, Problems};

use crate::Explorer;
use crate::api::dto::Trade;
use crate::api::transactions::AddressQuery;
use crate::app::look_up;

/// Lists trades by when they were settled, newest first.
#[utoipa::path(
    tag = "explorer",
    operation_id = "list_settled_trades",
    security(()),
    params(PageQuery, AddressQuery),
    responses((status = 200, body = Page<Trade>), Problems)
)]
#[get("/v1/explorer/trades")]
pub(crate) async fn list_trades(
    explorer: Data<Explorer>,
    page: Query<PageQuery>,
    of: Query<AddressQuery>,
) -> Result<Json<Page<Trade>>, Problem> {
    Ok(Json(look_up::trades(&explorer.db, &page, of.address.as_deref()).await?))
}

/// Shows a trade.
#[utoipa::path(
    tag = "explorer",
    operation_id = "get_settled_trade",
    security(()),
    params(("trade" = String, Path, description = "Its name on chain")),
    responses((status = 200, body = Trade), Problems)
)]
#[get("/v1/explorer/trades/{trade}")]
pub(crate) async fn get_trade(
    explorer: Data<Explorer>,
    trade: Path<String>,
) -> Result<Json<Trade>, Problem> {
    let trade = look_up::trade(&explorer.db, &trade).await?;
    trade.map(Json).ok_or_else(|| Problem::not_found("trade"))
}
