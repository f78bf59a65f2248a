//! The efficiency of a tracker by the procedures of EN 50530 and IEC 62891.
//!
//! Static: the generator gives 5 % to 100 % of the converter's rated power, one level at a time;
//! what is drawn in ten minutes is set against what was there, once the tracker has settled. The
//! levels are weighted by the European and the Californian formula, for each technology. (The
//! standard repeats that at three voltages; here sensors and limits scale with the generator, so
//! they would only repeat themselves.) Dynamic: ramps of light, each row of a sequence by
//! itself; the total is the mean of the rows. Settling is left out only where the standard does:
//! the 300 s before each measurement.

use serde::Serialize;

use crate::array::{Array, Group};
use crate::bench::{Bench, Energy, PERIOD, Step};
use crate::converter::{Converter, Dice, Losses, Sensor};
use crate::diode::{BadParameter, Diode};
use crate::module::{Conditions, Module};
use crate::sequence::Row;
use crate::simulator::Simulator;
use crate::source::{Point, Source};
use crate::tracker::{Kind, Limits, Tracker};

/// The levels of the static test, as parts of the rated power.
pub const LEVELS: [f64; 8] = [0.05, 0.10, 0.20, 0.25, 0.30, 0.50, 0.75, 1.00];
/// European weights of the levels.
pub const EURO: [(f64, f64); 6] =
    [(0.05, 0.03), (0.10, 0.06), (0.20, 0.13), (0.30, 0.10), (0.50, 0.48), (1.00, 0.20)];
/// Californian weights of the levels.
pub const CEC: [(f64, f64); 6] =
    [(0.10, 0.04), (0.20, 0.05), (0.30, 0.12), (0.50, 0.21), (0.75, 0.53), (1.00, 0.05)];
/// How long the static test waits before it measures, in s.
pub const SETTLING: f64 = 300.0;
/// How long it measures, in s.
pub const MEASURING: f64 = 600.0;
/// Below this irradiance, in W/m2, the guard of a tracker need not let it work: where the
/// standard's start and stop begins.
const DUSK: f64 = 2.0;
/// Below the guard of evenly lit generators a scan looks down to this part of the open-circuit
/// voltage, as the best place of a shaded generator may be there.
const SHADED_LOW: f64 = 0.15;
/// Where a converter begins: this part of the open-circuit voltage at standard conditions.
const BEGIN: f64 = 0.8;
/// How long the shading walk lasts, in s.
pub const SHADE_SECONDS: f64 = 660.0;
/// Substrings of the generator in the shading walk: ten modules of three.
const SUBSTRINGS: u32 = 30;

/// What is lit.
#[derive(Debug, Clone, PartialEq)]
pub enum Generator {
    /// The standard's.
    Simulator(Simulator),
    /// So many equal modules in series and so many of those in parallel.
    Modules {
        /// The module.
        module: Module,
        /// In series.
        series: u32,
        /// In parallel.
        parallel: u32,
    },
}

impl Generator {
    /// Its curve under these conditions.
    pub fn diode(&self, conditions: Conditions) -> Diode {
        match self {
            Generator::Simulator(simulator) => simulator.diode(conditions),
            Generator::Modules { module, series, parallel } => {
                module.diode(conditions).scaled(f64::from(*series), f64::from(*parallel))
            }
        }
    }

    /// As tables name it.
    pub fn name(&self) -> String {
        match self {
            Generator::Simulator(simulator) => simulator.technology.name().to_owned(),
            Generator::Modules { module, .. } => module.name.clone(),
        }
    }

    /// The irradiance at which it gives so many W at 25 degrees, in W/m2: power rises with light.
    fn irradiance_for(&self, power: f64) -> f64 {
        let (mut low, mut high) = (0.0, 2_000.0);
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if self.diode(Conditions::light(middle)).maximum().power() < power {
                low = middle;
            } else {
                high = middle;
            }
        }
        0.5 * (low + high)
    }

    /// Its 30 substrings, of which `shaded` get `part` of the light.
    ///
    /// # Errors
    /// [`BadParameter`] where there are not so many.
    pub fn shaded(&self, irradiance: f64, shaded: u32, part: f64) -> Result<Array, BadParameter> {
        let holds = shaded <= SUBSTRINGS;
        BadParameter::unless(holds, "shaded", f64::from(shaded), "at most 30 substrings")?;
        let piece = |irradiance: f64| {
            self.diode(Conditions::light(irradiance)).scaled(1.0 / f64::from(SUBSTRINGS), 1.0)
        };
        let lit = Group { cells: piece(irradiance), count: SUBSTRINGS - shaded };
        let dark = Group { cells: piece(irradiance * part), count: shaded };
        Array::new(vec![[lit, dark].into_iter().filter(|group| group.count > 0).collect()])
    }
}

/// How the converter of a test is made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Setup {
    /// Resolution of its sensors; `None` for exact ones.
    pub bits: Option<u8>,
    /// Samples whose mean is a measurement.
    pub samples: u16,
    /// What it loses.
    pub losses: Losses,
    /// Its settling time constant, in s.
    pub settling: f64,
}

impl Setup {
    /// Exact sensors; losses and settling of today's converters.
    pub const EXACT: Setup =
        Setup { bits: None, samples: 16, losses: Losses::USUAL, settling: 0.02 };

