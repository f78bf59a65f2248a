//! Published tariffs.

use access::Action;
use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, get, post};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service::{Page, Principal, Problem, Problems};
use tariff::Tariff;
use utoipa::ToSchema;

use super::require;
use crate::Billing;
use crate::db::members::{self, Published};

/// A tariff as it was published.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct TariffView {
    /// Its hash, as anchored.
    pub(crate) hash: String,
    /// Its terms.
    #[schema(value_type = Object)]
    pub(crate) terms: Value,
}

/// The tariffs of the caller's community, newest first.
#[utoipa::path(
    tag = "billing",
    responses((status = 200, body = Page<TariffView>), Problems)
)]
#[get("/v1/tariffs")]
pub(crate) async fn list_tariffs(
    billing: Data<Billing>,
    caller: Principal,
) -> Result<Json<Page<TariffView>>, Problem> {
    require(&caller, Action::ReadMarket)?;
    let published = members::tariffs(&billing.db, caller.community).await?;
    let view = |known: Published| TariffView {
        hash: known.tariff.hash().to_string(),
        terms: serde_json::to_value(&known.tariff).unwrap_or_default(),
    };
    Ok(Json(Page { items: published.into_iter().map(view).collect(), next: None }))
}

/// Publishes a tariff for the caller's community.
///
/// Its hash goes on chain, and it holds from its own first day on.
#[utoipa::path(
    tag = "billing",
    request_body = Object,
    responses((status = 201, body = TariffView), Problems)
)]
#[post("/v1/tariffs")]
pub(crate) async fn publish_tariff(
    billing: Data<Billing>,
    caller: Principal,
    Json(terms): Json<Value>,
) -> Result<HttpResponse, Problem> {
    require(&caller, Action::PublishTariff)?;
    let tariff = Tariff::from_json(&terms.to_string())
        .map_err(|error| Problem::malformed(error.to_string()))?;
    let hash = tariff.hash().to_string();
    billing.publish_tariff(caller.community, tariff, billing.now()).await?;
    Ok(HttpResponse::Created().json(TariffView { hash, terms }))
}
