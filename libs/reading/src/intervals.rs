//! Readings become intervals, by a rule that anyone can apply.
//!
//! ```text
//! page        4           5                       6
//! time        |---slot----|---slot---|---slot-----|
//! registers   advance 120 |      advance 85       |
//! energy      120         |    43    |    42      |
//! quality     Measured    |  Substituted (E1)     |
//! ```

use calendar::{Slot, SlotLength};
use serde::{Deserialize, Serialize};
use units::Energy;

use crate::Reading;

/// The longest gap between two readings that is filled, in slots: eleven years of five minutes.
pub const GAP_SLOTS_MAX: i64 = 1_200_000;

/// How an interval came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Quality {
    /// Registers were read at both ends of the slot.
    Measured,
    /// The registers of a longer span were shared evenly over its slots (method E1).
    Substituted,
}

impl Quality {
    /// The name, as stored and shown.
    pub const fn name(self) -> &'static str {
        match self {
            Quality::Measured => "Measured",
            Quality::Substituted => "Substituted",
        }
    }

    /// The code of the method that made the value, where it was not measured.
    pub const fn method(self) -> Option<&'static str> {
        match self {
            Quality::Measured => None,
            Quality::Substituted => Some("E1"),
        }
    }
}

/// The energy of one meter in one slot. Both directions may be positive in the same slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Interval {
    /// When it flowed.
    pub slot: Slot,
    /// Taken from the grid.
    pub import: Energy,
    /// Fed into the grid.
    pub export: Energy,
    /// Measured or substituted.
    pub quality: Quality,
}

/// Readings that one meter cannot have shown in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Inconsistent {
    /// Two pages of different meters.
    #[error("page {0} is another meter's")]
    Meter(u32),
    /// A page not above the one before it, or a time that does not rise with the pages.
    #[error("page {0} is out of order")]
    Order(u32),
    /// A time that is not a slot boundary.
    #[error("page {0} was not read at a slot boundary")]
    NotASlotBoundary(u32),
    /// A register lower than on the page before.
    #[error("a register ran backwards at page {0}")]
    Backwards(u32),
    /// More slots since the page before than [`GAP_SLOTS_MAX`].
    #[error("the gap before page {0} is too long")]
    Gap(u32),
}

/// The intervals between consecutive `readings` of one meter, which are in page order.
///
/// Every slot from the first reading to the last appears once, in order, and the energies sum to
/// the advance of the registers.
///
/// # Errors
/// [`Inconsistent`] when the readings are not those of one meter in page order.
pub fn intervals(readings: &[Reading], length: SlotLength) -> Result<Vec<Interval>, Inconsistent> {
    let mut all = Vec::with_capacity(readings.len().saturating_sub(1));
    for pair in readings.windows(2) {
        between(&pair[0], &pair[1], length, &mut all)?;
    }
    Ok(all)
}

fn between(
    earlier: &Reading,
    later: &Reading,
    length: SlotLength,
    all: &mut Vec<Interval>,
) -> Result<(), Inconsistent> {
    let page = later.page;
    if earlier.meter != later.meter {
        return Err(Inconsistent::Meter(page));
    }
    let first =
        Slot::starting(earlier.time, length).ok_or(Inconsistent::NotASlotBoundary(earlier.page))?;
    Slot::starting(later.time, length).ok_or(Inconsistent::NotASlotBoundary(page))?;
    let slots = later.time.seconds_since(earlier.time) / length.seconds();
    if page <= earlier.page || slots < 1 {
        return Err(Inconsistent::Order(page));
    }
    if slots > GAP_SLOTS_MAX {
        return Err(Inconsistent::Gap(page));
    }
    let import = later.import.since(earlier.import).ok_or(Inconsistent::Backwards(page))?;
    let export = later.export.since(earlier.export).ok_or(Inconsistent::Backwards(page))?;
    let quality = if slots == 1 { Quality::Measured } else { Quality::Substituted };
    all.extend((0..slots).map(|place| Interval {
        slot: first.later(place),
        import: share(import, slots, place),
        export: share(export, slots, place),
        quality,
    }));
    Ok(())
}

/// The part of `total` that falls to `place` of `slots` equal places: the watt-hours that do not
/// divide go to the earlier places, as [`units::largest_remainder`] does with equal weights.
fn share(total: Energy, slots: i64, place: i64) -> Energy {
    let (slots, place) = (slots.unsigned_abs(), place.unsigned_abs());
    Energy::from_wh(total.wh() / slots + u64::from(place < total.wh() % slots))
}

#[cfg(test)]
mod tests {
    use calendar::Timestamp;
    use ids::MeterId;
    use keys::SecretKey;
    use proptest::prelude::*;
    use units::{Power, Register};

    use super::*;
    use crate::{Neighbours, PhysicalLimit, Rules, Signer, Status, Verdict, judge};

    const EPOCH: i64 = 1_780_272_000;

    fn page(page: u32, slot: i64, import: u64, export: u64) -> Reading {
        Reading {
            meter: MeterId::derived("H01"),
            page,
            time: Timestamp::from_seconds(EPOCH + slot * 900),
            import: Register::from_wh(import),
            export: Register::from_wh(export),
            status: Status::default(),
            firmware: 1,
        }
    }

    /// Pages against the intervals as `import/export quality`, one per slot from the first page.
    fn check(pages: &[(u32, i64, u64, u64)], expected: &[&str]) {
        let readings: Vec<Reading> = pages.iter().map(|p| page(p.0, p.1, p.2, p.3)).collect();
        let all = intervals(&readings, SlotLength::QUARTER_HOUR).unwrap();
        let shown: Vec<String> = all
            .iter()
            .map(|i| format!("{}/{} {}", i.import.wh(), i.export.wh(), i.quality.name()))
            .collect();
        assert_eq!(shown, expected);
        let first = Slot::starting(readings[0].time, SlotLength::QUARTER_HOUR).unwrap();
        for (count, interval) in (0..).zip(&all) {
            assert_eq!(interval.slot, first.later(count));
        }
    }

