//! Bills of a utility held against ours, before anybody is billed by us alone.

use std::collections::BTreeMap;

use access::Action;
use actix_web::web::{Data, Json, Query};
use actix_web::{HttpResponse, post};
use anyhow::Result;
use ids::{CommunityId, InvoiceId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use service::{Principal, Problem, Problems};
use units::{Money, Overflow};
use utoipa::{IntoParams, ToSchema};

use super::require;
use crate::Billing;
use crate::db::invoices;
use crate::db::members::{self, Account};
use crate::domain::shadow::{self, BadFile, LineDifference, Mapping};

/// Bills of the utility.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShadowFile {
    /// What the columns are, as docs/shadow.md says.
    #[schema(value_type = Object)]
    mapping: Value,
    /// The CSV.
    #[schema(example = "account,from,to,line,amount\nheron,2026-06-01,2026-06-30,energy,41.20\n")]
    file: String,
}

/// What the report is written as.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ShadowQuery {
    /// `json` when absent, or `csv`.
    #[param(inline)]
    format: Option<ShadowFormat>,
}

/// What a report is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ShadowFormat {
    /// Bills with their lines.
    Json,
    /// A row for each line (RFC 4180).
    Csv,
}

/// The utility's bills beside ours.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct ShadowReport {
    /// Bills of the file.
    pub(crate) compared: u64,
    /// Those of them that are the same to the minor unit, line by line.
    pub(crate) equal: u64,
    /// Those of them that there is none of ours to.
    pub(crate) missing: u64,
    /// What the utility charges in all, in major units.
    pub(crate) theirs: String,
    /// What we charge for the same.
    pub(crate) ours: String,
    /// Ours less theirs.
    pub(crate) difference: String,
    /// The bills, by account and days.
    pub(crate) bills: Vec<ShadowBill>,
    /// Rows of the file that are left out.
    pub(crate) left_out: Vec<ShadowRow>,
}

/// A row that is left out.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct ShadowRow {
    /// Its number, from 1 below the heading.
    pub(crate) row: u64,
    /// Why.
    pub(crate) reason: String,
}

/// A bill of the utility beside ours.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct ShadowBill {
    /// As the file calls the account, or as the mapping says.
    pub(crate) account: String,
    /// First day.
    #[schema(format = "date")]
    pub(crate) from: String,
    /// Last day.
    #[schema(format = "date")]
    pub(crate) to: String,
    /// Ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    pub(crate) invoice: Option<String>,
    /// Its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) number: Option<String>,
    /// Why there is none of ours: `NO_ACCOUNT`, `NO_INVOICE`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
    /// What the utility charges, in major units.
    pub(crate) theirs: String,
    /// What we charge.
    pub(crate) ours: String,
    /// Ours less theirs.
    pub(crate) difference: String,
    /// Line by line.
    pub(crate) lines: Vec<ShadowLine>,
}

/// A line on both sides.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct ShadowLine {
    /// The class of ours, or the name of theirs where it is mapped to none.
    pub(crate) line: String,
    /// What the utility charges, in major units.
    pub(crate) theirs: String,
    /// What we charge.
    pub(crate) ours: String,
    /// Ours less theirs.
    pub(crate) difference: String,
}

/// Holds a utility's own bills against ours, to the minor unit, for each account and line.
///
/// Nothing is kept of it. Ours is the invoice of the same account and days.
#[utoipa::path(
    tag = "billing",
    params(ShadowQuery),
    request_body = ShadowFile,
    responses((status = 200, content(
        (ShadowReport = "application/json"), (String = "text/csv"),
    )), Problems)
)]
#[post("/v1/bills/comparison")]
pub(crate) async fn compare_bills(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<ShadowQuery>,
    Json(sent): Json<ShadowFile>,
) -> Result<HttpResponse, Problem> {
    require(&caller, Action::IssueInvoice)?;
    let mapping: Mapping = serde_json::from_value(sent.mapping)
        .map_err(|error| Problem::malformed(format!("mapping: {error}")))?;
    let bills = shadow::read(sent.file.as_bytes(), &mapping).map_err(|bad| match bad {
        BadFile::Mapping(_) => Problem::malformed(bad.to_string()),
        _ => Problem::refused("UNREADABLE", "The file cannot be read").with_detail(bad.to_string()),
    })?;
    let report = billing.shadow(caller.community, &mapping, bills).await?;
    if query.format == Some(ShadowFormat::Csv) {
        let csv = lines(&report).map_err(|error| service::Fault::problem(error))?;
        let name = "attachment; filename=\"differences.csv\"";
        return Ok(HttpResponse::Ok()
            .content_type("text/csv; charset=utf-8")
            .insert_header(("Content-Disposition", name))
            .body(csv));
    }
    Ok(HttpResponse::Ok().json(report))
}

