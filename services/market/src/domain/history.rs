//! What connection points have fed in, by time of day: the limit of what they can sell.
//!
//! ```text
//! 10:00Z   D-30 ... D-3   D-2   D-1 | D      limit = percent x the largest; none while fewer
//!          1200     900   1350   -  | ?      days than needed are known
//! ```
//!
//! Invariant: of a slot the highest version counts, in whatever order versions come, and how often.
//! Deliberately absent: forecasts of the weather, what was taken from the grid, and energy that is
//! not measured slot by slot.

use std::collections::BTreeMap;

use calendar::Timestamp;
use ids::ConnectionPointId;
use serde::Serialize;
use units::Energy;

use super::{Export, Parameters};

/// How many days back a connection point's history counts.
pub const HISTORY_DAYS: u32 = 30;

/// Seconds of a day; slots are named in UTC, where every day has as many.
const DAY: i64 = 86_400;

/// What was fed in: by connection point, second of the day, and day.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(super) struct History {
    points: BTreeMap<ConnectionPointId, BTreeMap<i64, BTreeMap<i64, Known>>>,
}

/// What is known of one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
struct Known {
    version: u32,
    quantity: Energy,
}

impl History {
    /// What was fed in in the slot that starts at `slot`; a correction takes the place of what was
    /// known, an older version that comes again does not. What lies further back than counts is
    /// forgotten.
    pub(super) fn record(&mut self, slot: Timestamp, export: &Export) {
        let Export { connection_point, quantity, version } = *export;
        let (day, second) = day_and_second(slot);
        let days = self.points.entry(connection_point).or_default().entry(second).or_default();
        let known = days.get(&day).is_some_and(|known| known.version > version);
        if !known {
            days.insert(day, Known { version, quantity });
        }
        let newest = days.keys().next_back().copied().unwrap_or(day);
        *days = days.split_off(&(newest - i64::from(HISTORY_DAYS)));
    }

    /// The most that `point` may offer in the slot that starts at `slot`; `None` while too little
    /// is known of it.
    pub(super) fn limit(
        &self,
        point: ConnectionPointId,
        slot: Timestamp,
        parameters: &Parameters,
    ) -> Option<Energy> {
        let (day, second) = day_and_second(slot);
        let first = day - i64::from(HISTORY_DAYS);
        let known = self.points.get(&point)?.get(&second)?.range(first..day);
        if known.clone().count() < parameters.forecast_days_min as usize {
            return None;
        }
        let most = known.map(|(_, known)| known.quantity.wh()).max()?;
        let limit = u128::from(most) * u128::from(parameters.forecast_percent) / 100;
        Some(Energy::from_wh(u64::try_from(limit).unwrap_or(u64::MAX)))
    }
}

fn day_and_second(slot: Timestamp) -> (i64, i64) {
    (slot.seconds().div_euclid(DAY), slot.seconds().rem_euclid(DAY))
}
