//! Invoices as documents, and who issues and receives them.

use access::Action;
use actix_web::http::header::ContentType;
use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpResponse, delete, get, put};
use documents::{Document, LANGUAGES, Locale, Party, ubl};
use serde::Deserialize;
use serde_json::Value;
use service::{Fault, Principal, Problem, Problems};
use utoipa::{IntoParams, ToSchema};

use super::invoices::invoice_of;
use super::{account_of, may, require};
use crate::Billing;
use crate::db::parties;
use crate::domain::bill::Issuer;

/// The longest time to pay, in days.
const PAYMENT_DAYS_MAX: u16 = 365;

/// What a document is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// Pages for people (PDF/A-3a), the XML inside.
    Pdf,
    /// EN 16931 as UBL 2.1.
    Xml,
    /// Everything, as docs/documents.md says.
    Json,
}

/// As what, and in which language.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DocumentQuery {
    /// `json` when absent.
    #[param(inline)]
    format: Option<Format>,
    /// `en`, `en-IN`, `de`, `fr`, `nl` or `hi-Latn`; `en` when absent.
    language: Option<String>,
}

/// Whose.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CustomerQuery {
    /// The account; the caller's own when absent.
    account: Option<String>,
}

/// One invoice as a document.
///
/// Pages as PDF, EN 16931 as XML, or all of it as JSON. What it says of who issues and receives it
/// is as of now.
#[utoipa::path(
    tag = "billing",
    params(("id" = String, Path, description = "The invoice"), DocumentQuery),
    responses((status = 200, content(
        (Object = "application/json"), (String = "application/xml"),
        (Vec<u8> = "application/pdf"),
    )), Problems)
)]
#[get("/v1/invoices/{id}/document")]
pub(crate) async fn get_invoice_document(
    billing: Data<Billing>,
    caller: Principal,
    id: Path<String>,
    Query(query): Query<DocumentQuery>,
) -> Result<HttpResponse, Problem> {
    let issued = invoice_of(&billing, &caller, &id).await?;
    let locale = query.locale()?;
    let document = billing.document(&issued, &locale).await?;
    written(document, &issued.invoice.number, (query.format(), locale)).await
}

impl DocumentQuery {
    /// The locale that it names.
    pub(super) fn locale(&self) -> Result<Locale, Problem> {
        let language = self.language.as_deref().unwrap_or("en");
        Locale::named(language).ok_or_else(|| {
            let known = LANGUAGES.join(", ");
            Problem::malformed(format!("language: {language:?} is none of {known}"))
        })
    }

    /// As what it wants the document.
    pub(super) fn format(&self) -> Format {
        self.format.unwrap_or(Format::Json)
    }
}

/// A document, written as somebody wants it.
pub(super) async fn written(
    document: Document,
    number: &str,
    (format, locale): (Format, Locale),
) -> Result<HttpResponse, Problem> {
    let attached = |ending: &str| format!("attachment; filename=\"{number}.{ending}\"");
    match format {
        Format::Pdf => {
            // Fonts and drawing take a moment of a processor.
            let drawn = tokio::task::spawn_blocking(move || invoice_pdf::write(&document, &locale));
            let drawn = drawn.await.map_err(|error| Fault::problem(anyhow::Error::new(error)))?;
            let pdf = drawn.map_err(|error| {
                Problem::refused("NO_PDF", format!("There is no PDF of it: {error}"))
            })?;
            Ok(HttpResponse::Ok()
                .content_type("application/pdf")
                .insert_header(("Content-Disposition", attached("pdf")))
                .body(pdf.bytes))
        }
        Format::Json => Ok(HttpResponse::Ok()
            .content_type(ContentType::json())
            .insert_header(("Content-Disposition", attached("document.json")))
            .body(document.to_json())),
        Format::Xml => {
            let xml = ubl::write(&document, &locale).map_err(|rejected| {
                Problem::refused("NOT_AN_INVOICE", format!("EN 16931 cannot say it: {rejected}"))
            })?;
            Ok(HttpResponse::Ok()
                .content_type(ContentType::xml())
                .insert_header(("Content-Disposition", attached("xml")))
                .body(xml))
        }
    }
}

