//! What a client publishes: handed in where it is to be stored, answered once it is.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use bytes::Bytes;
use futures::SinkExt;
use mqtt5_protocol::packet::puback::PubAckPacket;
use mqtt5_protocol::packet::publish::PublishPacket;
use mqtt5_protocol::packet::pubrec::PubRecPacket;
use mqtt5_protocol::{Packet, QoS, ReasonCode};
use tokio::time::Instant;

use super::{ALIASES_MAX, FAREWELL_PATIENCE, Session, Step, written};
use crate::broker::codec::CodecError;
use crate::broker::message::{Publication, passed_on};
use crate::broker::sessions::TAKE_OVER_PATIENCE;
use crate::broker::{Shared, filters};
use crate::domain::topic::Subject;
use crate::writer::Message;

/// How long what was handed in is waited for when its line has ended.
const SETTLE_PATIENCE: Duration = Duration::from_secs(3);

// Who takes over does not give up before the old line has said farewell and settled.
const _: () = assert!(
    SETTLE_PATIENCE.as_millis() + FAREWELL_PATIENCE.as_millis() < TAKE_OVER_PATIENCE.as_millis()
);

/// A publish that is not answered yet.
pub(super) struct Waiting {
    /// What the answer is for; without one it has QoS 0.
    packet_id: Option<u16>,
    quality: QoS,
    until: Until,
}

/// When a publish can be answered.
enum Until {
    /// When so many messages of the session are stored; then it is passed on.
    Stored(u64, Subject, Publication),
    /// When so many are stored: it was passed on already.
    Again(u64),
    /// Now, with a refusal.
    Refused(ReasonCode),
}

/// A publish that can be answered.
struct Answer {
    packet_id: Option<u16>,
    quality: QoS,
    reason: ReasonCode,
}

impl Session {
    /// Keeps the message for the writer, where it is to be stored. MQTT 3.1.1 cannot refuse one:
    /// there the line ends.
    pub(super) fn publish(&mut self, publish: PublishPacket) -> Step {
        let (packet_id, quality) = (publish.packet_id, publish.qos);
        if packet_id == Some(0) {
            return Step::End(ReasonCode::ProtocolError);
        }
        let topic = match self.topic_of(&publish) {
            Ok(topic) => topic,
            Err(reason) => return Step::End(reason),
        };
        let Some((topic, subject)) = topic else {
            tracing::info!(client = ?self.client, topic = publish.topic_name, "topic refused");
            return self.refuse(packet_id, quality, ReasonCode::NotAuthorized);
        };
        if quality == QoS::ExactlyOnce
            && let Some(id) = packet_id
        {
            if self.place.state().unreleased.contains(&id) {
                // A meter that has lost its state may say something new under it: what is stored
                // already, the intake knows.
                self.keep_for_writer(&subject, &Bytes::copy_from_slice(&publish.payload));
                let until = Until::Again(self.handed_in);
                self.waiting.push_back(Waiting { packet_id, quality, until });
                return Step::On;
            }
            if self.place.state().unreleased.len() >= self.unreleased_max {
                return Step::End(ReasonCode::ReceiveMaximumExceeded);
            }
            self.place.state().unreleased.insert(id);
        }
        // A copy: what came lies in a buffer with all that came with it.
        let payload = Bytes::copy_from_slice(&publish.payload);
        self.keep_for_writer(&subject, &payload);
        let (properties, expiry) = match publish.properties.is_empty() {
            true => (Bytes::new(), None),
            false => passed_on(&publish.properties),
        };
        let expires = expiry.map(|seconds| Instant::now() + Duration::from_secs(seconds.into()));
        let retain = publish.retain;
        let publication = Publication { topic, payload, properties, expires, quality, retain };
        let until = Until::Stored(self.handed_in, subject, publication);
        self.waiting.push_back(Waiting { packet_id, quality, until });
        Step::On
    }

    /// Where it is a reading.
    fn keep_for_writer(&mut self, subject: &Subject, payload: &Bytes) {
        if let Subject::Reading(meter) = *subject {
            self.heard.push(Message { meter, bytes: payload.clone() });
            self.handed_in += 1;
        }
    }

    /// The topic of a message and what it is about; `None` where this client may not publish it.
    fn topic_of(
        &mut self,
        publish: &PublishPacket,
    ) -> Result<Option<(Arc<str>, Subject)>, ReasonCode> {
        let mut name = publish.topic_name.as_str();
        let alias = publish.topic_alias();
        let known;
        if let Some(alias) = alias {
            if alias > ALIASES_MAX {
                return Err(ReasonCode::TopicAliasInvalid);
            }
            if name.is_empty() {
                known = self.aliases.get(&alias).ok_or(ReasonCode::ProtocolError)?.clone();
                name = &known;
            }
        }
        let last = self.topic.clone().filter(|(last, _)| **last == *name);
        if last.is_none() && filters::is_too_deep(name) {
            return Err(ReasonCode::TopicNameInvalid);
        }
        let topic = last.as_ref().map_or_else(|| name.into(), |(last, _)| last.clone());
        // Also of a topic that is refused: the client knows it by the alias from now on.
        if let Some(alias) = alias {
            self.aliases.insert(alias, topic.clone());
        }
        if last.is_some() {
            return Ok(last);
        }
        let Some(subject) = self.client.publishes(&topic) else { return Ok(None) };
        self.topic = Some((topic, subject));
        Ok(self.topic.clone())
    }

