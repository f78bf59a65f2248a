//! Sessions: those with a line, one a client, so that a revoked meter loses it at once, and those
//! that are kept until their client comes back.
//!
//! ```text
//! enter -> (the session that is kept, or comes from the line that is taken over) -> Place
//!    ^-------------------- kept, for as long as the client asked <---- dropped -----|
//! ```
//!
//! Invariants: a session has one line at most; a will is published once, or not at all where its
//! client said farewell, came back in time or was revoked. Deliberately absent: a file. A restart
//! forgets all sessions, and every client is told so (session present 0).

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use ids::MeterId;
use mqtt5_protocol::ReasonCode;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::router::{Ear, Router};
use super::will::Will;
use crate::domain::topic::{Client, Owner};

/// Seconds that a session is kept at most.
pub(super) const KEPT_SECONDS_MAX: u32 = 7 * 86_400;
/// Sessions of one bridge that are kept at most; then the one that is kept longest goes.
const KEPT_OF_ONE_MAX: usize = 256;
/// Wills that are due and not published yet; further ones are lost.
const WILLS_MAX: usize = 65_536;
/// How long a new line waits for the session of the one that it takes over.
pub(super) const TAKE_OVER_PATIENCE: Duration = Duration::from_secs(5);

/// The sessions of a broker.
#[derive(Clone, Default)]
pub(crate) struct Sessions(Arc<Shared>);

#[derive(Default)]
struct Shared {
    live: Mutex<Live>,
    due: Notify,
}

#[derive(Default)]
struct Live {
    next: u64,
    sessions: HashMap<String, Entry>,
    /// Wills to be published now.
    due: Vec<Will>,
    /// Of the broker that is at work.
    router: Option<Router>,
}

enum Entry {
    Connected(u64, Arc<Order>),
    Kept(Kept),
}

/// What a line is told to do.
#[derive(Default)]
struct Order {
    end: CancellationToken,
    reason: OnceLock<ReasonCode>,
    /// Who gets the session when the line has ended.
    heir: Mutex<Option<oneshot::Sender<Box<Kept>>>>,
}

impl Order {
    fn end(&self, reason: ReasonCode) {
        self.reason.set(reason).ok();
        self.end.cancel();
    }
}

/// A session without a line.
struct Kept {
    state: State,
    will: Option<Will>,
    since: Instant,
    /// When the will is published.
    will_at: Instant,
    until: Instant,
}

/// What a session is made of, besides its line.
pub(super) struct State {
    pub(super) client_id: String,
    pub(super) ear: Ear,
    /// Packet ids of messages of QoS 2 that came and are not released.
    pub(super) unreleased: HashSet<u16>,
}

/// Where the session of a client that comes back is.
enum Past {
    Nowhere,
    Here(Box<Kept>),
    Coming(oneshot::Receiver<Box<Kept>>),
}

/// One session's place. Leaving it gives it up, and keeps the session where that was asked for.
pub(super) struct Place {
    sessions: Sessions,
    name: String,
    number: u64,
    order: Arc<Order>,
    past: Past,
    /// The session, once it began.
    state: Option<State>,
    /// What is published where the client does not come back.
    pub(super) will: Option<Will>,
    /// Seconds that the session is kept when the line has ended.
    pub(super) kept_seconds: u32,
}

impl Sessions {
    /// Takes a place for `client`; whoever had it before is told to leave. A `clean` one begins
    /// anew.
    pub(super) fn enter(&self, client: &Client, client_id: &str, clean: bool) -> Place {
        let name = match client {
            Client::Meter(meter) => meter.to_string(),
            Client::Bridge { name, .. } => format!("{name}/{client_id}"),
        };
        let order = Arc::<Order>::default();
        let mut live = self.live();
        live.next += 1;
        let number = live.next;
        let past = match live.sessions.insert(name.clone(), Entry::Connected(number, order.clone()))
        {
            None => Past::Nowhere,
            Some(Entry::Connected(_, other)) => {
                let past = if clean { Past::Nowhere } else { other.await_estate() };
                other.end(ReasonCode::SessionTakenOver);
                past
            }
            Some(Entry::Kept(kept)) => live.resume(kept, client_id, clean, Instant::now()),
        };
        self.tell_of(&live);
        drop(live);
        let (sessions, state, will) = (self.clone(), None, None);
        Place { sessions, name, number, order, past, state, will, kept_seconds: 0 }
    }

