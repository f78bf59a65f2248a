//! The market: takes signed orders, clears slots at the gate, hands trades to the chain.
//!
//! ```text
//! POST /v1/orders --> desk (queue) --> writer: judge, journal, one commit --> answer
//! gate --> clear --> market.slot.cleared.v1 (outbox) + clear(), settle() (chain relay)
//! identity, billing, ledger events --> accounts, limits, prices, cash
//! ```
//!
//! A library so that the all-in-one and the tests can start it; [`start`] is its door.
//!
//! Invariants: an answer is given after its commit; the book is the fold of the journal, so a
//! restart gives the same [`domain::Exchange::hash`]; clearing, event and transactions of a slot
//! are one commit; of several processes on one database one writes a market, and what another one
//! still wants to write is refused by the database.
//! Deliberately absent: keys of accounts, settlement's outcome in money (billing), the past beyond
//! [`domain::RETAINED_SECONDS`].
#![forbid(unsafe_code)]

mod api;
mod app;
mod chain;
mod config;
mod consume;
mod db;
pub mod domain;
mod market;

pub use api::routes;
pub use app::{
    Applied, COMMANDS_MAX, Damage, Desk, Refused, Report, RuleRefusal, SealedIn, Standing,
};
pub use chain::{movements, transactions};
pub use config::{HORIZON_SECONDS_MAX, MarketConfig, Parts};
pub use market::{Market, Totals, start};
