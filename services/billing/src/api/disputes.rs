//! Disputes about invoices.

use access::Action;
use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpResponse, get, post};
use ids::DisputeId;
use serde::{Deserialize, Serialize};
use service::{Page, PageQuery, Principal, Problem, Problems};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::invoices::invoice_of;
use super::{account_of, may};
use crate::Billing;
use crate::db::corrections;
use crate::db::disputes::{self, Dispute, Said};
use crate::domain::dispute::{DisputeState, Ground};

/// The most characters that are said at once.
const TEXT_CHARS_MAX: usize = 4_000;

/// What is wrong with an invoice.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewDispute {
    /// What it is about.
    ground: Ground,
    /// The line of the invoice that it is about, from one on; the whole when absent.
    line: Option<u32>,
    /// What is wrong, in 1 to 4000 characters.
    text: String,
}

/// Something to say in a dispute.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewStatement {
    /// 1 to 4000 characters.
    text: String,
    /// Ends the dispute: `upheld` or `rejected` by staff, `withdrawn` by whose invoice it is.
    #[schema(inline)]
    decision: Option<DisputeState>,
}

/// Which disputes.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DisputesQuery {
    /// The account; the caller's own when absent, and all of the community for staff.
    account: Option<String>,
    /// Only of this invoice.
    invoice: Option<String>,
    /// `open`, `upheld`, `rejected` or `withdrawn`; all when absent.
    #[param(inline)]
    state: Option<DisputeState>,
    /// Items wanted, 1 to 1000; 100 when absent.
    limit: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// A dispute in a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct DisputeSummary {
    /// Its id.
    #[schema(format = "uuid")]
    pub(crate) id: String,
    /// The invoice.
    #[schema(format = "uuid")]
    pub(crate) invoice: String,
    /// The invoice's number.
    pub(crate) number: String,
    /// Whose invoice it is.
    #[schema(format = "uuid")]
    pub(crate) account: String,
    /// What it is about.
    pub(crate) ground: Ground,
    /// The line of the invoice, from one on; absent for the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<u32>,
    /// How it stands.
    pub(crate) state: DisputeState,
    /// When it was opened.
    pub(crate) at: String,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ended: Option<String>,
}

/// A dispute with what was said in it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct DisputeView {
    /// What a list shows.
    #[serde(flatten)]
    pub(crate) summary: DisputeSummary,
    /// The correction that it caused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    pub(crate) correction: Option<String>,
    /// What was said, oldest first.
    pub(crate) said: Vec<SaidView>,
}

/// What somebody said in a dispute.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct SaidView {
    /// `customer` or `staff`.
    pub(crate) by: String,
    /// The words.
    pub(crate) text: String,
    /// What it ended the dispute with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) decision: Option<DisputeState>,
    /// When.
    pub(crate) at: String,
}

fn summary(dispute: &Dispute) -> DisputeSummary {
    DisputeSummary {
        id: dispute.id.to_string(),
        invoice: dispute.invoice.to_string(),
        number: dispute.invoice_number.clone(),
        account: dispute.account.to_string(),
        ground: dispute.ground,
        line: dispute.line,
        state: dispute.state,
        at: dispute.at.to_string(),
        ended: dispute.ended.map(|at| at.to_string()),
    }
}

async fn view(billing: &Billing, dispute: &Dispute) -> Result<DisputeView, Problem> {
    let said = disputes::said(&billing.db, dispute.id).await?.into_iter();
    let said = said.map(|one| SaidView {
        by: if one.staff { "staff" } else { "customer" }.to_owned(),
        text: one.text,
        decision: one.decision,
        at: one.at.to_string(),
    });
    let correction = corrections::of_dispute(&billing.db, dispute.id).await?;
    let correction = correction.map(|correction| correction.id.to_string());
    Ok(DisputeView { summary: summary(dispute), correction, said: said.collect() })
}

/// The dispute that the path names, if the caller may know of it.
async fn dispute_of(billing: &Billing, caller: &Principal, id: &str) -> Result<Dispute, Problem> {
    let unknown = || Problem::not_found("dispute");
    let id: DisputeId = id.parse().map_err(|_| unknown())?;
    let dispute = disputes::find(&billing.db, id).await?.ok_or_else(unknown)?;
    let visible = dispute.community == caller.community
        && may(caller, Action::ReadAccount, Some(dispute.account));
    if visible { Ok(dispute) } else { Err(unknown()) }
}

/// Words that can be kept and shown.
fn text(said: &str) -> Result<String, Problem> {
    let said = said.trim();
    let length = said.chars().count();
    let odd = said.chars().any(|c| c.is_control() && c != '\n' && c != '\t');
    if length == 0 || length > TEXT_CHARS_MAX || odd {
        return Err(Problem::malformed("text: not 1 to 4000 printable characters"));
    }
    Ok(said.to_owned())
}

