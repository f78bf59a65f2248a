//! The door.

use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, get, post};
use alloy_primitives::Address;
use serde::{Deserialize, Serialize};
use service::{Problem, Problems};
use utoipa::ToSchema;

use crate::{Challenge, Grant, Identity, Jwk, Tokens};

/// Whose key shall be proved.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewChallenge {
    /// The address of the key.
    #[schema(value_type = String)]
    address: Address,
}

/// The public keys that check tokens (RFC 7517).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PublicKeys {
    /// The keys.
    keys: Vec<Jwk>,
}

/// Gives a text to sign with a wallet, once and within ten minutes.
#[utoipa::path(
    security(()),
    request_body = NewChallenge,
    responses((status = 201, body = Challenge), Problems)
)]
#[post("/v1/challenges")]
pub(super) async fn challenge(
    identity: Data<Identity>,
    new: Json<NewChallenge>,
) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Created().json(identity.challenge(new.address).await?))
}

/// Logs in: with a password, a signed challenge, or the refresh token of the pair before.
#[utoipa::path(
    security(()),
    request_body = Grant,
    responses((status = 200, body = Tokens), Problems)
)]
#[post("/v1/tokens")]
pub(super) async fn log_in(
    identity: Data<Identity>,
    grant: Json<Grant>,
) -> Result<Json<Tokens>, Problem> {
    Ok(Json(identity.log_in(grant.into_inner()).await?))
}

/// The public keys that check tokens.
#[utoipa::path(security(()), responses((status = 200, body = PublicKeys)))]
#[get("/v1/.well-known/jwks.json")]
pub(super) async fn public_keys(identity: Data<Identity>) -> Json<PublicKeys> {
    Json(PublicKeys { keys: identity.public_keys() })
}
