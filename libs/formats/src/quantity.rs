//! What is measured, in what, and the integer that comes of it.

use reading::REGISTER_WH_MAX;
use serde::Serialize;
use units::{Decimal, Register};

use crate::Reason;

/// What a number says of a device. Import flows from the grid's side into the device or home,
/// export out of it: a load imports, a generator exports, a battery does both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// Running total of active energy taken in (A+, OBIS 1.8).
    ImportEnergy,
    /// Running total of active energy given out (A-, OBIS 2.8).
    ExportEnergy,
    /// Active energy taken in since a day, a charging session or an interval began: no register.
    PeriodImportEnergy,
    /// Active energy given out since a day, a session or an interval began: no register.
    PeriodExportEnergy,
    /// Running total of reactive energy taken in (OBIS 3.8), in var-hours.
    ImportReactiveEnergy,
    /// Running total of reactive energy given out (OBIS 4.8), in var-hours.
    ExportReactiveEnergy,
    /// Running total of heat or cold, in watt-hours.
    HeatEnergy,
    /// Active power taken in.
    ImportPower,
    /// Active power given out.
    ExportPower,
    /// Reactive power taken in.
    ImportReactivePower,
    /// Reactive power given out.
    ExportReactivePower,
    /// Apparent power.
    ApparentPower,
    /// Mean power taken in over the period that demand is billed by.
    ImportDemand,
    /// The largest such mean of a month.
    ImportDemandMax,
    /// Alternating voltage: of a phase against neutral, or between two phases.
    Voltage,
    /// Alternating current, with the sign the device gives it.
    Current,
    /// Frequency of the grid.
    Frequency,
    /// Active over apparent power, -1 to 1.
    PowerFactor,
    /// Direct voltage, of a string, a battery or a bus.
    DcVoltage,
    /// Direct current, with the sign the device gives it.
    DcCurrent,
    /// What is left in a battery, of what it holds when full.
    StateOfCharge,
    /// What a battery still holds, of what it held when new.
    StateOfHealth,
    /// Temperature of the device.
    Temperature,
    /// Running total of gas or water.
    Volume,
}

use Quantity as Q;

impl Quantity {
    /// Is it a running total that never falls, but for a new device or a reset?
    pub const fn is_register(self) -> bool {
        matches!(
            self,
            Q::ImportEnergy
                | Q::ExportEnergy
                | Q::ImportReactiveEnergy
                | Q::ExportReactiveEnergy
                | Q::HeatEnergy
        )
    }

    /// The same the other way round, of what has a direction.
    pub(crate) const fn opposite(self) -> Quantity {
        match self {
            Q::ImportPower => Q::ExportPower,
            Q::ExportPower => Q::ImportPower,
            Q::ImportReactivePower => Q::ExportReactivePower,
            Q::ExportReactivePower => Q::ImportReactivePower,
            Q::ImportEnergy => Q::ExportEnergy,
            Q::ExportEnergy => Q::ImportEnergy,
            other => other,
        }
    }

    const fn dimension(self) -> Dimension {
        match self {
            Q::ImportEnergy
            | Q::ExportEnergy
            | Q::PeriodImportEnergy
            | Q::PeriodExportEnergy
            | Q::HeatEnergy => Dimension::Energy,
            Q::ImportReactiveEnergy | Q::ExportReactiveEnergy => Dimension::ReactiveEnergy,
            Q::ImportPower | Q::ExportPower | Q::ImportDemand | Q::ImportDemandMax => {
                Dimension::Power
            }
            Q::ImportReactivePower | Q::ExportReactivePower => Dimension::ReactivePower,
            Q::ApparentPower => Dimension::ApparentPower,
            Q::Voltage | Q::DcVoltage => Dimension::Voltage,
            Q::Current | Q::DcCurrent => Dimension::Current,
            Q::Frequency => Dimension::Frequency,
            Q::PowerFactor | Q::StateOfCharge | Q::StateOfHealth => Dimension::Ratio,
            Q::Temperature => Dimension::Temperature,
            Q::Volume => Dimension::Volume,
        }
    }

