//! Whether the books are in order.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use access::Role;
use actix_web::get;
use actix_web::web::{Data, Json, Query};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use service::{Principal, Problem, Problems};
use utoipa::{IntoParams, ToSchema};

use super::wallet::money;
use crate::Billing;
use crate::app::audit::{Audit, CurrencyAudit};
use crate::currencies::Currencies;
use crate::db::handover::{self, Apart};
use crate::db::kept::{self, Kept, Stand};
use crate::domain::journal::{Account, Book};

/// The most rows of a list.
const LISTED_MAX: i64 = 100;

/// The state of the books.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct AuditView {
    /// Entries of the journal.
    pub(crate) entries: u64,
    /// Entries that this audit replayed: those before were in order the last time.
    pub(crate) entries_replayed: u64,
    /// Hash of the newest entry: it commits to all of them.
    pub(crate) head: String,
    /// The invariants that do not hold; empty when the books are in order.
    pub(crate) violations: Vec<String>,
    /// Rules that postings broke since the service started, each found as soon as its block or
    /// message was over; zero when the books are in order.
    pub(crate) violations_posted: u64,
    /// What nobody can explain, in major units; zero when the books are in order.
    pub(crate) suspense: String,
    /// Tokens that the market contract holds, in major units, as of the block that the books have
    /// followed; absent where the node could not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reserve: Option<String>,
    /// Balances by number in the chart of accounts (debits less credits), in major units.
    pub(crate) balances: BTreeMap<String, String>,
    /// The journals of the other currencies: all above is of the one that energy is traded in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) currencies: Vec<CurrencyAuditView>,
    /// Trades in the books.
    pub(crate) trades: u64,
    /// Trades that wait for their first run.
    pub(crate) trades_open: u64,
    /// Trades that the contract refuses all by themselves, the first 100: those that may still be
    /// taken first.
    pub(crate) trades_apart: Vec<ApartView>,
    /// Versions of intervals that are not in the journal until the runs that follow from them are
    /// final.
    pub(crate) intervals_waiting: u64,
    /// Versions of intervals that came after the corrections window: what was paid stays.
    pub(crate) intervals_late: u64,
    /// The newest 100 of those that came too late.
    pub(crate) late: Vec<LateView>,
    /// Invoices that were held against the journal.
    pub(crate) invoices: u64,
    /// Those of them that are not in the journal yet: a moment after they were issued.
    pub(crate) invoices_unposted: u64,
    /// Invoices of which something changed since, and whose correction is to come; at most 1000.
    pub(crate) invoices_correcting: u64,
    /// Transactions that are in no block yet.
    pub(crate) transactions_pending: u64,
    /// Transactions that the contracts refused; zero when everything went as it was meant to.
    pub(crate) transactions_refused: u64,
}

/// The state of the books of a currency that no energy is traded in.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct CurrencyAuditView {
    /// The currency (ISO 4217).
    pub(crate) currency: String,
    /// Entries of its journal.
    pub(crate) entries: u64,
    /// Entries that this audit replayed.
    pub(crate) entries_replayed: u64,
    /// Hash of the newest entry.
    pub(crate) head: String,
    /// The invariants that do not hold; empty when the books are in order.
    pub(crate) violations: Vec<String>,
    /// What nobody can explain, in major units.
    pub(crate) suspense: String,
    /// Tokens that its market contract holds, in major units; absent where the node could not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reserve: Option<String>,
    /// Balances by number in the chart of accounts (debits less credits), in major units.
    pub(crate) balances: BTreeMap<String, String>,
}

/// A trade that the contract refuses all by itself.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct ApartView {
    /// The trade.
    pub(crate) trade: String,
    /// What is refused: `reconcile` or `expire`.
    pub(crate) what: String,
    /// What the contract said, or why nothing more can be done.
    pub(crate) reason: String,
    /// Since when.
    pub(crate) since: String,
    /// Whether it is given up; otherwise it is tried again from time to time.
    pub(crate) closed: bool,
}

/// A version of an interval that came after the corrections window.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct LateView {
    /// Where.
    #[schema(format = "uuid")]
    pub(crate) connection_point: String,
    /// Start of the slot.
    pub(crate) slot: String,
    /// Which version.
    pub(crate) version: u32,
    /// What the meter took in, by this version.
    pub(crate) import_wh: u64,
    /// What the meter gave out, by this version.
    pub(crate) export_wh: u64,
    /// When it came.
    pub(crate) at: String,
    /// Whether it is in the energy journal: then the retailer's part took the difference. Otherwise
    /// what was paid does not fit it.
    pub(crate) posted: bool,
}

