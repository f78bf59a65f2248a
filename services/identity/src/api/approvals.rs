//! How much is signed with held keys, and the consent to more.
#![allow(unused_qualifications, reason = "the route macros repeat the types of the arguments")]

use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpResponse, get, post, put};
use ids::{AccountId, Uuid};
use serde::Deserialize;
use service::{Page, PageQuery, Principal, Problem, Problems};
use utoipa::{IntoParams, ToSchema};

use crate::{Approval, Identity, LimitChange, SigningLimit};

/// Another limit of a day.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSigningLimit {
    /// The most that is signed in a day (UTC): in major units of a currency, or in whole Wh.
    #[schema(example = "20000")]
    daily: String,
    /// A currency (ISO 4217), or `Wh` of certified energy; the currency that energy is traded in
    /// when absent.
    unit: Option<String>,
}

/// Which limit.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct UnitQuery {
    /// A currency (ISO 4217), or `Wh` of certified energy; the currency that energy is traded in
    /// when absent.
    unit: Option<String>,
}

/// How much is signed with the held key of an account. For its owner and for staff.
#[utoipa::path(
    params(("account" = String, Path, description = "The account"), UnitQuery),
    responses((status = 200, body = SigningLimit), Problems)
)]
#[get("/v1/signing-limits/{account}")]
pub(super) async fn signing_limit(
    identity: Data<Identity>,
    who: Principal,
    account: Path<AccountId>,
    query: Query<UnitQuery>,
) -> Result<Json<SigningLimit>, Problem> {
    Ok(Json(identity.signing_limit(&who, *account, query.unit.as_deref()).await?))
}

/// Sets how much is signed for an account in a day. For operators and admins.
///
/// A lower limit is in force at once (200); a higher one waits for the consent of another member of
/// staff (202).
#[utoipa::path(
    params(("account" = String, Path, description = "The account")),
    request_body = NewSigningLimit,
    responses((status = 200, body = SigningLimit), (status = 202, body = Approval), Problems)
)]
#[put("/v1/signing-limits/{account}")]
pub(super) async fn change_signing_limit(
    identity: Data<Identity>,
    who: Principal,
    account: Path<AccountId>,
    new: Json<NewSigningLimit>,
) -> Result<HttpResponse, Problem> {
    let wanted = (new.daily.as_str(), new.unit.as_deref());
    Ok(match identity.change_signing_limit(&who, *account, wanted).await? {
        LimitChange::Set(limit) => HttpResponse::Ok().json(limit),
        LimitChange::Waits(approval) => HttpResponse::Accepted().json(approval),
    })
}

/// What waits for consent or did, newest first: staff sees all, others what concerns them.
#[utoipa::path(
    operation_id = "list_approvals",
    params(PageQuery),
    responses((status = 200, body = Page<Approval>), Problems)
)]
#[get("/v1/approvals")]
pub(super) async fn list(
    identity: Data<Identity>,
    who: Principal,
    query: Query<PageQuery>,
) -> Result<Json<Page<Approval>>, Problem> {
    Ok(Json(identity.approvals(&who, &query).await?))
}

/// Consents to what another person asked for. For operators and admins.
///
/// An order or a payout is signed when its owner asks again; a limit is in force at once. Refused
/// with `FOUR_EYES` and `DECIDED`.
#[utoipa::path(
    operation_id = "approve",
    params(("id" = String, Path, description = "The request")),
    responses((status = 200, body = Approval), Problems)
)]
#[post("/v1/approvals/{id}/approval")]
pub(super) async fn approve(
    identity: Data<Identity>,
    who: Principal,
    id: Path<Uuid>,
) -> Result<Json<Approval>, Problem> {
    Ok(Json(identity.approve(&who, *id).await?))
}

/// Refuses what another person asked for. For operators and admins.
///
/// Refused with `FOUR_EYES` and `DECIDED`.
#[utoipa::path(
    operation_id = "refuse_approval",
    params(("id" = String, Path, description = "The request")),
    responses((status = 200, body = Approval), Problems)
)]
#[post("/v1/approvals/{id}/refusal")]
pub(super) async fn refuse(
    identity: Data<Identity>,
    who: Principal,
    id: Path<Uuid>,
) -> Result<Json<Approval>, Problem> {
    Ok(Json(identity.refuse(&who, *id).await?))
}
