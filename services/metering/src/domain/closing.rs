//! What is known of a slot's energy when it closes, and what late readings change.

use calendar::{Slot, SlotLength, Timestamp};
use reading::{Inconsistent, Interval, Reading, intervals};
use units::Energy;

/// How an interval's energy is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quality {
    /// Registers were read at both ends.
    Measured,
    /// Registers of a longer span were shared out.
    Substituted,
    /// There is no reading on one of its sides yet.
    Missing,
}

impl Quality {
    /// The name, as stored and shown.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Quality::Measured => "measured",
            Quality::Substituted => "substituted",
            Quality::Missing => "missing",
        }
    }

    /// The quality with this [`Quality::name`].
    pub(crate) fn named(name: &str) -> Option<Quality> {
        let all = [Quality::Measured, Quality::Substituted, Quality::Missing];
        all.into_iter().find(|quality| quality.name() == name)
    }

    /// The code of the method that made the value, where it was not measured.
    pub(crate) const fn method(self) -> Option<&'static str> {
        match self {
            Quality::Substituted => reading::Quality::Substituted.method(),
            Quality::Measured | Quality::Missing => None,
        }
    }
}

impl From<Quality> for events::metering::Quality {
    fn from(quality: Quality) -> events::metering::Quality {
        match quality {
            Quality::Measured => events::metering::Quality::Measured,
            Quality::Substituted => events::metering::Quality::Substituted,
            Quality::Missing => events::metering::Quality::Missing,
        }
    }
}

/// What is known of one meter's energy in one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    /// Taken from the grid; zero when missing.
    pub import: Energy,
    /// Fed into the grid; zero when missing.
    pub export: Energy,
    /// How it is known.
    pub quality: Quality,
}

impl Known {
    /// Nothing is known yet.
    pub(crate) const MISSING: Known =
        Known { import: Energy::ZERO, export: Energy::ZERO, quality: Quality::Missing };
}

impl From<&Interval> for Known {
    fn from(interval: &Interval) -> Known {
        let quality = match interval.quality {
            reading::Quality::Measured => Quality::Measured,
            reading::Quality::Substituted => Quality::Substituted,
        };
        Known { import: interval.import, export: interval.export, quality }
    }
}

/// What two readings of a meter, one before or at the start of `slot` and one at or after its end,
/// say of the slot.
///
/// # Errors
/// [`Inconsistent`] when they are not readings of one meter in order.
pub(crate) fn known_between(
    before: &Reading,
    after: &Reading,
    slot: Slot,
) -> Result<Known, Inconsistent> {
    let all = intervals(&[*before, *after], slot.length)?;
    let found = all.iter().find(|interval| interval.slot == slot);
    Ok(found.map_or(Known::MISSING, Known::from))
}

/// What a reading and its neighbours in page order say of the slots that start before
/// `closed_until`, in order.
///
/// # Errors
/// [`Inconsistent`] when they are not readings of one meter in order.
pub(crate) fn known_around(
    readings: &[Reading],
    length: SlotLength,
    closed_until: Timestamp,
) -> Result<Vec<(Slot, Known)>, Inconsistent> {
    let all = intervals(readings, length)?;
    let closed = all.iter().take_while(|interval| interval.slot.start < closed_until);
    Ok(closed.map(|interval| (interval.slot, Known::from(interval))).collect())
}

/// The start of the first slot that begins at or after `moment`: the first that a meter enrolled
/// then can measure whole.
pub(crate) fn first_whole_slot(moment: Timestamp, length: SlotLength) -> Timestamp {
    let containing = Slot::containing(moment, length);
    if containing.start == moment { moment } else { containing.end() }
}

#[cfg(test)]
mod tests {
    use ids::MeterId;
    use reading::Status;
    use units::Register;

    use super::*;

    const LENGTH: SlotLength = SlotLength::QUARTER_HOUR;

    fn at(slot: i64) -> Timestamp {
        Timestamp::from_seconds(1_780_272_000 + slot * 900)
    }

    fn page(page: u32, slot: i64, import: u64) -> Reading {
        Reading {
            meter: MeterId::derived("H01"),
            page,
            time: at(slot),
            import: Register::from_wh(import),
            export: Register::default(),
            status: Status::default(),
            firmware: 1,
        }
    }

    fn shown(known: Known) -> (u64, Quality) {
        (known.import.wh(), known.quality)
    }

    #[test]
    fn two_readings_around_a_slot_measure_or_bound_it() {
        let slot = Slot { start: at(1), length: LENGTH };
        let known =
            |before: Reading, after: Reading| shown(known_between(&before, &after, slot).unwrap());
        assert_eq!(known(page(1, 1, 100), page(2, 2, 130)), (30, Quality::Measured));
        assert_eq!(known(page(1, 0, 100), page(2, 3, 131)), (10, Quality::Substituted));
        assert_eq!(known(page(1, 2, 100), page(2, 3, 130)), (0, Quality::Missing));
        assert!(known_between(&page(2, 2, 100), &page(1, 1, 90), slot).is_err());
    }

    #[test]
    fn a_late_reading_says_something_of_closed_slots_only() {
        let readings = [page(1, 0, 0), page(3, 2, 40), page(4, 4, 100)];
        let said = known_around(&readings, LENGTH, at(3)).unwrap();
        let said: Vec<_> =
            said.into_iter().map(|(slot, known)| (slot.start, shown(known))).collect();
        assert_eq!(
            said,
            [
                (at(0), (20, Quality::Substituted)),
                (at(1), (20, Quality::Substituted)),
                (at(2), (30, Quality::Substituted)),
            ]
        );
    }

    #[test]
    fn a_meter_measures_from_the_first_whole_slot() {
        assert_eq!(first_whole_slot(at(3), LENGTH), at(3));
        assert_eq!(first_whole_slot(at(3).plus_seconds(1), LENGTH), at(4));
    }

    #[test]
    fn a_quality_comes_back_from_its_name() {
        for quality in [Quality::Measured, Quality::Substituted, Quality::Missing] {
            assert_eq!(Quality::named(quality.name()), Some(quality));
            let event = serde_json::to_value(events::metering::Quality::from(quality)).unwrap();
            assert_eq!(event, quality.name());
        }
        assert_eq!(Quality::named("guessed"), None);
    }
}
