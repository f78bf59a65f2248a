//! Invoices, their pages and their bill files.

use access::Action;
use actix_web::http::header::ContentType;
use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpResponse, get, post};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service::{Page, Principal, Problem, Problems};
use utoipa::{IntoParams, ToSchema};

use super::{account_of, may, require};
use crate::Billing;
use crate::db::invoices::{self, Issued};
use crate::domain::bill::Period;

/// Whose invoices.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct InvoicesQuery {
    /// The account; the caller's own when absent, and all of the community for who may see them.
    account: Option<String>,
    /// Items wanted, 1 to 1000; 100 when absent.
    limit: Option<u32>,
}

/// What a bill file is proved against.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct BillQuery {
    /// Height of the trusted block; the block that holds the invoice's hash when absent.
    pub(super) trusted: Option<u64>,
}

/// Which days of which account are billed.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewInvoice {
    /// Whose.
    #[schema(format = "uuid")]
    account: String,
    /// First local day.
    #[schema(format = "date")]
    from: String,
    /// Last local day.
    #[schema(format = "date")]
    to: String,
}

/// An invoice in a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct InvoiceSummary {
    /// Its id.
    #[schema(format = "uuid")]
    pub(crate) id: String,
    /// Its number.
    pub(crate) number: String,
    /// Whose.
    #[schema(format = "uuid")]
    pub(crate) account: String,
    /// First local day.
    pub(crate) from: String,
    /// Last local day.
    pub(crate) to: String,
    /// When it was issued.
    pub(crate) issued_at: String,
    /// ISO 4217.
    pub(crate) currency: String,
    /// Sum of its lines, in major units.
    pub(crate) total: String,
    /// What is still to be paid; a credit is negative.
    pub(crate) due: String,
    /// Its hash, as anchored.
    pub(crate) hash: String,
}

/// An invoice with its lines.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct InvoiceView {
    /// What a list shows.
    #[serde(flatten)]
    pub(crate) summary: InvoiceSummary,
    /// The invoice as it was issued: what its hash is taken of.
    #[schema(value_type = Object)]
    pub(crate) invoice: Value,
}

fn summary(issued: &Issued) -> InvoiceSummary {
    let invoice = &issued.invoice;
    InvoiceSummary {
        id: issued.id.to_string(),
        number: invoice.number.clone(),
        account: issued.account.to_string(),
        from: invoice.period.from.to_string(),
        to: invoice.period.to.to_string(),
        issued_at: issued.at.to_string(),
        currency: invoice.currency.clone(),
        total: invoice.total.to_string(),
        due: invoice.due.to_string(),
        hash: issued.hash.to_string(),
    }
}

fn view(issued: &Issued) -> InvoiceView {
    let invoice = serde_json::to_value(&issued.invoice).unwrap_or_default();
    InvoiceView { summary: summary(issued), invoice }
}

/// The invoice that the path names, if the caller may know of it.
pub(super) async fn invoice_of(
    billing: &Billing,
    caller: &Principal,
    id: &str,
) -> Result<Issued, Problem> {
    let unknown = || Problem::not_found("invoice");
    let id = id.parse().map_err(|_| unknown())?;
    let issued = invoices::find(&billing.db, id).await?.ok_or_else(unknown)?;
    let visible = issued.community == caller.community
        && may(caller, Action::ReadAccount, Some(issued.account));
    if visible { Ok(issued) } else { Err(unknown()) }
}

/// Invoices, newest first.
#[utoipa::path(
    tag = "billing",
    params(InvoicesQuery),
    responses((status = 200, body = Page<InvoiceSummary>), Problems)
)]
#[get("/v1/invoices")]
pub(crate) async fn list_invoices(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<InvoicesQuery>,
) -> Result<Json<Page<InvoiceSummary>>, Problem> {
    let all = query.account.is_none() && may(&caller, Action::IssueInvoice, None);
    let account = match all {
        true => None,
        false => Some(account_of(&billing, &caller, query.account.as_deref()).await?.account),
    };
    let limit = service::PageQuery { limit: query.limit, cursor: None }.limit();
    let issued = invoices::list(&billing.db, caller.community, account, limit).await?;
    Ok(Json(Page { items: issued.iter().map(summary).collect(), next: None }))
}

/// Issues the invoice of an account for a period that is over and reconciled.
#[utoipa::path(
    tag = "billing",
    request_body = NewInvoice,
    responses((status = 201, body = InvoiceView), Problems)
)]
#[post("/v1/invoices")]
pub(crate) async fn issue_invoice(
    billing: Data<Billing>,
    caller: Principal,
    Json(wanted): Json<NewInvoice>,
) -> Result<HttpResponse, Problem> {
    require(&caller, Action::IssueInvoice)?;
    let account = account_of(&billing, &caller, Some(&wanted.account)).await?;
    let day = |name: &str, text: &str| {
        let malformed = || Problem::malformed(format!("{name}: not a day such as 2026-06-01"));
        text.parse().map_err(|_| malformed())
    };
    let period = Period { from: day("from", &wanted.from)?, to: day("to", &wanted.to)? };
    let id = billing.issue_invoice(account.account, period, billing.now()).await?;
    let issued = invoice_of(&billing, &caller, &id.to_string()).await?;
    Ok(HttpResponse::Created().json(view(&issued)))
}

/// One invoice with its lines.
#[utoipa::path(
    tag = "billing",
    params(("id" = String, Path, description = "The invoice")),
    responses((status = 200, body = InvoiceView), Problems)
)]
#[get("/v1/invoices/{id}")]
pub(crate) async fn get_invoice(
    billing: Data<Billing>,
    caller: Principal,
    id: Path<String>,
) -> Result<Json<InvoiceView>, Problem> {
    Ok(Json(view(&invoice_of(&billing, &caller, &id).await?)))
}

/// One invoice as a printable page.
#[utoipa::path(
    tag = "billing",
    params(("id" = String, Path, description = "The invoice")),
    responses((status = 200, content_type = "text/html", body = String), Problems)
)]
#[get("/v1/invoices/{id}/html")]
pub(crate) async fn get_invoice_page(
    billing: Data<Billing>,
    caller: Principal,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let issued = invoice_of(&billing, &caller, &id).await?;
    let page = billing.invoice_page(&issued).await?;
    Ok(HttpResponse::Ok()
        .content_type(ContentType::html())
        .insert_header(("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"))
        .body(page))
}

/// The bill file: the invoice with everything that proves it.
#[utoipa::path(
    tag = "billing",
    params(("id" = String, Path, description = "The invoice"), BillQuery),
    responses((status = 200, content_type = "application/json", body = Object), Problems)
)]
#[get("/v1/invoices/{id}/bill")]
pub(crate) async fn get_bill_file(
    billing: Data<Billing>,
    caller: Principal,
    id: Path<String>,
    Query(query): Query<BillQuery>,
) -> Result<HttpResponse, Problem> {
    let issued = invoice_of(&billing, &caller, &id).await?;
    let (text, _) = billing.bill_file(issued.id, query.trusted).await?;
    let name = format!("attachment; filename=\"{}.json\"", issued.invoice.number);
    Ok(HttpResponse::Ok()
        .content_type(ContentType::json())
        .insert_header(("Content-Disposition", name))
        .body(text))
}
