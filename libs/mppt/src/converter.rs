//! The converter between generator and load: what it holds, what it measures, what it loses.

use serde::{Deserialize, Serialize};

use crate::diode::BadParameter;
use crate::source::Source;
use crate::tracker::{Measurement, Noise};

/// Numbers evenly spread over [0, 1): the only randomness there is, from whoever runs this.
pub type Dice<'d> = &'d mut dyn FnMut() -> f64;

/// What is lost between input and output, as parts of the rated power:
/// `lost = own + linear p + square p^2` at a load of `p` (Schmidt and Sauer,
/// "Wechselrichter-Wirkungsgrade", Sonnenenergie 4 (1996)).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Losses {
    /// Without load.
    pub own: f64,
    /// In proportion to the load.
    pub linear: f64,
    /// In proportion to its square.
    pub square: f64,
}

impl Losses {
    /// None.
    pub const NONE: Losses = Losses { own: 0.0, linear: 0.0, square: 0.0 };
    /// A charger or string inverter of today: 97.5 % at half its rated power.
    pub const USUAL: Losses = Losses { own: 0.003, linear: 0.012, square: 0.014 };

    /// Output over input at a load in parts of the rated power; 0 where all of it is lost.
    pub fn efficiency(&self, load: f64) -> f64 {
        if load <= 0.0 {
            return 0.0;
        }
        let lost = self.own + load * (self.linear + load * self.square);
        (1.0 - lost / load).max(0.0)
    }

    /// The losses that come closest, by least squares, to measured points of load (in parts of the
    /// rated output) and efficiency. `None` where the points do not determine them.
    pub fn fitted(points: &[(f64, f64)]) -> Option<Losses> {
        // Normal equations of `load_in - load_out = own + linear p + square p^2`, p being input.
        let mut sums = [[0.0_f64; 4]; 3];
        for (out, efficiency) in points {
            let load = out / efficiency;
            let row = [1.0, load, load * load, load - out];
            for (line, weight) in sums.iter_mut().zip(row) {
                for (sum, value) in line.iter_mut().zip(row) {
                    *sum += weight * value;
                }
            }
        }
        let [own, linear, square] = solved(sums)?;
        Some(Losses { own, linear, square })
    }
}

/// Solves three equations in three unknowns by elimination with the largest pivot.
fn solved(mut rows: [[f64; 4]; 3]) -> Option<[f64; 3]> {
    for column in 0..3 {
        let size = |row: &usize| rows[*row][column].abs();
        let pivot = (column..3).max_by(|one, other| size(one).total_cmp(&size(other)))?;
        rows.swap(column, pivot);
        let lead = rows[column];
        if lead[column].abs() < 1e-12 || !lead[column].is_finite() {
            return None;
        }
        for row in (0..3).filter(|row| *row != column) {
            let factor = rows[row][column] / lead[column];
            for (value, from) in rows[row].iter_mut().zip(lead) {
                *value -= factor * from;
            }
        }
    }
    let unknown = |row: usize| rows[row][3] / rows[row][row];
    Some([unknown(0), unknown(1), unknown(2)])
}

/// How volts and amperes become numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sensor {
    /// Resolution of the converter from analogue to digital; `None` for exact values.
    pub bits: Option<u8>,
    /// What the highest number stands for, in V.
    pub voltage_full: f64,
    /// What the highest number stands for, in A.
    pub current_full: f64,
    /// Standard deviation of the noise of one sample, in steps of the resolution.
    pub noise: f64,
    /// Samples whose mean is a measurement; at least 1.
    pub samples: u16,
}

/// Bits of a sensor at most: beyond this floats are no finer.
pub const BITS_MAX: u8 = 32;

impl Sensor {
    /// A sensor without noise and with any resolution.
    pub fn exact() -> Sensor {
        Sensor { bits: None, voltage_full: 0.0, current_full: 0.0, noise: 0.0, samples: 1 }
    }

