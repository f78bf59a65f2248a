//! What one session is to be sent: a pure machine over its mail and the client's answers.
//!
//! ```text
//! push -> waiting -> next -> PUBLISH -> (QoS 1) PUBACK -> gone
//!                                   \-> (QoS 2) PUBREC -> PUBREL -> PUBCOMP -> gone
//! ```
//!
//! Invariants: mail leaves in the order in which it came; at most so many messages as the client
//! takes are on their way; what is on its way when the line ends is sent again, first, on the
//! next one, and after a PUBREC only the PUBREL is. What runs over is said, never left out.

use std::collections::{HashSet, VecDeque};

use mqtt5_protocol::QoS;
use tokio::time::Instant;

use super::message::Mail;

/// Messages that wait for a session at most.
pub(super) const WAITING_MAX: usize = 65_536;
/// Bytes of them, and of those on their way, at most.
pub(super) const BYTES_MAX: usize = 32 << 20;
/// Messages that may be on their way to a client, unless it takes fewer.
pub(super) const SENT_MAX: u16 = 1024;

/// There was no room.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RanOver;

/// What is to be sent next.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// A PUBLISH; with a packet id where it has to be acknowledged.
    Publish { mail: Mail, packet_id: Option<u16>, again: bool },
    /// A PUBREL.
    Release(u16),
}

/// The mail of one session.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: VecDeque<Mail>,
    /// On their way, in the order in which they were sent first.
    sent: VecDeque<Sent>,
    /// Their packet ids.
    taken: HashSet<u16>,
    /// How many of `sent` have yet to be sent again.
    again: usize,
    sent_max: usize,
    /// The packet id that was used last.
    packet_id: u16,
    bytes: usize,
}

#[derive(Debug)]
struct Sent {
    packet_id: u16,
    /// What is sent again; after a PUBREC nothing.
    mail: Option<Mail>,
    /// It was sent on another line than this.
    before: bool,
}

impl Outbox {
    /// Bytes of all that is here.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes mail in; refused where too much is here.
    pub(super) fn push(&mut self, mail: Mail) -> Result<(), RanOver> {
        let bytes = mail.publication.bytes();
        if self.waiting.len() >= WAITING_MAX || self.bytes + bytes > BYTES_MAX {
            return Err(RanOver);
        }
        self.bytes += bytes;
        self.waiting.push_back(mail);
        Ok(())
    }

    /// A line begins, on which `sent_max` messages may be on their way.
    pub(super) fn connect(&mut self, sent_max: u16) {
        self.sent_max = sent_max.min(SENT_MAX).into();
        self.again = self.sent.len();
        self.sent.iter_mut().for_each(|sent| sent.before = true);
    }

    /// The line ends: what was promised to nobody goes.
    pub(super) fn disconnect(&mut self) {
        let bytes = &mut self.bytes;
        self.waiting.retain(|mail| {
            let stays = mail.quality != QoS::AtMostOnce;
            *bytes -= if stays { 0 } else { mail.publication.bytes() };
            stays
        });
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        let (sent_max, packet_id) = (self.sent_max, self.packet_id);
        *self = Outbox { sent_max, packet_id, ..Outbox::default() };
    }

    /// What is to be sent next, if there is something that may be.
    pub(super) fn next(&mut self, now: Instant) -> Option<Outgoing> {
        let full = self.sent.len() - self.again >= self.sent_max;
        if self.again > 0 {
            return if full { None } else { self.next_again() };
        }
        loop {
            let acknowledged = self.waiting.front()?.quality != QoS::AtMostOnce;
            if acknowledged && full {
                return None;
            }
            let mail = self.waiting.pop_front()?;
            if mail.publication.is_over(now) {
                self.bytes -= mail.publication.bytes();
                continue;
            }
            if !acknowledged {
                self.bytes -= mail.publication.bytes();
                return Some(Outgoing::Publish { mail, packet_id: None, again: false });
            }
            let packet_id = self.next_packet_id();
            self.sent.push_back(Sent { packet_id, mail: Some(mail.clone()), before: false });
            return Some(Outgoing::Publish { mail, packet_id: Some(packet_id), again: false });
        }
    }

    fn next_again(&mut self) -> Option<Outgoing> {
        let sent = self.sent.iter_mut().find(|sent| sent.before)?;
        sent.before = false;
        self.again -= 1;
        let packet_id = sent.packet_id;
        Some(match sent.mail.clone() {
            Some(mail) => Outgoing::Publish { mail, packet_id: Some(packet_id), again: true },
            None => Outgoing::Release(packet_id),
        })
    }

    /// A PUBACK, a PUBCOMP or a refusal came, or the message cannot be sent. One that was not
    /// asked for, or comes twice, says nothing.
    pub(super) fn done(&mut self, packet_id: u16) {
        let Some(place) = self.place(packet_id) else { return };
        let sent = self.sent.remove(place).expect("it has a place");
        self.taken.remove(&packet_id);
        self.again -= usize::from(sent.before);
        self.bytes -= sent.mail.map_or(0, |mail| mail.publication.bytes());
    }

    /// A PUBREC came: says whether there is something to release.
    pub(super) fn received(&mut self, packet_id: u16) -> bool {
        let Some(place) = self.place(packet_id) else { return false };
        let sent = &mut self.sent[place];
        self.again -= usize::from(std::mem::take(&mut sent.before));
        self.bytes -= sent.mail.take().map_or(0, |mail| mail.publication.bytes());
        true
    }

