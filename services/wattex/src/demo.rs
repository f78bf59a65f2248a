//! `wattex demo`: a community's days with real meters, orders, blocks and bills.
//!
//! ```text
//! set up      accounts, connection points, meters, deposits, tariff
//! each slot   meters publish and are acknowledged -> pump -> homes place orders for a later slot
//! wind up     time jumps past the last correction run and the challenge window
//! bills       issued, written, one of them verified
//! serve       until Ctrl-C, which before that ends the run unfinished
//! ```
//!
//! Every step is written down before the next begins and may be repeated: whatever it does, the
//! services do once. So the demo goes on where it was killed.

mod bills;
mod drive;
mod members;
mod meter;
mod newsvendor;
mod orders;
mod pace;
mod people;
mod plan;
mod report;
mod rule;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Instant;

use anyhow::{Context, Result};
use calendar::{LocalDay, SlotLength};
use clap::Args;
use identity::{ORIGINS_MAX, Origin, Rotation};
use market::domain::SelfTrade;
use matching::Mechanism;
use matching::network::Network;
use service::Clock;

use crate::clear::zones;
use crate::data::{self, Span, Wanted};
use crate::exit::Trouble;
use crate::mechanism;
use crate::mqtt::MqttTls;
use crate::node::{Node, Settings};
use crate::outside::OutsideOptions;
use crate::stop::Stop;
use plan::{Plan, Progress};

pub use plan::temporary_directory;

/// Requests per second that this machine may make of the demo: its homes all call from here.
const REQUESTS_PER_SECOND: NonZeroU32 = NonZeroU32::new(50_000).expect("more than zero");
/// The genesis block lies this many seconds before the first slot.
const LEAD_SECONDS: i64 = 2 * 3600;
/// So many where a pace is kept: they are waited for.
const LEAD_SECONDS_PACED: i64 = 60;

/// Arguments of `wattex demo`.
#[derive(Args, Debug, Clone)]
pub struct Arguments {
    /// Folder with measured homes; the built-in sample when absent.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The first N homes only.
    #[arg(long, value_name = "N", value_parser = homes)]
    homes: Option<usize>,
    /// Only every K-th home keeps its PV.
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u16).range(1..))]
    pv_every: Option<u16>,
    /// How many days.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = days())]
    days: u32,
    /// The first day, e.g. 2026-06-01.
    #[arg(long, value_name = "DATE", value_parser = LocalDay::from_str)]
    start: Option<LocalDay>,
    /// Slot length: 5m, 15m, 30m or 60m.
    #[arg(long, value_name = "LENGTH", default_value = "15m", value_parser = slot_length)]
    slot: SlotLength,
    /// How slots are cleared: the name of a mechanism, or its JSON.
    #[arg(long, value_name = "NAME", default_value = "uniform", value_parser = mechanism::parse)]
    mechanism: Mechanism,
    /// What is done about orders of one party that would meet: refuse, or decrement; where they
    /// meet before the gate also cancel_newest, cancel_oldest or cancel_both.
    #[arg(
        long,
        value_name = "MODE",
        default_value = "refuse",
        value_parser = mechanism::self_trade
    )]
    self_trade: SelfTrade,
    /// The grid: zones with fees and links with capacities of a slot, as of `wattex clear --zones`.
    /// Homes stand in turn in those that no other one is below; all clear together, by the uniform
    /// auction. Every zone's fee is at least the local network's.
    #[arg(long, value_name = "FILE")]
    zones: Option<PathBuf>,
    /// How far ahead orders may be placed: 1h to 168h, which are seven days.
    #[arg(long, value_name = "HOURS", default_value = "36h", value_parser = horizon)]
    horizon: u32,
    /// Homes whose key the operator holds settle at another address from each month on. Not where
    /// what was metered is shared out: members grant that by one address.
    #[arg(long)]
    rotate: bool,
    /// How fast simulated time runs: max, or a factor such as 60x.
    #[arg(long, value_name = "SPEED", default_value = "max", value_parser = Speed::from_str)]
    speed: Speed,
    /// Further currencies that homes can have cash of and exchange, e.g. CHF,USD; at most three.
    #[arg(long, value_name = "CODES", value_delimiter = ',')]
    currencies: Vec<String>,
    /// Where everything is kept, to go on later; a temporary directory when absent.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// HTTP port.
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    port: u16,
    /// End when the days are over and billed, instead of serving on.
    #[arg(long)]
    exit: bool,
    /// Write the figures as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write each bill as JSON and HTML, and trust.json.
    #[arg(long, value_name = "DIR")]
    bills: Option<PathBuf>,
    /// Seed of the sample and of the homes' tastes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where people reach the web app, for wallets that sign in: https://HOST[:PORT], again for
    /// each, 16 at most. Messages to sign name it, and are taken from nowhere else. When absent
    /// wallets sign in on this machine alone, at whatever port.
    #[arg(
        long = "origin",
        value_name = "URL",
        env = "WATTEX_ORIGINS",
        value_delimiter = ',',
        value_parser = Origin::from_str
    )]
    origins: Vec<Origin>,
    /// Erase readings after so many days, 92 at least; bills keep those that they rest on. When
    /// absent readings are kept for ever.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(92..))]
    readings_kept_days: Option<u16>,
    #[command(flatten)]
    mqtt: MqttTls,
    /// How systems and people outside are told what happens.
    #[command(flatten)]
    outside: OutsideOptions,
}

/// How fast simulated time runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speed {
    /// As fast as the machine can.
    Max,
    /// So many times as fast as the wall clock.
    Times(NonZeroU32),
}

