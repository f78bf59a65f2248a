//! The energies of slots: as they are known now, as they were known at some time, in every version,
//! and as files.

use actix_web::HttpResponse;
use actix_web::get;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::{Bytes, Data, Json, Path, Query};
use calendar::{SlotLength, TimeZone, Timestamp};
use db::Db;
use futures::stream;
use ids::{ConnectionPointId, MeterId};
use meterdata::greenbutton::LocalTime;
use meterdata::table::Mapping;
use meterdata::{
    Direction, Export, IntervalRecord, Label, Quality, canonical, greenbutton, nem12, table,
};
use serde::{Deserialize, Serialize};
use service::{Fault, Page, PageQuery, Principal, Problem, Problems};
use units::Energy;
use utoipa::{IntoParams, ToSchema};

use super::files::MAPPING_BYTES_MAX;
use super::{bad_cursor, paged, readable_meter, span};
use crate::Metering;
use crate::db::intervals::{self, Version, Wanted};
use crate::db::meters;
use crate::domain::closing;

/// Slots of a file that are read from the database at once.
const FILE_SLOTS: u32 = 1_000;
/// Channels of a file, by the suffixes of NEM12.
const CHANNELS: [(&str, Direction); 2] = [("E1", Direction::Import), ("B1", Direction::Export)];

/// Which intervals are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct IntervalsQuery {
    /// The connection point.
    connection_point: String,
    /// Slots that start at or after this moment (RFC 3339).
    from: Option<String>,
    /// Slots that start before this moment (RFC 3339).
    to: Option<String>,
    /// As it was known at this moment (RFC 3339); as it is known now when absent.
    known_at: Option<String>,
    /// `latest`, which is the default, or `all`: every version of each.
    versions: Option<String>,
}

/// The energy of a connection point in one slot, as it is or was known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct IntervalView {
    /// The connection point.
    pub(crate) connection_point: String,
    /// The meter.
    pub(crate) meter: String,
    /// The slot's start.
    pub(crate) slot: String,
    /// How long the slot lasts.
    pub(crate) slot_minutes: u16,
    /// Taken from the grid, in Wh.
    pub(crate) import_wh: u64,
    /// Fed into the grid, in Wh.
    pub(crate) export_wh: u64,
    /// `measured`, `substituted` or `missing`.
    pub(crate) quality: String,
    /// The method of a substituted value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) method: Option<String>,
    /// 1, then one more with every correction.
    pub(crate) version: u32,
    /// Since when it is known.
    pub(crate) known_at: String,
}

/// The closed intervals of a connection point, in time order.
///
/// Each in its latest version, in the one that was the latest at some time, or in all of them.
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
    let (from, to) = span(wanted.from.as_deref(), wanted.to.as_deref())?;
    let (_, at) = span(None, wanted.known_at.as_deref())?;
    let is_every = match wanted.versions.as_deref() {
        None | Some("latest") => false,
        Some("all") => true,
        Some(other) => {
            return Err(Problem::malformed(format!("versions is latest or all, not {other:?}")));
        }
    };
    let known = Wanted { from, to, at, is_every };
    let after = cursor_of(page.cursor.as_deref())?;
    let limit = page.limit();
    let rows = intervals::page(metering.db(), point, &known, after, limit)
        .await
        .map_err(Fault::problem)?;
    let cursor =
        |last: &Version| format!("{}_{}_{}", last.slot.seconds(), last.meter, last.version);
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

/// The slot, meter and version after which a page of intervals begins.
fn cursor_of(cursor: Option<&str>) -> Result<(Timestamp, String, u32), Problem> {
    let Some(cursor) = cursor else { return Ok(Default::default()) };
    let mut parts = cursor.splitn(3, '_');
    let mut part = || parts.next().ok_or_else(bad_cursor);
    let slot = part()?.parse().map_err(|_| bad_cursor())?;
    let meter = part()?.to_owned();
    let version = part()?.parse().map_err(|_| bad_cursor())?;
    Ok((Timestamp::from_seconds(slot), meter, version))
}

/// How a file is written, and what of.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct WrittenQuery {
    /// `nem12`, `greenbutton` or `csv`.
    format: String,
    /// Slots that start at or after this moment (RFC 3339).
    from: Option<String>,
    /// Slots that start before this moment (RFC 3339).
    to: Option<String>,
    /// The meter's name in the file (an NMI, a UsagePoint); its serial when absent.
    name: Option<String>,
    /// Whose clock the file shows, as an IANA name: for NEM12 in the place of UTC+10; Green Button
    /// tells it besides.
    timezone: Option<String>,
    /// How a CSV file is laid out, as for files that are taken in; a row a channel and interval
    /// when absent.
    mapping: Option<String>,
}

/// What writes a file, its media type and the ending of its name.
type Writer = (Box<dyn Export>, &'static str, &'static str);

