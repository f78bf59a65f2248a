//! Nodes that agree: what is said to whom, and what is taken in.
//!
//! ```text
//! Announcement ---> head unknown, more work ---> parent known? ----yes----+
//!                                                  | no                   |
//!                                     locator -> headers (checked) -> work enough?
//!                                                                         |
//!                              import <- bodies, in parts if need be <----+
//! hashes of transactions -> fetched once -> pool -> announced again, or remembered as refused
//! ```
//!
//! [`Machine::step`] takes what happened and the time and returns what to do. It reads the chain
//! through [`Local`] and knows no network, clock or randomness; whoever drives it imports, submits
//! and sends, and tells the outcome.
//!
//! Invariants: only headers that pass every check but execution are counted as work, only a
//! branch that is heavier than ours (or has a certified block) is fetched, only what
//! [`Rules::import`] accepts is built on. A branch is fetched from one peer; when that one makes no
//! progress for [`PATIENCE`], the next best begins beside it, so nobody can hold up the others. All
//! that grows has a limit: peers, questions, headers, bodies, hashes, what is remembered.
//!
//! Absent on purpose: discovery (the transport reaches everyone), other chains (the transport keeps
//! them apart), blocks without a known parent (their header is enough to ask for what is missing).

mod answers;
mod branch;
mod fetch;
mod gossip;
mod lie;
pub mod message;
mod peer;
mod serve;

pub use branch::{BRANCH_HEADERS_MAX, IMPORTS_MAX, PART_BYTES_MIN};
pub use gossip::{FRESH_MAX, RECENT_MAX, REFUSED_MAX, WANTED_PER_PEER_MAX};
pub use lie::{Lie, SCORE_MAX, is_hopeless};
pub use message::Message;
pub use peer::PeerStatus;

use crate::block::{Block, Transaction};
use crate::blockchain::BlockError;
use crate::checkpoint::{Certificate, Checkpoint, Vote};
use crate::rules::Rules;
use crate::view::ChainView;
use alloy_primitives::{Address, B256, U256};
use gossip::Gossip;
use message::{Announcement, Votes};
use peer::Peer;
use std::collections::BTreeMap;

/// A peer, named by the address of the key that it signs with.
pub type PeerId = Address;

/// Peers that are listened to at once.
pub const PEERS_MAX: usize = 64;
/// Peers that are remembered as ignored.
pub const IGNORED_MAX: usize = 1_024;
/// Branches that are fetched by headers at once.
pub const BRANCHES_MAX: usize = 4;
/// Milliseconds that an answer may take.
pub const ANSWER_WITHIN: u64 = 5_000;
/// Milliseconds without a block imported, after which another peer is asked too.
pub const PATIENCE: u64 = 5_000;
/// Milliseconds between signs of life.
pub const ALIVE_EVERY: u64 = 10_000;
/// Milliseconds between announcements at least.
pub const ANNOUNCED_EVERY: u64 = 100;
/// Milliseconds without a sign of life, after which a peer is gone.
pub const GONE_AFTER: u64 = 45_000;
/// Milliseconds for which a lying peer is ignored.
pub const IGNORED_FOR: u64 = 600_000;
/// Questions in a row without an answer, after which a peer is ignored for a while.
pub const SILENCES_MAX: u32 = 8;
/// Milliseconds for which a silent peer is ignored: its line may be broken.
pub const SILENT_IGNORED_FOR: u64 = 60_000;
/// Milliseconds between two answers to a peer that announces less than we have.
const TOLD_EVERY: u64 = 2_000;

/// The node that the machine speaks for, as of one moment.
pub struct Local<'a, V> {
    /// The rules of the chain.
    pub rules: &'a Rules,
    /// The chain.
    pub view: &'a V,
    /// A transaction of the pool.
    pub transaction: &'a dyn Fn(B256) -> Option<Transaction>,
    /// The newest certificate, if the chain has operators.
    pub certificate: Option<&'a Certificate>,
    /// Height below which nothing is undone.
    pub finalized: u64,
    /// Epoch seconds, for the times of blocks.
    pub now: u64,
}

impl<V: ChainView> Local<'_, V> {
    fn work(&self) -> U256 {
        self.view.total_difficulty(self.view.head()).unwrap_or_default()
    }

    /// The certified block, if it is not on our branch yet.
    fn wanted(&self) -> Option<Checkpoint> {
        let wanted = self.certificate?.checkpoint;
        (self.view.canonical_hash(wanted.height) != Some(wanted.hash)).then_some(wanted)
    }
}

/// What happened.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "one at a time, used up at once")]
pub enum Input {
    /// Time passed: every tenth of a second or so.
    Tick,
    /// A peer said something.
    Heard(PeerId, Message),
    /// A peer did something wrong that is seen elsewhere.
    Lied(PeerId, Lie),
    /// The head moved.
    HeadMoved,
    /// A transaction came into the pool.
    Pooled(B256),
    /// This node signed a checkpoint.
    Voted(Vote),
    /// There is a newer certificate.
    Certified,
    /// What became of [`Action::Import`].
    Imported(ImportId, Outcome),
    /// The pool refused a transaction of a peer; whether it [is hopeless](is_hopeless).
    Refused(PeerId, B256, bool),
}