impl Billing {
    async fn shadow(
        &self,
        community: CommunityId,
        mapping: &Mapping,
        bills: shadow::Bills,
    ) -> Result<ShadowReport> {
        let mut known = BTreeMap::new();
        for account in members::accounts(&self.db, self.now()).await? {
            if account.community == community {
                known.insert(account.pseudonym.clone(), account.clone());
                known.insert(account.account.to_string(), account);
            }
        }
        let mut report = ShadowReport {
            compared: 0,
            equal: 0,
            missing: 0,
            theirs: String::new(),
            ours: String::new(),
            difference: String::new(),
            bills: Vec::with_capacity(bills.bills.len()),
            left_out: bills.left_out.into_iter().map(left_out).collect(),
        };
        let mut sums = [Money::ZERO; 2];
        for (key, theirs) in bills.bills {
            let account = known.get(&key.account);
            let (ours, problem) = self.ours(account, &key).await?;
            let invoice = ours.as_ref().map(|issued| &issued.invoice);
            let differences = shadow::compare(&theirs, invoice, mapping)?;
            let sides = sides(&differences)?;
            sums = [sums[0].plus(sides[0])?, sums[1].plus(sides[1])?];
            report.compared += 1;
            report.missing += u64::from(problem.is_some());
            let equal = differences.iter().all(|line| line.difference == Money::ZERO);
            report.equal += u64::from(equal && problem.is_none());
            report.bills.push(ShadowBill {
                account: key.account,
                from: key.from.to_string(),
                to: key.to.to_string(),
                invoice: ours.as_ref().map(|issued| issued.id.to_string()),
                number: ours.map(|issued| issued.invoice.number),
                problem: problem.map(str::to_owned),
                theirs: sides[0].to_string(),
                ours: sides[1].to_string(),
                difference: sides[1].minus(sides[0])?.to_string(),
                lines: differences.iter().map(line).collect(),
            });
        }
        (report.theirs, report.ours) = (sums[0].to_string(), sums[1].to_string());
        report.difference = sums[1].minus(sums[0])?.to_string();
        Ok(report)
    }

    /// Our invoice of an account and days, or why there is none.
    async fn ours(
        &self,
        account: Option<&Account>,
        key: &shadow::Key,
    ) -> Result<(Option<invoices::Issued>, Option<&'static str>)> {
        let Some(account) = account else { return Ok((None, Some("NO_ACCOUNT"))) };
        let id = InvoiceId::derived(&format!("{}/{}/{}", account.account, key.from, key.to));
        let found = invoices::find(&self.db, id).await?;
        let problem = if found.is_none() { Some("NO_INVOICE") } else { None };
        Ok((found, problem))
    }
}

/// What all lines come to, theirs and ours.
fn sides(lines: &[LineDifference]) -> Result<[Money; 2], Overflow> {
    let theirs = Money::sum(lines.iter().map(|line| line.theirs))?;
    Ok([theirs, Money::sum(lines.iter().map(|line| line.ours))?])
}

fn line(of: &LineDifference) -> ShadowLine {
    ShadowLine {
        line: of.line.clone(),
        theirs: of.theirs.to_string(),
        ours: of.ours.to_string(),
        difference: of.difference.to_string(),
    }
}

fn left_out(row: shadow::LeftOut) -> ShadowRow {
    ShadowRow { row: u64::try_from(row.row).unwrap_or(u64::MAX), reason: row.reason }
}

/// The report as CSV: a row for each line.
fn lines(report: &ShadowReport) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "account",
        "from",
        "to",
        "number",
        "problem",
        "line",
        "theirs",
        "ours",
        "difference",
    ])?;
    for bill in &report.bills {
        let number = bill.number.as_deref().unwrap_or_default();
        let problem = bill.problem.as_deref().unwrap_or_default();
        for line in &bill.lines {
            writer.write_record([
                bill.account.as_str(),
                &bill.from,
                &bill.to,
                number,
                problem,
                &line.line,
                &line.theirs,
                &line.ours,
                &line.difference,
            ])?;
        }
    }
    Ok(writer.into_inner()?)
}
