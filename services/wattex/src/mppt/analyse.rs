//! What measurements of a plant say, as tables or JSON.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use mppt::analysis::{self, Day, Kind, Light, Measured, Report};
use mppt::converter::Losses;
use mppt::plant::Plant;
use mppt::sun::Site;
use mppt::telemetry::{Columns, Role, Series, moment};
use serde_json::json;

use super::{argument, bytes, fault, module, percent};
use crate::mppt::braille;

/// Arguments of `wattex mppt analyse`.
#[derive(clap::Args)]
pub struct Arguments {
    /// CSV files with a column of time and what was measured: `irradiance` (W/m2),
    /// `air_temperature`, `cell_temperature` (degrees Celsius), `dc_voltage` (V), `dc_current` (A),
    /// `dc_power` and `ac_power` (W, or kW where the header says so). Several files are joined by
    /// time, into the moments of the first.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    module: module::Options,
    /// The column of a measurement, such as `dc_power=Inverter 1`, where its header does not say.
    #[arg(long, value_name = "WHAT=HEADER", value_parser = column)]
    column: Vec<(Role, String)>,
    /// Hours east of UTC of times that do not say.
    #[arg(long, value_name = "HOURS", default_value_t = 0.0, allow_negative_numbers = true)]
    utc_offset: f64,
    /// What the inverter delivers at most, in W.
    #[arg(long, value_name = "W")]
    ac_max: Option<f64>,
    /// Measured power over the model's when all is well.
    #[arg(long, value_name = "RATIO", default_value_t = 1.0)]
    expected: f64,
    /// Degrees north; with the other three, irradiance is that on the horizontal, or of a clear sky
    /// where none was measured.
    #[arg(long, requires_all = ["longitude", "tilt", "azimuth"], allow_negative_numbers = true)]
    latitude: Option<f64>,
    /// Degrees east.
    #[arg(long, requires = "latitude", allow_negative_numbers = true)]
    longitude: Option<f64>,
    /// Degrees from flat.
    #[arg(long, requires = "latitude")]
    tilt: Option<f64>,
    /// Degrees from north over east; 180 is south.
    #[arg(long, requires = "latitude")]
    azimuth: Option<f64>,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

/// A column's role and header.
fn column(text: &str) -> Result<(Role, String), String> {
    let known = || Role::ALL.map(Role::name).join(", ");
    let (what, header) = text.split_once('=').ok_or("write WHAT=HEADER")?;
    let role = Role::ALL.into_iter().find(|role| role.name() == what);
    role.map(|role| (role, header.to_owned())).ok_or_else(|| format!("known are {}", known()))
}

/// Reads, analyses and prints.
pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let series = read(arguments)?;
    let plant = plant(arguments)?;
    let report = analysis::analyse(&series, &plant).map_err(argument)?;
    if arguments.json {
        let findings: Vec<_> = report
            .findings
            .iter()
            .map(|finding| {
                json!({ "kind": finding.kind, "from": moment(finding.from),
                        "to": moment(finding.to), "lost_wh": finding.lost_wh,
                        "evidence": finding.evidence })
            })
            .collect();
        let mut whole = serde_json::to_value(&report)?;
        whole["findings"] = json!(findings);
        whole["module"] = json!(plant.module.name);
        whole["columns"] = json!(series.columns);
        whole["repeated_lines"] = json!(series.repeated);
        println!("{}", serde_json::to_string_pretty(&whole)?);
    } else {
        print(&series, &plant, &report);
    }
    Ok(ExitCode::SUCCESS)
}

