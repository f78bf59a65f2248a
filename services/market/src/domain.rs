//! The market machine: orders become trades. A plain value that is the fold of its journal.
//!
//! ```text
//! command, now --decide--> Entry | Rejection      Exchange::{place, cancel, clear} change nothing
//! Entry        --apply---> Exchange               the only way in which it changes
//!
//! slot T:   T-36h ....... gate = T-15min ....... T ............ T+15min
//!           place, cancel | clear: holds shrink  | the chain settles or skips; holds end
//! ```
//!
//! Invariants: the same entries give the same [`Exchange::hash`]; an accepted order is covered by
//! cash that the chain cannot take back; what is held of an address is exactly the sum over its
//! open orders and unsettled trades; a slot is cleared once.
//! Deliberately absent: clocks, storage, the network, and the past: slots that started more than
//! [`RETAINED_SECONDS`] before the newest cleared one are forgotten.

mod cash;
mod clearing;
mod entry;
mod order;
mod place;
mod state;

pub use cash::{Cash, Movement, TradeHold, Wallet};
pub use entry::{ClearedSlot, ClearedTrade, Entry, Member, Meter, Point, PublishedTariff};
pub use order::{Accepted, NewOrder, Status};
pub use place::{NO_GAIN_BAND, ORDERS_PER_POINT_MAX, ORDERS_PER_SLOT_MAX, Placement, Rejection};
pub use state::{Committed, Exchange, Parameters, RETAINED_SECONDS, SlotBook};
