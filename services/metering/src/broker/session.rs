//! One connected client, from CONNACK to the end of the line.

mod incoming;
mod outgoing;

use std::collections::{HashMap, VecDeque};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use futures::{FutureExt, SinkExt, StreamExt};
use mqtt5_protocol::packet::disconnect::DisconnectPacket;
use mqtt5_protocol::packet::pubcomp::PubCompPacket;
use mqtt5_protocol::packet::pubrec::PubRecPacket;
use mqtt5_protocol::packet::pubrel::PubRelPacket;
use mqtt5_protocol::packet::suback::{SubAckPacket, SubAckReasonCode};
use mqtt5_protocol::packet::subscribe::{SubscribePacket, TopicFilter};
use mqtt5_protocol::packet::subscribe_options::RetainHandling;
use mqtt5_protocol::packet::unsuback::{UnsubAckPacket, UnsubAckReasonCode};
use mqtt5_protocol::packet::unsubscribe::UnsubscribePacket;
use mqtt5_protocol::{MqttError, Packet, ReasonCode};
use tokio::io::AsyncReadExt;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::incoming::Waiting;
use super::codec::{CodecError, Packets, V5};
use super::router::Subscribed;
use super::sessions::{KEPT_SECONDS_MAX, Place};
use super::{Shared, filters};
use crate::domain::topic::{Client, Reach, Subject};
use crate::writer::{Message, Receipts};

/// How long a client may refuse to read what it is sent.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);
/// How long it may refuse to read why its line ends; whoever takes it over waits for that.
const FAREWELL_PATIENCE: Duration = Duration::from_secs(1);
/// How long a client whose line ends by our will is heard out.
const LINGER: Duration = Duration::from_secs(2);
/// Messages that are handed in, or passed on, together at most.
const TOGETHER_MAX: usize = 256;
/// Messages of QoS 2 that may wait for their PUBREL where the client was told of no limit.
const UNRELEASED_MAX: usize = 1024;
/// Topics of a line that may have an alias, on either way.
pub(super) const ALIASES_MAX: u16 = 16;

/// One connected client.
pub(super) struct Session {
    packets: Packets,
    client: Client,
    place: Place,
    silence_max: Duration,
    /// The publishes without an answer yet, in arrival order.
    waiting: VecDeque<Waiting>,
    /// How far the writer has come with what was handed in.
    receipts: Arc<Receipts>,
    /// How many messages were handed in.
    handed_in: u64,
    /// What was heard and is not handed in yet: what came in one piece.
    heard: Vec<Message>,
    /// The topic that came last, and what it is about: the next is most often the same.
    topic: Option<(Arc<str>, Subject)>,
    /// Messages of QoS 2 that may wait for their PUBREL.
    unreleased_max: usize,
    wishes: Wishes,
    /// What stands for a topic: as the client said, and as we did.
    aliases: HashMap<u16, Arc<str>>,
    own_aliases: HashMap<Arc<str>, u16>,
}

/// What a client takes of what is passed on to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wishes {
    /// Messages that may wait for its acknowledgement.
    pub(super) sent_max: u16,
    /// Bytes of a packet; longer ones it never gets.
    pub(super) packet_bytes_max: usize,
    /// Topics that may have an alias.
    pub(super) aliases_max: u16,
}

/// Whether the session goes on, and why not.
enum Step {
    On,
    Closed,
    /// By our will: a client of MQTT 5 is told.
    End(ReasonCode),
}

