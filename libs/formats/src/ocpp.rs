//! OCPP 1.6 and 2.0.1: what charging stations say of their meters.
//!
//! ```text
//! [2,"<id>","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":"...","sampledValue":[
//!     {"value":"1234","measurand":"Energy.Active.Import.Register","unit":"Wh"}]}]}]
//! {"evseId":1,"meterValue":[{"timestamp":"...","sampledValue":[
//!     {"value":1.2,"unitOfMeasure":{"unit":"kWh","multiplier":0}}]}]}
//! ```
//!
//! Source: OCPP 1.6 edition 2 (7.28 to 7.46) and 2.0.1 part 2. Left out, the measurand is
//! Energy.Active.Import.Register, and the unit of energy Wh. `MeterValues`, `TransactionEvent`,
//! `StartTransaction` and `StopTransaction` are read, framed or bare; other messages say nothing of
//! meters. A signed value that is OCMF is read as such: it, not the number beside it, is what may
//! be billed. Who the station is stands in the connection, not in the message: the topic, where
//! there is one, else nobody.

use crate::canonical::{Phase, Point};
use crate::collect::{About, Collected, What};
use crate::fields::Field;
use crate::format::{Format, Framing, Signing};
use crate::quantity::{A, CELSIUS, HZ, ONE, PERCENT, Quantity as Q, Unit, V, VAR, VARH, W, WH};
use crate::{Payload, Place, Reading, Reason, Refusal, json, message, ocmf};

pub(crate) const FORMAT: Format = Format {
    name: "ocpp",
    what: "OCPP 1.6 and 2.0.1: MeterValues and transactions of charging stations",
    topics: &[],
    signing: Signing::Sometimes,
    units: "Wh, kWh, W, kW, V, A, %",
    framing: Framing::Documents,
    learn: None,
    decode,
};

/// The measurand of a value that names none.
const DEFAULT_MEASURAND: &str = "Energy.Active.Import.Register";

/// Measurands, in the unit of a value that names none.
const MEASURANDS: [(&str, What); 17] = [
    (DEFAULT_MEASURAND, What::of(Q::ImportEnergy, WH)),
    ("Energy.Active.Export.Register", What::of(Q::ExportEnergy, WH)),
    ("Energy.Active.Import.Interval", What::of(Q::PeriodImportEnergy, WH)),
    ("Energy.Active.Export.Interval", What::of(Q::PeriodExportEnergy, WH)),
    ("Energy.Reactive.Import.Register", What::of(Q::ImportReactiveEnergy, VARH)),
    ("Energy.Reactive.Export.Register", What::of(Q::ExportReactiveEnergy, VARH)),
    ("Power.Active.Import", What::of(Q::ImportPower, W)),
    ("Power.Active.Export", What::of(Q::ExportPower, W)),
    ("Power.Reactive.Import", What::of(Q::ImportReactivePower, VAR)),
    ("Power.Reactive.Export", What::of(Q::ExportReactivePower, VAR)),
    ("Power.Factor", What::of(Q::PowerFactor, ONE)),
    ("Current.Import", What::of(Q::Current, A)),
    ("Current.Export", What::of(Q::Current, A)),
    ("Voltage", What::of(Q::Voltage, V)),
    ("Frequency", What::of(Q::Frequency, HZ)),
    ("SoC", What::of(Q::StateOfCharge, PERCENT)),
    ("Temperature", What::of(Q::Temperature, CELSIUS)),
];

const PHASES: [(&str, Phase); 10] = [
    ("L1", Phase::L1),
    ("L2", Phase::L2),
    ("L3", Phase::L3),
    ("N", Phase::N),
    ("L1-N", Phase::L1),
    ("L2-N", Phase::L2),
    ("L3-N", Phase::L3),
    ("L1-L2", Phase::L12),
    ("L2-L3", Phase::L23),
    ("L3-L1", Phase::L31),
];

fn decode(payload: &Payload) -> Result<Vec<Reading>, Refusal> {
    let node = json::document(payload.bytes)?;
    let root = Field::root(&node);
    let mut call = root.clone();
    if root.is_list() {
        let parts = root.list()?;
        let (kind, last) = match parts.as_slice() {
            [(0, kind), .., (_, last)] => (kind.count()?, last),
            _ => return Err(root.refuse(Reason::Type("a frame of OCPP"))),
        };
        // Answers and errors carry no values.
        if kind != 2 {
            return Ok(Vec::new());
        }
        call = last.clone();
    }
    call.fields()?;
    let station = payload.topic.map(|topic| topic.trim_matches('/'));
    let mut about = About::device(station, Point::Charger);
    let connector = call.get("connectorId").or_else(|| call.get("evseId"));
    let connector = connector.or_else(|| call.find(&["evse", "id"]));
    if let Some(connector) = connector {
        about = about.channel(&connector.count()?.to_string());
    }
    let mut reader = Reader { payload, collected: Collected::default(), signed: Vec::new() };
    for name in ["meterStart", "meterStop"] {
        if let Some(register) = call.get(name) {
            let time = call.need("timestamp")?.time()?;
            let about = About { time, ..about.clone() };
            register.add(&mut reader.collected, &about, What::of(Q::ImportEnergy, WH))?;
        }
    }
    for name in ["meterValue", "transactionData"] {
        let Some(values) = call.get(name) else { continue };
        for (_, value) in values.list()? {
            let time = value.need("timestamp")?.time()?;
            let about = About { time, ..about.clone() };
            for (_, sample) in value.need("sampledValue")?.list()? {
                reader.sample(&sample, &about)?;
            }
        }
    }
    let mut readings = reader.collected.into_readings();
    readings.extend(reader.signed);
    Ok(readings)
}