    /// The range in thousandths of the base unit, of what is no energy.
    const fn range(self) -> (i64, i64) {
        const GIGA: i64 = 1_000_000_000_000;
        match self {
            Q::Voltage => (0, GIGA / 1000),
            Q::DcVoltage => (-GIGA / 1000, GIGA / 1000),
            Q::Current | Q::DcCurrent => (-GIGA / 1000, GIGA / 1000),
            Q::Frequency => (0, 1_000_000),
            // Meters divide measured by measured: one comes out a little above one.
            Q::PowerFactor => (-1_100, 1_100),
            Q::StateOfCharge | Q::StateOfHealth => (0, 1_000),
            Q::Temperature => (-273_150, 10_000_000),
            _ => (0, GIGA),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dimension {
    Energy,
    ReactiveEnergy,
    Power,
    ReactivePower,
    ApparentPower,
    Voltage,
    Current,
    Frequency,
    Ratio,
    Temperature,
    Volume,
}

/// The unit a payload counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unit {
    name: &'static str,
    dimension: Dimension,
    /// The power of ten that leads to the base unit.
    exponent: i32,
    /// What the number is divided by before.
    divisor: i128,
}

const fn unit(name: &'static str, dimension: Dimension, exponent: i32) -> Unit {
    Unit { name, dimension, exponent, divisor: 1 }
}

pub(crate) const WH: Unit = unit("Wh", Dimension::Energy, 0);
pub(crate) const KWH: Unit = unit("kWh", Dimension::Energy, 3);
pub(crate) const WATT_MINUTE: Unit = Unit { divisor: 60, ..unit("Wmin", Dimension::Energy, 0) };
pub(crate) const VARH: Unit = unit("varh", Dimension::ReactiveEnergy, 0);
pub(crate) const KVARH: Unit = unit("kvarh", Dimension::ReactiveEnergy, 3);
pub(crate) const W: Unit = unit("W", Dimension::Power, 0);
pub(crate) const KW: Unit = unit("kW", Dimension::Power, 3);
pub(crate) const VAR: Unit = unit("var", Dimension::ReactivePower, 0);
pub(crate) const KVAR: Unit = unit("kvar", Dimension::ReactivePower, 3);
pub(crate) const VA: Unit = unit("VA", Dimension::ApparentPower, 0);
pub(crate) const KVA: Unit = unit("kVA", Dimension::ApparentPower, 3);
pub(crate) const V: Unit = unit("V", Dimension::Voltage, 0);
pub(crate) const A: Unit = unit("A", Dimension::Current, 0);
pub(crate) const HZ: Unit = unit("Hz", Dimension::Frequency, 0);
pub(crate) const ONE: Unit = unit("", Dimension::Ratio, 0);
pub(crate) const PERCENT: Unit = unit("%", Dimension::Ratio, -2);
pub(crate) const CELSIUS: Unit = unit("°C", Dimension::Temperature, 0);
pub(crate) const M3: Unit = unit("m3", Dimension::Volume, 0);

/// Every unit that is read by its name.
const NAMED: [Unit; 29] = [
    WH,
    KWH,
    unit("MWh", Dimension::Energy, 6),
    unit("GWh", Dimension::Energy, 9),
    Unit { divisor: 3600, ..unit("MJ", Dimension::Energy, 6) },
    Unit { divisor: 3600, ..unit("GJ", Dimension::Energy, 9) },
    VARH,
    KVARH,
    unit("Mvarh", Dimension::ReactiveEnergy, 6),
    W,
    KW,
    unit("MW", Dimension::Power, 6),
    unit("mW", Dimension::Power, -3),
    VAR,
    KVAR,
    VA,
    KVA,
    V,
    unit("kV", Dimension::Voltage, 3),
    unit("mV", Dimension::Voltage, -3),
    A,
    unit("mA", Dimension::Current, -3),
    HZ,
    PERCENT,
    unit("Percent", Dimension::Ratio, -2),
    CELSIUS,
    unit("Celsius", Dimension::Temperature, 0),
    // As OCPP 1.6 once spelt it.
    unit("Celcius", Dimension::Temperature, 0),
    M3,
];

impl Unit {
    /// The unit of this name. Small and capital letters count where two units differ by nothing
    /// else (`mW`, `MW`), else not.
    pub(crate) fn named(name: &str) -> Option<Unit> {
        let exact = NAMED.iter().find(|unit| unit.name == name);
        let mut alike = NAMED.iter().filter(|unit| unit.name.eq_ignore_ascii_case(name));
        let only = match (alike.next(), alike.next()) {
            (Some(unit), None) => Some(unit),
            _ => None,
        };
        exact.or(only).copied()
    }

    /// Is it one that `quantity` may be in?
    pub(crate) fn fits(self, quantity: Quantity) -> bool {
        self.dimension == quantity.dimension()
    }

    /// As a payload writes it.
    pub(crate) const fn name(self) -> &'static str {
        self.name
    }
}

/// How much: an exact integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Value {
    /// A running total of active energy in full watt-hours: what is counted below is cut off, so
    /// that the register never shows more than has flowed.
    Register(Register),
    /// Other energy in full watt-hours or var-hours, cut off below.
    Whole(u64),
    /// Anything else in thousandths of its unit, rounded half away from zero.
    Milli(i64),
}

