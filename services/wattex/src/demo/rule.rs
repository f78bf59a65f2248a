//! The automatic order rule of a demo home: buy the forecast need, sell the forecast surplus,
//! inside the price band.
//!
//! The forecast knows only readings that arrived before the order: yesterday's same slot, moved by
//! half of what today's latest slot differs from yesterday's. Without a yesterday it is the latest
//! slot. What the forecasts of the last hours missed by is the home's doubt. It makes a buyer leave
//! out some, and both sides want the more of the band the larger the doubt beside the order: energy
//! that was traded and is missing costs up to the whole band, energy that was wanted and not traded
//! costs what the home would have kept.

use contracts::Side;
use units::{Energy, Price};

/// The smallest order worth placing, in Wh.
const ORDER_MIN_WH: u64 = 10;

/// How many days back surplus at the same time is looked for.
const DAYS_BACK: usize = 3;
/// How many slots back the forecast's errors are looked at.
const SLOTS_BACK: usize = 24;

/// How many times its doubt a buyer leaves out. Where surplus is scarce the price is near what a
/// buyer would pay anyway: little is gained by energy that is needed and much is lost by energy
/// that is not (the newsvendor's quantile). A seller is in the opposite place and leaves out none.
const BUYERS_DOUBT: u64 = 1;

/// What a home wants to do in one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intent {
    /// Buy or sell.
    pub side: Side,
    /// How much.
    pub quantity: Energy,
    /// A buyer's all-in limit, a seller's net one.
    pub limit: Price,
}

/// One home's taste: how much of the band it keeps for itself at least, in hundredths.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// 0: pays up to the retail price, sells down to the feed-in price.
    pub keeps: u8,
}

/// Prices that bound a slot: what the grid takes and gives.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// All-in price of energy from the retailer.
    pub retail: Price,
    /// Price of energy fed into the grid.
    pub feed_in: Price,
    /// Prices are multiples of this.
    pub tick: i64,
}

impl Rule {
    /// The order for a slot whose net energy (export minus import) is forecast as `net` Wh, give or
    /// take `doubt` Wh.
    pub fn intend(self, net: i64, doubt: u64, bounds: Bounds) -> Option<Intent> {
        let left_out = if net < 0 { doubt.saturating_mul(BUYERS_DOUBT) } else { 0 };
        let quantity = Energy::from_wh(net.unsigned_abs().saturating_sub(left_out));
        let width = bounds.retail.n_per_wh() - bounds.feed_in.n_per_wh();
        if quantity.wh() < ORDER_MIN_WH || width <= 0 {
            return None;
        }
        let kept = width / 100 * self.wants(quantity, doubt);
        let (side, limit) = if net < 0 {
            (Side::Buy, (bounds.retail.n_per_wh() - kept) / bounds.tick * bounds.tick)
        } else {
            let least = bounds.feed_in.n_per_wh() + kept;
            (Side::Sell, (least + bounds.tick - 1) / bounds.tick * bounds.tick)
        };
        Some(Intent { side, quantity, limit: Price::from_n_per_wh(limit) })
    }

    /// How many hundredths of the band an order of `quantity` is worth placing for: the share of
    /// doubt in it, and no less than the home's taste.
    fn wants(self, quantity: Energy, doubt: u64) -> i64 {
        let whole = u128::from(doubt) + u128::from(quantity.wh());
        let share = u128::from(doubt) * 100 / whole.max(1);
        i64::from(self.keeps).max(i64::try_from(share).unwrap_or(100))
    }
}

/// Forecast of the net energy of slot `target` in Wh, when `known` holds the slots before it that
/// have been read, and a day has `day` slots.
///
/// Surplus is forecast only where there was some before: the latest slot's, or the same time's of
/// the days before.
pub fn forecast(known: &[i64], target: usize, day: usize) -> Option<i64> {
    let latest = *known.last()?;
    let same_time =
        |past: &usize| target.checked_sub(past * day).and_then(|place| known.get(place));
    let Some(yesterday) = same_time(&1) else { return Some(latest) };
    let before = (known.len() - 1).checked_sub(day).and_then(|place| known.get(place));
    let moved = yesterday + before.map_or(0, |before| (latest - before) / 2);
    let seen = (1..=DAYS_BACK).filter_map(|past| same_time(&past)).max();
    Some(moved.min(seen.copied().unwrap_or(latest).max(0)))
}

