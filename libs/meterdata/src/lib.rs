//! Files of interval data, as utilities have them: read into one form, and written from it.
//!
//! ```text
//! nem12        NEM12, Australia                              \      IntervalRecord or Rejection,
//! greenbutton  Green Button, NAESB ESPI as Atom              | <->  one at a time, with a Position
//! table        CSV of any shape, described by a Mapping      |      at which reading can go on
//! canonical    one record a line: JSON lines or CSV          /
//! ```
//!
//! Invariants: energy is exact from text to whole watt-hours, and what is below a watt-hour is
//! carried on, so that no sum drifts; import and export are never netted; a row that is not taken
//! is reported with its line, field, code and reason; a file is read and written piece by piece,
//! in memory that does not depend on its size, and every limit has a name; what a writer takes, its
//! reader gives back the same, but for what [`Written`] counts.
//!
//! | bound | what it bounds |
//! |---|---|
//! | [`LINE_BYTES_MAX`], [`greenbutton::EVENT_BYTES_MAX`] | one line, one tag or text |
//! | [`greenbutton::DEPTH_MAX`] | elements in elements |
//! | [`METERS_MAX`] | meters, channels, kinds of readings that are remembered |
//! | [`greenbutton::WAITING_MAX`] | readings before what says what they are |
//! | [`nem12::DAYS_OPEN_MAX`] | days that a writer fills |
//! | [`greenbutton::BLOCKS_OPEN_MAX`], [`table::ROWS_OPEN_MAX`] | blocks, rows that it fills |
//!
//! Deliberately absent: files, networks and clocks; who owns a meter; which of two values of one
//! interval counts (the later, says whoever stores them); registers (NEM13), demand, reactive
//! energy, gas and water.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod amount;
pub mod canonical;
mod export;
pub mod greenbutton;
mod import;
mod lines;
pub mod nem12;
mod record;
mod rejection;
pub mod table;

pub use amount::{DIGITS_MAX, Unit};
pub use export::{Export, Written};
pub use import::{BadPosition, Import, Item, Items, Position};
pub use lines::LINE_BYTES_MAX;
pub use record::{
    BadLabel, Direction, INTERVAL_WH_MAX, IntervalRecord, LABEL_BYTES_MAX, Label, Quality,
    START_SECONDS,
};
pub use rejection::{Code, Fault, QUOTE_CHARS_MAX, Refusal, Rejection};

/// The most meters, channels or kinds of readings that one file may have.
pub const METERS_MAX: usize = 65_536;
