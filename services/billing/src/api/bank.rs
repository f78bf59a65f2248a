//! The bank account of a community.

use access::Action;
use actix_web::web::{Data, Json, Query};
use actix_web::{get, put};
use serde::{Deserialize, Serialize};
use service::{Principal, Problem, Problems};
use utoipa::{IntoParams, ToSchema};

use super::require;
use crate::Billing;
use crate::currencies::CurrencyId;
use crate::db::bank::{self, BankAccount};

/// The longest name of a holder, in characters, as banks take it.
const HOLDER_CHARS_MAX: usize = 70;

/// Which bank account.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct BankAccountQuery {
    /// Of which currency (ISO 4217); of the one that energy is traded in when absent.
    currency: Option<String>,
}

/// Where the members of a community pay to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BankAccountView {
    /// The account's number.
    #[schema(example = "DE89370400440532013000")]
    iban: String,
    /// Whose it is.
    holder: String,
    /// What it is kept in (ISO 4217).
    #[schema(example = "EUR")]
    currency: String,
}

fn view(account: &BankAccount) -> BankAccountView {
    BankAccountView {
        iban: account.iban.to_string(),
        holder: account.holder.clone(),
        currency: account.currency.to_string(),
    }
}

/// Where the members of the caller's community pay to.
///
/// A transfer that says the reference of a wallet is credited there.
#[utoipa::path(
    tag = "billing",
    params(BankAccountQuery),
    responses((status = 200, body = BankAccountView), Problems)
)]
#[get("/v1/bank/account")]
pub(crate) async fn get_bank_account(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<BankAccountQuery>,
) -> Result<Json<BankAccountView>, Problem> {
    require(&caller, Action::ReadMarket)?;
    let currency = billing.currencies.named(query.currency.as_deref())?;
    let account = bank::account(&billing.db, caller.community, currency).await?;
    let account = account.ok_or_else(|| Problem::not_found("bank account"))?;
    Ok(Json(view(&account)))
}

/// Says where the members of the caller's community pay to.
///
/// There is one for each currency of the installation; what is in none of them is said of the
/// first. Statements are taken of these accounts alone from then on.
#[utoipa::path(
    tag = "billing",
    request_body = BankAccountView,
    responses((status = 200, body = BankAccountView), Problems)
)]
#[put("/v1/bank/account")]
pub(crate) async fn set_bank_account(
    billing: Data<Billing>,
    caller: Principal,
    Json(wanted): Json<BankAccountView>,
) -> Result<Json<BankAccountView>, Problem> {
    require(&caller, Action::CreditDeposit)?;
    let iban = wanted.iban.parse();
    let iban = iban.map_err(|error| Problem::malformed(format!("iban: {error}")))?;
    let currency = wanted.currency.parse();
    let currency = currency.map_err(|error| Problem::malformed(format!("currency: {error}")))?;
    let holder = wanted.holder.trim().to_owned();
    let printed = !holder.is_empty() && !holder.chars().any(char::is_control);
    if !printed || holder.chars().count() > HOLDER_CHARS_MAX {
        return Err(Problem::malformed("holder: not a name of 1 to 70 characters"));
    }
    let book = billing.currencies.of_code(&wanted.currency).unwrap_or(CurrencyId::FIRST);
    let account = BankAccount { book, iban, holder, currency };
    billing.set_bank_account(caller.community, account.clone()).await?;
    Ok(Json(view(&account)))
}
