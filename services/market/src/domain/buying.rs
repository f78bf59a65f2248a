//! Accounts that buy nothing from neighbours because of what they owe: billing says whose and why.
//!
//! ```text
//! billing.trading.changed.v1 --Entry::BuyingChanged--> new buys are refused, open ones taken back
//!                                                      sales, trades and cash stay as they are
//! ```
//!
//! Invariant: of an account the highest number counts, in whatever order they come. It stands
//! beside suspensions by staff: neither lifts the other.
//! Deliberately absent: what is owed, and when it is too much.

use calendar::Timestamp;
use contracts::Side;
use ids::{AccountId, OrderId};
use serde::{Deserialize, Serialize};

use super::{Entry, Exchange};

/// Whether an account buys, as billing said last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Buying {
    /// Which of billing's words about this account it is.
    pub number: u64,
    /// Why it may not; none where it may.
    pub reasons: Vec<String>,
    /// When the market heard of it.
    pub at: Timestamp,
}

impl Exchange {
    /// The entry that follows where billing says this of an account; `None` where something newer
    /// is known. It is kept of accounts that the market does not know yet, too.
    pub fn buying_told(&self, account: AccountId, buying: Buying) -> Option<Entry> {
        let known = self.limits.buying.get(&account);
        let newer = known.is_none_or(|known| known.number < buying.number);
        newer.then_some(Entry::BuyingChanged { account, buying })
    }

    pub(super) fn buying_changed(&mut self, account: AccountId, buying: &Buying) {
        self.limits.buying.insert(account, buying.clone());
    }

    /// Why an account buys nothing; `None` where it may.
    pub fn buys_nothing(&self, account: AccountId) -> Option<&Buying> {
        self.limits.buying.get(&account).filter(|buying| !buying.reasons.is_empty())
    }

    /// Whether what an account owes leaves it to place orders of a side.
    pub(super) fn may_owe(&self, side: Side, account: AccountId) -> bool {
        side == Side::Sell || self.buys_nothing(account).is_none()
    }

    /// The open orders to buy of an account, by slot.
    pub(super) fn open_buys(&self, account: AccountId) -> Vec<OrderId> {
        let open = self.slots.values().filter_map(|book| book.open.get(&account)).flatten();
        let buys = open.filter(|order| self.orders[*order].terms.side == Side::Buy);
        buys.copied().collect()
    }
}
