//! The addresses that accounts settle at.

use actix_web::web::{Data, Json, Path};
use actix_web::{HttpResponse, get, post};
use ids::AccountId;
use service::{Principal, Problem, Problems};

use crate::{AccountAddress, AddressWish, Identity, NewAddress, PreparedAddress};

/// The addresses of an account, oldest first. For whose it is, and for staff.
#[utoipa::path(
    params(("id" = String, Path, description = "The account")),
    responses((status = 200, body = Vec<AccountAddress>), Problems)
)]
#[get("/v1/accounts/{id}/addresses")]
pub(super) async fn account_addresses(
    identity: Data<Identity>,
    who: Principal,
    id: Path<AccountId>,
) -> Result<Json<Vec<AccountAddress>>, Problem> {
    Ok(Json(identity.addresses(&who, *id).await?))
}

/// What both addresses sign so that the caller's account settles at another one of the owner's own.
///
/// Refused with `FROM` and `NO_CONNECTION_POINT`.
#[utoipa::path(
    params(("id" = String, Path, description = "The account")),
    request_body = AddressWish,
    responses((status = 200, body = PreparedAddress), Problems)
)]
#[post("/v1/accounts/{id}/addresses/prepare")]
pub(super) async fn prepare_address(
    identity: Data<Identity>,
    who: Principal,
    id: Path<AccountId>,
    wish: Json<AddressWish>,
) -> Result<Json<PreparedAddress>, Problem> {
    Ok(Json(identity.prepare_address(&who, *id, &wish).await?))
}

/// Has the caller's account settle at an address of the owner's own, from a midnight on.
///
/// Both addresses sign; where the key is held here the owner says so with the password. Refused
/// with `FROM`, `SUCCESSOR_WAITS`, `ADDRESS_TAKEN`, `SIGNATURE`, `WRONG_PASSWORD` and `METERS`.
#[utoipa::path(
    params(("id" = String, Path, description = "The account")),
    request_body = NewAddress,
    responses((status = 201, body = AccountAddress), Problems)
)]
#[post("/v1/accounts/{id}/addresses")]
pub(super) async fn assign_address(
    identity: Data<Identity>,
    who: Principal,
    id: Path<AccountId>,
    new: Json<NewAddress>,
) -> Result<HttpResponse, Problem> {
    let assigned = identity.assign_address(&who, *id, new.into_inner()).await?;
    Ok(HttpResponse::Created().json(assigned))
}
