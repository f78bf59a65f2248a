//! What MQTT forbids in a packet and the codec lets pass.

use mqtt5_protocol::packet::connect::ConnectPacket;
use mqtt5_protocol::packet::puback::PubAckPacket;
use mqtt5_protocol::packet::pubcomp::PubCompPacket;
use mqtt5_protocol::packet::publish::PublishPacket;
use mqtt5_protocol::packet::pubrec::PubRecPacket;
use mqtt5_protocol::packet::pubrel::PubRelPacket;
use mqtt5_protocol::packet::subscribe::SubscribePacket;
use mqtt5_protocol::{Packet, ReasonCode};
use mqtt5_protocol::{Properties, PropertyId, PropertyValue, PropertyValueType};

use super::codec::{V3, V5};
use super::filters;

/// Properties of a CONNECT.
const CONNECT: &[PropertyId] = &[
    PropertyId::SessionExpiryInterval,
    PropertyId::ReceiveMaximum,
    PropertyId::MaximumPacketSize,
    PropertyId::TopicAliasMaximum,
    PropertyId::RequestResponseInformation,
    PropertyId::RequestProblemInformation,
    PropertyId::UserProperty,
    PropertyId::AuthenticationMethod,
    PropertyId::AuthenticationData,
];
/// Properties of a will.
const WILL: &[PropertyId] = &[
    PropertyId::WillDelayInterval,
    PropertyId::PayloadFormatIndicator,
    PropertyId::MessageExpiryInterval,
    PropertyId::ResponseTopic,
    PropertyId::CorrelationData,
    PropertyId::UserProperty,
    PropertyId::ContentType,
];
/// Properties of a PUBLISH that a client sends: a subscription identifier is not among them.
const PUBLISH: &[PropertyId] = &[
    PropertyId::PayloadFormatIndicator,
    PropertyId::MessageExpiryInterval,
    PropertyId::TopicAlias,
    PropertyId::ResponseTopic,
    PropertyId::CorrelationData,
    PropertyId::UserProperty,
    PropertyId::ContentType,
];
/// Properties of a SUBSCRIBE.
const SUBSCRIBE: &[PropertyId] = &[PropertyId::SubscriptionIdentifier, PropertyId::UserProperty];
/// Properties of an UNSUBSCRIBE.
const UNSUBSCRIBE: &[PropertyId] = &[PropertyId::UserProperty];
/// Properties of a PUBACK, PUBREC, PUBREL or PUBCOMP.
const ANSWER: &[PropertyId] = &[PropertyId::ReasonString, PropertyId::UserProperty];
/// Properties of a DISCONNECT that a client sends.
const DISCONNECT: &[PropertyId] =
    &[PropertyId::SessionExpiryInterval, PropertyId::ReasonString, PropertyId::UserProperty];
/// Numbers that must not be zero.
const NOT_ZERO: [PropertyId; 4] = [
    PropertyId::ReceiveMaximum,
    PropertyId::MaximumPacketSize,
    PropertyId::TopicAlias,
    PropertyId::SubscriptionIdentifier,
];

/// The rule that `packet` breaks, which was read from `body`; `None` where it breaks none.
pub(super) fn broken(packet: &Packet, body: &[u8], level: u8) -> Option<ReasonCode> {
    let malformed = |is: bool| is.then_some(ReasonCode::MalformedPacket);
    let wrong = |is: bool| is.then_some(ReasonCode::ProtocolError);
    match packet {
        Packet::Connect(connect) => of_connect(connect),
        Packet::Publish(publish) => of_publish(publish, level),
        Packet::Subscribe(subscribe) => wrong(subscribe.packet_id == 0)
            .or_else(|| malformed(level == V3 && !are_qualities(body)))
            .or_else(|| of_subscribe(subscribe)),
        Packet::Unsubscribe(packet) => wrong(packet.packet_id == 0)
            .or_else(|| malformed(packet.filters.iter().any(|filter| !is_filter(filter))))
            .or_else(|| of_properties(&packet.properties, UNSUBSCRIBE)),
        Packet::PubAck(PubAckPacket { packet_id, properties, .. })
        | Packet::PubRec(PubRecPacket { packet_id, properties, .. })
        | Packet::PubRel(PubRelPacket { packet_id, properties, .. })
        | Packet::PubComp(PubCompPacket { packet_id, properties, .. }) => {
            malformed(level == V3 && body.len() != 2)
                .or_else(|| wrong(*packet_id == 0))
                .or_else(|| of_properties(properties, ANSWER))
        }
        Packet::Disconnect(packet) => malformed(level == V3 && !body.is_empty())
            .or_else(|| of_properties(&packet.properties, DISCONNECT)),
        _ => None,
    }
}