/// Which import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportId {
    /// From whom the block came.
    pub from: PeerId,
    /// The branch that it is part of.
    pub branch: u64,
    /// The block.
    pub hash: B256,
}

/// What became of a block.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It is stored, now or before.
    Stored,
    /// The rules refuse it, or the store failed.
    Refused(BlockError),
    /// It would undo what is final.
    BelowFinal,
    /// Something of ours failed.
    Failed,
}

/// What is to be done, in this order.
#[derive(Clone, Debug)]
pub enum Action {
    /// Send to all peers.
    Broadcast(Message),
    /// Send to one peer.
    Send(PeerId, Message),
    /// Import a block and tell the outcome.
    Import(ImportId, Box<Block>),
    /// Put a transaction of a peer into the pool; tell [`Input::Pooled`] or [`Input::Refused`].
    Submit(PeerId, Box<Transaction>),
    /// Make this stored block the head, if it weighs more or has a certified block.
    Prefer(B256),
    /// Votes of a peer.
    Votes(PeerId, Vec<Vote>),
    /// A certificate of a peer, newer than ours.
    Certificate(PeerId, Box<Certificate>),
    /// A peer did something wrong; whether it is ignored from now on.
    Distrust(PeerId, Lie, bool),
    /// A peer is on a branch that would undo final blocks from this height on.
    Refuse(PeerId, u64),
}

/// How a node stands among its peers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Peers that were heard lately.
    pub peers: Vec<PeerStatus>,
    /// Peers that are ignored for what they did.
    pub ignored: usize,
    /// Set while a branch is fetched by its headers.
    pub syncing: Option<Syncing>,
}

/// How far fetching is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syncing {
    /// Our height when it began.
    pub starting: u64,
    /// The greatest height that is announced.
    pub highest: u64,
}

/// The machine. Times are milliseconds from any beginning.
pub struct Machine {
    me: PeerId,
    /// Bytes of a message at most.
    bytes_max: usize,
    now: u64,
    peers: BTreeMap<PeerId, Peer>,
    ignored: BTreeMap<PeerId, u64>,
    gossip: Gossip,
    votes: Vec<Vote>,
    /// Rises with every question and branch.
    counter: u64,
    announced: u64,
    alive: u64,
    has_news: bool,
    starting: Option<u64>,
    actions: Vec<Action>,
}

impl Machine {
    /// A node that knows nobody yet.
    pub fn new(me: PeerId, bytes_max: usize, now: u64) -> Self {
        Self {
            me,
            bytes_max,
            now,
            peers: BTreeMap::new(),
            ignored: BTreeMap::new(),
            gossip: Gossip::default(),
            votes: Vec::new(),
            counter: 0,
            announced: 0,
            alive: 0,
            has_news: true,
            starting: None,
            actions: Vec::new(),
        }
    }

    /// The most bytes of a message from now on.
    pub fn set_bytes_max(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
    }

    /// Whether messages of this peer are dropped unread.
    pub fn ignores(&self, peer: PeerId) -> bool {
        peer == self.me || self.ignored.get(&peer).is_some_and(|until| *until > self.now)
    }

    /// Takes what happened at `now` and returns what to do.
    pub fn step<V: ChainView>(
        &mut self,
        local: &Local<'_, V>,
        now: u64,
        input: Input,
    ) -> Vec<Action> {
        self.now = self.now.max(now);
        match input {
            Input::Tick => self.tick(local),
            Input::Heard(from, message) => self.heard(local, from, message),
            Input::Lied(from, lie) => self.distrust(from, lie),
            Input::HeadMoved => {
                self.gossip.forget_refused();
                self.has_news = true;
            }
            Input::Certified => self.has_news = true,
            Input::Pooled(hash) => self.gossip.pooled(hash),
            Input::Voted(vote) => {
                self.votes.push(vote);
                self.actions.push(Action::Broadcast(Votes { votes: vec![vote] }.into()));
            }
            Input::Imported(id, outcome) => self.imported(id, outcome),
            Input::Refused(from, hash, invalid) => {
                self.gossip.refused(hash);
                if invalid {
                    self.distrust(from, Lie::Transaction);
                }
            }
        }
        self.advance(local);
        self.announce(local);
        std::mem::take(&mut self.actions)
    }

    /// How it stands.
    pub fn status(&self) -> Status {
        let of_peer = |(id, peer): (&PeerId, &Peer)| PeerStatus {
            id: *id,
            number: peer.head.as_ref().map(|head| head.header.number),
            head: peer.head.as_ref().map(|head| head.hash),
            work: peer.head.as_ref().map(|head| head.work),
            score: peer.score(self.now),
        };
        let peers: Vec<PeerStatus> = self.peers.iter().map(of_peer).collect();
        let highest = peers.iter().filter_map(|peer| peer.number).max().unwrap_or_default();
        let syncing = self.starting.map(|starting| Syncing { starting, highest });
        let ignored = self.ignored.values().filter(|until| **until > self.now).count();
        Status { peers, ignored, syncing }
    }

