//! Prints what it costs to take in a block of a hundred transfers, in a state of a hundred thousand
//! accounts: `cargo run --release -p ledger --example import_cost`.
#![allow(clippy::unwrap_used, reason = "it ends with the first fault")]

use ledger::History;
use ledger::cost::{Cost, Load, measure};
use std::time::Instant;

/// Nanoseconds that this thread was on a processor.
fn processor() -> u64 {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    statistics.split(' ').next().unwrap().parse().unwrap()
}

fn main() {
    for history in [History::Archive, History::Last(128)] {
        let load = Load { accounts: 100_000, transfers: 100, blocks: 300, history };
        let directory = tempfile::tempdir().unwrap();
        print(
            &format!("{history:?}, processor"),
            measure(directory.path(), load, processor).unwrap(),
        );
        let (directory, start) = (tempfile::tempdir().unwrap(), Instant::now());
        let clock = || u64::try_from(start.elapsed().as_nanos()).unwrap();
        print(&format!("{history:?}, elapsed"), measure(directory.path(), load, clock).unwrap());
    }
}

/// A name, and what of a block's cost it is.
type Part = (&'static str, fn(&Cost) -> u64);

/// Medians, in microseconds.
fn print(what: &str, costs: Vec<Cost>) {
    println!("{what}: microseconds, median of {} blocks", costs.len());
    let parts: [Part; 6] = [
        ("verify", |cost| cost.verify),
        ("execute", |cost| cost.execute),
        ("root", |cost| cost.root),
        ("decide", |cost| cost.decide),
        ("commit", |cost| cost.commit),
        ("root and commit", |cost| cost.root + cost.commit),
    ];
    for (name, part) in parts {
        let mut all: Vec<u64> = costs.iter().map(part).collect();
        all.sort_unstable();
        println!(
            "  {name:<16} {:>8}  (95 %: {})",
            all[all.len() / 2] / 1_000,
            all[all.len() * 95 / 100] / 1_000
        );
    }
}
