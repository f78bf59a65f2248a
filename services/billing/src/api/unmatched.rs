//! Payments that came in and that nobody was credited with.

use access::Action;
use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpResponse, get, post};
use ids::InvoiceId;
use iso20022::camt053::Side;
use serde::{Deserialize, Serialize};
use service::{Page, PageQuery, Principal, Problem, Problems};
use utoipa::ToSchema;

use super::deposits::DepositView;
use super::invoices::invoice_of;
use super::{account_of, require};
use crate::Billing;
use crate::db::bank::{self, Kept};

/// A payment that came in by the bank and belongs to nobody yet, or that a payout does not explain.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct UnmatchedPayment {
    /// Its number.
    pub(crate) id: i64,
    /// The statement that had it first.
    pub(crate) statement: String,
    /// The bank's day of booking.
    #[schema(format = "date")]
    pub(crate) booked_on: String,
    /// How much, in major units of its currency.
    pub(crate) amount: String,
    /// ISO 4217.
    pub(crate) currency: String,
    /// `credit`, or `debit`: went out, with the end-to-end id of a payout.
    pub(crate) side: String,
    /// The payout whose end-to-end id it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    pub(crate) payout: Option<String>,
    /// Why nobody was credited: `CURRENCY`, `REVERSAL`, `NO_BANK_REFERENCE`, `REPEATED`,
    /// `NO_REFERENCE`, `AMBIGUOUS`; why it is not the payout's: `CURRENCY`, `PAYOUT_AMOUNT`,
    /// `PAYOUT_STATE`.
    pub(crate) reason: String,
    /// What it is for, as far as it says.
    pub(crate) remittance: String,
    /// Who paid, as far as the bank says.
    pub(crate) debtor: String,
    /// From where, as far as the bank says.
    pub(crate) debtor_account: String,
    /// When it was first heard of.
    pub(crate) at: String,
}

/// Whose a payment is.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Assignment {
    /// Who gets it.
    #[schema(format = "uuid")]
    account: String,
}

/// Which invoice a payment is for.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InvoiceAssignment {
    /// The invoice.
    #[schema(format = "uuid")]
    invoice: String,
}

/// A payment that an invoice got.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct AssignedPayment {
    /// The invoice.
    #[schema(format = "uuid")]
    pub(crate) invoice: String,
    /// Whose it is.
    #[schema(format = "uuid")]
    pub(crate) account: String,
    /// What the invoice got, in major units.
    pub(crate) received: String,
    /// The name on chain of what was more than the invoice leaves: it goes to the wallet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) payment: Option<String>,
}

fn view(Kept { number, payment }: Kept) -> UnmatchedPayment {
    UnmatchedPayment {
        id: number,
        statement: payment.statement,
        booked_on: payment.booked_on,
        amount: payment.amount.to_string(),
        currency: payment.currency.to_string(),
        side: if payment.side == Side::Credit { "credit" } else { "debit" }.to_owned(),
        payout: payment.payout.map(|payout| payout.to_string()),
        reason: payment.reason,
        remittance: payment.remittance,
        debtor: payment.debtor,
        debtor_account: payment.debtor_account,
        at: payment.at.to_string(),
    }
}

/// Payments that came in by the bank and belong to nobody yet, oldest first.
#[utoipa::path(
    tag = "billing",
    params(PageQuery),
    responses((status = 200, body = Page<UnmatchedPayment>), Problems)
)]
#[get("/v1/bank/unmatched")]
pub(crate) async fn list_unmatched(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<UnmatchedPayment>>, Problem> {
    require(&caller, Action::CreditDeposit)?;
    let after = match query.cursor.as_deref() {
        None => 0,
        Some(cursor) => cursor.parse().map_err(|_| Problem::malformed("cursor: unknown"))?,
    };
    let limit = query.limit();
    let kept = bank::unmatched(&billing.db, caller.community, after, limit).await?;
    let full = kept.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    let next = kept.last().filter(|_| full).map(|last| last.number.to_string());
    Ok(Json(Page { items: kept.into_iter().map(view).collect(), next }))
}

/// Credits an unmatched payment to an account.
///
/// Repeating it for the same account answers as before; another account is a conflict.
#[utoipa::path(
    tag = "billing",
    params(("id" = i64, Path, description = "The payment's number")),
    request_body = Assignment,
    responses((status = 201, body = DepositView), Problems)
)]
#[post("/v1/bank/unmatched/{id}")]
pub(crate) async fn assign_unmatched(
    billing: Data<Billing>,
    caller: Principal,
    id: Path<String>,
    Json(wanted): Json<Assignment>,
) -> Result<HttpResponse, Problem> {
    require(&caller, Action::CreditDeposit)?;
    let number = id.parse().map_err(|_| Problem::not_found("payment"))?;
    let account = account_of(&billing, &caller, Some(&wanted.account)).await?;
    let (payment, amount) = billing.assign_payment(number, account, billing.now()).await?;
    Ok(HttpResponse::Created().json(DepositView {
        payment: payment.to_string(),
        account: wanted.account,
        amount: amount.to_string(),
    }))
}

/// Gives an unmatched payment to an invoice; what is more than it leaves goes to the wallet.
#[utoipa::path(
    tag = "billing",
    params(("id" = i64, Path, description = "The payment's number")),
    request_body = InvoiceAssignment,
    responses((status = 201, body = AssignedPayment), Problems)
)]
#[post("/v1/bank/unmatched/{id}/invoice")]
pub(crate) async fn assign_to_invoice(
    billing: Data<Billing>,
    caller: Principal,
    id: Path<String>,
    Json(wanted): Json<InvoiceAssignment>,
) -> Result<HttpResponse, Problem> {
    require(&caller, Action::CreditDeposit)?;
    let number = id.parse().map_err(|_| Problem::not_found("payment"))?;
    let invoice: InvoiceId = invoice_of(&billing, &caller, &wanted.invoice).await?.id;
    let received = billing.assign_to_invoice(number, caller.community, invoice).await?;
    Ok(HttpResponse::Created().json(AssignedPayment {
        invoice: wanted.invoice,
        account: received.account.to_string(),
        received: received.amount.to_string(),
        payment: received.rest.map(|payment| payment.to_string()),
    }))
}
