//! What a client is sent of what others published.

use std::sync::Arc;

use anyhow::Result;
use futures::SinkExt;
use mqtt5_protocol::Packet;
use mqtt5_protocol::packet::pubrel::PubRelPacket;
use tokio::time::Instant;

use super::{ALIASES_MAX, Session, TOGETHER_MAX, written};
use crate::broker::message::{Alias, Delivery, Mail};
use crate::broker::outbox::Outgoing;

impl Session {
    /// Sends what is to be sent now, up to some.
    pub(super) async fn deliver(&mut self) -> Result<()> {
        let now = Instant::now();
        let ended = self.place.ended().clone();
        let mailbox = self.place.state().ear.mailbox.clone();
        let outgoing = mailbox.take(TOGETHER_MAX, now);
        if outgoing.is_empty() {
            return Ok(());
        }
        for outgoing in outgoing {
            match outgoing {
                Outgoing::Release(packet_id) => {
                    let packet = Packet::PubRel(PubRelPacket::new(packet_id));
                    written(&ended, self.packets.feed(packet)).await?;
                }
                Outgoing::Publish { mail, packet_id, again } => {
                    match self.lay_out(mail, packet_id, again, now) {
                        Some(delivery) => written(&ended, self.packets.feed(delivery)).await?,
                        // As if it had been sent, as the protocol says.
                        None => packet_id.into_iter().for_each(|id| mailbox.done(id)),
                    }
                }
            }
        }
        written(&ended, SinkExt::<Packet>::flush(&mut self.packets)).await
    }

    /// A message as this client gets it; `None` where that is longer than it takes.
    fn lay_out(
        &mut self,
        mail: Mail,
        packet_id: Option<u16>,
        again: bool,
        now: Instant,
    ) -> Option<Delivery> {
        let topic = mail.publication.topic.clone();
        let alias = self.alias_of(&topic);
        let left = mail.publication.expires.map(|expires| expires.saturating_duration_since(now));
        // A part of a second that is left is a whole one.
        let expiry = left.map(|left| left.as_secs() + u64::from(left.subsec_nanos() > 0));
        let expiry = expiry.and_then(|seconds| u32::try_from(seconds).ok());
        let delivery = Delivery { mail, packet_id, again, alias, expiry };
        if delivery.bytes(self.packets.codec().level) > self.wishes.packet_bytes_max {
            return None;
        }
        if let Some(Alias { number, known: false }) = alias {
            self.own_aliases.insert(topic, number);
        }
        Some(delivery)
    }

    /// What stands for `topic`: the first topics of a line get an alias.
    fn alias_of(&self, topic: &Arc<str>) -> Option<Alias> {
        let aliases_max = self.wishes.aliases_max.min(ALIASES_MAX);
        if aliases_max == 0 {
            return None;
        }
        if let Some(number) = self.own_aliases.get(topic) {
            return Some(Alias { number: *number, known: true });
        }
        let number = u16::try_from(self.own_aliases.len() + 1).ok()?;
        (number <= aliases_max).then_some(Alias { number, known: false })
    }
}
