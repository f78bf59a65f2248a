//! The ledger: nonce search, transactions in, blocks in, questions answered.

mod admission;
mod blocks;
pub(crate) mod node;
mod questions;
mod search;
mod signatures;
mod state;
pub(crate) mod token;

use crate::report::{self, Part, Row};
use anyhow::Result;

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
    report::parts(&PARTS, only)
}
