//! The types of abuse, one file each.

mod alike;
mod circle;
mod layering;
mod pump;
mod resale;
mod unmetered;
mod wash;
mod withholding;

use calendar::Timestamp;
use ids::ConnectionPointId;

pub(crate) use alike::Runs;
pub(crate) use pump::Spikes;

use crate::Surveillance;
use crate::case::Finding;

impl Surveillance {
    /// What follows from what was traded and metered at a connection point in a slot.
    pub(crate) fn metered_kinds(&self, point: ConnectionPointId, slot: Timestamp) -> Vec<Finding> {
        let mut found = self.unmetered(point, slot);
        found.extend(self.resale(point, slot));
        found
    }
}
