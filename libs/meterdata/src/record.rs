//! One interval of one meter, as every format is read into and written from.

use std::borrow::Borrow;
use std::sync::Arc;

use calendar::{SlotLength, Timestamp};
use serde::{Deserialize, Serialize};
use units::Energy;

/// The most energy of one interval, in Wh: what a JSON number holds exactly.
pub const INTERVAL_WH_MAX: u64 = (1 << 53) - 1;
/// The most bytes of a [`Label`].
pub const LABEL_BYTES_MAX: usize = 64;
/// Intervals start at multiples of this many seconds, in UTC.
pub const START_SECONDS: i64 = 300;

/// A short name that a file gives: of a meter, a channel, or a code of quality.
///
/// 1 to 64 bytes, without control characters and without space around.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Label(Arc<str>);

/// A text that cannot be a [`Label`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to 64 bytes, no control characters and no space around it")]
pub struct BadLabel;

impl Label {
    /// The label that says `text`.
    pub fn new(text: &str) -> Result<Label, BadLabel> {
        let sized = (1..=LABEL_BYTES_MAX).contains(&text.len());
        let clean = text.trim() == text && !text.chars().any(char::is_control);
        if sized && clean { Ok(Label(text.into())) } else { Err(BadLabel) }
    }

    /// What it says.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Label {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Label {
    type Error = BadLabel;
    fn try_from(text: String) -> Result<Label, BadLabel> {
        Label::new(&text)
    }
}

impl From<Label> for String {
    fn from(label: Label) -> String {
        label.0.as_ref().to_owned()
    }
}

impl std::fmt::Display for Label {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which way energy flowed, as the customer sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From the grid to the customer.
    Import,
    /// From the customer to the grid.
    Export,
}

impl Direction {
    /// The name, as written.
    pub const fn name(self) -> &'static str {
        match self {
            Direction::Import => "import",
            Direction::Export => "export",
        }
    }
}

/// How an interval's energy is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// A meter measured it.
    Measured,
    /// Computed from other meters, such as sums and losses.
    Calculated,
    /// Put in the place of a value by a rule, for good.
    Substituted,
    /// Guessed until something better comes.
    Estimated,
    /// Measured, and not to be believed.
    Faulty,
    /// There is no value; the energy is zero.
    Missing,
}

impl Quality {
    /// All, the best first.
    pub const ALL: [Quality; 6] = [
        Quality::Measured,
        Quality::Calculated,
        Quality::Substituted,
        Quality::Estimated,
        Quality::Faulty,
        Quality::Missing,
    ];

    /// The name, as written.
    pub const fn name(self) -> &'static str {
        match self {
            Quality::Measured => "measured",
            Quality::Calculated => "calculated",
            Quality::Substituted => "substituted",
            Quality::Estimated => "estimated",
            Quality::Faulty => "faulty",
            Quality::Missing => "missing",
        }
    }
}

/// The energy of one channel of one meter in one interval.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IntervalRecord {
    /// What was metered, by the file's own name: an NMI, a UsagePoint.
    pub meter: Label,
    /// Which of the meter's streams: a suffix such as `E1`, a MeterReading, a column. Streams of
    /// one direction add up, unless the file says otherwise.
    pub channel: Label,
    /// Which way it flowed.
    pub direction: Direction,
    /// The interval's first moment, a multiple of [`START_SECONDS`].
    pub start: Timestamp,
    /// How long it lasts.
    pub length: SlotLength,
    /// How much, at most [`INTERVAL_WH_MAX`].
    pub energy: Energy,
    /// How it is known.
    pub quality: Quality,
    /// The file's own code of its quality, if it has one.
    pub code: Option<Label>,
}
