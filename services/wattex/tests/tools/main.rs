//! The tools of Ethereum against `wattex node --dev`, each compared with what it says of anvil.
//!
//! ```text
//! the same script, the same seed --> our node --> result --+
//!                                \-> anvil    --> result --+--> equal, field by field, but for a
//!                                                               list in which each entry says why
//! ```
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unreachable_pub, missing_docs, reason = "a test is used by nobody")]

mod compare;
mod foundry;
mod libraries;
mod nodes;
mod program;
mod random;
