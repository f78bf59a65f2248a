//! Signatures with held keys.

use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, post};
use contracts::{AccountRequest, OrderTerms, PayoutTerms};
use service::{Principal, Problem, Problems};
use utoipa::ToSchema;

use crate::{
    Approval, Identity, SignedOrder, SignedPayout, SignedRedemption, SignedRequest, Signing,
};

/// An order as it is signed (EIP-712). Parsed by [`OrderTerms`]; this is its description.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = OrderTerms)]
#[expect(dead_code, reason = "describes the fields of a type that knows nothing of HTTP")]
pub(super) struct OrderTermsShape {
    /// The address of the account whose cash it is.
    account: String,
    /// `buy` or `sell`.
    #[schema(example = "buy")]
    side: String,
    /// Start of the slot, epoch seconds.
    slot: u64,
    /// The most that may be filled, in Wh.
    quantity: u64,
    /// In 1e-9 currency per Wh: a buyer's is all-in, a seller's net of the platform fee.
    limit_price: u64,
    /// The least that may be filled, in Wh.
    min_fill: u64,
    /// The community.
    #[schema(format = "uuid")]
    community: String,
    /// The grid area.
    #[schema(format = "uuid")]
    zone: String,
    /// Where the energy is metered.
    #[schema(format = "uuid")]
    connection_point: String,
    /// The hash of the policy.
    policy: String,
    /// Who else may have signed; zero when only the account may.
    delegate: String,
    /// Unique per account, as 0x and hex digits.
    nonce: String,
    /// The last epoch second at which the order may be settled.
    expiry: u64,
}

/// Signs an order with the key of the caller's account, where that key is held.
///
/// `OWN_KEY` when the owner alone has it: then the wallet signs. `SIGNING_LIMIT` when it is more
/// than is signed for an account in a day. A large order waits for the consent of a member of staff
/// (202) and is signed when it is sent again.
#[utoipa::path(
    request_body = OrderTermsShape,
    responses((status = 200, body = SignedOrder), (status = 202, body = Approval), Problems)
)]
#[post("/v1/signatures/order")]
pub(super) async fn sign_order(
    identity: Data<Identity>,
    who: Principal,
    terms: Json<OrderTerms>,
) -> Result<HttpResponse, Problem> {
    Ok(match identity.sign_order(&who, &terms).await? {
        Signing::Signed(signed) => HttpResponse::Ok().json(signed),
        Signing::Waits(approval) => HttpResponse::Accepted().json(approval),
    })
}

/// A payout as it is signed. Parsed by [`PayoutTerms`]; this is its description.
#[derive(ToSchema)]
#[schema(as = PayoutTerms)]
#[expect(dead_code, reason = "describes the fields of a type that knows nothing of HTTP")]
pub(super) struct PayoutTermsShape {
    /// The address of the account.
    account: String,
    /// How much, in major units.
    #[schema(example = "25")]
    amount: String,
    /// Whose bank account.
    creditor: String,
    /// The bank account, without spaces.
    #[schema(example = "DE89370400440532013000")]
    iban: String,
    /// 32 random bytes.
    salt: String,
    /// The last second, epoch seconds, in which the market takes the withdrawal; two days from now
    /// at most.
    expiry: u64,
    /// The contracts `token` and `market` of the currency, where it is not the first.
    #[schema(value_type = Option<Object>)]
    cash: Option<String>,
}

/// Signs a payout, as it was prepared, with the key of the caller's account, where it is held.
///
/// `OWN_KEY` when the owner alone has it: then the wallet signs. `SIGNING_LIMIT` when it is more
/// than is signed for an account in a day. A large payout waits for the consent of a member of
/// staff (202) and is signed when it is sent again.
#[utoipa::path(
    request_body = PayoutTermsShape,
    responses((status = 200, body = SignedPayout), (status = 202, body = Approval), Problems)
)]
#[post("/v1/signatures/payout")]
pub(super) async fn sign_payout(
    identity: Data<Identity>,
    who: Principal,
    terms: Json<PayoutTerms>,
) -> Result<HttpResponse, Problem> {
    Ok(match identity.sign_payout(&who, &terms).await? {
        Signing::Signed(signed) => HttpResponse::Ok().json(signed),
        Signing::Waits(approval) => HttpResponse::Accepted().json(approval),
    })
}