struct Reader<'p> {
    payload: &'p Payload<'p>,
    collected: Collected,
    /// What stands in signed values.
    signed: Vec<Reading>,
}

impl Reader<'_> {
    fn sample(&mut self, sample: &Field, about: &About) -> Result<(), Refusal> {
        let text = |name| sample.get(name).map(|field: Field| field.text()).transpose();
        let measurand = text("measurand")?.unwrap_or(DEFAULT_MEASURAND);
        if text("format")? == Some("SignedData") {
            return self.signed(&sample.need("value")?, about);
        }
        if let Some(data) = sample.find(&["signedMeterValue", "signedMeterData"]) {
            self.signed(&data, about)?;
        }
        let known = MEASURANDS.iter().find(|(known, _)| *known == measurand);
        let Some((_, known)) = known else { return Ok(()) };
        let value = sample.need("value")?;
        let measure = sample.get("unitOfMeasure");
        let unit = match &measure {
            Some(measure) => measure.get("unit"),
            None => sample.get("unit"),
        };
        // Temperatures in other scales are no multiples of these: they are left out.
        let word = unit.as_ref().map(Field::text).transpose()?;
        if matches!(word, Some("Fahrenheit" | "K")) {
            return Ok(());
        }
        let unit = unit.map_or(Ok(known.unit), |unit| named(&unit, known.unit))?;
        let phase = match sample.get("phase") {
            Some(phase) => Some(conductor(&phase)?),
            None => None,
        };
        let exponent = match measure.and_then(|measure| measure.get("multiplier")) {
            Some(field) => exponent(&field)?,
            None => 0,
        };
        let number = value.number_or_text()?.shifted(exponent);
        let number = number.map_err(|reason| value.refuse(reason))?;
        let what = What { unit, phase, ..*known };
        value.add_number(&mut self.collected, about, what, &number)
    }

    /// A signed value: OCMF as text, in hex or in base64. Other encodings are not read.
    fn signed(&mut self, data: &Field, about: &About) -> Result<(), Refusal> {
        let text = data.text()?;
        let bytes = hex::decode(text).ok().or_else(|| message::base64(text));
        let bytes = match text.starts_with("OCMF|") {
            true => Some(text.as_bytes().to_vec()),
            false => bytes.filter(|bytes| bytes.starts_with(b"OCMF|")),
        };
        let Some(bytes) = bytes else { return Ok(()) };
        let inner = Payload { topic: None, bytes: &bytes, ..*self.payload };
        let readings = (ocmf::FORMAT.decode)(&inner).map_err(|refusal| {
            let path = match refusal.place.path.as_str() {
                "" => data.path().to_owned(),
                inner => format!("{}: {inner}", data.path()),
            };
            let outer = data.refuse(refusal.reason);
            Refusal { place: Place { path, ..outer.place }, ..outer }
        })?;
        self.signed.extend(readings.into_iter().map(|mut reading| {
            reading.channel = about.channel.clone();
            reading.source.path = format!("{}: {}", data.path(), reading.source.path);
            reading
        }));
        Ok(())
    }
}

/// The unit of a value.
fn named(field: &Field, default: Unit) -> Result<Unit, Refusal> {
    match field.text()? {
        "" => Ok(default),
        text => Unit::named(text).ok_or_else(|| field.refuse(Reason::Unit(text.to_owned()))),
    }
}

fn conductor(field: &Field) -> Result<Phase, Refusal> {
    let text = field.text()?;
    let found = PHASES.iter().find(|(known, _)| *known == text);
    found.map(|(_, phase)| *phase).ok_or_else(|| field.refuse(Reason::Type("a phase")))
}

fn exponent(field: &Field) -> Result<i32, Refusal> {
    let whole = field.number()?.whole().and_then(|exponent| i32::try_from(exponent).ok());
    whole.ok_or_else(|| field.refuse(Reason::Type("a power of ten")))
}
