//! The switch that stops trading in a grid area, and starts it again.

use access::Action;
use actix_web::web::{Data, Json, Query};
use actix_web::{HttpResponse, delete, put};
use events::market::Tripped;
use ids::Uuid;
use serde::{Deserialize, Serialize};
use service::{Principal, Problem, Problems};
use utoipa::{IntoParams, ToSchema};

use super::consents::{ConsentView, answer, ask, waiting};
use super::limits::ReasonBody;
use super::{desk_of, may};
use crate::domain::{Change, Exchange, Wish};
use crate::market::Market;

/// What is stopped.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StopQuery {
    /// The grid area; the community's first when absent. None with `global`.
    zone: Option<String>,
    /// `zone`, or `global`: all grid areas of the community. `zone` when absent.
    #[param(value_type = Option<String>)]
    scope: Option<StopScope>,
}

/// How far a stop goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StopScope {
    Zone,
    Global,
}

impl StopQuery {
    /// Whether all grid areas are meant.
    fn is_global(&self) -> Result<bool, Problem> {
        let global = self.scope == Some(StopScope::Global);
        if global && self.zone.is_some() {
            return Err(Problem::malformed("zone: a global stop is of all of them"));
        }
        Ok(global)
    }
}

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
    /// `zone`, or `global`: all grid areas, whatever holds in each of them.
    scope: String,
    /// What was found, where the market decided by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tripped: Option<TrippedView>,
}

/// What made the market decide by itself.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct TrippedView {
    /// Which limit: `order_rate`, `refusals`, `collar_hits`, `missing_data`, `silent_chain`,
    /// `forecast`, `loss`, `drawdown`, `undelivered`, `disagreement` or `invariant`.
    trigger: String,
    /// What was measured: orders, refusals, slots, seconds, percent or rules.
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

impl StopView {
    /// Why nobody may trade in a market.
    fn of(book: &Exchange) -> Option<StopView> {
        let why = book.stopped()?;
        let (reason, by, since) = (why.reason.clone(), why.by.to_string(), why.at.to_string());
        let scope = if book.stopped_all().is_some() { "global" } else { "zone" }.to_owned();
        let tripped = why.tripped.as_ref().map(TrippedView::from);
        Some(StopView { reason, by, since, scope, tripped })
    }

    /// As a caller sees it: what it stands on names accounts, which those see who see all of them.
    pub(super) fn seen_by(caller: &Principal, book: &Exchange) -> Option<StopView> {
        let mut view = StopView::of(book)?;
        if let Some(tripped) = &mut view.tripped
            && !may(caller, Action::ReadParties, None)
        {
            tripped.evidence.clear();
        }
        Some(view)
    }
}

/// Makes a change in every market of the caller's community; one that cannot keeps no other from
/// it.
async fn change_all(market: &Market, caller: &Principal, change: Change) -> Result<(), Problem> {
    let mut failed = None;
    for desk in market.desks_of(caller.community) {
        if let Err(refused) = desk.change(change.clone(), caller.party).await {
            failed.get_or_insert(refused);
        }
    }
    failed.map_or(Ok(()), |refused| Err(refused.into()))
}

/// Stops trading in a grid area, or in all of the community.
///
/// New orders are refused with `KILL_SWITCH` and open ones are cancelled. Trades are settled,
/// reconciled and billed, and withdrawals go on. A stop of all grid areas stands beside that of
/// each; where one of them could not be stopped the answer is an error, and the others are. Needs
/// the role operator or admin. A repeat changes nothing.
#[utoipa::path(
    tag = "market",
    params(StopQuery),
    request_body = ReasonBody,
    responses((status = 200, body = StopView), Problems)
)]
#[put("/v1/stop")]
pub(crate) async fn stop_trading(
    market: Data<Market>,
    caller: Principal,
    Query(query): Query<StopQuery>,
    Json(body): Json<ReasonBody>,
) -> Result<Json<StopView>, Problem> {
    let global = query.is_global()?;
    if !may(&caller, Action::HaltMarket, None) {
        return Err(Problem::forbidden());
    }
    let desk = desk_of(&market, &caller, query.zone.as_deref())?;
    let reason = body.checked()?;
    if global {
        change_all(&market, &caller, Change::StopAll { reason }).await?;
    } else {
        desk.change(Change::Stop { reason }, caller.party).await?;
    }
    let book = desk.book().await;
    let stands = StopView::of(&book);
    stands.map(Json).ok_or_else(|| Problem::not_found("stop"))
}

/// Asks for trading to start again, or agrees to it.
///
/// It takes two of the staff, whoever or whatever stopped it: the first one asks (202), the second
/// one who does, or who agrees to the request, starts it (204). A stop of all grid areas is lifted
/// with `scope=global`, and leaves those that are stopped themselves. Cancelled orders do not come
/// back. A repeat changes nothing. Needs the role operator or admin.
#[utoipa::path(
    tag = "market",
    params(StopQuery),
    responses(
        (status = 202, body = ConsentView, description = "Another one has to agree"),
        (status = 204, description = "This stop stands no more, or did not; the other one may"),
        Problems,
    )
)]
#[delete("/v1/stop")]
pub(crate) async fn start_trading(
    market: Data<Market>,
    caller: Principal,
    Query(query): Query<StopQuery>,
) -> Result<HttpResponse, Problem> {
    let global = query.is_global()?;
    if !may(&caller, Action::HaltMarket, None) {
        return Err(Problem::forbidden());
    }
    let desk = desk_of(&market, &caller, query.zone.as_deref())?;
    if !global {
        return ask(&market, desk, &caller, Wish::Start).await;
    }
    // One name, so that whoever agrees does so for all.
    let change = Change::Ask { consent: Uuid::now_v7(), wish: Wish::StartAll };
    change_all(&market, &caller, change).await?;
    for desk in market.desks_of(caller.community) {
        if let Some(waits) = waiting(desk, &Wish::StartAll, market.now()).await {
            return Ok(answer(Some(waits)));
        }
    }
    Ok(answer(None))
}
