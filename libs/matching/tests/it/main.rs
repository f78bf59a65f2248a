//! Every mechanism, the continuous book and the grid of zones: against worked numbers, against slow
//! twins, and against what they promise.
//!
//! `MATCHING_OPERATIONS` says how many random orders or messages each is tried on.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod book;
mod mechanisms;
mod orders;
mod uniform;
mod zonal;
