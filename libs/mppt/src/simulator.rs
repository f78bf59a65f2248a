//! The generator of EN 50530: what a laboratory's PV simulator imitates.
//!
//! Model and constants of EN 50530:2010, annex C (IEC 62891:2020): a single diode without
//! resistances, whose open-circuit voltage depends on irradiance by a formula of its own.

use serde::{Deserialize, Serialize};

use crate::diode::{BadParameter, Diode};
use crate::module::Conditions;

/// The kind of cells that are imitated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Technology {
    /// Crystalline silicon.
    CrystallineSilicon,
    /// Thin film.
    ThinFilm,
}

/// What the standard fixes for a technology.
struct Constants {
    /// `Umpp / Uoc` at standard conditions.
    fill_voltage: f64,
    /// `Impp / Isc` at standard conditions.
    fill_current: f64,
    /// Of the current, per K.
    alpha: f64,
    /// Of the voltage, per K.
    beta: f64,
    /// `CR`, m2/W.
    linear: f64,
    /// `CV`.
    logarithmic: f64,
    /// `CG`, W/m2.
    irradiance: f64,
}

impl Technology {
    /// Both.
    pub const ALL: [Technology; 2] = [Technology::CrystallineSilicon, Technology::ThinFilm];

    /// As tables and the command line name it.
    pub fn name(self) -> &'static str {
        match self {
            Technology::CrystallineSilicon => "c-Si",
            Technology::ThinFilm => "thin film",
        }
    }

    fn constants(self) -> Constants {
        match self {
            Technology::CrystallineSilicon => Constants {
                fill_voltage: 0.8,
                fill_current: 0.9,
                alpha: 0.0004,
                beta: -0.004,
                linear: 1.088e-4,
                logarithmic: 0.08593,
                irradiance: 0.002514,
            },
            Technology::ThinFilm => Constants {
                fill_voltage: 0.72,
                fill_current: 0.8,
                alpha: 0.0002,
                beta: -0.002,
                linear: 1.476e-4,
                logarithmic: 0.08419,
                irradiance: 0.001252,
            },
        }
    }
}

/// A simulated generator with a given maximum power point at 1000 W/m2 and 25 degrees Celsius.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Simulator {
    /// What is imitated.
    pub technology: Technology,
    /// Voltage of maximum power, in V.
    pub voltage: f64,
    /// Current of maximum power, in A.
    pub current: f64,
    /// Saturation current at 1000 W/m2, in A.
    saturation: f64,
    /// `Caq`: the ideality voltage as a part of that of open circuit.
    ideality: f64,
}

impl Simulator {
    /// A generator of so many W at so many V.
    ///
    /// # Errors
    /// [`BadParameter`] where one of them is not a number above zero.
    pub fn new(
        technology: Technology,
        power: f64,
        voltage: f64,
    ) -> Result<Simulator, BadParameter> {
        BadParameter::unless(voltage > 0.0, "voltage", voltage, "above 0 V")?;
        BadParameter::unless(power > 0.0, "power", power, "above 0 W")?;
        let current = power / voltage;
        let Constants { fill_voltage, fill_current, .. } = technology.constants();
        let left = 1.0 - fill_current;
        let saturation = current / fill_current * left.powf(1.0 / (1.0 - fill_voltage));
        let ideality = (fill_voltage - 1.0) / left.ln();
        Ok(Simulator { technology, voltage, current, saturation, ideality })
    }

    /// Open-circuit voltage, in V, at standard conditions as the catalogue would say.
    pub fn open_circuit_catalogue(&self) -> f64 {
        self.voltage / self.technology.constants().fill_voltage
    }

    /// Its curve under these conditions.
    pub fn diode(&self, conditions: Conditions) -> Diode {
        let constants = self.technology.constants();
        // Where the logarithm would turn the voltage negative there is no light to speak of.
        let suns = conditions.irradiance.max(1e-3) / 1_000.0;
        let warmer = conditions.cell_temperature - 25.0;
        let short = self.current / constants.fill_current;
        let by_light = (suns * 1_000.0 / constants.irradiance).ln_1p() * constants.logarithmic
            - constants.linear * suns * 1_000.0;
        let by_heat = (1.0 + constants.beta * warmer).max(0.1);
        let open = self.open_circuit_catalogue() * by_heat * by_light.max(1e-3);
        let (saturation, ideality) = (self.saturation * suns, self.ideality * open);
        let photocurrent = (short * suns * (1.0 + constants.alpha * warmer)).max(0.0);
        Diode::new(photocurrent, saturation, 0.0, f64::INFINITY, ideality)
            .expect("constants of the standard and a generator that was checked")
    }
}