fn read(arguments: &Arguments) -> Result<Series> {
    let hours = arguments.utc_offset;
    if !(-24.0..=24.0).contains(&hours) {
        return Err(argument("--utc-offset: between -24 and 24 hours").into());
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most a day")]
    let offset = (hours * 3_600.0).round() as i32;
    let mut joined: Option<Series> = None;
    for path in &arguments.files {
        let bytes = bytes(path)?;
        let headers = mppt::table::Table::read(&bytes).map_err(|error| fault(path, error))?;
        // A column that is told may be in any one of the files.
        let has = |told: &&(Role, String)| headers.column(&told.1).is_ok();
        let columns = Columns(arguments.column.iter().filter(has).cloned().collect());
        let series = Series::read(&bytes, &columns, offset).map_err(|error| fault(path, error))?;
        joined = Some(match joined {
            None => series,
            Some(first) => first.joined(&series),
        });
    }
    let series = joined.unwrap_or_default();
    for (role, header) in &arguments.column {
        if !series.columns.iter().any(|known| known.0 == *role) {
            return Err(argument(format!("--column: no file has a column {header:?}")).into());
        }
    }
    Ok(series)
}

fn plant(arguments: &Arguments) -> Result<Plant> {
    let site = match (arguments.latitude, arguments.longitude, arguments.tilt, arguments.azimuth) {
        (Some(latitude), Some(longitude), Some(tilt), Some(azimuth)) => {
            Some(Site { latitude, longitude, tilt, azimuth })
        }
        _ => None,
    };
    Ok(Plant {
        module: arguments.module.module()?,
        series: arguments.module.series,
        strings: arguments.module.strings,
        output_max: arguments.ac_max,
        losses: Losses::USUAL,
        site,
        expected: arguments.expected,
    })
}

/// A finding's kind in words.
fn words(kind: Kind) -> &'static str {
    match kind {
        Kind::Outage => "outage",
        Kind::Clipping => "clipping",
        Kind::Curtailment => "curtailment",
        Kind::StringOut => "string out",
        Kind::BypassedModules => "bypassed modules",
        Kind::Shading => "shading",
        Kind::Soiling => "soiling",
        Kind::StuckTracker => "stuck tracker",
        Kind::LowRatio => "low ratio",
    }
}

fn print(series: &Series, plant: &Plant, report: &Report) {
    let (series_of, strings) = (plant.series, plant.strings);
    let nominal = report.nominal_w / 1_000.0;
    println!("Plant      {series_of} x {strings} of {}: {nominal:.2} kW", plant.module.name);
    let light = match report.light {
        Light::Plane => "measured, taken as in the plane of the modules",
        Light::Horizontal => "measured on the horizontal, brought to the plane",
        Light::ClearSky => "not measured: a clear sky, so available energy is an upper bound",
        Light::Unknown => "not known: nothing to compare with",
    };
    println!("Light      {light}");
    let power = match report.measured {
        Measured::Input => "of the modules",
        Measured::Output => "of the inverter",
        Measured::Nothing => "not measured",
    };
    println!("Power      {power}");
    let columns: Vec<String> =
        series.columns.iter().map(|(role, name)| format!("{} = {name:?}", role.name())).collect();
    println!("Columns    {}", columns.join(", "));
    println!(
        "Samples    {}, judged {}, gaps {}, repeated lines {}",
        report.samples, report.judged, report.gaps, series.repeated
    );
    println!();
    println!(
        "{:<10} {:>9} {:>11} {:>9} {:>9} {:>9} {:>11} {:>9}",
        "day", "kWh", "available", "ratio", "PR", "kWh/kWp", "held back", "clipped"
    );
    for day in &report.days {
        row(day);
    }
    let ratios: Vec<f64> = report.days.iter().filter_map(|day| day.yield_ratio).collect();
    if ratios.len() > 2 {
        println!("{:<10} {}", "ratio", braille::sparkline(&ratios));
    }
    if report.findings.is_empty() {
        let why = if report.judged == 0 { ": nothing could be judged" } else { "" };
        println!("\nNo findings{why}");
        return;
    }
    println!();
    println!("{:<17} {:<20} {:<20} {:>9}  evidence", "finding", "from", "to", "lost kWh");
    for finding in &report.findings {
        println!(
            "{:<17} {:<20} {:<20} {:>9.2}  {}",
            words(finding.kind),
            moment(finding.from),
            moment(finding.to),
            finding.lost_wh / 1_000.0,
            finding.evidence
        );
    }
}

fn row(day: &Day) {
    let kilo = |wh: f64| format!("{:.2}", wh / 1_000.0);
    println!(
        "{:<10} {:>9} {:>11} {:>9} {:>9} {:>9.2} {:>11} {:>9}",
        day.date,
        kilo(day.energy_wh),
        day.available_wh.map_or_else(|| "-".to_owned(), kilo),
        percent(day.yield_ratio),
        percent(day.performance_ratio),
        day.yield_hours,
        kilo(day.curtailed_wh),
        kilo(day.clipped_wh)
    );
}
