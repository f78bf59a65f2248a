//! Corrections of invoices, and invoices that are taken back.

use access::Action;
use actix_web::http::header::ContentType;
use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpResponse, get, post};
use ids::{CorrectionId, DisputeId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service::{Page, PageQuery, Principal, Problem, Problems};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::decisions::{next, place, reason, said};
use super::documents::{DocumentQuery, written};
use super::invoices::{BillQuery, invoice_of};
use super::{account_of, may, require};
use crate::Billing;
use crate::db::cancellations::{self, Cancellation};
use crate::db::corrections::{self, IssuedCorrection};
use crate::db::disputes;
use crate::domain::correction::Cause;
use crate::domain::dispute::DisputeState;

/// Which corrections.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CorrectionsQuery {
    /// The account; the caller's own when absent, and all of the community for who may see them.
    account: Option<String>,
    /// Only of this invoice, in order.
    invoice: Option<String>,
    /// Items wanted, 1 to 1000; 100 when absent.
    limit: Option<u32>,
    /// Where the page before ended.
    cursor: Option<String>,
}

/// A correction in a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct CorrectionSummary {
    /// Its id.
    #[schema(format = "uuid")]
    pub(crate) id: String,
    /// Its number.
    pub(crate) number: String,
    /// `credit_note`, `invoice` (something is added) or `corrected` (the total stays).
    pub(crate) kind: String,
    /// `facts`, `cancelled` or `anew`.
    pub(crate) cause: String,
    /// The invoice that it corrects.
    #[schema(format = "uuid")]
    pub(crate) invoice: String,
    /// The invoice's number.
    pub(crate) invoice_number: String,
    /// Its place among the invoice's corrections, from 1.
    pub(crate) place: u32,
    /// The dispute that it follows from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    pub(crate) dispute: Option<String>,
    /// Whose.
    #[schema(format = "uuid")]
    pub(crate) account: String,
    /// First local day of the invoice.
    #[schema(format = "date")]
    pub(crate) from: String,
    /// Last local day of the invoice.
    #[schema(format = "date")]
    pub(crate) to: String,
    /// When it was issued.
    pub(crate) issued_at: String,
    /// ISO 4217.
    pub(crate) currency: String,
    /// By how much the total changes, in major units.
    pub(crate) total: String,
    /// By how much what is to be paid changes; a credit is negative.
    pub(crate) due: String,
    /// What the total is with it.
    pub(crate) right: String,
    /// Its hash, as anchored.
    pub(crate) hash: String,
}

/// A correction with its lines.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct CorrectionView {
    /// What a list shows.
    #[serde(flatten)]
    pub(crate) summary: CorrectionSummary,
    /// The correction as it was issued: what its hash is taken of.
    #[schema(value_type = Object)]
    pub(crate) correction: Value,
}

/// Why an invoice is to be taken back and issued anew.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewCancellation {
    /// What is wrong with it, in 1 to 1000 characters.
    reason: String,
    /// An upheld dispute of the invoice that it follows from.
    #[schema(format = "uuid")]
    dispute: Option<String>,
}

/// An invoice that one of the staff wants taken back.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct CancellationView {
    /// Its id.
    #[schema(format = "uuid")]
    pub(crate) id: String,
    /// The invoice.
    #[schema(format = "uuid")]
    pub(crate) invoice: String,
    /// Whose invoice it is.
    #[schema(format = "uuid")]
    pub(crate) account: String,
    /// The dispute that it follows from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    pub(crate) dispute: Option<String>,
    /// What is wrong with the invoice.
    pub(crate) reason: String,
    /// Who asked.
    #[schema(format = "uuid")]
    pub(crate) asked_by: String,
    /// When.
    pub(crate) at: String,
    /// `open`, `approved` or `refused`.
    pub(crate) state: String,
    /// Who decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    pub(crate) decided_by: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) decided_at: Option<String>,
    /// What was issued: what takes the invoice back, and what it should have been.
    pub(crate) corrections: Vec<String>,
}

fn summary(kept: &IssuedCorrection) -> CorrectionSummary {
    let correction = &kept.correction;
    let right = &correction.right;
    CorrectionSummary {
        id: kept.id.to_string(),
        number: correction.number.clone(),
        kind: correction.kind().name().to_owned(),
        cause: correction.cause.name().to_owned(),
        invoice: kept.invoice.to_string(),
        invoice_number: correction.corrects.number.clone(),
        place: correction.place,
        dispute: correction.dispute.map(|dispute| dispute.to_string()),
        account: kept.account.to_string(),
        from: right.period.from.to_string(),
        to: right.period.to.to_string(),
        issued_at: kept.at.to_string(),
        currency: right.currency.clone(),
        total: correction.total.to_string(),
        due: correction.due.to_string(),
        right: right.total.to_string(),
        hash: kept.hash.to_string(),
    }
}

