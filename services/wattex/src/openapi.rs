//! `wattex openapi`: what the services promise to the outside, as documents.
//!
//! ```text
//! identity.json ... gateway.json   OpenAPI 3.1 of one service
//! wattex.json                      of all, as the edge serves it at /openapi.json
//! events.json                      JSON Schema of every event
//! ```
//!
//! Invariant: the same program writes the same bytes, keys sorted.

use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use calendar::SlotLength;
use clap::Args;
use market::domain::SelfTrade;
use matching::Mechanism;
use serde_json::Value;
use service::Clock;

use crate::data::{self, Wanted};
use crate::node::{Node, Outside, Settings};

/// Arguments of `wattex openapi`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Folder to write to; made where there is none.
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

/// Writes the documents.
pub fn run(arguments: &Arguments) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut mounts = runtime.block_on(Box::pin(mounts()))?;
    mounts.push(gateway::own());
    let directory = &arguments.directory;
    fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
    for mount in &mounts {
        write(directory, mount.service, gateway::document(mount))?;
    }
    write(directory, "wattex", gateway::merge(&mounts))?;
    write(directory, "events", events::schema())?;
    Ok(ExitCode::SUCCESS)
}

/// The routes of every service. They hold their service, so one installation is opened; what it is
/// made of shows in no document.
async fn mounts() -> Result<Vec<gateway::Mount>> {
    let directory = tempfile::tempdir().context("making a temporary directory")?;
    let slot = SlotLength::QUARTER_HOUR;
    let wanted = Wanted { homes: Some(1), pv_every: None, start: None, days: 1, slot };
    let sample = data::load(None, &wanted, 1)?;
    let genesis = sample.timezone.start_of(sample.first);
    let (clock, _) = Clock::set(genesis);
    let node = Node::start(Settings {
        directory: directory.path().to_owned(),
        port: 0,
        tariff: sample.prices.tariff(&sample.timezone, sample.first)?,
        timezone: sample.timezone,
        slot,
        mechanism: Mechanism::default(),
        self_trade: SelfTrade::default(),
        grid: None,
        horizon_seconds: 36 * 3_600,
        currencies: Vec::new(),
        genesis,
        clock,
        on_demand: true,
        stops_when_silent: false,
        requests_per_second: NonZeroU32::MIN,
        origins: Vec::new(),
        mqtt_tls: None,
        readings_kept_days: None,
        outside: Outside::default(),
        rotation: identity::Rotation::default(),
    })
    .await?;
    let mounts = node.mounts().to_vec();
    node.stop().await?;
    Ok(mounts)
}

fn write(directory: &Path, name: &str, mut document: Value) -> Result<()> {
    document.sort_all_objects();
    let path = directory.join(format!("{name}.json"));
    fs::write(&path, format!("{document:#}\n"))
        .with_context(|| format!("writing {}", path.display()))
}
