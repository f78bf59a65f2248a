//! Zigbee2MQTT: the state of a device as one JSON object.
//!
//! ```text
//! zigbee2mqtt/<friendly name>  {"power":W,"current":A,"voltage":V,"energy":kWh,"last_seen":"..."}
//! ```
//!
//! Source: Zigbee2MQTT documentation (device pages, `last_seen`). `energy` is what was consumed,
//! `produced_energy` what was given out; `_l1`, `_phase_a` and the like name a phase. A friendly
//! name may have levels of its own.

use crate::canonical::Point;
use crate::collect::{About, Collected, What};
use crate::fields::Field;
use crate::format::{Format, Framing, Signing};
use crate::quantity::{A, CELSIUS, HZ, KVARH, KWH, ONE, Quantity as Q, V, VA, VAR, W};
use crate::{Payload, Reading, Refusal, json};

pub(crate) const FORMAT: Format = Format {
    name: "zigbee2mqtt",
    what: "Zigbee2MQTT: plugs and meters",
    topics: &["zigbee2mqtt/#"],
    signing: Signing::Never,
    units: "kWh, W, V, A",
    framing: Framing::Documents,
    learn: None,
    decode,
};

const KNOWN: [(&str, What); 14] = [
    ("energy", What::of(Q::ImportEnergy, KWH)),
    ("consumed_energy", What::of(Q::ImportEnergy, KWH)),
    ("produced_energy", What::of(Q::ExportEnergy, KWH)),
    ("power", What::net(Q::ImportPower, W)),
    ("power_apparent", What::of(Q::ApparentPower, VA)),
    ("power_reactive", What::net(Q::ImportReactivePower, VAR)),
    ("reactive_energy", What::of(Q::ImportReactiveEnergy, KVARH)),
    ("voltage", What::of(Q::Voltage, V)),
    ("current", What::of(Q::Current, A)),
    ("current_neutral", What::of(Q::Current, A).conductor(crate::canonical::Phase::N)),
    ("power_factor", What::of(Q::PowerFactor, ONE)),
    ("ac_frequency", What::of(Q::Frequency, HZ)),
    ("device_temperature", What::of(Q::Temperature, CELSIUS)),
    ("energy_produced", What::of(Q::ExportEnergy, KWH)),
];

/// The phase that stands behind a name.
const PHASES: [(&str, u8); 9] = [
    ("_phase_a", 1),
    ("_phase_b", 2),
    ("_phase_c", 3),
    ("_l1", 1),
    ("_l2", 2),
    ("_l3", 3),
    ("_a", 1),
    ("_b", 2),
    ("_c", 3),
];

fn decode(payload: &Payload) -> Result<Vec<Reading>, Refusal> {
    let levels: Vec<&str> = payload.topic.unwrap_or_default().split('/').collect();
    let device = levels.get(1..).unwrap_or_default();
    // What the bridge says of itself, requests, and whether a device is there.
    let is_other = matches!(device, ["bridge", ..] | [.., "availability" | "set" | "get"]);
    if is_other || payload.bytes.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    let node = json::document(payload.bytes)?;
    let root = Field::root(&node);
    let mut about = About::device(Some(&device.join("/")), Point::Load);
    if let Some(seen) = root.get("last_seen") {
        about.time = if seen.is_number() { seen.time_ms()? } else { seen.time()? };
    }
    let mut collected = Collected::default();
    // What runs on a battery gives the battery's voltage, in millivolts.
    let is_on_battery = root.get("battery").is_some();
    for (name, field) in root.fields()? {
        let is_read = !(is_on_battery && name == "voltage");
        if let Some(what) = what(name).filter(|_| is_read) {
            field.add(&mut collected, &about, what)?;
        }
    }
    Ok(collected.into_readings())
}

fn what(name: &str) -> Option<What> {
    let known = |name: &str| KNOWN.iter().find(|(known, _)| *known == name);
    if let Some((_, what)) = known(name) {
        return Some(*what);
    }
    PHASES.iter().find_map(|(end, phase)| {
        let (_, what) = known(name.strip_suffix(end)?)?;
        Some(what.phase(*phase))
    })
}
