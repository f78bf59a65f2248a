//! Names that people give to values, where a format leaves that to them.
//!
//! A name is read as its words: `Meter/ActiveEnergyImport`, `energy_import_kwh`, `Voltage L2`, or
//! an OBIS code. What it says has to be plain: energy needs a direction, energy and power a unit
//! that is given or stands in the name. Anything else is a name that is not known.

use crate::canonical::Phase;
use crate::collect::What;
use crate::obis::Obis;
use crate::quantity::{A, CELSIUS, HZ, ONE, PERCENT, Quantity as Q, Unit, V, WH};

const IMPORT: [&str; 9] = [
    "import",
    "imported",
    "imp",
    "consumed",
    "consumption",
    "delivered",
    "forward",
    "absorbed",
    "charged",
];
const EXPORT: [&str; 11] = [
    "export",
    "exported",
    "exp",
    "produced",
    "production",
    "returned",
    "reverse",
    "injected",
    "generated",
    "yield",
    "discharged",
];
/// Words that make a total one of a period.
const PERIOD: [&str; 8] =
    ["today", "day", "daily", "yesterday", "month", "year", "session", "interval"];

/// What a name with a unit says, if it says it plainly.
pub(crate) fn what(name: &str, given: Option<&str>) -> Option<What> {
    let given = given.filter(|unit| !unit.trim().is_empty());
    let given = match given {
        Some(unit) => Some(Unit::named(unit.trim())?),
        None => None,
    };
    let code = name.split('/').find_map(|part| Obis::parse(part.trim(), 10));
    if let Some(code) = code.filter(|_| name.contains(':')) {
        // Which quantity it is does not depend on the unit that is asked about.
        let known = code.what(WH)?;
        return unit(known.quantity, given).map(|unit| What { unit, ..known });
    }
    let words = words(name);
    let has = |any: &[&str]| words.iter().any(|word| any.contains(&word.as_str()));
    let in_name = words.iter().rev().find_map(|word| Unit::named(word).filter(|_| word.len() > 1));
    let given = given.or(in_name);
    let (is_import, is_export) = (has(&IMPORT), has(&EXPORT));
    let energy = |import, export| match (is_import, is_export) {
        (true, false) => Some(import),
        (false, true) => Some(export),
        _ => None,
    };
    let is_energy_unit = given.is_some_and(|unit| unit.name().to_lowercase().ends_with("h"));
    let quantity = if has(&["energy"]) || is_energy_unit {
        match (has(&["reactive"]), has(&PERIOD)) {
            (true, true) => None,
            (true, false) => energy(Q::ImportReactiveEnergy, Q::ExportReactiveEnergy),
            (false, true) => energy(Q::PeriodImportEnergy, Q::PeriodExportEnergy),
            (false, false) => energy(Q::ImportEnergy, Q::ExportEnergy),
        }
    } else if has(&["factor", "pf"]) {
        Some(Q::PowerFactor)
    } else if has(&["power"]) {
        match (has(&["reactive"]), has(&["apparent"])) {
            (false, true) => Some(Q::ApparentPower),
            (true, _) if is_export => Some(Q::ExportReactivePower),
            (true, _) => Some(Q::ImportReactivePower),
            _ if is_export => Some(Q::ExportPower),
            _ => Some(Q::ImportPower),
        }
    } else if has(&["soc"]) || (has(&["charge"]) && has(&["state"])) {
        Some(Q::StateOfCharge)
    } else if has(&["voltage"]) {
        Some(if has(&["dc", "pv", "battery"]) { Q::DcVoltage } else { Q::Voltage })
    } else if has(&["current"]) {
        Some(if has(&["dc", "pv", "battery"]) { Q::DcCurrent } else { Q::Current })
    } else if has(&["frequency"]) {
        Some(Q::Frequency)
    } else if has(&["temperature"]) {
        Some(Q::Temperature)
    } else {
        None
    }?;
    let is_net = matches!(quantity, Q::ImportPower | Q::ImportReactivePower) && !is_import;
    let what = What::of(quantity, unit(quantity, given)?);
    Some(What { phase: phase(&words), is_net, ..what })
}

/// The unit: given, or the plain one of what is hardly ever given in another.
fn unit(quantity: Q, given: Option<Unit>) -> Option<Unit> {
    given.or(match quantity {
        Q::Voltage | Q::DcVoltage => Some(V),
        Q::Current | Q::DcCurrent => Some(A),
        Q::Frequency => Some(HZ),
        Q::PowerFactor => Some(ONE),
        Q::Temperature => Some(CELSIUS),
        Q::StateOfCharge => Some(PERCENT),
        _ => None,
    })
}

fn phase(words: &[String]) -> Option<Phase> {
    let of = |word: &str| match word {
        "l1" | "phase1" | "phasea" => Some(Phase::L1),
        "l2" | "phase2" | "phaseb" => Some(Phase::L2),
        "l3" | "phase3" | "phasec" => Some(Phase::L3),
        _ => None,
    };
    let pair = |pair: &[String]| of(&pair.concat()).filter(|_| pair[0] == "phase");
    words.iter().find_map(|word| of(word)).or_else(|| words.windows(2).find_map(pair))
}

/// The words in a name, small: they end at anything but letters and digits, and before a capital.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for letter in name.chars() {
        let starts = before.is_lowercase() && letter.is_uppercase();
        if starts || !letter.is_alphanumeric() {
            words.push(String::new());
        }
        if letter.is_alphanumeric() {
            words.last_mut().expect("there is one from the start").extend(letter.to_lowercase());
        }
        before = letter;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_are_read_and_others_are_not() {
        let read = |name, unit| {
            what(name, unit).map(|what| (what.quantity, what.unit.name(), what.phase, what.is_net))
        };
        for (name, unit, expected) in [
            ("Energy/Import", Some("kWh"), Some((Q::ImportEnergy, "kWh", None, false))),
            ("Meter/ActiveEnergyExport", Some("Wh"), Some((Q::ExportEnergy, "Wh", None, false))),
            ("energy_import_kwh", None, Some((Q::ImportEnergy, "kWh", None, false))),
            ("Energy Import Today", Some("kWh"), Some((Q::PeriodImportEnergy, "kWh", None, false))),
            ("1-0:1.8.0", Some("Wh"), Some((Q::ImportEnergy, "Wh", None, false))),
            ("Power", Some("kW"), Some((Q::ImportPower, "kW", None, true))),
            ("Export Power L2", Some("W"), Some((Q::ExportPower, "W", Some(Phase::L2), false))),
            ("Phase 3 Voltage", None, Some((Q::Voltage, "V", Some(Phase::L3), false))),
            ("Supply Voltage", None, Some((Q::Voltage, "V", None, false))),
            ("Battery/Current", None, Some((Q::DcCurrent, "A", None, false))),
            ("Power Factor", None, Some((Q::PowerFactor, "", None, false))),
            ("Energy", Some("kWh"), None),
            ("Energy/Import", None, None),
            ("Energy/Import", Some("therm"), None),
            ("Power", None, None),
            ("Node Control/Rebirth", None, None),
            ("Properties/Hardware Make", None, None),
            ("", None, None),
        ] {
            assert_eq!(read(name, unit), expected, "{name}");
        }
    }
}
