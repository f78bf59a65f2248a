//! The whole system in one thread from a seed: no database, no network, no clock.
//!
//! ```text
//! plan(seed) --actions--> metering, market, billing --relays--> node (real contracts and blocks)
//!                             ^      ^        ^                   |
//!                             +------+--------+--- bus <--- feed -+     then every invariant
//! ```
//!
//! The machines are the product's own: `reading` judges, `market::domain` trades, `chain` and the
//! contracts' bytecode settle, `billing::domain` reconciles and keeps the books. The shells around
//! them are small doubles that keep what the services commit, so that a crash between any two
//! commits can be played: what is rebuilt must equal what was there.
//!
//! Invariants checked after every step: every account of the journal against what the contracts
//! store, I1 to I8 and I10 of the journals, the market's cash against the contract's, no order
//! filled beyond its quantity, intervals against readings. At the end nothing is left open
//! anywhere. The same seed gives the same [`Report::hash`].
//! Deliberately absent: HTTP, MQTT, SQL, NATS, invoices (I9).

mod billing;
mod bus;
mod cash;
mod chaos;
mod check;
mod counts;
mod course;
mod crash;
mod ending;
mod facts;
mod market;
mod metering;
mod node;
mod plan;
mod relay;
mod scene;
mod world;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use alloy_primitives::B256;

pub use counts::{Counts, PATHS};
use course::Course;
pub use course::MONTH_DAYS;
pub use scene::RULES;
use world::World;

thread_local! {
    /// The step that the world of this thread is in, for a machine that panics.
    static STEP: Cell<u64> = const { Cell::new(0) };
}

/// What a seed came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Over everything that the machines know at the end.
    pub hash: B256,
    /// How often each path was taken.
    pub counts: Counts,
    /// Entries of the journal, reversals too.
    pub postings: u64,
    /// How many steps the world took.
    pub steps: u64,
}

/// An invariant that did not hold, or a machine that gave up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("seed {seed}, step {step}: {what}")]
pub struct Failure {
    /// The world.
    pub seed: u64,
    /// When.
    pub step: u64,
    /// Which invariant, with its numbers.
    pub what: String,
}

/// Runs the world of a seed to its end; `trace` prints what happens.
///
/// # Errors
/// [`Failure`] with the first invariant that did not hold.
pub fn run(seed: u64, trace: bool) -> Result<Report, Failure> {
    guarded(seed, || world::run(Course::hours(seed), seed, trace).map(report))
}

/// As [`run`], all hours of [`MONTH_DAYS`] days by one of [`RULES`] sets of rules, and on until
/// what was traded has come to rest. The books are compared whenever a block was taken back or a
/// day begins, the rest now and then.
///
/// # Errors
/// [`Failure`] with the first invariant that did not hold.
pub fn run_month(seed: u64, rules: usize, trace: bool) -> Result<Report, Failure> {
    guarded(seed, || world::run(Course::month(rules % RULES), seed, trace).map(report))
}

fn report(world: World) -> Report {
    let (_, postings) = world.billing.book.head();
    Report { hash: world.hash(), counts: world.counts, postings, steps: STEP.get() }
}

fn guarded(seed: u64, run: impl FnOnce() -> Result<Report, String>) -> Result<Report, Failure> {
    STEP.set(0);
    let fail = |what| Failure { seed, step: STEP.get(), what };
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(ended) => ended.map_err(fail),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(fail(format!("panic: {}", text.unwrap_or_default())))
        }
    }
}

/// Runs `seeds` on `threads` threads; counts of all, or the failure of the lowest seed that failed.
///
/// # Errors
/// [`Failure`] of the lowest seed in which an invariant did not hold.
pub fn run_many(seeds: std::ops::Range<u64>, threads: usize) -> Result<Counts, Failure> {
    let next = std::sync::atomic::AtomicU64::new(seeds.start);
    let work = || {
        let mut counts = Counts::default();
        loop {
            let seed = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if seed >= seeds.end {
                return Ok(counts);
            }
            counts.merge(&run(seed, false)?.counts);
        }
    };
    let ended: Vec<Result<Counts, Failure>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().expect("a seed's panic is caught")).collect()
    });
    let failure = ended.iter().filter_map(|one| one.as_ref().err()).min_by_key(|one| one.seed);
    if let Some(failure) = failure {
        return Err(failure.clone());
    }
    let mut all = Counts::default();
    ended.iter().flatten().for_each(|counts| all.merge(counts));
    Ok(all)
}