impl WrittenQuery {
    fn writer(&self, now: Timestamp) -> Result<Writer, Problem> {
        let no_zone = |_| Problem::malformed("timezone is none");
        let zone = self.timezone.as_deref().map(str::parse::<TimeZone>).transpose();
        let zone = zone.map_err(no_zone)?;
        if self.mapping.is_some() && self.format != "csv" {
            return Err(Problem::malformed("mapping is of another format"));
        }
        match self.format.as_str() {
            "nem12" => {
                let zone = zone.unwrap_or_else(nem12::market_zone);
                Ok((Box::new(nem12::Writer::new(zone, now)), "text/csv", "csv"))
            }
            "greenbutton" => {
                let clock = zone.as_ref().map(LocalTime::of).transpose();
                let clock = clock.map_err(|error| Problem::malformed(error.to_string()))?;
                Ok((Box::new(greenbutton::Writer::new(now, clock)), "application/xml", "xml"))
            }
            "csv" if zone.is_some() => {
                Err(Problem::malformed("the clock of a CSV file is its mapping's"))
            }
            "csv" => Ok((self.table()?, "text/csv", "csv")),
            other => Err(Problem::malformed(format!("{other:?} is no format of files"))),
        }
    }

    fn table(&self) -> Result<Box<dyn Export>, Problem> {
        let Some(text) = self.mapping.as_deref() else {
            return Ok(Box::new(canonical::Writer::new(canonical::Form::Csv)));
        };
        if text.len() > MAPPING_BYTES_MAX {
            let detail = format!("a mapping has at most {MAPPING_BYTES_MAX} bytes");
            return Err(Problem::malformed(detail));
        }
        let mapping = Mapping::parse(text);
        let mapping = mapping.map_err(|bad| Problem::malformed(bad.to_string()))?;
        let writer = table::Writer::new(&mapping);
        Ok(Box::new(writer.map_err(|bad| Problem::malformed(bad.to_string()))?))
    }
}

/// The closed intervals of a meter as a file: NEM12, Green Button or CSV, as long as it gets.
///
/// Each slot in its latest version, import as channel `E1` and export as `B1`; what is not known is
/// written as missing. A fault on the way ends the answer before its end, so that nobody takes a
/// part for the whole.
#[utoipa::path(
    params(("id" = String, Path, description = "The meter"), WrittenQuery),
    responses(
        (status = 200, content_type = "application/octet-stream", body = Vec<u8>),
        Problems
    ),
    tag = "metering"
)]
#[get("/v1/meters/{id}/interval-file")]
pub(crate) async fn interval_file(
    metering: Data<Metering>,
    caller: Principal,
    id: Path<String>,
    wanted: Query<WrittenQuery>,
) -> Result<HttpResponse, Problem> {
    let meter = readable_meter(&metering, &caller, &id).await?;
    let (writer, media, ending) = wanted.writer(metering.now())?;
    let name = wanted.name.as_deref().unwrap_or(&meter.serial);
    let name = Label::new(name).map_err(|bad| Problem::malformed(bad.to_string()))?;
    let mut file = WrittenFile {
        db: metering.db().clone(),
        meter: meter.id,
        name,
        length: metering.config().slot,
        span: span(wanted.from.as_deref(), wanted.to.as_deref())?,
        writer,
        is_over: false,
    };
    // What the format cannot hold at all is said before the answer begins.
    let first = file.next().await?;
    let rest = stream::unfold(file, |mut file| async {
        let part = file.next().await.map_err(|problem| problem.to_string()).transpose()?;
        Some((part.map_err(std::io::Error::other), file))
    });
    let begun = stream::iter(first.map(Ok::<_, std::io::Error>));
    let name = format!("attachment; filename=\"{}.{ending}\"", meter.id);
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, media))
        .insert_header((CONTENT_DISPOSITION, name))
        .streaming(futures::StreamExt::chain(begun, rest)))
}

/// A file that is being written.
struct WrittenFile {
    db: Db,
    meter: MeterId,
    name: Label,
    length: SlotLength,
    /// Of the slots that are not written yet.
    span: (Timestamp, Timestamp),
    writer: Box<dyn Export>,
    is_over: bool,
}

impl WrittenFile {
    /// The next part; none after the last.
    async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        let mut out = Vec::new();
        while out.is_empty() && !self.is_over {
            let read = intervals::of_meter(&self.db, self.meter, self.span, FILE_SLOTS);
            let versions = read.await.map_err(Fault::problem)?;
            for version in &versions {
                for record in self.records(version) {
                    let put = self.writer.put(&record, &mut out);
                    put.map_err(|fault| {
                        Problem::malformed(format!("{}: {}", fault.field, fault.text))
                    })?;
                }
            }
            match versions.last() {
                Some(last) if versions.len() == FILE_SLOTS as usize => {
                    self.span.0 = Timestamp::from_seconds(last.slot.seconds() + 1);
                }
                _ => {
                    self.writer.finish(&mut out);
                    self.is_over = true;
                }
            }
        }
        Ok((!out.is_empty()).then(|| out.into()))
    }

    fn records(&self, version: &Version) -> impl Iterator<Item = IntervalRecord> + use<> {
        let (meter, start, length) = (self.name.clone(), version.slot, self.length);
        let known = version.known;
        let quality = match known.quality {
            closing::Quality::Measured => Quality::Measured,
            closing::Quality::Substituted => Quality::Substituted,
            closing::Quality::Missing => Quality::Missing,
        };
        CHANNELS.into_iter().filter_map(move |(channel, direction)| {
            let energy = match (quality, direction) {
                (Quality::Missing, _) => Energy::ZERO,
                (_, Direction::Import) => known.import,
                (_, Direction::Export) => known.export,
            };
            let (meter, channel) = (meter.clone(), Label::new(channel).ok()?);
            let code = None;
            Some(IntervalRecord { meter, channel, direction, start, length, energy, quality, code })
        })
    }
}
