//! Where a market stands in this process, and what it has done since that started.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::desk::Refused;

/// What is wrong with a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The place of the entry that cannot be applied.
    pub place: i64,
    /// Why.
    pub why: String,
}

/// Where a market stands in this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is written here.
    Leading {
        /// The token of the lease: it rises with each that takes it.
        token: i64,
    },
    /// Another process writes it; its journal is followed, and the lease is taken once it is free.
    StandingBy,
    /// Nobody can: an entry of its journal cannot be applied. Somebody has to look at it.
    Damaged(Damage),
}

impl Standing {
    /// `leading`, `standing_by` or `damaged`.
    pub fn name(&self) -> &'static str {
        match self {
            Standing::Leading { .. } => "leading",
            Standing::StandingBy => "standing_by",
            Standing::Damaged(_) => "damaged",
        }
    }
}

/// What a market tells of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Where it stands.
    pub standing: Standing,
    /// Entries of its journal that are in the book.
    pub entries: i64,
    /// How many of them the newest snapshot has; zero without one.
    pub snapshot: i64,
    /// Commands that wait for the writer.
    pub waiting: usize,
    /// Orders that this process accepted.
    pub accepted: u64,
    /// Orders that this process refused.
    pub refused: u64,
    /// Commits of this process.
    pub commits: u64,
    /// Commits that failed.
    pub failed: u64,
}

/// What a writer notes for others to read.
#[derive(Debug)]
pub(super) struct State {
    market: String,
    standing: Mutex<Standing>,
    entries: AtomicI64,
    snapshot: AtomicI64,
    accepted: AtomicU64,
    refused: AtomicU64,
    commits: AtomicU64,
    failed: AtomicU64,
    /// Whether the process is about to end.
    over: AtomicBool,
}

impl State {
    pub(super) fn new(market: &str, standing: Standing, entries: i64, snapshot: i64) -> State {
        let state = State {
            market: market.to_owned(),
            standing: Mutex::new(Standing::StandingBy),
            entries: AtomicI64::new(entries),
            snapshot: AtomicI64::new(snapshot),
            accepted: AtomicU64::default(),
            refused: AtomicU64::default(),
            commits: AtomicU64::default(),
            failed: AtomicU64::default(),
            over: AtomicBool::default(),
        };
        state.stand(standing);
        state
    }

    /// The process is about to end: its database closes.
    pub(super) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    pub(super) fn standing(&self) -> Standing {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on it stands like that.
    pub(super) fn stand(&self, standing: Standing) {
        let market = &self.market;
        match &standing {
            Standing::Leading { token } => {
                tracing::info!(market, token, "this process writes the market");
            }
            Standing::StandingBy => tracing::info!(market, "another process writes the market"),
            Standing::Damaged(Damage { place, why }) => {
                tracing::error!(market, place, why, "the journal is damaged: this market stops");
            }
        }
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = standing;
    }

    /// Why no command is carried out here, if so.
    pub(super) fn refusal(&self) -> Option<Refused> {
        match self.standing() {
            Standing::Leading { .. } => None,
            Standing::StandingBy => Some(Refused::StandingBy),
            Standing::Damaged(Damage { place, why }) => {
                Some(Refused::Damaged { market: self.market.clone(), place, why })
            }
        }
    }

    /// The book has so many entries.
    pub(super) fn reached(&self, entries: i64) {
        self.entries.store(entries, Ordering::Relaxed);
    }

    /// There is a snapshot of so many entries.
    pub(super) fn kept(&self, snapshot: i64) {
        self.snapshot.store(snapshot, Ordering::Relaxed);
    }

    /// An order was judged.
    pub(super) fn judged(&self, accepted: bool) {
        let count = if accepted { &self.accepted } else { &self.refused };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// A commit was tried.
    pub(super) fn committed(&self, done: bool) {
        let count = if done { &self.commits } else { &self.failed };
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn report(&self, waiting: usize) -> Report {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Report {
            standing: self.standing(),
            entries: self.entries.load(Ordering::Relaxed),
            snapshot: self.snapshot.load(Ordering::Relaxed),
            waiting,
            accepted: read(&self.accepted),
            refused: read(&self.refused),
            commits: read(&self.commits),
            failed: read(&self.failed),
        }
    }
}
