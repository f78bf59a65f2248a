//! How a meter is doing, and what staff says of it.

use access::{Action, Subject, Thing, permit};
use actix_web::web::{Data, Json, Path};
use actix_web::{get, put};
use calendar::LocalDay;
use serde::{Deserialize, Serialize};
use service::{Fault, Principal, Problem, Problems};
use utoipa::ToSchema;

use super::sender::Sender;
use super::{CALIBRATION_EXPIRED, readable_meter};
use crate::Metering;
use crate::db::descriptions::{self, Description};
use crate::db::{meters, quarantine, readings, registry};

/// Gaps that the status of a meter lists at most.
const GAPS_MAX: i64 = 100;
/// A place's largest latitude and longitude, in millionths of a degree.
const LATITUDE_MAX: i32 = 90_000_000;
const LONGITUDE_MAX: i32 = 180_000_000;
/// The most rated power of modules at a connection point, in watts.
const MODULES_W_MAX: u64 = 1_000_000_000;

/// How a meter is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct MeterStatus {
    /// The meter.
    pub(crate) meter: String,
    /// What is printed on it.
    pub(crate) serial: String,
    /// Where it measures.
    pub(crate) connection_point: String,
    /// From when its readings count.
    pub(crate) valid_from: String,
    /// Since when they no longer count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) revoked_at: Option<String>,
    /// When its last reading was stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_seen: Option<String>,
    /// The version of its software on the highest page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) firmware: Option<u32>,
    /// What staff says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<DescriptionView>,
    /// What somebody has to see to: `CALIBRATION_EXPIRED`, `PAGES_MISSING`, `QUARANTINED`;
    /// `ROTATION_MISSED` and `ENROLMENT_MISSED` where the registry has not taken its next key, or
    /// its owner: it is to be enrolled again.
    pub(crate) warnings: Vec<String>,
    /// The time of its latest registers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_reading: Option<String>,
    /// Its first page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_page: Option<u32>,
    /// Its last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_page: Option<u32>,
    /// Register of what was taken from the grid on the highest page, in Wh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_import_wh: Option<u64>,
    /// Register of what was fed into the grid on the highest page, in Wh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_export_wh: Option<u64>,
    /// How many pages are stored.
    pub(crate) pages: u64,
    /// The first 100 holes in its pages.
    pub(crate) gaps: Vec<Gap>,
    /// How many of its messages were not believed, repeats counted.
    pub(crate) quarantined: u64,
}

/// Pages that never came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Gap {
    /// The first page that is not there.
    pub(crate) from_page: u32,
    /// The last page that is not there.
    pub(crate) to_page: u32,
}

/// When a meter reported last, and what of it is not there.
#[utoipa::path(params(("id" = String, Path, description = "The meter")),
    responses((status = 200, body = MeterStatus), Problems),
    security(("bearer" = []), ("device" = [])), tag = "metering")]
#[get("/v1/meters/{id}/status")]
pub(crate) async fn meter_status(
    metering: Data<Metering>,
    sender: Sender,
    id: Path<String>,
) -> Result<Json<MeterStatus>, Problem> {
    let id = sender.meter(&metering, &id).await?;
    let db = metering.db();
    let meter = meters::find(db, id).await.map_err(Fault::problem)?;
    let meter = meter.ok_or_else(|| Problem::not_found("meter"))?;
    let pages = readings::pages(db, meter.id).await.map_err(Fault::problem)?;
    let last = readings::last(db, meter.id).await.map_err(Fault::problem)?;
    let gaps = readings::gaps(db, meter.id, GAPS_MAX).await.map_err(Fault::problem)?;
    let quarantined = quarantine::count(db, meter.id).await.map_err(Fault::problem)?;
    let description = descriptions::find(db, meter.id).await.map_err(Fault::problem)?;
    let until = descriptions::calibrated_until(db, &meter).await.map_err(Fault::problem)?;
    let expired = until.is_some_and(|until| metering.now() > until);
    let missed = registry::has_missed(db, meter.id).await.map_err(Fault::problem)?;
    let (rotation_missed, enrolment_missed) = missed;
    let warnings = [
        (rotation_missed, "ROTATION_MISSED"),
        (enrolment_missed, "ENROLMENT_MISSED"),
        (expired, CALIBRATION_EXPIRED),
        (!gaps.is_empty(), "PAGES_MISSING"),
        (quarantined > 0, "QUARANTINED"),
    ];
    let warnings = warnings.into_iter().filter(|(holds, _)| *holds);
    Ok(Json(MeterStatus {
        meter: meter.id.to_string(),
        serial: meter.serial,
        connection_point: meter.connection_point.to_string(),
        valid_from: meter.valid_from.to_string(),
        revoked_at: meter.revoked_at.map(|at| at.to_string()),
        last_seen: pages.map(|pages| pages.last_received_at.to_string()),
        firmware: last.map(|last| last.reading().firmware),
        description: description.map(DescriptionView::from),
        warnings: warnings.map(|(_, warning)| warning.to_owned()).collect(),
        last_reading: pages.map(|pages| pages.last_time.to_string()),
        first_page: pages.map(|pages| pages.first),
        last_page: pages.map(|pages| pages.last),
        last_import_wh: last.map(|last| last.reading().import.wh()),
        last_export_wh: last.map(|last| last.reading().export.wh()),
        pages: pages.map_or(0, |pages| pages.count),
        gaps: gaps.into_iter().map(gap).collect(),
        quarantined,
    }))
}