/// How far off the forecasts of the last slots were, in Wh: their mean absolute error, when an
/// order is placed `ahead` slots after the last one that was read.
pub fn doubt(known: &[i64], ahead: usize, day: usize) -> u64 {
    let targets = known.len().saturating_sub(SLOTS_BACK)..known.len();
    let errors: Vec<u64> = targets
        .filter_map(|target| {
            let informed = known.get(..target.checked_sub(ahead)?)?;
            Some(forecast(informed, target, day)?.abs_diff(known[target]))
        })
        .collect();
    errors.iter().sum::<u64>() / (errors.len() as u64).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forecast_uses_only_what_was_read() {
        assert_eq!(forecast(&[], 3, 4), None);
        assert_eq!(forecast(&[-5], 3, 4), Some(-5));
        // Yesterday's slot was -30, and today is 10 above yesterday so far.
        assert_eq!(forecast(&[-10, -20, -30, -40, 0], 6, 4), Some(-30 + 5));
    }

    #[test]
    fn no_surplus_is_forecast_where_there_never_was_any() {
        // Yesterday's slot was -30; today so far is 100 above yesterday.
        assert_eq!(forecast(&[-110, -20, -30, -40, -10], 6, 4), Some(0));
        assert_eq!(forecast(&[-110, -20, 50, -40, -10], 6, 4), Some(50));
    }

    #[test]
    fn doubt_is_what_the_forecasts_missed_by() {
        assert_eq!(doubt(&[-5, -5, -5, -5], 2, 4), 0);
        assert_eq!(doubt(&[0, 0, 10, 10], 2, 4), 10);
        assert_eq!(doubt(&[], 2, 4), 0);
    }

    #[test]
    fn orders_stay_inside_the_band() {
        let bounds = Bounds {
            retail: Price::from_n_per_wh(300_050),
            feed_in: Price::from_n_per_wh(80_050),
            tick: 100,
        };
        let buy = Rule { keeps: 0 }.intend(-500, 0, bounds).unwrap();
        assert_eq!((buy.side, buy.limit), (Side::Buy, Price::from_n_per_wh(300_000)));
        let sell = Rule { keeps: 0 }.intend(500, 0, bounds).unwrap();
        assert_eq!((sell.side, sell.limit), (Side::Sell, Price::from_n_per_wh(80_100)));
        assert_eq!(Rule { keeps: 0 }.intend(-19, 10, bounds), None);
    }

    #[test]
    fn the_less_sure_a_home_is_the_more_it_wants_and_never_less_than_its_taste() {
        let (retail, feed_in) = (Price::from_n_per_wh(300_000), Price::from_n_per_wh(100_000));
        let bounds = Bounds { retail, feed_in, tick: 100 };
        let check = |net: i64, doubt: u64, wh: u64, kept: i64| {
            let intent = Rule { keeps: 10 }.intend(net, doubt, bounds).unwrap();
            let limit = if net < 0 { 300_000 - kept } else { 100_000 + kept };
            let expected = (Energy::from_wh(wh), Price::from_n_per_wh(limit));
            assert_eq!((intent.quantity, intent.limit), expected, "{net} give or take {doubt}");
        };
        check(-400, 0, 400, 20_000);
        check(-400, 20, 380, 20_000);
        check(-400, 100, 300, 50_000);
        check(-400, 200, 200, 100_000);
        check(400, 20, 400, 20_000);
        check(400, 100, 400, 40_000);
        check(100, 300, 100, 150_000);
        check(i64::MAX, u64::MAX, i64::MAX.unsigned_abs(), 132_000);
    }
}