    /// A converter for a generator, and a tracker on it, at the beginning of a test.
    ///
    /// # Errors
    /// [`BadParameter`] where the generator gives nothing.
    pub fn bench(&self, generator: &Generator, kind: Kind) -> Result<Bench, BadParameter> {
        let standard = generator.diode(Conditions::STANDARD);
        let (best, open) = (standard.maximum(), standard.open_circuit());
        let sensor = match self.bits {
            None => Sensor::exact(),
            Some(bits) => {
                let sensor = Sensor::with_bits(bits, open, standard.short_circuit());
                Sensor { samples: self.samples, ..sensor }
            }
        };
        let converter =
            Converter::new(best.power(), self.losses, sensor, self.settling, BEGIN * open)?;
        let dusk = generator.diode(Conditions::light(DUSK)).open_circuit();
        let guard = Limits::guard(dusk, open);
        let limits = match kind {
            Kind::Scan => Limits { low: SHADED_LOW * open, ..guard },
            _ => guard,
        };
        let tracker = kind.tracker(best.voltage, limits, sensor.resolution());
        Ok(Bench::new(tracker, converter))
    }

    /// The same with a tracker of one's own.
    ///
    /// # Errors
    /// As [`Setup::bench`].
    pub fn bench_of(&self, generator: &Generator, tracker: Tracker) -> Result<Bench, BadParameter> {
        Ok(self.bench(generator, Kind::ConstantVoltage)?.with(tracker))
    }
}

/// Runs a bench for so many s; what was drawn after the first `settling` of them. `seen` gets every
/// period.
pub fn run<S: Source>(
    bench: &mut Bench,
    seconds: f64,
    settling: f64,
    mut source: impl FnMut(f64) -> (S, Point),
    dice: Dice,
    seen: &mut dyn FnMut(&Step),
) -> Energy {
    let begun = bench.time();
    let mut energy = Energy::default();
    while bench.time() - begun < seconds - 0.5 * PERIOD {
        let counts = bench.time() - begun >= settling - 0.5 * PERIOD;
        let (of_period, step) = bench.period(&mut source, dice);
        if counts {
            energy.add(&of_period);
        }
        seen(&step);
    }
    energy
}

/// One level of the static test.
///
/// # Errors
/// As [`Setup::bench`].
pub fn level(
    setup: &Setup,
    generator: &Generator,
    kind: Kind,
    level: f64,
    dice: Dice,
) -> Result<Energy, BadParameter> {
    let rated = generator.diode(Conditions::STANDARD).maximum().power();
    let irradiance = generator.irradiance_for(level * rated);
    let diode = generator.diode(Conditions::light(irradiance));
    let best = diode.maximum();
    let mut bench = setup.bench(generator, kind)?;
    let seconds = SETTLING + MEASURING;
    Ok(run(&mut bench, seconds, SETTLING, |_| (diode, best), dice, &mut |_| ()))
}

/// One row of a dynamic test; `seen` gets every period of it.
///
/// # Errors
/// As [`Setup::bench`].
pub fn ramp(
    setup: &Setup,
    generator: &Generator,
    kind: Kind,
    row: &Row,
    dice: Dice,
    seen: &mut dyn FnMut(&Step),
) -> Result<Energy, BadParameter> {
    let mut bench = setup.bench(generator, kind)?;
    let source = |time: f64| {
        let diode = generator.diode(Conditions::light(row.irradiance(time)));
        (diode, diode.maximum())
    };
    Ok(run(&mut bench, row.seconds(), row.settling, source, dice, seen))
}

/// Shade that comes, wanders and goes, on a string of 30 substrings at 900 W/m2: after 60 s evenly
/// lit, four patterns of 150 s. Not of the standard, which knows no shade; the tracker's start is
/// left out, its search after every change is not.
///
/// # Errors
/// As [`Setup::bench`].
pub fn shade(
    setup: &Setup,
    generator: &Generator,
    kind: Kind,
    dice: Dice,
    seen: &mut dyn FnMut(&Step),
) -> Result<Energy, BadParameter> {
    const PATTERNS: [(u32, f64); 5] = [(0, 1.0), (9, 0.3), (18, 0.2), (12, 0.6), (0, 1.0)];
    let mut scenes = Vec::new();
    for (shaded, part) in PATTERNS {
        let array = generator.shaded(900.0, shaded, part)?;
        let best = array.maximum();
        scenes.push((array, best));
    }
    let mut bench = setup.bench(generator, kind)?;
    let mut energy = Energy::default();
    for (place, (array, best)) in scenes.iter().enumerate() {
        let (seconds, settling) = if place == 0 { (60.0, 30.0) } else { (150.0, 0.0) };
        energy.add(&run(&mut bench, seconds, settling, |_| (array, *best), dice, seen));
    }
    Ok(energy)
}

/// The weighted mean of efficiencies at [`LEVELS`]; `None` where one that has a weight is missing.
pub fn weighted(levels: &[(f64, f64)], weights: &[(f64, f64)]) -> Option<f64> {
    let at = |level: f64| levels.iter().find(|known| known.0 == level).map(|known| known.1);
    weights.iter().map(|(level, weight)| at(*level).map(|efficiency| efficiency * weight)).sum()
}
