//! Transactions.
#![allow(unused_qualifications, reason = "the route macros repeat the types of the arguments")]

use actix_web::get;
use actix_web::web::{Data, Json, Path, Query};
use serde::Deserialize;
use service::{Page, PageQuery, Problem, Problems};
use utoipa::IntoParams;

use crate::Explorer;
use crate::api::dto::Transaction;
use crate::app::look_up;

/// Whose transactions or trades are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AddressQuery {
    /// Only those that this address takes part in.
    pub(crate) address: Option<String>,
}

/// Lists transactions without their events, newest first.
#[utoipa::path(
    tag = "explorer",
    security(()),
    params(PageQuery, AddressQuery),
    responses((status = 200, body = Page<Transaction>), Problems)
)]
#[get("/v1/explorer/transactions")]
pub(crate) async fn list_transactions(
    explorer: Data<Explorer>,
    page: Query<PageQuery>,
    of: Query<AddressQuery>,
) -> Result<Json<Page<Transaction>>, Problem> {
    Ok(Json(look_up::transactions(&explorer.db, &page, of.address.as_deref()).await?))
}

/// Shows a transaction with its events.
#[utoipa::path(
    tag = "explorer",
    security(()),
    params(("hash" = String, Path, description = "Hash")),
    responses((status = 200, body = Transaction), Problems)
)]
#[get("/v1/explorer/transactions/{hash}")]
pub(crate) async fn get_transaction(
    explorer: Data<Explorer>,
    hash: Path<String>,
) -> Result<Json<Transaction>, Problem> {
    let transaction = look_up::transaction(&explorer.db, &hash).await?;
    transaction.map(Json).ok_or_else(|| Problem::not_found("transaction"))
}
