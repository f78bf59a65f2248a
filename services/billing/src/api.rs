//! REST under `/v1`: one file per resource. Handlers parse, call, answer.
#![allow(unused_qualifications, reason = "the route macros repeat the types of the arguments")]

mod audit;
mod audit_days;
mod bank;
mod certificate_sources;
mod certificates;
mod challenges;
mod corrections;
mod dealer;
mod decisions;
mod deposits;
mod disputes;
mod documents;
mod dues;
mod dunning;
mod exchange;
mod exports;
mod invoices;
mod payout_files;
mod payouts;
mod prepaid;
mod prepaid_staff;
mod relay;
mod reports;
mod requests;
mod reserve;
mod shadow;
mod statements;
mod tariff_proposals;
mod tariffs;
mod unmatched;
mod wallet;
mod wallet_payments;

use std::sync::Arc;

use access::{Action, Subject, Thing, permit};
use actix_web::HttpRequest;
use actix_web::web::Data;
use ids::AccountId;
use serde::Deserialize;
use service::{Principal, Problem};
use utoipa::IntoParams;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::Billing;
use crate::db::members::{self, Account};

/// Billing's routes. The host adds `Data<service::Verifier>` and the extractor limits.
pub fn routes(
    billing: Arc<Billing>,
) -> impl Fn(&mut ServiceConfig<'_>) + Clone + Send + Sync + 'static {
    let billing = Data::from(billing);
    move |config| {
        of_invoices(config);
        of_prepaid(config);
        config
            .app_data(billing.clone())
            .service(wallet::get_wallet)
            .service(wallet::list_statement)
            .service(deposits::credit_deposit)
            .service(bank::get_bank_account)
            .service(bank::set_bank_account)
            .service(statements::import_statement)
            .service(unmatched::list_unmatched)
            .service(unmatched::assign_unmatched)
            .service(unmatched::assign_to_invoice)
            .service(payouts::prepare_payout)
            .service(payouts::request_payout)
            .service(payouts::list_payouts)
            .service(payout_files::make_payout_file)
            .service(payout_files::list_payout_files)
            .service(payout_files::get_payout_file)
            .service(payouts::get_payout)
            .service(payout_files::order_payout_again)
            .service(payout_files::credit_payout)
            .service(requests::prepare_request)
            .service(requests::submit_request)
            .service(requests::list_requests)
            .service(requests::get_request)
            .service(exchange::list_currencies)
            .service(exchange::list_exchange_rates)
            .service(exchange::set_exchange_rate)
            .service(exchange::list_rates_of_pair)
            .service(exchange::quote_exchange)
            .service(exchange::order_exchange)
            .service(exchange::list_exchanges)
            .service(dealer::ask_dealer_transfer)
            .service(dealer::list_dealer_transfers)
            .service(dealer::approve_dealer_transfer)
            .service(dealer::refuse_dealer_transfer)
            .service(challenges::prepare_trade_challenge)
            .service(challenges::file_trade_challenge)
            .service(challenges::list_trade_challenges)
            .service(certificates::list_certificates)
            .service(certificates::list_retirements)
            .service(certificates::list_issues)
            .service(certificate_sources::list_sources)
            .service(certificate_sources::get_source)
            .service(certificate_sources::set_source)
            .service(certificate_sources::end_source)
            .service(tariffs::list_tariffs)
            .service(tariff_proposals::propose_tariff)
            .service(tariff_proposals::list_tariff_proposals)
            .service(tariff_proposals::get_tariff_proposal)
            .service(tariff_proposals::approve_tariff_proposal)
            .service(tariff_proposals::refuse_tariff_proposal)
            .service(tariffs::simulate_tariff)
            .service(reports::report_settlement)
            .service(reports::report_residual_load)
            .service(reports::report_charges)
            .service(reports::report_unbilled)
            .service(reports::report_estimated)
            .service(audit::get_audit)
            .service(audit_days::list_audit_days)
            .service(exports::export_journal)
            .service(exports::get_journal_anchors)
            .service(shadow::compare_bills)
            .service(reserve::get_reserve)
            .service(relay::list_billing_transactions);
    }
}

/// Routes of invoices, what is said of them and what follows them.
fn of_invoices(config: &mut ServiceConfig<'_>) {
    config
        .service(invoices::list_invoices)
        .service(invoices::issue_invoice)
        .service(invoices::get_invoice)
        .service(invoices::get_invoice_page)
        .service(invoices::get_bill_file)
        .service(dues::get_invoice_payment)
        .service(wallet_payments::get_collecting_account)
        .service(wallet_payments::set_collecting_account)
        .service(wallet_payments::prepare_wallet_payment)
        .service(wallet_payments::pay_from_wallet)
        .service(wallet_payments::list_wallet_payments)
        .service(dues::list_receivables)
        .service(dues::list_receivable_ages)
        .service(dunning::list_handed_over)
        .service(dunning::list_ladders)
        .service(dunning::set_ladder)
        .service(corrections::list_corrections)
        .service(corrections::get_correction)
        .service(corrections::get_correction_file)
        .service(corrections::get_correction_document)
        .service(corrections::ask_cancellation)
        .service(corrections::list_cancellations)
        .service(corrections::approve_cancellation)
        .service(corrections::refuse_cancellation)
        .service(disputes::dispute_invoice)
        .service(disputes::list_disputes)
        .service(disputes::get_dispute)
        .service(disputes::say_in_dispute)
        .service(documents::get_invoice_document)
        .service(documents::get_issuer)
        .service(documents::set_issuer)
        .service(documents::get_customer)
        .service(documents::set_customer)
        .service(documents::forget_customer);
}

/// Routes of accounts that pay before they use.
fn of_prepaid(config: &mut ServiceConfig<'_>) {
    config
        .service(prepaid::get_prepaid)
        .service(prepaid::agree_prepaid)
        .service(prepaid::end_prepaid)
        .service(prepaid_staff::list_prepaid_accounts)
        .service(prepaid_staff::protect_account)
        .service(prepaid_staff::ask_suspension)
        .service(prepaid_staff::list_prepaid_suspensions)
        .service(prepaid_staff::approve_suspension)
        .service(prepaid_staff::refuse_suspension)
        .service(prepaid::list_prepaid_settings)
        .service(prepaid::set_prepaid_settings);
}

/// Whether the caller may do `action` to what `owner` has, or to the community.
fn may(caller: &Principal, action: Action, owner: Option<AccountId>) -> bool {
    let (account, community) = (caller.account, caller.community);
    let subject = Subject { account, community, roles: &caller.roles };
    permit(subject, action, Thing { owner, community })
}

/// The longest idempotency key.
const KEY_LEN_MAX: usize = 120;

/// What names a request that moves money, so that its repetition moves none.
fn idempotency_key(request: &HttpRequest) -> Result<&str, Problem> {
    let key = request.headers().get("Idempotency-Key").and_then(|value| value.to_str().ok());
    key.filter(|key| !key.is_empty() && key.len() <= KEY_LEN_MAX).ok_or_else(|| {
        Problem::malformed("an Idempotency-Key of 1 to 120 characters names the payment")
    })
}

/// Refuses a caller who may not do `action` in the community.
fn require(caller: &Principal, action: Action) -> Result<(), Problem> {
    if may(caller, action, None) { Ok(()) } else { Err(Problem::forbidden()) }
}

/// Which of the caller's addresses.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AddressQuery {
    /// The one of the account's addresses that signs; the one in force when absent.
    address: Option<String>,
}

/// `account` at the address that is named, one of its own; as it is where none is.
async fn at_address(
    billing: &Billing,
    account: Account,
    named: Option<&str>,
) -> Result<Account, Problem> {
    let Some(named) = named else { return Ok(account) };
    let address = named.parse().map_err(|_| Problem::malformed("address: not one"))?;
    let found = members::account_at(&billing.db, address).await?;
    let found = found.filter(|found| found.account == account.account);
    found.ok_or_else(|| Problem::refused("ADDRESS", "The account has no such address"))
}

/// The account that a request is about: the one it names, or the caller's own. One that the caller
/// may not know of is not found.
async fn account_of(
    billing: &Billing,
    caller: &Principal,
    named: Option<&str>,
) -> Result<Account, Problem> {
    let id = match named {
        None => caller.own_account()?,
        Some(text) => text.parse().map_err(|_| Problem::malformed("account: not a UUID"))?,
    };
    let account = members::account(&billing.db, id, billing.now()).await?;
    let visible = account.filter(|account| {
        account.community == caller.community && may(caller, Action::ReadAccount, Some(id))
    });
    visible.ok_or_else(|| Problem::not_found("account"))
}
