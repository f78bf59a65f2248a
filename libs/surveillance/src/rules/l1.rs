//! L1, layering: a large order stands on one side while the owner's other side waits to be filled,
//! and is gone in the last minute before the gate.
//!
//! ```text
//!           10:00         10:44:00   10:45 gate
//! buys      |----- 200 ----------------> filled
//! sells     |----- 5000 --------x            90 % of the most that stood, in the last 60 s,
//!                               ^ taken back and 25 % of all that was offered: a layered slot
//! ```
//!
//! Who amends an order takes one back and has another: the most that stood at once is still there.
//! Who finds that clouds come sells nothing any more and buys instead: the other side came after.
//! Both are no layers. Single slots are chance; a habit is asked for.

use std::collections::BTreeSet;

use calendar::Timestamp;
use ids::PartyId;
use matching::Side;

use crate::book::Book;
use crate::rules::{percent, sum};
use crate::tally::Tallies;
use crate::thresholds::thresholds;
use crate::{Evidence, Figure, Order, Rule};

thresholds! {
    /// From where on orders that go are layers.
    Layering {
        /// Layered slots of a window. Ours.
        slots = 8 in 1..=100_000;
        /// Percent of the slots in which the owner had orders against its own filled ones. Ours.
        slots_percent = 50 in 1..=100;
        /// Seconds before the gate in which the orders go. Limits.
        late_seconds = 60 in 1..=86_400;
        /// Percent of the most that the owner had on that side at once. Limits.
        gone_percent = 90 in 1..=100;
        /// Percent of all that stood on that side when the last seconds began. Limits: the mark of
        /// market power.
        book_percent = 25 in 1..=100;
    }
}

const BOTH: usize = 0;
const LAYERED: usize = 1;
const GONE: usize = 2;

pub(super) fn tally(books: &[Book<'_>], thresholds: &Layering, tallies: &mut Tallies) {
    for book in books {
        let owners: BTreeSet<PartyId> =
            book.sold.keys().chain(book.bought.keys()).copied().collect();
        for owner in owners {
            let own = book.own(owner);
            let looks = [Side::Buy, Side::Sell].map(|side| look(book, own, side, thresholds));
            if looks.iter().all(Option::is_none) {
                continue;
            }
            let tally = tallies.of(Rule::L1, vec![owner]);
            tally.add(BOTH, 1);
            let layers: Vec<&Order> = looks.into_iter().flatten().flatten().collect();
            if layers.is_empty() {
                continue;
            }
            tally.add(LAYERED, 1);
            tally.add(GONE, layers.iter().map(|order| order.wh()).sum());
            let slot = book.slot.slot;
            tally.prove(layers.iter().map(|order| Evidence::Order { slot, order: order.order }));
            let trades = book.trades.iter();
            let trades = trades.filter(|t| t.buy.owner == owner || t.sell.owner == owner);
            tally.prove(trades.map(Evidence::from));
        }
    }
}

/// What an owner's orders are against its filled orders of a side: `None` where none of them stood
/// together with one of those, else the layers among them.
fn look<'a>(
    book: &Book<'_>,
    own: &[&'a Order],
    filled: Side,
    thresholds: &Layering,
) -> Option<Vec<&'a Order>> {
    let gate = book.slot.gate;
    let since = own.iter().filter(|o| o.side == filled && book.met.contains(&o.order));
    let since = since.map(|order| order.placed).min()?;
    let against: Vec<&Order> = own.iter().copied().filter(|o| o.side != filled).collect();
    if !against.iter().any(|order| order.cancelled.unwrap_or(gate) > since) {
        return None;
    }
    let seconds = i64::try_from(thresholds.late_seconds).unwrap_or(i64::MAX);
    let late = gate.plus_seconds(-seconds);
    let gone = against
        .iter()
        .copied()
        .filter(|order| order.cancelled.is_some_and(|at| at > since && (late..gate).contains(&at)));
    let gone: Vec<&Order> = gone.collect();
    let wh: i128 = gone.iter().map(|order| order.wh()).sum();
    let most = wh > 0 && wh * 100 >= i128::from(thresholds.gone_percent) * peak(&against, gate);
    if !most || wh * 100 < i128::from(thresholds.book_percent) * stood(book, filled, late) {
        return Some(Vec::new());
    }
    Some(gone)
}

/// The Wh of all orders against a side that stood at a moment.
fn stood(book: &Book<'_>, filled: Side, moment: Timestamp) -> i128 {
    let stood = book.orders.iter().filter(|order| {
        let there = order.placed <= moment && order.cancelled.is_none_or(|at| at >= moment);
        order.side != filled && there
    });
    stood.map(|order| order.wh()).sum()
}

/// The most Wh of orders that stood at once until `gate`.
fn peak(orders: &[&Order], gate: Timestamp) -> i128 {
    let mut steps: Vec<(Timestamp, i128)> = Vec::new();
    for order in orders {
        steps.push((order.placed, order.wh()));
        steps.push((order.cancelled.unwrap_or(gate), -order.wh()));
    }
    // What goes and comes in the same second is an amendment: it goes first.
    steps.sort_unstable();
    let mut stands = 0;
    let heights = steps.into_iter().map(|(_, step)| {
        stands += step;
        stands
    });
    heights.max().unwrap_or(0).max(0)
}

pub(super) fn figures(sums: &[i128], thresholds: &Layering) -> Vec<Figure> {
    let layered = sum(sums, LAYERED);
    let share = percent(layered, sum(sums, BOTH));
    vec![
        Figure::least("layered slots", "slots", layered, thresholds.slots),
        Figure::least("of slots with both sides", "%", share, thresholds.slots_percent),
        Figure::least("taken back late", "Wh", sum(sums, GONE), 1),
    ]
}
