//! What looks like market abuse: cases, their evidence, and that one is none.

use access::Action;
use actix_web::web::{Data, Json, Path, Query};
use actix_web::{get, post};
use ids::{AccountId, CaseId};
use serde::{Deserialize, Serialize};
use service::{Page, PageQuery, Principal, Problem, Problems};
use surveillance::{Case, Evidence, Figure, Incident, Kind, Severity, State};
use utoipa::{IntoParams, ToSchema};

use super::limits::ReasonBody;
use super::may;
use super::orders::page;
use crate::app::Desk;
use crate::domain::{Change, Exchange, Proposal};
use crate::market::Market;

/// Which cases are wanted.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CasesQuery {
    /// `open`, `closed` or `dismissed`; all when absent.
    status: Option<String>,
    /// `W1`, `W2`, `L1`, `H1`, `M1`, `M2`, `B1` or `P1`; all when absent.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Items wanted, 1 to 1000; 100 when absent.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// A suspicion. A reason to look, not a verdict.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct CaseView {
    /// The case.
    #[schema(format = "uuid")]
    id: String,
    /// The grid area.
    #[schema(format = "uuid")]
    zone: String,
    /// `W1` wash trades, `W2` circular flows, `L1` layering, `H1` withholding, `M1` sales without
    /// production, `M2` grid energy sold as solar, `B1` collusion, `P1` pumping.
    #[serde(rename = "type")]
    kind: String,
    /// `low`, `medium` or `high`.
    severity: String,
    /// `open`, `closed` or `dismissed`.
    status: String,
    /// What is suspicious, in words.
    sentence: String,
    /// Whom it concerns.
    accounts: Vec<String>,
    /// Where it is metered.
    connection_points: Vec<String>,
    /// When it happened first: the start of a slot, or of the UTC day.
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<String>,
    /// When it happened last.
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<String>,
    /// The slots concerned.
    slots: Vec<String>,
    /// How much energy it is about, in Wh.
    energy_wh: String,
    /// How often it happened.
    incidents: u64,
    /// That it is none, as somebody has proposed; it is dismissed when somebody else agrees.
    #[serde(skip_serializing_if = "Option::is_none")]
    dismissal: Option<DismissalView>,
}

/// That a case is none.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct DismissalView {
    /// In words.
    reason: String,
    /// The party that proposed it.
    #[schema(format = "uuid")]
    by: String,
    /// When.
    at: String,
    /// The party that agreed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    agreed: Option<String>,
}

/// A case with all that it stands on.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct CaseDetail {
    /// The case.
    case: CaseView,
    /// Each time that it happened, of those that are kept: the first 200.
    incidents: Vec<IncidentView>,
}

/// One time that it happened.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct IncidentView {
    /// The start of a slot, or of the UTC day.
    at: String,
    /// The slots concerned.
    slots: Vec<String>,
    /// The accounts concerned.
    accounts: Vec<String>,
    /// The connection points concerned.
    connection_points: Vec<String>,
    /// How much energy it is about, in Wh.
    energy_wh: u64,
    /// What was measured.
    figures: Vec<FigureView>,
    /// What it stands on, of that the first 1000 pieces.
    evidence: Vec<EvidenceView>,
    /// Pieces of evidence beyond those.
    evidence_left_out: u64,
}

/// Something that was measured.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct FigureView {
    /// What.
    what: String,
    /// How much.
    value: String,
    /// `Wh`, `%`, `n/Wh` (1e-9 currency per Wh), or what is counted.
    unit: String,
}

/// A fact by its names in the market's journal and on chain.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub(crate) struct EvidenceView {
    /// `owned`, `order`, `trade`, `clearing` or `interval`.
    kind: String,
    /// Start of the slot; the journal of a cleared one is published.
    #[serde(skip_serializing_if = "Option::is_none")]
    slot: Option<String>,
    /// The account of a party.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    account: Option<String>,
    /// Whose the account is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    party: Option<String>,
    /// The order.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    order: Option<String>,
    /// Where an interval was metered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    connection_point: Option<String>,
    /// Which version of an interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    /// The hash of a signed order, or the name of a trade or clearing on chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
}

