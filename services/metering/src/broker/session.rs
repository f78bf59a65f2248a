//! One connected client, from CONNACK to the end of the line.

use std::collections::{HashSet, VecDeque};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use bytes::{Bytes, BytesMut};
use futures::{FutureExt, SinkExt, StreamExt};
use ids::MeterId;
use mqtt5_protocol::packet::disconnect::DisconnectPacket;
use mqtt5_protocol::packet::puback::PubAckPacket;
use mqtt5_protocol::packet::publish::PublishPacket;
use mqtt5_protocol::packet::suback::{SubAckPacket, SubAckReasonCode};
use mqtt5_protocol::packet::subscribe::{SubscribePacket, TopicFilter};
use mqtt5_protocol::packet::unsuback::{UnsubAckPacket, UnsubAckReasonCode};
use mqtt5_protocol::packet::unsubscribe::UnsubscribePacket;
use mqtt5_protocol::{MqttError, Packet, QoS, ReasonCode};
use tokio::time::Instant;

use super::Shared;
use super::codec::{CodecError, Delivery, Packets, V5};
use super::listeners::{Content, Ear, Passed, Subscribed};
use super::sessions::Place;
use crate::domain::topic::{Client, takes_readings};
use crate::writer::{Message, Receipts};

/// How long a client may refuse to read what it is sent.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);
/// Messages that are handed in together at most; a message without a PUBACK counts too.
const TOGETHER_MAX: usize = 256;
/// Messages passed on to a client that wait for its acknowledgement, unless it takes fewer.
const UNCONFIRMED_MAX: u16 = 1024;

/// One connected client.
pub(super) struct Session {
    packets: Packets,
    client: Client,
    place: Place,
    silence_max: Duration,
    /// The publishes without a PUBACK yet, in arrival order.
    waiting: VecDeque<Waiting>,
    /// How far the writer has come with what was handed in.
    receipts: Arc<Receipts>,
    /// How many messages were handed in.
    handed_in: u64,
    /// What was heard and is not handed in yet: what came in one piece.
    heard: Vec<Message>,
    /// The topic that came last, and whose it is: the next is most often the same.
    topic: Option<(String, MeterId)>,
    /// What the client has subscribed to.
    ear: Ear,
    wishes: Wishes,
    /// The packet ids of what was passed on and is not acknowledged.
    unconfirmed: HashSet<u16>,
    /// The packet id that was used last.
    packet_id: u16,
}

/// What a client takes of what is passed on to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wishes {
    /// Messages that may wait for its acknowledgement.
    pub(super) unconfirmed_max: u16,
    /// Bytes of a packet; longer ones it never gets.
    pub(super) packet_bytes_max: usize,
}

impl Wishes {
    /// By the properties of the CONNECT of a client of MQTT 5.
    pub(super) fn of(receive_maximum: Option<u16>, packet_maximum: Option<u32>) -> Wishes {
        let bytes = packet_maximum.and_then(|bytes| usize::try_from(bytes).ok());
        Wishes {
            unconfirmed_max: receive_maximum.unwrap_or(u16::MAX).min(UNCONFIRMED_MAX),
            packet_bytes_max: bytes.unwrap_or(usize::MAX),
        }
    }
}

/// A publish that is not answered yet.
struct Waiting {
    /// What the PUBACK is for; without one it has QoS 0.
    packet_id: Option<u16>,
    until: Until,
}

/// When a publish can be answered.
enum Until {
    /// When so many messages of the session are stored; then it is passed on.
    Stored(u64, MeterId, Content),
    /// Now, with a refusal.
    Refused(ReasonCode),
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
    pub(super) fn new(
        packets: Packets,
        client: Client,
        place: Place,
        ear: Ear,
        (keep_alive, wishes): (u16, Wishes),
    ) -> Session {
        // One and a half times the keep-alive, as the protocol says.
        let silence_max = Duration::from_millis(u64::from(keep_alive) * 1500);
        Session {
            packets,
            client,
            place,
            silence_max,
            waiting: VecDeque::new(),
            receipts: Arc::default(),
            handed_in: 0,
            heard: Vec::new(),
            topic: None,
            ear,
            wishes,
            unconfirmed: HashSet::new(),
            packet_id: 0,
        }
    }

