//! What measurements tell: measured power against available power, and why they differ.
//!
//! ```text
//! light, heat --plant--> available --+
//!                                    +--> each moment: class --> runs, patterns --> findings
//! measured volts, amperes, watts ----+                      \--> sums of each day
//! ```
//!
//! Deliberately absent: forecasts; a guess where nothing was measured. Night irradiance below zero
//! counts as zero.

mod judge;
mod patterns;

use serde::Serialize;

use crate::diode::BadParameter;
use crate::plant::Plant;
use crate::telemetry::Series;

pub use judge::{Class, Judged};

/// Seconds of a day.
const DAY: i64 = 86_400;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// No power in the light.
    Outage,
    /// Held at the inverter's limit.
    Clipping,
    /// Held back: less than available at a voltage above that of maximum power.
    Curtailment,
    /// Strings that deliver nothing.
    StringOut,
    /// Modules bridged by their bypass diodes.
    BypassedModules,
    /// Less at the same time of day, or for a while.
    Shading,
    /// Less every day.
    Soiling,
    /// A voltage that does not follow light and heat.
    StuckTracker,
    /// Less than expected over a week.
    LowRatio,
}

/// Something that was found, and what it cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// What.
    pub kind: Kind,
    /// From when, in seconds since 1970 UTC.
    pub from: i64,
    /// Until when.
    pub to: i64,
    /// Available less measured energy in that time, in Wh.
    pub lost_wh: f64,
    /// The numbers behind it.
    pub evidence: String,
}

/// The sums of one day, by the offset of the measurements.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Day {
    /// Days since 1970.
    pub day: i64,
    /// As a date.
    pub date: String,
    /// Measured, in Wh.
    pub energy_wh: f64,
    /// Available by the model while power was measured, or all day where it never was, in Wh;
    /// `None` where nothing tells.
    pub available_wh: Option<f64>,
    /// Energy that was held back, in Wh.
    pub curtailed_wh: f64,
    /// Energy lost to the inverter's limit, in Wh.
    pub clipped_wh: f64,
    /// What fell on the plane in the same time, in Wh/m2.
    pub insolation_wh_m2: Option<f64>,
    /// Measured over available.
    pub yield_ratio: Option<f64>,
    /// Measured over nominal power times hours of full sun (IEC 61724-1).
    pub performance_ratio: Option<f64>,
    /// Measured per nominal power, in h (kWh/kWp).
    pub yield_hours: f64,
    /// Seconds of the day that were measured.
    pub measured_s: i64,
}

/// All that is told of a series.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Nominal power, in W.
    pub nominal_w: f64,
    /// How light was known.
    pub light: Light,
    /// Behind what power was measured.
    pub measured: Measured,
    /// Samples, and how many of them could be judged.
    pub samples: usize,
    /// Those with light and power.
    pub judged: usize,
    /// Where samples are missing, for longer than three steps.
    pub gaps: usize,
    /// Day by day.
    pub days: Vec<Day>,
    /// In the order of time.
    pub findings: Vec<Finding>,
}

/// How light was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Light {
    /// Measured in the plane of the modules.
    Plane,
    /// Measured on the horizontal and brought to the plane.
    Horizontal,
    /// Not measured: a clear sky, so an upper bound. Nothing but energy is told from it.
    ClearSky,
    /// Not at all.
    Unknown,
}

/// Behind what power was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measured {
    /// The modules.
    Input,
    /// The inverter.
    Output,
    /// Nothing.
    Nothing,
}

/// Judges every moment of a series and tells what follows.
///
/// # Errors
/// [`BadParameter`] where the plant makes no sense.
pub fn analyse(series: &Series, plant: &Plant) -> Result<Report, BadParameter> {
    plant.check()?;
    let has = |of: fn(&crate::telemetry::Sample) -> Option<f64>| {
        series.samples.iter().any(|sample| of(sample).is_some())
    };
    let light = match (has(|sample| sample.irradiance), plant.site) {
        (true, None) => Light::Plane,
        (true, Some(_)) => Light::Horizontal,
        (false, Some(_)) => Light::ClearSky,
        (false, None) => Light::Unknown,
    };
    let measured = if has(|sample| sample.input) {
        Measured::Input
    } else if has(|sample| sample.output) {
        Measured::Output
    } else {
        Measured::Nothing
    };
    let judged = judge::all(series, plant, light, measured);
    let days = days(series, plant, &judged, measured);
    let findings = if matches!(light, Light::Plane | Light::Horizontal) {
        patterns::all(&judged, &days, plant, series.offset)
    } else {
        Vec::new()
    };
    let step = series.step();
    let gaps = series.samples.windows(2).filter(|two| two[1].time - two[0].time > 3 * step).count();
    Ok(Report {
        nominal_w: plant.nominal(),
        light,
        measured,
        samples: series.samples.len(),
        judged: judged.iter().filter(|one| one.is_judged()).count(),
        gaps,
        days,
        findings,
    })
}

/// The day of a moment at an offset.
fn day_of(time: i64, offset: i32) -> i64 {
    (time + i64::from(offset)).div_euclid(DAY)
}

fn days(series: &Series, plant: &Plant, judged: &[Judged], measured: Measured) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    for one in judged {
        let day = day_of(one.time, series.offset);
        if days.last().is_none_or(|last| last.day != day) {
            days.push(Day {
                day,
                date: date(day),
                energy_wh: 0.0,
                available_wh: None,
                curtailed_wh: 0.0,
                clipped_wh: 0.0,
                insolation_wh_m2: None,
                yield_ratio: None,
                performance_ratio: None,
                yield_hours: 0.0,
                measured_s: 0,
            });
        }
        let Some(last) = days.last_mut() else { continue };
        let hours = one.hours();
        if let Some(power) = one.measured {
            last.energy_wh += power * hours;
            last.measured_s += one.seconds;
        } else if measured != Measured::Nothing {
            // What was available meanwhile has nothing to be compared with.
            continue;
        }
        let Some(available) = one.available else { continue };
        *last.available_wh.get_or_insert(0.0) += one.possible * hours;
        *last.insolation_wh_m2.get_or_insert(0.0) += available.irradiance * hours;
        match one.class {
            Class::Curtailed => last.curtailed_wh += one.lost_wh(),
            Class::Clipped => last.clipped_wh += one.lost_wh(),
            _ => {}
        }
    }
    for day in &mut days {
        day.yield_hours = day.energy_wh / plant.nominal();
        let over = |whole: Option<f64>| {
            whole
                .filter(|whole| *whole > 0.0 && day.measured_s > 0)
                .map(|whole| day.energy_wh / whole)
        };
        day.yield_ratio = over(day.available_wh);
        day.performance_ratio =
            over(day.insolation_wh_m2.map(|sun| sun / 1_000.0 * plant.nominal()));
    }
    days
}

/// A day since 1970 as a date.
fn date(day: i64) -> String {
    let moment = crate::telemetry::moment(day.saturating_mul(DAY));
    moment.split('T').next().unwrap_or_default().to_owned()
}
