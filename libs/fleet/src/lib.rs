//! A fleet of simulated meters, for load tests: each has a key of its own, signs what it says, and
//! speaks MQTT to a broker as any meter does.
//!
//! ```text
//! Script -> Message -> Intents (fsync) -> line -> broker
//!                         ^ what was acknowledged
//! Intents -> Said, with what the server has stored -> check() -> Findings
//! ```
//!
//! Invariants: what is sent was written down before, on disk; a message without an acknowledgement
//! is sent again on the next line, as it was; what is broken on purpose is known as such, so that
//! [`check`] can tell a fault of the server from one that was asked for.
//! The frames of MQTT are written by hand: what is tested is not what tests, faults are bytes, and
//! ten thousand clients on one machine cost little beside the broker.
//! Deliberately absent: QoS 0 and 2, subscriptions, anything that a meter does not need.
#![forbid(unsafe_code)]

mod check;
mod device;
mod frames;
mod intents;
mod line;
mod meter;
mod run;
mod script;
mod server;
mod tally;

pub use check::{Findings, Said, check};
pub use device::{DEVICES_MAX, Device, read_roster, write_roster};
pub use frames::Version;
pub use intents::{Entry, Intents};
pub use line::Broker;
pub use run::{Fleet, Plan, Storm};
pub use script::{Fault, Faults, Message, READINGS_MAX, Script, Start};
pub use server::{Enrolment, Login, Server};
pub use tally::{Latencies, Tally, Totals};
