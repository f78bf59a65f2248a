//! What arrives becomes stored: two stages, so that signatures are looked at while the disk works.
//!
//! ```text
//! sessions -> (bounded) -> check: all processors -> (bounded) -> store: one commit a batch
//!     ^------------------------------- stored, in arrival order -------------|
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use ids::MeterId;
use service::Clock;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};

use crate::app::accept::Intake;
use crate::app::heard::{Heard, hear_all};

/// The most messages of one transaction.
const BATCH_MAX: usize = 4096;
/// The most messages whose signatures are looked at together.
const CHECKED_MAX: usize = 512;
/// Messages that have arrived and are not stored yet; the broker reads no more then.
const QUEUE_MAX: usize = 2 * BATCH_MAX;

/// A message as it came.
#[derive(Debug)]
pub(crate) struct Message {
    /// The meter whose topic it came on.
    pub(crate) meter: MeterId,
    /// The payload.
    pub(crate) bytes: Bytes,
}

/// How far the writer has come with the messages of one session.
#[derive(Debug, Default)]
pub(crate) struct Receipts {
    stored: AtomicU64,
    failed: AtomicBool,
    news: Notify,
}

impl Receipts {
    /// How many of the session's messages are on disk: its first so many. They stay so many where
    /// one could not be stored.
    pub(crate) fn stored(&self) -> u64 {
        self.stored.load(Ordering::Acquire)
    }

    /// Whether a message could not be stored. It and all behind it have to be sent again.
    pub(crate) fn have_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Returns when something changed since it returned last.
    pub(crate) async fn news(&self) {
        self.news.notified().await;
    }

    /// The next `count` messages are stored. Only the writer says so, so that what it counts after
    /// a failure it can leave out.
    fn add(&self, count: u64) {
        if !self.have_failed() {
            self.stored.fetch_add(count, Ordering::Release);
            self.news.notify_one();
        }
    }

    fn fail(&self) {
        self.failed.store(true, Ordering::Release);
        self.news.notify_one();
    }
}

/// Messages of one session, in the order of their arrival.
struct Arrivals {
    messages: Vec<Message>,
    receipts: Arc<Receipts>,
    room: OwnedSemaphorePermit,
}

/// Where sessions hand in what they hear.
#[derive(Clone)]
pub(crate) struct Desk {
    arrivals: mpsc::UnboundedSender<Arrivals>,
    room: Arc<Semaphore>,
}

/// What was handed in, for [`write`].
pub(crate) struct Queue(mpsc::UnboundedReceiver<Arrivals>);

/// A desk and what is behind it.
pub(crate) fn desk() -> (Desk, Queue) {
    // The room bounds the channel: each group holds its share of it until it is stored.
    let (arrivals, queue) = mpsc::unbounded_channel();
    (Desk { arrivals, room: Arc::new(Semaphore::new(QUEUE_MAX)) }, Queue(queue))
}

impl Desk {
    /// Hands `messages` in, once there is room; `false` when nobody takes them any more. At most
    /// [`QUEUE_MAX`] fit at all.
    pub(crate) async fn hand_in(&self, messages: Vec<Message>, receipts: &Arc<Receipts>) -> bool {
        let count = u32::try_from(messages.len()).unwrap_or(u32::MAX);
        let Ok(room) = self.room.clone().acquire_many_owned(count).await else { return false };
        let receipts = receipts.clone();
        self.arrivals.send(Arrivals { messages, receipts, room }).is_ok()
    }
}

/// Whose messages, how many, and their room in the queue.
type Owed = (Arc<Receipts>, u64, OwnedSemaphorePermit);

/// Readings whose signatures were looked at.
struct Checked {
    heard: Vec<Heard>,
    owed: Vec<Owed>,
}

/// Stores arrivals until no session is left to hand any in. What cannot be stored is not
/// acknowledged: its sender loses the line and sends it again.
pub(crate) async fn write(intake: Intake, clock: Clock, queue: Queue) {
    let (checked, ready) = mpsc::channel(BATCH_MAX / CHECKED_MAX);
    tokio::join!(check(queue, checked), store(intake, clock, ready));
}

/// Takes what is handed in for stored and forgets it.
pub(crate) async fn forget(Queue(mut queue): Queue) {
    while let Some(Arrivals { messages, receipts, .. }) = queue.recv().await {
        receipts.add(messages.len() as u64);
    }
}

/// Looks at signatures, some hundreds at a time.
async fn check(Queue(mut queue): Queue, checked: mpsc::Sender<Checked>) {
    while let Some(first) = queue.recv().await {
        let (mut messages, mut owed) = (Vec::new(), Vec::new());
        let mut next = Some(first);
        while let Some(Arrivals { messages: mut more, receipts, room }) = next {
            owed.push((receipts, more.len() as u64, room));
            messages.append(&mut more);
            next = if messages.len() < CHECKED_MAX { queue.try_recv().ok() } else { None };
        }
        let heard = match hear_all(messages).await {
            Ok(heard) => heard,
            Err(error) => {
                tracing::error!(%error, "signatures could not be looked at");
                owed.iter().for_each(|(receipts, ..)| receipts.fail());
                continue;
            }
        };
        if checked.send(Checked { heard, owed }).await.is_err() {
            return;
        }
    }
}

/// Stores what was looked at, as much as there is at once.
async fn store(intake: Intake, clock: Clock, mut ready: mpsc::Receiver<Checked>) {
    while let Some(Checked { mut heard, mut owed }) = ready.recv().await {
        while heard.len() < BATCH_MAX
            && let Ok(mut more) = ready.try_recv()
        {
            heard.append(&mut more.heard);
            owed.append(&mut more.owed);
        }
        let readings = heard.len();
        match intake.accept(heard, clock.now()).await {
            Ok(tally) => {
                tracing::debug!(?tally, "readings stored");
                // A sender that left in the meantime sends again and is told then.
                owed.drain(..).for_each(|(receipts, count, _)| receipts.add(count));
            }
            Err(error) => {
                tracing::error!(readings, error = format!("{error:#}"), "readings not stored");
                owed.drain(..).for_each(|(receipts, ..)| receipts.fail());
            }
        }
    }
}
