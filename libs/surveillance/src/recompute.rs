//! A case found again in the facts that it names.

use std::collections::BTreeSet;

use calendar::Timestamp;
use ids::{ConnectionPointId, Uuid};

use crate::{Case, Evidence, Fact, Surveillance, Thresholds};

/// Whether a case stands on a fact: who belongs together; all that happened in a slot whose
/// clearing is evidence, because a share of it, a price or a ratio was reckoned; and the intervals
/// that are evidence.
pub fn supports(case: &Case, fact: &Fact) -> bool {
    Named::of(case).has(fact)
}

/// Looks for a case in a log with these thresholds, by nothing but the facts that it names.
///
/// # Errors
/// The incidents that do not follow from these facts as the case has them.
pub fn recompute<'a>(
    case: &Case,
    facts: impl IntoIterator<Item = &'a Fact>,
    thresholds: Thresholds,
) -> Result<(), Vec<Uuid>> {
    let named = Named::of(case);
    let mut machine = Surveillance::new("", thresholds);
    for fact in facts.into_iter().filter(|fact| named.has(fact)) {
        // What the first machine left out, this one leaves out as well.
        let _ = machine.note(fact);
    }
    machine.finish();
    let same = |(name, incident): (&Uuid, _)| {
        let mut found = machine.cases().filter(|other| other.kind == case.kind);
        let again = found.any(|other| other.incidents.get(name) == Some(incident));
        (!again).then_some(*name)
    };
    let missing: Vec<Uuid> = case.incidents.iter().filter_map(same).collect();
    if missing.is_empty() { Ok(()) } else { Err(missing) }
}

/// What the evidence of a case names.
struct Named {
    slots: BTreeSet<Timestamp>,
    intervals: BTreeSet<(ConnectionPointId, Timestamp)>,
}

impl Named {
    fn of(case: &Case) -> Named {
        let mut named = Named { slots: BTreeSet::new(), intervals: BTreeSet::new() };
        for evidence in case.incidents.values().flat_map(|incident| &incident.evidence) {
            match evidence {
                Evidence::Clearing { slot, .. } => {
                    named.slots.insert(*slot);
                }
                Evidence::Interval { connection_point, slot, .. } => {
                    named.intervals.insert((*connection_point, *slot));
                }
                Evidence::Owned { .. } | Evidence::Order { .. } | Evidence::Trade { .. } => {}
            }
        }
        named
    }

    fn has(&self, fact: &Fact) -> bool {
        match fact {
            Fact::Owned { .. } | Fact::Controlled { .. } | Fact::Sited { .. } => true,
            Fact::Accepted(order) => self.slots.contains(&order.slot),
            Fact::Cancelled { slot, .. } => self.slots.contains(slot),
            Fact::Cleared(cleared) => self.slots.contains(&cleared.slot),
            Fact::Metered(metered) => {
                self.intervals.contains(&(metered.connection_point, metered.slot))
            }
        }
    }
}
