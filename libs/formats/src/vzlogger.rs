//! vzlogger: values of meters read over SML, D0 or S0, by channel.
//!
//! ```text
//! vzlogger/<channel>/id     1-0:1.8.0                what the channel is
//! vzlogger/<channel>/uuid   fde8f1d0-...             what the push calls it
//! vzlogger/<channel>/raw    1234567.8                or {"timestamp":ms,"value":1234567.8}
//! push, or its web server   {"data":[{"uuid":"...","tuples":[[ms,1234567.8]]}]}
//! its configuration         {"meters":[{"protocol":"sml","channels":[
//!                               {"uuid":"...","identifier":"1-0:1.8.0"}]}]}
//! ```
//!
//! Source: vzlogger's MQTT client, push server and configuration. A value alone does not say what
//! it is: the `id` of its channel, or the configuration, has to come earlier in the stream. The
//! unit is dropped: over SML it is Wh and W, over D0 what meters show, kWh and kW. Where no
//! configuration says D0, the values are taken to be of SML.

use crate::canonical::Point;
use crate::collect::{About, Collected, What};
use crate::fields::Field;
use crate::format::{Format, Framing, Signing};
use crate::number::Number;
use crate::obis::Obis;
use crate::payload::Names;
use crate::quantity::{
    A, HZ, KVAR, KVARH, KW, KWH, ONE, Quantity as Q, Unit, V, VA, VAR, VARH, W, WH,
};
use crate::{Payload, Reading, Reason, Refusal, json};

pub(crate) const FORMAT: Format = Format {
    name: "vzlogger",
    what: "vzlogger: MQTT values and push JSON, with what it says of its channels",
    topics: &["vzlogger/#"],
    signing: Signing::Never,
    units: "Wh, W (SML); kWh, kW (D0)",
    framing: Framing::Values,
    learn: Some(learn),
    decode,
};

/// What its configuration may say instead of a code.
const ALIASES: [(&str, &str); 12] = [
    ("power", "1-0:16.7.0"),
    ("power-l1", "1-0:36.7.0"),
    ("power-l2", "1-0:56.7.0"),
    ("power-l3", "1-0:76.7.0"),
    ("voltage-l1", "1-0:32.7.0"),
    ("voltage-l2", "1-0:52.7.0"),
    ("voltage-l3", "1-0:72.7.0"),
    ("current-l1", "1-0:31.7.0"),
    ("current-l2", "1-0:51.7.0"),
    ("current-l3", "1-0:71.7.0"),
    ("counter", "1-0:1.8.0"),
    ("counter-out", "1-0:2.8.0"),
];

