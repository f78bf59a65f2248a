//! How much to trade of what is not known yet: the newsvendor's quantile, in whole numbers.
//!
//! One Wh more that is sold earns its price instead of what surplus brings, if it is there, and
//! costs what a shortfall costs, if it is not. So the best size is the one that what is there
//! reaches with the probability at which both are worth the same (Arrow, Harris and Marschak 1951):
//!
//! ```text
//! seller   F(q) = (price - surplus) / (shortfall - surplus)
//! buyer    F(q) = (retail - price) / (retail - surplus)
//! ```
//!
//! where F is the part of the cases in which what is there, or needed, is at most q.

use units::Price;

/// All cases, in parts per million.
pub const ALL_PPM: u32 = 1_000_000;

/// The quantile of production that is best sold at `price`, in parts per million rounded down, when
/// a Wh that is not sold brings `surplus` and one that is missing costs `shortfall`; `None` where
/// a shortfall costs no more than surplus brings.
pub fn to_sell(price: Price, surplus: Price, shortfall: Price) -> Option<u32> {
    part(price, surplus, (shortfall, surplus))
}

/// The quantile of the need that is best bought at `price`, in parts per million rounded down, when
/// a Wh too many brings `surplus` and a missing one costs `retail`; `None` where it costs no more.
pub fn to_buy(price: Price, surplus: Price, retail: Price) -> Option<u32> {
    part(retail, price, (retail, surplus))
}

/// (`above` - `below`) / (`high` - `low`), within 0 and 1.
fn part(above: Price, below: Price, (high, low): (Price, Price)) -> Option<u32> {
    let n = |price: Price| i128::from(price.n_per_wh());
    let whole = n(high) - n(low);
    if whole <= 0 {
        return None;
    }
    let all = i128::from(ALL_PPM);
    let part = ((n(above) - n(below)) * all / whole).clamp(0, all);
    u32::try_from(part).ok()
}

/// The smallest of `rising` numbers that so many of them, in parts per million, do not exceed;
/// `None` of no numbers.
pub fn quantile(rising: &[i64], ppm: u32) -> Option<i64> {
    let count = rising.len() as u128;
    let reached = (count * u128::from(ppm)).div_ceil(u128::from(ALL_PPM));
    let place = usize::try_from(reached.saturating_sub(1)).ok()?;
    rising.get(place.min(rising.len().checked_sub(1)?)).copied()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use units::Decimal;

    use super::*;

    #[test]
    fn the_worked_quantiles_come_out() {
        let vectors = include_str!("../../../../tests/vectors/domain.json");
        let vectors: Value = serde_json::from_str(vectors).unwrap();
        let check = |side: &str, bound: &str, quantile: fn(Price, Price, Price) -> Option<u32>| {
            let of = &vectors["newsvendor"][side];
            let ct = |field: &str| Price::from_n_per_wh(of[field].as_i64().unwrap() * 10_000);
            let found = quantile(ct("p"), ct("long"), ct(bound)).unwrap();
            let told: Decimal = of["quantile"].to_string().parse().unwrap();
            let told = u32::try_from(told.to_scale(7).unwrap()).unwrap();
            assert!((found * 10).abs_diff(told) <= 10, "{side}: {found} of a million, {told}");
        };
        check("sell", "short", to_sell);
        check("buy", "retail", to_buy);
    }

    #[test]
    fn a_price_beyond_the_bounds_is_for_all_or_nothing() {
        let price = Price::from_n_per_wh;
        let sell = |p| to_sell(price(p), price(10), price(30));
        assert_eq!([5, 10, 20, 30, 35].map(sell), [0, 0, 500_000, 1_000_000, 1_000_000].map(Some));
        let buy = |p| to_buy(price(p), price(10), price(30));
        assert_eq!([5, 10, 20, 30, 35].map(buy), [1_000_000, 1_000_000, 500_000, 0, 0].map(Some));
        assert_eq!(to_sell(price(20), price(10), price(10)), None);
        assert_eq!(to_buy(price(i64::MAX), price(i64::MIN), price(i64::MAX)), Some(0));
    }

    #[test]
    fn a_quantile_is_one_of_the_numbers() {
        let of = |ppm| quantile(&[-3, 0, 4, 9], ppm);
        let asked = [0, 1, 250_000, 250_001, 500_000, 800_000, ALL_PPM, u32::MAX];
        assert_eq!(asked.map(of), [-3, -3, -3, 0, 0, 9, 9, 9].map(Some));
        assert_eq!(quantile(&[], 500_000), None);
    }
}
