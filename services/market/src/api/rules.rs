//! Standing rules, and the mandates that they need.

use access::Action;
use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpResponse, delete, get, put};
use calendar::Timestamp;
use contracts::Side;
use contracts::requests::Mandate;
use ids::ConnectionPointId;
use serde::{Deserialize, Serialize};
use service::{Principal, Problem, Problems};
use units::{Energy, Price};
use utoipa::ToSchema;

use super::orders::per_kwh;
use super::slots::ZoneQuery;
use super::{desk_of, may, moment_of};
use crate::app::{Desk, RuleRefusal};
use crate::domain::{Change, Exchange, Rule, RuleName, RuleQuantity};
use crate::market::Market;

/// The warning that no mandate lets the rule place orders.
pub(super) const NO_MANDATE: &str = "NO_MANDATE";

/// An order for every slot.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleBody {
    /// How much each time, in Wh; without it what is likely at that time of day.
    quantity_wh: Option<u64>,
    /// How much of what is likely, in percent: 1 to 200; 100 when absent.
    percent: Option<u32>,
    /// In 1e-9 currency per Wh: a buyer's all-in, never paid more; a seller's net, never got less.
    limit_price: u64,
    /// At least this, or nothing.
    #[serde(default)]
    min_fill_wh: u64,
    /// For slots that start then or later.
    #[schema(format = DateTime)]
    from: Option<String>,
    /// For slots that end then or before.
    #[schema(format = DateTime)]
    until: Option<String>,
}

/// A standing rule.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct RuleView {
    /// Where the energy is metered.
    #[schema(format = "uuid")]
    connection_point: String,
    /// `buy` or `sell`.
    side: String,
    /// How much each time, in Wh, where that is fixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity_wh: Option<u64>,
    /// How much of what is likely, in percent, where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    percent: Option<u32>,
    /// In 1e-9 currency per Wh.
    limit_price: u64,
    /// Currency per kWh: a buyer's all-in, a seller's net.
    limit_per_kwh: String,
    /// At least this, or nothing.
    min_fill_wh: u64,
    /// For slots that start then or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// For slots that end then or before.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// Why its newest order was refused, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<RefusalView>,
    /// `NO_MANDATE` where the account has granted the delegate nothing that such an order needs.
    warnings: Vec<String>,
}

/// Why an order of a rule was refused.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct RefusalView {
    /// The code that an order by hand would have been refused with.
    code: String,
    /// In words.
    title: String,
    /// Start of the slot.
    slot: String,
    /// When.
    at: String,
}

/// The standing rules of an account.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct RulesView {
    /// Who signs their orders: the account grants this address a mandate.
    delegate: String,
    /// By connection point and side.
    items: Vec<RuleView>,
}

/// What an account lets a delegate sign, as the newest blocks say.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct MandateView {
    /// Who may sign.
    delegate: String,
    /// Whether that is who signs for standing rules.
    rules: bool,
    /// The only policy of the orders.
    policy: String,
    /// Before when; absent where it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    /// The most an order to buy may pay all in, in 1e-9 currency per Wh.
    buy_price_max: u64,
    /// The least an order to sell may get net, in 1e-9 currency per Wh, as a decimal number: a
    /// mandate without sales has a larger one than a JSON number holds.
    sell_price_min: String,
    /// The largest order of each side and slot.
    quantity_per_slot_wh: u64,
    /// The most of each side and UTC day.
    quantity_per_day_wh: u64,
}

/// The caller's standing rules, and who signs their orders.
#[utoipa::path(
    tag = "market",
    params(ZoneQuery),
    responses((status = 200, body = RulesView), Problems)
)]
#[get("/v1/rules")]
pub(crate) async fn list_rules(
    market: Data<Market>,
    caller: Principal,
    Query(query): Query<ZoneQuery>,
) -> Result<Json<RulesView>, Problem> {
    let account = caller.own_account()?;
    let desk = desk_of(&market, &caller, query.zone())?;
    let book = desk.book().await;
    let items = book.rules_of(account).map(|rule| view(rule, desk, &book, &market)).collect();
    Ok(Json(RulesView { delegate: format!("{:#x}", market.delegate()), items }))
}

