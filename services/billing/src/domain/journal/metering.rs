//! Which versions of intervals the energy ledger takes.
//!
//! What was paid is not changed by what a meter says later: where a version has less energy than is
//! posted, that waits until the runs that say so are recorded for good, and stays out where none
//! came. So bought and sold never exceed the meter in the books (I5, I7), at any moment.

use calendar::Timestamp;
use units::Energy;

use super::{Book, EnergyAccount, Flow, PointMetered};

impl Book {
    /// What can be posted of `interval` of `slot` now: each direction as it is, or as posted where
    /// it would have to wait. `runs_final`: no run of the point's trades in the slot is on its way
    /// or can be taken back. The slot is at hand.
    pub fn accepts(
        &self,
        slot: Timestamp,
        interval: &PointMetered,
        runs_final: bool,
    ) -> PointMetered {
        let point = interval.point;
        let posted = self.slots.get(slot).and_then(|known| known.metered.get(&point));
        let posted = posted.copied().unwrap_or_default();
        let traded = |flow| self.energy(&EnergyAccount { point, slot, flow }).unsigned_abs();
        let pick = |new: Energy, old: Energy, flow| {
            let covers = runs_final && u128::from(new.wh()) >= traded(flow);
            if new >= old || covers { new } else { old }
        };
        PointMetered {
            point,
            import: pick(interval.import, posted.import, Flow::P2pBought),
            export: pick(interval.export, posted.export, Flow::P2pSold),
        }
    }
}
