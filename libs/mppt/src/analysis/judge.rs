//! One moment: what was there, what was measured, and which of the known reasons explains it.

use serde::Serialize;

use super::{Light, Measured};
use crate::plant::{Available, Plant};
use crate::telemetry::{Sample, Series};

/// Below this irradiance, in W/m2, sensors and model are too coarse to judge by.
const LIGHT_LEAST: f64 = 100.0;
/// Less than this part of what is available is nothing.
const NOTHING: f64 = 0.02;
/// Measured power from this part of the expected on is well.
const WELL: f64 = 0.93;
/// Held back only where less than this part comes.
const HELD_BACK: f64 = 0.92;
/// A voltage this far above that of maximum power is not a tracker's.
const VOLTAGE_ABOVE: f64 = 1.04;
/// One this far below is of fewer modules.
const VOLTAGE_BELOW: f64 = 0.965;
/// As near to the inverter's limit is at it.
const AT_LIMIT: f64 = 0.985;
/// More strings than this are too many to tell one.
const STRINGS_TOLD_MAX: u32 = 12;
/// The air where nobody measured it, in degrees Celsius.
const AIR_USUAL: f64 = 15.0;
/// A sample stands for no more than so many steps.
const STEPS_MAX: i64 = 3;

/// Why a moment's power is what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Too dark, or something was not measured.
    Unjudged,
    /// As expected.
    Well,
    /// Nothing comes.
    Out,
    /// At the inverter's limit.
    Clipped,
    /// Above the voltage of maximum power.
    Curtailed,
    /// So many strings are missing.
    StringsOut(u32),
    /// So many thirds of modules are missing in every string.
    Bypassed(u32),
    /// Less, for none of these reasons.
    Low,
}

/// A moment with its judgement.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Judged {
    /// Seconds since 1970, UTC.
    pub time: i64,
    /// How long it stands for, in s.
    pub seconds: i64,
    /// What the plant could do.
    pub available: Option<Available>,
    /// What could have been measured, in W, the inverter's limit not counted.
    pub possible: f64,
    /// What was, in W; not below zero.
    pub measured: Option<f64>,
    /// At which voltage of the modules.
    pub voltage: Option<f64>,
    /// Why.
    pub class: Class,
}

impl Judged {
    /// Whether there was light and a measured power.
    pub fn is_judged(&self) -> bool {
        self.class != Class::Unjudged
    }

    /// Measured over possible power.
    pub fn ratio(&self) -> f64 {
        if self.possible > 0.0 { self.measured.unwrap_or(0.0) / self.possible } else { 0.0 }
    }

    /// How long it stands for, in h.
    #[expect(clippy::cast_precision_loss, reason = "seconds of a day")]
    pub fn hours(&self) -> f64 {
        self.seconds as f64 / 3_600.0
    }

    /// Possible less measured energy, in Wh; not below zero.
    pub fn lost_wh(&self) -> f64 {
        (self.possible - self.measured.unwrap_or(0.0)).max(0.0) * self.hours()
    }
}

/// Every sample of a series.
pub(super) fn all(series: &Series, plant: &Plant, light: Light, measured: Measured) -> Vec<Judged> {
    let step = series.step();
    let next = series.samples.iter().skip(1).map(|sample| Some(sample.time)).chain([None]);
    let pairs = series.samples.iter().zip(next);
    pairs
        .map(|(sample, next)| {
            let until = next.unwrap_or(sample.time + step);
            let seconds = (until - sample.time).min(STEPS_MAX * step);
            judged(sample, seconds, plant, light, measured)
        })
        .collect()
}

fn judged(
    sample: &Sample,
    seconds: i64,
    plant: &Plant,
    light: Light,
    measured: Measured,
) -> Judged {
    let available = irradiance(sample, plant, light).map(|irradiance| {
        let air = sample.air.unwrap_or(AIR_USUAL);
        let warm = || plant.module.cell_temperature(air, irradiance);
        plant.available(irradiance, sample.cell.unwrap_or_else(warm))
    });
    let of = |power: Option<f64>| power.map(|power| power.max(0.0));
    let (power, possible) = match measured {
        Measured::Input => (of(sample.input), available.map_or(0.0, |there| there.input)),
        Measured::Output => (of(sample.output), available.map_or(0.0, |there| there.output)),
        Measured::Nothing => (None, available.map_or(0.0, |there| there.input)),
    };
    let mut one = Judged {
        time: sample.time,
        seconds,
        available,
        possible,
        measured: power,
        voltage: sample.voltage,
        class: Class::Unjudged,
    };
    if let (Some(there), Some(power)) = (available, power) {
        let is_light = there.irradiance >= LIGHT_LEAST && possible > 0.0;
        if is_light && light != Light::ClearSky {
            let output = sample.output.or((measured == Measured::Output).then_some(power));
            one.class = class(&one, &there, output, plant);
        }
    }
    one
}

fn irradiance(sample: &Sample, plant: &Plant, light: Light) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970, below 2^53")]
    let seconds = sample.time as f64;
    match light {
        Light::Plane => sample.irradiance.map(|light| light.max(0.0)),
        Light::Horizontal => {
            let site = plant.site?;
            sample.irradiance.map(|light| site.on_plane(&site.sun(seconds), light))
        }
        Light::ClearSky => {
            let site = plant.site?;
            let sun = site.sun(seconds);
            Some(site.on_plane(&sun, sun.clear()))
        }
        Light::Unknown => None,
    }
}

/// The first reason that explains a moment.
fn class(one: &Judged, there: &Available, output: Option<f64>, plant: &Plant) -> Class {
    let ratio = one.ratio();
    if ratio < NOTHING {
        return Class::Out;
    }
    let behind =
        output.unwrap_or_else(|| plant.losses.efficiency(0.5) * one.measured.unwrap_or(0.0));
    if let Some(most) = plant.output_max
        && there.output > 1.02 * most
        && behind >= AT_LIMIT * most
    {
        return Class::Clipped;
    }
    if ratio >= WELL {
        return Class::Well;
    }
    let voltage = one.voltage.map(|voltage| voltage / there.voltage);
    if voltage.is_some_and(|voltage| voltage > VOLTAGE_ABOVE) && ratio < HELD_BACK {
        return Class::Curtailed;
    }
    let is_near = voltage.is_none_or(|voltage| voltage > VOLTAGE_BELOW);
    if is_near && let Some(out) = strings_out(ratio, plant.strings) {
        return Class::StringsOut(out);
    }
    if let Some(thirds) = voltage.and_then(|voltage| bypassed(voltage, ratio, plant.series)) {
        return Class::Bypassed(thirds);
    }
    Class::Low
}

/// How many strings are missing, where the ratio says one number clearly.
fn strings_out(ratio: f64, strings: u32) -> Option<u32> {
    if !(2..=STRINGS_TOLD_MAX).contains(&strings) {
        return None;
    }
    let all = f64::from(strings);
    let is_it = |out: &u32| (ratio - (1.0 - f64::from(*out) / all)).abs() < 0.3 / all;
    (1..strings).find(is_it)
}

/// How many thirds of a module are missing in every string, where voltage and power both lack them.
fn bypassed(voltage: f64, ratio: f64, series: u32) -> Option<u32> {
    let thirds = f64::from(3 * series);
    let is_it = |out: &u32| {
        let left = 1.0 - f64::from(*out) / thirds;
        (voltage - left).abs() < 0.35 / thirds.min(30.0) && (ratio - left).abs() < 0.04
    };
    (voltage < VOLTAGE_BELOW).then(|| (1..3 * series.min(40)).find(is_it)).flatten()
}
