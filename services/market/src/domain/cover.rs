//! Orders whose cash has left since they were accepted: they are taken back before they trade.
//!
//! ```text
//! accepted -- cash leaves --> gate: what the wallet still covers is kept, the rest is taken back
//!                        \-> orders that meet when they come: at once, also before the gate
//! ```
//!
//! A fill that its account cannot pay for is skipped on chain, but has moved the price of everybody
//! else. So a wallet is looked at once more when the gate of a slot has closed, and from then on
//! whenever a block says something, until the slot is cleared.
//!
//! Which orders are kept: those of earlier slots first, in a slot those that were accepted first.
//! An order is kept whole, since it was signed whole, or taken back; one after it that needs less
//! may be kept. What is held for trades comes before all orders. An order that holds nothing needs
//! nothing. Orders of slots whose gate is open are left alone: the cash may be back by then.
//! Deliberately absent: trades that were struck before the gate, which stand, whatever the wallet
//! has.

use std::collections::BTreeMap;

use alloy_primitives::Address;
use calendar::Timestamp;
use events::market::CancelledBy;

use super::{Accepted, Entry, Exchange, Parameters, SlotBook};

impl Exchange {
    /// The entries that take back what the wallets do not cover any more at `now`.
    pub fn uncovered(&self, parameters: &Parameters, now: Timestamp) -> Vec<Entry> {
        let books = self.slots.iter().filter(|(_, book)| book.cleared.is_none());
        let books: Vec<(&Timestamp, &SlotBook)> = books.collect();
        let looked_at = |slot: &Timestamp, book: &SlotBook| {
            book.trading.is_some() || parameters.gate(*slot) <= now
        };
        // Most of the time there is nothing to look at, or nobody is short.
        if !books.iter().any(|&(slot, book)| looked_at(slot, book)) {
            return Vec::new();
        }
        let mut short: BTreeMap<Address, Short<'_>> = self.cash.short().map(Short::of).collect();
        if short.is_empty() {
            return Vec::new();
        }
        for (slot, book) in books {
            let over = looked_at(slot, book);
            let mut open: Vec<&Accepted> =
                book.open.values().flatten().map(|id| &self.orders[id]).collect();
            open.sort_by_key(|order| order.sequence);
            for order in open {
                if let Some(short) = short.get_mut(&order.terms.account) {
                    short.open.push((order, over));
                }
            }
        }
        let uncovered = short.into_values().flat_map(Short::uncovered);
        let taken_back = |order: &Accepted| Entry::Cancelled {
            order: order.id,
            by: CancelledBy::Funds,
            at: now,
        };
        uncovered.map(taken_back).collect()
    }
}

/// An address of which more is held than it has.
struct Short<'a> {
    missing: i128,
    /// Its open orders, those that are kept first in front, and whether each is looked at.
    open: Vec<(&'a Accepted, bool)>,
}

impl<'a> Short<'a> {
    fn of((address, missing): (Address, i128)) -> (Address, Short<'a>) {
        (address, Short { missing, open: Vec::new() })
    }

    /// The orders that are taken back.
    fn uncovered(self) -> Vec<&'a Accepted> {
        let needs = |order: &Accepted| i128::from(order.hold.n());
        let held: i128 = self.open.iter().map(|(order, _)| needs(order)).sum();
        // What there is for open orders, once trades have what is held for them.
        let mut left = held - self.missing;
        let mut uncovered = Vec::new();
        for (order, looked_at) in self.open {
            let needs = needs(order);
            if needs == 0 || needs <= left {
                left -= needs;
            } else if looked_at {
                uncovered.push(order);
            }
        }
        uncovered
    }
}
