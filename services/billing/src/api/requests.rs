//! Transfers to other accounts, mandates for delegates, ends of orders, and what is done with
//! certificates. An exchange that was quoted is sent here as well.

use access::Action;
use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpRequest, HttpResponse, get, post};
use alloy_primitives::{Address, B256, U256};
use calendar::Timestamp;
use contracts::AccountRequest;
use ids::{AccountId, RequestId};
use keys::SignatureBytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service::{Page, PageQuery, Principal, Problem, Problems};
use units::{Energy, Money};
use utoipa::{IntoParams, ToSchema};

use super::payouts::before;
use super::{AddressQuery, account_of, at_address, idempotency_key, may};
use crate::Billing;
use crate::app::requests::MandateWish;
use crate::db::members::{self, Account};
use crate::db::requests::{self, Request};

/// What an account wants to sign.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum RequestWish {
    /// Free money goes to another account of the community.
    Transfer(TransferWish),
    /// Somebody may sign orders of the account, inside limits.
    Mandate(MandateTerms),
    /// Certified energy goes to another account of the community.
    CertificateTransfer(CertificateTransferWish),
    /// Certified energy is used up, for somebody.
    CertificateRetirement(RetirementWish),
    /// Orders that the account signed end on chain, as far as they are not filled.
    Cancellation(CancellationWish),
}

/// The end of orders as it is wished.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CancellationWish {
    /// The nonces of the orders, as 0x and hex digits: 1 to 256, each once.
    #[schema(value_type = Vec<String>)]
    nonces: Vec<U256>,
}

/// A transfer of certified energy as it is wished.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CertificateTransferWish {
    /// Who gets it: an account's id or its address.
    to: String,
    /// The certificate's number, 32 bytes.
    certificate: String,
    /// How much, in Wh.
    wh: u64,
}

/// A retirement as it is wished.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetirementWish {
    /// The certificate's number, 32 bytes.
    certificate: String,
    /// How much, in Wh.
    wh: u64,
    /// For whom, in words: 1 to 200 bytes.
    #[schema(example = "Bakery Weber, 2026")]
    beneficiary: String,
}

/// A transfer as it is wished.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TransferWish {
    /// Who gets it: an account's id or its address.
    #[schema(example = "0x70997970c51812dc3a010c7d01b50e0d17dc79c8")]
    to: String,
    /// How much, in major units.
    #[schema(example = "12.50")]
    amount: String,
    /// Of which currency (ISO 4217); of the one that energy is traded in when absent.
    currency: Option<String>,
}

/// A mandate as it is wished.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MandateTerms {
    /// Who may sign: an account's id or an address.
    delegate: String,
    /// The policy of the orders, 32 bytes; the community's only one when absent.
    policy: Option<String>,
    /// Before when; without it the mandate ends.
    #[schema(format = DateTime)]
    until: Option<String>,
    /// The most that an order to buy may pay all in, in 1e-9 currency per Wh; nothing is bought
    /// without.
    #[serde(default)]
    buy_price_max: u64,
    /// The least that an order to sell may get net, in 1e-9 currency per Wh; nothing is sold
    /// without.
    #[serde(default = "no_sale")]
    sell_price_min: u64,
    /// The largest order of each side and slot, in Wh.
    #[serde(default)]
    quantity_per_slot: u64,
    /// The most of each side and UTC day, in Wh.
    #[serde(default)]
    quantity_per_day: u64,
}

/// No order's limit reaches it, and JSON carries it exactly everywhere.
const fn no_sale() -> u64 {
    (1 << 53) - 1
}

/// What is signed. Nothing is kept of it until it is sent.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct PreparedRequest {
    /// Which identity signs where it holds the key.
    #[schema(value_type = Object)]
    pub(crate) terms: Value,
    /// What a wallet signs (EIP-712).
    #[schema(value_type = Object)]
    pub(crate) typed_data: Value,
}