    fn tick<V: ChainView>(&mut self, local: &Local<'_, V>) {
        let now = self.now;
        let overdue = |deadline: Option<u64>| deadline.is_some_and(|deadline| deadline <= now);
        let mut silent = Vec::new();
        for (id, peer) in &mut self.peers {
            if overdue(peer.question.as_ref().map(|question| question.deadline)) {
                peer.question = None;
                // Others first; a sign of life brings it back.
                peer.head = None;
                peer.branch = None;
                peer.silences += 1;
            }
            if overdue(peer.transactions.as_ref().map(|question| question.deadline))
                && let Some(question) = peer.transactions.take()
            {
                self.gossip.fetched(&question.what);
                peer.silences += 1;
            }
            if peer.silences >= SILENCES_MAX {
                silent.push(*id);
            }
        }
        silent.into_iter().for_each(|id| self.distrust(id, Lie::Silent));
        let gone = |peer: &Peer| peer.heard + GONE_AFTER <= now && peer.branch.is_none();
        self.peers.retain(|_, peer| !gone(peer));
        self.ignored.retain(|_, until| *until > now);
        if now >= self.alive + ALIVE_EVERY || self.alive == 0 {
            self.alive = now.max(1);
            self.votes.retain(|vote| vote.checkpoint.height > local.finalized);
            let spare = self.votes.len().saturating_sub(message::VOTES_PER_MESSAGE_MAX);
            self.votes.drain(..spare);
            let again = self.gossip.again(|hash| (local.transaction)(hash).is_some());
            self.broadcast_head(local, again);
            if !self.votes.is_empty() {
                let votes = self.votes.clone();
                self.actions.push(Action::Broadcast(Votes { votes }.into()));
            }
        }
    }

    /// Tells all peers what is new, not more often than [`ANNOUNCED_EVERY`].
    fn announce<V: ChainView>(&mut self, local: &Local<'_, V>) {
        let is_time = self.now >= self.announced + ANNOUNCED_EVERY || self.announced == 0;
        if is_time && (self.has_news || self.gossip.has_fresh()) {
            let hashes = self.gossip.next(|hash| (local.transaction)(hash).is_some());
            if self.has_news || !hashes.is_empty() {
                self.broadcast_head(local, hashes);
            }
        }
    }

    fn broadcast_head<V: ChainView>(&mut self, local: &Local<'_, V>, hashes: Vec<B256>) {
        self.announced = self.now.max(1);
        self.has_news = false;
        if let Some(announcement) = announcement(local, hashes) {
            self.actions.push(Action::Broadcast(announcement.into()));
        }
    }

    /// Counts a lie; what was being fetched from the peer is given up.
    fn distrust(&mut self, from: PeerId, lie: Lie) {
        let Some(peer) = self.peers.get_mut(&from) else { return };
        let is_over = peer.lied(&lie, self.now);
        if is_over && let Some(peer) = self.peers.remove(&from) {
            self.gossip.fetched(&peer.transactions.map(|asked| asked.what).unwrap_or_default());
            if self.ignored.len() >= IGNORED_MAX {
                let first = self.ignored.iter().min_by_key(|(_, until)| **until);
                let first = first.map(|(id, _)| *id);
                first.and_then(|id| self.ignored.remove(&id));
            }
            let time = if lie == Lie::Silent { SILENT_IGNORED_FOR } else { IGNORED_FOR };
            self.ignored.insert(from, self.now + time);
        }
        self.actions.push(Action::Distrust(from, lie, is_over));
    }

    fn imported(&mut self, id: ImportId, outcome: Outcome) {
        let now = self.now;
        let Some(peer) = self.peers.get_mut(&id.from) else { return };
        let Some(branch) = peer.branch.as_mut().filter(|branch| branch.id == id.branch) else {
            return;
        };
        branch.importing = branch.importing.saturating_sub(1);
        match outcome {
            Outcome::Stored => {
                branch.progress = now;
                peer.useful = Some(now);
            }
            Outcome::BelowFinal | Outcome::Failed => peer.give_up(),
            Outcome::Refused(reason) => {
                peer.give_up();
                if let Some(lie) = branch::blame(id.hash, reason) {
                    self.distrust(id.from, lie);
                }
            }
        }
    }
}

fn announcement<V: ChainView>(local: &Local<'_, V>, hashes: Vec<B256>) -> Option<Announcement> {
    let head = local.view.header(local.view.head())?;
    let certificate = local.certificate.cloned().into_iter().collect();
    Some(Announcement { head, work: local.work(), transactions: hashes, certificate })
}
