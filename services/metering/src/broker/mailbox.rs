//! The mail of one session, which outlives its line: who publishes puts it in, the line takes it
//! out. Who lets it run over loses line and session, so that a slow reader costs nobody else
//! anything, and finds out: it gets no PUBLISH with a gap before it. Where all mailboxes together
//! have no room, the largest are ended, and not the one that happens to get mail.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::message::Mail;
use super::outbox::{self, Outbox, Outgoing, RanOver};
use crate::domain::topic::Client;

/// Bytes of the mail of all sessions together at most.
const BYTES_MAX: usize = 256 << 20;
/// How many of them are free once room was made, so that it is not made for every message.
const BYTES_FREED: usize = 4 << 20;
/// Bytes from which on a mailbox that no line takes mail out of goes before others: it takes many
/// smaller ones to make room.
const AWAY_BYTES_MIN: usize = 64 << 10;
/// Bytes of a meter's mail at most: what is retained of it fits in, and a hundred commands.
const OF_METER_BYTES_MAX: usize = 256 << 10;

/// All mailboxes.
#[derive(Default)]
pub(super) struct Office {
    /// Bytes of all of them.
    bytes: AtomicUsize,
    boxes: Mutex<HashMap<u64, Weak<Mailbox>>>,
}

/// Where one session's mail is.
pub(super) struct Mailbox {
    /// Another for every session.
    pub(super) number: u64,
    /// Whose session it is.
    pub(super) client: Client,
    outbox: Mutex<Outbox>,
    connected: AtomicBool,
    news: Notify,
    ran_over: CancellationToken,
    /// As the outbox says, for whoever does not lock it.
    bytes: AtomicUsize,
    bytes_max: usize,
    office: Arc<Office>,
}

impl Office {
    /// Opens a mailbox.
    pub(super) fn open(self: &Arc<Office>, number: u64, client: Client) -> Arc<Mailbox> {
        let bytes_max = match &client {
            Client::Meter(_) => OF_METER_BYTES_MAX,
            Client::Bridge { .. } => outbox::BYTES_MAX,
        };
        let mailbox = Arc::new(Mailbox {
            number,
            client,
            outbox: Mutex::default(),
            connected: AtomicBool::new(false),
            news: Notify::new(),
            ran_over: CancellationToken::new(),
            bytes: AtomicUsize::new(0),
            bytes_max,
            office: self.clone(),
        });
        self.boxes().insert(number, Arc::downgrade(&mailbox));
        mailbox
    }

    /// Bytes of all mailboxes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Makes room for `bytes` where all is full: ends the largest mailboxes, before others those
    /// of some size that no line takes mail out of.
    fn make_room(&self, bytes: usize) {
        if self.bytes() + bytes <= BYTES_MAX {
            return;
        }
        // Outside of the lock, which the last owner of a mailbox takes when it lets go of it.
        let boxes: Vec<_> = self.boxes().values().filter_map(Weak::upgrade).collect();
        let sized = boxes.iter().map(|it| (it.bytes(), it)).filter(|(bytes, _)| *bytes > 0);
        let mut sized: Vec<_> = sized.collect();
        sized.sort_by_cached_key(|(bytes, it)| {
            let goes_first = !it.is_connected() && *bytes >= AWAY_BYTES_MIN;
            (!goes_first, Reverse(*bytes))
        });
        for (bytes_of_one, mailbox) in sized {
            if self.bytes() + bytes + BYTES_FREED <= BYTES_MAX {
                return;
            }
            let client = &mailbox.client;
            tracing::warn!(?client, bytes_of_one, "no room for mail: a session is ended");
            mailbox.run_over();
        }
    }

    fn boxes(&self) -> MutexGuard<'_, HashMap<u64, Weak<Mailbox>>> {
        self.boxes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mailbox {
    /// Whether a line takes mail out.
    pub(super) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// A line begins, on which `sent_max` messages may be on their way.
    pub(super) fn connect(&self, sent_max: u16) {
        self.connected.store(true, Ordering::Relaxed);
        self.change(|outbox| outbox.connect(sent_max));
        self.ring();
    }

    /// The line ends.
    pub(super) fn disconnect(&self) {
        self.connected.store(false, Ordering::Relaxed);
        self.change(Outbox::disconnect);
    }

    /// Puts mail in. Where no line takes it out, mail of QoS 0 is left out.
    pub(super) fn put(&self, mail: Mail) {
        if mail.quality == mqtt5_protocol::QoS::AtMostOnce && !self.is_connected() {
            return;
        }
        let bytes = mail.publication.bytes();
        self.office.make_room(bytes);
        let put = self.change(|outbox| {
            if self.ran_over.is_cancelled() || outbox.bytes() + bytes > self.bytes_max {
                return Err(RanOver);
            }
            outbox.push(mail)
        });
        match put {
            Ok(()) => self.ring(),
            Err(RanOver) => self.run_over(),
        }
    }

    fn run_over(&self) {
        self.ran_over.cancel();
        self.change(Outbox::clear);
    }

    fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// What is to be sent next, up to `count` of it. Rings again where that was not all.
    pub(super) fn take(&self, count: usize, now: Instant) -> Vec<Outgoing> {
        let mut taken = Vec::new();
        self.change(|outbox| {
            while taken.len() < count
                && let Some(outgoing) = outbox.next(now)
            {
                taken.push(outgoing);
            }
        });
        if taken.len() == count {
            self.ring();
        }
        taken
    }

    /// A PUBACK or PUBCOMP or a refusal came, or the message cannot be sent.
    pub(super) fn done(&self, packet_id: u16) {
        self.change(|outbox| outbox.done(packet_id));
        self.ring();
    }

    /// A PUBREC came: says whether there is something to release.
    pub(super) fn received(&self, packet_id: u16) -> bool {
        let known = self.change(|outbox| outbox.received(packet_id));
        self.ring();
        known
    }

    /// Returns once there may be something to take. May be given up at any moment.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    /// Cancelled once it has run over.
    pub(super) fn ran_over(&self) -> &CancellationToken {
        &self.ran_over
    }

    fn ring(&self) {
        self.news.notify_one();
    }

    fn change<R>(&self, how: impl FnOnce(&mut Outbox) -> R) -> R {
        let mut outbox: MutexGuard<'_, Outbox> =
            self.outbox.lock().unwrap_or_else(PoisonError::into_inner);
        let before = outbox.bytes();
        let said = how(&mut outbox);
        let after = outbox.bytes();
        self.bytes.store(after, Ordering::Relaxed);
        if after >= before {
            self.office.bytes.fetch_add(after - before, Ordering::Relaxed);
        } else {
            self.office.bytes.fetch_sub(before - after, Ordering::Relaxed);
        }
        said
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.change(Outbox::clear);
        self.office.boxes().remove(&self.number);
    }
}
