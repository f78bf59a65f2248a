//! B1, collusion: several owners whose limits move to the same prices, slot after slot.
//!
//! Many homes have the same limit because a program proposed it or a tariff says so: a price that
//! stays is no sign, nor is retail or feed-in price, or the middle between them. Several that
//! *change* alike are.
//!
//! ```text
//! a   19.1  18.7  18.7  20.3     the last four slots of an owner and a side are its run; three
//! b   19.1  18.7  18.7  20.3     owners with one run, of at least three prices, are found
//! c   19.1  18.7  18.7  20.3
//! d   19.1  19.1  19.1  19.1
//! ```
//!
//! An owner's limit in a slot is its keenest: the highest bid, the lowest offer. A run lies within
//! a day; slots in which an owner has no order of that side are not of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use calendar::Timestamp;
use ids::AccountId;
use matching::Side;
use serde::Serialize;
use units::Price;

use crate::book::Book;
use crate::case::Finding;
use crate::machine::energy;
use crate::window::DAY;
use crate::{Cleared, Evidence, Figure, Kind, Owner, Subject, Surveillance};

/// A slot and what an owner's limit was in it.
type Step = (Timestamp, Price);

/// The last limits of every owner, by side.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Runs {
    sides: BTreeMap<Side, BTreeMap<Owner, VecDeque<Step>>>,
}

impl Runs {
    /// Forgets who had no orders since `moment`.
    pub(crate) fn forget(&mut self, moment: Timestamp) {
        for owners in self.sides.values_mut() {
            owners.retain(|_, run| run.back().is_some_and(|(slot, _)| *slot >= moment));
        }
    }
}

impl Surveillance {
    /// The owners whose limits have moved alike until this slot.
    pub(crate) fn alike(&mut self, cleared: &Cleared, book: &Book) -> Vec<Finding> {
        let mut found = Vec::new();
        for side in [Side::Buy, Side::Sell] {
            let keenest = self.keenest(book, side);
            let ran = self.run(cleared, side, &keenest);
            let mut groups: BTreeMap<&VecDeque<Step>, BTreeSet<Owner>> = BTreeMap::new();
            for owner in &ran {
                groups.entry(&self.runs.sides[&side][owner]).or_default().insert(*owner);
            }
            let least = self.thresholds.alike_owners as usize;
            for (run, owners) in groups.into_iter().filter(|(_, owners)| owners.len() >= least) {
                let prices: BTreeSet<Price> = run.iter().map(|(_, price)| *price).collect();
                if prices.len() >= self.thresholds.alike_prices as usize {
                    let prices = prices.len();
                    found.push(self.moved_alike((cleared.slot, side), book, owners, run, prices));
                }
            }
        }
        found
    }

    /// The keenest standing limit of each owner.
    fn keenest(&self, book: &Book, side: Side) -> BTreeMap<Owner, Price> {
        let mut keenest: BTreeMap<Owner, Price> = BTreeMap::new();
        for order in book.standing().filter(|order| order.side == side) {
            let limit = keenest.entry(self.owners.of(order.account)).or_insert(order.limit);
            *limit = match side {
                Side::Buy => order.limit.max(*limit),
                Side::Sell => order.limit.min(*limit),
            };
        }
        keenest
    }

    /// Adds the limits of a slot to the runs; the owners whose run is long enough now.
    fn run(
        &mut self,
        cleared: &Cleared,
        side: Side,
        keenest: &BTreeMap<Owner, Price>,
    ) -> Vec<Owner> {
        let middle = (cleared.retail.n_per_wh() + cleared.feed_in.n_per_wh()) / 2;
        let public = [cleared.retail, cleared.feed_in, Price::from_n_per_wh(middle)];
        let length = self.thresholds.alike_slots as usize;
        let runs = self.runs.sides.entry(side).or_default();
        let mut ran = Vec::new();
        for (owner, price) in keenest {
            let run = runs.entry(*owner).or_default();
            // Slots are cleared in order; one that comes late tells nothing of what moved.
            if run.back().is_some_and(|(slot, _)| *slot >= cleared.slot) {
                continue;
            }
            if public.contains(price) {
                run.clear();
                continue;
            }
            run.push_back((cleared.slot, *price));
            let old = cleared.slot.plus_seconds(-DAY);
            while run.len() > length || run.front().is_some_and(|(slot, _)| *slot <= old) {
                run.pop_front();
            }
            if run.len() == length {
                ran.push(*owner);
            }
        }
        runs.retain(|_, run| !run.is_empty());
        ran
    }

    fn moved_alike(
        &self,
        (slot, side): (Timestamp, Side),
        book: &Book,
        owners: BTreeSet<Owner>,
        run: &VecDeque<Step>,
        prices: usize,
    ) -> Finding {
        let theirs = |account: AccountId| owners.contains(&self.owners.of(account));
        let orders: Vec<_> =
            book.standing().filter(|o| o.side == side && theirs(o.account)).collect();
        let mut incident = self.incident(slot, orders.iter().map(|order| order.account));
        incident.connection_points = orders.iter().map(|order| order.connection_point).collect();
        incident.energy = energy(orders.iter().map(|order| u128::from(order.quantity.wh())).sum());
        let last = run.back().map(|(_, price)| price.n_per_wh()).unwrap_or_default();
        incident.figures = vec![
            Figure::count("owners", owners.len()),
            Figure::count("slots running", run.len()),
            Figure::count("different limits", prices),
            Figure::price("limit", last),
        ];
        // Also slots in between, to show that others had orders there and have another run.
        let first = run.front().map_or(slot, |(first, _)| *first);
        incident.prove(self.window.evidence_of(first, slot));
        incident.prove(orders.iter().map(|order| Evidence::Order {
            order: order.order,
            hash: order.hash,
            slot,
        }));
        incident.slots = run.iter().map(|(slot, _)| *slot).collect();
        let side = if side == Side::Buy { "buy" } else { "sell" };
        // No owner is of two groups.
        let one = owners.first().map(ToString::to_string).unwrap_or_default();
        let subject = Subject::Owners(owners);
        Finding { kind: Kind::B1, subject, name: format!("{slot}/{side}/{one}"), incident }
    }
}