/// The correction that the path names, if the caller may know of it.
async fn correction_of(
    billing: &Billing,
    caller: &Principal,
    id: &str,
) -> Result<IssuedCorrection, Problem> {
    let unknown = || Problem::not_found("correction");
    let id: CorrectionId = id.parse().map_err(|_| unknown())?;
    let kept = corrections::find(&billing.db, id).await?.ok_or_else(unknown)?;
    let visible =
        kept.community == caller.community && may(caller, Action::ReadAccount, Some(kept.account));
    if visible { Ok(kept) } else { Err(unknown()) }
}

/// Corrections of invoices, newest first; of one invoice, in their order.
#[utoipa::path(
    tag = "billing",
    params(CorrectionsQuery),
    responses((status = 200, body = Page<CorrectionSummary>), Problems)
)]
#[get("/v1/corrections")]
pub(crate) async fn list_corrections(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<CorrectionsQuery>,
) -> Result<Json<Page<CorrectionSummary>>, Problem> {
    if let Some(invoice) = &query.invoice {
        let issued = invoice_of(&billing, &caller, invoice).await?;
        let items = corrections::of_invoice(&billing.db, issued.id).await?;
        return Ok(Json(Page { items: items.iter().map(summary).collect(), next: None }));
    }
    let all = query.account.is_none() && may(&caller, Action::ReadAccount, None);
    let account = match all {
        true => None,
        false => Some(account_of(&billing, &caller, query.account.as_deref()).await?.account),
    };
    let place = place(&PageQuery { limit: query.limit, cursor: query.cursor.clone() })?;
    let found = corrections::list(&billing.db, caller.community, account, place).await?;
    let next = next(&found, place, |(number, _)| *number);
    Ok(Json(Page { items: found.iter().map(|(_, kept)| summary(kept)).collect(), next }))
}

/// One correction with its lines.
#[utoipa::path(
    tag = "billing",
    params(("id" = String, Path, description = "The correction")),
    responses((status = 200, body = CorrectionView), Problems)
)]
#[get("/v1/corrections/{id}")]
pub(crate) async fn get_correction(
    billing: Data<Billing>,
    caller: Principal,
    id: Path<String>,
) -> Result<Json<CorrectionView>, Problem> {
    let kept = correction_of(&billing, &caller, &id).await?;
    let correction = serde_json::to_value(&kept.correction).unwrap_or_default();
    Ok(Json(CorrectionView { summary: summary(&kept), correction }))
}

/// The file of a correction: the correction with everything that proves it.
#[utoipa::path(
    tag = "billing",
    params(("id" = String, Path, description = "The correction"), BillQuery),
    responses((status = 200, content_type = "application/json", body = Object), Problems)
)]
#[get("/v1/corrections/{id}/bill")]
pub(crate) async fn get_correction_file(
    billing: Data<Billing>,
    caller: Principal,
    id: Path<String>,
    Query(query): Query<BillQuery>,
) -> Result<HttpResponse, Problem> {
    let kept = correction_of(&billing, &caller, &id).await?;
    let (text, _) = billing.correction_file(kept.id, query.trusted).await?;
    let name = format!("attachment; filename=\"{}.json\"", kept.correction.number);
    Ok(HttpResponse::Ok()
        .content_type(ContentType::json())
        .insert_header(("Content-Disposition", name))
        .body(text))
}

/// One correction as a document.
///
/// Pages as PDF, EN 16931 as XML (a credit note, an invoice or a corrected invoice that names the
/// invoice), or all of it as JSON.
#[utoipa::path(
    tag = "billing",
    params(("id" = String, Path, description = "The correction"), DocumentQuery),
    responses((status = 200, content(
        (Object = "application/json"), (String = "application/xml"),
        (Vec<u8> = "application/pdf"),
    )), Problems)
)]
#[get("/v1/corrections/{id}/document")]
pub(crate) async fn get_correction_document(
    billing: Data<Billing>,
    caller: Principal,
    id: Path<String>,
    Query(query): Query<DocumentQuery>,
) -> Result<HttpResponse, Problem> {
    let kept = correction_of(&billing, &caller, &id).await?;
    let locale = query.locale()?;
    let document = billing.correction_document(&kept, &locale).await?;
    written(document, &kept.correction.number, (query.format(), locale)).await
}

