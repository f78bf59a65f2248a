//! DSMR P1 telegrams: versions 2.2 to 5, and e-MUCS of Belgium.
//!
//! ```text
//! /ISk5\2MT382-1000          who made the meter
//! 0-0:1.0.0(170102192002W)   local time; W is winter (UTC+1), S is summer (UTC+2)
//! 1-0:1.8.1(000004.426*kWh)  import, tariff 1
//! 0-1:24.2.1(170102161005W)(00000.107*m3)   a gas or water meter on the M-Bus
//! !6EEE                      CRC-16/ARC from / to !; versions before 4 have none
//! ```
//!
//! Source: Dutch Smart Meter Requirements P1 companion standard 5.0.2; e-MUCS P1 1.7.1. Where a
//! telegram has registers by tariff and no total, the total is added up. A telegram without a time
//! is of the moment it is received.

use calendar::TimeZone;

use crate::canonical::{Point, Quality, When};
use crate::checksum;
use crate::collect::{About, Collected, What};
use crate::format::{Format, Framing, Signing};
use crate::number::Number;
use crate::obis::Obis;
use crate::quantity::{KWH, Quantity, Unit, WH, value};
use crate::time::Civil;
use crate::{Payload, Reading, Reason, Refusal};

pub(crate) const FORMAT: Format = Format {
    name: "dsmr",
    what: "DSMR P1 telegrams 2.2 to 5 and Fluvius e-MUCS, with checksum",
    topics: &["dsmr/raw", "+/dsmr/raw"],
    signing: Signing::Never,
    units: "kWh, kW, V, A, m3",
    framing: Framing::Telegrams,
    learn: None,
    decode,
};

/// The most lines of a telegram.
const LINES_MAX: usize = 1_000;

/// One object: a code and its groups in brackets.
struct Line<'a> {
    byte: usize,
    code: &'a str,
    groups: Vec<&'a str>,
}

fn decode(payload: &Payload) -> Result<Vec<Reading>, Refusal> {
    let text = payload.text()?;
    let lines = lines(text)?;
    verify(text)?;
    let find = |code: &str| lines.iter().find(|line| line.code.ends_with(code));
    let id = [":96.1.1", ":42.0.0", ":96.1.0", ":0.0.0"]
        .iter()
        .find_map(|code| lines.iter().find(|line| !is_mbus(line) && line.code.ends_with(code)));
    let id = id.and_then(|line| line.groups.first()).map(|group| identity(group));
    let mut about = About::device(id.as_deref(), Point::Grid);
    if let Some(line) = find(":1.0.0").filter(|line| line.code.starts_with("0-")) {
        about.time = moment(line, 0)?;
    }
    let mut collected = Collected::default();
    for line in &lines {
        if is_mbus(line) {
            other_meter(line, &lines, &mut collected)?;
        } else {
            electricity(line, &about, &mut collected)?;
        }
    }
    for (register, quantity) in [("1.8", Quantity::ImportEnergy), ("2.8", Quantity::ExportEnergy)] {
        total(&lines, register, quantity, &about, &mut collected)?;
    }
    Ok(collected.into_readings())
}

/// The objects between the first line and the `!`. A line that begins with a bracket belongs to
/// the one before it.
fn lines(text: &str) -> Result<Vec<Line<'_>>, Refusal> {
    let no_telegram = |byte| Reason::Syntax("a telegram, from / to !").at(byte);
    if !text.starts_with('/') {
        return Err(no_telegram(0));
    }
    let (mut lines, mut byte) = (Vec::<Line>::new(), 0);
    for (number, whole) in text.split_inclusive('\n').enumerate() {
        let line = whole.trim_end();
        if number > LINES_MAX {
            let (got, max) = (number, LINES_MAX);
            return Err(Reason::Size { what: "lines", got, max }.at(byte));
        }
        if line.starts_with('!') {
            return Ok(lines);
        }
        if number > 0 && !line.is_empty() {
            let open = line.find('(').ok_or(Reason::Syntax("a code and its value").at(byte))?;
            let groups = groups(&line[open..], byte + open)?;
            match (open, lines.last_mut()) {
                (0, Some(last)) => last.groups.extend(groups),
                _ => lines.push(Line { byte, code: &line[..open], groups }),
            }
        }
        byte += whole.len();
    }
    Err(no_telegram(text.len()))
}

