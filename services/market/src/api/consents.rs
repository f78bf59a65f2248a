//! What takes two of the staff: what was asked for, and the answer of another one.

use access::Action;
use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpResponse, get, post};
use calendar::Timestamp;
use ids::Uuid;
use serde::Serialize;
use service::{Page, PageQuery, Principal, Problem, Problems};
use utoipa::ToSchema;

use super::limits::name_of;
use super::may;
use super::orders::page;
use crate::app::{Desk, Refused};
use crate::domain::{Change, Consent, Rejection, RiskLimits, Wish};
use crate::market::Market;

/// Something that one of the staff asked for and another one decides.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ConsentView {
    /// Its name. A suspension in several grid areas has one.
    #[schema(format = "uuid")]
    consent: String,
    /// The grid area.
    #[schema(format = "uuid")]
    zone: String,
    /// `start` trading again, `start_all` in all zones, `resume` a suspended trader, or other
    /// `limits`.
    wish: &'static str,
    /// Who may trade again: as in `/v1/suspensions/{kind}/{id}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    trader: Option<TraderView>,
    /// The limits, all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<RiskLimits>,
    /// `open`, `given`, `refused` or `expired`.
    state: &'static str,
    /// Who asked.
    #[schema(format = "uuid")]
    asked_by: String,
    /// When.
    asked_at: String,
    /// Until when it can be decided.
    expires_at: String,
    /// Who decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    decided_by: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_at: Option<String>,
}

/// Who is suspended.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct TraderView {
    /// `accounts`, `connection-points`, `buy-rules`, `sell-rules` or `sellers`.
    kind: &'static str,
    /// Which: of a rule, its connection point.
    #[schema(format = "uuid")]
    id: String,
}

impl ConsentView {
    pub(super) fn of(consent: &Consent, zone: &str, now: Timestamp) -> ConsentView {
        let (wish, trader, limits) = match &consent.wish {
            Wish::Start => ("start", None, None),
            Wish::StartAll => ("start_all", None, None),
            Wish::Resume { trader } => {
                let (kind, id) = name_of(*trader);
                ("resume", Some(TraderView { kind, id }), None)
            }
            Wish::Limits { limits } => ("limits", None, Some(*limits)),
        };
        ConsentView {
            consent: consent.id.to_string(),
            zone: zone.to_owned(),
            wish,
            trader,
            limits,
            state: consent.state(now),
            asked_by: consent.by.to_string(),
            asked_at: consent.at.to_string(),
            expires_at: consent.until.to_string(),
            decided_by: consent.decision.map(|decision| decision.by.to_string()),
            decided_at: consent.decision.map(|decision| decision.at.to_string()),
        }
    }
}

/// What waits for a second person on a desk, if `wish` does.
pub(super) async fn waiting(desk: &Desk, wish: &Wish, now: Timestamp) -> Option<ConsentView> {
    let (book, zone) = (desk.book().await, desk.parameters().zone.to_string());
    book.waiting(wish, now).map(|consent| ConsentView::of(consent, &zone, now))
}

/// Asks for `wish`, or agrees to it where another one has asked: 202 while it waits, else 204.
pub(super) async fn ask(
    market: &Market,
    desk: &Desk,
    caller: &Principal,
    wish: Wish,
) -> Result<HttpResponse, Problem> {
    let consent = Uuid::now_v7();
    desk.change(Change::Ask { consent, wish: wish.clone() }, caller.party).await?;
    Ok(answer(waiting(desk, &wish, market.now()).await))
}

/// 202 with what waits, 204 where nothing does.
pub(super) fn answer(waiting: Option<ConsentView>) -> HttpResponse {
    match waiting {
        Some(view) => HttpResponse::Accepted().json(view),
        None => HttpResponse::NoContent().finish(),
    }
}

/// Lists what was asked for and takes two, newest first. Needs the role operator or admin.
#[utoipa::path(
    tag = "market",
    params(PageQuery),
    responses((status = 200, body = Page<ConsentView>), Problems)
)]
#[get("/v1/consents")]
pub(crate) async fn list_consents(
    market: Data<Market>,
    caller: Principal,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<ConsentView>>, Problem> {
    if !may(&caller, Action::HaltMarket, None) {
        return Err(Problem::forbidden());
    }
    let mut views = Vec::new();
    for desk in market.desks_of(caller.community) {
        let (book, zone) = (desk.book().await, desk.parameters().zone.to_string());
        let consents = book.consents().iter().rev();
        views.extend(consents.map(|consent| ConsentView::of(consent, &zone, market.now())));
    }
    page(views, &query, |view| format!("{}/{}", view.zone, view.consent))
}

/// Decides a request in every market of the community that has it; how it stands then.
async fn decide(
    market: &Market,
    caller: &Principal,
    id: &str,
    given: bool,
) -> Result<Json<ConsentView>, Problem> {
    let id: Uuid = id.parse().map_err(|_| Problem::malformed("id: not a UUID"))?;
    if !may(caller, Action::HaltMarket, None) {
        return Err(Problem::forbidden());
    }
    let mut stands = None;
    for desk in market.desks_of(caller.community) {
        match desk.change(Change::Decide { consent: id, given }, caller.party).await {
            Ok(()) => {}
            Err(Refused::Rejected(Rejection::Unknown)) => continue,
            Err(refused) => return Err(refused.into()),
        }
        let (book, zone) = (desk.book().await, desk.parameters().zone.to_string());
        let found = book.consents().iter().find(|consent| consent.id == id);
        stands = found.map(|found| ConsentView::of(found, &zone, market.now())).or(stands);
    }
    stands.map(Json).ok_or_else(|| Problem::not_found("request for consent"))
}

/// Agrees to what another one of the staff asked for: it happens at once.
///
/// Who asked, and whom it is about, is refused with `SECOND_PERSON`; what was decided or has waited
/// for a day with `DECIDED`. Needs the role operator or admin. A repeat changes nothing.
#[utoipa::path(
    tag = "market",
    params(("id" = String, Path, format = "uuid", description = "The request")),
    responses((status = 200, body = ConsentView), Problems)
)]
#[post("/v1/consents/{id}/approval")]
pub(crate) async fn give_consent(
    market: Data<Market>,
    caller: Principal,
    id: Path<String>,
) -> Result<Json<ConsentView>, Problem> {
    decide(&market, &caller, &id, true).await
}

/// Refuses what was asked for; who asked takes it back with this.
///
/// What was decided or has waited for a day is refused with `DECIDED`. Needs the role operator or
/// admin. A repeat changes nothing.
#[utoipa::path(
    tag = "market",
    params(("id" = String, Path, format = "uuid", description = "The request")),
    responses((status = 200, body = ConsentView), Problems)
)]
#[post("/v1/consents/{id}/refusal")]
pub(crate) async fn refuse_consent(
    market: Data<Market>,
    caller: Principal,
    id: Path<String>,
) -> Result<Json<ConsentView>, Problem> {
    decide(&market, &caller, &id, false).await
}
