//! M1, sales of energy that is not delivered: most of what an owner sells is not fed in, for days,
//! while others deliver.
//!
//! A slot's shortfall is what was sold and not fed in; one within 10 % or 50 Wh is none, as in
//! reconciliation, and a sale of as little as that says nothing. Clouds make everybody short, and
//! an outage too, so the shortfall of the others in the same slots is subtracted. A roof that fails
//! is noticed within a day or two. Slots without an interval are not judged: what is unknown is
//! nobody's fault.

use crate::book::Book;
use crate::rules::{percent, sum};
use crate::tally::Tallies;
use crate::thresholds::thresholds;
use crate::{Evidence, Figure, Rule};

thresholds! {
    /// From where on shortfalls are a habit.
    Undelivered {
        /// Slots of a window with sales whose delivery is known. Ours.
        slots = 48 in 1..=100_000;
        /// Days of a window with a shortfall. Ours: "more than three slots" are one cloud.
        days = 4 in 1..=7;
        /// Wh that were not delivered. Ours: a home with little sun is often wrong about little.
        energy_wh = 10_000 in 1..=1_000_000_000;
        /// Percent of what was sold. Ours: a standing order that offers the best of thirty days
        /// from a roof that hardly feeds in is short of nine tenths, in good faith.
        short_percent = 97 in 1..=100;
        /// Percent points above the others' shortfall in the same slots. Ours.
        above_others = 25 in 0..=100;
        /// Percent of a sale that may be missing. Limits: the tolerance of deliveries.
        tolerance_percent = 10 in 0..=100;
        /// Wh of a sale that may be missing; slots with more sales are judged. Limits: the same.
        tolerance_wh = 50 in 0..=1_000_000;
    }
}

const SLOTS: usize = 0;
const DAYS: usize = 1;
const SOLD: usize = 2;
const SHORT: usize = 3;
const OTHERS_SOLD: usize = 4;
const OTHERS_SHORT: usize = 5;

pub(super) fn tally(books: &[Book<'_>], thresholds: &Undelivered, tallies: &mut Tallies) {
    let tolerance = i128::from(thresholds.tolerance_wh);
    for book in books {
        let judged = book.sold.iter().filter(|(_, sold)| **sold > tolerance);
        let known = judged.filter_map(|(owner, sold)| {
            let exported = book.exported.get(owner)?;
            Some((*owner, *sold, shortfall(*sold, *exported, thresholds)))
        });
        let known: Vec<_> = known.collect();
        let all_sold: i128 = known.iter().map(|(_, sold, _)| sold).sum();
        let all_short: i128 = known.iter().map(|(_, _, short)| short).sum();
        for (owner, sold, short) in known {
            let tally = tallies.of(Rule::M1, vec![owner]);
            tally.add(SLOTS, 1);
            tally.add(SOLD, sold);
            tally.add(SHORT, short);
            tally.add(OTHERS_SOLD, all_sold - sold);
            tally.add(OTHERS_SHORT, all_short - short);
            if short > 0 {
                tally.add(DAYS, 1 - sum(&tally.sums, DAYS));
                let own = book.trades.iter().filter(|traded| traded.sell.owner == owner);
                tally.prove(own.map(Evidence::from));
                tally.prove([Evidence::Interval { slot: book.slot.slot, owner }]);
            }
        }
    }
}

/// What is missing of a sale in Wh, none within the tolerance.
fn shortfall(sold: i128, exported: i128, thresholds: &Undelivered) -> i128 {
    let short = sold - sold.min(exported);
    let part = sold * i128::from(thresholds.tolerance_percent) / 100;
    if short <= part.max(i128::from(thresholds.tolerance_wh)) { 0 } else { short }
}

pub(super) fn figures(sums: &[i128], thresholds: &Undelivered) -> Vec<Figure> {
    let short = sum(sums, SHORT);
    let own = percent(short, sum(sums, SOLD));
    let others = percent(sum(sums, OTHERS_SHORT), sum(sums, OTHERS_SOLD));
    let unit = "percent points";
    vec![
        Figure::least("slots with sales", "slots", sum(sums, SLOTS), thresholds.slots),
        Figure::least("days with a shortfall", "days", sum(sums, DAYS), thresholds.days),
        Figure::least("not delivered", "Wh", short, thresholds.energy_wh),
        Figure::least("of what was sold", "%", own, thresholds.short_percent),
        Figure::least("above the others' shortfall", unit, own - others, thresholds.above_others),
    ]
}
