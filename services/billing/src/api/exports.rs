//! The journals as files for auditors.

use access::Action;
use actix_web::web::{Bytes, Data, Query};
use actix_web::{HttpResponse, get};
use anyhow::Result;
use futures::stream::try_unfold;
use serde::Deserialize;
use service::{Principal, Problem, Problems};
use utoipa::{IntoParams, ToSchema};

use super::require;
use crate::Billing;
use crate::currencies::CurrencyId;
use crate::db::journal;
use crate::domain::export::{COLUMNS, Parquet, Row, columns, csv_heading, csv_lines, rows};

/// What the file is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ExportFormat {
    /// Lines of text (RFC 4180).
    Csv,
    /// Apache Parquet.
    Parquet,
}

/// Which journal, and as what.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportQuery {
    /// `csv` when absent, or `parquet`.
    #[param(inline)]
    format: Option<ExportFormat>,
    /// Whose journal (ISO 4217); that of the currency that energy is traded in, with the energy,
    /// when absent.
    currency: Option<String>,
    /// The first entry; 0 when absent.
    from: Option<u64>,
    /// The entry after the last; all that there are when absent.
    to: Option<u64>,
}

/// A file on its way.
struct Export {
    billing: Data<Billing>,
    currency: CurrencyId,
    next: u64,
    end: u64,
    stage: Stage,
}

enum Stage {
    Heading,
    Csv,
    Parquet(Parquet),
    Over,
}

/// A journal of money and energy as CSV or Parquet, a row for each transfer.
///
/// The first row of an entry has in `entry` the text that `hash` is the Keccak-256 of, which has
/// the hash of the entry before in it: the chain can be checked from the first entry to the head
/// that `GET /v1/audit` names. `block` is the block of the log that an entry follows from. What is
/// posted while the file is written is not in it.
#[utoipa::path(
    tag = "billing",
    params(ExportQuery),
    responses((status = 200, content(
        (String = "text/csv"), (Vec<u8> = "application/vnd.apache.parquet"),
    )), Problems)
)]
#[get("/v1/audit/export")]
pub(crate) async fn export_journal(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<ExportQuery>,
) -> Result<HttpResponse, Problem> {
    require(&caller, Action::ReadAccount)?;
    let currency = billing.currencies.named(query.currency.as_deref())?;
    let (_, entries) = billing.state.lock().await.book_of(currency).head();
    let (next, end) = (query.from.unwrap_or(0), query.to.unwrap_or(entries).min(entries));
    let (kind, ending) = match query.format.unwrap_or(ExportFormat::Csv) {
        ExportFormat::Csv => ("text/csv; charset=utf-8", "csv"),
        ExportFormat::Parquet => ("application/vnd.apache.parquet", "parquet"),
    };
    let code = billing.currencies.code(currency);
    let name = format!("journal-{code}-{next}-{end}.{ending}");
    let parquet = ending == "parquet";
    let export = Export { billing, currency, next, end, stage: Stage::Heading };
    let parts = try_unfold((export, parquet), |(export, parquet)| async move {
        let part = export.part(parquet).await.inspect_err(|error| {
            tracing::error!(error = format!("{error:#}"), "an export breaks off");
        })?;
        Ok::<_, anyhow::Error>(part.map(|(part, export)| (part, (export, parquet))))
    });
    Ok(HttpResponse::Ok()
        .content_type(kind)
        .insert_header(("Content-Disposition", format!("attachment; filename=\"{name}\"")))
        .streaming(parts))
}

impl Export {
    /// The next part of the file, and what is left of it.
    async fn part(mut self, parquet: bool) -> Result<Option<(Bytes, Export)>> {
        let bytes = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Over => return Ok(None),
            Stage::Heading if parquet => {
                let (file, begin) = Parquet::begin(&COLUMNS);
                self.stage = Stage::Parquet(file);
                begin
            }
            Stage::Heading => {
                self.stage = Stage::Csv;
                csv_heading()
            }
            Stage::Csv => {
                let rows = self.rows().await?;
                if rows.is_empty() {
                    return Ok(None);
                }
                self.stage = Stage::Csv;
                csv_lines(&rows, self.billing.currencies.code(self.currency))?
            }
            Stage::Parquet(mut file) => {
                let rows = self.rows().await?;
                // A file without any rows has a group all the same, which says its columns.
                if rows.is_empty() && file.has_columns() {
                    file.end()?
                } else {
                    let code = self.billing.currencies.code(self.currency);
                    let group = file.group(&columns(&rows, code)?)?;
                    self.stage = Stage::Parquet(file);
                    group
                }
            }
        };
        Ok(Some((bytes.into(), self)))
    }

    async fn rows(&mut self) -> Result<Vec<Row>> {
        let (db, end) = (&self.billing.db, self.end);
        let entries = journal::exported(db, self.currency, self.next, end).await?;
        self.next = entries.last().map_or(end, |(_, _, last)| last.sequence + 1);
        let each = entries.iter().map(|(at, block, entry)| rows(entry, *at, block));
        Ok(each.flatten().collect())
    }
}
