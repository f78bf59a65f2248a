//! Clearing on a network against the worked numbers and against its slow twin.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod book;
mod checks;
mod random;
mod twin;
mod worked;
