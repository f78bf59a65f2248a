//! Accounts that pay before they use: how one stands, its agreement, and how a community has it.

use access::Action;
use actix_web::web::{Data, Json, Query};
use actix_web::{HttpResponse, delete, get, put};
use calendar::LocalDay;
use serde::{Deserialize, Serialize};
use service::{Principal, Problem, Problems};
use units::Money;
use utoipa::{IntoParams, ToSchema};

use super::dunning::money_of;
use super::{account_of, may, require};
use crate::Billing;
use crate::app::prepaid::Counted;
use crate::db::members::Account;
use crate::db::prepaid;
use crate::db::rulings::Ruling;
use crate::domain::prepaid::{Settings, State, StopsAt};

/// The most settings of before that are shown.
const SETTINGS_MAX: u32 = 100;

/// Whose.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PrepaidQuery {
    /// The account; the caller's own when absent.
    account: Option<String>,
}

/// How an account stands that pays before it uses, or how it would.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct PrepaidView {
    /// The account.
    #[schema(format = "uuid")]
    pub(crate) account: String,
    /// Whether it pays before it uses; else this is how it would stand.
    pub(crate) agreed: bool,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) agreed_at: Option<String>,
    /// `active`, `low`, `emergency` (it uses credit) or `suspended` (its supply may be cut).
    pub(crate) state: State,
    /// Since when it is in that state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<String>,
    /// What it has for energy to come, in major units: `free - owed - unbilled`.
    pub(crate) balance: String,
    /// Its free cash.
    pub(crate) free: String,
    /// What its invoices leave to be paid.
    pub(crate) owed: String,
    /// What is used and not billed yet, by the readings that are known.
    pub(crate) unbilled: String,
    /// What it uses in a day: the mean of the last seven.
    pub(crate) use_per_day: String,
    /// For how many hours the balance lasts; absent where nothing is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hours_left: Option<u32>,
    /// For how many hours balance and credit last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hours_with_credit: Option<u32>,
    /// Below how many days of use the balance is low.
    pub(crate) low_days: u16,
    /// How far below nothing the balance may go, in major units.
    pub(crate) credit: String,
    /// Whether its supply is never suspended, because somebody there depends on it.
    pub(crate) protected: bool,
    /// From when on it buys nothing from neighbours.
    pub(crate) buying_stops: StopsAt,
    /// Why it buys nothing from neighbours now: `dunning`, `prepaid`. Empty where it does.
    pub(crate) buys_nothing_for: Vec<String>,
    /// What staff want; absent where nobody wants the supply suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) suspension: Option<SuspensionNotice>,
}

/// That staff want a supply suspended.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct SuspensionNotice {
    /// From when on it can be.
    pub(crate) from: String,
    /// Whether a second person agreed, without whom it is not.
    pub(crate) agreed: bool,
    /// In words.
    pub(crate) reason: String,
}

/// How a community has accounts that pay before they use.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPrepaidSettings {
    /// A balance is low that lasts for less than so many days, 1 to 60.
    low_days: u16,
    /// How far below nothing a balance may go, in major units.
    credit: String,
    /// Hours between what the household is told and a suspension, 24 to 1440.
    notice_hours: u16,
    /// The first hour of a day in which a supply may be suspended, from 6.
    from_hour: u8,
    /// The hour from which on it may not any more, to 18.
    to_hour: u8,
    /// Days on which none is, beside weekends; rising, at most 400.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    holidays: Vec<LocalDay>,
    /// From when on an account buys nothing from neighbours.
    buying_stops: StopsAt,
}

/// How a community has them, and who said so.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct PrepaidSettings {
    /// A balance is low that lasts for less than so many days.
    pub(crate) low_days: u16,
    /// How far below nothing a balance may go, in major units.
    pub(crate) credit: String,
    /// Hours between what the household is told and a suspension, at least.
    pub(crate) notice_hours: u16,
    /// The first hour of a day in which a supply may be suspended.
    pub(crate) from_hour: u8,
    /// The hour from which on it may not any more.
    pub(crate) to_hour: u8,
    /// Days on which none is, beside weekends.
    pub(crate) holidays: Vec<String>,
    /// From when on an account buys nothing from neighbours.
    pub(crate) buying_stops: StopsAt,
    /// Who set it; absent where nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    pub(crate) set_by: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<String>,
}

/// How an account stands, with what is known now.
async fn view(billing: &Billing, account: &Account) -> Result<PrepaidView, Problem> {
    let now = billing.now();
    let settings = billing.prepaid_settings(account.community).await?;
    let kept = prepaid::find(&billing.db, account.account).await?;
    let Counted { free, owed, unbilled, standing } = billing.counted(account, now).await?;
    let wanted = prepaid::suspension_of(&billing.db, account.account).await?;
    let hours_with_credit = standing.hours_with_credit(&settings);
    Ok(PrepaidView {
        account: account.account.to_string(),
        agreed: kept.is_some(),
        agreed_at: kept.as_ref().map(|kept| kept.agreed_at.to_string()),
        state: kept.as_ref().map_or_else(|| standing.level(&settings), |kept| kept.state),
        since: kept.as_ref().map(|kept| kept.since.to_string()),
        balance: standing.balance.to_string(),
        free: free.to_string(),
        owed: owed.to_string(),
        unbilled: unbilled.to_string(),
        use_per_day: standing.use_per_day.to_string(),
        hours_left: standing.hours_left(),
        hours_with_credit,
        low_days: settings.low_days,
        credit: settings.credit.to_string(),
        protected: kept.is_some_and(|kept| kept.protected),
        buying_stops: settings.buying_stops,
        buys_nothing_for: billing.held_for(account.account).await?,
        suspension: wanted.map(|wanted| SuspensionNotice {
            from: wanted.starts.to_string(),
            agreed: wanted.state == "approved",
            reason: wanted.reason,
        }),
    })
}

