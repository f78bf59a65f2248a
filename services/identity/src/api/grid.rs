//! Connection points and meters.

use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpResponse, get, post};
use ids::MeterId;
use service::{Page, PageQuery, Principal, Problem, Problems};

use crate::{ConnectionPoint, EnrolledMeter, Identity, Meter, NewConnectionPoint, NewMeter};

/// Adds a connection point. For operators and admins.
#[utoipa::path(
    request_body = NewConnectionPoint,
    responses((status = 201, body = ConnectionPoint), Problems)
)]
#[post("/v1/connection-points")]
pub(super) async fn register_connection_point(
    identity: Data<Identity>,
    who: Principal,
    new: Json<NewConnectionPoint>,
) -> Result<HttpResponse, Problem> {
    let point = identity.register_connection_point(&who, new.into_inner()).await?;
    Ok(HttpResponse::Created().json(point))
}

/// The connection points: staff sees all, others their own.
#[utoipa::path(
    params(PageQuery),
    responses((status = 200, body = Page<ConnectionPoint>), Problems)
)]
#[get("/v1/connection-points")]
pub(super) async fn connection_points(
    identity: Data<Identity>,
    who: Principal,
    query: Query<PageQuery>,
) -> Result<Json<Page<ConnectionPoint>>, Problem> {
    Ok(Json(identity.connection_points(&who, &query).await?))
}

/// Puts a meter to work. For operators and admins. The answer holds its token, this once.
#[utoipa::path(
    request_body = NewMeter,
    responses((status = 201, body = EnrolledMeter), Problems)
)]
#[post("/v1/meters")]
pub(super) async fn enrol_meter(
    identity: Data<Identity>,
    who: Principal,
    new: Json<NewMeter>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Created().json(identity.enrol_meter(&who, new.into_inner()).await?))
}

/// The meters: staff sees all, others their own.
#[utoipa::path(params(PageQuery), responses((status = 200, body = Page<Meter>), Problems))]
#[get("/v1/meters")]
pub(super) async fn meters(
    identity: Data<Identity>,
    who: Principal,
    query: Query<PageQuery>,
) -> Result<Json<Page<Meter>>, Problem> {
    Ok(Json(identity.meters(&who, &query).await?))
}

/// Ends a meter's key, from now on. For operators and admins.
#[utoipa::path(
    params(("id" = String, Path, description = "The meter")),
    responses((status = 200, body = Meter), Problems)
)]
#[post("/v1/meters/{id}/revocation")]
pub(super) async fn revoke_meter(
    identity: Data<Identity>,
    who: Principal,
    id: Path<MeterId>,
) -> Result<Json<Meter>, Problem> {
    Ok(Json(identity.revoke_meter(&who, *id).await?))
}
