//! What is known of a meter and of the place it measures.

use calendar::Timestamp;
use serde::{Deserialize, Serialize};
use units::{Energy, Overflow, Power};

use crate::Span;

/// The most digits of a register.
pub const DIGITS_MAX: u8 = 16;

/// How a register counts: a reading is so many steps, shown in so many digits.
///
/// A step is a whole number of watt-hours: sub-Wh pulses stay in the meter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Dial {
    digits: u8,
    step_wh: u32,
    multiplier: u32,
}

/// A dial that no meter has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadDial {
    /// None, or more than [`DIGITS_MAX`].
    #[error("a register has 1 to {DIGITS_MAX} digits, not {0}")]
    Digits(u8),
    /// Zero.
    #[error("a step of the register is at least one watt-hour")]
    Step,
    /// Zero.
    #[error("the factor of the transformers is at least one")]
    Multiplier,
    /// The whole register does not fit into an energy.
    #[error("the register holds more energy than can be written")]
    Overflow,
}

impl Dial {
    /// `digits` digits of watt-hours without transformers.
    ///
    /// # Errors
    /// [`BadDial`] for digits outside 1 to [`DIGITS_MAX`].
    pub fn wh(digits: u8) -> Result<Dial, BadDial> {
        Dial::new(digits, 1, 1)
    }

    /// `digits` digits of steps of `step_wh`, behind transformers of the factor `multiplier` (the
    /// current transformer's ratio times the voltage transformer's; 1 without).
    ///
    /// # Errors
    /// [`BadDial`] where one of the three is out of its bounds.
    pub fn new(digits: u8, step_wh: u32, multiplier: u32) -> Result<Dial, BadDial> {
        if digits == 0 || digits > DIGITS_MAX {
            return Err(BadDial::Digits(digits));
        }
        if step_wh == 0 {
            return Err(BadDial::Step);
        }
        if multiplier == 0 {
            return Err(BadDial::Multiplier);
        }
        let dial = Dial { digits, step_wh, multiplier };
        let whole = u128::from(dial.span()) * u128::from(step_wh) * u128::from(multiplier);
        u64::try_from(whole).map(|_| dial).map_err(|_| BadDial::Overflow)
    }

    /// The same register behind other transformers.
    ///
    /// # Errors
    /// As [`Dial::new`].
    pub fn behind(self, multiplier: u32) -> Result<Dial, BadDial> {
        Dial::new(self.digits, self.step_wh, multiplier)
    }

    /// The factor of the transformers.
    pub const fn multiplier(self) -> u32 {
        self.multiplier
    }

    /// How many steps there are before it begins again at zero.
    pub const fn span(self) -> u64 {
        10_u64.pow(self.digits as u32)
    }

    /// The energy of one step.
    pub const fn step(self) -> Energy {
        Energy::from_wh(self.step_wh as u64 * self.multiplier as u64)
    }

    /// The energy between two positions of the register; see [`Advance`].
    ///
    /// `None` where a position has more digits than the register.
    pub const fn advance(self, earlier: u64, later: u64) -> Option<Advance> {
        if earlier >= self.span() || later >= self.span() {
            return None;
        }
        // At most the whole register, which was found to fit.
        if later >= earlier {
            let energy = Energy::from_wh((later - earlier) * self.step().wh());
            Some(Advance { energy, rolled_over: false })
        } else {
            let steps = self.span() - earlier + later;
            let energy = Energy::from_wh(steps * self.step().wh());
            Some(Advance { energy, rolled_over: true })
        }
    }
}

/// What flowed between two positions of a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Advance {
    /// The energy, if a smaller position means that the register began again at zero.
    pub energy: Energy,
    /// Did it have to begin again at zero? Whether that can be is another question: only where the
    /// connection can carry the energy.
    pub rolled_over: bool,
}

/// What a meter can measure for long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rating {
    /// As its plate says in watts.
    Watts(Power),
    /// As its plate says in amperes.
    Amperes {
        /// The highest current of a phase.
        amperes: u32,
        /// Between phase and neutral.
        volts: u32,
        /// One or three.
        phases: u8,
    },
}