/// How an account stands that pays before it uses, or how it would if it agreed to.
#[utoipa::path(
    tag = "billing",
    params(PrepaidQuery),
    responses((status = 200, body = PrepaidView), Problems)
)]
#[get("/v1/prepaid")]
pub(crate) async fn get_prepaid(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<PrepaidQuery>,
) -> Result<Json<PrepaidView>, Problem> {
    let account = account_of(&billing, &caller, query.account.as_deref()).await?;
    Ok(Json(view(&billing, &account).await?))
}

/// The caller's own account, where it may say how it pays.
async fn own(billing: &Billing, caller: &Principal) -> Result<Account, Problem> {
    let account = account_of(billing, caller, None).await?;
    let may = may(caller, Action::AgreePrepaid, Some(account.account));
    may.then_some(account).ok_or_else(Problem::forbidden)
}

/// Agrees that the caller's account pays before it uses.
///
/// Nobody else can agree for it. A repeat changes nothing.
#[utoipa::path(
    tag = "billing",
    responses((status = 200, body = PrepaidView), Problems)
)]
#[put("/v1/prepaid/agreement")]
pub(crate) async fn agree_prepaid(
    billing: Data<Billing>,
    caller: Principal,
) -> Result<Json<PrepaidView>, Problem> {
    let account = own(&billing, &caller).await?;
    billing.agree_prepaid(&account, billing.now()).await?;
    Ok(Json(view(&billing, &account).await?))
}

/// Ends the agreement that the caller's account pays before it uses.
///
/// What it owes is billed, and reminded of like any invoice; a suspension ends with it. A repeat
/// changes nothing.
#[utoipa::path(tag = "billing", responses((status = 204), Problems))]
#[delete("/v1/prepaid/agreement")]
pub(crate) async fn end_prepaid(
    billing: Data<Billing>,
    caller: Principal,
) -> Result<HttpResponse, Problem> {
    let account = own(&billing, &caller).await?;
    billing.end_prepaid(account.account, billing.now()).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn settings_view(settings: &Settings, made: Option<&Ruling<Settings>>) -> PrepaidSettings {
    PrepaidSettings {
        low_days: settings.low_days,
        credit: settings.credit.to_string(),
        notice_hours: settings.notice_hours,
        from_hour: settings.from_hour,
        to_hour: settings.to_hour,
        holidays: settings.holidays.iter().map(ToString::to_string).collect(),
        buying_stops: settings.buying_stops,
        set_by: made.map(|made| made.set_by.clone()),
        at: made.map(|made| made.at.to_string()),
    }
}

/// How a community has accounts that pay before they use; what was said before follows.
#[utoipa::path(
    tag = "billing",
    responses((status = 200, body = [PrepaidSettings]), Problems)
)]
#[get("/v1/prepaid/settings")]
pub(crate) async fn list_prepaid_settings(
    billing: Data<Billing>,
    caller: Principal,
) -> Result<Json<Vec<PrepaidSettings>>, Problem> {
    require(&caller, Action::ReadMarket)?;
    let all = prepaid::SETTINGS.list(&billing.db, caller.community, SETTINGS_MAX).await?;
    let mut views: Vec<PrepaidSettings> =
        all.iter().map(|made| settings_view(&made.said, Some(made))).collect();
    if views.is_empty() {
        views.push(settings_view(&Settings::default(), None));
    }
    Ok(Json(views))
}

/// Says how a community has accounts that pay before they use.
#[utoipa::path(
    tag = "billing",
    request_body = NewPrepaidSettings,
    responses((status = 200, body = PrepaidSettings), Problems)
)]
#[put("/v1/prepaid/settings")]
pub(crate) async fn set_prepaid_settings(
    billing: Data<Billing>,
    caller: Principal,
    Json(wanted): Json<NewPrepaidSettings>,
) -> Result<Json<PrepaidSettings>, Problem> {
    require(&caller, Action::ManagePrepaid)?;
    let credit: Money = money_of("credit", Some(wanted.credit))?;
    let settings = Settings {
        low_days: wanted.low_days,
        credit,
        notice_hours: wanted.notice_hours,
        from_hour: wanted.from_hour,
        to_hour: wanted.to_hour,
        holidays: wanted.holidays,
        buying_stops: wanted.buying_stops,
    };
    settings.check().map_err(|bad| Problem::malformed(bad.to_string()))?;
    let made = Ruling { said: settings, set_by: caller.party.to_string(), at: billing.now() };
    let view = settings_view(&made.said, Some(&made));
    billing.set_prepaid(caller.community, made).await?;
    Ok(Json(view))
}
