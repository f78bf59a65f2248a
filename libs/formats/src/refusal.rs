//! Why a payload is refused, and where in it.

use std::fmt;

/// A payload that is not read, or not to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// Where.
    pub place: Place,
}

/// A place in a payload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The field: names and list places (from 0 on) with points between, an OBIS code, a topic.
    pub path: String,
    /// The byte, from 0 on.
    pub byte: Option<usize>,
    /// Line and column in characters, both from 1 on, where the payload is text.
    pub line: Option<(usize, usize)>,
}

/// Why, in order of precedence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Over a limit.
    #[error("{got} {what} are more than {max}")]
    Size {
        /// What is counted.
        what: &'static str,
        /// How many there are, as far as they were counted.
        got: usize,
        /// The limit.
        max: usize,
    },
    /// The topic is needed, and there is none.
    #[error("this format needs the topic of the message")]
    NoTopic,
    /// The topic is not one of the format.
    #[error("the topic is not one of this format")]
    Topic,
    /// The bytes do not have the form of the format.
    #[error("this is not {0}")]
    Syntax(&'static str),
    /// The checksum is not that of what was received.
    #[error("the checksum is {got} where it should be {expected}")]
    Checksum {
        /// Over what was received.
        got: String,
        /// What the payload says.
        expected: String,
    },
    /// The signature is not one, or not of the key that was given.
    #[error("the signature does not hold: {0}")]
    Signature(&'static str),
    /// The contents are encrypted.
    #[error("the contents are encrypted")]
    Encrypted,
    /// The device answers that it cannot.
    #[error("the device reports an error: {0}")]
    Device(String),
    /// A field that must be there is not.
    #[error("the field is missing")]
    Missing,
    /// Another kind of value than it should be.
    #[error("this is not {0}")]
    Type(&'static str),
    /// Not a number, or an infinite one.
    #[error("this is no finite number")]
    NotFinite,
    /// A unit that is not known, or not one of this quantity.
    #[error("{0:?} is no unit of this quantity")]
    Unit(String),
    /// Below zero, where nothing can be.
    #[error("this may not be negative")]
    Negative,
    /// Larger, smaller or finer than any device shows.
    #[error("this is out of range")]
    Range,
    /// A name that an earlier message should have given.
    #[error("no earlier message says what this stands for")]
    Unnamed,
}

impl Reason {
    /// A name that never changes.
    pub const fn code(&self) -> &'static str {
        match self {
            Reason::Size { .. } => "PAYLOAD_SIZE",
            Reason::NoTopic => "TOPIC_MISSING",
            Reason::Topic => "TOPIC_UNKNOWN",
            Reason::Syntax(_) => "PAYLOAD_SYNTAX",
            Reason::Checksum { .. } => "PAYLOAD_CHECKSUM",
            Reason::Signature(_) => "PAYLOAD_SIGNATURE",
            Reason::Encrypted => "PAYLOAD_ENCRYPTED",
            Reason::Device(_) => "DEVICE_ERROR",
            Reason::Missing => "FIELD_MISSING",
            Reason::Type(_) => "FIELD_TYPE",
            Reason::NotFinite => "FIELD_NOT_FINITE",
            Reason::Unit(_) => "FIELD_UNIT",
            Reason::Negative => "FIELD_NEGATIVE",
            Reason::Range => "FIELD_RANGE",
            Reason::Unnamed => "FIELD_UNNAMED",
        }
    }

    /// This reason, at a byte.
    pub(crate) fn at(self, byte: usize) -> Refusal {
        Refusal { reason: self, place: Place { byte: Some(byte), ..Place::default() } }
    }

    /// This reason, of a field.
    pub(crate) fn of(self, path: impl Into<String>) -> Refusal {
        Refusal { reason: self, place: Place { path: path.into(), ..Place::default() } }
    }

    /// This reason, of a field at a byte.
    pub(crate) fn of_at(self, path: impl Into<String>, byte: usize) -> Refusal {
        Refusal {
            reason: self,
            place: Place { path: path.into(), byte: Some(byte), ..Place::default() },
        }
    }

    /// This reason, of the payload as a whole.
    pub(crate) fn whole(self) -> Refusal {
        Refusal { reason: self, place: Place::default() }
    }
}

impl Refusal {
    /// The same refusal with the line and column of its byte, where `bytes` are text up to there.
    pub fn in_text(mut self, bytes: &[u8]) -> Refusal {
        let before = self.place.byte.and_then(|byte| bytes.get(..byte));
        if let Some(before) = before.and_then(|before| std::str::from_utf8(before).ok()) {
            let start = before.rfind('\n').map_or(0, |feed| feed + 1);
            let line = before.matches('\n').count() + 1;
            self.place.line = Some((line, before[start..].chars().count() + 1));
        }
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason)?;
        let place = self.place.to_string();
        if place.is_empty() { Ok(()) } else { write!(f, " ({place})") }
    }
}

impl std::error::Error for Refusal {}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        match (self.line, self.byte) {
            (Some((line, column)), _) => parts.push(format!("line {line}, column {column}")),
            (None, Some(byte)) => parts.push(format!("byte {byte}")),
            (None, None) => {}
        }
        if !self.path.is_empty() {
            parts.push(self.path.clone());
        }
        f.write_str(&parts.join(", "))
    }
}
