//! The current of a photovoltaic generator by the single-diode model.

use crate::source::{Point, Source};

/// Newton's method ends long before: each round is at least a step of one ideality voltage, and
/// the voltage is some forty of them.
const ROUNDS_MAX: usize = 200;
/// A step below this part of the voltage changes nothing any more.
const CLOSE: f64 = 2e-16;
/// The same at a maximum, where power changes with the square of the step.
const CLOSE_TO_MAXIMUM: f64 = 1e-13;

/// The five parameters of the single-diode equation at one irradiance and cell temperature:
/// `I = IL - I0 (exp((V + I Rs) / a) - 1) - (V + I Rs) / Rsh`.
///
/// The names are those of pvlib; `a` is its `nNsVth`. The generator delivers only, as behind a
/// blocking diode: above its open-circuit voltage the current is zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Diode {
    photocurrent: f64,
    saturation_current: f64,
    resistance_series: f64,
    /// The inverse of the shunt resistance, as that may be infinite.
    conductance_shunt: f64,
    ideality: f64,
}

/// A parameter that makes no generator.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{name} is {value}: {rule}")]
pub struct BadParameter {
    /// Which one, as pvlib names it.
    pub name: &'static str,
    /// What it is.
    pub value: f64,
    /// What it has to be.
    pub rule: &'static str,
}

impl BadParameter {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        "mppt.parameter"
    }

    /// `value` where it is finite and `holds`.
    pub(crate) fn unless(
        holds: bool,
        name: &'static str,
        value: f64,
        rule: &'static str,
    ) -> Result<f64, BadParameter> {
        if holds && value.is_finite() { Ok(value) } else { Err(BadParameter { name, value, rule }) }
    }
}

impl Diode {
    /// A generator with photocurrent and saturation current in A, series and shunt resistance in
    /// ohm and the ideality voltage `a = n Ns k T / q` in V. The shunt resistance may be infinite.
    ///
    /// # Errors
    /// [`BadParameter`] where one is not finite, or has a sign that no generator has.
    pub fn new(
        photocurrent: f64,
        saturation_current: f64,
        resistance_series: f64,
        resistance_shunt: f64,
        ideality: f64,
    ) -> Result<Diode, BadParameter> {
        let check = BadParameter::unless;
        check(photocurrent >= 0.0, "photocurrent", photocurrent, "at least 0 A")?;
        check(saturation_current > 0.0, "saturation_current", saturation_current, "above 0 A")?;
        let ratio = photocurrent / saturation_current;
        check(ratio < 1e200, "saturation_current", saturation_current, "not that small")?;
        check(resistance_series >= 0.0, "resistance_series", resistance_series, "at least 0 ohm")?;
        check(ideality > 0.0, "nNsVth", ideality, "above 0 V")?;
        let conductance_shunt = 1.0 / resistance_shunt;
        let positive = resistance_shunt > 0.0 && conductance_shunt.is_finite();
        if !positive {
            let rule = "above 0 ohm";
            return Err(BadParameter { name: "resistance_shunt", value: resistance_shunt, rule });
        }
        Ok(Diode {
            photocurrent,
            saturation_current,
            resistance_series,
            conductance_shunt,
            ideality,
        })
    }

    /// The same cells, so many in series and so many of those in parallel.
    #[must_use]
    pub fn scaled(&self, series: f64, parallel: f64) -> Diode {
        Diode {
            photocurrent: self.photocurrent * parallel,
            saturation_current: self.saturation_current * parallel,
            resistance_series: self.resistance_series * series / parallel,
            conductance_shunt: self.conductance_shunt * parallel / series,
            ideality: self.ideality * series,
        }
    }

    /// The same generator under other light and temperature: `suns` of the reference's irradiance,
    /// a photocurrent that grew by so many A at one sun, a saturation current and an ideality
    /// voltage that are so many times theirs. The shunt resistance goes with the inverse of the
    /// light.
    pub(crate) fn moved(&self, suns: f64, grown: f64, saturation: f64, ideality: f64) -> Diode {
        Diode {
            photocurrent: (suns * (self.photocurrent + grown)).max(0.0),
            saturation_current: self.saturation_current * saturation,
            resistance_series: self.resistance_series,
            conductance_shunt: self.conductance_shunt * suns,
            ideality: self.ideality * ideality,
        }
    }

    /// The current at the voltage over the diode itself, `V + I Rs`, and minus its slope.
    fn at_diode(&self, voltage: f64) -> (f64, f64) {
        let grown = self.saturation_current * (voltage / self.ideality).exp_m1();
        let current = self.photocurrent - grown - voltage * self.conductance_shunt;
        let slope = (grown + self.saturation_current) / self.ideality + self.conductance_shunt;
        (current, slope)
    }

