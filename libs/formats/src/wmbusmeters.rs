//! wmbusmeters: wireless M-Bus meters as JSON.
//!
//! ```text
//! {"media":"electricity","meter":"amiplus","name":"Home","id":"10101010",
//!  "total_energy_consumption_kwh":15694.05,"current_power_consumption_kw":0.33,
//!  "total_energy_production_kwh":7.48,"voltage_at_phase_1_v":236,"timestamp":"2024-...Z"}
//! ```
//!
//! Source: wmbusmeters' drivers. The last word of a name is its unit; before it may stand a phase
//! or a tariff. `timestamp` is when the telegram was heard. Values of days and months gone by
//! (`target_`, `last_`, `prev_`, `max_`) are left out. Meters for heat, gas and water come as what
//! they are, never as electricity.

use crate::canonical::{Phase, Point};
use crate::collect::{About, Collected, What};
use crate::fields::Field;
use crate::format::{Format, Framing, Signing};
use crate::quantity::{ONE, Quantity as Q, Unit};
use crate::{Payload, Reading, Refusal, json};

pub(crate) const FORMAT: Format = Format {
    name: "wmbusmeters",
    what: "wmbusmeters JSON: wireless M-Bus meters",
    topics: &["wmbusmeters/#"],
    signing: Signing::Never,
    units: "kWh, kW, kvarh, V, A, m3",
    framing: Framing::Documents,
    learn: None,
    decode,
};

/// Names without unit, phase and tariff.
const ELECTRICITY: [(&str, Q, bool); 16] = [
    ("total_energy_consumption", Q::ImportEnergy, false),
    ("total_energy_production", Q::ExportEnergy, false),
    ("total_reactive_energy_consumption", Q::ImportReactiveEnergy, false),
    ("total_reactive_energy_production", Q::ExportReactiveEnergy, false),
    ("current_power_consumption", Q::ImportPower, true),
    ("current_power_production", Q::ExportPower, true),
    ("active_consumption", Q::ImportPower, true),
    ("active_power", Q::ImportPower, true),
    ("power", Q::ImportPower, true),
    ("reactive_power", Q::ImportReactivePower, true),
    ("apparent_consumption", Q::ApparentPower, false),
    ("voltage", Q::Voltage, false),
    ("current", Q::Current, false),
    ("frequency", Q::Frequency, false),
    ("voltage_average_ln", Q::Voltage, false),
    ("current_average", Q::Current, false),
];

const OTHER: [(&str, Q, bool); 5] = [
    ("total", Q::Volume, false),
    ("total", Q::HeatEnergy, false),
    ("total_energy_consumption", Q::HeatEnergy, false),
    ("total_heating", Q::HeatEnergy, false),
    ("total_heat_energy", Q::HeatEnergy, false),
];

fn decode(payload: &Payload) -> Result<Vec<Reading>, Refusal> {
    let node = json::document(payload.bytes)?;
    let root = Field::root(&node);
    let fields = root.fields()?;
    let Some(media) = root.get("media") else { return Ok(Vec::new()) };
    let is_electricity = media.text()? == "electricity";
    let point = if is_electricity { Point::Grid } else { Point::Load };
    let mut about = About::device(None, point);
    about.device = root.device(&["id"]).or_else(|| root.device(&["name"]));
    if let Some(time) = root.get("timestamp") {
        about.time = time.time()?;
    }
    let mut collected = Collected::default();
    for (name, field) in fields {
        let known = if is_electricity { &ELECTRICITY[..] } else { &OTHER[..] };
        if let Some(what) = what(name, known) {
            field.add(&mut collected, &about, what)?;
        }
    }
    Ok(collected.into_readings())
}

/// What a name says, as far as the table knows it.
fn what(name: &str, known: &[(&str, Q, bool)]) -> Option<What> {
    if name == "power_factor" && known.len() == ELECTRICITY.len() {
        return Some(What::of(Q::PowerFactor, ONE));
    }
    let (name, unit) = name.rsplit_once('_')?;
    let unit = Unit::named(unit)?;
    let (name, phase, tariff) = part(name);
    let mut alike = known.iter().filter(|(known, ..)| *known == name);
    let (_, quantity, is_net) = alike.find(|(_, quantity, _)| unit.fits(*quantity))?;
    Some(What { quantity: *quantity, unit, phase, tariff, is_net: *is_net })
}

/// Takes the phase or the tariff off the end of a name.
fn part(name: &str) -> (&str, Option<Phase>, Option<u8>) {
    const BETWEEN: [(&str, Phase); 3] =
        [("_l1_l2", Phase::L12), ("_l2_l3", Phase::L23), ("_l3_l1", Phase::L31)];
    for (end, phase) in BETWEEN {
        if let Some(name) = name.strip_suffix(end) {
            return (name, Some(phase), None);
        }
    }
    let without_neutral = name.strip_suffix("_n").unwrap_or(name);
    let digits = without_neutral.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let Ok(number) = without_neutral[digits.len()..].parse::<u8>() else {
        return match name.strip_suffix("_in_neutral") {
            Some(rest) => (rest, Some(Phase::N), None),
            None => (name, None, None),
        };
    };
    for end in ["_at_phase_", "_phase_", "_phase", "_l", "_"] {
        if let (Some(rest), Some(phase)) = (digits.strip_suffix(end), Phase::number(number)) {
            // A tariff ends in an underscore and a number too.
            if !rest.ends_with("_tariff") {
                return (rest, Some(phase), None);
            }
        }
    }
    for end in ["_tariff_", "_tariff"] {
        if let Some(rest) = digits.strip_suffix(end) {
            return (rest, None, Some(number));
        }
    }
    (name, None, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_quantity_phase_and_tariff() {
        let read =
            |name| what(name, &ELECTRICITY).map(|what| (what.quantity, what.phase, what.tariff));
        for (name, expected) in [
            ("total_energy_consumption_kwh", Some((Q::ImportEnergy, None, None))),
            ("total_energy_consumption_tariff_2_kwh", Some((Q::ImportEnergy, None, Some(2)))),
            ("total_energy_consumption_tariff1_kwh", Some((Q::ImportEnergy, None, Some(1)))),
            ("total_energy_production_l3_kwh", Some((Q::ExportEnergy, Some(Phase::L3), None))),
            ("current_power_consumption_phase1_kw", Some((Q::ImportPower, Some(Phase::L1), None))),
            ("active_power_at_phase_3_kw", Some((Q::ImportPower, Some(Phase::L3), None))),
            ("voltage_at_phase_2_v", Some((Q::Voltage, Some(Phase::L2), None))),
            ("voltage_l1_n_v", Some((Q::Voltage, Some(Phase::L1), None))),
            ("voltage_l2_l3_v", Some((Q::Voltage, Some(Phase::L23), None))),
            ("current_l1_a", Some((Q::Current, Some(Phase::L1), None))),
            ("current_in_neutral_a", Some((Q::Current, Some(Phase::N), None))),
            ("frequency_hz", Some((Q::Frequency, None, None))),
            ("power_factor", Some((Q::PowerFactor, None, None))),
            ("target_energy_consumption_kwh", None),
            ("max_power_consumption_kw", None),
            ("total_m3", None),
            ("b_counter", None),
        ] {
            assert_eq!(read(name), expected, "{name}");
        }
        assert_eq!(what("total_m3", &OTHER).map(|what| what.quantity), Some(Q::Volume));
        assert_eq!(what("total_kwh", &OTHER).map(|what| what.quantity), Some(Q::HeatEnergy));
        assert!(what("power_factor", &OTHER).is_none());
    }
}
