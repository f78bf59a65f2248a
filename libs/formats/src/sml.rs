//! SML, the Smart Message Language of German meters: files as an optical head gives them.
//!
//! ```text
//! 1b1b1b1b 01010101 | messages | padding | 1b1b1b1b 1a <padding> <CRC-16/X-25, low byte first>
//! a message with body 0701 is a list: [code, status, time, unit, scaler, value, signature] a row
//! ```
//!
//! Source: BSI TR-03109-1, annex IV, SML 1.04. Values with a scaler and a unit that are read come
//! as readings; the meter's time counts seconds since it was set up, so a reading is of the moment
//! of receipt. Files may be bytes or hex.

use crate::canonical::Point;
use crate::checksum;
use crate::collect::{About, Collected, What};
use crate::format::{Format, Framing, Signing};
use crate::message;
use crate::number::Number;
use crate::obis::Obis;
use crate::quantity::{A, HZ, Quantity as Q, Unit, V, VA, VAR, VARH, W, WH};
use crate::{DEPTH_MAX, Payload, Reading, Reason, Refusal};

pub(crate) const FORMAT: Format = Format {
    name: "sml",
    what: "SML 1 files of German meters, with checksum",
    topics: &[],
    signing: Signing::Never,
    units: "Wh, W, V, A, Hz by scaler",
    framing: Framing::Sml,
    learn: None,
    decode,
};

/// The body of a message that is a list of values.
const LIST_RESPONSE: u64 = 0x0701;

const ESCAPE: [u8; 4] = [0x1b; 4];

