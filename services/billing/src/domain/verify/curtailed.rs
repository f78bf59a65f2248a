//! Slots in which the grid was curtailed, by the operator's word.
//!
//! The word is bound: it stands in the invoice, whose hash the chain has. It explains that nobody
//! owes for what was missing of a trade, and nothing else: what was delivered, and what somebody
//! does owe, follows from meters and the contract as in any other slot. Whether it is true cannot
//! be seen from a meter: the bills of the zone say the same or contradict each other.

use calendar::Timestamp;

use super::Verifier;
use super::report::Supports;
use crate::domain::bill::{Traded, excuse, explaining};

impl Verifier<'_> {
    /// The curtailed slots that the invoice names explain something, and were told while trades
    /// could be corrected; what they explain is excused.
    pub(super) fn check_curtailed(&mut self, trades: &mut [Traded]) {
        let bill = self.bill;
        let named = &bill.invoice.curtailed;
        let explaining = explaining(named, trades);
        let mut before: Option<Timestamp> = None;
        for (place, one) in named.iter().enumerate() {
            let rising = before.is_none_or(|before| before < one.slot);
            before = Some(one.slot);
            let in_time = self.closing.get(&one.slot).is_some_and(|closes| one.told < *closes);
            if !rising || !in_time || !explaining.contains(one) {
                let part = format!("invoice.curtailed[{place}]");
                let reason = "it is out of order, was told after its trades could be corrected, or \
                              nothing of the slot's trades was missing without being owed for";
                self.fail(part, Supports::Metered, reason);
            }
        }
        excuse(trades, &explaining);
    }
}
