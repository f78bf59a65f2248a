//! Runs worlds of the simulation from the command line: many and fast, or one with its trace.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use tests::simulation;

/// The whole system from a seed, with every fault there is.
#[derive(Parser)]
struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    start: u64,
    /// Only this seed.
    #[arg(long)]
    seed: Option<u64>,
    /// A month of it, which takes longer.
    #[arg(long, requires = "seed")]
    month: bool,
    /// By which rules the month runs: 0 are the usual ones.
    #[arg(long, requires = "month", default_value_t = 0)]
    rules: usize,
    /// Print what happens.
    #[arg(long)]
    trace: bool,
    /// How many worlds at once.
    #[arg(long)]
    threads: Option<usize>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ended = match arguments.seed {
        Some(seed) if arguments.month => {
            show_one(seed, simulation::run_month(seed, arguments.rules, arguments.trace))
        }
        Some(seed) => show_one(seed, simulation::run(seed, arguments.trace)),
        None => many(&arguments),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn show_one(
    seed: u64,
    ended: Result<simulation::Report, simulation::Failure>,
) -> Result<(), simulation::Failure> {
    let report = ended?;
    show(&report.counts);
    let simulation::Report { steps, postings, hash, .. } = report;
    println!("seed {seed}: {steps} steps, {postings} postings, result {hash}");
    Ok(())
}

fn many(arguments: &Arguments) -> Result<(), simulation::Failure> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = arguments.threads.unwrap_or(cores);
    let started = Instant::now();
    let seeds = arguments.start..arguments.start + arguments.seeds;
    let counts = simulation::run_many(seeds, threads)?;
    let millis = started.elapsed().as_millis().max(1);
    show(&counts);
    for path in counts.missing() {
        println!("{:>10}  {path}", "never");
    }
    let per_second = u128::from(arguments.seeds) * 1_000 / millis;
    println!("{} seeds in {millis} ms, {per_second} seeds a second", arguments.seeds);
    Ok(())
}

fn show(counts: &simulation::Counts) {
    for (path, count) in counts.iter() {
        println!("{count:>10}  {path}");
    }
}
