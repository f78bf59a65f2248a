//! Statements of the community's bank account.

use access::Action;
use actix_web::http::StatusCode;
use actix_web::post;
use actix_web::web::{Bytes, Data, Json};
use iso20022::camt053::Side;
use serde::{Deserialize, Serialize};
use service::{Principal, Problem, Problems};
use utoipa::ToSchema;

use super::require;
use crate::Billing;
use crate::app::bank::{Fate, Imported, ImportedPayment, statement_of_file};

/// What became of a bank statement.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct StatementReport {
    /// What the bank calls it.
    pub(crate) statement: String,
    /// The bank account.
    pub(crate) iban: String,
    /// What all amounts are in (ISO 4217).
    pub(crate) currency: String,
    /// Booked before, in major units.
    pub(crate) opening: String,
    /// Booked at the end, in major units.
    pub(crate) closing: String,
    /// Its payments, in the order of the file.
    pub(crate) payments: Vec<StatementPayment>,
}

/// A payment of a bank statement.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct StatementPayment {
    /// Place of its entry in the statement, from one on; a batch has several payments.
    pub(crate) entry: usize,
    /// The bank's day of booking; absent where it is not booked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "date")]
    pub(crate) booked_on: Option<String>,
    /// What the bank calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bank_reference: Option<String>,
    /// How much, in major units.
    pub(crate) amount: String,
    /// `credit` or `debit`.
    pub(crate) side: String,
    /// `credited` now, `received` for an invoice now, `known` from before, `paid` or `returned`: a
    /// payout, now, `unmatched`, or `ignored`: went out, not booked, or of nothing.
    pub(crate) outcome: String,
    /// Who got it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    pub(crate) account: Option<String>,
    /// Its name on chain, where it, or what is more than its invoice leaves, is credited now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) payment: Option<String>,
    /// The invoice that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    pub(crate) invoice: Option<String>,
    /// How much of it the invoice got, in major units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) received: Option<String>,
    /// The payout that it paid or brought back now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    pub(crate) payout: Option<String>,
    /// Its number among the unmatched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unmatched: Option<i64>,
    /// Why it is unmatched: `CURRENCY`, `REVERSAL`, `NO_BANK_REFERENCE`, `REPEATED`,
    /// `NO_REFERENCE`, `AMBIGUOUS`; with a payout's end-to-end id `CURRENCY`, `PAYOUT_AMOUNT`,
    /// `PAYOUT_STATE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

fn report(imported: Imported) -> StatementReport {
    let statement = imported.statement;
    StatementReport {
        statement: statement.id,
        iban: statement.account.to_string(),
        currency: statement.currency.to_string(),
        opening: statement.opening.to_string(),
        closing: statement.closing.to_string(),
        payments: imported.payments.into_iter().map(view).collect(),
    }
}

fn view(imported: ImportedPayment) -> StatementPayment {
    let outcome = match &imported.fate {
        Fate::Ignored => "ignored",
        Fate::Credited(..) => "credited",
        Fate::Received(_) => "received",
        Fate::Known(_) => "known",
        Fate::Paid(_) => "paid",
        Fate::Returned(_) => "returned",
        Fate::Unmatched(..) => "unmatched",
    };
    let (account, payment) = match &imported.fate {
        Fate::Credited(account, payment) => (Some(account), Some(payment.to_string())),
        Fate::Received(got) => (Some(&got.account), got.rest.map(|payment| payment.to_string())),
        Fate::Known(account) => (Some(account), None),
        _ => (None, None),
    };
    let (invoice, received) = match &imported.fate {
        Fate::Received(got) => (Some(got.invoice.to_string()), Some(got.amount.to_string())),
        _ => (None, None),
    };
    let account = account.map(ToString::to_string);
    let payout = match &imported.fate {
        Fate::Paid(payout) | Fate::Returned(payout) => Some(payout.to_string()),
        _ => None,
    };
    let (unmatched, reason) = match imported.fate {
        Fate::Unmatched(number, reason) => (Some(number), Some(reason)),
        _ => (None, None),
    };
    StatementPayment {
        entry: imported.entry,
        booked_on: Some(imported.booked_on).filter(|day| !day.is_empty()),
        bank_reference: imported.bank_reference,
        amount: imported.amount.to_string(),
        side: if imported.side == Side::Credit { "credit" } else { "debit" }.to_owned(),
        outcome: outcome.to_owned(),
        account,
        payment,
        invoice,
        received,
        payout,
        unmatched,
        reason,
    }
}

/// Takes a statement of the community's bank account (camt.053.001.02 or .08).
///
/// Each booked credit that says the reference of a wallet is credited there, once, however often
/// and in whichever statement it comes. One that says the reference or the number of an invoice is
/// for that; what is more than the invoice leaves goes to its account's wallet. One with the
/// end-to-end id of a payout marks it as paid, or as returned. The others can be seen among the
/// unmatched. A statement that does not add up, is of another account or has a payment that is too
/// large is refused as a whole.
#[utoipa::path(
    tag = "billing",
    request_body(content = String, content_type = "application/xml"),
    responses((status = 200, body = StatementReport), Problems)
)]
#[post("/v1/bank/statements")]
pub(crate) async fn import_statement(
    billing: Data<Billing>,
    caller: Principal,
    body: Result<Bytes, actix_web::Error>,
) -> Result<Json<StatementReport>, Problem> {
    require(&caller, Action::CreditDeposit)?;
    let body = body.map_err(|error| unread(&error))?;
    let statement = statement_of_file(&body)?;
    let imported = billing.take_statement(caller.community, statement, billing.now()).await?;
    Ok(Json(report(imported)))
}

/// A body that was not read: too large, or broken off.
fn unread(error: &actix_web::Error) -> Problem {
    match error.as_response_error().status_code() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let title = "The statement is too large";
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "STATEMENT_SIZE", title)
        }
        _ => Problem::malformed(error.to_string()),
    }
}
