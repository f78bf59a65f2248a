//! Currencies, and the exchange between them.

use access::Action;
use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpRequest, HttpResponse, get, post, put};
use alloy_primitives::B256;
use contracts::AccountRequest;
use ids::AccountId;
use keys::SignatureBytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service::{Page, PageQuery, Principal, Problem, Problems};
use utoipa::{IntoParams, ToSchema};

use super::payouts::before;
use super::requests::{amount, own_account, shown};
use super::{account_of, idempotency_key, may, require};
use crate::Billing;
use crate::app::exchange::{Open, QUOTE_SECONDS};
use crate::currencies::{Currencies, CurrencyId};
use crate::db::exchange::{self, Pair, SetRate};
use crate::db::requests::{self, Request};
use crate::domain::exchange::Rate;

/// A currency of the installation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct CurrencyView {
    /// Its code (ISO 4217).
    #[schema(example = "EUR")]
    code: String,
    /// Address of its token.
    token: String,
    /// Address of the market contract that holds its cash.
    market: String,
    /// Whether energy is traded in it.
    traded: bool,
}

/// At which rate a dealer exchanges.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRate {
    /// 1e-9 of the target for one of the source, 1 to 10^15.
    #[schema(example = 940_000_000)]
    rate: u64,
    /// What the dealer keeps, in 1e-4 of the target, up to 5000.
    #[schema(example = 50)]
    spread_bps: u16,
    /// The most of the target that is given until the rate is set anew, over all accounts; zero
    /// ends the exchange.
    #[schema(example = "10000")]
    limit: String,
}

/// A rate that was set.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct RateView {
    /// What is given.
    #[schema(example = "EUR")]
    from: String,
    /// What comes for it.
    #[schema(example = "CHF")]
    to: String,
    /// 1e-9 of the target for one of the source.
    rate: u64,
    /// What the dealer keeps, in 1e-4 of the target.
    spread_bps: u16,
    /// The most of the target that is given at it.
    limit: String,
    /// How much of the target can be had now; absent in a history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    left: Option<String>,
    /// Who set it; for staff.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    set_by: Option<String>,
    /// From when on.
    #[schema(format = DateTime)]
    at: String,
}

/// The rates of a community.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct RatesView {
    /// The account that gives and takes.
    #[schema(format = "uuid")]
    dealer: String,
    /// Its address.
    dealer_address: String,
    /// The newest of each pair.
    rates: Vec<RateView>,
}

/// What is to be exchanged.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuoteWish {
    /// What is given.
    #[schema(example = "CHF")]
    from: String,
    /// What comes for it.
    #[schema(example = "EUR")]
    to: String,
    /// How much is given, in major units.
    #[schema(example = "100.00")]
    amount: String,
}

/// An offer of the dealer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct QuoteView {
    /// Its id: the hash of it, which both sides sign.
    quote: String,
    /// What is given.
    from: String,
    /// What comes for it.
    to: String,
    /// How much is given, in major units.
    given: String,
    /// How much comes for it, in major units: rounded down to 1e-9.
    taken: String,
    /// 1e-9 of the target for one of the source, before the spread.
    rate: u64,
    /// What the dealer keeps, in 1e-4 of the target.
    spread_bps: u16,
    /// The last moment at which it can be in a block.
    #[schema(format = DateTime)]
    expires_at: String,
    /// Seconds until then.
    stands_seconds: i64,
    /// What identity signs where it holds the key; the dealer's signature is in it.
    #[schema(value_type = Object)]
    terms: Value,
    /// What a wallet signs (EIP-712).
    #[schema(value_type = Object)]
    typed_data: Value,
}

/// A quote that the account has signed.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewOrder {
    /// Which one.
    quote: String,
    /// The account's signature: 64 bytes (EIP-2098), or at most 1024 that its contract takes
    /// (ERC-1271).
    signature: String,
}

/// An exchange on its way to the chain, or there.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct ExchangeView {
    /// The order.
    #[schema(format = "uuid")]
    id: String,
    /// The quote.
    quote: String,
    /// Whose.
    #[schema(format = "uuid")]
    account: String,
    /// What is given.
    from: String,
    /// What comes for it.
    to: String,
    /// How much is given, in major units.
    given: String,
    /// How much comes for it, in major units.
    taken: String,
    /// `sent`, `done`: both, or `failed`: neither.
    state: String,
    /// Why it failed, as the contract says now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// When it was ordered.
    #[schema(format = DateTime)]
    at: String,
}

/// Whose exchanges.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExchangesQuery {
    /// The account; the caller's own when absent, and all of the community for staff.
    account: Option<String>,
    /// Items wanted, 1 to 1000; 100 when absent.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// The currencies of the installation, the one that energy is traded in first.
