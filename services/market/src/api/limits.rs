//! Who and what may not trade: suspensions and curtailments.

use access::Action;
use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpResponse, delete, get, put};
use calendar::Timestamp;
use contracts::Side;
use ids::{AccountId, Uuid};
use serde::{Deserialize, Serialize};
use service::{Page, PageQuery, Principal, Problem, Problems};
use units::Energy;
use utoipa::ToSchema;

use super::consents::{ConsentView, answer, waiting};
use super::orders::page;
use super::slots::ZoneQuery;
use super::stop::TrippedView;
use super::{desk_of, may, moment_of};
use crate::domain::{Change, Curtailment, Exchange, LinkLimit, RuleName, Suspension, Trader, Wish};
use crate::market::Market;

/// The most characters of a reason.
const REASON_MAX: usize = 500;

/// Why.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReasonBody {
    /// In words, 1 to 500 characters. Those concerned read it.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

impl ReasonBody {
    pub(super) const fn of(reason: String) -> ReasonBody {
        ReasonBody { reason }
    }

    pub(super) fn checked(self) -> Result<String, Problem> {
        let length = self.reason.chars().count();
        let fits = (1..=REASON_MAX).contains(&length);
        fits.then_some(self.reason)
            .ok_or_else(|| Problem::malformed("reason: 1 to 500 characters are needed"))
    }
}

/// Somebody who may not trade.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct SuspensionView {
    /// `accounts`, `connection-points`, of standing rules `buy-rules` or `sell-rules`, or
    /// `sellers`: accounts that may only buy.
    kind: String,
    /// Which: of a rule, its connection point.
    #[schema(format = "uuid")]
    id: String,
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

/// Slots in which nothing trades.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct CurtailmentView {
    /// The grid area.
    #[schema(format = "uuid")]
    zone: String,
    /// Start of the first slot.
    from: String,
    /// End of the last slot.
    to: String,
    /// In words.
    reason: String,
    /// The party that decided.
    #[schema(format = "uuid")]
    by: String,
    /// When.
    decided_at: String,
    /// What links carry at most; absent where nothing trades.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    links: Vec<LinkBody>,
}

/// What the link above a zone carries at most.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkBody {
    /// The zone at its lower end.
    #[schema(format = "uuid")]
    zone: String,
    /// Out of the zone, in Wh a slot; as it is when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    up_wh: Option<u64>,
    /// Into the zone, in Wh a slot; as it is when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    down_wh: Option<u64>,
}

/// Why, and what is curtailed.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CurtailmentBody {
    /// In words, 1 to 500 characters. Those concerned read it.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
    /// In a market of several zones, the links that carry less; all is curtailed when absent.
    #[serde(default)]
    links: Vec<LinkBody>,
}

impl LinkBody {
    fn of(limit: &LinkLimit) -> LinkBody {
        LinkBody {
            zone: limit.zone.to_string(),
            up_wh: limit.up.map(Energy::wh),
            down_wh: limit.down.map(Energy::wh),
        }
    }

    fn parse(&self) -> Result<LinkLimit, Problem> {
        let zone = self.zone.parse().map_err(|_| Problem::malformed("zone: not a UUID"))?;
        let (up, down) = (self.up_wh.map(Energy::from_wh), self.down_wh.map(Energy::from_wh));
        Ok(LinkLimit { zone, up, down })
    }
}

/// How a trader is named in paths.
pub(super) fn name_of(trader: Trader) -> (&'static str, String) {
    match trader {
        Trader::Account(account) => ("accounts", account.to_string()),
        Trader::Seller(account) => ("sellers", account.to_string()),
        Trader::ConnectionPoint(point) => ("connection-points", point.to_string()),
        Trader::Rule(RuleName { connection_point, side: Side::Buy }) => {
            ("buy-rules", connection_point.to_string())
        }
        Trader::Rule(RuleName { connection_point, side: Side::Sell }) => {
            ("sell-rules", connection_point.to_string())
        }
    }
}

fn suspension(trader: Trader, suspension: &Suspension) -> SuspensionView {
    let (kind, id) = name_of(trader);
    SuspensionView {
        kind: kind.to_owned(),
        id,
        reason: suspension.reason.clone(),
        by: suspension.by.to_string(),
        since: suspension.at.to_string(),
        tripped: suspension.tripped.as_ref().map(TrippedView::from),
    }
}

fn trader_of(kind: &str, id: &str) -> Result<Trader, Problem> {
    let malformed = || Problem::malformed("id: not a UUID");
    let rule = |side: Side| {
        let named = |connection_point| Trader::Rule(RuleName { connection_point, side });
        id.parse().map(named).map_err(|_| malformed())
    };
    match kind {
        "accounts" => id.parse().map(Trader::Account).map_err(|_| malformed()),
        "connection-points" => id.parse().map(Trader::ConnectionPoint).map_err(|_| malformed()),
        "buy-rules" => rule(Side::Buy),
        "sell-rules" => rule(Side::Sell),
        "sellers" => id.parse().map(Trader::Seller).map_err(|_| malformed()),
        _ => Err(Problem::not_found("suspension")),
    }
}

