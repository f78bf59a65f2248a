//! The continuous order book of one slot and zone: a message in, what came of it out.
//!
//! ```text
//! New ----> crosses? --take--> Trade, Netted, Done ...     best price first, then who came first,
//!              |                                           at the resting order's price
//!              +--- what is left --rest--> queue of its price
//! Modify -> leaves, and comes in again under its name; lowering the quantity alone keeps its place
//! Cancel, Expire -> leaves
//! ```
//!
//! Invariants: the best bid is below the best ask; no trade is outside of a limit or between orders
//! of one owner; what an order brought is what it traded, netted and gave back on leaving, and what
//! is open of it; the same messages give the same reports and the same [`Book::state`].
//!
//! Prices are ticks in a range that is fixed when the book opens, so that a price is a place in an
//! array. The best level is found by three words of bits (`ladder`), a queue is a ring of links in
//! one slab (`queues`), an order is found by its name in an array: nothing is searched. Memory
//! grows with the most orders that ever rested at once, and by four bytes for each that came.
//!
//! Limits: [`Limits`], up to [`PRICES_MAX`], [`ORDERS_MAX`] and [`ENTRIES_MAX`], and
//! [`QUANTITY_MAX`]. They are such that no sum of quantities can overflow. A fill-or-kill order
//! looks at every order that it would meet before it trades.
//! Deliberately absent: clocks (time is a message), whose order it is to cancel, money, fees.

mod batch;
mod digest;
mod ladder;
mod message;
pub mod naive;
mod queues;
pub mod session;
mod snapshot;
mod take;
mod timed;

pub use batch::{continuous, on_tick};
pub use digest::Digest;
pub use message::{Cause, Entry, Message, Reason, Report, SelfTrade, TimeInForce};
pub use session::Session;
pub use snapshot::{Level, Resting, Snapshot};

use crate::Side;
use ladder::Ladder;
use queues::{Order, Queues};
use take::Taker;
use timed::Timed;

/// The widest range of prices, in ticks.
pub const PRICES_MAX: u32 = ladder::LEVELS;
/// The most that an order may be for, in watt-hours.
pub const QUANTITY_MAX: u64 = (1 << 40) - 1;
/// The most orders that may rest at once.
pub const ORDERS_MAX: u32 = 1 << 24;
/// The most `New` messages that a book can be made for.
pub const ENTRIES_MAX: u32 = 1 << 27;

/// No slot: the order does not rest.
const GONE: u32 = queues::NONE;

/// What a book can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The lowest price, in ticks.
    pub price_min: i32,
    /// The highest price, in ticks.
    pub price_max: i32,
    /// The most orders that may rest at once.
    pub orders_max: u32,
    /// The most `New` messages in the book's life: each takes four bytes to remember.
    pub entries_max: u32,
}

/// Why a book cannot have these limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LimitsError {
    /// No price, or more than [`PRICES_MAX`].
    #[error("from 1 to {PRICES_MAX} prices")]
    Prices,
    /// No order, or more than [`ORDERS_MAX`].
    #[error("from 1 to {ORDERS_MAX} orders")]
    Orders,
    /// More entries than [`ENTRIES_MAX`].
    #[error("at most {ENTRIES_MAX} entries")]
    Entries,
}

impl Limits {
    /// How many prices there are.
    ///
    /// # Errors
    /// [`LimitsError`] where a book cannot have these limits.
    pub fn check(&self) -> Result<u32, LimitsError> {
        if self.orders_max == 0 || self.orders_max > ORDERS_MAX {
            return Err(LimitsError::Orders);
        }
        if self.entries_max > ENTRIES_MAX {
            return Err(LimitsError::Entries);
        }
        let prices = i64::from(self.price_max) - i64::from(self.price_min) + 1;
        let prices = u32::try_from(prices).map_err(|_| LimitsError::Prices)?;
        if prices == 0 || prices > PRICES_MAX {
            return Err(LimitsError::Prices);
        }
        Ok(prices)
    }
}