impl From<&Proposal> for DismissalView {
    fn from(proposal: &Proposal) -> DismissalView {
        let Proposal { decision, agreed } = proposal;
        DismissalView {
            reason: decision.reason.clone(),
            by: decision.by.to_string(),
            at: decision.at.to_string(),
            agreed: agreed.map(|by| by.to_string()),
        }
    }
}

impl From<&Figure> for FigureView {
    fn from(figure: &Figure) -> FigureView {
        let (what, unit) = (figure.what.to_owned(), figure.unit.to_owned());
        FigureView { what, value: figure.value.to_string(), unit }
    }
}

impl From<&Incident> for IncidentView {
    fn from(incident: &Incident) -> IncidentView {
        IncidentView {
            at: incident.at.to_string(),
            slots: texts(&incident.slots),
            accounts: texts(&incident.accounts),
            connection_points: texts(&incident.connection_points),
            energy_wh: incident.energy.wh(),
            figures: incident.figures.iter().map(FigureView::from).collect(),
            evidence: incident.evidence.iter().map(EvidenceView::from).collect(),
            evidence_left_out: incident.evidence_left_out,
        }
    }
}

impl From<&Evidence> for EvidenceView {
    fn from(evidence: &Evidence) -> EvidenceView {
        let of = |kind: &str| EvidenceView {
            kind: kind.to_owned(),
            slot: evidence.slot().map(|slot| slot.to_string()),
            ..EvidenceView::default()
        };
        match evidence {
            Evidence::Owned { account, party } => EvidenceView {
                account: Some(account.to_string()),
                party: Some(party.to_string()),
                ..of("owned")
            },
            Evidence::Order { order, hash, .. } => EvidenceView {
                order: Some(order.to_string()),
                hash: Some(hash.to_string()),
                ..of("order")
            },
            Evidence::Trade { trade, .. } => {
                EvidenceView { hash: Some(trade.to_string()), ..of("trade") }
            }
            Evidence::Clearing { clearing, .. } => {
                EvidenceView { hash: Some(clearing.to_string()), ..of("clearing") }
            }
            Evidence::Interval { connection_point, version, .. } => EvidenceView {
                connection_point: Some(connection_point.to_string()),
                version: Some(*version),
                ..of("interval")
            },
        }
    }
}

fn texts<T: ToString>(items: impl IntoIterator<Item = T>) -> Vec<String> {
    items.into_iter().map(|item| item.to_string()).collect()
}

const fn status(case: &Case) -> &'static str {
    match case.state {
        State::Open => "open",
        State::Closed(_) => "closed",
        State::Dismissed(_) => "dismissed",
    }
}

fn view(case: &Case, book: &Exchange, desk: &Desk) -> CaseView {
    let name = |account: AccountId| {
        let known = book.member(account).map(|member| member.pseudonym.clone());
        known.unwrap_or_else(|| account.to_string())
    };
    let severity = match case.severity {
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
    };
    CaseView {
        id: case.id.to_string(),
        zone: desk.parameters().zone.to_string(),
        kind: case.kind.code().to_owned(),
        severity: severity.to_owned(),
        status: status(case).to_owned(),
        sentence: case.sentence(name),
        accounts: texts(case.accounts()),
        connection_points: texts(case.connection_points()),
        first: case.span().map(|(first, _)| first.to_string()),
        last: case.span().map(|(_, last)| last.to_string()),
        slots: texts(case.slots()),
        energy_wh: case.energy_wh().to_string(),
        incidents: case.incidents.len() as u64 + case.incidents_left_out,
        dismissal: book.proposal(case.id).map(DismissalView::from),
    }
}

impl CasesQuery {
    /// Whether a case is wanted.
    fn wants(&self, case: &Case) -> bool {
        self.status.as_deref().is_none_or(|wanted| wanted == status(case))
            && self.kind.as_deref().is_none_or(|wanted| wanted == case.kind.code())
    }

