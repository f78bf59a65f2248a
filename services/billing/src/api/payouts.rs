//! Money out, to an account's bank.

use access::Action;
use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpRequest, HttpResponse, get, post};
use alloy_primitives::B256;
use calendar::Timestamp;
use contracts::{Cash, PayoutTerms, TO_WALLET};
use ids::{AccountId, PayoutId};
use iso20022::Iban;
use keys::SignatureBytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use service::{Page, PageQuery, Principal, Problem, Problems};
use units::Money;
use utoipa::{IntoParams, ToSchema};

use super::requests::{amount, own_account};
use super::{AddressQuery, account_of, idempotency_key, may};
use crate::Billing;
use crate::app::payouts::{Destination, Prepared, Wanted};
use crate::currencies::Currencies;
use crate::db::payouts::{self, Payout};
use crate::domain::payout::{PayoutState, end_to_end_id};

/// What a payout costs the account: the operator pays for its transactions.
const FEE: Money = Money::ZERO;

/// How much, and where to.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PayoutWish {
    /// How much, in major units.
    #[schema(example = "25.00")]
    amount: String,
    /// Whether it is of what waits outside of trading (`outside` of the wallet).
    #[serde(default)]
    outside: bool,
    /// Whose bank account, 1 to 70 characters; with `outside` it may be left out, and the money
    /// goes back into the wallet.
    creditor: Option<String>,
    /// The bank account; left out with `creditor`.
    #[schema(example = "DE89370400440532013000")]
    iban: Option<String>,
    /// Of which currency (ISO 4217); of the one that energy is traded in when absent.
    currency: Option<String>,
}

/// What is signed to be paid out. Nothing is kept of it until it is asked for.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct PreparedPayout {
    /// Which identity signs where it holds the key.
    pub(crate) terms: PayoutTermsView,
    /// The hash of salt, bank account and name: all that the chain sees of where to.
    pub(crate) destination: String,
    /// The nonce of both signatures, as 0x and hex digits.
    pub(crate) nonce: String,
    /// What a wallet signs for the market (EIP-712); absent where the money is outside of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(crate) withdrawal: Option<Value>,
    /// What a wallet signs for the token (EIP-712).
    #[schema(value_type = Object)]
    pub(crate) redemption: Value,
    /// What the amount is in (ISO 4217).
    pub(crate) currency: String,
    /// What it costs, in major units.
    pub(crate) fee: String,
    /// Seconds until the money is out of the market and the bank can be asked; 0 where it is
    /// outside.
    pub(crate) delay_seconds: u64,
}

/// A payout as it is signed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = PayoutTerms)]
pub(crate) struct PayoutTermsView {
    /// The address of the account.
    pub(crate) account: String,
    /// How much, in major units.
    pub(crate) amount: String,
    /// Whose bank account.
    pub(crate) creditor: String,
    /// The bank account, without spaces; empty where the money goes back into the wallet.
    pub(crate) iban: String,
    /// 32 random bytes.
    pub(crate) salt: String,
    /// The last second, epoch seconds, in which the market takes the withdrawal. The token takes
    /// the redemption for 30 days longer.
    pub(crate) expiry: u64,
    /// The contracts `token` and `market` of the currency, where it is not the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub(crate) cash: Option<Cash>,
}

/// A payout that is asked for.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPayout {
    /// How much, in major units.
    #[schema(example = "25.00")]
    amount: String,
    /// Whose bank account, 1 to 70 characters; left out with `iban` where the money goes back into
    /// the wallet.
    creditor: Option<String>,
    /// The bank account.
    #[schema(example = "DE89370400440532013000")]
    iban: Option<String>,
    /// As it was prepared.
    salt: String,
    /// As it was prepared, epoch seconds.
    expiry: u64,
    /// As it was wished.
    currency: Option<String>,
    /// The account's signature for the market: 64 bytes (EIP-2098), or at most 1024 that its
    /// contract takes (ERC-1271). Absent where the money is outside of trading.
    #[serde(default)]
    withdrawal_signature: Option<String>,
    /// The account's signature for the token, the same way.
    redemption_signature: String,
}

