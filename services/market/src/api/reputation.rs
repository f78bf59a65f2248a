//! How much of what they sold accounts have delivered.

use access::Action;
use actix_web::get;
use actix_web::web::{Data, Json, Query};
use serde::{Deserialize, Serialize};
use service::{Page, PageQuery, Principal, Problem, Problems};
use utoipa::{IntoParams, ToSchema};

use super::orders::page;
use super::{desk_of, may};
use crate::domain::{Exchange, REPUTATION_SLOTS_MIN, Reputation, Trader};
use crate::market::Market;

/// How much of what it sold an account has delivered.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ReputationView {
    /// The account.
    #[schema(format = "uuid")]
    account: String,
    /// What it sold in the last 90 days, in Wh; the highest there can be where it is more.
    sold_wh: u64,
    /// What it delivered of that. What neither side moved is in neither sum.
    delivered_wh: u64,
    /// In how many slots.
    slots: u32,
    /// The part that it delivered, in parts per million, where a day counts 29 of 31 parts of the
    /// next one.
    delivered_ppm: u32,
    /// Whether these are slots enough to follow anything from it: 16.
    known: bool,
    /// Whether it holds all that its buyers would be short, whatever the policy takes.
    covers_all: bool,
    /// Whether it may sell nothing, for this or for another reason.
    suspended: bool,
}

impl ReputationView {
    fn of(book: &Exchange, one: &Reputation) -> ReputationView {
        let narrow = |wh: u128| u64::try_from(wh).unwrap_or(u64::MAX);
        let suspended = book.suspension(Trader::Seller(one.account)).is_some();
        ReputationView {
            account: one.account.to_string(),
            sold_wh: narrow(one.sold),
            delivered_wh: narrow(one.delivered),
            slots: one.slots,
            delivered_ppm: one.delivered_ppm,
            known: one.slots >= REPUTATION_SLOTS_MIN,
            covers_all: one.covers_all,
            suspended,
        }
    }
}

/// Which market and which part of the list is wanted.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReputationQuery {
    /// The grid area; the community's first when absent.
    zone: Option<String>,
    /// Items wanted, 1 to 1000; 100 when absent.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Tells how much of what they sold accounts have delivered.
///
/// Of the caller's own account, for staff of all; by account. What follows from it the figures
/// `undelivered_collateral_percent` and `undelivered_percent` of `/v1/risk-limits` say.
#[utoipa::path(
    tag = "market",
    params(ReputationQuery),
    responses((status = 200, body = Page<ReputationView>), Problems)
)]
#[get("/v1/reputation")]
pub(crate) async fn list_reputation(
    market: Data<Market>,
    caller: Principal,
    Query(query): Query<ReputationQuery>,
) -> Result<Json<Page<ReputationView>>, Problem> {
    let desk = desk_of(&market, &caller, query.zone.as_deref())?;
    let book = desk.book().await;
    let visible = |one: &Reputation| may(&caller, Action::ReadAccount, Some(one.account));
    let reputations = book.reputations().filter(visible);
    let views: Vec<_> = reputations.map(|one| ReputationView::of(&book, &one)).collect();
    let wanted = PageQuery { limit: query.limit, cursor: query.cursor };
    page(views, &wanted, |view: &ReputationView| view.account.clone())
}
