//! Payloads as devices send them, and as nobody should.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unreachable_pub, reason = "a test is used by nobody")]
#![allow(clippy::disallowed_types, reason = "payloads have floats")]

mod build;
mod bytes;
mod charging;
mod energy_meters;
mod files;
mod home;
mod mutations;
mod published;
mod refusals;
mod samples;
mod shared;
mod signed;
mod solar;

use formats::{Format, Key, Reading, Refusal, Stream};

/// The readings of one message.
fn decode(format: &str, topic: &str, bytes: &[u8]) -> Result<Vec<Reading>, Refusal> {
    decode_with(format, topic, bytes, None)
}

fn decode_with(
    format: &str,
    topic: &str,
    bytes: &[u8],
    key: Option<&Key>,
) -> Result<Vec<Reading>, Refusal> {
    let topic = (!topic.is_empty()).then_some(topic);
    Stream::new(Format::named(format).expect(format), key).decode(topic, bytes)
}

/// A reading in short: `import_energy L1 t2 1234 Wh`.
fn short(reading: &Reading) -> String {
    let json = serde_json::to_value(reading).unwrap();
    let mut words = vec![json["quantity"].as_str().unwrap().to_owned()];
    words.extend(json["phase"].as_str().map(str::to_owned));
    words.extend(json["tariff"].as_u64().map(|tariff| format!("t{tariff}")));
    words.extend([json["value"].to_string(), json["unit"].as_str().unwrap().to_owned()]);
    words.join(" ")
}

fn shorts(readings: &[Reading]) -> Vec<String> {
    readings.iter().map(short).collect()
}

/// Decodes, and compares with what is expected: every reading in short, in their order.
fn check(format: &str, topic: &str, payload: &str, expected: &[&str]) -> Vec<Reading> {
    let readings = decode(format, topic, payload.as_bytes());
    let readings = readings.unwrap_or_else(|refusal| panic!("{payload}: {refusal}"));
    assert_eq!(shorts(&readings), expected, "{payload}");
    readings
}

/// Decodes, and compares the code and the field of the refusal.
fn refused(format: &str, topic: &str, payload: &[u8], code: &str, path: &str) {
    let text = String::from_utf8_lossy(payload);
    let refusal = decode(format, topic, payload).expect_err(&text);
    assert_eq!((refusal.reason.code(), refusal.place.path.as_str()), (code, path), "{text}");
}

fn device(readings: &[Reading]) -> &str {
    readings[0].device.as_deref().unwrap()
}

fn time(readings: &[Reading]) -> Option<String> {
    readings[0].time.said().map(|time| time.to_string())
}
