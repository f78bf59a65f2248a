//! The orders of one slot until it is cleared.

use std::collections::BTreeMap;

use calendar::Timestamp;
use ids::{AccountId, ConnectionPointId, OrderId};
use matching::Side;
use serde::Serialize;

use crate::Order;
use crate::owners::Full;

/// The most orders of one slot.
pub const ORDERS_PER_SLOT_MAX: usize = 20_000;

/// When an order was taken back, and whether by its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Taken {
    pub(crate) at: Timestamp,
    pub(crate) own: bool,
}

/// The orders of a slot, whatever came first: an order, or that it was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Book {
    orders: BTreeMap<OrderId, Order>,
    taken: BTreeMap<OrderId, Taken>,
}

impl Book {
    pub(crate) fn accept(&mut self, order: &Order) -> Result<(), Full> {
        if self.orders.len() >= ORDERS_PER_SLOT_MAX && !self.orders.contains_key(&order.order) {
            return Err(Full);
        }
        self.orders.entry(order.order).or_insert_with(|| order.clone());
        Ok(())
    }

    pub(crate) fn take(&mut self, order: OrderId, taken: Taken) -> Result<(), Full> {
        if self.taken.len() >= ORDERS_PER_SLOT_MAX && !self.taken.contains_key(&order) {
            return Err(Full);
        }
        self.taken.entry(order).or_insert(taken);
        Ok(())
    }

    pub(crate) fn get(&self, order: OrderId) -> Option<&Order> {
        self.orders.get(&order)
    }

    /// All orders, by name, and when they were taken back.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&Order, Option<Taken>)> {
        self.orders.values().map(|order| (order, self.taken.get(&order.order).copied()))
    }

    /// The orders that stood when the slot was cleared.
    pub(crate) fn standing(&self) -> impl Iterator<Item = &Order> {
        self.all().filter(|(_, taken)| taken.is_none()).map(|(order, _)| order)
    }

    /// The orders in whose place another one came: taken back by their account in the moment in
    /// which it placed one of the same side and connection point. Each new one takes one place.
    pub(crate) fn replaced(&self) -> Vec<OrderId> {
        type Place = (AccountId, ConnectionPointId, Side, Timestamp);
        let place = |order: &Order, at| -> Place {
            (order.account, order.connection_point, order.side, at)
        };
        let mut new: BTreeMap<Place, usize> = BTreeMap::new();
        for order in self.orders.values() {
            *new.entry(place(order, order.at)).or_default() += 1;
        }
        let mut replaced = Vec::new();
        for (order, taken) in self.all() {
            let Some(Taken { at, own: true }) = taken else { continue };
            // One that is taken back in the moment it came takes nobody's place.
            if at == order.at {
                continue;
            }
            if let Some(left) = new.get_mut(&place(order, at)).filter(|left| **left > 0) {
                *left -= 1;
                replaced.push(order.order);
            }
        }
        replaced
    }
}
