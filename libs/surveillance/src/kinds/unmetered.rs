//! M1, sales without production: what is sold is not fed in, slot after slot.
//!
//! Falling short is what collateral is for. Selling what is never made is another thing: the
//! seller bets that the shortfall costs less than what the sale brings.

use std::collections::BTreeSet;

use calendar::Timestamp;
use ids::ConnectionPointId;

use crate::case::Finding;
use crate::flows::{Flow, Known};
use crate::thresholds::is_below;
use crate::window::DAY;
use crate::{Evidence, Figure, Kind, Subject, Surveillance};

/// The span in which slots are counted, in days.
const SPAN_DAYS: i64 = 7;

impl Surveillance {
    /// The slots of a connection point in which it sold and did not feed in, if `slot` is one of
    /// them and they are too many.
    pub(crate) fn unmetered(&self, point: ConnectionPointId, slot: Timestamp) -> Vec<Finding> {
        if !self.flows.get(point, slot).is_some_and(|flow| self.is_unmetered(flow)) {
            return Vec::new();
        }
        let slots = self.flows.of(point).filter(|(_, flow)| self.is_unmetered(flow));
        let slots: Vec<(Timestamp, Flow)> = slots.map(|(slot, flow)| (slot, *flow)).collect();
        let Some((last, _)) = slots.last() else { return Vec::new() };
        let first = last.plus_seconds(-SPAN_DAYS * DAY);
        let counted: Vec<_> = slots.iter().filter(|(slot, _)| *slot > first).collect();
        if counted.len() <= self.thresholds.unmetered_slots as usize {
            return Vec::new();
        }
        counted.into_iter().map(|(slot, flow)| self.not_fed_in(point, *slot, flow)).collect()
    }

    fn is_unmetered(&self, flow: &Flow) -> bool {
        let export = flow.known.and_then(|known| known.export);
        flow.sold > self.thresholds.unmetered_tolerance
            && export.is_some_and(|export| {
                let percent = self.thresholds.unmetered_percent;
                is_below(export.wh().into(), percent, flow.sold.wh().into())
            })
    }

    fn not_fed_in(&self, point: ConnectionPointId, slot: Timestamp, flow: &Flow) -> Finding {
        let trades = self.window.get(slot).map(|slot| slot.trades.as_slice()).unwrap_or_default();
        let sold: Vec<_> = trades.iter().filter(|trade| trade.seller_point == point).collect();
        let mut incident = self.incident(slot, sold.iter().map(|trade| trade.seller));
        incident.connection_points = BTreeSet::from([point]);
        incident.energy = flow.sold;
        let fed_in = flow.known.and_then(|known| known.export).unwrap_or_default();
        incident.figures = vec![
            Figure::wh("sold", flow.sold.wh().into()),
            Figure::wh("fed in", fed_in.wh().into()),
        ];
        incident.prove(self.window.evidence(slot));
        incident.prove(flow.known.map(|Known { version, .. }| Evidence::Interval {
            connection_point: point,
            slot,
            version,
        }));
        incident.prove(sold.iter().map(|trade| Evidence::Trade { trade: trade.trade, slot }));
        let subject = Subject::ConnectionPoint(point);
        let name = format!("{slot}/{subject}");
        Finding { kind: Kind::M1, subject, name, incident }
    }
}
