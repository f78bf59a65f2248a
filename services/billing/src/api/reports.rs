//! Reports for utilities, as JSON or CSV: settlement, residual load, charges, what is not billed,
//! and what was estimated.

use access::Action;
use actix_web::http::header::ContentType;
use actix_web::web::{Data, Query};
use actix_web::{HttpResponse, get};
use alloy_primitives::Address;
use serde::{Deserialize, Serialize};
use service::{Principal, Problem, Problems};
use utoipa::{IntoParams, ToSchema};

use super::require;
use crate::Billing;
use crate::domain::bill::Period;

/// The most days of a report: 35 040 quarter hours are a year.
const DAYS_MAX: u32 = 366;
const SECONDS_PER_HOUR: i64 = 3_600;
/// How energy is estimated that billing hears of (`reading::Quality::Substituted`).
const METHOD: &str = "E1";

/// Which days, and as what.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReportQuery {
    /// First local day.
    from: String,
    /// Last local day; at most 366 days.
    to: String,
    /// `json` when absent.
    #[param(inline)]
    format: Option<ReportFormat>,
}

/// Whose settlement, of which days, and as what.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SettlementQuery {
    /// First local day.
    from: String,
    /// Last local day; at most 366 days.
    to: String,
    /// The address of a grid operator: only what its network was used for.
    grid_operator: Option<String>,
    /// `json` when absent.
    #[param(inline)]
    format: Option<ReportFormat>,
}

/// As what.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct FormatQuery {
    /// `json` when absent.
    #[param(inline)]
    format: Option<ReportFormat>,
}

/// What a report is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ReportFormat {
    /// A list of objects.
    Json,
    /// RFC 4180, with a row of names.
    Csv,
}

/// The trades of a slot in a zone, added up for one grid operator. Money is in major units.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct SettlementRow {
    /// Start of the slot.
    pub(crate) slot: String,
    /// The zone.
    #[schema(format = "uuid")]
    pub(crate) zone: String,
    /// The grid operator: the address that the policy gives the network fee to.
    pub(crate) grid_operator: String,
    /// Who supplies the community, by the name on its documents; absent where there is none.
    pub(crate) retailer: Option<String>,
    /// How many trades.
    pub(crate) trades: u64,
    /// How many of them are not reconciled yet: what follows does not count them.
    pub(crate) open: u64,
    /// Agreed, of all.
    pub(crate) agreed_wh: u64,
    /// Delivered.
    pub(crate) delivered_wh: u64,
    /// To sellers for it, after their fees.
    pub(crate) sellers: String,
    /// To the network.
    pub(crate) network: String,
    /// To the platform.
    pub(crate) platform: String,
    /// To the community's pot.
    pub(crate) difference: String,
    /// To who balances the grid.
    pub(crate) imbalance: String,
    /// To sellers for what was not taken.
    pub(crate) compensation: String,
    /// To buyers for what was not delivered.
    pub(crate) make_whole: String,
}

/// What the retailer is left with in a slot.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct ResidualRow {
    /// Start of the slot.
    pub(crate) slot: String,
    /// Who supplies the community, by the name on its documents; absent where there is none.
    pub(crate) retailer: Option<String>,
    /// Connection points that were metered, or should have been.
    pub(crate) points: u64,
    /// Those of them whose meter reported nothing.
    pub(crate) missing: u64,
    /// Taken from the grid.
    pub(crate) import_wh: u64,
    /// Fed into the grid.
    pub(crate) export_wh: u64,
    /// Delivered from neighbour to neighbour.
    pub(crate) traded_wh: u64,
    /// The rest of what was taken: the retailer's to deliver.
    pub(crate) residual_import_wh: u64,
    /// The rest of what was fed in: the retailer's to take.
    pub(crate) residual_export_wh: u64,
}

/// The lines of one class of the invoices and their corrections, added up. Money is in major units.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct ChargeRow {
    /// What for: `network`, `levy`, `vat`, `retail` and so on, as invoices call it.
    pub(crate) class: String,
    /// ISO 4217.
    pub(crate) currency: String,
    /// Whether the chain has moved the money.
    pub(crate) on_chain: bool,
    /// How many lines of invoices.
    pub(crate) lines: u64,
    /// How many lines of corrections.
    pub(crate) corrections: u64,
    /// Before lines were rounded.
    pub(crate) exact: String,
    /// On the invoices and their corrections.
    pub(crate) amount: String,
    /// What of it is on corrections.
    pub(crate) corrected: String,
}

/// Slots one after the other whose energy was estimated, at a connection point.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct EstimatedRow {
    /// Who is billed there.
    #[schema(format = "uuid")]
    pub(crate) account: String,
    /// Where.
    #[schema(format = "uuid")]
    pub(crate) connection_point: String,
    /// Start of the first slot.
    pub(crate) from: String,
    /// End of the last slot.
    pub(crate) until: String,
    /// How many slots.
    pub(crate) slots: u64,
    /// Taken from the grid.
    pub(crate) import_wh: u64,
    /// Fed into the grid.
    pub(crate) export_wh: u64,
    /// How: `E1`, the advance of the registers shared out evenly.
    pub(crate) method: String,
    /// Who supplies the community, by the name on its documents; absent where there is none.
    pub(crate) retailer: Option<String>,
    /// The grid operator's address; absent where the community has several.
    pub(crate) grid_operator: Option<String>,
}

