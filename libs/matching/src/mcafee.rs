//! McAfee's double auction ("A dominant strategy double auction", 1992), for orders that can be
//! filled in part.
//!
//! The marginal bid and the marginal ask are the orders that hold the last unit of the largest
//! volume that trades. Then either
//!
//! - *all trade*: where that volume ends both marginal orders exactly, and the middle `p` between
//!   the next bid and the next ask lies within the marginal bid and ask, all orders up to the
//!   marginal ones trade at `p`; or
//! - *trade reduction*: the marginal orders trade nothing. Of what is better, buyers pay the
//!   marginal bid and sellers get the marginal ask; the longer side is shared by quantity.
//!
//! With orders of one unit each this is McAfee's mechanism. The condition on where the volume ends
//! is what larger orders need: without it a small order could overbid a marginal one that is filled
//! in part, and so decide which bid comes next.
//!
//! Who owns one order cannot gain by another limit: the order sets neither its own price nor, as
//! long as it trades, who else trades, and shares do not depend on limits. Quantities are not
//! protected, nor owners of several orders, nor books with a `min_fill`.
//!
//! Rounding: `p` down to 1e-9 currency per watt-hour. The tick does not apply: a price rounded
//! below a limit that it turned away would be worth lying for.

use units::Price;

use crate::rounds::{Outcome, meet};
use crate::sides::{Sides, by_quantity, marginal};

pub(crate) fn solve(book: &Sides) -> Outcome {
    let volume = book.volume();
    if volume == 0 {
        return Outcome::default();
    }
    let (bid, wanted) = marginal(&book.bids, volume);
    let (ask, given) = marginal(&book.asks, volume);
    let (lowest, highest) = (&book.bids[bid], &book.asks[ask]);
    let even = wanted + lowest.open == volume && given + highest.open == volume;
    let next = book.bids.get(bid + 1).zip(book.asks.get(ask + 1));
    // The next bid may be below zero, by its fees; then so may the middle, which no ask accepts.
    let middle = next.map(|(bid, ask)| middle(bid.price, ask.price));
    if let Some(price) = middle.filter(|p| even && (highest.price..=lowest.price).contains(p)) {
        return trade(book, (bid + 1, ask + 1), volume, (price, price));
    }
    trade(book, (bid, ask), wanted.min(given), (lowest.price, highest.price))
}

/// The middle of two prices, rounded down.
fn middle(bid: Price, ask: Price) -> Price {
    let sum = i128::from(bid.n_per_wh()) + i128::from(ask.n_per_wh());
    Price::from_n_per_wh(i64::try_from(sum.div_euclid(2)).expect("it lies between two prices"))
}

/// Trades `volume` among the first so many bids and asks.
fn trade(
    book: &Sides,
    (bids, asks): (usize, usize),
    volume: u64,
    prices: (Price, Price),
) -> Outcome {
    let first = |count: usize| -> Vec<usize> { (0..count).collect() };
    let bought = by_quantity(&book.bids, &first(bids), volume);
    let sold = by_quantity(&book.asks, &first(asks), volume);
    Outcome { price: None, meetings: meet(&bought, &sold, |_, _| prices) }
}
