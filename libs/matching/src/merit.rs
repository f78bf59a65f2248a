//! Mechanisms that take the best bid with the cheapest ask for as long as they cross.

use units::Price;

use crate::rounds::{Outcome, meet};
use crate::sides::{Sides, by_level, in_line, marginal};

/// k-pricing: the fills of the uniform-price auction, paired in merit order, each pair at
/// `ask + k (bid - ask)`, rounded down to 1e-9 currency per watt-hour (the tick does not apply).
///
/// With `k_bps` = 10 000 the buyer pays the bid. The formula is that of the k-double auction of
/// Chatterjee and Samuelson (1983), for each pair on its own.
pub(crate) fn k_pricing(book: &Sides, k_bps: u16) -> Outcome {
    let volume = book.volume();
    let (bids, asks) = (by_level(&book.bids, volume), by_level(&book.asks, volume));
    let meetings = meet(&bids, &asks, |bid, ask| {
        let price = between(book.asks[ask].price, book.bids[bid].price, k_bps);
        (price, price)
    });
    Outcome { price: None, meetings }
}

/// Periodic double auction of the kind that the simulator lemlab describes, one price: the middle
/// between the last bid and the last ask that meet, rounded down to 1e-9 currency per watt-hour.
///
/// Equal prices stand in line by hash, and only the last one is filled in part. The price is
/// acceptable to all who trade, but need not be one at which supply equals demand: it ignores the
/// next bid and ask.
pub(crate) fn last_pair(book: &Sides) -> Outcome {
    let volume = book.volume();
    if volume == 0 {
        return Outcome::default();
    }
    let (bid, _) = marginal(&book.bids, volume);
    let (ask, _) = marginal(&book.asks, volume);
    let price = between(book.asks[ask].price, book.bids[bid].price, 5000);
    Outcome::at(price, &in_line(&book.bids, volume), &in_line(&book.asks, volume))
}

/// The same fills as [`last_pair`], each pair at its own middle, rounded down.
pub(crate) fn each_pair(book: &Sides) -> Outcome {
    let volume = book.volume();
    let (bids, asks) = (in_line(&book.bids, volume), in_line(&book.asks, volume));
    let meetings = meet(&bids, &asks, |bid, ask| {
        let price = between(book.asks[ask].price, book.bids[bid].price, 5000);
        (price, price)
    });
    Outcome { price: None, meetings }
}

/// `low + k (high - low)`, rounded down. Both are at least zero, `k_bps` at most 10 000.
pub(crate) fn between(low: Price, high: Price, k_bps: u16) -> Price {
    let (low, high) = (i128::from(low.n_per_wh()), i128::from(high.n_per_wh()));
    let point = low + (high - low) * i128::from(k_bps) / 10_000;
    Price::from_n_per_wh(i64::try_from(point).expect("it lies between two prices"))
}
