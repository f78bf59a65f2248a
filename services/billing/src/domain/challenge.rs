//! A challenge: what a meter registered in a slot against what was reconciled of its trades.
//!
//! ```text
//! settle's calls, runs    -> Case        a connection point's side of a clearing on the chain
//! two readings, proofs    -> registered  once signature, key, root and time hold
//! Case.judge(registered)  -> Judged      what the contract cuts, trade by trade
//! Case.call               -> what anybody may send to `Challenges`
//! ```
//!
//! Nothing that a server said is believed: keys and roots are the chain's. What is judged here the
//! contract judges again; a call that is sent for nothing costs gas, no more.
//! Deliberately absent: how the chain is asked, and who sends.

mod judge;
mod proof;

pub use judge::{Cut, Judged};
pub use proof::{Anchored, End, Flaw, MeterKey, Proof, Proven};

use alloy_primitives::Address;
use contracts::{BatchTrade, Call, Claim, Deployment, Posted, Side, TradeBatch};
use ids::ConnectionPointId;

/// One side of a connection point in one clearing, with the trades that can be challenged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The clearing and its policy.
    pub posted: Posted,
    /// Whether the connection point bought or sold.
    pub side: Side,
    /// Whose orders they are.
    pub account: Address,
    /// Where the meter is.
    pub point: ConnectionPointId,
    /// The settled trades of this side, in the order of their fills.
    pub trades: Vec<BatchTrade>,
    /// The proof of each of them.
    pub claims: Vec<Claim>,
    /// The batches that have them, as the contract keeps them.
    pub batches: Vec<TradeBatch>,
}

/// When a challenge can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The first epoch second of a block that takes one.
    pub opens: u64,
    /// The first epoch second of a block that takes none any more.
    pub closes: u64,
}

/// Where a moment lies in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Corrections are open: the operator may still put it right.
    Early,
    /// A challenge is taken.
    Open,
    /// What was paid stays.
    Over,
}

impl Stage {
    /// Its name in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Stage::Early => "early",
            Stage::Open => "open",
            Stage::Over => "over",
        }
    }
}

impl Window {
    /// The window of a clearing's trades.
    pub fn of(posted: &Posted) -> Window {
        let Posted { clearing, policy } = posted;
        let windows = u64::from(policy.slot_seconds) + u64::from(policy.correction_seconds);
        let corrected = clearing.slot.saturating_add(windows);
        Window {
            opens: corrected.saturating_add(1),
            closes: corrected.saturating_add(u64::from(policy.challenge_seconds)),
        }
    }

    /// Where an epoch second lies.
    pub const fn stage(self, now: u64) -> Stage {
        if now < self.opens {
            Stage::Early
        } else if now < self.closes {
            Stage::Open
        } else {
            Stage::Over
        }
    }
}

impl Case {
    /// When it can be challenged.
    pub fn window(&self) -> Window {
        Window::of(&self.posted)
    }

    /// Start and end of the slot, epoch seconds.
    pub fn slot(&self) -> [u64; 2] {
        let begin = self.posted.clearing.slot;
        [begin, begin.saturating_add(u64::from(self.posted.policy.slot_seconds))]
    }

    /// What anybody may send to the chain.
    ///
    /// # Errors
    /// Where a proof names a community that is none.
    pub fn call(&self, at: &Deployment, [begin, end]: [&Proof; 2]) -> Result<Call, Flaw> {
        let (begin, end) = (begin.evidence()?, end.evidence()?);
        Ok(at.challenge([&begin, &end], &self.claims, &self.batches))
    }
}
