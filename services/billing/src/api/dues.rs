//! What invoices leave to be paid: payments, what follows without them, and who owes.

use access::Action;
use actix_web::get;
use actix_web::web::{Data, Json, Path, Query};
use calendar::{LocalDay, TimeZone};
use serde::{Deserialize, Serialize};
use service::{Page, PageQuery, Principal, Problem, Problems};
use units::Overflow;
use utoipa::ToSchema;

use super::invoices::invoice_of;
use super::require;
use crate::Billing;
use crate::db::dues::{self, BY_WALLET, InvoicePayment, Owing};
use crate::db::dunning::{self, Fee, Reminder};
use crate::db::{bank, corrections, disputes, members};
use crate::domain::bank::invoice_reference;
use crate::domain::dues::Standing;
use crate::domain::ladder::StepAction;

/// Where the classes of age begin, in days overdue; the first is what is in time.
const AGES: [u32; 5] = [0, 1, 31, 61, 91];

/// What an invoice leaves to be paid, and how to pay it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct InvoicePaymentView {
    /// What is to be paid of it, its corrections and fees, in major units; a credit is negative.
    pub(crate) due: String,
    /// By how much corrections changed that.
    pub(crate) corrected: String,
    /// What the account gets back: a credit, or what came in for more than is due by now.
    pub(crate) credit: String,
    /// What came in for it.
    pub(crate) paid: String,
    /// What is left to be paid.
    pub(crate) left: String,
    /// Whether it can be paid out of a wallet, and given back into one.
    pub(crate) by_wallet: bool,
    /// ISO 4217.
    pub(crate) currency: String,
    /// `open`, `overdue`, `paid`, `nothing` (there is nothing to pay) or `credit`.
    pub(crate) state: String,
    /// The last local day on which paying it is in time.
    #[schema(format = "date")]
    pub(crate) due_on: String,
    /// Days that are over since.
    pub(crate) days_overdue: u32,
    /// Whether a dispute about it is open: nobody is reminded then.
    pub(crate) disputed: bool,
    /// What a transfer says (ISO 11649), so that it is known what it is for.
    pub(crate) reference: String,
    /// The bank account to pay to; absent where none is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) iban: Option<String>,
    /// Whose bank account that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) holder: Option<String>,
    /// What came in, oldest first.
    pub(crate) payments: Vec<ReceivedView>,
    /// What its reminders added to what is due, less what was taken back.
    pub(crate) fees: String,
    /// Each of those fees, oldest first; below zero it was taken back.
    pub(crate) charges: Vec<ChargeView>,
    /// The steps that it has taken, oldest first.
    pub(crate) reminders: Vec<ReminderView>,
    /// What comes next if nothing is paid; absent where it is paid, disputed or at the top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<NextStepView>,
}

/// What a reminder added to what is due. It can be disputed with the ground `fee`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct ChargeView {
    /// Of which step.
    pub(crate) step: u32,
    /// How much, in major units; below zero it was taken back.
    pub(crate) amount: String,
    /// When.
    pub(crate) at: String,
}

/// The step that an invoice takes if it stays as it is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct NextStepView {
    /// What it does.
    pub(crate) action: StepAction,
    /// On which local day.
    #[schema(format = "date")]
    pub(crate) on: String,
    /// What it adds to what is due.
    pub(crate) fee: String,
}

/// A payment that came in for an invoice.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct ReceivedView {
    /// The bank's day of booking; absent where it said none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "date")]
    pub(crate) booked_on: Option<String>,
    /// What of it is for the invoice, in major units; below zero it was given back.
    pub(crate) amount: String,
    /// `bank` or `wallet`.
    pub(crate) by: String,
    /// When it was heard of.
    pub(crate) at: String,
}

/// A step that an invoice has reached.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct ReminderView {
    /// From one on.
    pub(crate) step: u32,
    /// What it did.
    pub(crate) action: StepAction,
    /// What was left to be paid.
    pub(crate) left: String,
    /// When.
    pub(crate) at: String,
}

