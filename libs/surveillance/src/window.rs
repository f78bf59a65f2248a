//! The last days: cleared slots, their trades and prices.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use calendar::Timestamp;
use ids::{AccountId, ConnectionPointId};
use serde::Serialize;
use units::{Energy, Price};

use crate::{Cleared, Evidence};

/// How many UTC days are remembered, the newest with a cleared or metered slot included: seven are
/// needed behind a reference price.
pub const WINDOW_DAYS: i64 = 8;

/// The most trades of a UTC day.
pub const TRADES_PER_DAY_MAX: usize = 200_000;

/// How many days a reference price looks back.
pub(crate) const REFERENCE_DAYS: i64 = 7;

/// Seconds of a UTC day.
pub(crate) const DAY: i64 = 86_400;

/// The UTC day of a moment, since 1970.
pub(crate) const fn day_of(moment: Timestamp) -> i64 {
    moment.seconds().div_euclid(DAY)
}

/// The time of day of a moment, in seconds.
pub(crate) const fn second_of(moment: Timestamp) -> i64 {
    moment.seconds().rem_euclid(DAY)
}

/// A trade with its sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Traded {
    pub(crate) trade: B256,
    pub(crate) buyer: AccountId,
    pub(crate) buyer_point: ConnectionPointId,
    pub(crate) seller: AccountId,
    pub(crate) seller_point: ConnectionPointId,
    pub(crate) quantity: Energy,
}

/// A cleared slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Slot {
    pub(crate) clearing: B256,
    pub(crate) price: Option<Price>,
    pub(crate) volume: Energy,
    pub(crate) trades: Vec<Traded>,
}

/// What prices of a time of day are measured by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) price: Price,
    /// How many days it is of; zero where it is the middle between feed-in and retail price.
    pub(crate) days: u32,
    /// The clearings that it is of.
    pub(crate) evidence: Vec<Evidence>,
}

impl Reference {
    /// Whether a price is above this by more than so many percent. Nothing is where this is not
    /// above zero.
    pub(crate) fn is_exceeded(&self, price: Price, percent: u32) -> bool {
        let reference = i128::from(self.price.n_per_wh());
        let price = i128::from(price.n_per_wh());
        reference > 0 && price * 100 > reference * (100 + i128::from(percent))
    }
}

/// All cleared slots of the window.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Window {
    slots: BTreeMap<Timestamp, Slot>,
    /// How many trades each day has.
    trades: BTreeMap<i64, usize>,
}

impl Window {
    pub(crate) fn get(&self, slot: Timestamp) -> Option<&Slot> {
        self.slots.get(&slot)
    }

    /// Keeps a cleared slot; `false` where its day has too many trades, which are then left out.
    pub(crate) fn put(&mut self, start: Timestamp, mut slot: Slot) -> bool {
        let count = self.trades.entry(day_of(start)).or_default();
        let fits = *count + slot.trades.len() <= TRADES_PER_DAY_MAX;
        if fits {
            *count += slot.trades.len();
        } else {
            slot.trades.clear();
        }
        self.slots.insert(start, slot);
        fits
    }

    /// The slots of a UTC day, in order.
    pub(crate) fn of_day(&self, day: i64) -> impl Iterator<Item = (Timestamp, &Slot)> {
        let start = |day: i64| Timestamp::from_seconds(day.saturating_mul(DAY));
        self.slots.range(start(day)..start(day + 1)).map(|(start, slot)| (*start, slot))
    }

