//! S1, copies: several owners place the same orders, slot after slot, as one hand would.
//!
//! ```text
//! 10:00  A 412 Wh @ 21.3   B 412 Wh @ 21.3   C 412 Wh @ 21.3     within ten seconds
//! 10:15  A 397 Wh @ 21.1   B 397 Wh @ 21.1   C 397 Wh @ 21.1     quantities that change alike
//! ```
//!
//! Many homes have the same limit because a program proposed it or a tariff says so: prices alone
//! are no sign. Needs differ from home to home; quantities that move alike do not come from two
//! meters. A standing order repeats one quantity, which is not a change. The same owners are asked
//! for each time, and that copies are most of what they place on that side.

use std::collections::{BTreeMap, BTreeSet};

use calendar::Timestamp;
use ids::PartyId;
use matching::Side;
use units::{Energy, Price};

use crate::book::Book;
use crate::rules::{percent, sum};
use crate::tally::{Subject, Tallies};
use crate::thresholds::thresholds;
use crate::{Evidence, Figure, Order, Rule};

thresholds! {
    /// From where on orders are copies.
    Copies {
        /// Slots of a window, each side by itself, with copies by the same owners. Ours.
        slots = 24 in 1..=100_000;
        /// Different quantities among the copies, day by day. Ours.
        quantities = 12 in 1..=100_000;
        /// Percent of the slots in which all of them have orders of that side. Ours.
        slots_percent = 50 in 1..=100;
        /// Owners with the same order. Limits.
        owners = 3 in 2..=100;
        /// More owners than that are a program that many use. Ours.
        owners_most = 12 in 2..=1_000;
        /// Seconds within which the copies are placed. Ours.
        seconds = 10 in 0..=86_400;
    }
}

const SLOTS: usize = 0;
const QUANTITIES: usize = 1;
const TOGETHER: usize = 2;

/// What the same owners have copied in a day.
#[derive(Default)]
struct Copied {
    slots: i128,
    quantities: BTreeSet<Energy>,
    evidence: Vec<Evidence>,
}

pub(super) fn tally(books: &[Book<'_>], thresholds: &Copies, tallies: &mut Tallies) {
    let mut found: BTreeMap<Subject, Copied> = BTreeMap::new();
    for book in books {
        let mut same: BTreeMap<(Side, Energy, Price), Vec<&Order>> = BTreeMap::new();
        for order in &book.orders {
            same.entry((order.side, order.quantity, order.limit)).or_default().push(order);
        }
        let mut of_slot: BTreeSet<(Side, Subject)> = BTreeSet::new();
        for ((side, quantity, _), orders) in same {
            let Some(owners) = together(&orders, thresholds) else { continue };
            let copied = found.entry(owners.clone()).or_default();
            copied.quantities.insert(quantity);
            copied.slots += i128::from(of_slot.insert((side, owners)));
            let slot = book.slot.slot;
            let orders = orders.iter().map(|order| Evidence::Order { slot, order: order.order });
            copied.evidence.extend(orders);
        }
    }
    let places = places(books);
    for (owners, copied) in found {
        let together = places.values().filter(|all| owners.iter().all(|one| all.contains(one)));
        let together = i128::try_from(together.count()).unwrap_or(i128::MAX);
        let quantities = i128::try_from(copied.quantities.len()).unwrap_or(i128::MAX);
        let tally = tallies.of(Rule::S1, owners);
        tally.add(SLOTS, copied.slots);
        tally.add(QUANTITIES, quantities);
        tally.add(TOGETHER, together);
        tally.prove(copied.evidence);
    }
}

/// The owners of equal orders, if they are few enough, many enough, and came at once.
fn together(orders: &[&Order], thresholds: &Copies) -> Option<Subject> {
    let owners: BTreeSet<PartyId> = orders.iter().map(|order| order.owner).collect();
    let count = owners.len() as u64;
    let placed = orders.iter().map(|order| order.placed);
    let spread = placed.clone().max()?.seconds_since(placed.min()?);
    let near = u64::try_from(spread).is_ok_and(|spread| spread <= thresholds.seconds);
    let fits = (thresholds.owners..=thresholds.owners_most).contains(&count);
    (near && fits).then(|| owners.into_iter().collect())
}

/// Who has orders of a side in a slot.
fn places(books: &[Book<'_>]) -> BTreeMap<(Timestamp, Side), BTreeSet<PartyId>> {
    let mut places: BTreeMap<_, BTreeSet<PartyId>> = BTreeMap::new();
    for order in books.iter().flat_map(|book| &book.orders) {
        places.entry((order.slot, order.side)).or_default().insert(order.owner);
    }
    places
}

pub(super) fn figures(sums: &[i128], thresholds: &Copies) -> Vec<Figure> {
    let slots = sum(sums, SLOTS);
    let share = percent(slots, sum(sums, TOGETHER));
    let quantities = sum(sums, QUANTITIES);
    vec![
        Figure::least("slots with copies", "slots", slots, thresholds.slots),
        Figure::least("different quantities", "quantities", quantities, thresholds.quantities),
        Figure::least("of slots with all of them", "%", share, thresholds.slots_percent),
    ]
}