/// A value of SML.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Value<'a> {
    Octets(&'a [u8]),
    Bool,
    Signed(i64),
    Unsigned(u64),
    List(Vec<Row<'a>>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Row<'a> {
    byte: usize,
    value: Value<'a>,
}

fn decode(payload: &Payload) -> Result<Vec<Reading>, Refusal> {
    let unhexed = message::unhex(payload.bytes);
    let bytes = unhexed.as_deref().unwrap_or(payload.bytes);
    let body = unescaped(bytes)?;
    let mut reader = Reader { bytes: &body, place: 0 };
    let mut collected = Collected::default();
    while let Some(message) = reader.message()? {
        let Value::List(parts) = &message.value else {
            return Err(Reason::Syntax("a message of SML").at(message.byte));
        };
        let body = parts.get(3).map(|part| &part.value);
        let Some(Value::List(choice)) = body else {
            return Err(Reason::Syntax("a message of SML").at(message.byte));
        };
        let [Row { value: Value::Unsigned(LIST_RESPONSE), .. }, list] = choice.as_slice() else {
            continue;
        };
        response(list, &mut collected)?;
    }
    Ok(collected.into_readings())
}

/// The messages between the marks, whose checksum is right, without what the escape adds.
fn unescaped(bytes: &[u8]) -> Result<Vec<u8>, Refusal> {
    let no_file = |byte| Reason::Syntax("a file of SML, from 1b1b1b1b01010101 on").at(byte);
    let (start, end) = (bytes.get(..8), bytes.len().checked_sub(8));
    let end = end.filter(|end| *end >= 8).ok_or(no_file(0))?;
    if start != Some(&[0x1b, 0x1b, 0x1b, 0x1b, 1, 1, 1, 1]) {
        return Err(no_file(0));
    }
    let [0x1b, 0x1b, 0x1b, 0x1b, 0x1a, padding, low, high] = bytes[end..] else {
        return Err(no_file(end));
    };
    let expected = u16::from_le_bytes([low, high]);
    let got = checksum::x25(bytes[..end + 6].iter().copied());
    if got != expected {
        let (got, expected) = (format!("{got:04X}"), format!("{expected:04X}"));
        return Err(Reason::Checksum { got, expected }.at(end + 6));
    }
    let padding = usize::from(padding);
    let inside = end.checked_sub(8 + padding).filter(|_| padding < 4).ok_or(no_file(end + 5))?;
    let mut body = Vec::with_capacity(inside);
    let mut place = 8;
    while place < 8 + inside {
        let rest = &bytes[place..8 + inside];
        if rest.starts_with(&ESCAPE) {
            // An escape in the text is written twice.
            if !rest[4..].starts_with(&ESCAPE) {
                return Err(no_file(place));
            }
            body.extend(ESCAPE);
            place += 8;
        } else {
            body.push(rest[0]);
            place += 1;
        }
    }
    Ok(body)
}

/// `[client, server, list name, sensor time, [row, ...], signature, gateway time]`.
fn response(list: &Row, collected: &mut Collected) -> Result<(), Refusal> {
    let no_list = || Reason::Syntax("a list of values").at(list.byte);
    let Value::List(parts) = &list.value else { return Err(no_list()) };
    let (Some(server), Some(Row { value: Value::List(rows), .. })) = (parts.get(1), parts.get(4))
    else {
        return Err(no_list());
    };
    let id = match &server.value {
        Value::Octets(octets) => hex::encode(octets),
        _ => return Err(no_list()),
    };
    let about = About::device(Some(&id), Point::Grid);
    for row in rows {
        let Value::List(cells) = &row.value else { return Err(no_list()) };
        let [name, _, _, unit, scaler, value, ..] = cells.as_slice() else {
            return Err(no_list());
        };
        let Value::Octets(name) = &name.value else { return Err(no_list()) };
        let Ok(code) = <[u8; 6]>::try_from(*name).map(Obis) else { continue };
        let Some(known) = code.what(WH) else { continue };
        one(code, known, [unit, scaler, value], &about, collected)?;
    }
    Ok(())
}

fn one(
    code: Obis,
    known: What,
    [unit, scaler, value]: [&Row; 3],
    about: &About,
    collected: &mut Collected,
) -> Result<(), Refusal> {
    let refuse = |reason: Reason| reason.of_at(code.to_string(), value.byte);
    let integer = match &value.value {
        Value::Signed(signed) => i128::from(*signed),
        Value::Unsigned(unsigned) => i128::from(*unsigned),
        // A value that is not there is an empty text.
        Value::Octets([]) => return Ok(()),
        _ => return Err(refuse(Reason::Type("a number"))),
    };
    let number_of = |row: &Row| match &row.value {
        Value::Signed(signed) => i32::try_from(*signed).ok(),
        Value::Unsigned(unsigned) => i32::try_from(*unsigned).ok(),
        _ => None,
    };
    let unit = unit_of(number_of(unit)).map_err(refuse)?;
    let exponent = number_of(scaler).unwrap_or(0);
    let number = Number::integer(integer).shifted(exponent).map_err(refuse)?;
    // A meter with one number for both directions gives it a sign.
    let is_net = known.quantity == Q::ImportPower && known.phase.is_none() || known.is_net;
    let what = What { unit, is_net, ..known };
    collected.add(about, what, &number, &code.to_string()).map_err(refuse)
}

/// Units by their numbers in IEC 62056-62.
fn unit_of(number: Option<i32>) -> Result<Unit, Reason> {
    Ok(match number {
        Some(27) => W,
        Some(28) => VA,
        Some(29) => VAR,
        Some(30) => WH,
        Some(32) => VARH,
        Some(33) => A,
        Some(35) => V,
        Some(44) => HZ,
        Some(other) => return Err(Reason::Unit(format!("unit {other} of DLMS"))),
        None => return Err(Reason::Unit(String::new())),
    })
}

struct Reader<'a> {
    bytes: &'a [u8],
    place: usize,
}

impl<'a> Reader<'a> {
    fn refuse<T>(&self) -> Result<T, Refusal> {
        // Where in the file: behind the mark at its start.
        Err(Reason::Syntax("whole messages of SML").at(self.place + 8))
    }

    /// The next message; none at the end.
    fn message(&mut self) -> Result<Option<Row<'a>>, Refusal> {
        // Ends of messages, and what fills up a file.
        while self.bytes.get(self.place) == Some(&0) {
            self.place += 1;
        }
        if self.place >= self.bytes.len() { Ok(None) } else { self.row(0).map(Some) }
    }

    fn row(&mut self, depth: usize) -> Result<Row<'a>, Refusal> {
        if depth > DEPTH_MAX {
            let (got, max) = (depth, DEPTH_MAX);
            return Err(Reason::Size { what: "levels of nesting", got, max }.at(self.place + 8));
        }
        let byte = self.place + 8;
        let start = self.place;
        let (kind, length) = self.header()?;
        if kind == 7 {
            if length > self.bytes.len() - self.place {
                return self.refuse();
            }
            let rows = (0..length).map(|_| match self.bytes.get(self.place) {
                // The end of a message stands in a list of it as its last member.
                Some(0) => {
                    self.place += 1;
                    Ok(Row { byte: self.place + 7, value: Value::Octets(&[]) })
                }
                _ => self.row(depth + 1),
            });
            return Ok(Row { byte, value: Value::List(rows.collect::<Result<_, _>>()?) });
        }
        // The length counts its own bytes.
        let size = length.checked_sub(self.place - start);
        let end = size.and_then(|size| self.place.checked_add(size));
        let Some(taken) = end.and_then(|end| self.bytes.get(self.place..end)) else {
            return self.refuse();
        };
        self.place += taken.len();
        let value = match (kind, taken.len()) {
            (0, _) => Value::Octets(taken),
            (4, 1) => Value::Bool,
            (5, 1..=8) => {
                let fill = if taken[0] & 0x80 == 0 { 0 } else { 0xff };
                Value::Signed(i64::from_be_bytes(filled(taken, fill)))
            }
            (6, 1..=8) => Value::Unsigned(u64::from_be_bytes(filled(taken, 0))),
            _ => return self.refuse(),
        };
        Ok(Row { byte, value })
    }

    /// Type and length: three bits and four, with a bit that says that four more follow.
    fn header(&mut self) -> Result<(u8, usize), Refusal> {
        let mut length = 0_usize;
        let mut kind = None;
        loop {
            let Some(byte) = self.bytes.get(self.place) else { return self.refuse() };
            self.place += 1;
            let kind = *kind.get_or_insert((byte >> 4) & 7);
            length = length << 4 | usize::from(byte & 15);
            if byte & 0x80 == 0 {
                return Ok((kind, length));
            }
            if length > self.bytes.len() {
                return self.refuse();
            }
        }
    }
}

fn filled(bytes: &[u8], fill: u8) -> [u8; 8] {
    let mut filled = [fill; 8];
    filled[8 - bytes.len()..].copy_from_slice(bytes);
    filled
}