/// Who issues the documents of the caller's community; `null` while nobody has said.
#[utoipa::path(tag = "billing", responses((status = 200, body = Object), Problems))]
#[get("/v1/documents/issuer")]
pub(crate) async fn get_issuer(
    billing: Data<Billing>,
    caller: Principal,
) -> Result<Json<Option<Issuer>>, Problem> {
    require(&caller, Action::ReadMarket)?;
    Ok(Json(parties::issuer(&billing.db, caller.community).await?))
}

/// Says who issues the documents of the caller's community.
///
/// `party` as docs/documents.md says, `payment_days`, `exemption` (why neighbours' energy bears no
/// tax), and perhaps `dispute`.
#[utoipa::path(
    tag = "billing",
    request_body = Object,
    responses((status = 200, body = Object), Problems)
)]
#[put("/v1/documents/issuer")]
pub(crate) async fn set_issuer(
    billing: Data<Billing>,
    caller: Principal,
    Json(said): Json<Value>,
) -> Result<Json<Issuer>, Problem> {
    if !may(&caller, Action::PublishTariff, None) {
        require(&caller, Action::ManageParties)?;
    }
    let issuer: Issuer = parsed(said)?;
    issuer.check().map_err(|rejected| Problem::malformed(rejected.to_string()))?;
    if issuer.payment_days > PAYMENT_DAYS_MAX {
        let detail = format!("payment_days: at most {PAYMENT_DAYS_MAX}");
        return Err(Problem::malformed(detail));
    }
    billing.set_issuer(caller.community, issuer.clone()).await?;
    Ok(Json(issuer))
}

/// Who receives the documents of an account; `null` where that was not said.
#[utoipa::path(
    tag = "billing",
    params(CustomerQuery),
    responses((status = 200, body = Object), Problems)
)]
#[get("/v1/documents/customer")]
pub(crate) async fn get_customer(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<CustomerQuery>,
) -> Result<Json<Option<Party>>, Problem> {
    let account = account_of(&billing, &caller, query.account.as_deref()).await?.account;
    Ok(Json(parties::customer(&billing.db, account).await?))
}

/// Says who receives the documents of the caller's account.
///
/// A name and an address, as docs/documents.md says. Without them documents name the pseudonym.
#[utoipa::path(
    tag = "billing",
    request_body = Object,
    responses((status = 200, body = Object), Problems)
)]
#[put("/v1/documents/customer")]
pub(crate) async fn set_customer(
    billing: Data<Billing>,
    caller: Principal,
    Json(said): Json<Value>,
) -> Result<Json<Party>, Problem> {
    let account = caller.own_account()?;
    let mut said = said;
    // It is known by its account, whatever it says.
    if let Some(fields) = said.as_object_mut() {
        fields.insert("id".to_owned(), Value::String(account.to_string()));
    }
    let customer: Party = parsed(said)?;
    customer.check().map_err(|rejected| Problem::malformed(rejected.to_string()))?;
    billing.set_customer(account, Some(customer.clone())).await?;
    Ok(Json(customer))
}

/// Forgets who receives the documents of the caller's account.
#[utoipa::path(tag = "billing", responses((status = 204), Problems))]
#[delete("/v1/documents/customer")]
pub(crate) async fn forget_customer(
    billing: Data<Billing>,
    caller: Principal,
) -> Result<HttpResponse, Problem> {
    billing.set_customer(caller.own_account()?, None).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn parsed<T: for<'d> Deserialize<'d>>(said: Value) -> Result<T, Problem> {
    serde_json::from_value(said).map_err(|error| Problem::malformed(error.to_string()))
}
