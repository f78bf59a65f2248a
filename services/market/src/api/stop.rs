//! The switch that stops trading in a grid area, and starts it again.

use access::Action;
use actix_web::web::{Data, Json, Query};
use actix_web::{HttpResponse, delete, put};
use events::market::Tripped;
use serde::{Deserialize, Serialize};
use service::{Principal, Problem, Problems};
use utoipa::ToSchema;

use super::consents::{ConsentView, ask};
use super::limits::ReasonBody;
use super::slots::ZoneQuery;
use super::{desk_of, may};
use crate::domain::{Change, Suspension, Wish};
use crate::market::Market;

/// Why nobody may trade.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct StopView {
    /// In words.
    reason: String,
    /// The party that decided.
    #[schema(format = "uuid")]
    by: String,
    /// Since when.
    since: String,
    /// What was found, where the market decided by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tripped: Option<TrippedView>,
}

/// What made the market decide by itself.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct TrippedView {
    /// Which limit: `order_rate`, `refusals`, `collar_hits`, `missing_data`, `silent_chain`,
    /// `forecast` or `loss`.
    trigger: String,
    /// What was measured: orders, refusals, slots, seconds or percent.
    measured: u64,
    /// The most that was allowed.
    most: u64,
    /// From when on it was measured.
    from: String,
    /// Until when.
    to: String,
    /// What it stands on, a line for each; empty for who may not see other accounts.
    evidence: Vec<String>,
}

impl From<&Tripped> for TrippedView {
    fn from(tripped: &Tripped) -> TrippedView {
        TrippedView {
            trigger: tripped.trigger.clone(),
            measured: tripped.measured,
            most: tripped.most,
            from: tripped.from.to_string(),
            to: tripped.to.to_string(),
            evidence: tripped.evidence.clone(),
        }
    }
}

impl From<&Suspension> for StopView {
    fn from(why: &Suspension) -> StopView {
        let (reason, by, since) = (why.reason.clone(), why.by.to_string(), why.at.to_string());
        StopView { reason, by, since, tripped: why.tripped.as_ref().map(TrippedView::from) }
    }
}

impl StopView {
    /// As a caller sees it: what it stands on names accounts, which those see who see all of them.
    pub(super) fn seen_by(caller: &Principal, why: &Suspension) -> StopView {
        let mut view = StopView::from(why);
        if let Some(tripped) = &mut view.tripped
            && !may(caller, Action::ReadParties, None)
        {
            tripped.evidence.clear();
        }
        view
    }
}

/// Stops trading in a grid area.
///
/// New orders are refused with `KILL_SWITCH` and open ones are cancelled. Trades are settled,
/// reconciled and billed, and withdrawals go on. Needs the role operator or admin. A repeat changes
/// nothing.
#[utoipa::path(
    tag = "market",
    params(ZoneQuery),
    request_body = ReasonBody,
    responses((status = 200, body = StopView), Problems)
)]
#[put("/v1/stop")]
pub(crate) async fn stop_trading(
    market: Data<Market>,
    caller: Principal,
    Query(query): Query<ZoneQuery>,
    Json(body): Json<ReasonBody>,
) -> Result<Json<StopView>, Problem> {
    if !may(&caller, Action::HaltMarket, None) {
        return Err(Problem::forbidden());
    }
    let desk = desk_of(&market, &caller, query.zone())?;
    desk.change(Change::Stop { reason: body.checked()? }, caller.party).await?;
    let book = desk.book().await;
    book.stopped().map(StopView::from).map(Json).ok_or_else(|| Problem::not_found("stop"))
}

/// Asks for trading to start again, or agrees to it.
///
/// It takes two of the staff, whoever or whatever stopped it: the first one asks (202), the second
/// one who does, or who agrees to the request, starts it (204). Cancelled orders do not come back.
/// A repeat changes nothing. Needs the role operator or admin.
#[utoipa::path(
    tag = "market",
    params(ZoneQuery),
    responses(
        (status = 202, body = ConsentView, description = "Another one has to agree"),
        (status = 204, description = "Trading goes on"),
        Problems,
    )
)]
#[delete("/v1/stop")]
pub(crate) async fn start_trading(
    market: Data<Market>,
    caller: Principal,
    Query(query): Query<ZoneQuery>,
) -> Result<HttpResponse, Problem> {
    if !may(&caller, Action::HaltMarket, None) {
        return Err(Problem::forbidden());
    }
    let desk = desk_of(&market, &caller, query.zone())?;
    ask(&market, desk, &caller, Wish::Start).await
}
