//! What can be read over HTTP: readings, intervals, quarantine, how a meter is doing, and which
//! transactions wait; and signed readings that come that way.
#![allow(unused_qualifications, reason = "the route macros repeat the types of the arguments")]

mod checks;
mod comparison;
mod erasures;
mod evidence;
mod files;
mod intervals;
mod relay;
mod sender;
mod status;
mod upload;

use access::Role;
use actix_web::get;
use actix_web::web::{Data, Json, Query};
use alloy_primitives::B256;
use calendar::Timestamp;
use ids::MeterId;
use reading::{Place, Reading};
use serde::{Deserialize, Serialize};
use service::{Fault, Page, PageQuery, Principal, Problem, Problems};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use crate::Metering;
use crate::db::meters::{self, Meter};
use crate::db::{descriptions, quarantine, readings};

/// The calibration of a meter was over when it read.
const CALIBRATION_EXPIRED: &str = "CALIBRATION_EXPIRED";

/// The routes of metering; they expect `Data<Metering>` and `Data<Verifier>`.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(list_readings)
        .service(evidence::get_evidence)
        .service(evidence::get_trade_evidence)
        .service(intervals::list_intervals)
        .service(intervals::interval_file)
        .service(list_quarantine)
        .service(status::meter_status)
        .service(status::describe_meter)
        .service(erasures::erase_readings)
        .service(erasures::list_erasures)
        .service(upload::upload_readings)
        .service(checks::list_checks)
        .service(files::upload_file)
        .service(files::list_files)
        .service(files::file_report)
        .service(comparison::compare_files)
        .service(relay::list_metering_transactions);
}

/// Which readings are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReadingsQuery {
    /// The meter.
    meter: String,
    /// From this moment on (RFC 3339).
    from: Option<String>,
    /// Before this moment (RFC 3339).
    to: Option<String>,
}

/// A signed reading as the meter sent it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReadingView {
    /// The meter.
    pub meter: String,
    /// Rises by one per reading.
    pub page: u32,
    /// The moment of the registers.
    pub time: String,
    /// Register of what was taken from the grid, in Wh.
    pub import_wh: u64,
    /// Register of what was fed into the grid, in Wh.
    pub export_wh: u64,
    /// Status bits.
    pub status: u32,
    /// Version of the meter's software.
    pub firmware: u32,
    /// The meter's signature, 64 bytes as hex.
    pub signature: String,
    /// Where the reading stands among those that were signed with it; absent where it was alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<PlaceView>,
    /// When it was stored.
    pub received_at: String,
    /// What is doubtful about it, though it counts: `ENERGY_ERROR`, `CLOCK_UNSYNCHRONISED`,
    /// `RELAYED`, `CALIBRATION_EXPIRED`.
    pub flags: Vec<String>,
}

/// The proof that a reading is one of those under its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PlaceView {
    /// How many there are: 2 to 16.
    pub count: u8,
    /// The reading's number among them, from 0.
    pub index: u8,
    /// The root of the tree over them, 32 bytes as hex; it is what was signed.
    pub root: String,
    /// From the leaf up, 32 bytes as hex each.
    pub siblings: Vec<String>,
}

impl PlaceView {
    fn of(place: &Place) -> PlaceView {
        PlaceView {
            count: place.count(),
            index: place.index(),
            root: place.root().to_string(),
            siblings: place.siblings().iter().map(B256::to_string).collect(),
        }
    }
}

/// What is doubtful about a reading.
fn flags(reading: &Reading, calibrated_until: Option<Timestamp>) -> Vec<String> {
    let status = reading.status;
    let all = [
        (status.energy_error(), "ENERGY_ERROR"),
        (status.clock_unsynchronised(), "CLOCK_UNSYNCHRONISED"),
        (status.relayed(), "RELAYED"),
        (calibrated_until.is_some_and(|until| reading.time > until), CALIBRATION_EXPIRED),
    ];
    all.into_iter().filter(|(holds, _)| *holds).map(|(_, flag)| flag.to_owned()).collect()
}

/// The accepted readings of a meter, in page order.
#[utoipa::path(params(ReadingsQuery, PageQuery),
    responses((status = 200, body = Page<ReadingView>), Problems), tag = "metering")]