    /// Ends the session of `meter`, if it has one; nothing of it is kept, retained or published.
    /// Sessions of bridges go on.
    pub(crate) fn end(&self, meter: MeterId) {
        let ended = self.live().sessions.remove(&meter.to_string());
        if let Some(Entry::Connected(_, order)) = ended {
            order.end(ReasonCode::NotAuthorized);
        }
        self.forget_retained(meter);
    }

    /// Forgets what is retained of `meter`: whose it was before is nobody's business.
    pub(crate) fn forget_retained(&self, meter: MeterId) {
        let router = self.live().router.clone();
        if let Some(router) = router {
            router.forget(&Owner::Meter(meter));
        }
    }

    /// A broker begins, which has this router. Forgets all that is kept: it belonged to one that
    /// is gone.
    pub(super) fn begin(&self, router: Router) {
        let mut live = self.live();
        live.router = Some(router);
        live.sessions.retain(|_, entry| matches!(entry, Entry::Connected(..)));
        live.due.clear();
    }

    /// How many sessions have a line.
    pub(crate) fn count(&self) -> usize {
        let live = self.live();
        live.sessions.values().filter(|entry| matches!(entry, Entry::Connected(..))).count()
    }

    /// Returns once a will is due.
    pub(super) async fn will_is_due(&self) {
        self.0.due.notified().await;
    }

    /// Takes the wills that are due.
    pub(super) fn due(&self) -> Vec<Will> {
        std::mem::take(&mut self.live().due)
    }

    /// Looks which wills are due at `now`, and forgets the sessions that are over.
    pub(super) fn sweep(&self, now: Instant) {
        let mut live = self.live();
        let Live { sessions, due, .. } = &mut *live;
        sessions.retain(|_, entry| {
            let Entry::Kept(kept) = entry else { return true };
            let ended = kept.until <= now || kept.state.ear.mailbox.ran_over().is_cancelled();
            if (ended || kept.will_at <= now)
                && let Some(will) = kept.will.take()
            {
                add(due, will);
            }
            !ended
        });
        self.tell_of(&live);
    }

