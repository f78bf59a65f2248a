//! How good the machines are, against a peer or the machine's own limit, side by side in one run:
//! `just bench <area>`.
//!
//! Prints a table and writes `target/bench/<area>.json`. Ours and theirs alternate; a figure is the
//! median of at least three runs, and a ratio is turned so that more is better. Each bench checks
//! that its results are right before it reports how fast they came.
//!
//! Peers come from the system or a package registry, into `.tools` or `target/bench`. Absent on
//! purpose: limits that fail a run. A figure of a busy machine is no fault of the code.
#![forbid(unsafe_code)]
#![expect(clippy::disallowed_types, reason = "rates and ratios are statistics, not quantities")]

mod billing;
mod contracts;
mod http;
mod ledger;
mod maker;
mod market;
mod measure;
mod metering;
mod peer;
mod python;
mod report;

use anyhow::{Result, bail};
use mimalloc::MiMalloc;
use report::Row;

// As in the program that is measured for.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Measures the parts of an area whose name has a word in it.
type Measure = fn(only: &str) -> Result<Vec<Row>>;

/// What can be measured.
const AREAS: [(&str, Measure); 5] = [
    ("billing", billing::rows),
    ("contracts", contracts::rows),
    ("ledger", ledger::rows),
    ("market", market::rows),
    ("metering", metering::rows),
];

fn main() -> Result<()> {
    let words = Vec::from_iter(std::env::args().skip(1));
    if let [word, of, folder, count] = &words[..]
        && word == metering::server::WORD
    {
        return metering::server::serve(of, folder, count);
    }
    let mut words = words.into_iter();
    let (name, only) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let Some((name, area)) = AREAS.into_iter().find(|(area, _)| *area == name) else {
        let names = AREAS.map(|(name, _)| name).join(", ");
        bail!("which area? {names}; a second word keeps the parts whose name has it");
    };
    report::publish(name, &area(&only)?)
}
