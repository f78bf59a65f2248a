//! HAN ports of Nordic meters: HDLC frames with a list of DLMS data that the meter pushes.
//!
//! ```text
//! 7E A0 79 | addresses 10 | HCS | E6 E7 00 | 0F invoke time | list | FCS | 7E
//! Aidon      [[code, value, [scaler, unit]], ...]
//! Kamstrup   ["Kamstrup_V0001", code, value, code, value, ...]
//! Kaifa      ["KFM_001", id, type, P, ...]: by place alone
//! ```
//!
//! Source: NVE's and the makers' HAN interface descriptions (Aidon v1.1, Kamstrup rev. 3.1, Kaifa
//! KFM_001); HDLC of IEC 62056-46. What has no scaler and no unit is read by the maker's own scale:
//! others than these makers' are refused rather than guessed. Frames may be bytes or hex. A clock
//! without an offset is taken to be of Norway, and may be wrong: makers differ in whether it has
//! summer time. Encrypted frames and lists over several frames are refused.

use calendar::TimeZone;

use crate::canonical::{Phase, Point, When};
use crate::checksum;
use crate::collect::{About, Collected, What};
use crate::cosem::{Data, Item, Reader};
use crate::format::{Format, Framing, Signing};
use crate::message;
use crate::number::Number;
use crate::obis::Obis;
use crate::quantity::{A, HZ, ONE, Quantity as Q, Unit, V, VA, VAR, VARH, W, WH};
use crate::time::Civil;
use crate::{Payload, Reading, Reason, Refusal};

pub(crate) const FORMAT: Format = Format {
    name: "han",
    what: "Nordic HAN ports: HDLC/DLMS lists of Aidon, Kamstrup and Kaifa",
    topics: &[],
    signing: Signing::Never,
    units: "Wh, varh, W, var, A, V by scaler or maker",
    framing: Framing::Hdlc,
    learn: None,
    decode,
};

/// What Kaifa's lists have after the three texts, of three phases: quantity and power of ten.
const KAIFA: [(What, i32); 10] = [
    (What::of(Q::ImportPower, W), 0),
    (What::of(Q::ExportPower, W), 0),
    (What::of(Q::ImportReactivePower, VAR), 0),
    (What::of(Q::ExportReactivePower, VAR), 0),
    (What::of(Q::Current, A).phase(1), -3),
    (What::of(Q::Current, A).phase(2), -3),
    (What::of(Q::Current, A).phase(3), -3),
    (What::of(Q::Voltage, V).phase(1), -1),
    (What::of(Q::Voltage, V).phase(2), -1),
    (What::of(Q::Voltage, V).phase(3), -1),
];

/// What follows, after the time, once an hour.
const KAIFA_TOTALS: [What; 4] = [
    What::of(Q::ImportEnergy, WH),
    What::of(Q::ExportEnergy, WH),
    What::of(Q::ImportReactiveEnergy, VARH),
    What::of(Q::ExportReactiveEnergy, VARH),
];

/// Who made the list, and so what numbers without a scale count in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Maker {
    Kamstrup,
    Kaifa,
    Other,
}

fn decode(payload: &Payload) -> Result<Vec<Reading>, Refusal> {
    let unhexed = message::unhex(payload.bytes);
    let bytes = unhexed.as_deref().unwrap_or(payload.bytes);
    let (body, offset) = information(bytes)?;
    let mut reader = Reader::new(body, offset);
    let tag = reader.byte()?;
    if (0xdb..=0xdf).contains(&tag) {
        return Err(Reason::Encrypted.at(offset));
    }
    if tag != 0x0f {
        return Err(Reason::Syntax("a notification of data").at(offset));
    }
    reader.take(4)?;
    // The time is a length and its bytes, with or without the type before.
    let first = reader.byte()?;
    let length = if first == 0x09 { reader.length()? } else { usize::from(first) };
    let sent = reader.take(length)?;
    let list = reader.item(0)?;
    if !reader.is_at_end() {
        return Err(Reason::Syntax("one list and no more").at(offset));
    }
    let mut flat = Vec::new();
    flatten(&list, &mut flat);
    let maker = match flat.iter().find_map(|item| text(item).filter(|text| text.contains('_'))) {
        Some(version) if version.starts_with("Kamstrup_") => Maker::Kamstrup,
        Some(version) if version.starts_with("KFM_") => Maker::Kaifa,
        _ => Maker::Other,
    };
    let mut collected = Collected::default();
    let mut about = About::device(None, Point::Grid);
    about.time = clock(sent, offset)?;
    if flat.iter().any(|item| code(item).is_some()) {
        by_code(&flat, maker, about, &mut collected)?;
    } else {
        by_place(&flat, maker, about, &mut collected)?;
    }
    Ok(collected.into_readings())
}