/// Makes a change for `trader` in every market of the caller's community that knows it; the
/// suspension as it stands then, and what waits for consent to its end. A trader of another
/// community is not found.
async fn change_trader(
    market: &Market,
    caller: &Principal,
    trader: Trader,
    change: Change,
) -> Result<(Option<SuspensionView>, Option<ConsentView>), Problem> {
    let allowed = |owner: Option<AccountId>| may(caller, Action::HaltMarket, owner);
    if !allowed(None) {
        return Err(Problem::forbidden());
    }
    let (mut known, mut stands, mut waits) = (false, None, None);
    // A desk that cannot keeps no other from it.
    let mut failed = None;
    for desk in market.desks_of(caller.community) {
        let owner = desk.book().await.owner(trader);
        if owner.is_none() || !allowed(owner) {
            continue;
        }
        known = true;
        if let Err(refused) = desk.change(change.clone(), caller.party).await {
            failed.get_or_insert(refused);
            continue;
        }
        waits = waiting(desk, &Wish::Resume { trader }, market.now()).await.or(waits);
        let book = desk.book().await;
        stands = book.suspension(trader).map(|why| suspension(trader, why)).or(stands);
    }
    if let Some(refused) = failed {
        return Err(refused.into());
    }
    if known { Ok((stands, waits)) } else { Err(Problem::not_found("account or connection point")) }
}

/// Suspends an account, its sales, a connection point or a standing rule from trading.
///
/// New orders are refused with `SUSPENDED` and open ones are cancelled; a suspended rule places
/// none, a suspended seller may buy. Trades and cash stay as they are; withdrawals go on. Needs the
/// role operator or admin. A repeat changes nothing.
#[utoipa::path(
    tag = "market",
    params(
        ("kind" = String, Path,
            description = "`accounts`, `connection-points`, `buy-rules`, `sell-rules` or \
                `sellers`"),
        ("id" = String, Path, format = "uuid", description = "Which"),
    ),
    request_body = ReasonBody,
    responses((status = 200, body = SuspensionView), Problems)
)]
#[put("/v1/suspensions/{kind}/{id}")]
pub(crate) async fn suspend_trader(
    market: Data<Market>,
    caller: Principal,
    path: Path<(String, String)>,
    Json(body): Json<ReasonBody>,
) -> Result<Json<SuspensionView>, Problem> {
    let trader = trader_of(&path.0, &path.1)?;
    let change = Change::Suspend { trader, reason: body.checked()? };
    let (stands, _) = change_trader(&market, &caller, trader, change).await?;
    stands.map(Json).ok_or_else(|| Problem::not_found("suspension"))
}

/// Asks for a suspension to end, or agrees to it.
///
/// It takes two of the staff, whoever or whatever suspended: the first one asks (202), the second
/// one who does, or who agrees to the request, ends it (204); whose account it is is refused with
/// `SECOND_PERSON`. Cancelled orders do not come back. What a seller has delivered before does not
/// count any more. A repeat changes nothing.
#[utoipa::path(
    tag = "market",
    params(
        ("kind" = String, Path,
            description = "`accounts`, `connection-points`, `buy-rules`, `sell-rules` or \
                `sellers`"),
        ("id" = String, Path, format = "uuid", description = "Which"),
    ),
    responses(
        (status = 202, body = ConsentView, description = "Another one has to agree"),
        (status = 204, description = "It is not suspended"),
        Problems,
    )
)]
#[delete("/v1/suspensions/{kind}/{id}")]
pub(crate) async fn resume_trader(
    market: Data<Market>,
    caller: Principal,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let trader = trader_of(&path.0, &path.1)?;
    let change = Change::Ask { consent: Uuid::now_v7(), wish: Wish::Resume { trader } };
    let (_, waits) = change_trader(&market, &caller, trader, change).await?;
    Ok(answer(waits))
}

