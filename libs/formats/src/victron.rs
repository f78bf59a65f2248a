//! Victron Venus OS: the D-Bus of a GX device over MQTT, one value a topic.
//!
//! ```text
//! N/<portal>/<service>/<instance>/<path>  {"value": 936}
//! ```
//!
//! Source: dbus-flashmq, and the list of paths of dbus_modbustcp. Energy is in kWh, power in W.
//! `{"value": null}` is no value, and an empty message says that the device is gone. The grid's
//! power is positive when it is taken, a battery's when it is charged; `Energy/Forward` is what was
//! taken from the grid or used by a load, and what was made by an inverter or a generator. The
//! list gives kW for the total power of inverters: it is W, as dbus-flashmq's own example shows.

use crate::canonical::{Phase, Point};
use crate::collect::{About, Collected, What};
use crate::fields::Field;
use crate::format::{Format, Framing, Signing};
use crate::quantity::{A, CELSIUS, HZ, KWH, ONE, PERCENT, Quantity as Q, V, W};
use crate::{Payload, Reading, Reason, Refusal, json};

pub(crate) const FORMAT: Format = Format {
    name: "victron",
    what: "Victron Venus OS: N/<portal>/<service>/<instance>/<path>",
    topics: &["N/#"],
    signing: Signing::Never,
    units: "kWh, W, V, A, Hz, %",
    framing: Framing::Values,
    learn: None,
    decode,
};

/// A device on alternating current; `Ac/L1/...` of a phase.
const AC: [(&str, What); 8] = [
    ("Power", What::net(Q::ImportPower, W)),
    ("Voltage", What::of(Q::Voltage, V)),
    ("Current", What::of(Q::Current, A)),
    ("Frequency", What::of(Q::Frequency, HZ)),
    ("PowerFactor", What::of(Q::PowerFactor, ONE)),
    ("Energy/Forward", What::of(Q::ImportEnergy, KWH)),
    ("Energy/Reverse", What::of(Q::ExportEnergy, KWH)),
    ("Session/Energy", What::of(Q::PeriodImportEnergy, KWH)),
];

/// An inverter with a charger: one letter a quantity.
const VEBUS: [(&str, What); 4] = [
    ("P", What::net(Q::ImportPower, W)),
    ("V", What::of(Q::Voltage, V)),
    ("I", What::of(Q::Current, A)),
    ("F", What::of(Q::Frequency, HZ)),
];

const BATTERY: [(&str, What); 8] = [
    ("Dc/0/Voltage", What::of(Q::DcVoltage, V)),
    ("Dc/0/Current", What::of(Q::DcCurrent, A)),
    ("Dc/0/Power", What::net(Q::ImportPower, W)),
    ("Dc/0/Temperature", What::of(Q::Temperature, CELSIUS)),
    ("Soc", What::of(Q::StateOfCharge, PERCENT)),
    ("Soh", What::of(Q::StateOfHealth, PERCENT)),
    ("History/ChargedEnergy", What::of(Q::ImportEnergy, KWH)),
    ("History/DischargedEnergy", What::of(Q::ExportEnergy, KWH)),
];

const SOLAR: [(&str, What); 5] = [
    ("Yield/Power", What::of(Q::ExportPower, W)),
    ("Yield/System", What::of(Q::ExportEnergy, KWH)),
    ("Pv/V", What::of(Q::DcVoltage, V)),
    ("Pv/I", What::of(Q::DcCurrent, A)),
    // Since the user last set it to zero.
    ("Yield/User", What::of(Q::PeriodExportEnergy, KWH)),
];

/// What the GX device adds up. Channels are the path up to the phase.
const SYSTEM: [(&str, Point, What); 12] = [
    ("Ac/Grid", Point::Grid, What::net(Q::ImportPower, W)),
    ("Ac/Consumption", Point::Load, What::net(Q::ImportPower, W)),
    ("Ac/ConsumptionOnInput", Point::Load, What::net(Q::ImportPower, W)),
    ("Ac/ConsumptionOnOutput", Point::Load, What::net(Q::ImportPower, W)),
    ("Ac/PvOnGrid", Point::Generator, What::net(Q::ExportPower, W)),
    ("Ac/PvOnOutput", Point::Generator, What::net(Q::ExportPower, W)),
    ("Ac/PvOnGenset", Point::Generator, What::net(Q::ExportPower, W)),
    ("Ac/Genset", Point::Generator, What::net(Q::ExportPower, W)),
    ("Dc/Pv", Point::Generator, What::net(Q::ExportPower, W)),
    ("Dc/Battery", Point::Battery, What::net(Q::ImportPower, W)),
    ("Dc/Charger", Point::Battery, What::net(Q::ImportPower, W)),
    ("Dc/System", Point::Load, What::net(Q::ImportPower, W)),
];

