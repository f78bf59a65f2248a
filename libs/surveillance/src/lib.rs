//! Market surveillance after the fact: the days of a market in, cases out.
//!
//! ```text
//! Day: slots, orders, trades, intervals ──> books, in order ──> rule ──> tally of a subject, day
//!                                                                          │ seven days summed
//!                             case <── all figures reach their thresholds <┘
//! ```
//!
//! | rule | found where, over seven days | file |
//! |---|---|---|
//! | C1 | who cannot be done without asks more just then, against the same hours | `rules/c1.rs` |
//! | H1 | half of what others offer of their energy, in dear slots and only there | `rules/h1.rs` |
//! | L1 | large orders against the own trade, gone in the last minute | `rules/l1.rs` |
//! | M1 | hardly any of what was sold was fed in, for days, while others deliver | `rules/m1.rs` |
//! | O1 | paid far outside of the band in deals of two, to the other's benefit | `rules/o1.rs` |
//! | P1 | the price moves by the owner's small orders, for its large position | `rules/p1.rs` |
//! | S1 | three owners with the same changing quantities and prices, at once | `rules/s1.rs` |
//! | W1 | bought and sold at once, and not fed in | `rules/w1.rs` |
//! | W2 | around two or three owners, net below 1 %, on three days | `rules/w2.rs` |
//!
//! The conduct is what REMIT (Regulation (EU) No 1227/2011, Articles 2 and 5) prohibits and ACER's
//! guidance notes describe: wash trades (1/2017), capacity hoarding (1/2018), layering and spoofing
//! (1/2019). Every rule has a minimum sample and is relative: to the owner's own habit, to others
//! in the same slots, or to the same book without an order. A rule that cannot tell chance or a
//! shared program from intent says nothing.
//!
//! Invariants: the same days give the same cases, whatever the order inside their lists; a case
//! names every figure with its threshold, and the orders, trades and intervals it stands on;
//! nothing grows without a named limit, and what there was no room for is counted; integers only.
//! Deliberately absent: clocks, storage, who decides about a case and what follows. A case is a
//! reason to look, never a verdict. Not looked for: equal prices alone (a program that several
//! homes use looks the same), circles of four and more, energy of the grid that is sold again as
//! the sun's, who withholds as the only seller, and prices outside of the band that a whole slot
//! has.
#![forbid(unsafe_code)]

mod book;
mod case;
mod fact;
mod past;
mod rules;
mod tally;
mod thresholds;
mod watch;

pub use case::{Case, Figure, Rule, SCORE_MAX, SCORE_SEVERE};
pub use fact::{
    Day, ENERGY_MAX, INTERVALS_PER_DAY_MAX, Interval, ORDERS_PER_DAY_MAX, Order, PRICE_MAX,
    Refusal, SLOTS_PER_DAY_MAX, Slot, TRADES_PER_DAY_MAX,
};
pub use rules::{
    Circles, Copies, Dominance, Layering, Marking, Outliers, Undelivered, Wash, Withholding,
};
pub use tally::{EVIDENCE_PER_DAY_MAX, Evidence};
pub use thresholds::{NotAThreshold, Thresholds};
pub use watch::{EVIDENCE_MAX, SUBJECTS_MAX, WINDOW_DAYS, Watch};
