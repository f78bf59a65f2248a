//! Payments from outside.

use access::Action;
use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse, post};
use serde::{Deserialize, Serialize};
use service::{Principal, Problem, Problems};
use units::Money;
use utoipa::ToSchema;

use super::{idempotency_key, require};
use crate::Billing;

/// A payment that arrived.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewDeposit {
    /// Who gets it.
    #[schema(format = "uuid")]
    account: String,
    /// How much, in major units.
    #[schema(example = "25.00")]
    amount: String,
    /// Of which currency (ISO 4217); of the one that energy is traded in when absent.
    currency: Option<String>,
}

/// A payment on its way to an account.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct DepositView {
    /// Its name on chain.
    pub(crate) payment: String,
    /// Who gets it.
    #[schema(format = "uuid")]
    pub(crate) account: String,
    /// How much, in major units.
    pub(crate) amount: String,
}

/// Credits a payment from outside to an account.
///
/// Repeating a request with the same `Idempotency-Key` answers as before.
#[utoipa::path(
    tag = "billing",
    params(("Idempotency-Key" = String, Header, description = "Names the payment")),
    request_body = NewDeposit,
    responses((status = 201, body = DepositView), Problems)
)]
#[post("/v1/deposits")]
pub(crate) async fn credit_deposit(
    billing: Data<Billing>,
    caller: Principal,
    request: HttpRequest,
    Json(deposit): Json<NewDeposit>,
) -> Result<HttpResponse, Problem> {
    require(&caller, Action::CreditDeposit)?;
    let key = idempotency_key(&request)?;
    let account = deposit.account.parse().map_err(|_| Problem::malformed("account: not a UUID"))?;
    let amount: Money = serde_json::from_value(deposit.amount.clone().into())
        .map_err(|error| Problem::malformed(format!("amount: {error}")))?;
    let currency = billing.currencies.named(deposit.currency.as_deref())?;
    let (to, now) = ((caller.community, key), billing.now());
    let payment = billing.deposit_of(currency, to, account, amount, now).await?;
    Ok(HttpResponse::Created().json(DepositView {
        payment: payment.to_string(),
        account: deposit.account,
        amount: amount.to_string(),
    }))
}
