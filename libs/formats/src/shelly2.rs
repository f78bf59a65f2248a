//! Shelly devices of the second generation and later: components as JSON.
//!
//! ```text
//! <prefix>/status/switch:0   {"id":0,"apower":W,"voltage":V,"current":A,"aenergy":{"total":Wh}}
//! <prefix>/events/rpc        {"src":"<id>","method":"NotifyStatus","params":{"ts":s,"em:0":{...}}}
//! answers of Shelly.GetStatus  {"src":"<id>","result":{"switch:0":{...},"sys":{...}}}
//! ```
//!
//! Source: Shelly Gen2 device API. All energy is in watt-hours. Power is positive when it flows
//! into the device or, of an energy meter, from the grid; `ret_` counts the other way.

use crate::canonical::{Phase, Point};
use crate::collect::{About, Collected, What};
use crate::fields::Field;
use crate::format::{Format, Framing, Signing};
use crate::quantity::{A, CELSIUS, HZ, ONE, Quantity as Q, V, VA, W, WH};
use crate::{Payload, Reading, Reason, Refusal, json};

pub(crate) const FORMAT: Format = Format {
    name: "shelly2",
    what: "Shelly Gen2 and later: MQTT status, notifications and answers of RPC",
    topics: &["+/events/rpc", "+/status/+", "+/rpc"],
    signing: Signing::Never,
    units: "Wh, W, V, A, Hz",
    framing: Framing::Documents,
    learn: None,
    decode,
};

/// Relays, plugs, covers, lights and the meters in them.
const METERED: [(&str, What); 7] = [
    ("apower", What::net(Q::ImportPower, W)),
    ("act_power", What::net(Q::ImportPower, W)),
    ("aprt_power", What::of(Q::ApparentPower, VA)),
    ("voltage", What::of(Q::Voltage, V)),
    ("current", What::of(Q::Current, A)),
    ("pf", What::of(Q::PowerFactor, ONE)),
    ("freq", What::of(Q::Frequency, HZ)),
];

/// A meter of three phases; `a_`, `b_` or `c_` stands before what is of one.
const PHASE: [(&str, What); 6] = [
    ("act_power", What::net(Q::ImportPower, W)),
    ("aprt_power", What::of(Q::ApparentPower, VA)),
    ("voltage", What::of(Q::Voltage, V)),
    ("current", What::of(Q::Current, A)),
    ("pf", What::of(Q::PowerFactor, ONE)),
    ("freq", What::of(Q::Frequency, HZ)),
];

const THREE_PHASES: [(&str, What); 4] = [
    ("total_act_power", What::net(Q::ImportPower, W)),
    ("total_aprt_power", What::of(Q::ApparentPower, VA)),
    ("total_current", What::of(Q::Current, A)),
    ("n_current", What::of(Q::Current, A).conductor(Phase::N)),
];

const PHASE_TOTALS: [(&str, What); 2] = [
    ("total_act_energy", What::of(Q::ImportEnergy, WH)),
    ("total_act_ret_energy", What::of(Q::ExportEnergy, WH)),
];

const TOTALS: [(&str, What); 4] = [
    ("total_act", What::of(Q::ImportEnergy, WH)),
    ("total_act_ret", What::of(Q::ExportEnergy, WH)),
    ("total_act_energy", What::of(Q::ImportEnergy, WH)),
    ("total_act_ret_energy", What::of(Q::ExportEnergy, WH)),
];

fn decode(payload: &Payload) -> Result<Vec<Reading>, Refusal> {
    // Whether the device is there, as a word.
    if payload.topic.is_some_and(|topic| topic.ends_with("/online")) {
        return Ok(Vec::new());
    }
    let node = json::document(payload.bytes)?;
    let root = Field::root(&node);
    let levels = payload.topic.map(|topic| topic.split('/').collect::<Vec<_>>());
    let levels = levels.unwrap_or_default();
    if let Some(error) = root.get("error").filter(Field::is_object) {
        let text = error.get("message").map(|text| text.text()).transpose()?.unwrap_or("");
        return Err(error.refuse(Reason::Device(text.to_owned())));
    }
    let mut about = About::device(None, Point::Load);
    let mut collected = Collected::default();
    if let [.., prefix, "status", component] = levels.as_slice() {
        about.device = Some((*prefix).into());
        one(component, &root, &about, &mut collected)?;
        return Ok(collected.into_readings());
    }
    let inside = ["params", "result", "status"];
    let status = inside.iter().find_map(|name| root.get(name).filter(Field::is_object));
    let status = status.unwrap_or(root.clone());
    let topic = levels.iter().rev().nth(2).filter(|_| levels.ends_with(&["events", "rpc"]));
    about.device = root
        .device(&["src"])
        .or_else(|| root.device(&["shelly", "id"]))
        .or_else(|| topic.map(|prefix| (*prefix).into()))
        .or_else(|| status.device(&["sys", "mac"]));
    if let Some(time) = status.get("ts").or_else(|| status.find(&["sys", "unixtime"])) {
        about.time = time.time()?;
    }
    if !status.is_object() {
        return Err(status.refuse(Reason::Type("an object")));
    }
    for (name, component) in status.fields()? {
        if name.contains(':') && component.is_object() {
            one(name, &component, &about, &mut collected)?;
        }
    }
    Ok(collected.into_readings())
}

/// One component, such as `switch:0`.
fn one(
    name: &str,
    component: &Field,
    about: &About,
    collected: &mut Collected,
) -> Result<(), Refusal> {
    let kind = name.split(':').next().unwrap_or(name);
    let about = about.clone().channel(name);
    let meter = About { point: Point::Unstated, ..about.clone() };
    match kind {
        "switch" | "cover" | "light" | "rgb" | "rgbw" | "cct" | "pm1" => {
            let about = if kind == "pm1" { meter } else { about };
            component.add_known(collected, &about, &METERED)?;
            for (total, quantity) in
                [("aenergy", Q::ImportEnergy), ("ret_aenergy", Q::ExportEnergy)]
            {
                if let Some(total) = component.find(&[total, "total"]) {
                    total.add(collected, &about, What::of(quantity, WH))?;
                }
            }
            if let Some(temperature) = component.find(&["temperature", "tC"]) {
                temperature.add(collected, &about, What::of(Q::Temperature, CELSIUS))?;
            }
            Ok(())
        }
        "em" => {
            phases(component, &meter, &PHASE, collected)?;
            component.add_known(collected, &meter, &THREE_PHASES)
        }
        "emdata" => {
            phases(component, &meter, &PHASE_TOTALS, collected)?;
            component.add_known(collected, &meter, &TOTALS)
        }
        "em1" => component.add_known(collected, &meter, &METERED),
        "em1data" => component.add_known(collected, &meter, &TOTALS),
        _ => Ok(()),
    }
}

fn phases(
    component: &Field,
    about: &About,
    known: &[(&str, What)],
    collected: &mut Collected,
) -> Result<(), Refusal> {
    for (letter, number) in [('a', 1), ('b', 2), ('c', 3)] {
        for (name, what) in known {
            if let Some(field) = component.get(&format!("{letter}_{name}")) {
                field.add(collected, about, what.phase(number))?;
            }
        }
    }
    Ok(())
}