/// Takes what a channel is from `id` and `uuid`, or from the configuration. A name is a protocol, a
/// space and a code.
fn learn(payload: &Payload, names: &mut Names) -> Result<(), Refusal> {
    if payload.bytes.trim_ascii_start().first() == Some(&b'{') {
        return configuration(payload, names);
    }
    let Some((channel, kind)) = payload.topic.and_then(|topic| topic.rsplit_once('/')) else {
        return Ok(());
    };
    let text = || payload.text().map(|text| text.trim().to_owned());
    match kind {
        "id" => {
            names.set(channel.to_owned(), format!("sml {}", text()?))?;
            match names.get(&format!("{channel}/uuid")).map(str::to_owned) {
                Some(uuid) => names.set(uuid, format!("sml {}", text()?)),
                None => Ok(()),
            }
        }
        "uuid" => {
            names.set(format!("{channel}/uuid"), text()?)?;
            match names.get(channel).map(str::to_owned) {
                Some(name) => names.set(text()?, name),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

fn configuration(payload: &Payload, names: &mut Names) -> Result<(), Refusal> {
    let node = json::document(payload.bytes)?;
    let Some(meters) = Field::root(&node).get("meters") else { return Ok(()) };
    for (_, meter) in meters.list()? {
        let protocol = meter.get("protocol").map(|field| field.text()).transpose()?;
        let Some(channels) = meter.get("channels") else { continue };
        for (_, channel) in channels.list()? {
            let (Some(uuid), Some(code)) = (channel.get("uuid"), channel.get("identifier")) else {
                continue;
            };
            let name = format!("{} {}", protocol.unwrap_or("sml"), code.text()?);
            names.set(uuid.text()?.to_owned(), name)?;
        }
    }
    Ok(())
}

fn decode(payload: &Payload) -> Result<Vec<Reading>, Refusal> {
    let is_json = payload.bytes.trim_ascii_start().first() == Some(&b'{');
    let topic = payload.topic.and_then(|topic| topic.rsplit_once('/'));
    let mut collected = Collected::default();
    match topic {
        Some((channel, "raw" | "agg")) if is_json => {
            let node = json::document(payload.bytes)?;
            let value = Field::root(&node);
            let about = about(channel);
            let time = value.get("timestamp").map(|ms| ms.time_ms()).transpose()?;
            let about = About { time: time.unwrap_or(about.time), ..about };
            let number = value.need("value")?;
            let what = named(payload, channel).map_err(|reason| number.refuse(reason))?;
            if let Some(what) = what {
                number.add(&mut collected, &about, what)?;
            }
        }
        Some((channel, "raw" | "agg")) => {
            let refuse = |reason: Reason| reason.of_at(channel, 0);
            let number = Number::parse(payload.text()?).map_err(refuse)?;
            if let Some(what) = named(payload, channel).map_err(refuse)? {
                collected.add(&about(channel), what, &number, channel).map_err(refuse)?;
            }
        }
        _ if is_json => push(payload, &mut collected)?,
        // What was learned.
        Some((_, "id" | "uuid")) => {}
        _ => return Err(Reason::NoTopic.whole()),
    }
    Ok(collected.into_readings())
}

fn push(payload: &Payload, collected: &mut Collected) -> Result<(), Refusal> {
    let node = json::document(payload.bytes)?;
    let root = Field::root(&node);
    if root.get("meters").is_some() {
        return Ok(());
    }
    for (_, channel) in root.need("data")?.list()? {
        let uuid = channel.need("uuid")?;
        let Some(tuples) = channel.get("tuples") else { continue };
        let what = named(payload, uuid.text()?).map_err(|reason| uuid.refuse(reason))?;
        for (_, tuple) in tuples.list()? {
            let parts = tuple.list()?;
            let [(0, ms), (1, number), ..] = parts.as_slice() else {
                return Err(tuple.refuse(Reason::Type("a time and a value")));
            };
            let about = About { time: ms.time_ms()?, ..about(uuid.text()?) };
            if let Some(what) = what {
                number.add(collected, &about, what)?;
            }
        }
    }
    Ok(())
}

fn about(channel: &str) -> About {
    About::device(channel.rsplit('/').next(), Point::Grid)
}

/// What the channel is; none where its code is none of electricity.
fn named(payload: &Payload, channel: &str) -> Result<Option<What>, Reason> {
    let name = payload.names.get(channel).ok_or(Reason::Unnamed)?;
    let (protocol, code) = name.split_once(' ').unwrap_or(("sml", name));
    let alias = ALIASES.iter().find(|(alias, _)| *alias == code);
    let code = Obis::parse(alias.map_or(code, |(_, code)| code), 10);
    let Some(known) = code.and_then(|code| code.what(WH)) else { return Ok(None) };
    Ok(unit(known.quantity, protocol == "d0").map(|unit| What { unit, ..known }))
}

fn unit(quantity: Q, is_kilo: bool) -> Option<Unit> {
    let of = |small, large| if is_kilo { large } else { small };
    Some(match quantity {
        Q::ImportEnergy | Q::ExportEnergy => of(WH, KWH),
        Q::ImportReactiveEnergy | Q::ExportReactiveEnergy => of(VARH, KVARH),
        Q::ImportPower | Q::ExportPower => of(W, KW),
        Q::ImportReactivePower | Q::ExportReactivePower => of(VAR, KVAR),
        Q::ApparentPower => VA,
        Q::Voltage => V,
        Q::Current => A,
        Q::Frequency => HZ,
        Q::PowerFactor => ONE,
        _ => return None,
    })
}