impl Rating {
    /// The highest power, behind transformers of the factor `multiplier`.
    ///
    /// # Errors
    /// [`Overflow`] when it does not fit.
    pub fn power(self, multiplier: u32) -> Result<Power, Overflow> {
        let watts = match self {
            Rating::Watts(power) => u128::from(power.w()),
            Rating::Amperes { amperes, volts, phases } => {
                u128::from(amperes) * u128::from(volts) * u128::from(phases)
            }
        };
        let watts = watts.checked_mul(u128::from(multiplier)).ok_or(Overflow)?;
        u64::try_from(watts).map(Power::from_w).map_err(|_| Overflow)
    }
}

/// What a meter is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It measures a connection to the grid.
    Grid,
    /// It measures a generator before anything is consumed.
    Generation,
}

/// When a meter is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cadence {
    /// At slot boundaries of its own clock.
    Slots,
    /// At any moment, such as by hand.
    Anytime,
}

/// A device, as it is installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meter {
    /// What it is for.
    pub kind: Kind,
    /// When it is read.
    pub cadence: Cadence,
    /// How its registers count.
    pub dial: Dial,
    /// What it can measure for long, where the plate says it.
    pub rating: Option<Rating>,
    /// When it was put in.
    pub installed: Timestamp,
    /// When it was taken out, if it was.
    pub removed: Option<Timestamp>,
}

impl Meter {
    /// Was it there during all of `span`?
    pub fn covers(&self, span: Span) -> bool {
        self.installed <= span.from && self.removed.is_none_or(|removed| span.to <= removed)
    }
}

/// Where on Earth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// North is positive, in millionths of a degree.
    pub latitude: i32,
    /// East is positive, in millionths of a degree.
    pub longitude: i32,
}

/// What generates at a place, and how well it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Modules {
    /// Their rated power.
    pub power: Power,
    /// The yield that is expected of the irradiation on the horizontal, in thousandths of rated
    /// power x irradiation at 1 kW per square metre: losses lower it, a slope to the sun in winter
    /// raises it. `None`: what they made of it in the weeks before.
    pub yield_per_mille: Option<u32>,
}

/// The connection that a meter measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Site {
    /// What the connection can carry from the grid.
    pub import: Power,
    /// What it can carry into the grid.
    pub export: Power,
    /// Where it is, if known.
    pub place: Option<Place>,
    /// What makes power from the sun there.
    pub modules: Option<Modules>,
    /// Is there something that can feed in without the sun: a battery, a car, an engine?
    pub storage: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_register_begins_again_at_zero_above_its_highest_value() {
        let wh = |dial: Dial, earlier, later| {
            let advance = dial.advance(earlier, later).unwrap();
            (advance.energy.wh(), advance.rolled_over)
        };
        let kwh = Dial::new(6, 1000, 1).unwrap();
        assert_eq!(wh(kwh, 999_950, 120), (170_000, true));
        assert_eq!(wh(Dial::wh(7).unwrap(), 9_999_990, 5), (15, true));
        assert_eq!(wh(kwh, 120, 120), (0, false));
        assert_eq!(wh(kwh, 999_999, 0), (1000, true));
        assert_eq!(kwh.advance(1_000_000, 0), None);
        assert_eq!(kwh.advance(0, 1_000_000), None);
    }

    #[test]
    fn transformers_multiply_every_step() {
        let dial = Dial::new(6, 100, 40).unwrap();
        assert_eq!(dial.advance(10, 13).unwrap().energy, Energy::from_wh(12_000));
        assert_eq!(dial.behind(20).unwrap().step(), Energy::from_wh(2000));
    }

    #[test]
    fn a_dial_has_bounds() {
        assert_eq!(Dial::wh(0), Err(BadDial::Digits(0)));
        assert_eq!(Dial::wh(17), Err(BadDial::Digits(17)));
        assert!(Dial::wh(16).is_ok());
        assert_eq!(Dial::new(6, 0, 1), Err(BadDial::Step));
        assert_eq!(Dial::new(6, 1, 0), Err(BadDial::Multiplier));
        assert_eq!(Dial::new(16, 2000, 1), Err(BadDial::Overflow));
        assert!(Dial::new(16, 1000, 1).is_ok());
    }

    #[test]
    fn a_plate_in_amperes_is_a_power() {
        let rating = Rating::Amperes { amperes: 63, volts: 230, phases: 3 };
        assert_eq!(rating.power(1), Ok(Power::from_w(43_470)));
        let secondary = Rating::Amperes { amperes: 5, volts: 230, phases: 3 };
        assert_eq!(secondary.power(40), Ok(Power::from_w(138_000)));
        assert_eq!(Rating::Watts(Power::from_w(u64::MAX)).power(2), Err(Overflow));
    }
}
