//! M2, energy from the grid sold again as made by the sun.
//!
//! ```text
//!            dusk                                     dawn
//!  import     ·  400 400 400 400 (charges)   ·  ·   ·      stock 1600 Wh from the grid
//!  sold, fed  ·                     500 500  ·  ·   ·      1000 Wh of it sold: found
//! ```
//!
//! While the sun is down nothing else can have filled a battery than the grid, or a neighbour: what
//! was bought from one is subtracted. A home that lives off its battery takes nothing before the
//! battery is empty, and then has nothing to sell; so who takes first and sells after is asked.

use std::collections::BTreeSet;

use calendar::Timestamp;
use ids::ConnectionPointId;
use units::Energy;

use crate::case::Finding;
use crate::flows::{Flow, Known};
use crate::machine::energy;
use crate::{Evidence, Figure, Kind, Subject, Surveillance};

/// Dark slots of one night start at most so many seconds apart: the longest slot.
const GAP_SECONDS_MAX: i64 = 3_600;

impl Surveillance {
    /// What a connection point sold again in the night around `slot`, if that is much.
    pub(crate) fn resale(&self, point: ConnectionPointId, slot: Timestamp) -> Option<Finding> {
        if !self.owners.at(point).is_some_and(|site| site.solar) {
            return None;
        }
        self.flows.get(point, slot).filter(|flow| dark(flow).is_some())?;
        let night = self.night(point, slot);
        let (mut stock, mut taken, mut resold) = (0_u128, 0_u128, 0_u128);
        let mut sold_in = BTreeSet::new();
        for (slot, flow) in &night {
            let known = dark(flow)?;
            let delivered = flow.sold.min(known.export.unwrap_or_default());
            let again = stock.min(delivered.wh().into());
            stock -= again;
            resold += again;
            if again > 0 {
                sold_in.insert(*slot);
            }
            let from_grid = known.import.unwrap_or_default().less(flow.bought);
            stock += u128::from(from_grid.wh());
            taken += u128::from(from_grid.wh());
        }
        if resold < u128::from(self.thresholds.resold_quantity_min.wh()) {
            return None;
        }
        let name = format!("{}/{point}", night.first()?.0);
        let measured = [taken, resold];
        Some(self.resold(point, name, &night, sold_in, measured))
    }

    /// The dark slots without a gap around `slot`, in order.
    fn night(&self, point: ConnectionPointId, slot: Timestamp) -> Vec<(Timestamp, Flow)> {
        let near = |last: &mut Timestamp, start: Timestamp| {
            let joined = start.seconds_since(*last).abs() <= GAP_SECONDS_MAX;
            *last = start;
            joined
        };
        let dark_slots = || self.flows.of(point).filter(|(_, flow)| dark(flow).is_some());
        let mut night: Vec<(Timestamp, Flow)> = Vec::new();
        let mut last = slot;
        let before = dark_slots().rev().skip_while(|(start, _)| *start > slot);
        for (start, flow) in before {
            if !near(&mut last, start) {
                break;
            }
            night.push((start, *flow));
        }
        night.reverse();
        let mut last = slot;
        for (start, flow) in dark_slots().skip_while(|(start, _)| *start <= slot) {
            if !near(&mut last, start) {
                break;
            }
            night.push((start, *flow));
        }
        night
    }

    fn resold(
        &self,
        point: ConnectionPointId,
        name: String,
        night: &[(Timestamp, Flow)],
        sold_in: BTreeSet<Timestamp>,
        [taken, resold]: [u128; 2],
    ) -> Finding {
        let at = sold_in.first().copied().unwrap_or_default();
        let mut incident = self.incident(at, self.owners.at(point).map(|site| site.account));
        incident.connection_points = BTreeSet::from([point]);
        incident.energy = energy(resold);
        incident.figures = vec![
            Figure::wh("taken from the grid after dark", taken),
            Figure::wh("sold again", resold),
        ];
        for (slot, flow) in night {
            incident.prove(dark(flow).map(|known| Evidence::Interval {
                connection_point: point,
                slot: *slot,
                version: known.version,
            }));
            if flow.sold > Energy::ZERO || flow.bought > Energy::ZERO {
                incident.prove(self.window.evidence(*slot));
            }
        }
        incident.slots = sold_in;
        let subject = Subject::ConnectionPoint(point);
        Finding { kind: Kind::M2, subject, name, incident }
    }
}

/// What was metered, if that was in the dark.
fn dark(flow: &Flow) -> Option<Known> {
    flow.known.filter(|known| known.dark)
}
