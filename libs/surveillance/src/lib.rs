//! Market surveillance: facts in, cases out.
//!
//! ```text
//! owners, connection points ──┐
//! orders accepted, taken back ┼─> slot book ──Cleared──> W1 H1 B1 P1, and once the day is over
//!                             │        └─ trades, prices ──────────> W2 L1
//! intervals metered ──────────┴─> sold and bought against metered ─> M1 M2
//!                                                  finding ─> case: found once, grows, is decided
//! ```
//!
//! | type | found where | default |
//! |---|---|---|
//! | W1 | a trade is between accounts of one [`Owner`] | from 1 Wh on |
//! | W2 | two owners sold each other nearly the same in a UTC day | net < 1 %, 1 kWh each way |
//! | L1 | large orders of one side, and most of the day, vanish | last 60 s, 25 %; > 90 % |
//! | H1 | little of what is available is offered at a high price | < 50 %; > 130 % of reference |
//! | M1 | sold, and not fed in | > 3 slots in 7 days, < 1 % of what was sold |
//! | M2 | taken from the grid after dark, fed in and sold in the same night | 1 kWh |
//! | B1 | several owners have the same moving limits | 3 owners, 4 slots running, 3 prices |
//! | P1 | one owner buys most of a slot, dear, days running | > 50 %; > 130 %; 3 of 7 days |
//!
//! The types are those that REMIT (Regulation (EU) No 1227/2011, Articles 2 and 5) prohibits and
//! that ACER's guidance notes describe: wash trades (1/2017), transmission capacity hoarding
//! (1/2018), layering and spoofing (1/2019). The reference price of a slot is the volume-weighted
//! price of the same time of day over seven days, or halfway between feed-in and retail price
//! where none is known.
//!
//! Invariants: the same facts in the same order give the same cases; the order of facts about one
//! slot before it is cleared does not matter; a finding is in one case only, also after somebody
//! has decided; a case names all it stands on, so that [`recompute`] finds it again in the facts
//! alone; nothing grows without a limit ([`WINDOW_DAYS`] days are remembered).
//! Deliberately absent: clocks, storage, who may decide and how many have to agree, what follows
//! for the accused. A case is a reason to look, never a verdict: what was found by a version of an
//! interval that was corrected later stays until somebody has looked. Longer circles than there
//! and back are not searched for: among fifty homes they are mostly chance. Nor is energy that is
//! stored over a day: without a meter at the panels nobody can tell it from the sun's.
#![forbid(unsafe_code)]

mod book;
mod case;
mod cases;
mod day;
mod fact;
mod flows;
mod kinds;
mod machine;
mod owners;
mod recompute;
mod sentence;
mod thresholds;
mod window;

pub use book::ORDERS_PER_SLOT_MAX;
pub use case::{
    Case, Decision, EVIDENCE_MAX, Evidence, Figure, INCIDENTS_MAX, Incident, Kind, REASON_MAX,
    Severity, State, Subject,
};
pub use cases::{CASES_MAX, GROWS_DAYS, Refusal};
pub use fact::{Cleared, ENERGY_MAX, Fact, Likely, Metered, Order, PRICE_MAX, Trade};
pub use flows::FLOWS_MAX;
pub use machine::{BOOKS_MAX, Missed, NotNoted, Surveillance};
pub use owners::{MEMBERS_MAX, Owner};
pub use recompute::{recompute, supports};
pub use thresholds::{ALIKE_SLOTS_MAX, NotAThreshold, Thresholds};
pub use window::{TRADES_PER_DAY_MAX, WINDOW_DAYS};

pub(crate) use window::day_of;
