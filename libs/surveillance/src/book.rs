//! A day in order: slot by slot, with what every owner offered, sold, bought and fed in.

use std::collections::{BTreeMap, BTreeSet};

use calendar::Timestamp;
use ids::{OrderId, PartyId};
use matching::Side;

use crate::{Day, Order, Slot};

/// Wh by owner.
pub(crate) type ByOwner = BTreeMap<PartyId, i128>;

/// A trade with its orders.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traded<'a> {
    pub(crate) buy: &'a Order,
    pub(crate) sell: &'a Order,
    pub(crate) trade: &'a matching::Trade,
}

impl Traded<'_> {
    pub(crate) fn wh(&self) -> i128 {
        i128::from(self.trade.quantity.wh())
    }
}

/// A slot with all that is known of it, each list in the order of ids.
#[derive(Debug)]
pub(crate) struct Book<'a> {
    pub(crate) slot: &'a Slot,
    pub(crate) orders: Vec<&'a Order>,
    /// The same by owner, so that no rule looks through all orders for each of them.
    pub(crate) of_owner: BTreeMap<PartyId, Vec<&'a Order>>,
    pub(crate) trades: Vec<Traded<'a>>,
    /// The orders of the trades.
    pub(crate) met: BTreeSet<OrderId>,
    /// Offers that stood when the gate closed.
    pub(crate) offered: ByOwner,
    pub(crate) sold: ByOwner,
    pub(crate) bought: ByOwner,
    /// Of owners with an interval in the slot.
    pub(crate) exported: ByOwner,
    pub(crate) volume: i128,
}

impl<'a> Book<'a> {
    fn new(slot: &'a Slot) -> Book<'a> {
        Book {
            slot,
            orders: Vec::new(),
            of_owner: BTreeMap::new(),
            trades: Vec::new(),
            met: BTreeSet::new(),
            offered: ByOwner::new(),
            sold: ByOwner::new(),
            bought: ByOwner::new(),
            exported: ByOwner::new(),
            volume: 0,
        }
    }

    /// The orders that stood when the gate closed.
    pub(crate) fn standing(&self) -> impl Iterator<Item = &'a Order> {
        let gate = self.slot.gate;
        self.orders.iter().copied().filter(move |order| order.stands_at(gate))
    }

    /// An owner's orders, taken back or not.
    pub(crate) fn own(&self, owner: PartyId) -> &[&'a Order] {
        self.of_owner.get(&owner).map_or(&[], Vec::as_slice)
    }
}

/// The books of a day, by slot.
pub(crate) fn books(day: &Day) -> Vec<Book<'_>> {
    let mut books: BTreeMap<Timestamp, Book<'_>> =
        day.slots.iter().map(|slot| (slot.slot, Book::new(slot))).collect();
    let orders: BTreeMap<OrderId, &Order> =
        day.orders.iter().map(|order| (order.order, order)).collect();
    for order in orders.values() {
        let Some(book) = books.get_mut(&order.slot) else { continue };
        book.orders.push(order);
        book.of_owner.entry(order.owner).or_default().push(order);
        if order.side == Side::Sell && order.stands_at(book.slot.gate) {
            *book.offered.entry(order.owner).or_default() += order.wh();
        }
    }
    for trade in &day.trades {
        let sides = orders.get(&trade.buyer).zip(orders.get(&trade.seller));
        let Some((buy, sell)) = sides else { continue };
        let Some(book) = books.get_mut(&buy.slot) else { continue };
        let traded = Traded { buy, sell, trade };
        *book.sold.entry(sell.owner).or_default() += traded.wh();
        *book.bought.entry(buy.owner).or_default() += traded.wh();
        book.volume += traded.wh();
        book.met.extend([buy.order, sell.order]);
        book.trades.push(traded);
    }
    for interval in &day.intervals {
        let Some(book) = books.get_mut(&interval.slot) else { continue };
        *book.exported.entry(interval.owner).or_default() += i128::from(interval.export.wh());
    }
    for book in books.values_mut() {
        book.trades.sort_by_key(|traded| (traded.buy.order, traded.sell.order));
    }
    books.into_values().collect()
}
