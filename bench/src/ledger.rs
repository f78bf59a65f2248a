//! The ledger: nonce search, transactions in, blocks in, questions answered.

mod admission;
mod blocks;
mod node;
mod questions;
mod search;
mod signatures;
mod state;
mod token;

use crate::report::Row;
use anyhow::{Context, Result};

/// A part of the area: its name, and what measures it.
type Part = (&'static str, fn() -> Result<Vec<Row>>);

const PARTS: [Part; 7] = [
    ("search", search::rows),
    ("signatures", signatures::rows),
    ("blocks", blocks::rows),
    ("state", state::rows),
    ("batches", admission::batches),
    ("singles", admission::singles),
    ("questions", questions::rows),
];

/// The rows of the parts whose name has `only` in it.
pub(crate) fn rows(only: &str) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (name, part) in PARTS.into_iter().filter(|(name, _)| name.contains(only)) {
        eprintln!("{name} ...");
        rows.extend(part().with_context(|| format!("the part {name}"))?);
    }
    Ok(rows)
}
