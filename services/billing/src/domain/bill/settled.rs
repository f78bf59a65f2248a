//! What came of an account's trades, held against what its own meter shows.
//!
//! Reconciliation serves the trades of a slot first in, first out. Whatever the other sides' meters
//! said, for a side that agreed on `a` in a slot in which its own meter shows `m`
//!
//! ```text
//! delivered <= m        own shortfall <= a - m        min(a, m) <= delivered + others' shortfall
//! ```
//!
//! for each trade settles the smaller of what was agreed and what the meter has left, as delivered
//! or as the other side's fault. So where the last one does not hold, the other side's meter is no
//! explanation, but for what may be left out of the books because it costs nobody anything: a
//! shortfall within the policy's tolerance, one that the policy or the prices put no price on, and
//! a trade that expired before the last run, which waits for no meter, was due.

use std::collections::BTreeMap;

use calendar::Timestamp;
use units::Energy;

use super::{Side, Traded, Used};

/// What came of an account's trades on one side in one slot, in watt-hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settled {
    agreed: u64,
    delivered: u64,
    own_short: u64,
    /// Delivered, or said to have been the other side's fault.
    settled: u64,
    /// What may be missing in `settled` though nothing is owed.
    excused: u64,
}

/// How what was settled contradicts a meter, in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// More was delivered than the meter shows.
    TooMuch,
    /// More was laid on the account than its meter lacked of what was agreed.
    ShortTooMuch,
    /// The meter proves that more was owed to the account than was settled.
    TooLittle,
}

impl Fault {
    /// In words.
    pub fn words(self, side: Side, slot: Timestamp) -> String {
        let words = match (self, side) {
            (Fault::TooMuch, Side::Buyer) => "more was bought than the meter imported",
            (Fault::TooMuch, Side::Seller) => "more was sold than the meter exported",
            (Fault::ShortTooMuch, _) => "the account is charged for more than its meter lacked",
            (Fault::TooLittle, _) => {
                "less was settled than the meter proves was owed, whatever the neighbour's shows"
            }
        };
        format!("in the slot from {slot} {words}")
    }
}

impl Settled {
    /// Of each slot and side with trades.
    pub fn by_slot(trades: &[Traded]) -> BTreeMap<(Timestamp, Side), Settled> {
        let mut all: BTreeMap<(Timestamp, Side), Settled> = BTreeMap::new();
        for trade in trades {
            let of = all.entry((trade.slot, trade.side)).or_default();
            let others = trade.short.less(trade.own_short);
            let add = |sum: &mut u64, energy: Energy| *sum = sum.saturating_add(energy.wh());
            add(&mut of.agreed, trade.quantity);
            add(&mut of.delivered, trade.delivered);
            add(&mut of.own_short, trade.own_short);
            add(&mut of.settled, trade.delivered);
            add(&mut of.settled, others);
            // What one trade may miss explains nothing that is missing in another.
            let missing = trade.quantity.less(trade.delivered).less(others);
            add(&mut of.excused, trade.excused.min(missing));
        }
        all
    }

    /// Whether less was delivered than agreed.
    pub fn is_short(&self) -> bool {
        self.delivered < self.agreed
    }

    /// Whether more was delivered than the meter shows.
    pub fn exceeds(&self, side: Side, used: Option<&Used>) -> bool {
        self.delivered > metered(side, used)
    }

    /// Whether less was settled than the meter shows, owed or not.
    pub fn is_less(&self, side: Side, used: Option<&Used>) -> bool {
        self.settled < self.agreed.min(metered(side, used))
    }

    /// How this contradicts what the meter shows; `None` where both can be true.
    pub fn fault(&self, side: Side, used: Option<&Used>) -> Option<Fault> {
        let metered = metered(side, used);
        if self.delivered > metered {
            Some(Fault::TooMuch)
        } else if self.own_short > self.agreed.saturating_sub(metered) {
            Some(Fault::ShortTooMuch)
        } else if self.settled.saturating_add(self.excused) < self.agreed.min(metered) {
            Some(Fault::TooLittle)
        } else {
            None
        }
    }
}

fn metered(side: Side, used: Option<&Used>) -> u64 {
    used.map_or(0, |used| match side {
        Side::Buyer => used.import.wh(),
        Side::Seller => used.export.wh(),
    })
}