impl Session {
    /// The session of `client` in `place`, whose CONNACK was sent.
    pub(super) fn new(
        packets: Packets,
        client: Client,
        mut place: Place,
        (keep_alive, wishes): (u16, Wishes),
        received_max: u16,
    ) -> Session {
        // One and a half times the keep-alive, as the protocol says.
        let silence_max = Duration::from_millis(u64::from(keep_alive) * 1500);
        let unreleased_max = match packets.codec().level {
            // What the client has on its way from the line before comes on top.
            V5 => usize::from(received_max) + place.state().unreleased.len().min(UNRELEASED_MAX),
            _ => UNRELEASED_MAX,
        };
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
            unreleased_max,
            wishes,
            aliases: HashMap::new(),
            own_aliases: HashMap::new(),
        }
    }

    /// Serves the client until it leaves, breaks a rule or is told to go. What it has published
    /// by then is still passed on.
    pub(super) async fn run(mut self, shared: &Shared) -> Result<()> {
        let (ended, ours) = match self.serve(shared).await {
            Ok(Some(reason)) => (self.end(reason).await, true),
            Ok(None) => (Ok(()), false),
            Err(error) => (Err(error), false),
        };
        self.settle(shared).await;
        let Session { packets, place, .. } = self;
        // Whoever takes over need not wait for the rest.
        drop(place);
        if ours {
            linger(packets).await;
        }
        ended
    }

    /// Until the end of the line: with a reason where it is by our will.
    async fn serve(&mut self, shared: &Shared) -> Result<Option<ReasonCode>> {
        let room = usize::from(shared.limits.in_flight_max);
        let mut deadline = Instant::now() + self.silence_max;
        let mut silence = pin!(tokio::time::sleep_until(deadline));
        let receipts = self.receipts.clone();
        let (ended, mailbox) = (self.place.ended().clone(), self.place.state().ear.mailbox.clone());
        loop {
            let step = tokio::select! {
                biased;
                () = ended.cancelled() => Step::End(self.place.reason()),
                () = mailbox.ran_over().cancelled() => Step::End(ReasonCode::QuotaExceeded),
                () = receipts.news() => self.acknowledge(shared).await?,
                packet = self.packets.next(), if self.waiting.len() < room => {
                    let step = self.take_all(packet, shared, room).await?;
                    // Also while packets come and come.
                    if mailbox.news().now_or_never().is_some() {
                        self.deliver().await?;
                    }
                    step
                }
                () = mailbox.news() => {
                    self.deliver().await?;
                    // It is the client's silence that counts.
                    continue;
                }
                // The timer is set anew when it rings, not with every packet.
                () = &mut silence => match Instant::now() >= deadline {
                    true => Step::End(ReasonCode::KeepAliveTimeout),
                    false => {
                        silence.as_mut().reset(deadline);
                        continue;
                    }
                }
            };
            match step {
                Step::On => deadline = Instant::now() + self.silence_max,
                Step::Closed => return Ok(None),
                Step::End(reason) => return Ok(Some(reason)),
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
            Step::On => self.acknowledge(shared).await,
            step => Ok(step),
        }
    }

    async fn take(&mut self, packet: Option<Result<Packet, CodecError>>) -> Result<Step> {
        let packet = match packet {
            None => return Ok(Step::Closed),
            Some(Ok(packet)) => packet,
            Some(Err(CodecError::Io(error))) => return Err(error.into()),
            Some(Err(CodecError::Rule(reason))) => return Ok(Step::End(reason)),
            Some(Err(CodecError::Protocol(error))) => {
                tracing::debug!(%error, "an MQTT client broke the protocol");
                return Ok(Step::End(match error {
                    MqttError::PacketTooLarge { .. } => ReasonCode::PacketTooLarge,
                    MqttError::ProtocolError(_) | MqttError::DuplicatePropertyId(_) => {
                        ReasonCode::ProtocolError
                    }
                    _ => ReasonCode::MalformedPacket,
                }));
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
            Packet::PubAck(packet) => {
                self.place.state().ear.mailbox.done(packet.packet_id);
                Ok(Step::On)
            }
            Packet::PubComp(packet) => {
                self.place.state().ear.mailbox.done(packet.packet_id);
                Ok(Step::On)
            }
            Packet::PubRec(packet) => self.received(&packet).await,
            Packet::PubRel(packet) => {
                let known = self.place.state().unreleased.remove(&packet.packet_id);
                let reason = self.found(known);
                let answer = PubCompPacket::new_with_reason(packet.packet_id, reason);
                self.send(Packet::PubComp(answer)).await
            }
            Packet::PingReq => self.send(Packet::PingResp).await,
            Packet::Disconnect(packet) => Ok(self.leave(&packet)),
            _ => Ok(Step::End(ReasonCode::ProtocolError)),
        }
    }

    /// A PUBREC: what it is for is released, or given up where the client refuses it.
    async fn received(&mut self, packet: &PubRecPacket) -> Result<Step> {
        let mailbox = &self.place.state().ear.mailbox;
        if packet.reason_code as u8 >= 0x80 {
            mailbox.done(packet.packet_id);
            return Ok(Step::On);
        }
        let known = mailbox.received(packet.packet_id);
        let reason = self.found(known);
        let answer = PubRelPacket::new_with_reason(packet.packet_id, reason);
        self.send(Packet::PubRel(answer)).await
    }

    /// What a client of MQTT 5 is told of a packet id that nothing has.
    fn found(&self, known: bool) -> ReasonCode {
        match known || !self.is_v5() {
            true => ReasonCode::Success,
            false => ReasonCode::PacketIdentifierNotFound,
        }
    }

    /// A farewell: no will, unless the client wants it all the same.
    fn leave(&mut self, packet: &DisconnectPacket) -> Step {
        if let Some(seconds) = packet.properties.get_session_expiry_interval() {
            if self.place.kept_seconds == 0 && seconds > 0 {
                return Step::End(ReasonCode::ProtocolError);
            }
            self.place.kept_seconds = seconds.min(KEPT_SECONDS_MAX);
        }
        if packet.reason_code != ReasonCode::DisconnectWithWillMessage {
            self.place.will = None;
        }
        Step::Closed
    }

    fn subscribe(&mut self, subscribe: &SubscribePacket) -> Packet {
        let mut answer = if self.is_v5() {
            SubAckPacket::new(subscribe.packet_id)
        } else {
            SubAckPacket::new_v311(subscribe.packet_id)
        };
        let identifier = subscribe.properties.get_subscription_identifier();
        for filter in &subscribe.filters {
            answer = answer.add_reason_code(self.subscribe_by(filter, identifier));
        }
        Packet::SubAck(answer)
    }

    fn subscribe_by(&mut self, by: &TopicFilter, identifier: Option<u32>) -> SubAckReasonCode {
        let TopicFilter { filter, options } = by;
        let shared = filters::shared(filter);
        let of = shared.unwrap_or(filter);
        let reach = self.client.reach(of);
        match reach {
            Reach::Others => return SubAckReasonCode::NotAuthorized,
            Reach::Nowhere => return SubAckReasonCode::UnspecifiedError,
            Reach::All | Reach::Some => {}
        }
        let how = Subscribed {
            quality: options.qos,
            no_local: options.no_local,
            as_published: options.retain_as_published,
            identifier,
            reach,
        };
        let ear = &mut self.place.state().ear;
        let Ok(new) = ear.subscribe(filter, how) else { return SubAckReasonCode::QuotaExceeded };
        let wanted = match options.retain_handling {
            RetainHandling::SendAtSubscribe => true,
            RetainHandling::SendAtSubscribeIfNew => new,
            RetainHandling::DoNotSend => false,
        };
        // Who shares a subscription hears nothing that was retained, as the protocol says.
        if wanted && shared.is_none() {
            ear.hear_retained(filter, how, Instant::now());
        }
        SubAckReasonCode::from_qos(options.qos)
    }

    fn unsubscribe(&mut self, unsubscribe: &UnsubscribePacket) -> Packet {
        let mut answer = if self.is_v5() {
            UnsubAckPacket::new(unsubscribe.packet_id)
        } else {
            UnsubAckPacket::new_v311(unsubscribe.packet_id)
        };
        for filter in &unsubscribe.filters {
            let there = self.place.state().ear.unsubscribe(filter);
            let none = UnsubAckReasonCode::NoSubscriptionExisted;
            answer = answer.add_reason_code(if there { UnsubAckReasonCode::Success } else { none });
        }
        Packet::UnsubAck(answer)
    }

    async fn send(&mut self, packet: Packet) -> Result<Step> {
        let ended = self.place.ended().clone();
        written(&ended, self.packets.send(packet)).await?;
        Ok(Step::On)
    }

    /// Closes the line; a client of MQTT 5 is told why.
    async fn end(&mut self, reason: ReasonCode) -> Result<()> {
        if self.is_v5() {
            let farewell = Packet::Disconnect(DisconnectPacket::new(reason));
            tokio::time::timeout(FAREWELL_PATIENCE, self.packets.send(farewell)).await??;
        }
        bail!("ended: {reason:?}")
    }

    fn is_v5(&self) -> bool {
        self.packets.codec().level == V5
    }
}

/// Ends our side of a line and hears the client out for a while: a line that is closed over words
/// that were not heard takes back what was said last, the reason why it ends.
async fn linger(mut packets: Packets) {
    let heard_out = async {
        SinkExt::<Packet>::close(&mut packets).await?;
        let mut unheard = [0; 1024];
        while packets.get_mut().read(&mut unheard).await? > 0 {}
        anyhow::Ok(())
    };
    tokio::time::timeout(LINGER, heard_out).await.ok();
}

/// Waits until something is written: not for ever, nor for a line that has to end.
async fn written<T>(
    ended: &CancellationToken,
    writing: impl Future<Output = Result<T, CodecError>>,
) -> Result<T> {
    tokio::select! {
        biased;
        written = tokio::time::timeout(WRITE_PATIENCE, writing) => Ok(written??),
        () = ended.cancelled() => bail!("ended while the client read nothing"),
    }
}