#[utoipa::path(
    tag = "billing",
    responses((status = 200, body = Vec<CurrencyView>), Problems)
)]
#[get("/v1/currencies")]
pub(crate) async fn list_currencies(
    billing: Data<Billing>,
    caller: Principal,
) -> Result<Json<Vec<CurrencyView>>, Problem> {
    require(&caller, Action::ReadMarket)?;
    let all = &billing.currencies;
    let view = |id: CurrencyId| CurrencyView {
        code: all.code(id).to_owned(),
        token: format!("{:#x}", all.at(id).token),
        market: format!("{:#x}", all.at(id).market),
        traded: id == CurrencyId::FIRST,
    };
    Ok(Json(all.ids().map(view).collect()))
}

/// Says at which rate one currency is exchanged for another from now on.
///
/// The dealer is an account of the community, which the first rate opens: its cash comes in as a
/// deposit does. Quotes that were given before stand until they expire.
#[utoipa::path(
    tag = "billing",
    params(
        ("from" = String, Path, description = "What is given (ISO 4217)"),
        ("to" = String, Path, description = "What comes for it (ISO 4217)"),
    ),
    request_body = NewRate,
    responses((status = 200, body = RatesView), Problems)
)]
#[put("/v1/exchange-rates/{from}/{to}")]
pub(crate) async fn set_exchange_rate(
    billing: Data<Billing>,
    caller: Principal,
    pair: Path<(String, String)>,
    Json(new): Json<NewRate>,
) -> Result<Json<RatesView>, Problem> {
    require(&caller, Action::SetExchangeRates)?;
    let (from, to) = pair.into_inner();
    let pair = named(&billing.currencies, &from, &to)?;
    let limit = amount("limit", &new.limit)?;
    let rate = Rate { rate: new.rate, spread_bps: new.spread_bps, limit };
    let by = (caller.party, billing.now());
    billing.set_rate(caller.community, pair, rate, by).await?;
    Ok(Json(rates(&billing, &caller).await?))
}

/// At which rates currencies are exchanged, and how much can be had.
#[utoipa::path(
    tag = "billing",
    responses((status = 200, body = RatesView), Problems)
)]
#[get("/v1/exchange-rates")]
pub(crate) async fn list_exchange_rates(
    billing: Data<Billing>,
    caller: Principal,
) -> Result<Json<RatesView>, Problem> {
    require(&caller, Action::ReadMarket)?;
    Ok(Json(rates(&billing, &caller).await?))
}

/// The rates of a pair of currencies, newest first.
#[utoipa::path(
    tag = "billing",
    params(
        ("from" = String, Path, description = "What is given (ISO 4217)"),
        ("to" = String, Path, description = "What comes for it (ISO 4217)"),
        PageQuery,
    ),
    responses((status = 200, body = Page<RateView>), Problems)
)]
#[get("/v1/exchange-rates/{from}/{to}")]
pub(crate) async fn list_rates_of_pair(
    billing: Data<Billing>,
    caller: Principal,
    pair: Path<(String, String)>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<RateView>>, Problem> {
    require(&caller, Action::ReadMarket)?;
    let (from, to) = pair.into_inner();
    let pair = named(&billing.currencies, &from, &to)?;
    let (limit, before) = (query.limit(), before(query.cursor.as_deref())?);
    let found = exchange::history(&billing.db, caller.community, pair, before, limit).await?;
    let full = found.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    let next = found.last().filter(|_| full).map(|last| last.number.to_string());
    let staff = may(&caller, Action::SetExchangeRates, None);
    let items = found.iter().map(|rate| rate_view(&billing.currencies, rate, staff)).collect();
    Ok(Json(Page { items, next }))
}

/// Asks the dealer what comes for an amount.
///
/// The quote stands for two minutes and is used once. It is signed by the dealer; the account signs
/// its own side with its wallet, or with `/v1/signatures/request` where the key is held. Rounded
/// down to 1e-9 of the target. Refused with `AMOUNT`, `CURRENCY`, `NO_RATE`, `NOT_ENOUGH_FREE`,
/// `EXCHANGE_LIMIT`, `DEALER_CASH` and `QUOTES_OPEN`.
#[utoipa::path(
    tag = "billing",
    request_body = QuoteWish,
    responses((status = 201, body = QuoteView), Problems)
)]
#[post("/v1/exchange/quotes")]
pub(crate) async fn quote_exchange(
    billing: Data<Billing>,
    caller: Principal,
    Json(wish): Json<QuoteWish>,
) -> Result<HttpResponse, Problem> {
    let account = own_account(&billing, &caller, Action::TransferCash, None).await?;
    let pair = named(&billing.currencies, &wish.from, &wish.to)?;
    let given = amount("amount", &wish.amount)?;
    let (offer, rate) = billing.quote(&account, pair, given, billing.now()).await?;
    let beyond = |_| Problem::malformed("amount: too much");
    let typed_data = offer.terms.typed_data(billing.chain_id, &billing.deployment);
    Ok(HttpResponse::Created().json(QuoteView {
        quote: offer.id.to_string(),
        from: wish.from,
        to: wish.to,
        given: offer.given.to_string(),
        taken: offer.taken.to_string(),
        rate: rate.rate,
        spread_bps: rate.spread_bps,
        expires_at: offer.expiry.to_string(),
        stands_seconds: QUOTE_SECONDS,
        terms: shown(&offer.terms),
        typed_data: typed_data.map_err(beyond)?,
    }))
}

