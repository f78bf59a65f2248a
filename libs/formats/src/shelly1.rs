//! Shelly devices of the first generation: MQTT topics with one value each, and `/status` as JSON.
//!
//! ```text
//! shellies/<id>/relay/0/power   W        shellies/<id>/emeter/0/power           W, + is import
//! shellies/<id>/relay/0/energy  W min    shellies/<id>/emeter/0/total           Wh
//!                                        shellies/<id>/emeter/0/total_returned  Wh
//! {"meters":[{"power":W,"total":W min}],"emeters":[{"power":W,"total":Wh,"total_returned":Wh}]}
//! ```
//!
//! Source: Shelly Gen1 device API. Relays count watt-minutes and forget them without power, energy
//! meters count watt-hours and keep them; `emeter/N/energy` are watt-minutes since the last report.

use crate::canonical::Point;
use crate::collect::{About, Collected, What};
use crate::fields::Field;
use crate::format::{Format, Framing, Signing};
use crate::number::Number;
use crate::quantity::{A, ONE, Quantity as Q, V, VAR, W, WATT_MINUTE, WH};
use crate::{Payload, Reading, Refusal, json};

pub(crate) const FORMAT: Format = Format {
    name: "shelly1",
    what: "Shelly Gen1: MQTT values and the JSON of /status",
    topics: &["shellies/#"],
    signing: Signing::Never,
    units: "W min, Wh, W, V, A",
    framing: Framing::Values,
    learn: None,
    decode,
};

const RELAY: [(&str, What); 2] =
    [("power", What::net(Q::ImportPower, W)), ("energy", What::of(Q::ImportEnergy, WATT_MINUTE))];

const EMETER: [(&str, What); 9] = [
    ("power", What::net(Q::ImportPower, W)),
    ("reactive_power", What::net(Q::ImportReactivePower, VAR)),
    // As `/status` calls it.
    ("reactive", What::net(Q::ImportReactivePower, VAR)),
    ("voltage", What::of(Q::Voltage, V)),
    ("current", What::of(Q::Current, A)),
    ("pf", What::of(Q::PowerFactor, ONE)),
    ("total", What::of(Q::ImportEnergy, WH)),
    ("total_returned", What::of(Q::ExportEnergy, WH)),
    ("energy", What::of(Q::PeriodImportEnergy, WATT_MINUTE)),
];

const METER: [(&str, What); 2] =
    [("power", What::net(Q::ImportPower, W)), ("total", What::of(Q::ImportEnergy, WATT_MINUTE))];

fn decode(payload: &Payload) -> Result<Vec<Reading>, Refusal> {
    if payload.bytes.trim_ascii_start().first() == Some(&b'{') {
        return status(payload);
    }
    let levels = payload.levels()?;
    let mut collected = Collected::default();
    if let [.., device, part, number, name] = levels.as_slice() {
        let (known, point) = match *part {
            "relay" | "light" | "roller" | "dimmer" | "white" | "color" => {
                (RELAY.as_slice(), Point::Load)
            }
            "emeter" => (EMETER.as_slice(), Point::Unstated),
            _ => return Ok(Vec::new()),
        };
        let path = format!("{part}/{number}/{name}");
        let about = About::device(Some(device), point).channel(&format!("{part}/{number}"));
        if let Some((_, what)) = known.iter().find(|(known, _)| known == name) {
            let number = Number::parse(payload.text()?).map_err(|reason| reason.of_at(&path, 0))?;
            let added = collected.add(&about, *what, &number, &path);
            added.map_err(|reason| reason.of_at(&path, 0))?;
        }
    }
    Ok(collected.into_readings())
}

/// The answer of `/status`, alone or beside that of `/settings` and `/shelly`.
fn status(payload: &Payload) -> Result<Vec<Reading>, Refusal> {
    let node = json::document(payload.bytes)?;
    let root = Field::root(&node);
    let status = root.get("status").filter(Field::is_object).unwrap_or(root.clone());
    let mut about = About::device(None, Point::Load);
    let id = root.device(&["settings", "device", "hostname"]);
    about.device = id.or_else(|| status.device(&["mac"]));
    if let Some(time) = status.get("unixtime") {
        about.time = time.time()?;
    }
    let mut collected = Collected::default();
    for (list, known, part, point) in [
        ("meters", METER.as_slice(), "relay", Point::Load),
        ("emeters", EMETER.as_slice(), "emeter", Point::Unstated),
    ] {
        let Some(list) = status.get(list) else { continue };
        for (place, meter) in list.list()? {
            let is_valid = meter.get("is_valid").map(|valid| valid.bool()).transpose()?;
            if is_valid == Some(false) {
                continue;
            }
            let about = About { point, ..about.clone().channel(&format!("{part}/{place}")) };
            meter.add_known(&mut collected, &about, known)?;
        }
    }
    Ok(collected.into_readings())
}
