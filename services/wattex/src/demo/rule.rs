//! The automatic order rule of a demo home: buy the forecast need, sell the forecast surplus, inside
//! the price band.
//!
//! The forecast knows only readings that arrived before the order: yesterday's same slot, moved by half
//! of what today's latest slot differs from yesterday's. Without a yesterday it is the latest slot.

use contracts::Side;
use units::{Energy, Price};

/// The smallest order worth placing, in Wh.
const ORDER_MIN_WH: u64 = 10;

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

/// One home's taste: how much of the band it keeps for itself, in hundredths.
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
    /// The order for a slot whose net energy (export minus import) is forecast as `net` Wh.
    pub fn intend(self, net: i64, bounds: Bounds) -> Option<Intent> {
        let quantity = Energy::from_wh(net.unsigned_abs());
        let width = bounds.retail.n_per_wh() - bounds.feed_in.n_per_wh();
        if quantity.wh() < ORDER_MIN_WH || width <= 0 {
            return None;
        }
        let kept = width / 100 * i64::from(self.keeps);
        let (side, limit) = if net < 0 {
            (Side::Buy, (bounds.retail.n_per_wh() - kept) / bounds.tick * bounds.tick)
        } else {
            let least = bounds.feed_in.n_per_wh() + kept;
            (Side::Sell, (least + bounds.tick - 1) / bounds.tick * bounds.tick)
        };
        Some(Intent { side, quantity, limit: Price::from_n_per_wh(limit) })
    }
}

/// Forecast of the net energy of slot `target` in Wh, when `known` holds the slots before it that
/// have been read, and a day has `day` slots.
pub fn forecast(known: &[i64], target: usize, day: usize) -> Option<i64> {
    let latest = *known.last()?;
    let yesterday = target.checked_sub(day).and_then(|place| known.get(place));
    let Some(yesterday) = yesterday else { return Some(latest) };
    let before = (known.len() - 1).checked_sub(day).and_then(|place| known.get(place));
    Some(yesterday + before.map_or(0, |before| (latest - before) / 2))
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
    fn orders_stay_inside_the_band() {
        let bounds = Bounds {
            retail: Price::from_n_per_wh(300_050),
            feed_in: Price::from_n_per_wh(80_050),
            tick: 100,
        };
        let buy = Rule { keeps: 0 }.intend(-500, bounds).unwrap();
        assert_eq!((buy.side, buy.limit), (Side::Buy, Price::from_n_per_wh(300_000)));
        let sell = Rule { keeps: 0 }.intend(500, bounds).unwrap();
        assert_eq!((sell.side, sell.limit), (Side::Sell, Price::from_n_per_wh(80_100)));
        assert_eq!(Rule { keeps: 0 }.intend(9, bounds), None);
    }
}