    /// All slots, in order.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Timestamp, &Slot)> {
        self.slots.iter().map(|(start, slot)| (*start, slot))
    }

    /// The evidence that a slot was cleared as it was.
    pub(crate) fn evidence(&self, slot: Timestamp) -> Option<Evidence> {
        let clearing = self.slots.get(&slot)?.clearing;
        Some(Evidence::Clearing { clearing, slot })
    }

    /// The same of all slots from `first` to `last`.
    pub(crate) fn evidence_of(&self, first: Timestamp, last: Timestamp) -> Vec<Evidence> {
        let slots = self.slots.range(first..=last);
        let evidence =
            slots.map(|(slot, known)| Evidence::Clearing { clearing: known.clearing, slot: *slot });
        evidence.collect()
    }

    /// The reference price of a slot.
    pub(crate) fn reference(&self, cleared: &Cleared) -> Reference {
        let (mut worth, mut volume) = (0_i128, 0_i128);
        let mut evidence = Vec::new();
        for days in 1..=REFERENCE_DAYS {
            let before = cleared.slot.plus_seconds(-days * DAY);
            let Some(slot) = self.slots.get(&before) else { continue };
            let Some(price) = slot.price.filter(|_| slot.volume > Energy::ZERO) else { continue };
            worth += i128::from(price.n_per_wh()) * i128::from(slot.volume.wh());
            volume += i128::from(slot.volume.wh());
            evidence.push(Evidence::Clearing { clearing: slot.clearing, slot: before });
        }
        let middle = || (cleared.retail.n_per_wh() + cleared.feed_in.n_per_wh()) / 2;
        let mean = worth.checked_div(volume).and_then(|mean| i64::try_from(mean).ok());
        Reference {
            price: Price::from_n_per_wh(mean.unwrap_or_else(middle)),
            days: u32::try_from(evidence.len()).unwrap_or(u32::MAX),
            evidence,
        }
    }

    /// Forgets what was before `day`.
    pub(crate) fn forget(&mut self, day: i64) {
        self.slots = self.slots.split_off(&Timestamp::from_seconds(day.saturating_mul(DAY)));
        self.trades = self.trades.split_off(&day);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleared(slot: Timestamp) -> Cleared {
        Cleared {
            slot,
            clearing: B256::ZERO,
            price: None,
            volume: Energy::ZERO,
            retail: Price::from_n_per_wh(300_000),
            feed_in: Price::from_n_per_wh(80_000),
            trades: Vec::new(),
            likely: Vec::new(),
        }
    }

    fn put(window: &mut Window, start: Timestamp, price: Option<i64>, wh: u64) {
        let slot = Slot {
            clearing: B256::ZERO,
            price: price.map(Price::from_n_per_wh),
            volume: Energy::from_wh(wh),
            trades: Vec::new(),
        };
        assert!(window.put(start, slot));
    }

    #[test]
    fn the_reference_price_is_weighted_by_volume_over_seven_days_at_that_time() {
        let at = |day: i64| Timestamp::from_seconds(day * DAY + 36_000);
        let mut window = Window::default();
        let reference = |window: &Window| {
            let reference = window.reference(&cleared(at(20)));
            (reference.price.n_per_wh(), reference.days)
        };
        assert_eq!(reference(&window), (190_000, 0), "the middle");
        put(&mut window, at(12), Some(900_000), 1_000);
        put(&mut window, at(20), Some(900_000), 1_000);
        put(&mut window, at(19).plus_seconds(900), Some(900_000), 1_000);
        put(&mut window, at(18), None, 0);
        assert_eq!(reference(&window), (190_000, 0), "too old, itself, another time, no trades");
        put(&mut window, at(13), Some(100_000), 3_000);
        put(&mut window, at(19), Some(200_000), 1_000);
        assert_eq!(reference(&window), (125_000, 2));
    }

    #[test]
    fn a_price_exceeds_its_reference_by_more_than_so_many_percent() {
        let reference =
            |n| Reference { price: Price::from_n_per_wh(n), days: 1, evidence: Vec::new() };
        let check = |n, price, expected| {
            let price = Price::from_n_per_wh(price);
            assert_eq!(reference(n).is_exceeded(price, 30), expected, "{price} against {n}");
        };
        check(100_000, 130_000, false);
        check(100_000, 130_001, true);
        check(0, 130_000, false);
        check(-100, 130_000, false);
    }
}