/// What of a connection point is not billed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct UnbilledRow {
    /// Whose.
    #[schema(format = "uuid")]
    pub(crate) account: String,
    /// Where.
    #[schema(format = "uuid")]
    pub(crate) connection_point: String,
    /// The meter.
    #[schema(format = "uuid")]
    pub(crate) meter: String,
    /// The last day that was billed; absent before the first.
    #[schema(format = "date")]
    pub(crate) billed_until: Option<String>,
    /// The first day that is not billed; absent where there is no reading yet.
    #[schema(format = "date")]
    pub(crate) unbilled_from: Option<String>,
    /// Days from then that are over.
    pub(crate) unbilled_days: u32,
    /// Slots from then without an interval: they are estimated, or hold the bill up.
    pub(crate) missing_slots: u64,
    /// When the meter was read last.
    pub(crate) last_reading: Option<String>,
    /// Whole hours since.
    pub(crate) reading_age_hours: Option<u64>,
    /// Who supplies the community, by the name on its documents; absent where there is none.
    pub(crate) retailer: Option<String>,
    /// The grid operator's address; absent where the community has several.
    pub(crate) grid_operator: Option<String>,
}

fn period(from: &str, to: &str) -> Result<Period, Problem> {
    let day = |name: &str, text: &str| {
        let malformed = || Problem::malformed(format!("{name}: not a day such as 2026-06-01"));
        text.parse().map_err(|_| malformed())
    };
    let period = Period { from: day("from", from)?, to: day("to", to)? };
    let days = period.to.number().checked_sub(period.from.number());
    match days {
        Some(days) if days < DAYS_MAX => Ok(period),
        _ => Err(Problem::malformed(format!("from, to: 1 to {DAYS_MAX} days, in order"))),
    }
}

/// The rows as what the caller wants.
fn answer<R: Serialize>(
    name: &str,
    format: Option<ReportFormat>,
    rows: &[R],
) -> Result<HttpResponse, Problem> {
    if format != Some(ReportFormat::Csv) {
        return Ok(HttpResponse::Ok().json(rows));
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).map_err(anyhow::Error::from)?;
    }
    let bytes = writer.into_inner().map_err(|error| anyhow::anyhow!("{error}"))?;
    let disposition = format!("attachment; filename=\"{name}.csv\"");
    Ok(HttpResponse::Ok()
        .insert_header(ContentType("text/csv; charset=utf-8".parse().expect("a media type")))
        .insert_header(("Content-Disposition", disposition))
        .body(bytes))
}

/// Trades by slot, zone and grid operator: energy, and where the money went.
///
/// For grid operators, retailers and the pot of the community; days are local days.
#[utoipa::path(
    tag = "billing",
    params(SettlementQuery),
    responses((status = 200, body = [SettlementRow]), Problems)
)]
#[get("/v1/reports/settlement")]
pub(crate) async fn report_settlement(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<SettlementQuery>,
) -> Result<HttpResponse, Problem> {
    require(&caller, Action::ReadAccount)?;
    let period = period(&query.from, &query.to)?;
    let wanted = match &query.grid_operator {
        None => None,
        Some(text) => Some(
            text.parse::<Address>()
                .map_err(|_| Problem::malformed("grid_operator: not an address such as 0x00..."))?,
        ),
    };
    let retailer = billing.retailer(caller.community).await?;
    let sums = billing.settlement_report(caller.community, period).await?.into_iter();
    let rows: Vec<SettlementRow> = sums
        .filter(|(of, _)| wanted.is_none_or(|wanted| wanted == of.grid_operator))
        .map(|(of, sum)| SettlementRow {
            slot: of.slot.to_string(),
            zone: of.zone.to_string(),
            grid_operator: format!("{:#x}", of.grid_operator),
            retailer: retailer.clone(),
            trades: sum.trades,
            open: sum.open,
            agreed_wh: sum.agreed.wh(),
            delivered_wh: sum.delivered.wh(),
            sellers: sum.sellers.to_string(),
            network: sum.network.to_string(),
            platform: sum.platform.to_string(),
            difference: sum.difference.to_string(),
            imbalance: sum.imbalance.to_string(),
            compensation: sum.compensation.to_string(),
            make_whole: sum.make_whole.to_string(),
        })
        .collect();
    answer("settlement", query.format, &rows)
}