/// An invoice that is not paid.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Receivable {
    /// The invoice.
    #[schema(format = "uuid")]
    pub(crate) invoice: String,
    /// Its number.
    pub(crate) number: String,
    /// Whose it is.
    #[schema(format = "uuid")]
    pub(crate) account: String,
    /// What was to be paid, in major units.
    pub(crate) due: String,
    /// What is left.
    pub(crate) left: String,
    /// The last local day on which paying it was in time.
    #[schema(format = "date")]
    pub(crate) due_on: String,
    /// Days that are over since.
    pub(crate) days_overdue: u32,
    /// The last step of the ladder that it has reached; 0 for none.
    pub(crate) step: u32,
    /// What that step did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) action: Option<StepAction>,
    /// Whether a dispute about it is open.
    pub(crate) disputed: bool,
}

/// What is not paid, by how long ago it should have been.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct AgeClass {
    /// The first day overdue of the class; 0 for what is in time.
    pub(crate) from_days: u32,
    /// The last; absent for the oldest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) to_days: Option<u32>,
    /// How many invoices.
    pub(crate) invoices: u64,
    /// What they leave, in major units.
    pub(crate) left: String,
}

/// What is not paid does not fit an amount.
pub(super) fn large(_: Overflow) -> Problem {
    Problem::refused("AMOUNT", "What is not paid does not fit an amount")
}

/// Where the days of the caller's community begin, and which it is.
pub(super) async fn today(
    billing: &Billing,
    caller: &Principal,
) -> Result<(TimeZone, LocalDay), Problem> {
    let zone = members::timezone(&billing.db, caller.community).await?;
    let zone = zone.unwrap_or_else(TimeZone::utc);
    let today = zone.day_of(billing.now());
    Ok((zone, today))
}

/// What an invoice leaves to be paid, how to pay it, and what came in.
#[utoipa::path(
    tag = "billing",
    params(("id" = String, Path, description = "The invoice")),
    responses((status = 200, body = InvoicePaymentView), Problems)
)]
#[get("/v1/invoices/{id}/payment")]
pub(crate) async fn get_invoice_payment(
    billing: Data<Billing>,
    caller: Principal,
    id: Path<String>,
) -> Result<Json<InvoicePaymentView>, Problem> {
    let issued = invoice_of(&billing, &caller, &id).await?;
    let owing = dues::of(&billing.db, issued.id).await?;
    let owing = owing.ok_or_else(|| Problem::not_found("invoice"))?;
    let dues = owing.dues;
    let corrected = corrections::corrected(&billing.db, issued.id).await?;
    let (zone, today) = today(&billing, &caller).await?;
    let next = billing.following_step(&owing, (&zone, today)).await?;
    let (charges, fees) = billing.fees_of(issued.id).await?;
    let state = dues.standing(today).map_err(large)?;
    let accounts = bank::accounts(&billing.db, issued.community).await?;
    let currency = &issued.invoice.currency;
    let to = accounts.into_iter().find(|account| account.currency.code() == currency);
    let payments = dues::payments(&billing.db, issued.id).await?.into_iter();
    let reminders = dunning::reminders(&billing.db, issued.id).await?.into_iter();
    Ok(Json(InvoicePaymentView {
        due: dues.due.to_string(),
        corrected: corrected.to_string(),
        credit: dues.credit().map_err(large)?.to_string(),
        paid: dues.paid.to_string(),
        left: dues.left().map_err(large)?.to_string(),
        by_wallet: billing.collector(issued.community).await?.is_some(),
        currency: currency.clone(),
        state: state.name().to_owned(),
        due_on: dues.due_on.to_string(),
        days_overdue: if state == Standing::Overdue { dues.days_overdue(today) } else { 0 },
        disputed: disputes::is_disputed(&billing.db, issued.id).await?,
        reference: invoice_reference(issued.id).to_string(),
        iban: to.as_ref().map(|account| account.iban.to_string()),
        holder: to.map(|account| account.holder),
        payments: payments.map(|payment| received_view(&payment)).collect(),
        fees: fees.to_string(),
        charges: charges.iter().map(charge_view).collect(),
        next: next.map(|next| NextStepView {
            action: next.step.action,
            on: next.on.to_string(),
            fee: next.step.fee.to_string(),
        }),
        reminders: reminders.map(reminder_view).collect(),
    }))
}

