//! What can be read over HTTP: readings, intervals, quarantine, how a meter is doing, and which
//! transactions wait; and signed readings that come that way.
#![allow(unused_qualifications, reason = "the route macros repeat the types of the arguments")]

mod evidence;
mod relay;
mod sender;
mod upload;

use access::Role;
use actix_web::get;
use actix_web::web::{Data, Json, Path, Query};
use calendar::Timestamp;
use ids::{ConnectionPointId, MeterId};
use serde::{Deserialize, Serialize};
use service::{Fault, Page, PageQuery, Principal, Problem, Problems};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use self::sender::Sender;
use crate::Metering;
use crate::db::meters::{self, Meter};
use crate::db::{intervals, quarantine, readings};

/// Gaps that the status of a meter lists at most.
const GAPS_MAX: i64 = 100;

/// The routes of metering; they expect `Data<Metering>` and `Data<Verifier>`.
pub fn routes(config: &mut ServiceConfig) {
    config
        .service(list_readings)
        .service(evidence::get_evidence)
        .service(evidence::get_trade_evidence)
        .service(list_intervals)
        .service(list_quarantine)
        .service(meter_status)
        .service(upload::upload_readings)
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
    /// When it was stored.
    pub received_at: String,
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
                received_at: stored.received_at.to_string(),
            }
        },
    )))
}

/// Which intervals are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct IntervalsQuery {
    /// The connection point.
    connection_point: String,
    /// Slots that start at or after this moment (RFC 3339).
    from: Option<String>,
    /// Slots that start before this moment (RFC 3339).
    to: Option<String>,
}

/// The energy of a connection point in one slot, as it is known now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct IntervalView {
    /// The connection point.
    pub connection_point: String,
    /// The meter.
    pub meter: String,
    /// The slot's start.
    pub slot: String,
    /// How long the slot lasts.
    pub slot_minutes: u16,
    /// Taken from the grid, in Wh.
    pub import_wh: u64,
    /// Fed into the grid, in Wh.
    pub export_wh: u64,
    /// `measured`, `substituted` or `missing`.
    pub quality: String,
    /// The method of a substituted value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// 1, then one more with every correction.
    pub version: u32,
    /// Since when it is known.
    pub known_at: String,
}

/// The closed intervals of a connection point, in time order; each in its latest version.
#[utoipa::path(params(IntervalsQuery, PageQuery),
    responses((status = 200, body = Page<IntervalView>), Problems), tag = "metering")]
#[get("/v1/intervals")]
pub(crate) async fn list_intervals(
    metering: Data<Metering>,
    principal: Principal,
    wanted: Query<IntervalsQuery>,
    page: Query<PageQuery>,
) -> Result<Json<Page<IntervalView>>, Problem> {
    let missing = || Problem::not_found("connection point");
    let point: ConnectionPointId = wanted.connection_point.parse().map_err(|_| missing())?;
    let owner = meters::owner_of(metering.db(), point).await.map_err(Fault::problem)?;
    let (account, community) = owner.ok_or_else(missing)?;
    if community != principal.community || !principal.may_read(account) {
        return Err(missing());
    }
    let span = span(wanted.from.as_deref(), wanted.to.as_deref())?;
    let after = interval_cursor(page.cursor.as_deref())?;
    let limit = page.limit();
    let rows =
        intervals::page(metering.db(), point, span, after, limit).await.map_err(Fault::problem)?;
    let cursor = |last: &intervals::Version| format!("{}_{}", last.slot.seconds(), last.meter);
    Ok(Json(paged(rows, limit, cursor, |version| IntervalView {
        connection_point: point.to_string(),
        meter: version.meter.to_string(),
        slot: version.slot.to_string(),
        slot_minutes: metering.config().slot.minutes(),
        import_wh: version.known.import.wh(),
        export_wh: version.known.export.wh(),
        quality: version.known.quality.name().to_owned(),
        method: version.known.quality.method().map(str::to_owned),
        version: version.version,
        known_at: version.known_at.to_string(),
    })))
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

/// How a meter is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MeterStatus {
    /// The meter.
    pub meter: String,
    /// What is printed on it.
    pub serial: String,
    /// Where it measures.
    pub connection_point: String,
    /// From when its readings count.
    pub valid_from: String,
    /// Since when they no longer count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<String>,
    /// When its last reading was stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<String>,
    /// The time of its latest registers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_reading: Option<String>,
    /// Its first page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_page: Option<u32>,
    /// Its last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_page: Option<u32>,
    /// Register of what was taken from the grid on the highest page, in Wh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_import_wh: Option<u64>,
    /// Register of what was fed into the grid on the highest page, in Wh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_export_wh: Option<u64>,
    /// How many pages are stored.
    pub pages: u64,
    /// The first 100 holes in its pages.
    pub gaps: Vec<Gap>,
    /// How many of its messages were not believed, repeats counted.
    pub quarantined: u64,
}

/// Pages that never came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Gap {
    /// The first page that is not there.
    pub from_page: u32,
    /// The last page that is not there.
    pub to_page: u32,
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
    Ok(Json(MeterStatus {
        meter: meter.id.to_string(),
        serial: meter.serial,
        connection_point: meter.connection_point.to_string(),
        valid_from: meter.valid_from.to_string(),
        revoked_at: meter.revoked_at.map(|at| at.to_string()),
        last_seen: pages.map(|pages| pages.last_received_at.to_string()),
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

/// The slot and meter after which a page of intervals begins.
fn interval_cursor(cursor: Option<&str>) -> Result<(Timestamp, String), Problem> {
    let Some(cursor) = cursor else { return Ok((Timestamp::default(), String::new())) };
    let (slot, meter) = cursor.split_once('_').ok_or_else(bad_cursor)?;
    let slot = slot.parse().map_err(|_| bad_cursor())?;
    Ok((Timestamp::from_seconds(slot), meter.to_owned()))
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
