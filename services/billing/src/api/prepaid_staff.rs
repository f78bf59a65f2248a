//! What staff see and do of accounts that pay before they use: who is protected, and whose supply
//! is to be suspended.

use access::Action;
use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpResponse, get, post, put};
use ids::Uuid;
use serde::{Deserialize, Serialize};
use service::{Page, PageQuery, Principal, Problem, Problems};
use utoipa::ToSchema;

use super::{account_of, require};
use crate::Billing;
use crate::db::prepaid::{self, Prepaid, Suspension};
use crate::domain::prepaid::State;

/// The most characters of a reason.
const REASON_MAX: usize = 500;

/// An account that pays before it uses, as it was looked at last.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct PrepaidAccount {
    /// The account.
    #[schema(format = "uuid")]
    pub(crate) account: String,
    /// How it stands.
    pub(crate) state: State,
    /// Since when.
    pub(crate) since: String,
    /// What it has for energy to come, in major units.
    pub(crate) balance: String,
    /// What it uses in a day.
    pub(crate) use_per_day: String,
    /// For how many hours the balance lasts; absent where nothing is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hours_left: Option<u32>,
    /// Whether its supply is never suspended.
    pub(crate) protected: bool,
    /// When it was looked at.
    pub(crate) looked_at: String,
}

/// Whether a supply is never suspended.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Protection {
    /// Somebody there depends on it. Why is not asked, and not kept.
    protected: bool,
}

/// Why a supply is to be suspended.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSupplySuspension {
    /// In words, 1 to 500 characters. The household reads it.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// A suspension that staff want.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct SupplySuspension {
    /// Its id.
    #[schema(format = "uuid")]
    pub(crate) id: String,
    /// Whose supply.
    #[schema(format = "uuid")]
    pub(crate) account: String,
    /// In words.
    pub(crate) reason: String,
    /// The party that asked.
    #[schema(format = "uuid")]
    pub(crate) asked_by: String,
    /// When; the household was told then.
    pub(crate) at: String,
    /// From when on it can be.
    pub(crate) from: String,
    /// `open`, `approved`, `refused`, or `void` where it was not needed any more.
    pub(crate) state: String,
    /// The party that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    pub(crate) decided_by: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) decided_at: Option<String>,
}

fn account_view(of: &Prepaid) -> PrepaidAccount {
    PrepaidAccount {
        account: of.account.to_string(),
        state: of.state,
        since: of.since.to_string(),
        balance: of.standing.balance.to_string(),
        use_per_day: of.standing.use_per_day.to_string(),
        hours_left: of.standing.hours_left(),
        protected: of.protected,
        looked_at: of.looked_at.to_string(),
    }
}

fn suspension_view(of: Suspension) -> SupplySuspension {
    SupplySuspension {
        id: of.id,
        account: of.account.to_string(),
        reason: of.reason,
        asked_by: of.asked_by,
        at: of.at.to_string(),
        from: of.starts.to_string(),
        state: of.state,
        decided_by: Some(of.decided_by).filter(|by| !by.is_empty()),
        decided_at: of.decided_at.map(|at| at.to_string()),
    }
}

/// The accounts that pay before they use, by their id.
#[utoipa::path(
    tag = "billing",
    params(PageQuery),
    responses((status = 200, body = Page<PrepaidAccount>), Problems)
)]
#[get("/v1/prepaid/accounts")]
pub(crate) async fn list_prepaid_accounts(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<PrepaidAccount>>, Problem> {
    require(&caller, Action::ReadAccount)?;
    let (after, limit) = (query.cursor.clone().unwrap_or_default(), query.limit());
    let found = prepaid::list(&billing.db, caller.community, &after, limit).await?;
    let full = found.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    let next = found.last().filter(|_| full).map(|last| last.account.to_string());
    Ok(Json(Page { items: found.iter().map(account_view).collect(), next }))
}

/// Says whether an account's supply is never suspended, because somebody there depends on it.
#[utoipa::path(
    tag = "billing",
    params(("account" = String, Path, format = "uuid", description = "The account")),
    request_body = Protection,
    responses((status = 200, body = PrepaidAccount), Problems)
)]
#[put("/v1/prepaid/accounts/{account}/protection")]
pub(crate) async fn protect_account(
    billing: Data<Billing>,
    caller: Principal,
    account: Path<String>,
    Json(wanted): Json<Protection>,
) -> Result<Json<PrepaidAccount>, Problem> {
    require(&caller, Action::ManagePrepaid)?;
    let account = account_of(&billing, &caller, Some(&account)).await?.account;
    billing.protect(account, wanted.protected, billing.now()).await?;
    let kept = prepaid::find(&billing.db, account).await?;
    let kept = kept.ok_or_else(|| Problem::not_found("prepaid account"))?;
    Ok(Json(account_view(&kept)))
}

