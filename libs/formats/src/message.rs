//! The messages in a file: recordings of a broker, logs of documents, dumps of a serial port.

use std::borrow::Cow;

use crate::format::Framing;
use crate::json::{self, Kind, Node};
use crate::{PAYLOAD_BYTES_MAX, Reason, Refusal};

/// The most messages of one file.
pub const MESSAGES_MAX: usize = 1_000_000;

/// The mark before each frame of HDLC and after it.
const FLAG: u8 = 0x7e;
/// The mark before a file of SML and, with `1a` and three bytes, after it.
const ESCAPE: [u8; 4] = [0x1b; 4];
/// What follows the mark before a file of SML.
const VERSION_1: [u8; 4] = [1; 4];

/// One message of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<'a> {
    /// The topic, where the file has it.
    pub topic: Option<Cow<'a, str>>,
    /// The payload.
    pub bytes: Cow<'a, [u8]>,
    /// The byte of the file where it begins.
    pub byte: usize,
}

impl<'a> Message<'a> {
    /// A refusal of this message, with its place in the file it came from.
    pub fn in_file(&self, mut refusal: Refusal, file: &[u8]) -> Refusal {
        // Bytes that stand in the file as something else have no place of their own there.
        let byte = match self.bytes {
            Cow::Borrowed(_) => refusal.place.byte.unwrap_or_default() + self.byte,
            Cow::Owned(_) => self.byte,
        };
        refusal.place.byte = Some(byte);
        refusal.place.line = None;
        refusal.in_text(file)
    }

    fn bare(bytes: &'a [u8], byte: usize) -> Message<'a> {
        Message { topic: None, bytes: Cow::Borrowed(bytes), byte }
    }
}

/// The messages in `bytes`, which lie one after the other as the framing says. Besides, every
/// format may come as JSON documents `{"topic": ..., "payload": ...}`, where a `payload` is JSON
/// or a text, or `payload_hex` or `payload_base64` is bytes; and formats of one value or one
/// document as lines of a topic, a space and a payload, as `mosquitto_sub -v` prints them.
///
/// What lies between messages and is none comes as a refusal in its place.
pub fn messages(framing: Framing, bytes: &[u8]) -> Vec<Result<Message<'_>, Refusal>> {
    let first = json::rest(bytes, 0).map(|byte| bytes[byte]);
    let is_json = matches!(first, Some(b'{' | b'['));
    match framing {
        _ if first.is_none() => Vec::new(),
        _ if is_json => documents(bytes),
        Framing::Telegrams => telegrams(bytes),
        Framing::Texts(start) => texts(bytes, start),
        Framing::Bytes(length) => bytes
            .chunks(length)
            .enumerate()
            .take(MESSAGES_MAX)
            .map(|(place, chunk)| Ok(Message::bare(chunk, place * length)))
            .collect(),
        Framing::Readings => readings(bytes),
        Framing::Hdlc => frames(bytes, next_hdlc),
        Framing::Sml => frames(bytes, next_sml),
        Framing::Documents | Framing::Values => lines(bytes),
    }
}

/// Our own messages, one after the other; the last may be cut off.
fn readings(bytes: &[u8]) -> Vec<Result<Message<'_>, Refusal>> {
    let (mut messages, mut rest) = (Vec::new(), bytes);
    while !rest.is_empty() && messages.len() < MESSAGES_MAX {
        // What is of no length is taken as one, with all behind it.
        let length = reading::message_size(rest).map_or(rest.len(), |(_, length)| length);
        let (message, behind) = rest.split_at(length.min(rest.len()));
        messages.push(Ok(Message::bare(message, bytes.len() - rest.len())));
        rest = behind;
    }
    messages
}