    fn tell_of(&self, live: &Live) {
        if !live.due.is_empty() {
            self.0.due.notify_one();
        }
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.0.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(due: &mut Vec<Will>, will: Will) {
    if due.len() < WILLS_MAX {
        due.push(will);
    } else {
        tracing::warn!("too many wills are due; one is lost");
    }
}

impl Order {
    fn await_estate(&self) -> Past {
        let (heir, estate) = oneshot::channel();
        *self.heir.lock().unwrap_or_else(PoisonError::into_inner) = Some(heir);
        Past::Coming(estate)
    }
}

impl Live {
    /// What is left of a session whose client comes back.
    fn resume(&mut self, mut kept: Kept, client_id: &str, clean: bool, now: Instant) -> Past {
        let over = kept.until <= now || kept.state.ear.mailbox.ran_over().is_cancelled();
        let goes_on = !clean && !over && kept.state.client_id == client_id;
        if !goes_on || kept.will_at <= now {
            self.due.extend(kept.will.take());
        }
        if goes_on { Past::Here(Box::new(kept)) } else { Past::Nowhere }
    }

    /// Keeps a session, as far as it or its will is to be kept.
    fn keep(&mut self, name: &str, mut kept: Kept, now: Instant) {
        if (kept.until <= now || kept.will_at <= now)
            && let Some(will) = kept.will.take()
        {
            add(&mut self.due, will);
        }
        if kept.until <= now {
            self.sessions.remove(name);
            return;
        }
        self.make_room(name);
        self.sessions.insert(name.to_owned(), Entry::Kept(kept));
    }

    /// Forgets the session of the same bridge that is kept longest, where there are too many.
    fn make_room(&mut self, name: &str) {
        let Some((bridge, _)) = name.split_once('/') else { return };
        let of_one = self.sessions.iter().filter_map(|(name, entry)| match entry {
            Entry::Kept(kept) if name.split_once('/').is_some_and(|(of, _)| of == bridge) => {
                Some((kept.since, name))
            }
            _ => None,
        });
        let of_one: Vec<_> = of_one.collect();
        if of_one.len() < KEPT_OF_ONE_MAX {
            return;
        }
        let longest = of_one.into_iter().min().map(|(_, name)| name.clone());
        if let Some(name) = longest
            && let Some(Entry::Kept(kept)) = self.sessions.remove(&name)
            && let Some(will) = kept.will
        {
            add(&mut self.due, will);
        }
    }
}

impl Place {
    /// The session of before, where the client has one and wants it: waits for the line that it
    /// takes over, if there is one, for a while.
    pub(super) async fn past(&mut self, client_id: &str) -> Option<State> {
        let estate = match std::mem::replace(&mut self.past, Past::Nowhere) {
            Past::Nowhere => return None,
            Past::Here(kept) => return Some(kept.state),
            Past::Coming(estate) => tokio::time::timeout(TAKE_OVER_PATIENCE, estate).await,
        };
        let Ok(Ok(estate)) = estate else { return None };
        let Kept { state, will, until, .. } = *estate;
        let over = until <= Instant::now() || state.ear.mailbox.ran_over().is_cancelled();
        let goes_on = !over && state.client_id == client_id;
        if let Some(will) = will
            // The line was cut, and only a will with a delay waits for who comes back.
            && !(goes_on && will.delay > Duration::ZERO)
        {
            let mut live = self.sessions.live();
            add(&mut live.due, will);
            self.sessions.tell_of(&live);
        }
        goes_on.then_some(state)
    }

    /// The session begins.
    pub(super) fn begin(&mut self, state: State) {
        self.state = Some(state);
    }

    /// The session.
    pub(super) fn state(&mut self) -> &mut State {
        self.state.as_mut().expect("it has begun")
    }

    /// Cancelled when the line has to end.
    pub(super) fn ended(&self) -> &CancellationToken {
        &self.order.end
    }

    /// Why it has to.
    pub(super) fn reason(&self) -> ReasonCode {
        self.order.reason.get().copied().unwrap_or(ReasonCode::ServerShuttingDown)
    }

    /// The line has ended.
    fn leave(&mut self, state: State, now: Instant) -> Kept {
        state.ear.mailbox.disconnect();
        let will = self.will.take();
        let until = now + Duration::from_secs(self.kept_seconds.into());
        let will_at = will.as_ref().map_or(until, |will| now + will.delay);
        Kept { state, will, since: now, will_at, until }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A client that left before it had a session leaves the one of before as it was.
        let past = std::mem::replace(&mut self.past, Past::Nowhere);
        let now = Instant::now();
        let kept = match (self.state.take(), past) {
            (Some(state), _) => Some(self.leave(state, now)),
            (None, Past::Here(kept)) => Some(*kept),
            (None, Past::Coming(mut estate)) => estate.try_recv().ok().map(|kept| *kept),
            (None, Past::Nowhere) => None,
        };
        let revoked = self.order.reason.get() == Some(&ReasonCode::NotAuthorized);
        let mut live = self.sessions.live();
        let own = match live.sessions.get(&self.name) {
            Some(Entry::Connected(number, _)) => *number == self.number,
            _ => false,
        };
        let heir = self.order.heir.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (kept, heir) {
            (Some(kept), None) if own => live.keep(&self.name, kept, now),
            (Some(kept), Some(heir)) if !revoked => {
                // Whoever took over did not wait: the session ends here.
                if let Err(kept) = heir.send(Box::new(kept))
                    && let Some(will) = kept.will
                {
                    add(&mut live.due, will);
                }
            }
            (kept, _) => {
                if own {
                    live.sessions.remove(&self.name);
                }
                let will = kept.and_then(|kept| kept.will);
                live.due.extend(will.filter(|_| !revoked));
            }
        }
        self.sessions.tell_of(&live);
    }
}
