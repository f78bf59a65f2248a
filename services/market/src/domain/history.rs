//! What connection points have fed in or taken, by time of day: the limit of what they can sell,
//! and what they are likely to.
//!
//! ```text
//! 10:00Z   D-30 ... D-3   D-2   D-1 | D      limit = percent x the largest; none while fewer
//!          1200     900   1350   -  | ?      days than needed are known
//! ```
//!
//! Invariant: of a slot the highest version counts, in whatever order versions come, and how often.
//! Deliberately absent: forecasts of the weather, and energy that is not measured slot by slot.

use std::collections::BTreeMap;

use calendar::Timestamp;
use ids::ConnectionPointId;
use serde::{Deserialize, Serialize};
use units::Energy;

use super::{Export, Parameters};

/// How many days back a connection point's history counts.
pub const HISTORY_DAYS: u32 = 30;

/// How many known days a mean is of.
const MEAN_DAYS: usize = 7;

/// Seconds of a day; slots are named in UTC, where every day has as many.
const DAY: i64 = 86_400;

/// What was fed in, or taken: by connection point, second of the day, and day.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct History {
    points: BTreeMap<ConnectionPointId, BTreeMap<i64, BTreeMap<i64, Known>>>,
}

/// What is known of one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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

    /// What is known of `point` in the slot that starts at `slot`.
    pub(super) fn known(&self, point: ConnectionPointId, slot: Timestamp) -> Option<Energy> {
        let (day, second) = day_and_second(slot);
        Some(self.points.get(&point)?.get(&second)?.get(&day)?.quantity)
    }

    /// What `point` had on average at this time of day, of the last seven days that are known
    /// before the slot that starts at `slot`; `None` where none is.
    pub(super) fn mean(&self, point: ConnectionPointId, slot: Timestamp) -> Option<Energy> {
        let (day, second) = day_and_second(slot);
        let first = day - i64::from(HISTORY_DAYS);
        let known = self.points.get(&point)?.get(&second)?.range(first..day);
        let recent = known.rev().take(MEAN_DAYS);
        let sum: u128 = recent.clone().map(|(_, known)| u128::from(known.quantity.wh())).sum();
        let mean = sum.checked_div(recent.count() as u128)?;
        Some(Energy::from_wh(u64::try_from(mean).expect("a mean is not above its largest")))
    }

    /// What was likely of `point` in the slot that starts at `slot` and what is known of it, where
    /// that is off by more than so many standard deviations of the days before, and by more than
    /// so many Wh. `None` where it is not, or where too few days are known.
    pub(super) fn off_by(
        &self,
        point: ConnectionPointId,
        slot: Timestamp,
        (sigmas, tolerance): (u32, u64),
    ) -> Option<(Energy, Energy)> {
        let (day, second) = day_and_second(slot);
        let days = self.points.get(&point)?.get(&second)?;
        let known = days.get(&day)?.quantity;
        let before = days.range(day - i64::from(HISTORY_DAYS)..day);
        let before: Vec<i128> = before.map(|(_, known)| i128::from(known.quantity.wh())).collect();
        if before.len() < MEAN_DAYS {
            return None;
        }
        // All times the number of days, so that nothing is rounded: n d > s sqrt(n q - sum^2).
        let count = i128::try_from(before.len()).ok()?;
        let sum: i128 = before.iter().sum();
        let squares: i128 = before.iter().map(|wh| wh * wh).sum();
        let off = (count * i128::from(known.wh()) - sum).abs();
        let spread = count * squares - sum * sum;
        let allowed = i128::from(sigmas) * i128::from(sigmas) * spread;
        let beyond = off > count * i128::from(tolerance) && off * off > allowed;
        let likely = Energy::from_wh(u64::try_from(sum / count).ok()?);
        beyond.then_some((likely, known))
    }
}

fn day_and_second(slot: Timestamp) -> (i64, i64) {
    (slot.seconds().div_euclid(DAY), slot.seconds().rem_euclid(DAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_likely_is_the_mean_of_the_last_known_days() {
        let (mut history, point) = (History::default(), ConnectionPointId::derived("home"));
        let noon = |day: i64| Timestamp::from_seconds(day * DAY + 12 * 3600);
        assert_eq!(history.mean(point, noon(9)), None);
        for (day, wh) in [(1, 9_000), (2, 100), (3, 200), (5, 400), (6, 101)] {
            let quantity = Energy::from_wh(wh);
            let export = Export { connection_point: point, quantity, version: 1 };
            history.record(noon(day), &export);
        }
        assert_eq!(history.mean(point, noon(6)), Some(Energy::from_wh(9_700 / 4)), "before then");
        for day in 7..20 {
            let quantity = Energy::from_wh(300);
            let export = Export { connection_point: point, quantity, version: 1 };
            history.record(noon(day), &export);
        }
        assert_eq!(history.mean(point, noon(20)), Some(Energy::from_wh(300)), "of a week");
        assert_eq!(history.mean(point, noon(20).plus_seconds(900)), None, "of another time");
    }
}
