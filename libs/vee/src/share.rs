//! Sharing a whole number of watt-hours over slots, none of which can carry more than so much.

use units::Energy;

/// The part of one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Part {
    /// What it got.
    pub energy: Energy,
    /// Did it get one of the watt-hours that did not divide?
    pub odd: bool,
}

/// More than all slots together can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{} Wh do not fit into {slots} slots of at most {} Wh", total.wh(), most.wh())]
pub struct DoesNotFit {
    /// What was to be shared.
    pub total: Energy,
    /// Over how many slots.
    pub slots: usize,
    /// What each can carry.
    pub most: Energy,
}

/// Shares `total` in proportion to `weights`, at most `most` each. The parts sum to `total`.
///
/// The watt-hours that do not divide go to the slots with the largest remainders, between equal
/// remainders to the earlier slot ([`units::largest_remainder`]); these parts are marked odd. What
/// a full slot cannot carry is shared by the same rule over those that are not full. Where all
/// weights are zero, all slots weigh the same.
///
/// # Errors
/// [`DoesNotFit`] when `total` is more than `most` for each.
pub fn share(total: Energy, weights: &[u64], most: Energy) -> Result<Vec<Part>, DoesNotFit> {
    let slots = weights.len();
    let room = u128::from(most.wh()) * slots as u128;
    if u128::from(total.wh()) > room {
        return Err(DoesNotFit { total, slots, most });
    }
    let mut parts = vec![Part::default(); slots];
    let mut open: Vec<usize> = (0..slots).collect();
    let mut left = total.wh();
    loop {
        let mut asked: Vec<u64> = open.iter().map(|place| weights[*place]).collect();
        if asked.iter().all(|weight| *weight == 0) {
            asked.fill(1);
        }
        let shared = units::largest_remainder(left, &asked);
        let full = |wh: u64| wh > most.wh();
        if !shared.iter().any(|wh| full(*wh)) {
            let sum: u128 = asked.iter().map(|weight| u128::from(*weight)).sum();
            for ((place, wh), weight) in open.iter().zip(&shared).zip(&asked) {
                let whole = u128::from(left) * u128::from(*weight) / sum.max(1);
                let odd = u128::from(*wh) > whole;
                parts[*place] = Part { energy: Energy::from_wh(*wh), odd };
            }
            return Ok(parts);
        }
        // At least one slot is full, so the next round has fewer.
        let mut rest = Vec::with_capacity(open.len());
        for (place, wh) in open.iter().zip(&shared) {
            if full(*wh) {
                parts[*place] = Part { energy: most, odd: false };
                left -= most.wh();
            } else {
                rest.push(*place);
            }
        }
        open = rest;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MUCH: Energy = Energy::from_wh(u64::MAX);

    fn wh(total: u64, weights: &[u64], most: Energy) -> Vec<u64> {
        let parts = share(Energy::from_wh(total), weights, most).unwrap();
        parts.into_iter().map(|part| part.energy.wh()).collect()
    }

    #[test]
    fn what_does_not_divide_goes_to_the_largest_remainders_and_is_marked() {
        assert_eq!(wh(1400, &[100, 200, 300, 200], MUCH), [175, 350, 525, 350]);
        assert_eq!(wh(8, &[0, 0, 0], MUCH), [3, 3, 2]);
        let odd = |total| -> Vec<bool> {
            let parts = share(Energy::from_wh(total), &[1, 2, 1], MUCH).unwrap();
            parts.into_iter().map(|part| part.odd).collect()
        };
        assert_eq!(odd(8), [false, false, false]);
        assert_eq!(odd(9), [false, true, false]);
        assert_eq!(odd(10), [true, false, false]);
        assert_eq!(odd(11), [true, false, true]);
    }

    #[test]
    fn a_full_slot_leaves_its_rest_to_the_others() {
        let most = Energy::from_wh(100);
        assert_eq!(wh(150, &[9, 1, 0], most), [100, 50, 0]);
        assert_eq!(wh(250, &[9, 1, 0], most), [100, 100, 50]);
        assert_eq!(wh(300, &[9, 1, 0], most), [100, 100, 100]);
        let refused = share(Energy::from_wh(301), &[9, 1, 0], most).unwrap_err();
        assert_eq!(refused.to_string(), "301 Wh do not fit into 3 slots of at most 100 Wh");
        assert_eq!(share(Energy::ZERO, &[], most), Ok(vec![]));
    }

    proptest! {
        #[test]
        fn parts_sum_to_the_total_and_none_is_above_the_most(
            weights in prop::collection::vec(prop_oneof![Just(0), 0..5_u64, any::<u64>()], 1..60),
            most in 0..10_000_u64,
            fraction in 0..=1000_u64,
        ) {
            let total = most * weights.len() as u64 * fraction / 1000;
            let parts =
                share(Energy::from_wh(total), &weights, Energy::from_wh(most)).unwrap();
            prop_assert_eq!(Energy::sum(parts.iter().map(|it| it.energy)).unwrap().wh(), total);
            prop_assert!(parts.iter().all(|part| part.energy.wh() <= most));
            let again = share(Energy::from_wh(total), &weights, Energy::from_wh(most)).unwrap();
            prop_assert_eq!(parts, again);
        }
    }
}
