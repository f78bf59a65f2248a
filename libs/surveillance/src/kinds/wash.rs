//! W1, wash trades: who trades with itself moves no energy and no risk, only prices and volumes.
//!
//! The market refuses an order that could meet one of the same party. What is left are owners
//! behind several parties, and accounts that turn out to be somebody's after they have traded: so
//! the trades of the window are looked at again when an account changes hands.

use std::collections::BTreeSet;

use calendar::Timestamp;

use crate::case::Finding;
use crate::window::Traded;
use crate::{Evidence, Figure, Kind, Subject, Surveillance};

impl Surveillance {
    /// The trades of a slot between accounts of one owner, one incident each.
    pub(crate) fn wash_trades(&self, slot: Timestamp, trades: &[Traded]) -> Vec<Finding> {
        let washed = trades.iter().filter(|trade| {
            trade.quantity >= self.thresholds.wash_quantity_min
                && self.owners.of(trade.buyer) == self.owners.of(trade.seller)
        });
        washed.map(|trade| self.wash_trade(slot, trade)).collect()
    }

    fn wash_trade(&self, slot: Timestamp, trade: &Traded) -> Finding {
        let mut incident = self.incident(slot, [trade.buyer, trade.seller]);
        incident.connection_points.extend([trade.buyer_point, trade.seller_point]);
        incident.energy = trade.quantity;
        incident.figures.push(Figure::wh("traded", trade.quantity.wh().into()));
        incident.prove(self.window.evidence(slot));
        incident.prove([Evidence::Trade { trade: trade.trade, slot }]);
        Finding {
            kind: Kind::W1,
            subject: Subject::Owners(BTreeSet::from([self.owners.of(trade.buyer)])),
            name: trade.trade.to_string(),
            incident,
        }
    }
}
