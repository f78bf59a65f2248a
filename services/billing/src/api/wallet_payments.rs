//! Invoices that are paid out of wallets, and what they give back into them.

use access::Action;
use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpRequest, HttpResponse, get, post, put};
use contracts::AccountRequest;
use keys::SignatureBytes;
use serde::{Deserialize, Serialize};
use service::{Principal, Problem, Problems};
use utoipa::ToSchema;

use super::invoices::invoice_of;
use super::requests::{PreparedRequest, amount, own_account, shown, signing};
use super::{AddressQuery, account_of, idempotency_key, require};
use crate::Billing;
use crate::db::invoices;
use crate::db::members::Account;
use crate::db::wallet_payments::{self, WalletPayment};

/// To whose wallet invoices are paid.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CollectingAccount {
    /// An account of the community: the retailer's.
    #[schema(format = "uuid")]
    pub(crate) account: String,
}

/// How much is paid, or given back.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WalletPaymentWish {
    /// In major units; all there is when absent.
    #[schema(example = "12.50")]
    amount: Option<String>,
}

/// A transfer that was signed for an invoice.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewWalletPayment {
    /// As it was prepared.
    #[schema(value_type = Object)]
    terms: AccountRequest,
    /// The payer's signature: 64 bytes (EIP-2098), or at most 1024 that its contract takes
    /// (ERC-1271).
    signature: String,
}

/// A payment of an invoice with tokens.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct WalletPaymentView {
    /// The transfer, among requests.
    #[schema(format = "uuid")]
    pub(crate) request: String,
    /// How much, in major units; below zero the invoice gives it back.
    pub(crate) amount: String,
    /// `sent`, `confirmed` (in a block that may still leave the chain), `failed`, or `done`.
    pub(crate) state: String,
    /// When it came.
    #[schema(format = DateTime)]
    pub(crate) at: String,
}

/// To whose wallet invoices of the caller's community are paid; `null` while nobody has said.
#[utoipa::path(
    tag = "billing",
    responses((status = 200, body = Option<CollectingAccount>), Problems)
)]
#[get("/v1/collecting-account")]
pub(crate) async fn get_collecting_account(
    billing: Data<Billing>,
    caller: Principal,
) -> Result<Json<Option<CollectingAccount>>, Problem> {
    require(&caller, Action::ReadMarket)?;
    let collector = billing.collector(caller.community).await?;
    let account = collector.map(|collector| collector.account.to_string());
    Ok(Json(account.map(|account| CollectingAccount { account })))
}

/// Says to whose wallet invoices of the caller's community are paid from now on.
#[utoipa::path(
    tag = "billing",
    request_body = CollectingAccount,
    responses((status = 200, body = CollectingAccount), Problems)
)]
#[put("/v1/collecting-account")]
pub(crate) async fn set_collecting_account(
    billing: Data<Billing>,
    caller: Principal,
    Json(wanted): Json<CollectingAccount>,
) -> Result<Json<CollectingAccount>, Problem> {
    require(&caller, Action::OrderPayouts)?;
    let account = account_of(&billing, &caller, Some(&wanted.account)).await?;
    billing.set_collector(&account, caller.party).await?;
    Ok(Json(CollectingAccount { account: account.account.to_string() }))
}

/// What to sign to pay an invoice out of a wallet, or to give back what it gives back.
///
/// Whose invoice it is pays to the collecting account, wholly or in part; the collecting account
/// gives back a credit, and what came in too much. Refused with `NO_COLLECTING_ACCOUNT`,
/// `NOTHING_DUE`, `AMOUNT` and `ADDRESS`.
#[utoipa::path(
    tag = "billing",
    params(("id" = String, Path, description = "The invoice"), AddressQuery),
    request_body = WalletPaymentWish,
    responses((status = 200, body = PreparedRequest), Problems)
)]
#[post("/v1/invoices/{id}/wallet-payments/prepare")]
pub(crate) async fn prepare_wallet_payment(
    billing: Data<Billing>,
    caller: Principal,
    id: Path<String>,
    Query(of): Query<AddressQuery>,
    Json(wish): Json<WalletPaymentWish>,
) -> Result<Json<PreparedRequest>, Problem> {
    let (account, issued) = parties(&billing, &caller, &id, of.address.as_deref()).await?;
    let amount = wish.amount.as_deref().map(|text| amount("amount", text)).transpose()?;
    let now = billing.now();
    let terms = billing.prepare_wallet_payment(&account, &issued, amount, now).await?;
    let beyond = |_| Problem::malformed("amount: too much");
    let typed_data = terms.typed_data(billing.chain_id, &billing.deployment).map_err(beyond)?;
    Ok(Json(PreparedRequest { terms: shown(&terms), typed_data }))
}

