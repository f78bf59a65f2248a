//! The 200: whose values follow, of what, in what unit.

use calendar::SlotLength;

use super::nmi;
use crate::record::{Direction, Label};
use crate::rejection::{Code, Fault, quote};

/// Fields of a 200, the indicator included; those after them are empty.
const FIELDS: usize = 10;

/// What the days below a 200 are of.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    pub(super) meter: Label,
    pub(super) channel: Label,
    pub(super) direction: Direction,
    /// The power of ten that makes the unit of a watt-hour.
    pub(super) exponent: i8,
    pub(super) length: SlotLength,
}

impl Stream {
    /// Values of a day.
    pub(super) fn per_day(&self) -> usize {
        24 * 60 / usize::from(self.length.minutes())
    }
}

/// The direction that a suffix stands for, as the customer sees it.
///
/// AEMO's *National Metering Identifier Procedure*: the first character says what is metered (A, B,
/// C energy into the market, D, E, F energy out of it; the average, the master's and the check
/// meter's), the second is the stream's number.
pub(super) fn suffix(text: &str) -> Result<Direction, Fault> {
    let fault = |code, why: String| Err(Fault::new(code, "NMISuffix", why));
    let [first, second] = text.as_bytes() else {
        return fault(Code::Channel, format!("{} is not a suffix such as E1", quote(text)));
    };
    if !second.is_ascii_alphanumeric() {
        return fault(Code::Channel, format!("{} is not a suffix such as E1", quote(text)));
    }
    match first {
        b'A' | b'B' => Ok(Direction::Export),
        b'D' | b'E' => Ok(Direction::Import),
        b'C' | b'F' => {
            let why = format!("{text} is a check meter, which repeats the master's energy");
            fault(Code::CheckMeter, why)
        }
        b'G' | b'H' | b'J'..=b'M' | b'P'..=b'R' => {
            fault(Code::Reactive, format!("{text} is reactive energy, or about it"))
        }
        b'I' | b'N' | b'O' | b'S'..=b'Z' => {
            fault(Code::NotEnergy, format!("{text} is not active energy"))
        }
        _ => fault(Code::Channel, format!("{} is not a suffix such as E1", quote(text))),
    }
}

/// The power of ten of a unit.
fn unit(text: &str) -> Result<i8, Fault> {
    let units = [("wh", 0), ("kwh", 3), ("mwh", 6), ("gwh", 9)];
    let lower = text.to_ascii_lowercase();
    if let Some((_, exponent)) = units.iter().find(|(name, _)| *name == lower) {
        return Ok(*exponent);
    }
    let known = ["var", "varh", "va", "vah", "w", "v", "a", "kv", "ka", "kw", "mw", "pf"];
    let plain = lower.strip_prefix(['k', 'm']).unwrap_or(&lower);
    let code = match plain {
        "varh" => Code::Reactive,
        other if known.contains(&other) => Code::NotEnergy,
        _ => Code::Unit,
    };
    let why = match code {
        Code::Unit => format!("{} is not a unit", quote(text)),
        _ => format!("{text} is not a unit of active energy"),
    };
    Err(Fault::new(code, "UOM", why))
}

/// What a 200 says, or the number of the field that is at fault.
pub(super) fn read(text: &str) -> Result<Stream, (usize, Fault)> {
    let fields: Vec<&str> = text.split(',').map(str::trim).collect();
    let more = fields.iter().skip(FIELDS).any(|field| !field.is_empty());
    if fields.len() < FIELDS - 1 || more {
        let why = format!("a 200 has {FIELDS} fields, not {}", fields.len());
        return Err((fields.len(), Fault::new(Code::FieldCount, "line", why)));
    }
    let meter = nmi::read(fields[1]).map_err(|fault| (2, fault))?;
    let direction = suffix(fields[4]).map_err(|fault| (5, fault))?;
    let channel = Label::new(fields[4])
        .map_err(|bad| (5, Fault::new(Code::Channel, "NMISuffix", bad.to_string())))?;
    let exponent = unit(fields[7]).map_err(|fault| (8, fault))?;
    let minutes = fields[8].parse().ok().filter(|minutes| [5, 15, 30].contains(minutes));
    let length = minutes.and_then(|minutes| SlotLength::from_minutes(minutes).ok());
    let Some(length) = length else {
        let why = format!("intervals last 5, 15 or 30 minutes, not {}", quote(fields[8]));
        return Err((9, Fault::new(Code::Length, "IntervalLength", why)));
    };
    Ok(Stream { meter, channel, direction, exponent, length })
}
