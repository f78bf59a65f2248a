//! Billing: what was delivered is paid, and the month ends in a bill that proves itself.
//!
//! Invariants: money moves only on chain, the journals follow its logs; issued documents never
//! change; what a bill file says it proves.
//!
//! ```text
//! intervals, settled trades --tick--> reconcile() --chain--> logs --> journals of money and energy
//! month over, last run on chain --tick--> invoice, its hash on chain --> bill file with proofs
//! ```
//!
//! A library so that the all-in-one and the tests can start it; [`start`] is its door.
//! Absent: orders and matching (`market`), how a transaction reaches the chain (`client`).
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod api;
mod app;
mod billing;
mod config;
mod consume;
mod currencies;
mod db;
pub mod domain;

pub use api::routes;
pub use app::case::{Chain, Doubt};
pub use app::deposit::DEPOSIT_MAX;
pub use app::documents::Pages;
pub use app::totals::Totals;
pub use billing::{Billing, start};
pub use config::Parts;
