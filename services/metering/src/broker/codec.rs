//! MQTT packets on a stream, with TLS or without.

use bytes::{Buf, Bytes, BytesMut};
use mqtt5_protocol::packet::{FixedHeader, MqttPacket};
use mqtt5_protocol::{MqttError, Packet, PacketType, ReasonCode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::codec::{Decoder, Encoder, Framed};

use super::message::Delivery;
use super::rules;

/// The protocol level of MQTT 3.1.1.
pub(super) const V3: u8 = 4;
/// The protocol level of MQTT 5.
pub(super) const V5: u8 = 5;

/// The longest fixed header: type, and four bytes of length.
const HEADER_BYTES_MAX: usize = 5;

/// Bytes that are read at once from a client that says little.
const READ_BYTES: usize = 4096;
/// The same from one that fills that.
const READ_BYTES_MAX: usize = 32 * 1024;
/// Packets of one piece from which on a client says much.
const MUCH: usize = 16;
/// Bytes that are written at once; more than that wait until the client reads.
const WRITE_BYTES: usize = 64 * 1024;

/// A line to a client.
pub(super) trait Line: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Line for T {}

/// Packets of one connection.
pub(super) type Packets = Framed<Box<dyn Line>, Codec>;

/// Cuts a stream into packets, of one protocol level once the CONNECT named it.
pub(super) struct Codec {
    /// The protocol level.
    pub(super) level: u8,
    packet_bytes_max: usize,
    /// Packets since the last piece of the stream.
    together: usize,
    /// Whether what a client may not send is refused.
    strict: bool,
}

/// The packets of `line`; one that is longer than `packet_bytes_max` is an error.
pub(super) fn framed(line: Box<dyn Line>, packet_bytes_max: usize) -> Packets {
    let codec = Codec { level: V3, packet_bytes_max, together: 0, strict: true };
    let mut packets = Framed::with_capacity(line, codec, READ_BYTES);
    packets.set_backpressure_boundary(WRITE_BYTES);
    packets
}

impl Encoder<Delivery> for Codec {
    type Error = CodecError;

    fn encode(&mut self, delivery: Delivery, target: &mut BytesMut) -> Result<(), CodecError> {
        delivery.write(self.level, target);
        Ok(())
    }
}

/// Why a packet could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(super) enum CodecError {
    /// The connection failed.
    #[error("connection")]
    Io(#[from] std::io::Error),
    /// The bytes break the protocol.
    #[error("protocol: {0}")]
    Protocol(MqttError),
    /// The packet breaks a rule.
    #[error("rule: {0:?}")]
    Rule(ReasonCode),
}

impl From<MqttError> for CodecError {
    fn from(error: MqttError) -> CodecError {
        CodecError::Protocol(error)
    }
}

impl Decoder for Codec {
    type Item = Packet;
    type Error = CodecError;

    fn decode(&mut self, source: &mut BytesMut) -> Result<Option<Packet>, CodecError> {
        let Some((header, header_bytes)) = header(source)? else {
            self.make_room(source, HEADER_BYTES_MAX);
            return Ok(None);
        };
        let body_bytes = usize::try_from(header.remaining_length).unwrap_or(usize::MAX);
        let size = header_bytes.saturating_add(body_bytes);
        if size > self.packet_bytes_max {
            let max = self.packet_bytes_max;
            return Err(MqttError::PacketTooLarge { size, max }.into());
        }
        if source.len() < size {
            self.make_room(source, size - source.len());
            return Ok(None);
        }
        self.together += 1;
        source.advance(header_bytes);
        let whole = source.split_to(body_bytes).freeze();
        let mut body = whole.clone();
        let packet = self.body(&header, &mut body)?;
        if body.has_remaining() {
            let surplus = format!("{} bytes too many in {}", body.len(), packet.packet_type_name());
            return Err(MqttError::MalformedPacket(surplus).into());
        }
        if self.strict
            && let Some(reason) = rules::broken(&packet, &whole, self.level)
        {
            return Err(CodecError::Rule(reason));
        }
        Ok(Some(packet))
    }
}

impl Codec {
    /// One that reads what a broker writes as well.
    #[cfg(test)]
    pub(super) fn lenient(level: u8) -> Codec {
        Codec { level, packet_bytes_max: 4096, together: 0, strict: false }
    }

    /// Room for the next piece of the stream: for much, where much came.
    fn make_room(&mut self, source: &mut BytesMut, least: usize) {
        let much = std::mem::take(&mut self.together) >= MUCH;
        source.reserve(least.max(if much { READ_BYTES_MAX } else { 0 }));
    }

    fn body(&self, header: &FixedHeader, body: &mut Bytes) -> Result<Packet, MqttError> {
        Packet::decode_from_body_with_version(header.packet_type, header, body, self.level)
    }
}

/// The fixed header at the start of `source` and how long it is, once it is complete.
fn header(source: &[u8]) -> Result<Option<(FixedHeader, usize)>, MqttError> {
    let length = source.iter().skip(1).take(HEADER_BYTES_MAX - 1).position(|byte| byte & 0x80 == 0);
    match length {
        Some(last) => {
            let mut input = source;
            let header = FixedHeader::decode(&mut input)?;
            Ok(Some((header, last + 2)))
        }
        None if source.len() >= HEADER_BYTES_MAX => {
            Err(MqttError::MalformedPacket("the length does not end".to_owned()))
        }
        None => Ok(None),
    }
}

impl Encoder<Packet> for Codec {
    type Error = CodecError;

    fn encode(&mut self, packet: Packet, target: &mut BytesMut) -> Result<(), CodecError> {
        match packet {
            Packet::ConnAck(packet) => packet.encode(target)?,
            Packet::PubAck(packet) => packet.encode(target)?,
            Packet::PubRec(packet) => packet.encode(target)?,
            Packet::PubRel(packet) => packet.encode(target)?,
            Packet::PubComp(packet) => packet.encode(target)?,
            Packet::SubAck(packet) => packet.encode(target)?,
            Packet::UnsubAck(packet) => packet.encode(target)?,
            Packet::Disconnect(packet) => packet.encode(target)?,
            Packet::PingResp => FixedHeader::new(PacketType::PingResp, 0, 0).encode(target)?,
            other => {
                let name = other.packet_type_name();
                return Err(MqttError::ProtocolError(format!("a broker sends no {name}")).into());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use mqtt5_protocol::packet::publish::PublishPacket;
    use mqtt5_protocol::{ConnectOptions, QoS, packet::connect::ConnectPacket};
    use rand::rngs::StdRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    const PACKET_BYTES_MAX: usize = 300;

    fn codec(level: u8) -> Codec {
        Codec { level, packet_bytes_max: PACKET_BYTES_MAX, together: 0, strict: true }
    }

    fn publish(level: u8, payload: &[u8]) -> Vec<u8> {
        let packet = match level {
            V3 => {
                PublishPacket::new_v311("wattex/v1/x/reading", payload.to_vec(), QoS::AtLeastOnce)
            }
            _ => PublishPacket::new("wattex/v1/x/reading", payload.to_vec(), QoS::AtLeastOnce),
        };
        let mut bytes = Vec::new();
        packet.with_packet_id(7).encode(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_packet_is_read_however_the_stream_was_cut() {
        for level in [V3, V5] {
            let bytes = publish(level, &[9; 119]);
            let mut source = BytesMut::new();
            for (count, byte) in bytes.iter().enumerate() {
                source.extend_from_slice(&[*byte]);
                let read = codec(level).decode(&mut source).unwrap();
                assert_eq!(read.is_some(), count + 1 == bytes.len());
                if let Some(Packet::Publish(read)) = read {
                    assert_eq!((read.packet_id, read.payload.as_ref()), (Some(7), &[9; 119][..]));
                }
            }
        }
    }

    #[test]
    fn a_packet_over_the_limit_is_refused_by_its_header() {
        let bytes = publish(V3, &[0; PACKET_BYTES_MAX]);
        let mut source = BytesMut::from(&bytes[..4]);
        let refused = codec(V3).decode(&mut source).unwrap_err();
        assert!(matches!(refused, CodecError::Protocol(MqttError::PacketTooLarge { .. })));
        let mut endless = BytesMut::from(&[0x30, 0xff, 0xff, 0xff, 0xff][..]);
        assert!(codec(V3).decode(&mut endless).is_err());
    }

    #[test]
    fn hostile_bytes_never_break_the_reader() {
        let mut random = StdRng::seed_from_u64(1883);
        let options = ConnectOptions::new("client");
        let mut connect = Vec::new();
        ConnectPacket::new(options).encode(&mut connect).unwrap();
        for round in 0..60_000 {
            let level = if round % 2 == 0 { V3 } else { V5 };
            let mut bytes = match round % 5 {
                0 => (0..random.random_range(0..64)).map(|_| random.random()).collect(),
                1 => connect.clone(),
                // With an identifier and all that can be said of how.
                2 => vec![0x82, 11, 0, 1, 2, 0x0b, 9, 0, 3, b'a', b'/', b'#', 0x2d],
                3 => vec![0x62, 4, 0, 7, 0, 0],
                _ => publish(level, &[1; 20]),
            };
            for _ in 0..random.random_range(0..4) {
                if !bytes.is_empty() {
                    let place = random.random_range(0..bytes.len());
                    bytes[place] = random.random();
                }
            }
            let mut source = BytesMut::from(bytes.as_slice());
            let mut codec = codec(level);
            while let Ok(Some(_)) = codec.decode(&mut source) {}
        }
    }
}
