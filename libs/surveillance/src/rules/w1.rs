//! W1, wash trades: an owner buys and sells in one slot, and what it sold was not fed in.
//!
//! ```text
//! slot   sold   bought   fed in   round trip   of it not delivered
//! 10:00  2000   1800     100      1800         1800   nothing went anywhere
//! 10:15  2000    300     2000      300            0   a barn feeds in, a house takes: honest
//! ```
//!
//! A batch nets what one account would sell to itself, but not what another account of the same
//! owner buys; and there nobody chooses the other side of a trade. So not who met whom is asked,
//! but whether energy stands behind what the owner sold and bought back. An owner with a roof here
//! and a house there trades both ways all day: its roof delivers. Slots without an interval of the
//! owner are not judged.

use crate::book::Book;
use crate::rules::{percent, sum};
use crate::tally::Tallies;
use crate::thresholds::thresholds;
use crate::{Evidence, Figure, Rule};

thresholds! {
    /// From where on round trips are wash trades.
    Wash {
        /// Slots of a window with a round trip that was not delivered. Ours.
        slots = 32 in 1..=100_000;
        /// Wh of such round trips. Ours.
        energy_wh = 5_000 in 1..=1_000_000_000;
        /// Percent of all round trips. Ours: the rest may be a roof that failed, and clouds.
        undelivered_percent = 90 in 1..=100;
        /// Percent that those are of all that the owner sold. Ours: a farm sells more than its
        /// house takes.
        sold_percent = 75 in 1..=100;
    }
}

const SLOTS: usize = 0;
const ROUND: usize = 1;
const UNDELIVERED: usize = 2;
const SOLD: usize = 3;

pub(super) fn tally(books: &[Book<'_>], tallies: &mut Tallies) {
    for book in books {
        for (owner, sold) in &book.sold {
            let Some(exported) = book.exported.get(owner) else { continue };
            let round = book.bought.get(owner).map_or(0, |bought| *sold.min(bought));
            let undelivered = round.min(sold - sold.min(exported));
            let tally = tallies.of(Rule::W1, vec![*owner]);
            tally.add(SOLD, *sold);
            tally.add(ROUND, round);
            if undelivered > 0 {
                tally.add(SLOTS, 1);
                tally.add(UNDELIVERED, undelivered);
                let own = book.trades.iter();
                let own = own.filter(|t| t.buy.owner == *owner || t.sell.owner == *owner);
                tally.prove(own.map(Evidence::from));
                tally.prove([Evidence::Interval { slot: book.slot.slot, owner: *owner }]);
            }
        }
    }
}

pub(super) fn figures(sums: &[i128], thresholds: &Wash) -> Vec<Figure> {
    let undelivered = sum(sums, UNDELIVERED);
    let share = percent(undelivered, sum(sums, ROUND));
    let of_sold = percent(undelivered, sum(sums, SOLD));
    vec![
        Figure::least("slots without delivery", "slots", sum(sums, SLOTS), thresholds.slots),
        Figure::least("round trips without delivery", "Wh", undelivered, thresholds.energy_wh),
        Figure::least("of all round trips", "%", share, thresholds.undelivered_percent),
        Figure::least("of all that it sold", "%", of_sold, thresholds.sold_percent),
    ]
}