/// An order book. See the [module](self).
#[derive(Debug, Clone)]
pub struct Book {
    limits: Limits,
    prices: u32,
    /// Turns a price, counted from the lowest, into a merit and back, by side.
    turns: [u32; 2],
    /// Bids, then asks.
    sides: [Ladder; 2],
    queues: Queues,
    /// The slot of each order by its name, or [`GONE`].
    slots: Vec<u32>,
    timed: Timed,
}

// What is kept of a resting order beside its numbers: a bit says that it sells, one that time ends
// it, and the bits from the third on are its `SelfTrade`.
const SIDE: u32 = 1;
const TIMED: u32 = 2;
const MODE_SHIFT: u32 = 2;

impl Book {
    /// An empty book.
    ///
    /// # Errors
    /// [`LimitsError`] where a book cannot have these limits.
    pub fn new(limits: Limits) -> Result<Book, LimitsError> {
        let prices = limits.check()?;
        let levels = prices.next_power_of_two();
        Ok(Book {
            limits,
            prices,
            turns: [levels - 1, 0],
            sides: [Ladder::new(levels), Ladder::new(levels)],
            queues: Queues::new(prices),
            slots: Vec::new(),
            timed: Timed::default(),
        })
    }

    /// What the book can hold.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The name of the order that the next `New` message makes.
    pub fn next_order(&self) -> u32 {
        u32::try_from(self.slots.len()).expect("entries are limited")
    }

    /// The best price of a side, in ticks; `None` where it is empty.
    pub fn best(&self, side: Side) -> Option<i32> {
        let merit = self.sides[index(side)].best();
        (merit != ladder::NONE).then(|| self.ticks(self.turn(merit, index(side))))
    }

    /// Takes a message, and adds to `reports` what came of it.
    #[inline]
    pub fn submit(&mut self, message: &Message, reports: &mut Vec<Report>) {
        match message {
            Message::New(entry) => self.enter(entry, reports),
            Message::Cancel { order } => self.cancel(*order, reports),
            Message::Modify { order, price, quantity } => {
                self.modify(*order, *price, *quantity, reports);
            }
            Message::Expire { now } => self.expire(*now, reports),
        }
    }

    #[inline]
    fn enter(&mut self, entry: &Entry, reports: &mut Vec<Report>) {
        let order = self.next_order();
        let price = match self.admitted(entry) {
            Ok(price) => price,
            Err(reason) => {
                // A name is used up, but not where there are none left.
                if reason != Reason::Exhausted {
                    self.slots.push(GONE);
                }
                reports.push(Report::Rejected { order, reason });
                return;
            }
        };
        self.slots.push(GONE);
        reports.push(Report::Accepted { order });
        let (rests, until) = match entry.time_in_force {
            TimeInForce::GoodTillCancelled => (true, None),
            TimeInForce::GoodTill(until) => (true, Some(until)),
            TimeInForce::ImmediateOrCancel | TimeInForce::FillOrKill => (false, None),
        };
        let side = if entry.side == Side::Sell { SIDE } else { 0 };
        let timed = if until.is_some() { TIMED } else { 0 };
        let flags = side | timed | (entry.self_trade as u32) << MODE_SHIFT;
        let (owner, quantity) = (entry.owner, entry.quantity);
        let mut taker = Taker { order, owner, price, quantity, flags, until };
        self.meet(&mut taker, rests, reports);
    }

    /// The price of an order that may come in, counted from the lowest.
    #[inline]
    fn admitted(&self, entry: &Entry) -> Result<u32, Reason> {
        let price = self.counted(entry.price)?;
        if entry.quantity.wrapping_sub(1) >= QUANTITY_MAX {
            return Err(Reason::Quantity);
        }
        if let TimeInForce::GoodTill(until) = entry.time_in_force
            && until <= self.timed.now()
        {
            return Err(Reason::Late);
        }
        if self.slots.len() >= self.limits.entries_max as usize {
            return Err(Reason::Exhausted);
        }
        if self.queues.resting() >= self.limits.orders_max {
            return Err(Reason::Full);
        }
        if entry.time_in_force == TimeInForce::FillOrKill && !self.can_fill(entry, entry.quantity) {
            return Err(Reason::NotFillable);
        }
        Ok(price)
    }