    /// Serves the client until it leaves, breaks a rule or is told to go.
    pub(super) async fn run(mut self, shared: &Shared) -> Result<()> {
        let room = usize::from(shared.limits.in_flight_max);
        let mut deadline = Instant::now() + self.silence_max;
        let mut silence = pin!(tokio::time::sleep_until(deadline));
        let receipts = self.receipts.clone();
        let too_slow = self.ear.too_slow.clone();
        loop {
            let ready = self.is_ready();
            let step = tokio::select! {
                biased;
                end = &mut self.place.ended => {
                    Step::End(End(end.unwrap_or(ReasonCode::ServerShuttingDown)))
                }
                () = too_slow.cancelled() => Step::End(End(ReasonCode::QuotaExceeded)),
                () = receipts.news() => self.acknowledge().await?,
                packet = self.packets.next(), if self.waiting.len() < room => {
                    let step = self.take_all(packet, shared, room).await?;
                    // Also while packets come and come.
                    if self.is_ready()
                        && let Some(passed) = self.ear.next_already()
                    {
                        self.deliver(passed).await?;
                    }
                    step
                }
                passed = self.ear.next(), if ready => {
                    self.deliver(passed).await?;
                    // It is the client's silence that counts.
                    continue;
                }
                // The timer is set anew when it rings, not with every packet.
                () = &mut silence => match Instant::now() >= deadline {
                    true => Step::End(End(ReasonCode::KeepAliveTimeout)),
                    false => {
                        silence.as_mut().reset(deadline);
                        continue;
                    }
                }
            };
            match step {
                Step::On => deadline = Instant::now() + self.silence_max,
                Step::Closed => return Ok(()),
                Step::End(end) => return self.end(end).await,
            }
        }
    }

    /// Sends the PUBACKs that can be sent, in the order of the publishes.
    async fn acknowledge(&mut self) -> Result<Step> {
        // In this order: what was stored before a failure is still acknowledged.
        let failed = self.receipts.have_failed();
        let stored = self.receipts.stored();
        let mut answered = false;
        while let Some(Waiting { packet_id, until }) = self.waiting.front() {
            let packet_id = *packet_id;
            let reason = match until {
                Until::Refused(reason) => *reason,
                Until::Stored(count, meter, content) if *count <= stored => {
                    self.ear.pass_on(*meter, content, packet_id.is_some());
                    ReasonCode::Success
                }
                Until::Stored(..) => break,
            };
            self.waiting.pop_front();
            let Some(packet_id) = packet_id else { continue };
            let packet = Packet::PubAck(PubAckPacket::new_with_reason(packet_id, reason));
            tokio::time::timeout(WRITE_PATIENCE, self.packets.feed(packet)).await??;
            answered = true;
        }
        if answered {
            let flush = SinkExt::<Packet>::flush(&mut self.packets);
            tokio::time::timeout(WRITE_PATIENCE, flush).await??;
        }
        Ok(if failed { Step::End(End(ReasonCode::ServerUnavailable)) } else { Step::On })
    }

    /// Sends what was stored of a meter that the client listens to, and what else is here.
    async fn deliver(&mut self, first: Passed) -> Result<()> {
        let (mut next, mut count) = (Some(first), 0);
        while let Some(Passed { meter, content, acknowledged }) = next {
            let packet_id = acknowledged.then(|| self.next_packet_id());
            let delivery = Delivery { meter, packet_id, content };
            if delivery.bytes(self.packets.codec().level) <= self.wishes.packet_bytes_max {
                self.unconfirmed.extend(packet_id);
                tokio::time::timeout(WRITE_PATIENCE, self.packets.feed(delivery)).await??;
            }
            count += 1;
            next = if self.is_ready() && count < TOGETHER_MAX {
                self.ear.next_already()
            } else {
                None
            };
        }
        let flush = SinkExt::<Delivery>::flush(&mut self.packets);
        Ok(tokio::time::timeout(WRITE_PATIENCE, flush).await??)
    }

    /// Whether more may be passed on.
    fn is_ready(&self) -> bool {
        self.unconfirmed.len() < usize::from(self.wishes.unconfirmed_max)
    }

    /// A packet id that no message on its way to the client has.
    fn next_packet_id(&mut self) -> u16 {
        loop {
            self.packet_id = self.packet_id.checked_add(1).unwrap_or(1);
            if !self.unconfirmed.contains(&self.packet_id) {
                return self.packet_id;
            }
        }
    }

    /// Takes a packet and those that came with it, and hands in what they publish together.
    async fn take_all(
        &mut self,
        first: Option<Result<Packet, CodecError>>,
        shared: &Shared,
        room: usize,
    ) -> Result<Step> {
        let mut next = first;
        let step = loop {
            let step = match next {
                Some(Ok(Packet::Publish(publish))) => self.publish(publish),
                other => {
                    self.hand_in(shared).await?;
                    self.take(other).await?
                }
            };
            let full = self.waiting.len() >= room || self.heard.len() >= TOGETHER_MAX;
            if full || !matches!(step, Step::On) {
                break step;
            }
            let Some(there) = self.packets.next().now_or_never() else { break step };
            next = there;
        };
        self.hand_in(shared).await?;
        match step {
            // What was refused waits for nothing but what came before it.
            Step::On => self.acknowledge().await,
            step => Ok(step),
        }
    }

