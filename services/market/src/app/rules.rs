//! Why orders of standing rules and of members were refused, for who wonders why there are none.

use std::collections::BTreeMap;
use std::sync::Mutex;

use calendar::Timestamp;

use crate::domain::Rejection;

/// Why an order of a rule, or of a member, was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleRefusal {
    /// Start of the slot.
    pub slot: Timestamp,
    /// Why.
    pub why: Rejection,
    /// When.
    pub at: Timestamp,
}

/// The newest refusal of each rule, or member. Not kept: after a restart the next round finds it
/// again.
#[derive(Debug)]
pub(super) struct Refusals<Name> {
    newest: Mutex<BTreeMap<Name, RuleRefusal>>,
}

impl<Name> Default for Refusals<Name> {
    fn default() -> Refusals<Name> {
        Refusals { newest: Mutex::default() }
    }
}

impl<Name: Ord> Refusals<Name> {
    pub(super) fn of(&self, rule: Name) -> Option<RuleRefusal> {
        self.newest.lock().expect("nobody panics while holding it").get(&rule).copied()
    }

    /// Notes what became of an order.
    pub(super) fn note(
        &self,
        rule: Name,
        slot: Timestamp,
        placed: Result<(), Rejection>,
        at: Timestamp,
    ) {
        let mut newest = self.newest.lock().expect("nobody panics while holding it");
        match placed {
            Ok(()) => newest.remove(&rule),
            Err(why) => newest.insert(rule, RuleRefusal { slot, why, at }),
        };
    }
}
