//! Nothing that comes in leads to a panic, and what is read of it stays within its limits.

use formats::{FORMATS, Format, Framing, Quantity, READINGS_MAX, Stream, Value, messages};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::samples::{self, Sample};
use crate::shared;

/// Changes of each sample.
const CHANGES: usize = 400;

/// What often stands where something is wrong.
const PIECES: [&[u8]; 24] = [
    b"-1",
    b"null",
    b"NaN",
    b"1e400",
    b"-0",
    b"\"\"",
    b"[]",
    b"{}",
    b"1e-31",
    b"9007199254740993",
    b"99999999999999999999999999999999",
    b"\"x\"",
    b"true",
    b"\xff",
    b"\x00",
    b"(",
    b")",
    b"!",
    b"|",
    b"\x1b\x1b\x1b\x1b",
    b"\x7e",
    b"*kWh",
    b"0000000000000",
    b"\xe2\x82\xac",
];

fn change(bytes: &[u8], dice: &mut ChaCha8Rng) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    for _ in 0..dice.random_range(1..4) {
        let at = dice.random_range(0..=changed.len());
        let end = (at + dice.random_range(0..6)).min(changed.len());
        match dice.random_range(0..6) {
            0 if at < changed.len() => changed[at] ^= 1 << dice.random_range(0..8),
            1 => drop(changed.drain(at..end)),
            2 => {
                let piece = PIECES[dice.random_range(0..PIECES.len())];
                drop(changed.splice(at..end, piece.iter().copied()));
            }
            3 => changed.truncate(at),
            4 => {
                let copy = changed[at..].to_vec();
                changed.extend(copy);
            }
            // A number becomes another one, which is still well-formed.
            _ => {
                if let Some(digit) = changed[at..].iter_mut().find(|byte| byte.is_ascii_digit()) {
                    *digit = b'0' + dice.random_range(0..10);
                }
            }
        }
        changed.truncate(1 << 16);
    }
    changed
}

/// Decodes, and looks at what comes of it.
fn try_on(format: &'static Format, topic: Option<&str>, bytes: &[u8]) -> bool {
    let mut stream = Stream::new(format, None);
    match stream.decode(topic, bytes) {
        Err(refusal) => {
            assert!(!refusal.to_string().is_empty() && !refusal.reason.code().is_empty());
            false
        }
        Ok(readings) => {
            assert!(readings.len() <= READINGS_MAX);
            for reading in readings {
                let integer = reading.value.integer();
                assert!(integer.unsigned_abs() <= 1 << 53, "{reading:?}");
                let can_be_negative = matches!(
                    reading.quantity,
                    Quantity::Current
                        | Quantity::DcCurrent
                        | Quantity::DcVoltage
                        | Quantity::PowerFactor
                        | Quantity::Temperature
                );
                assert!(integer >= 0 || can_be_negative, "{reading:?}");
                let is_register =
                    matches!(reading.quantity, Quantity::ImportEnergy | Quantity::ExportEnergy);
                assert_eq!(is_register, matches!(reading.value, Value::Register(_)));
                serde_json::to_string(&reading).unwrap();
            }
            true
        }
    }
}

fn try_changes((format, topic, bytes): &Sample, dice: &mut ChaCha8Rng, changes: usize) {
    let format = Format::named(format).expect("samples are of formats");
    let topic = (!topic.is_empty()).then_some(*topic);
    assert!(try_on(format, topic, bytes) || format.name == "vzlogger", "{}", format.name);
    for _ in 0..changes {
        let changed = change(bytes, dice);
        try_on(format, topic, &changed);
        for message in messages(format.framing, &changed).into_iter().flatten().take(50) {
            try_on(format, message.topic.as_deref().or(topic), &message.bytes);
        }
    }
}

#[test]
fn no_change_of_a_sample_leads_to_a_panic() {
    let mut dice = ChaCha8Rng::seed_from_u64(1);
    for sample in samples::all() {
        try_changes(&sample, &mut dice, CHANGES);
    }
}

#[test]
fn every_sample_can_be_tried_on_every_format() {
    for (_, topic, bytes) in samples::all() {
        for format in FORMATS {
            try_on(format, (!topic.is_empty()).then_some(topic), &bytes);
            try_on(format, None, &bytes);
            try_on(format, Some(topic), b"");
            try_on(format, Some("a/b/c/d/e"), &bytes);
            for message in messages(format.framing, &bytes).into_iter().flatten() {
                try_on(format, message.topic.as_deref(), &message.bytes);
            }
        }
    }
}

#[test]
fn every_format_has_a_sample() {
    let samples = samples::all();
    for format in FORMATS {
        assert!(samples.iter().any(|(name, ..)| *name == format.name), "{}", format.name);
    }
}

#[test]
fn no_change_of_a_real_payload_leads_to_a_panic() {
    let mut dice = ChaCha8Rng::seed_from_u64(2);
    for folder in shared::FOLDERS {
        for bytes in shared::files(folder) {
            for format in FORMATS {
                try_on(format, None, &change(&bytes, &mut dice));
                for message in messages(format.framing, &bytes).into_iter().flatten().take(20) {
                    let changed = change(&message.bytes, &mut dice);
                    try_on(format, message.topic.as_deref(), &changed);
                }
            }
        }
    }
}

#[test]
fn random_bytes_lead_to_no_panic() {
    let mut dice = ChaCha8Rng::seed_from_u64(3);
    for _ in 0..2_000 {
        let mut bytes = vec![0; dice.random_range(0..64)];
        dice.fill(bytes.as_mut_slice());
        for format in FORMATS {
            try_on(format, None, &bytes);
            try_on(format, Some("spBv1.0/g/NBIRTH/e"), &bytes);
        }
        for framing in [Framing::Hdlc, Framing::Sml, Framing::Telegrams, Framing::Values] {
            drop(messages(framing, &bytes));
        }
    }
}