fn groups(mut text: &str, byte: usize) -> Result<Vec<&str>, Refusal> {
    let mut groups = Vec::new();
    while let Some(rest) = text.strip_prefix('(') {
        let (group, rest) =
            rest.split_once(')').ok_or(Reason::Syntax("a value in brackets").at(byte))?;
        groups.push(group);
        text = rest;
    }
    if text.is_empty() { Ok(groups) } else { Err(Reason::Syntax("a value in brackets").at(byte)) }
}

/// The checksum, where there is one. A file may have lost the carriage returns that it counts.
fn verify(text: &str) -> Result<(), Refusal> {
    let Some(end) = text.find("\n!").map(|feed| feed + 1) else { return Ok(()) };
    let expected = text[end + 1..].trim();
    if expected.is_empty() {
        return Ok(());
    }
    let body = &text.as_bytes()[..=end];
    let as_is = checksum::arc(body.iter().copied());
    let restored = body.iter().flat_map(|byte| match byte {
        b'\n' => [Some(b'\r'), Some(b'\n')],
        b'\r' => [None, None],
        other => [Some(*other), None],
    });
    let restored = checksum::arc(restored.flatten());
    match u16::from_str_radix(expected, 16) {
        Ok(sum) if expected.len() == 4 && [as_is, restored].contains(&sum) => Ok(()),
        Ok(_) if expected.len() == 4 => {
            let (got, expected) = (format!("{as_is:04X}"), expected.to_owned());
            Err(Reason::Checksum { got, expected }.at(end + 1))
        }
        _ => Err(Reason::Syntax("a checksum of four hex digits").at(end + 1)),
    }
}

/// Is it an object of another meter, on channel 1 to 4 of the M-Bus?
fn is_mbus(line: &Line) -> bool {
    matches!(line.code.as_bytes(), [b'0', b'-', b'1'..=b'9', b':', ..])
}

/// Identities are texts in hex; one that is no text stays as it is.
fn identity(group: &str) -> String {
    let text = hex::decode(group).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.filter(|text| text.chars().all(|letter| letter.is_ascii_graphic()));
    text.filter(|text| !text.is_empty()).unwrap_or_else(|| group.to_owned())
}

fn refuse(line: &Line, reason: Reason) -> Refusal {
    reason.of_at(line.code, line.byte)
}

/// The time in a group: `YYMMDDhhmmss`, then S, W or, in old versions, nothing.
fn moment(line: &Line, group: usize) -> Result<When, Refusal> {
    let no_time = || refuse(line, Reason::Type("a time YYMMDDhhmmss with S or W"));
    let group = line.groups.get(group).ok_or_else(no_time)?;
    let digits = group.trim_end_matches(['S', 'W']);
    if digits.len() != 12 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(no_time());
    }
    let pair = |place: usize| digits[place * 2..place * 2 + 2].parse::<u8>().unwrap_or(u8::MAX);
    let date = [2000 + u16::from(pair(0)), u16::from(pair(1)), u16::from(pair(2))];
    let civil = Civil::new(date, [pair(3), pair(4), pair(5)]).ok_or_else(no_time)?;
    match &group[12..] {
        "S" => Ok(When::At(civil.at_offset(2 * 3600))),
        "W" => Ok(When::At(civil.at_offset(3600))),
        "" => {
            let zone: TimeZone = "Europe/Amsterdam".parse().expect("the zone exists");
            Ok(civil.in_zone(&zone).map_or(When::OnReceipt, When::At))
        }
        _ => Err(no_time()),
    }
}

