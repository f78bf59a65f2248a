//! W2, circular flows: energy goes around two or three owners within a day, and next to nothing is
//! left.
//!
//! ```text
//! A --4000--> B      A --4000--> B
//! A <--3990-- B      ^           |        flows that differ by less than 1 % of their sum, each
//!                    3990     3995        a good part of what its seller sold and its buyer
//!                    +---- C <---+        bought that day, on several days of a window
//! ```
//!
//! Among homes that both buy and sell a circle closes by chance on one day or another: so several
//! days are asked for, and flows that make up what the members trade. Longer circles are not
//! searched for.

use std::collections::{BTreeMap, BTreeSet};

use ids::PartyId;

use crate::book::{Book, ByOwner};
use crate::rules::sum;
use crate::tally::Tallies;
use crate::thresholds::thresholds;
use crate::{Evidence, Figure, Rule};

thresholds! {
    /// From where on flows are a circle.
    Circles {
        /// Days of a window on which the circle closed. Ours: a day is chance.
        days = 3 in 1..=7;
        /// The least Wh of every flow in a day. Ours.
        energy_wh = 1_000 in 1..=1_000_000_000;
        /// The flows of a day differ by less than so many percent of their sum. Limits.
        net_percent = 1 in 1..=100;
        /// Percent that a flow is of what its seller sold and of what its buyer bought in the day,
        /// at least. Ours; at 25 an owner has at most four such flows each way.
        share_percent = 25 in 20..=100;
    }
}

const DAYS: usize = 0;
const ENERGY: usize = 1;

type Flows = BTreeMap<(PartyId, PartyId), i128>;

pub(super) fn tally(books: &[Book<'_>], thresholds: &Circles, tallies: &mut Tallies) {
    let (mut flows, mut sold, mut bought) = (Flows::new(), ByOwner::new(), ByOwner::new());
    for traded in books.iter().flat_map(|book| &book.trades) {
        let (seller, buyer) = (traded.sell.owner, traded.buy.owner);
        *flows.entry((seller, buyer)).or_default() += traded.wh();
        *sold.entry(seller).or_default() += traded.wh();
        *bought.entry(buyer).or_default() += traded.wh();
    }
    let share = i128::from(thresholds.share_percent);
    flows.retain(|(seller, buyer), wh| {
        seller != buyer
            && *wh >= i128::from(thresholds.energy_wh)
            && *wh * 100 >= share * sold[seller]
            && *wh * 100 >= share * bought[buyer]
    });
    for circle in circles(&flows) {
        let legs: Vec<(PartyId, PartyId)> =
            (0..circle.len()).map(|at| (circle[at], circle[(at + 1) % circle.len()])).collect();
        let flown: Vec<i128> = legs.iter().map(|leg| flows[leg]).collect();
        let (least, most) = (flown.iter().min(), flown.iter().max());
        let left = most.zip(least).map_or(0, |(most, least)| most - least);
        let all: i128 = flown.iter().sum();
        if left * 100 >= i128::from(thresholds.net_percent) * all {
            continue;
        }
        let members: BTreeSet<PartyId> = circle.into_iter().collect();
        let tally = tallies.of(Rule::W2, members.into_iter().collect());
        // Both directions around three owners are one day of one subject.
        tally.add(DAYS, 1 - sum(&tally.sums, DAYS));
        tally.add(ENERGY, all);
        let trades = books.iter().flat_map(|book| &book.trades);
        let legs: BTreeSet<_> = legs.into_iter().collect();
        let own = trades.filter(|t| legs.contains(&(t.sell.owner, t.buy.owner)));
        tally.prove(own.map(Evidence::from));
    }
}

/// The circles of two and of three owners, each from its first owner on.
fn circles(flows: &Flows) -> Vec<Vec<PartyId>> {
    let mut next: BTreeMap<PartyId, Vec<PartyId>> = BTreeMap::new();
    for (seller, buyer) in flows.keys() {
        next.entry(*seller).or_default().push(*buyer);
    }
    let after = |owner: &PartyId| next.get(owner).into_iter().flatten();
    let mut found = Vec::new();
    for first in next.keys() {
        for second in after(first).filter(|second| *second > first) {
            if flows.contains_key(&(*second, *first)) {
                found.push(vec![*first, *second]);
            }
            for third in after(second).filter(|third| *third > first && *third != second) {
                if flows.contains_key(&(*third, *first)) {
                    found.push(vec![*first, *second, *third]);
                }
            }
        }
    }
    found
}

pub(super) fn figures(sums: &[i128], thresholds: &Circles) -> Vec<Figure> {
    vec![
        Figure::least("days on which it closed", "days", sum(sums, DAYS), thresholds.days),
        Figure::least("gone around", "Wh", sum(sums, ENERGY), 2 * thresholds.energy_wh),
    ]
}
