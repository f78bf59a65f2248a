//! H1, withholding: an owner offers little of what it then feeds in, where that drives the price,
//! and all of it elsewhere.
//!
//! ```text
//! a slot counts       the owner sold at least 25 % of what traded, so that it gains by the price,
//!                     three others offered from what they fed in, and a reference price is known
//! withheld in it      offered / fed in is below half of the others' median of that, and the rest
//!                     is at least 25 % of what traded
//! dear                the price is more than 30 % above the reference price
//! found               withheld in half of the dear slots, on four days, and hardly ever else
//! ```
//!
//! The reference price is the volume-weighted one of the same time of day over seven days. Clouds
//! that nobody foresaw hold back everybody's offers, so the others' median is the measure. A
//! standing order of the same size each slot offers little of a good noon, dear or not, and who
//! charges a battery feeds in less: both are no withholding. With fewer than three others who offer
//! the rule says nothing: a lone seller's habits and its wishes look alike.

use ids::PartyId;

use crate::book::{Book, ByOwner};
use crate::past::Past;
use crate::rules::{percent, sum};
use crate::tally::Tallies;
use crate::thresholds::thresholds;
use crate::{Evidence, Figure, Rule};

thresholds! {
    /// From where on offers are withheld.
    Withholding {
        /// Dear slots of a window in which energy was withheld. Ours.
        slots = 12 in 1..=100_000;
        /// Days of a window with such slots. Ours: who is wrong about one day's sun offers little
        /// of it all day, and where that is much of the market it is dear for that very reason.
        days = 4 in 1..=7;
        /// Percent of the dear slots that count. Ours.
        slots_percent = 50 in 1..=100;
        /// Other slots that count, to know the owner's habit by. Ours.
        other_slots = 16 in 1..=100_000;
        /// Percent that the share of withheld slots among the others is of that among the dear
        /// ones, at most. Ours.
        other_percent = 25 in 0..=100;
        /// Percent of the others' median below which too little is offered. Limits.
        offered_percent = 50 in 1..=100;
        /// Percent of the slot's volume that moves its price: of what is sold and of what is not
        /// offered. Limits: the mark of market power.
        power_percent = 25 in 1..=1_000;
        /// Percent above the reference price from which a slot is dear. Limits: the soft collar.
        dear_percent = 30 in 1..=10_000;
        /// Others who offer in the slot. Ours.
        peers = 3 in 1..=1_000;
        /// Known days behind a reference price. Ours.
        reference_days = 3 in 1..=7;
    }
}

const DEAR: usize = 0;
const DEAR_WITHHELD: usize = 1;
const OTHER: usize = 2;
const OTHER_WITHHELD: usize = 3;
const WITHHELD: usize = 4;
const DAYS: usize = 5;

pub(super) fn tally(
    books: &[Book<'_>],
    past: &Past,
    thresholds: &Withholding,
    tallies: &mut Tallies,
) {
    let power = i128::from(thresholds.power_percent);
    for book in books.iter().filter(|book| book.volume > 0) {
        let Some(price) = book.slot.price else { continue };
        let reference = past.reference(book.slot.slot, thresholds.reference_days);
        let Some(reference) = reference.filter(|reference| *reference > 0) else { continue };
        let above = 100 + i128::from(thresholds.dear_percent);
        let dear = i128::from(price.n_per_wh()) * 100 > reference * above;
        let shares = shares(book);
        for (owner, exported) in &book.exported {
            let offered = book.offered.get(owner).copied().unwrap_or(0);
            let sold = book.sold.get(owner).copied().unwrap_or(0);
            let counts =
                *exported * 100 >= power * book.volume && sold * 100 >= power * book.volume;
            let median = others(&shares, *owner, thresholds.peers);
            let Some(median) = median.filter(|_| counts) else { continue };
            let own = (offered * 10_000 / exported).min(10_000);
            let rest = exported - exported.min(&offered);
            let withheld = own * 100 < i128::from(thresholds.offered_percent) * median
                && rest * 100 >= power * book.volume;
            let tally = tallies.of(Rule::H1, vec![*owner]);
            tally.add(if dear { DEAR } else { OTHER }, 1);
            if withheld {
                tally.add(if dear { DEAR_WITHHELD } else { OTHER_WITHHELD }, 1);
            }
            if withheld && dear {
                tally.add(WITHHELD, rest);
                tally.add(DAYS, 1 - sum(&tally.sums, DAYS));
                let slot = book.slot.slot;
                tally.prove([Evidence::Interval { slot, owner: *owner }]);
                let own = book.own(*owner).iter();
                let orders = own.filter(|order| order.stands_at(book.slot.gate));
                tally.prove(orders.map(|order| Evidence::Order { slot, order: order.order }));
            }
        }
    }
}

/// What everybody who fed in and offered has offered of it, in 1/10000, all of it at most.
fn shares(book: &Book<'_>) -> ByOwner {
    let known = book.exported.iter().filter(|(_, exported)| **exported > 0);
    let shares = known.filter_map(|(owner, exported)| {
        let offered = book.offered.get(owner)?;
        Some((*owner, (offered * 10_000 / exported).min(10_000)))
    });
    shares.filter(|(_, share)| *share > 0).collect()
}

/// The lower median of what the others offer, where there are enough of them.
fn others(shares: &ByOwner, owner: PartyId, peers: u64) -> Option<i128> {
    let others = shares.iter().filter(|(other, _)| **other != owner);
    let mut others: Vec<i128> = others.map(|(_, share)| *share).collect();
    if (others.len() as u64) < peers {
        return None;
    }
    others.sort_unstable();
    others.get((others.len() - 1) / 2).copied()
}

pub(super) fn figures(sums: &[i128], thresholds: &Withholding) -> Vec<Figure> {
    let withheld = sum(sums, DEAR_WITHHELD);
    let dear = percent(withheld, sum(sums, DEAR));
    let other = percent(sum(sums, OTHER_WITHHELD), sum(sums, OTHER));
    let compared = percent(other, dear);
    vec![
        Figure::least("dear slots with energy withheld", "slots", withheld, thresholds.slots),
        Figure::least("days with such slots", "days", sum(sums, DAYS), thresholds.days),
        Figure::least("of dear slots", "%", dear, thresholds.slots_percent),
        Figure::least("other slots", "slots", sum(sums, OTHER), thresholds.other_slots),
        Figure::most("as often elsewhere", "%", compared, thresholds.other_percent),
        Figure::least("withheld", "Wh", sum(sums, WITHHELD), 1),
    ]
}
