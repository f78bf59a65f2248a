//! What utilities' files say beside what a meter signed.

use actix_web::get;
use actix_web::web::{Data, Json, Path, Query};
use calendar::Slot;
use meterdata::Direction;
use serde::{Deserialize, Serialize};
use service::{Fault, Principal, Problem, Problems};
use utoipa::{IntoParams, ToSchema};

use super::{readable_meter, span};
use crate::Metering;
use crate::db::{files, intervals};
use crate::domain::comparison::{Compared, Unsigned, compare};

/// Days that one comparison spans at most.
const COMPARED_DAYS_MAX: i64 = 32;

/// Which time is compared.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ComparisonQuery {
    /// From this moment on (RFC 3339).
    from: String,
    /// Before this moment (RFC 3339), at most 32 days later.
    to: String,
}

/// What a file says beside what the meter signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct ComparedView {
    /// `import` or `export`.
    pub(crate) direction: String,
    /// From when.
    pub(crate) start: String,
    /// How long.
    pub(crate) minutes: i64,
    /// What the newest file says, in Wh.
    pub(crate) file_wh: u64,
    /// Whether all of it was measured, as the file says.
    pub(crate) file_measured: bool,
    /// What follows from signed readings, in Wh; absent where a slot of it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) signed_wh: Option<u64>,
    /// The file's less the signed one, in Wh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) difference_wh: Option<i64>,
}

impl From<&Compared> for ComparedView {
    fn from(compared: &Compared) -> ComparedView {
        let (file_wh, signed_wh) = (compared.unsigned.wh(), compared.signed.map(|it| it.wh()));
        let difference = signed_wh.and_then(|signed| file_wh.checked_signed_diff(signed));
        ComparedView {
            direction: compared.direction.name().to_owned(),
            start: compared.start.to_string(),
            minutes: compared.seconds / 60,
            file_wh,
            file_measured: compared.measured,
            signed_wh,
            difference_wh: difference,
        }
    }
}

/// What files say of a meter beside what it signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct ComparisonView {
    /// The meter.
    pub(crate) meter: String,
    /// What files say in all, in Wh, where both are known.
    pub(crate) file_import_wh: u64,
    /// The same of what was fed in.
    pub(crate) file_export_wh: u64,
    /// What was signed in all, in Wh, where both are known.
    pub(crate) signed_import_wh: u64,
    /// The same of what was fed in.
    pub(crate) signed_export_wh: u64,
    /// Window by window, in order of time.
    pub(crate) windows: Vec<ComparedView>,
}

/// What files say of a meter beside what it signed, over at most 32 days.
///
/// A window is as long as the longer of the two, a slot or an interval of the file.
#[utoipa::path(
    params(("id" = String, Path, description = "The meter"), ComparisonQuery),
    responses((status = 200, body = ComparisonView), Problems),
    tag = "metering"
)]
#[get("/v1/meters/{id}/comparison")]
pub(crate) async fn compare_files(
    metering: Data<Metering>,
    caller: Principal,
    id: Path<String>,
    wanted: Query<ComparisonQuery>,
) -> Result<Json<ComparisonView>, Problem> {
    let meter = readable_meter(&metering, &caller, &id).await?;
    let (from, to) = span(Some(&wanted.from), Some(&wanted.to))?;
    if to.seconds_since(from) > COMPARED_DAYS_MAX * 86_400 {
        let detail = format!("a comparison spans at most {COMPARED_DAYS_MAX} days");
        return Err(Problem::malformed(detail));
    }
    let said = files::said(metering.db(), meter.id, (from, to)).await.map_err(Fault::problem)?;
    let unsigned: Vec<Unsigned> = said
        .iter()
        .map(|said| Unsigned {
            direction: said.direction,
            start: said.start,
            seconds: said.length.seconds(),
            energy: said.energy,
            measured: said.measured,
        })
        .collect();
    let signed = intervals::of_meter(metering.db(), meter.id, (from, to), u32::MAX).await;
    let signed = signed.map_err(Fault::problem)?;
    let length = metering.config().slot;
    let slot = |version: &intervals::Version| Slot { start: version.slot, length };
    let signed: Vec<_> = signed.iter().map(|version| (slot(version), version.known)).collect();
    let compared = compare(&unsigned, &signed, length.seconds()).map_err(Fault::problem)?;
    let total = |direction: Direction, of: fn(&Compared) -> Option<u64>| {
        let wanted = compared.iter().filter(|it| it.direction == direction && it.signed.is_some());
        wanted.filter_map(of).fold(0_u64, u64::saturating_add)
    };
    let file = |it: &Compared| Some(it.unsigned.wh());
    let signed = |it: &Compared| it.signed.map(|energy| energy.wh());
    Ok(Json(ComparisonView {
        meter: meter.id.to_string(),
        file_import_wh: total(Direction::Import, file),
        file_export_wh: total(Direction::Export, file),
        signed_import_wh: total(Direction::Import, signed),
        signed_export_wh: total(Direction::Export, signed),
        windows: compared.iter().map(ComparedView::from).collect(),
    }))
}
