//! Photovoltaic generators, the trackers of their maximum power, and what telemetry tells of both.
//!
//! ```text
//! module, light, heat --> diode or array (a curve) <--draws-- converter <--reference-- tracker
//!                                                                 |                        ^
//!                                                                 +--- volts, amperes -----+
//! procedure: a profile of light over time, run on the above --> energy drawn / energy available
//! charger:   the same with a battery --> lines as Venus OS publishes them
//! telemetry: measured power against available power --> curtailment, faults, ratios by day
//! ```
//!
//! Invariants: a tracker's reference never leaves its limits; no run draws more than there is; the
//! same tracker, profile and numbers drawn give the same result, to the last bit.
//! Deliberately absent: clocks, files, networks, randomness (drawn numbers are passed in), the
//! switching of the converter's transistors.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]
#![expect(
    clippy::disallowed_types,
    reason = "physics: volts, amperes and watts of a model; no money, no metered energy"
)]

pub mod analysis;
pub mod array;
pub mod bench;
pub mod catalogue;
pub mod charger;
pub mod converter;
pub mod diode;
pub mod module;
pub mod plant;
pub mod procedure;
pub mod sequence;
pub mod simulator;
pub mod source;
pub mod sun;
pub mod table;
pub mod telemetry;
pub mod tracker;
pub mod victron;

pub use array::Array;
pub use catalogue::Catalogue;
pub use converter::Converter;
pub use diode::{BadParameter, Diode};
pub use module::{Conditions, Module};
pub use plant::Plant;
pub use simulator::{Simulator, Technology};
pub use source::{Point, Source};
pub use tracker::{Limits, Measurement, Tracker};
