//! A slot apart from the rest of the market, so that it can be cleared while the market goes on.

use std::collections::BTreeMap;

use calendar::Timestamp;

use super::{Accepted, Entry, Exchange};

impl Exchange {
    /// A market that knows of the slot that starts then all that its clearing, its calls and its
    /// events depend on, and little else.
    pub fn of_slot(&self, slot: Timestamp) -> Exchange {
        let book = self.slots.get(&slot);
        let ids = book.into_iter().flat_map(|book| book.orders.values());
        let orders: BTreeMap<_, _> = ids.map(|id| (*id, self.orders[id].clone())).collect();
        // Where they stand in a grid.
        let points = orders.values().filter_map(|order: &Accepted| {
            let point = order.terms.connection_point;
            Some((point, self.points.get(&point)?.clone()))
        });
        Exchange {
            slots: book.map(|book| (slot, book.clone())).into_iter().collect(),
            points: points.collect(),
            orders,
            tariffs: self.tariffs.clone(),
            mechanisms: self.mechanisms.clone(),
            limits: self.limits.clone(),
            sealing: self.sealing.of_slot(slot),
            ..Exchange::default()
        }
    }

    /// Whether the clearing of that slot may depend on `entry`, which is to be applied.
    pub fn concerns(&self, entry: &Entry, slot: Timestamp) -> bool {
        match entry {
            Entry::Accepted(order) => order.slot() == slot,
            Entry::Cancelled { order, .. } => {
                self.order(*order).is_none_or(|order| order.slot() == slot)
            }
            Entry::Tariff(_)
            | Entry::Curtailed(_)
            | Entry::Lifted { .. }
            | Entry::MechanismChosen { .. } => true,
            Entry::Cleared(cleared) => cleared.slot == slot,
            Entry::Sealed(commitment) => commitment.slot == slot,
            Entry::SealWithdrawn { commitment, .. } => {
                self.commitment(*commitment).is_none_or(|known| known.slot == slot)
            }
            Entry::GateClosed { slot: of, .. } | Entry::RevealResumed { slot: of, .. } => {
                *of == slot
            }
            _ => false,
        }
    }
}
