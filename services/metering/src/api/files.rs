//! Files of interval data that utilities send: nobody signed them, and they are kept apart.

use access::{Action, Subject, Thing, permit};
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, BytesMut, Data, Json, Path, Payload, Query};
use actix_web::{get, post};
use calendar::TimeZone;
use futures::StreamExt;
use meterdata::nem12;
use meterdata::table::Mapping;
use serde::{Deserialize, Serialize};
use service::{Fault, Page, PageQuery, Principal, Problem, Problems};
use utoipa::{IntoParams, ToSchema};

use super::{bad_cursor, paged, readable_meter};
use crate::Metering;
use crate::app::files::{FILE_BYTES_MAX, Form, digest, take, unread};
use crate::db::files::{self, File, Rejected};
use crate::db::meters::Meter;

/// The largest mapping of columns, in bytes.
pub(super) const MAPPING_BYTES_MAX: usize = 16_384;
/// What the energies of a file are worth: a file says them, and nobody has signed.
const UNSIGNED: &str = "unsigned";

/// How a file is read.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FileQuery {
    /// `nem12`, `greenbutton` or `csv`.
    format: String,
    /// The meter's name in the file (an NMI, a UsagePoint); its serial when absent.
    name: Option<String>,
    /// Whose days a NEM12 file has, as an IANA name; UTC+10 when absent.
    timezone: Option<String>,
    /// What the columns of a CSV file are, as JSON of at most 16384 bytes.
    mapping: Option<String>,
}

impl FileQuery {
    fn form(&self) -> Result<Form, Problem> {
        let only = |wanted: bool, name: &str| match wanted {
            true => Ok(()),
            false => Err(Problem::malformed(format!("{name} is of another format"))),
        };
        only(self.mapping.is_none() || self.format == "csv", "mapping")?;
        only(self.timezone.is_none() || self.format == "nem12", "timezone")?;
        match self.format.as_str() {
            "nem12" => {
                let zone = self.timezone.as_deref().map(str::parse::<TimeZone>).transpose();
                let zone = zone.map_err(|_| Problem::malformed("timezone is none"))?;
                Ok(Form::Nem12(zone.unwrap_or_else(nem12::market_zone)))
            }
            "greenbutton" => Ok(Form::GreenButton),
            "csv" => {
                let missing = || Problem::malformed("a CSV file needs a mapping");
                let text = self.mapping.as_deref().ok_or_else(missing)?;
                if text.len() > MAPPING_BYTES_MAX {
                    let detail = format!("a mapping has at most {MAPPING_BYTES_MAX} bytes");
                    return Err(Problem::malformed(detail));
                }
                let mapping = Mapping::parse(text);
                let mapping = mapping.map_err(|bad| Problem::malformed(bad.to_string()))?;
                Ok(Form::Csv(Box::new(mapping)))
            }
            other => Err(Problem::malformed(format!("{other:?} is no format of files"))),
        }
    }
}

/// A file that was sent, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct FileView {
    /// SHA-256 of its bytes, of the meter and of how it is read.
    pub(crate) file: String,
    /// The meter it was sent for.
    pub(crate) meter: String,
    /// That meter's name in it.
    pub(crate) name: String,
    /// `nem12`, `greenbutton` or `csv`.
    pub(crate) format: String,
    /// How long it is.
    pub(crate) bytes: u64,
    /// Who sent it first.
    pub(crate) sent_by: String,
    /// When it came first.
    pub(crate) received_at: String,
    /// `done`; `open` where taking it in was cut short, and sending it again goes on; `refused`
    /// where it can be read no further.
    pub(crate) state: String,
    /// Always `unsigned`: its energies are kept beside the signed ones, and no bill and no trade
    /// rests on them.
    pub(crate) trust: String,
    /// Intervals that were kept.
    pub(crate) intervals: u64,
    /// Rows that are not taken.
    pub(crate) rejected: u64,
    /// Rows that are well understood and not wanted, such as other meters'.
    pub(crate) left_out: u64,
    /// Why it is read no further.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) refusal: Option<String>,
}

fn view(file: &File) -> FileView {
    let progress = &file.progress;
    FileView {
        file: file.digest.clone(),
        meter: file.meter.to_string(),
        name: file.name.clone(),
        format: file.format.clone(),
        bytes: file.bytes,
        sent_by: file.sent_by.to_string(),
        received_at: file.received_at.to_string(),
        state: progress.state.name().to_owned(),
        trust: UNSIGNED.to_owned(),
        intervals: progress.intervals,
        rejected: progress.rejected,
        left_out: progress.left_out,
        refusal: progress.refusal.clone(),
    }
}

