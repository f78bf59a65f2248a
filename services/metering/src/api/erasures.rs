//! Erasing what a meter said, and what was erased.

use access::{Action, Subject, Thing, permit};
use actix_web::web::{Data, Json, Path};
use actix_web::{get, post};
use calendar::LocalDay;
use serde::{Deserialize, Serialize};
use service::{Fault, Principal, Problem, Problems};
use utoipa::ToSchema;

use super::readable_meter;
use crate::Metering;
use crate::app::erase::{DAYS_KEPT_MIN, Refusal};
use crate::db::erasures::{self, Erasure};
use crate::db::meters::Meter;

/// Orders that are listed of a meter.
const LISTED_MAX: i64 = 100;

/// What is to be erased.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewErasure {
    /// The first local day that stays.
    #[schema(value_type = String, format = Date)]
    pub(crate) before: LocalDay,
}

/// What was erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct ErasureView {
    /// The first local day that stays.
    #[schema(value_type = String, format = Date)]
    pub(crate) before: LocalDay,
    /// When it was ordered.
    pub(crate) ordered_at: String,
    /// The account that ordered it; `retention` where the settings did.
    pub(crate) ordered_by: String,
    /// Readings that are gone by it.
    pub(crate) readings: u64,
}

impl From<Erasure> for ErasureView {
    fn from(erasure: Erasure) -> ErasureView {
        ErasureView {
            before: erasure.before,
            ordered_at: erasure.at.to_string(),
            ordered_by: erasure.by,
            readings: erasure.readings,
        }
    }
}

/// Erases what a meter said before a local day, for ever.
///
/// For admins. Readings, signatures, salts, intervals, findings, messages that were not believed
/// and what utilities' files said go. At least 92 days have to be over since (`TOO_RECENT`), and
/// all of it has to be in roots on chain (`NOT_ANCHORED`). What was anchored of others can be
/// proved as before. Bills keep the readings that they rest on, and the day of the last reading
/// stays while the meter is enrolled. A reading from before that day that comes later is
/// acknowledged and not kept. Repeating it changes nothing.
#[utoipa::path(params(("id" = String, Path, description = "The meter")),
    request_body = NewErasure,
    responses((status = 200, body = Vec<ErasureView>, description = "All erasures of the meter"),
        Problems), tag = "metering")]
#[post("/v1/meters/{id}/erasures")]
pub(crate) async fn erase_readings(
    metering: Data<Metering>,
    caller: Principal,
    id: Path<String>,
    wanted: Json<NewErasure>,
) -> Result<Json<Vec<ErasureView>>, Problem> {
    let meter = erasable_meter(&metering, &caller, &id).await?;
    let (before, by) = (wanted.before, caller.party.to_string());
    let erased = metering.eraser(metering.now()).erase(&meter, before, &by).await;
    match erased.map_err(Fault::problem)? {
        Ok(()) => listed(&metering, &meter).await,
        Err(Refusal::TooRecent) => {
            let title = format!("Readings are kept for {DAYS_KEPT_MIN} days at least");
            Err(Problem::refused("TOO_RECENT", title))
        }
        Err(Refusal::Unanchored) => {
            let title = "Some of these readings are in no root on chain yet";
            Err(Problem::refused("NOT_ANCHORED", title))
        }
    }
}

/// What was erased of a meter, newest first, at most 100 orders.
#[utoipa::path(params(("id" = String, Path, description = "The meter")),
    responses((status = 200, body = Vec<ErasureView>), Problems), tag = "metering")]
#[get("/v1/meters/{id}/erasures")]
pub(crate) async fn list_erasures(
    metering: Data<Metering>,
    caller: Principal,
    id: Path<String>,
) -> Result<Json<Vec<ErasureView>>, Problem> {
    let meter = readable_meter(&metering, &caller, &id).await?;
    listed(&metering, &meter).await
}

async fn listed(metering: &Metering, meter: &Meter) -> Result<Json<Vec<ErasureView>>, Problem> {
    let all = erasures::list(metering.db(), meter.id, LISTED_MAX).await;
    let all = all.map_err(Fault::problem)?;
    Ok(Json(all.into_iter().map(ErasureView::from).collect()))
}

async fn erasable_meter(
    metering: &Metering,
    caller: &Principal,
    id: &str,
) -> Result<Meter, Problem> {
    let meter = readable_meter(metering, caller, id).await?;
    let (account, community) = (caller.account, caller.community);
    let subject = Subject { account, community, roles: &caller.roles };
    let thing = Thing::of_account(meter.account, meter.community);
    match permit(subject, Action::EraseReadings, thing) {
        true => Ok(meter),
        false => Err(Problem::forbidden()),
    }
}