/// Money on its way to a bank.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct PayoutView {
    /// The payout.
    #[schema(format = "uuid")]
    pub(crate) id: String,
    /// Whose money.
    #[schema(format = "uuid")]
    pub(crate) account: String,
    /// How much, in major units.
    pub(crate) amount: String,
    /// Of which currency (ISO 4217).
    pub(crate) currency: String,
    /// Whose bank account; `wallet` where the money goes back there.
    pub(crate) creditor: String,
    /// The bank account; empty where the money goes back into the wallet.
    pub(crate) iban: String,
    /// Whether it is of what waited outside of trading.
    #[serde(default)]
    pub(crate) outside: bool,
    /// With the bank account and the name it hashes to the destination.
    pub(crate) salt: String,
    /// What the chain says of where to: `keccak(salt || iban || 0 || creditor)`.
    pub(crate) destination: String,
    /// What the payment is called from end to end.
    pub(crate) end_to_end_id: String,
    /// `requested`, `withdrawing`, `withdrawn`, `redeemed`, `ordered`, `paid`, `returned`,
    /// `credited`, `failed` or `expired`.
    pub(crate) state: String,
    /// Why it failed, as the contract says, or came back, as the bank says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// Until when it may be withdrawn: what was not by then has taken nothing.
    #[schema(format = DateTime)]
    pub(crate) expires_at: String,
    /// When it leaves the market, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub(crate) available_at: Option<String>,
    /// The file with which the bank was asked last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<String>,
    /// When it was asked for.
    #[schema(format = DateTime)]
    pub(crate) at: String,
}

/// Which payouts.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PayoutsQuery {
    /// The account; the caller's own when absent, and all of the community for staff.
    account: Option<String>,
    /// Only those in this state.
    state: Option<String>,
    /// Items wanted, 1 to 1000; 100 when absent.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

pub(super) fn view(currencies: &Currencies, payout: &Payout) -> PayoutView {
    let available = Some(payout.available.cast_signed()).filter(|seconds| *seconds > 0);
    let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    PayoutView {
        id: payout.id.to_string(),
        account: payout.account.to_string(),
        amount: payout.amount.to_string(),
        currency: currencies.code(payout.currency).to_owned(),
        creditor: payout.creditor.clone(),
        iban: payout.iban.as_ref().map(Iban::to_string).unwrap_or_default(),
        outside: payout.is_outside(),
        salt: payout.salt.to_string(),
        destination: payout.destination.to_string(),
        end_to_end_id: end_to_end_id(payout.id, payout.attempt),
        state: payout.state.name().to_owned(),
        reason: some(&payout.reason),
        expires_at: Timestamp::from_seconds(payout.expiry.cast_signed()).to_string(),
        available_at: available.map(|seconds| Timestamp::from_seconds(seconds).to_string()),
        file: some(&payout.file),
        at: payout.at.to_string(),
    }
}

/// What to sign to be paid out: by a wallet, or with `/v1/signatures/payout` where the key is held.
#[utoipa::path(
    tag = "billing",
    params(AddressQuery),
    request_body = PayoutWish,
    responses((status = 200, body = PreparedPayout), Problems)
)]
#[post("/v1/payouts/prepare")]
pub(crate) async fn prepare_payout(
    billing: Data<Billing>,
    caller: Principal,
    Query(of): Query<AddressQuery>,
    Json(wish): Json<PayoutWish>,
) -> Result<Json<PreparedPayout>, Problem> {
    let (action, at) = (Action::WithdrawCash, of.address.as_deref());
    let account = own_account(&billing, &caller, action, at).await?;
    let to = destination(wish.creditor, wish.iban.as_deref(), wish.outside)?;
    let now = billing.now();
    let currency = billing.currencies.named(wish.currency.as_deref())?;
    let wanted = (currency, amount("amount", &wish.amount)?);
    let prepared = billing.prepare_payout(&account, wanted, to, now).await?;
    Ok(Json(shown(&billing, prepared, wish.outside)))
}

