//! With whom accounts traded in a day.

use access::Action;
use actix_web::get;
use actix_web::web::{Data, Json, Query};
use calendar::LocalDay;
use serde::{Deserialize, Serialize};
use service::{Page, PageQuery, Principal, Problem, Problems};
use utoipa::{IntoParams, ToSchema};

use super::orders::page;
use super::{desk_of, may};
use crate::domain::Concentration;
use crate::market::Market;

/// How much of an account's trade one other account had.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ConcentrationView {
    /// The account.
    #[schema(format = "uuid")]
    account: String,
    /// What it bought and sold.
    energy_wh: u64,
    /// With how many other accounts.
    counterparties: u32,
    /// How many other accounts had orders on the other side in the slots in which it traded.
    offered: u32,
    /// The part that the largest one had, in percent.
    largest_percent: u32,
    /// The sum of the squares of all parts (Herfindahl-Hirschman): 10000 with one counterparty.
    hhi: u32,
    /// Whether the largest part is above `counterparty_percent`, though five or more offered.
    beyond: bool,
}

impl From<Concentration> for ConcentrationView {
    fn from(one: Concentration) -> ConcentrationView {
        ConcentrationView {
            account: one.account.to_string(),
            energy_wh: one.energy.wh(),
            counterparties: one.counterparties,
            offered: one.offered,
            largest_percent: one.largest_percent,
            hhi: one.hhi,
            beyond: one.beyond,
        }
    }
}

/// Which day is wanted.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ConcentrationQuery {
    /// A local day, such as 2026-06-01; yesterday when absent. Of the last week.
    #[param(format = Date)]
    day: Option<String>,
    /// The grid area; the community's first when absent.
    zone: Option<String>,
    /// Items wanted, 1 to 1000; 100 when absent.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Tells how much of an account's trade of a day one other account had.
///
/// Judged after the fact: in a batch nobody chooses a counterparty, so no order is refused for it.
/// Of the caller's own account, for staff of all.
#[utoipa::path(
    tag = "market",
    params(ConcentrationQuery),
    responses((status = 200, body = Page<ConcentrationView>), Problems)
)]
#[get("/v1/concentration")]
pub(crate) async fn list_concentration(
    market: Data<Market>,
    caller: Principal,
    Query(query): Query<ConcentrationQuery>,
) -> Result<Json<Page<ConcentrationView>>, Problem> {
    let desk = desk_of(&market, &caller, query.zone.as_deref())?;
    let parameters = desk.parameters();
    let day: LocalDay = match &query.day {
        Some(day) => {
            day.parse().map_err(|_| Problem::malformed("day: not a day such as 2026-06-01"))?
        }
        None => parameters.timezone.day_of(market.now()).later(-1),
    };
    let found = desk.book().await.concentration(day, parameters);
    let visible = |one: &Concentration| may(&caller, Action::ReadAccount, Some(one.account));
    let views = found.into_iter().filter(visible).map(ConcentrationView::from).collect();
    let wanted = PageQuery { limit: query.limit, cursor: query.cursor };
    page(views, &wanted, |view: &ConcentrationView| view.account.clone())
}