fn received_view(payment: &InvoicePayment) -> ReceivedView {
    let by = if payment.key.starts_with(BY_WALLET) { "wallet" } else { "bank" };
    ReceivedView {
        booked_on: Some(payment.booked_on.clone()).filter(|day| !day.is_empty()),
        amount: payment.amount.to_string(),
        by: by.to_owned(),
        at: payment.at.to_string(),
    }
}

fn charge_view(fee: &Fee) -> ChargeView {
    ChargeView { step: fee.step, amount: fee.amount.to_string(), at: fee.at.to_string() }
}

fn reminder_view(reminder: Reminder) -> ReminderView {
    ReminderView {
        step: reminder.step,
        action: reminder.action,
        left: reminder.left.to_string(),
        at: reminder.at.to_string(),
    }
}

/// Invoices that are not paid, the longest due first.
#[utoipa::path(
    tag = "billing",
    params(PageQuery),
    responses((status = 200, body = Page<Receivable>), Problems)
)]
#[get("/v1/receivables")]
pub(crate) async fn list_receivables(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<Receivable>>, Problem> {
    require(&caller, Action::ReadAccount)?;
    let after = match query.cursor.as_deref() {
        None => (0, ""),
        Some(cursor) => place(cursor).ok_or_else(|| Problem::malformed("cursor: unknown"))?,
    };
    let limit = query.limit();
    let page = dues::owing(&billing.db, Some(caller.community), after, limit).await?;
    let full = page.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    let next = page.last().filter(|_| full);
    let next = next.map(|last| format!("{}/{}", last.dues.due_on.number(), last.invoice));
    let (_, today) = today(&billing, &caller).await?;
    let mut items = Vec::with_capacity(page.len());
    for owing in page {
        items.push(receivable(&billing, owing, today).await?);
    }
    Ok(Json(Page { items, next }))
}

/// The place in the list that a cursor names.
pub(super) fn place(cursor: &str) -> Option<(i64, &str)> {
    let (day, id) = cursor.split_once('/')?;
    Some((day.parse().ok()?, id))
}

pub(super) async fn receivable(
    billing: &Billing,
    owing: Owing,
    today: LocalDay,
) -> Result<Receivable, Problem> {
    let reminders = dunning::reminders(&billing.db, owing.invoice).await?;
    Ok(Receivable {
        invoice: owing.invoice.to_string(),
        number: owing.number,
        account: owing.account.to_string(),
        due: owing.dues.due.to_string(),
        left: owing.dues.left().map_err(large)?.to_string(),
        due_on: owing.dues.due_on.to_string(),
        days_overdue: owing.dues.days_overdue(today),
        step: reminders.last().map_or(0, |last| last.step),
        action: reminders.last().map(|last| last.action),
        disputed: disputes::is_disputed(&billing.db, owing.invoice).await?,
    })
}

/// What is not paid, by how long ago it should have been.
#[utoipa::path(
    tag = "billing",
    responses((status = 200, body = [AgeClass]), Problems)
)]
#[get("/v1/receivables/ages")]
pub(crate) async fn list_receivable_ages(
    billing: Data<Billing>,
    caller: Principal,
) -> Result<Json<Vec<AgeClass>>, Problem> {
    require(&caller, Action::ReadAccount)?;
    let (_, today) = today(&billing, &caller).await?;
    let today = i64::from(today.number());
    let mut classes = Vec::with_capacity(AGES.len());
    for (place, from) in AGES.into_iter().enumerate() {
        let next = AGES.get(place + 1).copied();
        // So many days overdue is so many days before today.
        let last = if place == 0 { i64::MAX } else { today - i64::from(from) + 1 };
        let first = next.map_or(i64::MIN, |next| today - i64::from(next) + 1);
        let owed = dues::owed_between(&billing.db, caller.community, (first, last)).await?;
        classes.push(AgeClass {
            from_days: from,
            to_days: next.map(|next| next - 1),
            invoices: owed.0,
            left: owed.1.to_string(),
        });
    }
    Ok(Json(classes))
}
