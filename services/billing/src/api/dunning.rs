//! What follows where invoices are not paid, and the claims that were handed over.

use access::Action;
use actix_web::web::{Data, Json, Query};
use actix_web::{HttpResponse, get, put};
use serde::{Deserialize, Serialize};
use service::{Page, PageQuery, Principal, Problem, Problems};
use units::Money;
use utoipa::{IntoParams, ToSchema};

use super::dues::{Receivable, place, receivable, today};
use super::require;
use crate::Billing;
use crate::db::dues;
use crate::db::dunning;
use crate::db::rulings::Ruling;
use crate::domain::ladder::{Ladder, Step, StepAction};

/// The most ladders of before that are shown.
const LADDERS_MAX: u32 = 100;

/// A step of what follows where an invoice is not paid.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StepBody {
    /// Days after the last one in time.
    pub(crate) days: u16,
    /// What it does.
    pub(crate) action: StepAction,
    /// What a step with the action `fee` adds to what is owed, in major units; `0` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fee: Option<String>,
}

/// What follows where invoices are not paid.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewLadder {
    /// In rising order of their days; at most 8, the first a reminder or a fee.
    steps: Vec<StepBody>,
    /// Nobody who owes less is reminded, in major units; `0` when absent.
    least: Option<String>,
}

/// What follows where invoices are not paid, and who said so.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct LadderView {
    /// In rising order of their days.
    pub(crate) steps: Vec<StepBody>,
    /// Nobody who owes less is reminded, in major units.
    pub(crate) least: String,
    /// Who set it; absent where nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    pub(crate) set_by: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<String>,
}

/// An amount of money that a request says.
pub(super) fn money_of(name: &str, text: Option<String>) -> Result<Money, Problem> {
    let Some(text) = text else { return Ok(Money::ZERO) };
    serde_json::from_value(text.into())
        .map_err(|error| Problem::malformed(format!("{name}: {error}")))
}

fn view(ladder: &Ladder, set: Option<&Ruling<Ladder>>) -> LadderView {
    let step = |step: &Step| StepBody {
        days: step.days,
        action: step.action,
        fee: (step.action == StepAction::Fee).then(|| step.fee.to_string()),
    };
    LadderView {
        steps: ladder.steps().iter().map(step).collect(),
        least: ladder.least().to_string(),
        set_by: set.map(|set| set.set_by.clone()),
        at: set.map(|set| set.at.to_string()),
    }
}

/// What follows where invoices are not paid; what was said before comes after it.
#[utoipa::path(
    tag = "billing",
    responses((status = 200, body = [LadderView]), Problems)
)]
#[get("/v1/reminders/ladder")]
pub(crate) async fn list_ladders(
    billing: Data<Billing>,
    caller: Principal,
) -> Result<Json<Vec<LadderView>>, Problem> {
    require(&caller, Action::ReadMarket)?;
    let set = dunning::LADDERS.list(&billing.db, caller.community, LADDERS_MAX).await?;
    let mut views: Vec<LadderView> = set.iter().map(|set| view(&set.said, Some(set))).collect();
    if views.is_empty() {
        views.push(view(&Ladder::default(), None));
    }
    Ok(Json(views))
}

/// Says what follows where invoices are not paid.
///
/// An invoice takes one step after the other, with at least the days between them that the ladder
/// has; days on which it is disputed do not count. `remind` says that it is not paid, `fee` adds an
/// amount, `suspend_trading` has the market refuse what the account would buy (`BUYING_HELD`) until
/// it has paid, `hand_over` lists the claim for who collects it. No step cuts anybody's supply.
#[utoipa::path(
    tag = "billing",
    request_body = NewLadder,
    responses((status = 200, body = LadderView), Problems)
)]
#[put("/v1/reminders/ladder")]
pub(crate) async fn set_ladder(
    billing: Data<Billing>,
    caller: Principal,
    Json(wanted): Json<NewLadder>,
) -> Result<Json<LadderView>, Problem> {
    require(&caller, Action::IssueInvoice)?;
    let least = money_of("least", wanted.least)?;
    let step = |step: StepBody| {
        let fee = money_of("fee", step.fee)?;
        Ok(Step { days: step.days, action: step.action, fee })
    };
    let steps = wanted.steps.into_iter().map(step).collect::<Result<Vec<Step>, Problem>>()?;
    let ladder =
        Ladder::new(steps, least).map_err(|bad| Problem::malformed(format!("steps: {bad}")))?;
    let set = Ruling { said: ladder, set_by: caller.party.to_string(), at: billing.now() };
    let view = view(&set.said, Some(&set));
    billing.set_ladder(caller.community, set).await?;
    Ok(Json(view))
}

/// Which claims, and as what.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct HandedOverQuery {
    /// `json` or `csv`; `json` when absent.
    format: Option<String>,
    /// Items wanted, 1 to 1000; 100 when absent.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// A claim that was handed over.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct HandedOverView {
    /// The invoice as it stands.
    #[serde(flatten)]
    pub(crate) of: Receivable,
    /// What reminders added to it, in major units; in what is left.
    pub(crate) fees: String,
    /// When it was handed over.
    pub(crate) handed_over_at: String,
}

/// Claims that were handed over and are not paid, oldest first.
///
/// For who collects them. What is disputed is among them, and says so. As a file with `format=csv`.
#[utoipa::path(
    tag = "billing",
    params(HandedOverQuery),
    responses((status = 200, body = Page<HandedOverView>), Problems)
)]
#[get("/v1/receivables/handed-over")]
pub(crate) async fn list_handed_over(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<HandedOverQuery>,
) -> Result<HttpResponse, Problem> {
    require(&caller, Action::ReadAccount)?;
    let csv = match query.format.as_deref() {
        None | Some("json") => false,
        Some("csv") => true,
        Some(_) => return Err(Problem::malformed("format: json or csv")),
    };
    let after = match query.cursor.as_deref() {
        None => (0, ""),
        Some(cursor) => place(cursor).ok_or_else(|| Problem::malformed("cursor: unknown"))?,
    };
    let limit = PageQuery { limit: query.limit, cursor: None }.limit();
    let found = dunning::handed_over(&billing.db, caller.community, after, limit).await?;
    let full = found.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    let next = found.last().filter(|_| full);
    let next = next.map(|last| format!("{}/{}", last.at.seconds(), last.invoice));
    let (_, today) = today(&billing, &caller).await?;
    let mut items = Vec::with_capacity(found.len());
    for one in found {
        let owing = dues::of(&billing.db, one.invoice).await?;
        let owing = owing.ok_or_else(|| Problem::not_found("invoice"))?;
        let of = receivable(&billing, owing, today).await?;
        let (fees, handed_over_at) = (one.fees.to_string(), one.at.to_string());
        items.push(HandedOverView { of, fees, handed_over_at });
    }
    if !csv {
        return Ok(HttpResponse::Ok().json(Page { items, next }));
    }
    let mut file = "number,invoice,account,due,left,fees,due_on,days_overdue,disputed,\
                    handed_over_at\r\n"
        .to_owned();
    for HandedOverView { of, fees, handed_over_at } in &items {
        // Numbers, ids, amounts and days: none has a comma.
        let (number, invoice, account) = (&of.number, &of.invoice, &of.account);
        let (due, left, due_on) = (&of.due, &of.left, &of.due_on);
        let (days, disputed) = (of.days_overdue, of.disputed);
        file += &format!(
            "{number},{invoice},{account},{due},{left},{fees},{due_on},{days},{disputed},\
             {handed_over_at}\r\n"
        );
    }
    Ok(HttpResponse::Ok().content_type("text/csv; charset=utf-8").body(file))
}
