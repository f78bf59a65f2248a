//! `wattex meters`: a fleet of simulated meters that sign and publish as real ones do, for load
//! tests, and whether the server has what it acknowledged.

mod check;
mod options;
mod work;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Subcommand;

pub use options::Arguments;

/// What there is besides letting a fleet loose.
#[derive(Subcommand)]
pub enum Work {
    /// Holds the log of a fleet against what the server has stored: every acknowledged reading is
    /// there exactly once, as it was sent, and none that was broken on purpose.
    Check(check::Arguments),
}

/// Lets a fleet loose, or does what `work` asks for.
pub fn run(work: Option<&Work>, arguments: &Arguments) -> Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
    runtime.block_on(async {
        match work {
            None => work::run(arguments).await,
            Some(Work::Check(arguments)) => check::run(arguments).await,
        }
    })
}
