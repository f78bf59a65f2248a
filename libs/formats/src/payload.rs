//! A message as it came, and what earlier ones of its stream have named.

use std::collections::HashMap;
use std::str::FromStr;

use keys::Address;

use crate::{Reason, Refusal, json, message};

/// The largest payload, in bytes.
pub const PAYLOAD_BYTES_MAX: usize = 1 << 20;
/// The most readings of one payload.
pub const READINGS_MAX: usize = 10_000;
/// How deep values may lie in each other.
pub const DEPTH_MAX: usize = 32;
/// The most names that one stream may give.
pub const NAMES_MAX: usize = 100_000;
/// The most bytes that the names of one stream may have.
pub const NAMES_BYTES_MAX: usize = 1 << 24;
/// The longest topic, in bytes: what MQTT can carry.
pub const TOPIC_BYTES_MAX: usize = 65_535;

/// One message.
#[derive(Debug, Clone, Copy)]
pub struct Payload<'a> {
    /// The topic it came by, where it did.
    pub topic: Option<&'a str>,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// What earlier messages of the same stream have named.
    pub names: &'a Names,
    /// Whose signature has to be on it, where that is known.
    pub key: Option<&'a Key>,
}

impl<'a> Payload<'a> {
    /// The levels of the topic.
    pub(crate) fn levels(&self) -> Result<Vec<&'a str>, Refusal> {
        let topic = self.topic.ok_or(Reason::NoTopic.whole())?;
        Ok(topic.trim_matches('/').split('/').collect())
    }

    /// The bytes as text.
    pub(crate) fn text(&self) -> Result<&'a str, Refusal> {
        json::utf8(self.bytes)
    }
}

/// What a stream's messages have named so far: Sparkplug aliases, channels of vzlogger.
#[derive(Debug, Clone, Default)]
pub struct Names {
    meanings: HashMap<String, String>,
    /// Of all keys and meanings together.
    bytes: usize,
}

impl Names {
    /// From now on `key` stands for `name`.
    pub(crate) fn set(&mut self, key: String, name: String) -> Result<(), Refusal> {
        let before = self.meanings.remove_entry(&key);
        self.bytes -= before.map_or(0, |(key, name)| key.len() + name.len());
        let (count, bytes) = (self.meanings.len() + 1, self.bytes + key.len() + name.len());
        for (what, got, max) in [
            ("names in a stream", count, NAMES_MAX),
            ("bytes of names in a stream", bytes, NAMES_BYTES_MAX),
        ] {
            if got > max {
                return Err(Reason::Size { what, got, max }.whole());
            }
        }
        self.bytes = bytes;
        self.meanings.insert(key, name);
        Ok(())
    }

    /// What `key` stands for.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.meanings.get(key).map(String::as_str)
    }

    /// Forgets every key that begins so.
    pub(crate) fn forget(&mut self, start: &str) {
        self.meanings.retain(|key, _| !key.starts_with(start));
        self.bytes = self.meanings.iter().map(|(key, name)| key.len() + name.len()).sum();
    }
}

/// Whose signature a payload has to carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// The address of a secp256k1 key.
    Address(Address),
    /// A public key on P-256 or secp256k1: a SEC1 point, or a DER SubjectPublicKeyInfo.
    Public(Vec<u8>),
}

/// A text that is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key is an address of 20 bytes, a SEC1 point or a DER public key, in hex or base64")]
pub struct BadKey;

impl FromStr for Key {
    type Err = BadKey;
    fn from_str(text: &str) -> Result<Key, BadKey> {
        let bytes = hex::decode(text.trim_start_matches("0x")).ok();
        let bytes = bytes.or_else(|| message::base64(text)).ok_or(BadKey)?;
        match bytes.len() {
            20 => Ok(Key::Address(Address::from_slice(&bytes))),
            33.. => Ok(Key::Public(bytes)),
            _ => Err(BadKey),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_stream_are_bounded_by_number_and_by_bytes() {
        let mut names = Names::default();
        let long = "x".repeat(NAMES_BYTES_MAX / 2);
        names.set("a".to_owned(), long.clone()).unwrap();
        // The same key again takes no more room; another one would.
        names.set("a".to_owned(), long.clone()).unwrap();
        assert_eq!(names.set("b".to_owned(), long).unwrap_err().reason.code(), "PAYLOAD_SIZE");
        names.forget("a");
        for number in 0..NAMES_MAX {
            names.set(number.to_string(), String::new()).unwrap();
        }
        assert!(names.set("one more".to_owned(), String::new()).is_err());
        names.set("7".to_owned(), "seven".to_owned()).unwrap();
        assert_eq!((names.get("7"), names.get("a")), (Some("seven"), None));
    }
}
