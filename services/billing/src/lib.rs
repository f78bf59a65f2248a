//! Billing: what was delivered is paid, and the month ends in a bill that proves itself.
//!
//! Invariants: money moves only on chain, the journals follow its logs; issued documents never
//! change. Absent: orders and matching (`market`), how a transaction reaches the chain (`client`).
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

pub mod domain;