/// Pays out to a bank what was signed for it.
///
/// The money leaves the market after its delay, its tokens are destroyed, and the community's bank
/// is asked to pay. Repeating a request with the same `Idempotency-Key` answers with the payout as
/// it is. Refused with `AMOUNT`, `NO_BANK_ACCOUNT`, `NOT_SIGNED`, `NOT_ENOUGH_FREE`,
/// `PAYOUTS_OPEN`, and with `EXPIRED` where its signatures end before it can be in a block: it is
/// prepared and signed anew. Without a `withdrawal_signature` it is of what waits outside of
/// trading (`NOT_ENOUGH_OUTSIDE`), and may go back into the wallet instead of to a bank.
#[utoipa::path(
    tag = "billing",
    params(
        ("Idempotency-Key" = String, Header, description = "Names the payout"),
        ("address" = Option<String>, Query,
         description = "As it was prepared; the one whose key has signed when absent")
    ),
    request_body = NewPayout,
    responses((status = 201, body = PayoutView), Problems)
)]
#[post("/v1/payouts")]
pub(crate) async fn request_payout(
    billing: Data<Billing>,
    caller: Principal,
    request: HttpRequest,
    Query(of): Query<AddressQuery>,
    Json(new): Json<NewPayout>,
) -> Result<HttpResponse, Problem> {
    let (action, at) = (Action::WithdrawCash, of.address.as_deref());
    let account = own_account(&billing, &caller, action, at).await?;
    let key = idempotency_key(&request)?;
    let outside = new.withdrawal_signature.is_none();
    let Destination { creditor, iban } = destination(new.creditor, new.iban.as_deref(), outside)?;
    let salt: B256 = parsed("salt", &new.salt)?;
    let currency = billing.currencies.named(new.currency.as_deref())?;
    let terms = PayoutTerms {
        account: account.address,
        amount: amount("amount", &new.amount)?,
        creditor,
        iban: iban.as_ref().map(Iban::to_string).unwrap_or_default(),
        salt,
        expiry: new.expiry,
        cash: billing.currencies.named_cash(currency),
    };
    let withdrawal = match &new.withdrawal_signature {
        None => SignatureBytes::default(),
        Some(text) if matches!(text.as_str(), "" | "0x") => {
            return Err(Problem::malformed("withdrawal_signature: empty"));
        }
        Some(text) => parsed("withdrawal_signature", text)?,
    };
    let redemption: SignatureBytes = parsed("redemption_signature", &new.redemption_signature)?;
    let account = match at {
        Some(_) => account,
        None => billing.signing_payout(account, (currency, &terms), &redemption).await?,
    };
    let terms = PayoutTerms { account: account.address, ..terms };
    let wanted = Wanted { currency, terms, iban, withdrawal, redemption };
    let payout = billing.request_payout(&account, key, wanted, billing.now()).await?;
    Ok(HttpResponse::Created().json(view(&billing.currencies, &payout)))
}

/// Payouts, newest first: the caller's own, or for staff all of the community.
#[utoipa::path(
    tag = "billing",
    params(PayoutsQuery),
    responses((status = 200, body = Page<PayoutView>), Problems)
)]
#[get("/v1/payouts")]
pub(crate) async fn list_payouts(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<PayoutsQuery>,
) -> Result<Json<Page<PayoutView>>, Problem> {
    let everybody = query.account.is_none() && may(&caller, Action::ReadAccount, None);
    let account: Option<AccountId> = match everybody {
        true => None,
        false => Some(account_of(&billing, &caller, query.account.as_deref()).await?.account),
    };
    let state = match query.state.as_deref() {
        None => None,
        Some(name) => {
            Some(PayoutState::of(name).ok_or_else(|| Problem::malformed("state: unknown"))?)
        }
    };
    let limit = PageQuery { limit: query.limit, cursor: None }.limit();
    let before = before(query.cursor.as_deref())?;
    let of = (caller.community, account);
    let found = payouts::page(&billing.db, of, state, before, limit).await?;
    let full = found.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    let next = found.last().filter(|_| full).map(|(number, _)| number.to_string());
    let view = |(_, payout): &(i64, Payout)| view(&billing.currencies, payout);
    Ok(Json(Page { items: found.iter().map(view).collect(), next }))
}

