//! What others find out and tell: rules of the books that do not hold, clearings that another one
//! computes otherwise.
//!
//! Deliberately absent: how it is found (billing looks at its books, `app/recheck.rs` at
//! clearings).

use calendar::Timestamp;

use super::Exchange;
use super::guard::{Trigger, Trip};

impl Exchange {
    /// What follows where `violations` of the books were found at `at`: nothing, or a stop of all
    /// zones.
    pub fn broken_books(&self, violations: &[String], at: Timestamp) -> Option<Trip> {
        let most = u64::from(self.risk_limits().violated_invariants?);
        let measured = violations.len() as u64;
        let (trigger, evidence) = (Trigger::Invariant, violations.to_vec());
        let trip = Trip { trigger, trader: None, measured, most, span: (at, at), evidence };
        (measured > most).then_some(trip)
    }

    /// What follows where the clearing of the slot that starts at `slot` comes out otherwise for
    /// another one, for whom `count` of the last days do: nothing, or a stop of the zone.
    pub fn differing_clearing(
        &self,
        slot: Timestamp,
        (count, difference): (u32, &str),
        at: Timestamp,
    ) -> Option<Trip> {
        let most = u64::from(self.risk_limits().differing_clearings?);
        let measured = u64::from(count);
        let evidence = vec![format!("slot {slot}: {difference}")];
        let (trigger, span) = (Trigger::Disagreement, (slot, at));
        let trip = Trip { trigger, trader: None, measured, most, span, evidence };
        (measured > most).then_some(trip)
    }
}