    /// No diode voltage of a delivering generator is above this.
    fn voltage_bound(&self) -> f64 {
        self.ideality * (self.photocurrent / self.saturation_current).ln_1p()
    }

    /// The voltage at a current, in V; below zero above the short-circuit current.
    ///
    /// The diode's current falls ever faster with its voltage, so Newton's method from above the
    /// root comes down to it without passing it.
    pub fn voltage(&self, current: f64) -> f64 {
        self.diode_voltage(current) - current * self.resistance_series
    }

    fn diode_voltage(&self, current: f64) -> f64 {
        let left = self.photocurrent - current;
        if self.conductance_shunt == 0.0 && left <= -self.saturation_current {
            return f64::NEG_INFINITY;
        }
        let mut voltage = self.ideality * (left.max(0.0) / self.saturation_current).ln_1p();
        for _ in 0..ROUNDS_MAX {
            let (now, slope) = self.at_diode(voltage);
            let step = (now - current) / slope;
            voltage += step;
            if step >= -CLOSE * voltage.abs() {
                break;
            }
        }
        voltage
    }

    /// How the voltage changes with the current, in ohm, at a current; below zero.
    pub(crate) fn voltage_slope(&self, current: f64) -> f64 {
        let (_, slope) = self.at_diode(self.diode_voltage(current));
        -1.0 / slope - self.resistance_series
    }

    /// The current at a voltage, which may be below zero: then it is more than at short circuit.
    pub(crate) fn current_at(&self, voltage: f64) -> f64 {
        let (unloaded, _) = self.at_diode(voltage);
        if unloaded <= 0.0 {
            return 0.0;
        }
        if self.resistance_series == 0.0 {
            return unloaded;
        }
        let inner = self.diode_voltage_at(voltage, unloaded);
        self.at_diode(inner).0.max(0.0)
    }

    /// The diode voltage of maximum power if there were no resistances: `a (W(e IL / I0) - 1)`,
    /// with the first terms of Lambert's W for large arguments (Corless et al. 1996, eq. 4.18).
    fn maximum_without_resistances(&self) -> f64 {
        let log = 1.0 + (self.photocurrent / self.saturation_current).ln_1p();
        let twice = log.ln();
        self.ideality * (log - twice + twice / log - 1.0)
    }

    /// The short-circuit current, in A.
    pub fn short_circuit(&self) -> f64 {
        self.current(0.0)
    }

    /// The diode voltage at which the terminals have `voltage`, which is below open circuit.
    /// `unloaded` is the current that the diode would deliver at `voltage` without series
    /// resistance.
    fn diode_voltage_at(&self, voltage: f64, unloaded: f64) -> f64 {
        let highest = (voltage + unloaded * self.resistance_series).min(self.voltage_bound());
        let mut inner = highest;
        for _ in 0..ROUNDS_MAX {
            let (current, slope) = self.at_diode(inner);
            let error = inner - current * self.resistance_series - voltage;
            let step = error / (1.0 + self.resistance_series * slope);
            inner -= step;
            if step <= CLOSE * highest {
                break;
            }
        }
        inner
    }
}

impl Source for Diode {
    fn current(&self, voltage: f64) -> f64 {
        self.current_at(voltage.max(0.0))
    }

    fn open_circuit(&self) -> f64 {
        self.diode_voltage(0.0).max(0.0)
    }

    /// Where `d(VI)/dVd = I (1 + Rs c) - V c` is zero, c being minus the slope of the diode's
    /// current: Newton's method, kept in its bracket by halving.
    fn maximum(&self) -> Point {
        let (mut low, mut high) = (0.0, self.voltage_bound());
        if high <= 0.0 {
            return Point::default();
        }
        let mut inner = self.maximum_without_resistances().clamp(low, high);
        for _ in 0..ROUNDS_MAX {
            let (current, slope) = self.at_diode(inner);
            let voltage = inner - current * self.resistance_series;
            let gain = 1.0 + self.resistance_series * slope;
            let rise = current * gain - voltage * slope;
            if rise > 0.0 {
                low = inner;
            } else {
                high = inner;
            }
            let bend = (slope - self.conductance_shunt) / self.ideality;
            let fall = -2.0 * slope * gain + bend * (current * self.resistance_series - voltage);
            let next = inner - rise / fall;
            let next = if next > low && next < high { next } else { 0.5 * (low + high) };
            let step = (next - inner).abs();
            inner = next;
            if step <= CLOSE_TO_MAXIMUM * high {
                break;
            }
        }
        let (current, _) = self.at_diode(inner);
        Point { voltage: inner - current * self.resistance_series, current }
    }
}
