//! People and the record of what they did.

use actix_web::web::{Data, Json, Query};
use actix_web::{HttpResponse, get, post};
use service::{Page, PageQuery, Principal, Problem, Problems};

use crate::{AuditEntry, Identity, NewParty, Party};

/// Signs someone up.
///
/// For a consumer or prosumer an account is opened, with a key that is held, or with the party's
/// own, proved by `own_key`. Other roles need an admin's token.
#[utoipa::path(
    security((), ("bearer" = [])),
    request_body = NewParty,
    responses((status = 201, body = Party), Problems)
)]
#[post("/v1/parties")]
pub(super) async fn sign_up(
    identity: Data<Identity>,
    by: Option<Principal>,
    new: Json<NewParty>,
) -> Result<HttpResponse, Problem> {
    let party = identity.sign_up(new.into_inner(), by.as_ref()).await?;
    Ok(HttpResponse::Created().json(party))
}

/// Who takes part. Staff sees everyone, others themselves.
#[utoipa::path(
    operation_id = "list_parties",
    params(PageQuery),
    responses((status = 200, body = Page<Party>), Problems)
)]
#[get("/v1/parties")]
pub(super) async fn list(
    identity: Data<Identity>,
    who: Principal,
    query: Query<PageQuery>,
) -> Result<Json<Page<Party>>, Problem> {
    Ok(Json(identity.parties(&who, &query).await?))
}

/// The caller.
#[utoipa::path(responses((status = 200, body = Party), Problems))]
#[get("/v1/me")]
pub(super) async fn me(identity: Data<Identity>, who: Principal) -> Result<Json<Party>, Problem> {
    Ok(Json(identity.me(&who).await?))
}

/// What staff did and what was denied, oldest first, chained by hashes. For auditors and admins.
#[utoipa::path(params(PageQuery), responses((status = 200, body = Page<AuditEntry>), Problems))]
#[get("/v1/audit-log")]
pub(super) async fn audit_log(
    identity: Data<Identity>,
    who: Principal,
    query: Query<PageQuery>,
) -> Result<Json<Page<AuditEntry>>, Problem> {
    Ok(Json(identity.audit_log(&who, &query).await?))
}