/// Places an order for every slot from now on, an hour before its gate.
///
/// Each is judged as one by hand, and signed by the market's delegate: the account has to grant it
/// a mandate (`POST /v1/requests/prepare`), inside which it stays. Of a slot and side in which the
/// rule has placed an order it places no other one, also where that was taken back. Refused with
/// `TICK`, `MIN_LOT`, `POLICY`, `TOO_MANY`. A repeat changes nothing.
#[utoipa::path(
    tag = "market",
    params(
        ("connection_point" = String, Path, format = "uuid", description = "One of the caller's"),
        ("side" = String, Path, description = "`buy` or `sell`"),
        ZoneQuery,
    ),
    request_body = RuleBody,
    responses((status = 200, body = RuleView), Problems)
)]
#[put("/v1/rules/{connection_point}/{side}")]
pub(crate) async fn set_rule(
    market: Data<Market>,
    caller: Principal,
    named: Path<(String, String)>,
    Query(query): Query<ZoneQuery>,
    Json(body): Json<RuleBody>,
) -> Result<Json<RuleView>, Problem> {
    let account = caller.own_account()?;
    let name = named_rule(&named)?;
    let action = match name.side {
        Side::Buy => Action::PlaceBuyOrder,
        Side::Sell => Action::PlaceSellOrder,
    };
    if !may(&caller, action, Some(account)) {
        return Err(Problem::forbidden());
    }
    let limit = i64::try_from(body.limit_price).map(Price::from_n_per_wh);
    let rule = Rule {
        name,
        account,
        quantity: quantity(&body)?,
        limit: limit.map_err(|_| Problem::malformed("limit_price: too high"))?,
        min_fill: Energy::from_wh(body.min_fill_wh),
        from: moment("from", body.from.as_deref())?,
        until: moment("until", body.until.as_deref())?,
    };
    let desk = desk_of(&market, &caller, query.zone())?;
    desk.change(Change::SetRule(rule), caller.party).await?;
    let book = desk.book().await;
    let rule = book.rule(name).ok_or_else(|| Problem::not_found("rule"))?;
    Ok(Json(view(rule, desk, &book, &market)))
}

/// Ends a standing rule. Orders that it has placed stay. A repeat changes nothing.
#[utoipa::path(
    tag = "market",
    params(
        ("connection_point" = String, Path, format = "uuid", description = "One of the caller's"),
        ("side" = String, Path, description = "`buy` or `sell`"),
        ZoneQuery,
    ),
    responses((status = 204, description = "It is over"), Problems)
)]
#[delete("/v1/rules/{connection_point}/{side}")]
pub(crate) async fn end_rule(
    market: Data<Market>,
    caller: Principal,
    named: Path<(String, String)>,
    Query(query): Query<ZoneQuery>,
) -> Result<HttpResponse, Problem> {
    let account = caller.own_account()?;
    let name = named_rule(&named)?;
    let desk = desk_of(&market, &caller, query.zone())?;
    let own = desk.book().await.point(name.connection_point).map(|point| point.account);
    if own != Some(account) {
        return Err(Problem::not_found("connection point"));
    }
    desk.change(Change::EndRule(name), caller.party).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// What the caller's account lets delegates sign, as the newest blocks say.
#[utoipa::path(
    tag = "market",
    params(ZoneQuery),
    responses((status = 200, body = Vec<MandateView>), Problems)
)]
#[get("/v1/mandates")]
pub(crate) async fn list_mandates(
    market: Data<Market>,
    caller: Principal,
    Query(query): Query<ZoneQuery>,
) -> Result<Json<Vec<MandateView>>, Problem> {
    let account = caller.own_account()?;
    let desk = desk_of(&market, &caller, query.zone())?;
    let book = desk.book().await;
    book.member(account).ok_or_else(|| Problem::not_found("account"))?;
    let granted: Vec<&Mandate> =
        book.addresses(account).flat_map(|(_, address)| book.mandates(address)).collect();
    let seen = |mandate: &Mandate| MandateView {
        delegate: format!("{:#x}", mandate.delegate),
        rules: mandate.delegate == market.delegate(),
        policy: mandate.policy.to_string(),
        until: (mandate.until > 0).then(|| {
            let until = i64::try_from(mandate.until).unwrap_or(i64::MAX);
            Timestamp::from_seconds(until).to_string()
        }),
        buy_price_max: mandate.buy_price_max,
        sell_price_min: mandate.sell_price_min.to_string(),
        quantity_per_slot_wh: mandate.quantity_per_slot.wh(),
        quantity_per_day_wh: mandate.quantity_per_day.wh(),
    };
    Ok(Json(granted.into_iter().map(seen).collect()))
}

