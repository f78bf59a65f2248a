//! MUDA, the multi-unit double auction of Segal-Halevi, Hassidim and Aumann (2018), in its lottery
//! variant.
//!
//! ```text
//! owners --coin--> left half  ---competitive price of the left---+
//!            +---> right half ---competitive price of the right--|--+
//!                  left half trades at <-------------------------|--+
//!                  right half trades at <------------------------+
//! ```
//!
//! A half trades at the other half's price, so nobody has a hand in the own price. Of those who
//! accept it the shorter side trades whole; the longer side is served owner by owner, in an order
//! drawn by lot, each with all it wants until nothing is left. There are no fees, so buyers pay
//! what sellers get.
//!
//! Neither another limit nor another quantity gains anything for an owner of a single order: it
//! decides about taking part at a price that is not its own, and the lot does not depend on it. The
//! halves are drawn by owner, as an owner with orders in both could work on one by the other. The
//! prices are those of the whole book; orders that are dropped for their `min_fill` do not move
//! them.
//!
//! Lots: [`draw`] of [`crate::Rules::seed`] and owner. It mixes well but is no cryptography: all of
//! this holds only if the seed is unknown, and not for anyone to choose, when orders are placed.
//!
//! The competitive price of a half is the middle between its last bid and last ask that would meet,
//! or, where none would, between its best bid and ask; moved into the interval of prices at which
//! supply meets demand, then down to the tick where the interval has one. A half without bids or
//! without asks has no price, and the other half does not trade.

use units::Price;

use crate::merit::between;
use crate::rounds::{self, Meeting, Outcome, meet};
use crate::sides::{Quote, Sides, marginal};
use crate::{Clearing, Order, Refusal, Rules};

/// What a lot decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lot {
    /// In which half an owner trades: in the left one where the lot is odd.
    Half = 0,
    /// When an owner's turn comes, lower lots first.
    Turn = 1,
}

/// Draws a lot for an owner.
///
/// The state begins as the number of the [`Lot`]; each eight-byte word, big-endian, of the seed and
/// then of the owner (the last one filled with zeros) is added by xor and the state mixed by one
/// step of SplitMix64.
pub fn draw(lot: Lot, seed: &[u8; 32], owner: &[u8; 20]) -> u64 {
    seed.chunks(8).chain(owner.chunks(8)).fold(lot as u64, |state, bytes| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        split_mix(state ^ u64::from_be_bytes(word))
    })
}

/// The step of SplitMix64 (Steele, Lea and Flood 2014).
fn split_mix(state: u64) -> u64 {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Clears a batch, with halves drawn by lot.
pub(crate) fn clear(orders: &[Order], rules: &Rules) -> Result<Clearing, Refusal> {
    clear_split(orders, rules, |owner| draw(Lot::Half, &rules.seed, owner) % 2 == 1)
}

/// Clears a batch whose halves are given: `left` says of an owner whether it trades in the left.
///
/// # Errors
/// As [`crate::clear`].
pub fn clear_split(
    orders: &[Order],
    rules: &Rules,
    left: impl Fn(&[u8; 20]) -> bool,
) -> Result<Clearing, Refusal> {
    rules.check()?;
    let whole = Sides::new(orders, &rules.fees)?.netted()?;
    let price = |side: bool| {
        let of = |quotes: &[Quote]| {
            quotes.iter().filter(|quote| left(&quote.owner) == side).cloned().collect()
        };
        competitive(&Sides { bids: of(&whole.bids), asks: of(&whole.asks) }, rules.tick)
    };
    let prices = [(true, price(false)), (false, price(true))];
    rounds::clear(orders, rules, |book| {
        let meetings = prices.iter().filter_map(|&(side, price)| {
            Some(trade(book, |quote| left(&quote.owner) == side, price?, &rules.seed))
        });
        Outcome { price: None, meetings: meetings.flatten().collect() }
    })
}

/// A price at which supply meets demand in a half; `None` where a side is missing.
fn competitive(half: &Sides, tick: Price) -> Option<Price> {
    let (bid, ask) = (half.bids.first()?.price, half.asks.first()?.price);
    let volume = half.volume();
    let (point, low) = if volume == 0 {
        (between(bid.at_least_zero(), ask, 5000), bid.at_least_zero())
    } else {
        let (bid, bid_next) = edge(&half.bids, volume);
        let (ask, ask_next) = edge(&half.asks, volume);
        let low = bid_next.map_or(ask, |next| ask.max(next));
        let high = ask_next.map_or(bid, |next| bid.min(next));
        (between(ask, bid, 5000).clamp(low, high), low)
    };
    let point = point.n_per_wh();
    Some(Price::from_n_per_wh(point - point % tick.n_per_wh()).max(low))
}

/// The price of the last unit that trades, and that of the next unit.
fn edge(quotes: &[Quote], volume: u64) -> (Price, Option<Price>) {
    let (place, before) = marginal(quotes, volume);
    let next = place + usize::from(before + quotes[place].open == volume);
    (quotes[place].price, quotes.get(next).map(|quote| quote.price))
}

/// Trades the half of those who are `inside` at a price.
fn trade(
    book: &Sides,
    inside: impl Fn(&Quote) -> bool,
    price: Price,
    seed: &[u8; 32],
) -> Vec<Meeting> {
    let places = |quotes: &[Quote], accepts: &dyn Fn(&Quote) -> bool| -> Vec<usize> {
        let takes_part = |&place: &usize| inside(&quotes[place]) && accepts(&quotes[place]);
        (0..quotes.len()).filter(takes_part).collect()
    };
    let bids = places(&book.bids, &|quote| quote.price >= price);
    let asks = places(&book.asks, &|quote| quote.price <= price);
    let open = |quotes: &[Quote], places: &[usize]| -> u64 {
        places.iter().map(|&place| quotes[place].open).sum()
    };
    let volume = open(&book.bids, &bids).min(open(&book.asks, &asks));
    let bought = in_turn(&book.bids, bids, volume, seed);
    let sold = in_turn(&book.asks, asks, volume, seed);
    meet(&bought, &sold, |_, _| (price, price))
}

/// Serves owners in the order of their lots, each with its orders in the order of the book.
fn in_turn(quotes: &[Quote], mut places: Vec<usize>, volume: u64, seed: &[u8; 32]) -> Vec<u64> {
    places.sort_by_cached_key(|&place| {
        let owner = quotes[place].owner;
        (draw(Lot::Turn, seed, &owner), owner, place)
    });
    let mut fills = vec![0; quotes.len()];
    let mut left = volume;
    for place in places {
        fills[place] = quotes[place].open.min(left);
        left -= fills[place];
    }
    fills
}
