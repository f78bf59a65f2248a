//! Published tariffs, and what a draft would cost.

use access::Action;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Bytes, Data, Json, Query};
use actix_web::{HttpRequest, get, post};
use calendar::{LocalDay, TimeZone};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service::{Page, Principal, Problem, Problems};
use tariff::{Frame, On, Tariff};
use units::Money;
use utoipa::{IntoParams, ToSchema};

use super::require;
use crate::Billing;
use crate::app::simulate::{Compared, SIMULATED_DAYS_MAX, Simulation};
use crate::db::members::{self, Published};
use crate::domain::bill::BillError;

/// The content type of a rate of the Utility Rate Database.
const URDB_TYPE: &str = "application/vnd.openei.urdb+json";
/// Faults of a document that an answer names.
const FAULTS_SHOWN_MAX: usize = 20;
/// Days that a draft is rated on where nobody says how many.
const SIMULATED_DAYS: u32 = 30;

/// A tariff as it was published.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct TariffView {
    /// Its hash, as anchored.
    pub(crate) hash: String,
    /// Its document.
    #[schema(value_type = Object)]
    pub(crate) terms: Value,
}

/// In which form a tariff is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Form {
    /// A rate sheet or short terms, as docs/tariffs.md says.
    Sheet,
    /// A rate of OpenEI's Utility Rate Database, version 3 to 8.
    Urdb,
}

/// The form of a tariff, and what its file does not say.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TariffQuery {
    /// `sheet` or `urdb`; by the content type when absent.
    #[param(inline)]
    format: Option<Form>,
    /// Of URDB: what the tariff is called in URLs; the rate's label when absent.
    id: Option<String>,
    /// Of URDB: what people call it; the rate's name when absent.
    name: Option<String>,
    /// Of URDB: its version; the one after the newest of this id when absent.
    version: Option<u32>,
    /// Of URDB: the first local day, `2026-07-01`.
    valid_from: Option<String>,
    /// Of URDB: a name of the IANA database; the community's when absent.
    timezone: Option<String>,
    /// Of URDB: ISO 4217; US dollars when absent.
    currency: Option<String>,
    /// On how many whole days up to yesterday it is simulated; 30 when absent.
    days: Option<u32>,
}

/// What one member would have paid.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct SimulatedMember {
    /// The account.
    pub(crate) account: String,
    /// The name that others see.
    pub(crate) pseudonym: String,
    /// Slots with a reading.
    pub(crate) slots: usize,
    /// By the tariff that held.
    #[schema(value_type = String)]
    pub(crate) now: Money,
    /// By the draft.
    #[schema(value_type = String)]
    pub(crate) draft: Money,
    /// What the draft costs more; below zero where it costs less.
    #[schema(value_type = String)]
    pub(crate) difference: Money,
}

/// What a draft would have cost a community.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct SimulationView {
    /// Hash of the draft.
    pub(crate) hash: String,
    /// What a reader of it should know.
    pub(crate) notes: Vec<String>,
    /// First local day.
    pub(crate) from: String,
    /// Last local day.
    pub(crate) to: String,
    /// ISO 4217.
    pub(crate) currency: String,
    /// How many would have paid more.
    pub(crate) dearer: usize,
    /// How many would have paid less.
    pub(crate) cheaper: usize,
    /// What all would have paid more, or less.
    #[schema(value_type = String)]
    pub(crate) difference: Money,
    /// Every member, who would have paid most more first.
    pub(crate) members: Vec<SimulatedMember>,
}

/// The tariffs of the caller's community, newest first.
#[utoipa::path(
    tag = "billing",
    responses((status = 200, body = Page<TariffView>), Problems)
)]
#[get("/v1/tariffs")]
pub(crate) async fn list_tariffs(
    billing: Data<Billing>,
    caller: Principal,
) -> Result<Json<Page<TariffView>>, Problem> {
    require(&caller, Action::ReadMarket)?;
    let published = members::tariffs(&billing.db, caller.community).await?;
    let items = published.iter().map(|known| shown(&known.tariff)).collect();
    Ok(Json(Page { items, next: None }))
}

/// What a draft of a tariff would have cost each member of the caller's community.
///
/// The last days are rated on the draft and on the tariff that held, with the same trades between
/// neighbours. Nothing is published. Banks and peaks begin with the first day.
#[utoipa::path(
    tag = "billing",
    params(TariffQuery),
    request_body = Object,
    responses((status = 200, body = SimulationView), Problems)
)]
#[post("/v1/tariffs/simulations")]
pub(crate) async fn simulate_tariff(
    billing: Data<Billing>,
    caller: Principal,
    request: HttpRequest,
    Query(query): Query<TariffQuery>,
    body: Bytes,
) -> Result<Json<SimulationView>, Problem> {
    require(&caller, Action::PublishTariff)?;
    let days = days_of(&query)?;
    let sent = sent(&billing, &caller, &request, query, &body).await?;
    Ok(Json(simulation_of(&billing, &caller, sent, days).await?))
}

/// How many days a query asks to simulate.
pub(super) fn days_of(query: &TariffQuery) -> Result<u32, Problem> {
    let days = query.days.unwrap_or(SIMULATED_DAYS);
    if (1..=SIMULATED_DAYS_MAX).contains(&days) {
        return Ok(days);
    }
    Err(Problem::malformed(format!("days: from 1 to {SIMULATED_DAYS_MAX}")))
}