    #[test]
    fn registers_read_at_both_ends_of_a_slot_measure_it() {
        check(&[(1, 0, 100, 7)], &[]);
        check(
            &[(1, 0, 100, 7), (2, 1, 220, 7), (3, 2, 220, 17)],
            &["120/0 Measured", "0/10 Measured"],
        );
    }

    #[test]
    fn a_lost_page_is_substituted_evenly_and_the_odd_watt_hours_come_first() {
        check(
            &[(1, 0, 0, 0), (4, 3, 85, 2), (5, 4, 90, 2)],
            &["29/1 Substituted", "28/1 Substituted", "28/0 Substituted", "5/0 Measured"],
        );
    }

    #[test]
    fn the_even_shares_are_the_largest_remainders() {
        for (total, slots) in [(85_u64, 3_usize), (0, 4), (7, 8), (1000, 7), (u64::MAX, 96)] {
            let rule = units::largest_remainder(total, &vec![1; slots]);
            for (place, &expected) in rule.iter().enumerate() {
                let part = share(
                    Energy::from_wh(total),
                    i64::try_from(slots).unwrap(),
                    i64::try_from(place).unwrap(),
                );
                assert_eq!(part.wh(), expected, "{total} over {slots} at {place}");
            }
        }
    }

    #[test]
    fn readings_that_one_meter_cannot_have_shown_are_refused() {
        let refuse = |second: Reading| {
            intervals(&[page(2, 2, 100, 100), second], SlotLength::QUARTER_HOUR).unwrap_err()
        };
        let other = Reading { meter: MeterId::derived("H02"), ..page(3, 3, 100, 100) };
        let crooked =
            Reading { time: Timestamp::from_seconds(EPOCH + 2701), ..page(3, 3, 100, 100) };
        assert_eq!(refuse(other), Inconsistent::Meter(3));
        assert_eq!(refuse(crooked), Inconsistent::NotASlotBoundary(3));
        assert_eq!(refuse(page(2, 3, 100, 100)), Inconsistent::Order(2));
        assert_eq!(refuse(page(3, 2, 100, 100)), Inconsistent::Order(3));
        assert_eq!(refuse(page(3, 3, 99, 100)), Inconsistent::Backwards(3));
        assert_eq!(refuse(page(3, 3, 100, 99)), Inconsistent::Backwards(3));
        assert_eq!(refuse(page(3, 3 + GAP_SLOTS_MAX, 100, 100)), Inconsistent::Gap(3));
    }

    /// What a meter would store: pages by number, judged one by one as they arrive.
    fn accept_all(arrivals: &[Reading]) -> Vec<Reading> {
        let key = SecretKey::from_bytes(&[9; 32]).unwrap();
        let rules = Rules {
            signer: Signer::Key(key.address()),
            slot: SlotLength::QUARTER_HOUR,
            limit: PhysicalLimit { import: Power::from_w(40_000), export: Power::from_w(40_000) },
        };
        let mut stored = std::collections::BTreeMap::<u32, Reading>::new();
        for reading in arrivals {
            let neighbours = Neighbours {
                same: stored.get(&reading.page).copied(),
                before: stored.range(..reading.page).next_back().map(|(_, r)| *r),
                after: stored.range(reading.page + 1..).next().map(|(_, r)| *r),
            };
            let now = Timestamp::from_seconds(EPOCH + 900 * 1000);
            match judge(&reading.sign(&key), &neighbours, &rules, now) {
                Verdict::Accept => assert!(stored.insert(reading.page, *reading).is_none()),
                Verdict::Duplicate => assert_eq!(stored[&reading.page], *reading),
                Verdict::Quarantine(reason) => panic!("{reason:?} for {reading:?}"),
            }
        }
        stored.into_values().collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn intervals_sum_to_the_register_advance_whatever_is_lost_reordered_or_repeated(
            flows in prop::collection::vec((0_u64..5000, 0_u64..5000), 1..40),
            picks in prop::collection::vec(any::<prop::sample::Index>(), 2..60),
        ) {
            let (mut import, mut export) = (17_u64, 4_u64);
            let mut sent = vec![page(1, 0, import, export)];
            for (number, (taken, fed)) in (1_u32..).zip(&flows) {
                import += taken;
                export += fed;
                sent.push(page(number + 1, i64::from(number), import, export));
            }
            let arrivals: Vec<Reading> = picks.iter().map(|pick| *pick.get(&sent)).collect();
            let stored = accept_all(&arrivals);
            let all = intervals(&stored, SlotLength::QUARTER_HOUR).unwrap();

            let (first, last) = (stored[0], stored[stored.len() - 1]);
            let imported = Energy::sum(all.iter().map(|interval| interval.import)).unwrap();
            let exported = Energy::sum(all.iter().map(|interval| interval.export)).unwrap();
            prop_assert_eq!(Some(imported), last.import.since(first.import));
            prop_assert_eq!(Some(exported), last.export.since(first.export));
            let slots = last.time.seconds_since(first.time) / 900;
            prop_assert_eq!(i64::try_from(all.len()).unwrap(), slots);
            for interval in all.iter().filter(|interval| interval.quality == Quality::Measured) {
                let place = interval.slot.start.seconds_since(sent[0].time) / 900;
                let (taken, fed) = flows[usize::try_from(place).unwrap()];
                prop_assert_eq!((interval.import.wh(), interval.export.wh()), (taken, fed));
            }
        }
    }
}
