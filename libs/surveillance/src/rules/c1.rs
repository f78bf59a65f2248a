//! C1, dominance: a seller that cannot be done without asks more in just those slots.
//!
//! ```text
//! needed     all bids together are more than the others offer, and the owner offers most of it
//!
//! hour       12   13   14  ...        asks of the same hour are compared, so that whoever asks
//! needed     27   28   26             more in the evening, needed or not, is not found; the
//! else       15   14   15             hours are weighted by what both have
//! ```
//!
//! To be large is no abuse: a village may have one roof that feeds it. Its share and the raise are
//! asked for together. Who is needed all day, or asks the same all day, is not found.

use matching::Side;

use crate::book::Book;
use crate::rules::{percent, sum};
use crate::tally::Tallies;
use crate::thresholds::thresholds;
use crate::{Evidence, Figure, Order, Rule};

thresholds! {
    /// From where on asks use a position.
    Dominance {
        /// Slots of both kinds in the same hours. Ours.
        slots = 24 in 1..=100_000;
        /// Percent of the market's sales over the window. Limits: the mark of market power.
        share_percent = 25 in 1..=100;
        /// Percent of all offers in a slot from which an owner is needed. Limits: the most of one
        /// counterparty.
        needed_percent = 40 in 1..=100;
        /// What is asked where needed, in percent of what is asked else. Ours.
        ask_percent = 200 in 101..=100_000;
        /// By how much it is more, in percent of the band from feed-in to retail price. Ours.
        raise_percent = 40 in 1..=1_000;
    }
}

const SOLD: usize = 0;
const MARKET: usize = 1;
const BAND: usize = 2;
const BANDS: usize = 3;
/// Four sums for each hour of the UTC day from here on: slots and asks, needed and else.
const HOURS: usize = 4;

pub(super) fn tally(books: &[Book<'_>], thresholds: &Dominance, tallies: &mut Tallies) {
    let traded: i128 = books.iter().map(|book| book.volume).sum();
    for book in books {
        let bids = book.standing().filter(|order| order.side == Side::Buy);
        let bids: i128 = bids.map(Order::wh).sum();
        let offers: i128 = book.offered.values().sum();
        let hour = book.slot.slot.seconds().rem_euclid(86_400) / 3_600;
        let hour = HOURS + 4 * usize::try_from(hour).unwrap_or(0);
        for (owner, offered) in book.offered.iter().filter(|(_, offered)| **offered > 0) {
            let own = book.own(*owner).iter().filter(|order| order.side == Side::Sell);
            let own = own.filter(|order| order.stands_at(book.slot.gate));
            let own: Vec<&Order> = own.copied().collect();
            let asks: i128 = own.iter().map(|order| order.limit_n().max(0) * order.wh()).sum();
            let needed = bids > offers - offered
                && offered * 100 >= i128::from(thresholds.needed_percent) * offers;
            let tally = tallies.of(Rule::C1, vec![*owner]);
            tally.add(MARKET, traded - sum(&tally.sums, MARKET));
            tally.add(SOLD, book.sold.get(owner).copied().unwrap_or(0));
            let place = if needed { hour } else { hour + 2 };
            tally.add(place, 1);
            tally.add(place + 1, asks / offered);
            if needed {
                let band = book.slot.retail.n_per_wh() - book.slot.feed_in.n_per_wh();
                tally.add(BAND, i128::from(band));
                tally.add(BANDS, 1);
                let slot = book.slot.slot;
                tally.prove(own.iter().map(|order| Evidence::Order { slot, order: order.order }));
            }
        }
    }
}

pub(super) fn figures(sums: &[i128], thresholds: &Dominance) -> Vec<Figure> {
    let (mut slots, mut needed, mut other) = (0, 0, 0);
    for hour in 0..24 {
        let at = |place: usize| sum(sums, HOURS + 4 * hour + place);
        let both = at(0).min(at(2));
        if both > 0 {
            slots += both;
            needed += both * at(1) / at(0);
            other += both * at(3) / at(2);
        }
    }
    let share = percent(sum(sums, SOLD), sum(sums, MARKET));
    let band = sum(sums, BAND).checked_div(sum(sums, BANDS)).unwrap_or(0);
    let raise = (needed - other).checked_div(slots).unwrap_or(0);
    let asked = percent(needed, other.max(1));
    vec![
        Figure::least("slots of both kinds", "slots", slots, thresholds.slots),
        Figure::least("of the market's sales", "%", share, thresholds.share_percent),
        Figure::least("asked where needed, of other asks", "%", asked, thresholds.ask_percent),
        Figure::least("more, of the band", "%", percent(raise, band), thresholds.raise_percent),
    ]
}
