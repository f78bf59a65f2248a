//! What the rules said of a meter's days.

use std::collections::BTreeMap;

use access::Role;
use actix_web::get;
use actix_web::web::{Data, Json, Path, Query};
use serde::{Deserialize, Serialize};
use service::{Fault, Page, PageQuery, Principal, Problem, Problems};
use utoipa::ToSchema;

use super::{bad_cursor, paged, readable_meter};
use crate::Metering;
use crate::db::checks::{self, Kept};

/// Days of one page at most: each may carry a finding and an estimate for every slot.
const DAYS_MAX: u32 = 31;

/// A day of a meter as the rules left it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct CheckedDay {
    /// The local day.
    pub(crate) day: String,
    /// When it was checked last; it is again when something else is known of it.
    pub(crate) checked_at: String,
    /// Slots of the day in which the meter was there.
    pub(crate) slots: u64,
    /// Slots that were measured.
    pub(crate) measured: u64,
    /// Slots whose energy was shared out between two registers.
    pub(crate) substituted: u64,
    /// Slots of which nothing is known.
    pub(crate) missing: u64,
    /// What the rules found. It changes no reading and no interval.
    pub(crate) findings: Vec<FindingView>,
    /// What the ladder takes for slots that were not measured or failed. It is billed to nobody.
    pub(crate) estimates: Vec<EstimateView>,
}

/// What a rule found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct FindingView {
    /// `V1` to `V12`, or `CALIBRATION`.
    pub(crate) rule: String,
    /// What, as a stable code.
    pub(crate) code: String,
    /// `warn`: somebody should know. `flag`: it counts, and is marked. `fail`: it is not to be
    /// believed, or was not, where messages are meant.
    pub(crate) action: String,
    /// `import` or `export`, where it is about one of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) channel: Option<String>,
    /// From when.
    pub(crate) from: String,
    /// Until when.
    pub(crate) to: String,
    /// The values that led to it; each name ends in its unit.
    pub(crate) evidence: BTreeMap<String, i64>,
    /// The other meter that it is about; for staff alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) other_meter: Option<String>,
}

/// What the ladder takes for a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct EstimateView {
    /// The slot's start.
    pub(crate) slot: String,
    /// `import` or `export`.
    pub(crate) channel: String,
    /// How much, in Wh.
    pub(crate) energy_wh: u64,
    /// `substituted`, or `estimated` where nothing after it was read yet.
    pub(crate) quality: String,
    /// The rung: `E1-LIKE`, `E2`, `E3`.
    pub(crate) method: String,
}

/// What the rules V1 to V12 said of a meter's days, newest first; at most 31 of them.
#[utoipa::path(
    params(("id" = String, Path, description = "The meter"), PageQuery),
    responses((status = 200, body = Page<CheckedDay>), Problems),
    tag = "metering"
)]
#[get("/v1/meters/{id}/checks")]
pub(crate) async fn list_checks(
    metering: Data<Metering>,
    caller: Principal,
    id: Path<String>,
    page: Query<PageQuery>,
) -> Result<Json<Page<CheckedDay>>, Problem> {
    let meter = readable_meter(&metering, &caller, &id).await?;
    let before: i64 = match &page.cursor {
        Some(cursor) => cursor.parse().map_err(|_| bad_cursor())?,
        None => i64::MAX,
    };
    let limit = page.limit().min(DAYS_MAX);
    let days =
        checks::page(metering.db(), meter.id, before, limit).await.map_err(Fault::problem)?;
    let is_staff = caller.is_any(&[Role::Operator, Role::Utility, Role::Auditor, Role::Admin]);
    let cursor = |last: &Kept| last.day.number().to_string();
    Ok(Json(paged(days, limit, cursor, |kept| view(kept, is_staff))))
}

fn view(kept: &Kept, is_staff: bool) -> CheckedDay {
    let findings = kept.findings.iter().map(|found| FindingView {
        rule: found.rule.clone(),
        code: found.code.clone(),
        action: found.action.clone(),
        channel: found.channel.clone(),
        from: found.from.to_string(),
        to: found.to.to_string(),
        evidence: found.evidence.clone(),
        other_meter: found.other.filter(|_| is_staff).map(|other| other.to_string()),
    });
    let estimates = kept.estimates.iter().map(|estimate| EstimateView {
        slot: estimate.slot.to_string(),
        channel: estimate.channel.clone(),
        energy_wh: estimate.energy_wh,
        quality: estimate.quality.clone(),
        method: estimate.method.clone(),
    });
    CheckedDay {
        day: kept.day.to_string(),
        checked_at: kept.checked_at.to_string(),
        slots: kept.slots,
        measured: kept.measured,
        substituted: kept.substituted,
        missing: kept.missing,
        findings: findings.collect(),
        estimates: estimates.collect(),
    }
}