/// Takes a file of interval data of a meter in: NEM12, Green Button or CSV, at most 16 MiB.
///
/// For operators and utilities. It is answered once all of it is kept, row by row or with why not;
/// the same file again changes nothing, and goes on where it was cut short. What it says is kept
/// beside the signed readings, to compare; no bill and no trade rests on it.
#[utoipa::path(
    params(("id" = String, Path, description = "The meter"), FileQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = FileView), Problems),
    tag = "metering"
)]
#[post("/v1/meters/{id}/files")]
pub(crate) async fn upload_file(
    metering: Data<Metering>,
    caller: Principal,
    id: Path<String>,
    wanted: Query<FileQuery>,
    body: Payload,
) -> Result<Json<FileView>, Problem> {
    let meter = readable_meter(&metering, &caller, &id).await?;
    may_upload(&caller, &meter)?;
    let form = wanted.form()?;
    let busy = |_| Problem::unavailable("other files are being taken in: send it again later");
    let _desk = metering.desks().try_acquire().map_err(busy)?;
    let bytes = collect(body).await?;
    let mut file = File {
        place: 0,
        digest: String::new(),
        meter: meter.id,
        community: meter.community,
        name: wanted.name.clone().unwrap_or(meter.serial),
        format: form.name().to_owned(),
        bytes: bytes.len() as u64,
        sent_by: caller.party,
        received_at: metering.now(),
        progress: unread(),
    };
    file.digest = digest(&file, &form, &bytes)?;
    let file = take(metering.db(), file, form, bytes).await?;
    Ok(Json(view(&file)))
}

fn may_upload(caller: &Principal, meter: &Meter) -> Result<(), Problem> {
    let (account, community) = (caller.account, caller.community);
    let subject = Subject { account, community, roles: &caller.roles };
    let thing = Thing::of_account(meter.account, meter.community);
    match permit(subject, Action::UploadMeterFile, thing) {
        true => Ok(()),
        false => Err(Problem::forbidden()),
    }
}

/// The whole body, within its limit.
async fn collect(mut body: Payload) -> Result<Bytes, Problem> {
    let mut bytes = BytesMut::new();
    while let Some(part) = body.next().await {
        let part = part.map_err(|error| Problem::malformed(error.to_string()))?;
        if bytes.len() + part.len() > FILE_BYTES_MAX {
            let title = format!("A file has at most {FILE_BYTES_MAX} bytes");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "BODY_SIZE", title));
        }
        bytes.extend_from_slice(&part);
    }
    Ok(bytes.freeze())
}

/// The files that were sent for a meter, newest first.
#[utoipa::path(
    params(("id" = String, Path, description = "The meter"), PageQuery),
    responses((status = 200, body = Page<FileView>), Problems),
    tag = "metering"
)]
#[get("/v1/meters/{id}/files")]
pub(crate) async fn list_files(
    metering: Data<Metering>,
    caller: Principal,
    id: Path<String>,
    page: Query<PageQuery>,
) -> Result<Json<Page<FileView>>, Problem> {
    let meter = readable_meter(&metering, &caller, &id).await?;
    let before: i64 = match &page.cursor {
        Some(cursor) => cursor.parse().map_err(|_| bad_cursor())?,
        None => i64::MAX,
    };
    let limit = page.limit();
    let rows = files::page(metering.db(), meter.id, before, limit).await.map_err(Fault::problem)?;
    Ok(Json(paged(rows, limit, |last| last.place.to_string(), view)))
}

/// A row of a file that is not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct RejectedRow {
    /// The line, from 1.
    pub(crate) line: u64,
    /// The field's number in the line, from 1, where lines have fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) column: Option<u64>,
    /// The column, element or field.
    pub(crate) field: String,
    /// Why, as a stable code.
    pub(crate) code: String,
    /// Well understood and not wanted: nobody has to mend the file.
    pub(crate) left_out: bool,
    /// A sentence for people.
    pub(crate) text: String,
}

fn rejected_row(rejected: &Rejected) -> RejectedRow {
    RejectedRow {
        line: rejected.line,
        column: rejected.column,
        field: rejected.field.clone(),
        code: rejected.code.clone(),
        left_out: rejected.left_out,
        text: rejected.text.clone(),
    }
}

/// What became of a file, row by row.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct FileReport {
    /// The file.
    pub(crate) file: FileView,
    /// Its rows that are not taken, in order; the first 10000 are kept, all are counted.
    pub(crate) rows: Page<RejectedRow>,
}

/// What became of a file: its rows that are not taken, each with line, field and reason.
#[utoipa::path(
    params(("id" = String, Path, description = "The meter"),
        ("file" = String, Path, description = "The file, as the upload named it"), PageQuery),
    responses((status = 200, body = FileReport), Problems),
    tag = "metering"
)]
#[get("/v1/meters/{id}/files/{file}")]
pub(crate) async fn file_report(
    metering: Data<Metering>,
    caller: Principal,
    path: Path<(String, String)>,
    page: Query<PageQuery>,
) -> Result<Json<FileReport>, Problem> {
    let (id, digest) = path.into_inner();
    let meter = readable_meter(&metering, &caller, &id).await?;
    let file = files::find(metering.db(), meter.id, &digest).await.map_err(Fault::problem)?;
    let file = file.ok_or_else(|| Problem::not_found("file"))?;
    let after: i64 = match &page.cursor {
        Some(cursor) => cursor.parse().map_err(|_| bad_cursor())?,
        None => 0,
    };
    let limit = page.limit();
    let rows =
        files::rejections(metering.db(), &file, after, limit).await.map_err(Fault::problem)?;
    let rows = paged(rows, limit, |last| last.number.to_string(), rejected_row);
    Ok(Json(FileReport { file: view(&file), rows }))
}