/// What the retailer is left with, slot by slot: the load that its schedule has to cover.
#[utoipa::path(
    tag = "billing",
    params(ReportQuery),
    responses((status = 200, body = [ResidualRow]), Problems)
)]
#[get("/v1/reports/residual-load")]
pub(crate) async fn report_residual_load(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<ReportQuery>,
) -> Result<HttpResponse, Problem> {
    require(&caller, Action::ReadAccount)?;
    let period = period(&query.from, &query.to)?;
    let retailer = billing.retailer(caller.community).await?;
    let residual = billing.residual_report(caller.community, period).await?.into_iter();
    let rows: Vec<ResidualRow> = residual
        .map(|one| ResidualRow {
            slot: one.metered.slot.to_string(),
            retailer: retailer.clone(),
            points: one.metered.points,
            missing: one.metered.missing,
            import_wh: one.metered.import.wh(),
            export_wh: one.metered.export.wh(),
            traded_wh: one.traded.wh(),
            residual_import_wh: one.import.wh(),
            residual_export_wh: one.export.wh(),
        })
        .collect();
    answer("residual-load", query.format, &rows)
}

/// What invoices charged: network fees, levies, taxes and the rest, by class of line.
///
/// Of the invoices whose last day is in the period, with all corrections of them so far.
#[utoipa::path(
    tag = "billing",
    params(ReportQuery),
    responses((status = 200, body = [ChargeRow]), Problems)
)]
#[get("/v1/reports/charges")]
pub(crate) async fn report_charges(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<ReportQuery>,
) -> Result<HttpResponse, Problem> {
    require(&caller, Action::ReadAccount)?;
    let period = period(&query.from, &query.to)?;
    let mut rows = Vec::new();
    for ((currency, class), sum) in billing.charges_report(caller.community, period).await? {
        let name = serde_json::to_value(class).map_err(anyhow::Error::from)?;
        rows.push(ChargeRow {
            class: name.as_str().unwrap_or_default().to_owned(),
            currency,
            on_chain: class.on_chain(),
            lines: sum.lines,
            corrections: sum.corrections,
            exact: sum.exact.to_string(),
            amount: sum.amount.to_string(),
            corrected: sum.corrected.to_string(),
        });
    }
    answer("charges", query.format, &rows)
}

/// Energy that was estimated: shared out of a longer span between two signed readings.
///
/// By connection point, slots one after the other in one row; at most 70 000 slots.
#[utoipa::path(
    tag = "billing",
    params(ReportQuery),
    responses((status = 200, body = [EstimatedRow]), Problems)
)]
#[get("/v1/reports/estimated")]
pub(crate) async fn report_estimated(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<ReportQuery>,
) -> Result<HttpResponse, Problem> {
    require(&caller, Action::ReadAccount)?;
    let period = period(&query.from, &query.to)?;
    let retailer = billing.retailer(caller.community).await?;
    let operator = grid_operator(&billing, &caller).await;
    let spans = billing.estimated_report(caller.community, period).await?.into_iter();
    let rows: Vec<EstimatedRow> = spans
        .map(|span| EstimatedRow {
            account: span.first.account.to_string(),
            connection_point: span.first.point.to_string(),
            from: span.first.slot.to_string(),
            until: span.until.to_string(),
            slots: span.slots,
            import_wh: span.first.import.wh(),
            export_wh: span.first.export.wh(),
            method: METHOD.to_owned(),
            retailer: retailer.clone(),
            grid_operator: operator.clone(),
        })
        .collect();
    answer("estimated", query.format, &rows)
}

async fn grid_operator(billing: &Billing, caller: &Principal) -> Option<String> {
    let operator = billing.grid_operator(caller.community).await;
    operator.map(|address| format!("{address:#x}"))
}

/// What of each connection point is not billed, and how old its last reading is.
#[utoipa::path(
    tag = "billing",
    params(FormatQuery),
    responses((status = 200, body = [UnbilledRow]), Problems)
)]
#[get("/v1/reports/unbilled")]
pub(crate) async fn report_unbilled(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<FormatQuery>,
) -> Result<HttpResponse, Problem> {
    require(&caller, Action::ReadAccount)?;
    let now = billing.now();
    let retailer = billing.retailer(caller.community).await?;
    let operator = grid_operator(&billing, &caller).await;
    let unbilled = billing.unbilled_report(caller.community, now).await?.into_iter();
    let rows: Vec<UnbilledRow> = unbilled
        .map(|one| {
            let age = one.point.last_reading.map(|last| now.seconds() - last.seconds());
            UnbilledRow {
                account: one.point.account.to_string(),
                connection_point: one.point.point.to_string(),
                meter: one.point.meter.to_string(),
                billed_until: one.point.billed_until.map(|day| day.to_string()),
                unbilled_from: one.from.map(|day| day.to_string()),
                unbilled_days: one.days,
                missing_slots: one.missing,
                last_reading: one.point.last_reading.map(|last| last.to_string()),
                reading_age_hours: age.map(|age| (age / SECONDS_PER_HOUR).unsigned_abs()),
                retailer: retailer.clone(),
                grid_operator: operator.clone(),
            }
        })
        .collect();
    answer("unbilled", query.format, &rows)
}