/// Pays an invoice with a signed transfer, or gives back what it gives back.
///
/// The invoice counts it when its block is final. Repeating a request with the same
/// `Idempotency-Key` answers with the payment as it is. Refused as where it is prepared, and with
/// `NOT_PREPARED`, `EXPIRED`, `NOT_SIGNED`, `NOT_ENOUGH_FREE` and `REQUESTS_OPEN`.
#[utoipa::path(
    tag = "billing",
    params(
        ("id" = String, Path, description = "The invoice"),
        ("Idempotency-Key" = String, Header, description = "Names the payment"),
    ),
    request_body = NewWalletPayment,
    responses((status = 201, body = WalletPaymentView), Problems)
)]
#[post("/v1/invoices/{id}/wallet-payments")]
pub(crate) async fn pay_from_wallet(
    billing: Data<Billing>,
    caller: Principal,
    request: HttpRequest,
    id: Path<String>,
    Json(new): Json<NewWalletPayment>,
) -> Result<HttpResponse, Problem> {
    let (account, issued) = parties(&billing, &caller, &id, None).await?;
    let account = signing(&billing, account, &new.terms).await?;
    let key = idempotency_key(&request)?;
    let signature: SignatureBytes =
        new.signature.parse().map_err(|error| Problem::malformed(format!("signature: {error}")))?;
    let signed = (key, new.terms, signature);
    let sent = billing.pay_from_wallet(&account, &issued, signed, billing.now()).await?;
    Ok(HttpResponse::Created().json(view(&sent)))
}

/// Payments of an invoice with tokens, oldest first. For whose it is, and for staff.
#[utoipa::path(
    tag = "billing",
    params(("id" = String, Path, description = "The invoice")),
    responses((status = 200, body = [WalletPaymentView]), Problems)
)]
#[get("/v1/invoices/{id}/wallet-payments")]
pub(crate) async fn list_wallet_payments(
    billing: Data<Billing>,
    caller: Principal,
    id: Path<String>,
) -> Result<Json<Vec<WalletPaymentView>>, Problem> {
    let issued = invoice_of(&billing, &caller, &id).await?;
    let sent = wallet_payments::of(&billing.db, issued.id).await?;
    Ok(Json(sent.iter().map(view).collect()))
}

/// The caller's own account at one of its addresses, and the invoice: its own, or any of the
/// community where the account is the collecting one.
async fn parties(
    billing: &Billing,
    caller: &Principal,
    id: &str,
    address: Option<&str>,
) -> Result<(Account, invoices::Issued), Problem> {
    let account = own_account(billing, caller, Action::TransferCash, address).await?;
    let unknown = || Problem::not_found("invoice");
    let found = invoices::find(&billing.db, id.parse().map_err(|_| unknown())?).await?;
    let issued = found.filter(|found| found.community == caller.community).ok_or_else(unknown)?;
    if issued.account != account.account {
        let collector = billing.collector(caller.community).await?;
        if collector.is_none_or(|collector| collector.account != account.account) {
            return Err(unknown());
        }
    }
    Ok((account, issued))
}

fn view(sent: &WalletPayment) -> WalletPaymentView {
    WalletPaymentView {
        request: sent.request.to_string(),
        amount: sent.amount.to_string(),
        state: sent.state.name().to_owned(),
        at: sent.at.to_string(),
    }
}
