//! What meters and makers' devices send, as readings: a format is a pure function from bytes.
//!
//! ```text
//! a file --messages()--> payloads --Format::decode()--> readings, or why not and where
//! a topic --Format::of_topic()--> the format
//! a stream of messages --Stream::decode()--> readings, with names that earlier messages gave
//! ```
//!
//! A [`Reading`] says of a device (or of one part of it, its channel): when, where it sits, which
//! quantity of which phase and tariff, and how much of it as an exact integer. Energy is in full
//! watt-hours: parts of one are cut off, as a register shows what has flowed in full; everything
//! else is in thousandths of its unit (mW, mV, mA, mHz, ...), rounded half away from zero. No
//! float is in between: numbers are read from their digits. Import flows from the grid's side into
//! a device, export out of it. Power has a direction, never a sign: a number with a sign gives both
//! directions, one of them zero. [`Reading::register`] is what metering makes intervals from.
//!
//! Invariants: no bytes lead to a panic; what is read is bounded by limits that have names; a field
//! that is not known is ignored, `null` is no value, and a known field that is no finite number, of
//! another unit, negative where nothing can be, or out of range refuses the whole payload and is
//! named. No clock is read: where a payload has no time, or a local time that could be two moments,
//! the reading says [`When::OnReceipt`].
//! Known limits: registers may start anew in devices that forget them (Shelly plugs, Tasmota after
//! a reset); nothing here remembers them. Whether a device may speak for a connection point, and
//! whether its signer is the enrolled one, is decided by whoever knows the device.
//! Deliberately absent: networks, files, brokers, clocks, decryption.
//!
//! To add a format, write one file with a `FORMAT` and a line in [`FORMATS`].
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]
#![cfg_attr(test, allow(clippy::disallowed_types, reason = "floats are tried"))]

mod canonical;
mod checksum;
mod collect;
mod fields;
mod format;
mod json;
mod message;
mod number;
mod obis;
mod payload;
mod quantity;
mod refusal;
mod stream;
mod time;
mod words;

mod ams;
mod cosem;
mod dsmr;
mod evcc;
mod fronius;
mod han;
mod mr1;
mod ocmf;
mod ocpp;
mod opendtu;
mod protobuf;
mod shelly1;
mod shelly2;
mod sml;
mod sparkplug;
mod sunspec;
mod tasmota;
mod victron;
mod vzlogger;
mod wmbusmeters;
mod zigbee2mqtt;

pub use crate::canonical::{Phase, Point, Quality, Reading, Seal, Source, Trust, When};
pub use format::{FORMATS, Format, Framing, Learn, Signing};
pub use message::{MESSAGES_MAX, Message, messages};
pub use payload::{
    BadKey, DEPTH_MAX, Key, NAMES_BYTES_MAX, NAMES_MAX, Names, PAYLOAD_BYTES_MAX, Payload,
    READINGS_MAX, TOPIC_BYTES_MAX,
};
pub use quantity::{Quantity, Value};
pub use refusal::{Place, Reason, Refusal};
pub use stream::Stream;
