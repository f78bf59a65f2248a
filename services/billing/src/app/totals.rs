//! Sums over everything that is in the books.

use anyhow::{Context, Result};
use ids::InvoiceId;
use units::{Energy, Money};

use crate::Billing;
use crate::db::invoices;
use crate::domain::journal::{Account, Book, Flow};

/// What the books come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Trades that the contract accepted.
    pub trades: u64,
    /// Those of them with a run.
    pub trades_reconciled: u64,
    /// What meters saw taken from outside.
    pub import: Energy,
    /// What meters saw fed in.
    pub export: Energy,
    /// What neighbours delivered to each other.
    pub traded: Energy,
    /// The rest of the import.
    pub grid_import: Energy,
    /// The rest of the export.
    pub grid_export: Energy,
    /// Debits less credits over all accounts: zero.
    pub sum: Money,
    /// What nobody can explain: zero.
    pub suspense: Money,
    /// What is bound in trades or inside the challenge window.
    pub escrow_open: Money,
}

impl Billing {
    /// Sums over the journals as they stand.
    pub async fn totals(&self) -> Totals {
        totals(&self.state.lock().await.book)
    }

    /// The printable page of an invoice.
    ///
    /// # Errors
    /// When there is no such invoice, or the database cannot be read.
    pub async fn page_of(&self, id: InvoiceId) -> Result<String> {
        let issued = invoices::find(&self.db, id).await?.context("no such invoice")?;
        self.invoice_page(&issued).await
    }
}

fn totals(book: &Book) -> Totals {
    let trades: Vec<_> = book.trades().collect();
    let money = |pick: fn(&Account) -> bool| -> Money {
        let picked = book.balances().filter(|(account, _)| pick(account));
        let sum: i128 = picked.map(|(_, balance)| balance).sum();
        Money::from_n(i64::try_from(sum).expect("each balance was money of the chain"))
    };
    let bound = money(|account| {
        matches!(account, Account::Escrow(_) | Account::Collateral(..) | Account::Locked(..))
    });
    Totals {
        trades: trades.len() as u64,
        trades_reconciled: trades.iter().filter(|trade| !trade.runs.is_empty()).count() as u64,
        import: book.energy_of(Flow::MeterImport),
        export: book.energy_of(Flow::MeterExport),
        traded: book.energy_of(Flow::P2pBought),
        grid_import: book.energy_of(Flow::GridImport),
        grid_export: book.energy_of(Flow::GridExport),
        sum: money(|_| true),
        suspense: money(|account| *account == Account::Suspense),
        // Owed to accounts, so on the credit side.
        escrow_open: bound.negated().expect("less than all money of the chain"),
    }
}