/// One JSON document after the other. After one that is none, the next line that begins one goes
/// on.
fn documents(bytes: &[u8]) -> Vec<Result<Message<'_>, Refusal>> {
    let text = match json::utf8(bytes) {
        Ok(text) => text,
        Err(refusal) => return vec![Err(refusal)],
    };
    let (mut messages, mut byte) = (Vec::new(), 0);
    while let Some(start) = json::rest(bytes, byte) {
        if messages.len() >= MESSAGES_MAX {
            messages.push(Err(too_many().at(start)));
            break;
        }
        match json::first(text, start) {
            Ok((node, end)) => {
                messages.push(envelope(bytes, &node));
                byte = end;
            }
            Err(refusal) => {
                messages.push(Err(refusal));
                let next = bytes[start..]
                    .windows(2)
                    .position(|pair| pair[0] == b'\n' && matches!(pair[1], b'{' | b'['));
                let Some(next) = next else { break };
                byte = start + next + 1;
            }
        }
    }
    messages
}

/// A document, or the message that it holds.
fn envelope<'a>(bytes: &'a [u8], node: &Node<'a>) -> Result<Message<'a>, Refusal> {
    let whole = || Message::bare(&bytes[node.byte..node.end], node.byte);
    let Kind::Object(fields) = &node.kind else { return Ok(whole()) };
    let field = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, node)| node);
    let text = |name: &str| match field(name).map(|node| &node.kind) {
        Some(Kind::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let Some(topic) = text("topic") else { return Ok(whole()) };
    let binary = |name, decode: fn(&str) -> Option<Vec<u8>>| {
        text(name).map(|text| {
            decode(&text)
                .map(Cow::Owned)
                .ok_or_else(|| Reason::Type("bytes in this spelling").of_at(name, node.byte))
        })
    };
    let payload = match field("payload") {
        Some(Node { kind: Kind::Text(text), .. }) => match text {
            Cow::Borrowed(text) => Some(Ok(Cow::Borrowed(text.as_bytes()))),
            Cow::Owned(text) => Some(Ok(Cow::Owned(text.clone().into_bytes()))),
        },
        Some(inner) => Some(Ok(Cow::Borrowed(&bytes[inner.byte..inner.end]))),
        None => binary("payload_hex", |text| hex::decode(text).ok())
            .or_else(|| binary("payload_base64", base64)),
    };
    let Some(payload) = payload.transpose()? else { return Ok(whole()) };
    let byte = field("payload").map_or(node.byte, |inner| inner.byte);
    Ok(Message { topic: Some(topic), bytes: payload, byte })
}

pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text.trim()).ok()
}

/// Lines of a topic and a payload; a file whose first line is no such is one payload.
fn lines(bytes: &[u8]) -> Vec<Result<Message<'_>, Refusal>> {
    let split = |line: &str| {
        // A topic may have spaces; then only JSON behind it tells where it ends.
        let document = [" {", " ["].iter().filter_map(|open| line.find(open)).min();
        let end = document.or_else(|| line.find(' ')).unwrap_or(line.len());
        let (topic, payload) = (&line[..end], line.get(end + 1..).unwrap_or(""));
        topic.contains('/').then_some((topic.len(), payload.len()))
    };
    let Ok(text) = std::str::from_utf8(bytes) else {
        return vec![Ok(Message::bare(bytes, 0))];
    };
    let is_recording = text.lines().next().is_some_and(|line| split(line).is_some());
    if !is_recording {
        return vec![Ok(Message::bare(bytes, 0))];
    }
    let (mut messages, mut byte) = (Vec::new(), 0);
    for whole in text.split_inclusive('\n') {
        let line = whole.trim_end_matches(['\r', '\n']);
        let refused = match split(line) {
            _ if line.is_empty() => None,
            _ if messages.len() >= MESSAGES_MAX => {
                messages.push(Err(too_many().at(byte)));
                break;
            }
            Some((topic, payload)) => {
                let start = line.len() - payload;
                messages.push(Ok(Message {
                    topic: Some(Cow::Borrowed(&line[..topic])),
                    bytes: Cow::Borrowed(&line.as_bytes()[start..]),
                    byte: byte + start,
                }));
                None
            }
            None => Some(Reason::Syntax("a line of a topic and a payload").at(byte)),
        };
        messages.extend(refused.map(Err));
        byte += whole.len();
    }
    messages
}

