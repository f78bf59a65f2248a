//! Why orders of standing rules were refused, for who wonders why there are none.

use std::collections::BTreeMap;
use std::sync::Mutex;

use calendar::Timestamp;

use crate::domain::{Rejection, RuleName};

/// Why an order of a rule was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleRefusal {
    /// Start of the slot.
    pub slot: Timestamp,
    /// Why.
    pub why: Rejection,
    /// When.
    pub at: Timestamp,
}

/// The newest refusal of each rule. Not kept: after a restart the next round finds it again.
#[derive(Debug, Default)]
pub(super) struct RuleRefusals {
    newest: Mutex<BTreeMap<RuleName, RuleRefusal>>,
}

impl RuleRefusals {
    pub(super) fn of(&self, rule: RuleName) -> Option<RuleRefusal> {
        self.newest.lock().expect("nobody panics while holding it").get(&rule).copied()
    }

    /// Notes what became of an order of a rule.
    pub(super) fn note(
        &self,
        rule: RuleName,
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
