//! How fast the continuous book is, beside two books from crates.io, in one process.
//!
//! ```text
//! cargo run --release [-- --json] [-- --whole] [flow]
//! ```
//!
//! Each flow is made once, from a seed. Then ours and theirs take it in turns; a figure is the
//! median of three runs of messages in a second of processor time, so that waiting for a processor
//! is not in it. Before that the book's reports are compared with those of the slow twin: of the
//! first messages, or of all of them with `--whole`.
//!
//! Reports are made and written down in the timed runs. A run of ours is the flow on a new book, as
//! often as fits in half a second. A peer that is not done after two seconds is stopped, and its
//! figure is that of the messages it took until then: books only get fuller later on. The peers'
//! trades are compared with ours of the same messages, see [`peers`].
//!
//! A book has to keep up on its worst day: what is aimed at is said of each book's slowest flow,
//! and of the flow in which we are the least ahead.
#![forbid(unsafe_code)]
#![expect(clippy::disallowed_types, reason = "rates and ratios are statistics, not quantities")]

mod flow;
mod ours;
mod peers;
mod report;
mod timer;

use anyhow::{Result, ensure};
use flow::{FLOWS, Flow, SEED};
use mimalloc::MiMalloc;
use peers::PEERS;
use report::{Row, median};

// As in the program that the core is part of, and better for peers that allocate.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Runs of each side.
const RUNS: usize = 3;
/// How many messages the twin checks, where it does not check all.
const CHECKED: usize = 200_000;
/// How many times faster than a peer we want to be.
const PEER_GOAL: f64 = 50.0;
/// The messages in a second that the slowest flow is to reach.
const WORST_GOAL: f64 = 8_400_000.0;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let told = |flag: &str| words.iter().any(|word| word == flag);
    let only = words.iter().find(|word| !word.starts_with("--"));
    let mut all = Vec::new();
    for flow in FLOWS.iter().filter(|flow| only.is_none_or(|only| flow.name.contains(only))) {
        all.push((flow.name, measure(flow, told("--whole"))?));
    }
    ensure!(!all.is_empty(), "no such flow");
    let mut rows = each(&all);
    if only.is_none() {
        rows.extend(slowest(&all));
        rows.extend(least(&all));
    }
    let table = report::table(&rows);
    if told("--json") {
        eprint!("{table}");
        print!("{}", report::lines(&rows)?);
    } else {
        print!("{table}");
    }
    Ok(())
}

/// Messages in a second, by run.
struct Runs {
    ours: Vec<f64>,
    theirs: [Vec<f64>; PEERS.len()],
}

/// Checks a flow, and measures it on all sides.
fn measure(flow: &Flow, whole: bool) -> Result<Runs> {
    let messages = flow::messages(flow, SEED);
    let checked = &messages[..if whole { messages.len() } else { CHECKED }];
    let (digest, slow) = (ours::digest(checked), ours::twin_digest(checked));
    ensure!(digest == slow, "{}: the twin answers {slow:x}, the book {digest:x}", flow.name);
    eprintln!("{}: {}", flow.name, ours::describe(&messages));
    eprintln!("  reports of {} messages as the twin's: {digest:016x}", checked.len());
    let refused = ours::refused(&messages);
    let mut runs = Runs { ours: Vec::new(), theirs: Default::default() };
    for run in 0..RUNS {
        runs.ours.push(ours::run(&messages));
        for (peer, theirs) in PEERS.iter().zip(&mut runs.theirs) {
            let outcome = (peer.run)(&messages, &refused);
            theirs.push(outcome.rate);
            if run == 0 {
                let same = ours::trades(&messages[..outcome.messages]);
                eprintln!("  {}: {}", peer.name, peers::compared(&outcome, same));
            }
        }
    }
    Ok(runs)
}

/// A row for each flow and peer.
fn each(all: &[(&str, Runs)]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (name, runs) in all {
        for (peer, theirs) in PEERS.iter().zip(&runs.theirs) {
            rows.push(Row::against(format!("{name} / {}", peer.name), &runs.ours, theirs));
        }
    }
    rows
}

/// Our slowest flow beside the slowest of each peer, and beside what is aimed at.
fn slowest(all: &[(&str, Runs)]) -> Vec<Row> {
    let slowest = |of: &dyn Fn(&Runs) -> Vec<f64>| {
        let flows = all.iter().map(|(_, runs)| of(runs));
        flows.min_by(|one, other| median(one).total_cmp(&median(other))).unwrap_or_default()
    };
    let ours = slowest(&|runs| runs.ours.clone());
    let mut rows = Vec::new();
    for (place, peer) in PEERS.iter().enumerate() {
        let theirs = slowest(&|runs| runs.theirs[place].clone());
        let name = format!("slowest flow / slowest of {}", peer.name);
        rows.push(Row::against(name, &ours, &theirs).aims_at(PEER_GOAL));
    }
    let name = format!("slowest flow / {WORST_GOAL} messages/s");
    rows.push(Row::against(name, &ours, &[WORST_GOAL]).aims_at(1.0));
    rows
}

/// Of each peer the flow in which we are the least ahead of it.
fn least(all: &[(&str, Runs)]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (place, peer) in PEERS.iter().enumerate() {
        let ratio = |runs: &Runs| median(&runs.ours) / median(&runs.theirs[place]);
        let least = all.iter().min_by(|one, other| ratio(&one.1).total_cmp(&ratio(&other.1)));
        let Some((name, runs)) = least else { continue };
        let name = format!("least ratio of a flow / {}: {name}", peer.name);
        rows.push(Row::against(name, &runs.ours, &runs.theirs[place]).aims_at(PEER_GOAL));
    }
    rows
}