    async fn take(&mut self, packet: Option<Result<Packet, CodecError>>) -> Result<Step> {
        let packet = match packet {
            None => return Ok(Step::Closed),
            Some(Ok(packet)) => packet,
            Some(Err(CodecError::Io(error))) => return Err(error.into()),
            Some(Err(CodecError::Rule(reason))) => return Ok(Step::End(End(reason))),
            Some(Err(CodecError::Protocol(error))) => {
                tracing::debug!(%error, "an MQTT client broke the protocol");
                return Ok(Step::End(End(match error {
                    MqttError::PacketTooLarge { .. } => ReasonCode::PacketTooLarge,
                    MqttError::ProtocolError(_) | MqttError::DuplicatePropertyId(_) => {
                        ReasonCode::ProtocolError
                    }
                    _ => ReasonCode::MalformedPacket,
                })));
            }
        };
        match packet {
            Packet::Subscribe(subscribe) => {
                let answer = self.subscribe(&subscribe);
                self.send(answer).await
            }
            Packet::Unsubscribe(packet) => {
                let answer = self.unsubscribe(&packet);
                self.send(answer).await
            }
            // One that was not asked for, or comes twice, says nothing.
            Packet::PubAck(packet) => {
                self.unconfirmed.remove(&packet.packet_id);
                Ok(Step::On)
            }
            Packet::PingReq => self.send(Packet::PingResp).await,
            Packet::Disconnect(_) => Ok(Step::Closed),
            _ => Ok(Step::End(End(ReasonCode::ProtocolError))),
        }
    }

    /// Hands what was heard to the writer.
    async fn hand_in(&mut self, shared: &Shared) -> Result<()> {
        if self.heard.is_empty() {
            return Ok(());
        }
        let messages = std::mem::take(&mut self.heard);
        if !shared.desk.hand_in(messages, &self.receipts).await {
            bail!("the writer has stopped");
        }
        Ok(())
    }

    /// Keeps the message for the writer. MQTT 3.1.1 cannot refuse one: there the line ends.
    fn publish(&mut self, publish: PublishPacket) -> Step {
        if let Some(reason) = self.breaks_a_rule(&publish) {
            return Step::End(End(reason));
        }
        let packet_id = publish.packet_id;
        let Some(meter) = self.meter_of(&publish.topic_name) else {
            tracing::info!(client = ?self.client, topic = publish.topic_name, "topic refused");
            let refused = Until::Refused(ReasonCode::NotAuthorized);
            return match packet_id {
                Some(_) if self.is_v5() => {
                    self.waiting.push_back(Waiting { packet_id, until: refused });
                    Step::On
                }
                _ => Step::End(End(ReasonCode::NotAuthorized)),
            };
        };
        // A copy: what came lies in a buffer with all that came with it.
        let payload = Bytes::copy_from_slice(&publish.payload);
        let properties = written(&publish);
        self.heard.push(Message { meter, bytes: payload.clone() });
        self.handed_in += 1;
        let until = Until::Stored(self.handed_in, meter, Content { payload, properties });
        self.waiting.push_back(Waiting { packet_id, until });
        Step::On
    }

    /// The meter whose readings come on `topic`, if this client may publish them.
    fn meter_of(&mut self, topic: &str) -> Option<MeterId> {
        if let Some((last, meter)) = &self.topic
            && last == topic
        {
            return Some(*meter);
        }
        let meter = self.client.reading_of(topic)?;
        self.topic = Some((topic.to_owned(), meter));
        Some(meter)
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

    fn subscribe(&mut self, subscribe: &SubscribePacket) -> Packet {
        let mut answer = if self.is_v5() {
            SubAckPacket::new(subscribe.packet_id)
        } else {
            SubAckPacket::new_v311(subscribe.packet_id)
        };
        for TopicFilter { filter, options } in &subscribe.filters {
            let acknowledged = options.qos != QoS::AtMostOnce;
            let how = Subscribed { acknowledged, no_local: options.no_local };
            let code = match self.client.subscribes_to(filter) {
                None if filter.starts_with("$share/") && self.is_v5() => {
                    SubAckReasonCode::SharedSubscriptionsNotSupported
                }
                None => SubAckReasonCode::NotAuthorized,
                Some(meter)
                    if takes_readings(filter) && !self.ear.subscribe(filter, meter, how) =>
                {
                    SubAckReasonCode::QuotaExceeded
                }
                Some(_) if acknowledged => SubAckReasonCode::GrantedQoS1,
                Some(_) => SubAckReasonCode::GrantedQoS0,
            };
            answer = answer.add_reason_code(code);
        }
        Packet::SubAck(answer)
    }

    fn unsubscribe(&mut self, unsubscribe: &UnsubscribePacket) -> Packet {
        let mut answer = if self.is_v5() {
            UnsubAckPacket::new(unsubscribe.packet_id)
        } else {
            UnsubAckPacket::new_v311(unsubscribe.packet_id)
        };
        for filter in &unsubscribe.filters {
            let there = self.ear.unsubscribe(filter);
            let none = UnsubAckReasonCode::NoSubscriptionExisted;
            answer = answer.add_reason_code(if there { UnsubAckReasonCode::Success } else { none });
        }
        Packet::UnsubAck(answer)
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

/// The properties of a PUBLISH as they are passed on: all that a client may send, but for an alias,
/// which is not taken.
fn written(publish: &PublishPacket) -> Bytes {
    let mut written = BytesMut::new();
    let encoded = !publish.properties.is_empty() && publish.properties.encode(&mut written).is_ok();
    if encoded { written.freeze() } else { Bytes::new() }
}