impl FromStr for Speed {
    type Err = String;
    fn from_str(text: &str) -> Result<Speed, String> {
        let factor = || text.strip_suffix('x')?.parse().ok();
        match text {
            "max" => Ok(Speed::Max),
            _ => factor().map(Speed::Times).ok_or_else(|| "use max, 1x, 60x ...".to_owned()),
        }
    }
}

fn homes(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| *count > 0);
    count.ok_or_else(|| "use a whole number from 1".to_owned())
}

/// A demo runs at most a year.
fn days() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=366)
}

/// Hours, as seconds.
fn horizon(text: &str) -> Result<u32, String> {
    let hours: Option<u32> = text.strip_suffix('h').and_then(|hours| hours.parse().ok());
    let seconds = hours.and_then(|hours| hours.checked_mul(3_600)).filter(|seconds| *seconds > 0);
    let seconds = seconds.filter(|seconds| *seconds <= market::HORIZON_SECONDS_MAX);
    seconds.ok_or_else(|| "use 1h to 168h".to_owned())
}

fn slot_length(text: &str) -> Result<SlotLength, String> {
    let minutes = text.strip_suffix('m').and_then(|minutes| minutes.parse().ok());
    let minutes = minutes.ok_or_else(|| "use 5m, 15m, 30m or 60m".to_owned())?;
    SlotLength::from_minutes(minutes).map_err(|error| error.to_string())
}

/// Runs the demo.
pub fn run(arguments: Arguments) -> Result<ExitCode> {
    if arguments.origins.len() > ORIGINS_MAX {
        return Err(Trouble::Argument(format!("--origin: {ORIGINS_MAX} at most")).into());
    }
    let wanted = Wanted {
        homes: arguments.homes,
        pv_every: arguments.pv_every.map(usize::from),
        start: arguments.start,
        days: arguments.days,
        slot: arguments.slot,
    };
    let grid = arguments.zones.as_deref().map(zones::read).transpose()?;
    let grid = grid.map(|grid| grid.network);
    if grid.is_some() && arguments.mechanism != Mechanism::default() {
        let why = "--zones: only the mechanism uniform knows a grid".to_owned();
        return Err(Trouble::Argument(why).into());
    }
    if arguments.rotate && arguments.mechanism.is_allocation() {
        let why = "--rotate: not where what was metered is shared out".to_owned();
        return Err(Trouble::Argument(why).into());
    }
    let span = data::load(arguments.data.as_deref(), &wanted, arguments.seed)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async { Box::pin(play(arguments, span, grid)).await })
}

async fn play(arguments: Arguments, span: Span, grid: Option<Network>) -> Result<ExitCode> {
    let began = Instant::now();
    let temporary = match &arguments.dir {
        Some(_) => None,
        None => Some(temporary_directory()?),
    };
    let kept = temporary.as_ref().map(|folder| folder.path().to_owned());
    let directory = arguments.dir.clone().or(kept).context("no directory")?;
    let plan = Plan::of(&arguments, &span, grid.as_ref());
    let progress = plan::open(&directory, &plan, Clock::real().now())?;
    let first = span.slots.first().context("no slots")?.start;
    let lead = match arguments.speed {
        Speed::Max => LEAD_SECONDS,
        Speed::Times(_) => LEAD_SECONDS_PACED,
    };
    let genesis = first.plus_seconds(-lead);
    let (clock, hand) = Clock::set(progress.now.max(genesis));
    let valid_from = span.first;
    let mut stop = Stop::listen().context("listening for Ctrl-C")?;
    let node = Node::start(Settings {
        directory: directory.clone(),
        port: arguments.port,
        timezone: span.timezone.clone(),
        slot: arguments.slot,
        mechanism: arguments.mechanism,
        self_trade: arguments.self_trade,
        horizon_seconds: arguments.horizon,
        grid,
        tariff: span.prices.tariff(&span.timezone, valid_from)?,
        currencies: arguments.currencies.clone(),
        genesis: genesis.plus_seconds(-60),
        clock: clock.clone(),
        on_demand: arguments.speed == Speed::Max,
        stops_when_silent: arguments.speed == Speed::Times(NonZeroU32::MIN),
        requests_per_second: REQUESTS_PER_SECOND,
        origins: arguments.origins.clone(),
        mqtt_tls: arguments.mqtt.tls(),
        readings_kept_days: arguments.readings_kept_days,
        outside: arguments.outside.outside()?,
        rotation: if arguments.rotate { Rotation::Monthly } else { Rotation::Fixed },
    })
    .await?;
    eprintln!(
        "{}: {} homes, {} slots, {}",
        span.name,
        span.meters.len(),
        span.slots.len(),
        node.url()
    );
    let stage = drive::Stage { arguments: &arguments, span: &span, node: &node, clock, hand };
    let outcome = until_stopped(&stage, &directory, progress, began, &mut stop).await;
    let stopped = node.stop().await;
    drop(temporary);
    outcome.and_then(|code| stopped.map(|()| code))
}

/// Runs the days, then serves unless told to end. Who asks it to end before the days are over gets
/// an exit code that says so.
async fn until_stopped(
    stage: &drive::Stage<'_>,
    directory: &Path,
    progress: Progress,
    began: Instant,
    stop: &mut Stop,
) -> Result<ExitCode> {
    let people = tokio::select! {
        people = stage.run(directory, progress, began) => people?,
        code = stop.asked() => {
            eprintln!("\nstopping before the days are over");
            return Ok(ExitCode::from(code));
        }
    };
    if !stage.arguments.exit {
        tokio::select! {
            served = stage.serve(&people) => served?,
            _ = stop.asked() => eprintln!("\nstopping"),
        }
    }
    Ok(ExitCode::SUCCESS)
}