/// Asks for an invoice to be taken back and issued anew.
///
/// For a wrong tariff or wrong data of the customer: publish or say what is right first. Another
/// member of staff decides.
#[utoipa::path(
    tag = "billing",
    params(("id" = String, Path, description = "The invoice")),
    request_body = NewCancellation,
    responses((status = 201, body = CancellationView), Problems)
)]
#[post("/v1/invoices/{id}/cancellations")]
pub(crate) async fn ask_cancellation(
    billing: Data<Billing>,
    caller: Principal,
    id: Path<String>,
    Json(wanted): Json<NewCancellation>,
) -> Result<HttpResponse, Problem> {
    let issued = invoice_of(&billing, &caller, &id).await?;
    require(&caller, Action::IssueInvoice)?;
    let reason = reason(&wanted.reason)?;
    let dispute: Option<DisputeId> = wanted
        .dispute
        .as_deref()
        .map(str::parse)
        .transpose()
        .map_err(|_| Problem::malformed("dispute: not a UUID"))?;
    if let Some(id) = dispute {
        let known = disputes::find(&billing.db, id).await?;
        let upheld = |dispute: &disputes::Dispute| {
            dispute.invoice == issued.id && dispute.state == DisputeState::Upheld
        };
        if !known.as_ref().is_some_and(upheld) {
            let title = "The dispute is not of the invoice, or was not upheld";
            return Err(Problem::refused("DISPUTE", title));
        }
    }
    let wanted = Cancellation {
        number: 0,
        id: Uuid::new_v4().to_string(),
        community: issued.community,
        invoice: issued.id,
        account: issued.account,
        dispute,
        reason,
        asked_by: caller.party.to_string(),
        at: billing.now(),
        state: "open".to_owned(),
        decided_by: String::new(),
        decided_at: None,
    };
    billing.ask_cancellation(wanted.clone()).await?;
    Ok(HttpResponse::Created().json(view(wanted, Vec::new())))
}

fn view(of: Cancellation, corrections: Vec<CorrectionId>) -> CancellationView {
    CancellationView {
        id: of.id,
        invoice: of.invoice.to_string(),
        account: of.account.to_string(),
        dispute: of.dispute.map(|dispute| dispute.to_string()),
        reason: of.reason,
        asked_by: of.asked_by,
        at: of.at.to_string(),
        state: of.state,
        decided_by: said(&of.decided_by),
        decided_at: of.decided_at.map(|at| at.to_string()),
        corrections: corrections.iter().map(ToString::to_string).collect(),
    }
}

/// What staff want taken back, newest first.
#[utoipa::path(
    tag = "billing",
    params(PageQuery),
    responses((status = 200, body = Page<CancellationView>), Problems)
)]
#[get("/v1/cancellations")]
pub(crate) async fn list_cancellations(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<CancellationView>>, Problem> {
    require(&caller, Action::ReadAccount)?;
    let place = place(&query)?;
    let found = cancellations::list(&billing.db, caller.community, place).await?;
    let next = next(&found, place, |last| last.number);
    let mut items = Vec::with_capacity(found.len());
    for one in found {
        let all = corrections::of_invoice(&billing.db, one.invoice).await?;
        let issued = all.iter().filter(|correction| Some(correction.at) == one.decided_at);
        let issued = issued.filter(|kept| kept.correction.cause != Cause::Facts);
        let issued =
            if one.state == "approved" { issued.map(|kept| kept.id).collect() } else { Vec::new() };
        items.push(view(one, issued));
    }
    Ok(Json(Page { items, next }))
}

/// Takes an invoice back that another person asked for, and issues it anew.
///
/// Refused with `FOUR_EYES` for who asked, with `DECIDED` where somebody has decided, and like an
/// invoice where something is missing for it.
#[utoipa::path(
    tag = "billing",
    params(("id" = String, Path, description = "The cancellation")),
    responses((status = 200, body = CancellationView), Problems)
)]
#[post("/v1/cancellations/{id}/approval")]
pub(crate) async fn approve_cancellation(
    billing: Data<Billing>,
    caller: Principal,
    id: Path<String>,
) -> Result<Json<CancellationView>, Problem> {
    decided(&billing, &caller, &id, true).await
}

/// Leaves an invoice as it is that another person wanted taken back.
#[utoipa::path(
    tag = "billing",
    params(("id" = String, Path, description = "The cancellation")),
    responses((status = 200, body = CancellationView), Problems)
)]
#[post("/v1/cancellations/{id}/refusal")]
pub(crate) async fn refuse_cancellation(
    billing: Data<Billing>,
    caller: Principal,
    id: Path<String>,
) -> Result<Json<CancellationView>, Problem> {
    decided(&billing, &caller, &id, false).await
}

async fn decided(
    billing: &Billing,
    caller: &Principal,
    id: &str,
    approved: bool,
) -> Result<Json<CancellationView>, Problem> {
    require(caller, Action::IssueInvoice)?;
    let unknown = || Problem::not_found("cancellation");
    let wanted = cancellations::find(&billing.db, id).await?.ok_or_else(unknown)?;
    if wanted.community != caller.community {
        return Err(unknown());
    }
    let by = (caller.party, approved);
    let issued = billing.decide_cancellation(&wanted, by, billing.now()).await?;
    let wanted = cancellations::find(&billing.db, id).await?.ok_or_else(unknown)?;
    Ok(Json(view(wanted, issued)))
}