/// Sends a signed quote: both transfers happen, or none.
///
/// Repeating a request with the same `Idempotency-Key` answers with the order as it is. Refused
/// with `EXPIRED`, `NOT_SIGNED`, `NOT_ENOUGH_FREE` and `REQUESTS_OPEN`; a quote that was ordered
/// under another key is a conflict.
#[utoipa::path(
    tag = "billing",
    params(("Idempotency-Key" = String, Header, description = "Names the order")),
    request_body = NewOrder,
    responses((status = 201, body = ExchangeView), Problems)
)]
#[post("/v1/exchange/orders")]
pub(crate) async fn order_exchange(
    billing: Data<Billing>,
    caller: Principal,
    request: HttpRequest,
    Json(new): Json<NewOrder>,
) -> Result<HttpResponse, Problem> {
    let account = own_account(&billing, &caller, Action::TransferCash, None).await?;
    let key = idempotency_key(&request)?;
    let quote: B256 = new.quote.parse().map_err(|_| Problem::not_found("quote"))?;
    let signature: SignatureBytes =
        new.signature.parse().map_err(|error| Problem::malformed(format!("signature: {error}")))?;
    let signed = (quote, signature);
    let order = billing.order_exchange(&account, key, signed, billing.now()).await?;
    Ok(HttpResponse::Created().json(view(&billing, order).await?))
}

/// Exchanges, newest first: the caller's own, or for staff all of the community.
#[utoipa::path(
    tag = "billing",
    params(ExchangesQuery),
    responses((status = 200, body = Page<ExchangeView>), Problems)
)]
#[get("/v1/exchange/orders")]
pub(crate) async fn list_exchanges(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<ExchangesQuery>,
) -> Result<Json<Page<ExchangeView>>, Problem> {
    let everybody = query.account.is_none() && may(&caller, Action::ReadAccount, None);
    let account: Option<AccountId> = match everybody {
        true => None,
        false => Some(account_of(&billing, &caller, query.account.as_deref()).await?.account),
    };
    let limit = PageQuery { limit: query.limit, cursor: None }.limit();
    let before = before(query.cursor.as_deref())?;
    let of = (caller.community, account);
    let found = requests::page(&billing.db, of, Some("exchange"), before, limit).await?;
    let full = found.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    let next = found.last().filter(|_| full).map(|(number, _)| number.to_string());
    let mut items = Vec::with_capacity(found.len());
    for (_, order) in found {
        items.push(view(&billing, order).await?);
    }
    Ok(Json(Page { items, next }))
}

async fn rates(billing: &Billing, caller: &Principal) -> Result<RatesView, Problem> {
    let dealer = billing.dealer(caller.community)?;
    let staff = may(caller, Action::SetExchangeRates, None);
    let open = billing.open_rates(caller.community, billing.now()).await?;
    let rates = open.iter().map(|Open { rate, left }| {
        let left = Some(left.to_string());
        RateView { left, ..rate_view(&billing.currencies, rate, staff) }
    });
    Ok(RatesView {
        dealer: dealer.account.to_string(),
        dealer_address: format!("{:#x}", dealer.address),
        rates: rates.collect(),
    })
}

fn rate_view(currencies: &Currencies, of: &SetRate, staff: bool) -> RateView {
    RateView {
        from: currencies.code(of.pair.from).to_owned(),
        to: currencies.code(of.pair.to).to_owned(),
        rate: of.rate.rate,
        spread_bps: of.rate.spread_bps,
        limit: of.rate.limit.to_string(),
        left: None,
        set_by: staff.then(|| of.set_by.to_string()),
        at: of.at.to_string(),
    }
}

async fn view(billing: &Billing, order: Request) -> Result<ExchangeView, Problem> {
    let order = billing.stands(order).await?;
    let AccountRequest::Exchange { quote, .. } = &order.terms else {
        return Err(Problem::not_found("exchange"));
    };
    let code = |market| billing.currencies.of_market(market).map(|id| billing.currencies.code(id));
    Ok(ExchangeView {
        id: order.id.to_string(),
        quote: quote.id().map_err(anyhow::Error::from)?.to_string(),
        account: order.account.to_string(),
        from: code(quote.from).unwrap_or_default().to_owned(),
        to: code(quote.to).unwrap_or_default().to_owned(),
        given: quote.given.to_string(),
        taken: quote.taken.to_string(),
        state: order.state.name().to_owned(),
        reason: billing.reason_of(&order).await?,
        at: order.at.to_string(),
    })
}

/// The pair that a request names.
fn named(currencies: &Currencies, from: &str, to: &str) -> Result<Pair, Problem> {
    let pair = Pair { from: currencies.named(Some(from))?, to: currencies.named(Some(to))? };
    if pair.from == pair.to {
        return Err(Problem::malformed("to: another currency"));
    }
    Ok(pair)
}
