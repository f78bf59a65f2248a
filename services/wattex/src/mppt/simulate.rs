//! A charger over days: what it publishes as JSON lines, and to a broker.

use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use mppt::charger::{Battery, Charger, Settings};
use mppt::converter::{Losses, Sensor};
use mppt::sun::Site;
use mppt::telemetry::{Columns, Sample, Series, midnight, moment};
use mppt::tracker::{Kind, Limits};
use mppt::victron::{Line, Publisher};
use mppt::{Conditions, Converter, Module, Source};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

use super::{argument, bytes, fault, module, publish, tracker};

const DAY: u32 = 86_400;
/// A charger's periods in a second.
const PERIODS: u32 = 10;
/// The air where a file of light has no temperature, in degrees Celsius.
const AIR: f64 = 15.0;

/// Arguments of `wattex mppt simulate`.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    module: module::Options,
    /// The tracker.
    #[arg(long, value_name = "NAME", value_parser = tracker, default_value = "scan")]
    tracker: Kind,
    /// Resolution of the sensors in bits.
    #[arg(long, value_name = "BITS", default_value_t = 12)]
    #[arg(value_parser = clap::value_parser!(u8).range(4..=24))]
    noise_bits: u8,
    /// Seed of the noise.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Measured light: a CSV file with time and W/m2 in the plane of the modules, perhaps with the
    /// air's temperature. Its first day is day one, and where it ends it begins again. A clear sky
    /// over Munich when absent.
    #[arg(long, value_name = "FILE")]
    light: Option<PathBuf>,
    /// The first day, e.g. 2026-06-21.
    #[arg(long, value_name = "DATE", default_value = "2026-06-21", value_parser = date)]
    start: i64,
    /// How many days.
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=31))]
    days: u32,
    /// Seconds between two looks at what changed.
    #[arg(long, value_name = "S", default_value_t = 60)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=86_400))]
    every: u32,
    /// The battery, in Wh at 48 V.
    #[arg(long, value_name = "WH", default_value_t = 10_000)]
    #[arg(value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    battery: u32,
    /// What is taken from the battery all the time, in W.
    #[arg(long, value_name = "W", default_value_t = 200)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    load: u32,
    /// The portal's id.
    #[arg(long, value_name = "ID", default_value = "c0ffee123456")]
    portal: String,
    /// The device instance.
    #[arg(long, value_name = "N", default_value_t = 258)]
    instance: u32,
    /// Where to write; the standard output when absent.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    publish: publish::Publishing,
}

/// A day as its first second.
fn date(text: &str) -> Result<i64, String> {
    midnight(text).ok_or_else(|| "a date such as 2026-06-21".to_owned())
}

/// Where light comes from.
enum Sky {
    /// Measured; the second number is the first sample's second of its local day.
    Measured(Vec<Sample>, i64),
    Clear(Site),
}

impl Sky {
    fn read(arguments: &Arguments) -> Result<Sky> {
        let Some(path) = &arguments.light else {
            let site = Site { latitude: 48.1, longitude: 11.6, tilt: 30.0, azimuth: 180.0 };
            return Ok(Sky::Clear(site));
        };
        let read = Series::read(&bytes(path)?, &Columns::default(), 0);
        let mut series = read.map_err(|error| fault(path, error))?;
        series.samples.retain(|sample| sample.irradiance.is_some());
        let Some(first) = series.samples.first() else {
            return Err(fault(path, "no line has an irradiance").into());
        };
        let local = (first.time + i64::from(series.offset)).rem_euclid(i64::from(DAY));
        Ok(Sky::Measured(series.samples, local))
    }

