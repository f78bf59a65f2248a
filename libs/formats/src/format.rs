//! The table of formats, and how one is found by its name or a topic.

use crate::payload::Names;
use crate::{PAYLOAD_BYTES_MAX, Payload, Reading, Reason, Refusal, TOPIC_BYTES_MAX};

/// One format: a pure function from a payload to readings, and what is worth knowing of it.
#[derive(Debug)]
pub struct Format {
    /// Its name.
    pub name: &'static str,
    /// What it is, in one line.
    pub what: &'static str,
    /// The topics its messages come by, as an MQTT client subscribes to them. A device may be set
    /// up to use others; then the format has to be named.
    pub topics: &'static [&'static str],
    /// Are its payloads signed?
    pub signing: Signing,
    /// The units its numbers come in.
    pub units: &'static str,
    /// How several payloads lie in one file.
    pub framing: Framing,
    /// Takes from a payload what later ones of the same stream need, before it is decoded.
    pub learn: Option<Learn>,
    /// The readings in a payload, in its order. None is not wrong: not every message of a device
    /// has numbers.
    pub decode: fn(&Payload) -> Result<Vec<Reading>, Refusal>,
}

/// How a format takes names from a payload.
pub type Learn = fn(&Payload, &mut Names) -> Result<(), Refusal>;

/// Whether payloads of a format are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signing {
    /// None is.
    Never,
    /// Some carry numbers that are.
    Sometimes,
    /// All are.
    Always,
}

/// How several payloads lie in one file, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// JSON documents, with anything blank between them.
    Documents,
    /// One text value, or lines of a topic and a value.
    Values,
    /// Telegrams from `/` to `!`.
    Telegrams,
    /// Texts that begin with these letters.
    Texts(&'static str),
    /// Messages of so many bytes, or JSON documents.
    Bytes(usize),
    /// Our own messages, each as long as its first bytes say, or JSON documents.
    Readings,
    /// HDLC frames between `7E`, as bytes or in hex.
    Hdlc,
    /// SML files between escape sequences, as bytes or in hex.
    Sml,
}

/// Every format, in order of precedence where a topic fits two.
pub const FORMATS: &[Format] = &[
    crate::mr1::FORMAT,
    crate::ocmf::FORMAT,
    crate::sparkplug::FORMAT,
    crate::shelly1::FORMAT,
    crate::victron::FORMAT,
    crate::opendtu::FORMAT,
    crate::evcc::FORMAT,
    crate::zigbee2mqtt::FORMAT,
    crate::tasmota::FORMAT,
    crate::wmbusmeters::FORMAT,
    crate::vzlogger::FORMAT,
    crate::dsmr::FORMAT,
    crate::ams::FORMAT,
    crate::shelly2::FORMAT,
    crate::fronius::FORMAT,
    crate::sunspec::FORMAT,
    crate::ocpp::FORMAT,
    crate::han::FORMAT,
    crate::sml::FORMAT,
];

impl Format {
    /// The format of this name.
    pub fn named(name: &str) -> Option<&'static Format> {
        FORMATS.iter().find(|format| format.name == name)
    }

    /// The first format whose topics have this one.
    pub fn of_topic(topic: &str) -> Option<&'static Format> {
        FORMATS.iter().find(|format| format.has_topic(topic))
    }

    /// Is this one of the format's topics?
    pub fn has_topic(&self, topic: &str) -> bool {
        self.topics.iter().any(|filter| fits(filter, topic))
    }

    /// The readings of a payload.
    ///
    /// # Errors
    /// The payload is over a limit, or is not one of this format.
    pub fn decode(&self, payload: &Payload) -> Result<Vec<Reading>, Refusal> {
        within_limits(payload)?;
        (self.decode)(payload).map_err(|refusal| refusal.in_text(payload.bytes))
    }

    /// Takes from a payload what later ones of its stream need.
    ///
    /// # Errors
    /// The payload is over a limit, or is not one of this format.
    pub fn learn(&self, payload: &Payload, names: &mut Names) -> Result<(), Refusal> {
        within_limits(payload)?;
        let Some(learn) = self.learn else { return Ok(()) };
        learn(payload, names).map_err(|refusal| refusal.in_text(payload.bytes))
    }
}

fn within_limits(payload: &Payload) -> Result<(), Refusal> {
    let topic = payload.topic.map_or(0, str::len);
    for (what, got, max) in [
        ("bytes of payload", payload.bytes.len(), PAYLOAD_BYTES_MAX),
        ("bytes of topic", topic, TOPIC_BYTES_MAX),
    ] {
        if got > max {
            return Err(Reason::Size { what, got, max }.whole());
        }
    }
    Ok(())
}

/// Does an MQTT topic filter, with `+` for one level and `#` for all that follow, have this topic?
fn fits(filter: &str, topic: &str) -> bool {
    let (mut wanted, mut levels) = (filter.split('/'), topic.split('/'));
    loop {
        match (wanted.next(), levels.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(wanted), Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_each_is_there_once() {
        for (place, format) in FORMATS.iter().enumerate() {
            let letters = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
            assert!(format.name.chars().all(letters) && !format.what.is_empty());
            assert_eq!(FORMATS.iter().position(|one| one.name == format.name), Some(place));
        }
    }

    #[test]
    fn a_topic_leads_to_its_format() {
        let name = |topic| Format::of_topic(topic).map(|format| format.name);
        for (topic, expected) in [
            ("wattex/v1/0b5d8f0e-9c5c-4a7b-9f1e-0123456789ab/reading", Some("mr1")),
            ("spBv1.0/group/DDATA/edge/meter", Some("sparkplug")),
            ("shellies/shellyem-B9E2F1/emeter/0/total", Some("shelly1")),
            ("shellypro3em-aabbccddeeff/events/rpc", Some("shelly2")),
            ("shellyplus1pm-aabbccddeeff/status/switch:0", Some("shelly2")),
            ("N/c0619ab12345/grid/30/Ac/Power", Some("victron")),
            ("solar/116480012345/0/yieldtotal", Some("opendtu")),
            ("solar/ac/power", Some("opendtu")),
            ("evcc/loadpoints/1/chargePower", Some("evcc")),
            ("zigbee2mqtt/washing machine", Some("zigbee2mqtt")),
            ("tele/plug/SENSOR", Some("tasmota")),
            ("stat/plug/STATUS8", Some("tasmota")),
            ("vzlogger/data/chn0/raw", Some("vzlogger")),
            ("wmbusmeters/kitchen", Some("wmbusmeters")),
            ("dsmr/raw", Some("dsmr")),
            ("amsleser/list3", Some("ams")),
            ("somewhere/else", None),
            ("", None),
        ] {
            assert_eq!(name(topic), expected, "{topic}");
        }
    }

    #[test]
    fn filters_are_those_of_mqtt() {
        for (filter, topic, expected) in [
            ("a/+/c", "a/b/c", true),
            ("a/+", "a/b/c", false),
            ("a/#", "a", true),
            ("a/#", "a/b/c", true),
            ("a/b", "a", false),
            ("#", "x/y", true),
        ] {
            assert_eq!(fits(filter, topic), expected, "{filter} {topic}");
        }
    }
}
