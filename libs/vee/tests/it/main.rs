//! Rules, ladder and running totals through the public door: at both sides of every threshold, as
//! properties, against `reading`'s judge, over a thousand simulated months and on measured homes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod door;
mod exchange;
mod home;
mod ladder;
mod ladder_properties;
mod measured;
mod months;
mod read;
mod rules;
mod simulated;
mod vectors;
