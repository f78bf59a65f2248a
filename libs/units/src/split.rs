//! Sharing a whole number of units without losing one.

/// Shares `total` in proportion to `weights`; the units that do not divide go to the largest
/// remainders, and between equal remainders to the earlier place.
///
/// The parts always sum to `total`, except where every weight is zero: then all parts are zero.
pub fn largest_remainder(total: u64, weights: &[u64]) -> Vec<u64> {
    let sum: u128 = weights.iter().map(|&weight| u128::from(weight)).sum();
    if sum == 0 {
        return vec![0; weights.len()];
    }
    let exact = |weight: u64| u128::from(total) * u128::from(weight);
    // A part never exceeds `total`, so it fits.
    let mut parts: Vec<u64> =
        weights.iter().map(|&weight| u64::try_from(exact(weight) / sum).unwrap_or(total)).collect();
    let left = total - parts.iter().sum::<u64>();
    let mut places: Vec<usize> = (0..weights.len()).collect();
    places.sort_by_key(|&place| (std::cmp::Reverse(exact(weights[place]) % sum), place));
    for &place in places.iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
        parts[place] += 1;
    }
    parts
}

/// Like [`largest_remainder`], for a supply that must not give anyone more than was asked:
/// where `total` covers all of `asked`, each gets what it asked.
pub fn pro_rata(total: u64, asked: &[u64]) -> Vec<u64> {
    let sum: u128 = asked.iter().map(|&quantity| u128::from(quantity)).sum();
    if u128::from(total) >= sum { asked.to_vec() } else { largest_remainder(total, asked) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn supply_is_shared_in_proportion_to_what_was_asked() {
        assert_eq!(pro_rata(3000, &[2000, 4000]), [1000, 2000]);
        assert_eq!(pro_rata(9000, &[2000, 4000]), [2000, 4000]);
    }

    #[test]
    fn the_odd_unit_goes_to_the_earlier_of_equals() {
        assert_eq!(largest_remainder(1000, &[1, 1, 1]), [334, 333, 333]);
        assert_eq!(largest_remainder(0, &[1, 1]), [0, 0]);
        assert_eq!(largest_remainder(5, &[0, 0]), [0, 0]);
    }

    #[test]
    fn a_gap_is_filled_in_the_shape_of_a_like_day() {
        assert_eq!(largest_remainder(1400, &[100, 200, 300, 200]), [175, 350, 525, 350]);
    }
}
