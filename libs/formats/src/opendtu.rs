//! OpenDTU and AhoyDTU-like gateways of Hoymiles inverters: one value a topic.
//!
//! ```text
//! solar/<serial>/0/power       W AC        solar/<serial>/1/power       W DC of input 1
//! solar/<serial>/0/yieldtotal  kWh AC      solar/<serial>/1/yieldtotal  kWh of input 1
//! solar/<serial>/0/yieldday    Wh          solar/ac/yieldtotal          kWh of all inverters
//! ```
//!
//! Source: OpenDTU documentation, MQTT topics. The base `solar` may be another one, and longer.

use crate::canonical::Point;
use crate::collect::{About, Collected, What};
use crate::format::{Format, Framing, Signing};
use crate::number::Number;
use crate::quantity::{A, CELSIUS, HZ, KWH, ONE, Quantity as Q, V, VAR, W, WH};
use crate::{Payload, Reading, Refusal};

pub(crate) const FORMAT: Format = Format {
    name: "opendtu",
    what: "OpenDTU: Hoymiles inverters, one value a topic",
    topics: &["solar/#"],
    signing: Signing::Never,
    units: "kWh (yieldtotal), Wh (yieldday), W, V, A",
    framing: Framing::Values,
    learn: None,
    decode,
};

/// The side of the grid: channel 0, or all inverters.
const AC: [(&str, What); 10] = [
    ("power", What::net(Q::ExportPower, W)),
    ("yieldtotal", What::of(Q::ExportEnergy, KWH)),
    ("yieldday", What::of(Q::PeriodExportEnergy, WH)),
    ("voltage", What::of(Q::Voltage, V)),
    ("current", What::of(Q::Current, A)),
    ("frequency", What::of(Q::Frequency, HZ)),
    // The documentation says percent; what is sent is the ratio.
    ("powerfactor", What::of(Q::PowerFactor, ONE)),
    ("reactivepower", What::net(Q::ExportReactivePower, VAR)),
    ("temperature", What::of(Q::Temperature, CELSIUS)),
    ("powerdc", What::of(Q::ExportPower, W)),
];

/// The side of the modules: channels 1 and up.
const DC: [(&str, What); 5] = [
    ("power", What::of(Q::ExportPower, W)),
    ("yieldtotal", What::of(Q::ExportEnergy, KWH)),
    ("yieldday", What::of(Q::PeriodExportEnergy, WH)),
    ("voltage", What::of(Q::DcVoltage, V)),
    ("current", What::of(Q::DcCurrent, A)),
];

fn decode(payload: &Payload) -> Result<Vec<Reading>, Refusal> {
    let levels = payload.levels()?;
    let is_number = |level: &str| level.bytes().all(|byte| byte.is_ascii_digit());
    let is_serial = |level: &str| level.len() >= 6 && level.bytes().all(|b| b.is_ascii_hexdigit());
    let (device, channel, known, name) = match levels.as_slice() {
        [.., serial, "0", name] if is_serial(serial) => (*serial, "ac", AC.as_slice(), *name),
        [.., serial, input, name] if is_serial(serial) && is_number(input) => {
            (*serial, *input, DC.as_slice(), *name)
        }
        [.., base, "ac", name] => (*base, "ac", &AC[..3], *name),
        [.., base, "dc", name] => (*base, "dc", &DC[..1], *name),
        _ => return Ok(Vec::new()),
    };
    let Some((_, what)) = known.iter().find(|(known, _)| *known == name) else {
        return Ok(Vec::new());
    };
    let channel = if name == "powerdc" { "dc" } else { channel };
    let about = About::device(Some(device), Point::Generator).channel(channel);
    let path = format!("{channel}/{name}");
    let number = Number::parse(payload.text()?).map_err(|reason| reason.of_at(&path, 0))?;
    let mut collected = Collected::default();
    let added = collected.add(&about, *what, &number, &path);
    added.map_err(|reason| reason.of_at(&path, 0))?;
    Ok(collected.into_readings())
}
