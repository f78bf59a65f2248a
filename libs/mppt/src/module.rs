//! A module by its data sheet's parameters, and its curve under any light and temperature.
//!
//! Equations of De Soto, Klein and Beckman, "Improvement and validation of a model for photovoltaic
//! array performance", Solar Energy 80 (2006), with the `Adjust` of the CEC performance model
//! (Dobos, J. Sol. Energy Eng. 134 (2012)).

use serde::{Deserialize, Serialize};

use crate::diode::{BadParameter, Diode};

/// Boltzmann's constant in eV/K (CODATA 2018, exact).
const BOLTZMANN: f64 = 8.617_333_262_145e-5;
/// 25 degrees Celsius, in K: the temperature of standard conditions.
const REFERENCE_KELVIN: f64 = 298.15;
/// The irradiance of standard conditions, in W/m2.
pub const REFERENCE_IRRADIANCE: f64 = 1_000.0;
/// The band gap of silicon at 25 degrees Celsius in eV, and its relative change per K.
const BAND_GAP: (f64, f64) = (1.121, -0.000_267_7);
/// Cell temperatures outside of this, in degrees Celsius, are taken for its end.
const TEMPERATURES: (f64, f64) = (-100.0, 200.0);
/// A cell's warming at 800 W/m2 where a data sheet does not say, in degrees Celsius.
const NOCT_USUAL: f64 = 45.0;

/// What falls on a generator.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// In its plane, in W/m2; below zero counts as zero.
    pub irradiance: f64,
    /// Of its cells, in degrees Celsius.
    pub cell_temperature: f64,
}

impl Conditions {
    /// Standard test conditions: 1000 W/m2, 25 degrees Celsius.
    pub const STANDARD: Conditions =
        Conditions { irradiance: REFERENCE_IRRADIANCE, cell_temperature: 25.0 };

    /// So much light at 25 degrees Celsius.
    pub fn light(irradiance: f64) -> Conditions {
        Conditions { irradiance, ..Conditions::STANDARD }
    }
}

/// A module: five parameters at standard conditions, and how they move.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Module {
    /// As its catalogue names it.
    pub name: String,
    /// As its catalogue says, such as `Mono-c-Si`.
    pub technology: String,
    /// Cells in series, where known.
    pub cells_in_series: Option<u32>,
    /// Nominal operating cell temperature, in degrees Celsius.
    pub noct: f64,
    reference: Diode,
    /// Of the short-circuit current, in A/K, adjusted.
    alpha: f64,
    power: f64,
}

/// The parameters as the CEC's catalogue and pvlib name them.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(non_snake_case, reason = "the names of the catalogue")]
pub(crate) struct Written {
    #[serde(default, alias = "Name")]
    pub name: String,
    #[serde(default, alias = "Technology")]
    pub technology: String,
    #[serde(default, alias = "N_s")]
    pub cells_in_series: Option<u32>,
    #[serde(alias = "alpha")]
    pub alpha_sc: f64,
    #[serde(alias = "a")]
    pub a_ref: f64,
    #[serde(alias = "I_L")]
    pub I_L_ref: f64,
    #[serde(alias = "I_0", alias = "I_0_ref")]
    pub I_o_ref: f64,
    #[serde(alias = "R_s_ref")]
    pub R_s: f64,
    #[serde(alias = "R_sh")]
    pub R_sh_ref: f64,
    /// Percent.
    #[serde(default)]
    pub Adjust: f64,
    #[serde(default)]
    pub T_NOCT: Option<f64>,
}

impl TryFrom<Written> for Module {
    type Error = BadParameter;

    fn try_from(w: Written) -> Result<Module, BadParameter> {
        use crate::source::Source;
        let alpha = w.alpha_sc * (1.0 - w.Adjust / 100.0);
        BadParameter::unless(alpha.abs() < 1e3, "alpha_sc", alpha, "below 1000 A/K")?;
        let noct = w.T_NOCT.unwrap_or(NOCT_USUAL);
        BadParameter::unless((0.0..150.0).contains(&noct), "T_NOCT", noct, "0 to 150 degrees")?;
        let reference = Diode::new(w.I_L_ref, w.I_o_ref, w.R_s, w.R_sh_ref, w.a_ref)?;
        let power = reference.maximum().power();
        BadParameter::unless(power > 0.0, "I_L_ref", w.I_L_ref, "enough for some power")?;
        let Written { name, technology, cells_in_series, .. } = w;
        Ok(Module { name, technology, cells_in_series, noct, reference, alpha, power })
    }
}

impl Module {
    /// Maximum power at standard conditions, in W.
    pub fn power(&self) -> f64 {
        self.power
    }

    /// Its curve at standard conditions.
    pub fn reference(&self) -> Diode {
        self.reference
    }

    /// Its curve under these conditions.
    pub fn diode(&self, conditions: Conditions) -> Diode {
        let (low, high) = TEMPERATURES;
        let kelvin = conditions.cell_temperature.clamp(low, high) + 273.15;
        let warmer = kelvin - REFERENCE_KELVIN;
        let suns = conditions.irradiance.max(0.0) / REFERENCE_IRRADIANCE;
        let (gap, change) = BAND_GAP;
        let gap_now = gap * (1.0 + change * warmer);
        let hotter = kelvin / REFERENCE_KELVIN;
        let thermal = gap / (BOLTZMANN * REFERENCE_KELVIN) - gap_now / (BOLTZMANN * kelvin);
        self.reference.moved(
            suns,
            self.alpha * warmer,
            hotter * hotter * hotter * thermal.exp(),
            hotter,
        )
    }

    /// The cells' temperature by the air's, in degrees Celsius: linear in irradiance, as the
    /// nominal operating cell temperature defines it (800 W/m2, air at 20 degrees).
    pub fn cell_temperature(&self, air: f64, irradiance: f64) -> f64 {
        air + (self.noct - 20.0) / 800.0 * irradiance.max(0.0)
    }
}
