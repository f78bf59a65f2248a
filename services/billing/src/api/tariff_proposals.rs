//! Versions of tariffs that one of the staff proposes and another one publishes.

use access::Action;
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, Json, Path, Query};
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service::{Page, PageQuery, Principal, Problem, Problems};
use tariff::Tariff;
use units::Money;
use utoipa::ToSchema;
use uuid::Uuid;

use super::decisions::{next, place, said};
use super::require;
use super::tariffs::{SimulationView, TariffQuery, days_of, sent, simulation_of};
use crate::Billing;
use crate::app::publish::PROPOSAL_SECONDS;
use crate::db::tariff_proposals::{self as proposals, Proposal};

/// What a proposal's simulation comes to, or why there is none.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub(crate) struct ProposalOutcome {
    /// How many would have paid more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dearer: Option<usize>,
    /// How many would have paid less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cheaper: Option<usize>,
    /// What all would have paid more, or less, in major units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) difference: Option<Money>,
    /// ISO 4217.
    pub(crate) currency: String,
    /// Why nothing was simulated: the code, as of `POST /v1/tariffs/simulations`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) not_simulated: Option<String>,
    /// The same in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
}

/// A version of a tariff that somebody wants published.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct TariffProposalSummary {
    /// The proposal.
    #[schema(format = "uuid")]
    id: String,
    /// What the tariff is called in URLs.
    tariff: String,
    /// Its version.
    version: u32,
    /// Its first local day.
    #[schema(format = "date")]
    valid_from: String,
    /// Its hash, as it would be anchored.
    hash: String,
    /// The hash of the tariff that it was compared with: the newest at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    compared_with: Option<String>,
    /// Who would pay more.
    outcome: ProposalOutcome,
    /// Who proposed it.
    #[schema(format = "uuid")]
    asked_by: String,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// From when on nobody can decide it any more.
    #[schema(format = DateTime)]
    expires: String,
    /// `open`, `approved` (it is published), `refused` or `expired`.
    state: String,
    /// Who decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    decided_by: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    decided_at: Option<String>,
}

/// A proposal with the tariff and its simulation.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct TariffProposalView {
    /// What a list shows.
    #[serde(flatten)]
    summary: TariffProposalSummary,
    /// The tariff's document.
    #[schema(value_type = Object)]
    terms: Value,
    /// What a reader of it should know: fields that are not rated, what was assumed.
    notes: Vec<String>,
    /// What each member would have paid on it, as it was when it was proposed.
    #[serde(skip_serializing_if = "Option::is_none")]
    simulation: Option<SimulationView>,
}

/// Proposes a tariff for the caller's community; another member of staff publishes it.
///
/// A rate sheet, short terms or a rate of URDB. The last `days` are simulated on it, and the
/// proposal keeps what came of that. Faults are named by JSON pointer (`TARIFF_FAULTY`). Refused
/// with `TARIFF_CURRENCY`, `TARIFF_VERSION`, `TARIFF_VALID_FROM`, `TARIFF_CARRIES` and
/// `TARIFF_TIMEZONE` where it could not be published, with `ALREADY_PROPOSED` where the same waits,
/// and with `PROPOSALS_OPEN` where too many wait.
#[utoipa::path(
    tag = "billing",
    params(TariffQuery),
    request_body = Object,
    responses((status = 201, body = TariffProposalView), Problems)
)]
#[post("/v1/tariffs")]
pub(crate) async fn propose_tariff(
    billing: Data<Billing>,
    caller: Principal,
    request: HttpRequest,
    Query(query): Query<TariffQuery>,
    body: Bytes,
) -> Result<HttpResponse, Problem> {
    require(&caller, Action::PublishTariff)?;
    let days = days_of(&query)?;
    let (tariff, notes) = sent(&billing, &caller, &request, query, &body).await?;
    let compared_with = billing.check_proposable(caller.community, &tariff).await?;
    let of = (tariff.clone(), notes.clone());
    let simulated = simulation_of(&billing, &caller, of, days).await;
    // What cannot be compared, such as a community's first tariff, can be proposed all the same.
    if let Err(problem) = &simulated
        && problem.status != StatusCode::UNPROCESSABLE_ENTITY.as_u16()
    {
        return Err(problem.clone());
    }
    let wanted = proposal(&billing, &caller, (&tariff, &notes, compared_with), simulated)?;
    billing.propose_tariff(wanted.clone()).await?;
    Ok(HttpResponse::Created().json(view(&billing, &wanted)?))
}

fn proposal(
    billing: &Billing,
    caller: &Principal,
    (tariff, notes, known): (&Tariff, &[String], (String, String)),
    simulated: Result<SimulationView, Problem>,
) -> Result<Proposal, Problem> {
    let (head, at) = (tariff.head(), billing.now());
    let (compared_with, published) = known;
    let currency = head.currency.clone();
    let (outcome, simulation) = match simulated {
        Ok(view) => {
            let outcome = ProposalOutcome {
                dearer: Some(view.dearer),
                cheaper: Some(view.cheaper),
                difference: Some(view.difference),
                currency,
                ..ProposalOutcome::default()
            };
            (outcome, Some(view))
        }
        Err(problem) => {
            let (not_simulated, why) = (Some(problem.code), Some(problem.title));
            (ProposalOutcome { currency, not_simulated, why, ..ProposalOutcome::default() }, None)
        }
    };
    Ok(Proposal {
        number: 0,
        id: Uuid::new_v4().to_string(),
        community: caller.community,
        tariff: head.id.clone(),
        version: head.version,
        valid_from: head.valid_from.to_string(),
        hash: tariff.hash().to_string(),
        compared_with,
        published,
        summary: json(&outcome)?,
        asked_by: caller.party.to_string(),
        at,
        expires: at.plus_seconds(PROPOSAL_SECONDS),
        state: "open".to_owned(),
        decided_by: String::new(),
        decided_at: None,
        document: tariff.canonical_json(),
        notes: json(&notes)?,
        simulation: json(&simulation)?,
    })
}

