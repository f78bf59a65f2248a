//! Messages of a meter: one reading, one with its place among others, and several together.

use ::reading::{Reading, Status, encode_together, sign_together};
use calendar::Timestamp;
use ids::MeterId;
use keys::SecretKey;
use units::Register;

/// Seconds since 1970 at the end of the first slot.
const BEGIN: i64 = 1_780_272_900;
const SLOT_SECONDS: i64 = 900;
const READINGS: u32 = 10;

pub(super) fn all() -> Vec<(&'static str, Vec<u8>)> {
    let key = SecretKey::from_bytes(&[7; 32]).expect("a key");
    let register = |wh: u32| Register::from_wh(wh.into());
    let readings: Vec<Reading> = (0..READINGS)
        .map(|page| Reading {
            meter: MeterId::derived("fuzz"),
            page: page + 1,
            time: Timestamp::from_seconds(BEGIN + i64::from(page) * SLOT_SECONDS),
            import: register(100 * page),
            export: register(7 * page),
            status: Status::default(),
            firmware: 1,
        })
        .collect();
    let together = sign_together(&readings, &key);
    let two = sign_together(&readings[..2], &key);
    vec![
        ("one", readings[0].sign(&key).encode()),
        ("placed", together[3].encode()),
        ("two", encode_together(&two)),
        ("ten", encode_together(&together)),
    ]
}
