//! A generator as it is built: modules, strings, inverter, and where it stands.

use serde::Serialize;

use crate::converter::Losses;
use crate::diode::{BadParameter, Diode};
use crate::module::{Conditions, Module};
use crate::sun::Site;

/// Modules of a plant at most, in series and in parallel each.
pub const MODULES_MAX: u32 = 100_000;

/// A plant.
#[derive(Debug, Clone, PartialEq)]
pub struct Plant {
    /// Its modules.
    pub module: Module,
    /// Modules in a string.
    pub series: u32,
    /// Strings.
    pub strings: u32,
    /// What its inverter delivers at most, in W; `None` where nothing limits it.
    pub output_max: Option<f64>,
    /// What its inverter loses.
    pub losses: Losses,
    /// Where it stands, if irradiance is measured on the horizontal, or not at all.
    pub site: Option<Site>,
    /// Measured power over the model's when all is well: dirt, wiring, tolerance.
    pub expected: f64,
}

/// What a plant could do at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Available {
    /// In the plane of its modules, in W/m2.
    pub irradiance: f64,
    /// Of its cells, in degrees Celsius.
    pub cell_temperature: f64,
    /// From the modules, in W.
    pub input: f64,
    /// Behind the inverter, before its limit, in W.
    pub output: f64,
    /// Voltage of maximum power, in V.
    pub voltage: f64,
    /// Current of maximum power, in A.
    pub current: f64,
}

impl Plant {
    /// Whether its sizes make sense.
    ///
    /// # Errors
    /// [`BadParameter`] naming the one that does not.
    pub fn check(&self) -> Result<(), BadParameter> {
        let check = BadParameter::unless;
        for (name, count) in [("series", self.series), ("strings", self.strings)] {
            let holds = (1..=MODULES_MAX).contains(&count);
            check(holds, name, f64::from(count), "from 1 to 100 000")?;
        }
        if let Some(most) = self.output_max {
            check(most > 0.0, "output_max", most, "above 0 W")?;
        }
        check(self.expected > 0.0 && self.expected <= 2.0, "expected", self.expected, "in (0, 2]")?;
        let Some(site) = self.site else { return Ok(()) };
        check(site.latitude.abs() <= 90.0, "latitude", site.latitude, "-90 to 90")?;
        check(site.longitude.abs() <= 180.0, "longitude", site.longitude, "-180 to 180")?;
        check((0.0..=90.0).contains(&site.tilt), "tilt", site.tilt, "0 to 90")?;
        check((0.0..=360.0).contains(&site.azimuth), "azimuth", site.azimuth, "0 to 360")?;
        Ok(())
    }

    /// Power of all modules at standard conditions, in W.
    pub fn nominal(&self) -> f64 {
        self.module.power() * f64::from(self.series) * f64::from(self.strings)
    }

    /// Its curve under these conditions.
    pub fn diode(&self, conditions: Conditions) -> Diode {
        let (series, strings) = (f64::from(self.series), f64::from(self.strings));
        self.module.diode(conditions).scaled(series, strings)
    }

    /// What it could do under so much light in its plane and this temperature of its cells.
    pub fn available(&self, irradiance: f64, cell_temperature: f64) -> Available {
        use crate::source::Source;
        let best = self.diode(Conditions { irradiance, cell_temperature }).maximum();
        let input = best.power() * self.expected;
        // A converter is built for what it delivers, or else for its modules.
        let rated = self.output_max.unwrap_or_else(|| self.nominal());
        let output = input * self.losses.efficiency(input / rated);
        Available {
            irradiance,
            cell_temperature,
            input,
            output,
            voltage: best.voltage,
            current: best.current * self.expected,
        }
    }
}
