//! O1, outliers: an owner pays far more than its retailer takes, or gets far less than its retailer
//! gives, again and again, and always to one other owner's benefit.
//!
//! ```text
//!   loses            feed-in                 retail             loses
//!   <---|--- 20 % ------|===== both gain =====|------ 20 % ---|--->
//!     a sale, net                                    a purchase, all in
//! ```
//!
//! Limits outside of the band are only keen: what was paid counts. Value goes from one to the other
//! that way without a transfer that anybody would see. A price that all trades of a slot have is no
//! deal of two: who offers at any price gets nothing in a slot in which all do, and gives nothing
//! to anybody it chose. So prices of a slot are not judged, those of trades are.

use std::collections::BTreeMap;

use ids::PartyId;

use crate::book::{Book, Traded};
use crate::rules::{percent, sum};
use crate::tally::Tallies;
use crate::thresholds::thresholds;
use crate::{Evidence, Figure, Rule};

thresholds! {
    /// From where on prices are a gift.
    Outliers {
        /// Slots of a window. Ours.
        slots = 8 in 1..=100_000;
        /// What was lost against the retailer, in 1e-9 currency: 1.00. Ours.
        loss_n = 1_000_000_000 in 1..=1_000_000_000_000;
        /// The same in percent of what the retailer takes or gives. Ours.
        loss_percent = 20 in 1..=1_000;
        /// How far outside of the band a price is, in percent of the band. Ours.
        outside_percent = 20 in 1..=1_000;
    }
}

const SLOTS: usize = 0;
const LOSS: usize = 1;
const WORTH: usize = 2;

/// Loss and worth in 1e-9 currency, and the trades.
type Lost = (i128, i128, Vec<Evidence>);

pub(super) fn tally(books: &[Book<'_>], thresholds: &Outliers, tallies: &mut Tallies) {
    for book in books {
        let mut pairs: BTreeMap<[PartyId; 2], Lost> = BTreeMap::new();
        for traded in &book.trades {
            let (buyer, seller) = (traded.buy.owner, traded.sell.owner);
            let [bought, sold] = losses(book, traded, thresholds);
            for (pair, lost) in [([buyer, seller], bought), ([seller, buyer], sold)] {
                let Some((loss, worth)) = lost.filter(|_| buyer != seller) else { continue };
                let of_pair = pairs.entry(pair).or_default();
                of_pair.0 += loss;
                of_pair.1 += worth;
                of_pair.2.push(traded.into());
            }
        }
        for (pair, (loss, worth, evidence)) in pairs {
            let tally = tallies.of(Rule::O1, pair.to_vec());
            tally.add(SLOTS, 1);
            tally.add(LOSS, loss);
            tally.add(WORTH, worth);
            tally.prove(evidence);
        }
    }
}

/// What the buyer and the seller lose against their retailer, and what it would have taken or
/// given; `None` inside the band and a little around it.
fn losses(
    book: &Book<'_>,
    traded: &Traded<'_>,
    thresholds: &Outliers,
) -> [Option<(i128, i128)>; 2] {
    let slot = book.slot;
    let prices = [traded.trade.buy_price, traded.trade.sell_price];
    if prices.map(Some) == [slot.price; 2] {
        return [None, None];
    }
    let n = |price: units::Price| i128::from(price.n_per_wh());
    let (retail, feed_in) = (n(slot.retail), n(slot.feed_in));
    let margin = (retail - feed_in) * i128::from(thresholds.outside_percent) / 100;
    let paid = n(traded.trade.buy_price) + n(slot.fees.network) + n(slot.fees.buyer);
    let got = n(traded.trade.sell_price) - n(slot.fees.seller);
    let wh = traded.wh();
    let bought = (paid > retail + margin).then_some(((paid - retail) * wh, retail * wh));
    let sold = (got < feed_in - margin).then_some(((feed_in - got) * wh, feed_in * wh));
    [bought, sold]
}

pub(super) fn figures(sums: &[i128], thresholds: &Outliers) -> Vec<Figure> {
    let loss = sum(sums, LOSS);
    let share = percent(loss, sum(sums, WORTH).max(1));
    vec![
        Figure::least("slots outside of the band", "slots", sum(sums, SLOTS), thresholds.slots),
        Figure::least("lost", "n", loss, thresholds.loss_n),
        Figure::least("of the retailer's price", "%", share, thresholds.loss_percent),
    ]
}
