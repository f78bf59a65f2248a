//! What meters say, what is written down of it, and what a check finds.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod checks;
mod scripts;

use calendar::{SlotLength, Timestamp};
use fleet::{Device, Faults, Script, Start};
use units::Register;

/// The first time that is said here.
pub(crate) fn begin() -> Timestamp {
    "2026-06-01T00:00:00Z".parse().unwrap()
}

pub(crate) fn device(number: usize) -> Device {
    Device::derived(b"tests", number)
}

/// What a meter says over `slots` quarter-hours.
pub(crate) fn script(number: usize, slots: i64, readings: usize, faults: Faults) -> Script {
    let zero = Register::from_wh(0);
    let until = begin().plus_seconds((slots - 1) * 900);
    let start = Start { page: 1, time: begin(), until, import: zero, export: zero };
    Script::new(device(number), start, SlotLength::QUARTER_HOUR, readings, faults, 7)
}