    /// Irradiance and the air's temperature so many s after the first midnight.
    fn at(&self, start: i64, seconds: u32) -> (f64, f64) {
        match self {
            Sky::Clear(site) => {
                // Its clock is one hour east of Greenwich.
                let now = start + i64::from(seconds) - 3_600;
                #[expect(clippy::cast_precision_loss, reason = "seconds, below 2^53")]
                let sun = site.sun(now as f64);
                (site.on_plane(&sun, sun.clear()), AIR)
            }
            Sky::Measured(samples, local) => {
                let (first, last) = (samples[0].time, samples[samples.len() - 1].time);
                // Whole days, so that noon stays noon.
                let day = i64::from(DAY);
                let whole = ((last - first) / day + 1) * day;
                let wanted = first + (i64::from(seconds) - local).rem_euclid(whole);
                let after = samples.partition_point(|sample| sample.time <= wanted);
                let one = samples[after.saturating_sub(1)];
                (one.irradiance.unwrap_or(0.0).max(0.0), one.air.unwrap_or(AIR))
            }
        }
    }
}

/// Runs the charger and writes.
pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let module = arguments.module.module()?;
    let sky = Sky::read(arguments)?;
    let mut charger = charger(arguments, &module)?;
    let mut publisher = Publisher::new(&arguments.portal, arguments.instance).map_err(argument)?;
    let mut out: BufWriter<Box<dyn Write>> = BufWriter::new(match &arguments.out {
        Some(path) => Box::new(std::fs::File::create(path).map_err(|error| fault(path, error))?),
        None => Box::new(std::io::stdout()),
    });
    let mut broker = arguments.publish.connect(&arguments.portal)?;
    let mut generator = ChaCha8Rng::seed_from_u64(arguments.seed);
    let mut dice = || generator.random::<f64>();
    let style = ProgressStyle::with_template("{msg} [{bar:40}] {pos}/{len} s {eta}")
        .expect("the template is constant");
    let all = arguments.days * DAY;
    let bar = ProgressBar::new(u64::from(all)).with_style(style.progress_chars("=> "));
    let scale = (f64::from(arguments.module.series), f64::from(arguments.module.strings));
    for second in 0..all {
        let (irradiance, air) = sky.at(arguments.start, second);
        let cell_temperature = module.cell_temperature(air, irradiance);
        let diode =
            module.diode(Conditions { irradiance, cell_temperature }).scaled(scale.0, scale.1);
        let load = f64::from(arguments.load);
        let mut status = charger.period(&diode, load, &mut dice);
        for _ in 1..PERIODS {
            status = charger.period(&diode, load, &mut dice);
        }
        if second % arguments.every == 0 {
            let now = arguments.start + i64::from(second) + 1;
            let lines =
                if second == 0 { publisher.all(&status, now) } else { publisher.changes(&status) };
            write(&mut out, now, &lines)?;
            if let Some(broker) = &mut broker {
                broker.publish(second, &lines)?;
            }
            bar.set_position(u64::from(second));
        }
    }
    out.flush()?;
    broker.map(publish::Broker::finish).transpose()?;
    bar.finish_and_clear();
    Ok(ExitCode::SUCCESS)
}

fn write(out: &mut impl Write, now: i64, lines: &[Line]) -> Result<()> {
    let time = moment(now);
    for line in lines {
        let json = json!({ "time": time, "topic": line.topic, "payload": line.payload });
        writeln!(out, "{json}")?;
    }
    Ok(())
}

fn charger(arguments: &Arguments, module: &Module) -> Result<Charger> {
    let (series, strings) =
        (f64::from(arguments.module.series), f64::from(arguments.module.strings));
    let at = |light: f64| module.diode(Conditions::light(light)).scaled(series, strings);
    let standard = at(1_000.0);
    let (best, open) = (standard.maximum(), standard.open_circuit());
    let sensor = Sensor::with_bits(arguments.noise_bits, open, standard.short_circuit());
    let converter = Converter::new(best.power(), Losses::USUAL, sensor, 0.02, 0.8 * open);
    let limits = Limits::guard(at(2.0).open_circuit(), open);
    let tracker = arguments.tracker.tracker(best.voltage, limits, sensor.resolution());
    let battery = Battery::of_48_volts(f64::from(arguments.battery));
    // What the modules give at most, and a little more when it is cold.
    let settings = Settings::of_48_volts(1.1 * best.power() / 48.0);
    let charger = Charger::new(tracker, converter.map_err(argument)?, battery, settings);
    Ok(charger.map_err(argument)?)
}