/// Signs what becomes of tokens outside of trading, with the held key of the caller's account.
///
/// As it was prepared with `outside`: a payout to a bank, or back into the wallet. Nothing leaves
/// trading by it. Refused, and large ones wait, as `/v1/signatures/payout` says.
#[utoipa::path(
    request_body = PayoutTermsShape,
    responses(
        (status = 200, body = SignedRedemption), (status = 202, body = Approval), Problems
    )
)]
#[post("/v1/signatures/redemption")]
pub(super) async fn sign_redemption(
    identity: Data<Identity>,
    who: Principal,
    terms: Json<PayoutTerms>,
) -> Result<HttpResponse, Problem> {
    Ok(match identity.sign_redemption(&who, &terms).await? {
        Signing::Signed(signed) => HttpResponse::Ok().json(signed),
        Signing::Waits(approval) => HttpResponse::Accepted().json(approval),
    })
}

/// A request to a contract as it is signed. Parsed by [`AccountRequest`]; this is its description.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", as = AccountRequest)]
#[expect(dead_code, reason = "describes the fields of a type that knows nothing of HTTP")]
pub(super) struct AccountRequestShape {
    /// `transfer`, `mandate`, `currency_transfer`, `exchange`, `certificate_transfer`,
    /// `certificate_retirement` or `cancellation`. The fields that follow are of some of them; a
    /// currency transfer has those of a transfer and the market.
    #[schema(example = "transfer")]
    kind: String,
    /// The address of the account.
    account: String,
    /// Transfers: who gets it.
    to: Option<String>,
    /// Transfer: how much, in major units. Of a certificate: how many Wh, as 0x and hex digits.
    #[schema(example = "12.5")]
    amount: Option<String>,
    /// Certificates: the certificate's number, as 0x and hex digits.
    certificate: Option<String>,
    /// Retirement: for whom, 1 to 200 bytes.
    beneficiary: Option<String>,
    /// All but mandates and cancellations: unique per account, as 0x and hex digits.
    nonce: Option<String>,
    /// Cancellation: of the orders that end, as 0x and hex digits.
    nonces: Option<Vec<String>>,
    /// All but cancellations: the last epoch second at which it may be sent.
    expiry: Option<u64>,
    /// Transfer: the only one who may send it; zero for anybody.
    sender: Option<String>,
    /// Transfer: what it belongs to, 32 bytes.
    link: Option<String>,
    /// Mandate: who may sign orders.
    delegate: Option<String>,
    /// Mandate: the only policy of the orders, 32 bytes.
    policy: Option<String>,
    /// Mandate: epoch seconds before which orders are settled; zero ends the mandate.
    until: Option<u64>,
    /// Mandate: the most an order may pay all in, in 1e-9 currency per Wh.
    buy_price_max: Option<u64>,
    /// Mandate: the least an order may get net, in 1e-9 currency per Wh.
    sell_price_min: Option<u64>,
    /// Mandate: the largest order, in Wh.
    quantity_per_slot: Option<u64>,
    /// Mandate: the most of a UTC day and side, in Wh.
    quantity_per_day: Option<u64>,
    /// Mandate: higher than that of the one it replaces.
    version: Option<u64>,
    /// Currency transfer: the market of the currency.
    market: Option<String>,
    /// Exchange: the market of the currency that is given.
    from: Option<String>,
    /// Exchange: who gives the other currency. The market of that one is in `to`.
    dealer: Option<String>,
    /// Exchange: what is given, in major units.
    given: Option<String>,
    /// Exchange: what comes for it, in major units.
    taken: Option<String>,
    /// Exchange: unique per account, as 0x and hex digits.
    account_nonce: Option<String>,
    /// Exchange: unique per dealer, as 0x and hex digits.
    dealer_nonce: Option<String>,
    /// Exchange: the dealer's signature, 64 bytes (EIP-2098).
    dealer_signature: Option<String>,
}

/// Signs a transfer, a mandate, an exchange or a request about certificates with the held key.
///
/// As it was prepared or quoted. `OWN_KEY` when the owner alone has it: then the wallet signs.
/// `SIGNING_LIMIT` when it is more than is signed for an account in a day: of a mandate the most
/// that it lets be spent in a day counts; each currency has its own limit, and so have Wh of
/// certified energy. A large one waits for the consent of a member of staff (202) and is signed
/// when it is sent again; of an exchange, a new quote of the same amount that is no worse.
#[utoipa::path(
    request_body = AccountRequestShape,
    responses((status = 200, body = SignedRequest), (status = 202, body = Approval), Problems)
)]
#[post("/v1/signatures/request")]
pub(super) async fn sign_request(
    identity: Data<Identity>,
    who: Principal,
    request: Json<AccountRequest>,
) -> Result<HttpResponse, Problem> {
    Ok(match identity.sign_request(&who, &request).await? {
        Signing::Signed(signed) => HttpResponse::Ok().json(signed),
        Signing::Waits(approval) => HttpResponse::Accepted().json(approval),
    })
}
