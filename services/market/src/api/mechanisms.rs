//! How slots are cleared: which mechanism, from when.

use access::Action;
use actix_web::web::{Data, Json, Path, Query};
use actix_web::{get, put};
use calendar::Timestamp;
use matching::{Mechanism, Properties};
use serde::{Deserialize, Serialize};
use service::{Page, PageQuery, Principal, Problem, Problems};
use units::{Decimal, Price};
use utoipa::ToSchema;

use super::orders::{page, per_kwh};
use super::slots::ZoneQuery;
use super::{desk_of, may, moment_of};
use crate::domain::Change;
use crate::market::Market;

/// How prices and quantities are found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Mechanism)]
pub(crate) struct MechanismView {
    /// Such as `uniform`.
    name: String,
    /// Where between the low and the high end of what is possible the price lies, 0 to 10000:
    /// `uniform` and `k_pricing`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    k_bps: Option<u16>,
    /// The price that is given, in currency per kWh: `fixed_price` and the allocations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    price: Option<String>,
}

impl From<Mechanism> for MechanismView {
    fn from(mechanism: Mechanism) -> MechanismView {
        MechanismView {
            name: mechanism.name().to_owned(),
            k_bps: mechanism.k_bps(),
            price: mechanism.given_price().map(per_kwh),
        }
    }
}

impl MechanismView {
    fn parse(&self) -> Result<Mechanism, Problem> {
        let price = self.price.as_ref().map(|text| {
            let n = text.parse::<Decimal>().ok().and_then(|price| price.to_scale(6));
            let price = n.and_then(|n| i64::try_from(n).ok()).map(Price::from_n_per_wh);
            price.ok_or_else(|| Problem::malformed("price: not currency per kWh, such as 0.18"))
        });
        Mechanism::of(&self.name, self.k_bps, price.transpose()?)
            .map_err(|error| Problem::malformed(error.to_string()))
    }
}

/// The mechanism of slots from a moment on.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ChoiceView {
    /// The grid area.
    #[schema(format = "uuid")]
    zone: String,
    /// Start of the first slot; absent for what holds where nothing was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// How prices and quantities are found.
    mechanism: MechanismView,
    /// Its number in a clearing on chain; from 128 on each trade has two prices.
    number: u8,
    /// What it promises.
    #[schema(value_type = Object)]
    properties: Properties,
}

fn choice(zone: &str, from: Option<Timestamp>, mechanism: Mechanism) -> ChoiceView {
    ChoiceView {
        zone: zone.to_owned(),
        from: from.map(|from| from.to_string()),
        mechanism: mechanism.into(),
        number: mechanism.number(),
        properties: mechanism.properties(),
    }
}

/// Lists how slots are cleared: what holds by default, then what was chosen, by its first slot.
#[utoipa::path(
    tag = "market",
    params(PageQuery),
    responses((status = 200, body = Page<ChoiceView>), Problems)
)]
#[get("/v1/mechanisms")]
pub(crate) async fn list_mechanisms(
    market: Data<Market>,
    caller: Principal,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<ChoiceView>>, Problem> {
    if !may(&caller, Action::ReadMarket, None) {
        return Err(Problem::forbidden());
    }
    let mut views = Vec::new();
    for desk in market.desks_of(caller.community) {
        let (book, parameters) = (desk.book().await, desk.parameters());
        let zone = parameters.zone.to_string();
        views.push(choice(&zone, None, parameters.mechanism));
        let chosen = book.mechanisms().map(|(from, chosen)| choice(&zone, Some(from), chosen));
        views.extend(chosen);
    }
    let name =
        |view: &ChoiceView| format!("{}/{}", view.zone, view.from.clone().unwrap_or_default());
    page(views, &query, name)
}

/// Chooses how the slots from `from` on are cleared.
///
/// Only slots whose book is not open yet: who places an order knows the mechanism. One with two
/// prices a trade needs a policy that names who gets the difference. Needs the role operator or
/// admin. A repeat changes nothing.
#[utoipa::path(
    tag = "market",
    params(
        ("from" = String, Path, description = "Start of the first slot: 2026-06-01T10:00:00Z"),
        ZoneQuery,
    ),
    request_body = MechanismView,
    responses((status = 200, body = ChoiceView), Problems)
)]
#[put("/v1/mechanisms/{from}")]
pub(crate) async fn choose_mechanism(
    market: Data<Market>,
    caller: Principal,
    from: Path<String>,
    Query(query): Query<ZoneQuery>,
    Json(mechanism): Json<MechanismView>,
) -> Result<Json<ChoiceView>, Problem> {
    let from = moment_of("from", &from)?;
    if !may(&caller, Action::HaltMarket, None) {
        return Err(Problem::forbidden());
    }
    let mechanism = mechanism.parse()?;
    let desk = desk_of(&market, &caller, query.zone())?;
    desk.change(Change::Choose { from, mechanism }, caller.party).await?;
    let stands = desk.book().await.mechanism(from, desk.parameters());
    Ok(Json(choice(&desk.parameters().zone.to_string(), Some(from), stands)))
}