/// One payout. For whose it is, and for staff.
#[utoipa::path(
    tag = "billing",
    params(("id" = String, Path, description = "The payout")),
    responses((status = 200, body = PayoutView), Problems)
)]
#[get("/v1/payouts/{id}")]
pub(crate) async fn get_payout(
    billing: Data<Billing>,
    caller: Principal,
    id: Path<String>,
) -> Result<Json<PayoutView>, Problem> {
    let id: PayoutId = id.parse().map_err(|_| Problem::not_found("payout"))?;
    let payout = payouts::find(&billing.db, caller.community, id).await?;
    let visible = payout.filter(|payout| may(&caller, Action::ReadAccount, Some(payout.account)));
    let payout = visible.ok_or_else(|| Problem::not_found("payout"))?;
    Ok(Json(view(&billing.currencies, &payout)))
}

/// The place in a list that goes from high numbers to low ones.
pub(super) fn before(cursor: Option<&str>) -> Result<i64, Problem> {
    match cursor {
        None => Ok(i64::MAX),
        Some(cursor) => cursor.parse().map_err(|_| Problem::malformed("cursor: unknown")),
    }
}

/// Where money goes: to a bank, or, from outside of trading, back into the wallet.
fn destination(
    creditor: Option<String>,
    iban: Option<&str>,
    outside: bool,
) -> Result<Destination, Problem> {
    match (creditor, iban) {
        (Some(creditor), Some(iban)) => {
            Ok(Destination { creditor, iban: Some(parsed("iban", iban)?) })
        }
        (None, None) if outside => Ok(Destination { creditor: TO_WALLET.to_owned(), iban: None }),
        _ => Err(Problem::malformed("creditor and iban: whose bank account and which")),
    }
}

fn parsed<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, Problem>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error| Problem::malformed(format!("{name}: {error}")))
}

fn shown(billing: &Billing, prepared: Prepared, outside: bool) -> PreparedPayout {
    let terms = &prepared.terms;
    let (destination, nonce) = (terms.destination(), terms.nonce());
    let Cash { token, market } = terms.cash(&billing.deployment);
    let domain = |name: &str, contract| {
        json!({
            "name": name, "version": "1", "chainId": billing.chain_id,
            "verifyingContract": contract,
        })
    };
    // 1e-9 of the currency, as wallets show numbers of contracts.
    let amount = terms.amount.n().to_string();
    let mut message = json!({
        "account": terms.account, "amount": amount, "nonce": nonce.to_string(),
        "expiry": terms.withdrawal().expiry.to_string(),
    });
    let withdrawal = typed(
        ("Withdrawal", &["account address", "amount uint256", "nonce uint256", "expiry uint64"]),
        domain("Wattex EnergyMarket", market),
        message.clone(),
    );
    message["destination"] = json!(destination);
    message["expiry"] = json!(terms.redemption().expiry.to_string());
    let fields = [
        "account address",
        "amount uint256",
        "destination bytes32",
        "nonce uint256",
        "expiry uint64",
    ];
    let domain = domain("Wattex SettlementToken", token);
    let redemption = typed(("Redemption", &fields), domain, message);
    PreparedPayout {
        destination: destination.to_string(),
        nonce: format!("{nonce:#x}"),
        withdrawal: (!outside).then_some(withdrawal),
        redemption,
        currency: prepared.currency.to_string(),
        fee: FEE.to_string(),
        delay_seconds: if outside { 0 } else { prepared.delay },
        terms: PayoutTermsView {
            account: format!("{:#x}", terms.account),
            amount: terms.amount.to_string(),
            creditor: terms.creditor.clone(),
            iban: terms.iban.clone(),
            salt: terms.salt.to_string(),
            expiry: terms.expiry,
            cash: terms.cash,
        },
    }
}

/// Typed data as wallets take it (EIP-712). A field is its name and its type.
fn typed((name, fields): (&str, &[&str]), domain: Value, message: Value) -> Value {
    let of = |fields: &[&str]| -> Value {
        let field = |field: &&str| {
            let (name, kind) = field.split_once(' ').expect("a field is a name and a type");
            json!({ "name": name, "type": kind })
        };
        fields.iter().map(field).collect()
    };
    let contract =
        ["name string", "version string", "chainId uint256", "verifyingContract address"];
    json!({
        "types": { "EIP712Domain": of(&contract), name: of(fields) },
        "primaryType": name,
        "domain": domain,
        "message": message,
    })
}
