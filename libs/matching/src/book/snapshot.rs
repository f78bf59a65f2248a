//! What rests in a book, for people to look at and for replays to compare.

use std::collections::BTreeMap;

use super::queues::NONE;
use super::take::mode;
use super::{Book, Digest, SelfTrade, TIMED};
use crate::Side;

/// All that rests.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// Highest price first.
    pub bids: Vec<Level>,
    /// Lowest price first.
    pub asks: Vec<Level>,
}

/// The orders of one side at one price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    /// In ticks.
    pub price: i32,
    /// What is open of all its orders.
    pub quantity: u64,
    /// Who came first, first.
    pub orders: Vec<Resting>,
}

/// A resting order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resting {
    /// Its name.
    pub order: u32,
    /// Who owns it.
    pub owner: u32,
    /// What is open of it; above zero.
    pub quantity: u64,
    /// Till when it is good, if time ends it.
    pub until: Option<u64>,
    /// What happens when it meets its own owner on being modified.
    pub self_trade: SelfTrade,
}

impl Snapshot {
    /// A hash of all that rests and in which order.
    pub fn digest(&self) -> Digest {
        let mut digest = Digest::default();
        for levels in [&self.bids, &self.asks] {
            digest.word(levels.len() as u64);
            for level in levels {
                digest.word(u64::from(level.price.cast_unsigned()));
                digest.word(level.orders.len() as u64);
                for order in &level.orders {
                    digest.word(u64::from(order.order) << 32 | u64::from(order.owner));
                    digest.word(order.quantity);
                    digest.word(u64::from(order.until.is_some()));
                    digest.word(order.until.unwrap_or_default());
                    digest.word(order.self_trade as u64);
                }
            }
        }
        digest
    }
}

impl Book {
    /// All that rests, in the order in which it would trade.
    pub fn snapshot(&self) -> Snapshot {
        let until: BTreeMap<u32, u64> = self.timed.all().collect();
        Snapshot { bids: self.levels(0, &until), asks: self.levels(1, &until) }
    }

    /// A hash of all that the book's answers depend on: equal after the same messages.
    pub fn state(&self) -> u64 {
        let mut digest = self.snapshot().digest();
        digest.word(u64::from(self.next_order()));
        digest.word(self.timed.now());
        digest.value()
    }

    /// What is open at a price of one side, in ticks; zero where nothing is.
    pub fn open_at(&self, side: Side, price: i32) -> u64 {
        let side = super::index(side);
        let Ok(price) = self.counted(price) else { return 0 };
        let merit = self.turn(price, side);
        if self.sides[side].next(merit) != merit {
            return 0;
        }
        self.queue(price).map(|slot| self.queues.at(slot).quantity).sum()
    }

    fn levels(&self, side: usize, until: &BTreeMap<u32, u64>) -> Vec<Level> {
        let mut levels = Vec::new();
        let mut merit = self.sides[side].best();
        while merit != NONE {
            let price = self.turn(merit, side);
            let orders: Vec<Resting> =
                self.queue(price).map(|slot| self.resting(slot, until)).collect();
            let quantity = orders.iter().map(|order| order.quantity).sum();
            levels.push(Level { price: self.ticks(price), quantity, orders });
            merit = self.sides[side].next(merit + 1);
        }
        levels
    }

    /// The slots at a price, who came first first.
    fn queue(&self, price: u32) -> impl Iterator<Item = u32> {
        let real = |slot: u32| (slot != NONE).then_some(slot);
        std::iter::successors(real(self.queues.first(price)), move |&slot| {
            real(self.queues.after(slot))
        })
    }

    fn resting(&self, slot: u32, until: &BTreeMap<u32, u64>) -> Resting {
        let order = self.queues.at(slot);
        Resting {
            order: order.order,
            owner: order.owner,
            quantity: order.quantity,
            until: (order.flags & TIMED != 0).then(|| until[&order.order]),
            self_trade: mode(order.flags),
        }
    }
}