/// Disputes an invoice.
///
/// While the dispute is open nobody is reminded of the invoice. An invoice has one open dispute.
#[utoipa::path(
    tag = "billing",
    params(("id" = String, Path, description = "The invoice")),
    request_body = NewDispute,
    responses((status = 201, body = DisputeView), Problems)
)]
#[post("/v1/invoices/{id}/disputes")]
pub(crate) async fn dispute_invoice(
    billing: Data<Billing>,
    caller: Principal,
    id: Path<String>,
    Json(wanted): Json<NewDispute>,
) -> Result<HttpResponse, Problem> {
    let issued = invoice_of(&billing, &caller, &id).await?;
    if !may(&caller, Action::DisputeInvoice, Some(issued.account)) {
        return Err(Problem::forbidden());
    }
    let text = text(&wanted.text)?;
    let lines = u32::try_from(issued.invoice.lines.len()).unwrap_or(u32::MAX);
    if wanted.line.is_some_and(|line| line == 0 || line > lines) {
        return Err(Problem::malformed(format!("line: the invoice has lines 1 to {lines}")));
    }
    let now = billing.now();
    let dispute = Dispute {
        number: 0,
        id: DisputeId::from_uuid(Uuid::new_v4()),
        community: issued.community,
        account: issued.account,
        invoice: issued.id,
        invoice_number: issued.invoice.number.clone(),
        ground: wanted.ground,
        line: wanted.line,
        state: DisputeState::Open,
        at: now,
        ended: None,
    };
    let own = caller.account == Some(issued.account);
    let staff = !own && may(&caller, Action::SettleDispute, Some(issued.account));
    let by = caller.party.to_string();
    let said = Said { by, staff, text, decision: None, at: now };
    billing.open_dispute(dispute.clone(), said).await?;
    Ok(HttpResponse::Created().json(view(&billing, &dispute).await?))
}

/// Disputes, newest first.
#[utoipa::path(
    tag = "billing",
    params(DisputesQuery),
    responses((status = 200, body = Page<DisputeSummary>), Problems)
)]
#[get("/v1/disputes")]
pub(crate) async fn list_disputes(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<DisputesQuery>,
) -> Result<Json<Page<DisputeSummary>>, Problem> {
    let all = query.account.is_none() && may(&caller, Action::ReadAccount, None);
    let account = match all {
        true => None,
        false => Some(account_of(&billing, &caller, query.account.as_deref()).await?.account),
    };
    let invoice = query.invoice.as_deref().map(str::parse).transpose();
    let invoice = invoice.map_err(|_| Problem::malformed("invoice: not a UUID"))?;
    let before = query.cursor.as_deref().map(str::parse).transpose();
    let before = before.map_err(|_| Problem::malformed("cursor: unknown"))?.unwrap_or(i64::MAX);
    let limit = PageQuery { limit: query.limit, cursor: None }.limit();
    let place = (before, limit);
    let community = caller.community;
    let found =
        disputes::list(&billing.db, community, (account, invoice), query.state, place).await?;
    let full = found.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    let next = found.last().filter(|_| full).map(|last| last.number.to_string());
    Ok(Json(Page { items: found.iter().map(summary).collect(), next }))
}

/// One dispute with what was said in it.
#[utoipa::path(
    tag = "billing",
    params(("id" = String, Path, description = "The dispute")),
    responses((status = 200, body = DisputeView), Problems)
)]
#[get("/v1/disputes/{id}")]
pub(crate) async fn get_dispute(
    billing: Data<Billing>,
    caller: Principal,
    id: Path<String>,
) -> Result<Json<DisputeView>, Problem> {
    let dispute = dispute_of(&billing, &caller, &id).await?;
    Ok(Json(view(&billing, &dispute).await?))
}

/// Says something in a dispute, or ends it.
#[utoipa::path(
    tag = "billing",
    params(("id" = String, Path, description = "The dispute")),
    request_body = NewStatement,
    responses((status = 200, body = DisputeView), Problems)
)]
#[post("/v1/disputes/{id}/statements")]
pub(crate) async fn say_in_dispute(
    billing: Data<Billing>,
    caller: Principal,
    id: Path<String>,
    Json(wanted): Json<NewStatement>,
) -> Result<Json<DisputeView>, Problem> {
    let dispute = dispute_of(&billing, &caller, &id).await?;
    let owner = Some(dispute.account);
    let staff = may(&caller, Action::SettleDispute, owner);
    let own = caller.account == owner && may(&caller, Action::DisputeInvoice, owner);
    let allowed = match wanted.decision {
        None => staff || own,
        Some(DisputeState::Withdrawn) => own,
        Some(DisputeState::Upheld | DisputeState::Rejected) => staff && !own,
        Some(DisputeState::Open) => {
            return Err(Problem::malformed("decision: upheld, rejected or withdrawn"));
        }
    };
    if !allowed {
        return Err(Problem::forbidden());
    }
    let said = Said {
        by: caller.party.to_string(),
        staff: staff && !own,
        text: text(&wanted.text)?,
        decision: wanted.decision,
        at: billing.now(),
    };
    let id = dispute.id;
    billing.say_in_dispute(dispute, said).await?;
    let dispute = disputes::find(&billing.db, id).await?;
    let dispute = dispute.ok_or_else(|| Problem::not_found("dispute"))?;
    Ok(Json(view(&billing, &dispute).await?))
}