fn json<T: Serialize>(value: &T) -> Result<String, Problem> {
    serde_json::to_string(value).map_err(|error| anyhow::Error::from(error).into())
}

fn parsed<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, Problem> {
    serde_json::from_str(text).map_err(|error| anyhow::Error::from(error).into())
}

fn summary(billing: &Billing, of: &Proposal) -> Result<TariffProposalSummary, Problem> {
    Ok(TariffProposalSummary {
        id: of.id.clone(),
        tariff: of.tariff.clone(),
        version: of.version,
        valid_from: of.valid_from.clone(),
        hash: of.hash.clone(),
        compared_with: said(&of.compared_with),
        outcome: parsed(&of.summary)?,
        asked_by: of.asked_by.clone(),
        at: of.at.to_string(),
        expires: of.expires.to_string(),
        state: of.standing(billing.now()).to_owned(),
        decided_by: said(&of.decided_by),
        decided_at: of.decided_at.map(|at| at.to_string()),
    })
}

fn view(billing: &Billing, of: &Proposal) -> Result<TariffProposalView, Problem> {
    Ok(TariffProposalView {
        summary: summary(billing, of)?,
        terms: parsed(&of.document)?,
        notes: parsed(&of.notes)?,
        simulation: parsed(&of.simulation)?,
    })
}

/// The tariffs that staff proposed, newest first, and what was decided: none is ever removed.
#[utoipa::path(
    tag = "billing",
    params(PageQuery),
    responses((status = 200, body = Page<TariffProposalSummary>), Problems)
)]
#[get("/v1/tariffs/proposals")]
pub(crate) async fn list_tariff_proposals(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<TariffProposalSummary>>, Problem> {
    require(&caller, Action::ReadAccount)?;
    let place = place(&query)?;
    let found = proposals::list(&billing.db, caller.community, place).await?;
    let next = next(&found, place, |last| last.number);
    let items = found.iter().map(|one| summary(&billing, one)).collect::<Result<Vec<_>, _>>()?;
    Ok(Json(Page { items, next }))
}

/// A proposal with the tariff and who would pay more.
#[utoipa::path(
    tag = "billing",
    params(("id" = String, Path, description = "The proposal")),
    responses((status = 200, body = TariffProposalView), Problems)
)]
#[get("/v1/tariffs/proposals/{id}")]
pub(crate) async fn get_tariff_proposal(
    billing: Data<Billing>,
    caller: Principal,
    id: Path<String>,
) -> Result<Json<TariffProposalView>, Problem> {
    require(&caller, Action::ReadAccount)?;
    Ok(Json(view(&billing, &found(&billing, &caller, &id).await?)?))
}

/// Publishes a tariff that another person proposed.
///
/// Its hash goes on chain, and it holds from its own first day on. Refused with `FOUR_EYES` for who
/// proposed it, with `DECIDED` where somebody has decided, with `PROPOSAL_EXPIRED` after 14 days,
/// with `PROPOSAL_OUTDATED` where another tariff was published since, with `PROPOSAL_CHANGED` where
/// what is kept is not what was proposed, and where it cannot be published any more. Repeating it
/// changes nothing.
#[utoipa::path(
    tag = "billing",
    params(("id" = String, Path, description = "The proposal")),
    responses((status = 200, body = TariffProposalView), Problems)
)]
#[post("/v1/tariffs/proposals/{id}/approval")]
pub(crate) async fn approve_tariff_proposal(
    billing: Data<Billing>,
    caller: Principal,
    id: Path<String>,
) -> Result<Json<TariffProposalView>, Problem> {
    decided(&billing, &caller, &id, true).await
}

/// Refuses a tariff that was proposed; who proposed it takes it back so.
///
/// Refused itself with `DECIDED` and `PROPOSAL_EXPIRED`.
#[utoipa::path(
    tag = "billing",
    params(("id" = String, Path, description = "The proposal")),
    responses((status = 200, body = TariffProposalView), Problems)
)]
#[post("/v1/tariffs/proposals/{id}/refusal")]
pub(crate) async fn refuse_tariff_proposal(
    billing: Data<Billing>,
    caller: Principal,
    id: Path<String>,
) -> Result<Json<TariffProposalView>, Problem> {
    decided(&billing, &caller, &id, false).await
}

async fn decided(
    billing: &Billing,
    caller: &Principal,
    id: &str,
    approved: bool,
) -> Result<Json<TariffProposalView>, Problem> {
    require(caller, Action::PublishTariff)?;
    let wanted = found(billing, caller, id).await?;
    billing.decide_proposal(&wanted.id, (caller.party, approved), billing.now()).await?;
    Ok(Json(view(billing, &found(billing, caller, id).await?)?))
}

async fn found(billing: &Billing, caller: &Principal, id: &str) -> Result<Proposal, Problem> {
    let found = proposals::find(&billing.db, id).await?;
    let ours = found.filter(|one| one.community == caller.community);
    ours.ok_or_else(|| Problem::not_found("proposal"))
}
