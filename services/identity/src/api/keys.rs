//! Held keys on their way to their owners.

use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, post};
use service::{Principal, Problem, Problems};

use crate::{ExportedKey, Identity, KeyExport};

/// Gives the held key of the caller's account, encrypted, for another wallet.
///
/// The operator has known the key and goes on signing with it, so it proves nothing against the
/// operator. Refused with `WRONG_PASSWORD`, `PASSPHRASE` and `OWN_KEY`.
#[utoipa::path(
    request_body = KeyExport,
    responses((status = 200, body = ExportedKey), Problems)
)]
#[post("/v1/me/key-export")]
pub(super) async fn export_key(
    identity: Data<Identity>,
    who: Principal,
    wish: Json<KeyExport>,
) -> Result<HttpResponse, Problem> {
    let exported = identity.export_key(&who, wish.into_inner()).await?;
    let no_store = (CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(HttpResponse::Ok().insert_header(no_store).json(exported))
}