fn electricity(line: &Line, about: &About, collected: &mut Collected) -> Result<(), Refusal> {
    // Which quantity it is does not depend on the unit that is asked about.
    let Some(code) = Obis::parse(line.code, 10) else { return Ok(()) };
    let Some(known) = code.what(KWH) else { return Ok(()) };
    let is_max = known.quantity == Quantity::ImportDemandMax;
    let time = if is_max { moment(line, 0)? } else { about.time };
    let (number, unit) = measured(line, usize::from(is_max))?;
    let what = What { unit, ..known };
    let added = collected.add(&About { time, ..about.clone() }, what, &number, line.code);
    added.map_err(|reason| refuse(line, reason))
}

/// The number and the unit in a group: `000004.426*kWh`.
fn measured<'a>(line: &Line<'a>, group: usize) -> Result<(Number<'a>, Unit), Refusal> {
    let group = line.groups.get(group).ok_or_else(|| refuse(line, Reason::Missing))?;
    let (number, unit) = group.split_once('*').unwrap_or((group, ""));
    let number = Number::parse(number).map_err(|reason| refuse(line, reason))?;
    let unit = Unit::named(unit).ok_or_else(|| refuse(line, Reason::Unit(unit.to_owned())))?;
    Ok((number, unit))
}

/// A gas, water, heat or second electricity meter.
fn other_meter(line: &Line, lines: &[Line], collected: &mut Collected) -> Result<(), Refusal> {
    let (channel, code) = line.code.split_once(':').unwrap_or((line.code, ""));
    let of = |wanted: &str| {
        let group = lines.iter().find(|one| one.code == format!("{channel}:{wanted}"));
        group.and_then(|one| one.groups.first()).copied()
    };
    let what = match of("24.1.0").and_then(|kind| kind.parse::<u8>().ok()) {
        Some(2) => Quantity::ImportEnergy,
        Some(4 | 12 | 13) => Quantity::HeatEnergy,
        _ => Quantity::Volume,
    };
    let (number, unit) = match (code, line.groups.as_slice()) {
        ("24.2.1" | "24.2.3", [_, _, ..]) => measured(line, 1)?,
        ("24.3.0", [_, _, _, _, _, unit, number, ..]) => {
            let unit = Unit::named(unit).ok_or(Reason::Unit((*unit).to_owned()));
            let number = Number::parse(number);
            (number.map_err(|reason| refuse(line, reason))?, unit.map_err(|r| refuse(line, r))?)
        }
        _ => return Ok(()),
    };
    let id = of("96.1.0").or(of("96.1.1")).or(of("96.1.2")).map(identity);
    let mut about = About::device(id.as_deref(), Point::Load).channel(channel);
    about.time = moment(line, 0)?;
    let added = collected.add(&about, What::of(what, unit), &number, line.code);
    added.map_err(|reason| refuse(line, reason))
}

/// The sum of the registers by tariff, where the telegram has no total.
fn total(
    lines: &[Line],
    register: &str,
    quantity: Quantity,
    about: &About,
    collected: &mut Collected,
) -> Result<(), Refusal> {
    let code = |line: &Line| {
        let rest = line.code.split_once(':').filter(|(media, _)| media.starts_with("1-"));
        rest.and_then(|(_, rest)| rest.strip_prefix(register)?.strip_prefix('.')).map(str::to_owned)
    };
    let parts: Vec<(&Line, String)> =
        lines.iter().filter_map(|line| code(line).map(|tariff| (line, tariff))).collect();
    let (Some((first, _)), false) = (parts.first(), parts.iter().any(|(_, e)| e == "0")) else {
        return Ok(());
    };
    let mut sum = Some(0_i128);
    for (line, _) in &parts {
        let (number, unit) = measured(line, 0)?;
        let wh = value(quantity, number.decimal, unit).map_err(|reason| refuse(line, reason))?;
        sum = sum.and_then(|sum| sum.checked_add(wh.integer()));
    }
    let sum = sum.ok_or_else(|| refuse(first, Reason::Range))?;
    let path = parts.iter().map(|(line, _)| line.code).collect::<Vec<_>>().join("+");
    let about = About { quality: Quality::Calculated, ..about.clone() };
    let what = What::of(quantity, WH);
    let added = collected.add(&about, what, &Number::integer(sum), &path);
    added.map_err(|reason| refuse(first, reason))
}
