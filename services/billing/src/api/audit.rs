//! Whether the books are in order.

use std::collections::BTreeMap;

use access::Role;
use actix_web::get;
use actix_web::web::{Data, Json};
use alloy_primitives::B256;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use service::{Principal, Problem, Problems};
use utoipa::ToSchema;

use super::wallet::money;
use crate::Billing;
use crate::db::{invoices, journal};
use crate::domain::bill::Invoice;
use crate::domain::journal::{Account, Book, Entry, Violation, check, check_entries};

/// The most invoices that are held against the journal at once.
const INVOICES_MAX: u32 = 1_000;

/// The state of the books.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct AuditView {
    /// Entries of the journal.
    pub(crate) entries: u64,
    /// Hash of the newest entry: it commits to all of them.
    pub(crate) head: String,
    /// The invariants that do not hold; empty when the books are in order.
    pub(crate) violations: Vec<String>,
    /// What nobody can explain, in major units; zero when the books are in order.
    pub(crate) suspense: String,
    /// Balances by number in the chart of accounts (debits less credits), in major units.
    pub(crate) balances: BTreeMap<String, String>,
    /// Trades in the books, and how many of them were never reconciled.
    pub(crate) trades: u64,
    /// Trades that wait for their first run.
    pub(crate) trades_open: u64,
    /// Transactions that are in no block yet.
    pub(crate) transactions_pending: u64,
    /// Transactions that the contracts refused; zero when everything went as it was meant to.
    pub(crate) transactions_refused: u64,
}

/// Checks the journals: their invariants, the chain of their entries, and the invoices by them.
#[utoipa::path(tag = "billing", responses((status = 200, body = AuditView), Problems))]
#[get("/v1/audit")]
pub(crate) async fn get_audit(
    billing: Data<Billing>,
    caller: Principal,
) -> Result<Json<AuditView>, Problem> {
    caller.require_any(&[Role::Operator, Role::Utility, Role::Auditor, Role::Admin])?;
    let book = billing.state.lock().await.book.clone();
    let (head, count) = book.head();
    let mut entries: Vec<Entry> = Vec::new();
    journal::replay(&billing.db, |entry| {
        if entry.sequence < count {
            entries.push(entry);
        }
        Ok(())
    })
    .await?;
    let issued = invoices::list(&billing.db, caller.community, None, INVOICES_MAX).await?;
    let issued: Vec<Invoice> = issued.into_iter().map(|issued| issued.invoice).collect();
    let (pending, refused) = billing.transactions_open().await?;
    let checked = tokio::task::spawn_blocking(move || view(&book, &entries, &issued, head));
    let mut view = checked.await.map_err(anyhow::Error::from)?;
    view.transactions_pending = pending;
    view.transactions_refused = refused;
    Ok(Json(view))
}

fn view(book: &Book, entries: &[Entry], issued: &[Invoice], head: B256) -> AuditView {
    let mut violations: Vec<Violation> = Vec::new();
    violations.extend(check(book, None).err());
    violations.extend(check_entries(entries, book).err());
    for invoice in issued {
        violations.extend(crate::domain::journal::check_invoice(book, invoice).err());
    }
    let mut balances: BTreeMap<u16, i128> = BTreeMap::new();
    for (account, balance) in book.balances() {
        *balances.entry(account.code()).or_default() += balance;
    }
    let count = |open: bool| {
        let trades = book.trades().filter(|trade| !open || trade.runs.is_empty());
        u64::try_from(trades.count()).unwrap_or(u64::MAX)
    };
    AuditView {
        entries: book.head().1,
        head: head.to_string(),
        violations: violations.iter().map(ToString::to_string).collect(),
        suspense: money(book.balance(&Account::Suspense)),
        balances: balances.into_iter().map(|(code, sum)| (code.to_string(), money(sum))).collect(),
        trades: count(false),
        trades_open: count(true),
        transactions_pending: 0,
        transactions_refused: 0,
    }
}

impl Billing {
    /// How many transactions wait for a block, and how many the contracts refused.
    async fn transactions_open(&self) -> Result<(u64, u64)> {
        let refused = crate::db::slots::refused(&self.db).await?;
        Ok((self.chain.pending().await?, refused))
    }
}
