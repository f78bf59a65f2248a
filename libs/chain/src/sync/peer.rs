//! What is known of a peer.

use super::PeerId;
use super::branch::Branch;
use super::lie::{Lie, SCORE_MAX};
use crate::checkpoint::Checkpoint;
use alloy_primitives::{B256, U256};
use std::collections::VecDeque;

/// Milliseconds in which a score falls by one.
const FORGIVES_AFTER: u64 = 10_000;
/// Milliseconds for which a peer that gave a block keeps its place.
const USEFUL_FOR: u64 = 300_000;
/// Messages that a peer may send per second, and at once.
const MESSAGES_PER_SECOND: u64 = 200;
const MESSAGES_AT_ONCE: u64 = 1_000;

/// The head that a peer announced.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) hash: B256,
    pub(super) header: crate::Header,
    pub(super) work: U256,
}

/// What was asked for.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    Headers,
    Bodies(Vec<B256>),
    Part(B256),
}

/// A question without an answer yet.
#[derive(Clone, Debug)]
pub(super) struct Question<T> {
    pub(super) id: u64,
    pub(super) deadline: u64,
    pub(super) what: T,
}

pub(super) struct Peer {
    pub(super) heard: u64,
    /// When it was last told alone where we stand.
    pub(super) told: u64,
    pub(super) head: Option<Head>,
    pub(super) checkpoint: Option<Checkpoint>,
    /// A head of it that leads nowhere.
    pub(super) useless: Option<B256>,
    /// When a block of it was last imported, if ever.
    pub(super) useful: Option<u64>,
    pub(super) branch: Option<Branch>,
    pub(super) question: Option<Question<Asked>>,
    /// Transactions that it has and we may want.
    pub(super) hashes: VecDeque<B256>,
    pub(super) transactions: Option<Question<Vec<B256>>>,
    /// Questions in a row that were not answered in time.
    pub(super) silences: u32,
    score: u32,
    scored: u64,
    /// Thousandths of messages that it may send at once.
    allowance: u64,
    counted: u64,
}

impl Peer {
    pub(super) fn new(now: u64) -> Self {
        Self {
            heard: now,
            told: 0,
            head: None,
            checkpoint: None,
            useless: None,
            useful: None,
            branch: None,
            question: None,
            hashes: VecDeque::new(),
            transactions: None,
            silences: 0,
            score: 0,
            scored: now,
            allowance: MESSAGES_AT_ONCE * 1_000,
            counted: now,
        }
    }

    /// Whether it gave a block lately.
    pub(super) fn is_useful(&self, now: u64) -> bool {
        self.useful.is_some_and(|at| now < at.saturating_add(USEFUL_FOR))
    }

    /// Nothing more is fetched of it for now: the head that was, or else the one that it announced,
    /// leads nowhere. What it announced meanwhile may be worth a look.
    pub(super) fn give_up(&mut self) {
        let target = self.branch.take().map(|branch| branch.target);
        self.useless = target.or_else(|| self.head.as_ref().map(|head| head.hash));
        self.question = None;
    }

    /// Counts a message; whether it is one too many.
    pub(super) fn floods(&mut self, now: u64) -> bool {
        let earned = now.saturating_sub(self.counted).saturating_mul(MESSAGES_PER_SECOND);
        self.allowance = self.allowance.saturating_add(earned).min(MESSAGES_AT_ONCE * 1_000);
        self.counted = now;
        match self.allowance.checked_sub(1_000) {
            Some(left) => self.allowance = left,
            None => return true,
        }
        false
    }

    /// The score as of now.
    pub(super) fn score(&self, now: u64) -> u32 {
        let forgiven = now.saturating_sub(self.scored) / FORGIVES_AFTER;
        self.score.saturating_sub(u32::try_from(forgiven).unwrap_or(u32::MAX))
    }

    /// Adds what a lie costs; whether it is to be ignored from now on.
    pub(super) fn lied(&mut self, lie: &Lie, now: u64) -> bool {
        self.score = self.score(now).saturating_add(lie.cost());
        self.scored = now;
        self.score >= SCORE_MAX
    }
}

/// A peer as others may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// Which.
    pub id: PeerId,
    /// Height of the head that it announced.
    pub number: Option<u64>,
    /// Hash of that head.
    pub head: Option<B256>,
    /// Work of that head, as announced.
    pub work: Option<U256>,
    /// Rises with what it does wrong, up to [`SCORE_MAX`].
    pub score: u32,
}
