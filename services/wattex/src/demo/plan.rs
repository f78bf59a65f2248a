//! What a directory was made for, and how far it has come.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use calendar::{LocalDay, Timestamp};
use matching::Mechanism;
use matching::network::Network;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::{Arguments, Speed};
use crate::data::Span;
use crate::exit::Trouble;

/// The format of the directory.
const VERSION: u32 = 1;
/// How far the machine's clock may have gone back since the directory was written.
const CLOCK_SLACK_SECONDS: i64 = 60;
const PLAN: &str = "demo.json";
const PLAN_NEW: &str = "demo.json.new";
const PROGRESS: &str = "progress.json";

/// What a directory was made for: it cannot change on the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    version: u32,
    data: String,
    homes: usize,
    pv: usize,
    first: LocalDay,
    last: LocalDay,
    slot_minutes: u16,
    #[serde(default)]
    mechanism: Mechanism,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grid: Option<Network>,
    on_demand: bool,
    #[serde(default = "usual_horizon")]
    horizon_seconds: u32,
    #[serde(default)]
    rotate: bool,
    #[serde(default)]
    currencies: Vec<String>,
    seed: u64,
}

/// Of directories from before it could be chosen.
const fn usual_horizon() -> u32 {
    36 * 3_600
}

/// How far a demo has come. Counters are those of finished steps.
#[derive(Debug, Clone, Serialize, Deserialize, Default)]
pub struct Progress {
    /// Where simulated time stands.
    pub now: Timestamp,
    /// Slot boundaries that are done.
    pub boundaries: usize,
    /// Readings that meters published.
    pub published: u64,
    /// Readings that the broker acknowledged.
    pub acknowledged: u64,
    /// Orders that the market accepted.
    pub accepted: u64,
    /// Orders that it refused, by code.
    pub rejected: std::collections::BTreeMap<String, u64>,
    /// Seconds spent so far.
    pub seconds: u64,
    /// Whether the days are wound up and billed.
    pub billed: bool,
    /// What the machine's clock showed.
    #[serde(default)]
    pub wall: Timestamp,
}

impl Plan {
    /// The plan of this run.
    pub fn of(arguments: &Arguments, span: &Span, grid: Option<&Network>) -> Plan {
        Plan {
            version: VERSION,
            data: span.name.clone(),
            homes: span.meters.len(),
            pv: span.meters.iter().filter(|meter| meter.has_pv).count(),
            first: span.first,
            last: span.last,
            slot_minutes: arguments.slot.minutes(),
            mechanism: arguments.mechanism,
            grid: grid.cloned(),
            on_demand: arguments.speed == Speed::Max,
            horizon_seconds: arguments.horizon,
            rotate: arguments.rotate,
            currencies: arguments.currencies.clone(),
            seed: arguments.seed,
        }
    }
}

impl Plan {
    /// In what this plan, which is kept, differs from the `wanted` one, for people.
    fn differences(&self, wanted: &Plan) -> String {
        let zones = |plan: &Plan| {
            plan.grid.as_ref().map_or_else(
                || "none".to_owned(),
                |grid| serde_json::to_string(grid).expect("a grid is plain data"),
            )
        };
        let fields = [
            ("data", self.data.clone(), wanted.data.clone()),
            ("homes", self.homes.to_string(), wanted.homes.to_string()),
            ("homes with PV", self.pv.to_string(), wanted.pv.to_string()),
            ("first day", self.first.to_string(), wanted.first.to_string()),
            ("last day", self.last.to_string(), wanted.last.to_string()),
            ("slot minutes", self.slot_minutes.to_string(), wanted.slot_minutes.to_string()),
            ("mechanism", self.mechanism.to_string(), wanted.mechanism.to_string()),
            ("horizon", self.horizon_seconds.to_string(), wanted.horizon_seconds.to_string()),
            ("rotate", self.rotate.to_string(), wanted.rotate.to_string()),
            ("zones", zones(self), zones(wanted)),
            ("speed max", self.on_demand.to_string(), wanted.on_demand.to_string()),
            ("further currencies", self.currencies.join(","), wanted.currencies.join(",")),
            ("seed", self.seed.to_string(), wanted.seed.to_string()),
        ];
        let different = fields.iter().filter(|(_, kept, wanted)| kept != wanted);
        let said = different.map(|(name, kept, wanted)| format!("{name} {kept}, not {wanted}"));
        said.collect::<Vec<String>>().join("; ")
    }
}

/// A directory of this run alone, removed at its end.
pub fn temporary_directory() -> Result<TempDir> {
    tempfile::Builder::new().prefix("wattex-").tempdir().context("making a temporary directory")
}

/// Opens `directory` for `plan`: a new one begins, one of the same plan goes on.
///
/// # Errors
/// [`Trouble::Directory`] where it belongs to something else, [`Trouble::Clock`] where `wall`, the
/// machine's clock, is behind what it knows: tokens and challenges live by that clock.
pub fn open(directory: &Path, plan: &Plan, wall: Timestamp) -> Result<Progress> {
    let refused = |reason: String| Trouble::Directory(format!("{}: {reason}", directory.display()));
    fs::create_dir_all(directory).map_err(|error| refused(error.to_string()))?;
    let file = directory.join(PLAN);
    if !file.exists() {
        let mut entries = fs::read_dir(directory).map_err(|error| refused(error.to_string()))?;
        // What a crash left of the plan's own file is no one else's.
        let unfinished = |name: &OsStr| name == OsStr::new(PLAN_NEW);
        if entries.any(|entry| !entry.is_ok_and(|entry| unfinished(&entry.file_name()))) {
            return Err(refused("is not empty and holds no demo".to_owned()).into());
        }
        write(directory, PLAN, plan)?;
        return Ok(Progress::default());
    }
    let version = read::<serde_json::Value>(&file).ok().and_then(|found| found["version"].as_u64());
    if version != Some(u64::from(VERSION)) {
        return Err(refused("was made by another version of this program".to_owned()).into());
    }
    let found: Plan = read(&file).map_err(|error| refused(format!("{error:#}")))?;
    if found != *plan {
        let reason = format!("holds another demo: {}", found.differences(plan));
        return Err(refused(format!("{reason}; choose another directory")).into());
    }
    let progress = directory.join(PROGRESS);
    if !progress.exists() {
        return Ok(Progress::default());
    }
    let found: Progress = read(&progress)?;
    if wall.plus_seconds(CLOCK_SLACK_SECONDS) < found.wall {
        let (now, known) = (wall.to_string(), found.wall.to_string());
        return Err(Trouble::Clock { now, known }.into());
    }
    Ok(found)
}

/// Writes down how far the demo has come.
pub fn save(directory: &Path, progress: &Progress) -> Result<()> {
    write(directory, PROGRESS, progress)
}

fn read<T: DeserializeOwned>(file: &Path) -> Result<T> {
    let text = fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is damaged", file.display()))
}

/// Replaces a file whole: a crash leaves the old or the new one.
fn write(directory: &Path, name: &str, value: &impl Serialize) -> Result<()> {
    let new = directory.join(format!("{name}.new"));
    let mut file = fs::File::create(&new)?;
    file.write_all(&serde_json::to_vec(value)?)?;
    file.sync_data()?;
    fs::rename(&new, directory.join(name)).with_context(|| format!("writing {name}"))
}
