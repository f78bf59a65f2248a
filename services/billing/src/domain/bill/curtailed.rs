//! Slots in which nobody owes for what was missing, because the grid could not carry it.
//!
//! That it could not is the operator's word, which the invoice repeats: its hash is on chain, and
//! all bills of the zone have to say the same. No meter shows whether it is true.

use std::collections::BTreeSet;

use calendar::Timestamp;
use serde::{Deserialize, Serialize};
use units::Energy;

use super::Traded;

/// A slot of the account's trades in which the grid was curtailed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curtailed {
    /// Its start.
    pub slot: Timestamp,
    /// When the operator said so.
    pub told: Timestamp,
}

impl Traded {
    /// Whether something was missing of it, and neither side was short.
    fn misses_and_owes_nothing(&self) -> bool {
        self.short == Energy::ZERO && self.delivered < self.quantity
    }
}

/// Those of `known` that explain why nothing is owed for what was missing of some trade.
pub fn explaining(known: &[Curtailed], trades: &[Traded]) -> Vec<Curtailed> {
    let missed = trades.iter().filter(|trade| trade.misses_and_owes_nothing());
    let missed: BTreeSet<Timestamp> = missed.map(|trade| trade.slot).collect();
    known.iter().copied().filter(|one| missed.contains(&one.slot)).collect()
}

/// Excuses what trades of these slots miss where nobody was short.
pub fn excuse(trades: &mut [Traded], curtailed: &[Curtailed]) {
    let slots: BTreeSet<Timestamp> = curtailed.iter().map(|one| one.slot).collect();
    for trade in trades {
        if slots.contains(&trade.slot) && trade.misses_and_owes_nothing() {
            trade.excused = trade.quantity;
        }
    }
}