/// Lists who may not trade: of the caller's own account, or for staff all.
#[utoipa::path(
    tag = "market",
    params(PageQuery),
    responses((status = 200, body = Page<SuspensionView>), Problems)
)]
#[get("/v1/suspensions")]
pub(crate) async fn list_suspensions(
    market: Data<Market>,
    caller: Principal,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<SuspensionView>>, Problem> {
    let mut views: Vec<SuspensionView> = Vec::new();
    for desk in market.desks_of(caller.community) {
        let book = desk.book().await;
        let visible = |trader: Trader| {
            book.owner(trader).is_some_and(|owner| may(&caller, Action::ReadAccount, Some(owner)))
        };
        let suspensions = book.suspensions().filter(|(trader, _)| visible(*trader));
        for view in suspensions.map(|(trader, why)| suspension(trader, why)) {
            if !views.iter().any(|known| (&known.kind, &known.id) == (&view.kind, &view.id)) {
                views.push(view);
            }
        }
    }
    page(views, &query, |view| format!("{}/{}", view.kind, view.id))
}

fn curtailment(curtailment: &Curtailment, zone: &str) -> CurtailmentView {
    CurtailmentView {
        zone: zone.to_owned(),
        from: curtailment.from.to_string(),
        to: curtailment.to.to_string(),
        reason: curtailment.reason.clone(),
        by: curtailment.by.to_string(),
        decided_at: curtailment.at.to_string(),
        links: curtailment.links.iter().map(LinkBody::of).collect(),
    }
}

/// `[from, to)` of a path.
fn range_of(path: &(String, String)) -> Result<(Timestamp, Timestamp), Problem> {
    Ok((moment_of("from", &path.0)?, moment_of("to", &path.1)?))
}

/// Curtails a zone in the slots from `from` to before `to`.
///
/// New orders are refused with `ZONE_CURTAILED`; open ones stay, and when the gate closes nothing
/// is sold. Slots that are cleared already can be curtailed for eight days: their trades stand,
/// what was delivered is paid, and billing takes it that nobody owes for the rest; refused with
/// `GATE_CLOSED` later. Where links are named, these carry less and the rest of the grid trades;
/// refused with `LINK` where there is none, and with `GATE_CLOSED` after the gate of the last slot.
/// Needs the role operator or admin. A repeat changes nothing.
#[utoipa::path(
    tag = "market",
    params(
        ("from" = String, Path, description = "Start of the first slot: 2026-06-01T10:00:00Z"),
        ("to" = String, Path, description = "End of the last slot: 2026-06-01T12:00:00Z"),
        ZoneQuery,
    ),
    request_body = CurtailmentBody,
    responses((status = 200, body = CurtailmentView), Problems)
)]
#[put("/v1/curtailments/{from}/{to}")]
pub(crate) async fn curtail_zone(
    market: Data<Market>,
    caller: Principal,
    path: Path<(String, String)>,
    Query(query): Query<ZoneQuery>,
    Json(body): Json<CurtailmentBody>,
) -> Result<Json<CurtailmentView>, Problem> {
    let (from, to) = range_of(&path)?;
    if !may(&caller, Action::HaltMarket, None) {
        return Err(Problem::forbidden());
    }
    let desk = desk_of(&market, &caller, query.zone())?;
    let links = body.links.iter().map(LinkBody::parse).collect::<Result<Vec<_>, Problem>>()?;
    let reason = ReasonBody::of(body.reason).checked()?;
    let change = if links.is_empty() {
        Change::Curtail { from, to, reason }
    } else {
        Change::Limit { from, to, reason, links }
    };
    desk.change(change, caller.party).await?;
    let (book, zone) = (desk.book().await, desk.parameters().zone.to_string());
    let stands = Exchange::curtailment(&book, from, to).map(|known| curtailment(known, &zone));
    stands.map(Json).ok_or_else(|| Problem::not_found("curtailment"))
}

/// Lifts a curtailment of exactly these slots.
///
/// Orders that are still open can trade again; of a slot that has traded it is owed again for what
/// was not delivered, while its corrections are open. A repeat changes nothing.
#[utoipa::path(
    tag = "market",
    params(
        ("from" = String, Path, description = "Start of the first slot: 2026-06-01T10:00:00Z"),
        ("to" = String, Path, description = "End of the last slot: 2026-06-01T12:00:00Z"),
        ZoneQuery,
    ),
    responses((status = 204, description = "It is not curtailed like this"), Problems)
)]
#[delete("/v1/curtailments/{from}/{to}")]
pub(crate) async fn lift_curtailment(
    market: Data<Market>,
    caller: Principal,
    path: Path<(String, String)>,
    Query(query): Query<ZoneQuery>,
) -> Result<HttpResponse, Problem> {
    let (from, to) = range_of(&path)?;
    if !may(&caller, Action::HaltMarket, None) {
        return Err(Problem::forbidden());
    }
    let desk = desk_of(&market, &caller, query.zone())?;
    desk.change(Change::Lift { from, to }, caller.party).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Lists the curtailments of the caller's community, oldest decision first.
#[utoipa::path(
    tag = "market",
    params(PageQuery),
    responses((status = 200, body = Page<CurtailmentView>), Problems)
)]
#[get("/v1/curtailments")]
pub(crate) async fn list_curtailments(
    market: Data<Market>,
    caller: Principal,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<CurtailmentView>>, Problem> {
    if !may(&caller, Action::ReadMarket, None) {
        return Err(Problem::forbidden());
    }
    let mut views = Vec::new();
    for desk in market.desks_of(caller.community) {
        let (book, zone) = (desk.book().await, desk.parameters().zone.to_string());
        views.extend(book.curtailments().iter().map(|known| curtailment(known, &zone)));
    }
    let name = |view: &CurtailmentView| format!("{}/{}/{}", view.zone, view.from, view.to);
    page(views, &query, name)
}
