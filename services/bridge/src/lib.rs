//! The bridge: devices that do not sign, on a broker of any maker, become signed readings.
//!
//! ```text
//! device --MQTT--> broker --> formats: registers --> sampler: a reading at each boundary
//!                                                       -> signed, kept --HTTP--> metering
//! ```
//!
//! It runs at the household or the installer, with a key for each meter whose address is enrolled.
//! Its readings say that a gateway signed for the device ([`reading::Status::relayed`]), and bills
//! repeat it: that the gateway told the truth, nobody can prove.
//!
//! Invariants: a message is acknowledged to the broker when what follows from it is on disk; a page
//! is signed once, and kept until the server has answered for it; registers never run back.
//! Deliberately absent: orders, accounts, and any key but those of its meters.
#![forbid(unsafe_code)]
#![allow(unreachable_pub, reason = "`pub` says what a module offers to the rest of the crate")]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod config;
mod db;
mod domain;
mod run;
mod server;
mod source;
mod tls;

pub use config::{Config, METERS_MAX, MeterConfig, REGISTERS_MAX, Source};
pub use domain::sampler::{Direction, SETTLE_SECONDS};
pub use domain::selector::Selector;
pub use run::{Bridge, Observer};
pub use server::Uploaded;