#[get("/v1/readings")]
pub(crate) async fn list_readings(
    metering: Data<Metering>,
    principal: Principal,
    wanted: Query<ReadingsQuery>,
    page: Query<PageQuery>,
) -> Result<Json<Page<ReadingView>>, Problem> {
    let meter = readable_meter(&metering, &principal, &wanted.meter).await?;
    let span = span(wanted.from.as_deref(), wanted.to.as_deref())?;
    let after: i64 = match &page.cursor {
        Some(cursor) => cursor.parse().map_err(|_| bad_cursor())?,
        None => -1,
    };
    let limit = page.limit();
    let rows = readings::page(metering.db(), meter.id, span, after, limit)
        .await
        .map_err(Fault::problem)?;
    let until =
        descriptions::calibrated_until(metering.db(), &meter).await.map_err(Fault::problem)?;
    Ok(Json(paged(
        rows,
        limit,
        |last| last.reading().page.to_string(),
        |stored| {
            let reading = stored.reading();
            ReadingView {
                meter: reading.meter.to_string(),
                page: reading.page,
                time: reading.time.to_string(),
                import_wh: reading.import.wh(),
                export_wh: reading.export.wh(),
                status: reading.status.bits(),
                firmware: reading.firmware,
                signature: stored.signed.signature.to_string(),
                place: stored.signed.place.as_ref().map(PlaceView::of),
                received_at: stored.received_at.to_string(),
                flags: flags(reading, until),
            }
        },
    )))
}

/// A message that was not believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuarantineView {
    /// The meter whose topic it came on.
    pub meter: String,
    /// Why it was not believed.
    pub code: String,
    /// Its first 256 bytes, as hex.
    pub message: String,
    /// How long it was, in bytes.
    pub bytes: u64,
    /// When it came first.
    pub first_at: String,
    /// When it came last.
    pub last_at: String,
    /// How often it came.
    pub repeats: u64,
}

/// Messages that were not believed, newest first; for operators, auditors and admins.
#[utoipa::path(params(PageQuery),
    responses((status = 200, body = Page<QuarantineView>), Problems), tag = "metering")]
#[get("/v1/quarantine")]
pub(crate) async fn list_quarantine(
    metering: Data<Metering>,
    principal: Principal,
    page: Query<PageQuery>,
) -> Result<Json<Page<QuarantineView>>, Problem> {
    principal.require_any(&[Role::Operator, Role::Auditor, Role::Admin])?;
    let before: i64 = match &page.cursor {
        Some(cursor) => cursor.parse().map_err(|_| bad_cursor())?,
        None => i64::MAX,
    };
    let limit = page.limit();
    let rows = quarantine::page(metering.db(), principal.community, before, limit)
        .await
        .map_err(Fault::problem)?;
    Ok(Json(paged(
        rows,
        limit,
        |last| last.place.to_string(),
        |row| QuarantineView {
            meter: row.meter.to_string(),
            code: row.code.clone(),
            message: hex::encode(&row.message),
            bytes: row.bytes,
            first_at: row.first_at.to_string(),
            last_at: row.last_at.to_string(),
            repeats: row.repeats,
        },
    )))
}

/// The meter, if the caller may read what it measures; to others it does not exist.
async fn readable_meter(
    metering: &Metering,
    principal: &Principal,
    id: &str,
) -> Result<Meter, Problem> {
    let missing = || Problem::not_found("meter");
    let id: MeterId = id.parse().map_err(|_| missing())?;
    let meter = meters::find(metering.db(), id).await.map_err(Fault::problem)?;
    meter
        .filter(|meter| meter.community == principal.community && principal.may_read(meter.account))
        .ok_or_else(missing)
}

/// The span that a query asks for; all of time where it does not say.
fn span(from: Option<&str>, to: Option<&str>) -> Result<(Timestamp, Timestamp), Problem> {
    let moment = |text: Option<&str>, default: i64| match text {
        Some(text) => text.parse().map_err(|_| Problem::malformed(format!("{text:?} is no time"))),
        None => Ok(Timestamp::from_seconds(default)),
    };
    Ok((moment(from, 0)?, moment(to, i64::MAX)?))
}

fn bad_cursor() -> Problem {
    Problem::malformed("the cursor is not one of ours")
}

/// A page of views; a full one names where the next begins.
fn paged<R, V>(
    rows: Vec<R>,
    limit: u32,
    cursor: impl Fn(&R) -> String,
    view: impl Fn(&R) -> V,
) -> Page<V> {
    let full = rows.len() == usize::try_from(limit).unwrap_or(usize::MAX);
    let next = rows.last().filter(|_| full).map(cursor);
    Page { items: rows.iter().map(view).collect(), next }
}