impl Value {
    /// The integer.
    pub fn integer(self) -> i128 {
        match self {
            Value::Register(register) => i128::from(register.wh()),
            Value::Whole(whole) => i128::from(whole),
            Value::Milli(milli) => i128::from(milli),
        }
    }
}

/// What [`Value::integer`] counts in.
pub(crate) const fn unit_of(quantity: Quantity) -> &'static str {
    match quantity.dimension() {
        Dimension::Energy => "Wh",
        Dimension::ReactiveEnergy => "varh",
        Dimension::Power => "mW",
        Dimension::ReactivePower => "mvar",
        Dimension::ApparentPower => "mVA",
        Dimension::Voltage => "mV",
        Dimension::Current => "mA",
        Dimension::Frequency => "mHz",
        Dimension::Ratio => "1/1000",
        Dimension::Temperature => "m°C",
        Dimension::Volume => "l",
    }
}

/// `number` units as a value of `quantity`.
pub(crate) fn value(quantity: Quantity, number: Decimal, unit: Unit) -> Result<Value, Reason> {
    if !unit.fits(quantity) {
        return Err(Reason::Unit(unit.name.to_owned()));
    }
    let is_energy = matches!(unit.dimension, Dimension::Energy | Dimension::ReactiveEnergy);
    if !is_energy {
        return milli(quantity, number, unit).map(Value::Milli);
    }
    if number.is_negative() {
        return Err(Reason::Negative);
    }
    let counted = number.floored_to_scale(unit.exponent).ok_or(Reason::Range)?;
    let wh = u64::try_from(counted / unit.divisor).map_err(|_| Reason::Range)?;
    if wh > REGISTER_WH_MAX {
        return Err(Reason::Range);
    }
    Ok(match quantity {
        Q::ImportEnergy | Q::ExportEnergy => Value::Register(Register::from_wh(wh)),
        _ => Value::Whole(wh),
    })
}

fn milli(quantity: Quantity, number: Decimal, unit: Unit) -> Result<i64, Reason> {
    let (least, most) = quantity.range();
    if least == 0 && number.is_negative() {
        return Err(Reason::Negative);
    }
    let base = number.shifted(unit.exponent).ok_or(Reason::Range)?;
    let milli = base.rounded_to_scale(3).and_then(|milli| i64::try_from(milli).ok());
    milli.filter(|milli| (least..=most).contains(milli)).ok_or(Reason::Range)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(quantity: Quantity, number: &str, unit: Unit, expected: Result<i128, Reason>) {
        let got = value(quantity, number.parse().unwrap(), unit).map(Value::integer);
        assert_eq!(got, expected, "{number} {}", unit.name);
    }

    #[test]
    fn a_register_is_cut_off_at_the_watt_hour() {
        check(Q::ImportEnergy, "12345.6789", KWH, Ok(12_345_678));
        check(Q::ImportEnergy, "0.0009", KWH, Ok(0));
        check(Q::ImportEnergy, "119.99", WATT_MINUTE, Ok(1));
        check(Q::ExportEnergy, "120", WATT_MINUTE, Ok(2));
        check(Q::PeriodImportEnergy, "1.9", WH, Ok(1));
        check(Q::ImportEnergy, "9007199254740.991", KWH, Ok(9_007_199_254_740_991));
        check(Q::ImportEnergy, "9007199254740.992", KWH, Err(Reason::Range));
        check(Q::ImportEnergy, "-0.0001", KWH, Err(Reason::Negative));
    }

    #[test]
    fn what_is_no_energy_is_rounded_to_thousandths() {
        check(Q::Voltage, "231.87258911132812", V, Ok(231_873));
        check(Q::ImportPower, "0.33", KW, Ok(330_000));
        check(Q::ImportPower, "-1", W, Err(Reason::Negative));
        check(Q::DcCurrent, "-11.0005", A, Ok(-11_001));
        check(Q::StateOfCharge, "85", PERCENT, Ok(850));
        check(Q::StateOfCharge, "100.1", PERCENT, Err(Reason::Range));
        check(Q::PowerFactor, "-0.985", ONE, Ok(-985));
        check(Q::Temperature, "-273.151", CELSIUS, Err(Reason::Range));
        check(Q::Frequency, "50.01", W, Err(Reason::Unit("W".to_owned())));
    }

    #[test]
    fn letters_count_only_where_units_differ_by_them() {
        let name = |text| Unit::named(text).map(Unit::name);
        assert_eq!(name("kwh"), Some("kWh"));
        assert_eq!(name("VAr"), Some("var"));
        assert_eq!((name("mW"), name("MW")), (Some("mW"), Some("MW")));
        assert_eq!((name("mw"), name("MA"), name("m3/h")), (None, Some("mA"), None));
    }
}
