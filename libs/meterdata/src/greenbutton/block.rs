//! Readings of a block, and the records they become.

use calendar::{SlotLength, Timestamp};

use super::kind::{Kind, Meaning};
use super::quality::Qualities;
use crate::amount::{Amount, BadAmount, Carry};
use crate::import::Item;
use crate::record::{IntervalRecord, Label, START_SECONDS};
use crate::rejection::{Code, Fault, Rejection};

/// An IntervalReading, as far as it could be read.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    /// Where it begins.
    pub(super) line: u64,
    /// Its parts, or what is wrong with one of them.
    pub(super) parts: Result<Parts, Box<Fault>>,
}

/// The parts of an IntervalReading.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Parts {
    pub(super) start: Option<i64>,
    pub(super) duration: Option<i64>,
    pub(super) value: Option<i64>,
    pub(super) qualities: Qualities,
}

/// What the readings of a MeterReading are.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    pub(super) meter: Label,
    pub(super) channel: Label,
    pub(super) kind: Kind,
    pub(super) meaning: Result<Meaning, Fault>,
}

impl Stream {
    /// What a reading becomes; `carry` is that of its block.
    pub(super) fn item(&self, reading: &Reading, carry: &mut Carry) -> Item {
        let record = match (&reading.parts, &self.meaning) {
            (Err(fault), _) => Err((**fault).clone()),
            (_, Err(fault)) => Err(fault.clone()),
            (Ok(parts), Ok(meaning)) => self.record(parts, meaning, carry),
        };
        match record {
            Ok(record) => Item::Record(record),
            Err(fault) => rejected(reading.line, fault),
        }
    }

    fn record(
        &self,
        parts: &Parts,
        meaning: &Meaning,
        carry: &mut Carry,
    ) -> Result<IntervalRecord, Fault> {
        let start = needed(parts.start, "timePeriod/start", Code::Time)?;
        let duration = needed(parts.duration, "timePeriod/duration", Code::Length)?;
        let value = needed(parts.value, "value", Code::Value)?;
        let start = moment(start)?;
        let minutes = u16::try_from(duration / 60).ok().filter(|_| duration % 60 == 0);
        let length = minutes.and_then(|minutes| SlotLength::from_minutes(minutes).ok());
        let Some(length) = length else {
            let why = format!("{duration} seconds are not 5, 15, 30 or 60 minutes");
            return Err(fault(Code::Length, "timePeriod/duration", why));
        };
        let bad = |bad: BadAmount| {
            let said = format!("{value} x 10^{}", meaning.exponent);
            bad.fault("IntervalReading/value", &said)
        };
        let value = u64::try_from(value).map_err(|_| bad(BadAmount::Negative))?;
        let amount = Amount::scaled(value, meaning.exponent).map_err(bad)?;
        let said = parts.qualities;
        let qualities = if said.is_empty() { self.kind.quality } else { said };
        Ok(IntervalRecord {
            meter: self.meter.clone(),
            channel: self.channel.clone(),
            direction: meaning.direction,
            start,
            length,
            energy: carry.take(amount).map_err(bad)?,
            quality: qualities.worst(),
            code: qualities.label(),
        })
    }
}

/// A rejection of the reading at `line`.
pub(super) fn rejected(line: u64, fault: Fault) -> Item {
    Item::Rejected(Rejection { line, column: None, fault })
}

fn needed(part: Option<i64>, name: &'static str, code: Code) -> Result<i64, Fault> {
    part.ok_or_else(|| fault(code, name, "it is not there".to_owned()))
}

fn moment(seconds: i64) -> Result<Timestamp, Fault> {
    let start = Timestamp::from_seconds(seconds);
    if start.seconds() != seconds {
        let why = format!("{seconds} is not a moment of the years 1970 to 9999");
        return Err(fault(Code::Time, "timePeriod/start", why));
    }
    if seconds % START_SECONDS != 0 {
        let why = format!("{start} is not a multiple of five minutes");
        return Err(fault(Code::Alignment, "timePeriod/start", why));
    }
    Ok(start)
}

fn fault(code: Code, name: &str, why: String) -> Fault {
    Fault::new(code, format!("IntervalReading/{name}"), why)
}
