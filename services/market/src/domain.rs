//! The market machine: orders become trades. A plain value that is the fold of its journal.
//!
//! ```text
//! command, now --decide--> Entry | Rejection      Exchange::{place, cancel, clear} change nothing
//! Entry        --apply---> Exchange               the only way in which it changes
//! Entry        --consequences--> more entries     orders that a block or a suspension takes back
//!
//! slot T:   T-36h ....... gate = T-15min ....... T ............ T+15min
//!           place, cancel | clear: holds shrink  | the chain settles or skips; holds end
//!                         | before: what the wallets no longer cover is taken back
//!           and, where the mechanism is continuous, trades, which stand
//!           where it shares out what was metered: no orders before, clear once that is known
//! ```
//!
//! Invariants: the same entries give the same [`Exchange::hash`]; an accepted order is covered by
//! cash that the chain cannot take back; what is held of an address is exactly the sum over its
//! open orders and unsettled trades; a slot is cleared once; a nonce that an account ended on chain
//! is never open again, also where the block that said so vanishes.
//! Deliberately absent: clocks, storage, the network, and the past: slots that started more than
//! [`RETAINED_SECONDS`] before the newest cleared one are forgotten.

mod apart;
mod buying;
mod cases;
mod cash;
mod clearing;
mod concentration;
mod consents;
mod cover;
mod difference;
mod entry;
mod exposure;
mod feeds;
mod fits;
mod grid;
mod guard;
mod history;
mod limits;
mod mandates;
mod nonces;
mod order;
mod outside;
mod parameters;
mod place;
mod published;
mod rejection;
mod reputation;
mod revealed;
mod risk;
mod rules;
mod sealed;
mod sealing;
mod sharing;
mod state;
mod step;
mod stops;
mod trading;
mod unrevealed;
mod watched;

pub use buying::Buying;
pub use cases::{
    CASE_EVIDENCE_MAX, CaseState, FedIn, Findings, FoundEvidence, FoundFigure, KeptCase,
};
pub use cash::{Cash, Movement, TradeHold, Wallet};
pub use clearing::{Conditions, Halted, check_mechanism};
pub use concentration::{COUNTERPARTIES_MIN, Concentration};
pub use consents::{CONSENT_SECONDS, CONSENTS_MAX, Consent, Decision, Wish};
pub use difference::Difference;
pub use entry::{
    ClearedSlot, ClearedTrade, Entry, Export, Member, Meter, NextAddress, Point, PublishedTariff,
};
pub use fits::FOLD;
pub use grid::{Grid, LIMITED_LINKS_MAX, LinkLimit, ZonalPrices};
pub use guard::{ACCOUNTS_COUNTED_MAX, EVIDENCE_LINES_MAX, Guard, Trigger, Trip, machine};
pub use history::HISTORY_DAYS;
pub use limits::{CHOICES_MAX, CURTAILMENTS_MAX, Change, Curtailment, Suspension, Trader};
pub use nonces::ENDED_NONCES_MAX;
pub use order::{Accepted, NewOrder, OrderSignature, Status};
pub use parameters::Parameters;
pub use place::{
    CONTRACT_ORDERS_PER_SLOT_MAX, NO_GAIN_BAND, ORDERS_PER_POINT_MAX, ORDERS_PER_SLOT_MAX,
    Placement,
};
pub use published::{AtOnce, Published, Recomputed, SlotJournal, recompute};
pub use rejection::Rejection;
pub use reputation::{REPUTATION_DAYS, REPUTATION_SLOTS_MIN, Reputation, Shortfall};
pub use revealed::{PublishedCommitment, Revealed, SealedUntil};
pub use risk::{NotALimit, RISK_CHANGES_MAX, RiskChange, RiskLimits};
pub use rules::{DueRule, RULES_MAX, Rule, RuleName, RuleQuantity};
pub use sealed::{
    COMMITMENTS_PER_ACCOUNT_MAX, Commitment, Deposit, NewCommitment, Opening, Seal, SealState,
    SealedBook, UNDEPOSITED_PER_PARTY_MAX, commitment,
};
pub use sealing::REVEAL_SECONDS;
pub use sharing::{
    MEMBERS_MAX, Membership, Metered, PointShare, SHARES_MAX, SHARES_SUM, SharedOrder, limits_at,
    next_slot,
};
pub use state::{Committed, Exchange, RETAINED_SECONDS, SlotBook};
pub use step::Step;
pub use trading::{Arrival, SelfTrade, StruckTrade, StruckTrades, TimeInForce, Trading};
pub use unrevealed::{UNREVEALED_MAX, UNREVEALED_SECONDS};
