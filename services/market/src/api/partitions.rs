//! Where the markets of this process stand: for who runs it, for load balancers, for monitoring.

use std::fmt::Write as _;

use access::Action;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Json, Query};
use actix_web::{HttpResponse, get, post};
use serde::Serialize;
use service::{Principal, Problem, Problems};
use utoipa::ToSchema;

use super::slots::ZoneQuery;
use super::{desk_of, may};
use crate::app::{Desk, Standing};
use crate::market::Market;

/// A market of this process.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct PartitionView {
    /// Community and grid area.
    market: String,
    /// `leading`: this process writes it; `standing_by`: another one does; `damaged`: nobody can.
    standing: String,
    /// The token of its lease, where this process writes it: it rises with each that takes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<i64>,
    /// The entry of its journal that cannot be applied, where it is damaged.
    #[serde(skip_serializing_if = "Option::is_none")]
    damaged_entry: Option<i64>,
    /// What is wrong with that entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    damage: Option<String>,
    /// Entries of its journal that are in the book.
    entries: i64,
    /// How many of them the newest snapshot has.
    snapshot_entries: i64,
}

/// What is ready.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ReadyView {
    /// Markets that this process writes.
    leading: usize,
    /// Markets that another process writes.
    standing_by: usize,
}

impl From<&Desk> for PartitionView {
    fn from(desk: &Desk) -> PartitionView {
        let report = desk.report();
        let (token, damage) = match &report.standing {
            Standing::Leading { token } => (Some(*token), None),
            Standing::StandingBy => (None, None),
            Standing::Damaged(damage) => (None, Some(damage)),
        };
        PartitionView {
            market: desk.name().to_owned(),
            standing: report.standing.name().to_owned(),
            token,
            damaged_entry: damage.map(|damage| damage.place),
            damage: damage.map(|damage| damage.why.clone()),
            entries: report.entries,
            snapshot_entries: report.snapshot,
        }
    }
}

/// Whether all markets of this process can go on.
///
/// 503 with `NOT_READY` where the journal of one is damaged: the detail names it and the entry.
/// The others go on all the same.
#[utoipa::path(
    tag = "market",
    security(()),
    responses((status = 200, body = ReadyView), Problems)
)]
#[get("/v1/market/ready")]
pub(crate) async fn is_market_ready(market: Data<Market>) -> Result<Json<ReadyView>, Problem> {
    let (mut leading, mut standing_by, mut damaged) = (0, 0, Vec::new());
    for desk in market.desks() {
        match desk.report().standing {
            Standing::Leading { .. } => leading += 1,
            Standing::StandingBy => standing_by += 1,
            Standing::Damaged(damage) => {
                damaged.push(format!("entry {} of the journal of {}", damage.place, desk.name()));
            }
        }
    }
    if damaged.is_empty() {
        return Ok(Json(ReadyView { leading, standing_by }));
    }
    let title = "The journal of a market is damaged";
    let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "NOT_READY", title);
    Err(Problem { retry_may_help: false, ..problem }.with_detail(damaged.join(", ")))
}

/// Lists the markets of the community: who writes them, and how far.
///
/// Needs the role operator, auditor or admin.
#[utoipa::path(
    tag = "market",
    responses((status = 200, body = Vec<PartitionView>), Problems)
)]
#[get("/v1/market/partitions")]
pub(crate) async fn list_partitions(
    market: Data<Market>,
    caller: Principal,
) -> Result<Json<Vec<PartitionView>>, Problem> {
    if !may(&caller, Action::ReadRelay, None) {
        return Err(Problem::forbidden());
    }
    let desks = market.desks_of(caller.community);
    Ok(Json(desks.map(|desk| PartitionView::from(&**desk)).collect()))
}

/// Lets another process write a market of the community.
///
/// Orders that came before are carried out, those that come after are refused with `STANDING_BY`,
/// and a process that stands by takes over within seconds. Where none does, this one goes on after
/// half a minute. Needs the role operator or admin.
#[utoipa::path(
    tag = "market",
    params(ZoneQuery),
    responses((status = 200, body = PartitionView), Problems)
)]
#[post("/v1/market/hand-over")]
pub(crate) async fn hand_over_market(
    market: Data<Market>,
    caller: Principal,
    Query(query): Query<ZoneQuery>,
) -> Result<Json<PartitionView>, Problem> {
    if !may(&caller, Action::HaltMarket, None) {
        return Err(Problem::forbidden());
    }
    let desk = desk_of(&market, &caller, query.zone())?;
    desk.hand_over().await?;
    Ok(Json(PartitionView::from(&**desk)))
}

/// Figures of the community's markets, as Prometheus reads them.
///
/// Needs the role operator, auditor or admin.
#[utoipa::path(
    tag = "market",
    responses((status = 200, body = String, content_type = "text/plain"), Problems)
)]
#[get("/v1/market/metrics")]
pub(crate) async fn get_market_metrics(
    market: Data<Market>,
    caller: Principal,
) -> Result<HttpResponse, Problem> {
    if !may(&caller, Action::ReadRelay, None) {
        return Err(Problem::forbidden());
    }
    let desks: Vec<_> = market.desks_of(caller.community).collect();
    let text = metrics(&desks.iter().map(|desk| &***desk).collect::<Vec<_>>());
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(text))
}

fn metrics(desks: &[&Desk]) -> String {
    let mut text = String::new();
    let mut write = |name: &str, kind: &str, help: &str, of: &dyn Fn(&Desk) -> i128| {
        let name = format!("wattex_market_{name}");
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for desk in desks {
            let _ = writeln!(text, "{name}{{market=\"{}\"}} {}", desk.name(), of(desk));
        }
    };
    let stands = |desk: &Desk, name| i128::from(desk.report().standing.name() == name);
    let leading = |desk: &Desk| stands(desk, "leading");
    write("leading", "gauge", "Whether this process writes the market.", &leading);
    let damaged = |desk: &Desk| match desk.report().standing {
        Standing::Damaged(damage) => i128::from(damage.place),
        _ => 0,
    };
    let help = "The entry of the journal that cannot be applied; 0 where all can.";
    write("damaged_entry", "gauge", help, &damaged);
    let entries = |desk: &Desk| i128::from(desk.report().entries);
    write("journal_entries", "gauge", "Entries of the journal in the book.", &entries);
    let snapshot = |desk: &Desk| i128::from(desk.report().snapshot);
    write("snapshot_entries", "gauge", "Entries that the newest snapshot has.", &snapshot);
    let waiting = |desk: &Desk| desk.report().waiting as i128;
    write("commands_waiting", "gauge", "Commands that wait for the writer.", &waiting);
    let accepted = |desk: &Desk| i128::from(desk.report().accepted);
    write("orders_accepted_total", "counter", "Orders that were accepted.", &accepted);
    let refused = |desk: &Desk| i128::from(desk.report().refused);
    write("orders_refused_total", "counter", "Orders that were refused.", &refused);
    let commits = |desk: &Desk| i128::from(desk.report().commits);
    write("commits_total", "counter", "Batches that were committed.", &commits);
    let failed = |desk: &Desk| i128::from(desk.report().failed);
    write("commits_failed_total", "counter", "Batches that were not committed.", &failed);
    text
}
