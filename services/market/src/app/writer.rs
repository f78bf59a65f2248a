//! The single writer of one market's journal: it leads, stands by, or stands still.
//!
//! ```text
//!            lease is free                  entry cannot be applied
//! standing by ----------> leading ----------------------------------> damaged
//!      ^   follows the       | takes commands in batches              refuses all
//!      |   journal           | one commit each, under its token
//!      +---------------------+ fenced, or handed over
//!
//! tick --> slot due --> copy of the slot --> cleared on another thread --> one commit
//! ```
//!
//! Invariants: commands are judged on a book that is durable but for their own batch; after a
//! commit that failed the book is rebuilt before the next one is judged. A slot is cleared from a
//! copy, so that orders of other slots do not wait; what touches it meanwhile has it cleared again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Result, anyhow};
use calendar::{Slot, Timestamp};
use ids::AccountId;
use tokio::sync::{RwLock, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::batch::{Batch, Kept, Outcome, Work};
use super::desk::{Command, Refused, Tools};
use super::guard::Presence;
use super::rules::Refusals;
use super::standing::{Standing, State};
use crate::db::{Replayed, follow, lease, replay, snapshots, was_applied};
use crate::domain::{Exchange, Guard, Parameters, RuleName};

/// Commands of one commit.
const BATCH_MAX: usize = 1_024;
/// How long the writer waits before it tries to read the journal again.
const REBUILD_PAUSE: Duration = Duration::from_secs(1);
/// How often a standby looks for new entries and for the lease.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);
/// How often a lease is held on where nothing is written.
const RENEW_EVERY: Duration = Duration::from_secs(lease::LEASE_SECONDS.unsigned_abs() / 4);
/// How long who handed a market over leaves it to others.
const HANDED_OVER: Duration = Duration::from_secs(30);
/// How often a slot is cleared from a copy before orders have to wait for it.
const COPIES_MAX: u32 = 3;
/// Entries after which a snapshot is made,
const SNAPSHOT_ENTRIES: i64 = 100_000;
/// but not sooner after the one before than this;
const SNAPSHOT_PAUSE: Duration = Duration::from_secs(60);
/// or time after which one is made of fewer entries,
const SNAPSHOT_AFTER: Duration = Duration::from_secs(3600);
/// at least so many.
const SNAPSHOT_ENTRIES_MIN: i64 = 1_000;

/// When the next snapshot is made.
pub(super) struct Snapshots {
    place: i64,
    at: Instant,
    keeping: Option<JoinHandle<()>>,
}

impl Snapshots {
    /// The newest one is of the entry at `place`.
    pub(super) fn new(place: i64) -> Snapshots {
        Snapshots { place, at: Instant::now(), keeping: None }
    }

    fn is_due(&self, last: i64) -> bool {
        let (entries, since) = (last - self.place, self.at.elapsed());
        let due = entries >= SNAPSHOT_ENTRIES && since >= SNAPSHOT_PAUSE
            || entries >= SNAPSHOT_ENTRIES_MIN && since >= SNAPSHOT_AFTER;
        due && self.keeping.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

/// A slot that is being cleared.
pub(super) struct Clearing {
    /// Which.
    pub(super) slot: Slot,
    now: Timestamp,
    /// Something has touched it since it was copied.
    stale: bool,
    copies: u32,
    done: oneshot::Receiver<Work>,
    /// Ticks that wait for it.
    waiting: Vec<oneshot::Sender<Result<bool>>>,
}

/// See the [module](self).
pub(super) struct Writer {
    pub(super) tools: Tools,
    pub(super) name: String,
    pub(super) parameters: Arc<Parameters>,
    pub(super) last: i64,
    pub(super) refused: Arc<Refusals<RuleName>>,
    /// Why members got nothing when a slot was shared out.
    pub(super) shared: Arc<Refusals<AccountId>>,
    /// When standing rules were looked at last.
    pub(super) rules_at: Option<Timestamp>,
    /// What is counted of orders and refusals.
    pub(super) guard: Mutex<Guard>,
    /// Since when this process has been there to hear what comes from outside.
    pub(super) presence: Mutex<Presence>,
    /// What was refused and not told of yet: by code how often, and the first order's id or
    /// the hash of the first commitment.
    pub(super) rejections: Mutex<BTreeMap<&'static str, (u32, String)>>,
    pub(super) state: Arc<State>,
    pub(super) clearing: Option<Clearing>,
    pub(super) snapshots: Snapshots,
    /// From when on this process takes the lease where it is free.
    pub(super) free_from: Instant,
}

type Book = Arc<RwLock<Exchange>>;
type Queue = mpsc::Receiver<Command>;

/// Something to do in one commit.
enum Job {
    Commands(Vec<Command>),
    Cleared(Box<Work>),
}

impl Writer {
    /// What was refused and not told of yet.
    pub(super) fn rejections(&self) -> MutexGuard<'_, BTreeMap<&'static str, (u32, String)>> {
        self.rejections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until the desk is dropped.
    pub(super) async fn run(mut self, book: Book, mut queue: Queue) {
        loop {
            let goes_on = match self.state.standing() {
                Standing::Leading { token } => self.lead(token, &book, &mut queue).await,
                Standing::StandingBy => self.stand_by(&book, &mut queue).await,
                Standing::Damaged(_) => match queue.recv().await {
                    Some(command) => {
                        self.refuse(command).await;
                        true
                    }
                    None => false,
                },
            };
            if !goes_on {
                return;
            }
        }
    }

    /// Takes batches of commands as long as this process leads; whether the desk is still there.
    async fn lead(&mut self, token: i64, book: &Book, queue: &mut Queue) -> bool {
        let mut commands = Vec::with_capacity(BATCH_MAX);
        let mut renewal = tokio::time::interval(RENEW_EVERY);
        renewal.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while self.state.standing() == (Standing::Leading { token }) {
            tokio::select! {
                count = queue.recv_many(&mut commands, BATCH_MAX) => {
                    if count == 0 {
                        return false;
                    }
                    self.carry_out(std::mem::take(&mut commands), book).await;
                }
                work = cleared(&mut self.clearing) => self.record_cleared(work, book).await,
                _ = renewal.tick(), if self.tools.db.kind() == db::Kind::Postgres => {
                    self.renew(token, book).await;
                }
            }
        }
        // Whoever leads next clears what is due.
        for tick in self.clearing.take().into_iter().flat_map(|clearing| clearing.waiting) {
            // Whoever asked may be gone.
            let _ = tick.send(Ok(false));
        }
        true
    }

    /// Carries commands out up to one that hands the market over, and refuses those behind it.
    async fn carry_out(&mut self, mut commands: Vec<Command>, book: &Book) {
        let over = commands.iter().position(|command| matches!(command, Command::HandOver(_)));
        let rest = over.map(|over| commands.split_off(over)).unwrap_or_default();
        if !commands.is_empty() {
            self.commit(Job::Commands(commands), book).await;
        }
        for command in rest {
            match command {
                Command::HandOver(answer) => {
                    // Whoever asked may be gone.
                    let _ = answer.send(self.hand_over(book).await);
                }
                other => self.refuse(other).await,
            }
        }
    }

    /// Gives the lease up, so that whoever takes it finds all that was answered.
    async fn hand_over(&mut self, book: &Book) -> Result<(), Refused> {
        let Standing::Leading { token } = self.state.standing() else {
            return self.state.refusal().map_or(Ok(()), Err);
        };
        if self.last - self.snapshots.place >= SNAPSHOT_ENTRIES_MIN {
            let copy = book.read().await.clone();
            keep(&self.tools.db, &self.name, self.last, copy, &self.state).await;
        }
        self.free_from = Instant::now() + HANDED_OVER;
        self.state.stand(Standing::StandingBy);
        lease::give_up(&self.tools.db, &self.name, token).await.map_err(Refused::Fault)
    }

    /// Refuses a command that is not carried out here. What another process has applied is applied.
    async fn refuse(&self, command: Command) {
        let why = || self.state.refusal().unwrap_or(Refused::StandingBy);
        // Whoever asked may be gone.
        let _ =
            match command {
                Command::Place(_, answer)
                | Command::Cancel(_, _, answer)
                | Command::Open(_, _, answer) => answer.send(Err(why())).is_ok(),
                Command::Seal(_, answer) | Command::Withdraw(_, _, answer) => {
                    answer.send(Err(why())).is_ok()
                }
                Command::Change(_, _, answer) | Command::HandOver(answer) => {
                    answer.send(Err(why())).is_ok()
                }
                Command::Facts(event, _, answer) => {
                    let applied = was_applied(&self.tools.db, event).await;
                    let applied = applied.and_then(|applied| {
                        if applied { Ok(()) } else { Err(anyhow::Error::new(why())) }
                    });
                    answer.send(applied).is_ok()
                }
                Command::Tick(_, answer) => answer.send(Ok(false)).is_ok(),
            };
    }

    /// Follows the journal until the lease is free; whether the desk is still there.
    async fn stand_by(&mut self, book: &Book, queue: &mut Queue) -> bool {
        let mut looks = tokio::time::interval(FOLLOW_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                command = queue.recv() => match command {
                    Some(command) => self.refuse(command).await,
                    None => return false,
                },
                _ = looks.tick() => match self.look(book).await {
                    Ok(false) => {}
                    Ok(true) => return true,
                    Err(_) if self.state.is_over() => return false,
                    Err(error) => {
                        let error = format!("{error:#}");
                        tracing::error!(market = self.name, error, "the journal is not followed");
                    }
                },
            }
        }
    }

    /// Reads what is new in the journal, and takes the lease if it is free; whether this process
    /// stands otherwise now.
    async fn look(&mut self, book: &Book) -> Result<bool> {
        let mut exchange = book.write().await;
        let mut token = None;
        // Twice: before the lease is taken the other one may still write.
        for leads in [false, true] {
            if leads && Instant::now() >= self.free_from {
                token = lease::take(&self.tools.db, &self.name).await?;
            }
            let followed = follow(&self.tools.db, &self.name, &mut exchange, &mut self.last).await;
            self.state.reached(self.last);
            if let Some(damage) = followed? {
                self.state.stand(Standing::Damaged(damage));
                return Ok(true);
            }
            if leads && token.is_none() {
                return Ok(false);
            }
        }
        let token = token.expect("it was just taken");
        (self.rules_at, self.snapshots) = (None, Snapshots::new(self.snapshots.place));
        self.state.stand(Standing::Leading { token });
        Ok(true)
    }

    async fn renew(&mut self, token: i64, book: &Book) {
        match lease::renew(&self.tools.db, &self.name, token).await {
            Ok(()) => {}
            Err(error) if error.is::<lease::Fenced>() => self.fenced(book).await,
            Err(error) => {
                let error = format!("{error:#}");
                tracing::error!(market = self.name, error, "the lease was not renewed");
            }
        }
    }

    /// Another process has taken the lease: nothing of this one is in the journal any more.
    async fn fenced(&mut self, book: &Book) {
        tracing::warn!(market = self.name, "another process has taken the lease");
        self.state.stand(Standing::StandingBy);
        self.rebuild(&mut *book.write().await).await;
    }

    /// Judges, commits, answers.
    async fn commit(&mut self, job: Job, book: &Book) {
        let Standing::Leading { token } = self.state.standing() else { return };
        let mut exchange = book.write().await;
        let mut batch = Batch::new(self, &mut exchange, token);
        match job {
            Job::Commands(commands) => {
                for command in commands {
                    batch.take(command).await;
                }
            }
            Job::Cleared(work) => batch.take_cleared(*work),
        }
        let outcome = batch.commit().await;
        self.state.committed(matches!(outcome, Outcome::Kept(_)));
        match outcome {
            Outcome::Kept(kept) => self.kept(kept, &exchange),
            Outcome::Lost => self.rebuild(&mut exchange).await,
            // The book is as it was.
            Outcome::Unsure => {}
            Outcome::Fenced => {
                drop(exchange);
                self.fenced(book).await;
            }
        }
    }

    /// A batch is durable.
    fn kept(&mut self, kept: Kept, exchange: &Exchange) {
        self.last += kept.entries;
        self.rules_at = kept.rules_at;
        self.state.reached(self.last);
        if let Some(clearing) = &mut self.clearing {
            clearing.stale |= kept.stale;
        }
        for (now, tick) in kept.ticks {
            match &mut self.clearing {
                Some(clearing) => clearing.waiting.push(tick),
                None => self.begin(exchange, now, vec![tick]),
            }
        }
        if self.snapshots.is_due(self.last) {
            let (db, name, place) = (self.tools.db.clone(), self.name.clone(), self.last);
            let (copy, state) = (exchange.clone(), self.state.clone());
            let keeping = async move { keep(&db, &name, place, copy, &state).await };
            let keeping = Some(tokio::spawn(keeping));
            self.snapshots = Snapshots { place, at: Instant::now(), keeping };
        }
    }

    /// Begins to clear the oldest slot that is due; where there is none, ticks are answered.
    fn begin(
        &mut self,
        exchange: &Exchange,
        now: Timestamp,
        waiting: Vec<oneshot::Sender<Result<bool>>>,
    ) {
        let due = exchange.due(&self.parameters, now);
        let Some(start) = due.first() else {
            for tick in waiting {
                // Whoever asked may be gone.
                let _ = tick.send(Ok(true));
            }
            return;
        };
        let slot = Slot { start: *start, length: self.parameters.slot_length };
        let done = self.clear(exchange, slot, now);
        self.clearing = Some(Clearing { slot, now, stale: false, copies: 1, done, waiting });
    }

    /// Clears a copy of a slot on a thread of its own.
    fn clear(&self, exchange: &Exchange, slot: Slot, now: Timestamp) -> oneshot::Receiver<Work> {
        let (sender, done) = oneshot::channel();
        let (copy, parameters) = (exchange.of_slot(slot.start), self.parameters.clone());
        let (name, deployment) = (self.name.clone(), self.tools.deployment);
        tokio::task::spawn_blocking(move || {
            let work = Work::of(&copy, (slot, now), &parameters, (&name, &deployment));
            // The writer is gone only with the market.
            let _ = sender.send(work);
        });
        done
    }

    /// What came of a copy of a slot is recorded, unless the slot was touched meanwhile.
    async fn record_cleared(&mut self, work: Result<Work>, book: &Book) {
        let Some(mut clearing) = self.clearing.take() else { return };
        let work = match work {
            Ok(work) => work,
            Err(error) => {
                tracing::error!(market = self.name, slot = %clearing.slot.start, "{error:#}");
                for tick in clearing.waiting {
                    let _ = tick.send(Err(anyhow!("the slot was not cleared")));
                }
                return;
            }
        };
        let exchange = book.read().await;
        let (slot, now) = (clearing.slot, clearing.now);
        let work = if !clearing.stale {
            work
        } else if clearing.copies < COPIES_MAX {
            clearing.done = self.clear(&exchange, slot, now);
            (clearing.stale, clearing.copies) = (false, clearing.copies + 1);
            self.clearing = Some(clearing);
            return;
        } else {
            let at = (self.name.as_str(), &self.tools.deployment);
            Work::of(&exchange, (slot, now), &self.parameters, at)
        };
        drop(exchange);
        self.commit(Job::Cleared(Box::new(work)), book).await;
        let exchange = book.read().await;
        let cleared = exchange.slot(slot.start).is_none_or(|book| book.cleared.is_some());
        if cleared && self.state.refusal().is_none() {
            self.begin(&exchange, now, clearing.waiting);
        } else {
            for tick in clearing.waiting {
                let _ = tick.send(Err(anyhow!("the slot was not cleared")));
            }
        }
    }

    /// Reads the journal again until that succeeds.
    async fn rebuild(&mut self, exchange: &mut Exchange) {
        let mut pause = tokio::time::interval(REBUILD_PAUSE);
        loop {
            pause.tick().await;
            match replay(&self.tools.db, &self.name).await {
                Ok(Replayed { exchange: rebuilt, last, damage, .. }) => {
                    (*exchange, self.last) = (rebuilt, last);
                    // As if it had been away.
                    self.rules_at = None;
                    self.state.reached(last);
                    if let Some(clearing) = &mut self.clearing {
                        clearing.stale = true;
                    }
                    if let Some(damage) = damage {
                        self.state.stand(Standing::Damaged(damage));
                    }
                    return;
                }
                Err(error) => {
                    tracing::error!(market = self.name, error = format!("{error:#}"), "no journal");
                }
            }
        }
    }
}

/// Keeps a snapshot; one that cannot be kept is not needed either.
async fn keep(db: &db::Db, market: &str, place: i64, book: Exchange, state: &State) {
    match snapshots::keep(db, market, place, book).await {
        Ok(()) => {
            tracing::info!(market, place, "a snapshot was kept");
            state.kept(place);
        }
        Err(error) => {
            tracing::error!(market, place, error = format!("{error:#}"), "no snapshot was kept");
        }
    }
}

/// What comes of the slot that is being cleared; never, where none is.
async fn cleared(clearing: &mut Option<Clearing>) -> Result<Work> {
    match clearing {
        Some(clearing) => (&mut clearing.done).await.map_err(|_| anyhow!("the clearing died")),
        None => std::future::pending().await,
    }
}
