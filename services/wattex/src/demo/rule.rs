//! The automatic order rule of a demo home: buy the forecast need, sell the forecast surplus,
//! inside the price band.
//!
//! The forecast knows only readings that arrived before the order: yesterday's same slot, moved by
//! half of what today's latest slot differs from yesterday's. Without a yesterday it is the latest
//! slot. By what the forecasts of the last hours missed an order is for the newsvendor's quantile
//! of what may come, and for no more than the forecast. What they missed by on average is the
//! home's doubt, and both sides want the more of the band the larger it is beside the order: energy
//! that was traded and is missing costs up to the whole band, energy that was wanted and not traded
//! costs what the home would have kept.

use contracts::Side;
use units::{Energy, Price};

use super::newsvendor::{ALL_PPM, quantile, to_buy, to_sell};

/// The smallest order worth placing, in Wh.
const ORDER_MIN_WH: u64 = 10;

/// How many days back surplus at the same time is looked for.
const DAYS_BACK: usize = 3;
/// How many slots back the forecast's errors are looked at.
const SLOTS_BACK: usize = 24;

/// Where in the band a home expects the price, in hundredths from below. Surplus is scarce, so it
/// is near what buyers would pay anyway: a buyer gains little by energy that it needs and loses
/// much by energy that it does not, and a seller is in the opposite place.
const EXPECTED_PRICE: i64 = 80;

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
    /// The order for a slot whose net energy (export minus import) is forecast as `net` Wh, where
    /// forecasts have lately missed by `errors`.
    pub fn intend(self, net: i64, errors: &Errors, bounds: Bounds) -> Option<Intent> {
        let width = bounds.retail.n_per_wh() - bounds.feed_in.n_per_wh();
        let quantity = Energy::from_wh(worth_trading(net, errors, bounds)?);
        let doubt = errors.doubt();
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

/// How much of a forecast is best traded, in Wh; `None` where the band is empty.
fn worth_trading(net: i64, errors: &Errors, bounds: Bounds) -> Option<u64> {
    let Bounds { retail, feed_in, .. } = bounds;
    let width = retail.n_per_wh() - feed_in.n_per_wh();
    let price = Price::from_n_per_wh(feed_in.n_per_wh() + width / 100 * EXPECTED_PRICE);
    let left_out = if net < 0 {
        // What is needed is the more the less net energy there is: the other end of the errors.
        errors.quantile(ALL_PPM - to_buy(price, feed_in, retail)?)
    } else {
        errors.quantile(to_sell(price, feed_in, retail)?).saturating_neg()
    };
    let left_out = left_out.max(0).unsigned_abs();
    Some(net.unsigned_abs().saturating_sub(left_out))
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

/// By how much forecasts have missed, in Wh: what came less what was forecast, rising.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errors(Vec<i64>);

impl Errors {
    /// Of the last slots, when an order is placed `ahead` slots after the last one that was read.
    pub fn of(known: &[i64], ahead: usize, day: usize) -> Errors {
        let targets = known.len().saturating_sub(SLOTS_BACK)..known.len();
        let missed = targets.filter_map(|target| {
            let informed = known.get(..target.checked_sub(ahead)?)?;
            Some(known[target].saturating_sub(forecast(informed, target, day)?))
        });
        let mut errors: Vec<i64> = missed.collect();
        errors.sort_unstable();
        Errors(errors)
    }

    /// Their mean absolute value.
    fn doubt(&self) -> u64 {
        let sum: u128 = self.0.iter().map(|error| u128::from(error.unsigned_abs())).sum();
        u64::try_from(sum / (self.0.len() as u128).max(1)).unwrap_or(u64::MAX)
    }

    /// By how much more than forecast there was at most in so many cases; nothing where none are
    /// known.
    fn quantile(&self, ppm: u32) -> i64 {
        quantile(&self.0, ppm).unwrap_or(0)
    }
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
        let doubt = |known: &[i64]| Errors::of(known, 2, 4).doubt();
        assert_eq!(doubt(&[-5, -5, -5, -5]), 0);
        assert_eq!(doubt(&[0, 0, 10, 10]), 10);
        assert_eq!(doubt(&[]), 0);
        assert_eq!(Errors::of(&[0, 0, 10, -20, 10], 2, 4), Errors(vec![-20, 10]));
    }

    /// Half of the forecasts were too high by so much, and half too low.
    fn missed(by: i64) -> Errors {
        Errors(vec![by.saturating_neg(), by])
    }

    #[test]
    fn an_order_is_for_the_quantile_at_which_more_would_gain_nothing() {
        let (retail, feed_in) = (Price::from_n_per_wh(300_000), Price::from_n_per_wh(100_000));
        let bounds = Bounds { retail, feed_in, tick: 100 };
        let check = |net: i64, errors: &[i64], wh: u64| {
            let intent = Rule { keeps: 0 }.intend(net, &Errors(errors.to_vec()), bounds);
            assert_eq!(intent.map(|intent| intent.quantity.wh()), Some(wh), "{net}, {errors:?}");
        };
        // At four fifths of the band a buyer covers one case in five, and a seller four in five.
        check(-400, &[-50, -20, 0, 30, 60], 370);
        check(400, &[-50, -20, 0, 30, 60], 400);
        check(400, &[-90, -80, -70, -60, -50], 340);
        check(-400, &[-90, -80, -70, -60, -50], 400);
        check(-400, &[], 400);
    }

    #[test]
    fn orders_stay_inside_the_band() {
        let bounds = Bounds {
            retail: Price::from_n_per_wh(300_050),
            feed_in: Price::from_n_per_wh(80_050),
            tick: 100,
        };
        let buy = Rule { keeps: 0 }.intend(-500, &missed(0), bounds).unwrap();
        assert_eq!((buy.side, buy.limit), (Side::Buy, Price::from_n_per_wh(300_000)));
        let sell = Rule { keeps: 0 }.intend(500, &missed(0), bounds).unwrap();
        assert_eq!((sell.side, sell.limit), (Side::Sell, Price::from_n_per_wh(80_100)));
        assert_eq!(Rule { keeps: 0 }.intend(-19, &missed(10), bounds), None);
    }

    #[test]
    fn the_less_sure_a_home_is_the_more_it_wants_and_never_less_than_its_taste() {
        let (retail, feed_in) = (Price::from_n_per_wh(300_000), Price::from_n_per_wh(100_000));
        let bounds = Bounds { retail, feed_in, tick: 100 };
        let check = |net: i64, doubt: i64, wh: u64, kept: i64| {
            let intent = Rule { keeps: 10 }.intend(net, &missed(doubt), bounds).unwrap();
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
        check(i64::MAX, i64::MAX, i64::MAX.unsigned_abs(), 100_000);
    }
}
