//! One connected client, from CONNACK to the end of the line.

use std::time::Duration;

use anyhow::{Result, bail};
use futures::future::BoxFuture;
use futures::stream::FuturesOrdered;
use futures::{FutureExt, SinkExt, StreamExt};
use mqtt5_protocol::packet::disconnect::DisconnectPacket;
use mqtt5_protocol::packet::puback::PubAckPacket;
use mqtt5_protocol::packet::publish::PublishPacket;
use mqtt5_protocol::packet::suback::{SubAckPacket, SubAckReasonCode};
use mqtt5_protocol::packet::subscribe::{SubscribePacket, TopicFilter};
use mqtt5_protocol::packet::unsuback::UnsubAckPacket;
use mqtt5_protocol::packet::unsubscribe::UnsubscribePacket;
use mqtt5_protocol::{MqttError, Packet, QoS, ReasonCode};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::codec::{CodecError, Packets, V5};
use super::sessions::Place;
use super::{Arrival, Shared};
use crate::domain::topic::Client;

/// How long a client may refuse to read what it is sent.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);

/// What a publish is answered with once it is decided; `None` when it could not be stored.
type Answer = BoxFuture<'static, (u16, Option<ReasonCode>)>;

/// One connected client.
pub(super) struct Session {
    packets: Packets,
    client: Client,
    place: Place,
    silence_max: Duration,
    /// The publishes without a PUBACK yet, in arrival order.
    waiting: FuturesOrdered<Answer>,
}

/// Why a session ends by our will: what a client of MQTT 5 is told.
struct End(ReasonCode);

/// Whether the session goes on, and why not.
enum Step {
    On,
    Closed,
    End(End),
}

impl Session {
    /// The session of `client`, whose CONNACK was sent.
    pub(super) fn new(packets: Packets, client: Client, place: Place, keep_alive: u16) -> Session {
        // One and a half times the keep-alive, as the protocol says.
        let silence_max = Duration::from_millis(u64::from(keep_alive) * 1500);
        Session { packets, client, place, silence_max, waiting: FuturesOrdered::new() }
    }

    /// Serves the client until it leaves, breaks a rule or is told to go.
    pub(super) async fn run(mut self, shared: &Shared) -> Result<()> {
        let mut deadline = Instant::now() + self.silence_max;
        loop {
            let room = self.waiting.len() < usize::from(shared.limits.in_flight_max);
            let step = tokio::select! {
                biased;
                end = &mut self.place.ended => {
                    Step::End(End(end.unwrap_or(ReasonCode::ServerShuttingDown)))
                }
                Some(answer) = self.waiting.next() => self.acknowledge(answer).await?,
                packet = self.packets.next(), if room => self.take(packet, shared).await?,
                () = tokio::time::sleep_until(deadline) => {
                    Step::End(End(ReasonCode::KeepAliveTimeout))
                }
            };
            match step {
                Step::On => deadline = Instant::now() + self.silence_max,
                Step::Closed => return Ok(()),
                Step::End(end) => return self.end(end).await,
            }
        }
    }

    /// Sends one PUBACK and those behind it that are decided too.
    async fn acknowledge(&mut self, first: (u16, Option<ReasonCode>)) -> Result<Step> {
        let mut next = Some(first);
        while let Some((packet_id, reason)) = next {
            let Some(reason) = reason else {
                return Ok(Step::End(End(ReasonCode::ServerUnavailable)));
            };
            let packet = PubAckPacket::new_with_reason(packet_id, reason);
            tokio::time::timeout(WRITE_PATIENCE, self.packets.feed(Packet::PubAck(packet)))
                .await??;
            next = self.waiting.next().now_or_never().flatten();
        }
        tokio::time::timeout(WRITE_PATIENCE, SinkExt::<Packet>::flush(&mut self.packets)).await??;
        Ok(Step::On)
    }

