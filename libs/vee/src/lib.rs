//! Validation, estimation and editing: which readings and intervals to believe, what to take where
//! nothing can be believed, and what was known when.
//!
//! ```text
//! Read -> judge_read() -> accepted, flagged or quarantined, with codes and values     V1 V2 V3 V6
//! accepted reads -> RunningTotal -> intervals() -> Series + Gaps    rollover, exchange, reset
//! Series -> judge_series() -> findings, mark_faulty()          V4 V5 V6 V7 V8 V9 V10 V11 V12
//! Series + Gaps -> fill() -> estimates with their method                                E1..E5
//! Known per slot and moment of knowledge -> Versions -> known_at(), deltas()
//! ```
//!
//! Invariants: within a segment of a running total, measured, calculated and estimated intervals
//! sum to what the registers say, to the watt-hour; no energy is negative; what was read is never
//! replaced by an estimate; every answer says why. Rules look at one direction of one connection
//! point; import and export are never netted.
//! Deliberately absent: signatures (others check them), storage, clocks, outage detection, and the
//! signed reading MR1 itself: `reading` judges that at the door, by the same rules, and its even E1
//! is what a bill can prove offline.
#![forbid(unsafe_code)]

pub mod clock;
mod days;
pub mod edit;
pub mod estimate;
mod meter;
mod physics;
mod policy;
mod profile;
mod quality;
mod read;
mod rules;
mod running;
mod series;
mod share;
mod sun;
mod verdict;
mod versions;

pub use days::{DayClass, Days};
pub use estimate::{Aids, fill};
pub use meter::{
    Advance, BadDial, Cadence, DIGITS_MAX, Dial, Kind, Meter, Modules, Place, Rating, Site,
};
pub use physics::{energy_max, is_possible, power_max};
pub use policy::{BadPolicy, Policy, Unsigned};
pub use profile::{BadProfile, Irradiance, Profile, QUARTERS, SEASONS_MAX};
pub use quality::{Billable, Coded, Quality, Settles, Source};
pub use read::{Neighbours, Read, Signature, judge_read, judge_size};
pub use rules::{Case, Registers, Twin, judge_series, mark_faulty};
pub use running::{Exchange, Gap, Intervals, RunningTotal};
pub use series::{Channel, Known, Method, SERIES_SLOTS_MAX, Series, Shape, Span, TooLong};
pub use share::{DoesNotFit, Part, share};
pub use sun::{clear_sky_w_per_m2, elevation_millidegrees, highest_millidegrees};
pub use verdict::{Action, Code, Evidence, Finding, Rule, Verdict};
pub use versions::{Delta, NotLater, Version, Versions};
