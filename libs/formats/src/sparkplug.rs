//! Sparkplug B: metrics of an edge node and its devices, as protocol buffers or rendered as JSON.
//!
//! ```text
//! spBv1.0/<group>/NBIRTH|NDATA/<node>            metrics with name, alias, type, unit, value
//! spBv1.0/<group>/DBIRTH|DDATA/<node>/<device>   data may say the alias alone
//! ```
//!
//! Source: Sparkplug 3.0.0 of the Eclipse Foundation, chapters 4 and 6. What an alias stands for is
//! in the birth of its node or device, which has to come earlier in the stream. Names of metrics
//! are free: those that say plainly what they are count, by words or OBIS code, with the unit that
//! the name has or a property `engUnit`. A birth of a node ends the aliases of the one
//! before. Whole numbers with a sign are two's complement in 32 or 64 bits.

use crate::canonical::{Point, When};
use crate::collect::{About, Collected};
use crate::fields::Field;
use crate::format::{Format, Framing, Signing};
use crate::number::Number;
use crate::payload::Names;
use crate::protobuf::{self, Wire};
use crate::{Payload, Reading, Reason, Refusal, json, time, words};

pub(crate) const FORMAT: Format = Format {
    name: "sparkplug",
    what: "Sparkplug B metrics, protocol buffers or JSON; aliases from births",
    topics: &["spBv1.0/#"],
    signing: Signing::Never,
    units: "as the metric's name or its engUnit says",
    framing: Framing::Bytes(crate::PAYLOAD_BYTES_MAX),
    learn: Some(learn),
    decode,
};

/// Properties that carry a unit.
const UNITS: [&str; 5] = ["engUnit", "EngUnit", "Engineering Unit", "unit", "Unit"];

/// A metric as it stands in a payload.
#[derive(Debug, Default)]
struct Metric<'a> {
    byte: usize,
    name: Option<String>,
    alias: Option<u64>,
    time: Option<u64>,
    kind: Option<Kind>,
    unit: Option<String>,
    value: Option<Scalar<'a>>,
}

#[derive(Debug)]
enum Scalar<'a> {
    Int(u32),
    Long(u64),
    Single(u32),
    Double(u64),
    Text(Number<'a>),
}

/// What of a metric's type matters: how many bits its sign is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Signed32,
    Signed64,
    Other,
}

impl Kind {
    const fn of(datatype: u64) -> Kind {
        match datatype {
            1..=3 => Kind::Signed32,
            4 => Kind::Signed64,
            _ => Kind::Other,
        }
    }

    const fn letter(self) -> &'static str {
        match self {
            Kind::Signed32 => "i",
            Kind::Signed64 => "l",
            Kind::Other => "-",
        }
    }

    fn named(letter: &str) -> Kind {
        match letter {
            "i" => Kind::Signed32,
            "l" => Kind::Signed64,
            _ => Kind::Other,
        }
    }
}

/// Where a message comes from: its type, its node and its device.
struct Origin<'a> {
    kind: &'a str,
    node: String,
    device: String,
}

fn origin<'a>(payload: &Payload<'a>) -> Result<Option<Origin<'a>>, Refusal> {
    let Some(topic) = payload.topic else { return Ok(None) };
    let levels: Vec<&str> = topic.split('/').collect();
    match levels.as_slice() {
        ["spBv1.0", "STATE", ..] => Ok(None),
        ["spBv1.0", group, kind, node, device @ ..] => {
            let node = format!("{group}/{node}");
            let device = device.first().map_or(node.clone(), |name| format!("{node}/{name}"));
            Ok(Some(Origin { kind, node, device }))
        }
        _ => Err(Reason::Topic.of(topic)),
    }
}

/// Keeps what each alias of a birth stands for: `<type> <unit>\n<name>`.
fn learn(payload: &Payload, names: &mut Names) -> Result<(), Refusal> {
    let Some(origin) = origin(payload)? else { return Ok(()) };
    let start = format!("{}#", origin.node);
    match origin.kind {
        "NBIRTH" => names.forget(&start),
        "DBIRTH" => {}
        _ => return Ok(()),
    }
    let (_, metrics) = metrics(payload)?;
    for metric in metrics {
        if let (Some(alias), Some(name)) = (metric.alias, metric.name) {
            let kind = metric.kind.unwrap_or(Kind::Other).letter();
            let unit = metric.unit.unwrap_or_default();
            names.set(format!("{start}{alias}"), format!("{kind} {unit}\n{name}"))?;
        }
    }
    Ok(())
}

