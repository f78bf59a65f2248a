//! What a rule counted of one subject in one day, and what that stands on.

use std::collections::BTreeMap;

use calendar::Timestamp;
use ids::{OrderId, PartyId};
use serde::{Deserialize, Serialize};

use crate::Rule;
use crate::book::Traded;

/// The most pieces of evidence that a rule keeps of a subject and day; more are counted.
pub const EVIDENCE_PER_DAY_MAX: usize = 100;

/// A fact that a case stands on, by the name it has in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Evidence {
    /// An order, accepted and perhaps taken back.
    Order {
        /// The start of its slot.
        slot: Timestamp,
        /// Its name.
        order: OrderId,
    },
    /// Two orders that met.
    Trade {
        /// The start of its slot.
        slot: Timestamp,
        /// The buyer's order.
        buyer: OrderId,
        /// The seller's order.
        seller: OrderId,
    },
    /// The interval of an owner in a slot.
    Interval {
        /// The start of the slot.
        slot: Timestamp,
        /// Whose.
        owner: PartyId,
    },
}

impl From<&Traded<'_>> for Evidence {
    fn from(traded: &Traded<'_>) -> Evidence {
        Evidence::Trade {
            slot: traded.buy.slot,
            buyer: traded.buy.order,
            seller: traded.sell.order,
        }
    }
}

/// Sums by place, which the rule names, and evidence in the order of slots.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    pub(crate) sums: Vec<i128>,
    pub(crate) evidence: Vec<Evidence>,
    /// Pieces of evidence beyond [`EVIDENCE_PER_DAY_MAX`].
    pub(crate) left_out: u64,
}

impl Tally {
    /// Adds to the sum at a place.
    pub(crate) fn add(&mut self, place: usize, amount: i128) {
        if self.sums.len() <= place {
            self.sums.resize(place + 1, 0);
        }
        self.sums[place] += amount;
    }

    /// Takes evidence as far as there is room.
    pub(crate) fn prove(&mut self, evidence: impl IntoIterator<Item = Evidence>) {
        for piece in evidence {
            if self.evidence.len() < EVIDENCE_PER_DAY_MAX {
                self.evidence.push(piece);
            } else {
                self.left_out += 1;
            }
        }
    }
}

/// Whom a rule looks at: an owner, a pair in its order, or a set.
pub(crate) type Subject = Vec<PartyId>;

/// All tallies of a day.
#[derive(Debug, Default)]
pub(crate) struct Tallies(pub(crate) BTreeMap<(Rule, Subject), Tally>);

impl Tallies {
    pub(crate) fn of(&mut self, rule: Rule, subject: Subject) -> &mut Tally {
        self.0.entry((rule, subject)).or_default()
    }
}