fn of_connect(connect: &ConnectPacket) -> Option<ReasonCode> {
    if let Some(will) = &connect.will
        && (will.topic.is_empty() || will.topic.contains(['#', '+']))
    {
        return Some(ReasonCode::TopicNameInvalid);
    }
    if connect.protocol_version != V5 {
        let alone = connect.password.is_some() && connect.username.is_none();
        return alone.then_some(ReasonCode::MalformedPacket);
    }
    let properties = &connect.properties;
    let alone = properties.contains(PropertyId::AuthenticationData)
        && !properties.contains(PropertyId::AuthenticationMethod);
    alone
        .then_some(ReasonCode::ProtocolError)
        .or_else(|| of_properties(properties, CONNECT))
        .or_else(|| of_properties(&connect.will_properties, WILL))
        .or_else(|| of_response(&connect.will_properties))
}

fn of_publish(publish: &PublishPacket, level: u8) -> Option<ReasonCode> {
    let topic = &publish.topic_name;
    if topic.contains(['#', '+']) {
        return Some(ReasonCode::TopicNameInvalid);
    }
    // In MQTT 5 an alias may stand for the topic.
    if topic.is_empty() && (level == V3 || publish.topic_alias().is_none()) {
        return Some(ReasonCode::ProtocolError);
    }
    of_response(&publish.properties).or_else(|| of_properties(&publish.properties, PUBLISH))
}

/// A topic to answer on has no wildcard.
fn of_response(properties: &Properties) -> Option<ReasonCode> {
    let Some(PropertyValue::Utf8String(topic)) = properties.get(PropertyId::ResponseTopic) else {
        return None;
    };
    let wrong = topic.is_empty() || topic.contains(['#', '+']);
    wrong.then_some(ReasonCode::ProtocolError)
}

fn of_subscribe(subscribe: &SubscribePacket) -> Option<ReasonCode> {
    for filter in &subscribe.filters {
        let wants_shared = filters::wants_shared(&filter.filter);
        let broken = wants_shared && filters::shared(&filter.filter).is_none();
        if !is_filter(&filter.filter) || broken {
            return Some(ReasonCode::MalformedPacket);
        }
        if wants_shared && filter.options.no_local {
            return Some(ReasonCode::ProtocolError);
        }
    }
    of_properties(&subscribe.properties, SUBSCRIBE)
}

/// Whether a SUBSCRIBE of MQTT 3.1.1 asks for qualities that there are, and for nothing else.
fn are_qualities(body: &[u8]) -> bool {
    let mut rest = body.get(2..).unwrap_or_default();
    while let [high, low, behind @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        match behind.get(length) {
            Some(0..=2) => rest = &behind[length + 1..],
            _ => return false,
        }
    }
    true
}

/// Whether wildcards stand where they may: alone in their level, `#` in the last one, and none in
/// the name of a group.
fn is_filter(filter: &str) -> bool {
    let filter = filters::shared(filter).unwrap_or(filter);
    let mut levels = filter.split('/').rev();
    let last = levels.next().unwrap_or_default();
    let fine = |level: &str| level == "+" || !level.contains(['#', '+']);
    !filter.is_empty() && (last == "#" || fine(last)) && levels.all(fine)
}

/// Properties that this packet must not have, or a value that there is not.
fn of_properties(properties: &Properties, allowed: &[PropertyId]) -> Option<ReasonCode> {
    let wrong = properties.iter().any(|(id, value)| {
        let number = match value {
            PropertyValue::Byte(value) => u32::from(*value),
            PropertyValue::TwoByteInteger(value) => u32::from(*value),
            PropertyValue::FourByteInteger(value) | PropertyValue::VariableByteInteger(value) => {
                *value
            }
            _ => 1,
        };
        // Every byte that a client sends says yes or no.
        let no_bit = id.value_type() == PropertyValueType::Byte && number > 1;
        !allowed.contains(&id) || no_bit || (number == 0 && NOT_ZERO.contains(&id))
    });
    wrong.then_some(ReasonCode::ProtocolError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_alone_and_the_greedy_one_last() {
        for fine in ["#", "+", "a/#", "+/b", "a//b", "/", "a/+/#", "$SYS/+"] {
            assert!(is_filter(fine), "{fine}");
        }
        for broken in ["", "a#", "#/a", "a/#/b", "a+", "a/b+/c", "+#", "##"] {
            assert!(!is_filter(broken), "{broken}");
        }
    }
}