    /// A sensor of so many bits for a generator with this open-circuit voltage and short-circuit
    /// current: 25 % of room above both, noise of one step, the mean of 16 samples.
    pub fn with_bits(bits: u8, open: f64, short: f64) -> Sensor {
        Sensor {
            bits: Some(bits.clamp(1, BITS_MAX)),
            voltage_full: 1.25 * open,
            current_full: 1.25 * short,
            noise: 1.0,
            samples: 16,
        }
    }

    /// The step of one number of a scale.
    fn step(&self, full: f64) -> Option<f64> {
        self.bits.map(|bits| full / ((2.0_f64).powi(i32::from(bits)) - 1.0))
    }

    /// The noise of a measurement: of the samples and of rounding them (a twelfth of a step
    /// squared), less by taking the mean.
    pub fn resolution(&self) -> Noise {
        let single = (self.noise * self.noise + 1.0 / 12.0).sqrt();
        let of = |full| {
            let step = self.step(full).unwrap_or(0.0);
            step * single / f64::from(self.samples.max(1)).sqrt()
        };
        Noise { voltage: of(self.voltage_full), current: of(self.current_full) }
    }

    fn read(&self, value: f64, full: f64, dice: Dice) -> f64 {
        let Some(step) = self.step(full) else { return value };
        let samples = self.samples.max(1);
        let mut sum = 0.0;
        for _ in 0..samples {
            let noisy = if self.noise > 0.0 {
                value / step + self.noise * normal(dice)
            } else {
                value / step
            };
            sum += noisy.round().clamp(0.0, full / step);
        }
        sum * step / f64::from(samples)
    }
}

/// A number of the normal distribution (Box and Muller 1958).
fn normal(dice: Dice) -> f64 {
    let radius = (-2.0 * (1.0 - dice()).max(f64::MIN_POSITIVE).ln()).sqrt();
    radius * (std::f64::consts::TAU * dice()).cos()
}

/// A converter at work: it holds a reference voltage at its input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Converter {
    /// What it can take, in W.
    pub rated: f64,
    /// What it loses.
    pub losses: Losses,
    /// How it measures.
    pub sensor: Sensor,
    /// How fast its input voltage follows the reference: time constant in s, 0 for at once.
    pub settling: f64,
    voltage: f64,
}

impl Converter {
    /// A converter whose input is at `voltage`.
    ///
    /// # Errors
    /// [`BadParameter`] where a size is not finite or below zero.
    pub fn new(
        rated: f64,
        losses: Losses,
        sensor: Sensor,
        settling: f64,
        voltage: f64,
    ) -> Result<Converter, BadParameter> {
        BadParameter::unless(rated > 0.0, "rated", rated, "above 0 W")?;
        BadParameter::unless(settling >= 0.0, "settling", settling, "at least 0 s")?;
        BadParameter::unless(voltage >= 0.0, "voltage", voltage, "at least 0 V")?;
        BadParameter::unless(sensor.noise >= 0.0, "noise", sensor.noise, "at least 0")?;
        Ok(Converter { rated, losses, sensor, settling, voltage })
    }

    /// The voltage at its input now, in V.
    pub fn voltage(&self) -> f64 {
        self.voltage
    }

    /// Lets `seconds` pass with a reference; the voltage in the middle of them and at their end.
    pub fn pass(&mut self, reference: f64, seconds: f64) -> f64 {
        let towards = |left: f64, gone: f64| {
            let part = if self.settling > 0.0 { (-gone / self.settling).exp() } else { 0.0 };
            reference + (left - reference) * part
        };
        let middle = towards(self.voltage, 0.5 * seconds);
        self.voltage = towards(self.voltage, seconds);
        middle
    }

    /// What it measures at its input.
    pub fn measure(&self, source: &impl Source, time: f64, dice: Dice) -> Measurement {
        let current = source.current(self.voltage);
        let voltage = self.sensor.read(self.voltage, self.sensor.voltage_full, dice);
        Measurement {
            time,
            voltage,
            current: self.sensor.read(current, self.sensor.current_full, dice),
        }
    }

    /// What comes out of so many W put in, in W.
    pub fn output(&self, input: f64) -> f64 {
        input * self.losses.efficiency(input / self.rated)
    }
}