fn view(rule: &Rule, desk: &Desk, book: &Exchange, market: &Market) -> RuleView {
    let RuleName { connection_point, side } = rule.name;
    let (quantity_wh, percent) = match rule.quantity {
        RuleQuantity::Fixed { quantity } => (Some(quantity.wh()), None),
        RuleQuantity::Likely { percent } => (None, Some(percent)),
    };
    let granted = book.address_at(rule.account, market.now()).is_some_and(|address| {
        book.mandates(address)
            .any(|mandate| mandate.delegate == market.delegate() && covers(mandate, rule, market))
    });
    RuleView {
        connection_point: connection_point.to_string(),
        side: side_name(side).to_owned(),
        quantity_wh,
        percent,
        limit_price: rule.limit.n_per_wh().unsigned_abs(),
        limit_per_kwh: per_kwh(rule.limit),
        min_fill_wh: rule.min_fill.wh(),
        from: rule.from.map(|from| from.to_string()),
        until: rule.until.map(|until| until.to_string()),
        refused: desk.refused_rule(rule.name).map(refusal),
        warnings: (!granted).then(|| NO_MANDATE.to_owned()).into_iter().collect(),
    }
}

/// Whether orders of a rule are inside a mandate now, as far as they are known.
fn covers(mandate: &Mandate, rule: &Rule, market: &Market) -> bool {
    let limit = rule.limit.n_per_wh().unsigned_abs();
    let in_price = match rule.name.side {
        Side::Buy => limit <= mandate.buy_price_max,
        Side::Sell => limit >= mandate.sell_price_min,
    };
    let fits = match rule.quantity {
        RuleQuantity::Fixed { quantity } => quantity <= mandate.quantity_per_slot,
        RuleQuantity::Likely { .. } => true,
    };
    in_price && fits && mandate.until > market.now().unsigned()
}

pub(super) fn refusal(refused: RuleRefusal) -> RefusalView {
    RefusalView {
        code: refused.why.code().to_owned(),
        title: refused.why.to_string(),
        slot: refused.slot.to_string(),
        at: refused.at.to_string(),
    }
}

fn named_rule(named: &(String, String)) -> Result<RuleName, Problem> {
    let malformed = |_| Problem::malformed("connection_point: not a UUID");
    let connection_point: ConnectionPointId = named.0.parse().map_err(malformed)?;
    let side = [Side::Buy, Side::Sell].into_iter().find(|side| side_name(*side) == named.1);
    let side = side.ok_or_else(|| Problem::malformed("side: buy or sell"))?;
    Ok(RuleName { connection_point, side })
}

const fn side_name(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

fn quantity(body: &RuleBody) -> Result<RuleQuantity, Problem> {
    match (body.quantity_wh, body.percent) {
        (Some(wh), None) => Ok(RuleQuantity::Fixed { quantity: Energy::from_wh(wh) }),
        (None, percent) => Ok(RuleQuantity::Likely { percent: percent.unwrap_or(100) }),
        (Some(_), Some(_)) => Err(Problem::malformed("percent: not beside quantity_wh")),
    }
}

fn moment(field: &str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    text.map(|text| moment_of(field, text)).transpose()
}
