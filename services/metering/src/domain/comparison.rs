//! What a utility's file says beside what the meter signed, window by window.
//!
//! A window is as long as the longer of the two: a slot, or an interval of the file. Only windows
//! of which the file says all are shown, and a difference only where all slots are known too.

use std::collections::BTreeMap;

use calendar::{Slot, Timestamp};
use meterdata::Direction;
use units::{Energy, Overflow};

use super::closing::{Known, Quality};

/// An interval as a file says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unsigned {
    pub(crate) direction: Direction,
    pub(crate) start: Timestamp,
    pub(crate) seconds: i64,
    pub(crate) energy: Energy,
    /// Whether it was measured, as the file says.
    pub(crate) measured: bool,
}

/// Both words on one stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Compared {
    pub(crate) direction: Direction,
    pub(crate) start: Timestamp,
    pub(crate) seconds: i64,
    /// What the file says, and whether all of it was measured.
    pub(crate) unsigned: Energy,
    pub(crate) measured: bool,
    /// What the meter's signed registers say; `None` where a slot is not known.
    pub(crate) signed: Option<Energy>,
}

/// Compares both series. `signed` are slots of one length.
///
/// # Errors
/// [`Overflow`] when energies do not fit together.
pub(crate) fn compare(
    unsigned: &[Unsigned],
    signed: &[(Slot, Known)],
    slot_seconds: i64,
) -> Result<Vec<Compared>, Overflow> {
    let known: BTreeMap<i64, &Known> =
        signed.iter().map(|(slot, known)| (slot.start.seconds(), known)).collect();
    let mut windows: BTreeMap<(i64, Direction, i64), (Energy, i64, bool)> = BTreeMap::new();
    for said in unsigned {
        let seconds = said.seconds.max(slot_seconds);
        let start = said.start.seconds().div_euclid(seconds) * seconds;
        let window = windows.entry((start, said.direction, seconds));
        let (energy, covered, measured) = window.or_insert((Energy::ZERO, 0, true));
        *energy = energy.plus(said.energy)?;
        *covered += said.seconds;
        *measured &= said.measured;
    }
    let whole = windows.into_iter().filter(|((.., seconds), (_, covered, _))| covered == seconds);
    let compared = whole.map(|((start, direction, seconds), (energy, _, measured))| {
        let slots = (start..start + seconds).step_by(usize::try_from(slot_seconds).unwrap_or(1));
        let energies: Option<Vec<Energy>> =
            slots.map(|slot| energy_of(known.get(&slot)?, direction)).collect();
        let signed = energies.map(Energy::sum).transpose()?;
        let start = Timestamp::from_seconds(start);
        Ok(Compared { direction, start, seconds, unsigned: energy, measured, signed })
    });
    compared.collect()
}

fn energy_of(known: &Known, direction: Direction) -> Option<Energy> {
    let energy = match direction {
        Direction::Import => known.import,
        Direction::Export => known.export,
    };
    (known.quality != Quality::Missing).then_some(energy)
}

#[cfg(test)]
mod tests {
    use calendar::SlotLength;

    use super::*;

    fn slot(place: i64) -> Slot {
        let start = Timestamp::from_seconds(1_780_272_000 + place * 900);
        Slot { start, length: SlotLength::QUARTER_HOUR }
    }

    fn known(wh: u64) -> Known {
        let (import, export) = (Energy::from_wh(wh), Energy::ZERO);
        Known { import, export, quality: Quality::Measured }
    }

    fn said(seconds: i64, offset: i64, wh: u64) -> Unsigned {
        Unsigned {
            direction: Direction::Import,
            start: slot(0).start.plus_seconds(offset),
            seconds,
            energy: Energy::from_wh(wh),
            measured: true,
        }
    }

    fn check(
        unsigned: &[Unsigned],
        signed: &[(Slot, Known)],
        expected: &[(i64, u64, Option<u64>)],
    ) {
        let compared = compare(unsigned, signed, 900).unwrap();
        let shown: Vec<_> = compared
            .iter()
            .map(|it| (it.seconds, it.unsigned.wh(), it.signed.map(Energy::wh)))
            .collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn what_is_finer_is_added_up_to_what_is_coarser() {
        let signed = [(slot(0), known(10)), (slot(1), known(20))];
        check(
            &[said(900, 0, 11), said(900, 900, 20)],
            &signed,
            &[(900, 11, Some(10)), (900, 20, Some(20))],
        );
        check(
            &[said(300, 0, 3), said(300, 300, 3), said(300, 600, 4)],
            &signed,
            &[(900, 10, Some(10))],
        );
        check(&[said(1800, 0, 31)], &signed, &[(1800, 31, Some(30))]);
    }

    #[test]
    fn what_is_not_whole_is_not_compared() {
        let signed = [(slot(0), known(10)), (slot(1), Known::MISSING)];
        check(&[said(300, 0, 3), said(300, 600, 4)], &signed, &[]);
        check(&[said(900, 900, 4)], &signed, &[(900, 4, None)]);
        check(&[said(1800, 0, 14)], &signed, &[(1800, 14, None)]);
        check(&[said(900, 1800, 4)], &signed, &[(900, 4, None)]);
    }
}