/// How much is checked again.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// Whether the whole journal is replayed; otherwise, what an audit since the start of the
    /// service found in order is not.
    full: Option<bool>,
}

/// Checks the journals: invariants, entries, the tokens behind them, the newest 1000 invoices.
#[utoipa::path(
    tag = "billing",
    params(AuditQuery),
    responses((status = 200, body = AuditView), Problems)
)]
#[get("/v1/audit")]
pub(crate) async fn get_audit(
    billing: Data<Billing>,
    caller: Principal,
    Query(query): Query<AuditQuery>,
) -> Result<Json<AuditView>, Problem> {
    caller.require_any(&[Role::Operator, Role::Utility, Role::Auditor, Role::Admin])?;
    let audit = billing.audit(caller.community, query.full.unwrap_or(false)).await?;
    let mut view = view(&audit);
    view.violations_posted = billing.violations_posted.load(Ordering::Relaxed);
    let of_currency = |found| currency_view(&billing.currencies, found);
    view.currencies = audit.further.iter().map(of_currency).collect();
    (view.transactions_pending, view.transactions_refused) = billing.transactions_open().await?;
    let apart = handover::apart(&billing.db, LISTED_MAX).await?;
    view.trades_apart = apart.into_iter().map(ApartView::from).collect();
    let (waiting, late) = kept::count(&billing.db, caller.community).await?;
    (view.intervals_waiting, view.intervals_late) = (waiting, late);
    let late = kept::late(&billing.db, caller.community, LISTED_MAX).await?;
    view.late = late.into_iter().map(LateView::from).collect();
    Ok(Json(view))
}

fn view(audit: &Audit) -> AuditView {
    let book = &audit.book;
    let count = |open: bool| {
        let trades = book.trades().filter(|trade| !open || trade.runs.is_empty());
        u64::try_from(trades.count()).unwrap_or(u64::MAX)
    };
    let (head, entries) = book.head();
    AuditView {
        entries,
        entries_replayed: audit.replayed,
        head: head.to_string(),
        violations: audit.violations.iter().map(ToString::to_string).collect(),
        violations_posted: 0,
        suspense: money(book.balance(&Account::Suspense)),
        reserve: audit.reserve.map(|held| held.to_string()),
        balances: balances(book),
        currencies: Vec::new(),
        trades: count(false),
        trades_open: count(true),
        trades_apart: Vec::new(),
        intervals_waiting: 0,
        intervals_late: 0,
        late: Vec::new(),
        invoices: audit.invoices,
        invoices_unposted: audit.invoices_unposted,
        invoices_correcting: audit.invoices_correcting,
        transactions_pending: 0,
        transactions_refused: 0,
    }
}

fn currency_view(currencies: &Currencies, found: &CurrencyAudit) -> CurrencyAuditView {
    let (head, entries) = found.book.head();
    CurrencyAuditView {
        currency: currencies.code(found.currency).to_owned(),
        entries,
        entries_replayed: found.replayed,
        head: head.to_string(),
        violations: found.violations.iter().map(ToString::to_string).collect(),
        suspense: money(found.book.balance(&Account::Suspense)),
        reserve: found.reserve.map(|held| held.to_string()),
        balances: balances(&found.book),
    }
}

/// Sums of accounts of one number.
fn balances(book: &Book) -> BTreeMap<String, String> {
    let mut balances: BTreeMap<u16, i128> = BTreeMap::new();
    for (account, balance) in book.balances() {
        *balances.entry(account.code()).or_default() += balance;
    }
    balances.into_iter().map(|(code, sum)| (code.to_string(), money(sum))).collect()
}

impl From<Apart> for ApartView {
    fn from(apart: Apart) -> ApartView {
        ApartView {
            trade: apart.trade.to_string(),
            what: apart.what,
            reason: apart.reason,
            since: apart.since.to_string(),
            closed: apart.closed,
        }
    }
}

impl From<Kept> for LateView {
    fn from(kept: Kept) -> LateView {
        LateView {
            connection_point: kept.metered.point.to_string(),
            slot: kept.slot.to_string(),
            version: kept.version,
            import_wh: kept.metered.import.wh(),
            export_wh: kept.metered.export.wh(),
            at: kept.at.to_string(),
            posted: kept.stand == Stand::LatePosted,
        }
    }
}

impl Billing {
    /// How many transactions wait for a block, and how many the contracts refused.
    async fn transactions_open(&self) -> Result<(u64, u64)> {
        let refused = crate::db::slots::refused(&self.db).await?;
        Ok((self.chain.pending().await?, refused))
    }
}
