//! The market: the call auction against numpy and Polars, the continuous book against its peers.

mod book;
mod orders;
mod python;
mod uniform;

use crate::report::{self, Part, Row};
use anyhow::Result;

const PARTS: [Part; 2] = [("uniform", uniform::rows), ("book", book::rows)];

/// The rows of the parts whose name has `only` in it.
pub(crate) fn rows(only: &str) -> Result<Vec<Row>> {
    report::parts(&PARTS, only)
}