fn decode(payload: &Payload) -> Result<Vec<Reading>, Refusal> {
    let origin = origin(payload)?;
    let is_read = origin
        .as_ref()
        .is_none_or(|origin| matches!(origin.kind, "NBIRTH" | "DBIRTH" | "NDATA" | "DDATA"));
    if !is_read || (payload.topic.is_some() && origin.is_none()) {
        return Ok(Vec::new());
    }
    let device = origin.as_ref().map(|origin| origin.device.as_str());
    let about = About::device(device, Point::Unstated);
    let (sent, metrics) = metrics(payload)?;
    let mut collected = Collected::default();
    for metric in metrics {
        let Some(value) = &metric.value else { continue };
        let (kind, unit, name) = identity(&metric, origin.as_ref(), payload.names)?;
        let Some(what) = words::what(&name, unit.as_deref()) else { continue };
        let refuse = |reason: Reason| reason.of_at(&name, metric.byte);
        let when = metric.time.or(sent).map(milliseconds).transpose().map_err(refuse)?;
        let about = About { time: when.unwrap_or(When::OnReceipt), ..about.clone() };
        let number = number(value, kind).map_err(refuse)?;
        collected.add(&about, what, &number, &name).map_err(refuse)?;
    }
    Ok(collected.into_readings())
}

fn milliseconds(ms: u64) -> Result<When, Reason> {
    i64::try_from(ms / 1000).map_err(|_| Reason::Range).and_then(time::seconds)
}

/// Type, unit and name: those of the metric, else those that its alias had at birth.
fn identity(
    metric: &Metric,
    origin: Option<&Origin>,
    names: &Names,
) -> Result<(Kind, Option<String>, String), Refusal> {
    let known = metric.alias.zip(origin);
    let known = known.and_then(|(alias, origin)| names.get(&format!("{}#{alias}", origin.node)));
    let known = known.and_then(|known| known.split_once('\n'));
    let (letter, unit) =
        known.map_or(("-", ""), |(about, _)| about.split_once(' ').unwrap_or((about, "")));
    let name = metric.name.clone().or_else(|| known.map(|(_, name)| name.to_owned()));
    let name = name.ok_or_else(|| {
        let alias = metric.alias.map_or("metric".to_owned(), |alias| format!("alias {alias}"));
        Reason::Unnamed.of_at(alias, metric.byte)
    })?;
    let kind = metric.kind.unwrap_or_else(|| Kind::named(letter));
    let unit = metric.unit.clone().or_else(|| Some(unit.to_owned()));
    Ok((kind, unit.filter(|unit| !unit.is_empty()), name))
}

#[expect(clippy::disallowed_types, reason = "metrics are floats; they become decimals here")]
fn number<'a>(value: &Scalar<'a>, kind: Kind) -> Result<Number<'a>, Reason> {
    match value {
        Scalar::Int(bits) if kind == Kind::Signed32 => {
            Ok(Number::integer(i128::from(bits.cast_signed())))
        }
        Scalar::Int(bits) => Ok(Number::integer(i128::from(*bits))),
        Scalar::Long(bits) if kind == Kind::Signed64 => {
            Ok(Number::integer(i128::from(bits.cast_signed())))
        }
        Scalar::Long(bits) => Ok(Number::integer(i128::from(*bits))),
        Scalar::Single(bits) => Number::single(f32::from_bits(*bits)),
        Scalar::Double(bits) => Number::float(f64::from_bits(*bits)),
        Scalar::Text(number) => Ok(number.clone()),
    }
}

/// When the payload was sent, and its metrics.
fn metrics<'a>(payload: &Payload<'a>) -> Result<(Option<u64>, Vec<Metric<'a>>), Refusal> {
    if payload.bytes.first() == Some(&b'{') {
        return rendered(payload);
    }
    let (mut sent, mut metrics) = (None, Vec::new());
    for (number, value, at) in protobuf::fields(payload.bytes, 0)? {
        match number {
            1 => sent = Some(value.varint(at)?),
            2 => {
                let (bytes, byte) = value.bytes(at)?;
                metrics.push(metric(bytes, byte)?);
            }
            _ => {}
        }
    }
    Ok((sent, metrics))
}

