//! What a book is told, and what it answers.

use crate::Side;

/// What happens to what is left of an order once it has met the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TimeInForce {
    /// It rests until it is filled or cancelled: good for the slot.
    GoodTillCancelled,
    /// It rests until [`Message::Expire`] names this moment or a later one; in the unit of the
    /// caller's clock.
    GoodTill(u64),
    /// It is cancelled at once.
    ImmediateOrCancel,
    /// The order trades whole or not at all; it never rests.
    FillOrKill,
}

/// What happens when an order would meet one of its own owner: the mode of the incoming order
/// counts. None of them makes a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SelfTrade {
    /// What is left of the incoming order is cancelled.
    CancelNewest,
    /// The resting order is cancelled, and the incoming one goes on.
    CancelOldest,
    /// Both are cancelled.
    CancelBoth,
    /// Both lose the smaller of their quantities, and what is left goes on.
    Decrement,
}

/// An order on its way into a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Buy or sell.
    pub side: Side,
    /// The limit, in ticks.
    pub price: i32,
    /// How much: above zero, at most [`super::QUANTITY_MAX`].
    pub quantity: u64,
    /// Who owns it, as the caller counts owners.
    pub owner: u32,
    /// What happens to what is left of it.
    pub time_in_force: TimeInForce,
    /// What happens when it would meet its own owner.
    pub self_trade: SelfTrade,
}

/// What a book is told. Orders are named by the count of `New` messages before theirs, those
/// that were rejected included: so a caller knows the name before the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Message {
    /// An order comes in.
    New(Entry),
    /// A resting order leaves.
    Cancel {
        /// Which.
        order: u32,
    },
    /// A resting order changes. It keeps its place where the price stays and the quantity does not
    /// rise; else it goes behind all others at its price, and trades first if the price crosses.
    Modify {
        /// Which.
        order: u32,
        /// The limit from now on, in ticks.
        price: i32,
        /// What is open of it from now on.
        quantity: u64,
    },
    /// Time has come to `now`: orders that were good till then leave. Time that runs backwards
    /// changes nothing.
    Expire {
        /// The moment.
        now: u64,
    },
}

/// What came of a message, in the order in which it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Report {
    /// The order is in; what it trades, and what else becomes of it, follows.
    Accepted {
        /// Which.
        order: u32,
    },
    /// The message changed nothing.
    Rejected {
        /// The order that it named, or that it would have made.
        order: u32,
        /// Why.
        reason: Reason,
    },
    /// Two orders met.
    Trade {
        /// The incoming order.
        taker: u32,
        /// The resting order.
        maker: u32,
        /// The resting order's limit, in ticks.
        price: i32,
        /// How much; above zero.
        quantity: u64,
    },
    /// Two orders of one owner met, and both lost this without a trade.
    Netted {
        /// The incoming order.
        taker: u32,
        /// The resting order.
        maker: u32,
        /// How much; above zero.
        quantity: u64,
    },
    /// The order has another limit or quantity now; what it trades by that follows.
    Modified {
        /// Which.
        order: u32,
        /// Its limit, in ticks.
        price: i32,
        /// What is open of it.
        quantity: u64,
    },
    /// The order left with something open.
    Cancelled {
        /// Which.
        order: u32,
        /// What was open of it.
        quantity: u64,
        /// Why.
        cause: Cause,
    },
    /// The order's time ran out.
    Expired {
        /// Which.
        order: u32,
        /// What was open of it.
        quantity: u64,
    },
    /// Nothing is open of the order any more.
    Done {
        /// Which.
        order: u32,
    },
}

/// Why an order was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// A message asked for it.
    Asked,
    /// It was to trade at once, and this is what did not.
    Immediate,
    /// It would have met an order of its owner.
    SelfTrade,
}

/// Why a message was rejected, in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No such order rests in the book: never seen, or gone.
    Unknown,
    /// The limit is outside of the book's range.
    Price,
    /// The quantity is zero or above [`super::QUANTITY_MAX`].
    Quantity,
    /// The order's time has run out before it came.
    Late,
    /// The book has seen as many orders as it was made for.
    Exhausted,
    /// As many orders rest as the book can hold.
    Full,
    /// The order had to trade whole, and cannot.
    NotFillable,
}

impl Reason {
    /// The name by which programs know it; it never changes.
    pub const fn code(self) -> &'static str {
        match self {
            Reason::Unknown => "unknown",
            Reason::Price => "price",
            Reason::Quantity => "quantity",
            Reason::Late => "late",
            Reason::Exhausted => "exhausted",
            Reason::Full => "full",
            Reason::NotFillable => "not_fillable",
        }
    }
}
