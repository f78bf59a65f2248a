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
    /// Where the web app is that asks, as the browser names it; the first known one when absent.
    #[schema(example = "https://wattex.example")]
    origin: Option<String>,
}

/// The public keys that check tokens (RFC 7517).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PublicKeys {
    /// The keys.
    keys: Vec<Jwk>,
}

/// Gives a message of Sign-In with Ethereum (EIP-4361) to sign, once and within ten minutes.
///
/// Refused with `ORIGIN` where the web app is not known to be.
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
    let challenge = identity.challenge_at(new.address, new.origin.as_deref()).await?;
    Ok(HttpResponse::Created().json(challenge))
}

/// Logs in: with a password, a signed message, or the refresh token of the pair before.
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
