//! What is passed on from who publishes to who subscribed, and how it is written on a line.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use mqtt5_protocol::{Properties, PropertyId, PropertyValue, QoS};
use tokio::time::Instant;

use super::codec::V5;

/// Bytes that a message takes besides what is in it, roughly.
const OVERHEAD_BYTES: usize = 64;

/// A message on its topic, as it was published.
#[derive(Debug, Clone)]
pub(super) struct Publication {
    pub(super) topic: Arc<str>,
    pub(super) payload: Bytes,
    /// Properties of MQTT 5 that are passed on as they came, without their length: all that a
    /// client may send, but for those that hold on its own line or change on the way.
    pub(super) properties: Bytes,
    /// From then on nobody wants it any more.
    pub(super) expires: Option<Instant>,
    pub(super) quality: QoS,
    /// Whether its publisher wanted it retained.
    pub(super) retain: bool,
}

impl Publication {
    /// Bytes that it takes while it waits.
    pub(super) fn bytes(&self) -> usize {
        OVERHEAD_BYTES + self.topic.len() + self.payload.len() + self.properties.len()
    }

    /// Whether it is over at `now`.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// The properties of a PUBLISH or a will that are passed on, and its expiry in seconds.
pub(super) fn passed_on(properties: &Properties) -> (Bytes, Option<u32>) {
    let mut rest = Properties::new();
    for (id, value) in properties.iter() {
        let stays = matches!(
            id,
            PropertyId::TopicAlias
                | PropertyId::MessageExpiryInterval
                | PropertyId::WillDelayInterval
                | PropertyId::SubscriptionIdentifier
        );
        if !stays {
            rest.add(id, value.clone()).expect("it was among properties before");
        }
    }
    let expiry = match properties.get(PropertyId::MessageExpiryInterval) {
        Some(PropertyValue::FourByteInteger(seconds)) => Some(*seconds),
        _ => None,
    };
    let mut written = BytesMut::new();
    if rest.is_empty() || rest.encode(&mut written).is_err() {
        return (Bytes::new(), expiry);
    }
    let length = written.iter().position(|byte| byte & 0x80 == 0).expect("a length ends");
    (written.freeze().slice(length + 1..), expiry)
}

/// A message on its way to one session.
#[derive(Debug, Clone)]
pub(super) struct Mail {
    pub(super) publication: Arc<Publication>,
    pub(super) quality: QoS,
    /// The flag of the PUBLISH.
    pub(super) retain: bool,
    /// Those of the subscriptions that it matched.
    pub(super) identifiers: Vec<u32>,
}

/// What stands for a topic on one line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Alias {
    pub(super) number: u16,
    /// Whether the client knows it, so that the topic itself can be left out.
    pub(super) known: bool,
}

/// A PUBLISH to a client.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) mail: Mail,
    /// Where it has to be acknowledged.
    pub(super) packet_id: Option<u16>,
    /// Whether it was sent before.
    pub(super) again: bool,
    pub(super) alias: Option<Alias>,
    /// Seconds until it expires.
    pub(super) expiry: Option<u32>,
}

impl Delivery {
    fn topic(&self) -> &str {
        match self.alias {
            Some(Alias { known: true, .. }) => "",
            _ => &self.mail.publication.topic,
        }
    }

    /// Bytes of the properties, without their length.
    fn properties_bytes(&self) -> usize {
        let identifiers = self.mail.identifiers.iter();
        let identifiers = identifiers.map(|number| 1 + length_bytes(*number as usize));
        self.mail.publication.properties.len()
            + self.expiry.map_or(0, |_| 5)
            + self.alias.map_or(0, |_| 3)
            + identifiers.sum::<usize>()
    }

    /// Bytes behind the fixed header.
    fn rest(&self, level: u8) -> usize {
        let packet_id = if self.packet_id.is_some() { 2 } else { 0 };
        let properties = self.properties_bytes();
        let properties = if level == V5 { length_bytes(properties) + properties } else { 0 };
        2 + self.topic().len() + packet_id + properties + self.mail.publication.payload.len()
    }

    /// Bytes of the packet.
    pub(super) fn bytes(&self, level: u8) -> usize {
        let rest = self.rest(level);
        1 + length_bytes(rest) + rest
    }

