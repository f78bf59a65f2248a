//! Surveillance as a whole: what each type finds and leaves alone, stories, honest months, twins.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cases;
mod honest;
mod limits;
mod metered;
mod orders;
mod prices;
mod properties;
mod stories;
mod town;
mod trades;
mod twins;
