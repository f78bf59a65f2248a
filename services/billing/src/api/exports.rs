//! The journals as files for auditors.

use std::collections::BTreeSet;
use std::ops::Range;

use access::Action;
use actix_web::web::{Bytes, Data, Json, Query};
use actix_web::{HttpResponse, get};
use anyhow::Result;
use calendar::{LocalDay, TimeZone, Timestamp};
use futures::stream::try_unfold;
use merkle::Tree;
use serde::Deserialize;
use service::{Principal, Problem, Problems};
use utoipa::{IntoParams, ToSchema};

use super::{account_of, require};
use crate::Billing;
use crate::currencies::CurrencyId;
use crate::db::{addresses, journal, journal_batches, members};
use crate::domain::export::{COLUMNS, Parquet, Row, Wanted, columns, csv_heading, csv_lines, rows};
use crate::domain::verify::{AnchorsFile, EntryProof, JournalBatch, entries_tree};

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
    /// Only entries of this account.
    account: Option<String>,
    /// Only entries that were posted in this month of UTC, such as `2026-06`.
    month: Option<String>,
}

/// Which part of a journal is to be proved, and against which block.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AnchorsQuery {
    /// Whose journal (ISO 4217); that of the currency that energy is traded in when absent.
    currency: Option<String>,
    /// The entry after the last that is to be proved; all that there are when absent.
    to: Option<u64>,
    /// Height of a final block that the reader trusts; the newest when absent.
    trusted: Option<u64>,
}

/// A file on its way.
struct Export {
    billing: Data<Billing>,
    currency: CurrencyId,
    next: u64,
    end: u64,
    within: Range<Timestamp>,
    wanted: Option<Wanted>,
    /// The batch that the last entry is in.
    batch: Option<(JournalBatch, Tree)>,
    /// Whether an entry was in none: then no later one is.
    is_past_batches: bool,
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
/// posted while the file is written is not in it. `proof` leads to a batch that is on chain
/// (`GET /v1/audit/anchors`), so that the entries of an account or a month prove themselves without
/// the others; it is empty while the entry is in none.
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
    let within = month(query.month.as_deref())?;
    let wanted = match query.account.as_deref() {
        Some(named) => Some(wanted(&billing, &caller, named).await?),
        None => None,
    };
    let (kind, ending) = match query.format.unwrap_or(ExportFormat::Csv) {
        ExportFormat::Csv => ("text/csv; charset=utf-8", "csv"),
        ExportFormat::Parquet => ("application/vnd.apache.parquet", "parquet"),
    };
    let code = billing.currencies.code(currency);
    let name = format!("journal-{code}-{next}-{end}.{ending}");
    let parquet = ending == "parquet";
    let export = Export {
        billing,
        currency,
        next,
        end,
        within,
        wanted,
        batch: None,
        is_past_batches: false,
        stage: Stage::Heading,
    };
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

/// The batches of a journal that are on chain, and what proves them against one block.
///
/// Once a day what was posted since becomes a batch: a tree over the hashes of its entries, whose
/// root is in `RecordAnchor`. The answer has them from the first on, so that none is put over
/// another. `wattex audit check` holds an export against it, offline. Refused with `BATCHES` where
/// there are too many for one answer.
#[utoipa::path(
    tag = "billing",
    params(AnchorsQuery),
    responses((status = 200, body = Object), Problems)
)]
#[get("/v1/audit/anchors")]
pub(crate) async fn get_journal_anchors(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<AnchorsQuery>,
) -> Result<Json<AnchorsFile>, Problem> {
    require(&caller, Action::ReadAccount)?;
    let currency = billing.currencies.named(query.currency.as_deref())?;
    let to = query.to.unwrap_or(u64::MAX);
    Ok(Json(billing.journal_anchors(currency, to, query.trusted).await?))
}

/// The moments of a month of UTC; all there are where none is named.
fn month(named: Option<&str>) -> Result<Range<Timestamp>, Problem> {
    let Some(named) = named else {
        return Ok(Timestamp::from_seconds(0)..Timestamp::from_seconds(i64::MAX));
    };
    let first = format!("{named}-01").parse::<LocalDay>();
    let first = first.map_err(|_| Problem::malformed("month: one such as 2026-06"))?;
    let utc = TimeZone::utc();
    Ok(utc.start_of(first)..utc.start_of(first.next_month_start()))
}

/// What an account is known by in the journals.
async fn wanted(billing: &Billing, caller: &Principal, named: &str) -> Result<Wanted, Problem> {
    let account = account_of(billing, caller, Some(named)).await?.account;
    let spans = addresses::of_account(&billing.db, account).await?;
    let points = members::points_of(&billing.db, account).await?;
    Ok(Wanted {
        account,
        addresses: spans.iter().map(|span| span.address).collect(),
        points: points.into_iter().collect(),
    })
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

    /// The next rows; none where there are no more.
    async fn rows(&mut self) -> Result<Vec<Row>> {
        let mut some = Vec::new();
        while some.is_empty() && self.next < self.end {
            let place = (self.next, self.end);
            let db = &self.billing.db;
            let entries = journal::exported(db, self.currency, place, &self.within).await?;
            self.next = entries.last().map_or(self.end, |(_, _, last)| last.sequence + 1);
            let stated = match (&self.wanted, entries.first(), entries.last()) {
                (Some(wanted), Some((_, _, first)), Some((_, _, last))) => {
                    let range = (first.sequence, last.sequence);
                    journal::of_owner_within(db, self.currency, wanted.account, range).await?
                }
                _ => BTreeSet::new(),
            };
            for (at, block, entry) in &entries {
                let ours =
                    |wanted: &Wanted| stated.contains(&entry.sequence) || wanted.concerns(entry);
                if self.wanted.as_ref().is_none_or(ours) {
                    let proof = self.proof_of(entry.sequence).await?;
                    some.extend(rows(entry, *at, block, &proof));
                }
            }
        }
        Ok(some)
    }

    /// The way from the entry at a place to the root of its batch, as JSON.
    async fn proof_of(&mut self, sequence: u64) -> Result<String> {
        if self.is_past_batches {
            return Ok(String::new());
        }
        let holds = |batch: &JournalBatch| sequence < batch.first + batch.count;
        if !self.batch.as_ref().is_some_and(|(batch, _)| holds(batch)) {
            let (billing, currency) = (&self.billing, self.currency);
            let found = journal_batches::with_entry(&billing.db, currency, sequence).await?;
            let Some(batch) = found else {
                self.is_past_batches = true;
                return Ok(String::new());
            };
            let end = batch.first + batch.count;
            let hashes = billing.entry_hashes(currency, batch.first, end).await?;
            let tree = tokio::task::spawn_blocking(move || entries_tree(&hashes)).await?;
            self.batch = Some((batch, tree));
        }
        let Some((batch, tree)) = &self.batch else { return Ok(String::new()) };
        let path = tree.path(usize::try_from(sequence - batch.first)?);
        Ok(serde_json::to_string(&EntryProof { batch: batch.number, path })?)
    }
}