/// Asks for an account's supply to be suspended.
///
/// The household is told at once, and from when on it can be: after the notice, on a working day,
/// in working hours. It takes another one of the staff to agree, and nothing here cuts a supply:
/// webhooks say so to the utility. Refused with `NOT_PREPAID`, `PROTECTED`, `CREDIT_LEFT`,
/// `NO_WORKING_DAY` or `ALREADY_ASKED`.
#[utoipa::path(
    tag = "billing",
    params(("account" = String, Path, format = "uuid", description = "The account")),
    request_body = NewSupplySuspension,
    responses((status = 201, body = SupplySuspension), Problems)
)]
#[post("/v1/prepaid/accounts/{account}/suspension")]
pub(crate) async fn ask_suspension(
    billing: Data<Billing>,
    caller: Principal,
    account: Path<String>,
    Json(wanted): Json<NewSupplySuspension>,
) -> Result<HttpResponse, Problem> {
    require(&caller, Action::ManagePrepaid)?;
    let reason = wanted.reason.trim().to_owned();
    let odd = reason.chars().any(|c| c.is_control() && c != '\n');
    if !(1..=REASON_MAX).contains(&reason.chars().count()) || odd {
        return Err(Problem::malformed("reason: 1 to 500 characters are needed"));
    }
    let account = account_of(&billing, &caller, Some(&account)).await?;
    let id = Uuid::now_v7().to_string();
    let asked = billing.ask_suspension(&account, (id, reason), caller.party, billing.now()).await?;
    Ok(HttpResponse::Created().json(suspension_view(asked)))
}

/// Suspensions that staff wanted, newest first.
#[utoipa::path(
    tag = "billing",
    params(PageQuery),
    responses((status = 200, body = Page<SupplySuspension>), Problems)
)]
#[get("/v1/prepaid/suspensions")]
pub(crate) async fn list_prepaid_suspensions(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<SupplySuspension>>, Problem> {
    require(&caller, Action::ReadAccount)?;
    let before = query.cursor.as_deref().map(str::parse).transpose();
    let before = before.map_err(|_| Problem::malformed("cursor: unknown"))?.unwrap_or(i64::MAX);
    let limit = query.limit();
    let found = prepaid::suspensions(&billing.db, caller.community, (before, limit)).await?;
    let full = found.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    let next = found.last().filter(|_| full).map(|last| last.number.to_string());
    Ok(Json(Page { items: found.into_iter().map(suspension_view).collect(), next }))
}

/// Agrees to a suspension that another person asked for.
///
/// It comes into effect when its notice is over, on a working day, in working hours, if the credit
/// is used up then. Refused with `FOUR_EYES` for who asked, with `DECIDED` where it is decided or
/// not needed any more.
#[utoipa::path(
    tag = "billing",
    params(("id" = String, Path, description = "The suspension")),
    responses((status = 200, body = SupplySuspension), Problems)
)]
#[post("/v1/prepaid/suspensions/{id}/approval")]
pub(crate) async fn approve_suspension(
    billing: Data<Billing>,
    caller: Principal,
    id: Path<String>,
) -> Result<Json<SupplySuspension>, Problem> {
    decided(&billing, &caller, &id, true).await
}

/// Refuses a suspension that another person asked for.
#[utoipa::path(
    tag = "billing",
    params(("id" = String, Path, description = "The suspension")),
    responses((status = 200, body = SupplySuspension), Problems)
)]
#[post("/v1/prepaid/suspensions/{id}/refusal")]
pub(crate) async fn refuse_suspension(
    billing: Data<Billing>,
    caller: Principal,
    id: Path<String>,
) -> Result<Json<SupplySuspension>, Problem> {
    decided(&billing, &caller, &id, false).await
}

async fn decided(
    billing: &Billing,
    caller: &Principal,
    id: &str,
    approved: bool,
) -> Result<Json<SupplySuspension>, Problem> {
    require(caller, Action::ManagePrepaid)?;
    let unknown = || Problem::not_found("suspension");
    let wanted = prepaid::find_suspension(&billing.db, id).await?.ok_or_else(unknown)?;
    if wanted.community != caller.community {
        return Err(unknown());
    }
    billing.decide_suspension(&wanted, (caller.party, approved), billing.now()).await?;
    let wanted = prepaid::find_suspension(&billing.db, id).await?.ok_or_else(unknown)?;
    Ok(Json(suspension_view(wanted)))
}
