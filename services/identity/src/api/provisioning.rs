//! Meters that enrol themselves, and their next keys.

use actix_web::web::{Data, Json, Path};
use actix_web::{HttpResponse, post};
use ids::{ConnectionPointId, MeterId};
use service::{Principal, Problem, Problems};

use crate::{EnrolledMeter, Identity, NewCode, NewDevice, NewKey, ProvisioningCode, RotatedMeter};

/// Makes a one-time code by which a meter enrols itself at a connection point.
///
/// For operators, admins and whoever has the account there. The code is told this once; a new one
/// ends the one before.
#[utoipa::path(
    params(("id" = String, Path, description = "The connection point")),
    request_body = NewCode,
    responses((status = 201, body = ProvisioningCode), Problems)
)]
#[post("/v1/connection-points/{id}/codes")]
pub(super) async fn make_code(
    identity: Data<Identity>,
    who: Principal,
    id: Path<ConnectionPointId>,
    new: Json<NewCode>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Created().json(identity.make_code(&who, *id, new.into_inner()).await?))
}

/// Puts a meter to work that shows a code of its connection point and that it has its key.
///
/// The code is what lets it in, once. The answer holds its token, unless it has chosen one.
#[utoipa::path(
    security(()),
    request_body = NewDevice,
    responses((status = 201, body = EnrolledMeter), Problems)
)]
#[post("/v1/provisioning")]
pub(super) async fn provision(
    identity: Data<Identity>,
    new: Json<NewDevice>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Created().json(identity.provision(new.into_inner()).await?))
}

/// Gives a meter its next key, which the old one and the next one have signed.
///
/// The signatures are what lets it in. Pages before `first_page` and readings before `from` are the
/// old key's, the others the next one's: what is signed otherwise is kept apart.
#[utoipa::path(
    security(()),
    params(("id" = String, Path, description = "The meter")),
    request_body = NewKey,
    responses((status = 200, body = RotatedMeter), Problems)
)]
#[post("/v1/meters/{id}/rotation")]
pub(super) async fn rotate_key(
    identity: Data<Identity>,
    id: Path<MeterId>,
    new: Json<NewKey>,
) -> Result<Json<RotatedMeter>, Problem> {
    Ok(Json(identity.rotate_key(*id, new.into_inner()).await?))
}
