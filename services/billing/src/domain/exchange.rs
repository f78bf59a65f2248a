//! What a dealer gives for cash of another currency.
//!
//! ```text
//! taken = given x rate x (1 - spread)      rounded down to a unit of 1e-9: the account gets at
//!                                          most one such unit less than the exact amount
//! ```

use units::Money;

/// The highest rate: a million units of the one currency for one of the other.
pub const RATE_MAX: u64 = 1_000_000_000_000_000;
/// The widest spread, in 1e-4 of the amount: all of it is more than any dealer keeps.
pub const SPREAD_BPS_MAX: u16 = 5_000;
/// The most that is exchanged at once, of the currency that is given: as much as one payment
/// brings.
pub const EXCHANGE_MAX: Money = Money::from_n(10_000_000_000_000_000);

/// Units of money in one of a currency.
const UNITS: i128 = 1_000_000_000;
/// Basis points in one.
const BPS: i128 = 10_000;

/// At which rate one currency is exchanged for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// 1e-9 of the target for one of the source, before the spread.
    pub rate: u64,
    /// What the dealer keeps, in 1e-4 of the target.
    pub spread_bps: u16,
    /// The most of the target that the dealer gives at this rate, over all accounts.
    pub limit: Money,
}

impl Rate {
    /// What an account gets for `given`, rounded down; `None` where that is nothing or more than
    /// there can be.
    pub fn taken(&self, given: Money) -> Option<Money> {
        let kept = BPS.checked_sub(i128::from(self.spread_bps))?;
        let exact = i128::from(given.n()).checked_mul(i128::from(self.rate))?.checked_mul(kept)?;
        let taken = i64::try_from(exact.div_euclid(UNITS * BPS)).ok()?;
        (taken > 0).then(|| Money::from_n(taken))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(given: i64, rate: u64, spread_bps: u16) -> Option<i64> {
        let rate = Rate { rate, spread_bps, limit: Money::ZERO };
        rate.taken(Money::from_n(given)).map(Money::n)
    }

    #[test]
    fn an_amount_is_exchanged_at_the_rate_less_the_spread() {
        let one = 1_000_000_000;
        assert_eq!(taken(one, 940_000_000, 0), Some(940_000_000));
        assert_eq!(taken(one, 940_000_000, 50), Some(935_300_000));
        assert_eq!(taken(25 * one, 1_063_829_787, 0), Some(26_595_744_675));
        assert_eq!(taken(one, 1_000_000_000, 5_000), Some(500_000_000));
    }

    #[test]
    fn the_account_gets_at_most_one_unit_less_than_exactly() {
        for (given, rate, spread) in [(1, 1_999_999_999, 0), (3, 333_333_333, 1), (7, 987, 9)] {
            let exact = i128::from(given) * i128::from(rate) * (BPS - i128::from(spread));
            let got = i128::from(taken(given, rate, spread).unwrap_or(0)) * UNITS * BPS;
            assert!(got <= exact && exact - got < UNITS * BPS, "{given} {rate} {spread}");
        }
        assert_eq!(taken(1, 999_999_999, 0), None, "less than a unit is nothing");
    }

    #[test]
    fn the_largest_of_all_is_no_overflow() {
        assert_eq!(taken(i64::MAX, u64::MAX, 0), None);
        assert_eq!(taken(EXCHANGE_MAX.n(), RATE_MAX, 0), None);
        assert_eq!(taken(EXCHANGE_MAX.n(), 1_000_000_000, 0), Some(EXCHANGE_MAX.n()));
        assert_eq!(taken(-5, 1_000_000_000, 0), None);
    }
}
