//! Billing: a customer-year beside PySAM, the loops over intervals, bills as PDF, and a month of a
//! town from its meters to its invoices.

mod month;
mod pdf;
mod town;
mod year;

use crate::report::{self, Part, Row};
use anyhow::Result;

const PARTS: [Part; 3] = [("year", year::rows), ("pdf", pdf::rows), ("month", month::rows)];

/// The rows of the parts whose name has `only` in it.
pub(crate) fn rows(only: &str) -> Result<Vec<Row>> {
    report::parts(&PARTS, only)
}
