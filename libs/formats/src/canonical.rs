//! What every format's payload comes to.

use std::sync::Arc;

use calendar::Timestamp;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use units::Register;

use crate::quantity::{self, Quantity, Value};

/// One number that a device has said, in the terms of the market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Whose number it is, as the payload or the topic names the device. `None` where neither
    /// does: then only the connection it came by tells.
    pub device: Option<Arc<str>>,
    /// Which part of the device: an input, a relay, a string, a connector.
    pub channel: Option<Arc<str>>,
    /// When it was measured.
    pub time: When,
    /// Where in the home or the grid the device sits.
    pub point: Point,
    /// What was measured.
    pub quantity: Quantity,
    /// Of which phase; `None` is the whole.
    pub phase: Option<Phase>,
    /// Of which tariff's register; `None` is the total over all.
    pub tariff: Option<u8>,
    /// How much.
    pub value: Value,
    /// How the number came about.
    pub quality: Quality,
    /// What stands in the payload.
    pub source: Source,
    /// What speaks for it.
    pub trust: Trust,
}

/// When a number was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum When {
    /// The payload says so, by a clock that the device holds to be right.
    At(Timestamp),
    /// The payload says so, and that its clock may be wrong.
    Unsure(Timestamp),
    /// The payload carries no time, or a local one that could be several moments: whoever receives
    /// it has to take its own clock, at the moment of receipt.
    OnReceipt,
}

impl When {
    /// The moment the payload names.
    pub const fn said(self) -> Option<Timestamp> {
        match self {
            When::At(time) | When::Unsure(time) => Some(time),
            When::OnReceipt => None,
        }
    }

    const fn clock(self) -> &'static str {
        match self {
            When::At(_) => "device",
            When::Unsure(_) => "unsure",
            When::OnReceipt => "receiver",
        }
    }
}

/// Where a device measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Point {
    /// Between the home and the grid: the connection point.
    Grid,
    /// At something that uses energy.
    Load,
    /// At something that makes energy.
    Generator,
    /// At a battery.
    Battery,
    /// At a charging point for vehicles.
    Charger,
    /// The payload does not say.
    Unstated,
}

/// The conductors a number belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Phase {
    /// First phase.
    L1,
    /// Second phase.
    L2,
    /// Third phase.
    L3,
    /// Neutral.
    N,
    /// Between first and second.
    L12,
    /// Between second and third.
    L23,
    /// Between third and first.
    L31,
}

impl Phase {
    /// Phase 1, 2 or 3.
    pub(crate) const fn number(number: u8) -> Option<Phase> {
        match number {
            1 => Some(Phase::L1),
            2 => Some(Phase::L2),
            3 => Some(Phase::L3),
            _ => None,
        }
    }
}

/// How a number came about, as far as the device says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// Measured.
    Measured,
    /// A sum that the payload does not have itself.
    Calculated,
    /// The device put a value where it had none.
    Substituted,
    /// The device says that the number is not to be used.
    Faulty,
}

/// Where in the payload a number stands, and as what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The field: a path of names, an OBIS code, the rest of a topic.
    pub path: String,
    /// The number as written.
    pub text: String,
    /// What it counts in.
    pub unit: &'static str,
}

/// What speaks for a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Nothing but the connection it came by.
    Unsigned,
    /// Signed; whether by the right key was not asked, or cannot be told.
    Signed(Arc<Seal>),
    /// Signed by the key that was given.
    Verified(Arc<Seal>),
}

/// A signature and what it is over: enough to prove the number to others later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seal {
    /// The algorithm, as the format names it.
    pub algorithm: String,
    /// What is signed, byte for byte.
    #[serde(serialize_with = "text_or_hex")]
    pub signed: Vec<u8>,
    /// The signature's bytes.
    #[serde(with = "hex::serde")]
    pub signature: Vec<u8>,
    /// Who signed, where the signature tells by itself.
    pub signer: Option<String>,
    /// The place of the signed record in the device's order, gap-free.
    pub page: Option<String>,
}

impl Reading {
    /// The register, where it is one of active energy over all phases and tariffs: what metering
    /// makes intervals from.
    pub fn register(&self) -> Option<Register> {
        let is_whole = self.phase.is_none() && self.tariff.is_none();
        match (self.quantity, self.value) {
            (Quantity::ImportEnergy | Quantity::ExportEnergy, Value::Register(register))
                if is_whole =>
            {
                Some(register)
            }
            _ => None,
        }
    }

    /// What [`Value::integer`] counts in: `Wh`, `mW`, `mV`, ...
    pub const fn unit(&self) -> &'static str {
        quantity::unit_of(self.quantity)
    }
}

/// One JSON object with the same fields in the same order; `null` for what is not known. `clock`
/// says whose clock `time` is: `device`, `unsure`, or `receiver` where there is none.
impl Serialize for Reading {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("device", &self.device.as_deref())?;
        map.serialize_entry("channel", &self.channel.as_deref())?;
        map.serialize_entry("time", &self.time.said())?;
        map.serialize_entry("clock", self.time.clock())?;
        map.serialize_entry("point", &self.point)?;
        map.serialize_entry("quantity", &self.quantity)?;
        map.serialize_entry("phase", &self.phase)?;
        map.serialize_entry("tariff", &self.tariff)?;
        map.serialize_entry("value", &self.value.integer())?;
        map.serialize_entry("unit", self.unit())?;
        map.serialize_entry("quality", &self.quality)?;
        map.serialize_entry("path", &self.source.path)?;
        map.serialize_entry("original", &self.source.text)?;
        map.serialize_entry("original_unit", self.source.unit)?;
        let (trust, seal) = match &self.trust {
            Trust::Unsigned => ("unsigned", None),
            Trust::Signed(seal) => ("signed", Some(seal)),
            Trust::Verified(seal) => ("verified", Some(seal)),
        };
        map.serialize_entry("trust", trust)?;
        if let Some(seal) = seal {
            map.serialize_entry("seal", &**seal)?;
        }
        map.end()
    }
}

fn text_or_hex<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains(char::is_control) => serializer.serialize_str(text),
        _ => serializer.serialize_str(&format!("0x{}", hex::encode(bytes))),
    }
}