/// A request that was signed.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRequest {
    /// As it was prepared.
    #[schema(value_type = Object)]
    terms: AccountRequest,
    /// The account's signature: 64 bytes (EIP-2098), or at most 1024 that its contract takes
    /// (ERC-1271).
    signature: String,
}

/// A request on its way to the chain, or there.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct RequestView {
    /// The request.
    #[schema(format = "uuid")]
    pub(crate) id: String,
    /// Whose.
    #[schema(format = "uuid")]
    pub(crate) account: String,
    /// What was signed.
    #[schema(value_type = Object)]
    pub(crate) terms: Value,
    /// `sent`, `done` or `failed`.
    pub(crate) state: String,
    /// Why it failed, as the contract says now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// When it came.
    #[schema(format = DateTime)]
    pub(crate) at: String,
}

/// Which requests.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RequestsQuery {
    /// The account; the caller's own when absent, and all of the community for staff.
    account: Option<String>,
    /// Only `transfer`, `mandate`, `currency_transfer`, `exchange`, `certificate_transfer`,
    /// `certificate_retirement` or `cancellation`.
    kind: Option<String>,
    /// Items wanted, 1 to 1000; 100 when absent.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// What to sign for a transfer, a mandate, certified energy or the end of orders.
///
/// Certified energy is transferred or retired.
///
/// By a wallet, or with `/v1/signatures/request` where the key is held.
/// It expires two days later: a day for a second person's consent, a day to be sent; the end of
/// orders does not expire. Refused with `ADDRESS`, `AMOUNT`, `CURRENCY`, `RECIPIENT`, `BENEFICIARY`
/// and `TOO_MANY`.
#[utoipa::path(
    tag = "billing",
    params(AddressQuery),
    request_body = RequestWish,
    responses((status = 200, body = PreparedRequest), Problems)
)]
#[post("/v1/requests/prepare")]
pub(crate) async fn prepare_request(
    billing: Data<Billing>,
    caller: Principal,
    Query(of): Query<AddressQuery>,
    Json(wish): Json<RequestWish>,
) -> Result<Json<PreparedRequest>, Problem> {
    let (now, at) = (billing.now(), of.address.as_deref());
    let terms = match wish {
        RequestWish::Transfer(wish) => {
            let account = own_account(&billing, &caller, Action::TransferCash, at).await?;
            let to = address_of(&billing, &account, "to", &wish.to).await?;
            let currency = billing.currencies.named(wish.currency.as_deref())?;
            let amount = amount("amount", &wish.amount)?;
            billing.prepare_transfer(&account, to, (currency, amount), now).await?
        }
        RequestWish::Mandate(wish) => {
            let account = own_account(&billing, &caller, Action::GrantMandate, at).await?;
            let delegate = address_of(&billing, &account, "delegate", &wish.delegate).await?;
            let wish = mandate_wish(delegate, &wish)?;
            billing.prepare_mandate(&account, wish, now).await?
        }
        RequestWish::CertificateTransfer(wish) => {
            let action = Action::TransferCertificate;
            let account = own_account(&billing, &caller, action, at).await?;
            let to = address_of(&billing, &account, "to", &wish.to).await?;
            let what = (certificate(&wish.certificate)?, wish.wh);
            billing.prepare_certificate_transfer(&account, to, what, now).await?
        }
        RequestWish::CertificateRetirement(wish) => {
            let account = own_account(&billing, &caller, Action::RetireCertificate, at).await?;
            let what = (certificate(&wish.certificate)?, wish.wh);
            billing.prepare_retirement(&account, &wish.beneficiary, what, now)?
        }
        RequestWish::Cancellation(wish) => {
            let account = own_account(&billing, &caller, Action::CancelOrder, at).await?;
            billing.prepare_cancellation(&account, wish.nonces)?
        }
    };
    let beyond = |_| Problem::malformed("amount: too much");
    let typed_data = terms.typed_data(billing.chain_id, &billing.deployment).map_err(beyond)?;
    Ok(Json(PreparedRequest { terms: shown(&terms), typed_data }))
}

