//! L1, layering and spoofing: orders that are there to be seen, and gone before they can be met.
//!
//! ```text
//!  accepted ─────────────┐ gate - 60 s          gate
//!  8 000 Wh to sell      │  taken back ──┐        │    what stood of the side in the last 60 s,
//!  (others: 4 000 Wh)    │               └──      │    and how much of it one owner took back
//! ```
//!
//! What an owner placed of the same side in those seconds is subtracted, so that nobody is
//! suspected who changes an order; and an order in whose place another one came counts neither as
//! accepted nor as taken back. Ratios are of energy: small orders do not dilute a large one.

use std::collections::{BTreeMap, BTreeSet};

use calendar::Timestamp;
use matching::Side;

use crate::book::Book;
use crate::case::Finding;
use crate::cases::start_of;
use crate::day::{Activity, Removal};
use crate::machine::energy;
use crate::thresholds::{is_above, is_below};
use crate::window::day_of;
use crate::{Evidence, Figure, Kind, Order, Owner, Subject, Surveillance};

/// What an owner took back of a side in the last seconds.
#[derive(Default)]
struct Late<'a> {
    removed: u128,
    added: u128,
    orders: Vec<&'a Order>,
}

impl Surveillance {
    /// Adds the orders of a slot to what their owners did in its day.
    pub(crate) fn note_activity(&mut self, slot: Timestamp, book: &Book) {
        let replaced: BTreeSet<_> = book.replaced().into_iter().collect();
        let removals = self.removals(slot, book);
        let day = self.days.entry(day_of(slot)).or_default();
        day.judged = false;
        for (order, taken) in book.all().filter(|(order, _)| !replaced.contains(&order.order)) {
            let activity = day.activity.entry(self.owners.of(order.account)).or_default();
            let wh = u128::from(order.quantity.wh());
            activity.orders += 1;
            activity.accepted += wh;
            activity.slots.insert(slot);
            if taken.is_some_and(|taken| taken.own) {
                activity.cancelled += wh;
            }
        }
        for (owner, removal) in removals {
            day.activity.entry(owner).or_default().removals.push(removal);
        }
    }

    /// Large orders of one side that were taken back just before the gate, by owner.
    fn removals(&self, slot: Timestamp, book: &Book) -> Vec<(Owner, Removal)> {
        let seconds = i64::from(self.thresholds.layer_seconds);
        let mut stood: BTreeMap<Side, u128> = BTreeMap::new();
        let mut late: BTreeMap<(Owner, Side), Late<'_>> = BTreeMap::new();
        for (order, taken) in book.all() {
            let (wh, from) = (u128::from(order.quantity.wh()), order.gate.plus_seconds(-seconds));
            if taken.is_some_and(|taken| taken.at <= from) {
                continue;
            }
            *stood.entry(order.side).or_default() += wh;
            let own = late.entry((self.owners.of(order.account), order.side)).or_default();
            match taken {
                Some(taken) if taken.own => {
                    own.removed += wh;
                    own.orders.push(order);
                }
                None if order.at > from => own.added += wh,
                _ => {}
            }
        }
        let took_back = |owner: Owner, side: Side| {
            late.get(&(owner, side)).is_some_and(|own| own.removed > own.added)
        };
        let mut removals = Vec::new();
        for ((owner, side), own) in &late {
            let stood = stood.get(side).copied().unwrap_or(0);
            let removed = own.removed.saturating_sub(own.added);
            let one_sided = ![Side::Buy, Side::Sell].iter().all(|side| took_back(*owner, *side));
            let large = !is_below(removed, self.thresholds.layer_large_percent, stood);
            if removed > 0 && large && one_sided {
                removals.push((*owner, removal(slot, own, removed, stood)));
            }
        }
        removals
    }

    /// The owners who took back nearly all orders of a UTC day, large ones of them just before the
    /// gate.
    pub(crate) fn layering(&self, day: i64) -> Vec<Finding> {
        let Some(known) = self.days.get(&day) else { return Vec::new() };
        let layers = known.activity.iter().filter(|(_, activity)| {
            let most = self.thresholds.layer_cancelled_percent;
            activity.orders >= self.thresholds.layer_orders_min
                && is_above(activity.cancelled, most, activity.accepted)
                && !activity.removals.is_empty()
        });
        layers.map(|(owner, activity)| self.layer(day, *owner, activity)).collect()
    }

    fn layer(&self, day: i64, owner: Owner, activity: &Activity) -> Finding {
        let removals = &activity.removals;
        let accounts = removals.iter().flat_map(|removal| removal.accounts.iter().copied());
        let mut incident = self.incident(start_of(day), accounts);
        let removed: u128 = removals.iter().map(|removal| removal.removed).sum();
        let points = removals.iter().flat_map(|removal| removal.points.iter().copied());
        incident.connection_points = points.collect();
        incident.energy = energy(removed);
        let stood: u128 = removals.iter().map(|removal| removal.stood).sum();
        incident.figures = vec![
            Figure::percent("taken back of the day", activity.cancelled, activity.accepted),
            Figure::count("orders", activity.orders as usize),
            Figure::wh("taken back just before the gate", removed),
            Figure::percent("of that side of the book", removed, stood),
            Figure::count("slots", removals.len()),
        ];
        incident.prove(activity.slots.iter().filter_map(|slot| self.window.evidence(*slot)));
        incident.prove(removals.iter().flat_map(|removal| removal.orders.iter().copied()));
        // Of the day, the slots with late orders are those concerned.
        incident.slots = removals.iter().map(|removal| removal.slot).collect();
        let subject = Subject::Owners(BTreeSet::from([owner]));
        let name = format!("{day}/{subject}");
        Finding { kind: Kind::L1, subject, name, incident }
    }
}

fn removal(slot: Timestamp, late: &Late<'_>, removed: u128, stood: u128) -> Removal {
    let evidence = |order: &&Order| Evidence::Order { order: order.order, hash: order.hash, slot };
    Removal {
        slot,
        removed,
        stood,
        accounts: late.orders.iter().map(|order| order.account).collect(),
        points: late.orders.iter().map(|order| order.connection_point).collect(),
        orders: late.orders.iter().map(evidence).collect(),
    }
}