    #[inline]
    fn counted(&self, price: i32) -> Result<u32, Reason> {
        let counted = price.wrapping_sub(self.limits.price_min).cast_unsigned();
        if counted < self.prices { Ok(counted) } else { Err(Reason::Price) }
    }

    #[inline]
    fn ticks(&self, counted: u32) -> i32 {
        self.limits.price_min.wrapping_add_unsigned(counted)
    }

    /// From price to merit and back, by side.
    #[inline]
    fn turn(&self, price: u32, side: usize) -> u32 {
        price ^ self.turns[side]
    }

    #[inline]
    fn slot(&self, order: u32) -> Option<u32> {
        self.slots.get(order as usize).copied().filter(|&slot| slot != GONE)
    }

    #[inline]
    fn cancel(&mut self, order: u32, reports: &mut Vec<Report>) {
        let Some(slot) = self.slot(order) else {
            reports.push(Report::Rejected { order, reason: Reason::Unknown });
            return;
        };
        let quantity = self.remove(slot).quantity;
        reports.push(Report::Cancelled { order, quantity, cause: Cause::Asked });
    }

    #[inline(never)]
    fn modify(&mut self, order: u32, price: i32, quantity: u64, reports: &mut Vec<Report>) {
        let (slot, counted) = match self.modifiable(order, price, quantity) {
            Ok(found) => found,
            Err(reason) => {
                reports.push(Report::Rejected { order, reason });
                return;
            }
        };
        reports.push(Report::Modified { order, price, quantity });
        let resting = self.queues.at_mut(slot);
        if resting.price == counted && quantity <= resting.quantity {
            resting.quantity = quantity;
            return;
        }
        let Order { owner, flags, .. } = self.remove(slot);
        let mut taker = Taker { order, owner, price: counted, quantity, flags, until: None };
        self.meet(&mut taker, true, reports);
    }

    #[inline]
    fn modifiable(&self, order: u32, price: i32, quantity: u64) -> Result<(u32, u32), Reason> {
        let slot = self.slot(order).ok_or(Reason::Unknown)?;
        let counted = self.counted(price)?;
        if quantity.wrapping_sub(1) >= QUANTITY_MAX {
            return Err(Reason::Quantity);
        }
        Ok((slot, counted))
    }

    #[cold]
    fn expire(&mut self, now: u64, reports: &mut Vec<Report>) {
        self.timed.advance(now);
        while let Some(order) = self.timed.due() {
            if let Some(slot) = self.slot(order) {
                let quantity = self.remove(slot).quantity;
                reports.push(Report::Expired { order, quantity });
            }
        }
    }

    /// Lets what is open of an order rest behind the others at its price.
    #[inline]
    fn rest(&mut self, taker: &Taker) {
        let Taker { order, owner, price, quantity, flags, until } = *taker;
        if flags & TIMED != 0 {
            let slots = &self.slots;
            self.timed.join(order, until, |order| slots[order as usize] != GONE);
        }
        let slot = self.queues.join(Order { quantity, owner, order, price, flags });
        self.slots[order as usize] = slot;
        let side = (flags & SIDE) as usize;
        let merit = self.turn(price, side);
        self.sides[side].fill(merit);
    }

    /// Takes a resting order out of the book.
    #[inline]
    fn remove(&mut self, slot: u32) -> Order {
        let order = *self.queues.at(slot);
        self.slots[order.order as usize] = GONE;
        if order.flags & TIMED != 0 {
            self.timed.leave();
        }
        if self.queues.leave(slot) {
            let side = (order.flags & SIDE) as usize;
            let merit = self.turn(order.price, side);
            self.sides[side].empty(merit);
        }
        order
    }
}

/// The place of a side.
#[inline]
fn index(side: Side) -> usize {
    usize::from(side == Side::Sell)
}
