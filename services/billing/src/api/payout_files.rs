//! Orders to the community's bank to pay out.

use access::Action;
use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpRequest, HttpResponse, get, post};
use ids::PayoutId;
use serde::{Deserialize, Serialize};
use service::{Page, PageQuery, Principal, Problem, Problems};
use utoipa::{IntoParams, ToSchema};

use super::payouts::{PayoutView, before, view};
use super::{idempotency_key, require};
use crate::Billing;
use crate::db::payout_files::{self, PayoutFile};

/// An order to the bank (pain.001) that was made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct PayoutFileView {
    /// Names it for the bank.
    pub(crate) id: String,
    /// Payouts in it.
    pub(crate) payments: u64,
    /// Their sum, in major units.
    pub(crate) total: String,
    /// What it is in (ISO 4217).
    pub(crate) currency: String,
    /// Keccak-256 of the file.
    pub(crate) hash: String,
    /// Who asked for it.
    #[schema(format = "uuid")]
    pub(crate) requested_by: String,
    /// When it was made.
    #[schema(format = DateTime)]
    pub(crate) at: String,
}

fn file_view(file: &PayoutFile) -> PayoutFileView {
    PayoutFileView {
        id: file.id.clone(),
        payments: file.payments,
        total: file.total.to_string(),
        currency: file.currency.clone(),
        hash: file.hash.to_string(),
        requested_by: file.requested_by.to_string(),
        at: file.at.to_string(),
    }
}

/// Of which currency.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PayoutFileQuery {
    /// Its code (ISO 4217); of the one that energy is traded in when absent.
    currency: Option<String>,
}

/// Makes an order to the bank of the payouts that are redeemed.
///
/// It takes the oldest 1000 that are in final blocks. Repeating a request with the same
/// `Idempotency-Key` answers with the same file; `NOTHING_TO_PAY` where no payout waits.
#[utoipa::path(
    tag = "billing",
    params(
        ("Idempotency-Key" = String, Header, description = "Names the order"),
        PayoutFileQuery,
    ),
    responses((status = 201, body = PayoutFileView), Problems)
)]
#[post("/v1/payouts/files")]
pub(crate) async fn make_payout_file(
    billing: Data<Billing>,
    caller: Principal,
    request: HttpRequest,
    Query(query): Query<PayoutFileQuery>,
) -> Result<HttpResponse, Problem> {
    require(&caller, Action::OrderPayouts)?;
    let key = idempotency_key(&request)?;
    let currency = billing.currencies.named(query.currency.as_deref())?;
    let (of, by) = ((caller.community, currency), caller.party);
    let file = billing.make_payout_file(of, key, by, billing.now()).await?;
    Ok(HttpResponse::Created().json(file_view(&file)))
}

/// The orders to the bank that were made, newest first.
#[utoipa::path(
    tag = "billing",
    params(PageQuery),
    responses((status = 200, body = Page<PayoutFileView>), Problems)
)]
#[get("/v1/payouts/files")]
pub(crate) async fn list_payout_files(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<PayoutFileView>>, Problem> {
    require(&caller, Action::OrderPayouts)?;
    let (limit, before) = (query.limit(), before(query.cursor.as_deref())?);
    let files = payout_files::page(&billing.db, caller.community, before, limit).await?;
    let full = files.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    let next = files.last().filter(|_| full).map(|(number, _)| number.to_string());
    Ok(Json(Page { items: files.iter().map(|(_, file)| file_view(file)).collect(), next }))
}

/// An order to the bank as it was made, byte for byte (pain.001.001.09).
#[utoipa::path(
    tag = "billing",
    params(("id" = String, Path, description = "The order")),
    responses((status = 200, body = String, content_type = "application/xml"), Problems)
)]
#[get("/v1/payouts/files/{id}")]
pub(crate) async fn get_payout_file(
    billing: Data<Billing>,
    caller: Principal,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    require(&caller, Action::OrderPayouts)?;
    let document = payout_files::document(&billing.db, caller.community, &id).await?;
    let document = document.ok_or_else(|| Problem::not_found("order"))?;
    let name = format!("attachment; filename=\"pain001-{}.xml\"", id.as_str());
    Ok(HttpResponse::Ok()
        .content_type("application/xml")
        .insert_header(("Content-Disposition", name))
        .body(document))
}

/// Lets a payout that came back be part of the next order, under a new end-to-end id.
#[utoipa::path(
    tag = "billing",
    params(("id" = String, Path, description = "The payout")),
    responses((status = 200, body = PayoutView), Problems)
)]
#[post("/v1/payouts/{id}/order")]
pub(crate) async fn order_payout_again(
    billing: Data<Billing>,
    caller: Principal,
    id: Path<String>,
) -> Result<Json<PayoutView>, Problem> {
    require(&caller, Action::OrderPayouts)?;
    let id: PayoutId = id.parse().map_err(|_| Problem::not_found("payout"))?;
    let payout = billing.order_payout_again(caller.community, id).await?;
    Ok(Json(view(&billing.currencies, &payout)))
}

/// Credits a payout that came back to the wallet that it came from, instead of ordering it again.
///
/// Its tokens are made again and deposited, once. Repeating the request answers with the payout as
/// it is; `CONFLICT` where it did not come back.
#[utoipa::path(
    tag = "billing",
    params(("id" = String, Path, description = "The payout")),
    responses((status = 200, body = PayoutView), Problems)
)]
#[post("/v1/payouts/{id}/credit")]
pub(crate) async fn credit_payout(
    billing: Data<Billing>,
    caller: Principal,
    id: Path<String>,
) -> Result<Json<PayoutView>, Problem> {
    require(&caller, Action::OrderPayouts)?;
    let id: PayoutId = id.parse().map_err(|_| Problem::not_found("payout"))?;
    let payout = billing.credit_payout(caller.community, id, billing.now()).await?;
    Ok(Json(view(&billing.currencies, &payout)))
}
