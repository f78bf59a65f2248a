//! The few packets of MQTT 3.1.1 and 5 that a meter sends and gets.

use anyhow::{Result, bail, ensure};
use bytes::{Buf, BytesMut};

/// A ping.
pub(crate) const PINGREQ: [u8; 2] = [0xc0, 0];
/// Leaving in peace; MQTT 5 takes the short form too.
pub(crate) const DISCONNECT: [u8; 2] = [0xe0, 0];
/// What no client may send: a PUBLISH of QoS 3.
pub(crate) const BROKEN: [u8; 4] = [0x36, 2, 0, 0];
/// The longest answer that a broker may send us, in bytes.
const ANSWER_BYTES_MAX: usize = 4096;

/// Which MQTT is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 3.1.1.
    V3,
    /// 5.
    V5,
}

/// What a broker says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// We are in, or not: zero is in.
    ConnAck(u8),
    /// A message is stored; from 0x80 on (MQTT 5) it was refused.
    PubAck(u16, u8),
    /// The broker ends the line, and why.
    Disconnect(u8),
    /// Anything else.
    Other,
}

/// A CONNECT with a clean start.
pub(crate) fn connect(version: Version, name: &str, token: &str, keep_alive: u16) -> Vec<u8> {
    let mut body = Vec::with_capacity(128);
    text(&mut body, "MQTT");
    body.push(if version == Version::V3 { 4 } else { 5 });
    // User name, password, clean start.
    body.push(0b1100_0010);
    body.extend(keep_alive.to_be_bytes());
    if version == Version::V5 {
        body.push(0);
    }
    text(&mut body, &format!("fleet-{name}"));
    text(&mut body, name);
    text(&mut body, token);
    let mut packet = vec![0x10];
    length(&mut packet, body.len());
    packet.extend(body);
    packet
}

/// Appends a PUBLISH of QoS 1; `again` where it was sent before.
pub(crate) fn publish(
    out: &mut Vec<u8>,
    version: Version,
    topic: &str,
    (id, again): (u16, bool),
    payload: &[u8],
) {
    out.push(if again { 0x3a } else { 0x32 });
    let properties = usize::from(version == Version::V5);
    length(out, 2 + topic.len() + 2 + properties + payload.len());
    text(out, topic);
    out.extend(id.to_be_bytes());
    if version == Version::V5 {
        out.push(0);
    }
    out.extend(payload);
}

/// A text with its length before it; ours are short.
fn text(out: &mut Vec<u8>, text: &str) {
    out.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend(text.as_bytes());
}

/// A remaining length: seven bits a byte, the lowest first.
fn length(out: &mut Vec<u8>, mut length: usize) {
    loop {
        let low = u8::try_from(length & 0x7f).expect("seven bits");
        length >>= 7;
        out.push(if length == 0 { low } else { low | 0x80 });
        if length == 0 {
            return;
        }
    }
}

/// Takes the first answer off `source`, once it is there as a whole.
///
/// # Errors
/// When the bytes are no packet.
pub(crate) fn take(source: &mut BytesMut, version: Version) -> Result<Option<Answer>> {
    let Some(&first) = source.first() else { return Ok(None) };
    let (mut size, mut header) = (0_usize, 1);
    loop {
        let Some(&byte) = source.get(header) else { return Ok(None) };
        size |= usize::from(byte & 0x7f) << (7 * (header - 1));
        header += 1;
        if byte & 0x80 == 0 {
            break;
        }
        ensure!(header <= 4, "a length without an end");
    }
    ensure!(size <= ANSWER_BYTES_MAX, "an answer of {size} bytes");
    if source.len() < header + size {
        return Ok(None);
    }
    source.advance(header);
    let body = source.split_to(size);
    let reason = |place: usize| body.get(place).copied().unwrap_or(0);
    Ok(Some(match first >> 4 {
        2 if size >= 2 => Answer::ConnAck(body[1]),
        4 if size >= 2 => {
            let code = if version == Version::V5 { reason(2) } else { 0 };
            Answer::PubAck(u16::from_be_bytes([body[0], body[1]]), code)
        }
        14 => Answer::Disconnect(reason(0)),
        9 | 11 | 13 => Answer::Other,
        kind => bail!("a broker sends no packet of type {kind} with {size} bytes"),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publish_is_laid_out_as_the_standard_says() {
        let mut out = Vec::new();
        publish(&mut out, Version::V3, "a/b", (10, false), b"xy");
        assert_eq!(out, [0x32, 9, 0, 3, b'a', b'/', b'b', 0, 10, b'x', b'y']);
        out.clear();
        publish(&mut out, Version::V5, "a/b", (10, true), &[7; 200]);
        // 208 = 0b1_1010000: the low seven bits first.
        assert_eq!(out[..11], [0x3a, 0xd0, 1, 0, 3, b'a', b'/', b'b', 0, 10, 0]);
        assert_eq!(out.len(), 3 + 208);
    }

    #[test]
    fn answers_are_read_however_the_stream_was_cut() {
        let stream = [0x20, 2, 0, 5, 0x40, 2, 0, 7, 0x40, 3, 0, 8, 0x87, 0xd0, 0, 0xe0, 1, 0x8e];
        let expected = [
            Answer::ConnAck(5),
            Answer::PubAck(7, 0),
            Answer::PubAck(8, 0x87),
            Answer::Other,
            Answer::Disconnect(0x8e),
        ];
        for step in 1..=stream.len() {
            let (mut source, mut read) = (BytesMut::new(), Vec::new());
            for part in stream.chunks(step) {
                source.extend_from_slice(part);
                while let Some(answer) = take(&mut source, Version::V5).unwrap() {
                    read.push(answer);
                }
            }
            assert_eq!(read, expected, "{step} bytes at a time");
        }
    }

    #[test]
    fn what_no_broker_sends_is_refused() {
        for bytes in
            [&[0x10, 0][..], &[0x20, 0], &[0x40, 0xff, 0xff, 0xff, 0xff], &[0x40, 0xff, 0x7f]]
        {
            assert!(take(&mut BytesMut::from(bytes), Version::V3).is_err(), "{bytes:?}");
        }
    }
}