    fn check(&self) -> Result<(), Problem> {
        let statuses = ["open", "closed", "dismissed"];
        if self.status.as_deref().is_some_and(|status| !statuses.contains(&status)) {
            return Err(Problem::malformed("status: open, closed or dismissed"));
        }
        let known = |code: &str| Kind::ALL.iter().any(|kind| kind.code() == code);
        if self.kind.as_deref().is_some_and(|code| !known(code)) {
            return Err(Problem::malformed("type: W1, W2, L1, H1, M1, M2, B1 or P1"));
        }
        Ok(())
    }
}

/// Lists what looks like market abuse, the newest case first.
///
/// Needs the role operator, auditor or admin.
#[utoipa::path(
    tag = "market",
    params(CasesQuery),
    responses((status = 200, body = Page<CaseView>), Problems)
)]
#[get("/v1/surveillance/cases")]
pub(crate) async fn list_cases(
    market: Data<Market>,
    caller: Principal,
    Query(query): Query<CasesQuery>,
) -> Result<Json<Page<CaseView>>, Problem> {
    if !may(&caller, Action::ReadSurveillance, None) {
        return Err(Problem::forbidden());
    }
    query.check()?;
    let mut views = Vec::new();
    for desk in market.desks_of(caller.community) {
        let book = desk.book().await;
        let wanted = book.surveillance().cases().rev().filter(|case| query.wants(case));
        views.extend(wanted.map(|case| view(case, &book, desk)));
    }
    let wanted = PageQuery { limit: query.limit, cursor: query.cursor };
    page(views, &wanted, |view| view.id.clone())
}

/// A case with its evidence.
///
/// Every piece names a fact of the journal or the chain, so that anybody who has these can find the
/// case again. Needs the role operator, auditor or admin.
#[utoipa::path(
    tag = "market",
    params(("id" = String, Path, format = "uuid", description = "The case")),
    responses((status = 200, body = CaseDetail), Problems)
)]
#[get("/v1/surveillance/cases/{id}")]
pub(crate) async fn get_case(
    market: Data<Market>,
    caller: Principal,
    id: Path<String>,
) -> Result<Json<CaseDetail>, Problem> {
    if !may(&caller, Action::ReadSurveillance, None) {
        return Err(Problem::forbidden());
    }
    let id = case_of(&id)?;
    for desk in market.desks_of(caller.community) {
        let book = desk.book().await;
        if let Some(case) = book.surveillance().case(id) {
            let mut incidents: Vec<&Incident> = case.incidents.values().collect();
            incidents.sort_by_key(|incident| incident.at);
            let incidents = incidents.into_iter().map(IncidentView::from).collect();
            return Ok(Json(CaseDetail { case: view(case, &book, desk), incidents }));
        }
    }
    Err(Problem::not_found("case"))
}

/// Dismisses a case: it is no abuse.
///
/// Takes two: the first one proposes it, and it is dismissed when somebody else asks for the same.
/// Who the case is about is refused with `OWN_CASE`; a case that was decided before with
/// `CASE_DECIDED`. The same is not found again. Needs the role operator or admin. A repeat by the
/// same person changes nothing.
#[utoipa::path(
    tag = "market",
    params(("id" = String, Path, format = "uuid", description = "The case")),
    request_body = ReasonBody,
    responses((status = 200, body = CaseView), Problems)
)]
#[post("/v1/surveillance/cases/{id}/dismissal")]
pub(crate) async fn dismiss_case(
    market: Data<Market>,
    caller: Principal,
    id: Path<String>,
    Json(body): Json<ReasonBody>,
) -> Result<Json<CaseView>, Problem> {
    if !may(&caller, Action::ReadSurveillance, None) || !may(&caller, Action::HaltMarket, None) {
        return Err(Problem::forbidden());
    }
    let (id, reason) = (case_of(&id)?, body.checked()?);
    for desk in market.desks_of(caller.community) {
        if desk.book().await.surveillance().case(id).is_none() {
            continue;
        }
        desk.change(Change::Dismiss { case: id, reason }, caller.party).await?;
        let book = desk.book().await;
        let case = book.surveillance().case(id).map(|case| view(case, &book, desk));
        return case.map(Json).ok_or_else(|| Problem::not_found("case"));
    }
    Err(Problem::not_found("case"))
}

fn case_of(id: &str) -> Result<CaseId, Problem> {
    id.parse().map_err(|_| Problem::malformed("id: not a UUID"))
}
