//! Time as the market knows it: UTC slots, and local days for bills.
//!
//! ```text
//! slot      [start, start + len)       UTC, start divisible by len, label = start
//! local day [midnight, next midnight)  in the connection point's IANA zone: 92, 96 or 100 quarters
//! ```
//!
//! Invariants: a [`Timestamp`] has no offset; local time exists only here; no clock is read.
#![forbid(unsafe_code)]

mod local;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use local::{LocalDay, LocalTime, Moments, TimeZone, UnknownTimeZone};

/// A moment in UTC, in whole seconds since 1970. Serialised as RFC 3339 (`2026-06-01T00:15:00Z`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

/// Seconds between 1970 and the evening of 9999-12-30: the last moment that is written, and that
/// every zone can show. No slot begins there, so what lies beyond is in none.
const SECONDS_MAX: i64 = 253_402_207_199;

impl Timestamp {
    /// `seconds` after 1970-01-01T00:00:00Z; moments outside the years 1970 to 9999 are brought to
    /// the nearer end.
    pub const fn from_seconds(seconds: i64) -> Self {
        let low = if seconds < 0 { 0 } else { seconds };
        Timestamp(if low > SECONDS_MAX { SECONDS_MAX } else { low })
    }

    /// Seconds since 1970-01-01T00:00:00Z, never negative.
    pub const fn seconds(self) -> i64 {
        self.0
    }

    /// Seconds since 1970 as contracts and wire formats carry them.
    pub const fn unsigned(self) -> u64 {
        self.0.unsigned_abs()
    }

    /// The moment `seconds` later (earlier when negative).
    pub const fn plus_seconds(self, seconds: i64) -> Timestamp {
        Timestamp::from_seconds(self.0.saturating_add(seconds))
    }

    /// Seconds from `earlier` to `self`; negative when `earlier` is the later.
    pub const fn seconds_since(self, earlier: Timestamp) -> i64 {
        self.0 - earlier.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.0) {
            Ok(moment) => moment.fmt(f),
            Err(_) => Err(fmt::Error),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = jiff::Error;
    fn from_str(text: &str) -> Result<Self, jiff::Error> {
        text.parse::<jiff::Timestamp>().map(|moment| Timestamp::from_seconds(moment.as_second()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// How long a slot lasts: 5, 15, 30 or 60 minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct SlotLength(u16);

/// A slot length other than 5, 15, 30 or 60 minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a slot lasts 5, 15, 30 or 60 minutes, not {0}")]
pub struct BadSlotLength(pub u16);

impl SlotLength {
    /// The default: a quarter of an hour.
    pub const QUARTER_HOUR: SlotLength = SlotLength(15);

    /// A slot of `minutes`.
    pub const fn from_minutes(minutes: u16) -> Result<SlotLength, BadSlotLength> {
        match minutes {
            5 | 15 | 30 | 60 => Ok(SlotLength(minutes)),
            other => Err(BadSlotLength(other)),
        }
    }

    /// Minutes.
    pub const fn minutes(self) -> u16 {
        self.0
    }

    /// Seconds.
    pub const fn seconds(self) -> i64 {
        self.0 as i64 * 60
    }
}

impl TryFrom<u16> for SlotLength {
    type Error = BadSlotLength;
    fn try_from(minutes: u16) -> Result<Self, BadSlotLength> {
        SlotLength::from_minutes(minutes)
    }
}

impl From<SlotLength> for u16 {
    fn from(length: SlotLength) -> u16 {
        length.0
    }
}

/// The delivery slot `[start, start + length)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Slot {
    /// Its first moment, which is also its label.
    pub start: Timestamp,
    /// How long it lasts, in minutes.
    pub length: SlotLength,
}

impl Slot {
    /// The slot that contains `moment`.
    pub const fn containing(moment: Timestamp, length: SlotLength) -> Slot {
        let start = moment.seconds() - moment.seconds().rem_euclid(length.seconds());
        Slot { start: Timestamp::from_seconds(start), length }
    }

    /// The slot that starts at `start`, if one does.
    pub fn starting(start: Timestamp, length: SlotLength) -> Option<Slot> {
        (start.seconds() % length.seconds() == 0).then_some(Slot { start, length })
    }

    /// The first moment after the slot.
    pub const fn end(self) -> Timestamp {
        self.start.plus_seconds(self.length.seconds())
    }

    /// The slot `count` later (earlier when negative).
    pub const fn later(self, count: i64) -> Slot {
        Slot { start: self.start.plus_seconds(count * self.length.seconds()), ..self }
    }

    /// All slots that start in `[from, to)`, in order.
    pub fn within(
        from: Timestamp,
        to: Timestamp,
        length: SlotLength,
    ) -> impl Iterator<Item = Slot> {
        let aligned = Slot::containing(from, length);
        let first = if aligned.start < from { aligned.later(1) } else { aligned };
        (0..).map(move |count| first.later(count)).take_while(move |slot| slot.start < to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_named_by_its_start_and_is_half_open() {
        let moment: Timestamp = "2026-06-01T00:14:59Z".parse().unwrap();
        let slot = Slot::containing(moment, SlotLength::QUARTER_HOUR);
        assert_eq!(slot.start.to_string(), "2026-06-01T00:00:00Z");
        assert_eq!(slot.end().to_string(), "2026-06-01T00:15:00Z");
        assert_eq!(Slot::containing(slot.end(), slot.length), slot.later(1));
    }

    #[test]
    fn only_the_four_slot_lengths_exist() {
        assert_eq!(SlotLength::from_minutes(10), Err(BadSlotLength(10)));
        assert!(serde_json::from_str::<SlotLength>("15").is_ok());
        assert!(serde_json::from_str::<SlotLength>("7").is_err());
    }

    #[test]
    fn every_moment_can_be_written() {
        for seconds in [i64::MIN, 0, SECONDS_MAX - 1, SECONDS_MAX, i64::MAX] {
            let moment = Timestamp::from_seconds(seconds);
            assert_eq!(moment.to_string().parse::<Timestamp>().unwrap(), moment, "{seconds}");
        }
        assert_eq!(Timestamp::from_seconds(i64::MAX).to_string(), "9999-12-30T21:59:59Z");
    }

    #[test]
    fn slots_within_a_span_start_in_it() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let starts: Vec<String> = Slot::within(
            at("2026-06-01T00:05:00Z"),
            at("2026-06-01T00:45:00Z"),
            SlotLength::QUARTER_HOUR,
        )
        .map(|slot| slot.start.to_string())
        .collect();
        assert_eq!(starts, ["2026-06-01T00:15:00Z", "2026-06-01T00:30:00Z"]);
    }
}