/// Sends a signed request.
///
/// Repeating a request with the same `Idempotency-Key` answers with the request as it is. The end
/// of orders stands under any key while it is on its way or done; one that failed is sent again
/// under another key. Refused with `AMOUNT`, `RECIPIENT`, `BENEFICIARY`, `EXPIRED`, `NOT_SIGNED`,
/// `NOT_ENOUGH_FREE`, `NOT_ENOUGH_HELD`, `TOO_MANY`, `REQUESTS_OPEN` and, for more ends of orders
/// than an account has in a day, `CANCELLED_DAY`.
#[utoipa::path(
    tag = "billing",
    params(("Idempotency-Key" = String, Header, description = "Names the request")),
    request_body = NewRequest,
    responses((status = 201, body = RequestView), Problems)
)]
#[post("/v1/requests")]
pub(crate) async fn submit_request(
    billing: Data<Billing>,
    caller: Principal,
    request: HttpRequest,
    Json(new): Json<NewRequest>,
) -> Result<HttpResponse, Problem> {
    let action = match new.terms {
        AccountRequest::Transfer(_)
        | AccountRequest::CurrencyTransfer { .. }
        | AccountRequest::Exchange { .. } => Action::TransferCash,
        AccountRequest::Mandate { .. } => Action::GrantMandate,
        AccountRequest::CertificateTransfer(_) => Action::TransferCertificate,
        AccountRequest::CertificateRetirement(_) => Action::RetireCertificate,
        AccountRequest::Cancellation(_) => Action::CancelOrder,
    };
    let account = own_account(&billing, &caller, action, None).await?;
    let account = signing(&billing, account, &new.terms).await?;
    let key = idempotency_key(&request)?;
    let signature: SignatureBytes =
        new.signature.parse().map_err(|error| Problem::malformed(format!("signature: {error}")))?;
    let signed = (new.terms, signature);
    let taken = billing.submit_request(&account, key, signed, billing.now()).await?;
    Ok(HttpResponse::Created().json(view(&billing, &taken).await?))
}

/// Requests that were signed, newest first: the caller's own, or for staff all of the community.
#[utoipa::path(
    tag = "billing",
    params(RequestsQuery),
    responses((status = 200, body = Page<RequestView>), Problems)
)]
#[get("/v1/requests")]
pub(crate) async fn list_requests(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<RequestsQuery>,
) -> Result<Json<Page<RequestView>>, Problem> {
    let everybody = query.account.is_none() && may(&caller, Action::ReadAccount, None);
    let account: Option<AccountId> = match everybody {
        true => None,
        false => Some(account_of(&billing, &caller, query.account.as_deref()).await?.account),
    };
    let kind = query.kind.as_deref();
    if kind.is_some_and(|kind| !AccountRequest::KINDS.contains(&kind)) {
        let kinds = AccountRequest::KINDS.join(", ");
        return Err(Problem::malformed(format!("kind: one of {kinds}")));
    }
    let limit = PageQuery { limit: query.limit, cursor: None }.limit();
    let before = before(query.cursor.as_deref())?;
    let of = (caller.community, account);
    let found = requests::page(&billing.db, of, kind, before, limit).await?;
    let full = found.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    let next = found.last().filter(|_| full).map(|(number, _)| number.to_string());
    let mut items = Vec::with_capacity(found.len());
    for (_, request) in &found {
        items.push(view(&billing, request).await?);
    }
    Ok(Json(Page { items, next }))
}

