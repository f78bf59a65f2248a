//! W2, circular flows: A sells to B and B sells to A within a day, and next to nothing is left.
//!
//! Judged once the day is over: while it lasts, a flow that grows passes the other one.

use std::collections::{BTreeMap, BTreeSet};

use crate::case::Finding;
use crate::cases::start_of;
use crate::machine::energy;
use crate::thresholds::is_below;
use crate::{Evidence, Figure, Kind, Owner, Subject, Surveillance};

impl Surveillance {
    /// The pairs of owners whose flows of a UTC day cancel out.
    pub(crate) fn circles(&self, day: i64) -> Vec<Finding> {
        let mut flows: BTreeMap<(Owner, Owner), u128> = BTreeMap::new();
        for (_, slot) in self.window.of_day(day) {
            for trade in &slot.trades {
                let way = (self.owners.of(trade.seller), self.owners.of(trade.buyer));
                *flows.entry(way).or_default() += u128::from(trade.quantity.wh());
            }
        }
        let pairs = flows.iter().filter(|((seller, buyer), _)| seller < buyer);
        let circles = pairs.filter_map(|((seller, buyer), there)| {
            let back = flows.get(&(*buyer, *seller))?;
            self.is_circle(*there, *back)
                .then(|| self.circle(day, [*seller, *buyer], *there, *back))
        });
        circles.collect()
    }

    /// Whether flows there and back, in Wh, leave next to nothing.
    fn is_circle(&self, there: u128, back: u128) -> bool {
        let least = u128::from(self.thresholds.circle_quantity_min.wh());
        there.min(back) >= least
            && is_below(there.abs_diff(back), self.thresholds.circle_net_percent, there + back)
    }

    fn circle(&self, day: i64, pair: [Owner; 2], there: u128, back: u128) -> Finding {
        let owners = BTreeSet::from(pair);
        let (mut accounts, mut points) = (BTreeSet::new(), BTreeSet::new());
        let (mut clearings, mut trades) = (Vec::new(), Vec::new());
        for (start, slot) in self.window.of_day(day) {
            let concerned = slot.trades.iter().filter(|trade| {
                self.owners.of(trade.buyer) != self.owners.of(trade.seller)
                    && self.owners(&[trade.buyer, trade.seller]) == owners
            });
            for trade in concerned {
                accounts.extend([trade.buyer, trade.seller]);
                points.extend([trade.buyer_point, trade.seller_point]);
                clearings.extend(self.window.evidence(start));
                trades.push(Evidence::Trade { trade: trade.trade, slot: start });
            }
        }
        let mut incident = self.incident(start_of(day), accounts);
        incident.connection_points = points;
        incident.energy = energy(there + back);
        incident.figures = vec![
            Figure::wh("sold there", there),
            Figure::wh("sold back", back),
            Figure::wh("net", there.abs_diff(back)),
        ];
        incident.prove(clearings);
        incident.prove(trades);
        let subject = Subject::Owners(owners);
        let name = format!("{day}/{subject}");
        Finding { kind: Kind::W2, subject, name, incident }
    }
}