    fn refuse(&mut self, packet_id: Option<u16>, quality: QoS, reason: ReasonCode) -> Step {
        if packet_id.is_none() || !self.is_v5() {
            return Step::End(reason);
        }
        self.waiting.push_back(Waiting { packet_id, quality, until: Until::Refused(reason) });
        Step::On
    }

    /// Hands what was heard to the writer.
    pub(super) async fn hand_in(&mut self, shared: &Shared) -> Result<()> {
        if self.heard.is_empty() {
            return Ok(());
        }
        let messages = std::mem::take(&mut self.heard);
        let ended = self.place.ended().clone();
        tokio::select! {
            biased;
            taken = shared.desk.hand_in(messages, &self.receipts) => match taken {
                true => Ok(()),
                false => bail!("the writer has stopped"),
            },
            () = ended.cancelled() => bail!("ended while there was no room at the writer"),
        }
    }

    /// Sends the answers that can be sent, in the order of the publishes.
    pub(super) async fn acknowledge(&mut self, shared: &Shared) -> Result<Step> {
        // In this order: what was stored before a failure is still acknowledged.
        let failed = self.receipts.have_failed();
        let stored = self.receipts.stored();
        let ended = self.place.ended().clone();
        let refused = written(&ended, self.answer_all(shared, stored)).await?;
        Ok(match refused {
            Some(reason) => Step::End(reason),
            None if failed => Step::End(ReasonCode::ServerUnavailable),
            None => Step::On,
        })
    }

    /// Stops at what is refused to a client that cannot be told so.
    async fn answer_all(
        &mut self,
        shared: &Shared,
        stored: u64,
    ) -> Result<Option<ReasonCode>, CodecError> {
        let mut answered = false;
        while let Some(Answer { packet_id, quality, reason }) = self.pass_on_next(shared, stored) {
            let refused = reason != ReasonCode::Success;
            let Some(packet_id) = packet_id.filter(|_| !refused || self.is_v5()) else {
                if refused {
                    return Ok(Some(reason));
                }
                continue;
            };
            let packet = match quality {
                QoS::ExactlyOnce => {
                    Packet::PubRec(PubRecPacket::new_with_reason(packet_id, reason))
                }
                _ => Packet::PubAck(PubAckPacket::new_with_reason(packet_id, reason)),
            };
            self.packets.feed(packet).await?;
            answered = true;
        }
        if answered {
            SinkExt::<Packet>::flush(&mut self.packets).await?;
        }
        Ok(None)
    }

    /// Passes the next message on, where it can be answered now.
    fn pass_on_next(&mut self, shared: &Shared, stored: u64) -> Option<Answer> {
        match &self.waiting.front()?.until {
            Until::Stored(count, ..) | Until::Again(count) if *count > stored => return None,
            _ => {}
        }
        let Waiting { packet_id, quality, until } = self.waiting.pop_front()?;
        let reason = match until {
            Until::Refused(reason) => reason,
            Until::Again(_) => ReasonCode::Success,
            Until::Stored(_, subject, publication) => {
                let number = self.place.state().ear.mailbox.number;
                let can_be_told = packet_id.is_some() && self.is_v5();
                match shared.publish(publication, &subject, Some(number), can_be_told) {
                    Ok(()) => ReasonCode::Success,
                    Err(_) => {
                        self.forget(packet_id, quality);
                        ReasonCode::QuotaExceeded
                    }
                }
            }
        };
        Some(Answer { packet_id, quality, reason })
    }

    /// The line has ended: what is stored is passed on, and what is not will come again.
    pub(super) async fn settle(&mut self, shared: &Shared) {
        let receipts = self.receipts.clone();
        let settled = async {
            loop {
                let failed = receipts.have_failed();
                while self.pass_on_next(shared, receipts.stored()).is_some() {}
                if failed || self.waiting.is_empty() {
                    return;
                }
                receipts.news().await;
            }
        };
        tokio::time::timeout(SETTLE_PATIENCE, settled).await.ok();
        for Waiting { packet_id, quality, until } in std::mem::take(&mut self.waiting) {
            if matches!(until, Until::Stored(..)) {
                self.forget(packet_id, quality);
            }
        }
    }

    /// A message of QoS 2 was not taken: its packet id is free.
    fn forget(&mut self, packet_id: Option<u16>, quality: QoS) {
        if quality == QoS::ExactlyOnce
            && let Some(packet_id) = packet_id
        {
            self.place.state().unreleased.remove(&packet_id);
        }
    }
}