const SYSTEM_BATTERY: [(&str, What); 3] = [
    ("Voltage", What::of(Q::DcVoltage, V)),
    ("Current", What::of(Q::DcCurrent, A)),
    ("Soc", What::of(Q::StateOfCharge, PERCENT)),
];

fn decode(payload: &Payload) -> Result<Vec<Reading>, Refusal> {
    let topic = payload.topic.ok_or(Reason::NoTopic.whole())?;
    let mut levels = topic.trim_start_matches('/').splitn(5, '/');
    let mut next = || levels.next().unwrap_or_default();
    let [kind, portal, service, instance, path] = [next(), next(), next(), next(), next()];
    if kind != "N" {
        return Err(Reason::Topic.of(topic));
    }
    let Some((point, channel, what)) = what(service, path) else { return Ok(Vec::new()) };
    if payload.bytes.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    let node = json::document(payload.bytes)?;
    let root = Field::root(&node);
    root.fields()?;
    let mut collected = Collected::default();
    if let Some(value) = root.get("value") {
        let about = About::device(Some(&format!("{portal}/{service}/{instance}")), point);
        let about = channel.map_or(about.clone(), |channel| about.channel(channel));
        let number = value.number()?;
        let added = collected.add(&about, what, &number, path);
        added.map_err(|reason| Refusal { ..value.refuse(reason) })?;
    }
    Ok(collected.into_readings())
}

/// Where a path of a service measures, in which part, and what.
fn what<'p>(service: &str, path: &'p str) -> Option<(Point, Option<&'p str>, What)> {
    let find = |known: &[(&str, What)], name: &str| {
        known.iter().find(|(known, _)| *known == name).map(|(_, what)| *what)
    };
    let ac = || {
        let rest = path.strip_prefix("Ac/").unwrap_or(path);
        let (phase, name) = phase(rest);
        find(&AC, name).map(|what| What { phase, ..what })
    };
    let of = |point, what: Option<What>| what.map(|what| (point, None, what));
    match service {
        "grid" => of(Point::Grid, ac()),
        "acload" | "heatpump" => of(Point::Load, ac()),
        "evcharger" => of(Point::Charger, ac()),
        "pvinverter" | "genset" => of(Point::Generator, ac().map(What::reversed)),
        "battery" => of(Point::Battery, find(&BATTERY, path)),
        "solarcharger" => {
            let string = path.strip_prefix("Pv/").and_then(|rest| rest.split_once('/'));
            match string {
                Some((string, "V")) => {
                    Some((Point::Generator, Some(string), What::of(Q::DcVoltage, V)))
                }
                Some((string, "P")) => {
                    Some((Point::Generator, Some(string), What::of(Q::ExportPower, W)))
                }
                _ => of(Point::Generator, find(&SOLAR, path)),
            }
        }
        "vebus" => ["Ac/ActiveIn", "Ac/Out"].iter().find_map(|part| {
            let rest = path.strip_prefix(part)?.strip_prefix('/')?;
            let (phase, name) = phase(rest);
            let point = if *part == "Ac/Out" { Point::Load } else { Point::Unstated };
            Some((point, Some(&path[..part.len()]), What { phase, ..find(&VEBUS, name)? }))
        }),
        "system" => SYSTEM.iter().find_map(|(part, point, power)| {
            let rest = path.strip_prefix(part)?.strip_prefix('/')?;
            let (phase, name) = phase(rest);
            let what = match name {
                "Power" => Some(*power),
                _ if *part == "Dc/Battery" => find(&SYSTEM_BATTERY, name),
                _ => None,
            };
            Some((*point, Some(&path[..part.len()]), What { phase, ..what? }))
        }),
        _ => None,
    }
}

/// Takes `L1/`, `L2/` or `L3/` off the front.
fn phase(path: &str) -> (Option<Phase>, &str) {
    let phases = [("L1/", Phase::L1), ("L2/", Phase::L2), ("L3/", Phase::L3)];
    let found = phases.iter().find_map(|(start, phase)| Some((*phase, path.strip_prefix(start)?)));
    found.map_or((None, path), |(phase, rest)| (Some(phase), rest))
}
