//! The way out of the dealer's cash.

use access::Action;
use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpResponse, get, post};
use ids::Uuid;
use serde::{Deserialize, Serialize};
use service::{Page, PageQuery, Principal, Problem, Problems};
use utoipa::ToSchema;

use super::decisions::{next, place, reason, said};
use super::requests::amount;
use super::{account_of, require};
use crate::Billing;
use crate::db::dealer_transfers::{self, DealerTransfer};
use crate::db::requests::RequestState;

/// Cash of the dealer that an account is to have.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewDealerTransfer {
    /// Who gets it: an account of the community.
    #[schema(format = "uuid")]
    account: String,
    /// How much, in major units.
    #[schema(example = "250")]
    amount: String,
    /// Of which currency (ISO 4217); of the one that energy is traded in when absent.
    currency: Option<String>,
    /// What for, 1 to 1000 characters.
    reason: String,
}

/// Cash of the dealer that somebody wants given to an account.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct DealerTransferView {
    /// The request.
    #[schema(format = "uuid")]
    id: String,
    /// Who gets it.
    #[schema(format = "uuid")]
    account: String,
    /// Its address.
    to: String,
    /// How much, in major units.
    amount: String,
    /// Of which currency (ISO 4217).
    currency: String,
    /// What for.
    reason: String,
    /// Who asked.
    #[schema(format = "uuid")]
    asked_by: String,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// `open` or `refused`; of an approved one that of its transfer: `approved` before it is sent,
    /// then `sent`, `done` or `failed`.
    state: String,
    /// Why it failed, as the contract says now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    /// Who decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    decided_by: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    decided_at: Option<String>,
}

/// Asks for cash of the dealer to be given to an account of the community.
///
/// Another member of staff decides. What a quote may still take cannot be given away. Refused with
/// `AMOUNT`, `RECIPIENT`, `NOT_ENOUGH_FREE` and `TRANSFERS_OPEN`.
#[utoipa::path(
    tag = "billing",
    request_body = NewDealerTransfer,
    responses((status = 201, body = DealerTransferView), Problems)
)]
#[post("/v1/exchange/dealer-transfers")]
pub(crate) async fn ask_dealer_transfer(
    billing: Data<Billing>,
    caller: Principal,
    Json(new): Json<NewDealerTransfer>,
) -> Result<HttpResponse, Problem> {
    require(&caller, Action::SetExchangeRates)?;
    let to = account_of(&billing, &caller, Some(&new.account)).await?;
    let reason = reason(&new.reason)?;
    let wanted = DealerTransfer {
        number: 0,
        id: Uuid::new_v4().to_string(),
        community: caller.community,
        account: to.account,
        to: to.address,
        currency: billing.currencies.named(new.currency.as_deref())?,
        amount: amount("amount", &new.amount)?,
        reason,
        asked_by: caller.party.to_string(),
        at: billing.now(),
        state: "open".to_owned(),
        decided_by: String::new(),
        decided_at: None,
    };
    billing.ask_dealer_transfer(wanted.clone()).await?;
    Ok(HttpResponse::Created().json(view(&billing, wanted).await?))
}

/// What staff want given away of the dealer's cash, newest first.
#[utoipa::path(
    tag = "billing",
    params(PageQuery),
    responses((status = 200, body = Page<DealerTransferView>), Problems)
)]
#[get("/v1/exchange/dealer-transfers")]
pub(crate) async fn list_dealer_transfers(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<DealerTransferView>>, Problem> {
    require(&caller, Action::SetExchangeRates)?;
    let place = place(&query)?;
    let found = dealer_transfers::list(&billing.db, caller.community, place).await?;
    let next = next(&found, place, |last| last.number);
    let mut items = Vec::with_capacity(found.len());
    for one in found {
        items.push(view(&billing, one).await?);
    }
    Ok(Json(Page { items, next }))
}

/// Gives the dealer's cash to whom another person asked for.
///
/// Refused with `FOUR_EYES` for who asked, with `DECIDED` where somebody has decided, and with
/// `NOT_ENOUGH_FREE` where the dealer has not so much any more that nothing binds. Repeating it
/// changes nothing.
#[utoipa::path(
    tag = "billing",
    params(("id" = String, Path, description = "The transfer")),
    responses((status = 200, body = DealerTransferView), Problems)
)]
#[post("/v1/exchange/dealer-transfers/{id}/approval")]
pub(crate) async fn approve_dealer_transfer(
    billing: Data<Billing>,
    caller: Principal,
    id: Path<String>,
) -> Result<Json<DealerTransferView>, Problem> {
    decided(&billing, &caller, &id, true).await
}

/// Leaves the dealer's cash where it is, though another person asked for it.
#[utoipa::path(
    tag = "billing",
    params(("id" = String, Path, description = "The transfer")),
    responses((status = 200, body = DealerTransferView), Problems)
)]
#[post("/v1/exchange/dealer-transfers/{id}/refusal")]
pub(crate) async fn refuse_dealer_transfer(
    billing: Data<Billing>,
    caller: Principal,
    id: Path<String>,
) -> Result<Json<DealerTransferView>, Problem> {
    decided(&billing, &caller, &id, false).await
}

async fn decided(
    billing: &Billing,
    caller: &Principal,
    id: &str,
    approved: bool,
) -> Result<Json<DealerTransferView>, Problem> {
    require(caller, Action::SetExchangeRates)?;
    let unknown = || Problem::not_found("transfer");
    let wanted = dealer_transfers::find(&billing.db, id).await?.ok_or_else(unknown)?;
    if wanted.community != caller.community {
        return Err(unknown());
    }
    let by = (caller.party, caller.account, approved);
    billing.decide_dealer_transfer(&wanted, by, billing.now()).await?;
    let wanted = dealer_transfers::find(&billing.db, id).await?.ok_or_else(unknown)?;
    Ok(Json(view(billing, wanted).await?))
}

async fn view(billing: &Billing, of: DealerTransfer) -> Result<DealerTransferView, Problem> {
    let sent = billing.sent_for(&of).await?;
    let failure = match &sent {
        Some(sent) if sent.state == RequestState::Failed => billing.reason_of(sent).await?,
        _ => None,
    };
    Ok(DealerTransferView {
        id: of.id,
        account: of.account.to_string(),
        to: format!("{:#x}", of.to),
        amount: of.amount.to_string(),
        currency: billing.currencies.code(of.currency).to_owned(),
        reason: of.reason,
        asked_by: of.asked_by,
        at: of.at.to_string(),
        state: sent.map_or(of.state, |sent| sent.state.name().to_owned()),
        failure,
        decided_by: said(&of.decided_by),
        decided_at: of.decided_at.map(|at| at.to_string()),
    })
}