    fn place(&self, packet_id: u16) -> Option<usize> {
        self.sent.iter().position(|sent| sent.packet_id == packet_id)
    }

    /// A packet id that no message on its way has, taken: there are far more of them.
    fn next_packet_id(&mut self) -> u16 {
        loop {
            self.packet_id = self.packet_id.checked_add(1).unwrap_or(1);
            if self.taken.insert(self.packet_id) {
                return self.packet_id;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::broker::message::Publication;

    fn mail(name: &str, quality: QoS, expires: Option<Instant>) -> Mail {
        let (payload, properties) = (Vec::new().into(), Vec::new().into());
        let topic = name.into();
        let publication =
            Publication { topic, payload, properties, expires, quality, retain: false };
        Mail { publication: Arc::new(publication), quality, retain: false, identifiers: vec![] }
    }

    /// Plays a story: `0x`, `1x`, `2x` push x with that quality, `s` sends all that may go,
    /// `a3`, `r3`, `c3` are PUBACK, PUBREC and PUBCOMP for 3, `|2` is a new line that takes 2.
    fn check(story: &str, expected: &str) {
        let now = Instant::now();
        let (mut outbox, mut said) = (Outbox::default(), Vec::new());
        outbox.connect(9);
        for word in story.split(' ') {
            let (what, of) = word.split_at(1);
            match what {
                "0" => outbox.push(mail(of, QoS::AtMostOnce, None)).unwrap(),
                "1" => outbox.push(mail(of, QoS::AtLeastOnce, None)).unwrap(),
                "2" => outbox.push(mail(of, QoS::ExactlyOnce, None)).unwrap(),
                "a" | "c" => outbox.done(of.parse().unwrap()),
                "r" if outbox.received(of.parse().unwrap()) => said.push(format!("R{of}")),
                "r" => said.push("-".to_owned()),
                "|" => {
                    outbox.disconnect();
                    outbox.connect(of.parse().unwrap());
                }
                _ => {
                    while let Some(outgoing) = outbox.next(now) {
                        said.push(match outgoing {
                            Outgoing::Release(id) => format!("R{id}"),
                            Outgoing::Publish { mail, packet_id, again } => {
                                let id = packet_id.map_or(String::new(), |id| id.to_string());
                                let again = if again { "'" } else { "" };
                                format!("{}{id}{again}", mail.publication.topic)
                            }
                        });
                    }
                }
            }
        }
        assert_eq!(said.join(" "), expected, "{story}");
        outbox.disconnect();
        for id in 1..20 {
            outbox.done(id);
        }
        outbox.connect(9);
        while outbox.next(now).is_some() {}
        (1..20).for_each(|id| outbox.done(id));
        assert_eq!(outbox.bytes(), 0, "{story}");
    }

    #[test]
    fn mail_leaves_in_order_and_no_more_than_the_client_takes() {
        check("0x 1y 2z s", "x y1 z2");
        check("|2 1x 1y 1z 0o s a1 s a2 s", "x1 y2 z3 o");
        check("|1 1x s a9 1y s a1 s", "x1 y2");
    }

    #[test]
    fn what_is_on_its_way_is_sent_again_on_the_next_line() {
        check("1x 2y 1z s r2 a1 0o |9 s", "x1 y2 z3 R2 R2 z3'");
        check("2x s r1 c1 r1 |9 s", "x1 R1 -");
        check("1x 1y 1z s |1 s a1 s a2 s", "x1 y2 z3 x1' y2' z3'");
        // Acknowledged before it was sent again: nothing is left to send.
        check("1x 1y s |1 a2 s a1 1z s", "x1 y2 x1' z3");
    }

    #[test]
    fn what_is_over_is_not_sent_and_ids_come_round() {
        let now = Instant::now();
        let mut outbox = Outbox::default();
        outbox.connect(u16::MAX);
        outbox.push(mail("x", QoS::AtLeastOnce, Some(now))).unwrap();
        outbox.push(mail("y", QoS::AtLeastOnce, Some(now + Duration::from_secs(1)))).unwrap();
        let Some(Outgoing::Publish { mail: y, .. }) = outbox.next(now) else { panic!() };
        assert_eq!(&*y.publication.topic, "y");
        for _ in 0..70_000 {
            outbox.push(mail("z", QoS::ExactlyOnce, None)).unwrap();
            let Some(Outgoing::Publish { packet_id: Some(id), .. }) = outbox.next(now) else {
                panic!()
            };
            assert!(id > 1, "1 is on its way, and 0 is no id");
            assert!(outbox.received(id));
            outbox.done(id);
        }
    }

    #[test]
    fn what_runs_over_is_said() {
        let mut outbox = Outbox::default();
        for _ in 0..WAITING_MAX {
            outbox.push(mail("x", QoS::AtLeastOnce, None)).unwrap();
        }
        assert_eq!(outbox.push(mail("x", QoS::AtLeastOnce, None)), Err(RanOver));
        outbox.clear();
        assert_eq!(outbox.bytes(), 0);
        assert_eq!(outbox.push(mail("x", QoS::AtLeastOnce, None)), Ok(()));
    }
}