/// What a frame carries, and where: after the addresses and the first checksum.
fn information(bytes: &[u8]) -> Result<(&[u8], usize), Refusal> {
    let no_frame = |byte| Reason::Syntax("a frame of HDLC, from 7E to 7E").at(byte);
    let [0x7e, high, low, ..] = *bytes else { return Err(no_frame(0)) };
    let length = usize::from(u16::from_be_bytes([high & 7, low]));
    if high >> 4 != 0xa || bytes.len() != length + 2 || bytes.last() != Some(&0x7e) || length < 9 {
        return Err(no_frame(1));
    }
    if high & 8 != 0 {
        return Err(Reason::Syntax("a list in one frame").at(1));
    }
    // Addresses have one byte or more; the last has its lowest bit set.
    let mut place = 3;
    for _ in 0..2 {
        let end = bytes[place..].iter().take(4).position(|byte| byte & 1 == 1);
        place += end.ok_or(no_frame(place))? + 1;
    }
    place += 1;
    let check = |end: usize| {
        let sum = bytes.get(end..end + 2).ok_or(no_frame(end))?;
        let expected = u16::from_le_bytes([sum[0], sum[1]]);
        let got = checksum::x25(bytes[1..end].iter().copied());
        match got == expected {
            true => Ok(()),
            false => {
                let (got, expected) = (format!("{got:04X}"), format!("{expected:04X}"));
                Err(Reason::Checksum { got, expected }.at(end))
            }
        }
    };
    check(place)?;
    check(length - 1)?;
    let start = place + 5;
    match bytes.get(place + 2..start) {
        Some([0xe6, 0xe7, 0x00]) if start < length - 1 => Ok((&bytes[start..length - 1], start)),
        _ => Err(Reason::Syntax("a message of DLMS").at(place + 2)),
    }
}

fn flatten<'i, 'a>(item: &'i Item<'a>, flat: &mut Vec<&'i Item<'a>>) {
    match &item.data {
        Data::Group(items) if is_scale(item).is_none() => {
            items.iter().for_each(|item| flatten(item, flat));
        }
        _ => flat.push(item),
    }
}

/// A power of ten and a unit.
fn is_scale(item: &Item) -> Option<(i32, u8)> {
    let Data::Group(items) = &item.data else { return None };
    match items.as_slice() {
        [Item { data: Data::Integer(scaler), .. }, Item { data: Data::Enum(unit), .. }] => {
            Some((i32::try_from(*scaler).ok()?, *unit))
        }
        _ => None,
    }
}

fn code(item: &Item) -> Option<Obis> {
    match item.data {
        Data::Octets(octets) if octets.len() == 6 && octets[0] <= 1 => {
            octets.try_into().ok().map(Obis)
        }
        _ => None,
    }
}

fn text<'a>(item: &Item<'a>) -> Option<&'a str> {
    let Data::Octets(octets) = item.data else { return None };
    let text = std::str::from_utf8(octets).ok()?;
    text.bytes().all(|byte| byte.is_ascii_graphic()).then_some(text)
}

/// Codes, each before its value and, where there is one, its scale.
fn by_code(
    flat: &[&Item],
    maker: Maker,
    mut about: About,
    collected: &mut Collected,
) -> Result<(), Refusal> {
    let pairs = flat.windows(2).enumerate().filter_map(|(place, pair)| {
        let value = code(pair[1]).is_none().then_some(pair[1])?;
        Some((code(pair[0])?, value, flat.get(place + 2).and_then(|next| is_scale(next))))
    });
    let pairs: Vec<_> = pairs.collect();
    let named = |wanted: &[u8]| {
        let found = pairs.iter().find(|(code, ..)| code.0[2..5] == *wanted);
        found.and_then(|(_, value, _)| text(value))
    };
    about.device = named(&[0, 0, 5]).or_else(|| named(&[96, 1, 0])).map(Into::into);
    for (code, value, _) in &pairs {
        if let (Obis([0, _, 1, 0, 0, _]), Data::Octets(octets)) = (code, &value.data) {
            about.time = clock(octets, value.byte)?;
        }
    }
    for (code, value, scale) in pairs {
        let Some(known) = code.what(WH) else { continue };
        let refuse = |reason: Reason| reason.of_at(code.to_string(), value.byte);
        let integer = match value.data {
            Data::Integer(integer) => integer,
            Data::None => continue,
            _ => return Err(refuse(Reason::Type("a number"))),
        };
        let (exponent, unit) = match scale {
            Some((scaler, unit)) => (scaler, dlms_unit(unit).map_err(refuse)?),
            None => match (own_scale(maker, known.quantity), maker) {
                (Some(scale), _) => scale,
                // What the maker's description gives no scale for.
                (None, Maker::Kamstrup | Maker::Kaifa) => continue,
                (None, Maker::Other) => return Err(refuse(Reason::Unit("none".to_owned()))),
            },
        };
        let number = Number::integer(integer).shifted(exponent).map_err(refuse)?;
        let what = What { unit, ..known };
        collected.add(&about, what, &number, &code.to_string()).map_err(refuse)?;
    }
    Ok(())
}

