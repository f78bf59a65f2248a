//! The figures by which a market judges risk, and how they came about.

use access::Action;
use actix_web::web::{Data, Json, Query};
use actix_web::{HttpResponse, get, put};
use ids::Uuid;
use serde::{Deserialize, Serialize};
use service::{Page, PageQuery, Principal, Problem, Problems};
use utoipa::{IntoParams, ToSchema};

use super::consents::{ConsentView, waiting};
use super::orders::page;
use super::slots::ZoneQuery;
use super::{desk_of, may};
use crate::app::Desk;
use crate::domain::{Change, RiskChange, RiskLimits, Wish};
use crate::market::Market;

/// The figures by which a market judges risk.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct RiskLimitsView {
    /// The grid area.
    #[schema(format = "uuid")]
    zone: String,
    /// The figures that hold.
    limits: RiskLimits,
    /// Who set them, and when; absent while the defaults hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<RiskChangeView>,
}

/// A change of the figures.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct RiskChangeView {
    /// All of them, as they hold from then on.
    limits: RiskLimits,
    /// Who wanted it.
    #[schema(format = "uuid")]
    by: String,
    /// Who agreed to it; absent where no figure became looser.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    agreed_by: Option<String>,
    /// When.
    at: String,
}

impl From<&RiskChange> for RiskChangeView {
    fn from(change: &RiskChange) -> RiskChangeView {
        RiskChangeView {
            limits: change.limits,
            by: change.by.to_string(),
            agreed_by: change.agreed_by.map(|by| by.to_string()),
            at: change.at.to_string(),
        }
    }
}

async fn view(desk: &Desk) -> RiskLimitsView {
    let book = desk.book().await;
    RiskLimitsView {
        zone: desk.parameters().zone.to_string(),
        limits: book.risk_limits(),
        change: book.risk_changes().last().map(RiskChangeView::from),
    }
}

/// Tells by which figures a market refuses orders and stops by itself.
#[utoipa::path(
    tag = "market",
    params(ZoneQuery),
    responses((status = 200, body = RiskLimitsView), Problems)
)]
#[get("/v1/risk-limits")]
pub(crate) async fn get_risk_limits(
    market: Data<Market>,
    caller: Principal,
    Query(query): Query<ZoneQuery>,
) -> Result<Json<RiskLimitsView>, Problem> {
    if !may(&caller, Action::ReadMarket, None) {
        return Err(Problem::forbidden());
    }
    Ok(Json(view(desk_of(&market, &caller, query.zone())?).await))
}

/// Sets the figures by which a market refuses orders and stops by itself.
///
/// All of them: one that is left out has its default, one that is `null` is no limit. Where none
/// becomes looser they hold at once; else they wait for the consent of another one of the staff
/// (202). Needs the role operator or admin. A repeat changes nothing.
#[utoipa::path(
    tag = "market",
    params(ZoneQuery),
    request_body = RiskLimits,
    responses(
        (status = 200, body = RiskLimitsView),
        (status = 202, body = ConsentView),
        Problems,
    )
)]
#[put("/v1/risk-limits")]
pub(crate) async fn set_risk_limits(
    market: Data<Market>,
    caller: Principal,
    Query(query): Query<ZoneQuery>,
    Json(limits): Json<RiskLimits>,
) -> Result<HttpResponse, Problem> {
    limits.check().map_err(|why| Problem::malformed(why.to_string()))?;
    if !may(&caller, Action::SetRiskLimits, None) {
        return Err(Problem::forbidden());
    }
    let desk = desk_of(&market, &caller, query.zone())?;
    let wish = Wish::Limits { limits };
    let ask = Change::Ask { consent: Uuid::now_v7(), wish: wish.clone() };
    desk.change(ask, caller.party).await?;
    Ok(match waiting(desk, &wish, market.now()).await {
        Some(waiting) => HttpResponse::Accepted().json(waiting),
        None => HttpResponse::Ok().json(view(desk).await),
    })
}

/// Which market and which part of a list is wanted.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ChangesQuery {
    /// The grid area; the community's first when absent.
    zone: Option<String>,
    /// Items wanted, 1 to 1000; 100 when absent.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Lists how the figures came about, the newest change first.
#[utoipa::path(
    tag = "market",
    params(ChangesQuery),
    responses((status = 200, body = Page<RiskChangeView>), Problems)
)]
#[get("/v1/risk-limits/changes")]
pub(crate) async fn list_risk_changes(
    market: Data<Market>,
    caller: Principal,
    Query(query): Query<ChangesQuery>,
) -> Result<Json<Page<RiskChangeView>>, Problem> {
    if !may(&caller, Action::ReadMarket, None) {
        return Err(Problem::forbidden());
    }
    let book = desk_of(&market, &caller, query.zone.as_deref())?.book().await;
    let views: Vec<_> = book.risk_changes().iter().rev().map(RiskChangeView::from).collect();
    let wanted = PageQuery { limit: query.limit, cursor: query.cursor };
    page(views, &wanted, |view| format!("{}/{}", view.at, view.by))
}
