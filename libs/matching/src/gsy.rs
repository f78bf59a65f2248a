//! The two-sided rules that the simulator gsy-e describes, to compare ours with.
//!
//! Where that program goes by arrival, equal prices stand in line by hash here, so that the answer
//! does not depend on who came first; and an owner's own crossing orders are netted, where that
//! program skips such pairs. What is left of an owner cannot meet itself, since all pairs cross.

use crate::rounds::{Meeting, Outcome};
use crate::sides::{Sides, in_line, sum};

/// Pay-as-clear: the lowest bid price at which the offers up to it cover all bids from it on is the
/// price of all trades, and those bids are filled whole; offers in line from the cheapest, the last
/// one in part.
///
/// A bid below that price gets nothing, also where offers below it are left: that is what this rule
/// loses against the call auction. Where even the bids at the best price want more than is
/// offered up to it, what is offered goes to them in line, at that price.
pub(crate) fn pay_as_clear(book: &Sides) -> Outcome {
    let (mut cheap, mut offered, mut demanded) = (book.asks.len(), sum(&book.asks), 0);
    let mut found = None;
    // From the best bid down the price falls, the demand grows and the supply shrinks.
    for level in book.bids.chunk_by(|one, other| one.price == other.price) {
        let price = level[0].price;
        while cheap > 0 && book.asks[cheap - 1].price > price {
            cheap -= 1;
            offered -= book.asks[cheap].open;
        }
        demanded += sum(level);
        if offered < demanded {
            found.get_or_insert((price, offered));
            break;
        }
        found = Some((price, demanded));
    }
    let Some((price, volume)) = found else { return Outcome::default() };
    Outcome::at(price, &in_line(&book.bids, volume), &in_line(&book.asks, volume))
}

/// Pay-as-bid: the offers from the most expensive down, each to the best bids that are left, at the
/// bid's price.
///
/// It trades more than any single price can and is worth less, since dear offers are used up on
/// bids that cheap ones would have served as well.
pub(crate) fn pay_as_bid(book: &Sides) -> Outcome {
    let mut meetings = Vec::new();
    let (mut bid, mut bought) = (0, 0);
    let mut first = book.asks.len();
    for level in book.asks.chunk_by(|one, other| one.price == other.price).rev() {
        first -= level.len();
        for (ask, offer) in (first..).zip(level) {
            let mut left = offer.open;
            while left > 0 && bid < book.bids.len() && book.bids[bid].price >= offer.price {
                let quantity = left.min(book.bids[bid].open - bought);
                let price = book.bids[bid].price;
                meetings.push(Meeting { bid, ask, quantity, buy_price: price, sell_price: price });
                left -= quantity;
                bought += quantity;
                if bought == book.bids[bid].open {
                    (bid, bought) = (bid + 1, 0);
                }
            }
        }
    }
    Outcome { price: None, meetings }
}