/// Units by their numbers in the blue book of the DLMS User Association.
fn dlms_unit(number: u8) -> Result<Unit, Reason> {
    Ok(match number {
        27 => W,
        28 => VA,
        29 => VAR,
        30 => WH,
        32 => VARH,
        33 => A,
        35 => V,
        44 => HZ,
        255 => ONE,
        _ => return Err(Reason::Unit(format!("unit {number} of DLMS"))),
    })
}

/// What numbers without a scale count in.
fn own_scale(maker: Maker, quantity: Q) -> Option<(i32, Unit)> {
    let (energy, current, voltage) = match maker {
        Maker::Kamstrup => (1, -2, 0),
        Maker::Kaifa => (0, -3, -1),
        Maker::Other => return None,
    };
    Some(match quantity {
        Q::ImportEnergy | Q::ExportEnergy => (energy, WH),
        Q::ImportReactiveEnergy | Q::ExportReactiveEnergy => (energy, VARH),
        Q::ImportPower | Q::ExportPower => (0, W),
        Q::ImportReactivePower | Q::ExportReactivePower => (0, VAR),
        Q::Current => (current, A),
        Q::Voltage => (voltage, V),
        _ => return None,
    })
}

/// Kaifa's lists: 1 has the power alone; 2 has 9 or 13 items, by phases; 3 has five more.
fn by_place(
    flat: &[&Item],
    maker: Maker,
    mut about: About,
    collected: &mut Collected,
) -> Result<(), Refusal> {
    let mut meaning: Vec<(What, i32)> = KAIFA.to_vec();
    let values: Vec<&Item> = match (flat.len(), maker) {
        (1, _) => flat.to_vec(),
        (9 | 13 | 14 | 18, Maker::Kaifa) => flat[3..].to_vec(),
        _ => {
            let byte = flat.first().map_or(0, |item| item.byte);
            return Err(Reason::Syntax("a list of a maker that is known").at(byte));
        }
    };
    if matches!(flat.len(), 9 | 14) {
        meaning.retain(|(what, _)| !matches!(what.phase, Some(Phase::L2 | Phase::L3)));
    }
    if flat.len() > 1 {
        about.device = text(flat[1]).map(Into::into);
    }
    if let Some(Item { data: Data::Octets(octets), byte }) = values.get(meaning.len()) {
        about.time = clock(octets, *byte)?;
    }
    let totals = values.iter().skip(meaning.len() + 1).zip(KAIFA_TOTALS.map(|what| (what, 0)));
    for (item, (what, exponent)) in values.iter().zip(meaning.iter().copied()).chain(totals) {
        let path =
            format!("item {}", flat.iter().position(|one| std::ptr::eq(*one, *item)).unwrap_or(0));
        let refuse = |reason: Reason| reason.of_at(&path, item.byte);
        let Data::Integer(integer) = item.data else {
            return Err(refuse(Reason::Type("a number")));
        };
        let number = Number::integer(integer).shifted(exponent).map_err(refuse)?;
        collected.add(&about, what, &number, &path).map_err(refuse)?;
    }
    Ok(())
}

/// A date and time of COSEM: twelve bytes; none where the meter has none.
fn clock(octets: &[u8], byte: usize) -> Result<When, Refusal> {
    let [y1, y2, month, day, _, hour, minute, second, _, d1, d2, status] = *octets else {
        return if octets.is_empty() {
            Ok(When::OnReceipt)
        } else {
            Err(Reason::Type("a time of twelve bytes").at(byte))
        };
    };
    let year = u16::from_be_bytes([y1, y2]);
    if year == 0xffff {
        return Ok(When::OnReceipt);
    }
    let second = if second == 0xff { 0 } else { second };
    let date = [year, u16::from(month), u16::from(day)];
    let civil = Civil::new(date, [hour, minute, second]);
    let civil = civil.ok_or(Reason::Type("a time").at(byte))?;
    // Minutes from local time to UTC; -32768 says none, and meters that leave it out say zero.
    let deviation = i64::from(i16::from_be_bytes([d1, d2]));
    if deviation != 0 && (-720..=720).contains(&deviation) {
        let time = civil.at_offset(-deviation * 60);
        // The lowest bits say that the clock is invalid or doubtful.
        let is_sure = status == 0xff || status & 3 == 0;
        return Ok(if is_sure { When::At(time) } else { When::Unsure(time) });
    }
    let zone: TimeZone = "Europe/Oslo".parse().expect("the zone exists");
    Ok(civil.in_zone(&zone).map_or(When::OnReceipt, When::Unsure))
}
