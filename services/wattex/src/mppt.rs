//! `wattex mppt`: how well trackers find the maximum power of a generator, a charger that
//! publishes, and what measurements of a plant tell.
#![expect(clippy::disallowed_types, reason = "physics of a model: no money, no metered energy")]

mod analyse;
mod braille;
mod chart;
mod efficiency;
mod figures;
mod module;
mod publish;
mod simulate;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use mppt::tracker::Kind;

use crate::data::DataError;
use crate::exit::Trouble;

/// What there is besides the table of efficiencies.
#[derive(Subcommand)]
pub enum Work {
    /// Runs a charger over days and writes what it publishes as JSON lines.
    Simulate(simulate::Arguments),
    /// Tells what measurements of a plant say: available power, curtailment, faults, ratios by day.
    Analyse(analyse::Arguments),
}

/// Arguments of `wattex mppt`.
#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    module: module::Options,
    /// Only this tracker; may be repeated. All of them when absent.
    #[arg(long, value_name = "NAME", value_parser = tracker)]
    tracker: Vec<Kind>,
    /// Resolution of the sensors in bits, with noise of one step; exact when absent.
    #[arg(long, value_name = "BITS", value_parser = clap::value_parser!(u8).range(4..=24))]
    noise_bits: Option<u8>,
    /// Samples whose mean is one measurement of a noisy sensor.
    #[arg(long, value_name = "N", default_value_t = 16)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1024))]
    samples: u16,
    /// Seed of the noise.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Ramps from a CSV file with the columns of EN 50530's tables, instead of the standard's.
    #[arg(long, value_name = "FILE")]
    sequence: Option<PathBuf>,
    /// Draw curves and a walk along a ramp: an SVG, or a page where the name ends in `.html`.
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
    /// Print the figures as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the procedures and prints, or what `work` asks for.
pub fn run(work: Option<&Work>, arguments: &Arguments) -> Result<ExitCode> {
    match work {
        None => efficiency::run(arguments),
        Some(Work::Simulate(arguments)) => simulate::run(arguments),
        Some(Work::Analyse(arguments)) => analyse::run(arguments),
    }
}

/// A tracker by its name.
fn tracker(name: &str) -> Result<Kind, String> {
    let known = Kind::ALL.into_iter().find(|kind| kind.name() == name);
    known.ok_or_else(|| format!("known are {}", Kind::ALL.map(Kind::name).join(", ")))
}

/// The bytes of a file.
fn bytes(path: &Path) -> Result<Vec<u8>, DataError> {
    std::fs::read(path).map_err(|error| fault(path, error))
}

/// What is wrong with a file.
fn fault(path: &Path, reason: impl std::fmt::Display) -> DataError {
    DataError::File { file: path.to_owned(), reason: reason.to_string() }
}

/// An argument that makes no sense.
fn argument(reason: impl std::fmt::Display) -> Trouble {
    Trouble::Argument(reason.to_string())
}

/// A part as a percentage.
fn percent(part: Option<f64>) -> String {
    part.map_or_else(|| "-".to_owned(), |part| format!("{:.2} %", 100.0 * part))
}
