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
pub struct Names(HashMap<String, String>);

impl Names {
    /// From now on `key` stands for `name`.
    pub(crate) fn set(&mut self, key: String, name: String) -> Result<(), Refusal> {
        if self.0.len() >= NAMES_MAX && !self.0.contains_key(&key) {
            let (got, max) = (self.0.len() + 1, NAMES_MAX);
            return Err(Reason::Size { what: "names in a stream", got, max }.whole());
        }
        self.0.insert(key, name);
        Ok(())
    }

    /// What `key` stands for.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Forgets every key that begins so.
    pub(crate) fn forget(&mut self, start: &str) {
        self.0.retain(|key, _| !key.starts_with(start));
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
