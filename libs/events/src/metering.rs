//! What metering promises: closed and corrected intervals, anchored days.

use alloy_primitives::B256;
use calendar::{LocalDay, Slot, Timestamp};
use ids::{AccountId, CommunityId, ConnectionPointId, MeterId};
use reading::SignedReading;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::Energy;

use crate::{Event, schema};

/// How an interval's energy is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// From two signed readings at its ends.
    Measured,
    /// Shared out of a longer span between two signed readings.
    Substituted,
    /// No reading yet.
    Missing,
}

/// The most intervals one message carries.
pub const INTERVALS_PER_MESSAGE_MAX: usize = 500;

/// One connection point's energy in one slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IntervalFact {
    /// Where.
    #[schemars(with = "schema::Id")]
    pub connection_point: ConnectionPointId,
    /// Whose bill.
    #[schemars(with = "schema::Id")]
    pub account: AccountId,
    /// Which device.
    #[schemars(with = "schema::Id")]
    pub meter: MeterId,
    /// Taken from the grid, in Wh.
    #[schemars(with = "schema::Wh")]
    pub import: Energy,
    /// Fed into the grid, in Wh.
    #[schemars(with = "schema::Wh")]
    pub export: Energy,
    /// How it is known.
    pub quality: Quality,
    /// 1, then one more with every correction.
    pub version: u32,
    /// The readings this fact rests on that were not in an earlier event, in page order: at least
    /// the one at the slot's end; with the first interval of a meter also the one at its start.
    #[schemars(with = "Vec<schema::ReadingShape>")]
    pub readings: Vec<SignedReading>,
}

/// A slot was closed: the energy of (some of) its connection points.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IntervalsClosed {
    /// The community.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// The slot.
    #[schemars(with = "schema::SlotShape")]
    pub slot: Slot,
    /// At most [`INTERVALS_PER_MESSAGE_MAX`]; a connection point appears once per version.
    pub intervals: Vec<IntervalFact>,
}

impl Event for IntervalsClosed {
    const SUBJECT: &'static str = "metering.interval.closed.v1";
}

/// Late readings changed intervals that had been closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IntervalsCorrected {
    /// The community.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// The slot.
    #[schemars(with = "schema::SlotShape")]
    pub slot: Slot,
    /// The new versions.
    pub intervals: Vec<IntervalFact>,
}

impl Event for IntervalsCorrected {
    const SUBJECT: &'static str = "metering.interval.corrected.v1";
}

/// The root over a local day's readings was handed to the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DayAnchored {
    /// The community.
    #[schemars(with = "schema::Id")]
    pub community: CommunityId,
    /// The local day.
    #[schemars(with = "schema::Day")]
    pub day: LocalDay,
    /// Which batch of the day: 1, then one more whenever late readings come.
    pub batch: u32,
    /// The root.
    #[schemars(with = "schema::Hash")]
    pub root: B256,
    /// How many leaves it has.
    pub count: u32,
    /// At most [`INTERVALS_PER_MESSAGE_MAX`] of its leaves.
    pub leaves: Vec<DayLeaf>,
}

/// One meter's leaf in a day's root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DayLeaf {
    /// The meter.
    #[schemars(with = "schema::Id")]
    pub meter: MeterId,
    /// What hides the readings from who guesses.
    #[schemars(with = "schema::Hash")]
    pub salt: B256,
    /// The leaf's place.
    pub index: u32,
    /// Its siblings, from the leaf up.
    #[schemars(with = "Vec<schema::Hash>")]
    pub path: Vec<B256>,
    /// The pages of the readings the leaf covers, first and last.
    pub pages: (u32, u32),
    /// How many readings it covers.
    pub readings: u16,
}

impl Event for DayAnchored {
    const SUBJECT: &'static str = "metering.day.anchored.v1";
}

/// A message of a meter could not be believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReadingQuarantined {
    /// The community, where the meter is known.
    #[schemars(with = "Option<schema::Id>")]
    pub community: Option<CommunityId>,
    /// The meter, where it is known.
    #[schemars(with = "Option<schema::Id>")]
    pub meter: Option<MeterId>,
    /// The stable code of the reason.
    pub code: String,
    /// When it arrived.
    #[schemars(with = "schema::Moment")]
    pub received_at: Timestamp,
}

impl Event for ReadingQuarantined {
    const SUBJECT: &'static str = "metering.reading.quarantined.v1";
}
