//! Whether an entry of the journal can follow on what came before it.
//!
//! The machine writes no other ones; but a journal is a file, which a disk, a restored backup or a
//! hand may have changed. What does not fit is found before it is applied, so that the book stays
//! that of the entries before.

use alloy_primitives::B256;
use ids::OrderId;
use units::{Energy, Overflow};

use super::sealed::commitment;
use super::{Accepted, ClearedSlot, Entry, Exchange, SealState, Status};

/// The version of the fold: it rises whenever the same journal gives another book than before, so
/// that no snapshot from before is taken for one of now.
pub const FOLD: i64 = 4;

impl Exchange {
    /// Whether `entry` can be the next one.
    ///
    /// # Errors
    /// What speaks against it.
    pub fn fits(&self, entry: &Entry) -> Result<(), &'static str> {
        match entry {
            Entry::Accepted(order) => self.fits_accepted(order),
            Entry::Cancelled { order, .. } => match self.orders.get(order) {
                None => Err("it takes back an order that was never accepted"),
                Some(order) if order.status != Status::Open => {
                    Err("it takes back an order that is not open")
                }
                Some(_) => Ok(()),
            },
            Entry::Cleared(cleared) => self.fits_cleared(cleared),
            Entry::Sealed(commitment) => {
                let over = self.slots.get(&commitment.slot).is_some_and(|b| b.cleared.is_some());
                let closed = self.sealed_book(commitment.slot).is_some_and(|b| b.closed.is_some());
                if self.commitment(commitment.hash).is_some() || over || closed {
                    return Err("it seals what was sealed before, or in a slot whose gate is over");
                }
                Ok(())
            }
            Entry::SealWithdrawn { commitment, .. } | Entry::SealRefused { commitment, .. } => {
                self.fits_seal(*commitment)
            }
            Entry::GateClosed { slot, root, .. } => {
                let book = self.sealed_book(*slot).filter(|book| book.closed.is_none());
                let same = book.is_some_and(|book| book.root() == *root);
                same.then_some(()).ok_or("it closes a gate twice, or over other commitments")
            }
            Entry::RevealResumed { slot, .. } => {
                let cleared = self.slots.get(slot).is_some_and(|book| book.cleared.is_some());
                let closed = self.sealed_book(*slot).is_some_and(|book| book.closed.is_some());
                let fits = closed && !cleared;
                fits.then_some(()).ok_or("it opens a slot anew whose gate is not closed, or over")
            }
            Entry::Connected { sequence, .. } | Entry::Disconnected { sequence, .. } => {
                let follows = self.feed.is_none_or(|last| last.checked_add(1) == Some(*sequence));
                follows.then_some(()).ok_or("it is not the next event of the ledger's feed")
            }
            _ => Ok(()),
        }
    }

    fn fits_accepted(&self, order: &Accepted) -> Result<(), &'static str> {
        if order.sequence != self.sequence + 1 {
            return Err("its sequence is not the next one");
        }
        if self.orders.contains_key(&order.id) {
            return Err("its order was accepted before");
        }
        let untouched = order.status == Status::Open
            && order.filled == Energy::ZERO
            && order.netted == Energy::ZERO
            && order.terms.quantity > Energy::ZERO
            && order.hold.n() >= 0;
        if !untouched || order.terms.limit().is_err() {
            return Err("it is not an order as one is accepted");
        }
        if let Some(opening) = order.opens {
            self.fits_seal(opening.commitment)?;
            if commitment(order.hash, opening.salt) != opening.commitment {
                return Err("it opens another commitment");
            }
        }
        let book = self.slots.get(&order.slot());
        if book.is_some_and(|book| book.cleared.is_some()) {
            return Err("its slot was cleared before");
        }
        let committed = book.and_then(|book| book.committed.get(&order.terms.connection_point));
        let committed = committed.copied().unwrap_or_default();
        if [committed.buy, committed.sell].iter().any(|wh| wh.plus(order.terms.quantity).is_err()) {
            return Err("it is for more than can be counted");
        }
        let begun = book.is_some_and(|book| !book.orders.is_empty());
        let trades = book.is_some_and(|book| book.trading.is_some());
        if begun && trades != order.arrival.is_some() {
            return Err("it does not come as the other orders of its slot");
        }
        Ok(())
    }

    fn fits_seal(&self, commitment: B256) -> Result<(), &'static str> {
        let waits = self.commitment(commitment).is_some_and(|c| c.state == SealState::Waiting);
        waits.then_some(()).ok_or("its commitment is not there, or waits no more")
    }

    fn fits_cleared(&self, cleared: &ClearedSlot) -> Result<(), &'static str> {
        let book = self.slots.get(&cleared.slot);
        if book.is_some_and(|book| book.cleared.is_some()) {
            return Err("its slot was cleared before");
        }
        let mut filled = std::collections::BTreeMap::<OrderId, Energy>::new();
        for trade in &cleared.trades {
            for order in [trade.buy, trade.sell] {
                let order = self.orders.get(&order).filter(|order| order.slot() == cleared.slot);
                let Some(order) = order else {
                    return Err("a trade of an order that is not there");
                };
                let filled = filled.entry(order.id).or_default();
                *filled = filled.plus(trade.quantity).map_err(|Overflow| "fills do not fit")?;
                if *filled > order.terms.quantity {
                    return Err("an order is filled above its quantity");
                }
            }
        }
        Ok(())
    }
}