    async fn take(
        &mut self,
        packet: Option<Result<Packet, CodecError>>,
        shared: &Shared,
    ) -> Result<Step> {
        let packet = match packet {
            None => return Ok(Step::Closed),
            Some(Ok(packet)) => packet,
            Some(Err(CodecError::Io(error))) => return Err(error.into()),
            Some(Err(CodecError::Protocol(error))) => {
                tracing::debug!(%error, "an MQTT client broke the protocol");
                let too_large = matches!(error, MqttError::PacketTooLarge { .. });
                let malformed = ReasonCode::MalformedPacket;
                let reason = if too_large { ReasonCode::PacketTooLarge } else { malformed };
                return Ok(Step::End(End(reason)));
            }
        };
        match packet {
            Packet::Publish(publish) => self.publish(publish, shared).await,
            Packet::Subscribe(subscribe) => self.send(self.subscribe(&subscribe)).await,
            Packet::Unsubscribe(packet) => self.send(self.unsubscribe(&packet)).await,
            Packet::PingReq => self.send(Packet::PingResp).await,
            Packet::Disconnect(_) => Ok(Step::Closed),
            _ => Ok(Step::End(End(ReasonCode::ProtocolError))),
        }
    }

    /// Hands the message to the writer. MQTT 3.1.1 cannot refuse a message: there the line ends.
    async fn publish(&mut self, publish: PublishPacket, shared: &Shared) -> Result<Step> {
        if let Some(reason) = self.breaks_a_rule(&publish) {
            return Ok(Step::End(End(reason)));
        }
        let packet_id = publish.packet_id;
        let Some(meter) = self.client.reading_of(&publish.topic_name) else {
            tracing::info!(client = ?self.client, topic = publish.topic_name, "topic refused");
            return Ok(match packet_id {
                Some(id) if self.is_v5() => {
                    let refusal = (id, Some(ReasonCode::NotAuthorized));
                    self.waiting.push_back(std::future::ready(refusal).boxed());
                    Step::On
                }
                _ => Step::End(End(ReasonCode::NotAuthorized)),
            });
        };
        let (stored, told) = oneshot::channel();
        let arrival = Arrival { meter, message: publish.payload.to_vec(), stored };
        if shared.arrivals.send(arrival).await.is_err() {
            bail!("the writer has stopped");
        }
        if let Some(id) = packet_id {
            let answer = told.map(move |told| (id, told.ok().map(|()| ReasonCode::Success)));
            self.waiting.push_back(answer.boxed());
        }
        Ok(Step::On)
    }

    fn breaks_a_rule(&self, publish: &PublishPacket) -> Option<ReasonCode> {
        if publish.qos == QoS::ExactlyOnce {
            return Some(ReasonCode::QoSNotSupported);
        }
        if publish.packet_id == Some(0) {
            return Some(ReasonCode::ProtocolError);
        }
        if publish.topic_alias().is_some() {
            return Some(ReasonCode::TopicAliasInvalid);
        }
        // MQTT 3.1.1 cannot be told that nothing is retained; there the flag is ignored.
        (publish.retain && self.is_v5()).then_some(ReasonCode::RetainNotSupported)
    }

    fn subscribe(&self, subscribe: &SubscribePacket) -> Packet {
        let mut answer = if self.is_v5() {
            SubAckPacket::new(subscribe.packet_id)
        } else {
            SubAckPacket::new_v311(subscribe.packet_id)
        };
        for TopicFilter { filter, options } in &subscribe.filters {
            let code = match options.qos {
                _ if !self.client.may_subscribe(filter) => SubAckReasonCode::NotAuthorized,
                QoS::AtMostOnce => SubAckReasonCode::GrantedQoS0,
                _ => SubAckReasonCode::GrantedQoS1,
            };
            answer = answer.add_reason_code(code);
        }
        Packet::SubAck(answer)
    }

    fn unsubscribe(&self, unsubscribe: &UnsubscribePacket) -> Packet {
        let answer = if self.is_v5() {
            UnsubAckPacket::new(unsubscribe.packet_id)
        } else {
            UnsubAckPacket::new_v311(unsubscribe.packet_id)
        };
        Packet::UnsubAck(unsubscribe.filters.iter().fold(answer, |answer, _| answer.add_success()))
    }

    async fn send(&mut self, packet: Packet) -> Result<Step> {
        tokio::time::timeout(WRITE_PATIENCE, self.packets.send(packet)).await??;
        Ok(Step::On)
    }

    /// Closes the line; a client of MQTT 5 is told why.
    async fn end(&mut self, end: End) -> Result<()> {
        if self.is_v5() {
            self.send(Packet::Disconnect(DisconnectPacket::new(end.0))).await?;
        }
        bail!("ended: {:?}", end.0)
    }

    fn is_v5(&self) -> bool {
        self.packets.codec().level == V5
    }
}
