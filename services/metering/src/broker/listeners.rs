//! Who listens to which meter: what is stored is passed on to them, as it came. A reading that was
//! kept apart is passed on too: whoever listens can look at its signature.
//!
//! A message waits for its listener in a queue of its own, which is bounded: who lets it run over
//! loses the line, so that a slow listener costs nobody else anything.

use std::collections::HashMap;
use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use ids::MeterId;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Messages that wait for a listener at most.
const QUEUE_MAX: usize = 4096;
/// Filters that one session may have subscribed to at a time.
const FILTERS_MAX: usize = 1024;

/// What is in a message.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    pub(super) payload: Bytes,
    /// As MQTT 5 writes them, with their length; empty where there are none.
    pub(super) properties: Bytes,
}

/// A stored message on its way to a listener.
#[derive(Debug, Clone)]
pub(super) struct Passed {
    /// Whose it is: it came on that meter's topic.
    pub(super) meter: MeterId,
    pub(super) content: Content,
    /// Whether the listener has to acknowledge it: QoS 1 on both ways.
    pub(super) acknowledged: bool,
}

/// Everybody who listens to a meter.
#[derive(Clone, Default)]
pub(super) struct Listeners(Arc<Shared>);

#[derive(Default)]
struct Shared {
    next: AtomicU64,
    meters: RwLock<HashMap<MeterId, Vec<Listener>>>,
}

/// One session that listens to a meter.
struct Listener {
    number: u64,
    subscribed: Subscribed,
    queue: mpsc::Sender<Passed>,
    too_slow: CancellationToken,
}

/// How a session listens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subscribed {
    /// With QoS 1.
    pub(super) acknowledged: bool,
    /// What the session has published itself does not come back.
    pub(super) no_local: bool,
}

/// One session's ear. Dropping it ends its subscriptions.
pub(super) struct Ear {
    listeners: Listeners,
    number: u64,
    filters: HashMap<String, (MeterId, Subscribed)>,
    /// Where what it hears waits, once it has subscribed.
    queue: Option<(mpsc::Sender<Passed>, mpsc::Receiver<Passed>)>,
    /// Set once its queue has run over.
    pub(super) too_slow: CancellationToken,
}

impl Listeners {
    /// An ear for a new session.
    pub(super) fn ear(&self) -> Ear {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let (listeners, filters) = (self.clone(), HashMap::new());
        Ear { listeners, number, filters, queue: None, too_slow: CancellationToken::new() }
    }

    fn change(&self, meter: MeterId, number: u64, to: Option<Listener>) {
        let mut meters = self.0.meters.write().unwrap_or_else(PoisonError::into_inner);
        let of_meter = meters.entry(meter).or_default();
        of_meter.retain(|listener| listener.number != number);
        of_meter.extend(to);
        if of_meter.is_empty() {
            meters.remove(&meter);
        }
    }
}

impl Ear {
    /// Listens by `filter`, which takes in the readings of `meter`; `false` where it is one too
    /// many. The same filter again changes how.
    pub(super) fn subscribe(&mut self, filter: &str, meter: MeterId, how: Subscribed) -> bool {
        if self.filters.len() >= FILTERS_MAX && !self.filters.contains_key(filter) {
            return false;
        }
        self.filters.insert(filter.to_owned(), (meter, how));
        self.listen(meter);
        true
    }

    /// Ends what was subscribed by `filter`; `false` where nothing was.
    pub(super) fn unsubscribe(&mut self, filter: &str) -> bool {
        let Some((meter, _)) = self.filters.remove(filter) else { return false };
        self.listen(meter);
        true
    }

    /// The next message. May be given up at any moment: nothing is lost.
    pub(super) async fn next(&mut self) -> Passed {
        match &mut self.queue {
            Some((_, passed)) => passed.recv().await.expect("a sender lies beside it"),
            None => pending().await,
        }
    }

    /// A message that is here.
    pub(super) fn next_already(&mut self) -> Option<Passed> {
        self.queue.as_mut()?.1.try_recv().ok()
    }

    /// Passes a stored message on to all who listen to `meter`; `acknowledged` where it came with
    /// QoS 1.
    pub(super) fn pass_on(&self, meter: MeterId, content: &Content, acknowledged: bool) {
        let meters = self.listeners.0.meters.read().unwrap_or_else(PoisonError::into_inner);
        for listener in meters.get(&meter).into_iter().flatten() {
            let subscribed = listener.subscribed;
            if subscribed.no_local && listener.number == self.number {
                continue;
            }
            let acknowledged = acknowledged && subscribed.acknowledged;
            let passed = Passed { meter, content: content.clone(), acknowledged };
            if listener.queue.try_send(passed).is_err() {
                listener.too_slow.cancel();
            }
        }
    }

    /// Overlapping filters bring a message once: with the highest quality of all, and to its own
    /// sender where one of them wants that.
    fn listen(&mut self, meter: MeterId) {
        let mut all = self.filters.values().filter(|(of, _)| *of == meter).map(|(_, how)| *how);
        let together = all.next().map(|first| {
            all.fold(first, |one, other| Subscribed {
                acknowledged: one.acknowledged || other.acknowledged,
                no_local: one.no_local && other.no_local,
            })
        });
        let (queue, _) = self.queue.get_or_insert_with(|| mpsc::channel(QUEUE_MAX));
        let listener = together.map(|subscribed| Listener {
            number: self.number,
            subscribed,
            queue: queue.clone(),
            too_slow: self.too_slow.clone(),
        });
        self.listeners.change(meter, self.number, listener);
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        for (meter, _) in std::mem::take(&mut self.filters).into_values() {
            self.listeners.change(meter, self.number, None);
        }
    }
}