/// The pages between two stored ones.
fn gap((before, after): (u32, u32)) -> Gap {
    Gap { from_page: before + 1, to_page: after - 1 }
}

/// What staff says of a meter and of the place that it measures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DescriptionView {
    /// The last day on which its calibration counts. Readings after it are taken, and flagged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub(crate) calibrated_until: Option<LocalDay>,
    /// Where it is: degrees north, in millionths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) latitude: Option<i32>,
    /// Degrees east, in millionths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) longitude: Option<i32>,
    /// Rated power of the PV modules there, in watts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) modules_w: Option<u64>,
    /// Is there something that feeds in without the sun: a battery, a car, an engine?
    #[serde(default)]
    pub(crate) storage: bool,
}

impl From<Description> for DescriptionView {
    fn from(description: Description) -> DescriptionView {
        DescriptionView {
            calibrated_until: description.calibrated_until,
            latitude: description.place.map(|(latitude, _)| latitude),
            longitude: description.place.map(|(_, longitude)| longitude),
            modules_w: description.modules_w,
            storage: description.storage,
        }
    }
}

impl DescriptionView {
    fn parse(self) -> Result<Description, Problem> {
        let place = match (self.latitude, self.longitude) {
            (Some(latitude), Some(longitude)) => Some((latitude, longitude)),
            (None, None) => None,
            _ => return Err(Problem::malformed("a place has a latitude and a longitude")),
        };
        let on_earth = |&(latitude, longitude): &(i32, i32)| {
            let within = |degrees: i32, most: i32| (-most..=most).contains(&degrees);
            within(latitude, LATITUDE_MAX) && within(longitude, LONGITUDE_MAX)
        };
        if !place.as_ref().is_none_or(on_earth) {
            return Err(Problem::refused("PLACE", "The place is not on Earth"));
        }
        if self.modules_w.is_some_and(|power| power > MODULES_W_MAX) {
            return Err(Problem::refused("POWER", "Modules have at most a gigawatt"));
        }
        let (modules_w, storage) = (self.modules_w, self.storage);
        Ok(Description { calibrated_until: self.calibrated_until, place, modules_w, storage })
    }
}

/// Says until when a meter's calibration counts, where it is and what feeds in there.
///
/// For operators and admins. What was said before is replaced as a whole.
#[utoipa::path(params(("id" = String, Path, description = "The meter")),
    request_body = DescriptionView,
    responses((status = 200, body = DescriptionView), Problems), tag = "metering")]
#[put("/v1/meters/{id}/description")]
pub(crate) async fn describe_meter(
    metering: Data<Metering>,
    caller: Principal,
    id: Path<String>,
    said: Json<DescriptionView>,
) -> Result<Json<DescriptionView>, Problem> {
    let meter = readable_meter(&metering, &caller, &id).await?;
    let (account, community) = (caller.account, caller.community);
    let subject = Subject { account, community, roles: &caller.roles };
    let thing = Thing::of_account(meter.account, meter.community);
    if !permit(subject, Action::DescribeMeter, thing) {
        return Err(Problem::forbidden());
    }
    let description = said.into_inner().parse()?;
    let view = DescriptionView::from(description.clone());
    let now = metering.now();
    metering
        .db()
        .transact(move |tx| {
            Box::pin(async move { descriptions::put(tx, meter.id, &description, now).await })
        })
        .await
        .map_err(Fault::problem)?;
    Ok(Json(view))
}
