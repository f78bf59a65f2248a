//! Tasmota: `ENERGY` in telemetry and in the answer of `Status 8` or `Status 10`.
//!
//! ```text
//! tele/<topic>/SENSOR   {"Time":"...","ENERGY":{"Total":kWh,"Power":W,"Voltage":V,...}}
//! stat/<topic>/STATUS8  {"StatusSNS":{"Time":"...","ENERGY":{...}}}
//! ```
//!
//! Source: Tasmota documentation (JSON status responses, Smart Meter Interface, Teleinfo). `Total`
//! is one number, a list by phase, or an object by phase; so are `Power`, `Voltage` and the rest.
//! `Time` is local and has no offset unless the device is told to add one: without it the reading
//! is of the moment of receipt. `Yesterday`, and registers that a user's script has named, are
//! left out.

use crate::canonical::Point;
use crate::collect::{About, Collected, What};
use crate::fields::Field;
use crate::format::{Format, Framing, Signing};
use crate::quantity::{A, HZ, KVARH, KWH, ONE, Quantity as Q, V, VA, VAR, W, WH};
use crate::{Payload, Reading, Refusal, json};

pub(crate) const FORMAT: Format = Format {
    name: "tasmota",
    what: "Tasmota: ENERGY of SENSOR, STATE and STATUS8",
    topics: &["tele/+/SENSOR", "tele/+/STATE", "tele/+/LWT", "stat/+/STATUS8", "stat/+/STATUS10"],
    signing: Signing::Never,
    units: "kWh, W, V, A, Hz",
    framing: Framing::Documents,
    learn: None,
    decode,
};

/// What has one number, or one a phase.
const ENERGY: [(&str, What); 13] = [
    ("Total", What::of(Q::ImportEnergy, KWH)),
    ("ExportActive", What::of(Q::ExportEnergy, KWH)),
    ("ImportReactive", What::of(Q::ImportReactiveEnergy, KVARH)),
    ("ExportReactive", What::of(Q::ExportReactiveEnergy, KVARH)),
    ("Today", What::of(Q::PeriodImportEnergy, KWH)),
    ("Period", What::of(Q::PeriodImportEnergy, WH)),
    ("Power", What::net(Q::ImportPower, W)),
    ("ApparentPower", What::of(Q::ApparentPower, VA)),
    ("ReactivePower", What::net(Q::ImportReactivePower, VAR)),
    ("Factor", What::of(Q::PowerFactor, ONE)),
    ("Frequency", What::of(Q::Frequency, HZ)),
    ("Voltage", What::of(Q::Voltage, V)),
    ("Current", What::of(Q::Current, A)),
];

/// What has one number a tariff.
const TARIFFS: [(&str, What); 2] = [
    ("TotalTariff", What::of(Q::ImportEnergy, KWH)),
    ("ExportTariff", What::of(Q::ExportEnergy, KWH)),
];

/// A current clamp.
const CLAMP: [(&str, What); 4] = [
    ("Energy", What::of(Q::ImportEnergy, KWH)),
    ("Power", What::net(Q::ImportPower, W)),
    ("Voltage", What::of(Q::Voltage, V)),
    ("Current", What::of(Q::Current, A)),
];

fn decode(payload: &Payload) -> Result<Vec<Reading>, Refusal> {
    // Whether the device is there, as a word.
    if payload.topic.is_some_and(|topic| topic.ends_with("/LWT")) {
        return Ok(Vec::new());
    }
    let node = json::document(payload.bytes)?;
    let root = Field::root(&node);
    root.fields()?;
    let sensors = root.get("StatusSNS").unwrap_or(root);
    let mut about = About::device(device(payload.topic), Point::Unstated);
    if let Some(time) = sensors.get("Time") {
        about.time = time.time()?;
    }
    let mut collected = Collected::default();
    if let Some(energy) = sensors.get("ENERGY") {
        energy.fields()?;
        for (name, what) in ENERGY {
            if let Some(field) = energy.get(name) {
                by_phase(&field, &about, what, &mut collected)?;
            }
        }
        for (name, what) in TARIFFS {
            let Some(field) = energy.get(name) else { continue };
            for (place, number) in field.list()? {
                let tariff = u8::try_from(place + 1).unwrap_or(u8::MAX);
                number.add(&mut collected, &about, what.tariff(tariff))?;
            }
        }
    }
    if let Some(analog) = sensors.get("ANALOG").filter(Field::is_object) {
        for (name, clamp) in analog.fields()? {
            if name.starts_with("CTEnergy") && clamp.is_object() {
                clamp.add_known(&mut collected, &about.clone().channel(name), &CLAMP)?;
            }
        }
    }
    Ok(collected.into_readings())
}

/// The level before the last, or before `tele` or `stat` where the topic is the other way round.
fn device(topic: Option<&str>) -> Option<&str> {
    let levels: Vec<&str> = topic?.split('/').collect();
    match levels.as_slice() {
        [.., device, "tele" | "stat", _] => Some(device),
        [.., device, _] => Some(device),
        _ => None,
    }
}

/// One number of the whole, or numbers of the phases.
fn by_phase(
    field: &Field,
    about: &About,
    what: What,
    collected: &mut Collected,
) -> Result<(), Refusal> {
    let mut parts = Vec::new();
    if field.is_list() {
        parts.extend(field.list()?.into_iter().map(|(place, number)| (place + 1, number)));
    } else if field.is_object() {
        for (name, number) in field.fields()? {
            let phase = name.strip_prefix("Phase").and_then(|number| number.parse().ok());
            parts.extend(phase.map(|phase| (phase, number)));
        }
    } else {
        return field.add(collected, about, what);
    }
    for (phase, number) in parts {
        // More than three are channels of one device, not phases.
        let phase = u8::try_from(phase).unwrap_or(u8::MAX);
        let about = match phase {
            1..=3 => about.clone(),
            _ => about.clone().channel(&phase.to_string()),
        };
        number.add(collected, &about, what.phase(phase))?;
    }
    Ok(())
}
