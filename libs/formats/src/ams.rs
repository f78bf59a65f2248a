//! AMS readers: Norwegian and other HAN ports, as JSON with the names of amsreader.
//!
//! ```text
//! {"id":"<reader>","t":1700000000,"data":{"meterId":"...","P":W,"PO":W,"I1":A,"U1":V,
//!  "tPI":kWh,"tPO":kWh,"tQI":kvarh,"rtc":1700000000}}
//! ```
//!
//! Source: message formats of amsreader-firmware (AmsToMqttBridge). List 1 has `P` alone, list 2
//! adds the phases, list 3 the registers, once an hour; `rtc` is the meter's clock then. Newer
//! readers put the fields beside `id` instead of into `data`.

use crate::canonical::Point;
use crate::collect::{About, Collected, What};
use crate::fields::Field;
use crate::format::{Format, Framing, Signing};
use crate::quantity::{A, KVARH, KWH, ONE, Quantity as Q, V, VAR, W};
use crate::{Payload, Reading, Refusal, json};

pub(crate) const FORMAT: Format = Format {
    name: "ams",
    what: "AMS/HAN readers (amsreader): lists 1 to 4 as JSON",
    topics: &["amsleser/#", "ams/#", "+/list1", "+/list2", "+/list3", "+/list4"],
    signing: Signing::Never,
    units: "kWh, kvarh, W, V, A",
    framing: Framing::Documents,
    learn: None,
    decode,
};

const KNOWN: [(&str, What); 34] = [
    ("P", What::of(Q::ImportPower, W)),
    ("PO", What::of(Q::ExportPower, W)),
    ("P1", What::of(Q::ImportPower, W).phase(1)),
    ("P2", What::of(Q::ImportPower, W).phase(2)),
    ("P3", What::of(Q::ImportPower, W).phase(3)),
    ("PO1", What::of(Q::ExportPower, W).phase(1)),
    ("PO2", What::of(Q::ExportPower, W).phase(2)),
    ("PO3", What::of(Q::ExportPower, W).phase(3)),
    ("Q", What::of(Q::ImportReactivePower, VAR)),
    ("QO", What::of(Q::ExportReactivePower, VAR)),
    ("I1", What::of(Q::Current, A).phase(1)),
    ("I2", What::of(Q::Current, A).phase(2)),
    ("I3", What::of(Q::Current, A).phase(3)),
    ("U1", What::of(Q::Voltage, V).phase(1)),
    ("U2", What::of(Q::Voltage, V).phase(2)),
    ("U3", What::of(Q::Voltage, V).phase(3)),
    ("PF", What::of(Q::PowerFactor, ONE)),
    ("PF1", What::of(Q::PowerFactor, ONE).phase(1)),
    ("PF2", What::of(Q::PowerFactor, ONE).phase(2)),
    ("PF3", What::of(Q::PowerFactor, ONE).phase(3)),
    ("tPI", What::of(Q::ImportEnergy, KWH)),
    ("tPO", What::of(Q::ExportEnergy, KWH)),
    ("tPIT1", What::of(Q::ImportEnergy, KWH).tariff(1)),
    ("tPIT2", What::of(Q::ImportEnergy, KWH).tariff(2)),
    ("tPOT1", What::of(Q::ExportEnergy, KWH).tariff(1)),
    ("tPOT2", What::of(Q::ExportEnergy, KWH).tariff(2)),
    ("tQI", What::of(Q::ImportReactiveEnergy, KVARH)),
    ("tQO", What::of(Q::ExportReactiveEnergy, KVARH)),
    ("tPI1", What::of(Q::ImportEnergy, KWH).phase(1)),
    ("tPI2", What::of(Q::ImportEnergy, KWH).phase(2)),
    ("tPI3", What::of(Q::ImportEnergy, KWH).phase(3)),
    ("tPO1", What::of(Q::ExportEnergy, KWH).phase(1)),
    ("tPO2", What::of(Q::ExportEnergy, KWH).phase(2)),
    ("tPO3", What::of(Q::ExportEnergy, KWH).phase(3)),
];

fn decode(payload: &Payload) -> Result<Vec<Reading>, Refusal> {
    let node = json::document(payload.bytes)?;
    let root = Field::root(&node);
    root.fields()?;
    let data = root.get("data").filter(Field::is_object);
    let fields = data.clone().unwrap_or(root.clone());
    let mut about = About::device(None, Point::Grid);
    let meter = fields.device(&["meterId"]);
    let meter = meter.or_else(|| data.as_ref().and_then(|data| data.device(&["id"])));
    about.device = meter.or_else(|| root.device(&["id"]));
    let clock = fields.get("rtc").or_else(|| root.get("t"));
    if let Some(time) = clock {
        about.time = time.time()?;
    }
    let mut collected = Collected::default();
    fields.add_known(&mut collected, &about, &KNOWN)?;
    Ok(collected.into_readings())
}
