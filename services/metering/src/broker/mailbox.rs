//! The mail of one session, which outlives its line: who publishes puts it in, the line takes it
//! out. Who lets it run over loses line and session, so that a slow reader costs nobody else
//! anything, and finds out: it gets no PUBLISH with a gap before it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::message::Mail;
use super::outbox::{Outbox, Outgoing, RanOver};
use crate::domain::topic::Client;

/// Bytes of the mail of all sessions together at most.
const BYTES_MAX: usize = 256 << 20;

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
    /// Bytes of all mailboxes.
    total: Arc<AtomicUsize>,
}

impl Mailbox {
    pub(super) fn new(number: u64, client: Client, total: Arc<AtomicUsize>) -> Mailbox {
        Mailbox {
            number,
            client,
            outbox: Mutex::default(),
            connected: AtomicBool::new(false),
            news: Notify::new(),
            ran_over: CancellationToken::new(),
            total,
        }
    }

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
        let full = self.total.load(Ordering::Relaxed).saturating_add(bytes) > BYTES_MAX;
        let put = self.change(|outbox| {
            if full || self.ran_over.is_cancelled() {
                return Err(RanOver);
            }
            outbox.push(mail)
        });
        match put {
            Ok(()) => self.ring(),
            Err(RanOver) => {
                self.ran_over.cancel();
                self.change(Outbox::clear);
            }
        }
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
        if after >= before {
            self.total.fetch_add(after - before, Ordering::Relaxed);
        } else {
            self.total.fetch_sub(before - after, Ordering::Relaxed);
        }
        said
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.change(Outbox::clear);
    }
}
