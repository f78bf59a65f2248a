//! What holds of every estimate.

use calendar::{LocalDay, Slot};
use proptest::prelude::*;
use units::{Energy, Power};
use vee::{Aids, Gap, Known, Policy, Quality, Series, Span, energy_max, fill};

use crate::home::{LENGTH, aids, days};

/// A week before a day, and the day, which may be one of 92 or 100 quarter-hours.
fn around(day: usize) -> (Span, usize) {
    let days = days();
    let day: LocalDay = ["2026-03-29", "2026-10-25", "2026-06-03"][day].parse().unwrap();
    let span = Span {
        from: days.timezone.start_of(day.later(-7)),
        to: days.timezone.start_of(day.later(1)),
    };
    let slots = days.timezone.slots_of(day, LENGTH).count();
    (span, slots)
}

fn built(span: Span, energies: &[Option<u64>]) -> Series {
    let first = Slot::starting(span.from, LENGTH).unwrap();
    let count = usize::try_from(span.seconds() / 900).unwrap();
    let known = (0..count).map(|place| {
        let energy = energies[place % energies.len()];
        energy.map_or(Known::MISSING, |wh| Known::measured(Energy::from_wh(wh)))
    });
    Series::new(first, known.collect()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_bounded_gap_sums_to_its_registers_whatever_the_day(
        day in 0..3_usize,
        energies in prop::collection::vec(prop::option::weighted(0.9, 0..2000_u64), 5..200),
        place in any::<prop::sample::Index>(),
        length in 1..400_usize,
        per_mille in 0..=1000_u64,
    ) {
        let (span, slots) = around(day);
        prop_assert_eq!(slots, [92, 100, 96][day]);
        let mut series = built(span, &energies);
        let count = series.known().len();
        let from = place.index(count);
        let to = count.min(from + length);
        let gap = Span { from: series.slot(from).start, to: series.slot(to).start };
        let (days, policy) = (days(), Policy::default());
        let most = energy_max(Power::from_w(10_000), 900, &policy);
        let known = series.sum(gap).unwrap();
        let open = series.within(gap).filter(|(_, known)| known.quality.is_open()).count() as u64;
        let missing = Energy::from_wh(most.wh() * open * per_mille / 1000);
        let advance = known.plus(missing).unwrap();
        let before = series.clone();
        let estimate = fill(&mut series, &[Gap { span: gap, advance }], &aids(&days, &policy));

        prop_assert_eq!(series.sum(gap).unwrap(), advance);
        for (was, is) in before.known().iter().zip(series.known()) {
            prop_assert!(was == is || was.quality.is_open());
            prop_assert!(is.energy <= most);
        }
        let mut again = before;
        prop_assert_eq!(
            fill(&mut again, &[Gap { span: gap, advance }], &aids(&days, &policy)), estimate
        );
        prop_assert_eq!(again, series);
    }

    #[test]
    fn open_estimates_are_possible_and_only_provisional_after_the_last_reading(
        day in 0..3_usize,
        energies in prop::collection::vec(prop::option::weighted(0.8, 0..5000_u64), 50..200),
        tail in 0..200_usize,
        power in 100..20_000_u64,
    ) {
        let (span, _) = around(day);
        let mut series = built(span, &energies);
        let count = series.known().len();
        for place in count - tail..count {
            series.set(place, Known::MISSING);
        }
        let (days, policy) = (days(), Policy::default());
        let power_max = Power::from_w(power);
        let with = Aids { power_max, ..aids(&days, &policy) };
        let last = series.known().iter().rposition(|known| known.quality.is_read());
        let estimate = fill(&mut series, &[], &with);
        let most = energy_max(power_max, 900, &policy);
        for slot in &estimate.slots {
            prop_assert!(slot.known.energy <= most);
            let ahead = last.is_none_or(|last| series.slot(last).start < slot.start);
            let expected = if ahead { Quality::Estimated } else { Quality::Substituted };
            prop_assert_eq!(slot.known.quality, expected);
        }
        let open = series.known().iter().filter(|known| known.quality.is_open()).count();
        prop_assert_eq!(open, estimate.open.len());
    }
}