fn metric(bytes: &[u8], byte: usize) -> Result<Metric<'static>, Refusal> {
    let mut metric = Metric { byte, ..Metric::default() };
    let mut is_null = false;
    for (number, value, at) in protobuf::fields(bytes, byte)? {
        match (number, value) {
            (1, _) => metric.name = Some(value.text(at)?.to_owned()),
            (2, _) => metric.alias = Some(value.varint(at)?),
            (3, _) => metric.time = Some(value.varint(at)?),
            (4, _) => metric.kind = Some(Kind::of(value.varint(at)?)),
            (7, _) => is_null = value.varint(at)? != 0,
            (9, _) => {
                let (bytes, byte) = value.bytes(at)?;
                metric.unit = property(bytes, byte)?;
            }
            // The field is one of 32 bits; more are of no writer.
            (10, Wire::Varint(bits)) => {
                let bits = u32::try_from(bits & 0xffff_ffff).unwrap_or_default();
                metric.value = Some(Scalar::Int(bits));
            }
            (11, Wire::Varint(bits)) => metric.value = Some(Scalar::Long(bits)),
            (12, Wire::Fixed32(bits)) => metric.value = Some(Scalar::Single(bits)),
            (13, Wire::Fixed64(bits)) => metric.value = Some(Scalar::Double(bits)),
            (10..=13, _) => return Err(Reason::Type("a value of its type").at(at)),
            _ => {}
        }
    }
    if is_null {
        metric.value = None;
    }
    Ok(metric)
}

/// The unit among the properties: names and values lie in two lists.
fn property(bytes: &[u8], byte: usize) -> Result<Option<String>, Refusal> {
    let (mut names, mut values) = (Vec::new(), Vec::new());
    for (number, value, at) in protobuf::fields(bytes, byte)? {
        match number {
            1 => names.push(value.text(at)?),
            2 => values.push(value.bytes(at)?),
            _ => {}
        }
    }
    for (name, (bytes, byte)) in names.into_iter().zip(values) {
        if !UNITS.contains(&name) {
            continue;
        }
        for (number, value, at) in protobuf::fields(bytes, byte)? {
            if number == 8 {
                return Ok(Some(value.text(at)?.to_owned()));
            }
        }
    }
    Ok(None)
}

fn count(field: &Field) -> Result<u64, Refusal> {
    let whole = field.number()?.whole().and_then(|whole| u64::try_from(whole).ok());
    whole.ok_or_else(|| field.refuse(Reason::Type("a whole number")))
}

/// The same as JSON: metrics with `name`, `alias`, `timestamp`, `dataType` and `value`.
fn rendered<'a>(payload: &Payload<'a>) -> Result<(Option<u64>, Vec<Metric<'a>>), Refusal> {
    let node = json::document(payload.bytes)?;
    let root = Field::root(&node);
    let sent = root.get("timestamp").as_ref().map(count).transpose()?;
    let mut metrics = Vec::new();
    let Some(list) = root.get("metrics") else { return Ok((sent, metrics)) };
    for (_, one) in list.list()? {
        let mut metric = Metric { kind: Some(Kind::Other), ..Metric::default() };
        metric.name = one.get("name").map(|name| name.text()).transpose()?.map(str::to_owned);
        metric.alias = one.get("alias").as_ref().map(count).transpose()?;
        metric.time = one.get("timestamp").as_ref().map(count).transpose()?;
        metric.byte = one.refuse(Reason::Missing).place.byte.unwrap_or_default();
        for unit in UNITS {
            let unit = one.find(&["properties", unit, "value"]);
            metric.unit = metric.unit.or(unit.and_then(|unit| unit.text().ok().map(str::to_owned)));
        }
        if let Some(value) = one.get("value").filter(Field::is_number) {
            let number = value.number()?;
            let text = number.text.into_owned().into();
            metric.value = Some(Scalar::Text(Number { text, decimal: number.decimal }));
        }
        metrics.push(metric);
    }
    Ok((sent, metrics))
}
