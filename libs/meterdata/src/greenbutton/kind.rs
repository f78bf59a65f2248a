//! What a ReadingType says: whether its readings are energy of intervals, in what unit, which way.

use super::quality::Qualities;
use crate::record::Direction;
use crate::rejection::{Code, Fault};

/// A ReadingType. Numbers are codes of the schema (espi.xsd 4.0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Kind {
    /// `AccumulationKind`.
    pub(super) accumulation: Option<i64>,
    /// `CommodityKind`.
    pub(super) commodity: Option<i64>,
    /// `FlowDirectionKind`.
    pub(super) flow: Option<i64>,
    /// `UnitMultiplierKind`.
    pub(super) multiplier: Option<i64>,
    /// `UnitSymbolKind`.
    pub(super) unit: Option<i64>,
    /// What holds for readings that say nothing of their quality.
    pub(super) quality: Qualities,
}

/// What readings of a kind are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meaning {
    pub(super) direction: Direction,
    /// The power of ten that makes the unit of a watt-hour.
    pub(super) exponent: i32,
}

impl Kind {
    /// What readings of this kind are, or why they are not taken.
    pub(super) fn meaning(&self) -> Result<Meaning, Fault> {
        let fault = |code, field: &'static str, why: String| {
            Err(Fault::new(code, format!("ReadingType/{field}"), why))
        };
        // 1 and 2: electricity as the meter shows it, and with its transformers.
        if !matches!(self.commodity, None | Some(0..=2)) {
            let why = format!("commodity {} is not electricity", shown(self.commodity));
            return fault(Code::NotEnergy, "commodity", why);
        }
        match self.unit {
            Some(72) => {}
            Some(71 | 73) => {
                let why = "reactive or apparent energy".to_owned();
                return fault(Code::Reactive, "uom", why);
            }
            None => return fault(Code::Unit, "uom", "there is no unit".to_owned()),
            other => {
                let why = format!("unit {} is not 72, watt-hours", shown(other));
                return fault(Code::NotEnergy, "uom", why);
            }
        }
        if !matches!(self.accumulation, None | Some(0 | 4)) {
            let why = format!(
                "accumulationBehaviour {} is not 4, the energy of each interval",
                shown(self.accumulation)
            );
            return fault(Code::NotIntervals, "accumulationBehaviour", why);
        }
        let direction = match self.flow {
            Some(1) => Direction::Import,
            Some(19) => Direction::Export,
            Some(4 | 20 | 21) => {
                let why = "import and export in one number".to_owned();
                return fault(Code::Net, "flowDirection", why);
            }
            None => return fault(Code::Direction, "flowDirection", "it is not said".to_owned()),
            other => {
                let why = format!("{} is neither 1, forward, nor 19, reverse", shown(other));
                return fault(Code::Direction, "flowDirection", why);
            }
        };
        let multiplier = self.multiplier.unwrap_or(0);
        match i32::try_from(multiplier).ok().filter(|power| (-12..=12).contains(power)) {
            Some(exponent) => Ok(Meaning { direction, exponent }),
            None => {
                let why = format!("{multiplier} is not in -12 to 12");
                fault(Code::Value, "powerOfTenMultiplier", why)
            }
        }
    }
}

fn shown(code: Option<i64>) -> String {
    code.map_or_else(|| "none".to_owned(), |code| code.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_energy_of_intervals_has_a_meaning() {
        let energy = Kind {
            accumulation: Some(4),
            commodity: Some(1),
            flow: Some(1),
            unit: Some(72),
            ..Kind::default()
        };
        let code = |kind: Kind| kind.meaning().map_err(|fault| fault.code);
        let import = Meaning { direction: Direction::Import, exponent: 0 };
        assert_eq!(code(energy), Ok(import));
        let export = Meaning { direction: Direction::Export, exponent: -3 };
        assert_eq!(code(Kind { flow: Some(19), multiplier: Some(-3), ..energy }), Ok(export));
        assert_eq!(code(Kind { flow: Some(4), ..energy }), Err(Code::Net));
        assert_eq!(code(Kind { flow: None, ..energy }), Err(Code::Direction));
        assert_eq!(code(Kind { flow: Some(15), ..energy }), Err(Code::Direction));
        assert_eq!(code(Kind { unit: Some(73), ..energy }), Err(Code::Reactive));
        assert_eq!(code(Kind { unit: Some(38), ..energy }), Err(Code::NotEnergy));
        assert_eq!(code(Kind { unit: None, ..energy }), Err(Code::Unit));
        assert_eq!(code(Kind { commodity: Some(7), ..energy }), Err(Code::NotEnergy));
        assert_eq!(code(Kind { accumulation: Some(1), ..energy }), Err(Code::NotIntervals));
        assert_eq!(code(Kind { multiplier: Some(13), ..energy }), Err(Code::Value));
    }
}
