//! Metering: signed readings in, closed intervals and anchored roots out.
//!
//! ```text
//! meter --MQTT--> broker -> writer: judge, store, acknowledge
//! tick(now): new readings against closed slots -> corrections
//!            slots that are due                -> intervals, measured | substituted | missing
//!            closed slots, finished days       -> Merkle roots, handed to the chain
//! ```
//!
//! Invariants: what was acknowledged is on disk; an accepted reading is never changed, and deleted
//! only where it is erased, which leaves the proofs of others; a (meter, page) is accepted once; an
//! interval's older versions stay; everything that is due is
//! found in rows, so a crash at any moment loses and repeats nothing.
//! Of trades it knows who met whom, so that either may see the other's registers of the slot.
//! Deliberately absent: prices, quantities of trades, bills, and whoever owns a meter.
#![forbid(unsafe_code)]

pub mod api;
mod app;
mod broker;
mod config;
mod db;
mod domain;
mod run;
mod writer;

pub use app::accept::Tally;
pub use app::anchor::Anchor;
pub use app::login::Bridge;
pub use broker::{Limits, Tls};
pub use config::Config;
pub use run::{Checked, Listening, Metering, Totals};
