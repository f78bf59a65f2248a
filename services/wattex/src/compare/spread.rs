//! How prices lie: mean, median and deviation, weighted by energy. Exact until the last division.

use std::collections::BTreeMap;

use units::{Energy, Price};

/// How much was traded at each price, Wh by 1e-9 currency per Wh.
#[derive(Default)]
pub(super) struct Spread(BTreeMap<i64, u64>);

impl Spread {
    pub(super) fn add(&mut self, price: Price, energy: Energy) {
        *self.0.entry(price.n_per_wh()).or_default() += energy.wh();
    }

    fn volume(&self) -> Option<i128> {
        let volume = self.0.values().map(|wh| i128::from(*wh)).sum();
        (volume > 0).then_some(volume)
    }

    /// Rounded towards zero; `None` where nothing was traded, here and below.
    pub(super) fn mean(&self) -> Option<Price> {
        let volume = self.volume()?;
        let paid: i128 = self.0.iter().map(|(n, wh)| i128::from(*n) * i128::from(*wh)).sum();
        i64::try_from(paid / volume).ok().map(Price::from_n_per_wh)
    }

    /// The lowest price up to which half of the energy or more was traded.
    pub(super) fn median(&self) -> Option<Price> {
        let volume = self.volume()?;
        let mut below = 0;
        let reached = self.0.iter().find(|(_, wh)| {
            below += i128::from(**wh);
            2 * below >= volume
        });
        reached.map(|(n, _)| Price::from_n_per_wh(*n))
    }

    /// The standard deviation from the rounded mean, rounded down.
    pub(super) fn deviation(&self) -> Option<Price> {
        let (volume, mean) = (self.volume()?.unsigned_abs(), self.mean()?.n_per_wh());
        let mut squares = 0_u128;
        for (n, wh) in &self.0 {
            let away = u128::from(n.abs_diff(mean));
            let part = away.checked_mul(away)?.checked_mul(u128::from(*wh))?;
            squares = squares.checked_add(part)?;
        }
        i64::try_from((squares / volume).isqrt()).ok().map(Price::from_n_per_wh)
    }
}

/// The middle one of rising numbers; of an even count the lower of both.
pub(super) fn median(rising: &[i64]) -> Option<i64> {
    rising.get(rising.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(traded: &[(i64, u64)], expected: Option<[i64; 3]>) {
        let mut spread = Spread::default();
        for (n, wh) in traded {
            spread.add(Price::from_n_per_wh(*n), Energy::from_wh(*wh));
        }
        let found = [spread.mean(), spread.median(), spread.deviation()];
        assert_eq!(found, [0, 1, 2].map(|at| expected.map(|e| Price::from_n_per_wh(e[at]))));
    }

    #[test]
    fn prices_are_weighted_by_the_energy_that_was_traded_at_them() {
        check(&[], None);
        check(&[(7, 5)], Some([7, 7, 0]));
        check(&[(10, 1), (30, 3)], Some([25, 30, 8]));
        check(&[(10, 2), (30, 2)], Some([20, 10, 10]));
        check(&[(10, 1), (30, 1), (10, 1), (30, 1)], Some([20, 10, 10]));
    }

    #[test]
    fn the_median_of_an_even_count_is_the_lower_one() {
        assert_eq!(
            [&[][..], &[4], &[4, 6], &[4, 6, 9]].map(median),
            [None, Some(4), Some(4), Some(6)]
        );
    }
}