/// From a `/` at the start of a line to the end of the line that begins with `!`. A recording may
/// begin and end in the middle of a telegram: those pieces are refused.
fn telegrams(bytes: &[u8]) -> Vec<Result<Message<'_>, Refusal>> {
    let mut messages: Vec<Result<Message, Refusal>> = Vec::new();
    let (mut start, mut byte, mut is_open) = (0, 0, false);
    let mut push = |start: usize, end: usize| {
        let piece = &bytes[start..end];
        if json::rest(piece, 0).is_some() && messages.len() < MESSAGES_MAX {
            messages.push(Ok(Message::bare(piece, start)));
        }
    };
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b"/") {
            push(start, byte);
            (start, is_open) = (byte, true);
        }
        byte += line.len();
        if is_open && line.starts_with(b"!") {
            push(start, byte);
            (start, is_open) = (byte, false);
        }
    }
    push(start, bytes.len());
    messages
}

/// Texts one after the other, each from its first letters to the next one's, at a line's start.
fn texts<'a>(bytes: &'a [u8], first: &str) -> Vec<Result<Message<'a>, Refusal>> {
    let (mut messages, mut start, mut byte) = (Vec::new(), 0, 0);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(first.as_bytes()) && byte > start {
            messages.push(Ok(Message::bare(bytes[start..byte].trim_ascii_end(), start)));
            start = byte;
        }
        byte += line.len();
        if messages.len() >= MESSAGES_MAX {
            break;
        }
    }
    messages.push(Ok(Message::bare(bytes[start..].trim_ascii_end(), start)));
    messages
}

/// Finds the next frame from a byte on: where it begins, and the byte after it.
type Next = fn(&[u8], usize) -> Option<(usize, usize)>;

/// Frames in bytes, or in hex with spaces and lines as one likes.
fn frames(bytes: &[u8], next: Next) -> Vec<Result<Message<'_>, Refusal>> {
    let unhexed = unhex(bytes);
    let whole: &[u8] = unhexed.as_deref().unwrap_or(bytes);
    let (mut messages, mut byte) = (Vec::new(), 0);
    while let Some((start, end)) = next(whole, byte) {
        if messages.len() >= MESSAGES_MAX {
            break;
        }
        // Places are those of the bytes, not of the digits that spell them.
        messages.push(Ok(Message {
            topic: None,
            bytes: Cow::Owned(whole[start..end].to_vec()),
            byte: if unhexed.is_some() { 0 } else { start },
        }));
        byte = end;
    }
    if messages.is_empty() {
        let end = whole.len().min(PAYLOAD_BYTES_MAX + 1);
        messages.push(Ok(Message {
            topic: None,
            bytes: Cow::Owned(whole[..end].to_vec()),
            byte: 0,
        }));
    }
    messages
}

/// The bytes that a text of hex digits spells.
pub(crate) fn unhex(bytes: &[u8]) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    hex::decode(digits).ok()
}

/// The next frame of HDLC: a flag, the length in eleven bits, and a flag at its end.
fn next_hdlc(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    (from..bytes.len()).find_map(|start| {
        let [FLAG, high, low] = *bytes.get(start..start + 3)? else { return None };
        let length = usize::from(u16::from_be_bytes([high & 7, low]));
        let end = start + length + 2;
        (high >> 4 == 0xa && bytes.get(end - 1) == Some(&FLAG)).then_some((start, end))
    })
}

/// The next file of SML, from its mark to the three bytes after the mark at its end.
fn next_sml(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let is_at = |place: usize, mark: &[u8]| bytes.get(place..place + mark.len()) == Some(mark);
    let start =
        (from..bytes.len()).find(|start| is_at(*start, &ESCAPE) && is_at(start + 4, &VERSION_1))?;
    let mut place = start + 8;
    while place + 8 <= bytes.len() {
        match (is_at(place, &ESCAPE), bytes[place + 4]) {
            (true, 0x1a) => return Some((start, place + 8)),
            (true, _) => place += 8,
            (false, _) => place += 4,
        }
    }
    None
}

const fn too_many() -> Reason {
    Reason::Size { what: "messages", got: MESSAGES_MAX + 1, max: MESSAGES_MAX }
}