    /// Writes the packet.
    pub(super) fn write(&self, level: u8, target: &mut BytesMut) {
        target.reserve(self.bytes(level));
        let (again, quality) = (u8::from(self.again), self.mail.quality as u8);
        target.put_u8(0x30 | again << 3 | quality << 1 | u8::from(self.mail.retain));
        put_length(target, self.rest(level));
        let topic = self.topic();
        target.put_u16(u16::try_from(topic.len()).expect("it came with a length of two bytes"));
        target.put_slice(topic.as_bytes());
        if let Some(packet_id) = self.packet_id {
            target.put_u16(packet_id);
        }
        if level == V5 {
            self.put_properties(target);
        }
        target.put_slice(&self.mail.publication.payload);
    }

    fn put_properties(&self, target: &mut BytesMut) {
        put_length(target, self.properties_bytes());
        if let Some(seconds) = self.expiry {
            target.put_u8(PropertyId::MessageExpiryInterval as u8);
            target.put_u32(seconds);
        }
        if let Some(alias) = self.alias {
            target.put_u8(PropertyId::TopicAlias as u8);
            target.put_u16(alias.number);
        }
        for number in &self.mail.identifiers {
            target.put_u8(PropertyId::SubscriptionIdentifier as u8);
            put_length(target, *number as usize);
        }
        target.put_slice(&self.mail.publication.properties);
    }
}

/// Bytes of a length as MQTT writes it: seven bits each.
fn length_bytes(length: usize) -> usize {
    (usize::BITS - length.leading_zeros()).div_ceil(7).max(1) as usize
}

fn put_length(target: &mut BytesMut, mut length: usize) {
    loop {
        let low = u8::try_from(length & 0x7f).expect("seven bits");
        length >>= 7;
        target.put_u8(if length == 0 { low } else { low | 0x80 });
        if length == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use mqtt5_protocol::Packet;
    use tokio_util::codec::Decoder;

    use super::*;
    use crate::broker::codec::{Codec, V3};

    fn delivery(payload: usize, identifiers: &[u32]) -> Delivery {
        let mut properties = Properties::new();
        properties.add_user_property("a".to_owned(), "2".to_owned());
        properties.set_message_expiry_interval(9);
        properties.set_topic_alias(3);
        let (properties, expiry) = passed_on(&properties);
        let publication = Publication {
            topic: "a/b".into(),
            payload: vec![7; payload].into(),
            properties,
            expires: None,
            quality: QoS::ExactlyOnce,
            retain: true,
        };
        let mail = Mail {
            publication: Arc::new(publication),
            quality: QoS::ExactlyOnce,
            retain: true,
            identifiers: identifiers.to_vec(),
        };
        Delivery { mail, packet_id: Some(5), again: true, alias: None, expiry }
    }

    #[test]
    fn what_is_written_is_read_as_it_was_meant() {
        for (level, payload, identifiers) in [
            (V3, 0, vec![]),
            (V3, 300, vec![]),
            (V5, 0, vec![]),
            (V5, 200, vec![1, 128, 268_435_455]),
        ] {
            let delivery = delivery(payload, &identifiers);
            let mut bytes = BytesMut::new();
            delivery.write(level, &mut bytes);
            assert_eq!(bytes.len(), delivery.bytes(level));
            // What only a broker may send is looked at by nobody here but the library.
            let mut codec = Codec::lenient(level);
            let Some(Packet::Publish(read)) = codec.decode(&mut bytes).unwrap() else { panic!() };
            assert_eq!((&*read.topic_name, read.packet_id), ("a/b", Some(5)));
            assert_eq!((read.payload.len(), read.dup, read.retain), (payload, true, true));
            if level == V5 {
                assert_eq!(read.properties.get_user_property_value("a"), Some("2"));
                assert_eq!(read.properties.get_message_expiry_interval(), Some(9));
                assert_eq!(read.properties.subscription_identifiers(), identifiers);
                assert_eq!(read.topic_alias(), None, "an alias holds on its own line");
            }
        }
    }

    #[test]
    fn an_alias_that_is_known_stands_for_the_topic() {
        for (known, topic) in [(false, "a/b"), (true, "")] {
            let alias = Some(Alias { number: 4, known });
            let mut bytes = BytesMut::new();
            Delivery { alias, ..delivery(1, &[]) }.write(V5, &mut bytes);
            let Some(Packet::Publish(read)) = Codec::lenient(V5).decode(&mut bytes).unwrap() else {
                panic!()
            };
            assert_eq!((&*read.topic_name, read.topic_alias()), (topic, Some(4)));
        }
    }
}