/// One request. For whose it is, and for staff.
#[utoipa::path(
    tag = "billing",
    params(("id" = String, Path, description = "The request")),
    responses((status = 200, body = RequestView), Problems)
)]
#[get("/v1/requests/{id}")]
pub(crate) async fn get_request(
    billing: Data<Billing>,
    caller: Principal,
    id: Path<String>,
) -> Result<Json<RequestView>, Problem> {
    let id: RequestId = id.parse().map_err(|_| Problem::not_found("request"))?;
    let found = requests::find(&billing.db, caller.community, id).await?;
    let visible = found.filter(|found| may(&caller, Action::ReadAccount, Some(found.account)));
    let found = visible.ok_or_else(|| Problem::not_found("request"))?;
    Ok(Json(view(&billing, &found).await?))
}

async fn view(billing: &Billing, request: &Request) -> Result<RequestView, Problem> {
    let request = billing.stands(request.clone()).await?;
    Ok(RequestView {
        id: request.id.to_string(),
        account: request.account.to_string(),
        terms: shown(&request.terms),
        state: request.state.name().to_owned(),
        reason: billing.reason_of(&request).await?,
        at: request.at.to_string(),
    })
}

pub(super) fn shown(terms: &AccountRequest) -> Value {
    serde_json::to_value(terms).expect("terms are plain data with text keys")
}

/// The caller's own account at one of its addresses, where the caller may do `action` with it.
pub(super) async fn own_account(
    billing: &Billing,
    caller: &Principal,
    action: Action,
    address: Option<&str>,
) -> Result<Account, Problem> {
    let own = caller.own_account()?;
    if !may(caller, action, Some(own)) {
        return Err(Problem::forbidden());
    }
    let account = members::account(&billing.db, own, billing.now()).await?;
    let account = account.filter(|account| account.community == caller.community);
    let account = account.ok_or_else(|| Problem::not_found("account"))?;
    at_address(billing, account, address).await
}

/// The account at whichever of its addresses signs the terms; as it is where none of them does.
pub(super) async fn signing(
    billing: &Billing,
    account: Account,
    terms: &AccountRequest,
) -> Result<Account, Problem> {
    let signer = members::account_at(&billing.db, terms.account()).await?;
    Ok(signer.filter(|signer| signer.account == account.account).unwrap_or(account))
}

/// The address that is named, or that the named account of the community has.
async fn address_of(
    billing: &Billing,
    account: &Account,
    field: &str,
    named: &str,
) -> Result<Address, Problem> {
    if let Ok(address) = named.parse() {
        return Ok(address);
    }
    let unknown = || Problem::malformed(format!("{field}: an account's id or an address"));
    let id: AccountId = named.parse().map_err(|_| unknown())?;
    let found = members::account(&billing.db, id, billing.now()).await?;
    let found = found.filter(|found| found.community == account.community);
    let nobody = || Problem::refused("RECIPIENT", "The community has no such account");
    Ok(found.ok_or_else(nobody)?.address)
}

fn mandate_wish(delegate: Address, wish: &MandateTerms) -> Result<MandateWish, Problem> {
    let policy = wish.policy.as_deref().map(str::parse).transpose();
    let until = wish.until.as_deref().map(str::parse::<Timestamp>).transpose();
    Ok(MandateWish {
        delegate,
        policy: policy.map_err(|error| Problem::malformed(format!("policy: {error}")))?,
        until: until.map_err(|error| Problem::malformed(format!("until: {error}")))?,
        buy_price_max: wish.buy_price_max,
        sell_price_min: wish.sell_price_min,
        quantity_per_slot: Energy::from_wh(wish.quantity_per_slot),
        quantity_per_day: Energy::from_wh(wish.quantity_per_day),
    })
}

fn certificate(text: &str) -> Result<U256, Problem> {
    let word: Result<B256, _> = text.parse();
    word.map(Into::into).map_err(|error| Problem::malformed(format!("certificate: {error}")))
}

pub(super) fn amount(name: &str, text: &str) -> Result<Money, Problem> {
    serde_json::from_value(text.into())
        .map_err(|error| Problem::malformed(format!("{name}: {error}")))
}