/// What a draft would have cost each member of the caller's community on the last `days`.
pub(super) async fn simulation_of(
    billing: &Billing,
    caller: &Principal,
    (tariff, notes): (Tariff, Vec<String>),
    days: u32,
) -> Result<SimulationView, Problem> {
    let (hash, currency) = (tariff.hash().to_string(), tariff.head().currency.clone());
    let now = billing.now();
    let simulation = billing.simulate_tariff(caller.community, tariff, days, now).await?;
    simulated(simulation, (hash, currency, notes))
        .map_err(|error| Problem::refused("TARIFF_UNRATED", BillError::from(error).to_string()))
}

fn shown(tariff: &Tariff) -> TariffView {
    let terms = serde_json::to_value(tariff).unwrap_or_default();
    TariffView { hash: tariff.hash().to_string(), terms }
}

fn simulated(
    simulation: Simulation,
    (hash, currency, notes): (String, String, Vec<String>),
) -> Result<SimulationView, units::Overflow> {
    let member = |one: &Compared| {
        Ok(SimulatedMember {
            account: one.account.to_string(),
            pseudonym: one.pseudonym.clone(),
            slots: one.slots,
            now: one.now,
            draft: one.draft,
            difference: one.difference()?,
        })
    };
    let members = simulation.members.iter().map(member).collect::<Result<Vec<_>, _>>()?;
    Ok(SimulationView {
        hash,
        notes,
        from: simulation.period.from.to_string(),
        to: simulation.period.to.to_string(),
        currency,
        dearer: members.iter().filter(|one| one.difference > Money::ZERO).count(),
        cheaper: members.iter().filter(|one| one.difference < Money::ZERO).count(),
        difference: Money::sum(members.iter().map(|one| one.difference))?,
        members,
    })
}

/// The tariff in a request, and what a reader of it should know.
pub(super) async fn sent(
    billing: &Billing,
    caller: &Principal,
    request: &HttpRequest,
    query: TariffQuery,
    body: &Bytes,
) -> Result<(Tariff, Vec<String>), Problem> {
    let text = std::str::from_utf8(body)
        .map_err(|_| Problem::malformed("the document is not UTF-8"))?
        .to_owned();
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let is_urdb = kind.is_some_and(|kind| kind.split(';').next() == Some(URDB_TYPE));
    let form = query.format.unwrap_or(if is_urdb { Form::Urdb } else { Form::Sheet });
    let frame = match form {
        Form::Sheet => None,
        Form::Urdb => Some(framed(billing, caller, query).await?),
    };
    Tariff::read(&text, frame.as_ref()).map_err(|problems| {
        let shown = problems.list.iter().take(FAULTS_SHOWN_MAX).map(|fault| {
            let (line, column) = (fault.line, fault.column);
            format!("{}: {} (line {line}, column {column})", pointer(fault), fault.reason)
        });
        let mut detail = shown.collect::<Vec<_>>().join("; ");
        let more = problems.list.len().saturating_sub(FAULTS_SHOWN_MAX) + problems.more;
        if more > 0 {
            detail.push_str(&format!("; and {more} more"));
        }
        Problem { code: "TARIFF_FAULTY".to_owned(), ..Problem::malformed(detail) }
    })
}

/// The whole document has an empty pointer, which nobody would see.
fn pointer(fault: &tariff::Problem) -> String {
    let pointer = fault.pointer();
    if pointer.is_empty() { "the document".to_owned() } else { pointer }
}

/// What a file of URDB does not say. Fees on neighbours' energy are those of the newest tariff.
async fn framed(
    billing: &Billing,
    caller: &Principal,
    query: TariffQuery,
) -> Result<Frame, Problem> {
    let published = members::tariffs(&billing.db, caller.community).await?;
    let day = query.valid_from.as_deref().map(str::parse::<LocalDay>);
    let Some(Ok(valid_from)) = day else {
        return Err(Problem::malformed("valid_from: a day such as 2026-07-01 is needed"));
    };
    let timezone = match query.timezone.as_deref().map(str::parse::<TimeZone>) {
        Some(Ok(zone)) => Some(zone),
        Some(Err(error)) => return Err(Problem::malformed(format!("timezone: {error}"))),
        None => members::timezone(&billing.db, caller.community).await?,
    };
    let timezone = timezone.ok_or_else(|| Problem::malformed("timezone: nobody has said it"))?;
    let of_id = |known: &&Published| query.id.as_ref() == Some(&known.tariff.head().id);
    let newest = published.iter().filter(of_id).map(|known| known.tariff.head().version).max();
    let charges = published.first().map(|known| known.tariff.sheet().energy.clone());
    let between = |charge: &tariff::EnergyCharge| matches!(charge.on, On::Local(_) | On::Sold);
    Ok(Frame {
        version: query.version.unwrap_or_else(|| newest.unwrap_or(0).saturating_add(1)),
        id: query.id,
        name: query.name,
        valid_from,
        timezone,
        currency: query.currency,
        between_neighbours: charges.unwrap_or_default().into_iter().filter(between).collect(),
    })
}
